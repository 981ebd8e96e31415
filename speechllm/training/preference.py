"""Preference tuning of the speech LM: of two tries of one text the better one becomes likelier than the worse one.

DPO (arXiv 2305.18290): the log-likelihood of a chosen and of a rejected try, each compared with that of a frozen
reference, the LM as it was; and as in Iterative RPO (arXiv 2404.19733) the usual loss of the chosen try, which keeps it
from becoming less likely itself.

What is compared is the likelihood of all that the LM decides: the digits of all codes of every frame, whether it is
the last one, and where the reader goes, as tries go wrong there too. Tries are made under guidance by two rows, while
the likelihood is that of one row, which sees the text, at temperature 1: the usual choice, by which the LM
learns to say in one pass what was heard right in two.

Shapes: N pairs, B = 2 N rows, first all chosen, then all rejected; T frames.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from speechllm.model.speech_lm import LMOutput, SpeechLM
from speechllm.training.collating import Batch
from speechllm.training.module import LitSpeechLM, LMOptim, advances, digit_loss, places
from speechllm.training.ranges import AtLeastOne, Count, Decay, NotNegative, Positive, Share


@dataclass(frozen=True)
class PreferenceOptim:
    """Loss and optimiser."""

    max_steps: AtLeastOne = 100
    warmup_steps: Count = 10
    learning_rate: Positive = 2e-5
    final_learning_rate: Share = 0.1  # share of the learning rate left at the end of the cosine
    betas: tuple[Decay, Decay] = (0.9, 0.98)
    weight_decay: NotNegative = 0.0
    clip_norm: Positive = 1.0
    beta: Positive = 0.01  # of DPO: what a nat of sums over whole tries counts; less lets go of the reference further
    chosen_weight: NotNegative = 1.0  # of the usual loss of chosen tries


def log_likelihoods(output: LMOutput, batch: Batch, levels: tuple[int, ...], window: int) -> Tensor:
    """Log-likelihood of each row of a padded batch given its text and voice, nats, float32 [B].

    Args:
        output: of the model, given the whole batch.
        batch: what was said.
        levels: of one codebook.
        window: of the reader; where it was pushed further, and without a reader, that does not count.
    """
    index, ends = places(batch)
    found = -digit_loss(output.digits.float(), batch.digits, levels) * (batch.digits.shape[2] // len(levels))
    found = found - F.binary_cross_entropy_with_logits(
        output.stop.float(), (index == ends - 1).float(), reduction="none"
    )
    if output.reader is not None:
        targets = advances(batch, window)
        moves = F.cross_entropy(output.reader.float().flatten(0, 1), targets.flatten(), reduction="none")
        found = found - moves.view(targets.shape)
    return found.where(index < ends, 0).sum(1)


def preference_loss(chosen: Tensor, rejected: Tensor, beta: float) -> Tensor:
    """DPO's loss of pairs, nats, a mean.

    Args:
        chosen: log-likelihoods under the model less those under the reference, [N].
        rejected: likewise.
        beta: how far from the reference counts how much.
    """
    return -F.logsigmoid(beta * (chosen - rejected)).mean()


class LitPreference(LitSpeechLM):
    """Training on batches of pairs.

    Args:
        model: what learns.
        optim: see PreferenceOptim.
        reference: frozen; the model as it was at the beginning.
    """

    def __init__(self, model: SpeechLM, optim: PreferenceOptim, reference: SpeechLM):
        rest = {name: getattr(optim, name) for name in vars(optim) if name not in ("beta", "chosen_weight")}
        super().__init__(model, LMOptim(**rest), reference)
        self.preference = optim

    def learned(self, batch: Batch) -> dict[str, Tensor]:
        """Every term by name, means over pairs; likelihoods are gains on the reference, nats of a whole try.

        `accuracy` is the share of pairs whose chosen try has gained more than the rejected one.
        """
        output = self.heard(batch)
        gains = self.likelihoods(output, batch) - self.likelihoods(self.heard_before(batch), batch)
        chosen, rejected = gains.chunk(2)
        preferred = preference_loss(chosen, rejected, self.preference.beta)
        usual = self.losses(*first_rows(output, batch, len(chosen)))["loss"]
        return {
            "loss": preferred + self.preference.chosen_weight * usual,
            "preference": preferred,
            "chosen_loss": usual,
            "chosen": chosen.mean(),
            "rejected": rejected.mean(),
            "margin": (chosen - rejected).mean(),
            "accuracy": (chosen > rejected).float().mean(),
        }

    judged = learned

    @torch.no_grad()
    def heard_before(self, batch: Batch) -> LMOutput:
        """What the reference says of a batch."""
        given = batch.ids, batch.text_lengths, batch.digits, batch.positions
        [output] = [reference(*given, reference=batch.reference) for reference in self.teachers]
        return output

    def likelihoods(self, output: LMOutput, batch: Batch) -> Tensor:
        """See log_likelihoods."""
        config = self.model.config
        return log_likelihoods(output, batch, config.codes.levels, config.reader_window)


def first_rows(output: LMOutput, batch: Batch, count: int) -> tuple[LMOutput, Batch]:
    """So many rows of a padded batch, and what was said of them, as far as losses look at it."""
    reader = None if output.reader is None else output.reader[:count]
    rows = {name: getattr(batch, name)[:count] for name in ("digits", "positions", "frames")}
    return LMOutput(output.digits[:count], output.stop[:count], reader), batch._replace(**rows)
