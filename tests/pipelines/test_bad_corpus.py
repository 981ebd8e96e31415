"""A corpus as people have them, with bad recordings and texts of many kinds among good ones: nothing goes unsaid."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("hibari", reason="the phoneme alphabet is hibari's")
import toys
from codec import save as save_codec
from codec.audio.writing import save_audio
from pipelines import encode_corpus, prepare_corpus, train_tokenizer
from speechllm.data.shards import open_shards

GOOD, OF_EACH_KIND = 140, 3
SPEECH = toys.voiced(140, 0.3)


def wav(path: Path, audio: np.ndarray = SPEECH, rate: int = toys.RATE) -> Path:
    soundfile.write(path.with_suffix(".wav"), audio, rate, subtype="FLOAT")
    return path.with_suffix(".wav")


def with_sample(value: float) -> Callable[[Path], object]:
    return lambda path: wav(path, np.concatenate([SPEECH, np.float32([value]), SPEECH]))


def cut(suffix: str) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        save_audio(path.with_suffix(suffix), np.tile(SPEECH, 8), toys.RATE)
        whole = path.with_suffix(suffix).read_bytes()
        path.with_suffix(suffix).write_bytes(whole[: len(whole) * 2 // 3])

    return write


def damaged(path: Path) -> None:
    save_audio(path.with_suffix(".flac"), np.tile(SPEECH, 8), toys.RATE)
    content = bytearray(path.with_suffix(".flac").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    path.with_suffix(".flac").write_bytes(content)


def two_rates(path: Path) -> None:
    parts = []
    for rate in (16_000, toys.RATE):
        save_audio(path.with_suffix(".ogg"), SPEECH, rate)
        parts.append(path.with_suffix(".ogg").read_bytes())
    path.with_suffix(".ogg").write_bytes(b"".join(parts))


def claims_too_much(path: Path) -> None:
    content = bytearray(wav(path).read_bytes())
    place = content.index(b"data") + 4
    content[place : place + 4] = struct.pack("<I", 2 * len(content))
    path.with_suffix(".wav").write_bytes(content)


def twice(path: Path) -> None:
    wav(path)
    save_audio(path.with_suffix(".flac"), SPEECH, toys.RATE)


# What is wrong, how the recording is made, the text if it is not a good one, and what must be said.
BAD: dict[str, tuple[Callable[[Path], object], str | bytes, str]] = {
    "nan": (with_sample(np.nan), "", "has a sample of nan at 0.300 s"),
    "infinite": (with_sample(-np.inf), "", "has a sample of -inf at 0.300 s"),
    "huge": (with_sample(1e29), "", "has a sample of 1e+29 at 0.300 s"),
    "integers": (lambda path: wav(path, SPEECH * 32_768), "", "divide float samples at integer scale"),
    "silent": (lambda path: wav(path, 0 * SPEECH), "", "is silent"),
    "offset": (lambda path: wav(path, 0 * SPEECH + 0.25), "", "is silent"),
    "short": (lambda path: wav(path, SPEECH[:1000]), "", "lasts 0.05 s"),
    "none": (lambda path: wav(path, SPEECH[:0]), "", "holds no samples"),
    "antiphase": (lambda path: wav(path, np.stack([SPEECH, -SPEECH], axis=1)), "", "channels cancel each other"),
    "nothing": (lambda path: path.with_suffix(".wav").write_bytes(b""), "", "is not readable audio"),
    "html": (lambda path: path.with_suffix(".mp3").write_bytes(b"<html>404</html>" * 20), "", "is not readable audio"),
    "m4a": (lambda path: path.with_suffix(".m4a").write_bytes(bytes(99)), "", "convert it to wav"),
    "cut_wav": (claims_too_much, "", "seems to be cut"),
    "cut_mp3": (cut(".mp3"), "", "seems to be cut"),
    "cut_ogg": (cut(".ogg"), "", "seems to be cut"),
    "damaged": (damaged, "", "is damaged or cut"),
    "rates": (two_rates, "", "holds recordings of 16000 Hz and 22050 Hz"),
    "absent": (lambda path: None, "", "does not exist"),
    "twice": (twice, "", "is there as"),
    "latin1": (wav, "D\xe9j\xe0 vu.".encode("latin-1"), "is not UTF-8"),
    "no_text": (wav, "  ", "has an empty text"),
    "columns": (wav, "Hello.|There.|Again.", "columns; expected id|text"),
    "unspeakable": (wav, "!?", ""),
}


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
