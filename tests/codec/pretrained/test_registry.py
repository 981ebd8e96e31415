"""Families by name, and untrained codecs out of configuration files."""

from pathlib import Path

import pytest

from codec import CodecConfig, LiteCodec, from_config
from codec.pretrained.registry import FAMILIES

CONFIGS = Path(__file__).resolve().parents[3] / "configs/codec"


def test_families_build_their_own():
    assert isinstance(from_config(CONFIGS / "lite-21.5fps.yaml"), LiteCodec)
    assert LiteCodec.config_type is CodecConfig
    assert set(FAMILIES) == {"lite", "hifigan"}


def test_a_configuration_file_builds_an_untrained_codec():
    assert from_config(CONFIGS / "debug.yaml").config.name == "debug"


def test_a_configuration_alone_is_taken_for_that_of_the_codec(tmp_path):
    (tmp_path / "codec.yaml").write_text("name: alone\nvocoder_blocks: 1\n")
    assert from_config(tmp_path / "codec.yaml").config.name == "alone"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("family: mp3", "got codec family 'mp3'; expected one of hifigan, lite"),
        ("- a", "is not a configuration: expected `key: value` lines"),
        ("a: [", "is not readable YAML"),
        ("a: \xe4".encode("latin-1"), "is not readable YAML"),
    ],
)
def test_what_is_no_configuration_is_refused(tmp_path, text, message):
    (tmp_path / "x.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=message):
        from_config(tmp_path / "x.yaml")
    with pytest.raises(FileNotFoundError):
        from_config(tmp_path / "none.yaml")
