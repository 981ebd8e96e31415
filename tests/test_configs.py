"""Every shipped configuration is complete, commented, parses strictly and builds what it describes."""

import dataclasses
import re
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import torch

from codec import HiFiGANCodec, LiteCodec
from pipelines.shared.errors import UserError
from pipelines.shared.settings import build, load_yaml, parse, read_file
from speechllm import CodeSpec, LMConfig, SpeechLM

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")

from pipelines.train_codec import config_type
from pipelines.train_lm import TrainLM
from pipelines.training.lfsc_codec import TrainHiFiGAN
from pipelines.training.lite_codec import TrainLite

ROOT = Path(__file__).resolve().parents[1]
CONFIGS = sorted(path for path in ROOT.glob("configs/**/*.yaml") if path.parent.name != "data")  # these are recipes
every_config = pytest.mark.parametrize("path", CONFIGS, ids=lambda path: f"{path.parent.name}/{path.name}")


def type_of(path: Path) -> Any:
    """The configuration that a file is for."""
    return {"codec": config_type, "speechllm": lambda values: TrainLM}[path.parent.name](read_file(path))


def keys(config_type: Any) -> dict[str, Any]:
    """Nested names of a configuration's fields."""
    hints = get_type_hints(config_type)
    return {
        field.name: keys(hints[field.name]) if dataclasses.is_dataclass(hints[field.name]) else None
        for field in dataclasses.fields(config_type)
    }


def shape(values: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Nested names of a file's keys, as deep as the configuration has fields."""
    return {k: shape(v, wanted[k]) if isinstance(wanted.get(k), dict) else None for k, v in values.items()}


def test_there_are_configurations_of_both_packages():
    assert {type_of(path) for path in CONFIGS} == {TrainLite, TrainHiFiGAN, TrainLM}


@every_config
def test_a_configuration_states_every_key(path):
    wanted = keys(type_of(path))
    assert shape(load_yaml(path.read_text("utf-8")), wanted) == wanted


@every_config
def test_every_key_has_a_comment(path):
    lines = path.read_text("utf-8").splitlines()
    bare = [line for line in lines if re.match(r"\s*\w+:\s*\S", line) and not re.search(r"\S\s+# \S", line)]
    assert not bare


@every_config
def test_a_configuration_parses_and_flags_win(path):
    config = parse(type_of(path), "", ["--config", str(path), "--seed=7", "--trainer.accelerator=gpu"])
    assert config.seed == 7
    assert config.trainer["accelerator"] == "gpu"


@every_config
def test_a_configuration_builds_its_model(path):
    config = build(type_of(path), load_yaml(path.read_text("utf-8")))
    if isinstance(config, TrainLite):
        codec = LiteCodec(config.codec)
        assert codec.frame_rate == pytest.approx(config.codec.sample_rate / config.codec.hop_length)
        assert config.optim.freeze_from < config.optim.max_steps  # both stages are trained
    elif isinstance(config, TrainHiFiGAN):
        with torch.device("meta"):
            codec = HiFiGANCodec(config.codec)
        assert codec.frame_rate == pytest.approx(config.codec.sample_rate / config.codec.hop_length)
        assert config.segment_frames * codec.hop_length > max(config.optim.n_ffts)
        assert len(config.optim.n_ffts) == len(config.optim.mel_bands)
    else:
        spec = CodeSpec(22_050 / 1024, 8, (8, 7, 6, 6))
        with torch.device("meta"):
            model = SpeechLM(LMConfig(spec, 80, **dataclasses.asdict(config.model)))
        assert sum(p.numel() for p in model.parameters()) > 0


def test_the_shipped_codec_has_the_geometry_it_is_named_for():
    config = build(TrainLite, load_yaml((ROOT / "configs/codec/lite-21.5fps.yaml").read_text("utf-8"))).codec
    assert round(config.frame_rate, 2) == 21.53
    assert (config.num_codebooks, config.codebook_size) == (8, 2016)
    assert round(config.bitrate) == 1891


def test_the_full_size_speech_lm_is_of_the_size_it_says():
    config = build(TrainLM, load_yaml((ROOT / "configs/speechllm/base.yaml").read_text("utf-8"))).model
    with torch.device("meta"):
        model = SpeechLM(LMConfig(CodeSpec(22_050 / 1024, 8, (8, 7, 6, 6)), 80, **dataclasses.asdict(config)))
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(360e6, rel=0.03)


@pytest.mark.parametrize("package", ["codec", "speechllm"])
def test_twins_differ_in_the_frame_rate_only(package):
    """And in what follows from it: seconds of audio, text and number of parameters of a step stay the same."""
    names = {"codec": ("lite-21.5fps", "lite-86fps"), "speechllm": ("small", "small-86fps")}[package]
    slow, fast = (load_yaml((ROOT / f"configs/{package}/{name}.yaml").read_text("utf-8")) for name in names)
    part = {"codec": "codec", "speechllm": "model"}[package]
    different = {key for key in slow[part] if slow[part][key] != fast[part][key]}
    assert different == {"codec": {"name", "hop_length", "levels"}, "speechllm": {"max_frames"}}[package]
    assert slow["optim"] == fast["optim"]
    if package == "codec":
        lengths = [c["segment_frames"] * c["codec"]["hop_length"] * c["batch_size"] for c in (slow, fast)]
        assert lengths[0] == lengths[1]


@every_config
def test_a_misspelt_key_names_the_right_one(path):
    values = load_yaml(path.read_text("utf-8"))
    values["optim"]["max_stepz"] = values["optim"].pop("max_steps")
    with pytest.raises(UserError, match=r"optim\.max_stepz.*optim\.max_steps"):
        build(type_of(path), values)
