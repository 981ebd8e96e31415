"""What the trainers show of held-out utterances: how a codec sounds and looks, and what a speech LM reads.

Shapes: N samples, S STFT frames, W values of a frame, T steps of the LM, L text tokens.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from lightning.fabric.utilities import move_data_to_device
from torch import Tensor
from torch.utils.data import DataLoader

from codec import LiteCodec
from codec.dsp.spectral import log_mel
from codec.lite.codec import synthesise
from codec.training.lfsc.module import LitHiFiGAN
from pipelines.training.board import Board, Show
from speechllm.training.module import LitSpeechLM

SHOWN = 3  # held-out items
N_FFT, HOP, N_MELS = 1024, 256, 80  # of spectrograms
Copy: TypeAlias = Callable[[Any], tuple[Tensor, Tensor]]


def sounds(validation: DataLoader | None, sample_rate: int, copy: Copy) -> Show | None:
    """The first held-out segments: audio of the original once, that of its copy every time, and both spectrograms.

    Args:
        validation: whose dataset has the segments; None = there is nothing to show.
        sample_rate: Hz.
        copy: an item of the dataset -> the original and its copy, [N] each.
    """
    if validation is None:
        return None
    dataset: Any = validation.dataset

    def show(board: Board) -> None:
        for index in range(min(SHOWN, len(dataset))):
            pair = [audio[: len(audio) // HOP * HOP].float() for audio in copy(dataset[index])]
            if board.first:
                board.audio(f"original/{index}", pair[0], sample_rate)
            board.audio(f"decoded/{index}", pair[1], sample_rate)
            mels = [log_mel(audio[None], sample_rate, N_FFT, HOP, N_MELS)[0] for audio in pair]
            board.spectrograms(f"original_above_decoded/{index}", *mels)

    return show


def copy_of_hifigan(module: LitHiFiGAN) -> Copy:
    """Of audio [N] and how much of it is not padding, as training sees it: not rounded before its step."""

    def copy(item: tuple[Tensor, int]) -> tuple[Tensor, Tensor]:
        audio, lengths = module.whole_frames([item[0][None], torch.tensor([item[1]])])
        assert lengths is not None
        audio = audio.to(module.device)
        return audio[0, : item[1]], module.reconstruct(audio, lengths.to(module.device))[0, : item[1]]

    return copy


def copy_of_lite(codec: LiteCodec) -> Copy:
    """Of audio [N], or of features [S, W], whose original is what the vocoder makes of them."""

    def copy(item: Tensor) -> tuple[Tensor, Tensor]:
        item = item.to(codec.encoder.linear.weight.device)[None]
        if item.dim() == 2:
            return item[0], codec.decode(codec.encode(item[:, None])[0])[0, 0]
        coded = codec.decoder(codec.quantizer(codec.encoder(item))[0])
        heard = [synthesise(codec, codec.vocoder(features))[0] for features in (item, coded)]
        return heard[0], heard[1]

    return copy


def reading(validation: DataLoader | None, module: LitSpeechLM) -> Show | None:
    """A held-out utterance: what the reader expects, given what has been read before, and in red the alignment."""
    if validation is None or not module.model.config.reader_layer:
        return None
    dataset: Any = validation.dataset

    def show(board: Board) -> None:
        batch = move_data_to_device(dataset[0], module.device)
        logits = module.heard(batch).reader
        assert logits is not None, "reader_layer says that there is one"
        steps, tokens = int(batch.frames[0]), int(batch.text_lengths[0])
        board.image("reading/0", picture(logits[0, :steps], batch.positions[0, :steps], tokens))

    return show


def picture(logits: Tensor, positions: Tensor, tokens: int, scale: int = 4) -> Tensor:
    """Where the reader goes from where it should have been: an image [3, tokens * scale, T * scale].

    Args:
        logits: of advances, [T, window].
        positions: tokens read, int [T].
        tokens: L.
        scale: pixels of a cell.
    """
    steps, window = logits.shape
    before = torch.cat([positions.new_zeros(1), positions[:-1]])
    reached = before[:, None] + torch.arange(window, device=logits.device)  # [T, window]
    white = logits.new_zeros(steps, tokens + window)
    white = white.scatter(1, reached, logits.float().softmax(1))[:, :tokens].T  # [L, T]
    red = torch.zeros_like(white).scatter(0, positions[None], 1.0)
    image = torch.stack([torch.maximum(white, red), white, white])
    return image.repeat_interleave(scale, 1).repeat_interleave(scale, 2)
