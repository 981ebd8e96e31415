"""Gepard-1.0, a published speech LM of this project's shape, as a configuration of its SpeechLM.

Its transformer is Qwen3.5's with full attention only; frames are the digits of NanoCodec's codes, a voice is a prefix
made from a reference recording, and a stop head judges each frame after it. Names, shapes and numbers are those of the
published training code and report (github.com/nineninesix-ai, Apache-2.0), of which no line is copied. This file and
weights.py are all that knows the model; the rest of the package only sees a configuration.
"""

import json
import math
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from speechllm.config import CodeSpec, LMConfig
from speechllm.gepard.weight_file import WeightFile
from speechllm.gepard.weights import convert, expected_shapes, refuse_misfits
from speechllm.model.speech_lm import SpeechLM
from speechllm.text.frontend import FrontendOutput

NAME = "gepard"
REPOSITORY, REVISION = "nineninesix/gepard-1.0", "56a5f18e76b6dab83039090083a3acec161f7777"
CODEC = "nvidia/nemo-nano-codec-22khz-1.89kbps-21.5fps"
LICENCES = {"speech LM": "Apache-2.0 (Gepard-1.0, nineninesix)", "codec": "NVIDIA Open Model License (NanoCodec)"}
LANGUAGES = ("en", "es", "pt", "nl")
FILES = ("gepard_config.json", "model.safetensors", "tokenizer.json")
FRAME_RATE = 22_050 / 1024  # Hz
MAX_TEXT, MAX_FRAMES = 1024, 1024  # positions before the frames, and frames; its training clips had 40 s at most
FRAMES_PER_TOKEN = (1.5, 12.0)  # of text that is read plausibly; the mean in training was 5.9
SHORT = 12  # tokens; texts so short run away or babble often, and guidance and several tries help
SAMPLING = {"temperature": 0.3, "min_frames": 1}
SHORT_SAMPLING = {"guidance": 3.0, "guidance_frames": 20}
SHORT_TRIES = 4
PRECISION = "bfloat16"  # of its weights as they are


@dataclass(frozen=True)
class Marks:
    """Ids around a text, and how often a short one is said again before it is spoken, as in training."""

    start_of_text: int = 248_073
    end_of_text: int = 248_074
    start_of_speech: int = 248_070
    repeat_below: int = 13  # tokens; 0 = never
    repeat_to: int = 16  # tokens
    max_repeats: int = 8

    def repeats(self, tokens: int) -> int:
        """How often a text of so many tokens stands there."""
        if not 0 < tokens < min(self.repeat_below, self.repeat_to):
            return 1
        return min(self.max_repeats, math.ceil(self.repeat_to / tokens))

    def wrap(self, tokens: list[int]) -> list[int]:
        """Text between its marks, repeated; the mark of speech is the model's own `begin`."""
        return [self.start_of_text, *tokens, self.end_of_text] * self.repeats(len(tokens))


class Gepard(NamedTuple):
    """What a folder of the published files holds."""

    lm: SpeechLM
    frontend: "GepardFrontend"


class GepardFrontend:
    """Sentence -> ids, by the model's own tokenizer and without any normalisation, as it was trained.

    Args:
        encode: text -> ids, without special tokens.
        special: ids that no text may hold.
        marks: around the text.
        language: stands before the text as `xx: ` if given; part of the training texts had such tags.
    """

    reads_phonemes = False

    def __init__(self, encode: Callable[[str], list[int]], special: frozenset[int], marks: Marks, language: str = ""):
        if language and language not in LANGUAGES:
            raise ValueError(f"got language {language!r}; this model speaks {', '.join(LANGUAGES)}")
        self.encode, self.special, self.marks, self.language = encode, special, marks, language

    @property
    def unguided(self) -> list[int]:
        """Ids of no text, for guidance."""
        return [self.marks.start_of_text, self.marks.end_of_text]

    def load(self) -> None:
        """Nothing has to be loaded before the first sentence."""

    def check(self, sentence: str) -> None:
        """Raise ValueError for text that cannot be spoken."""
        self.tokens(sentence)

    def tokens(self, sentence: str) -> list[int]:
        """Ids of the text alone."""
        text = " ".join(unicodedata.normalize("NFC", sentence).split())
        if not any(character.isalnum() for character in text):
            raise ValueError(f"got {sentence[:60]!r}, which has nothing to say; expected words")
        ids = self.encode(f"{self.language}: {text}" if self.language else text)
        if not self.special.isdisjoint(ids):
            raise ValueError(f"got {text[:60]!r}, which holds one of the model's own marks; take out its <|...|>")
        return ids

    def __call__(self, sentence: str) -> FrontendOutput:
        """Prepare one sentence; raises as `check`."""
        tokens = self.tokens(sentence)
        min_frames, max_frames = (round(rate * len(tokens)) for rate in FRAMES_PER_TOKEN)
        short = len(tokens) <= SHORT
        sampling = {
            "max_frames": min(max_frames + round(2 * FRAME_RATE), MAX_FRAMES),
            **(SHORT_SAMPLING if short else {}),
        }
        ids = self.marks.wrap(tokens)
        return FrontendOutput(sentence, sentence, ids, [], sampling, SHORT_TRIES if short else 1, min_frames)


