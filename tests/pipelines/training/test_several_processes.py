"""Several processes train what one does: weights, states of the optimiser and curves, sharded or not (gloo, on a CPU).

Weights alone would not show gradients that are summed and not averaged, which Adam makes the same step of.
"""

import csv
import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")

import toys
from codec import save
from interruptions import write_lm_corpus
from pipelines import train_codec, train_lm
from pipelines.training.averaging import KEY
from pipelines.training.resume import LAST
from processes import together
from speechllm.data.shards import Shard
from speechllm.data.speakers import write_speakers
from speechllm.training.module import LitSpeechLM

STEPS = 6
MORE_STEPS = int(os.environ.get("STEPS", "6"))  # of the model with most to go wrong; STEPS=20 tries twenty
FSDP = "--trainer.strategy=fsdp2"
QUIET = ["--trainer.accelerator=cpu", "--trainer.log_every_n_steps=1", "--trainer.enable_progress_bar=false"]
MANY = ["--model.speaker_dim=6", "--model.prefix_queries=2", "--model.prefix_heads=2", "--optim.hidden_texts=0.2"]
MANY += ["--model.frames_per_step=2", "--activation_checkpointing=true"]


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """What is trained on, and what one process makes of it, in `one`."""
    root = tmp_path_factory.mktemp("several")
    write_lm_corpus(root)
    vectors = torch.nn.functional.normalize(torch.rand(12, 6, generator=torch.Generator().manual_seed(0)), dim=1)
    write_speakers(Shard(root / "codes/0.safetensors"), ["a", "b"] * 6, vectors)
    train(root, "one", 1)
    return root


def train(root: Path, name: str, count: int, *more: str, killed: bool = False) -> None:
    """Train the debug configuration, four batches a step, in a folder of the root."""
    flags = [f"--shards={root / 'codes'}", f"--tokenizer={root / 'tokenizer.model'}", f"--run_dir={root / name}"]
    flags += [f"--optim.max_steps={STEPS}", "--optim.clip_norm=1000.0", "--batches_per_step=4", "--batch_tokens=100"]
    flags += ["--ema_decay=0.8", "--validate_every=3", *QUIET, *more]
    together(train_lm.main, ["--config", "speechllm/debug", *flags], count, root / "said", killed)


def check(root: Path, one: str, other: str, tolerance: float = 1e-5) -> None:
    """Both folders hold the same checkpoint, and the same model."""
    mine, theirs = (torch.load(root / name / LAST, weights_only=True) for name in (one, other))
    states = [{f"{i}.{name}": tensor for i, values in each["state"].items() for name, tensor in values.items()}
              for found in (mine, theirs) for each in found["optimizer_states"]]  # fmt: skip
    half = len(states) // 2
    pairs = [(mine["state_dict"], theirs["state_dict"]), *zip(states[:half], states[half:], strict=True)]
    pairs += [(mine[KEY], theirs[KEY])] if KEY in mine else []
    models = [sorted((root / name).rglob("*.safetensors")) for name in (one, other)]
    pairs += [(load_file(a), load_file(b)) for a, b in zip(*models, strict=True)]
    assert half and models[0] and mine["items"] == theirs["items"]
    for a, b in pairs:
        assert set(a) == set(b) and all(a[name].shape == b[name].shape for name in a)
        worst = max((a[name].double() - b[name].double()).abs().max() for name in a)
        assert worst < tolerance, float(worst)


def curve(folder: Path, part: str = "train") -> list[float]:
    """Loss of each step, or of each validation."""
    with (folder / "metrics.csv").open() as file:
        return [float(row[f"{part}/loss"]) for row in csv.DictReader(file) if row[f"{part}/loss"]]


@pytest.mark.parametrize(("count", "more"), [(2, []), (3, [FSDP])], ids=["2, whole", "3, sharded"])
def test_several_processes_are_one(root, count, more):
    """Three processes are dealt four batches: two of what they do counts nothing."""
    train(root, f"{count}", count, *more)
    check(root, "one", f"{count}")
    assert curve(root / f"{count}") == pytest.approx(curve(root / "one"), abs=1e-5)
    assert curve(root / f"{count}", "val") == pytest.approx(curve(root / "one", "val"), abs=1e-5)
    assert len(curve(root / "one", "val")) == 2


