"""NeMo's training losses on audio and scores that both sides make alike; runs in NeMo's environment.

.nemo-venv/bin/python benchmarks/oracle/losses.py out.json
"""

import json
import sys
from pathlib import Path

import torch
from nemo.collections.tts.losses.audio_codec_loss import (
    DiscriminatorSquaredLoss,
    FeatureMatchingLoss,
    GeneratorSquaredLoss,
    MultiResolutionMelLoss,
    MultiResolutionSTFTLoss,
)

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.oracle.weights import make_audio, make_scores  # noqa: E402

SAMPLE_RATE, SAMPLES = 22_050, 24 * 1024
N_FFTS, BANDS = (32, 64, 128, 256, 512, 1024, 2048), (5, 10, 20, 40, 80, 160, 320)


def main() -> None:
    real, fake = (torch.stack([torch.from_numpy(make_audio(SAMPLES, seed + i)) for i in range(2)]) for seed in (0, 5))
    lengths = torch.full((2,), SAMPLES)
    resolutions = [[n, n // 4, n] for n in N_FFTS]
    audio = {"audio_real": real, "audio_gen": fake, "audio_len": lengths}
    judged = {name: [[torch.from_numpy(a) for a in layers] for layers in made] for name, made in make_scores().items()}
    real_scores, fake_scores = ([layers[-1][:, None] for layers in judged[name]] for name in ("real", "fake"))
    found = {
        "mel": MultiResolutionMelLoss(SAMPLE_RATE, resolutions, list(BANDS))(**audio)[0],
        "stft": MultiResolutionSTFTLoss(resolutions)(**audio),
        "matching": FeatureMatchingLoss()(fmaps_real=judged["real"], fmaps_gen=judged["fake"]),
        "adversarial": GeneratorSquaredLoss()(disc_scores_gen=fake_scores),
        "discriminator": DiscriminatorSquaredLoss()(disc_scores_real=real_scores, disc_scores_gen=fake_scores),
    }
    Path(sys.argv[1]).write_text(json.dumps({name: float(value) for name, value in found.items()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
