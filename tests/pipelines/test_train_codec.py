"""Which training a configuration asks for."""

import pytest

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")

from pipelines import train_codec
from pipelines.training import lfsc_codec, lite_codec


@pytest.mark.parametrize(
    ("flags", "room"),
    [
        (["--config", "lite-21.5fps"], lite_codec),
        (["--config", "lfsc"], lfsc_codec),
        (["--manifest=x"], lite_codec),
        (["--manifest=x", "--codec.family=hifigan"], lfsc_codec),
        (["--config", "lfsc", "--codec.name=mine"], lfsc_codec),
    ],
)
def test_the_family_of_the_codec_chooses(monkeypatch, flags, room):
    trained = []
    for module in (lite_codec, lfsc_codec):
        monkeypatch.setattr(module, "train", lambda config, module=module: trained.append((module, config)))
    train_codec.main(flags)
    assert [module for module, _ in trained] == [room]


def test_help_shows_the_flags_of_the_family(capsys):
    for flags, shown in (([], "--vocoder_from="), (["--config=lfsc"], "--min_duration_s=")):
        with pytest.raises(SystemExit) as stopped:
            train_codec.main([*flags, "--help"], prog="lfsc-tts train-codec")
        printed = capsys.readouterr().out
        assert not stopped.value.code
        assert printed.startswith("usage: lfsc-tts train-codec ") and shown in printed
