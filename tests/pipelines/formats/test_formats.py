"""Shards in the formats of others: read back by their own libraries, and by this project, with the same codes."""

import json
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import toys
from pipelines.formats import nemo, registry, shards
from pipelines.formats.content import Content
from pipelines.formats.registry import PATTERNS, WRITERS, find, name_of
from pipelines.shared.errors import UserError
from speechllm import CodeSpec
from speechllm.data.shards import Example, open_shards, write_shard

LIBRARIES = registry.LIBRARIES
NAMES = ("spk-1/a.b", "ü 2", "c", "..")


def content() -> Content:
    generator = torch.Generator().manual_seed(0)
    examples = [
        Example(name, torch.randint(4, 40, (3 + n,), generator=generator), toys.random_codes(1, 5 + 3 * n, n)[0].T)
        for n, name in enumerate(NAMES)
    ]
    texts = ["Hello.", "«Déjà vu»", "A | B\tC", "The end."]
    return Content(toys.TOY_SPEC, "fingerprint", examples, texts, ["ann", "bob", "ann", "a b"], {"task": "t"})


def written(folder: Path, format: str) -> Path:
    for library in filter(None, [LIBRARIES.get(format)]):
        pytest.importorskip(library, reason="needs lfsc-tts[formats]")
    folder.mkdir()
    WRITERS[format](folder, "000000", content())
    return folder


@pytest.mark.parametrize("format", WRITERS)
def test_what_is_written_is_read(tmp_path, format):
    found, (path,) = find(written(tmp_path / format, format))
    assert found == format and name_of(format, path) == "000000"
    back, expected = registry.read(format, path), content()
    assert (back.spec, back.tokenizer) == (expected.spec, expected.tokenizer)
    assert (back.texts, back.speakers) == (expected.texts, expected.speakers)
    assert [one.name for one in back.examples] == list(NAMES)
    for one, other in zip(back.examples, expected.examples, strict=True):
        assert torch.equal(one.ids, other.ids) and torch.equal(one.codes, other.codes)
        assert one.codes.dtype == one.ids.dtype == torch.int64


@pytest.mark.parametrize("format", WRITERS)
def test_the_same_content_is_the_same_files_at_any_time(tmp_path, format, monkeypatch):
    one = written(tmp_path / "one", format)
    monkeypatch.setattr("time.time", lambda: 2_000_000_000.0)
    other = written(tmp_path / "other", format)
    files = [{p.relative_to(x).as_posix(): p.read_bytes() for p in x.rglob("*") if p.is_file()} for x in (one, other)]
    assert files[0] == files[1] and files[0]


def test_webdataset_reads_its_samples(tmp_path):
    wds = pytest.importorskip("webdataset", reason="needs lfsc-tts[formats]")
    path = written(tmp_path / "wds", "webdataset") / "000000.tar"
    samples = list(wds.WebDataset(str(path), shardshuffle=False).decode())
    assert [one["json"]["id"] for one in samples] == list(NAMES)
    for sample, one in zip(samples, content().examples, strict=True):
        assert np.array_equal(sample["codes.npy"], one.codes.numpy()) and sample["codes.npy"].dtype == np.int16
    with tarfile.open(path) as tar:
        assert {member.mtime for member in tar} == {0}


def test_lhotse_reads_its_cuts_as_nemo_does(tmp_path):
    lhotse = pytest.importorskip("lhotse", reason="needs lfsc-tts[formats]")
    folder = written(tmp_path / "shar", "nemo")
    cuts, codes = folder / "cuts/cuts.000000.jsonl.gz", folder / "codes_21fps/target_codes/codes.000000.tar"
    found = list(lhotse.CutSet.from_shar(fields={"cuts": [str(cuts)], "target_codes": [str(codes)]}))
    assert [one.supervisions[0].text for one in found] == content().texts
    for cut, one in zip(found, content().examples, strict=True):
        assert isinstance(cut.target_codes, lhotse.array.TemporalArray)
        assert np.array_equal(cut.target_codes.load(), one.codes.T.numpy()) and cut.target_codes.start == 0
        assert cut.target_codes.frame_shift == 0.0465116 and cut.target_codes.shape == [8, len(one.codes)]
        assert cut.target_codes.duration == pytest.approx(cut.duration) == pytest.approx(len(one.codes) * 0.0465116)
    assert nemo.frame_shift_s(CodeSpec(12.5, 13, (9, 8, 7, 4))) == 0.08


