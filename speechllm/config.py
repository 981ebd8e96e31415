"""CodeSpec and LMConfig, fixed by a checkpoint, and SamplingConfig, fixed by a request."""

from dataclasses import asdict, dataclass, fields, replace
from math import inf
from numbers import Integral
from typing import Any, Literal

Precision = Literal["float32", "bfloat16", "int8"]  # of the weights while speaking
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16", "int8")


# The numbers of LMShape that 0 switches off; all other whole ones are 1 or more.
MAY_BE_NONE = {
    "num_kv_heads",
    "head_dim",
    "frame_tables",
    "speaker_dim",
    "prefix_queries",
    "prefix_mlp_dim",
    "reader_layer",
}


@dataclass(frozen=True)
class CodeSpec:
    """The whole contract with a codec: what its codes look like and which codec they belong to."""

    frame_rate: float  # Hz
    num_codebooks: int
    levels: tuple[int, ...]  # FSQ levels of one codebook, least significant digit first
    codec_fingerprint: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "levels", tuple(self.levels))

    @property
    def num_digits(self) -> int:
        """FSQ digits of a frame."""
        return self.num_codebooks * len(self.levels)

    @property
    def num_logits(self) -> int:
        """Logits that describe a frame digit by digit."""
        return self.num_codebooks * sum(self.levels)


