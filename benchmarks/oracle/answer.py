"""NeMo's side of the comparison; runs in NeMo's environment, never in ours (see `make nemo-oracle`).

    .nemo-venv/bin/python benchmarks/oracle/answer.py REQUESTS.json OUT

REQUESTS holds, by name, NeMo's model configurations with lengths of audio in samples and a seed. OUT/name becomes a
folder of model.nemo, written by NeMo, and results.safetensors: latents, codes and audio of each item alone and of the
padded batch.
"""

import json
import logging
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

import torch  # noqa: E402
from nemo.collections.tts.models import AudioCodecModel  # noqa: E402
from omegaconf import OmegaConf  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.oracle.weights import make_audio, make_weights  # noqa: E402

LOSSES = {
    "mel_loss_dims": [8],
    "loss_resolutions": [[64, 16, 64]],
    "commit_loss_scale": 0.0,
    "mel_loss_l2_scale": 0.0,
    "time_domain_loss_scale": 0.0,
    "generator_loss": {"_target_": "nemo.collections.tts.losses.audio_codec_loss.GeneratorSquaredLoss"},
    "discriminator_loss": {"_target_": "nemo.collections.tts.losses.audio_codec_loss.DiscriminatorSquaredLoss"},
}
GENERATOR = ("audio_encoder.", "audio_decoder.")


def build(request: dict) -> AudioCodecModel:
    model = AudioCodecModel(cfg=OmegaConf.create({**request["model"], **LOSSES})).eval()
    state = model.state_dict()
    shapes = {name: tuple(t.shape) for name, t in state.items() if name.startswith(GENERATOR)}
    state.update({name: torch.from_numpy(w) for name, w in make_weights(shapes, request["seed"]).items()})
    model.load_state_dict(state)
    return model


@torch.inference_mode()
def run(model: AudioCodecModel, audio: torch.Tensor, lengths: torch.Tensor, name: str) -> dict[str, torch.Tensor]:
    """Latents [B, D, T], codes [B, K, T] and audio [B, N] of audio [B, N]."""
    latents, count = model.encode_audio(audio=audio, audio_len=lengths)
    codes = model.quantize(encoded=latents, encoded_len=count)
    decoded, _ = model.decode(tokens=codes, tokens_len=count)
    return {f"{name}.latents": latents, f"{name}.codes": codes, f"{name}.audio": decoded}


def answer(request: dict, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    model = build(request)
    results: dict[str, torch.Tensor] = {}
    lengths = request["lengths"]
    batch = torch.zeros(len(lengths), max(lengths))
    for row, length in enumerate(lengths):
        batch[row, :length] = torch.from_numpy(make_audio(length, row))
        results |= run(model, batch[row : row + 1, :length], torch.tensor([length]), f"item{row}")
    results |= run(model, batch, torch.tensor(lengths), "batch")
    save_file({name: t.contiguous() for name, t in results.items()}, out / "results.safetensors")
    if request["save"]:
        model.save_to(str(out / "model.nemo"))
    shapes = {name: list(t.shape) for name, t in model.state_dict().items() if name.startswith(GENERATOR)}
    (out / "shapes.json").write_text(json.dumps(shapes))


if __name__ == "__main__":
    for name, request in json.loads(Path(sys.argv[1]).read_text()).items():
        answer(request, Path(sys.argv[2], name))
