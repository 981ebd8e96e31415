"""Text ids -> codec frames without torch: the counterpart of inference/generate.py."""

from collections.abc import Iterator, Sequence

from speechllm.config import SamplingConfig
from speechllm.request import Check, Frame, Prompt, Try, frame_limit, settings_of_tries, surest
from speechllm.runtime.lm import RuntimeLM
from speechllm.runtime.session import Session


def generate(lm: RuntimeLM, prompt: Prompt, sampling: SamplingConfig) -> Iterator[Frame]:
    """Speak text, frame by frame. Arguments and errors as Session."""
    session = Session(lm, prompt, sampling)
    while not session.done:
        yield from session.step()


def best_of(
    lm: RuntimeLM,
    prompt: Prompt,
    sampling: SamplingConfig,
    tries: int = 1,
    min_plausible_frames: int = 0,
    check: Check | None = None,
) -> Sequence[Frame]:
    """Speak text several times, and keep the try that says it; see inference/generate.py."""
    made = (one_try(lm, prompt, settings) for settings in settings_of_tries(sampling, tries, check is not None))
    return surest(made, min_plausible_frames, check)


def one_try(lm: RuntimeLM, prompt: Prompt, sampling: SamplingConfig) -> Try:
    """All frames of a text, and how it ended."""
    limit = frame_limit(lm.config, len(prompt.ids), sampling.max_frames)
    session, one = Session(lm, prompt, sampling), Try()
    while not session.done:
        frames = session.step()
        for index, frame in enumerate(frames):
            one.add(lm.config, frame, session.done and index == len(frames) - 1, limit)
        if not frames:
            one.add(lm.config, None, session.done, limit)
    return one
