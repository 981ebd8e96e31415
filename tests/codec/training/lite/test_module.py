"""Codec training: both stages learn, a frozen encoder stays what it is, a resumed run equals an uninterrupted one."""

import csv
import itertools
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")
import toys
from codec import LiteCodec
from codec.lite.features import extract_features, num_features
from codec.training.lite.losses import listening_loss
from codec.training.lite.module import LitCodec
from codec.training.lite.optim import CodecOptim
from codec.training.segments import Segments
from pipelines.training.resume import Run
from pipelines.training.trainer import How, fit
from training_toys import without_trainer

BATCH, FRAMES = 2, 8
SEGMENT = FRAMES * toys.HOP
VOICES = [torch.from_numpy(toys.utterance(i, 0.8)) for i in range(4)]
Log = list[dict[str, str]]
OPTIM = dict(warmup_steps=2, discriminator_channels=4)


class Voices(Segments):
    """Segments of synthetic speech."""

    def cut(self, chosen, rng):
        start = int(rng.integers(0, len(VOICES[chosen]) - SEGMENT + 1))
        return VOICES[chosen][start : start + SEGMENT]


def lit(seed: int = 0, **optim: object) -> LitCodec:
    torch.manual_seed(seed)
    return LitCodec(LiteCodec(toys.TOY_CODEC), CodecOptim(**{**OPTIM, **optim}))  # type: ignore[arg-type]


def segments(steps: int, seen: int = 0) -> DataLoader:
    return DataLoader(Voices([1.0] * len(VOICES), size=steps * BATCH, seed=0, first=seen * BATCH), batch_size=BATCH)


def repeated(batch: torch.Tensor, steps: int) -> DataLoader:
    return DataLoader(list(batch) * steps, batch_size=len(batch))


def train(module: LitCodec, data: DataLoader, folder: Path, minutes: float = 60.0, **options: object) -> Log:
    """Train on every batch of `data`; returns the log."""
    trainer = {"accelerator": "cpu", "log_every_n_steps": 1, "enable_model_summary": False, **options}
    run = Run(folder, module.optim.max_steps, {}, {}, minutes)
    fit(module, data, segments(1), run, How(module.optim.max_steps, trainer), lambda weights: None)
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def curve(log: Log, name: str) -> list[float]:
    return [float(row[name]) for row in log if row.get(name)]


