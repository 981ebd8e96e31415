"""Audio files: what is written is read back, in every format, at any rate."""

import io

import numpy as np
import pytest
import soundfile
import torch

import toys
from codec.audio import reading, writing

RATE = toys.RATE


def likeness(found: np.ndarray, wanted: np.ndarray) -> float:
    """Correlation at the best alignment; lossy formats may shift by a few samples."""
    size = 1 << (len(found) + len(wanted)).bit_length()
    cross = np.fft.irfft(np.fft.rfft(found, size) * np.fft.rfft(wanted, size).conj(), size)
    return float(cross.max() / np.linalg.norm(found) / np.linalg.norm(wanted))


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3", ".WAV"])
def test_what_is_written_is_read_back(tmp_path, suffix):
    wanted, path = toys.voiced(150, 0.7), tmp_path / f"speech{suffix}"
    writing.save_audio(path, wanted, RATE)
    found = reading.load_audio(path, RATE)
    assert found.dtype == torch.float32 and found.shape[0] == 1
    if suffix.lower() in (".wav", ".flac"):
        assert found[0].numpy() == pytest.approx(wanted, abs=1 / 32768)
    else:
        assert abs(found.shape[1] - len(wanted)) < 0.1 * RATE
        assert likeness(found[0].numpy(), wanted) > 0.97
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", list(writing.FORMATS.values()))
def test_a_file_object_takes_any_kind(kind):
    buffer = io.BytesIO()
    writing.save_audio(buffer, toys.voiced(150, 0.2), RATE, kind)
    buffer.seek(0)
    assert soundfile.info(buffer).samplerate == RATE


@pytest.mark.parametrize("suffix", [".mp3", ".ogg"])
def test_minutes_of_audio_are_written_in_blocks(tmp_path, suffix, monkeypatch):
    sizes, write = [], soundfile.SoundFile.write

    def watched(self, data):
        sizes.append(len(data))
        write(self, data)

    monkeypatch.setattr(soundfile.SoundFile, "write", watched)
    count = 1_500_000
    writing.save_audio(tmp_path / f"long{suffix}", np.zeros(count, np.float32), RATE)
    assert sum(sizes) == count and max(sizes) <= writing.WRITE_BLOCK
    assert soundfile.info(tmp_path / f"long{suffix}").frames == pytest.approx(count, abs=5000)


def test_what_is_beyond_full_scale_is_clipped(tmp_path):
    writing.save_audio(tmp_path / "a.wav", np.array([2.0, -3.0, 0.5], np.float32), RATE)
    assert reading.load_audio(tmp_path / "a.wav", RATE)[0].tolist() == pytest.approx([1, -1, 0.5], abs=1e-4)


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 48_000])
def test_another_rate_is_resampled(tmp_path, rate):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    soundfile.write(tmp_path / "a.wav", tone, rate, subtype="FLOAT")
    found = reading.load_audio(tmp_path / "a.wav", RATE)[0].numpy()
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    assert len(found) == RATE and found.dtype == np.float32
    assert found[500:-500] == pytest.approx(wanted[500:-500], abs=5e-3)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT", "DOUBLE"])
def test_any_sample_format_is_full_scale_one(tmp_path, subtype):
    soundfile.write(tmp_path / "a.wav", np.array([0.5, -0.25, 0.0]), RATE, subtype=subtype)
    assert reading.load_audio(tmp_path / "a.wav", RATE)[0].tolist() == pytest.approx([0.5, -0.25, 0], abs=0.01)


def test_channels_are_averaged(tmp_path):
    stereo = np.stack([np.full(1000, 16_384, np.int16), np.zeros(1000, np.int16)], axis=1)
    soundfile.write(tmp_path / "a.wav", stereo, RATE)
    found = reading.load_audio(tmp_path / "a.wav", RATE)
    assert found.shape == (1, 1000) and torch.allclose(found, torch.tensor(0.25))


def test_an_interrupted_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    writing.save_audio(path, toys.voiced(150, 0.1), RATE)
    before = path.read_bytes()

    def fail(self, data):
        raise OSError("no space")

    monkeypatch.setattr(soundfile.SoundFile, "write", fail)
    with pytest.raises(OSError, match="no space"):
        writing.save_audio(path, toys.voiced(200, 0.1), RATE)
    assert path.read_bytes() == before


