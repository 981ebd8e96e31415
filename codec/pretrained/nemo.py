"""Codecs published as .nemo files, read without NeMo.

A .nemo file is a tar, compressed or not, of model_config.yaml and model_weights.ckpt, the latter a file of torch.save.
Nothing is unpacked to disk, and nothing in it can run: the weights are read as plain tensors (`weights_only`).
"""

import io
import lzma
import pickle
import re
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

import torch
from torch import Tensor

from codec.hifigan.codec import HiFiGANCodec
from codec.hifigan.config import HiFiGANConfig
from codec.interface import Codec
from codec.licence import Licence
from codec.pretrained.finite import refuse_not_finite
from codec.pretrained.licences import admit, guess_licence
from codec.pretrained.nemo_config import convert
from codec.pretrained.yaml_text import parse_mapping

CONFIG, WEIGHTS = "model_config.yaml", "model_weights.ckpt"
MAX_BYTES = 4 << 30  # of a member; the largest published codec has 0.6 GB
PARTS = {"audio_encoder": "encoder", "audio_decoder": "decoder"}
# What training leaves in a file, and quantiser constants that follow from the configuration.
IGNORED = (
    *("discriminator.", "mel_loss_fn.", "stft_loss_fn.", "speaker_encoder.", "slm_encoder.", "slm_predictor."),
    "vector_quantizer.fsqs.",
)
# Our names of NeMo's modules.
RENAMES = [
    (r"res_layers\.(\d+)\.res_blocks\.(\d+)\.res_blocks\.", r"residual.\1.branches.\2."),
    (r"down_sample_conv_layers\.", "downs."),
    (r"up_sample_conv_layers\.", "ups."),
    (r"input_conv\.", "conv1."),
    (r"skip_conv\.", "conv2."),
    (r"input_activation\.", "act1."),
    (r"skip_activation\.", "act2."),
    (r"post_activation\.", "act."),
    (r"activations\.", "acts."),
    (r"(pre|post)_conv\.", r"\1."),
    (r"activation\.snake_act\.", ""),
    (r"conv\.(parametrizations|weight|bias)", r"\1"),
    (r"weight_g$", "parametrizations.weight.original0"),  # weight norm as torch wrote it before 2.0
    (r"weight_v$", "parametrizations.weight.original1"),
]
# What files made by mistake or by malice raise: a broken archive, and values that no configuration has.
DAMAGE: tuple[type[Exception], ...] = (
    *(tarfile.TarError, zlib.error, lzma.LZMAError, UnicodeDecodeError, OSError, EOFError),
    *(ValueError, TypeError, AttributeError, RuntimeError, ArithmeticError, LookupError),
)


def load_nemo(path: str | Path, commercial: bool | None = None, licence: Licence | None = None) -> Codec:
    """Read a .nemo file of a HiFi-GAN codec.

    Args:
        path: the file.
        commercial: as of `codec.load`.
        licence: of the weights, which the file does not say; None guesses from their shape.

    Raises:
        FileNotFoundError, ValueError: no such file, not a codec, or one whose parts do not fit each other.
        PermissionError: as of `codec.load`.
    """
    try:
        with tarfile.open(path, "r:*") as archive:
            config = read_config(archive)
            licence = licence or guess_licence(config)
            admit(licence, path, commercial)
            weights = read_weights(archive)
            refuse_not_finite({n: t for n, t in weights.items() if not n.startswith(IGNORED)}, WEIGHTS)
            codec = HiFiGANCodec.from_weights(config, translate(weights))
            refuse_not_finite(codec.state_dict(), f"{WEIGHTS} without weight normalisation")
    except (FileNotFoundError, PermissionError):
        raise
    except DAMAGE as error:
        cause = " ".join(str(error).split())[:600] or type(error).__name__
        raise ValueError(f"{path} is not a readable .nemo codec: {cause}") from error
    codec.licence = licence
    return codec.eval()


def member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    """One file of the archive, by its name in the archive's root."""
    found = [m for m in archive.getmembers() if str(PurePosixPath(m.name)) == name]
    if len(found) != 1 or not found[0].isfile():
        listed = ", ".join(sorted(m.name for m in archive.getmembers())[:8])
        raise ValueError(f"expected one file {name} in it, found {len(found)} among: {listed or 'nothing'}")
    if found[0].size > MAX_BYTES:
        raise ValueError(f"{name} has {found[0].size} bytes; expected at most {MAX_BYTES}")
    file = archive.extractfile(found[0])
    assert file is not None
    return file


def read_weights(archive: tarfile.TarFile) -> dict[str, Tensor]:
    """The state dict, as tensors and nothing else."""
    file = member(archive, WEIGHTS)
    try:
        weights = torch.load(io.BytesIO(file.read()), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError(f"{WEIGHTS} is damaged, or holds more than tensors, such as code; nothing was run") from None
    if not isinstance(weights, dict) or not all(isinstance(t, Tensor) for t in weights.values()):
        raise ValueError(f"{WEIGHTS} is not a mapping of names to tensors")
    return weights


def translate(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """NeMo's names -> ours; what belongs to training is left out."""
    translated = {}
    for name, tensor in weights.items():
        if name.startswith(IGNORED):
            continue
        part, _, rest = name.partition(".")
        for pattern, replacement in RENAMES:
            rest = re.sub(rf"(?:(?<=\.)|^){pattern}", replacement, rest)
        translated[f"{PARTS.get(part, part)}.{rest}"] = tensor
    return translated


def read_config(archive: tarfile.TarFile) -> HiFiGANConfig:
    """Our configuration out of NeMo's."""
    return convert(parse_mapping(member(archive, CONFIG).read(), CONFIG))
