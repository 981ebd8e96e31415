"""Code shards: what is written is what is read, files are whole or absent, and a wrong one says so."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

import toys
from speechllm.data.shards import Example, Shard, identity, open_shards, write_shard


def examples(count: int = 3, seed: int = 0, prefix: str = "u") -> list[Example]:
    generator = torch.Generator().manual_seed(seed)
    return [
        Example(
            f"{prefix}{i}", torch.randint(4, 40, (5 + i,), generator=generator), toys.random_codes(1, 7 + i, i)[0].T
        )
        for i in range(count)
    ]


@pytest.fixture
def shard(tmp_path):
    write_shard(tmp_path / "000.safetensors", examples(), toys.TOY_SPEC, "tok")
    return Shard(tmp_path / "000.safetensors")


def test_what_is_written_is_read(shard):
    assert len(shard) == 3
    assert (shard.spec, shard.tokenizer_fingerprint, shard.positions) == (toys.TOY_SPEC, "tok", None)
    for i, wanted in enumerate(examples()):
        found = shard[i]
        assert (found.name, found.positions) == (wanted.name, None)
        assert torch.equal(found.ids, wanted.ids) and torch.equal(found.codes, wanted.codes)
        assert found.ids.dtype == found.codes.dtype == torch.int64


def test_positions_come_back_with_their_frames(shard):
    positions = [torch.arange(len(e.codes)).clamp(max=len(e.ids) - 1) for e in examples()]
    shard.write_positions(positions)
    again = Shard(shard.path)
    assert all(torch.equal(again[i].positions, wanted) for i, wanted in enumerate(positions))


def test_nothing_is_left_beside_a_shard(shard):
    shard.write_positions([torch.zeros(len(e.codes), dtype=torch.long) for e in examples()])
    assert sorted(p.name for p in shard.path.parent.iterdir()) == ["000.positions", "000.safetensors"]


def test_linked_folders_are_looked_into(shard, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/.begun").mkdir()
    write_shard(tmp_path / "elsewhere/.begun/000.safetensors", examples(), toys.TOY_SPEC, "tok")
    (tmp_path / "all/more").mkdir(parents=True)
    (tmp_path / "all/linked").symlink_to(shard.path.parent / "elsewhere", target_is_directory=True)
    write_shard(tmp_path / "elsewhere/b.safetensors", examples(2, prefix="b"), toys.TOY_SPEC, "tok")
    write_shard(tmp_path / "all/more/a.safetensors", examples(1, prefix="a"), toys.TOY_SPEC, "tok")
    assert [len(one) for one in open_shards(tmp_path / "all")] == [2, 1], "in the order of their paths"


def test_an_interrupted_write_leaves_no_shard_and_no_damage(shard, monkeypatch):
    before = shard.path.read_bytes()

    def fail(path, data):
        path.open("wb").write(data[:100])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", fail)
    for name in ("000.safetensors", "001.safetensors"):
        with pytest.raises(OSError, match="disk full"):
            write_shard(shard.path.with_name(name), examples(), toys.TOY_SPEC, "tok")
    assert shard.path.read_bytes() == before
    assert len(open_shards(shard.path.parent)) == 1


def test_broken_shards_give_one_clear_error(shard):
    whole = shard.path.read_bytes()
    for content in (b"", b"not a shard", whole[:60], whole[:-10]):
        shard.path.write_bytes(content)
        with pytest.raises(ValueError, match=r"000.safetensors is not a code shard.*encode_corpus"):
            Shard(shard.path)


def test_another_kind_of_safetensors_file_is_not_a_shard(tmp_path):
    save_file({"weight": torch.zeros(3)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="is not a code shard"):
        Shard(tmp_path / "model.safetensors")


def test_broken_or_foreign_positions_give_one_clear_error(shard):
    for content in (b"", b"not positions", shard.path.read_bytes()):
        shard.positions_path.write_bytes(content)
        with pytest.raises(ValueError, match=r"000.positions.*align_corpus"):
            Shard(shard.path)
    shard.write_positions([torch.zeros(4, dtype=torch.long)])
    with pytest.raises(ValueError, match=r"belongs to another shard.*align_corpus"):
        Shard(shard.path)


def test_shards_of_a_folder_belong_together(shard):
    folder = shard.path.parent
    write_shard(folder / "001.safetensors", examples(2, prefix="v"), toys.TOY_SPEC, "tok")
    assert [len(found) for found in open_shards(folder)] == [3, 2]
    for key, spec, fingerprint in (
        ("spec", replace(toys.TOY_SPEC, codec_fingerprint="x"), "tok"),
        ("tokenizer_fingerprint", toys.TOY_SPEC, "x"),
    ):
        write_shard(folder / "001.safetensors", examples(2, prefix="v"), spec, fingerprint)
        with pytest.raises(ValueError, match=rf"001.safetensors and .*000.safetensors differ in {key}"):
            open_shards(folder)


def test_a_folder_without_shards_says_what_makes_them(tmp_path):
    with pytest.raises(ValueError, match=r"holds no shards.*encode_corpus"):
        open_shards(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": torch.tensor([5, 40_000])}, "u0: got text ids in 5..40000; expected 0..32767"),
        ({"ids": torch.tensor([-1, 4])}, "u0: got text ids in -1..4; expected"),
        ({"codes": torch.full((7, 8), 2016)}, "u0: got codes in 2016..2016; expected 0..2015"),
        ({"codes": torch.full((7, 8), 70_000)}, "u0: got codes in 70000..70000; expected 0..2015"),
    ],
)
def test_what_int16_would_make_another_number_is_not_written(tmp_path, changes, message):
    first, *others = examples()
    with pytest.raises(ValueError, match=message):
        write_shard(tmp_path / "000.safetensors", [replace(first, **changes), *others], toys.TOY_SPEC, "tok")
    assert not list(tmp_path.iterdir())


def test_positions_that_int16_does_not_hold_are_not_written(shard):
    with pytest.raises(ValueError, match="u1: got positions in 0..40000"):
        shard.write_positions([torch.arange(7), torch.tensor([0, 40_000]), torch.arange(9)])
    assert not shard.positions_path.exists()


def test_an_identity_changes_with_everything_that_a_model_depends_on(shard):
    """B, F."""
    folder, path = shard.path.parent, shard.path
    first = identity(open_shards(folder))
    assert first["codec"] == toys.TOY_SPEC.codec_fingerprint and first["tokenizer"] == "tok"
    assert first["alignment"] == "" and all(isinstance(value, str) for value in first.values())

    def changed() -> set[str]:
        found = identity(open_shards(folder))
        return {key for key in first if found[key] != first[key]}

    path.rename(path.with_name("renamed.safetensors"))
    assert not changed()
    path = path.with_name("renamed.safetensors")
    one, *rest = examples()
    for other in (
        [replace(one, name="v"), *rest],
        [replace(one, ids=one.ids.flip(0)), *rest],
        [replace(one, codes=one.codes.flip(1)), *rest],
        [*rest, one],
    ):
        write_shard(path, other, toys.TOY_SPEC, "tok")
        assert changed() == {"corpus"}
    write_shard(path, examples(), toys.TOY_SPEC, "other")
    assert changed() == {"tokenizer"}
    write_shard(path, examples(), replace(toys.TOY_SPEC, codec_fingerprint="x"), "tok")
    assert changed() == {"codec"}
    write_shard(path, examples(), replace(toys.TOY_SPEC, levels=toys.TOY_SPEC.levels[::-1]), "tok")
    assert changed() == {"codes"}
    write_shard(path, examples(), toys.TOY_SPEC, "tok")
    Shard(path).write_positions([torch.zeros(len(e.codes), dtype=torch.long) for e in examples()])
    assert changed() == {"alignment"}
    write_shard(folder / "second.safetensors", examples(1, prefix="v"), toys.TOY_SPEC, "tok")
    assert changed() == {"alignment", "corpus"}


def test_two_utterances_of_one_name_are_refused(shard):
    """E."""
    folder = shard.path.parent
    write_shard(folder / "001.safetensors", examples(1), toys.TOY_SPEC, "tok")
    with pytest.raises(ValueError, match=r"utterance u0 is in .*000.safetensors and .*001.safetensors"):
        open_shards(folder)
    (folder / "001.safetensors").unlink()
    write_shard(shard.path, [*examples(1), *examples(1)], toys.TOY_SPEC, "tok")
    with pytest.raises(ValueError, match="utterance u0 is in"):
        open_shards(folder)


def test_an_alignment_of_other_codes_of_the_same_length_is_refused(shard):
    """F."""
    shard.write_positions([torch.zeros(len(e.codes), dtype=torch.long) for e in examples()])
    one, *rest = examples()
    write_shard(shard.path, [replace(one, codes=one.codes.flip(1)), *rest], toys.TOY_SPEC, "tok")
    with pytest.raises(ValueError, match=r"000.positions belongs to another shard, or an older one; run align_corpus"):
        open_shards(shard.path.parent)
    assert open_shards(shard.path.parent, aligned=False)[0].positions is None


def test_files_of_earlier_versions_are_read(shard):
    """F. They have no hashes; those are made while reading."""
    with safe_open(shard.path, "pt") as file:
        header = {key: value for key, value in file.metadata().items() if key in ("spec", "tokenizer", "names")}
    save_file(shard.tensors, shard.path, header)
    save_file({"positions": torch.zeros(len(shard.tensors["codes"]), dtype=torch.int16)}, shard.positions_path)
    old = Shard(shard.path)
    assert (old.corpus, old.notes) == (shard.corpus, {}) and old.positions is not None


def test_a_shard_without_utterances_keeps_its_notes_and_is_passed_over(shard):
    """F."""
    empty = shard.path.with_name("001.safetensors")
    write_shard(empty, [], toys.TOY_SPEC, "tok", {"rejects": "[]"})
    assert len(Shard(empty)) == 0 and Shard(empty).notes == {"rejects": "[]"}
    assert [one.path for one in open_shards(shard.path.parent)] == [shard.path]


def test_the_same_content_is_the_same_file(tmp_path):
    """However many keys its header has; safetensors by itself orders them by chance."""
    notes = {f"note {number}": "text" for number in range(20)}
    examples = [Example(f"u{number}", torch.arange(number + 1), torch.full((number + 2, 8), 7)) for number in range(3)]
    for name in "abcd":
        write_shard(tmp_path / f"{name}.safetensors", examples, toys.TOY_SPEC, "fingerprint", notes)
    assert len({(tmp_path / f"{name}.safetensors").read_bytes() for name in "abcd"}) == 1
    assert Shard(tmp_path / "a.safetensors").notes == notes
