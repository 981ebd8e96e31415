import sys

import numpy as np
import pytest
import torch

from benchmarks.judges.similarity import SpeakerEncoder, mean_embedding


@pytest.fixture(scope="module")
def encoder():
    try:
        return SpeakerEncoder()
    except ImportError as error:
        pytest.skip(f"Resemblyzer is an evaluation extra: {error}")


def test_one_voice_is_closer_to_itself_than_to_another(encoder):
    hibari = pytest.importorskip("hibari", reason="the test speaks with hibari")
    heart = hibari.Hibari(threads=1)
    threads = torch.get_num_threads()
    first, second, third = (
        encoder.embed(heart(text, seed=0), 24_000)
        for text in (
            "The boy was there when the sun rose.",
            "Rice is often served in round bowls.",
            "Take the winding path to reach the lake.",
        )
    )
    other = encoder.embed(heart("The boy was there when the sun rose.", seed=0), 17_000)  # slowed down: a larger person
    assert torch.get_num_threads() == threads
    assert first.shape == (256,) and np.linalg.norm(first) == pytest.approx(1, abs=1e-5)
    reference = mean_embedding([second, third])
    assert encoder.similarity(first, reference) > 0.7
    assert encoder.similarity(other, reference) < encoder.similarity(first, reference) - 0.15


@pytest.mark.parametrize("samples", [0, 50, 16_000])
def test_silence_is_like_nobody(encoder, samples):
    nobody = encoder.embed(np.zeros(samples, np.float32), 16_000)
    assert nobody.shape == (256,) and not nobody.any()
    assert encoder.similarity(nobody, np.ones(256)) == 0


def test_similarity_is_a_cosine():
    a, b = np.eye(256)[:2]
    assert SpeakerEncoder.similarity(3 * a, a + b) == pytest.approx(2**-0.5)
    assert mean_embedding([a, b])[:2] == pytest.approx([2**-0.5] * 2)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "resemblyzer", None)
    with pytest.raises(ImportError, match="resemblyzer.*--no-deps"):
        SpeakerEncoder()
