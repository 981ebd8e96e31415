"""Half precision where it is slower: who is told, and who is not."""

import pytest
import torch

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")
from pipelines.training import half_precision
from pipelines.training.half_precision import fast_precision, seconds, slower

CPU = torch.device("cpu")


@pytest.mark.parametrize(("precision", "dtype"), [("bf16-mixed", torch.bfloat16), ("16-true", torch.float16)])
def test_whoever_trains_slower_in_half_precision_is_told(monkeypatch, precision, dtype):
    monkeypatch.setattr(half_precision, "seconds", lambda one: {dtype: 0.7, torch.float32: 0.02}[one])
    assert slower(CPU, precision) == (
        f"this processor multiplies 35 times slower in {precision} than in float32; better leave it out"
    )
    assert not slower(torch.device("cuda"), precision)
    assert not slower(CPU, "32-true")


def test_the_faster_precision_is_chosen(monkeypatch):
    for half, chosen in ((0.7, "32-true"), (0.01, "bf16-mixed")):
        times = {torch.bfloat16: half, torch.float32: 0.02}
        monkeypatch.setattr(half_precision, "seconds", times.__getitem__)
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert fast_precision() == chosen
        with monkeypatch.context() as patch:
            patch.setattr(torch.cuda, "is_available", lambda: True)
            assert fast_precision() == "bf16-mixed"


def test_a_processor_that_computes_in_it_is_not_spoken_of(monkeypatch):
    monkeypatch.setattr(half_precision, "seconds", lambda one: {torch.bfloat16: 0.01, torch.float32: 0.02}[one])
    assert not slower(CPU, "bf16-mixed")


def test_the_time_of_a_product_is_measured():
    assert 0 < seconds(torch.float32) < 10
