"""Train a recogniser on code shards: with it a voice reads back what it wrote, and speaks again where it misspoke.

    python pipelines/train_recogniser.py --shards data/codes --tokenizer runs/tokenizer.model --out runs/recogniser

Twenty minutes on one CPU core. It knows which sounds codes stand for, of any speaker of the shards; put it into a voice
with `export_voice.py --recogniser`, and say in its voice.yaml how often a sentence may be spoken (`tries: 4`). An
interrupted run continues with the same command.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from pipelines.shared.atomic import replacing  # noqa: E402
from pipelines.shared.errors import UserError, guard, resumable  # noqa: E402
from pipelines.shared.flags import check_ranges  # noqa: E402
from speechllm.config import RecogniserConfig  # noqa: E402
from speechllm.data.shards import Shard, open_shards  # noqa: E402
from speechllm.export.recogniser import export_recogniser  # noqa: E402
from speechllm.model.recogniser import Recogniser  # noqa: E402
from speechllm.runtime.recogniser import GRAPH  # noqa: E402
from speechllm.text.tokenizer import Tokenizer  # noqa: E402
from speechllm.training.ranges import AtLeastOne, Count, Positive  # noqa: E402
from speechllm.training.recogniser import GOOD_SHARE, Training  # noqa: E402

STRESS = "ˈˌ"  # letters to Unicode, and no sounds
CHECKPOINT = "last.ckpt"
SAVE_EVERY, SHOW_EVERY = 100, 50  # steps
RANGES = {"steps": AtLeastOne, "batch_tokens": AtLeastOne, "learning_rate": Positive, "num_threads": Count}
RANGES |= {"dim": AtLeastOne}


def sounds_of(tokenizer: Tokenizer) -> tuple[int, ...]:
    """The tokens that have a sound of their own: letters of the phonetic alphabet."""
    decoded = {token: tokenizer.decode([token]) for token in range(tokenizer.vocab_size)}
    return tuple(token for token, text in decoded.items() if text.isalpha() and text not in STRESS)


def begun_from(folder: Path, config: RecogniserConfig) -> Recogniser:
    """The recogniser in a folder, of whatever size; UserError where it knows other codes or sounds than `config`."""
    try:
        model = Recogniser.load(folder)
    except (OSError, ValueError) as error:
        raise UserError(f"--init-from: {error}") from error
    wanted, known = ((one.codes, one.tokenizer_fingerprint, one.sounds) for one in (config, model.config))
    if wanted != known:
        raise UserError(
            f"got --init-from {folder}, which hears codes of codec {model.config.codes.codec_fingerprint} and "
            f"tokens of {model.config.tokenizer_fingerprint}; the shards have {config.codes.codec_fingerprint} and "
            f"{config.tokenizer_fingerprint}: leave it out, or name one that was trained on such shards"
        )
    return model


def begin(args: argparse.Namespace, shards: list[Shard], tokenizer: Tokenizer) -> Training:
    """The training, as far as it was when it was interrupted."""
    torch.manual_seed(0)
    config = RecogniserConfig(shards[0].spec, tokenizer.fingerprint, sounds_of(tokenizer), dim=args.dim)
    model = begun_from(args.init_from, config) if args.init_from else Recogniser(config)
    training = Training(model, shards, args.steps, args.batch_tokens, args.learning_rate)
    path = args.out / CHECKPOINT
    if path.is_file():
        try:
            state = torch.load(path, weights_only=True)
            if state["steps"] != args.steps:
                raise UserError(f"got --steps {args.steps}; {args.out} was begun with {state['steps']}, go on so")
            training.load_state_dict(state)
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"{path} does not fit ({' '.join(str(error).split())[:200]}); use another --out") from error
        print(f"{args.out}: goes on from step {training.step}")
    return training


def finish(training: Training, out: Path) -> np.ndarray:
    """Write the recogniser, with what counts as good reading; returns what held-out utterances are read like."""
    read = training.read()
    good = float(np.quantile(read, GOOD_SHARE)) if len(read) else training.model.config.good
    training.model.config = replace(training.model.config, good=round(good, 3))
    training.model.save(out)
    export_recogniser(out)
    return read


@resumable
def main(argv: list[str] | None = None, prog: str | None = None) -> None:
    parser = argparse.ArgumentParser(prog, description=__doc__.split("\n")[0])
    parser.add_argument("--shards", type=Path, required=True, help="folder of code shards, from encode_corpus.py")
    parser.add_argument("--tokenizer", type=Path, required=True, help="the one the shards were made with")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--init-from", type=Path, help="folder of a recogniser that learns on; its size counts")
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--batch-tokens", type=int, default=4000, help="text and frames in a batch")
    parser.add_argument("--learning-rate", type=float, default=2e-3)
    parser.add_argument("--dim", type=int, default=256, help="width of the network")
    parser.add_argument("--num-threads", type=int, default=0, help="of torch; 0 = leave to torch")
    args = parser.parse_args(argv)

    check_ranges(args, RANGES)
    if args.num_threads:
        torch.set_num_threads(args.num_threads)
    shards, tokenizer = open_shards(args.shards, aligned=False), Tokenizer.load(args.tokenizer)
    if tokenizer.fingerprint != shards[0].tokenizer_fingerprint:
        raise UserError(f"{args.shards} was made with another tokenizer than {args.tokenizer}; name the right one")
    if (args.out / GRAPH).is_file():
        print(f"{args.out}: there already; remove it to train another one")
        return
    training, average = begin(args, shards, tokenizer), 0.0
    args.out.mkdir(parents=True, exist_ok=True)
    for _ in track(range(training.step, args.steps), "training the recogniser"):
        loss = training.train()
        average = 0.95 * average + 0.05 * loss if average else loss
        if training.step % SHOW_EVERY == 0:
            print(f"step {training.step}: {average:.3f} nats per sound", flush=True)
        if training.step % SAVE_EVERY == 0:
            with replacing(args.out / CHECKPOINT) as temporary:
                torch.save(training.state_dict(), temporary)
    read = finish(training, args.out)
    (args.out / CHECKPOINT).unlink(missing_ok=True)
    said = f"{np.mean(read):.2f} nats per sound of {len(read)} held-out utterances" if len(read) else "nothing held out"
    print(f"{args.out}: {said}; good is {training.model.config.good}")


if __name__ == "__main__":
    guard(main)
