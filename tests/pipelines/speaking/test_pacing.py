"""Speed and silences: exact lengths, the same samples streamed as whole, words where they are heard."""

from itertools import accumulate

import numpy as np
import pytest

import toys
from pipelines.speaking.pacing import Pacing, Rest
from pipelines.speaking.synthesis import TTS
from speechllm.text.frontend import SpokenWord

TEXT = "Hello there — my old friend. How do you do?\n\nThe quick brown fox jumps over the lazy dog!"
SSML = "<speak>One <break time='700ms'/> two, <break time='300ms'/> three.<break time='1s'/></speak>"
WORDS = [SpokenWord("one", 0, 3), SpokenWord("two", 4, 7), SpokenWord("three", 8, 11)]


@pytest.fixture(scope="module")
def tts(exported_voice):
    return TTS.from_pretrained(str(exported_voice), threads=1)


def sentence(quiet_frame: int = 9) -> tuple[np.ndarray, list[int]]:
    """24 frames of sound, silent within a frame, and the token each reads."""
    audio = np.tile(toys.voiced(150, 1.0), 2)[: 24 * toys.HOP].copy()
    audio[quiet_frame * toys.HOP + 200 : quiet_frame * toys.HOP + 700] = 0
    return audio, [0, 0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 10]


def paced(pacing: Pacing, audio: np.ndarray, positions: list[int], frames: list[int]) -> np.ndarray:
    """The output for so many frames at a time; positions are known two frames before their audio."""
    pieces, given = [], 0
    for stop in [*frames, 24]:
        known = positions[len(pacing.positions) : stop + 2]
        pieces.append(pacing.push(audio[given * toys.HOP : stop * toys.HOP], known))
        given = stop
    return np.concatenate([*pieces, pacing.flush()])


def test_silence_lies_where_the_voice_is_quiet():
    audio, positions = sentence()
    pacing = Pacing(toys.RATE, toys.HOP, 1.0, [Rest(3, 0.5)])
    out, silence = paced(pacing, audio, positions, []), round(0.5 * toys.RATE)
    (cut,) = pacing.cuts
    assert 9 * toys.HOP + 200 <= cut.sample <= 9 * toys.HOP + 700
    assert len(out) == len(audio) + silence
    assert not out[cut.sample : cut.sample + silence].any()
    assert np.array_equal(out[: cut.sample], audio[: cut.sample])
    assert np.array_equal(out[cut.sample + silence :], audio[cut.sample :])


def test_where_it_is_never_quiet_the_sound_is_faded():
    audio, positions = sentence()
    audio = np.full_like(audio, 0.5)
    out = paced(Pacing(toys.RATE, toys.HOP, 1.0, [Rest(3, 0.5)]), audio, positions, [])
    assert np.abs(np.diff(out)).max() < 0.02


@pytest.mark.parametrize("speed", [0.6, 1.0, 1.7])
@pytest.mark.parametrize("tokens", [[], [3], [3, 7], [0, 3, 10], [10]])
def test_however_it_comes_it_is_the_same_to_the_sample(speed, tokens):
    audio, positions = sentence()
    rests = [Rest(token, 0.1 * (token + 1)) for token in tokens]
    whole = paced(Pacing(toys.RATE, toys.HOP, speed, rests), audio, positions, [])
    silence = sum(round(rest.duration_s * toys.RATE) for rest in rests)
    assert abs(len(whole) - silence - len(audio) / speed) <= len(rests) + 1
    for frames in ([*range(1, 24)], [3, 10, 22], [5, 6, 7, 15]):
        assert np.array_equal(paced(Pacing(toys.RATE, toys.HOP, speed, rests), audio, positions, frames), whole)


@pytest.mark.parametrize("speed", [0.6, 1.0, 1.7])
def test_words_follow_speed_and_silences(speed):
    audio, positions = sentence()
    pacing = Pacing(toys.RATE, toys.HOP, speed, [Rest(3, 0.5), Rest(7, 0.25)])
    total_s = len(paced(pacing, audio, positions, [])) / toys.RATE
    one, two, three = pacing.word_times(WORDS, 10.0)
    first, second = (10 + cut.sample / toys.RATE / speed for cut in pacing.cuts)
    assert one.start_s == 10 and one.end_s <= first + 0.001
    assert two.start_s >= first + 0.5 - 0.001 and two.end_s <= second + 0.5 + 0.001
    assert three.start_s >= second + 0.75 - 0.001 and three.end_s == pytest.approx(10 + total_s, abs=0.05)
    times = pacing.frame_times_s(10.0)
    assert len(times) == 24 and (np.diff(times) >= 0).all() and times[-1] < 10 + total_s