def weights(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("frozen", [False, True])
def test_the_losses_of_a_repeated_batch_fall(tmp_path, frozen):
    steps = 40
    schedule = dict(max_steps=steps, freeze_from=0 if frozen else steps, learning_rate=5e-3, frozen_learning_rate=5e-3)
    log = train(lit(**schedule), repeated(next(iter(segments(1))), steps), tmp_path)
    for name, share in (("features", 0.85), ("envelope", 1.0)):
        values = curve(log, f"train/{name}")
        assert len(values) == steps
        assert sum(values[-5:]) < share * sum(values[:5]), f"{name}: {values}"
        assert curve(log, f"val/{name}")
        assert bool(curve(log, f"train/{name}_discriminator")) is frozen


def test_a_frozen_encoder_stays_bit_for_bit(tmp_path, monkeypatch):
    module = lit(max_steps=6, freeze_from=3)
    untrained, moments, step = weights(module.codec), [], LitCodec.training_step

    def watched(self, batch, batch_idx):
        moments.append((weights(self.codec), self.codec.fingerprint))
        return step(self, batch, batch_idx)

    monkeypatch.setattr(LitCodec, "training_step", watched)
    train(module, segments(6), tmp_path)
    moments.append((weights(module.codec), module.codec.fingerprint))
    prints = [fingerprint for _, fingerprint in moments]
    assert len(moments) == 7 and len(set(prints[:4])) == 4 and len(set(prints[3:])) == 1
    frozen, end = moments[3][0], moments[6][0]
    for name, tensor in end.items():
        assert torch.equal(tensor, frozen[name]) is name.startswith("encoder."), name
    assert not any(torch.equal(frozen[name], untrained[name]) for name in frozen if name.endswith("linear.weight"))


@pytest.mark.parametrize("former_names", [False, True])
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(tmp_path, monkeypatch, former_names):
    steps, interrupted, schedule = 6, 4, dict(max_steps=6, freeze_from=3)
    whole = lit(**schedule)
    log = train(whole, segments(steps), tmp_path / "whole")
    step = LitCodec.training_step

    def fail(self, batch, batch_idx):
        if int(self.step) == interrupted:
            raise RuntimeError("the machine goes down")
        return step(self, batch, batch_idx)

    with monkeypatch.context() as patch:
        patch.setattr(LitCodec, "training_step", fail)
        with pytest.raises(RuntimeError, match="goes down"):
            train(lit(**schedule), segments(steps), tmp_path / "parts", minutes=0)
    last = torch.load(tmp_path / "parts/last.ckpt", weights_only=True)
    assert int(last["state_dict"]["step"]) == interrupted
    if former_names:  # of a run begun when discriminators were called judges
        former = {name.replace("discriminators.", "judges."): tensor for name, tensor in last["state_dict"].items()}
        assert former.keys() != last["state_dict"].keys()
        torch.save({**last, "state_dict": former}, tmp_path / "parts/last.ckpt")
    resumed = lit(seed=9, **schedule)  # every weight comes from the checkpoint
    parts = train(resumed, segments(steps - interrupted, interrupted), tmp_path / "parts")
    assert same(weights(resumed), weights(whole))
    assert int(resumed.step) == steps
    assert curve(parts, "train/features")[-2:] == curve(log, "train/features")[-2:]
    assert curve(parts, "val/features") == curve(log, "val/features")


def test_mixed_precision_runs_through_both_stages(tmp_path):
    module = lit(max_steps=4, freeze_from=2)
    log = train(module, segments(4), tmp_path, precision="bf16-mixed")
    assert len(curve(log, "train/features")) == 4
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize(
    ("parts", "learns"), [(("features",), ("encoder.", "decoder.")), (("vocoder",), ("vocoder.",))], ids=str
)
def test_the_parts_can_be_trained_apart(tmp_path, parts, learns):
    module = lit(max_steps=3, freeze_from=2, parts=parts)
    before = weights(module.codec)
    data = segments(3)
    if parts == ("features",):  # which need no audio
        made = [extract_features(batch, toys.TOY_CODEC) for batch in data]
        data = DataLoader(list(torch.cat(made)), batch_size=BATCH)
    train(module, data, tmp_path)
    for name, tensor in weights(module.codec).items():
        assert torch.equal(tensor, before[name]) is not name.startswith(learns), name


def test_a_vocoder_cannot_learn_from_features():
    with pytest.raises(AssertionError, match="a vocoder learns from audio"):
        (module := lit()).results(module.inputs(torch.zeros(1, 8, 87)))


def test_features_pass_through_and_audio_is_analysed():
    module, batch = lit(), next(iter(segments(1)))
    features, envelope = module.analyse(batch)
    assert torch.equal(features, extract_features(batch, toys.TOY_CODEC))
    assert envelope is not None and envelope.shape == (BATCH, FRAMES * 4, 513)
    assert module.analyse(features) == (features, None)


def test_the_vocoder_sees_true_features_first_and_decoded_ones_once_the_encoder_is_frozen(monkeypatch):
    module, batch, seen = lit(freeze_from=5), next(iter(segments(1))), []
    envelope = module.codec.vocoder.envelope
    monkeypatch.setattr(module.codec.vocoder, "envelope", lambda f: (seen.append(f), envelope(f))[1])
    for step in (4, 5):
        module.step.fill_(step)
        target, decoded = module.results(module.inputs(batch)).pairs["features"]
        assert seen[-1] is (target if step < 5 else decoded)


def test_the_learning_rate_warms_up_and_falls_in_each_stage():
    module = lit(max_steps=30, freeze_from=10, warmup_steps=2, learning_rate=1.0, frozen_learning_rate=0.5)
    rates = []
    for step in range(30):
        module.step.fill_(step)
        rates.append(module.learning_rate())
    assert rates[0] == pytest.approx(0.5) and rates[10] == pytest.approx(0.25)
    assert rates[1] == pytest.approx(0.905)
    for stage in (rates[1:10], rates[11:30]):
        assert all(a > b for a, b in itertools.pairwise(stage))
    assert rates[9] == pytest.approx(1 - 0.95 * 0.9) and rates[29] == pytest.approx(0.5 * (1 - 0.95 * 0.95))


def test_discriminators_are_saved_and_loaded(tmp_path):
    one, other = lit(0), lit(1)
    assert not same(weights(one.discriminators), weights(other.discriminators))
    one.save_discriminators(tmp_path / "discriminators.safetensors", one.discriminators.state_dict())
    other.load_discriminators(tmp_path / "discriminators.safetensors")
    assert same(weights(one.discriminators), weights(other.discriminators))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_gpu_trains_both_stages(tmp_path, precision):
    module = lit(max_steps=4, freeze_from=2)
    log = train(module, segments(4), tmp_path, accelerator="gpu", precision=precision)
    assert len(curve(log, "train/envelope")) == 4
    assert all(p.isfinite().all() for p in module.parameters())


def test_of_a_pair_the_first_is_coded_and_the_second_is_the_target():
    module, generator = lit(parts=("features",)), torch.Generator().manual_seed(0)
    heard, wanted = torch.randn(2, 2, 32, 87, generator=generator).unbind(1)
    pairs = module.results(module.inputs(torch.stack([heard, wanted], dim=1))).pairs
    target, decoded = pairs["features"]
    assert torch.equal(target, wanted)
    assert torch.equal(decoded, module.results(module.inputs(heard)).pairs["features"][1])


def test_even_use_of_codes_is_learned_where_it_is_wanted(tmp_path):
    batch = next(iter(segments(1)))
    log = train(lit(max_steps=12, freeze_from=12, usage_weight=1.0), repeated(batch, 12), tmp_path)
    used = curve(log, "train/usage")
    assert used[-1] < 0.9 * used[0]
    assert not curve(train(lit(max_steps=2, freeze_from=2), segments(2), tmp_path / "without"), "train/usage")


class Sounds(torch.nn.Module):
    """Hears one of five sounds in every frame of codes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(toys.TOY_CODEC.num_codebooks * len(toys.TOY_CODEC.levels), 5)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.linear(4 * values).log_softmax(-1)


def test_what_is_decoded_learns_to_sound_the_same_to_a_listener_and_the_encoder_stays(tmp_path):
    batch = next(iter(segments(1)))
    alone = {"feature_weight": 0.0, "adversarial_weight": 0.0, "matching_weight": 0.0, "parts": ("features",)}
    codec = lit().codec
    module = LitCodec(codec, CodecOptim(**OPTIM, max_steps=30, freeze_from=0, **alone), listener=Sounds())
    before = weights(module)
    heard = curve(train(module, repeated(batch, 30), tmp_path), "train/listening")
    assert heard[0] > 0 and sum(heard[-3:]) < 0.8 * sum(heard[:3])
    changed = {name for name, tensor in weights(module).items() if not torch.equal(tensor, before[name])}
    assert any(name.startswith("codec.decoder.") for name in changed)
    assert not any(name.startswith(("codec.encoder.", "codec.vocoder.")) for name in changed)
    assert before.keys() == weights(lit()).keys()  # the listener is in no checkpoint


def test_a_listener_hears_nothing_wrong_in_what_was_wanted():
    codec = lit().codec.requires_grad_(False)
    frames, width = FRAMES * toys.TOY_CODEC.stack, num_features(toys.TOY_CODEC)
    features = torch.randn(BATCH, frames, width)
    assert listening_loss(codec, Sounds(), features, features).item() == pytest.approx(0, abs=1e-6)
    assert listening_loss(codec, Sounds(), features, -features).item() > 0.01


def test_a_step_of_discriminators_and_codec_looks_at_its_losses_once(monkeypatch):
    """Every look waits for a GPU."""
    module, looks, isfinite = lit(max_steps=4, freeze_from=0), [], torch.isfinite
    without_trainer(module)
    monkeypatch.setattr(torch, "isfinite", lambda values: (looks.append(values), isfinite(values))[1])
    batch = next(iter(segments(1)))
    module.training_step(batch, 0)
    assert len({id(values) for values in looks}) == 1 and looks[0].shape == (2,) and module.steps == 1
    module.codec.vocoder.output.bias.data.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="the loss became nan in step 2"):
        module.training_step(batch, 1)
    assert module.steps == 1
