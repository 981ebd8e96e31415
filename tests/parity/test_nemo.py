"""Our codecs against NeMo's own modules, full size, with random weights.

NeMo runs in its own environment, which `make nemo-oracle` builds; without it these tests skip.
"""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from benchmarks.oracle.nemo_config import nemo_config
from benchmarks.oracle.weights import make_audio
from codec import from_config, load

ROOT = Path(__file__).resolve().parents[2]
PYTHON = Path(os.environ.get("NEMO_PYTHON", ROOT / ".nemo-venv/bin/python"))
CONFIGS = "lfsc", "nanocodec-21.5fps", "nanocodec-12.5fps", "audio-codec-86fps", "audio-codec-44khz"
FRAMES = 7.3, 12.0, 4.5  # of each item
pytestmark = [
    pytest.mark.skipif(not PYTHON.is_file(), reason="NeMo's environment is absent: make nemo-oracle"),
    pytest.mark.slow,
]


@pytest.fixture(scope="module", params=CONFIGS)
def case(request, tmp_path_factory):
    """A codec read from NeMo's file, the lengths of its items, and NeMo's results."""
    folder = tmp_path_factory.mktemp(request.param)
    config = from_config(ROOT / f"configs/codec/{request.param}.yaml").config
    lengths = [int(count * config.hop_length) for count in FRAMES]
    asked = {"full": {"model": nemo_config(config), "lengths": lengths, "seed": 0, "save": True}}
    (folder / "requests.json").write_text(json.dumps(asked))
    command = [PYTHON, ROOT / "benchmarks/oracle/answer.py", folder / "requests.json", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    begin = time.perf_counter()
    codec = load(folder / "full/model.nemo")
    print(f"{config.name}: NeMo's file is loaded in {time.perf_counter() - begin:.2f} s")
    yield codec, lengths, load_file(folder / "full/results.safetensors")
    (folder / "full/model.nemo").unlink()


def batch(lengths):
    audio = torch.zeros(len(lengths), 1, max(lengths))
    for row, length in enumerate(lengths):
        audio[row, 0, :length] = torch.from_numpy(make_audio(length, row))
    return audio


def report(name, codec, kind, ours, theirs):
    error = (ours - theirs).abs().max().item()
    print(f"{codec.config.name} {name}: {kind} {error:.1e} of {theirs.abs().max().item():.2f}")
    return error


def test_each_item_alone(case):
    codec, lengths, results = case
    audio = batch(lengths)
    for row, length in enumerate(lengths):
        name, item = f"item{row}", audio[row : row + 1, :, :length]
        codes, frames = codec.encode(item)
        with torch.inference_mode():
            latents = codec.latents(item, int(frames))
        assert report(name, codec, "latents", latents, results[f"{name}.latents"]) <= 1e-5
        assert torch.equal(codes, results[f"{name}.codes"].long())
        assert len(codes.unique()) > 8  # not all the same
        assert report(name, codec, "audio", codec.decode(codes)[:, 0], results[f"{name}.audio"]) <= 1e-5


def test_a_padded_batch_as_nemo_does_it(case):
    codec, lengths, results = case
    codes, frames = codec.encode(batch(lengths), torch.tensor(lengths), masked=True)
    assert torch.equal(codes, results["batch.codes"].long())
    audio = codec.decode(codes, frames, masked=True)[:, 0]
    assert report("batch", codec, "audio", audio, results["batch.audio"]) <= 1e-5
