"""Files whose headers lie, that are cut, or whose samples are no audio: read whole, or refused with a reason."""

import contextlib
import struct
import warnings

import numpy as np
import pytest
import soundfile
import torch

import toys
from codec.audio import containers, decoding, reading, writing
from codec.audio.decoding import RecordingWarning, measure

RATE = toys.RATE
SPEECH = toys.voiced(150, 2.0)
SAMPLES = len(SPEECH)


@pytest.fixture
def encoded(tmp_path):
    """Bytes of SPEECH as a file of a kind."""

    def encode(suffix: str, audio: np.ndarray = SPEECH, rate: int = RATE) -> bytes:
        path = tmp_path / f"source{suffix}"
        writing.save_audio(path, audio, rate)
        return path.read_bytes()

    return encode


@pytest.fixture
def samples_of(tmp_path):
    """How many samples are read of a file with some content; a warning is an error."""

    def read(suffix: str, content: bytes) -> int:
        path = tmp_path / f"file{suffix}"
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("error", RecordingWarning)
            audio = reading.load_audio(path, RATE)
            assert measure(path).duration_s * RATE == pytest.approx(audio.shape[1], abs=0.1)
        return audio.shape[1]

    return read


def with_bytes(content: bytes, offset: int, patch: bytes) -> bytes:
    return content[:offset] + patch + content[offset + len(patch) :]


@pytest.mark.parametrize("suffix", [".mp3", ".ogg"])
@pytest.mark.parametrize("count", [2, 3])
def test_recordings_joined_by_their_bytes_are_read_one_after_another(encoded, samples_of, suffix, count):
    """J."""
    assert samples_of(suffix, encoded(suffix) * count) == count * SAMPLES


def test_tags_between_joined_recordings_are_no_audio(encoded, samples_of):
    """J."""
    mp3 = encoded(".mp3")
    tagged = b"ID3\4\0\0\0\0\x10\0" + bytes(2048) + mp3 + b"TAG".ljust(128, b"x")
    assert samples_of(".mp3", tagged * 2) == 2 * SAMPLES


def test_joined_recordings_of_two_rates_are_refused(encoded, samples_of):
    """J."""
    with pytest.raises(ValueError, match=r"holds recordings of 22050 Hz and 16000 Hz"):
        samples_of(".ogg", encoded(".ogg") + encoded(".ogg", rate=16_000))


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100])
@pytest.mark.parametrize("claim", [0, 3, 5000])
def test_an_mp3_is_as_long_as_its_frames_not_as_its_header_says(encoded, samples_of, rate, claim):
    """J."""
    mp3 = encoded(".mp3", toys.voiced(150, 2.0, rate=rate), rate)
    xing = mp3.index(b"Xing")
    wanted = round(2.0 * RATE)
    assert samples_of(".mp3", with_bytes(mp3, xing + 8, struct.pack(">I", claim))) == pytest.approx(wanted, abs=2)


def test_an_mp3_without_a_header_of_its_length_is_read_whole(encoded, samples_of):
    """J. Without that frame nobody knows how much silence the encoder added at both ends."""
    assert SAMPLES <= samples_of(".mp3", encoded(".mp3").replace(b"Xing", b"\0\0\0\0")) < SAMPLES + 2500


def test_a_wav_that_was_written_to_a_pipe_is_read_whole(encoded, samples_of):
    """J."""
    quiet = SPEECH * (np.arange(SAMPLES) > 5000)
    wav = encoded(".wav", quiet)
    data = wav.index(b"data") + 4
    for size in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\xf0\xff\x7f"):
        assert samples_of(".wav", with_bytes(with_bytes(wav, data, size), 4, size)) == SAMPLES
    with pytest.raises(ValueError, match="holds no samples"):  # what follows is a chunk
        samples_of(".wav", wav[:data] + bytes(4) + b"LIST\x04\0\0\0abcd" + bytes(12))


