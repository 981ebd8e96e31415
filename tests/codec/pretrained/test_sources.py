"""Where codecs come from: whatever is none is said, and so is a codec of another kind. A path is never a hub id."""

from pathlib import Path

import pytest

from codec import HiFiGANCodec, LiteCodec, load, save
from codec.pretrained import hub


@pytest.fixture
def fetched(monkeypatch, tmp_path) -> list[str]:
    """Repositories that were asked for; the folder in which this happens has a folder `runs`."""
    asked: list[str] = []

    def fetch(repository: str, name: str, revision: str) -> str:
        asked.append(f"{repository}@{revision}")
        raise ConnectionError("no network in this test")

    monkeypatch.setattr(hub, "fetch", fetch)
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)
    return asked


def test_a_codec_of_another_kind_is_refused(toy_codec, tmp_path):
    save(toy_codec, tmp_path)
    assert isinstance(load(tmp_path, kind=LiteCodec), LiteCodec)
    with pytest.raises(ValueError, match="is a LiteCodec, expected a HiFiGANCodec"):
        load(str(tmp_path), kind=HiFiGANCodec)


@pytest.mark.parametrize(
    "path",
    [
        *("none", "runs/codec", "runs/codec/", "./codecs/mine", "../codecs/mine", "codecs/mine/codec", "~/codec"),
        *("models/x.nemo", "models/x.NEMO", "models/x.ckpt", "models/x.onnx", "models/x.tar.gz", r"codecs\mine", ""),
        *(Path("nvidia/audio-codec-44khz"), "models/none/.."),
    ],
    ids=str,
)
def test_a_mistyped_path_is_not_found_at_once_and_nothing_is_fetched(path, fetched):
    with pytest.raises((FileNotFoundError, ValueError), match=r"no such folder.*hub:OWNER/NAME|not a codec"):
        load(path)
    assert not fetched


@pytest.mark.parametrize(
    ("source", "identity"),
    [
        ("nvidia/audio-codec-44khz", "nvidia/audio-codec-44khz@main"),
        ("nvidia/nemo-nano-codec-22khz-0.6kbps-12.5fps", "nvidia/nemo-nano-codec-22khz-0.6kbps-12.5fps@main"),
        ("hub:nvidia/audio-codec-44khz@3c482a4", "nvidia/audio-codec-44khz@3c482a4"),
        ("hub:runs/codec", "runs/codec@main"),
        ("hub:somebody/model.v2", "somebody/model.v2@main"),
    ],
)
def test_a_hub_id_is_fetched(source, identity, fetched):
    with pytest.raises(ConnectionError):
        load(source)
    assert fetched == [identity]


@pytest.mark.parametrize(
    "source", ["hub:", "hub:runs", "hub:./runs/codec", "hub:a/b/c", "hub:../x", "hub:a/b@", "hub:/etc/x"]
)
def test_a_broken_hub_id_says_how_one_looks(source, fetched):
    with pytest.raises(ValueError, match=r"expected hub:OWNER/NAME or hub:OWNER/NAME@REVISION"):
        load(source)
    assert not fetched
