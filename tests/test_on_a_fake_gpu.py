"""What a GPU is to run, on a fake one: no device is mixed, nothing is made on the CPU, and Python looks at no result.

The step, the prefill and the HiFi-GAN codecs on `cuda`. Gradients of a `cuda` device take its driver, so what trains is
on `meta`, which is to these rules just another device than the CPU.
"""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

import toys

pytest.importorskip("lightning", reason="training needs lfsc-tts[train]")

from codec import HiFiGANCodec
from codec.fsq import GroupedFSQ
from codec.training.lfsc.module import LitHiFiGAN
from codec.training.lite.module import LitCodec
from codec.training.lite.optim import CodecOptim
from on_a_fake_gpu import fake_gpu, to_gpu
from parity.reduced import reduced
from speechllm import Prompt
from speechllm.config import Precision
from speechllm.inference.prefill import prefill
from speechllm.inference.rows import Rows
from speechllm.inference.step import Stepper
from speechllm.inference.weights import PackedLM
from speechllm.training.batches import Batch
from speechllm.training.module import LitSpeechLM, LMOptim
from training_toys import TOY, TOY_OPTIM, without_trainer

GEPARD = dict(reader_layer=0, causal_text=True, shared_positions=True, stop_after=True, frame_tables=6)
SHAPES = {"reader": {}, "two frames a step": {"frames_per_step": 2}, "gepard": GEPARD}
VOICE_PREFIX = dict(prefix_queries=4, prefix_heads=2)
every_shape = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())


@pytest.fixture(autouse=True)
def _codes_are_in_range(monkeypatch):
    """Which the check of codes from outside would look up."""
    monkeypatch.setattr(GroupedFSQ, "check", lambda *_: None)


@pytest.fixture(autouse=True)
def _losses_are_finite(monkeypatch):
    """That a loss is a number is what training does look at, once a step."""
    for kind in (LitHiFiGAN, LitCodec):  # wherever their modules are by now: other tests import them anew
        monkeypatch.setitem(kind.update.__globals__, "check_finite", lambda *_: None)
    monkeypatch.setattr(torch, "isfinite", lambda _: True)


class NoGenerator:
    """In place of a generator of numbers that fake tensors do not hold."""

    def __init__(self, device: object):
        self.device = device

    def manual_seed(self, seed: int) -> None:
        return None


@pytest.mark.parametrize("device", ["cuda", "meta"])
def test_the_fake_gpu_sees_what_is_wrong(device):
    with fake_gpu() as gpu:
        x = torch.zeros(3, device=device)
        with pytest.raises(RuntimeError, match="same device"):
            x + torch.zeros(3)
        with pytest.raises(RuntimeError, match="_local_scalar_dense|data"):
            bool(x.sum() > 0)
        with pytest.raises(RuntimeError, match="masked_select|nonzero|data"):
            x.masked_select(x > 0)
    assert gpu.on_cpu


@every_shape
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_step_and_the_prefill(shape, precision: Precision):
    model = toys.toy_lm(toys.toy_lm_config(**shape, **(VOICE_PREFIX if shape == GEPARD else {})))
    with fake_gpu() as gpu:
        model = to_gpu(model)
        lm = PackedLM(model, precision)
        rows = Rows.allocate(model.config, 3, 20, 84, model.begin, lm.heads.weight.dtype, read_every=4)
        step = Stepper(lm, rows.view(3, 64))
        gpu.on_cpu.clear()
        step()
        step()
        codes = torch.zeros(8, 5, dtype=torch.long, device="cuda")
        text = prefill(lm, Prompt(torch.zeros(7, dtype=torch.long, device="cuda"), model.voice_prefix(codes)))
        made = [rows.codes, rows.log, text.keys, text.values]
    assert not gpu.on_cpu
    assert {tensor.device.type for tensor in made} == {"cuda"}


@pytest.mark.parametrize("config", [reduced("nanocodec-21.5fps"), reduced("lfsc"), TOY], ids=["nano", "lfsc", "toy"])
def test_a_hifigan_codec(config):
    codec = HiFiGANCodec(config).eval()
    with fake_gpu() as gpu, torch.no_grad():
        codec = to_gpu(codec)
        audio = torch.zeros(2, 1, codec.hop_length * 6, device="cuda")
        gpu.on_cpu.clear()
        codes = codec.quantizer(codec.latents(audio, 6))[1]
        stream = codec.stream()
        pushed, flushed = stream.advance(codes, last=False), stream.advance(codes[:, :, :0], last=True)
        whole = codec.synthesize(codec.quantizer.decode(codes))
    assert not gpu.on_cpu
    assert codes.shape == (2, 8, 6) and pushed.shape[1] + flushed.shape[1] == whole.shape[2] == audio.shape[2]
    assert {x.device.type for x in (codes, pushed, flushed, whole)} == {"cuda"}