def test_contexts_are_other_utterances_of_the_speaker(tmp_path):
    """As NeMo's MagpieTTS dataset reads them: `cut.context_codes.load()` [K, T] where `cut.has_custom` says so."""
    lhotse = pytest.importorskip("lhotse", reason="needs lfsc-tts[formats]")
    one = content()
    examples = [replace(example, name=f"{n}-{example.name}") for n in range(10) for example in one.examples]
    examples = [replace(example, codes=toys.random_codes(1, 5 + n, n)[0].T) for n, example in enumerate(examples)]
    speakers = [["ann", "bob", "unknown", ""][n % 4] for n in range(39)] + ["alone"]
    many = replace(one, examples=examples, texts=["."] * 40, speakers=speakers)
    nemo.write(tmp_path, "000000", many, context=3)
    fields = {"cuts": [str(tmp_path / "cuts/cuts.000000.jsonl.gz")]}
    for field in ("target_codes", "context_codes"):
        fields[field] = [str(tmp_path / f"codes_21fps/{field}/codes.000000.tar")]
    cuts = list(lhotse.CutSet.from_shar(fields=fields))
    known = {example.codes.T.numpy().tobytes(): n for n, example in enumerate(examples)}
    chosen = {}
    for number, cut in enumerate(cuts):
        assert np.array_equal(cut.target_codes.load(), examples[number].codes.T.numpy())
        assert cut.has_custom("context_codes") is (speakers[number] in ("ann", "bob"))
        if cut.has_custom("context_codes"):
            assert cut.context_codes.frame_shift == 0.0465116 and cut.context_codes.start == 0
            codes = cut.context_codes.load()
            assert codes.dtype == np.int32
            chosen[number] = known[np.ascontiguousarray(codes.astype(np.int64)).tobytes()]
    assert all(speakers[a] == speakers[b] and a != b for a, b in chosen.items()) and len(set(chosen.values())) > 8
    back = registry.read("nemo", tmp_path / "cuts/cuts.000000.jsonl.gz")
    assert [example.name for example in back.examples] == [example.name for example in examples]

    def drawn(order: list[int], seed: int) -> dict[str, str]:
        some = replace(many, examples=[examples[n] for n in order], speakers=[speakers[n] for n in order])
        return {a.name: b.name for a, b in zip(some.examples, nemo.contexts_of(some, seed), strict=True) if b}

    as_written = {examples[a].name: examples[b].name for a, b in chosen.items()}
    assert drawn(list(range(40)), 3) == as_written == drawn(list(range(39, -1, -1)), 3)
    assert drawn(list(range(40)), 4) != as_written


def test_datasets_reads_its_columns(tmp_path):
    pytest.importorskip("pyarrow", reason="needs lfsc-tts[formats]")
    datasets = pytest.importorskip("datasets", reason="a library of Hugging Face")
    path = written(tmp_path / "hf", "parquet") / "000000.parquet"
    rows = datasets.Dataset.from_parquet(str(path), cache_dir=str(tmp_path / "cache"))
    layers = [f"nano_layer_{layer}" for layer in range(1, 9)]
    assert set(rows.column_names) == {"id", "text", "speaker", "encoded_len", "ids", *layers}
    for row, one in zip(rows, content().examples, strict=True):
        assert [row[name] for name in layers] == one.codes.T.tolist() and row["encoded_len"] == len(one.codes)


