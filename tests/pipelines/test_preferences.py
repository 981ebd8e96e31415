"""Preference tuning from a text file to an LM: tries are spoken and heard, paired, and learned from."""

import csv
import functools
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")
pytest.importorskip("hibari", reason="speaking needs hibari-tts")
import toys
from pipelines import lfsc_tts, make_pairs, train_preferences
from pipelines.preferences.pairs import read_pairs
from pipelines.preferences.tries import read_tries
from pipelines.shared.errors import UserError
from pipelines.speaking.people import people
from pipelines.speaking.speakers import Speaker, read_speakers, write_speakers
from speechllm import SpeechLM
from speechllm.data.shards import open_shards

TEXTS = ["Hello there.", "It is.", "Yes."]
MANY = dict(speaker_dim=6, prefix_queries=2, prefix_heads=2)


class FakeEar:
    """Hears the first try of a sentence right and every later one worse; notes what it was given."""

    def __init__(self, most: int = 10**9):
        self.asked: list[tuple[str, np.ndarray]] = []
        self.most = most  # calls after which it is interrupted

    def error_rate(self, text: str, audio: np.ndarray, sample_rate: int) -> float:
        if len(self.asked) >= self.most:
            raise KeyboardInterrupt
        self.asked.append((text, audio))
        return 0.1 * (sum(text == before for before, _ in self.asked) - 1)


@pytest.fixture(scope="module")
def voice(tmp_path_factory) -> Path:
    """A toy of two speakers."""
    folder = toys.write_voice(tmp_path_factory.mktemp("voices") / "pair", **MANY)
    vectors = torch.eye(6).numpy()
    made = {name: Speaker(vectors[i], toys.random_codes(1, 5 + i, i)[0].numpy()) for i, name in enumerate("ab")}
    write_speakers(folder, made)
    return folder


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS) + "\n\n" + TEXTS[0].upper() + "\n")
    monkeypatch.setattr(make_pairs, "can_hear", lambda: True)
    monkeypatch.setattr("pipelines.make_pairs.CHUNK", 2)
    return tmp_path


loaded = functools.cache(people)  # a toy is quick to speak, and slow to load


def make(root: Path, voice: Path, *more: object, ear: FakeEar | None = None) -> FakeEar:
    """make_pairs.main with an ear that can be asked afterwards."""
    ear = ear or FakeEar()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(make_pairs, "Ear", lambda: ear)
        patch.setattr(make_pairs, "people", loaded)
        paths = ["--voice", voice, "--texts", root / "texts.txt", "--out", root / "pairs", "--tries", 2]
        make_pairs.main(list(map(str, [*paths, *more])))
    return ear


def test_the_best_and_the_worst_try_are_paired_as_they_were_spoken(root, voice, capsys):
    ear = make(root, voice)
    pairs = read_pairs(root / "pairs/pairs.jsonl")
    assert [(pair.text, pair.speaker) for pair in pairs] == list(zip(TEXTS, "aba", strict=True))
    assert {(pair.chosen_error_rate, pair.rejected_error_rate) for pair in pairs} == {(0.0, 0.1)}
    assert [text for text, _ in ear.asked] == [text for text in TEXTS for _ in range(2)]
    shards = open_shards(root / "pairs/tries")
    examples = {shard.names[i]: shard[i] for shard in shards for i in range(len(shard))}
    voices = loaded(str(voice), tries=1, threads=1)
    for number, pair in enumerate(pairs):
        for name, count in ((pair.chosen, 0), (pair.rejected, 1)):
            speech = voices[pair.speaker].synthesize(pair.text, 2 * number + count, watermark=False)
            assert np.array_equal(speech.codes.T, examples[name].codes)
            assert examples[name].positions.tolist() == speech.positions[0]
            assert examples[name].ids.tolist() == list(speech.sentences[0].ids)
            assert np.array_equal(ear.asked[2 * number + count][1], speech.audio)
    assert "3 pairs of 3 sentences" in (said := capsys.readouterr().out)
    assert "0.0 % of the best try, 5.0 % of all, 10.0 % of the worst" in said


def test_an_interrupted_run_goes_on_and_ends_as_if_it_had_not_been(root, voice, capsys):
    with pytest.raises(KeyboardInterrupt, match="the same command resumes"):
        make(root, voice, ear=FakeEar(5))  # in the third sentence, the first of the second shard
    assert not (root / "pairs/pairs.jsonl").exists()
    ear = make(root, voice)
    assert [text for text, _ in ear.asked] == [text for text in TEXTS[2:] for _ in range(2)]
    again = (root / "pairs/pairs.jsonl").read_bytes()
    (root / "whole").mkdir()
    (root / "texts.txt").rename(root / "whole/texts.txt")
    make(root / "whole", voice)
    assert (root / "whole/pairs/pairs.jsonl").read_bytes() == again
    assert not make(root / "whole", voice, "--most", "0", "--margin", "0.3").asked, "other limits listen to nothing"
    assert not (root / "whole/pairs/pairs.jsonl").read_bytes()


