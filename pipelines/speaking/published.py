"""Voices of published weights: `gepard:PATH`, with a codec of its own and a voice taken from a recording."""

from pathlib import Path

import torch
from torch import Tensor

from codec import Codec, HiFiGANCodec
from codec import load as load_codec
from codec.audio.reading import load_audio
from pipelines.shared.errors import UserError
from pipelines.speaking.torch_voice import TorchVoice
from speechllm import SpeechLM
from speechllm.config import Precision
from speechllm.gepard import voice as gepard

SCHEME = f"{gepard.NAME}:"
NO_PREFIX = "none"  # --prompt none: not even the prefix of no voice in particular
PROMPT_S = 1.0, 60.0  # lengths of a reference recording; training had 3 to 15 s


def load_published(
    name: str,
    codec: str | Path | None,
    prompt: str | Path | None,
    language: str = "",
    precision: Precision | None = None,
    threads: int = 0,
) -> TorchVoice:
    """A voice whose name begins with a scheme.

    Args:
        name: `gepard:` and a folder of the published files, or a hub id, alone or with `@revision`.
        codec: of the codes it writes; None = by its hub id.
        prompt: a recording of whose voice is to speak; None = nobody's in particular; `none` = no prefix at all.
        language: see speechllm.gepard.voice.
        precision: of the LM's weights; None = as they were published.
        threads: of torch; 0 = all cores.

    Raises:
        UserError: something is missing or broken, or the parts do not belong together.
    """
    source = name.removeprefix(SCHEME)
    try:
        folder = Path(source) if source and Path(source).is_dir() else fetch(source)
        sound = load_codec(codec or gepard.CODEC)
        found = gepard.load(folder, language)
    except (OSError, ValueError, ImportError) as error:
        raise UserError(f"the voice {name} cannot be loaded: {error}") from error
    check_codec(sound, found.lm, codec)
    card = {
        "name": gepard.NAME,
        "licences": gepard.LICENCES,
        "sampling": gepard.SAMPLING,
        "precision": gepard.PRECISION,
        "source": str(source),
    }
    bare = prompt is not None and str(prompt) == NO_PREFIX
    reference = None if prompt is None or bare else encode_prompt(Path(prompt), sound)
    chosen: Precision = precision or gepard.PRECISION  # type: ignore[assignment]
    if threads:
        torch.set_num_threads(threads)
    return TorchVoice(
        name=gepard.NAME,
        card=card,
        make_frontend=lambda: found.frontend,
        lm=found.lm,
        codec=sound if chosen == "float32" else sound.lower_precision(),
        precision=chosen,
        large=True,
        prefix=None if bare else found.lm.voice_prefix(reference),
        unguided=torch.tensor(found.frontend.unguided),
        # Unless told whose voice to take, it takes another with every sentence.
        keeps_first=prompt is None and found.lm.prefix is not None,
    )


def fetch(source: str) -> Path:
    """The folder of a hub id, from the cache or downloaded."""
    from codec.pretrained.hub import fetch_folder, hub_id

    identity = hub_id(source)
    if identity is None:
        raise UserError(f"{source!r} is not a folder; expected {SCHEME}FOLDER or {SCHEME}{gepard.REPOSITORY}")
    repository, _, revision = identity.partition("@")
    pinned = gepard.REVISION if repository == gepard.REPOSITORY else "main"
    return fetch_folder(repository, revision or pinned, gepard.FILES)


def check_codec(codec: Codec, lm: SpeechLM, given: object) -> None:
    """Raise UserError unless the codec can decode what the LM writes, as far as shapes tell."""
    wanted, have = lm.config.codes, (codec.num_codebooks, codec.levels)
    causal = isinstance(codec, HiFiGANCodec) and codec.config.decoder.causal
    if have != (wanted.num_codebooks, wanted.levels) or round(codec.frame_rate, 1) != round(wanted.frame_rate, 1):
        raise UserError(
            f"{given} has {have[0]} codebooks of levels {list(have[1])} at {codec.frame_rate:.1f} Hz; this voice has "
            f"{wanted.num_codebooks} of {list(wanted.levels)} at {wanted.frame_rate:.1f} Hz, those of {gepard.CODEC}"
        )
    if not causal:
        raise UserError(f"{given} has the right shape but is not causal as NanoCodec is; use {gepard.CODEC}")


def encode_prompt(path: Path, codec: Codec) -> Tensor:
    """A reference recording as codes int64 [K, T]."""
    if not path.is_file():
        raise UserError(f"--prompt {path} is not a file; expected a recording of the voice, of 3 to 15 s")
    audio = load_audio(path, codec.sample_rate)[None]  # [1, 1, N]
    duration_s = audio.shape[-1] / codec.sample_rate
    if not PROMPT_S[0] <= duration_s <= PROMPT_S[1]:
        raise UserError(f"--prompt {path} lasts {duration_s:.1f} s; expected {PROMPT_S[0]:.0f} to {PROMPT_S[1]:.0f} s")
    with torch.inference_mode():
        return codec.encode(audio)[0][0]
