"""A speech LM of the published shape in transformers: the loop one would write around its model, for comparison.

The model is Qwen3_5TextModel with its own cache, eager or with fused attention; the rest is what such a loop needs: a
table for each of the 32 digits, a head for each, a draw for each, and a stop head that is asked after every frame.

Shapes: B batch 1, S positions, D width, P digits of a frame, K codebooks.
"""

import warnings
from copy import deepcopy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechllm import LMConfig, SpeechLM
from speechllm.digits import digits_to_codes


def split_block(block: Any, config: LMConfig) -> dict[str, Tensor]:
    """The weights of a block under transformers' names."""
    c, attention = config, block.attention
    heads, kv, width = c.num_heads * c.head_width, c.kv_heads * c.head_width, c.head_width
    q, k, v, gate = attention.qkv.weight.split([heads, kv, kv, heads])
    pairs = torch.stack([q.unflatten(0, (-1, width)), gate.unflatten(0, (-1, width))], dim=1)
    gate_proj, up_proj = block.gate_up.weight.chunk(2)
    return {
        "self_attn.q_proj.weight": pairs.flatten(0, 2),
        "self_attn.k_proj.weight": k,
        "self_attn.v_proj.weight": v,
        "self_attn.o_proj.weight": attention.output.weight,
        "self_attn.q_norm.weight": attention.q_norm.weight - 1,
        "self_attn.k_norm.weight": attention.k_norm.weight - 1,
        "mlp.gate_proj.weight": gate_proj,
        "mlp.up_proj.weight": up_proj,
        "mlp.down_proj.weight": block.down.weight,
        "input_layernorm.weight": block.attention_norm.weight - 1,
        "post_attention_layernorm.weight": block.mlp_norm.weight - 1,
    }


def transformers_model(lm: SpeechLM, attention: str) -> nn.Module:
    """transformers' model with a copy of the weights of a speech LM without a reader, float32."""
    from transformers import Qwen3_5TextConfig, Qwen3_5TextModel  # installed for comparisons only

    c = lm.config
    shape: dict[str, Any] = dict(
        hidden_size=c.dim,
        num_hidden_layers=c.num_layers,
        num_attention_heads=c.num_heads,
        num_key_value_heads=c.kv_heads,
        head_dim=c.head_width,
        intermediate_size=c.mlp_dim,
        vocab_size=8,  # it is given embeddings
        layer_types=["full_attention"] * c.num_layers,
        rope_parameters={"rope_type": "default", "rope_theta": c.rope_theta, "partial_rotary_factor": 1.0},
        attn_implementation=attention,
    )
    weights = {"embed_tokens.weight": torch.zeros(8, c.dim), "norm.weight": lm.norm.weight - 1}
    for layer, block in enumerate(lm.blocks):
        weights |= {f"layers.{layer}.{name}": tensor for name, tensor in split_block(block, c).items()}
    model: nn.Module = Qwen3_5TextModel(Qwen3_5TextConfig(**shape)).eval()
    model.load_state_dict(weights)
    return model


class TransformersLoop:
    """One request, frame by frame.

    Args:
        lm: of whose weights a copy is taken; without a reader, of grouped, gated attention.
        ids: of the text, int64 [S].
        attention: "eager" or "sdpa".
        dtype: of the copy.
    """

    def __init__(self, lm: SpeechLM, ids: Tensor, attention: str, dtype: torch.dtype):
        codes, device = lm.config.codes, lm.begin.device
        self.model = transformers_model(lm, attention).to(device, dtype)
        levels, inputs = codes.levels * codes.num_codebooks, lm.frame_input
        parts = lm.frame_head.weight.split(levels), lm.frame_head.bias.split(levels)
        self.heads = [(w.detach().to(dtype), b.detach().to(dtype)) for w, b in zip(*parts, strict=True)]
        self.stop = lm.stop_head.weight.detach().to(dtype), lm.stop_head.bias.detach().to(dtype)
        tables: Any = inputs.tables
        self.tables = [t.detach().to(dtype) for t in tables.weight.split(levels)]
        self.mlp = nn.Sequential(deepcopy(inputs.hidden), nn.GELU(), deepcopy(inputs.output)).to(dtype)  # type: ignore[arg-type]
        scale: Any = inputs.scale
        self.scale, self.dtype, self.levels = scale.detach().to(dtype), dtype, codes.levels
        self.prompt = torch.cat([lm.text_embedding(ids.to(device)), lm.begin[None]]).detach()  # [S + 1, D]
        self.temperature = 0.0
        self.cache: Any = None
        self.hidden = self.prompt[-1]

    @torch.inference_mode()
    def begin(self, temperature: float) -> None:
        """Read the text, with the mark of speech after it."""
        self.temperature, self.cache = temperature, None
        self.forward(self.prompt[None].to(self.dtype))

    def forward(self, x: Tensor) -> None:
        """Run [1, S, D] on top of the cache."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the cache's name, which has changed
            out = self.model(inputs_embeds=x, past_key_values=self.cache, use_cache=True)
        self.cache, self.hidden = out.past_key_values, out.last_hidden_state[0, -1]

    @torch.inference_mode()
    def step(self) -> Tensor:
        """Draw a frame, feed it back and ask whether it was the last; returns its codes int64 [K] on the CPU."""
        digits = []
        for weight, bias in self.heads:
            logits = F.linear(self.hidden, weight, bias).float()
            if self.temperature:
                digits.append(torch.multinomial((logits / self.temperature).softmax(-1), 1)[0])
            else:
                digits.append(logits.argmax(-1))
        x = self.mlp(torch.cat([table[digit] for table, digit in zip(self.tables, digits, strict=True)]))
        self.forward((F.layer_norm(x, x.shape[-1:]) * self.scale)[None, None])
        F.linear(self.hidden, *self.stop).sigmoid().item()
        return digits_to_codes(torch.stack(digits), self.levels).cpu()
