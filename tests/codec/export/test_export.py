"""Codecs as graphs: weights are stored once, and graphs belong to what lies beside them."""

import dataclasses

import pytest

import codec.runtime
import toys
from codec.export.export import export_onnx

GRAPHS = {"decode-float32.onnx", "decode-int8.onnx", "encode-float32.onnx", "graphs.data"}


def test_graphs_lie_beside_the_weights_and_use_them(tmp_path):
    codec.save(toys.toy_codec(), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    export_onnx(toys.toy_codec(), tmp_path)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(after) - set(before) == GRAPHS
    assert {name: after[name] for name in before} == before


def test_the_same_weights_give_the_same_graphs(tmp_path):
    written = []
    for name in ("one", "two"):
        codec.save(toys.toy_codec(), tmp_path / name)
        export_onnx(toys.toy_codec(), tmp_path / name)
        written.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert written[0] == written[1]


def test_int8_can_be_left_out_and_leaves_nothing_behind(tmp_path):
    codec.save(toys.toy_codec(), tmp_path)
    export_onnx(toys.toy_codec(), tmp_path)
    export_onnx(toys.toy_codec(), tmp_path, int8=False)
    assert {path.name for path in tmp_path.glob("*.onnx")} == {"decode-float32.onnx", "encode-float32.onnx"}
    light = codec.runtime.load(tmp_path)
    assert light.decode(light.encode(toys.utterance(1)[None, None])[0]).shape[2] >= len(toys.utterance(1))


def test_a_folder_of_another_codec_is_refused(tmp_path):
    codec.save(toys.toy_codec(), tmp_path)
    other = toys.toy_codec(config=dataclasses.replace(toys.TOY_CODEC, name="other", vocoder_dim=32))
    with pytest.raises(ValueError, match="holds other weights than the codec other; save it there first"):
        export_onnx(other, tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        export_onnx(toys.toy_codec(), tmp_path)
