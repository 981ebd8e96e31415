"""Every number of a training has a range; what is outside is refused in one line, before anything is read."""

import dataclasses
from collections.abc import Iterator
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")

from codec.training.lite.augmentation import Augmentation
from pipelines import align_corpus, finetune, lfsc_tts
from pipelines.shared.errors import UserError
from pipelines.shared.ranges import UNIONS, missed
from pipelines.shared.settings import build, describe
from pipelines.train_lm import TrainLM
from pipelines.train_preferences import TrainPreferences
from pipelines.training.lfsc_codec import TrainHiFiGAN
from pipelines.training.lite_codec import TrainLite

SETTINGS = TrainLM, TrainPreferences, TrainLite, TrainHiFiGAN
SHAPES = "codec", "model"  # of networks, which check themselves
LM, CODEC, PREFERENCES = "train-lm", "train-codec", "train-preferences"
LITE, HIFIGAN = "--config=lite-21.5fps", "--config=lfsc"
ENGLISH, SMALL = "--config=english", "--config=small"
NEEDED = "--pairs=nowhere --voice=nowhere".split()


def numbers_of(hint: Any) -> Iterator[Any]:
    """The numbers in the type of a field, with what is stated of them."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        yield hint
    elif origin is tuple or origin in UNIONS:
        for part in inner:
            yield from numbers_of(part)
    elif hint in (int, float):
        yield hint


def fields_of(settings: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Name, type and default of every setting, but for the shapes of networks."""
    hints = get_type_hints(settings, include_extras=True)
    for field in dataclasses.fields(settings):
        hint = hints[field.name]
        kinds = [kind for kind in (hint, *get_args(hint)) if isinstance(kind, type) and dataclasses.is_dataclass(kind)]
        for kind in kinds:
            if field.name not in SHAPES:
                yield from fields_of(kind, f"{where}{field.name}.")
        if not kinds:
            yield f"{where}{field.name}", hint, field.default


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda settings: settings.__name__)
def test_every_number_has_a_range_and_a_default_within_it(settings):
    found = [(name, hint, default) for name, hint, default in fields_of(settings) if list(numbers_of(hint))]
    assert {"optim.learning_rate", "optim.betas", "seed", "validate_every"} <= {name for name, _, _ in found}
    bare = [name for name, hint, _ in found if not all(get_origin(one) is Annotated for one in numbers_of(hint))]
    assert not bare
    assert not [name for name, hint, default in found if missed(hint, default)]


@pytest.mark.parametrize(
    ("command", "flags", "given", "expected"),
    [
        (LM, [SMALL], "optim.learning_rate=-0.001", "more than 0"),
        (LM, [SMALL], "optim.learning_rate=0", "more than 0"),
        (LM, [SMALL], "optim.learning_rate=.nan", "more than 0"),
        (LM, [SMALL], "optim.learning_rate=.inf", "more than 0"),
        (LM, [SMALL], "optim.hidden_frames=15", "0 to 1"),
        (LM, [SMALL], "optim.max_steps=-1", "1 or more"),
        (LM, [SMALL], "optim.warmup_steps=-1", "0 or more"),
        (LM, [SMALL], "optim.clip_norm=0", "more than 0"),
        (LM, [SMALL], "optim.betas=[0.9, 1]", "0 or more and less than 1, each"),
        (LM, [SMALL], "optim.weight_decay=-0.1", "0 or more"),
        (LM, [SMALL], "batch_tokens=0", "1 or more"),
        (LM, [SMALL], "batches_per_step=-1", "0 or more"),
        (LM, [SMALL], "ema_decay=1", "0 or more and less than 1"),
        (LM, [SMALL], "checkpoint_minutes=-1", "0 or more"),
        (LM, [SMALL], "seed=-1", "0 or more and less than 9223372036854775808"),
        (PREFERENCES, NEEDED, "optim.beta=-1", "more than 0"),
        (PREFERENCES, NEEDED, "optim.chosen_weight=-1", "0 or more"),
        (PREFERENCES, NEEDED, "held_out=-1", "0 or more"),
        (CODEC, [LITE], "optim.final_learning_rate=1.5", "0 to 1"),
        (CODEC, [LITE], "optim.usage_weight=-1", "0 or more"),
        (CODEC, [LITE], "batches_per_step=0", "1 or more"),
        (CODEC, [LITE], "validate_every=0", "1 or more"),
        (CODEC, [LITE], "num_threads=-2", "0 or more"),
        (CODEC, [ENGLISH], "augment.noise_probability=40", "0 to 1"),
        (CODEC, [ENGLISH], "augment.tempo=[0, 1.5]", "more than 0, each"),
        (CODEC, [ENGLISH], "augment.gain_db=[-.inf, 6]", "a finite number, each"),
        (CODEC, [HIFIGAN], "optim.discriminator_every=0", "1 or more"),
        (CODEC, [HIFIGAN], "optim.decay=1.01", "more than 0 and at most 1"),
        (CODEC, [HIFIGAN], "optim.n_ffts=[64, 0]", "1 or more, each"),
        (CODEC, [HIFIGAN], "batch_size=0", "1 or more"),
    ],
)
def test_a_setting_out_of_range_is_one_line(tmp_path, monkeypatch, capsys, command, flags, given, expected):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        lfsc_tts.main([command, *flags, "--run_dir=run", f"--{given}"])
    name, _, value = given.partition("=")
    shown = value.replace(".nan", "nan").replace(".inf", "inf")
    assert stopped.value.code == 2 and not list(tmp_path.iterdir())
    assert capsys.readouterr().err == f"error: got --{name}={shown}; expected {expected}\n"