def test_parquet_of_others_needs_codec_and_tokenizer(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="needs lfsc-tts[formats]")
    import pyarrow.parquet as pq

    columns = {f"nano_layer_{layer}": [[layer, 2, 3], [4, layer]] for layer in range(1, 9)}
    path = tmp_path / "train-00000.parquet"
    pq.write_table(pa.table({"text": ["Hello.", "Bye."], "encoded_len": [3, 2], **columns}), path)
    with pytest.raises(ValueError, match="does not say which codec its codes are of; name it with --codec"):
        registry.read("parquet", path)
    with pytest.raises(ValueError, match="has no column ids; name a tokenizer with --tokenizer"):
        registry.read("parquet", path, toys.TOY_SPEC)
    found = registry.read("parquet", path, toys.TOY_SPEC, lambda text: [len(text)])
    assert found.examples[0].codes.tolist() == [[*range(1, 9)], [2] * 8, [3] * 8]
    assert [one.ids.tolist() for one in found.examples] == [[6], [4]]
    for wrong in ([[1, 2, 3], None], [[1, 2], [3, 4]], [1, 2], [[1.5] * 3, [2.5] * 2]):
        pq.write_table(pa.table({"text": ["Hello.", "Bye."], **columns, "nano_layer_2": wrong}), path)
        with pytest.raises(ValueError, match=r"train-00000.parquet: row [01]: expected lists of whole numbers"):
            registry.read("parquet", path, toys.TOY_SPEC, len)
    pq.write_table(pa.table({"id": [7, 8], "text": ["Hello.", None], **columns}), path)
    found = registry.read("parquet", path, toys.TOY_SPEC, lambda text: [len(text)])
    assert [one.name for one in found.examples] == ["7", "8"] and found.texts == ["Hello.", ""]
    with pytest.raises(ValueError, match="has no column nano_layer_9; it has id, text"):
        registry.read("parquet", path, CodeSpec(12.5, 9, (4, 4)), len)


@pytest.mark.parametrize("format", WRITERS)
def test_files_that_are_something_else(tmp_path, format):
    folder = written(tmp_path / "made", format)
    path = find(folder)[1][0]
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=path.name):
        registry.read(format, path)


@pytest.mark.parametrize("format", ["webdataset", "nemo"])
def test_files_that_are_cut(tmp_path, format):
    path = find(written(tmp_path / "made", format))[1][0]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=f"{path.name}(: | is no shard of format nemo, or damaged)"):
        registry.read(format, path)


@pytest.mark.parametrize("format", WRITERS)
def test_shards_of_any_name(tmp_path, format):
    """Names of others' files may differ behind a dot only, and hold what a search for files takes as a pattern."""
    one = content()
    for library in filter(None, [LIBRARIES.get(format)]):
        pytest.importorskip(library, reason="needs lfsc-tts[formats]")
    for name in ("train.1", "train[2].1"):
        WRITERS[format](tmp_path, name, one)
    paths = find(tmp_path)[1]
    assert {name_of(format, path) for path in paths} == {"train.1", "train[2].1"}
    assert all([found.name for found in registry.read(format, path).examples] == list(NAMES) for path in paths)


def test_codes_of_another_codec_are_refused():
    one = content()
    with pytest.raises(ValueError, match=r"spk-1/a.b: got codes in .*; expected 0..15"):
        replace(one, spec=CodeSpec(21.5, 8, (4, 4)))


def test_folders_of_several_formats_or_none(tmp_path):
    with pytest.raises(UserError, match="holds nothing; expected shards of one of: safetensors"):
        find(tmp_path)
    for pattern in (PATTERNS["webdataset"], PATTERNS["parquet"]):
        (tmp_path / pattern.replace("*", "a")).touch()
    with pytest.raises(UserError, match="holds webdataset and parquet"):
        find(tmp_path)


def test_a_library_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"format nemo needs lhotse; pip install 'lfsc-tts\[formats\]'"):
        registry.check("nemo")


def test_shards_without_texts_are_read(tmp_path):
    one = content()
    write_shard(tmp_path / "000000.safetensors", list(one.examples), one.spec, one.tokenizer)
    back = shards.read(tmp_path / "000000.safetensors")
    assert back.texts == [""] * 4 and back.speakers == ["unknown"] * 4
    assert json.loads(open_shards(tmp_path)[0].notes.get("texts", "null")) is None
