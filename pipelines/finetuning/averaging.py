"""Fine-tuned weights, drawn back towards those they came from.

Minutes of one speaker teach the voice, and spoil words that were right before. Between the two sets of weights most of
the likeness is there already and most of the words are still right (WiSE-FT, arXiv 2109.01903).
"""

from pathlib import Path

from speechllm import SpeechLM


def average(base: Path, tuned: Path, out: Path, share: float) -> None:
    """Write the LM folder `out`: (1 - share) of the weights of `base` and `share` of those of `tuned`, 0..1."""
    lm, weights = SpeechLM.from_pretrained(tuned), SpeechLM.from_pretrained(base).state_dict()
    lm.load_state_dict({name: weights[name].lerp(tensor, share) for name, tensor in lm.state_dict().items()})
    lm.save_pretrained(out)