def test_a_lite_codec_from_features_to_audio():
    """Not its analysis of audio, which looks at pitch on the way and is nothing that could be captured."""
    codec = toys.toy_codec()
    with fake_gpu() as gpu, torch.no_grad():
        codec = to_gpu(codec, "meta")
        features = torch.zeros(1, 40 * codec.config.stack, 87, device="meta")
        gpu.on_cpu.clear()
        codes = torch.cat(list(codec.encode_blocks([features])), dim=-1)
        stream = codec.stream()
        parts = [stream.advance(codes, last=False), stream.advance(codes[:, :, :0], last=True)]
    assert not gpu.on_cpu
    assert sum(part.shape[1] for part in parts) == codes.shape[2] * codec.hop_length
    assert {x.device.type for x in (codes, *parts)} == {"meta"}


def train_twice(module, batch) -> tuple[list[str], int]:
    """What was made on the CPU by a step after the first, which makes tables that are kept; and steps counted."""
    logged = without_trainer(module)
    with fake_gpu() as gpu:
        to_gpu(module, "meta")
        module.remember(0)
        items = batch()
        module.training_step(items, 0)
        gpu.on_cpu.clear()
        module.training_step(items, 1)
        with torch.no_grad():
            module.validation_step(items, 1)
    assert logged and all(value.device.type == "meta" and value.dtype == torch.float32 for value in logged.values())
    return gpu.on_cpu, module.steps


@pytest.mark.parametrize("measured", [False, True], ids=["full", "padded"])
@pytest.mark.parametrize("config", [reduced("nanocodec-21.5fps"), TOY], ids=["nano", "toy"])
def test_a_training_step_of_the_papers_recipe(config, measured):
    def batch() -> Tensor | list[Tensor]:
        audio = torch.zeros(2, 8192, device="meta")
        return [audio, torch.full((2,), 8192, device="meta")] if measured else audio

    assert train_twice(LitHiFiGAN(HiFiGANCodec(config), TOY_OPTIM), batch) == ([], 2)


@pytest.mark.parametrize("freeze_from", [0, 1, 9])
@pytest.mark.parametrize("parts", [("features",), ("features", "vocoder")], ids=["features", "both"])
def test_a_training_step_of_the_lite_codec(parts, freeze_from, monkeypatch):
    codec = toys.toy_codec()
    optim = CodecOptim(
        max_steps=10, freeze_from=freeze_from, discriminator_channels=4, usage_weight=1.0, parts=parts, warmup_steps=2
    )
    frames = 40 * codec.config.stack

    def analyse(self, audio: Tensor) -> tuple[Tensor, Tensor]:
        return audio.new_zeros(2, frames, 87), audio.new_zeros(2, frames, codec.config.n_fft // 2 + 1)

    if "vocoder" in parts:
        monkeypatch.setattr(LitCodec, "analyse", analyse)
    assert train_twice(LitCodec(codec, optim), lambda: torch.zeros(2, frames, 87, device="meta")) == ([], 2)


@every_shape
def test_a_training_step_of_the_lm(shape, monkeypatch):
    module = LitSpeechLM(toys.toy_lm(toys.toy_lm_config(**shape)).train(), LMOptim())
    module._trainer = SimpleNamespace(accumulate_grad_batches=1, world_size=1)
    config, logged = module.model.config.step, {}
    module.log_dict = lambda values, **_: logged.update(values)
    module.log = lambda *_, **__: None
    del module._buffers["step"]
    module.step = 0  # the count of steps is looked at too
    monkeypatch.setattr(torch, "Generator", NoGenerator)

    def ints(*size: int) -> Tensor:
        return torch.ones(size, dtype=torch.long, device="meta")

    with fake_gpu() as gpu:
        to_gpu(module, "meta")
        optimizer = module.configure_optimizers()
        codes, digits = ints(2, 9, config.num_codebooks), ints(2, 9, config.num_digits)
        batch = Batch(ints(2, 7), ints(2) * 7, codes, digits, ints(2, 9), ints(2) * 9)
        gpu.on_cpu.clear()
        for number in range(2):
            loss = module.training_step(batch, number)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
        with torch.no_grad():
            module.validation_step(batch, 0)
    assert not gpu.on_cpu
    assert loss.device.type == "meta" and all(value.device.type == "meta" for value in logged.values())
