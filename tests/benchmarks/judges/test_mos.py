import sys

import numpy as np
import pytest

from benchmarks.judges import mos


@pytest.fixture(scope="module")
def predictor():
    try:
        return mos.MosPredictor()
    except ImportError as error:
        pytest.skip(f"DistillMOS is an evaluation extra: {error}")


@pytest.fixture(scope="module")
def speech():
    hibari = pytest.importorskip("hibari", reason="the test speaks with hibari")
    return hibari.Hibari(threads=1)("The boy was there when the sun rose.", seed=0)


def test_clean_speech_is_good_and_noisy_speech_is_not(predictor, speech):
    noise = np.random.default_rng(0).normal(0, 0.05, len(speech)).astype(np.float32)
    clean, noisy = predictor.score(speech, 24_000), predictor.score(speech + noise, 24_000)
    assert 3.9 < clean < 4.9
    assert noisy < clean - 1


def test_loading_says_nothing_and_leaves_no_stand_in(predictor, capsys):
    mos.MosPredictor()
    assert capsys.readouterr().out == ""
    assert getattr(sys.modules.get("torchaudio"), "__file__", "real") is not None


def test_any_length_has_a_score(predictor):
    for samples in (0, 100, 16_000 * 9):
        assert 1 <= predictor.score(np.zeros(samples, np.float32), 16_000) <= 5


def test_stand_in_lives_only_inside_the_block(monkeypatch, tmp_path):
    (tmp_path / "torchaudio").mkdir()
    (tmp_path / "torchaudio" / "lib.py").touch()
    (tmp_path / "torchaudio" / "__init__.py").write_text("import torchaudio.lib\nraise OSError('libcuda is missing')\n")
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    with mos.importable_torchaudio():
        import torchaudio

        assert not hasattr(torchaudio, "load")
    with pytest.raises(ImportError, match="nowhere"), mos.importable_torchaudio():
        raise ImportError("nowhere")
    assert not [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distillmos", None)
    with pytest.raises(ImportError, match="distillmos.*--no-deps"):
        mos.MosPredictor()
