"""NeMo's training losses and discriminators on what both sides make alike; runs in NeMo's environment.

A padded batch is audio [B, N], zero beyond the samples of each item. The discriminator of a speech model is not here:
NeMo's loads one from a hub.

.nemo-venv/bin/python benchmarks/oracle/losses.py out.json
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from nemo.collections.tts.losses.audio_codec_loss import (
    DiscriminatorSquaredLoss,
    FeatureMatchingLoss,
    GeneratorSquaredLoss,
    MultiResolutionMelLoss,
    MultiResolutionSTFTLoss,
)
from nemo.collections.tts.modules.audio_codec_modules import PeriodDiscriminator
from nemo.collections.tts.modules.encodec_modules import DiscriminatorSTFT
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.oracle.weights import make_audio, make_scores, make_weights  # noqa: E402

SAMPLE_RATE, SAMPLES, PADDED = 22_050, 24 * 1024, (24 * 1024, 9 * 1024)
N_FFTS, BANDS = (32, 64, 128, 256, 512, 1024, 2048), (5, 10, 20, 40, 80, 160, 320)
RESOLUTIONS = [[n, n // 4, n] for n in N_FFTS]
MEMBERS = {"spectrum": lambda: DiscriminatorSTFT([512, 128, 512]), "period": lambda: PeriodDiscriminator(3)}


def batch(seed: int, lengths: Sequence[int]) -> Tensor:
    """Two items [2, SAMPLES], zero beyond their lengths."""
    audio = torch.stack([torch.from_numpy(make_audio(SAMPLES, seed + i)) for i in range(2)])
    return audio * (torch.arange(SAMPLES) < torch.tensor(lengths)[:, None])


def spectral(lengths: Sequence[int]) -> dict[str, Tensor]:
    """Distances of two batches."""
    audio = {"audio_real": batch(0, lengths), "audio_gen": batch(5, lengths), "audio_len": torch.tensor(lengths)}
    mel = MultiResolutionMelLoss(SAMPLE_RATE, RESOLUTIONS, list(BANDS))(**audio)[0]
    return {"mel": mel, "stft": MultiResolutionSTFTLoss(RESOLUTIONS)(**audio)}


def judged(real: list[list[Tensor]], fake: list[list[Tensor]], scores: tuple[list[Tensor], ...]) -> dict[str, Tensor]:
    """Losses of what discriminators gave, by discriminator and layer, and of their scores of both."""
    return {
        "matching": FeatureMatchingLoss()(fmaps_real=real, fmaps_gen=fake),
        "adversarial": GeneratorSquaredLoss()(disc_scores_gen=scores[1]),
        "discriminator": DiscriminatorSquaredLoss()(disc_scores_real=scores[0], disc_scores_gen=scores[1]),
    }


def made_up() -> dict[str, Tensor]:
    """Losses of scores that no discriminator gave."""
    real, fake = ([[torch.from_numpy(a) for a in layers] for layers in made] for made in make_scores().values())
    return judged(real, fake, tuple([layers[-1][:, None] for layers in made] for made in (real, fake)))


def discriminated() -> dict[str, Tensor]:
    """Losses of a padded batch by two discriminators of known weights, and the mean of each one's layers, by item."""
    found, outputs = {}, []
    for name, build in MEMBERS.items():
        member = build().eval()
        state = member.state_dict()
        shapes = {key: tuple(t.shape) for key, t in state.items() if key != "window"}
        state.update({key: torch.from_numpy(w) for key, w in make_weights(shapes, 3).items()})
        member.load_state_dict(state)
        outputs.append([member(audio=batch(seed, PADDED)) for seed in (0, 5)])
        found[name] = torch.stack([layer.flatten(1).mean(1) for layer in outputs[-1][0][1]])
    scores, layers = ([[pair[side][part] for pair in outputs] for side in range(2)] for part in range(2))
    return found | judged(layers[0], layers[1], tuple(scores))


@torch.no_grad()
def main() -> None:
    found = {
        "whole": spectral([SAMPLES] * 2) | made_up(),
        "padded": spectral(PADDED) | discriminated(),
    }
    numbers = {name: {key: value.tolist() for key, value in part.items()} for name, part in found.items()}
    Path(sys.argv[1]).write_text(json.dumps(numbers, indent=2) + "\n")


if __name__ == "__main__":
    main()
