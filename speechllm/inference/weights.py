"""Weights of a speech LM laid out for decoding, and the one place that keeps them.

Shapes: R rows, W reader window, D width, H heads of queries, G of keys and values, E channels of a head, P digits of a
step.

What a block computes is written once, in model/attention.py and model/transformer.py; here it gets other weights. The
small ends of the model are written again: norms, GELU, frame embedding, local head and reader. On a few rows the usual
operations take longer to start than to run, and batched products round by the number of rows. The tests compare each
with its counterpart in model/.
"""

from threading import Lock
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from speechllm.config import PRECISIONS, Precision
from speechllm.digits import center, half_levels
from speechllm.inference.linear import KINDS, BFloat16Linear, LinearKind, has_bfloat16, pack
from speechllm.model.attention import Attention, AttentionLayers
from speechllm.model.frames import DigitTables, DigitValues, LocalHead
from speechllm.model.reader import Reader
from speechllm.model.speech_lm import SpeechLM
from speechllm.model.transformer import Block, BlockLayers


def norm(x: Tensor, eps_sum: Tensor) -> Tensor:
    """RMS norm of [..., D] without its gain and the square root of D, which are in the weights that follow.

    F.rms_norm takes five times as long on a few rows. Every operation here rounds correctly, so that a row's result
    does not depend on whether it falls to a vector or a scalar loop. `eps_sum` is D * eps, a tensor as all constants of
    a step: Python's numbers are made into tensors each time.
    """
    length = torch.linalg.vector_norm(x, 2, -1, keepdim=True)
    return x / length.mul_(length).add_(eps_sum).sqrt_()


def gain(layer: nn.RMSNorm) -> Tensor:
    """What `norm` leaves to the next matrix, [D]."""
    return layer.weight.detach().float() * len(layer.weight) ** 0.5


def gelu(x: Tensor) -> Tensor:
    """x times the normal distribution function; F.gelu takes ten times as long to start on a few rows."""
    return x * (torch.erf(x * 0.5**0.5) + 1) * 0.5


class PackedAttention(AttentionLayers):
    """Attention's weights; the gain of the norm before it is folded into its first matrix."""

    def __init__(self, attention: Attention, norm_before: nn.RMSNorm, kind: LinearKind):
        eps = norm_before.eps or 0.0
        self.heads, self.head_dim = attention.heads, attention.head_dim
        self.qkv = kind(attention.qkv.weight * gain(norm_before), attention.qkv.bias)
        self.output = pack(kind, attention.output)
        self.eps_sum = torch.full((), self.head_dim * eps, device=attention.qkv.weight.device)
        self.qk_gain: Tensor | None = None
        if attention.q_norm is not None and attention.k_norm is not None:
            gains = [gain(attention.q_norm)] * self.heads[0] + [gain(attention.k_norm)] * self.heads[1]
            self.qk_gain = torch.stack(gains)  # [H + G, E]

    def qk_norm(self, qk: Tensor) -> Tensor:
        """See AttentionLayers."""
        return qk if self.qk_gain is None else norm(qk, self.eps_sum) * self.qk_gain


class PackedBlock(BlockLayers):
    """A block's weights; the norms' gains are folded into the matrices that follow them."""

    def __init__(self, block: Block, kind: LinearKind):
        self.attention = PackedAttention(block.attention, block.attention_norm, kind)
        self.gate_up = kind(block.gate_up.weight * gain(block.mlp_norm), None)
        self.down = pack(kind, block.down)
        eps, device = block.mlp_norm.eps or 0.0, block.down.weight.device
        self.eps_sum = torch.full((), len(block.mlp_norm.weight) * eps, device=device)

    def attention_norm(self, x: Tensor) -> Tensor:
        """See BlockLayers."""
        return norm(x, self.eps_sum)

    mlp_norm = attention_norm


class PackedReader:
    """A reader for one frame of each row."""

    def __init__(self, reader: Reader, kind: LinearKind):
        self.query = pack(kind, reader.query)
        self.advance, self.advance_bias = reader.advance.weight.detach(), reader.advance.bias.detach()
        self.window = torch.arange(reader.window, device=self.advance.device)  # [W]

    def logits(self, x: Tensor, keys: Tensor, rows: Tensor, previous: Tensor, text_lengths: Tensor) -> Tensor:
        """Reader.logits of states [R, D], keys [R, S, D], row numbers, tokens and lengths int64 [R]; float [R, W]."""
        index = previous[:, None] + self.window  # [R, W]
        nearby = keys[rows[:, None], index.clamp(max=keys.shape[1] - 1)]  # [R, W, D]
        # Sums over channels and not batched products, whose rounding would depend on R.
        scores = (nearby * self.query(x)[:, None]).sum(-1) * x.shape[-1] ** -0.5
        scores = scores + (x[:, None] * self.advance).sum(-1) + self.advance_bias
        return scores.masked_fill(index >= text_lengths[:, None], -torch.inf)


class PackedFrameInput:
    """The frames of a step as inputs: DigitValues or DigitTables."""

    def __init__(self, layer: DigitValues | DigitTables, half: Tensor, kind: LinearKind):
        self.half = half  # [P]
        self.tables: Tensor | None = None
        if isinstance(layer, DigitTables):
            self.tables, self.offsets, self.scale = layer.tables.weight.float(), layer.offsets, layer.scale.float()
            self.hidden, self.output = pack(kind, layer.hidden), pack(kind, layer.output)
        else:
            self.hidden, self.output = (pack(kind, part) for part in layer if isinstance(part, nn.Linear))

    def __call__(self, digits: Tensor) -> Tensor:
        """Digits int64 [R, P] -> [R, D]."""
        if self.tables is None:
            return self.output(gelu(self.hidden(center(digits, self.half))))
        x = self.output(gelu(self.hidden(self.tables[digits + self.offsets].flatten(1))))
        return F.layer_norm(x, x.shape[-1:]) * self.scale