def test_a_shard_without_its_positions_is_made_again(root, voice):
    make(root, voice)
    (root / "pairs/tries/000000.positions").unlink()
    assert len(make(root, voice).asked) == 4
    assert (root / "pairs/tries/000000.positions").is_file()


def test_a_file_that_grows_is_gone_on_with(root, voice):
    (root / "texts.txt").write_text(TEXTS[0])
    make(root, voice)
    (root / "texts.txt").write_text("\n".join(TEXTS))
    assert len(make(root, voice).asked) == 6, "the last shard, which was not full, is made again"
    (root / "texts.txt").write_text("\n".join([*TEXTS, "The fox."]))
    assert [text for text, _ in make(root, voice).asked] == [TEXTS[2]] * 2 + ["The fox."] * 2
    assert len(read_pairs(root / "pairs/pairs.jsonl")) == 4


def test_held_out_sentences_are_not_spoken(root, voice):
    (root / "held.txt").write_text("IT IS!\nSomething else.\n")
    make(root, voice, "--exclude", root / "held.txt")
    assert [pair.text for pair in read_pairs(root / "pairs/pairs.jsonl")] == [TEXTS[0], *TEXTS[2:]]


def test_what_is_not_one_sentence_is_listed(root, voice):
    (root / "texts.txt").write_text("Yes. It is.\nHello.\n...\n")
    make(root, voice)
    assert [pair.text for pair in read_pairs(root / "pairs/pairs.jsonl")] == ["Hello."]
    (reject,) = map(json.loads, (root / "pairs/left_out.jsonl").read_text().splitlines())
    assert reject["what"] == "Yes. It is."
    (root / "none").mkdir()
    (root / "none/texts.txt").write_text("Yes. It is.\n")
    with pytest.raises(UserError, match="no line of .* is one sentence"):
        make(root / "none", voice)


def test_one_speaker_alone_and_other_sampling(root, voice):
    make(root, voice)
    usual = read_tries(open_shards(root / "pairs/tries"))
    (root / "other").mkdir()
    (root / "texts.txt").rename(root / "other/texts.txt")
    make(root / "other", f"{voice}:b", "--temperature", "1.5", "--guidance", "2")
    shards = open_shards(root / "other/pairs/tries")
    assert {one.speaker for one in read_tries(shards)} == {"b"} and {one.speaker for one in usual} == {"a", "b"}
    assert "temperature 1.5, guidance 2" in shards[0].notes["made"]
    speech = loaded(f"{voice}:b", tries=1, threads=1)["b"].synthesize(TEXTS[0], 0, temperature=1.5, guidance=2.0)
    assert np.array_equal(speech.codes.T, shards[0][0].codes)


def train(root: Path, voice: Path, steps: int, *more: str) -> None:
    flags = [f"--pairs={root / 'pairs'}", f"--voice={voice}", f"--run_dir={root / 'lm'}", f"--optim.max_steps={steps}"]
    flags += ["--held_out=1", "--validate_every=2", "--trainer.accelerator=cpu", "--trainer.enable_progress_bar=false"]
    flags += ["--trainer.log_every_n_steps=1", "--trainer.logger=csv", "--optim.learning_rate=0.001"]
    train_preferences.main([*flags, "--optim.warmup_steps=1", *more])


def test_an_lm_learns_from_pairs_and_the_run_goes_on(root, voice):
    make(root, voice)
    train(root, voice, 2)
    first = SpeechLM.from_pretrained(root / "lm/lm")
    train(root, voice, 4)
    rows = list(csv.DictReader((root / "lm/metrics.csv").open()))
    margins = {int(float(row["step"])): float(row["train/margin"]) for row in rows if row["train/margin"]}
    assert sorted(margins) == [1, 2, 3, 4] and margins[4] > margins[2] > abs(margins[1])
    assert [row["val/accuracy"] for row in rows if row["val/accuracy"]]
    before, after = SpeechLM.from_pretrained(voice / "lm"), SpeechLM.from_pretrained(root / "lm/lm")
    assert before.config == after.config
    changed = [name for name, tensor in after.state_dict().items() if not torch.equal(tensor, first.state_dict()[name])]
    assert "speaker.linear.weight" in changed and "reader.query.weight" in changed
    with pytest.raises(UserError, match="has done its 4 steps"):
        train(root, voice, 4)
    with pytest.raises(UserError, match="trained with another held_out"):
        train(root, voice, 6, "--held_out=2")


