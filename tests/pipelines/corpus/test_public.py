"""Layouts and recipes of public corpora, each on a tiny corpus of that layout."""

import gzip
import json
from pathlib import Path

import pytest
import soundfile

import toys
from pipelines import prepare_corpus
from pipelines.corpus import manifest
from pipelines.corpus.importing import READERS
from pipelines.corpus.recipes import read_recipe
from pipelines.shared.errors import UserError
from sources import ROOT

LATIN1 = "10_20_000001\td\xe9j\xe0"  # a text that is refused rather than spoken with what stands in its place
RECIPES = sorted(path.stem for path in ROOT.glob("configs/data/*.yaml"))


def prepare(*argv: object) -> None:
    prepare_corpus.main([*map(str, argv)])


def record(path: Path, duration_s: float = 0.5) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, toys.voiced(120, duration_s), toys.RATE)
    return str(path)


def libritts_r(root: Path) -> dict[str, tuple[str, str]]:
    record(root / "dev-clean/84/121/84_121_1.wav")
    (root / "dev-clean/84/121/84_121_1.normalized.txt").write_text("Some words.\n")
    return {"84_121_1": ("Some words.", "84")}


def mls_english(root: Path) -> dict[str, tuple[str, str]]:
    record(root / "dev/audio/10/20/10_20_000000.flac")
    record(root / "dev/audio/10/20/10_20_000001.ogg")
    lines = ["10_20_000000\tsome words", "10_20_000001\tmore words", "../../../etc\tno", "10_20_000002", LATIN1]
    (root / "dev/transcripts.txt").write_text("".join(f"{line}\n" for line in lines), "latin-1")
    return {"10_20_000000": ("some words", "10"), "10_20_000001": ("more words", "10")}


def common_voice_english(root: Path) -> dict[str, tuple[str, str]]:
    record(root / "clips/common_voice_en_1.mp3")
    head, rest = "client_id\tpath\tsentence_id\tsentence\tup_votes", "ann\t{}\t9\t{}\t2"
    rows = [rest.format("common_voice_en_1.mp3", 'A "quoted" word.'), rest.format("", "x"), rest.format("y.mp3", " ")]
    rows.append(rest.format("common_voice_en_1.mp3", "d\xe9j\xe0"))
    (root / "dev.tsv").write_text("\n".join([head, *rows]) + "\n", "latin-1")
    return {"common_voice_en_1": ('A "quoted" word.', "ann")}


def emilia_english(root: Path) -> dict[str, tuple[str, str]]:
    name = "EN_B00000_S00000_W000000"
    record(root / f"EN/EN_B00000/{name}.mp3")
    values = dict(id=name, wav=f"EN_B00000/{name}.mp3", text=" Hello there.", speaker="EN_B00000_S00000", dnsmos=3.3)
    (root / f"EN/EN_B00000/{name}.json").write_text(json.dumps(values))
    (root / "EN/EN_B00000/alone.json").write_text(json.dumps({**values, "id": "alone"}))
    (root / "EN/EN_B00000/broken.json").write_text("{")
    (root / "EN/EN_B00000/deep.json").write_text("[" * 100_000)
    return {name: ("Hello there.", "EN_B00000_S00000")}


TINY = {
    "libritts-r": (libritts_r, "dev-clean", 0),
    "mls-english": (mls_english, "dev", 3),
    "common-voice-english": (common_voice_english, "dev", 3),
    "emilia-english": (emilia_english, "train", 3),
}


def read(out: Path) -> dict[str, tuple[str, str]]:
    utterances = manifest.read(out)
    assert all((out.parent / one.audio).is_file() and 0.45 < one.duration_s < 0.6 for one in utterances)
    return {one.id: (one.text, one.speaker) for one in utterances}


def rejected(out: Path) -> list[str]:
    path = out.with_suffix(".rejects.jsonl")
    return [json.loads(line)["reason"] for line in path.read_text("utf-8").splitlines()] if path.exists() else []


