"""convert_shards.py: around all formats and back, the same shards."""

import json
import shutil

import pytest

pytest.importorskip("hibari", reason="the phoneme alphabet is hibari's")
import toys
from pipelines import convert_shards, encode_corpus
from pipelines.formats.registry import LIBRARIES
from pipelines.shared.errors import UserError
from speechllm.data.shards import open_shards


def run(main, *argv: object) -> None:
    main([*map(str, argv)])


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = toys.write_inputs(tmp_path_factory.mktemp("convert"), 3, 1.2)
    paths = ["--manifest", root / "corpus/manifest.jsonl", "--codec", root / "codec"]
    paths += ["--tokenizer", root / "tokenizer.model"]
    run(encode_corpus.main, *paths, "--plan", root / "plan", "--out", root / "planned")
    run(encode_corpus.main, *paths, "--out", root / "plain")
    return root


def test_every_format_and_back(root, tmp_path):
    for library in LIBRARIES.values():
        pytest.importorskip(library, reason="needs lfsc-tts[formats]")
    have = root / "planned"
    for format in ("webdataset", "nemo", "parquet", "safetensors"):
        run(convert_shards.main, have, "--format", format, "--out", tmp_path / format)
        have = tmp_path / format
    (one,), (other,) = open_shards(root / "planned"), open_shards(have)
    assert one.corpus == other.corpus and one.spec == other.spec and one.names == other.names
    assert other.notes["texts"] == one.notes["texts"] and other.tokenizer_fingerprint == one.tokenizer_fingerprint


def test_encoding_to_a_format_is_encoding_and_converting(root, tmp_path):
    pytest.importorskip("pyarrow", reason="needs lfsc-tts[formats]")
    paths = ["--plan", root / "plan", "--codec", root / "codec", "--tokenizer", root / "tokenizer.model"]
    run(encode_corpus.main, *paths, "--out", tmp_path / "direct", "--format", "parquet")
    run(convert_shards.main, root / "planned", "--format", "parquet", "--out", tmp_path / "converted")
    files = [(tmp_path / name / "00000000.parquet").read_bytes() for name in ("direct", "converted")]
    assert files[0] == files[1]


def test_contexts_are_part_of_what_a_shard_is(root, tmp_path):
    pytest.importorskip("lhotse", reason="needs lfsc-tts[formats]")
    lines = [json.loads(line) for line in (root / "corpus/manifest.jsonl").read_text("utf-8").splitlines()]
    manifest = root / "corpus/speakers.jsonl"
    manifest.write_text("".join(f"{json.dumps({**line, 'speaker': 'ann'})}\n" for line in lines), "utf-8")
    paths = ["--codec", root / "codec", "--tokenizer", root / "tokenizer.model", "--plan", tmp_path / "plan"]
    paths += ["--manifest", manifest]
    run(encode_corpus.main, *paths, "--out", tmp_path / "direct", "--format", "nemo", "--context")
    with pytest.raises(UserError, match="is of another plan, codec, tokenizer or format"):
        run(encode_corpus.main, *paths, "--out", tmp_path / "direct", "--format", "nemo", "--context", 1)
    with pytest.raises(UserError, match="got --context with --format parquet; expected --format nemo"):
        run(encode_corpus.main, *paths, "--out", tmp_path / "no", "--format", "parquet", "--context")
    run(encode_corpus.main, *paths, "--out", tmp_path / "plain")
    run(convert_shards.main, tmp_path / "plain", "--format", "nemo", "--context", "--out", tmp_path / "converted")
    name = "codes_21fps/context_codes/codes.00000000.tar"
    direct, converted = ((tmp_path / folder / name).read_bytes() for folder in ("direct", "converted"))
    assert direct == converted and len(direct) > 1000
    assert name in (tmp_path / "direct/SHA256SUMS").read_text()


def test_a_manifest_gives_texts_and_speakers(root, tmp_path):
    manifest = root / "corpus/manifest.jsonl"
    run(convert_shards.main, root / "plain", "--format", "safetensors", "--manifest", manifest, "--out", tmp_path / "a")
    assert open_shards(tmp_path / "a")[0].notes["texts"] == '["Hello.", "Hello.", "Hello."]'
    (tmp_path / "m.jsonl").write_text(manifest.read_text().split("\n")[0])
    flags = ["--format", "safetensors", "--manifest", tmp_path / "m.jsonl"]
    with pytest.raises(UserError, match="does not know utterance 001"):
        run(convert_shards.main, root / "plain", *flags, "--out", tmp_path / "b")
    copy = shutil.copytree(root / "plain", tmp_path / "c")
    with pytest.raises(UserError, match="the folder that is read"):
        run(convert_shards.main, copy, "--format", "safetensors", "--out", copy)
