"""Train a codec from a manifest of audio.

    python pipelines/train_codec.py --config configs/codec/lite-21.5fps.yaml --manifest=data/heart/manifest.jsonl

On a GPU add `--trainer.accelerator=gpu --trainer.precision=bf16-mixed`. The same command resumes an interrupted run.
The codec is in RUN_DIR/codec, ready for codec.load, from the first checkpoint on.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.shared.errors import guard, resumable  # noqa: E402
from pipelines.shared.settings import parse_chosen  # noqa: E402
from pipelines.training import lfsc_codec, lite_codec  # noqa: E402
from pipelines.training.lfsc_codec import TrainHiFiGAN  # noqa: E402
from pipelines.training.lite_codec import TrainLite  # noqa: E402


def config_type(values: dict[str, Any]) -> type[TrainLite | TrainHiFiGAN]:
    """The configuration of the family that `codec.family` names; without one, of the lite family."""
    codec = values.get("codec")
    hifigan = isinstance(codec, dict) and codec.get("family") == "hifigan"
    return TrainHiFiGAN if hifigan else TrainLite


@resumable
def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    config = parse_chosen(config_type, __doc__, argv, prog)
    if isinstance(config, TrainHiFiGAN):
        lfsc_codec.train(config)
    else:
        lite_codec.train(config)


if __name__ == "__main__":
    guard(main)
