"""Putting a voice together: parts that belong together, in half precision, the card kept."""

import pytest
from safetensors.torch import load_file

from codec import save as save_codec
from pipelines import export_voice
from pipelines.shared.errors import UserError
from pipelines.speaking.loading import load_voice
from toys import toy_codec, write_voice


@pytest.fixture
def parts(tmp_path):
    """Codec, LM and tokenizer that belong together."""
    return write_voice(tmp_path / "parts")


def export(parts, out, **changes):
    given = {
        "codec": parts / "codec",
        "lm": parts / "lm",
        "tokenizer": parts / "tokenizer.model",
        "out": out,
        **changes,
    }
    export_voice.main([f"--{name}={path}" for name, path in given.items()])


def test_a_voice_is_put_together(parts, tmp_path):
    export(parts, tmp_path / "mine")
    voice = load_voice(str(tmp_path / "mine"))
    assert voice.card["name"] == "mine"
    assert voice.codec.fingerprint == load_voice(str(parts)).codec.fingerprint
    weights = load_file(tmp_path / "mine/lm/model.safetensors")
    assert {str(tensor.dtype) for tensor in weights.values()} == {"torch.float16"}


def test_a_card_that_is_there_is_kept(parts, tmp_path):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "voice.yaml").write_text("name: other\n", "utf-8")
    export(parts, out)
    assert (out / "voice.yaml").read_text("utf-8") == "name: other\n"


def test_parts_of_two_voices_are_refused(parts, tmp_path):
    save_codec(toy_codec(seed=1), tmp_path / "other")
    with pytest.raises(UserError, match="this voice speaks codes of codec"):
        export(parts, tmp_path / "mine", codec=tmp_path / "other")
