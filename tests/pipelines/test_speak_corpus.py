"""A voice that speaks for its own training: what is kept, by whom, and that an interrupted run goes on."""

import functools
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

pytest.importorskip("hibari", reason="speaking needs hibari-tts")
import toys
from pipelines import speak_corpus
from pipelines.shared.errors import UserError
from pipelines.speaking.people import people
from pipelines.speaking.speakers import Speaker, write_speakers
from pipelines.speaking.synthesis import TTS
from speechllm import SpeechLM
from speechllm.config import RecogniserConfig
from speechllm.data.shards import open_shards
from speechllm.data.speakers import Voices, read_speakers
from speechllm.export.recogniser import export_recogniser
from speechllm.model.recogniser import Recogniser
from speechllm.runtime.recogniser import RuntimeRecogniser

TEXTS = ["Hello there.", "It is.", "It is. It was.", "Yes."]  # the third is more than one sentence
ALWAYS, NEVER = math.inf, -1.0  # of `good`: what is read back right


def write_recogniser(voice: Path) -> Path:
    """A recogniser of random weights in a voice folder."""
    lm = SpeechLM.from_pretrained(voice / "lm").config
    sounds = tuple(range(1, lm.vocab_size))
    Recogniser(RecogniserConfig(lm.codes, lm.tokenizer_fingerprint, sounds, dim=8)).save(voice / "recogniser")
    export_recogniser(voice / "recogniser")
    return voice


@pytest.fixture(scope="module")
def voice(tmp_path_factory) -> Path:
    """A toy of two speakers that reads back what it wrote."""
    folder = tmp_path_factory.mktemp("voices") / "pair"
    toys.write_voice(folder, speaker_dim=6, prefix_queries=2, prefix_heads=2)
    vectors = torch.eye(6).numpy()
    made = {name: Speaker(vectors[i], toys.random_codes(1, 5 + i, i)[0].numpy()) for i, name in enumerate("ab")}
    write_speakers(folder, made)
    return write_recogniser(folder)


loaded = functools.cache(people)  # a toy is quick to speak, and slow to load


def deciding(tts: TTS, good: float) -> TTS:
    """A voice to whom what is no farther than `good` from a text is right."""
    if tts.voice.recogniser is None:
        return tts
    config = replace(tts.voice.recogniser.config, good=good)
    return tts.sharing(replace(tts.voice, recogniser=replace(tts.voice.recogniser, config=config)))


