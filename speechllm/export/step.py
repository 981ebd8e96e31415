"""The graph of one decoding step of one request: the mirror of inference/step.py.

Shapes: R rows (2 where guidance needs a second one, without text and voice; else 1), M cache positions, S text
tokens, P digits of a step, K codebooks of a step, V levels of the largest digit, D width, H heads of queries, G of keys
and values, E channels of a head, W reader window.

Inputs that stay the same during a request, and what changes from step to step, are told apart in runtime/session.py.
The caches are written in place: whoever runs the graph binds a cache's output to the memory of its input.
"""

import numpy as np

from speechllm.config import LMConfig
from speechllm.export.graph import Graph
from speechllm.model.attention import rotary_table


class StepGraph:
    """Writes the nodes of a step.

    Args:
        graph: to write to.
        config: of the model.
        rows: R.
    """

    def __init__(self, graph: Graph, config: LMConfig, rows: int):
        self.graph, self.config, self.rows = graph, config, rows
        rope = config.rope_theta, config.rope_rounded, config.rope_scaling
        table = rotary_table(config.max_positions, config.head_width, *rope).numpy()
        half = config.head_width // 2
        self.rotary = graph.constant(table[:, 0, :half]), graph.constant(table[:, 1, half:])
        levels = np.array(config.codes.levels * config.step.num_codebooks, np.int64)
        self.half = (levels // 2).astype(np.float32)  # the digit that stands for 0, [P]

    def write(self) -> None:
        """All of it."""
        g, config, rows = self.graph, self.config, self.rows
        digits = g.input("digits", np.int64, [1, config.step.num_digits])
        self.step = g.input("step", np.int64, [1])
        self.places = g.input("places", np.int32, [rows])  # cache positions written
        self.total = g.input("total", np.int32, [1])  # the largest place, plus one
        self.rope_positions = g.input("rope_positions", np.int64, [rows, 1])
        x = self.embed(digits)
        if config.reader_layer:
            self.position = g.input("position", np.int64, [1])
            text = g.input("text", np.float32, ["S", config.dim])
            seen = g.op("Add", g.op("Unsqueeze", g.op("Gather", text, self.position), g.ints(0)), x)
            x = seen if rows == 1 else g.op("Concat", seen, x, axis=0)  # text that is hidden adds nothing
        elif rows > 1:
            x = g.op("Expand", x, g.ints(rows, 1, config.dim))
        normed = g.norm(x, "blocks.0.attention_norm")
        for layer in range(config.num_layers):
            if config.reader_layer and layer == config.reader_layer:
                x = self.move_reader(x)
                normed = g.norm(x, f"blocks.{layer}.attention_norm")
            following = layer + 1 < config.num_layers
            normed, x = self.block(layer, normed, x, f"blocks.{layer + 1}.attention_norm" if following else "norm")
        self.emit(normed)

    def embed(self, digits: str) -> str:
        """What the step reads, [1, 1, D]: BOS, then the digits of the step before."""
        g, config = self.graph, self.config
        if config.frame_tables:
            levels = config.codes.levels * config.step.num_codebooks
            starts = np.cumsum([0, *levels[:-1]]).astype(np.int64)
            tables = g.op("Gather", g.weight("frame_input.tables.weight"), g.op("Add", digits, starts))
            x = g.mlp(g.reshape(tables, 1, 1, -1), "frame_input.hidden", "frame_input.output")
            one, zero = np.ones(config.dim, np.float32), np.zeros(config.dim, np.float32)
            x = g.op("Mul", g.op("LayerNormalization", x, one, zero, axis=-1), g.weight("frame_input.scale"))
        else:
            x = g.mlp(g.reshape(self.center(digits, self.half), 1, 1, -1), "frame_input.0", "frame_input.2")
        first = g.op("Equal", self.step, g.ints(0))
        return g.op("Where", first, g.weight("begin"), x)

    def center(self, digits: str, half: np.ndarray) -> str:
        """Digits int64 [1, P] as values in [-1, 1]."""
        return self.graph.op("Div", self.graph.op("Sub", self.graph.cast(digits, np.float32), half), half)

    def block(self, layer: int, normed: str, x: str, next_norm: str) -> tuple[str, str]:
        """One transformer block on [R, 1, D]: its result for the norm that follows it, and the result."""
        g, name, config = self.graph, f"blocks.{layer}", self.config
        shape: list[int | str] = [self.rows, config.kv_heads, "M", config.head_width]
        caches = [g.input(f"{kind}_{layer}", np.float32, shape) for kind in ("keys", "values")]
        inputs, gate = self.project(normed, name)
        heads = dict(num_heads=config.num_heads, kv_num_heads=config.kv_heads, do_rotary=1)
        places = [self.places, self.total, *self.rotary, self.rope_positions]
        y, keys, values = g.many("GroupQueryAttention", [*inputs, *caches, *places], 3, **heads)
        for kind, value in (("keys", keys), ("values", values)):
            g.rename(value, f"new_{kind}_{layer}", np.float32, shape)
        if gate:
            y = g.op("Mul", y, g.op("Sigmoid", gate))
        normed, x = g.add_norm(x, g.linear(y, f"{name}.attention.output"), f"{name}.mlp_norm")
        return g.add_norm(x, g.swiglu(normed, name), next_norm)

    def project(self, normed: str, name: str) -> tuple[list[str], str]:
        """Queries, keys and values, in one if nothing is done to them; and gates, if there are any."""
        g, config = self.graph, self.config
        qkv = g.linear(normed, f"{name}.attention.qkv", config.qkv_bias)
        if not config.qk_norm and not config.gated_attention:
            return [qkv, "", ""], ""
        heads = [config.num_heads, config.kv_heads, config.kv_heads]
        heads += [config.num_heads] if config.gated_attention else []
        sizes = g.ints(*(count * config.head_width for count in heads))
        q, k, v, *gate = g.many("Split", [qkv, sizes], len(heads), axis=-1)
        if config.qk_norm:
            q, k = (
                g.reshape(
                    g.norm(g.reshape(part, 0, 0, count, config.head_width), f"{name}.attention.{which}_norm"), 0, 0, -1
                )
                for part, which, count in ((q, "q", heads[0]), (k, "k", heads[1]))
            )
        return [q, k, v], gate[0] if gate else ""

    def move_reader(self, x: str) -> str:
        """Decide which token is read, and add it to the state [1, 1, D]; see inference/step.py, which this repeats."""
        g, config = self.graph, self.config
        keys, values = (g.input(f"reader_{kind}", np.float32, ["S", config.dim]) for kind in ("keys", "values"))
        window = config.reader_window
        index = g.op("Add", self.position, np.arange(window, dtype=np.int64))
        last = g.input("last_token", np.int64, [1])
        nearby = g.op("Gather", keys, g.op("Min", index, last))  # [W, D]
        first = x if self.rows == 1 else g.part(x, 0, 1, axis=0)  # the other row reads along
        state = g.reshape(first, 1, -1)
        query = g.reshape(g.linear(first, "reader.query"), 1, -1)
        advance = g.op("Gemm", state, g.weight("reader.advance.weight"), g.weight("reader.advance.bias"), transB=1)
        scores = g.op("Gemm", query, nearby, transB=1, alpha=config.dim**-0.5)
        outside = g.op("Greater", index, last)
        logits = g.op("Where", outside, np.float32(-np.inf), g.op("Add", scores, advance))  # [1, W]
        moves = g.op("Softmax", logits, axis=-1)

        pending = g.op("Add", g.input("pending_moves", np.float32, [1]), self.moving(moves))
        move = g.op("GreaterOrEqual", pending, np.ones(1, np.float32))
        g.output("new_pending_moves", g.op("Sub", pending, g.cast(move, np.float32)), np.float32, [1])
        likeliest = g.op("Add", g.op("ArgMax", g.part(logits, 1, window), axis=-1, keepdims=0), g.ints(1))
        steady = g.op("Where", move, likeliest, g.ints(0))
        temperature, noise = (
            g.input("reader_temperature", np.float32, [1]),
            g.input("reader_noise", np.float32, [window]),
        )
        drawn = g.op("ArgMax", g.op("Sub", g.op("Div", logits, temperature), noise), axis=-1, keepdims=0)
        advance = g.op("Where", g.input("steady", bool, [1]), steady, drawn)  # [1]
        confidence = g.reshape(g.op("Gather", moves, advance, axis=1), 1)
        g.output("confidence", confidence, np.float32, [1])
        return self.read(x, values, self.pushed(advance, last))

    def moving(self, moves: str) -> str:
        """Probability of moving, [1]."""
        return self.graph.op("Sub", np.ones(1, np.float32), self.graph.reshape(self.graph.part(moves, 0, 1), 1))

    def pushed(self, advance: str, last: str) -> str:
        """How far the reader goes once it was pushed on where it stood too long; new `steps_on_token`."""
        g = self.graph
        on_token = g.input("steps_on_token", np.int64, [1])
        left = g.op("Sub", last, self.position)
        slack = g.op("Sub", g.input("steps_to_read", np.int64, [1]), self.step)  # steps left, but for the trailing ones
        long = g.op("GreaterOrEqual", on_token, g.input("max_steps_per_token", np.int64, [1]))
        late = g.op("Or", long, g.op("LessOrEqual", slack, left))
        still = g.op("Equal", advance, g.ints(0))
        push = g.op("And", g.op("And", still, late), g.op("Greater", left, g.ints(0)))
        advance = g.op("Add", advance, g.cast(push, np.int64))
        stayed = g.cast(g.op("Equal", advance, g.ints(0)), np.int64)
        new_on_token = g.op("Mul", g.op("Add", on_token, g.ints(1)), stayed)
        g.output("new_steps_on_token", new_on_token, np.int64, [1])
        return advance

    def read(self, x: str, values: str, advance: str) -> str:
        """Add what is read to the state; new `position`."""
        g = self.graph
        position = g.op("Add", self.position, advance)
        g.output("new_position", position, np.int64, [1])
        found = [values]
        if self.rows > 1:
            found.append(g.input("hidden_reader_values", np.float32, ["S", self.config.dim]))
        read = [g.op("Unsqueeze", g.op("Gather", part, position), g.ints(0)) for part in found]
        return g.op("Add", x, read[0] if self.rows == 1 else g.op("Concat", *read, axis=0))

    def emit(self, x: str) -> None:
        """Draw the frames of the step from its normed state [R, 1, D], each of them knowing those before."""
        g, config = self.graph, self.config
        frame, count = config.codes, config.frames_per_step
        width = frame.num_digits * max(frame.levels)
        noise = g.reshape(g.input("noise", np.float32, [count * width]), count, frame.num_digits, -1)
        self.temperature = g.input("temperature", np.float32, [1])
        self.guidance = g.input("guidance", np.float32, [1]) if self.rows > 1 else ""
        stop = g.part(g.linear(x, "stop_head", bias=True), 0, 1, axis=0)
        g.output("stop", g.reshape(stop, 1), np.float32, [1])
        digits: list[str] = []
        for index in range(count):
            if index:
                values = self.center(digits[-1], self.half[: frame.num_digits])
                values = g.op("Expand", g.reshape(values, 1, 1, -1), g.ints(self.rows, 1, frame.num_digits))
                joined = g.op("Concat", x, values, axis=-1)
                x = g.op("Add", x, g.mlp(joined, "local.input", "local.output"))
            own = g.reshape(g.part(noise, index, index + 1, axis=0), frame.num_digits, -1)
            digits.append(self.draw(g.linear(x, "frame_head", bias=True), own))
        every = digits[0] if count == 1 else g.op("Concat", *digits, axis=-1)
        bases = np.cumprod([1, *frame.levels[:-1]]).astype(np.int64)
        codes = g.op("Mul", g.reshape(every, count, frame.num_codebooks, len(bases)), bases)
        g.output("codes", g.op("ReduceSum", codes, g.ints(-1), keepdims=0), np.int64, [count, frame.num_codebooks])
        g.output("new_digits", every, np.int64, [1, config.step.num_digits])
        if not config.reader_layer:
            g.output("confidence", self.likelihood, np.float32, [1])

    def draw(self, logits: str, noise: str) -> str:
        """Digits int64 [1, P of one frame] from logits [R, 1, num_logits] and noise [P of one frame, V]."""
        g = self.graph
        table = self.table(g.part(logits, 0, 1, axis=0))
        guided = table if self.rows == 1 else self.table(self.guided(logits))
        drawn = g.op("ArgMax", g.op("Sub", g.op("Div", guided, self.temperature), noise), axis=-1, keepdims=0)
        if not self.config.reader_layer:  # how sure the model is shows in its frames
            chosen = g.op("GatherElements", g.op("LogSoftmax", table, axis=-1), g.reshape(drawn, -1, 1), axis=-1)
            self.likelihood = g.op("Exp", g.reshape(g.op("ReduceMean", chosen, g.ints(0, 1), keepdims=0), 1))
        return g.reshape(drawn, 1, -1)

    def guided(self, logits: str) -> str:
        """Logits of the row with the text, away from those of the row without."""
        g = self.graph
        conditional, unconditional = g.many("Split", [logits], 2, axis=0, num_outputs=2)
        difference = g.op("Mul", self.guidance, g.op("Sub", conditional, unconditional))
        return g.op("Add", unconditional, difference)

    def table(self, logits: str) -> str:
        """Logits [1, 1, num_logits] by digit, [P of one frame, V]; minus infinity where a digit has fewer levels."""
        g, frame = self.graph, self.config.codes
        counts = np.array(list(frame.levels) * frame.num_codebooks)[:, None]
        starts, level = np.cumsum(counts)[:, None] - counts, np.arange(max(frame.levels))
        index = (starts + np.minimum(level, counts - 1)).astype(np.int64)
        absent = np.where(level < counts, 0, -np.inf).astype(np.float32)
        return g.op("Add", g.op("Gather", g.reshape(logits, -1), index), absent)
