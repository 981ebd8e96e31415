"""A corpus as people have them, with bad recordings and texts of many kinds among good ones: nothing goes unsaid."""

import json
from pathlib import Path

import pytest

pytest.importorskip("hibari", reason="the phoneme alphabet is hibari's")
import toys
from bad_recordings import BAD, wav
from codec import save as save_codec
from codec.audio.writing import save_audio
from pipelines import encode_corpus, prepare_corpus, train_tokenizer
from speechllm.data.shards import open_shards

GOOD, OF_EACH_KIND = 140, 3


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """LJSpeech's layout."""
    root = tmp_path_factory.mktemp("corpus")
    (root / "wavs").mkdir()
    lines = []
    for number in range(GOOD):
        audio, name = toys.utterance(number, 0.35), f"good_{number:03d}"
        save_audio(root / f"wavs/{name}{('.wav', '.flac', '.ogg', '.mp3')[number % 4]}", audio, toys.RATE)
        lines.append(f"{name}|Hello number {number}.".encode())
    for kind, (write, text, _) in BAD.items():
        for number in range(OF_EACH_KIND):
            name = f"{kind}_{number}"
            write(root / "wavs" / name)
            text_bytes = text if isinstance(text, bytes) else (text or "Hello there.").encode()
            lines.insert(7 * len(lines) % 101, name.encode() + b"|" + text_bytes)
    lines.insert(50, b"a line of nothing")
    (root / "metadata.csv").write_bytes(b"\r\n".join(lines))
    wav(root / "wavs/orphan")
    return root


def listed(path: Path) -> dict[str, dict]:
    return {one["what"]: one for one in map(json.loads, path.read_text("utf-8").splitlines())}


def encode(root: Path, out: Path, *flags: object) -> dict[str, object]:
    """Prepare and encode; returns codes by name."""
    run = lambda main, *argv: main(list(map(str, argv)))  # noqa: E731
    manifest = out / "manifest.jsonl"
    run(prepare_corpus.main, "ljspeech", root, "--out", manifest, *flags)
    if not (out / "codec").exists():
        save_codec(toys.toy_codec(), out / "codec")
    run(train_tokenizer.main, "--manifest", manifest, "--out", out / "tokenizer.model")
    paths = ["--codec", out / "codec", "--tokenizer", out / "tokenizer.model", "--out", out / "codes"]
    run(encode_corpus.main, "--manifest", manifest, *paths)
    shards = open_shards(out / "codes")
    return {
        shard.names[i]: (shard[i].ids.tolist(), shard[i].codes.tolist()) for shard in shards for i in range(len(shard))
    }


@pytest.mark.slow
def test_good_utterances_are_encoded_bad_ones_named_and_nothing_else_changes(corpus, tmp_path, capfd):
    """F, G, H, J, P: 23 kinds of bad utterances."""
    before = {path: path.read_bytes() for path in corpus.rglob("*") if path.is_file()}
    found = encode(corpus, tmp_path / "all", "--max-rejects", 0.4)
    assert set(found) == {f"good_{number:03d}" for number in range(GOOD)}
    assert {path: path.read_bytes() for path in corpus.rglob("*") if path.is_file()} == before

    rejects = listed(tmp_path / "all/manifest.rejects.jsonl") | listed(tmp_path / "all/codes/rejects.jsonl")
    lines = (corpus / "metadata.csv").read_bytes().split(b"\r\n")
    places = {f"{corpus / 'metadata.csv'}:{n}": line.split(b"|")[0].decode() for n, line in enumerate(lines, 1)}
    reasons = {places.get(what, what): one["reason"] for what, one in rejects.items()}
    for kind, (_, _, message) in BAD.items():
        for number in range(OF_EACH_KIND):
            assert message in reasons.pop(f"{kind}_{number}"), (kind, number)
    assert set(reasons) == {"a line of nothing", str(corpus / "wavs/orphan.wav")} | {
        str(corpus / f"wavs/{kind}_{number}{suffix}")
        for kind, suffixes in {
            "twice": (".flac", ".wav"),
            "latin1": (".wav",),
            "no_text": (".wav",),
            "columns": (".wav",),
        }.items()
        for number in range(OF_EACH_KIND)
        for suffix in suffixes
    }
    total = OF_EACH_KIND * len(BAD)
    assert f"{total - OF_EACH_KIND + 1} of {GOOD + total + 1} utterances rejected" in capfd.readouterr().out

    for path in [path for path in (corpus / "wavs").iterdir() if not path.name.startswith("good")]:
        path.unlink()
    good = [line for line in lines if line.startswith(b"good")]
    (corpus / "metadata.csv").write_bytes(b"\n".join(good))
    assert encode(corpus, tmp_path / "good") == found
    assert not list((tmp_path / "good").rglob("*rejects*"))
