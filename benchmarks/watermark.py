"""How surely the watermark of speech is found, how often where there is none, and what it costs.

    python benchmarks/watermark.py --unmarked data/heart/wavs
    python benchmarks/watermark.py --limit 20 --windows 50 --no-mos

The voice speaks; every three seconds of that, cut out wherever they come, suffer each attack, and the mark is looked
for. Folders of unmarked recordings, joined and cut into three seconds, are looked at with the key and with others, with
which they are as unmarked. DistillMOS hears each sentence with the mark and without; it needs `make judges`.
"""

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soxr
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.report.environment import environment, origin  # noqa: E402
from benchmarks.report.intervals import bootstrap_mean  # noqa: E402
from benchmarks.report.markdown import markdown_table  # noqa: E402
from benchmarks.report.results import RESULTS, command_line, write_results  # noqa: E402
from benchmarks.speakers.attacks import ATTACKS  # noqa: E402
from benchmarks.texts.sentence_list import read_sentences  # noqa: E402
from codec.audio.mono import mono_pieces  # noqa: E402
from codec.watermark.detection import FALSE_ALARM, RATE, Detector  # noqa: E402
from codec.watermark.embedding import Watermark  # noqa: E402
from codec.watermark.pattern import KEY  # noqa: E402
from pipelines.shared.errors import UserError, guard  # noqa: E402
from pipelines.speaking.synthesis import TTS  # noqa: E402

WINDOW_S = 3.0
KEYS = [KEY, *(f"key {number}" for number in range(9))]  # that are tried on unmarked recordings
SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3"}


def speak(tts: TTS, sentences: list[str], seeds: int) -> tuple[list[list[np.ndarray]], float]:
    """Every sentence without its mark, as the pieces in which it came, and the seconds of processor it took."""
    list(tts.stream(sentences[0]))
    begin, spoken = time.process_time(), []
    for seed in range(seeds):
        for text in track(sentences, "the voice speaks"):
            spoken.append(list(tts.stream(text, seed=seed, watermark=False)))
    return spoken, time.process_time() - begin


def mark(spoken: list[list[np.ndarray]], sample_rate: int) -> tuple[np.ndarray, float]:
    """All sentences as one text with its mark, and the seconds of processor that took."""
    begin, watermark = time.process_time(), Watermark(sample_rate)
    marked = [watermark.push(piece) for pieces in spoken for piece in pieces]
    return np.concatenate([*marked, watermark.flush()]), time.process_time() - begin


def windows(pieces: Iterable[np.ndarray], sample_rate: int) -> Iterator[np.ndarray]:
    """Audio that comes in pieces, three seconds at a time."""
    size, held = round(WINDOW_S * sample_rate), np.zeros(0, np.float32)
    for piece in pieces:
        held = np.concatenate([held, piece])
        while len(held) >= size:
            yield held[:size]
            held = held[size:]


def found_after(attacks: dict[str, Any], cut: list[np.ndarray], sample_rate: int) -> dict[str, Any]:
    """In how many of some windows the mark is found, and at what scores, by attack."""
    detector, results = Detector(), {}
    for name, attack in attacks.items():
        found = []
        for audio in track(cut, name):
            sound, rate = attack(audio, sample_rate)
            found.append(detector.detect([soxr.resample(sound, rate, RATE).astype(np.float32)]))
        scores = [each.score for each in found]
        results[name] = {
            "found": sum(each.marked for each in found),
            "windows": len(found),
            "median_score": float(np.median(scores)),
            "first_percentile_score": float(np.percentile(scores, 1)),
        }
    return results


