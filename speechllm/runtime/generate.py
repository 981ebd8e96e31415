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
    return surest(made(lm, prompt, settings_of_tries(sampling, tries, check is not None)), min_plausible_frames, check)


def made(lm: RuntimeLM, prompt: Prompt, settings: Sequence[SamplingConfig]) -> Iterator[Try]:
    """Tries, each as it is asked for; they share what stands before the first frame."""
    prefilled = None
    for sampling in settings:
        session = Session(lm, prompt, sampling, prefilled)
        prefilled = session.prefilled
        yield one_try(session)


def one_try(session: Session) -> Try:
    """All frames of a session, and how it ended."""
    config, one = session.config, Try()
    limit = frame_limit(config, len(session.prompt.ids), session.sampling.max_frames)
    while not session.done:
        frames = session.step()
        for index, frame in enumerate(frames):
            one.add(config, frame, session.done and index == len(frames) - 1, limit)
        if not frames:
            one.add(config, None, session.done, limit)
    return one
