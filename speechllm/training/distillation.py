"""Distillation of guidance: one pass learns to say what guidance needs two for.

Guidance (classifier-free, arXiv 2207.12598) moves what a model predicts away from what it would predict without the
text and, in a model of many voices, without the voice; speaking then takes a second row. A frozen teacher gives these
guided predictions for every frame of the training data, and the student learns them as its own in place of the recorded
codes (arXiv 2210.03142, for diffusion).

Shapes: B batch, T frames, P digits of a frame, V levels of a digit.
"""

import torch
from torch import Tensor

from speechllm.model.speech_lm import SpeechLM
from speechllm.training.collating import Batch


@torch.no_grad()
def guided_logits(teacher: SpeechLM, batch: Batch, guidance: float) -> Tensor:
    """What the teacher predicts under guidance, given the true frames: logits [B, T, num_logits].

    Args:
        teacher: in eval mode, trained with some of its texts hidden.
        batch: its text, frames and reading positions are all seen, its voices as far as the student knows them, which
            else learned to guess voices.
        guidance: 1 = what the teacher predicts by itself; more = further from what it predicts without text and voice.
    """
    given = batch.ids, batch.text_lengths, batch.digits, batch.positions
    nothing = torch.zeros(len(batch.frames), dtype=torch.bool, device=batch.frames.device)
    nobody = batch.reference
    if nobody is not None:
        nobody = nobody._replace(speaker_known=nothing, frames=nobody.frames * 0)
    seen = teacher(*given, reference=batch.reference, packing=batch.packing).digits.float()
    unseen = teacher(*given, reference=nobody, packing=batch.packing, text_known=nothing).digits.float()
    return unseen + guidance * (seen - unseen)


def soft_digit_loss(logits: Tensor, targets: Tensor, levels: tuple[int, ...]) -> Tensor:
    """Cross-entropy against a teacher's predictions, nats, as `digit_loss` counts it: mean over codebooks of the sum
    over digits.

    Args:
        logits: of the student, [B, T, num_logits].
        targets: of the teacher, likewise.
        levels: of one codebook.

    Returns:
        [B, T].
    """
    logits, targets = (x.float().unflatten(-1, (-1, sum(levels))) for x in (logits, targets))
    parts = zip(logits.split(levels, dim=-1), targets.split(levels, dim=-1), strict=True)
    losses = [-(target.softmax(-1) * part.log_softmax(-1)).sum(-1) for part, target in parts]
    return torch.stack(losses).sum(0).mean(-1)