def false_alarms(folders: list[Path], most: int) -> dict[str, Any]:
    """What is found in unmarked recordings: windows, alarms by key, and how probability and frequency compare."""
    paths = [path for folder in folders for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    if not paths:
        raise UserError(f"no recordings in {', '.join(map(str, folders))}; expected a folder of {', '.join(SUFFIXES)}")
    np.random.default_rng(0).shuffle(paths)
    detectors, found = [Detector(key) for key in KEYS], list[list[float]]()
    joined = (piece for path in paths for piece in mono_pieces(path, RATE))
    for number, audio in enumerate(track(windows(joined, RATE), "unmarked recordings", total=most)):
        if number == most:
            break
        compared = detectors[0].compare(audio)
        judged = (detector.judge([detector.score(compared)], 0.0, WINDOW_S) for detector in detectors)
        found.append([each.false_alarm for each in judged])
    chances = np.array(found)  # [windows, keys]
    levels = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
    return {
        "windows": len(chances),
        "alarms": int((chances[:, 0] <= FALSE_ALARM).sum()),
        "keys": len(KEYS),
        "alarms_of_all_keys": int((chances <= FALSE_ALARM).sum()),
        "frequency_by_probability": {str(level): float((chances <= level).mean()) for level in levels},
    }


def naturalness(spoken: list[list[np.ndarray]], marked: np.ndarray, sample_rate: int) -> dict[str, Any]:
    """DistillMOS of sentences without the mark, and the change with it."""
    from benchmarks.judges.mos import MosPredictor

    predictor, before, change, end = MosPredictor(), list[float](), list[float](), 0
    for pieces in track(spoken, "DistillMOS listens"):
        audio = np.concatenate(pieces)
        begin, end = end, end + len(audio)
        before.append(predictor.score(audio, sample_rate))
        change.append(predictor.score(marked[begin:end], sample_rate) - before[-1])
    return {"before": float(np.mean(before)), "change": bootstrap_mean(change)._asdict()}


def table(report: dict[str, Any]) -> str:
    """All that was measured."""
    rows = [
        [
            name,
            f"{100 * each['found'] / each['windows']:.1f} % ({each['found']} of {each['windows']})",
            f"{each['median_score']:.1f}",
            f"{each['first_percentile_score']:.1f}",
        ]
        for name, each in report["attacks"].items()
    ]
    lines = [markdown_table(("3 s of speech", "found", "score, median", "1st percentile"), rows)]
    lines.append(f"Time: {100 * report['share_of_time']:.2f} % of that of speaking. ")
    if "mos" in report:
        change = ("{value:+.4f} [{low:+.4f}, {high:+.4f}]").format(**report["mos"]["change"])
        lines.append(f"DistillMOS: {report['mos']['before']:.2f}, changed by {change}. ")
    if "unmarked" in report:
        found = report["unmarked"]
        lines.append(
            f"False alarms: {found['alarms']} in {found['windows']:,} unmarked windows; with {found['keys']} keys "
            f"{found['alarms_of_all_keys']} in {found['windows'] * found['keys']:,}. As frequent as probable: "
            + ", ".join(f"{level} → {frequency:.2g}" for level, frequency in found["frequency_by_probability"].items())
        )
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--voice", default="heart", help="shipped voice or voice folder")
    parser.add_argument("--limit", type=int, default=100, help="only the first N sentences")
    parser.add_argument("--seeds", type=int, default=1, help="how often each sentence is spoken")
    parser.add_argument("--unmarked", type=Path, nargs="+", help="folders of recordings without the mark")
    parser.add_argument("--windows", type=int, default=12_000, help="at most so many of unmarked recordings")
    parser.add_argument("--no-mos", dest="mos", action="store_false", help="without DistillMOS")
    parser.add_argument("--out", type=Path, default=RESULTS / "watermark", help="for OUT.json and OUT.md")
    args = parser.parse_args(argv)

    where, tts = environment(("soundfile", "soxr")), TTS.from_pretrained(args.voice, threads=1)
    sentences = read_sentences(limit=args.limit)
    spoken, speaking_s = speak(tts, sentences, args.seeds)
    marked, marking_s = mark(spoken, tts.sample_rate)
    report = {
        "command": command_line("watermark.py", argv),
        "voice": args.voice,
        "environment": where,
        "share_of_time": marking_s / (speaking_s + marking_s),
        "attacks": found_after(ATTACKS, list(windows([marked], tts.sample_rate)), tts.sample_rate),
    }
    if args.mos:
        report["mos"] = naturalness(spoken[: len(sentences)], marked, tts.sample_rate)
    if args.unmarked:
        report["unmarked"] = false_alarms(args.unmarked, args.windows)
    text = table(report) + f"\n\n{origin(where)}\n\n    {report['command']}\n"
    write_results(args.out, report, text)
    print(text)


if __name__ == "__main__":
    guard(main)