@pytest.mark.parametrize("decode", [True, False])
@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_reads_its_corpus(tmp_path, capsys, name, decode):
    make, split, bad = TINY[name]
    wanted, out = make(tmp_path / "corpus"), tmp_path / "list.jsonl"
    flags = ["--split", split, "--out", out, "--max-rejects", 0.8, *([] if decode else ["--no-decode"])]
    prepare("recipe", name, tmp_path / "corpus", *flags)
    assert read(out) == wanted and len(rejected(out)) == bad
    assert read_recipe(name).licence in capsys.readouterr().out
    with pytest.raises(UserError, match="got --split nothing; expected one of: "):
        prepare("recipe", name, tmp_path / "corpus", "--split", "nothing", "--out", out)


def test_every_recipe_is_whole():
    assert set(RECIPES) == set(TINY)
    for name in RECIPES:
        recipe = read_recipe(name)
        assert recipe.layout in READERS and recipe.licence and recipe.source.startswith("https://") and recipe.splits


def test_recipes_of_no_layout_are_refused(tmp_path):
    (tmp_path / "r.yaml").write_text("layout: nonsense\nlicence: x\nsource: y\nsplits: {train: a}\n")
    with pytest.raises(UserError, match="layout is 'nonsense'; expected one of: ljspeech"):
        read_recipe(str(tmp_path / "r.yaml"))


def test_recipes_lead_nowhere_else(tmp_path):
    head = "layout: mls\nlicence: x\nsource: y\nsplits:\n  train: "
    for place in ("../other", "/etc", "a/../../b", "3"):
        (tmp_path / "r.yaml").write_text(head + place)
        with pytest.raises(UserError, match="expected a path below the corpus"):
            read_recipe(str(tmp_path / "r.yaml"))
    with pytest.raises(UserError, match="no configuration 'data/nonsense'"):
        read_recipe("nonsense")


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz"])
def test_cuts_of_lhotse(tmp_path, suffix):
    record(tmp_path / "a.wav")
    source = {"type": "file", "channels": [0], "source": "a.wav"}
    recording = {"id": "r", "sources": [source], "sampling_rate": 22050, "num_samples": 11025, "duration": 0.5}
    said = [{"id": "s", "text": "Hello.", "speaker": 7, "start": 0, "duration": 0.5}]
    cut = {"id": "c1", "start": 0, "duration": 0.5, "channel": 0, "supervisions": said, "recording": recording}
    cuts = [cut, {**cut, "id": "c2", "start": 0.1, "duration": 0.3}, {**cut, "id": "c3", "supervisions": []}]
    cuts += [{**cut, "id": "c4", "recording": {**recording, "sources": [{**source, "type": "memory"}]}}, {}]
    data = "".join(f"{json.dumps(one)}\n" for one in cuts).encode()
    (tmp_path / f"cuts{suffix}").write_bytes(gzip.compress(data) if suffix.endswith("gz") else data)
    prepare("lhotse", tmp_path / f"cuts{suffix}", "--out", tmp_path / "list.jsonl", "--max-rejects", 0.9)
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(data)[:-20])
    with pytest.raises(UserError, match="cut.jsonl.gz is no gzip file, or damaged"):
        prepare("lhotse", tmp_path / "cut.jsonl.gz", "--out", tmp_path / "cut.jsonl")
    assert read(tmp_path / "list.jsonl") == {"c1": ("Hello.", "7")}
    reasons = " ".join(rejected(tmp_path / "list.jsonl"))
    assert "a segment of a longer file" in reasons and "type memory" in reasons and reasons.count("not a cut") == 2


def test_what_lhotse_itself_writes(tmp_path):
    lhotse = pytest.importorskip("lhotse", reason="needs lfsc-tts[formats]")
    recording = lhotse.Recording.from_file(record(tmp_path / "a.wav"))
    cut = recording.to_cut()
    cut.supervisions.append(lhotse.SupervisionSegment("s", recording.id, 0, cut.duration, text="Hello.", speaker="ann"))
    lhotse.CutSet.from_cuts([cut]).to_file(tmp_path / "cuts.jsonl.gz")
    prepare("lhotse", tmp_path / "cuts.jsonl.gz", "--out", tmp_path / "list.jsonl")
    assert read(tmp_path / "list.jsonl") == {cut.id: ("Hello.", "ann")}


