"""Speaking as a library, with a toy voice: reproducible, the same in pieces, whole whatever the length."""

from itertools import islice, repeat

import numpy as np
import pytest
import torch

import toys
from codec import save as save_codec
from pipelines.shared.errors import UserError
from pipelines.speaking import torch_voice
from pipelines.speaking.chunking import FIRST_CHUNK, MAX_CHUNK
from pipelines.speaking.loading import load_voice
from pipelines.speaking.pacing import word_frames
from pipelines.speaking.synthesis import TTS
from speechllm.text.frontend import SpokenWord

TEXT = "Hello there, my old friend. How do you do? The quick brown fox jumps over the lazy dog!"


@pytest.fixture(scope="module", params=["torch", "onnx, one thread", "onnx, two threads"])
def tts(request, shared_voice):
    if request.param == "torch":
        return TTS.from_pretrained(str(shared_voice))
    folder = request.getfixturevalue("exported_voice")
    return TTS.from_pretrained(str(folder), threads=1 if "one" in request.param else 2)


@pytest.fixture(scope="module")
def speech(tts):
    return tts.synthesize(TEXT, seed=3)


def test_speech_is_audio(tts, speech):
    assert speech.audio.dtype == np.float32 and speech.audio.ndim == 1
    assert np.isfinite(speech.audio).all() and np.abs(speech.audio).max() > 0.01
    assert len(speech.audio) == speech.codes.shape[1] * tts.codec.hop_length
    assert speech.codes.shape[0] == 8 and speech.codes.dtype == np.int64
    assert speech.duration_s == len(speech.audio) / tts.sample_rate
    assert 0 <= speech.confidence <= 1
    assert sum(map(len, speech.positions)) == speech.codes.shape[1]


def test_the_same_text_and_seed_give_the_same_speech(tts, speech):
    torch.manual_seed(5)
    again = tts.synthesize(TEXT, seed=3)
    assert np.array_equal(again.codes, speech.codes)
    assert np.array_equal(again.audio, speech.audio)
    assert again.words == speech.words
    other = tts.synthesize(TEXT, seed=4)
    assert other.codes.shape != speech.codes.shape or not np.array_equal(other.codes, speech.codes)


def test_two_objects_of_one_voice_speak_alike(tts, speech):
    assert np.array_equal(TTS(tts.voice).synthesize(TEXT, seed=3).audio, speech.audio)


def test_the_stream_joined_is_the_speech_sample_for_sample(tts, speech):
    assert np.array_equal(np.concatenate(list(tts.stream(TEXT, seed=3))), speech.audio)


def test_the_pieces_are_what_the_codec_makes_of_the_whole(tts):
    alone = tts.synthesize("The quick brown fox jumps over the lazy dog!", seed=3, watermark=False)
    codes = alone.codes[None] if tts.voice.engine == "onnx" else torch.from_numpy(alone.codes[None])
    whole = np.asarray(tts.codec.decode(codes))[0, 0]
    assert np.allclose(alone.audio, whole, atol=1e-5)


def test_a_stream_comes_in_pieces_and_the_first_comes_early(tts):
    pieces = list(tts.stream("one two three four five six seven eight nine ten " * 2, seed=0))
    frames = [len(audio) / tts.codec.hop_length for audio in pieces]
    assert len(frames) >= 4
    assert FIRST_CHUNK - 1 < frames[0] <= FIRST_CHUNK  # the watermark holds 3 ms back
    assert max(frames) <= MAX_CHUNK + tts.codec.context


def test_an_endless_text_is_spoken_as_it_comes(tts):
    pieces = list(islice(tts.pieces(repeat("Hello there. ")), 12))
    assert sum(piece.sentence is not None for piece in pieces) >= 2
    assert max(len(piece.audio) for piece in pieces) <= (MAX_CHUNK + tts.codec.context) * tts.codec.hop_length


def test_words_are_those_of_the_text_in_order_and_in_time(tts, speech):
    assert [word.text.strip(".,?!") for word in speech.words] == [word.strip(".,?!") for word in TEXT.split()]
    starts, ends = [w.start_s for w in speech.words], [w.end_s for w in speech.words]
    assert all(0 <= start < end for start, end in zip(starts, ends, strict=True))
    assert starts == sorted(starts) and ends == sorted(ends)
    assert ends[-1] <= speech.duration_s + 0.001


def test_word_times_follow_the_reader():
    words = [SpokenWord("a", 0, 2), SpokenWord("bc", 3, 5), SpokenWord("d", 6, 7), SpokenWord("e", 8, 9)]
    frames = word_frames(words, [0, 1, 2, 4, 4, 8])
    assert frames == [(0, 2), (3, 5), (5, 5.5), (5.5, 6)]  # d was passed within the frame that reads e
    stopped_early = word_frames(words, [0, 1])
    assert np.allclose(stopped_early, [(0, 1), (1, 4 / 3), (4 / 3, 5 / 3), (5 / 3, 2)])


