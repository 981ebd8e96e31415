"""Features of recordings, and folders that hold none or those of another analysis."""

import dataclasses

import numpy as np
import pytest
import soundfile
import torch

import toys
from codec import CodecConfig
from codec.audio import reading
from codec.lite import features as lite_features
from pipelines.corpus.features import features_of, read_features, write_features
from pipelines.shared.errors import UserError


def test_a_silent_recording_has_features(tmp_path, toy_codec):
    soundfile.write(tmp_path / "a.wav", np.zeros(5000), toys.RATE)
    assert features_of(tmp_path / "a.wav", toy_codec.config).isfinite().all()


def test_a_long_recording_has_the_features_of_the_whole(tmp_path, toy_codec, monkeypatch):
    silence = np.zeros(30_000, np.float32)
    audio = np.concatenate([silence, *(toys.utterance(number, 1.5) for number in range(3)), silence])
    soundfile.write(tmp_path / "a.wav", audio, toys.RATE, subtype="FLOAT")
    whole = features_of(tmp_path / "a.wav", toy_codec.config)
    monkeypatch.setattr(reading, "LEVELS_PER_BLOCK", 70)
    monkeypatch.setattr(lite_features, "BLOCK_S", 1.0)
    found = features_of(tmp_path / "a.wav", toy_codec.config)
    assert found.dtype == torch.float16 and torch.allclose(found, whole, atol=0.005)


def test_what_is_written_is_read_by_a_codec_of_the_same_analysis(tmp_path):
    config, features = CodecConfig(), {"a": torch.ones(4, 3), "b": torch.zeros(8, 3)}
    write_features(tmp_path / "0.safetensors", features, config)
    assert [path.name for path in tmp_path.iterdir()] == ["0.safetensors"]
    found = read_features(tmp_path, config)
    assert sorted(found) == ["a", "b"] and torch.equal(found["a"], features["a"])
    with pytest.raises(UserError, match=r"0.safetensors was made with .*80 bands, this codec has .*40 bands"):
        read_features(tmp_path, dataclasses.replace(config, n_mels=40))
    with pytest.raises(UserError, match=r"this codec has .*80 bands, high-pass at 20 Hz; use another folder"):
        read_features(tmp_path, dataclasses.replace(config, highpass_hz=20.0))


def test_a_folder_without_features_is_named(tmp_path):
    with pytest.raises(UserError, match=r"holds no features; make them with pipelines/extract_features.py"):
        read_features(tmp_path, CodecConfig())
