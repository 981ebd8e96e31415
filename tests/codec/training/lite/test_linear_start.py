"""The linear start: far better than noise, with most levels in use."""

import hashlib
import subprocess
import sys

import torch

import toys
from codec import LiteCodec
from codec.lite.features import extract_features
from codec.metrics import codebook_use
from codec.training.lite.linear_start import GAIN, start_from_components
from codec.training.lite.losses import feature_loss
from sources import ROOT


def speech(numbers: range) -> torch.Tensor:
    """Features [B, S, W] of synthetic utterances of 24 codec frames."""
    audio = torch.stack([torch.from_numpy(toys.utterance(i, 1.2))[: 24 * toys.HOP] for i in numbers])
    return extract_features(audio, toys.TOY_CODEC)


def digest(codec: LiteCodec) -> str:
    """Of the bits of both linear paths."""
    layers = codec.encoder.linear, codec.decoder.linear
    parts = [part.detach().numpy().tobytes() for layer in layers for part in (layer.weight, layer.bias)]
    return hashlib.sha256(b"".join(parts)).hexdigest()


@torch.no_grad()
def error(codec: LiteCodec, features: torch.Tensor) -> float:
    return float(feature_loss(codec.decoder(codec.quantizer(codec.encoder(features))[0]), features, 8.0))


def test_the_linear_start_is_far_better_than_a_random_one():
    codec, known, unknown = LiteCodec(toys.TOY_CODEC), speech(range(10)), speech(range(20, 23))
    before = error(codec, known), error(codec, unknown)
    start_from_components(codec, known)
    assert error(codec, known) < 0.6 * before[0]
    assert error(codec, unknown) < 0.8 * before[1]


def test_the_linear_start_uses_the_codebooks_and_is_always_the_same():
    features = speech(range(6))
    codecs = [LiteCodec(toys.TOY_CODEC) for _ in range(8)]
    for number, codec in enumerate(codecs):
        used = [torch.randint(1, 99, (size,), dtype=torch.int32) for size in range(20, 40 + number)]
        del used  # memory that was somebody else's is what a solver may find in its own
        start_from_components(codec, features)
    assert len({digest(codec) for codec in codecs}) == 1
    frames = features.unflatten(1, (-1, 4)).flatten(2)
    latents = codecs[0].encoder.linear(frames)
    assert torch.allclose(latents.flatten(0, 1).std(0), torch.tensor(GAIN), rtol=0.02)
    assert latents.mean(dim=(0, 1)).abs().max() < 0.01
    used = codebook_use(codecs[0].encode_features(features), 2016)
    assert all(book.perplexity > 5 for book in used)


PROCESS = """
import sys
sys.path[:0] = ["{root}", "{root}/tests", "{root}/tests/codec/training/lite"]
import torch, toys
from codec import LiteCodec
from test_linear_start import digest, speech, start_from_components
used = [torch.randint(1, 99, (size,), dtype=torch.int32) for size in range(20, 60 + int(sys.argv[1]))]
del used
codec = LiteCodec(toys.TOY_CODEC)
start_from_components(codec, speech(range(6)))
print(digest(codec))
"""


def test_the_linear_start_of_two_processes_is_the_same():
    code = PROCESS.format(root=ROOT)
    options = dict(capture_output=True, text=True, check=True, timeout=300)
    digests = [subprocess.run([sys.executable, "-c", code, str(more)], **options).stdout for more in (0, 30)]
    assert digests[0] == digests[1] != ""