@pytest.mark.parametrize("seed", range(40))
def test_words_are_told_as_they_end_and_never_taken_back(seed):
    """Readers that linger and leap, stop early, and rest anywhere; frames known ahead of their audio."""
    random = np.random.default_rng(seed)
    count, frames, ahead = random.integers(1, 60), int(random.integers(1, 40)), int(random.integers(0, 3))
    bounds = list(accumulate(random.integers(0, 4, 2 * count) + np.tile([0, 1], count)))
    words = [SpokenWord(str(i), int(bounds[2 * i]), int(bounds[2 * i + 1])) for i in range(count)]
    steps = random.integers(0, random.choice([2, 3, 8, 20]), frames)
    positions = np.minimum(np.cumsum(steps), bounds[-1]).tolist()
    rests = [Rest(int(token), 0.1) for token in sorted(set(random.integers(0, bounds[-1] + 1, seed % 4)))]
    audio, hop = random.standard_normal(46 * frames).astype(np.float32), 46
    pacing = Pacing(1000, hop, random.choice([0.5, 1, 1, 1.7]), rests)
    told, begun, given = [], [], 0
    for known in [*range(2, frames, int(random.integers(1, 9))), frames]:
        stop = frames if known == frames else known - ahead
        pacing.push(audio[given * hop : stop * hop], positions[len(pacing.positions) : known])
        given = stop
        if known == frames:
            pacing.flush()
        new, speaking = pacing.new_words(words, 3.3337, ended=known == frames)
        told += new
        begun += [(len(told), *speaking)] if speaking else []
    assert told == pacing.word_times(words, 3.3337)
    assert begun == [(index, *told[index][:2]) for index, *_ in begun]


@pytest.mark.parametrize(("count", "positions"), [(100, [0, 1, 2, 3, 4]), (7, [0, 1, 5])])
def test_where_the_reader_may_stop_early_nothing_is_told_too_soon(count, positions):
    """The words that are left take time from those before, or share the last frame with them."""
    words, pacing = [SpokenWord(str(i), i, i + 1) for i in range(count)], Pacing(1000, 46)
    pacing.push(np.zeros(46 * len(positions), np.float32), positions)
    told, _ = pacing.new_words(words, 0.0, ended=False)
    pacing.flush()
    rest, _ = pacing.new_words(words, 0.0, ended=True)
    assert told and told + rest == pacing.word_times(words, 0.0)


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (TEXT, {}),
        (TEXT, {"speed": 0.75}),
        (TEXT, {"speed": 1.5, "pauses": {"dash": 0.4, "sentence": 0.3}}),
        (SSML, {"ssml": True, "speed": 1.25}),
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_the_stream_joined_is_the_speech(exported_voice, text, options, threads):
    tts = TTS.from_pretrained(str(exported_voice), threads=threads)
    speech = tts.synthesize(text, seed=3, **options)
    assert np.array_equal(np.concatenate(list(tts.stream(text, seed=3, **options))), speech.audio)
    starts, ends = [w.start_s for w in speech.words], [w.end_s for w in speech.words]
    assert all(start < end for start, end in zip(starts, ends, strict=True))
    assert all(end <= start + 1e-9 for end, start in zip(ends, starts[1:], strict=False))
    assert ends[-1] <= speech.duration_s + 0.002
    assert sum(map(len, speech.times_s)) == speech.codes.shape[1]


