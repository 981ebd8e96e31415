"""The folder that a voice ships as, and the engine that runs it.

voices/heart/voice.yaml          provenance, licences, sampling defaults, measured figures
             tokenizer.model
             lm/                 SpeechLM.save_pretrained, and its graphs from speechllm.export
             codec/              codec.save, and its graphs from codec.export
             recogniser/         of a voice that reads back what it wrote: from train_recogniser.py
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from codec.runtime.folder import has_graphs as codec_has_graphs
from codec.runtime.folder import load as load_codec
from pipelines.shared.errors import UserError
from pipelines.speaking.card import frontend_maker, read_card
from pipelines.speaking.prompts import Findings, read_prompt, speaker_of
from pipelines.speaking.speakers import choose, read_speakers
from pipelines.speaking.voice import ENGINES, PROMPTED, Voice
from speechllm.config import LMConfig, Precision, RecogniserConfig
from speechllm.runtime.lm import RuntimeLM, has_graphs
from speechllm.runtime.recogniser import RuntimeRecogniser

RECOGNISER = "recogniser"  # folder


def load_voice(
    name: str,
    codec_folder: Path | None = None,
    precision: Precision | None = None,
    engine: str = "auto",
    threads: int = 0,
    lexicon: Path | None = None,
) -> Voice:
    """Load a voice by name or path.

    Args:
        name: of a shipped voice or of a speaker in one, a folder, or `VOICE:SPEAKER`; see speakers.choose.
        codec_folder: a codec in place of the voice's own.
        precision: of the weights; None = as the voice says, which is int8 if it says nothing.
        engine: onnx needs the graphs that export-voice writes, torch an installation with torch; auto = the first
            of them that is there.
        threads: of the networks; 0 = one.
        lexicon: a file of words with their pronunciation, beside the voice's own.

    Raises:
        UserError: no such voice, something is missing or broken, or the parts do not belong together.
    """
    folder, speaker = choose(name)
    sound_folder = codec_folder or folder / "codec"
    card = read_card(folder)
    precision = precision or card.get("precision", "int8")
    onnx = uses_onnx(engine, folder, sound_folder, precision)
    make_frontend = frontend_maker(folder, card, lexicon)
    try:
        load = load_onnx if onnx else load_torch
        voice = load(folder, sound_folder, card, make_frontend, precision, threads or 1)
        recogniser = RuntimeRecogniser.load(folder / RECOGNISER) if (folder / RECOGNISER).is_dir() else None
        speakers = read_speakers(folder, card.get("speaker"))
    except UserError:
        raise
    except (OSError, ValueError, AttributeError) as error:
        raise UserError(f"the voice {folder} cannot be loaded: {error}") from error
    wanted, found = voice.lm.config.codes.codec_fingerprint, voice.codec.fingerprint
    if found != wanted:
        raise UserError(f"this voice speaks codes of codec {wanted}, {sound_folder} is {found}")
    if make_frontend().tokenizer.fingerprint != voice.lm.config.tokenizer_fingerprint:
        raise UserError(f"the tokenizer of {folder} is not the one its LM was trained with; restore the folder")
    if recogniser:
        check_recogniser(recogniser.config, voice.lm.config, folder)
        voice = replace(voice, recogniser=recogniser)
    if speakers:
        return replace(voice, prefix=speakers.prefix(speaker, voice), speaker=speaker or speakers.default)
    if speaker:
        raise UserError(f"the voice {folder.name} has one speaker; leave out {speaker!r}")
    return voice


def check_recogniser(config: RecogniserConfig, lm: LMConfig, folder: Path) -> None:
    """Raise UserError unless a recogniser knows the codes and the tokens of a speech LM."""
    if (config.codes, config.tokenizer_fingerprint) != (lm.codes, lm.tokenizer_fingerprint):
        raise UserError(f"{folder / RECOGNISER} is for another codec or tokenizer than the voice; remove it")


def with_prompt(voice: Voice, path: Path, consent: bool) -> Voice:
    """A voice of many that speaks as whoever is heard in a recording.

    Raises:
        UserError: a voice of one, no consent, or a recording that says too little of a voice.
    """
    if not voice.lm.config.prefix_positions:
        raise UserError(f"the voice {voice.name} has one speaker and takes no prompt; a prompt goes with english")
    if not consent:
        raise UserError(
            "a prompt takes the consent of whoever speaks in it; if you have it, say so with --i-have-consent, in "
            "Python consent=True"
        )
    return prompted(voice, *read_prompt(path, voice.codec.sample_rate))


def prompted(voice: Voice, audio: np.ndarray, findings: Findings) -> Voice:
    """The same voice speaking as whoever is heard in a recording, see prompts.usable_speech."""
    speaker = speaker_of(audio, voice)
    prefix = voice.voice_prefix(speaker.codes, speaker.vector)
    return replace(voice, prefix=prefix, speaker=PROMPTED, findings=findings)


def uses_onnx(engine: str, folder: Path, sound_folder: Path, precision: Precision) -> bool:
    """Whether a voice is to speak without torch.

    Raises:
        UserError: no such engine, or one that cannot do what is asked.
    """
    if engine not in ENGINES:
        raise UserError(f"got engine {engine!r}; expected one of: {', '.join(ENGINES)}")
    exported = has_graphs(folder / "lm") and codec_has_graphs(sound_folder)
    if engine == "onnx" and precision == "bfloat16":
        raise UserError("got precision bfloat16, which takes the engine torch; expected int8 or float32")
    if engine == "onnx" and not exported:
        raise UserError(f"{without_graphs(folder, sound_folder)}, or use the engine torch")
    return engine == "onnx" or (engine == "auto" and exported and precision != "bfloat16")


def without_graphs(folder: Path, sound_folder: Path) -> str:
    """Which part of a voice has no graphs, and how it gets them."""
    if has_graphs(folder / "lm"):
        return f"the codec {sound_folder} holds no ONNX graphs; write them with export-onnx"
    return f"the voice {folder} holds no ONNX graphs; write them with export-voice"


def load_onnx(
    folder: Path, sound_folder: Path, card: dict[str, Any], frontend: Any, precision: Precision, threads: int
) -> Voice:
    """The voice in ONNX Runtime. Threads beyond the first are the codec's."""
    from pipelines.speaking.onnx_voice import OnnxVoice

    lm = RuntimeLM.load(folder / "lm", precision)
    sound = load_codec(sound_folder, precision, max(threads - 1, 1))
    return OnnxVoice(folder.name, card, frontend, lm, sound)


def load_torch(
    folder: Path, sound_folder: Path, card: dict[str, Any], frontend: Any, precision: Precision, threads: int
) -> Voice:
    """The voice in torch."""
    try:
        import torch
    except ImportError:
        raise UserError(f"speaking with {folder} as asked takes torch; pip install 'lfsc-tts[torch]'") from None
    from codec import load
    from pipelines.speaking.torch_voice import TorchVoice
    from speechllm.model.speech_lm import SpeechLM

    torch.set_num_threads(threads)
    sound = load(sound_folder)
    if precision != "float32":
        sound = sound.lower_precision()
    return TorchVoice(folder.name, card, frontend, SpeechLM.from_pretrained(folder / "lm"), sound, precision=precision)