def make(root: Path, voice: object, *more: object, good: float = ALWAYS, say=speak_corpus.say) -> None:
    """speak_corpus.main, with a voice that decides so."""

    def voices(*given, **options) -> dict[str, TTS]:
        return {name: deciding(tts, good) for name, tts in loaded(*given, **options).items()}

    (root / "texts.txt").write_text("\n".join(TEXTS) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(speak_corpus, "people", voices)
        patch.setattr(speak_corpus, "say", say)
        patch.setattr(speak_corpus, "CHUNK", 2)
        paths = ["--voice", voice, "--texts", root / "texts.txt", "--out", root / "spoken"]
        speak_corpus.main(list(map(str, [*paths, *more])))


def test_sentences_are_kept_as_they_were_spoken_by_whose_turn_it_was(tmp_path, voice, capsys):
    make(tmp_path, voice)
    shards = open_shards(tmp_path / "spoken")
    examples = [shard[i] for shard in shards for i in range(len(shard))]
    speakers = [name for shard in shards for name in read_speakers(shard).names]
    assert [one.name[-6:] for one in examples] == ["000000", "000001", "000003"]
    assert speakers == ["a", "b", "b"]
    for one, speaker in zip(examples, speakers, strict=True):
        number = int(one.name[-6:])
        tts = loaded(str(voice), threads=1)[speaker]
        ids = tts.frontend(TEXTS[number]).ids
        frames = list(tts.voice.generate(tts.voice.prompt(ids, tts.voice.prefix), replace(tts.sampling, seed=number)))
        assert one.ids.tolist() == list(ids)
        assert one.codes.tolist() == [frame.codes.tolist() for frame in frames]
        assert one.positions.tolist() == [frame.position for frame in frames]
    assert "3 of 4 sentences were read back right" in capsys.readouterr().out


def test_what_is_spoken_at_two_times_is_learned_together(tmp_path, voice):
    make(tmp_path, voice)
    other = toys.copy_voice(voice, tmp_path / "other")
    for name in ("first", "again"):  # by another voice, and the other sentences of it
        (tmp_path / name).mkdir()
        make(tmp_path / name, other)
        TEXTS.reverse()
    (tmp_path / "first/spoken").rename(tmp_path / "spoken/first")
    (tmp_path / "again/spoken").rename(tmp_path / "spoken/again")
    assert sum(map(len, open_shards(tmp_path / "spoken"))) == 9


def test_nobody_is_shown_a_voice_by_what_was_spoken(tmp_path, voice):
    make(tmp_path, voice)
    shards = open_shards(tmp_path / "spoken")
    every = [(s, i) for s, shard in enumerate(shards) for i in range(len(shard))]
    assert not Voices(shards, every).members


def test_a_voice_of_one_has_no_speakers(tmp_path):
    make(tmp_path, write_recogniser(toys.write_voice(tmp_path / "one")))
    shards = open_shards(tmp_path / "spoken")
    assert sum(map(len, shards)) == 3
    assert not any(read_speakers(shard) for shard in shards)


def test_as_many_tries_are_made_as_the_card_says(tmp_path, voice):
    folder = toys.copy_voice(voice, tmp_path / "three")
    (folder / "voice.yaml").write_text((folder / "voice.yaml").read_text() + "tries: 3\n")
    tts = deciding(people(f"{folder}:a", threads=1)["a"], NEVER)
    assert tts.voice.tries == 3
    misread, read = RuntimeRecogniser.misread, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RuntimeRecogniser, "misread", lambda *given, **more: (read.append(1), misread(*given, **more))[1])
        assert speak_corpus.say(tts, 0, TEXTS[0], "by a") is None
    assert len(read) == 4, "each try, and the one that was taken"


def test_what_is_read_back_wrong_is_left_out(tmp_path, voice):
    with pytest.raises(UserError, match=r"no line of .*texts.txt was read back right"):
        make(tmp_path, voice, good=NEVER)


def test_an_interrupted_run_goes_on_and_other_sentences_are_refused(tmp_path, voice):
    say, asked = speak_corpus.say, []

    def interrupted(tts, number, text, made):
        if number == 3:
            raise KeyboardInterrupt
        return say(tts, number, text, made)

    with pytest.raises(KeyboardInterrupt, match="the same command resumes"):
        make(tmp_path, voice, say=interrupted)
    make(tmp_path, voice, say=lambda tts, number, *given: (asked.append(number), say(tts, number, *given))[1])
    assert asked == [2, 3]
    (tmp_path / "whole").mkdir()
    make(tmp_path / "whole", voice)
    names = sorted(path.name for path in (tmp_path / "spoken").iterdir())
    assert names and all(
        (tmp_path / "spoken" / name).read_bytes() == (tmp_path / "whole/spoken" / name).read_bytes() for name in names
    )
    TEXTS.reverse()
    try:
        with pytest.raises(UserError, match="was made of other sentences"):
            make(tmp_path, voice)
    finally:
        TEXTS.reverse()


def test_fewer_sentences_and_one_speaker_can_be_asked_for(tmp_path, voice, capsys):
    make(tmp_path, f"{voice}:b", "--sentences", 2)
    (shard,) = open_shards(tmp_path / "spoken")
    assert list(read_speakers(shard).names) == ["b", "b"]
    assert "2 of 2 sentences" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"was made with b of pair .*, now it is a of pair"):
        make(tmp_path, f"{voice}:a", "--sentences", 2)
    with pytest.raises(UserError, match="got --voice .*:a.b@0.5; expected a voice or one of its speakers, not a blend"):
        make(tmp_path, f"{voice}:a+b@0.5")
    with pytest.raises(UserError, match="got --sentences 0; expected"):
        make(tmp_path, voice, "--sentences", 0)


def test_a_voice_that_does_not_read_back_is_refused(tmp_path):
    voice = toys.write_voice(tmp_path / "plain")
    with pytest.raises(UserError, match="expected one that reads back what it wrote"):
        make(tmp_path, voice)
