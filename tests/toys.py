"""What the tests play with: a codec and a speech LM of a few thousand weights, and a synthetic voice of known pitch."""

import json
import shutil
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from codec import CodecConfig, LiteCodec
from codec import save as save_codec
from speechllm import CodeSpec, LMConfig, SpeechLM
from speechllm.text.phonemizer import Phonemizer
from speechllm.text.tokenizer import Tokenizer

RATE = 22_050
HOP = 1024
LEVELS = (8, 7, 6, 6)
TOY_CODEC = CodecConfig(
    name="toy",
    encoder_dims=(12, 16),
    encoder_blocks=(1, 1),
    decoder_dims=(16, 12),
    decoder_blocks=(1, 1),
    vocoder_dim=16,
    vocoder_blocks=2,
    expansion=2,
)
TOY_SPEC = CodeSpec(RATE / HOP, 8, LEVELS, "toy")
PHONEMES = ("həlˈO ðˈɛɹ.", "həlˈO wˈɜɹld!", "ðə kwˈɪk bɹˈWn fˈɑks.", "jˈɛs, ɪt ˈɪz.")


def toy_codec(seed: int = 0, config: CodecConfig = TOY_CODEC) -> LiteCodec:
    """Random weights that make codes and sound vary as those of a trained codec do."""
    torch.manual_seed(seed)
    codec = LiteCodec(config).eval()
    with torch.no_grad():
        codec.encoder.linear.weight.mul_(4)
        codec.decoder.linear.weight.mul_(3)
        codec.vocoder.output.weight.mul_(5)
        codec.vocoder.output.bias.sub_(2.0)  # below full scale
    return codec


def toy_lm_config(codes: CodeSpec = TOY_SPEC, vocab_size: int = 40, **changes: object) -> LMConfig:
    """A speech LM small enough to run a thousand steps in a second."""
    values = dict(dim=32, num_layers=3, num_heads=2, mlp_dim=48, reader_layer=1, max_text=96, max_frames=512)
    return LMConfig(codes, vocab_size, **{**values, **changes})  # type: ignore[arg-type]


def toy_lm(config: LMConfig | None = None, seed: int = 0) -> SpeechLM:
    """Random weights, larger than at the start of training, so that what is seen makes a difference."""
    torch.manual_seed(seed)
    model = SpeechLM(config or toy_lm_config()).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model


def random_codes(batch: int, frames: int, seed: int = 0) -> Tensor:
    """Codes int64 [batch, 8, frames] that cover every code."""
    return torch.randint(0, 2016, (batch, 8, frames), generator=torch.Generator().manual_seed(seed))


def voiced(f0: float, duration_s: float = 1.0, seed: int = 0, rate: int = RATE) -> np.ndarray:
    """A vowel-like sound, float32 [N]: harmonics of f0 (Hz) under two formants, and a little noise."""
    time = np.arange(round(duration_s * rate)) / rate
    audio = np.zeros_like(time)
    for harmonic in range(1, int(5000 / f0)):
        hz = harmonic * f0
        gain = np.exp(-(((hz - 600) / 400) ** 2)) + 0.5 * np.exp(-(((hz - 1700) / 500) ** 2)) + 0.02
        audio += gain * np.cos(2 * np.pi * hz * time + 0.7 * harmonic)
    noise = np.random.default_rng(seed).standard_normal(len(time))
    return (0.3 * audio / np.abs(audio).max() + 0.002 * noise).astype(np.float32)


def utterance(number: int, duration_s: float = 1.2) -> np.ndarray:
    """Something like speech, float32 [N]: voiced, hissed and silent parts, another pitch for another number."""
    rng = np.random.default_rng(number)
    quiet = np.zeros(round(0.1 * RATE), np.float32)
    third = (duration_s - 0.2) / 3
    hiss = (0.05 * rng.standard_normal(round(third * RATE))).astype(np.float32)
    parts = quiet, voiced(110 + 23 * (number % 7), third, number), hiss, voiced(140 + 19 * (number % 5), third), quiet
    return np.concatenate(parts)


def write_corpus(folder: Path, count: int = 8, duration_s: float = 1.2) -> Path:
    """A manifest of `count` synthetic utterances with their phonemes."""
    (folder / "wavs").mkdir(parents=True, exist_ok=True)
    lines = []
    for number in range(count):
        audio = utterance(number, duration_s)
        soundfile.write(folder / f"wavs/{number:03d}.wav", audio, RATE, subtype="PCM_16")
        phonemes = PHONEMES[number % len(PHONEMES)]
        values = dict(id=f"{number:03d}", audio=f"wavs/{number:03d}.wav", text="Hello.", phonemes=phonemes)
        lines.append(json.dumps({**values, "duration_s": round(len(audio) / RATE, 4)}))
    (folder / "manifest.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return folder / "manifest.jsonl"


def write_tokenizer(path: Path) -> Tokenizer:
    """A tokenizer of single phonemes."""
    tokenizer = Tokenizer.train(PHONEMES, 120, "char", Phonemizer().alphabet)
    tokenizer.save(path)
    return tokenizer


def write_inputs(folder: Path, count: int, duration_s: float) -> Path:
    """All that encoding takes: corpus/ of `count` utterances, codec/ and tokenizer.model."""
    write_corpus(folder / "corpus", count, duration_s)
    save_codec(toy_codec(), folder / "codec")
    write_tokenizer(folder / "tokenizer.model")
    return folder


def write_voice(folder: Path, seed: int = 0, exported: bool = False, **changes: object) -> Path:
    """A whole voice of random weights whose reader goes on at about the pace of speech, with its graphs if wanted;
    `changes` are of the LM's shape."""
    folder.mkdir(parents=True)
    tokenizer = write_tokenizer(folder / "tokenizer.model")
    codec = toy_codec(seed)
    save_codec(codec, folder / "codec")
    spec = CodeSpec(codec.frame_rate, codec.num_codebooks, codec.levels, codec.fingerprint)
    fingerprint = tokenizer.fingerprint
    lm = toy_lm(toy_lm_config(spec, tokenizer.vocab_size, tokenizer_fingerprint=fingerprint, **changes), seed)
    with torch.no_grad():
        lm.reader.advance.bias += torch.tensor([1.0, 1.5, 0.5, *[-4.0] * 7])
        lm.stop_head.bias -= 2.0
    lm.save_pretrained(folder / "lm")
    if exported:
        from codec.export.export import export_onnx  # needs onnx
        from speechllm.export.export import export_lm

        export_onnx(codec, folder / "codec")
        export_lm(folder / "lm")
    (folder / "voice.yaml").write_text("name: toy\nsampling: {temperature: 0.5}\n", "utf-8")
    return folder


def copy_voice(source: Path, target: Path) -> Path:
    """A voice to break."""
    shutil.copytree(source, target)
    return target
