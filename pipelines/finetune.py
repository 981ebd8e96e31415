"""Make a voice from minutes of recordings, starting from a voice of many.

    python pipelines/finetune.py --data recordings --out voices/mine --i-have-consent

The folder holds audio files with a .txt of the same name each, or metadata.csv beside wavs/. Ten minutes of clean
speech take about half an hour on two CPU cores. What cannot be used is listed with its reasons. The checkpoint that is
kept is the one whose sentences are nearest to the recordings without losing words or pace; training stops by itself.
OUT is a voice that `lfsc-tts say --voice OUT` speaks with; OUT/report.html lets one hear it. The same command resumes.
"""

import argparse
import json
import sys
import time
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import soxr

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines import (  # noqa: E402
    align_corpus,
    encode_corpus,
    encode_speakers,
    export_voice,
    extract_features,
    train_codec,
    train_lm,
)
from pipelines.corpus import manifest  # noqa: E402
from pipelines.corpus.hearing import Ear, can_hear, read_samples  # noqa: E402
from pipelines.corpus.rejects import report  # noqa: E402
from pipelines.exporting.base import ALIGNER, FOLDER, check_base, mix_base  # noqa: E402
from pipelines.finetuning.averaging import average  # noqa: E402
from pipelines.finetuning.judging import SENTENCES, Judge, Score  # noqa: E402
from pipelines.finetuning.recordings import Corpus, read_recordings  # noqa: E402
from pipelines.finetuning.report import write_report  # noqa: E402
from pipelines.shared.atomic import write_atomically  # noqa: E402
from pipelines.shared.errors import UserError, guard, resumable  # noqa: E402
from pipelines.shared.flags import check_ranges  # noqa: E402
from pipelines.speaking.card import find_voice, read_card  # noqa: E402
from pipelines.speaking.loading import RECOGNISER  # noqa: E402
from pipelines.speaking.synthesis import TTS  # noqa: E402
from pipelines.training.half_precision import fast_precision  # noqa: E402
from pipelines.training.lite_codec import DISCRIMINATORS  # noqa: E402
from pipelines.training.resume import Run  # noqa: E402
from speechllm.data.shards import open_shards  # noqa: E402
from speechllm.data.speakers import read_speakers  # noqa: E402
from speechllm.training.ranges import AtLeastOne, Count, Decay, NotNegative, Positive, PositiveShare  # noqa: E402

RANGES = {
    "base_share": Decay,
    "tuned_share": PositiveShare,
    "minutes": NotNegative,
    "steps": AtLeastOne,
    "max_steps": Count,
    "learning_rate": Positive,
    "threads": Count,
}
DECODER = {  # how it is tuned, see train_codec.py
    "optim.parts": "[features]",
    "optim.freeze_from": 0,
    "optim.max_steps": 150,
    "optim.frozen_learning_rate": 3e-4,
    "ema_decay": 0.98,
    "segment_frames": 16,  # 0.7 s: shorter than any recording that is used
    "batch_size": 32,
    "trainer.enable_model_summary": "false",
}
PATIENCE = 2  # rounds without a better checkpoint after which training stops
CARD = """\
name: {name}
language: en
licence: unknown  # of the weights; it follows from the recordings
provenance:
  speaker: >-
    {minutes:.1f} minutes of recordings; whoever made this voice has stated the consent of who speaks in them.
  base: {base}
speaker: {name}
sampling: {sampling}
tries: {tries}
speakers:
  {name}: {{about: made from recordings}}
figures: {figures}
"""


def steps_of(run_dir: Path) -> int:
    """Steps that a training in a folder has done; 0 before it has begun."""
    return Run(run_dir, 0, {}, {}).progress.steps


