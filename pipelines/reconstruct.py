"""Hear a codec: audio files through codes and back, with their distances.

    python pipelines/reconstruct.py recording.wav another.flac --out-dir reconstructed
    python pipelines/reconstruct.py --codec runs/codec/codec recording.wav --out-dir reconstructed

The codec is the shipped one for any voice, unless --voice or --codec names another.

Files of any sample rate are read, mixed to mono and resampled; what comes out has the codec's sample rate. Recordings
may be hours long: those of a lite codec go through it as they are read.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec import Codec  # noqa: E402
from codec import load as load_codec  # noqa: E402
from codec.audio.reading import read_blocks  # noqa: E402
from codec.dsp.blocks import regroup  # noqa: E402
from codec.metrics import Comparison, codebook_use  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402
from pipelines.shared.resources import shipped_codec  # noqa: E402
from pipelines.speaking.card import find_voice  # noqa: E402
from pipelines.speaking.outputs import FileWriter  # noqa: E402

BLOCK = 2**19  # samples that are compared at once, some 24 s


class Timed(Iterator[Tensor]):
    """What an iterator gives, and how long it took."""

    def __init__(self, items: Iterable[Tensor]):
        self.items, self.seconds = iter(items), 0.0

    def __next__(self) -> Tensor:
        begin = time.perf_counter()
        try:
            return next(self.items)
        finally:
            self.seconds += time.perf_counter() - begin


def reconstruct(codec: Codec, path: Path, out: Path) -> dict[str, Any]:
    """One file through the codec to `out`, in memory that does not grow with it; returns what was measured."""
    rate = codec.sample_rate
    reading = Timed(piece[None] for piece in read_blocks(path, rate, BLOCK))
    encoding = Timed(codec.encode_chunks(reading))
    codes = torch.cat(list(encoding), dim=-1)  # [1, K, T]
    decoding, comparison = Timed(codec.decode_chunks(codes)), Comparison(rate)
    blocks = regroup((audio[:, 0] for audio in decoding), BLOCK)
    with FileWriter(out, rate) as writer:
        for original, decoded in zip(read_blocks(path, rate, BLOCK), blocks, strict=False):  # decoded is longer
            decoded = decoded[:, : original.shape[1]]
            comparison.add(decoded, original)
            writer.write(decoded[0].numpy())
    duration_s = comparison.samples / rate
    mel, stft, si_sdr_db = comparison.result()
    return {
        "file": str(path),
        "out": str(out),
        "duration_s": round(duration_s, 3),
        "mel_distance": round(mel, 4),
        "stft_distance": round(stft, 4),
        "si_sdr_db": round(si_sdr_db, 2),
        "bits_per_second": round(sum(use.bits for use in codebook_use(codes, codec.codebook_size)) * codec.frame_rate),
        "encode_real_time_factor": round((encoding.seconds - reading.seconds) / duration_s, 4),
        "decode_real_time_factor": round(decoding.seconds / duration_s, 4),
    }


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, help="wav, flac, ogg or mp3")
    sound = parser.add_mutually_exclusive_group()
    sound.add_argument("--voice", help="the voice whose codec to use; default: the codec for any voice")
    sound.add_argument("--codec", type=Path, help="a codec folder, in place of a voice's")
    parser.add_argument("--out-dir", type=Path, default=Path("reconstructed"))
    args = parser.parse_args(argv)

    codec = load_codec(args.codec or (find_voice(args.voice) / "codec" if args.voice else shipped_codec()))
    names = [path.stem for path in args.files]
    if len(set(names)) < len(names):
        raise UserError("two of the files have the same name; reconstruct them into different folders")
    for path in args.files:
        if not path.is_file():
            raise UserError(f"{path} is not a file; expected audio")
        if path.resolve() == (args.out_dir / f"{path.stem}.wav").resolve():
            raise UserError(f"{path} would be overwritten; use another --out-dir")
    args.out_dir.mkdir(parents=True, exist_ok=True)
    for path in args.files:
        print(json.dumps(reconstruct(codec, path, args.out_dir / f"{path.stem}.wav")), flush=True)


if __name__ == "__main__":
    guard(main)