def test_a_run_that_is_killed_goes_on_with_another_number_of_processes(root, monkeypatch):
    end_step = LitSpeechLM.end_step

    def dies(self):
        if int(self.step) == 4:
            os.kill(os.getpid(), signal.SIGKILL)
        end_step(self)

    with monkeypatch.context() as patch:
        patch.setattr(LitSpeechLM, "end_step", dies)
        train(root, "killed", 2, FSDP, "--checkpoint_minutes=0", killed=True)
    assert 0 < int(torch.load(root / "killed" / LAST, weights_only=True)["state_dict"]["step"]) < STEPS
    train(root, "killed", 1)
    check(root, "one", "killed")
    assert curve(root / "killed") == pytest.approx(curve(root / "one"), abs=1e-5)


def test_what_is_exported_is_the_mean_of_the_weights(root):
    checkpoint, exported = (
        torch.load(root / "one" / LAST, weights_only=True),
        load_file(root / "one/lm/model.safetensors"),
    )
    for name, tensor in exported.items():
        assert torch.equal(tensor, checkpoint[KEY][f"model.{name}"])
    assert any(not torch.equal(exported[name], checkpoint["state_dict"][f"model.{name}"]) for name in exported)


def test_bfloat16_follows_float32(root):
    train(root, "bfloat16", 2, FSDP, "--trainer.precision=bf16-mixed")
    assert curve(root / "bfloat16") == pytest.approx(curve(root / "one"), rel=0.02)
    assert curve(root / "bfloat16") != curve(root / "one")


@pytest.mark.slow
def test_many_voices(root):
    """With parameters that have no dimensions, blocks computed twice, and two frames a step."""
    given = [*MANY, f"--optim.max_steps={MORE_STEPS}", "--optim.clip_norm=1.0"]
    for name, count, more in (("long", 1, []), ("sharded", 3, [FSDP])):
        train(root, name, count, *given, *more)
    check(root, "long", "sharded")


HIFIGAN = ["--codec.family=hifigan", "--codec.strides=[4, 8, 8]", "--codec.encoder.channels=2", "--segment_frames=24"]
HIFIGAN += ["--codec.encoder.kernel_sizes=[3]", "--codec.decoder.channels=16", "--codec.decoder.kernel_sizes=[3]"]
HIFIGAN += ["--codec.decoder.dilations=[1]", "--optim.n_ffts=[64, 256]", "--optim.mel_bands=[5, 20]", "--num_workers=0"]
HIFIGAN += ["--optim.periods=[2]", "--optim.period_channels=[4, 4]", "--optim.spectrum_n_ffts=[128]"]
HIFIGAN += ["--optim.spectrum_channels=4", "--optim.speech_model=null", "--validation_items=2"]
LITE = ["--config", "codec/debug", "--optim.freeze_from=2", "--num_threads=1"]


@pytest.mark.slow
@pytest.mark.parametrize("family", ["lite", "hifigan"])
def test_a_codec_and_its_discriminators(tmp_path, family):
    toys.write_corpus(tmp_path)
    in_parts = ["--batch_size=1", "--batches_per_step=3", "--activation_checkpointing=true"]
    given, runs = HIFIGAN, [("one", 1, ["--batch_size=6"]), ("sharded", 2, [FSDP, *in_parts])]
    if family == "lite":
        save(toys.toy_codec(), tmp_path / "begin", torch.float32)
        given = [*LITE, f"--init_from={tmp_path / 'begin'}"]  # not from the linear start, which takes its time
        runs.append(("whole", 2, ["--batch_size=3"]))
    given = [*given, f"--manifest={tmp_path / 'manifest.jsonl'}", "--optim.max_steps=5", "--validate_every=5"]
    for name, count, more in runs:
        flags = [f"--run_dir={tmp_path / name}", "--ema_decay=0.8", *QUIET, *more]
        together(train_codec.main, [*given, *flags], count, tmp_path / "said")
        check(tmp_path, "one", name, 5e-5)