@pytest.mark.parametrize("suffix", [".wav", ".ogg", ".mp3"])
def test_what_other_programs_add_to_a_file_is_no_cut(encoded, samples_of, suffix):
    """J."""
    content = encoded(suffix) + b"TAG".ljust(128, b"x")
    if suffix == ".wav":  # and they count the header as audio
        data = content.index(b"data") + 4
        content = with_bytes(content[:-128], data, struct.pack("<I", 2 * SAMPLES + 44))
    assert samples_of(suffix, content) == SAMPLES


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_a_cut_file_says_so(encoded, samples_of, suffix, share):
    """J."""
    whole = encoded(suffix)
    with pytest.raises((ValueError, RecordingWarning), match=rf"file{suffix}.*(seems to be|damaged or) cut"):
        samples_of(suffix, whole[: int(len(whole) * share)])


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".mp3"])
def test_a_damaged_file_says_so(encoded, samples_of, suffix):
    """J."""
    whole = encoded(suffix)
    middle = len(whole) // 2
    noise = np.random.default_rng(0).bytes(len(whole) // 4)
    with pytest.raises((ValueError, RecordingWarning), match=r"damaged|cut"):
        samples_of(suffix, with_bytes(whole, middle, noise))


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_any_bytes_are_read_or_refused(encoded, samples_of, suffix):
    """J. Whatever a disk or a network made of a file."""
    whole, rng = encoded(suffix, SPEECH[:8000]), np.random.default_rng(1)
    for _ in range(30):
        content = bytearray(whole[: rng.integers(1, len(whole))])
        for _ in range(rng.integers(0, 6)):
            content[rng.integers(len(content))] = rng.integers(256)
        with contextlib.suppress(ValueError, RecordingWarning):
            assert samples_of(suffix, bytes(content)) < 10 * SAMPLES


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_a_sound_file_is_left_as_it_is(encoded, tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(encoded(suffix))
    assert containers.layout_of(path) == containers.Layout([containers.Part(0, path.stat().st_size)])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, r"has a sample of nan at 1\.000 s; expected finite samples"),
        (-np.inf, r"has a sample of -inf at 1\.000 s"),
        (1e29, r"has a sample of 1e\+29 at 1\.000 s; expected finite samples with full scale 1$"),
        (-12_345.0, r"has a sample of -12345 at 1\.000 s.*divide float samples at integer scale by 32768"),
    ],
)
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_that_are_no_audio_are_refused_with_their_place(tmp_path, value, message, channels):
    """G."""
    audio = np.tile(SPEECH[:, None], channels)
    audio[RATE, channels - 1] = value
    soundfile.write(tmp_path / "a.wav", audio, RATE, subtype="FLOAT")
    for read in (lambda path: reading.load_audio(path, 16_000), lambda path: list(reading.read_speech(path, RATE))):
        with pytest.raises(ValueError, match=rf"a\.wav {message}"):
            read(tmp_path / "a.wav")


def test_the_place_counts_from_the_beginning_of_the_file(tmp_path, monkeypatch):
    """G."""
    monkeypatch.setattr(decoding, "READ_SIZE", 1000)
    audio = SPEECH.copy()
    audio[RATE] = np.nan
    soundfile.write(tmp_path / "a.wav", audio, RATE, subtype="FLOAT")
    with pytest.raises(ValueError, match=r"nan at 1\.000 s"):
        reading.load_audio(tmp_path / "a.wav", RATE)


def test_a_little_beyond_full_scale_is_audio(tmp_path):
    """G."""
    soundfile.write(tmp_path / "a.wav", 5 * SPEECH, RATE, subtype="FLOAT")
    assert reading.load_audio(tmp_path / "a.wav", RATE).abs().max() > 1


@pytest.mark.parametrize(("other", "warned"), [(-SPEECH, True), (-0.99 * SPEECH, True), (0 * SPEECH, False)])
def test_channels_that_cancel_each_other_are_warned_of(tmp_path, other, warned):
    """P."""
    soundfile.write(tmp_path / "a.wav", np.stack([SPEECH, other], axis=1), RATE)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        reading.load_audio(tmp_path / "a.wav", RATE)
    fault = "its channels cancel each other (antiphase), the mean is nearly silent; invert one of them"
    assert [str(warning.message) for warning in caught] == warned * [f"{tmp_path / 'a.wav'}: {fault}"]
    assert measure(tmp_path / "a.wav").faults == warned * [fault]


@pytest.mark.parametrize("clicks", [1, 5])
@pytest.mark.parametrize("level_db", [-30, -50, -70])
def test_clicks_over_quiet_speech_leave_the_speech(clicks, level_db):
    """P."""
    quiet = torch.zeros(1, RATE)
    speech = torch.from_numpy(SPEECH)[None] / 0.3 * 10 ** (level_db / 20)
    audio = torch.cat([quiet, speech, quiet], dim=1)
    wanted = reading.trim_silence(audio, RATE)
    for click in range(clicks):
        audio[0, RATE + 5000 + 3000 * click : RATE + 5050 + 3000 * click] = 1.0
    found = reading.trim_silence(audio, RATE)
    assert abs(found.shape[1] - wanted.shape[1]) <= RATE // 50


@pytest.mark.parametrize("offset", [0.005, -0.2])
def test_an_offset_does_not_hide_the_silence_around_speech(offset):
    """P."""
    quiet = torch.zeros(1, RATE)
    audio = torch.cat([quiet, 0.03 * torch.from_numpy(SPEECH)[None], quiet], dim=1)
    trimmed = reading.trim_silence(audio, RATE)
    assert trimmed.shape[1] < 2.3 * RATE
    assert reading.trim_silence(audio + offset, RATE).shape == trimmed.shape
