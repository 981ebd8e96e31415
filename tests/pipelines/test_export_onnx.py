"""A codec exported by the command runs without torch, and sounds the same."""

import numpy as np
import pytest
import torch

import toys
from codec import HiFiGANCodec, save
from codec import load as load_codec
from codec.runtime import load
from handmade import TINY
from pipelines import export_onnx
from pipelines.shared.errors import UserError

pytest.importorskip("onnx", reason="exporting needs onnx")


def test_an_exported_codec_decodes_as_torch_does(toy_codec, tmp_path, capsys):
    save(toy_codec, tmp_path / "codec")
    export_onnx.main(["--codec", str(tmp_path / "codec"), "--out", str(tmp_path / "exported")])
    assert toy_codec.fingerprint in capsys.readouterr().out
    exported, codes = load(tmp_path / "exported", "float32"), toys.random_codes(1, 20)
    assert exported.fingerprint == toy_codec.fingerprint
    saved = load_codec(tmp_path / "codec").eval()  # in half precision, as the graphs use it
    with torch.inference_mode():
        assert np.abs(exported.decode(codes.numpy()) - saved.decode(codes).numpy()).max() < 1e-3


def test_an_exported_codec_encodes_as_torch_does(toy_codec, tmp_path):
    save(toy_codec, tmp_path / "codec")
    export_onnx.main(["--codec", str(tmp_path / "codec"), "--out", str(tmp_path / "codec"), "--no-int8"])
    audio = toys.voiced(150.0)[None, None]
    expected = load_codec(tmp_path / "codec").encode(torch.from_numpy(audio))[0].numpy()
    assert np.array_equal(load(tmp_path / "codec").encode(audio)[0], expected)


def test_a_file_is_no_folder(toy_codec, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(UserError, match="is a file; expected a folder"):
        export_onnx.main(["--codec", "x", "--out", str(tmp_path / "out")])


def test_a_codec_without_int8_has_none_to_leave_out(tmp_path):
    save(HiFiGANCodec(TINY), tmp_path / "codec")
    with pytest.raises(
        UserError, match="got --no-int8, and .* is not of the lite family: it has no int8; leave it out"
    ):
        export_onnx.main(["--codec", str(tmp_path / "codec"), "--out", str(tmp_path / "out"), "--no-int8"])
    assert not (tmp_path / "out").exists()
