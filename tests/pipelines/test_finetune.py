"""Fine-tuning, the parts that need no training."""

import argparse

import pytest

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")
from pipelines.finetune import Work
from pipelines.speaking.card import find_voice


def test_a_codec_without_discriminators_stays_as_it_is(tmp_path, capsys):
    base = tmp_path / "voice"
    for name in ("base", "codec"):
        (base / name).mkdir(parents=True)
    for name in ("voice.yaml", "aligner.safetensors"):
        (base / name).write_text("")
    work = Work(argparse.Namespace(base=str(base), out=tmp_path / "mine", work=tmp_path / "work", precision=None))
    assert work.codec == find_voice(str(base)) / "codec"
    assert "has no discriminators, against which its decoder could be tuned" in capsys.readouterr().out