class Work:
    """The working folder of one fine-tuning, and its steps in order; what is there is not made again."""

    def __init__(self, args: argparse.Namespace):
        self.args, self.base = args, find_voice(args.base)
        check_base(self.base)
        self.folder = Path("runs/finetune") / args.out.name if args.work is None else args.work
        self.folder.mkdir(parents=True, exist_ok=True)
        self.codes, self.manifest = self.folder / "codes", self.folder / "manifest.jsonl"
        self.name = args.out.name
        self.wrong = Ear().error_rate if can_hear() else None
        self.precision: str = args.precision or fast_precision()

    def read(self) -> Corpus:
        """The recordings."""
        corpus = read_recordings(self.args.data, self.manifest, self.name, self.wrong)
        total = len(corpus.utterances) + len([one for one in corpus.rejects if not one.orphan])
        report(self.folder / "left_out.jsonl", corpus.rejects, total, most=1.0)
        for line in corpus.remarks:
            print(line)
        if self.wrong is None:
            print("no recogniser is installed, so texts are taken as they are; pip install 'lfsc-tts[eval]'")
        manifest.write(self.manifest, corpus.utterances)
        print(f"{len(corpus.utterances)} recordings, {corpus.minutes:.1f} minutes of speech")
        return corpus

    def encode(self) -> None:
        """Codes, alignment and speaker vectors of the recordings, beside some of the base's."""
        tokenizer, codec = self.base / "tokenizer.model", self.base / "codec"
        new = str(self.codes / "new")
        paths = ["--manifest", str(self.manifest), "--codec", str(codec), "--tokenizer", str(tokenizer)]
        encode_corpus.main([*paths, "--out", new, "--redo"])
        aligner = str(self.base / ALIGNER)
        align_corpus.main(["--shards", new, "--tokenizer", str(tokenizer), "--aligner", aligner])
        encode_speakers.main(["--manifest", str(self.manifest), "--shards", new, "--codec", str(codec)])
        count = sum(map(len, open_shards(self.codes / "new")))
        mix_base(self.base, count, self.args.base_share, self.codes / FOLDER / "base.safetensors")

    def train(self, steps: int) -> None:
        """Train on to so many steps, unless they are done: then it was broken off while they were judged."""
        if steps_of(self.folder / "lm") == steps:
            return
        shape = json.loads((self.base / "lm/config.json").read_text("utf-8"))
        follows = ("codes", "vocab_size", "tokenizer_fingerprint")  # from shards and tokenizer
        flags: dict[str, Any] = {f"model.{key}": value for key, value in shape.items() if key not in follows}
        rate = self.args.learning_rate
        optim = dict(max_steps=steps, learning_rate=rate, final_learning_rate=1.0, warmup_steps=20)
        flags |= {f"optim.{key}": value for key, value in optim.items()}
        flags |= {"shards": self.codes, "tokenizer": self.base / "tokenizer.model", "run_dir": self.folder / "lm"}
        flags |= {"init_from": self.base / "lm", "held_out": 0, "num_workers": 0, "num_threads": self.args.threads}
        flags |= {"trainer.enable_model_summary": False, "trainer.precision": self.precision}
        texts = {key: str(value).lower() if isinstance(value, bool) else value for key, value in flags.items()}
        train_lm.main([f"--{key}={text}" for key, text in texts.items()])

    @cached_property
    def codec(self) -> Path:
        """The base's codec, of the same codes, its decoder tuned to how the speaker sounds, where that can be.

        Codes say what was said and roughly by whom; the rest the decoder fills in with what it knows of many voices.
        """
        codec, folder = self.base / "codec", self.folder / "codec"
        run_dir = folder / "run"
        if steps_of(run_dir) == DECODER["optim.max_steps"]:
            return run_dir / "codec"
        if not (codec / DISCRIMINATORS).is_file():  # a plain distance alone would blur what it learns
            print(f"{codec} has no discriminators, against which its decoder could be tuned: it stays as it is")
            return codec
        shape = json.loads((codec / "config.json").read_text("utf-8"))
        shape.pop("licence", None)
        write_atomically(folder / "codec.yaml", json.dumps({"codec": shape}))  # JSON is YAML
        paths = {"config": folder / "codec.yaml", "manifest": self.manifest}
        features = {"out": folder / "features"}
        extract_features.main([f"--{key}={value}" for key, value in (paths | features).items()])
        flags = paths | {"features": folder / "features", "run_dir": run_dir}
        flags |= {"init_from": codec, "discriminators_from": codec, "validation_items": 0, **DECODER}
        flags |= {"num_threads": self.args.threads, "trainer.precision": self.precision}
        train_codec.main([f"--{key}={value}" for key, value in flags.items()])
        return run_dir / "codec"

    def export(self, lm: Path, out: Path, card: str) -> TTS:
        """A voice folder of a checkpoint; what was not trained speaks with the base's codec."""
        out.mkdir(parents=True, exist_ok=True)
        write_atomically(out / "voice.yaml", card)
        codec = self.base / "codec" if lm == self.base / "lm" else self.codec
        parts = {"--lm": lm, "--codec": codec, "--tokenizer": self.base / "tokenizer.model"}
        if (self.base / RECOGNISER).is_dir():
            parts["--recogniser"] = self.base / RECOGNISER
        parts |= {"--shards": self.codes / "new", "--out": out}
        export_voice.main([str(part) for pair in parts.items() for part in pair])
        return TTS.from_pretrained(str(out))

    def card(self, corpus: Corpus, score: Score | None = None) -> str:
        """voice.yaml."""
        figures = {} if score is None else {"similarity": round(score.similarity, 3), "pace": round(score.pace, 2)}
        if score is not None and score.error_rate is not None:
            figures["cer"] = round(score.error_rate, 4)
        base = read_card(self.base)
        facts = dict(name=self.name, minutes=corpus.minutes, base=self.base.name, tries=base.get("tries", 1))
        return CARD.format(**facts, sampling=json.dumps(base.get("sampling", {})), figures=json.dumps(figures))

    def judge(self) -> Judge:
        """Made from the recordings: how they sound, and how fast they are."""
        vectors, tokens, frames, rate = [], 0, 0, 1.0
        for shard in open_shards(self.codes / "new"):
            found = read_speakers(shard)
            assert found is not None
            vectors += [vector for vector in found.vectors.float().numpy() if vector.any()]
            tokens, frames = tokens + len(shard.tensors["ids"]), frames + len(shard.tensors["codes"])
            rate = shard.spec.frame_rate
        mean = np.mean(vectors, axis=0)
        return Judge(mean / np.linalg.norm(mean), tokens / (frames / rate), self.wrong)


