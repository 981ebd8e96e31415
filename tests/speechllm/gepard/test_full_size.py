"""The published model at its full size, its file a sparse one of zeros: what loading takes."""

import json
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import gepard_files
from speechllm.gepard.voice import read_config
from speechllm.gepard.weights import expected_shapes
from speechllm.inference.linear import packs_bfloat16

ROOT = Path(__file__).resolve().parents[3]
PUBLISHED = {"backbone_config": {}, "voice_cloning": {"enabled": True}}  # all else has the published values
PROBE = """
import json, resource, sys
import torch
from speechllm import Prompt, SamplingConfig, generate
from speechllm.gepard.voice import load
from speechllm.inference.weights import packed

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

torch.set_num_threads(2)
before, drawn = peak(), torch.get_rng_state()
gepard = load(sys.argv[1])
untouched = torch.equal(drawn, torch.get_rng_state())
parameters = sum(p.numel() for p in gepard.lm.parameters())
packed(gepard.lm, sys.argv[2], consume=True)
ids = torch.tensor(gepard.frontend("Nobody in the village had seen it coming.").ids)
prompt = Prompt(ids, gepard.lm.voice_prefix(None))
sampling = SamplingConfig(temperature=0.3, min_frames=3, max_frames=3)
frames = list(generate(gepard.lm, prompt, sampling, sys.argv[2]))
print(json.dumps([untouched, parameters, peak() - before, len(frames)]))
"""


def write_sparse(path: Path, shapes: dict[str, tuple[int, ...]]) -> int:
    """A safetensors file of bfloat16 zeros that takes no room; returns the bytes of its tensors."""
    header, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 2 * torch.Size(shape).numel()
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + end)
    return end


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("full")
    (folder / "gepard_config.json").write_text(json.dumps(PUBLISHED))
    size = write_sparse(folder / "model.safetensors", expected_shapes(read_config(PUBLISHED)[0]))
    assert size == 2 * 555_546_587
    gepard_files.write_tokenizer(folder / "tokenizer.json")
    return folder


@pytest.mark.parametrize(("precision", "bytes_each"), [("int8", 1), ("bfloat16", 2), ("float32", 4)])
def test_it_loads_without_drawing_weights_first_and_in_a_fifth_more_than_they_take(folder, precision, bytes_each):
    command = [sys.executable, "-c", PROBE, str(folder), precision]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    untouched, parameters, memory, frames = json.loads(done.stdout)
    assert parameters == 555_546_587 + 1024  # the mark of speech is there twice, once as `begin`
    assert frames == 3
    assert untouched  # random weights, to be overwritten, would take longer than the file
    if precision == "bfloat16" and not packs_bfloat16():
        bytes_each = 4  # such a processor multiplies them in float32
    embedding = 248_320 * 1024
    weights = 2 * embedding + bytes_each * (parameters - embedding)  # the embedding is as in its file
    print(f"{precision}: {memory / 1e6:.0f} MB for {weights / 1e6:.0f} MB of weights")
    assert memory <= 1.2 * weights
