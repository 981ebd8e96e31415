"""Licences: which weights have which, that they are kept, and what commercial use refuses."""

from pathlib import Path

import pytest

from codec import from_config, load, save
from codec.licence import Licence
from codec.pretrained.licences import NSCL, OPEN_MODEL, guess_licence
from codec.pretrained.nemo import load_nemo
from handmade import pack, tiny_parts

ROOT = Path(__file__).resolve().parents[3]


def test_licences(tmp_path, monkeypatch, caplog):
    tiny_file = pack(tmp_path / "tiny.nemo", tiny_parts())
    guesses = {
        name: guess_licence(from_config(ROOT / f"configs/codec/{name}.yaml").config)
        for name in ("lfsc", "nanocodec-21.5fps")
    }
    assert guesses == {"lfsc": NSCL, "nanocodec-21.5fps": OPEN_MODEL}
    codec = load_nemo(tiny_file, licence=NSCL)
    assert "non-commercial" in caplog.text
    save(codec, tmp_path)
    assert load(tmp_path).licence == NSCL
    with pytest.raises(PermissionError, match="commercial use was asked for"):
        load(tmp_path, commercial=True)
    monkeypatch.setenv("LFSC_COMMERCIAL", "1")
    with pytest.raises(PermissionError, match="NSCLv1"):
        load(tmp_path)
    with pytest.raises(PermissionError, match="terms of use not stated"):
        load_nemo(tiny_file)
    assert load_nemo(tiny_file, licence=OPEN_MODEL).licence.commercial
    assert load(tmp_path, commercial=False).licence == NSCL


def test_a_licence_that_is_none(tmp_path):
    with pytest.raises(ValueError, match="expected name, commercial"):
        Licence.from_dict({"title": "x"})
    with pytest.raises(ValueError, match="true, false or null"):
        Licence.from_dict({"name": "x", "commercial": "yes"})
