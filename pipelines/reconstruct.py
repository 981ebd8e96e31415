"""Hear a codec: audio files through codes and back, with their distances.

    python pipelines/reconstruct.py recording.wav another.flac --out-dir reconstructed
    python pipelines/reconstruct.py --codec runs/codec/codec recording.wav --out-dir reconstructed

The codec is the shipped one for any voice, unless --voice or --codec names another.

Files of any sample rate are read, mixed to mono and resampled; what comes out has the codec's sample rate.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from codec import Codec  # noqa: E402
from codec import load as load_codec  # noqa: E402
from codec.audio import load_audio, save_audio  # noqa: E402
from codec.metrics import codebook_use, mel_distance, si_sdr, stft_distance  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402
from pipelines.shared.resources import shipped_codec  # noqa: E402
from pipelines.speaking.voice import find_voice  # noqa: E402


def reconstruct(codec: Codec, path: Path, out: Path) -> dict[str, Any]:
    """One file through the codec to `out`; returns what was measured."""
    audio = load_audio(path, codec.sample_rate)[None]  # [1, 1, N]
    begin = time.perf_counter()
    codes, _ = codec.encode(audio)
    encoded = time.perf_counter()
    decoded = codec.decode(codes)[..., : audio.shape[-1]]
    end = time.perf_counter()
    duration_s = audio.shape[-1] / codec.sample_rate
    save_audio(out, decoded[0, 0].numpy(), codec.sample_rate)
    padded = F.pad(audio, (0, -audio.shape[-1] % 2048))[0], F.pad(decoded, (0, -audio.shape[-1] % 2048))[0]
    return {
        "file": str(path),
        "out": str(out),
        "duration_s": round(duration_s, 3),
        "mel_distance": round(mel_distance(padded[1], padded[0], codec.sample_rate), 4),
        "stft_distance": round(stft_distance(padded[1], padded[0]), 4),
        "si_sdr_db": round(si_sdr(decoded[0], audio[0]), 2),
        "bits_per_second": round(sum(use.bits for use in codebook_use(codes, codec.codebook_size)) * codec.frame_rate),
        "encode_real_time_factor": round((encoded - begin) / duration_s, 4),
        "decode_real_time_factor": round((end - encoded) / duration_s, 4),
    }


def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, help="wav, flac, ogg or mp3")
    parser.add_argument("--voice", help="the voice whose codec to use; default: the codec for any voice")
    parser.add_argument("--codec", type=Path, help="a codec folder, in place of a voice's")
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
