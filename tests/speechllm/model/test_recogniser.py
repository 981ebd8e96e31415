"""The recogniser: alone as in a batch, in the light runtime as in torch, and what is said when it does not fit."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import toys
from speechllm.config import RecogniserConfig
from speechllm.digits import codes_to_digits, digits_to_values
from speechllm.model.recogniser import Recogniser
from speechllm.request import Frame
from speechllm.runtime.recogniser import RuntimeRecogniser, log_probability

CONFIG = RecogniserConfig(toys.TOY_SPEC, "toy", (3, 5, 8, 9), dim=16, frame_blocks=1, step_blocks=1)


def recogniser(config: RecogniserConfig = CONFIG, seed: int = 0) -> Recogniser:
    torch.manual_seed(seed)
    model = Recogniser(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def utterances(*lengths: int) -> list[torch.Tensor]:
    return [toys.random_codes(1, length, seed=length)[0].T.contiguous() for length in lengths]


def frames_of(codes: torch.Tensor) -> list[Frame]:
    return [Frame(frame.numpy(), 0, 1.0) for frame in codes]


@torch.inference_mode()
def test_an_utterance_is_read_in_a_batch_as_alone():
    model, codes = recogniser(), utterances(5, 12, 9)
    targets = [torch.tensor(one) for one in ([1, 2], [4, 4, 1, 3], [2])]
    together = model.misread(codes, targets)
    for one, target, among in zip(codes, targets, together, strict=True):
        assert torch.allclose(model.misread([one], [target])[0], among, atol=1e-4)


@torch.inference_mode()
def test_what_is_read_in_codes_is_read_in_their_values():
    model, (codes,) = recogniser(), utterances(7)
    values = digits_to_values(codes_to_digits(codes, CONFIG.codes.levels), CONFIG.codes.levels)
    assert torch.equal(model.read(values[None]), model(codes[None], torch.tensor([7])))


def test_tokens_without_a_sound_are_left_out():
    assert recogniser().targets(torch.tensor([8, 0, 3, 3, 39, 9])).tolist() == [3, 1, 1, 4]


@pytest.mark.parametrize("sounds", [[1], [2, 2], [1, 2, 3, 1, 1], [3, 1, 2, 2, 3, 1]])
def test_the_sum_over_ways_is_that_of_torch(sounds):
    scores = torch.randn(9, 5, generator=torch.Generator().manual_seed(len(sounds))).log_softmax(-1)
    sizes = torch.tensor([9]), torch.tensor([len(sounds)])
    wanted = -F.ctc_loss(scores[:, None], torch.tensor([sounds]), *sizes, reduction="sum").item()
    assert log_probability(scores.numpy(), sounds) == pytest.approx(wanted, abs=1e-4)


def test_more_sounds_than_steps_cannot_be_said():
    assert log_probability(np.full((3, 5), -1.6, np.float32), [1, 1, 1]) == -math.inf


@torch.inference_mode()
def test_the_light_runtime_reads_as_torch_does(tmp_path):
    export = pytest.importorskip("speechllm.export.recogniser", reason="exporting needs onnx")
    recogniser().save(tmp_path)
    export.export_recogniser(tmp_path)
    model, light = Recogniser.load(tmp_path), RuntimeRecogniser.load(tmp_path)
    assert light.config == CONFIG == model.config
    ids = torch.tensor([5, 1, 9, 3, 3])
    for codes in utterances(6, 31):
        check, sounds = light.check(ids), model.targets(ids)
        wanted = model.misread([codes], [sounds]).item() / len(sounds)
        assert check.misread(frames_of(codes)) == pytest.approx(wanted, rel=1e-4)
        assert check.good == CONFIG.good
    assert light.check([0, 1]).misread(frames_of(codes)) == 0, "a text without sounds is said by anything"
    assert light.check(ids).misread([]) == math.inf


def test_what_is_no_recogniser_is_said(tmp_path):
    export = pytest.importorskip("speechllm.export.recogniser", reason="exporting needs onnx")
    with pytest.raises(FileNotFoundError, match=r"has no config.json; expected a recogniser"):
        RuntimeRecogniser.load(tmp_path)
    with pytest.raises(FileNotFoundError):
        Recogniser.load(tmp_path)
    recogniser().save(tmp_path)
    export.export_recogniser(tmp_path)
    recogniser(seed=1).save(tmp_path)
    with pytest.raises(ValueError, match="made from other weights"):
        RuntimeRecogniser.load(tmp_path).graph  # noqa: B018
    values = json.loads((tmp_path / "config.json").read_text())
    for broken in ("{", json.dumps(values | {"odd": 1}), json.dumps(values | {"sounds": []})):
        (tmp_path / "config.json").write_text(broken)
        for load in (RuntimeRecogniser.load, Recogniser.load):
            with pytest.raises(ValueError, match="readable recogniser"):
                load(tmp_path)


def test_sounds_are_different_tokens():
    with pytest.raises(ValueError, match="each a different token"):
        replace(CONFIG, sounds=(3, 3))
