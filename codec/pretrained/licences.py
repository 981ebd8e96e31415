"""Licences of published weights: which are known, and which are refused where commercial use is asked for."""

import logging
import os

from codec.hifigan.config import HiFiGANConfig
from codec.licence import Licence

logger = logging.getLogger(__name__)

NSCL = Licence("NSCLv1", False, "https://developer.nvidia.com/downloads/license/nsclv1")
OPEN_MODEL = Licence(
    "NVIDIA Open Model License",
    True,
    "https://www.nvidia.com/en-us/agreements/enterprise-software/nvidia-open-model-license/",
)
UNKNOWN = Licence("unknown", None)


def guess_licence(config: HiFiGANConfig) -> Licence:
    """The licence of published weights of this shape: a .nemo file does not say its own.

    Weights somebody trained themselves have the same shape, so the guess can be overruled where they are converted.
    """
    if config.decoder.causal and config.decoder.channels == 864:
        return OPEN_MODEL
    if config.encoder.channels == 48 and config.decoder.channels == 1024 and config.strides == (2, 2, 4, 8, 8):
        return NSCL
    return UNKNOWN


def commercial_only() -> bool:
    """Whether the environment asks for weights of commercial use only, LFSC_COMMERCIAL=1."""
    return os.environ.get("LFSC_COMMERCIAL", "") not in ("", "0")


def admit(licence: Licence | None, source: object, commercial: bool | None) -> None:
    """Show the licence of what is being loaded, and refuse it where it does not allow what is wanted.

    Args:
        licence: None for weights of this project, which say theirs elsewhere.
        source: what is being loaded, for the message.
        commercial: whether commercial use must be allowed; None leaves it to the environment.

    Raises:
        PermissionError: commercial use is wanted and not known to be allowed.
    """
    if licence is None:
        return
    wanted = commercial_only() if commercial is None else commercial
    if wanted and not licence.commercial:
        raise PermissionError(
            f"the weights of {source} are under {licence}; commercial use was asked for (--commercial or "
            "LFSC_COMMERCIAL=1), so they are not loaded; use other weights, or state their licence when converting them"
        )
    logger.log(logging.INFO if licence.commercial else logging.WARNING, "%s: weights under %s", source, licence)