def test_training_is_told_of_a_speaker_what_speaking_is(root, voice):
    make(root, voice)
    pairs, known = read_pairs(root / "pairs/pairs.jsonl"), read_speakers(voice)
    drawn = train_preferences.voices_of(voice, pairs)
    shards = open_shards(root / "pairs/tries")
    data = train_preferences.PairDataset(shards, train_preferences.preferred(pairs, shards, drawn), 10**6, 1, 0)
    model, batch = SpeechLM.from_pretrained(voice / "lm"), data[0]
    speakers = {pair.chosen: pair.speaker for pair in pairs} | {pair.rejected: pair.speaker for pair in pairs}
    with torch.no_grad():
        prefixes = model.prefixes(batch.reference)
    for name, prefix in zip(data.names_of(0), prefixes, strict=True):
        one = known[speakers[name]]
        wanted = model.voice_prefix(torch.from_numpy(one.codes), torch.from_numpy(one.vector))
        torch.testing.assert_close(prefix, wanted, atol=1e-5, rtol=1e-4)


def test_a_voice_of_one(root, shared_voice):
    make(root, shared_voice)
    assert {pair.speaker for pair in read_pairs(root / "pairs/pairs.jsonl")} == {""}
    train(root, shared_voice, 1)
    assert SpeechLM.from_pretrained(root / "lm/lm").config.prefix_positions == 0


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--tries", "1"], "got --tries 1; expected 2 or more to choose from"),
        (["--margin", "0"], "got --margin 0.0; expected more than 0"),
        (["--texts", "nothing.txt"], "nothing.txt does not exist; expected a text file, one sentence a line"),
        (["--temperature", "9"], "got temperature=9.0; expected 0..2"),
        (["--voice", "nobody"], "no voice 'nobody'"),
        (["--voice", "af_heart+am_eric"], "got --voice af_heart+am_eric; expected a voice or one of its speakers"),
    ],
)
def test_a_mistake_about_pairs_is_one_line(root, voice, capsys, more, message):
    paths = ["--voice", str(voice), "--texts", str(root / "texts.txt"), "--out", str(root / "pairs")]
    with pytest.raises(SystemExit) as stopped:
        lfsc_tts.main(["make-pairs", *paths, *more])
    error = capsys.readouterr().err
    assert stopped.value.code == 2 and message in error and error.count("\n") == 1
    assert not (root / "pairs").exists(), "nothing is half written"


def test_pairs_are_not_gone_on_with_otherwise(root, voice, shared_voice):
    make(root, voice)
    with pytest.raises(UserError, match="was made with 2 tries of pair .* now it is 2 tries of toy"):
        make(root, shared_voice)
    with pytest.raises(UserError, match="temperature 1; go on with the same, or use another --out"):
        make(root, voice, "--temperature", "1")
    (root / "texts.txt").write_text("Something else.\nIt is.\n")
    with pytest.raises(UserError, match="was made of other sentences"):
        make(root, voice)


def test_without_a_recogniser_it_is_said(root, voice, monkeypatch):
    monkeypatch.setattr(make_pairs, "can_hear", lambda: False)
    with pytest.raises(UserError, match="no recogniser is installed"):
        make(root, voice)


def test_a_mistake_about_training_is_one_line(root, voice, shared_voice, capsys):
    def mistake(*flags: str) -> str:
        with pytest.raises(SystemExit) as stopped:
            lfsc_tts.main(["train-preferences", f"--pairs={root / 'pairs'}", f"--run_dir={root / 'lm'}", *flags])
        error = capsys.readouterr().err
        assert stopped.value.code == 2 and error.count("\n") == 1 and not (root / "lm").exists()
        return error

    assert "pairs.jsonl does not exist; make it with make_pairs.py" in mistake(f"--voice={voice}")
    make(root, voice)
    capsys.readouterr()
    assert "is a voice of one" in mistake(f"--voice={shared_voice}")
    assert "got 3 pairs, of which 9 are held out" in mistake(f"--voice={voice}", "--held_out=9")
    assert "unknown key optim.bata; did you mean optim.beta?" in mistake(f"--voice={voice}", "--optim.bata=1")
    strange = toys.write_voice(root / "strange", seed=1, **MANY)
    assert "is of another codec or tokenizer" in mistake(f"--voice={strange}")
    line = asdict(read_pairs(root / "pairs/pairs.jsonl")[0])
    for changed, message in (
        ({"chosen": "7-7"}, "names 7-7, which is in no shard"),
        ({"speaker": "c"}, "no speaker 'c'; expected one of: a, b"),
        ({"more": 1}, "holds no pairs"),
    ):
        (root / "pairs/pairs.jsonl").write_text(json.dumps(line | changed) + "\n")
        assert message in mistake(f"--voice={voice}", "--held_out=0")
    (root / "pairs/pairs.jsonl").write_text("")
    assert "is empty: no try differed" in mistake(f"--voice={voice}")
