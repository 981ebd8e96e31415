"""The aligner starts anew where it has learnt nothing, can be kept, and is not taken for another codec or tokenizer."""

from dataclasses import replace

import pytest
import torch

import toys
from pipelines import align_corpus
from speechllm.training.aligner import Aligner


@pytest.fixture
def losses(monkeypatch):
    """What each training ends with, in their order; and who was trained."""
    wanted: list[float] = []
    given: list[tuple[Aligner, bool]] = []

    def train(aligner, shards, silent, args, give_up=False):
        given.append((aligner, give_up))
        return wanted[len(given) - 1]

    monkeypatch.setattr(align_corpus, "train", train)
    return wanted, given


def test_a_start_that_learns_nothing_is_given_up(losses, capsys):
    wanted, given = losses
    wanted += [0.9, 0.8, 0.2]
    aligner = align_corpus.trained(toys.TOY_SPEC, 40, [], torch.zeros(0), None)
    assert len(given) == 3 and aligner is given[2][0] and all(give_up for _, give_up in given)
    assert not torch.equal(given[0][0].output.weight, given[1][0].output.weight), "another start is another"
    printed = capsys.readouterr()
    assert printed.out.count("another start") == 2 and not printed.err


def test_if_none_learns_it_is_said(losses, capsys):
    wanted, given = losses
    wanted += [0.9] * align_corpus.STARTS
    align_corpus.trained(toys.TOY_SPEC, 40, [], torch.zeros(0), None)
    assert [give_up for _, give_up in given] == [True] * (align_corpus.STARTS - 1) + [False]
    assert "has learnt little (loss 0.90" in capsys.readouterr().err


def test_an_aligner_is_kept(tmp_path):
    torch.manual_seed(1)
    aligner, path = Aligner(toys.TOY_SPEC, 40), tmp_path / "aligner.safetensors"
    aligner.save(path, "tok")
    codes = toys.random_codes(2, 9).transpose(1, 2)
    assert torch.allclose(Aligner.load(path, toys.TOY_SPEC, "tok")(codes), aligner(codes), atol=1e-2)
    for spec, tokenizer in ((toys.TOY_SPEC, "other"), (replace(toys.TOY_SPEC, codec_fingerprint="x"), "tok")):
        with pytest.raises(ValueError, match="of another codec or tokenizer"):
            Aligner.load(path, spec, tokenizer)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match="is not an aligner"):
        Aligner.load(path, toys.TOY_SPEC, "tok")