def rounds_of(work: Work, corpus: Corpus, judge: Judge) -> tuple[list[tuple[int, Score]], int]:
    """Train round by round until it gets no better or time is over; returns the scores, and which is the best."""
    args, log, begin = work.args, work.folder / "scores.json", time.monotonic()
    done: list[dict[str, Any]] = json.loads(log.read_text("utf-8")) if log.is_file() else []
    before = {one.get("tuned_share", 1.0) for one in done}  # rounds of old were the fine-tuned weights as they are
    if before - {args.tuned_share}:
        given = f"got --tuned-share {args.tuned_share:g}; {work.folder} was begun with {max(before):g}"
        raise UserError(f"{given}; go on with the same, or use another --work")
    scores = [(one["steps"], Score.from_dict(one)) for one in done]
    shared = {"tuned_share": args.tuned_share}
    while True:
        best = max(range(len(scores)), key=lambda i: scores[i][1].total) if scores else 0
        late = time.monotonic() - begin > 60 * args.minutes
        if scores and (len(scores) - 1 - best >= PATIENCE or late or scores[-1][0] >= args.max_steps):
            return scores, best
        steps = scores[-1][0] + args.steps if scores else 0
        kept = work.folder / f"lm-{steps}"
        if steps:
            work.train(steps)
            average(work.base / "lm", work.folder / "lm/lm", kept, args.tuned_share)
        lm = kept if steps else work.base / "lm"
        score, spoken = judge(work.export(lm, work.folder / "trial" / work.name, work.card(corpus)))
        np.savez(work.folder / f"spoken-{steps}.npz", *spoken)
        scores.append((steps, score))
        write_atomically(log, json.dumps([shared | {"steps": n, **one.to_dict()} for n, one in scores], indent=2))
        print(f"{f'after {steps} steps' if steps else 'the prompt alone'}: {score.describe()}", flush=True)


def picture(tts: TTS, folder: Path) -> bytes | None:
    """The alignment of the first sentence, PNG; None where nothing can draw."""
    try:
        from pipelines.speaking.outputs import plot
    except ImportError:
        return None
    try:
        plot(folder / "alignment.png", tts.synthesize(SENTENCES[0]))
    except ImportError:
        return None
    return (folder / "alignment.png").read_bytes()


@resumable
def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of recordings and their texts")
    parser.add_argument("--out", type=Path, required=True, help="voice folder to write")
    parser.add_argument("--i-have-consent", action="store_true", help="of whoever speaks in the recordings")
    parser.add_argument("--base", default="english", help="voice of many to start from")
    parser.add_argument("--base-share", type=float, default=0.35, help="of training that is the base's own corpus")
    parser.add_argument(
        "--tuned-share", type=float, default=0.5, help="of the fine-tuned weights in the voice; the rest is the base's"
    )
    parser.add_argument("--minutes", type=float, default=20.0, help="of training, at most")
    parser.add_argument("--steps", type=int, default=60, help="of a round")
    parser.add_argument("--max-steps", type=int, default=900, help="of all rounds")
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--precision", help="of training: bf16-mixed or 32-true; default: the faster one here")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0 = all cores")
    parser.add_argument("--work", type=Path, help="working folder; default: runs/finetune/NAME")
    args = parser.parse_args(argv)

    if not args.i_have_consent:
        raise UserError("a voice takes the consent of whoever speaks in the recordings; say so with --i-have-consent")
    check_ranges(args, RANGES)
    work = Work(args)
    corpus = work.read()
    work.encode()
    judge = work.judge()
    scores, best = rounds_of(work, corpus, judge)
    steps, score = scores[best]
    lm = work.folder / f"lm-{steps}" if steps else work.base / "lm"
    tts = work.export(lm, args.out, work.card(corpus, score))
    before, after = (list(np.load(work.folder / f"spoken-{n}.npz").values()) for n in (0, steps))
    some = [read_samples(work.folder / one.audio) for one in corpus.utterances[:3]]
    rate = tts.sample_rate
    samples = [soxr.resample(audio, own, rate) for audio, own in some]
    drawn = picture(tts, work.folder)
    write_report(args.out / "report.html", work.name, corpus, scores, best, (before, after), samples, rate, drawn)
    print(
        f"{args.out}: {score.describe()}; hear it: lfsc-tts say --voice {args.out} --text ...; {args.out}/report.html"
    )


if __name__ == "__main__":
    guard(main)