def test_a_long_text_is_split_and_no_word_is_lost(tts):
    text = "one two three four five six seven eight nine ten " * 12
    speech = tts.synthesize(text)
    assert len(speech.sentences) > 3
    assert all(1 <= len(sentence.ids) <= tts.voice.lm.config.max_text for sentence in speech.sentences)
    assert [word.text for word in speech.words] == text.split()
    assert all(p[-1] == len(s.ids) - 1 for p, s in zip(speech.positions, speech.sentences, strict=True))


@pytest.mark.parametrize("text", ["word " * 60, "x" * 300])
def test_what_the_model_cannot_hold_is_cut_between_words(tts, text):
    prepared = tts.frontend(text)
    parts = list(tts.parts(prepared))
    assert [i for part in parts for i in part.ids] == prepared.ids
    assert [word.text for part in parts for word in part.words] == [word.text for word in prepared.words]
    for part in parts:
        assert 1 <= len(part.ids) <= tts.voice.lm.config.max_text
        assert all(0 <= w.start_token < w.end_token <= len(part.ids) for w in part.words)


def test_signs_between_sentences_are_not_read(tts):
    starred = tts.synthesize("Hello there.\n\n* * *\n\n====\n\nHow do you do?")
    assert [s.text for s in starred.sentences] == ["Hello there.", "How do you do?"]


def test_a_sign_alone_is_read_if_it_has_a_name(tts):
    assert tts.synthesize("&").words[0].text == "and"
    assert tts.synthesize("%").words


@pytest.mark.parametrize("text", ["", "  \n", "…", "?!", "🙂", "* * *", "こんにちは", "Привет, мир."])
def test_what_cannot_be_spoken_is_refused(tts, text):
    with pytest.raises(ValueError, match="got .*; (expected|write)|this voice speaks English"):
        tts.synthesize(text)


def test_settings_of_one_request(tts):
    first, second = (tts.synthesize("Hello there.", seed=seed, temperature=0.0) for seed in (1, 2))
    assert np.array_equal(first.codes, second.codes)
    with pytest.raises(ValueError, match="temperature=3"):
        tts.synthesize("Hello there.", temperature=3)
    assert len(tts.synthesize("Hello.", seed=2**70).audio)


def test_the_card_sets_the_sampling(tts, shared_voice):
    assert tts.sampling.temperature == 0.5
    assert load_voice(str(shared_voice)).card["name"] == "toy"


def test_another_codec_of_the_same_codes_may_decode_and_a_foreign_one_may_not(toy_voice, tmp_path):
    retrained = toys.toy_codec()
    with torch.no_grad():
        retrained.vocoder.output.weight.mul_(0.5)
    save_codec(retrained, tmp_path / "retrained")
    load_voice(str(toy_voice), tmp_path / "retrained")
    save_codec(toys.toy_codec(seed=1), tmp_path / "foreign")
    with pytest.raises(UserError, match=r"speaks codes of codec .*foreign is"):
        load_voice(str(toy_voice), tmp_path / "foreign")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("voice.yaml", None, "is not a voice: no voice.yaml"),
        ("voice.yaml", b"a: [1", "voice.yaml is not readable YAML"),
        ("voice.yaml", b"\xff\xfe", "cannot be loaded"),
        ("voice.yaml", b"heart", "voice.yaml is not a voice card"),
        ("voice.yaml", b"sampling: {temprature: 1}", "unknown key .*sampling.temprature; did you mean .*temperature"),
        ("voice.yaml", b"sampling: hot", "sampling"),
        ("voice.yaml", b"sampling: {temperature: hot}", "sampling.temperature is 'hot'; expected float"),
        ("voice.yaml", b"sampling: {temperature: 9}", "temperature=9"),
        ("tokenizer.model", None, "tokenizer.model does not exist"),
        ("tokenizer.model", b"junk", "is not a sentencepiece model"),
        ("lm/config.json", b"{", "is not a readable speech LM"),
        ("lm/model.safetensors", b"", "is not a readable speech LM"),
        ("codec/config.json", None, "is not a codec folder: no config.json"),
        ("codec/model.safetensors", b"junk", "is not a readable codec"),
    ],
)
def test_a_broken_voice_gives_one_clear_error(toy_voice, file, content, message):
    (toy_voice / file).unlink()
    if content is not None:
        (toy_voice / file).write_bytes(content)
    with pytest.raises((UserError, ValueError), match=message):
        TTS.from_pretrained(str(toy_voice))


@pytest.mark.parametrize("name", ["", "nobody", "..", "a/b"])
def test_an_unknown_voice_lists_those_there_are(name):
    with pytest.raises(UserError, match="expected a voice folder or one of"):
        load_voice(name)


@pytest.mark.parametrize("precision", ["int8", "float32"])
def test_the_precision_is_that_of_the_lm(shared_voice, monkeypatch, precision):
    seen, generate = [], torch_voice.Engines.generate
    monkeypatch.setattr(
        torch_voice.Engines, "generate", lambda self, *a: seen.append(self.precision) or generate(self, *a)
    )
    options = {} if precision == "int8" else {"precision": precision}  # the default is int8
    TTS.from_pretrained(str(shared_voice), engine="torch", **options).synthesize("Hello.")
    assert seen == [precision]
