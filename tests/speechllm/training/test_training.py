"""Training the speech LM: sensible losses, one batch learnt by heart, a resumed run equal to an uninterrupted one."""

import csv
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")
import toys
from pipelines import train_lm
from pipelines.shared.errors import UserError
from sources import ROOT
from speechllm import CodeSpec, SpeechLM
from speechllm.data.shards import Example, Shard, write_shard
from speechllm.data.speakers import write_speakers
from speechllm.model.voice_prefix import Reference
from speechllm.text.tokenizer import Tokenizer
from speechllm.training.collating import Batch, collate
from speechllm.training.module import LitSpeechLM, LMOptim, digit_loss

STEPS, INTERRUPTED = 8, 5


def examples(count: int = 10) -> list[Example]:
    """Utterances whose every token lasts two frames."""
    made = []
    for i in range(count):
        ids, frames = torch.randint(4, 30, (4 + i % 3,), generator=torch.Generator().manual_seed(i)), 2 * (4 + i % 3)
        made.append(Example(f"u{i}", ids, toys.random_codes(1, frames, i)[0].T, torch.arange(frames) // 2))
    return made


def test_the_code_loss_is_that_of_the_digits():
    logits, digits = torch.randn(1, 2, 216), torch.stack([torch.arange(32) % 6] * 2)[None]
    wanted, start = torch.zeros(2), 0
    for digit, level in enumerate(toys.LEVELS * 8):
        part = logits[0, :, start : start + level].log_softmax(-1)
        wanted -= part.gather(1, digits[0, :, digit : digit + 1])[:, 0] / 8
        start += level
    assert torch.allclose(digit_loss(logits, digits, toys.LEVELS)[0], wanted, atol=1e-5)


def test_an_untrained_model_knows_nothing_and_padding_costs_nothing():
    torch.manual_seed(0)
    module = LitSpeechLM(SpeechLM(toys.toy_lm_config()), LMOptim())
    batch = collate(examples(4), toys.LEVELS)
    output = module.model(batch.ids, batch.text_lengths, batch.digits, batch.positions)
    losses = module.losses(output, batch)
    assert float(losses["codes"].detach()) == pytest.approx(math.log(2016), rel=0.02)
    padding = torch.arange(batch.positions.shape[1]) >= batch.frames[:, None]
    for part in output:
        part.detach()[padding] = 1e3
    assert all(torch.equal(value, losses[name]) for name, value in module.losses(output, batch).items())


@pytest.mark.parametrize("frames_per_step", [1, 2])
def test_one_batch_is_learnt_by_heart(frames_per_step):
    module = LitSpeechLM(SpeechLM(toys.toy_lm_config(dim=64, num_layers=2, frames_per_step=frames_per_step)), LMOptim())
    batch = collate(examples(3), toys.LEVELS, frames_per_step)
    optimizer = torch.optim.AdamW(module.parameters(), 5e-3)
    first: dict[str, float] = {}
    for _ in range(150):
        losses = module.losses(module.model(batch.ids, batch.text_lengths, batch.digits, batch.positions), batch)
        first = first or {name: float(value.detach()) for name, value in losses.items()}
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
    for name, value in losses.items():
        assert float(value.detach()) < 0.15 * first[name], name


def test_a_model_of_the_published_kind_learns_too():
    """Without a reader, with a stop head that judges what it has read, and all else that is an option."""
    options = dict(num_kv_heads=1, head_dim=8, qk_norm=True, gated_attention=True, causal_text=True, frame_tables=4)
    config = toys.toy_lm_config(dim=64, reader_layer=0, shared_positions=True, stop_after=True, **options)
    module = LitSpeechLM(SpeechLM(config), LMOptim())
    batch = collate(examples(4), toys.LEVELS, 1)
    optimizer = torch.optim.AdamW(module.parameters(), 3e-3)
    before = None
    for _ in range(60):
        losses = module.losses(module.model(batch.ids, batch.text_lengths, batch.digits, batch.positions), batch)
        before = before or losses["loss"].item()
        optimizer.zero_grad()
        losses["loss"].backward()
        optimizer.step()
    assert losses["reader"] == 0
    assert losses["loss"] < 0.7 * before and losses["stop"] < 0.2


def test_weights_of_an_lm_of_another_codec_are_taken_over_where_they_fit(tmp_path):
    toys.toy_lm().save_pretrained(tmp_path / "lm", torch.float32)
    other = CodeSpec(86.1, 8, (8, 5, 5, 5))
    twin, fresh = toys.toy_lm(toys.toy_lm_config(other), 1), toys.toy_lm(toys.toy_lm_config(other), 1).state_dict()
    said = train_lm.take_weights(twin, str(tmp_path / "lm"))
    assert said.endswith("fresh: frame_head.bias, frame_head.weight"), "two codecs of 32 digits differ in their levels"
    theirs = toys.toy_lm().state_dict()
    for name, tensor in twin.state_dict().items():
        assert torch.equal(tensor, (fresh if name.startswith("frame_head") else theirs)[name]), name
    with pytest.raises(UserError, match="width 32; model.dim is 16"):
        train_lm.take_weights(toys.toy_lm(toys.toy_lm_config(dim=16)), str(tmp_path / "lm"))


def many_voices(count: int = 400) -> tuple[LitSpeechLM, Batch]:
    """A module of many voices, and a batch of as many rows, each with its voice."""
    config = toys.toy_lm_config(speaker_dim=6, prefix_queries=2, prefix_heads=2)
    module = LitSpeechLM(SpeechLM(config), LMOptim(hidden_texts=0.1, hidden_speakers=0.2, hidden_prompts=0.3))
    batch = collate(examples(1) * count, toys.LEVELS, 1)
    vectors = torch.nn.functional.normalize(torch.rand(count, 6), dim=1)
    frames = torch.full((count,), 5)
    return module, batch._replace(
        reference=Reference(vectors, torch.ones(count, dtype=torch.bool), batch.digits[:, :5], frames)
    )


def test_a_voice_is_learnt_from_its_vector():
    """Two speakers say the same in other codes; the vector alone tells which."""
    module, _ = many_voices(2)
    said = [replace(one, codes=toys.random_codes(1, 8, seed)[0].T, positions=torch.arange(8) // 2)
            for seed, one in enumerate(examples(1) * 2)]  # fmt: skip
    batch = collate(said, toys.LEVELS, 1)
    none = torch.zeros(2, dtype=torch.long)
    reference = Reference(torch.eye(6)[:2], torch.ones(2, dtype=torch.bool), batch.digits[:, :1], none)
    optimizer = torch.optim.AdamW(module.parameters(), 3e-3)
    for _ in range(150):
        prefix = module.model.prefixes(reference)
        output = module.model(batch.ids, batch.text_lengths, batch.digits, batch.positions, prefix=prefix)
        loss = module.losses(output, batch)["codes"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    swapped = module.model.prefixes(reference._replace(speakers=reference.speakers.flip(0)))
    output = module.model(batch.ids, batch.text_lengths, batch.digits, batch.positions, prefix=swapped)
    assert loss < 2 and module.losses(output, batch)["codes"] > 2 * loss


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Train the debug configuration for some steps on toy shards, in the folder of a name."""
    (tmp_path / "codes").mkdir()
    tokenizer = Tokenizer.train(["abcdefghijklmnopqrstuvwxyz."], 40)
    tokenizer.save(tmp_path / "tokenizer.model")
    write_shard(tmp_path / "codes" / "0.safetensors", examples(), toys.TOY_SPEC, tokenizer.fingerprint)
    shard = Shard(tmp_path / "codes" / "0.safetensors")
    shard.write_positions([e.positions for e in examples()])
    write_speakers(shard, ["a", "b"] * 5, torch.nn.functional.normalize(torch.rand(10, 6), dim=1))
    config = Path(__file__).parents[3] / "configs/speechllm/debug.yaml"

    def train(name: str, *flags: str) -> Path:
        paths = {"shards": "codes", "tokenizer": "tokenizer.model", "run_dir": name}
        given = [f"--{key}={tmp_path / value}" for key, value in paths.items()]
        options = ["--batch_tokens=50", "--trainer.log_every_n_steps=1", "--trainer.enable_model_summary=false"]
        steps = [f"--optim.max_steps={STEPS}", "--validate_every=4"]
        monkeypatch.setattr("sys.argv", ["train_lm.py", "--config", str(config), *given, *steps, *options, *flags])
        train_lm.main()
        return tmp_path / name

    return train


MANY = "--model.speaker_dim=6", "--model.prefix_queries=2", "--model.prefix_heads=2", "--optim.hidden_texts=0.2"


def curve(folder: Path) -> dict[int, float]:
    """Training loss of each step; of steps done twice, the last."""
    with (folder / "metrics.csv").open() as file:
        return {int(float(row["step"])): float(row["train/loss"]) for row in csv.DictReader(file) if row["train/loss"]}


@pytest.mark.parametrize("voices", [(), MANY], ids=["one voice", "many voices"])
def test_a_resumed_run_equals_an_uninterrupted_one(run, voices, monkeypatch):
    whole = run("whole", *voices)
    step = LitSpeechLM.training_step

    def fail(self, batch, batch_idx):
        if int(self.step) == INTERRUPTED:
            raise RuntimeError("the machine goes down")
        return step(self, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(LitSpeechLM, "training_step", fail)
        with pytest.raises(RuntimeError, match="goes down"):
            run("resumed", "--checkpoint_minutes=0", *voices)
    resumed = run("resumed", *voices)
    assert set(curve(whole)) == set(curve(resumed)) == set(range(1, STEPS + 1))
    assert curve(resumed) == curve(whole)
    first, second = (load_file(folder / "lm" / "model.safetensors") for folder in (whole, resumed))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not list(resumed.glob("*.partial"))
    with pytest.raises(UserError, match=rf"has done its {STEPS} steps; raise --optim.max_steps"):
        run("resumed", *voices)


def test_nothing_is_said_that_is_of_no_use(run, monkeypatch):
    """In a process of its own, as a user's terminal shows it: no advertisement, and no warning of a library."""

    def of_its_own() -> None:
        monkeypatch.setattr("sys.argv", [str(ROOT / "pipelines/train_lm.py"), *sys.argv[1:]])
        done = subprocess.run([sys.executable, *sys.argv], capture_output=True, text=True, timeout=300)
        assert not done.returncode, done.stderr[-2000:]
        said.append(done.stdout + done.stderr)

    said: list[str] = []
    monkeypatch.setattr(train_lm, "main", of_its_own)
    run("quiet", "--num_threads=1", "--num_workers=0")
    for word in ("Warning", "deprecated", "Trying to infer", "litlogger", "weights_only", "TPU", "max_epochs"):
        assert word not in said[0], f"{word} in {said[0]}"
    assert "speech LM" in said[0]


def test_a_teacher_is_learned_from(run):
    """The same model from the same data: what it is told makes the difference, from the first step on."""
    once = "--optim.max_steps=1", "--validate_every=1"
    alone = run("alone", *once)
    taught = run("taught", *once, f"--teacher={alone / 'lm'}")
    assert math.isfinite(curve(taught)[1]) and curve(taught)[1] != curve(alone)[1]


def test_what_does_not_fit_together_is_refused(run, tmp_path):
    Tokenizer.train(["abc"], 40).save(tmp_path / "tokenizer.model")
    with pytest.raises(UserError, match="made with another tokenizer"):
        run("other")
    (tmp_path / "codes" / "0.positions").unlink()
    Tokenizer.train(["abcdefghijklmnopqrstuvwxyz."], 40).save(tmp_path / "tokenizer.model")
    with pytest.raises(UserError, match="not aligned"):
        run("other")


def test_packed_utterances_train_a_model(run, monkeypatch):
    """In batches of the whole budget: the same utterances make fewer."""
    folder = run("packed", "--attention=flex", *MANY)
    losses = list(curve(folder).values())
    assert len(losses) == STEPS and losses[-1] < losses[0]
    for flag, message in (("none", "expected plain, flex, flash"), ("flash", "needs --model.causal_text=true")):
        with pytest.raises(UserError, match=message):
            run("refused", f"--attention={flag}")
    monkeypatch.setattr(train_lm, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs a GPU and flash-attn"):
        run("refused", "--attention=flash", "--model.causal_text=true")
