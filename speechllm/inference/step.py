"""One decoding step for many requests at once, each at its own place.

Shapes: B rows, M cache positions, P digits of a step, V levels of the largest digit, D width, H heads of queries, G of
keys and values, E channels of a head, W reader window.

The step is one function of fixed shapes without a decision in Python: on a CPU it is called on the rows in use and as
many cache positions as they fill, on a GPU it is captured once, sampling included, and replayed.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from speechllm.digits import bases
from speechllm.inference.rows import NOISE_STEPS, Rows
from speechllm.inference.sampling import DigitSampler, steady_advance
from speechllm.inference.weights import PackedLM, PackedReader, norm
from speechllm.model import sequence


class Stepper:
    """The step over one view of rows, with all that stays the same from step to step made beforehand.

    Args:
        lm: packed weights.
        rows: a view; every call advances each of its rows by a step.
    """

    def __init__(self, lm: PackedLM, rows: Rows):
        self.lm, self.rows, spec = lm, rows, lm.config.codes  # of a frame
        device, (batch, total) = rows.mask.device, (rows.mask.shape[0], rows.mask.shape[3])
        self.index = torch.arange(batch, device=device)  # [B]
        self.total, self.mask, self.visible = total, rows.mask[:, 0, 0], rows.mask.new_zeros(())
        self.caches = list(zip(rows.keys.unbind(), rows.values.unbind(), strict=True))  # of each layer, [B, M, G, E]
        self.sampler = DigitSampler(spec.levels, spec.num_codebooks).to(device)
        self.bases = bases(spec.levels, device)

    @torch.inference_mode()
    def __call__(self) -> None:
        """Make one step of every row: its `codes`, `reader_positions`, `confidence`, `done` and `empty` are new."""
        lm, rows, config = self.lm, self.rows, self.lm.config
        x = torch.where(rows.steps[:, None] == 0, lm.begin, lm.embed(rows.digits))  # as sequence.step_inputs
        if config.reader_layer:
            x = rows.text[self.index, rows.reader_positions] + x
        # A row that has no place left (idle, or its request taken away) writes its last place again.
        places = sequence.step_places(rows.text_lengths, rows.steps).clamp_(max=self.total - 1)  # [B]
        self.mask.index_put_((self.index, places), self.visible)
        rope_positions = sequence.step_rope_positions(config, places, rows.steps).clamp(max=len(lm.rotary) - 1)
        cos, sin = lm.rotary[rope_positions][:, :, None].unbind(1)  # [B, 1, E]
        noise = rows.noise[self.index, rows.steps % NOISE_STEPS]  # [B, W + P V]
        for layer in range(config.num_layers):
            if lm.read is not None and layer == config.reader_layer:
                self.move_reader(lm.read, x, noise[:, : config.window])
                rows.reader_positions.copy_(rows.reader_positions[rows.conditional_rows])  # who is guided reads along
                x = x + rows.reader_values[self.index, rows.reader_positions]
            x = self.block(layer, x, places, cos, sin)
        self.emit(norm(x, lm.eps_sum) * lm.gain, noise[:, config.window :])
        rows.write_log()

    def block(self, layer: int, x: Tensor, places: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """One transformer block on [B, D]; its keys and values are written at `places` [B]."""
        block, batch, (keys, values) = self.lm.blocks[layer], x.shape[0], self.caches[layer]
        q, k, v, gate = block.project(x, cos, sin)
        keys.index_put_((self.index, places), k.to(keys.dtype))
        values.index_put_((self.index, places), v.to(values.dtype))
        # Queries that share keys are so many positions to the kernel, [B, G, H / G, E]; nothing is repeated.
        query = q.to(keys.dtype).view(batch, keys.shape[2], -1, keys.shape[3])
        y = F.scaled_dot_product_attention(query, keys.transpose(1, 2), values.transpose(1, 2), self.rows.mask)
        return block.finish(x, y.reshape(batch, -1).float(), gate)

    def move_reader(self, reader: PackedReader, x: Tensor, noise: Tensor) -> None:
        """New `reader_positions`, `steps_on_token`, `pending_moves` and `confidence`."""
        rows = self.rows
        logits = reader.logits(x, rows.reader_keys, self.index, rows.reader_positions, rows.text_lengths)
        moves = logits.softmax(-1)
        sampled = (logits / rows.temperatures[1] - noise).argmax(-1)  # [B]
        advance = torch.where(rows.steady, steady_advance(logits, moves[:, 0], rows.pending_moves), sampled)
        rows.confidence.copy_(moves[self.index, advance])
        left, (limit, per_token, trailing, _) = rows.text_lengths - 1 - rows.reader_positions, rows.limits.unbind()
        # Pushed on when it stood too long, or when the frames left are only just enough, so that no text is cut off.
        late = (rows.steps_on_token >= per_token) | (limit - rows.steps - trailing <= left)
        advance = advance + ((advance == 0) & late & (left > 0))
        rows.reader_positions.add_(advance)
        rows.steps_on_token.add_(1).mul_(advance == 0)

    def emit(self, x: Tensor, noise: Tensor) -> None:
        """Draw the frames of a step from its state [B, D], each of them knowing those before."""
        rows, parts = self.rows, noise.split(noise.shape[1] // self.lm.config.frames_per_step, dim=1)
        logits = self.lm.heads(x)
        stop, digits = logits[:, -1], [self.draw(logits[:, :-1], parts[0])]
        for part in parts[1:]:
            assert self.lm.local is not None
            x = self.lm.local(x, digits[-1])
            digits.append(self.draw(self.lm.heads(x)[:, :-1], part))
        rows.digits.copy_(torch.cat(digits, dim=1))
        torch.sum(rows.digits.unflatten(1, (-1, len(self.bases))) * self.bases, -1, out=rows.codes)
        self.end(stop > 0)

    def draw(self, logits: Tensor, noise: Tensor) -> Tensor:
        """Digits of a frame of each row from logits [B, V of all]."""
        rows = self.rows
        unconditional = logits[rows.unconditional_rows]
        weight = torch.where(rows.steps < rows.guided_steps, rows.guidance, 1)[:, None]
        digits = self.sampler(unconditional + weight * (logits - unconditional), rows.temperatures[0], noise)
        if not self.lm.config.reader_layer:  # how sure the model is shows in its frames
            rows.confidence.copy_(self.sampler.likelihood(logits, digits))
        return digits[rows.conditional_rows]

    def end(self, stop: Tensor) -> None:
        """Count the step, and see whether it was the last, given what the stop head says, bool [B]."""
        rows, config, (limit, _, trailing, minimum) = self.rows, self.lm.config, self.rows.limits.unbind()
        if config.stop_after:  # of the step before, if there was one
            rows.empty.copy_(stop & (rows.steps >= minimum.clamp(min=1)))
            stop = rows.empty
        rows.steps.add_(1)
        if config.reader_layer:
            stop = (stop | (rows.steps_on_token >= trailing)) & (rows.reader_positions == rows.text_lengths - 1)
        if not config.stop_after:
            stop = stop & (rows.steps >= minimum)
        torch.logical_or(stop, rows.steps >= limit, out=rows.done)
        rows.done.copy_(rows.done[rows.conditional_rows])
        rows.empty.copy_(rows.empty[rows.conditional_rows])
