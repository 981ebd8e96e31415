"""What batches are worth to an encoder: the same codes, or no figure."""

import pytest
import torch

import toys
from benchmarks.encoding import compare, encode, main, table


class Careless:
    """A codec whose codes depend on who else is in the batch."""

    def encode_recordings(self, recordings):
        return [torch.full((1, 3), len(recordings)) for _ in recordings]


def test_batches_are_of_the_size_that_was_asked_for():
    _, codes = encode(Careless(), [torch.zeros(1, 4)] * 5, 2)
    assert [int(one[0, 0]) for one in codes] == [2, 2, 2, 2, 1]


def test_other_codes_are_no_gain():
    with pytest.raises(ValueError, match="not those of its recordings one by one"):
        compare(Careless(), [torch.zeros(1, 4)] * 4, 2, 1)


def test_the_table_pairs_rounds():
    lines = table([2.0, 4.0], [1.0, 4.0], 8.0, 32).splitlines()
    assert lines[-2] == "| one by one | 3.00 (2.00 to 4.00) |  |"
    assert lines[-1] == "| batches of 32 | 5.00 (2.00 to 8.00) | 1.50 (1.00 to 2.00) |"


def test_the_command(tmp_path, monkeypatch, capsys):
    manifest = toys.write_corpus(tmp_path / "corpus", 3)
    monkeypatch.setattr("benchmarks.encoding.load_codec", lambda folder: toys.toy_codec())
    flags = ["--codec", "toy", "--recordings", "3", "--batch", "2", "--rounds", "2", "--out", str(tmp_path / "out")]
    main(["--manifest", str(manifest), *flags])
    assert "batches of 2" in (tmp_path / "out.md").read_text() and "one by one" in capsys.readouterr().out
