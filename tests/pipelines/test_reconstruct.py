"""reconstruct.py: files through a codec and back, with their figures."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile

import toys
from codec import save as save_codec
from pipelines import reconstruct
from pipelines.shared.errors import UserError


@pytest.fixture
def run(tmp_path, toy_codec):
    """Reconstruct files with a toy codec into tmp_path/out."""
    save_codec(toy_codec, tmp_path / "codec")

    def reconstruct_files(*files: Path, codec: str = "codec") -> Path:
        out = tmp_path / "out"
        reconstruct.main([*map(str, files), "--codec", str(tmp_path / codec), "--out-dir", str(out)])
        return out

    return reconstruct_files


def test_every_file_is_written_and_measured(run, tmp_path, capsys, toy_codec):
    soundfile.write(tmp_path / "one.wav", toys.utterance(0, 0.7), toys.RATE)
    stereo = np.stack([toys.voiced(150, 0.5, rate=44_100)] * 2, axis=1)
    soundfile.write(tmp_path / "two.flac", stereo, 44_100)
    out = run(tmp_path / "one.wav", tmp_path / "two.flac")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(line["out"]) for line in lines] == [out / "one.wav", out / "two.wav"]
    for line, duration_s in zip(lines, (0.7, 0.5), strict=True):
        audio, rate = soundfile.read(line["out"])
        assert rate == toys.RATE and len(audio) / rate == pytest.approx(duration_s, abs=1e-3)
        assert line["duration_s"] == pytest.approx(duration_s, abs=1e-3)
        assert all(math.isfinite(value) for value in line.values() if isinstance(value, float))
        assert line["mel_distance"] > 0 and line["encode_real_time_factor"] > 0
        assert 0 < line["bits_per_second"] <= toy_codec.bitrate + 1


def test_a_long_recording_sounds_and_measures_the_same_in_blocks(run, tmp_path, capsys, monkeypatch):
    soundfile.write(tmp_path / "long.wav", toys.utterance(0, 3.0), toys.RATE)
    whole = (run(tmp_path / "long.wav") / "long.wav").read_bytes()
    monkeypatch.setattr(reconstruct, "BLOCK", 2**14)
    assert (run(tmp_path / "long.wav") / "long.wav").read_bytes() == whole
    one, other = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    for name in ("duration_s", "si_sdr_db", "bits_per_second"):
        assert one[name] == pytest.approx(other[name], abs=0.011), name
    for name in ("mel_distance", "stft_distance"):  # spectra of a block do not see the next one
        assert one[name] == pytest.approx(other[name], rel=0.05), name


def test_one_sample_is_enough(run, tmp_path, capsys):
    soundfile.write(tmp_path / "click.wav", np.array([0.5]), toys.RATE)
    audio, _ = soundfile.read(run(tmp_path / "click.wav") / "click.wav")
    assert len(audio) == 1


def test_mistakes_are_named_before_anything_is_written(run, tmp_path):
    soundfile.write(tmp_path / "one.wav", toys.voiced(150, 0.2), toys.RATE)
    soundfile.write(tmp_path / "one.flac", toys.voiced(150, 0.2), toys.RATE)
    with pytest.raises(UserError, match="two of the files have the same name"):
        run(tmp_path / "one.wav", tmp_path / "one.flac")
    with pytest.raises(UserError, match=r"absent.wav is not a file; expected audio"):
        run(tmp_path / "one.wav", tmp_path / "absent.wav")
    with pytest.raises(FileNotFoundError, match="is not a codec folder"):
        run(tmp_path / "one.wav", codec="nowhere")
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_audio_is_named(run, tmp_path):
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(ValueError, match=r"text.wav is not readable audio"):
        run(tmp_path / "text.wav")


def test_a_voice_that_is_not_there_is_named(tmp_path):
    soundfile.write(tmp_path / "one.wav", toys.voiced(150, 0.2), toys.RATE)
    with pytest.raises(UserError, match="no voice 'nobody'"):
        reconstruct.main([str(tmp_path / "one.wav"), "--voice", "nobody"])
