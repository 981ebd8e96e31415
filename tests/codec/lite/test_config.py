"""Codec configurations: derived figures, the way through JSON, refusals."""

import json

import pytest

from codec import CodecConfig


def test_the_default_codec_has_the_geometry_of_the_paper():
    config = CodecConfig()
    assert config.frame_rate == pytest.approx(21.533, abs=0.001)
    assert config.codebook_size == 2016
    assert config.bitrate / 1000 == pytest.approx(1.89, abs=0.005)
    assert config.stack == 4


def test_a_configuration_survives_json():
    config = CodecConfig(name="other", levels=(5, 3), num_codebooks=3, hop_length=512)
    again = CodecConfig.from_dict(json.loads(json.dumps(config.to_dict())))
    assert again == config
    assert again.levels == (5, 3) and isinstance(again.encoder_dims, tuple)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hop_length": 1000}, "got hop_length=1000, stft_hop=256; expected a multiple"),
        ({"n_fft": 768}, r"got n_fft=768, stft_hop=256; expected a multiple of 2 \* stft_hop"),
        ({"kernel_sizes": [3, 4]}, r"got kernel_sizes=\(3, 4\); both must be odd"),
        ({"highpass_hz": 30.0}, "got highpass_hz=30.0; expected 0..20.0, below any voice"),
        ({"vocoder_sharpness": -0.1}, "got vocoder_sharpness=-0.1; expected 0..2.0"),
        ({"stft_hop": 0}, "got stft_hop=0; expected 1 or more"),
        ({"decoder_dims": [512, -1]}, r"got decoder_dims=\(512, -1\); expected 1 or more, each"),
        ({"levels": [8, 1]}, r"got levels=\(8, 1\); expected 2 or more, each"),
        ({"hops": 1, "level": 2}, r"unknown codec keys \['hops', 'level'\]; known keys are .*'hop_length'"),
    ],
)
def test_what_cannot_be_built_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        CodecConfig.from_dict(changes)


def test_what_can_be_off_is_off_by_a_whole_number_too():
    config = CodecConfig.from_dict({"highpass_hz": 0, "vocoder_sharpness": 0})
    assert config == CodecConfig() and config.code_space() == CodecConfig().code_space()


def test_decoder_and_vocoder_are_no_part_of_the_code_space():
    config = CodecConfig()
    assert CodecConfig(decoder_blocks=(1, 1), vocoder_dim=8, vocoder_sharpness=0.5).code_space() == config.code_space()
    for change in ({"levels": (8, 8)}, {"encoder_dims": (8, 8)}, {"kernel_sizes": (5, 7)}, {"name": "other"}):
        assert CodecConfig(**change).code_space() != config.code_space()


def test_a_high_pass_is_part_of_the_code_space_but_one_that_is_off_changes_no_fingerprint():
    assert "highpass_hz" not in CodecConfig().code_space()
    assert CodecConfig(highpass_hz=20.0).code_space() == {**CodecConfig().code_space(), "highpass_hz": 20.0}


def test_a_configuration_cannot_be_changed():
    with pytest.raises(AttributeError):
        CodecConfig().name = "x"  # type: ignore[misc]
