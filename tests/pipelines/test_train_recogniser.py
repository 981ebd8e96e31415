"""The command that trains a recogniser: it goes on where it was interrupted, and says what does not fit."""

import pytest
from safetensors.numpy import load_file

import toys
from pipelines import encode_corpus, train_recogniser
from pipelines.shared.errors import UserError
from speechllm.runtime.recogniser import RuntimeRecogniser
from speechllm.text.tokenizer import Tokenizer
from speechllm.training.recogniser import Training


def run(main, *argv: object) -> None:
    main(list(map(str, argv)))


@pytest.fixture(scope="module")
def paths(tmp_path_factory) -> list[object]:
    """The flags that name shards and tokenizer."""
    root = toys.write_inputs(tmp_path_factory.mktemp("recogniser"), 6, 1.5)
    given = ["--manifest", root / "corpus/manifest.jsonl", "--codec", root / "codec"]
    run(encode_corpus.main, *given, "--tokenizer", root / "tokenizer.model", "--out", root / "codes")
    return ["--shards", root / "codes", "--tokenizer", root / "tokenizer.model"]


SHORT = ["--steps", 5, "--dim", 8, "--num-threads", 1]


def test_an_interrupted_run_goes_on_with_the_same_command(paths, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(train_recogniser, "SAVE_EVERY", 2)
    run(train_recogniser.main, *paths, *SHORT, "--out", tmp_path / "whole")
    step, begun = Training.train, tmp_path / "begun"

    def interrupted(self: Training) -> float:
        if self.step == 3:
            raise KeyboardInterrupt
        return step(self)

    monkeypatch.setattr(Training, "train", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(train_recogniser.main, *paths, *SHORT, "--out", begun)
    monkeypatch.setattr(Training, "train", step)
    with pytest.raises(UserError, match="got --steps 6; .*begun was begun with 5, go on so"):
        run(train_recogniser.main, *paths, *SHORT, "--steps", 6, "--out", begun)
    with pytest.raises(UserError, match="last.ckpt does not fit"):
        run(train_recogniser.main, *paths, *SHORT, "--dim", 12, "--out", begun)
    run(train_recogniser.main, *paths, *SHORT, "--out", begun)
    assert f"{begun}: goes on from step 2" in capsys.readouterr().out.replace("\n", "")
    whole, other = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "begun"))
    assert all((whole[name] == other[name]).all() for name in whole)
    assert RuntimeRecogniser.load(begun).config.dim == 8 and not (begun / "last.ckpt").exists()
    run(train_recogniser.main, *paths, *SHORT, "--out", begun)
    assert "there already; remove it to train another one" in capsys.readouterr().out.replace("\n", " ")


def test_what_does_not_fit_is_said(paths, tmp_path):
    with pytest.raises(UserError, match="got --steps 0; expected"):
        run(train_recogniser.main, *paths, "--out", tmp_path, "--steps", 0)
    Tokenizer.train(("abc", "cab"), 20, "char", "abc").save(tmp_path / "other.model")
    with pytest.raises(UserError, match="was made with another tokenizer"):
        run(train_recogniser.main, *paths[:3], tmp_path / "other.model", "--out", tmp_path)


def test_a_recogniser_learns_on(paths, tmp_path):
    run(train_recogniser.main, *paths, *SHORT, "--out", tmp_path / "first")
    on = ["--init-from", tmp_path / "first", "--steps", 1, "--learning-rate", 1e-9]
    run(train_recogniser.main, *paths, *on, "--dim", 12, "--out", tmp_path / "second")
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("first", "second"))
    assert all(abs(one[name] - other[name]).max() < 1e-3 for name in one), "it began with other weights"
    config = tmp_path / "first/config.json"
    config.write_text(config.read_text("utf-8").replace('"tokenizer_fingerprint": "', '"tokenizer_fingerprint": "0'))
    with pytest.raises(UserError, match="tokens of 0.*leave it out"):
        run(train_recogniser.main, *paths, *on, "--out", tmp_path / "third")
    with pytest.raises(UserError, match="--init-from: .*config.json"):
        run(train_recogniser.main, *paths, "--init-from", tmp_path, "--out", tmp_path / "fourth")
