"""Utterances one after the other in one row, without padding between them: where each begins, and what it may see.

Shapes: N utterances, S places of text of all of them, T steps of all of them, L = S + T, D width, Q positions of a
voice prefix, H heads, E channels of a head.

All text comes first, then all steps, as in a padded batch, so most of the model need not know: which utterance a place
belongs to is a number beside it. The last number, N, is that of the padding at both ends.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Literal, NamedTuple, TypeAlias

import torch
from torch import Tensor

from speechllm.config import LMShape

Kind = Literal["plain", "flex", "flash"]  # of attention; plain alone is of padded batches
KINDS: tuple[Kind, ...] = ("plain", "flex", "flash")
Attend: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]  # of queries, keys and values [1, heads, L, E]
Rule: TypeAlias = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]  # batch, head, query, key -> may be seen


class Packing(NamedTuple):
    """Which utterance each place belongs to; numbers never decrease."""

    text: Tensor  # int64 [S], the places of a voice prefix included
    steps: Tensor  # int64 [T]


def starts(numbers: Tensor, count: int) -> Tensor:
    """The first place of each of `count` utterances, int64 [count], given the utterance of each place."""
    return torch.searchsorted(numbers, torch.arange(count, device=numbers.device))


def within(numbers: Tensor, count: int) -> Tensor:
    """How far each place is from the first of its utterance, int64 as `numbers`; padding is utterance `count`."""
    return torch.arange(len(numbers), device=numbers.device) - starts(numbers, count + 1)[numbers]


def with_prefix(text: Tensor, prefix: Tensor, packing: Packing) -> Tensor:
    """Text [1, S, D] with the voice prefixes [N, Q, D] in the places kept for them."""
    count, positions, _ = prefix.shape
    places = starts(packing.text, count)[:, None] + torch.arange(positions, device=text.device)
    return text.index_copy(1, places.flatten(), prefix.flatten(0, 1)[None].to(text.dtype))


def rule(config: LMShape, packing: Packing, count: int) -> Rule:
    """What may be seen, in the form of FlexAttention's mask_mod; see model/sequence.py."""
    numbers = torch.cat(packing)
    is_text = torch.arange(len(numbers), device=numbers.device) < len(packing.text)
    index = torch.cat([within(part, count) for part in packing])

    def may_see(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        before = index[key] <= index[query]
        if config.causal_text:
            seen = torch.where(is_text[key] == is_text[query], before, is_text[key])
        else:
            seen = is_text[key] | (~is_text[query] & before)
        return (numbers[query] == numbers[key]) & seen

    return may_see


def dense(config: LMShape, packing: Packing, count: int) -> Tensor:
    """The same as a mask, bool [1, 1, L, L]: for a CPU, and for comparison; large."""
    index = torch.arange(len(packing.text) + len(packing.steps), device=packing.text.device)
    nothing = index[:1]
    return rule(config, packing, count)(nothing, nothing, index[:, None], index)[None, None]


def flex(config: LMShape, packing: Packing, count: int) -> Attend:
    """FlexAttention (arXiv 2412.05496), which leaves out blocks of which nothing is seen; compiled on a GPU."""
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    length, device = len(packing.text) + len(packing.steps), packing.text.device
    blocks = create_block_mask(rule(config, packing, count), None, None, length, length, device=device.type)
    kernel: Any = compiled(flex_attention) if device.type == "cuda" else flex_attention

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k = q.to(v.dtype), k.to(v.dtype)  # rotation makes float32 of them
        y: Tensor = kernel(q, k, v, block_mask=blocks, enable_gqa=k.shape[1] < q.shape[1])
        return y

    return attend


@cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """torch.compile of a function, once in a process."""
    return torch.compile(function, dynamic=True)


def flash(config: LMShape, packing: Packing, count: int) -> Attend:
    """FlashAttention's kernel for sequences of many lengths (arXiv 2307.08691), where text is causal too.

    Raises:
        ValueError: text sees what comes after it.
        ImportError: the library is not installed.
    """
    if not config.causal_text:
        raise ValueError("attention: flash needs model.causal_text; use attention: flex")
    try:
        from flash_attn import flash_attn_varlen_func
    except ImportError:
        raise ImportError("attention: flash needs flash-attn; pip install '.[flash]', or use attention: flex") from None

    numbers = torch.cat(packing)
    order = torch.argsort(numbers, stable=True)  # the text of an utterance, then its steps
    inverse = torch.argsort(order)
    lengths = torch.bincount(numbers, minlength=count + 1)
    ends = torch.nn.functional.pad(lengths.cumsum(0), (1, 0)).int()
    longest = int(lengths.max())

    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        q, k, v = (x.to(v.dtype)[0].transpose(0, 1)[order] for x in (q, k, v))
        y: Tensor = flash_attn_varlen_func(q, k, v, ends, ends, longest, longest, causal=True)
        return y[inverse].transpose(0, 1)[None]

    return attend


def attention(kind: Kind, config: LMShape, packing: Packing, count: int) -> Tensor | Attend:
    """What `attend` of model/attention.py takes for utterances `packing`, `count` of them without the padding."""
    if kind == "flash":
        return flash(config, packing, count)
    return flex(config, packing, count) if packing.text.is_cuda else dense(config, packing, count)
