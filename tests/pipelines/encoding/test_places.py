"""Manifests and recordings by URL: the shards are those of files on this machine."""

import uuid
from pathlib import Path

import pytest

pytest.importorskip("fsspec", reason="comes with torch")
import fsspec

from encoded import files, rejects
from pipelines import encode_corpus
from pipelines import plan as plan_script
from pipelines.encoding.places import joined, local
from pipelines.shared.errors import UserError


@pytest.mark.parametrize(
    ("root", "place", "found"),
    [
        ("a/b", "c.wav", "a/b/c.wav"),
        ("", "c.wav", "c.wav"),
        ("a", "/c.wav", "/c.wav"),
        ("s3://bucket/x/", "wavs/c.wav", "s3://bucket/x/wavs/c.wav"),
        ("a", "gs://bucket/c.wav", "gs://bucket/c.wav"),
    ],
)
def test_places_seen_from_folders(root, place, found):
    assert joined(root, place) == found


def run(main, *argv: object) -> None:
    main([*map(str, argv)])


def encode(root: Path, manifest: object, name: str) -> Path:
    """Plan and encode; returns the folder of shards."""
    paths = ["--codec", root / "codec", "--tokenizer", root / "tokenizer.model"]
    plan = root / f"plan-{name}"
    run(plan_script.main, "--manifest", manifest, "--out", plan, "--shard-size", 4, *paths)
    run(encode_corpus.main, "--plan", plan, "--out", root / name, "--max-rejects", 0.2, *paths)
    return root / name


def upload(folder: Path, url: str, **options: object) -> None:
    system, _ = fsspec.core.url_to_fs(url, **options)
    system.put(str(folder), url, recursive=True)


def test_a_corpus_by_url_gives_the_shards_of_files(root):
    (root / "corpus/wavs/003.wav").unlink()
    url = f"memory://{uuid.uuid4().hex}"
    upload(root / "corpus", url)
    here, there = encode(root, root / "corpus/manifest.jsonl", "here"), encode(root, f"{url}/manifest.jsonl", "there")
    assert files(here) == files(there)
    assert rejects(there) == {"003": "wavs/003.wav is not a file"}


def test_what_cannot_be_had_now_is_no_reject(root, monkeypatch):
    class Down:
        def __enter__(self):
            raise RuntimeError("no route to host")

        def __exit__(self, *_):
            pass

    url = f"memory://{uuid.uuid4().hex}"
    upload(root / "corpus", url)
    real = fsspec.open
    monkeypatch.setattr(fsspec, "open", lambda place, mode: Down() if place.endswith("005.wav") else real(place, mode))
    with pytest.raises(UserError, match=r"005.wav cannot be read \(no route to host\); when it can, the same command"):
        encode(root, f"{url}/manifest.jsonl", "down")
    assert (root / "down/00000000.sha256").exists() and not (root / "down/00000004.sha256").exists()


def test_urls_that_nothing_knows():
    with pytest.raises(UserError, match="nonsense://a.wav cannot be read"), local("nonsense://a.wav"):
        pass
    with pytest.raises(FileNotFoundError), local("memory://not/there.wav"):
        pass


def test_s3(root, s3):
    """Against a server of S3 on this machine."""
    s3.mkdir("speech")
    s3.put(str(root / "corpus"), "speech/corpus", recursive=True)
    here = encode(root, root / "corpus/manifest.jsonl", "here")
    assert files(encode(root, "s3://speech/corpus/manifest.jsonl", "there")) == files(here)
