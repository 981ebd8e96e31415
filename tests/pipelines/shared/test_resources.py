"""Shipped configurations by name, a file by its path, one clear line for everything else."""

import pytest

from pipelines.shared import resources
from pipelines.shared.errors import UserError
from pipelines.shared.resources import CONFIGS, find_config


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("lite-21.5fps", "codec/lite-21.5fps.yaml"),
        ("codec/lite-21.5fps", "codec/lite-21.5fps.yaml"),
        ("small", "speechllm/small.yaml"),
        ("speechllm/small.yaml", "speechllm/small.yaml"),
        ("speechllm/debug", "speechllm/debug.yaml"),
        ("configs/codec/lfsc.yaml", "codec/lfsc.yaml"),
    ],
)
def test_a_shipped_configuration_is_found_by_its_name_from_any_folder(tmp_path, monkeypatch, name, file):
    monkeypatch.chdir(tmp_path)
    assert find_config(name) == CONFIGS / file


def test_a_file_of_ones_own_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small").write_text("seed: 1\n")
    assert find_config("small").read_text() == "seed: 1\n"


def test_a_name_of_two_configurations_is_refused():
    with pytest.raises(UserError, match="called debug; expected one of: codec/debug, speechllm/debug$"):
        find_config("debug")


@pytest.mark.parametrize("name", ["", ".", "..", "absent.yaml", "mall", "codec", "/small/../small"])
def test_an_unknown_name_lists_those_there_are(name):
    with pytest.raises(UserError, match=r"no configuration .*a YAML file or one of: codec/audio-codec-44khz, .*small$"):
        find_config(name)


def test_a_clone_reads_where_its_user_writes():
    """A wheel reads inside the package: tests/test_wheel.py."""
    assert resources.VOICES == resources.ROOT / "voices"
    assert (resources.ROOT / "pyproject.toml").is_file()
