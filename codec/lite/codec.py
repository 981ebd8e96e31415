"""LiteCodec: audio [B, 1, N] <-> codes [B, K, T] of the lite family, wiring only.

Shapes: B batch, N samples, K codebooks, T codec frames, S = T * stack STFT frames.
"""

import copy
import math
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from codec.dsp.blocks import windows
from codec.dsp.pitch import phase_from_samples, upsample
from codec.fsq import GroupedFSQ
from codec.interface import Codec, CodecStream, check_audio, check_chunk
from codec.lite.config import CodecConfig
from codec.lite.convnext import Past
from codec.lite.features import analyse_in_blocks, block_size, extract_together
from codec.lite.networks import FeatureDecoder, FeatureEncoder
from codec.lite.source_filter import SourceFilter
from codec.lite.vocoder import Filters, Vocoder
from codec.precision import exactly, has_bfloat16

PITCH_MARGIN = 2  # codec frames of f0 that one frame of audio needs before itself and after, see LiteStream


class LiteCodec(Codec):
    """Encoder, quantiser, feature decoder, vocoder and source-filter synthesis, built from a config."""

    config_type = CodecConfig
    storage = torch.float16

    encoder: FeatureEncoder

    def __init__(self, config: CodecConfig):
        super().__init__(config)
        self.encoder = FeatureEncoder(config)
        self.quantizer = GroupedFSQ(config.num_codebooks, config.levels)
        self.decoder = FeatureDecoder(config)
        self.vocoder = Vocoder(config)
        self.source = SourceFilter(config.sample_rate, config.n_fft, config.stft_hop)

    @property
    def context(self) -> int:
        """Codec frames before and after a frame that its audio depends on; the look-ahead of streaming."""
        return decoding_context(self.config) + PITCH_MARGIN

    # audio -> codes

    @exactly
    def encode(self, audio: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """See Codec.encode. Items are encoded one by one."""
        lengths = check_audio(audio, lengths)
        frames = -(-lengths // self.hop_length)
        codes = audio.new_zeros((len(audio), self.num_codebooks, int(frames.max())), dtype=torch.long)
        for row, (length, count) in enumerate(zip(lengths.tolist(), frames.tolist(), strict=True)):
            item = self.encode_chunks([audio[row : row + 1, :, :length]])
            codes[row, :, :count] = torch.cat(list(item), dim=-1)[0]
        return codes, frames

    @exactly
    def encode_chunks(self, chunks: Iterable[Tensor]) -> Iterator[Tensor]:
        """See Codec.encode_chunks. Codes come some 90 s after their audio: what goes before them needs four blocks."""
        pieces = (check_chunk(chunk)[:, 0].float() for chunk in chunks if chunk.numel())
        yield from self.encode_blocks(features for features, _ in analyse_in_blocks(pieces, self.config))

    @exactly
    def encode_recordings(self, recordings: Sequence[Tensor]) -> list[Tensor]:
        """See Codec.encode_recordings. The search for pitch is shared."""
        for audio in recordings:
            check_chunk(audio[None])
        found = extract_together([audio.float() for audio in recordings], self.config)
        return [self.encode_features(features)[0] for features in found]

    @exactly
    def encode_features(self, features: Tensor) -> Tensor:
        """Features [B, S, W] of codec.lite.features.extract_features -> codes int64 [B, K, S / stack]."""
        blocks = features.split(block_size(self.config) // self.config.stft_hop, dim=1)
        return torch.cat(list(self.encode_blocks(blocks)), dim=-1)

    def encode_blocks(self, blocks: Iterable[Tensor]) -> Iterator[Tensor]:
        """Features [B, S, W] of one recording in blocks -> codes [B, K, t] in as many pieces."""
        self.check_encoder()
        past = Past()
        for block in windows(blocks, 0):
            yield self.quantizer(self.encoder(block.values.float(), past, block.last))[1]

    # codes -> audio

    @exactly
    def decode(self, codes: Tensor, frames: Tensor | None = None) -> Tensor:
        """See Codec.decode."""
        self.quantizer.check(codes, frames)
        batch, _, total = codes.shape
        if not total:
            return torch.zeros(batch, 1, 0, device=codes.device)
        if frames is None or bool((frames == total).all()):
            return torch.cat(list(self.decode_chunks(codes)), dim=-1)
        audio = torch.zeros(batch, 1, total * self.hop_length, device=codes.device)
        for row, count in enumerate(frames.tolist()):
            if count:
                audio[row, :, : count * self.hop_length] = self.decode(codes[row : row + 1, :, :count])[0]
        return audio

    def lower_precision(self) -> "LiteCodec":
        """See Codec.lower_precision: the MLPs of decoder and vocoder, which take half of the time."""
        weight = self.decoder.input.weight
        if not weight.is_cpu or not has_bfloat16(weight):
            return self
        lowered = copy.deepcopy(self)
        for blocks in (lowered.decoder.coarse, lowered.decoder.fine, lowered.vocoder.blocks):
            blocks.lower_precision()
        return lowered

    def stream(self) -> CodecStream:
        """See Codec.stream."""
        return LiteStream(self)


def decoding_context(config: CodecConfig) -> int:
    """Codec frames on each side that one frame's filters depend on, from the kernels between codes and filters."""
    return config.decoder_blocks[0] * (config.kernel_sizes[0] // 2) + math.ceil(fine_reach(config) / config.stack)


def fine_reach(config: CodecConfig) -> int:
    """STFT frames on each side that what works at their rate sees, from the decoder's fine blocks to the filters."""
    blocks = config.decoder_blocks[1] + config.vocoder_blocks
    return blocks * (config.kernel_sizes[1] // 2) + (config.vocoder_sharpness > 0)


def synthesise(codec: LiteCodec, filters: Filters) -> Tensor:
    """Filters of a whole utterance -> its audio [B, N]."""
    stream, count = LiteStream(codec), filters.f0.shape[1] // codec.config.stack
    stream.filters = filters
    return stream.synthesise(count, count)


class LiteStream(CodecStream):
    """Every frame goes through the networks once: each convolution keeps the frames it will see again."""

    codec: LiteCodec

    def __init__(self, codec: LiteCodec):
        super().__init__(codec)
        if (dtype := codec.decoder.input.weight.dtype) != torch.float32:
            raise ValueError(f"got a decoder in {dtype}; expected float32, or lower_precision() to decode faster")
        self.past = Past()
        self.filters: Filters | None = None  # of the STFT frames from codec frame `first` on
        self.first = 0
        self.phase: Tensor | float = 0.0  # of the pulses before the first sample of frame max(done - 1, 0), radians

    def advance(self, codes: Tensor, last: bool) -> Tensor:
        """See CodecStream."""
        codec = self.codec
        new = codec.vocoder(codec.decoder(codec.quantizer.decode(codes), self.past, last), self.past, last)
        if self.filters is not None:
            new = Filters(*(torch.cat(parts, dim=1) for parts in zip(self.filters, new, strict=True)))
        self.filters, stack = new, codec.config.stack
        known = self.first + new.f0.shape[1] // stack
        stop = known if last else known - PITCH_MARGIN
        if stop <= self.done:
            return torch.zeros(len(codes), 0, device=codes.device)
        audio = self.synthesise(stop, known)
        self.done, first = stop, max(stop - PITCH_MARGIN, 0)
        self.filters = Filters(*(part[:, (first - self.first) * stack :] for part in new))
        self.first = first
        return audio

    def synthesise(self, stop: int, known: int) -> Tensor:
        """Audio [B, n] of the frames done .. stop, out of filters up to frame `known`.

        Samples of frame s need pulses from the middle of frame s - 1 on, and their interpolated f0 one STFT frame more.
        """
        assert self.filters is not None
        source, stack, hop = self.codec.source, self.codec.config.stack, self.codec.hop_length
        begin, end = max(self.done - 1, 0), min(stop + 1, known)
        f0 = self.filters.f0[:, : (end + 1 - self.first) * stack]
        f0 = upsample(f0, self.codec.config.stft_hop)
        f0 = f0[:, (begin - self.first) * hop : (end - self.first) * hop]
        phases = phase_from_samples(f0, self.codec.sample_rate, self.phase)
        inner = Filters(*(p[:, (begin - self.first) * stack : (end - self.first) * stack] for p in self.filters))
        pulses = source.pulse_spectrum(phases, f0.float())
        noise = source.noise_spectrum((end - begin) * stack, begin * stack)
        tonal, noisy = source.filter(inner, pulses, noise)
        audio = source.audio(tonal + noisy)
        next_begin = max(stop - 1, 0) - begin
        if next_begin:
            self.phase = phases[:, next_begin * hop - 1, None]
        return audio[:, (self.done - begin) * hop : (stop - begin) * hop]
