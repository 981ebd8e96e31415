"""One shard is one task: what any process does that is given the number of a shard of a plan."""

import json
import time
from dataclasses import astuple, dataclass
from pathlib import Path

import torch

from codec import Codec
from codec import load as load_codec
from pipelines.corpus.derived import notes
from pipelines.corpus.manifest import Utterance
from pipelines.corpus.rejects import Reject
from pipelines.corpus.sources import Source, short_hash
from pipelines.encoding.encoder import Encoder, Found, Rules
from pipelines.encoding.places import joined
from pipelines.encoding.plan import PlannedShard, open_plan
from pipelines.encoding.receipts import Receipt
from pipelines.encoding.stores import store_of
from pipelines.formats.content import Content
from pipelines.formats.registry import writer_of
from pipelines.shared.errors import UserError
from speechllm import CodeSpec
from speechllm.data.shards import Example
from speechllm.text.tokenizer import Tokenizer


@dataclass(frozen=True)
class Job:
    """All that a process must know to encode any shard of a plan."""

    plan: Path
    codec: Path
    tokenizer: Path
    out: str  # path or URL
    format: str = "safetensors"
    context: int | None = None  # seed of the contexts of format nemo
    device: str = "cpu"
    compile: bool = False
    threads: int = 1  # of torch; another number may sum up in another order
    readers: int = 1  # threads that read audio ahead

    @property
    def layout(self) -> str:
        """All that the files of a shard depend on besides its content."""
        return self.format if self.context is None else f"{self.format} context {self.context}"


@dataclass(frozen=True)
class Usage:
    """What a task took."""

    seconds: float = 0.0
    waited_s: float = 0.0  # of these, for audio
    read_bytes: int = 0
    audio_s: float = 0.0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))


def code_spec(codec: Codec) -> CodeSpec:
    """What the LM must know of a codec."""
    return CodeSpec(codec.frame_rate, codec.num_codebooks, codec.levels, codec.fingerprint)


def task_hash(plan_task: str, layout: str) -> str:
    """Hash of all that a shard's files depend on, recordings apart."""
    return short_hash(f"{plan_task} {layout}".encode())


class Worker:
    """A process's codec and tokenizer, loaded once."""

    def __init__(self, job: Job):
        torch.set_num_threads(job.threads)
        self.job, self.plan, self.store = job, open_plan(job.plan), store_of(job.out)
        codec, tokenizer = load_codec(job.codec).to(job.device), Tokenizer.load(job.tokenizer)
        settings = self.plan.settings
        for what, have, planned in (
            ("codec", codec.fingerprint, settings.codec),
            ("tokenizer", tokenizer.fingerprint, settings.tokenizer),
        ):
            if have != planned:
                raise UserError(f"{job.plan} was made for {what} {planned}, got {have}; plan again in another folder")
        if job.compile:
            codec.encoder.compile(dynamic=True)
        rules = Rules(settings.longest_s, mismatch=True, twice=True)
        self.encoder = Encoder(codec, tokenizer, reread=settings.reread, threads=job.readers, rules=rules)
        self.spec = code_spec(codec)
        self.root = joined(str(job.plan), self.plan.root)

    def encode(self, number: int) -> tuple[Receipt, Usage]:
        """Make the shard of a number."""
        begin, waited_s = time.perf_counter(), self.encoder.ahead.waited_s
        shard, task = self.plan.shard(number), task_hash(self.plan.task(number), self.job.layout)
        found = self.encoder(shard.utterances, shard.batches, self.root)
        rejects = (*shard.rejects, *(one.result for one in found if isinstance(one.result, Reject)))
        content = self.content(shard, found, rejects, task)
        write = writer_of(self.job.format, self.job.context)
        files = self.store.write_files(shard.name, lambda folder: write(folder, shard.name, content))
        audio_s = sum(len(one.codes) for one in content.examples) / self.spec.frame_rate
        receipt = Receipt(task, len(content.examples), round(audio_s, 3), rejects, files)
        self.store.write_receipt(shard.name, receipt)
        read_bytes = sum(max(one.recording.size, 0) for one in found if one.recording)
        seconds, waited_s = time.perf_counter() - begin, self.encoder.ahead.waited_s - waited_s
        return receipt, Usage(seconds, waited_s, read_bytes, audio_s)

    def content(self, shard: PlannedShard, found: list[Found], rejects: tuple[Reject, ...], task: str) -> Content:
        """What is written of a shard."""
        pairs = list(zip(shard.utterances, found, strict=True))
        good = [(one, each.result) for one, each in pairs if isinstance(each.result, Example)]
        sources = {one.id: source_of(one, each) for one, each in pairs}
        return Content(
            self.spec,
            self.plan.settings.tokenizer,
            [example for _, example in good],
            [one.text for one, _ in good],
            [one.speaker for one, _ in good],
            {**notes(sources, rejects), "task": task},
        )


def source_of(utterance: Utterance, found: Found) -> Source:
    """What an utterance was made from; without the time of its file, which a copy would change."""
    text = short_hash(json.dumps([utterance.text, utterance.phonemes]).encode())
    recording = found.recording
    return Source(text, recording.size, 0, recording.hash) if recording else Source(text, -1, 0, "")
