"""What training leaves out of a corpus is counted and listed."""

import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")
import toys
from codec.lite.features import num_features
from pipelines import train_lm
from pipelines.corpus.features import write_features
from pipelines.shared.errors import UserError
from pipelines.training import lfsc_codec, lite_codec
from pipelines.training.resume import Run
from speechllm.config import LMShape
from speechllm.data.shards import Example, Shard, write_shard


def listed(path) -> list[str]:
    return [json.loads(line)["what"] for line in path.read_text("utf-8").splitlines()]


def test_utterances_too_long_for_a_model(tmp_path, capsys):
    """And are listed; so are those that have no room beside a voice prefix."""
    sizes = {"fits": (10, 20), "text": (40, 20), "frames": (10, 90)}
    examples = [
        Example(name, torch.full((text,), 5), toys.random_codes(1, frames)[0].T)
        for name, (text, frames) in sizes.items()
    ]
    write_shard(tmp_path / "0.safetensors", examples, toys.TOY_SPEC, "tok")
    Shard(tmp_path / "0.safetensors").write_positions([torch.zeros(len(e.codes), dtype=torch.long) for e in examples])
    shape = LMShape(max_text=30, max_frames=60)
    config = train_lm.TrainLM(tmp_path, tmp_path / "tokenizer.model", tmp_path / "run", shape)
    assert train_lm.usable([Shard(tmp_path / "0.safetensors")], config).tolist() == [[0, 0]]
    assert listed(tmp_path / "run/left_out.jsonl") == ["text", "frames"]
    assert "2 of 3 utterances" in capsys.readouterr().out
    # Places of a voice prefix are places of text: 10 + 21 are one too many.
    for queries, fits in ((20, [[0, 0]]), (21, [])):
        voices = replace(config, model=replace(shape, prefix_queries=queries))
        assert train_lm.usable([Shard(tmp_path / "0.safetensors")], voices).tolist() == fits


def run_of(config: lite_codec.TrainLite) -> Run:
    return Run(config.run_dir, config.optim.max_steps, {}, {}, items_per_step=config.batch_size)


def test_utterances_shorter_than_a_segment_or_without_features(tmp_path, capsys):
    """And are listed; so are those that have no room beside a voice prefix."""
    path = toys.write_corpus(tmp_path, 4, 0.5)
    codec = toys.TOY_CODEC
    width, stack = num_features(codec), codec.stack
    lengths = {"000": 8, "001": 8, "002": 1}  # codec frames
    features = {name: torch.zeros(stack * frames, width).half() for name, frames in lengths.items()}
    (tmp_path / "features").mkdir()
    write_features(tmp_path / "features/0.safetensors", features, codec)
    config = lite_codec.TrainLite(
        path, tmp_path / "run", codec, features=tmp_path / "features", segment_frames=4, validation_items=1
    )
    lite_codec.loaders(config, lite_codec.read_manifest(config), run_of(config))
    assert listed(tmp_path / "run/left_out_used.jsonl") == ["002"]
    printed = capsys.readouterr().out
    assert "1 of 4 utterances have no features: 003" in printed and "002: shorter than a segment of 4 frames" in printed


def lite_of_audio(folder, lengths_s: dict[str, float], **settings) -> lite_codec.TrainLite:
    """Noise, loud to the end, for a codec that is trained on segments of 8 frames, 0.37 s."""
    lines = []
    for number, (name, duration_s) in enumerate(lengths_s.items()):
        audio = np.random.default_rng(number).uniform(0.1, 0.3, round(duration_s * toys.RATE))
        soundfile.write(folder / f"{name}.wav", audio, toys.RATE)
        values = dict(id=name, audio=f"{name}.wav", text="Hello.", duration_s=round(len(audio) / toys.RATE, 4))
        lines.append(json.dumps(values) + "\n")
    (folder / "manifest.jsonl").write_text("".join(lines), "utf-8")
    settings = dict(segment_frames=8, validation_items=1, batch_size=2, num_workers=0) | settings
    return lite_codec.TrainLite(folder / "manifest.jsonl", folder / "run", toys.TOY_CODEC, **settings)


def test_a_lite_codec_is_not_trained_on_padding(tmp_path, capsys):
    """F. Silence that fills up a segment would lower its losses, and not because speech is coded better."""
    exact_s = 8 * toys.HOP / toys.RATE
    config = lite_of_audio(tmp_path, {"held": 1.0, "short": 0.3, "exact": exact_s, "long": 1.0})
    training, validation = lite_codec.loaders(config, lite_codec.read_manifest(config), run_of(config))
    assert listed(tmp_path / "run/left_out_used.jsonl") == ["short"]
    assert not (tmp_path / "run/left_out_held.jsonl").exists()
    assert "short: shorter than a segment of 8 frames" in capsys.readouterr().out
    named = {training.dataset.names_of(index)[0].rsplit("/")[-1] for index in range(40)}
    assert named == {"exact.wav", "long.wav"}
    assert all((training.dataset[index].abs() > 0.05).all() for index in range(40)) and len(validation.dataset) == 1


def test_a_corpus_of_utterances_that_are_all_too_short_is_one_line(tmp_path):
    config = lite_of_audio(tmp_path, {"a": 1.0, "b": 0.3, "c": 0.2})
    with pytest.raises(UserError, match="has no utterance of 8 frames; use a smaller segment_frames"):
        lite_codec.loaders(config, lite_codec.read_manifest(config), run_of(config))


def test_utterances_shorter_than_the_configuration_wants(tmp_path, capsys):
    """And are listed; so are those that have no room beside a voice prefix."""
    path = toys.write_corpus(tmp_path, 4, 0.5)
    path.write_text(path.read_text("utf-8").replace('"duration_s": 0.5', '"duration_s": 0.3', 1), "utf-8")
    config = lfsc_codec.TrainHiFiGAN(path, tmp_path / "run", min_duration_s=0.4, validation_items=1)
    assert [one.id for one in lfsc_codec.read_manifest(config)] == ["001", "002", "003"]
    assert listed(tmp_path / "run/left_out.jsonl") == ["000"]
