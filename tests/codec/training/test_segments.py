"""Random segments: the same for a seed, going on where an earlier run ended."""

import numpy as np
import pytest
import soundfile
import torch

import toys
from codec.audio.decoding import RecordingWarning
from codec.audio.writing import save_audio
from codec.training.segments import AudioSegments, FeatureSegments

SEGMENT = 4096
DURATIONS = 1.0, 0.5, 0.1


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Recordings whose samples say which file they are of and where."""
    folder, paths = tmp_path_factory.mktemp("audio"), []
    for number, duration_s in enumerate(DURATIONS):
        ramp = np.arange(round(duration_s * toys.RATE)) + 1
        paths.append(folder / f"{number}.wav")
        soundfile.write(paths[-1], (number * 0.3 + ramp * 1e-6).astype(np.float32), toys.RATE, subtype="FLOAT")
    return paths


def audio(files, size: int = 20, seed: int = 0, first: int = 0) -> AudioSegments:
    return AudioSegments(files, DURATIONS, SEGMENT, toys.RATE, size=size, seed=seed, first=first)


def test_a_seed_is_a_sequence_of_segments(files):
    once, again, other = list(audio(files)), list(audio(files)), list(audio(files, seed=1))
    assert len(once) == len(audio(files)) == 20
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(once, other, strict=True))


def test_a_later_part_of_a_run_goes_on_with_the_draws(files):
    whole, rest = audio(files), audio(files, size=13, first=7)
    assert all(torch.equal(whole[7 + i], rest[i]) for i in range(13))


def test_segments_are_contiguous_and_short_files_padded(files):
    for segment in audio(files, size=40):
        assert segment.shape == (SEGMENT,) and segment.dtype == torch.float32
        sound = segment[segment > 0]
        assert torch.allclose(sound.diff(), torch.tensor(1e-6), atol=2e-7)
        assert (segment[len(sound) :] == 0).all()
        number = round(float(sound.mean() - 0.01) / 0.3)
        assert len(sound) == min(SEGMENT, round(DURATIONS[number] * toys.RATE))


def test_long_recordings_are_drawn_more_often(files):
    numbers = torch.tensor([round(float(segment[0] - 0.01) / 0.3) for segment in audio(files, size=300)])
    shares = torch.bincount(numbers, minlength=3) / 300
    assert shares.tolist() == pytest.approx([1 / 1.6, 0.5 / 1.6, 0.1 / 1.6], abs=0.08)


def test_channels_are_averaged(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.tile(np.float32([0.5, 0.0]), (SEGMENT, 1)), toys.RATE, subtype="FLOAT")
    dataset = AudioSegments([tmp_path / "a.wav"], [0.2], SEGMENT, toys.RATE, size=1, seed=0)
    assert torch.allclose(dataset[0], torch.tensor(0.25))


def test_a_recording_of_another_rate_is_refused(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(9000), 16_000)
    with pytest.raises(ValueError, match=r"a.wav is 16000 Hz, this codec expects 22050 Hz"):
        AudioSegments([tmp_path / "a.wav"], [0.5], SEGMENT, toys.RATE, size=1, seed=0)[0]


@pytest.mark.parametrize("suffix", [".mp3", ".ogg", ".wav"])
def test_segments_are_cut_from_what_is_there_not_from_what_a_header_says(tmp_path, suffix):
    """J."""
    path, speech = tmp_path / f"a{suffix}", toys.voiced(150, 1.0)
    save_audio(path, speech, toys.RATE)
    content = path.read_bytes()
    if suffix == ".wav":
        data = content.index(b"data") + 4
        path.write_bytes(content[:data] + bytes(4) + content[data + 4 :])
    elif suffix == ".ogg":
        path.write_bytes(content * 3)
    else:
        xing = content.index(b"Xing") + 8
        path.write_bytes(content[:xing] + b"\0\x0f\0\0" + content[xing + 4 :])
    for segment in AudioSegments([path], [3.0], SEGMENT, toys.RATE, size=30, seed=0):
        assert (segment.view(-1, 512).square().mean(1) > 1e-4).all()


def test_a_recording_that_was_cut_since_is_named(tmp_path):
    """J."""
    path = tmp_path / "a.wav"
    soundfile.write(path, toys.voiced(150, 2.0), toys.RATE)
    path.write_bytes(path.read_bytes()[:40_000])
    dataset = AudioSegments([path], [2.0], SEGMENT, toys.RATE, size=20, seed=0)
    with pytest.warns(RecordingWarning, match=r"a\.wav.*cut"):
        assert all((segment != 0).any() for segment in dataset)


def test_samples_that_are_no_audio_are_refused(tmp_path):
    """G."""
    audio = toys.voiced(150, 0.1)
    audio[1000] = np.nan
    soundfile.write(tmp_path / "a.wav", audio, toys.RATE, subtype="FLOAT")
    with pytest.raises(ValueError, match=r"a\.wav has a sample of nan at 0\.045 s"):
        AudioSegments([tmp_path / "a.wav"], [0.1], SEGMENT, toys.RATE, size=1, seed=0)[0]


def features(lengths: list[int]) -> list[torch.Tensor]:
    """Features whose first value is the number of the frame, and the second that of the utterance."""
    return [
        torch.stack([torch.arange(n).half(), torch.full((n,), i).half(), torch.zeros(n).half()], dim=1)
        for i, n in enumerate(lengths)
    ]


def test_feature_segments_begin_at_codec_frames_and_leave_short_utterances_out():
    dataset = FeatureSegments(features([40, 12, 16, 80]), 16, 4, size=200, seed=0)
    assert dataset.left_out == ["1"]
    starts: set[tuple[int, int]] = set()
    for segment in dataset:
        assert segment.shape == (16, 3) and segment.dtype == torch.float32
        assert (segment[:, 0].diff() == 1).all() and segment[0, 0] % 4 == 0
        starts.add((int(segment[0, 1]), int(segment[0, 0])))
    assert {number for number, _ in starts} == {0, 2, 3}
    assert {start for number, start in starts if number == 0} == set(range(0, 25, 4))
    assert {start for number, start in starts if number == 2} == {0}


def test_feature_segments_are_draws_too():
    whole, rest = (
        FeatureSegments(features([40, 80]), 16, 4, size=size, seed=3, first=first) for size, first in ((9, 0), (5, 4))
    )
    assert all(torch.equal(whole[4 + i], rest[i]) for i in range(5))


def test_features_that_are_all_too_short_are_refused():
    with pytest.raises(ValueError, match="got no utterance of 4 codec frames; use a smaller segment_frames"):
        FeatureSegments(features([12, 8]), 16, 4, size=1, seed=0)
