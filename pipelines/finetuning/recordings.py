"""Which recordings of a folder a voice can learn from, and why not the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.progress import track

from pipelines.corpus.hearing import read_samples
from pipelines.corpus.importing import read_corpus
from pipelines.corpus.manifest import Utterance
from pipelines.corpus.rejects import Reject
from pipelines.shared.errors import UserError
from pipelines.speaking.prompts import CLEAN_SNR_DB, CLIPPED, LEAST_VOICED, look_at, speech_of

SHORTEST_S, LONGEST_S = 1.0, 15.0  # of an utterance
LOWEST_RATE = 16_000  # Hz
LEAST_SNR_DB = 10.0
MOST_WRONG = 0.3  # character error rate from which on a recording says something else than its text
LEAST_MINUTES = 2.0


@dataclass(frozen=True)
class Corpus:
    """What of a folder can be used."""

    utterances: list[Utterance]
    rejects: list[Reject]
    remarks: list[str]  # on what is used nevertheless

    @property
    def minutes(self) -> float:
        """Of speech."""
        return sum(one.duration_s for one in self.utterances) / 60


def read_recordings(
    folder: Path, out: Path, speaker: str, wrong: Callable[[str, np.ndarray, int], float] | None
) -> Corpus:
    """Look at every recording of a folder.

    Args:
        folder: of LJSpeech's layout (metadata.csv beside wavs/), or of audio files with a .txt of the same name each.
        out: the manifest that will be written.
        speaker: who is heard.
        wrong: error rate of a text and a recording; None = not asked.

    Raises:
        UserError: too little is left.
    """
    layout = "ljspeech" if (folder / "metadata.csv").is_file() else "folder"
    found, rejects = read_corpus(layout, folder, out)
    kept, noisy, clipped = [], 0, 0
    for one in track(found, "listening to the recordings"):
        try:
            samples, rate = read_samples(out.parent / one.audio)
        except (ValueError, OSError) as error:
            rejects.append(Reject(one.id, str(error)))
            continue
        speech = speech_of(samples, rate)
        reason = fault(speech, rate, one.text, wrong)
        if reason:
            rejects.append(Reject(one.id, reason))
            continue
        findings = look_at(speech, rate)
        noisy, clipped = noisy + (findings.snr_db < CLEAN_SNR_DB), clipped + (findings.clipped > CLIPPED)
        kept.append(replace(one, speaker=speaker))
    corpus = Corpus(kept, rejects, remarks(len(kept), noisy, clipped))
    if corpus.minutes < LEAST_MINUTES:
        first = "".join(f"; {one.what}: {one.reason}" for one in rejects[:3])
        raise UserError(
            f"{folder} has {corpus.minutes:.1f} minutes of speech that can be used, {len(rejects)} recordings cannot; "
            f"expected {LEAST_MINUTES:.0f} minutes or more{first}"
        )
    return corpus


def fault(speech: np.ndarray, rate: int, text: str, wrong: Callable[[str, np.ndarray, int], float] | None) -> str:
    """Why a recording cannot be used; empty if it can."""
    duration_s, findings = len(speech) / rate, look_at(speech, rate)
    if rate < LOWEST_RATE:
        return f"{rate} Hz; expected {LOWEST_RATE} or more"
    if not SHORTEST_S <= duration_s <= LONGEST_S:
        return f"{duration_s:.1f} s of speech; expected {SHORTEST_S:.0f} to {LONGEST_S:.0f} s"
    if findings.voiced < LEAST_VOICED:
        return "no speech is heard in it"
    if findings.snr_db < LEAST_SNR_DB:
        return f"speech only {findings.snr_db:.0f} dB above its noise"
    if wrong is not None and (rate_of_errors := wrong(text, speech, rate)) > MOST_WRONG:
        return f"it says something else than its text: {100 * rate_of_errors:.0f} % of the characters"
    return ""


def remarks(count: int, noisy: int, clipped: int) -> list[str]:
    """What the voice will have of the recordings' faults."""
    found: Sequence[tuple[int, str]] = (
        (noisy, f"less than {CLEAN_SNR_DB:.0f} dB above their noise, which the voice will have too"),
        (clipped, "clipped, which is heard as roughness"),
    )
    return [f"{some} of {count} recordings are {what}" for some, what in found if some]