def test_a_folder_of_hugging_face_with_a_table(tmp_path):
    record(tmp_path / "set/train/a.wav")
    record(tmp_path / "set/test/a.wav")
    record(tmp_path / "outside.wav")
    lines = [dict(file_name="a.wav", transcription="One.", speaker_id=3), dict(file_name="a.wav"), "no"]
    lines += [dict(file_name=name, text="x") for name in (".", "../../outside.wav", str(tmp_path / "outside.wav"))]
    (tmp_path / "set/train/metadata.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n\n")
    (tmp_path / "set/test/metadata.csv").write_text('\ufefffile_name,text\na.wav,"Two, three."\n', "utf-8")
    prepare("huggingface", tmp_path / "set", "--out", tmp_path / "list.jsonl", "--max-rejects", 0.8)
    assert read(tmp_path / "list.jsonl") == {"train/a": ("One.", "3"), "test/a": ("Two, three.", "unknown")}
    reasons = rejected(tmp_path / "list.jsonl")
    assert len(reasons) == 5 and sum("expected a path below" in reason for reason in reasons) == 2
    (tmp_path / "set/test/metadata.csv").write_text("file_name,text\na.wav," + "x" * 2**20 + "y\n")
    with pytest.raises(UserError, match="metadata.csv: after line 1: field larger than field limit"):
        prepare("huggingface", tmp_path / "set", "--out", tmp_path / "list.jsonl")
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match="has neither metadata.jsonl, nor metadata.csv, nor parquet"):
        prepare("huggingface", tmp_path / "none", "--out", tmp_path / "x.jsonl")


def test_parquet_of_hugging_face_is_written_out_as_it_is(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="needs lfsc-tts[formats]")
    import pyarrow.parquet as pq

    data = Path(record(tmp_path / "a.mp3")).read_bytes()
    audio = [dict(bytes=data, path="../../../evil.mp3"), dict(bytes=data, path="b.exe"), dict(bytes=None, path="c.wav")]
    table = pa.table({"audio": audio, "sentence": ["One.", "Two.", "Three."], "other": [1, 2, 3]})
    (tmp_path / "set/data").mkdir(parents=True)
    pq.write_table(table, tmp_path / "set/data/train-00000-of-00001.parquet")
    for _ in range(2):  # what is there is not written again
        prepare("huggingface", tmp_path / "set", "--out", tmp_path / "out/list.jsonl", "--max-rejects", 0.5)
    folder = "data/train-00000-of-00001"
    assert [*read(tmp_path / "out/list.jsonl")] == [f"{folder}/00000000", f"{folder}/00000001"]
    assert len(rejected(tmp_path / "out/list.jsonl")) == 1
    files = {path.relative_to(tmp_path / "out/audio").as_posix() for path in (tmp_path / "out/audio").rglob("*.*")}
    assert files == {f"{folder}/00000000.mp3", f"{folder}/00000001.wav"}
    assert (tmp_path / f"out/audio/{folder}/00000000.mp3").read_bytes() == data
    pq.write_table(table.drop_columns("audio"), tmp_path / "set/data/train-00000-of-00001.parquet")
    with pytest.raises(UserError, match="has no column audio; it has sentence, other"):
        prepare("huggingface", tmp_path / "set", "--out", tmp_path / "x.jsonl")


@pytest.mark.parametrize(
    ("layout", "place", "message"),
    [
        ("mls", ".", "transcripts.txt does not exist"),
        ("commonvoice", ".", "is not a file; expected a table of Common Voice"),
        ("commonvoice", "x.tsv", "has no columns client_id, path, sentence; it has a, b"),
        ("lhotse", ".", "expected cuts of Lhotse"),
        ("emilia", ".", "holds nothing in emilia layout"),
    ],
)
def test_other_layouts_are_named(tmp_path, layout, place, message):
    (tmp_path / "x.tsv").write_text("a\tb\n")
    with pytest.raises(UserError, match=message):
        prepare(layout, tmp_path / place, "--out", tmp_path / "list.jsonl")