@dataclass(frozen=True, kw_only=True)
class LMShape:
    """The part of LMConfig that is a choice; see configs/speechllm/small.yaml for the meaning of each field."""

    dim: int = 256
    num_layers: int = 6
    num_heads: int = 4
    mlp_dim: int = 704
    num_kv_heads: int = 0  # heads of keys and values, each shared by a group of heads; 0 = num_heads
    head_dim: int = 0  # channels of a head; 0 = dim / num_heads
    qk_norm: bool = False  # queries and keys are normalised
    qkv_bias: bool = False  # queries, keys and values have a bias
    norm_eps: float = 1e-6  # of the norms
    gated_attention: bool = False  # what attention returns passes a gate
    causal_text: bool = False  # text sees the text before it only
    shared_positions: bool = False  # frames count on from the text, and not from 0
    rope_theta: float = 10_000.0
    rope_rounded: bool = False  # rotary frequencies are those that bfloat16 can hold
    rope_scaling: tuple[float, ...] = ()  # Llama 3's: factor, low and high factor, original length; none = unscaled
    frame_tables: int = 0  # channels of the table that each digit of an input frame is looked up in; 0 = its value
    stop_after: bool = False  # the stop head judges a frame when it is read, a step after it was made
    speaker_dim: int = 0  # channels of a speaker vector, which makes the first position of a voice prefix; 0 = none
    prefix_queries: int = 0  # positions of a voice prefix made from reference codes; 0 = none
    prefix_layers: int = 2
    prefix_heads: int = 8
    prefix_mlp_dim: int = 0  # 0 = 4 * dim
    reader_layer: int = 2  # layers before the reader head; 0 = no reader
    reader_window: int = 10  # text tokens that one frame can advance at most, plus one
    max_text: int = 256  # tokens, a prefix included
    max_frames: int = 1024
    frames_per_step: int = 1  # codec frames that one step of the transformer writes

    def __post_init__(self) -> None:
        object.__setattr__(self, "rope_scaling", tuple(self.rope_scaling))
        if len(self.rope_scaling) not in (0, 4):
            raise ValueError(f"got rope_scaling={list(self.rope_scaling)}; expected 4 numbers, or none")
        for field in fields(LMShape):
            value, least = getattr(self, field.name), int(field.name not in MAY_BE_NONE)
            if type(value) is int and value < least:
                raise ValueError(f"got {field.name}={value}; expected {least} or more")
        for name in ("norm_eps", "rope_theta"):
            if not 0 < getattr(self, name) < inf:
                raise ValueError(f"got {name}={getattr(self, name)}; expected more than 0")
        if not self.head_dim and self.dim % (2 * self.num_heads):
            raise ValueError(f"got dim={self.dim}, num_heads={self.num_heads}; dim must be a multiple of 2 * num_heads")
        if self.head_dim % 2 or self.num_heads % self.kv_heads:
            raise ValueError(
                f"got head_dim={self.head_dim}, num_heads={self.num_heads}, num_kv_heads={self.num_kv_heads}; "
                "expected an even head_dim, and num_heads a multiple of num_kv_heads"
            )
        if not 0 <= self.reader_layer < self.num_layers:
            raise ValueError(f"got reader_layer={self.reader_layer}; expected 0..{self.num_layers - 1}")
        if self.prefix_queries and self.dim % self.prefix_heads:
            raise ValueError(
                f"got dim={self.dim}, prefix_heads={self.prefix_heads}; dim must be a multiple of the heads"
            )

    @property
    def kv_heads(self) -> int:
        """Heads of keys and values."""
        return self.num_kv_heads or self.num_heads

    @property
    def head_width(self) -> int:
        """Channels of a head."""
        return self.head_dim or self.dim // self.num_heads

    @property
    def window(self) -> int:
        """Text tokens that the reader chooses from; 0 without a reader."""
        return self.reader_window if self.reader_layer else 0

    @property
    def prefix_positions(self) -> int:
        """Positions of a voice prefix; 0 where the model knows none."""
        return bool(self.speaker_dim) + self.prefix_queries

    @property
    def max_positions(self) -> int:
        """Rotary positions in use, see model/sequence.py."""
        return self.max_text + self.max_steps + 1 if self.shared_positions else max(self.max_text, self.max_steps)

    @property
    def max_steps(self) -> int:
        """Steps that hold max_frames."""
        return -(-self.max_frames // self.frames_per_step)


@dataclass(frozen=True)
class LMConfig(LMShape):
    """A speech LM: its shape, and what follows from its codec and its tokenizer."""

    codes: CodeSpec
    vocab_size: int
    tokenizer_fingerprint: str = ""

    @property
    def step(self) -> CodeSpec:
        """The codes of one step: those of its frames, one after the other."""
        count = self.frames_per_step
        return replace(
            self.codes, frame_rate=self.codes.frame_rate / count, num_codebooks=count * self.codes.num_codebooks
        )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "LMConfig":
        """Build from a parsed JSON mapping; unknown keys are an error."""
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(f"got unknown LM keys {unknown}")
        return cls(**{**values, "codes": CodeSpec(**values["codes"])})

    def to_dict(self) -> dict[str, Any]:
        """Plain mapping, for JSON; what is not a choice stands first."""
        values = asdict(self)
        return {name: values[name] for name in ("codes", "vocab_size", "tokenizer_fingerprint")} | values


@dataclass(frozen=True)
class RecogniserConfig:
    """A recogniser of what codes say, see model/recogniser.py."""

    codes: CodeSpec
    tokenizer_fingerprint: str
    sounds: tuple[int, ...]  # the text tokens that have a sound; stress, spaces and punctuation have none
    dim: int = 256  # width
    frame_blocks: int = 3  # blocks at one step a frame
    step_blocks: int = 3  # blocks at `steps_per_frame`
    steps_per_frame: int = 2  # a frame of 21.5 a second can hold more than one sound
    expansion: int = 3  # hidden width of a block, times its own
    good: float = 0.5  # nats per sound; what is read back so well is taken as right

    def __post_init__(self) -> None:
        object.__setattr__(self, "sounds", tuple(self.sounds))
        if not self.sounds or min(self.sounds) < 0 or len(set(self.sounds)) < len(self.sounds):
            raise ValueError("expected sounds, each a different token")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "RecogniserConfig":
        """Build from a parsed JSON mapping; unknown keys are an error."""
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(f"got unknown keys {unknown} of a recogniser")
        return cls(**{**values, "codes": CodeSpec(**values["codes"])})


# The whole numbers of SamplingConfig, and the least that each may be.
COUNTS = {
    "seed": 0,
    "min_frames": 0,
    "max_frames_per_token": 1,
    "trailing_frames": 0,
    "max_frames": 0,
    "guidance_frames": 0,
}


@dataclass(frozen=True)
class SamplingConfig:
    """How one request draws its frames."""

    temperature: float = 0.2  # of the code digits; 0 = most likely
    reader_temperature: float = 0.0  # of the reading position; 0 = at an even pace, see sampling.steady_advance
    seed: int = 0
    min_frames: int = 4  # no stop before, the shortest clip every codec of the family can decode
    max_frames_per_token: int = 24  # about 1.1 s: a reader that stands still longer is pushed on
    trailing_frames: int = 12  # at most this many frames after the last token was reached
    # For models without a reader, which have no such bounds:
    max_frames: int = 0  # of the whole; 0 = by the length of the text, see request.frame_limit
    guidance: float = 1.0  # how far from what the model would say without text and voice (arXiv 2207.12598); 1 = off
    guidance_frames: int = 0  # frames that are guided; 0 = all

    def __post_init__(self) -> None:
        for name in ("temperature", "reader_temperature"):
            if not 0 <= getattr(self, name) <= 2:
                raise ValueError(f"got {name}={getattr(self, name)}; expected 0..2")
        if not 0 < self.guidance <= 20:
            raise ValueError(f"got guidance={self.guidance}; expected more than 0, at most 20")
        for name, least in COUNTS.items():
            value: Any = getattr(self, name)
            whole = isinstance(value, Integral) and not isinstance(value, bool)
            if not whole or not least <= value < 2**63:
                raise ValueError(f"got {name}={value}; expected a whole number, at least {least}")
