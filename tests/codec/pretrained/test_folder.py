"""Codec folders: what is written is read again, and what is broken is said in one line."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

import toys
from codec import load, save

SPEECH = torch.from_numpy(toys.utterance(0, 0.8))[None, None]


def test_a_saved_codec_is_the_same(toy_codec, tmp_path):
    save(toy_codec, tmp_path / "deep/codec", torch.float32)
    again = load(tmp_path / "deep/codec")
    assert again.config == toy_codec.config and not again.training
    assert all(torch.equal(again.state_dict()[name], tensor) for name, tensor in toy_codec.state_dict().items())
    assert sorted(p.name for p in (tmp_path / "deep/codec").iterdir()) == ["config.json", "model.safetensors"]


def test_half_precision_on_disk_keeps_the_fingerprint_and_is_stable(toy_codec, tmp_path):
    save(toy_codec, tmp_path / "half")
    once = load(tmp_path / "half")
    assert {p.dtype for p in once.parameters()} == {torch.float32}
    save(once, tmp_path / "again")
    twice = load(tmp_path / "again")
    assert twice.fingerprint == once.fingerprint == toy_codec.fingerprint
    assert torch.equal(twice.encode(SPEECH)[0], once.encode(SPEECH)[0])
    assert (tmp_path / "again/model.safetensors").read_bytes() == (tmp_path / "half/model.safetensors").read_bytes()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_broken_folder_gives_one_clear_error(toy_codec, tmp_path, name):
    save(toy_codec, tmp_path)
    whole = (tmp_path / name).read_bytes()
    foreign = whole.replace(b'"n_mels": 80', b'"n_mels": 40').replace(b"encoder.input", b"encoder.inpux")
    for content in (b"", b"[]", whole[:50], foreign):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="is not a readable codec") as caught:
            load(tmp_path)
        assert "\n" not in str(caught.value)
    (tmp_path / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"is not a codec folder: no {name}"):
        load(tmp_path)


def test_an_unknown_key_of_a_saved_configuration_is_named(toy_codec, tmp_path):
    save(toy_codec, tmp_path)
    values = json.loads((tmp_path / "config.json").read_text("utf-8"))
    (tmp_path / "config.json").write_text(json.dumps({**values, "frame_hop": 1}))
    with pytest.raises(ValueError, match=r"unknown codec keys \['frame_hop'\]"):
        load(tmp_path)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_weights_that_are_no_numbers_are_refused_by_name_where_they_are_read(toy_codec, tmp_path, value):
    save(toy_codec, tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    weights["decoder.input.weight"][1, 2] = value
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(
        ValueError, match=r"model.safetensors: decoder.input.weight has 1 of \d+ weights NaN or infinite"
    ):
        load(tmp_path)


@pytest.mark.parametrize("value", [torch.nan, 1e6])
def test_weights_that_are_no_numbers_or_too_large_are_not_saved(tmp_path, value):
    codec = toys.toy_codec()
    codec.encoder.input.weight.data[0, 0] = value
    with pytest.raises(ValueError, match=r"saved as torch.float16: encoder.input.weight has 1 of"):
        save(codec, tmp_path / "codec")
    assert not (tmp_path / "codec").exists()