@pytest.mark.parametrize("options", [{}, {"speed": 0.7}, {"speed": 1.5, "pauses": {"dash": 0.4}}])
def test_a_word_comes_with_the_audio_in_which_it_ends(tts, options):
    text = (
        "One two three four — five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen. One two."
    )
    words = tts.synthesize(text, seed=3, **options).words
    given_s, told, early = 0.0, 0, 0
    for piece in tts.pieces([text], seed=3, **options):
        given_s += len(piece.audio) / tts.sample_rate
        assert piece.words == words[told : told + len(piece.words)]
        told += len(piece.words)
        early += 0 if piece.sentence else len(piece.words)
        assert not [word for word in words[told:] if word.end_s < given_s - 0.15]  # three frames
        assert not piece.speaking or piece.speaking == words[told][:2]
    assert told == len(words)
    assert early >= len(words) / 2


def test_pauses_last_as_long_as_they_should(tts):
    plain = tts.synthesize("One.\n\nTwo.", pauses={"paragraph": 0})
    paused = tts.synthesize("One.\n\nTwo.", pauses={"paragraph": 0.6})
    assert np.array_equal(plain.codes, paused.codes)
    assert len(paused.audio) - len(plain.audio) == round(0.6 * tts.sample_rate)
    assert paused.words[1].start_s - plain.words[1].start_s == pytest.approx(0.6, abs=0.001)
    plain = tts.synthesize("One — two.", pauses={"dash": 0})
    paused = tts.synthesize("One — two.", pauses={"dash": 0.6})
    assert len(paused.audio) - len(plain.audio) == round(0.6 * tts.sample_rate)
    broken = tts.synthesize(SSML, ssml=True)
    bare = tts.synthesize("One, two, three.")
    assert len(broken.audio) - len(bare.audio) == round(2.0 * tts.sample_rate)
    assert not broken.audio[-round(0.99 * tts.sample_rate) :].any()  # echoes of the watermark last 3 ms


def test_speed_changes_the_length_and_not_the_codes(tts):
    plain, fast = (tts.synthesize(TEXT, seed=1, speed=speed, pauses={"paragraph": 0, "dash": 0}) for speed in (1, 2))
    assert np.array_equal(plain.codes, fast.codes)
    assert len(fast.audio) == pytest.approx(len(plain.audio) / 2, abs=3)


def test_a_given_word_has_its_time(tts):
    speech = tts.synthesize("Hello [[nˈɑviəl]], my <b>friend</b>.")
    assert [word.text for word in speech.words] == ["Hello", "nˈɑviəl", "my", "friend"]
    readings = list(tts.read("Hello [[nˈɑviəl]]. It is $5."))
    assert [reading.sentence for reading in readings] == ["Hello [[nˈɑviəl]].", "It is $5."]
    assert readings[1].spoken == "It is five dollars."
    assert readings[0].phonemes == "həlˈO nˈɑviəl."


def test_a_card_and_a_file_give_words(exported_voice, tmp_path):
    folder = toys.copy_voice(exported_voice, tmp_path / "voice")
    (folder / "voice.yaml").write_text("name: toy\nlexicon: words.tsv\n")
    (folder / "words.tsv").write_text("Hello\tˈIlən\nthere\tBAH\n")
    (tmp_path / "mine.tsv").write_text("Hello\tKAH\n")
    own = next(TTS.from_pretrained(str(folder)).read("Hello there."))
    mine = next(TTS.from_pretrained(str(folder), lexicon=tmp_path / "mine.tsv").read("Hello there."))
    assert (own.phonemes, mine.phonemes) == ("ˈIlən bˈɑ.", "kˈɑ bˈɑ.")


@pytest.mark.parametrize(
    ("card", "words", "message"),
    [
        ("lexicon: ../words.tsv", "", "expected the name of a file beside it"),
        ("lexicon: [a]", "", "expected the name of a file beside it"),
        ("lexicon: absent.tsv", "", "absent.tsv does not exist"),
        ("lexicon: words.tsv", "Hello", "words.tsv:1: got 'Hello'"),
        ("lexicon: words.tsv", "Hello\tʘə", "words.tsv: got 'ʘ' in 'ʘə' for Hello"),
    ],
)
def test_a_broken_lexicon_is_refused(exported_voice, tmp_path, card, words, message):
    folder = toys.copy_voice(exported_voice, tmp_path / "voice")
    (folder / "voice.yaml").write_text(f"name: toy\n{card}\n")
    (folder / "words.tsv").write_text(words)
    with pytest.raises((ValueError, FileNotFoundError), match=message.replace("'", ".")):
        TTS.from_pretrained(str(folder))
