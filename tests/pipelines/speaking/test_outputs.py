"""What speaking leaves behind: whole files of every format, in small writes."""

import io
import wave

import numpy as np
import pytest
import soundfile

import toys
from codec.audio.mono import mono_pieces
from codec.audio.tags import read_tags
from codec.audio.writing import WRITE_BLOCK
from pipelines.shared.errors import UserError
from pipelines.speaking.outputs import FileWriter, PipeWriter, to_pcm, wav_header

AUDIO = toys.voiced(150, 1.0)


def write_and_fail(writer, error) -> None:
    with writer:
        writer.write(AUDIO)
        raise error


@pytest.mark.parametrize(
    ("suffix", "error"), [("wav", 1e-4), ("flac", 1e-4), ("ogg", 0.2), ("mp3", 0.2), ("WAV", 1e-4)]
)
def test_every_format_holds_the_audio(tmp_path, suffix, error):
    path = tmp_path / f"a.{suffix}"
    with FileWriter(path, toys.RATE) as writer:
        for piece in np.array_split(AUDIO, 7):
            writer.write(piece)
    found, rate = soundfile.read(path, dtype="float32")
    assert rate == toys.RATE and abs(len(found) - len(AUDIO)) < 3000
    assert abs(found[2000:-3000].std() / AUDIO[2000:-3000].std() - 1) < 0.2
    if error < 0.01:
        assert np.abs(found - AUDIO).max() < error
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_has_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"what was here before")
    writer = FileWriter(path, toys.RATE)
    with writer:
        writer.write(AUDIO)
        assert path.read_bytes() == b"what was here before"
    assert soundfile.info(path).frames == len(AUDIO)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_if_anything_fails_there_is_no_file(tmp_path, error):
    with pytest.raises(error):
        write_and_fail(FileWriter(tmp_path / "a.ogg", toys.RATE), error)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", ["wav", "ogg", "mp3"])
def test_large_audio_is_written_in_blocks(tmp_path, suffix):
    sizes, audio = [], np.tile(AUDIO, 10)
    with FileWriter(tmp_path / f"a.{suffix}", toys.RATE) as writer:
        write = writer.file.write
        writer.file.write = lambda block: sizes.append(len(block)) or write(block)
        writer.write(audio)
    assert max(sizes) <= WRITE_BLOCK == 65_536
    assert sum(sizes) == len(audio)
    assert soundfile.info(tmp_path / f"a.{suffix}").duration == pytest.approx(10, abs=0.2)


def test_loud_audio_is_limited_not_wrapped(tmp_path):
    with FileWriter(tmp_path / "a.wav", toys.RATE) as writer:
        writer.write(np.array([3.0, -3.0], np.float32))
    assert np.allclose(soundfile.read(tmp_path / "a.wav")[0], [1, -1], atol=1e-3)
    assert to_pcm(np.array([3.0, -3.0, 0.0])) == np.array([32767, -32767, 0], "<i2").tobytes()


@pytest.mark.parametrize(
    ("name", "message"), [("a.xyz", "expected a name ending in"), ("absent/a.wav", "does not exist"), (".", "expected")]
)
def test_impossible_names_are_refused(tmp_path, name, message):
    with pytest.raises((UserError, ValueError), match=message):
        FileWriter(tmp_path / name, toys.RATE)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_not_a_file(tmp_path):
    (tmp_path / "a.wav").mkdir()
    with pytest.raises(UserError, match="is a folder"):
        FileWriter(tmp_path / "a.wav", toys.RATE)


def test_a_pipe_gets_a_whole_wav_at_the_end():
    out = io.BytesIO()
    with PipeWriter(toys.RATE, stream=False, out=out) as writer:
        for piece in np.array_split(AUDIO, 5):
            writer.write(piece)
            assert not out.getvalue()
    with wave.open(io.BytesIO(out.getvalue())) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (toys.RATE, 1, 2)
        assert file.readframes(10**9) == to_pcm(AUDIO)


def test_a_streaming_pipe_gets_every_piece_at_once():
    out, sizes = io.BytesIO(), [0]
    with PipeWriter(toys.RATE, stream=True, out=out) as writer:
        assert not out.getvalue()  # what cannot be spoken leaves nothing
        for piece in np.array_split(AUDIO, 5):
            writer.write(piece)
            sizes.append(len(out.getvalue()))
    assert sizes == sorted(set(sizes))
    assert out.getvalue()[44:] == to_pcm(AUDIO)
    assert out.getvalue()[:44] == wav_header(toys.RATE, 0x7FFFFFFF)


TAGS = {"software": "a programme 1.0", "comment": "odd; a=b c", "title": "even"}


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_every_format_says_what_it_is_given_to_say(tmp_path, suffix):
    with FileWriter(tmp_path / f"a.{suffix}", toys.RATE, TAGS) as writer:
        writer.write(AUDIO)
    found = read_tags(tmp_path / f"a.{suffix}")
    assert found["comment"] == TAGS["comment"] and found["title"] == TAGS["title"]
    if suffix != "mp3":  # in which LAME names itself
        assert found["software"].startswith(TAGS["software"])


@pytest.mark.parametrize("stream", [False, True])
def test_a_pipe_says_it_too(tmp_path, stream):
    out = io.BytesIO()
    with PipeWriter(toys.RATE, stream, out, TAGS) as writer:
        writer.write(AUDIO)
    (tmp_path / "a.wav").write_bytes(out.getvalue())
    assert read_tags(tmp_path / "a.wav") == TAGS
    assert np.array_equal(np.concatenate(list(mono_pieces(tmp_path / "a.wav", toys.RATE))) * 32768, pcm(AUDIO))


def pcm(audio: np.ndarray) -> np.ndarray:
    return np.frombuffer(to_pcm(audio), "<i2")


def test_a_failed_pipe_gets_nothing():
    out = io.BytesIO()
    with pytest.raises(ValueError, match="stop"):
        write_and_fail(PipeWriter(toys.RATE, stream=False, out=out), ValueError("stop"))
    assert not out.getvalue()
