"""Codec and text front end at work on utterances."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from codec import Codec, LiteCodec
from codec.audio.reading import read_speech
from pipelines.corpus.manifest import Utterance
from pipelines.corpus.rejects import Reject
from pipelines.encoding.audio import Ahead, Recording, read_recording
from pipelines.encoding.batches import MOST_ITEMS
from pipelines.encoding.places import joined, local
from speechllm.data.shards import Example
from speechllm.text.frontend import ended
from speechllm.text.normalizer import Normalizer
from speechllm.text.phonemizer import Phonemizer
from speechllm.text.tokenizer import Tokenizer

MOST_PER_S, LEAST_PER_S = 40.0, 0.5  # characters of phonemes in a second of speech; people say some 15


@dataclass(frozen=True)
class Rules:
    """What of a corpus is refused."""

    longest_s: float = float("inf")  # of a recording
    mismatch: bool = False  # texts that cannot be those of their recordings
    twice: bool = False  # recordings that another utterance of the same call has


@dataclass(frozen=True)
class Found:
    """What became of an utterance."""

    result: Example | Reject
    recording: Recording | None = None  # without its audio; None where it was not read


class Encoder:
    """Utterances -> examples, or rejects with a reason.

    Args:
        codec: on its device.
        tokenizer: of phonemes.
        features: by utterance, of a lite codec; these need no recording.
        reread: read a text anew where the tokenizer does not know the manifest's phonemes.
        threads: that read recordings ahead.
        rules: what is refused.
    """

    def __init__(
        self,
        codec: Codec,
        tokenizer: Tokenizer,
        features: Mapping[str, Tensor] | None = None,
        reread: bool = False,
        threads: int = 1,
        rules: Rules = Rules(),  # noqa: B008, frozen
    ):
        self.codec, self.tokenizer, self.features, self.reread = codec, tokenizer, features or {}, reread
        self.rules, self.ahead = rules, Ahead(threads, 2 * MOST_ITEMS)
        self.device = next(codec.parameters()).device
        self.normalizer, self.phonemizer = Normalizer(), Phonemizer()

    def __call__(self, utterances: Sequence[Utterance], batches: Sequence[Sequence[int]], root: str) -> list[Found]:
        """Encode utterances of a manifest in `root`, a folder or URL.

        Args:
            utterances: in the order of the result.
            batches: numbers of utterances that are encoded together, each number once.
            root: folder that their audio is relative to.
        """
        phonemes = {number: self.read_text(one) for number, one in enumerate(utterances)}
        found: dict[int, Found] = {}
        for batch, recordings in self.batches(utterances, batches, root):
            for number, recording in zip(batch, recordings, strict=True):
                text = phonemes[number]
                # Of any folder the same reason, so that shards do not depend on where a corpus lies.
                fault = recording.fault.replace(recording.place, utterances[number].audio)
                fault = text.reason if isinstance(text, Reject) else fault
                if fault:
                    found[number] = Found(Reject(utterances[number].id, fault), bare(recording))
            good = [
                (number, recording) for number, recording in zip(batch, recordings, strict=True) if number not in found
            ]
            codes = self.codes([utterances[number] for number, _ in good], [recording for _, recording in good])
            for (number, recording), one in zip(good, codes, strict=True):
                found[number] = Found(self.example(utterances[number], phonemes[number], one), bare(recording))
        ordered = [found[number] for number in range(len(utterances))]
        return without_twins(ordered) if self.rules.twice else ordered

    def batches(
        self, utterances: Sequence[Utterance], batches: Sequence[Sequence[int]], root: str
    ) -> Iterator[tuple[Sequence[int], list[Recording]]]:
        """Batches with their recordings, which are read ahead; of utterances with features none is read."""
        order = [number for batch in batches for number in batch]
        read = partial(self.read_audio, utterances, root)
        recordings = self.ahead.map(read, order)
        for batch in batches:
            yield batch, [next(recordings) for _ in batch]

    def read_audio(self, utterances: Sequence[Utterance], root: str, number: int) -> Recording:
        """One recording; runs in a thread."""
        one = utterances[number]
        place = joined(root, one.audio)
        if one.id in self.features:
            return Recording(place)
        pin = self.device.type == "cuda"
        return read_recording(place, self.codec.sample_rate, self.rules.longest_s, pin)

    def read_text(self, utterance: Utterance) -> str | Reject:
        """Phonemes that the tokenizer knows."""
        try:
            phonemes = self.phonemes(utterance)
            self.tokenizer.encode(phonemes)
        except (ValueError, OSError) as error:
            return Reject(utterance.id, str(error))
        return phonemes

    def phonemes(self, utterance: Utterance) -> str:
        """Those of the manifest, unless they are to be read anew where the tokenizer does not know them."""
        foreign = self.reread and not set(utterance.phonemes) <= set(self.tokenizer.characters)
        if utterance.phonemes and not foreign:
            return ended(utterance.phonemes, self.tokenizer)
        return ended(self.phonemizer(self.normalizer.normalize(utterance.text)).text, self.tokenizer)

    def codes(self, utterances: Sequence[Utterance], recordings: Sequence[Recording]) -> list[Tensor]:
        """Codes [K, T] of a batch: of features that are at hand, or else of the audio."""
        short = [number for number, one in enumerate(recordings) if one.audio is not None]
        audio = [self.to_device(recordings[number].audio) for number in short]
        found = dict(zip(short, self.codec.encode_recordings(audio), strict=True)) if short else {}
        for number, one in enumerate(utterances):
            if number not in found and one.id in self.features:
                assert isinstance(self.codec, LiteCodec)
                found[number] = self.codec.encode_features(self.to_device(self.features[one.id][None]))[0]
            elif number not in found:
                with local(recordings[number].place) as path:
                    pieces = read_speech(path, self.codec.sample_rate)
                    chunks = self.codec.encode_chunks(self.to_device(piece[None]) for piece in pieces)
                    found[number] = torch.cat(list(chunks), dim=-1)[0]
        return [found[number] for number in range(len(utterances))]

    def to_device(self, tensor: Tensor | None) -> Tensor:
        """Where the codec is; from pinned memory without waiting."""
        assert tensor is not None
        return tensor.to(self.device, non_blocking=True)

    def example(self, utterance: Utterance, phonemes: str | Reject, codes: Tensor) -> Example | Reject:
        """One utterance with its codes [K, T]."""
        assert isinstance(phonemes, str)
        duration_s = codes.shape[1] / self.codec.frame_rate
        pace = len(phonemes) / duration_s
        if self.rules.mismatch and not LEAST_PER_S <= pace <= MOST_PER_S:
            seen = f"{len(phonemes)} characters of phonemes in {duration_s:.2f} s of speech"
            return Reject(utterance.id, f"{utterance.audio}: {seen}; is this its text?")
        return Example(utterance.id, torch.tensor(self.tokenizer.encode(phonemes)), codes.T.cpu())


def bare(recording: Recording) -> Recording:
    """Without its audio, which would be held until the shard is written."""
    return Recording(recording.place, recording.fault, recording.duration_s, recording.size, recording.hash)


def without_twins(found: Sequence[Found]) -> list[Found]:
    """The same, but of utterances with one recording all after the first are rejected."""
    first: dict[str, str] = {}
    kept = []
    for one in found:
        name, content = name_of(one.result), one.recording.hash if one.recording else ""
        if isinstance(one.result, Example) and content:
            if content in first:
                reject = Reject(name, f"has the recording of {first[content]} too, byte by byte")
                kept.append(Found(reject, one.recording))
                continue
            first[content] = name
        kept.append(one)
    return kept


def name_of(result: Example | Reject) -> str:
    """Id of the utterance."""
    return result.name if isinstance(result, Example) else result.what
