"""Where text and frames stand in a sequence, which rotary positions they get, and what each may see: said here alone.

Shapes: B batch, S places of text (a voice prefix, then tokens), T steps (frames, see speech_lm.py), D width.

    place             0 .. S-1      S          S+1        ...   S+T-1
    input             text          BOS        frame 0    ...   frame T-2
    predicts          -             frame 0    frame 1    ...   frame T-1
    rotary position   0 .. S-1      0          1          ...   T-1       (shared_positions: count on from the text)

Text sees all text (causal_text: the text before it); a step sees all text and the steps before it.

Training lays out a padded batch at once, or utterances in one row (`packed`, see model/packing.py). Speaking does so a
part at a time: the text in inference/prefill.py, where nothing is padded and what may be seen is either everything or
what is before, so that no mask has to be made; then step by step in inference/step.py, whose mask gains one place at a
time. tests/speechllm/inference/test_layout.py compares what they do with `rope_positions` and `visible`.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from speechllm.config import LMShape
from speechllm.model.attention import Seen
from speechllm.model.packing import Kind, Packing, attention, starts, within


def num_steps(config: LMShape, frames: int) -> int:
    """Steps that predict so many frames and their stops: a stop head that judges what was read reads the last too."""
    return frames + 1 if config.stop_after else frames


def step_inputs(begin: Tensor, frames: Tensor, steps: int) -> Tensor:
    """What each step reads: BOS [D], then the frame before, of [B, T, D]. Returns [B, steps, D]."""
    return torch.cat([begin.expand(len(frames), 1, -1), frames], dim=1)[:, :steps]


def tokens_before(tokens: Tensor, steps: int, first: int = 0) -> Tensor:
    """The place that was read at the step before, of those read at each, int64 [B, T] -> [B, steps]; at first `first`,
    the place of the first token.
    """
    return F.pad(tokens, (1, 0), value=first)[:, :steps]


def step_places(text_lengths: Tensor, steps: Tensor) -> Tensor:
    """Where steps stand in a sequence without padding: right after the text."""
    return text_lengths + steps


def step_rope_positions(config: LMShape, places: Tensor, steps: Tensor) -> Tensor:
    """Rotary positions of steps, given their `step_places`."""
    return places if config.shared_positions else steps


def rope_positions(config: LMShape, text_lengths: Tensor, width: int, steps: int) -> Tensor:
    """Rotary positions of padded sequences.

    Args:
        text_lengths: int64 [B].
        width: S, the longest text's length or more.
        steps: T.

    Returns:
        int64 [B, S + T], or [1, S + T] if they do not depend on the lengths.
    """
    index = torch.arange(width + steps, device=text_lengths.device)[None]
    step = index - width
    return torch.where(step < 0, index, step_rope_positions(config, step_places(text_lengths[:, None], step), step))


def visible(config: LMShape, text_lengths: Tensor, width: int, steps: int) -> Tensor:
    """What each place (second last axis) may see (last axis), bool [B, 1, S + T, S + T]; arguments as rope_positions.

    Padding of text is seen by nobody.
    """
    index = torch.arange(width + steps, device=text_lengths.device)
    text = index < width
    seen = index[:, None] >= index
    if not config.causal_text:
        seen = torch.where(text[:, None], text, seen)
    return (seen & (~text | (index < text_lengths[:, None]))[:, None])[:, None]


class Layout(NamedTuple):
    """What the model asks of a batch, padded or packed; B is 1 where it is packed."""

    steps: int  # T
    first: Tensor  # place of the first token, int64, broadcast to [B, T]
    ends: Tensor  # place after the last token, int64 [B] or [B, T]
    begins: Tensor | None  # bool [1, T], steps that read BOS; None = the first of each row alone
    rope: Tensor  # rotary positions, int64 [B, S + T] or [1, S + T]
    mask: Seen


def padded(config: LMShape, text_lengths: Tensor, prefix: int, width: int, steps: int) -> Layout:
    """Of a padded batch; `text_lengths` int64 [B] count a voice prefix of `prefix` places."""
    rope = rope_positions(config, text_lengths, width, steps)
    mask = visible(config, text_lengths, width, steps)
    return Layout(steps, torch.tensor(prefix, device=text_lengths.device), text_lengths, None, rope, mask)


def packed(config: LMShape, text_lengths: Tensor, prefix: int, packing: Packing, kind: Kind) -> Layout:
    """Of utterances in one row; `text_lengths` int64 [N] count a voice prefix of `prefix` places."""
    count = len(text_lengths)
    begin = starts(packing.text, count + 1)[packing.steps]  # [T]
    places, steps = (within(part, count) for part in packing)
    lengths = F.pad(text_lengths, (0, 1))[packing.steps]
    rope = torch.cat([places, step_rope_positions(config, step_places(lengths, steps), steps)])
    rope = rope * (torch.cat(packing) < count)  # of padding there may be more than positions
    ends = torch.where(packing.steps < count, begin + lengths, len(packing.text))
    mask = attention(kind, config, packing, count)
    return Layout(len(steps), (begin + prefix)[None], ends[None], (steps == 0)[None], rope[None], mask)
