"""extract_features.py: shards of features that resume, share their work, and give the codes of the audio itself."""

from pathlib import Path

import pytest
import torch

import toys
from codec import CodecConfig
from codec.audio.reading import load_audio, trim_silence
from codec.lite.features import num_features
from pipelines import extract_features
from pipelines.corpus import parts
from pipelines.corpus.features import features_of, read_features, write_features
from pipelines.shared.errors import UserError

COUNT = 5


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """The manifest of a corpus; read only."""
    return toys.write_corpus(tmp_path_factory.mktemp("corpus"), COUNT, 0.6)


@pytest.fixture
def extract(monkeypatch):
    """Run the script with shards of two utterances."""

    def run(manifest: Path, out: Path, *flags: str) -> Path:
        monkeypatch.setattr(parts, "SHARD_SIZE", 2)
        extract_features.main(["--manifest", str(manifest), "--out", str(out), *flags])
        return out

    return run


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_every_utterance_has_its_features(extract, corpus, tmp_path, toy_codec):
    out = extract(corpus, tmp_path / "features")
    assert names(out) == ["000000.safetensors", "000002.safetensors", "000004.safetensors"]
    features = read_features(out, toy_codec.config)
    assert sorted(features) == [f"{i:03d}" for i in range(COUNT)]
    for name, found in features.items():
        path = corpus.parent / f"wavs/{name}.wav"
        audio = trim_silence(load_audio(path, toys.RATE), toys.RATE)
        frames = -(-audio.shape[1] // toys.HOP)
        assert found.shape == (4 * frames, num_features(toy_codec.config)) and found.dtype == torch.float16
        assert torch.equal(found, features_of(path, toy_codec.config))
        codes, again = toy_codec.encode(audio[None])[0], toy_codec.encode_features(found[None])
        assert (codes == again).float().mean() > 0.9  # but for the rounding of features to half precision


def test_an_interrupted_run_goes_on_and_does_nothing_twice(extract, corpus, tmp_path, monkeypatch):
    done: list[str] = []

    def analyse(path, config):
        if len(done) == 3:
            raise OSError("the machine goes down")
        done.append(path.stem)
        return torch.zeros(4, 3)

    monkeypatch.setattr(extract_features, "features_of", analyse)
    with pytest.raises(OSError, match="goes down"):
        extract(corpus, tmp_path / "out")
    assert names(tmp_path / "out") == ["000000.safetensors"]
    monkeypatch.setattr(extract_features, "features_of", lambda path, config: done.append(path.stem) or torch.zeros(1))
    extract(corpus, tmp_path / "out")
    assert done == ["000", "001", "002", "002", "003", "004"]
    assert len(names(tmp_path / "out")) == 3
    extract(corpus, tmp_path / "out")
    assert len(done) == 6


def test_processes_share_the_shards(extract, corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(extract_features, "features_of", lambda path, config: torch.zeros(1))
    assert names(extract(corpus, tmp_path / "out", "--part", "2/2")) == ["000002.safetensors"]
    assert len(names(extract(corpus, tmp_path / "out", "--part", "1/2"))) == 3


def test_a_configuration_says_what_to_extract(extract, corpus, tmp_path, monkeypatch):
    seen: list[int] = []
    features = lambda path, config: seen.append(config.n_mels) or torch.zeros(1)  # noqa: E731
    monkeypatch.setattr(extract_features, "features_of", features)
    (tmp_path / "codec.yaml").write_text("codec: {n_mels: 40}\n")
    extract(corpus, tmp_path / "out", "--config", str(tmp_path / "codec.yaml"))
    assert set(seen) == {40}


def test_a_configuration_of_something_else_is_refused(extract, corpus, tmp_path):
    with pytest.raises(UserError, match="speechllm/small configures no codec"):
        extract(corpus, tmp_path / "out", "--config", "speechllm/small")


def test_features_of_earlier_versions_are_taken_if_their_utterances_are_the_same(extract, tmp_path, toy_codec, capsys):
    """F."""
    path = toys.write_corpus(tmp_path, 2, 0.6)
    path.write_text("\n".join(reversed(path.read_text("utf-8").splitlines())), "utf-8")
    out = tmp_path / "features"
    out.mkdir()
    write_features(out / "000000.safetensors", {name: torch.zeros(4, 3) for name in ("000", "001")}, CodecConfig())
    before = (out / "000000.safetensors").read_bytes()
    extract(path, out)
    assert "does not say what it was made from; taken as it is" in capsys.readouterr().out
    assert (out / "000000.safetensors").read_bytes() == before
    path.write_text(path.read_text("utf-8").replace('"id": "001"', '"id": "x"'), "utf-8")
    with pytest.raises(UserError, match=r"000000.safetensors is of other utterances; make it again with --redo"):
        extract(path, out)
