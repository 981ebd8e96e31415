"""Examples put together to batches, padded or packed.

Shapes: B batch, S text tokens, T frames, P digits of a frame; of steps where a model writes several frames in one.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from speechllm.data.shards import Example
from speechllm.data.speakers import Drawn
from speechllm.digits import codes_to_digits
from speechllm.model.packing import Packing
from speechllm.model.voice_prefix import Reference
from speechllm.training.corruption import Seen


class Inputs(NamedTuple):
    """What the model sees of a batch in training."""

    digits: Tensor  # int64 [B, T, P], some moved by one level
    keep: Tensor  # bool [B, T], frames that are not hidden
    text_known: Tensor  # bool [B], rows whose text is not hidden


class Batch(NamedTuple):
    """A batch, padded or packed; padding is 0 and lies at the ends."""

    ids: Tensor  # int64 [B, S]
    text_lengths: Tensor  # int64 [B]
    codes: Tensor  # int64 [B, T, K]
    digits: Tensor  # int64 [B, T, P]
    positions: Tensor  # int64 [B, T]; all 0 for shards that are not aligned yet
    frames: Tensor  # int64 [B]
    reference: Reference | None = None  # whose voice, for a model of many
    inputs: Inputs | None = None  # None = all is seen as it is
    packing: Packing | None = None  # of utterances in one row: B is 1 then, but for lengths and voices
    share: float = 1.0  # part that its frames have in the update of the weights


def stack(example: Example, count: int) -> Example:
    """`count` frames at a time as one of so many times the codebooks; the last frame is repeated where they end."""
    short = -len(example.codes) % count
    codes = torch.cat([example.codes, example.codes[-1:].expand(short, -1)]).view(-1, count * example.codes.shape[1])
    positions = example.positions
    if positions is not None:  # what is read at the end of the step
        positions = torch.cat([positions, positions[-1:].expand(short)])[count - 1 :: count]
    return replace(example, codes=codes, positions=positions)


class Padded:
    """Utterances below each other, filled up with zeros."""

    def text(self, parts: list[Tensor]) -> Tensor:
        """Of each utterance [S, ...] -> [B, S, ...]."""
        return pad_sequence(parts, batch_first=True)

    steps = text

    def packing(self, text: list[Tensor], steps: list[Tensor]) -> Packing | None:
        """None is needed."""
        return None

    def rows(self, values: Tensor, frames: Tensor) -> list[Tensor]:
        """What `steps` was given."""
        return [row[:length] for row, length in zip(values, frames.tolist(), strict=True)]


@dataclass(frozen=True)
class Packed(Padded):
    """Utterances one after the other in one row, as model/packing.py wants them.

    Args:
        prefix: places kept for a voice prefix before each text.
        extra: steps kept after each utterance, for a stop head that judges what was read.
        multiple: of text places and of steps, filled up with zeros: kernels are made for few lengths.
    """

    prefix: int = 0
    extra: int = 0
    multiple: int = 128

    def text(self, parts: list[Tensor]) -> Tensor:
        """Of each utterance [S, ...] -> [1, S of all, ...]."""
        return self.fill([with_zeros(part, before=self.prefix) for part in parts])

    def steps(self, parts: list[Tensor]) -> Tensor:
        """Of each utterance [T, ...] -> [1, T of all, ...]."""
        return self.fill([with_zeros(part, after=self.extra) for part in parts])

    def fill(self, parts: list[Tensor], value: int = 0) -> Tensor:
        """Join, and add one value at least."""
        joined = torch.cat(parts)
        short = self.multiple - len(joined) % self.multiple
        return torch.cat([joined, joined.new_full((short, *joined.shape[1:]), value)])[None]

    def packing(self, text: list[Tensor], steps: list[Tensor]) -> Packing:
        """Which utterance each place belongs to."""
        numbers = [
            self.fill([torch.full((len(part) + more,), i) for i, part in enumerate(parts)], len(parts))[0]
            for parts, more in ((text, self.prefix), (steps, self.extra))
        ]
        return Packing(*numbers)

    def rows(self, values: Tensor, frames: Tensor) -> list[Tensor]:
        """What `steps` was given."""
        ends = (frames + self.extra).cumsum(0).tolist()
        return [
            values[0, end - self.extra - count : end - self.extra]
            for end, count in zip(ends, frames.tolist(), strict=True)
        ]


def with_zeros(part: Tensor, before: int = 0, after: int = 0) -> Tensor:
    """[n, ...] with so many zeros before and after."""
    return torch.cat([part.new_zeros(before, *part.shape[1:]), part, part.new_zeros(after, *part.shape[1:])])


PADDED = Padded()


def collate(examples: list[Example], levels: tuple[int, ...], frames_per_step: int = 1, way: Padded = PADDED) -> Batch:
    """Put examples together to one batch, in one way or the other."""
    if frames_per_step > 1:
        examples = [stack(example, frames_per_step) for example in examples]
    ids, steps = [e.ids for e in examples], [e.codes for e in examples]
    codes = way.steps(steps)
    positions = [torch.zeros(len(e.codes), dtype=torch.long) if e.positions is None else e.positions for e in examples]
    return Batch(
        way.text(ids),
        torch.tensor([len(part) for part in ids]),
        codes,
        codes_to_digits(codes, levels),
        way.steps(positions),
        torch.tensor([len(part) for part in steps]),
        packing=way.packing(ids, steps),
    )


def collate_voices(drawn: list[Drawn], levels: tuple[int, ...], num_codebooks: int, dim: int) -> Reference:
    """The voices of a batch; a row without a voice gets zeros, and is marked so."""
    nothing, nobody = torch.zeros(0, num_codebooks, dtype=torch.long), torch.zeros(dim)
    prompts = [nothing if one.codes is None else one.codes for one in drawn]
    codes = pad_sequence(prompts, batch_first=True)
    if codes.shape[1] == 0:
        codes = codes.new_zeros(len(drawn), 1, num_codebooks)
    return Reference(
        torch.stack([nobody if one.vector is None else one.vector for one in drawn]),
        torch.tensor([one.vector is not None for one in drawn]),
        codes_to_digits(codes, levels),
        torch.tensor([len(prompt) for prompt in prompts]),
    )


def collate_seen(seen: list[Seen], way: Padded = PADDED) -> Inputs:
    """What is seen of each utterance."""
    return Inputs(
        way.steps([one.digits for one in seen]),
        way.steps([one.keep for one in seen]),
        torch.tensor([one.text for one in seen]),
    )


def hide(reference: Reference, seen: list[Seen]) -> Reference:
    """The voices of a batch without those that are hidden."""
    return reference._replace(
        speaker_known=reference.speaker_known & torch.tensor([one.speaker for one in seen]),
        frames=reference.frames * torch.tensor([one.prompt for one in seen]),
    )
