"""Which training a configuration asks for."""

import dataclasses

import pytest
import torch

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")

import codec
import toys
from codec import LiteCodec
from codec.training.lite.module import LitCodec
from pipelines import train_codec
from pipelines.shared.errors import UserError
from pipelines.training import lfsc_codec, lite_codec
from speechllm.config import CodeSpec, RecogniserConfig
from speechllm.model.recogniser import Recogniser


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


def test_a_listener_hears_the_codes_that_training_keeps(tmp_path):
    codec.save(toys.toy_codec(), tmp_path / "codec")
    known = codec.load(tmp_path / "codec")
    spec = CodeSpec(known.frame_rate, known.num_codebooks, known.levels, known.fingerprint)
    Recogniser(RecogniserConfig(spec, "toy", (3, 5), dim=8, frame_blocks=1, step_blocks=1)).save(tmp_path / "listener")
    begun = dict(
        manifest=tmp_path, codec=toys.TOY_CODEC, init_from=tmp_path / "codec", listener_from=tmp_path / "listener"
    )
    kept = lite_codec.CodecOptim(freeze_from=0, discriminator_channels=4)
    (listener,) = lite_codec.new_module(lite_codec.TrainLite(**begun, optim=kept)).listener
    heard = listener(codec_values(known))
    assert heard.shape == (1, 10, 3) and heard.exp().sum(-1).allclose(heard.new_ones(1, 10))

    changed = begun | {"optim": lite_codec.CodecOptim(freeze_from=5)}
    others = begun | {"init_from": None, "optim": kept}
    for wrong in (changed, others):
        with pytest.raises(UserError, match=r"listener_from.*--init_from.*--optim.freeze_from=0"):
            lite_codec.new_module(lite_codec.TrainLite(**wrong))
    deaf = begun | {"optim": dataclasses.replace(kept, parts=("vocoder",))}
    with pytest.raises(UserError, match="which hears features; expected them in --optim.parts"):
        lite_codec.new_module(lite_codec.TrainLite(**deaf))
    (tmp_path / "listener" / "config.json").write_text("{")
    with pytest.raises(UserError, match="--listener_from: .* is no readable recogniser"):
        lite_codec.new_module(lite_codec.TrainLite(**begun, optim=kept))


@pytest.mark.parametrize("flag", ["init_from", "vocoder_from", "discriminators_from"])
def test_what_a_training_cannot_start_from_is_named(tmp_path, flag):
    wider = dataclasses.replace(toys.TOY_CODEC, encoder_dims=(12, 20), vocoder_dim=20)
    codec.save(toys.toy_codec(config=wider), tmp_path)
    others = LitCodec(toys.toy_codec(), lite_codec.CodecOptim(discriminator_channels=8)).discriminators
    LitCodec.save_discriminators(tmp_path / lite_codec.DISCRIMINATORS, others.state_dict())
    small = lite_codec.CodecOptim(discriminator_channels=4)
    config = lite_codec.TrainLite(manifest=tmp_path, codec=toys.TOY_CODEC, optim=small, **{flag: tmp_path})
    with pytest.raises(UserError, match=rf"--{flag}={tmp_path} has networks of other sizes .*; name one that"):
        lite_codec.new_module(config)
    if flag == "discriminators_from":
        (tmp_path / lite_codec.DISCRIMINATORS).write_bytes(b"nothing")
        with pytest.raises(ValueError, match=f"{tmp_path}.* does not load: "):
            lite_codec.new_module(config)


def codec_values(known: LiteCodec) -> torch.Tensor:
    """Values float32 [1, 5, D] of random codes."""
    return known.quantizer.decode(toys.random_codes(1, 5)).transpose(1, 2)
