"""The speech LM's configuration: derived sizes, files, and numbers that cannot be."""

import json
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pytest

import toys
from speechllm import CodeSpec, LMConfig, SamplingConfig
from speechllm.config import COUNTS, MAY_BE_NONE, LMShape

VOICES = Path(__file__).resolve().parents[2] / "voices"


def test_a_frame_of_the_family_has_32_digits_and_216_logits():
    assert (toys.TOY_SPEC.num_digits, toys.TOY_SPEC.num_logits) == (32, 216)


def test_a_configuration_survives_json():
    config = toys.toy_lm_config(tokenizer_fingerprint="abc")
    again = LMConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config
    assert isinstance(again.codes.levels, tuple)


def test_the_file_is_flat_and_says_first_what_is_not_a_choice():
    values = toys.toy_lm_config().to_dict()
    own = [field.name for field in fields(LMConfig) if field.name not in {field.name for field in fields(LMShape)}]
    assert list(values) == [*own, *asdict(LMShape())]
    assert [name for name, value in values.items() if isinstance(value, dict)] == ["codes"]


@pytest.mark.parametrize("path", sorted(VOICES.glob("*/lm/config.json")), ids=lambda path: path.parts[-3])
def test_configurations_of_shipped_voices_are_read_as_they_are(path):
    values = json.loads(path.read_text("utf-8"))
    again = json.loads(json.dumps(LMConfig.from_dict(values).to_dict()))
    assert {name: again[name] for name in values} == values
    defaults = json.loads(json.dumps(asdict(LMShape())))
    assert all(again[name] == defaults[name] for name in again if name not in values)


def test_lists_and_tuples_of_levels_are_the_same():
    assert CodeSpec(21.5, 8, [8, 7, 6, 6]) == CodeSpec(21.5, 8, (8, 7, 6, 6))


def test_an_unknown_key_is_named():
    with pytest.raises(ValueError, match="num_layerz"):
        LMConfig.from_dict({**toys.toy_lm_config().to_dict(), "num_layerz": 3})


@pytest.mark.parametrize("changes", [{"dim": 30, "num_heads": 4}, {"reader_layer": -1}, {"reader_layer": 3}])
def test_impossible_shapes_say_what_was_given(changes):
    with pytest.raises(ValueError, match=rf"got .*{'dim=30' if 'dim' in changes else 'reader_layer='}.*"):
        toys.toy_lm_config(**changes)


@pytest.mark.parametrize("name", [field.name for field in fields(LMShape) if type(field.default) in (int, float)])
def test_a_size_that_cannot_be_is_refused(name):
    """Of every number; a new one too has either to be more than 0 or to be named as one that 0 switches off."""
    with pytest.raises(ValueError, match=f"got {name}=-1; expected "):
        toys.toy_lm_config(**{name: -1})
    if name not in MAY_BE_NONE:
        with pytest.raises(ValueError, match=f"got {name}=0; expected "):
            toys.toy_lm_config(**{name: 0})


@pytest.mark.parametrize("name", ["temperature", "reader_temperature", "guidance"])
@pytest.mark.parametrize("value", [-1, 20.1, float("nan"), float("inf"), float("-inf")])
def test_impossible_temperatures_are_refused(name, value):
    with pytest.raises(ValueError, match=rf"got {name}={value}; expected"):
        SamplingConfig(**{name: value})


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [-5, 2.5, float("nan"), True, "3", 2**63])
def test_what_is_no_count_is_refused(name, value):
    with pytest.raises(ValueError, match=rf"got {name}={value}; expected a whole number, at least {COUNTS[name]}"):
        SamplingConfig(**{name: value})
    assert getattr(SamplingConfig(**{name: np.int64(7)}), name) == 7
