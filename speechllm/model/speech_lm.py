"""SpeechLM: a decoder-only transformer that reads text tokens and writes codec frames, one frame a step.

With `frames_per_step` above 1 a step writes several frames: the transformer sees and predicts them as one frame of more
codebooks, and a local head makes each of them from the ones before it in the step. Only the ends of this package know:
training stacks frames into steps, the engine takes steps apart.

Shapes: B batch, S text tokens, T frames (steps), P digits of a frame (step), D width, W reader window.

Where text and frames stand and what they see is said in model/sequence.py. The *reader* is a head in the middle of the
stack that says which token frame t speaks: the one of frame t-1 or one of the next W-1. What it points at is added to
the frame's state, and comes back with the frame as the next input, so the model always knows where it is: it cannot
skip more than W-1 tokens, cannot go back and cannot repeat.

The reader is optional (`reader_layer: 0`), and so are the habits of published models that LMConfig lists: text that
sees only what is before it, one count of positions, a voice prefix before the text, a stop head that judges frames
when they are read. The text then holds its own marks, and BOS stands for the last of them.

Source: prefix LM; FSQ digits as inputs and outputs; the reader is trained on the alignments of
speechllm/training/aligner.py.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from speechllm.config import LMConfig
from speechllm.digits import codes_to_digits, digits_to_values
from speechllm.model import sequence
from speechllm.model.attention import Seen, rotary_table
from speechllm.model.finite import refuse_not_finite
from speechllm.model.frames import DigitTables, DigitValues, LocalHead
from speechllm.model.packing import Kind, Packing, with_prefix
from speechllm.model.reader import Reader
from speechllm.model.transformer import Block
from speechllm.model.voice_prefix import Reference, SpeakerPosition, VoicePrefix


class LMOutput(NamedTuple):
    """Predictions at every frame."""

    digits: Tensor  # logits [B, T, num_logits], digit after digit
    stop: Tensor  # logit that this frame is the last [B, T]
    reader: Tensor | None  # logits [B, T, W]


class SpeechLM(nn.Module):
    """Text ids -> codes."""

    rotary: Tensor

    def __init__(self, config: LMConfig):
        super().__init__()
        self.config = config
        self.attention: Kind = "flex"  # of packed utterances
        self.checkpointing = False  # whether a block's inner values are computed anew on the way back, not kept
        dim = config.dim
        self.text_embedding = nn.Embedding(config.vocab_size, dim)
        levels, num_codebooks = config.codes.levels, config.step.num_codebooks
        self.frame_input: DigitTables | DigitValues
        if config.frame_tables:
            self.frame_input = DigitTables(levels * num_codebooks, config.frame_tables, dim)
        else:
            self.frame_input = DigitValues(levels, num_codebooks, dim)
        self.begin = nn.Parameter(torch.zeros(dim))  # stands for the frame before the first
        blocks = [Block(config) for _ in range(config.num_layers)]
        self.blocks = nn.ModuleList(blocks)
        self.reader = Reader(dim, config.reader_window) if config.reader_layer else None
        self.speaker = SpeakerPosition(config.speaker_dim, dim) if config.speaker_dim else None
        self.prefix = None
        if config.prefix_queries:
            shape = config.prefix_queries, config.prefix_layers, config.prefix_heads
            self.prefix = VoicePrefix(*shape, config.prefix_mlp_dim or 4 * dim, config.codes.num_digits, dim)
        self.norm = nn.RMSNorm(dim, eps=config.norm_eps)
        self.frame_head = nn.Linear(dim, config.codes.num_logits)
        self.local = LocalHead(dim, config.codes.num_digits) if config.frames_per_step > 1 else None
        self.stop_head = nn.Linear(dim, 1)
        self.register_buffer("rotary", self.rotary_table(), persistent=False)
        self.apply(self.initialise)
        for block in blocks:
            for layer in (block.attention.output, block.down):
                nn.init.normal_(layer.weight, std=0.02 / (2 * config.num_layers) ** 0.5)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "SpeechLM":
        super()._apply(fn, recurse)
        self.rotary.copy_(self.rotary_table())  # a constant, which `to_empty` would leave unset
        return self

    def rotary_table(self) -> Tensor:
        """See attention.rotary_table."""
        c = self.config
        return rotary_table(c.max_positions, c.head_width, c.rope_theta, c.rope_rounded, c.rope_scaling)

    @staticmethod
    def initialise(module: nn.Module) -> None:
        """GPT-style normal weights."""
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02 if isinstance(module, nn.Linear) else 0.1)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def embed_frames(self, digits: Tensor, keep: Tensor | None = None) -> Tensor:
        """Digits int64 [B, T, P] -> [B, T, D]; frames with keep [B, T] False are hidden (training only)."""
        x: Tensor = self.frame_input(digits, keep)
        return x

    def voice_prefix(self, codes: Tensor | None, speaker: Tensor | None = None) -> Tensor | None:
        """What stands before the text so that it is spoken by a voice: [Q, D], or None where the model knows no prefix.

        Args:
            codes: of a recording of the voice, int64 [K, T]; None = none at hand.
            speaker: its vector, of length 1, float32 [C]; None = none at hand.
        """
        levels, parts = self.config.codes.levels, []
        with torch.inference_mode(False), torch.no_grad():
            if self.speaker is not None:
                known = None if speaker is None else speaker.to(self.begin)[None]
                parts.append(self.speaker.nobody if known is None else self.speaker(known)[0])
            if self.prefix is not None:
                digits = None if codes is None else codes_to_digits(codes.T[None], levels).to(self.begin.device)
                parts.append(self.prefix.nobody if digits is None else self.prefix(digits, levels)[0])
            return torch.cat(parts).clone() if parts else None

    def prefixes(self, reference: Reference) -> Tensor:
        """The voice prefixes of a batch, [B, Q, D]; what is missing in a row has the place of nobody's."""
        parts = []
        if self.speaker is not None:
            known = reference.speaker_known[:, None, None]
            parts.append(torch.where(known, self.speaker(reference.speakers), self.speaker.nobody))
        if self.prefix is not None:
            made = self.prefix(reference.digits, self.config.codes.levels, reference.frames)
            parts.append(torch.where(reference.frames[:, None, None] > 0, made, self.prefix.nobody))
        return torch.cat(parts, dim=1)

    def forward(
        self,
        ids: Tensor,
        text_lengths: Tensor,
        digits: Tensor,
        positions: Tensor,
        keep: Tensor | None = None,
        prefix: Tensor | None = None,
        text_known: Tensor | None = None,
        reference: Reference | None = None,
        packing: Packing | None = None,
    ) -> LMOutput:
        """Teacher forcing over a padded batch, or over N utterances packed in one row.

        Args:
            ids: int64 [B, S].
            text_lengths: int64 [B].
            digits: of the true frames, int64 [B, T, P].
            positions: token each frame speaks, int64 [B, T]; without a reader not looked at.
            keep: bool [B, T], frames whose codes may be seen as inputs; None = all.
            prefix: of a voice, [B, Q, D], before the text.
            text_known: bool [B], rows whose text may be seen; None = all. The others know its length alone.
            reference: what to make the prefix of, in place of one.
            packing: of packed utterances. B is 1 then, but for text_lengths, prefix, text_known and reference, where it
                is N; ids keep places for a prefix, and digits a step for a stop head that judges what was read.

        Raises:
            ValueError: more text or steps than the model has positions for.
        """
        config, (batch, frames) = self.config, positions.shape
        text = self.embed_text(ids, text_known, packing)
        prefix = prefix if reference is None else self.prefixes(reference)
        before_text = 0 if prefix is None else prefix.shape[1]
        if prefix is not None:
            text = torch.cat([prefix, text], dim=1) if packing is None else with_prefix(text, prefix, packing)
        layout = self.lay_out(text_lengths + before_text, before_text, text.shape[1], frames, packing)
        width, steps = text.shape[1], layout.steps
        rows, positions = torch.arange(batch, device=ids.device)[:, None], positions + layout.first
        before = sequence.tokens_before(positions, steps, before_text)
        spoken = sequence.step_inputs(self.begin, self.embed_frames(digits, keep), steps)
        if layout.begins is not None:
            before = torch.where(layout.begins, layout.first, before)
            spoken = torch.where(layout.begins[..., None], self.begin, spoken)
        if self.reader is not None:
            spoken = spoken + text[rows, before]
        x = torch.cat([text, spoken], dim=1)
        rotary, reader = self.rotary[layout.rope], None
        for layer, block in enumerate(self.blocks):
            if self.reader is not None and layer == config.reader_layer:
                states, spoken = x[:, :width], x[:, width:]
                keys = self.reader.key(states)
                reader = self.reader.logits(spoken[:, :frames], keys, before[:, :frames], layout.ends)
                now = torch.cat([positions, positions[:, -1:]], dim=1)[:, :steps]
                x = torch.cat([states, spoken + self.reader.value(states)[rows, now]], dim=1)
            x = self.run(block, x, rotary, layout.mask)
        x = self.norm(x[:, width:])
        logits = [self.frame_head(state) for state in self.states(x[:, :frames], digits)]
        stop = self.stop_head(x)[..., 0]
        stop = stop[:, steps - frames :].clone() if packing is None else stop.roll(-config.stop_after, 1)
        return LMOutput(torch.cat(logits, dim=-1), stop, reader)

    def run(self, block: nn.Module, x: Tensor, rotary: Tensor, mask: Seen) -> Tensor:
        """States after a block."""
        if self.checkpointing and torch.is_grad_enabled():
            return checkpoint(block, x, rotary, mask, use_reentrant=False)
        return block(x, rotary, mask)

    def lay_out(
        self, text_lengths: Tensor, prefix: int, width: int, frames: int, packing: Packing | None
    ) -> sequence.Layout:
        """See sequence.Layout; refuses rows with more text or steps than the model has positions for."""
        config = self.config
        if packing is not None:
            return sequence.packed(config, text_lengths, prefix, packing, self.attention)
        if width > config.max_text or frames > config.max_steps:
            most = f"{config.max_text} and {config.max_steps}"
            raise ValueError(f"got {width} places of text and {frames} steps; this model has {most}")
        return sequence.padded(config, text_lengths, prefix, width, sequence.num_steps(config, frames))

    def embed_text(self, ids: Tensor, known: Tensor | None, packing: Packing | None) -> Tensor:
        """Ids [B, S] -> [B, S, D]; of utterances whose text is not `known` nothing."""
        text: Tensor = self.text_embedding(ids)
        if known is None:
            return text
        return text * (known[:, None, None] if packing is None else F.pad(known, (0, 1))[packing.text][None, :, None])

    def states(self, x: Tensor, digits: Tensor) -> Iterator[Tensor]:
        """The state [B, T, D] that each frame of a step is predicted from, given the digits of those before it."""
        yield x
        if self.local is not None:
            for known in digits.split(self.config.codes.num_digits, dim=-1)[:-1]:
                x = self.local(x, digits_to_values(known, self.config.codes.levels))
                yield x

    # files

    def save_pretrained(self, folder: str | Path, dtype: torch.dtype = torch.float16) -> None:
        """See save_lm."""
        save_lm(Path(folder), self.config, self.state_dict(), dtype)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "SpeechLM":
        """Read a folder written by save_pretrained; weights become float32.

        Raises:
            FileNotFoundError, ValueError: the folder is not a speech LM, or its weights do not fit its configuration.
        """
        folder = Path(folder)
        for name in ("config.json", "model.safetensors"):
            if not (folder / name).is_file():
                raise FileNotFoundError(f"{folder} is not a speech LM folder: no {name}")
        try:
            model = cls(LMConfig.from_dict(json.loads((folder / "config.json").read_text("utf-8"))))
            weights = load_file(folder / "model.safetensors")
            refuse_not_finite(weights, "model.safetensors")
            model.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
        except Exception as error:
            raise ValueError(f"{folder} is not a readable speech LM: {' '.join(str(error).split())[:300]}") from error
        return model.eval()


def save_lm(folder: Path, config: LMConfig, weights: Mapping[str, Tensor], dtype: torch.dtype) -> None:
    """Write config.json and model.safetensors of a speech LM.

    Raises:
        ValueError: a weight is not finite, or too large for `dtype`.
    """
    cast = {name: tensor.detach().cpu().to(dtype).contiguous() for name, tensor in weights.items()}
    refuse_not_finite(cast, f"a speech LM to be saved as {dtype}")
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / ".lm.partial"
    save_file(cast, temporary)
    temporary.replace(folder / "model.safetensors")
    temporary.write_text(json.dumps(config.to_dict(), indent=2) + "\n", "utf-8")
    temporary.replace(folder / "config.json")
