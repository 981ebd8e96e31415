"""encode_corpus.py and align_corpus.py: shards that know what they were made from, and rejects that say why."""

import json
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

pytest.importorskip("hibari", reason="the phoneme alphabet is hibari's")
import toys
from pipelines import align_corpus, encode_corpus, extract_features
from pipelines.corpus import manifest, parts
from pipelines.shared.errors import UserError
from speechllm.data.shards import Shard, open_shards
from speechllm.text.frontend import TextFrontend
from speechllm.text.normalizer import Normalizer
from speechllm.text.phonemizer import Phonemizer
from speechllm.text.tokenizer import Tokenizer


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A corpus of five utterances, a codec and a tokenizer; to be copied."""
    return toys.write_inputs(tmp_path_factory.mktemp("made"), 5, 0.6)


@pytest.fixture
def root(made, tmp_path):
    """A copy of it, to be changed; its files keep the times of their changes."""
    return shutil.copytree(made, tmp_path / "root")


@pytest.fixture
def encode(root, monkeypatch):
    """Run the script with shards of two; returns the names in them."""
    monkeypatch.setattr(parts, "SHARD_SIZE", 2)

    def run(*flags: object) -> list[str]:
        paths = ["--manifest", root / "corpus/manifest.jsonl", "--codec", root / "codec", "--out", root / "codes"]
        encode_corpus.main([*map(str, [*paths, "--tokenizer", root / "tokenizer.model", *flags])])
        return [name for shard in open_shards(root / "codes") for name in shard.names]

    return run


def change(root, edit) -> None:
    """Edit the list of utterances."""
    path = root / "corpus/manifest.jsonl"
    manifest.write(path, edit(manifest.read(path)))


def rerecord(root, number: int, audio: np.ndarray) -> None:
    soundfile.write(root / f"corpus/wavs/{number:03d}.wav", audio, toys.RATE, subtype="FLOAT")


def rejects(root) -> dict[str, str]:
    path = root / "codes/rejects.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.is_file() else []
    return {one["what"]: one["reason"] for one in map(json.loads, lines)}


def snapshot(root) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (root / "codes").iterdir()}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda found: [replace(found[0], text="Bye."), *found[1:]],
            r"000000\S* is out of date: utterance 000 has another text",
        ),
        (lambda found: [replace(one, phonemes="jˈɛs") for one in found], r"another text, and 1 more changes; .*--redo"),
        (lambda found: [*found[1:], replace(found[0], id="x")], r"000000\S* is out of date: utterance 000 is gone"),
        (
            lambda found: [found[1], found[0], *found[2:]],
            r"000000\S* is out of date: its utterances have another order",
        ),
        (lambda found: found[:2], r"has shards that are not of this manifest \(000002\S*, 000004\S*\)"),
    ],
)
def test_shards_of_another_manifest_are_refused(root, encode, edit, message):
    """F."""
    encode()
    before = snapshot(root)
    change(root, edit)
    with pytest.raises(UserError, match=message):
        encode()
    assert snapshot(root) == before


def test_shards_of_other_recordings_are_refused_or_made_again(root, encode):
    """F."""
    encode()
    before = snapshot(root)
    rerecord(root, 3, toys.utterance(9, 0.6))
    with pytest.raises(UserError, match=r"000002\S* is out of date: utterance 003 has another recording"):
        encode()
    assert snapshot(root) == before
    encode("--redo")
    after = snapshot(root)
    assert {name for name in before if before[name] != after[name]} == {"000002.safetensors"}
    encode()
    assert snapshot(root) == after


def test_a_copied_or_touched_corpus_is_the_same(root, encode):
    """F."""
    encode()
    before = snapshot(root)
    for path in (root / "corpus/wavs").iterdir():
        os.utime(path, (1, 1))
    encode()
    assert snapshot(root) == before


def test_what_comes_in_addition_is_encoded_and_nothing_else(root, encode, monkeypatch):
    """F."""
    change(root, lambda found: found[:3])
    assert encode() == ["000", "001", "002"]
    toys.write_corpus(root / "corpus", 5, 0.6)
    encoded: list[str] = []
    codes = encode_corpus.Encoder.codes
    watch = lambda self, found, *more: encoded.extend(one.id for one in found) or codes(self, found, *more)  # noqa: E731
    monkeypatch.setattr(encode_corpus.Encoder, "codes", watch)
    assert encode() == [f"{i:03d}" for i in range(5)]
    assert encoded == ["003", "004"]


def test_shards_of_earlier_versions_are_taken_if_their_utterances_are_the_same(root, encode, capsys):
    """F."""
    encode()
    for path in (root / "codes").glob("*.safetensors"):
        shard = Shard(path)
        examples = [shard[i] for i in range(len(shard))]
        encode_corpus.write_shard(path, examples, shard.spec, shard.tokenizer_fingerprint)
    before = snapshot(root)
    encode()
    assert "000000.safetensors does not say what it was made from; taken as it is" in capsys.readouterr().out
    assert snapshot(root) == before
    change(root, lambda found: [*found[1:], found[0]])
    with pytest.raises(UserError, match=r"000000\S* is of other utterances; make it again with --redo"):
        encode()


def test_bad_utterances_are_rejected_and_the_others_encoded(root, encode, capsys):
    """F, G."""
    whole = {name: Shard(root / "codes" / name) for name in snapshot(root)} if encode() else {}
    shutil.rmtree(root / "codes")
    broken = toys.utterance(1, 0.6)
    broken[4410] = np.nan
    good = (root / "corpus/wavs/001.wav").read_bytes()
    rerecord(root, 1, broken)
    assert encode() == ["000", "002", "003", "004"]
    assert set(rejects(root)) == {"001"} and "has a sample of nan at 0.200 s" in rejects(root)["001"]
    assert "1 of 5 utterances rejected" in capsys.readouterr().out
    assert torch.equal(open_shards(root / "codes")[1][0].codes, whole["000002.safetensors"][0].codes)

    before = snapshot(root)  # a later run finds them again, without making anything again
    (root / "codes/rejects.jsonl").unlink()
    assert encode() == ["000", "002", "003", "004"]
    assert snapshot(root) == before

    (root / "corpus/wavs/001.wav").write_bytes(good)  # mended: no --redo is needed
    assert encode() == [f"{i:03d}" for i in range(5)]
    assert rejects(root) == {}
    assert torch.equal(open_shards(root / "codes")[0][1].codes, whole["000000.safetensors"][1].codes)


def test_too_many_bad_utterances_are_an_error(root, encode):
    """F."""
    for number in (0, 3):
        rerecord(root, number, np.zeros(9000))
    with pytest.raises(
        UserError, match=r"2 of 5 utterances cannot be used, more than 20%: 000: .*000.wav is silent; 003"
    ):
        encode()
    assert set(rejects(root)) == {"000", "003"}
    with pytest.raises(UserError, match="2 of 5 utterances cannot be used"):
        encode()
    assert encode("--max-rejects", 0.5) == ["001", "002", "004"]


def test_a_shard_of_nothing_but_bad_utterances_is_passed_over(root, encode):
    """F."""
    rerecord(root, 4, np.zeros(9000))
    assert encode() == ["000", "001", "002", "003"]
    align(root)
    assert all(shard.positions is not None for shard in open_shards(root / "codes"))


def align(root) -> None:
    paths = ["--shards", root / "codes", "--tokenizer", root / "tokenizer.model"]
    align_corpus.main([*map(str, [*paths, "--steps", 3, "--batch-tokens", 200])])


def test_positions_of_older_codes_are_refused_by_readers_and_made_again(root, encode, capsys):
    """F."""
    encode()
    align(root)
    before = snapshot(root)
    rerecord(root, 0, toys.utterance(8, 0.6))
    with pytest.raises(ValueError, match=r"000000.positions belongs to another shard, or an older one"):
        encode("--redo")
    align(root)
    assert "000000.positions belongs to another shard" in capsys.readouterr().out
    after = snapshot(root)
    positions = [name for name in before if name.endswith(".positions") and before[name] != after[name]]
    assert positions == ["000000.positions"]
    assert all(shard.positions is not None for shard in open_shards(root / "codes"))


def test_more_text_than_time_is_shown(root, encode, capsys):
    """F."""
    change(root, lambda found: [replace(found[0], phonemes="ðə kwˈɪk bɹˈWn " * 9), *found[1:]])
    encode()
    align(root)
    assert (
        "1 of 5 utterances have more text than their sound has time for, is it theirs? 000" in capsys.readouterr().out
    )


def test_features_of_other_recordings_are_refused_or_made_again(root, encode, monkeypatch):
    """F."""
    (root / "codec.yaml").write_text(f"codec: {json.dumps(toys.toy_codec().config.to_dict())}\n")
    paths = ["--manifest", root / "corpus/manifest.jsonl", "--out", root / "features", "--config", root / "codec.yaml"]
    flags = [*map(str, paths)]
    extract_features.main(flags)
    encode("--features", root / "features")
    shutil.rmtree(root / "codes")
    rerecord(root, 3, toys.utterance(9, 0.6))
    with pytest.raises(UserError, match=r"000002\S* is out of date: utterance 003 has another recording"):
        encode("--features", root / "features")
    with pytest.raises(UserError, match=r"000002\S* is out of date: utterance 003 has another recording.*--redo"):
        extract_features.main(flags)
    extract_features.main([*flags, "--redo"])
    rerecord(root, 4, np.zeros(9000))
    extract_features.main([*flags, "--redo"])
    assert "004.wav is silent" in (root / "features/rejects.jsonl").read_text()
    encode("--features", root / "features")
    assert set(rejects(root)) == {"004"}


def test_phonemes_of_another_alphabet_are_read_anew_where_asked(root, encode):
    """British ones, which this tokenizer has never seen; those that it knows stay as the manifest has them."""
    change(root, lambda found: [replace(one, phonemes="həlˈɜː ðˈɛ") if one.id == "001" else one for one in found])
    assert encode("--max-rejects", 1) == ["000", "002", "003", "004"]
    assert "never seen" in (root / "codes/rejects.jsonl").read_text()
    shutil.rmtree(root / "codes")
    assert encode("--reread") == ["000", "001", "002", "003", "004"]
    tokenizer = Tokenizer.load(root / "tokenizer.model")
    shards = open_shards(root / "codes")
    assert tokenizer.decode(shards[0][1].ids.tolist()) == Phonemizer()("Hello.").text
    assert tokenizer.decode(shards[0][0].ids.tolist()) == toys.PHONEMES[0]


def test_a_text_that_nothing_ends_is_learned_as_it_is_spoken(root, encode):
    change(root, lambda found: [replace(one, text="Hello,", phonemes="") if one.id == "001" else one for one in found])
    assert "001" in encode("--max-rejects", 1)
    tokenizer = Tokenizer.load(root / "tokenizer.model")
    examples = [shard[i] for shard in open_shards(root / "codes") for i in range(len(shard))]
    found = next(tokenizer.decode(one.ids.tolist()) for one in examples if one.name == "001")
    assert found == TextFrontend(Normalizer(), Phonemizer(), tokenizer)("Hello,").phonemes and found.endswith(".")
