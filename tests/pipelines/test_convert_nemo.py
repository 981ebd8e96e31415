"""pipelines/convert_nemo.py from its command line."""

import json
from pathlib import Path

import pytest

from codec import load as load_codec
from handmade import pack, tiny_parts
from pipelines import convert_nemo
from pipelines.shared.errors import UserError


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory) -> Path:
    return pack(tmp_path_factory.mktemp("nemo") / "tiny.nemo", tiny_parts())


def convert(*arguments: object) -> None:
    convert_nemo.main(list(map(str, arguments)))


def test_the_folder_is_the_same_codec(tiny_file, tmp_path, capsys):
    convert(tiny_file, tmp_path / "out")
    codec = load_codec(tmp_path / "out")
    assert codec.fingerprint == load_codec(tiny_file).fingerprint
    assert codec.fingerprint in capsys.readouterr().out
    with pytest.raises(UserError, match="holds a codec already"):
        convert(tiny_file, tmp_path / "out")


def test_a_stated_licence_is_recorded(tiny_file, tmp_path, capsys):
    convert(tiny_file, tmp_path / "out", "--licence", "MIT", "--use", "commercial", "--commercial")
    assert "MIT (commercial use allowed)" in capsys.readouterr().out
    assert json.loads((tmp_path / "out/config.json").read_text())["licence"]["name"] == "MIT"


def test_weights_of_unknown_terms_are_no_commercial_ones(tiny_file, tmp_path):
    with pytest.raises(PermissionError, match="not stated"):
        convert(tiny_file, tmp_path / "out", "--commercial")
    assert not (tmp_path / "out").exists()


def test_half_a_licence(tiny_file, tmp_path):
    with pytest.raises(UserError, match="belong together"):
        convert(tiny_file, tmp_path / "out", "--licence", "MIT")