@pytest.mark.parametrize(
    ("settings", "values"),
    [
        (TrainLM, {"optim": {"learning_rate": 1e-7, "warmup_steps": 0, "weight_decay": 0, "betas": [0, 0]}}),
        (TrainLM, {"optim": {"final_learning_rate": 1, "hidden_texts": 1, "stop_weight": 0}, "checkpoint_minutes": 0}),
        (TrainLite, {"optim": {"freeze_from": 0, "warmup_steps": 0}, "augment": {"gain_db": [-40, -20]}}),
        (TrainLite, {"optim": {"freeze_from": 10**9, "max_steps": 1}, "validation_items": 0, "num_workers": 0}),
        (TrainHiFiGAN, {"optim": {"quantize_from": 10**9, "periods": [], "decay": 1}, "min_duration_s": 0}),
        (TrainPreferences, {"optim": {"chosen_weight": 0, "beta": 1e-4}, "held_out": 0}),
    ],
)
def test_what_is_unusual_and_sensible_is_taken(settings, values):
    needed = {"shards": "a", "tokenizer": "b", "manifest": "c", "pairs": "d", "voice": "e"}
    fields = {field.name for field in dataclasses.fields(settings)}
    config = build(settings, {**{name: value for name, value in needed.items() if name in fields}, **values})
    assert all(getattr(config.optim, name) is not None for name in values["optim"])
    assert describe(settings)


def test_a_range_begins_with_the_smallest():
    with pytest.raises(ValueError, match=r"got pitch=\[2.0, 1.0\]; expected the smallest, then the largest"):
        build(Augmentation, {"pitch": [2, 1]})
    assert build(Augmentation, {"band_hz": [8000, 7000, 3000]}).band_hz == (8000, 7000, 3000)


@pytest.mark.parametrize(
    ("script", "flags", "message"),
    [
        (align_corpus, ["--learning-rate", "0"], "got --learning-rate 0.0; expected more than 0"),
        (align_corpus, ["--steps", "0"], "got --steps 0; expected 1 or more"),
        (finetune, ["--learning-rate=-1"], "got --learning-rate -1.0; expected more than 0"),
        (finetune, ["--steps", "0"], "got --steps 0; expected 1 or more"),
        (finetune, ["--minutes", "nan"], "got --minutes nan; expected 0 or more"),
        (finetune, ["--base-share", "1"], "got --base-share 1.0; expected 0 or more and less than 1"),
    ],
)
def test_trainings_with_flags_of_their_own_have_ranges_too(tmp_path, monkeypatch, script, flags, message):
    needed = {
        align_corpus: ["--shards", "nowhere", "--tokenizer", "nowhere"],
        finetune: ["--data", "nowhere", "--out", "out", "--i-have-consent"],
    }
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"^{message}$"):
        script.main([*needed[script], *flags])
    assert not list(tmp_path.iterdir())