def test_what_is_no_audio_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"absent.wav is not a file"):
        reading.load_audio(tmp_path / "absent.wav", RATE)
    with pytest.raises(FileNotFoundError, match="is not a file"):
        reading.load_audio(tmp_path, RATE)
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(ValueError, match=r"text.wav is not readable audio .*expected wav, flac, ogg or mp3"):
        reading.load_audio(tmp_path / "text.wav", RATE)
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    with pytest.raises(ValueError, match=r"empty.wav holds no samples"):
        reading.load_audio(tmp_path / "empty.wav", RATE)


@pytest.mark.parametrize("name", ["a.aac", "a", "wav"])
def test_an_unknown_suffix_is_refused_before_anything_is_written(tmp_path, name):
    with pytest.raises(ValueError, match=r"expected a name ending in .wav, .flac, .ogg, .mp3"):
        writing.save_audio(tmp_path / name, np.zeros(10), RATE)
    assert not list(tmp_path.iterdir())


def test_silence_around_speech_is_trimmed():
    quiet = 1e-4 * torch.randn(1, RATE // 2)
    speech = torch.from_numpy(toys.voiced(150, 0.5))[None]
    trimmed = reading.trim_silence(torch.cat([quiet, speech, quiet], dim=1), RATE)
    assert trimmed.shape[1] / RATE == pytest.approx(0.04 + 0.5 + 0.12, abs=0.02)
    lead = round(0.04 * RATE)
    assert trimmed[0, : lead - 250].abs().max() < 1e-3 < trimmed[0, lead + 250 : lead + 500].abs().max()


def test_a_pause_within_speech_and_speech_without_silence_stay():
    speech = torch.from_numpy(toys.voiced(150, 0.3))[None]
    whole = torch.cat([speech, torch.zeros(1, RATE), speech], dim=1)
    assert reading.trim_silence(whole, RATE).shape == whole.shape


@pytest.mark.parametrize("samples", [1, 100, RATE])
def test_audio_of_nothing_but_silence_comes_back_whole(samples):
    audio = torch.zeros(1, samples)
    assert torch.equal(reading.trim_silence(audio, RATE), audio)


@pytest.mark.parametrize("rate", [toys.RATE, 16_000, 44_100])
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_a_file_in_blocks_is_the_file(tmp_path, rate, suffix):
    path = tmp_path / f"a{suffix}"
    writing.save_audio(path, toys.voiced(150, 7.3, rate=rate), rate)
    audio, _ = soundfile.read(path, dtype="float32")  # all at once
    blocks = list(reading.read_blocks(path, toys.RATE, 5000))
    assert np.array_equal(torch.cat(blocks, dim=1)[0].numpy(), reading.resample(audio, rate, toys.RATE))
    assert {block.shape for block in blocks[:-1]} == {(1, 5000)}


@pytest.mark.parametrize(("lead_s", "tail_s"), [(0.0, 0.0), (3.1, 0.5), (25.0, 22.0)])
@pytest.mark.parametrize("levels_per_block", [30, 6000])
def test_speech_of_a_file_is_that_of_the_whole(tmp_path, lead_s, tail_s, levels_per_block, monkeypatch):
    monkeypatch.setattr(reading, "LEVELS_PER_BLOCK", levels_per_block)
    silence = [np.zeros(round(duration_s * toys.RATE), np.float32) for duration_s in (lead_s, tail_s)]
    audio = np.concatenate([silence[0], toys.voiced(150, 1.0), silence[1]])
    soundfile.write(tmp_path / "a.wav", audio, toys.RATE, subtype="FLOAT")
    pieces = torch.cat(list(reading.read_speech(tmp_path / "a.wav", toys.RATE)), dim=1)
    assert torch.equal(pieces, reading.trim_silence(torch.from_numpy(audio)[None], toys.RATE))


def test_a_long_silence_is_read_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "LEVELS_PER_BLOCK", 30)
    soundfile.write(tmp_path / "a.wav", np.zeros(50_000), toys.RATE)
    assert sum(piece.shape[1] for piece in reading.read_speech(tmp_path / "a.wav", toys.RATE)) == 50_000