def load(folder: str | Path, language: str = "", rope_rounded: bool = True) -> Gepard:
    """Read a folder of the published files. Weights stay as they are there, and the embedding stays in its file.

    Args:
        folder: of config, weights and tokenizer, as `FILES` lists them.
        language: see GepardFrontend.
        rope_rounded: rotary frequencies as the reference implementation has them; False as other runtimes do.

    Raises:
        FileNotFoundError, ValueError: something is missing, broken or of another shape.
    """
    folder = Path(folder)
    for name in FILES:
        if not (folder / name).is_file():
            pickled = name.endswith("safetensors") and any(folder.glob("*.bin")) and "; pickled weights are not read"
            raise FileNotFoundError(f"{folder} has no {name}; expected {', '.join(FILES)}{pickled or ''}")
    try:
        values = json.loads((folder / "gepard_config.json").read_text("utf-8"))
        config, marks = read_config(values, rope_rounded)
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        message = " ".join(str(error).split())[:200]
        raise ValueError(f"{folder / 'gepard_config.json'} is not a configuration of this model: {message}") from None
    encode, special = read_tokenizer(folder / "tokenizer.json")
    file = WeightFile(folder / "model.safetensors")
    refuse_misfits(file.shapes, expected_shapes(config), file.path)
    with torch.device("meta"):
        lm = SpeechLM(config)
    lm.load_state_dict(convert(file, config, marks.start_of_speech), assign=True)
    return Gepard(lm.eval().requires_grad_(False), GepardFrontend(encode, special, marks, language))


def read_int(values: Mapping[str, Any], key: str, default: int, largest: int = 1 << 20) -> int:
    """A whole number from a configuration."""
    value = values.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= largest:
        raise ValueError(f"got {key}={value!r}; expected a whole number in 1..{largest}")
    return value


def read_config(values: Mapping[str, Any], rope_rounded: bool = True) -> tuple[LMConfig, Marks]:
    """gepard_config.json -> the shape of the model and the marks of its texts; unknown keys are of no concern."""
    body, codec = values.get("backbone_config", {}), values.get("codec", {})
    rope = {**body, **(body.get("rope_parameters") or {})}
    if rope.get("partial_rotary_factor", values.get("partial_rotary_factor", 1.0)) != 1.0:
        raise ValueError(f"got partial_rotary_factor={rope['partial_rotary_factor']}; expected 1.0")
    if body.get("rms_norm_eps", 1e-6) != 1e-6:
        raise ValueError(f"got rms_norm_eps={body['rms_norm_eps']}; expected 1e-6")
    if set(body.get("layer_types") or ["full_attention"]) != {"full_attention"}:
        raise ValueError("got layer_types other than full_attention")
    levels, books = tuple(codec.get("fsq_levels", (8, 7, 6, 6))), read_int(codec, "num_layers", 8, 64)
    heads = values.get("audio_heads") or {f"level_audio_{i}": level for i, level in enumerate(levels * books)}
    if tuple(heads.values()) != levels * books:
        raise ValueError(f"got audio_heads of {list(heads.values())} levels; expected {list(levels)} {books} times")
    cloning = values.get("voice_cloning") or {}
    prefix = cloning.get("compressor", {}) if cloning.get("enabled", bool(cloning)) else None
    dim = read_int(body, "hidden_size", 1024)
    config = LMConfig(
        CodeSpec(FRAME_RATE, books, levels),
        vocab_size=read_int(body, "vocab_size", 248_320),
        dim=dim,
        num_layers=read_int(body, "num_hidden_layers", 14, 256),
        num_heads=read_int(body, "num_attention_heads", 8, 1024),
        mlp_dim=read_int(body, "intermediate_size", 3584),
        num_kv_heads=read_int(body, "num_key_value_heads", 2, 1024),
        head_dim=read_int(body, "head_dim", 256, 4096),
        qk_norm=True,
        gated_attention=True,
        causal_text=True,
        shared_positions=True,
        rope_theta=float(rope.get("rope_theta", 1e7)),
        rope_rounded=rope_rounded,
        frame_tables=read_int(values, "audio_embed_dim", 32, 4096),
        stop_after=True,
        prefix_queries=0 if prefix is None else read_int(prefix, "num_queries", 8, 4096),
        prefix_layers=read_int(prefix or {}, "num_layers", 2, 64),
        prefix_heads=read_int(prefix or {}, "num_heads", 8, 1024),
        prefix_mlp_dim=dim * read_int(prefix or {}, "ffn_hidden_size_multiplier", 4, 64),
        reader_layer=0,
        max_text=MAX_TEXT,
        max_frames=MAX_FRAMES,
    )
    repeat = values.get("text_repetition") or {}
    named = values.get("special_tokens") or {}
    ids = {
        key: read_int(named, key, getattr(Marks, key)) for key in ("start_of_text", "end_of_text", "start_of_speech")
    }
    if max(ids.values()) >= config.vocab_size:
        raise ValueError(f"got special_tokens {ids}; expected ids below vocab_size={config.vocab_size}")
    below = read_int(repeat, "apply_below", Marks.repeat_below) if repeat.get("enabled", True) else 0
    to = read_int(repeat, "target_text_tokens", Marks.repeat_to)
    return config, Marks(**ids, repeat_below=below, repeat_to=to, max_repeats=read_int(repeat, "max_repeats", 8, 64))


def read_tokenizer(path: Path) -> tuple[Callable[[str], list[int]], frozenset[int]]:
    """tokenizer.json -> how text is encoded, and the ids that no text may hold.

    Raises:
        ImportError: the tokenizers library is missing.
        ValueError: not a tokenizer.
    """
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise ImportError("this voice reads text with `tokenizers`; pip install tokenizers") from None
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing more special
        raise ValueError(f"{path} is not a tokenizer: {' '.join(str(error).split())[:200]}") from None
    special = frozenset(number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special)
    return lambda text: list(tokenizer.encode(text, add_special_tokens=False).ids), special
