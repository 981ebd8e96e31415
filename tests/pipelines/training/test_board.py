"""TensorBoard's log of the three trainers: what is in it, that it goes on where a run does, that it changes nothing."""

import dataclasses
import importlib.util
import json
from pathlib import Path

import pytest
import torch

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")
pytest.importorskip("tensorboard", reason="its log needs lfsc-tts[train]")

import toys
from interruptions import trained, write_lm_corpus
from pipelines import train_codec, train_lm
from pipelines.shared.errors import UserError
from pipelines.training import lite_codec
from pipelines.training.resume import Checkpoint
from pipelines.training.shown import picture
from pipelines.training.trainer import trainer_options
from training_toys import TOY, TOY_OPTIM

STEPS, EVERY = 6, 2
TRAIN = {"lite": train_codec.main, "hifigan": train_codec.main, "lm": train_lm.main}
SCALARS = {"lite": "train/features", "hifigan": "train/mel", "lm": "train/codes"}
every_trainer = pytest.mark.parametrize("trainer", TRAIN)


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """What is trained on."""
    root = tmp_path_factory.mktemp("board")
    toys.write_corpus(root)
    write_lm_corpus(root)
    values = {"codec": TOY.to_dict(), "optim": dataclasses.asdict(TOY_OPTIM), "num_workers": 0}
    values |= {"batch_size": 4, "segment_frames": 16, "validation_items": 2}
    (root / "toy.yaml").write_text(json.dumps(values))  # JSON is YAML
    return root


@pytest.fixture
def train(root, monkeypatch):
    """Trains in a folder, with flags."""
    monkeypatch.setattr(lite_codec, "START_SEGMENTS", 16)

    def run(trainer: str, folder: Path, *more: str) -> Path:
        flags = [f"--run_dir={folder}", f"--optim.max_steps={STEPS}", f"--validate_every={EVERY}", *more]
        flags += ["--trainer.accelerator=cpu", "--trainer.log_every_n_steps=1", "--trainer.enable_progress_bar=false"]
        if trainer == "lm":
            flags += [f"--shards={root / 'codes'}", f"--tokenizer={root / 'tokenizer.model'}"]
        else:
            flags += [f"--manifest={root / 'manifest.jsonl'}"]
        flags += ["--optim.freeze_from=3"] if trainer == "lite" else []
        config = {"lite": "codec/debug", "hifigan": str(root / "toy.yaml"), "lm": "speechllm/debug"}[trainer]
        TRAIN[trainer](["--config", config, *flags])
        return folder

    return run


def logged(folder: Path):
    """What TensorBoard reads."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder / "tensorboard"), size_guidance=dict.fromkeys(("scalars", "images", "audio"), 0))


def steps_of(events, kind: str, tag: str) -> list[int]:
    return [event.step for event in getattr(events, kind)(tag)]


@every_trainer
def test_curves_sounds_and_pictures_are_logged_and_change_no_weight(train, tmp_path, trainer):
    folder = train(trainer, tmp_path / "with")
    events = logged(folder).Reload()
    tags, shown = events.Tags(), list(range(EVERY, STEPS + 1, EVERY))
    assert {SCALARS[trainer], SCALARS[trainer].replace("train", "val")} <= set(tags["scalars"])
    assert steps_of(events, "Scalars", SCALARS[trainer]) == list(range(1, STEPS + 1))
    if trainer == "lm":
        assert tags["images"] == ["reading/0"] and not tags["audio"]
        assert steps_of(events, "Images", "reading/0") == shown
    else:
        assert sorted(tags["audio"]) == ["decoded/0", "decoded/1", "original/0", "original/1"]
        assert steps_of(events, "Audio", "original/0") == shown[:1]
        assert steps_of(events, "Audio", "decoded/1") == steps_of(events, "Images", "original_above_decoded/1") == shown
        heard = events.Audio("decoded/0")[0]
        assert heard.sample_rate == toys.RATE and heard.encoded_audio_string.startswith(b"RIFF")
    train(trainer, tmp_path / "without", "--trainer.logger=csv")
    assert not (tmp_path / "without/tensorboard").exists()
    assert trained(folder) == trained(tmp_path / "without")


@every_trainer
def test_a_run_that_goes_on_goes_on_in_the_same_log_without_doubled_or_missing_steps(
    train, tmp_path, trainer, monkeypatch
):
    save = Checkpoint.save

    def save_once(self, trainer):
        """One checkpoint, after step 3; the power goes two steps later."""
        step = int(trainer.lightning_module.step)
        if step == 3:
            save(self, trainer)
        if step == 5:
            raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", save_once)
        with pytest.raises(RuntimeError, match="power cut"):
            train(trainer, tmp_path / "parts", "--checkpoint_minutes=0")
    (first,) = (tmp_path / "parts/tensorboard").glob("events*")
    assert steps_of(logged(tmp_path / "parts").Reload(), "Scalars", SCALARS[trainer]) == [1, 2, 3, 4, 5]
    first.write_bytes(first.read_bytes()[:-7])  # cut in the middle of what was written last
    first.rename(first.with_name("events.out.tfevents.1000000000.earlier.0.0"))  # names have seconds, here too few
    train(trainer, tmp_path / "parts")
    events = logged(tmp_path / "parts").Reload()
    assert steps_of(events, "Scalars", SCALARS[trainer]) == list(range(1, STEPS + 1))
    if trainer != "lm":
        assert steps_of(events, "Audio", "original/0") == [EVERY]
    train(trainer, tmp_path / "whole")
    assert trained(tmp_path / "parts") == trained(tmp_path / "whole")


def test_features_are_shown_too_as_their_vocoder_says_them(train, root, tmp_path):
    from pipelines import extract_features

    features = tmp_path / "features"
    extract_features.main(
        ["--manifest", str(root / "manifest.jsonl"), "--config", "codec/debug", "--out", str(features)]
    )
    folder = train("lite", tmp_path / "run", f"--features={features}", "--optim.parts=[features]")
    assert {"original/0", "decoded/0"} <= set(logged(folder).Reload().Tags()["audio"])


def test_without_tensorboard_a_run_is_trained_and_that_is_said(train, tmp_path, monkeypatch, capsys):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "tensorboard" else found(name, *a)
    )
    folder = train("lm", tmp_path / "run")
    assert (folder / "last.ckpt").is_file() and not (folder / "tensorboard").exists()
    assert capsys.readouterr().err.count("tensorboard is not installed: curves are in metrics.csv alone") == 1


def test_another_logger_is_refused():
    with pytest.raises(UserError, match="got --trainer.logger=wandb; expected csv, or none for TensorBoard too"):
        trainer_options({"logger": "wandb"})


def test_the_picture_of_reading_shows_where_the_reader_would_go_and_where_it_should():
    logits = torch.full((3, 4), -20.0)
    logits[0, 0] = logits[1, 1] = logits[2, 0] = 20.0  # stays, goes on by one, stays
    image = picture(logits, torch.tensor([0, 1, 2]), tokens=3, scale=1)
    assert image.shape == (3, 3, 3)
    red, white = image[0], image[1]
    assert torch.allclose(red, torch.tensor([[1.0, 0, 0], [0, 1, 1], [0, 0, 1]]), atol=1e-6)
    assert torch.allclose(white, torch.tensor([[1.0, 0, 0], [0, 1, 1], [0, 0, 0]]), atol=1e-6)
