"""Where codecs come from: whatever is none is said, and so is a codec of another kind."""

import pytest

from codec import HiFiGANCodec, LiteCodec, load, save


def test_a_codec_of_another_kind_is_refused(toy_codec, tmp_path):
    save(toy_codec, tmp_path)
    assert isinstance(load(tmp_path, kind=LiteCodec), LiteCodec)
    with pytest.raises(ValueError, match="is a LiteCodec, expected a HiFiGANCodec"):
        load(str(tmp_path), kind=HiFiGANCodec)


def test_what_is_nowhere_is_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such folder, nor a .nemo file, nor a hub id"):
        load(tmp_path / "none")
