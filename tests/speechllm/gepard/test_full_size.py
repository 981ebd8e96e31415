"""The published model at its full size, its file a sparse one of zeros: what loading takes in time and in memory."""

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

ROOT = Path(__file__).resolve().parents[3]
MOST_READINGS = 6  # of its file, once from end to end with a look at every number
PUBLISHED = {"backbone_config": {}, "voice_cloning": {"enabled": True}}  # all else has the published values
PROBE = """
import json, resource, sys, time
import torch
from speechllm import Prompt, SamplingConfig, generate
from speechllm.gepard.voice import load
from speechllm.inference.weights import packed

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

torch.set_num_threads(2)
begin = time.process_time()
with open(sys.argv[1] + "/model.safetensors", "rb") as file:
    while piece := bytearray(file.read(2**22)):
        torch.aminmax(torch.frombuffer(piece, dtype=torch.bfloat16)) if len(piece) % 2 == 0 else None
reading = time.process_time() - begin
before, begin = peak(), time.process_time()
gepard = load(sys.argv[1])
seconds = time.process_time() - begin
parameters = sum(p.numel() for p in gepard.lm.parameters())
packed(gepard.lm, sys.argv[2], consume=True)
ids = torch.tensor(gepard.frontend("Nobody in the village had seen it coming.").ids)
prompt = Prompt(ids, gepard.lm.voice_prefix(None))
sampling = SamplingConfig(temperature=0.3, min_frames=3, max_frames=3)
frames = list(generate(gepard.lm, prompt, sampling, sys.argv[2]))
print(json.dumps([seconds / reading, parameters, peak() - before, len(frames)]))
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
def test_it_loads_in_the_time_of_a_few_readings_and_a_fifth_above_its_weights(folder, precision, bytes_each):
    command = [sys.executable, "-c", PROBE, str(folder), precision]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    readings, parameters, memory, frames = json.loads(done.stdout)
    assert parameters == 555_546_587 + 1024  # the mark of speech is there twice, once as `begin`
    assert frames == 3
    assert readings <= MOST_READINGS
    embedding = 248_320 * 1024
    weights = 2 * embedding + bytes_each * (parameters - embedding)  # the embedding is as in its file
    print(f"{precision}: {readings:.1f} readings, {memory / 1e6:.0f} MB for {weights / 1e6:.0f} MB of weights")
    assert memory <= 1.2 * weights
