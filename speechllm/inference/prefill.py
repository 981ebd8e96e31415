"""Prefill: what stands before the first frame, run through all layers at once, for one request.

Shapes: S positions, D width, L layers, G heads of keys and values, E channels of a head.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from speechllm.inference.weights import PackedLM
from speechllm.model import sequence
from speechllm.request import HIDDEN, Prompt


class Prefilled(NamedTuple):
    """What a row of the engine is given."""

    embedded: Tensor  # [S, D]
    keys: Tensor  # [L, S, G, E]
    values: Tensor
    states: Tensor | None  # [S, D], where the reader looks; None without a reader


@torch.inference_mode()
def prefill(lm: PackedLM, prompt: Prompt) -> Prefilled:
    """Run a prompt's text, after the positions of its voice prefix if there is one.

    A request is always prefilled alone, so it is never padded.
    """
    ids = prompt.ids.to(lm.device)
    text = lm.text_embedding(ids.clamp(min=0)).float() * (ids != HIDDEN)[:, None]
    if prompt.prefix is not None:
        text = torch.cat([prompt.prefix.to(text), text])
    x, keys, values, states = text, [], [], None
    length = torch.full((1,), len(text), device=lm.device)
    rope_positions = sequence.rope_positions(lm.config, length, len(text), 0)[0]
    cos, sin = lm.rotary[rope_positions][:, :, None].unbind(1)  # [S, 1, E]
    shared = lm.config.num_heads // lm.config.kv_heads
    for layer, block in enumerate(lm.text_blocks):
        if lm.config.reader_layer and layer == lm.config.reader_layer:
            states = x
        q, k, v, gate = block.project(x, cos, sin)
        keys.append(k)
        values.append(v)
        # Heads come first here. Grouped queries meet their keys repeated: there is but one prefill in a request.
        q, k, v = (part.transpose(0, 1)[None] for part in (q, k, v))
        k, v = (part.repeat_interleave(shared, dim=1) if shared > 1 else part for part in (k, v))
        # sequence.visible of a text without padding, in the words of the kernel, which is faster without a mask.
        y = F.scaled_dot_product_attention(q, k, v, is_causal=lm.config.causal_text)
        x = block.finish(x, y[0].transpose(0, 1).flatten(1), gate)
    return Prefilled(text, torch.stack(keys), torch.stack(values), states)