class PackedLocalHead:
    """From frame to frame within a step: LocalHead."""

    def __init__(self, layer: LocalHead, half: Tensor, kind: LinearKind):
        self.half = half  # [P of one frame]
        self.input, self.output = pack(kind, layer.input), pack(kind, layer.output)

    def __call__(self, x: Tensor, digits: Tensor) -> Tensor:
        """States [R, D] and the digits of the frame made from them, int64 [R, P of one frame]."""
        return x + self.output(gelu(self.input(torch.cat([x, center(digits, self.half)], dim=-1))))


class PackedLM:
    """All that decoding needs of a model, in one precision. Threads can share it; nothing in it changes.

    Args:
        model: with weights of any type.
        precision: of the packed ones.
        consume: the model lets go of each block as it is packed, so that a large model is never there twice. It can
            then be used by way of these weights alone, and of those packed before.

    Raises:
        ValueError: no such precision, or the model has let go of its weights.
    """

    @torch.inference_mode()
    def __init__(self, model: SpeechLM, precision: Precision = "float32", consume: bool = False):
        if precision not in KINDS:
            raise ValueError(f"got precision {precision!r}; expected one of {', '.join(PRECISIONS)}")
        kind, self.config, self.precision = KINDS[precision], model.config, precision
        self.device, self.text_embedding = model.begin.device, model.text_embedding
        self.rotary, self.begin = model.rotary, model.begin.float()
        self.pack_blocks(model, kind, consume)
        spec = model.config.codes
        half = half_levels(spec.levels, model.config.step.num_codebooks, self.device)
        self.embed = PackedFrameInput(model.frame_input, half, kind)
        self.reader = model.reader  # its keys and values, of a text
        self.read = None if model.reader is None else PackedReader(model.reader, kind)
        eps_sum = model.config.dim * model.config.norm_eps
        self.eps_sum, self.gain = torch.full((), eps_sum, device=self.device), gain(model.norm)
        # Stop is one more logit of the frame head, so both come from one product.
        weight = torch.cat([model.frame_head.weight, model.stop_head.weight])
        self.heads = kind(weight.float(), torch.cat([model.frame_head.bias, model.stop_head.bias]).float())
        self.local = None if model.local is None else PackedLocalHead(model.local, half[: spec.num_digits], kind)

    def pack_blocks(self, model: SpeechLM, kind: LinearKind, consume: bool) -> None:
        """Blocks for steps, and blocks for texts: more exact than int8, as all that is said rests on the text."""
        self.blocks: list[PackedBlock] = []
        self.text_blocks: list[Block] | list[PackedBlock] = self.blocks
        exact: list[Block] = []
        for number in range(model.config.num_layers):
            block = model.blocks[number]
            assert isinstance(block, Block)
            if block.down.weight.is_meta:
                again = f"load them again for {self.precision}"
                raise ValueError(f"the weights were given up when they were packed; {again}")
            self.blocks.append(PackedBlock(block, kind))
            if consume:
                # Replaced and not emptied: what was packed before may hold it.
                with torch.device("meta"):
                    model.blocks[number] = Block(model.config).requires_grad_(False)
            else:
                exact.append(block)
        if self.precision == "int8" and has_bfloat16() and not consume:
            self.text_blocks = [PackedBlock(block, BFloat16Linear) for block in exact]
        elif model.begin.dtype == torch.float32 and not consume:
            self.text_blocks = exact

    @property
    def bytes_per_step(self) -> int:
        """Bytes of weights that one step reads, whatever the number of rows."""
        size = {"float32": 4, "bfloat16": 2, "int8": 1}[self.precision]
        c, frame = self.config, self.config.codes
        heads = (2 + c.gated_attention) * c.num_heads + 2 * c.kv_heads
        block = heads * c.head_width * c.dim + 3 * c.dim * c.mlp_dim
        ends = c.dim * (c.frame_tables * c.step.num_digits + c.dim)
        if not c.frame_tables:
            ends = 2 * c.dim * (c.step.num_digits + c.dim)
        ends += c.dim * (c.dim + c.window) if c.window else 0
        ends += c.frames_per_step * c.dim * (frame.num_logits + 1)
        ends += (c.frames_per_step - 1) * 2 * c.dim * (2 * c.dim + frame.num_digits)
        return size * (c.num_layers * block + ends)


_PACKED: "WeakKeyDictionary[SpeechLM, tuple[tuple[object, ...], dict[Precision, PackedLM]]]" = WeakKeyDictionary()
_LOCK = Lock()  # of _PACKED, and of models that are being packed


def packed(model: SpeechLM, precision: Precision = "float32", consume: bool = False) -> PackedLM:
    """The model's packed weights, made once for each precision and again only after its weights have changed.

    They are kept as long as the model lives. Any thread may ask: the first packs while the others wait. `consume` and
    errors as PackedLM.
    """
    with _LOCK:
        state = state_of(model)
        packed_state, by_precision = _PACKED.get(model, (state, {}))
        if packed_state != state:
            by_precision = {}
        if precision not in by_precision:
            by_precision[precision] = PackedLM(model, precision, consume)
            _PACKED[model] = state_of(model), by_precision  # consuming has changed the state
        return by_precision[precision]


def state_of(model: SpeechLM) -> tuple[object, ...]:
    """What is another once any weight has changed."""
    return tuple((p.data_ptr(), 0 if p.is_inference() else p._version) for p in model.parameters())
