"""Streaming: pieces however small join to the audio of the whole, from bounded memory."""

import dataclasses
import itertools

import pytest
import torch

import toys
from codec import Codec

FRAMES, HOP = 33, toys.HOP
# Of the peak, -70 dB. A product over one frame rounds otherwise than one over many, and the pulses' phase sums up what
# that does to f0; of random codes f0 jumps by octaves. Speech is always cut alike, so it is the same to the bit,
# streamed or not (tests/pipelines/speaking/test_pieces.py).
TOLERANCE = 3e-4
SHARP_TOLERANCE = 1e-3  # sharpness makes nearly twice as much of how f0 was rounded


def pieces(codec: Codec, codes: torch.Tensor, sizes: list[int]) -> list[torch.Tensor]:
    """What each push gives, and the flush; the last size is repeated to the end."""
    stream, found, start = codec.stream(), [], 0
    for size in itertools.chain(sizes, itertools.repeat(sizes[-1])):
        if start >= codes.shape[2]:
            return [*found, stream.flush()]
        found.append(stream.push(codes[:, :, start : start + size]))
        start += size
    raise AssertionError


@pytest.fixture(scope="module")
def whole(toy_codec):
    codes = toys.random_codes(2, FRAMES)
    return codes, toy_codec.decode(codes)


@pytest.mark.parametrize("sizes", [[1], [2], [5, 1, 7, 3], [13], [1, 30], [30, 1], [0, 4], [FRAMES], [100]], ids=str)
def test_streamed_audio_is_that_of_the_whole(toy_codec, whole, sizes):
    codes, audio = whole
    streamed = torch.cat(pieces(toy_codec, codes, sizes), dim=-1)
    assert streamed.shape == audio.shape == (2, 1, FRAMES * HOP)
    assert (streamed - audio).abs().max() <= TOLERANCE * audio.abs().max()


@pytest.mark.parametrize("seed", range(4))
def test_random_chunkings_of_random_lengths(toy_codec, seed):
    generator = torch.Generator().manual_seed(seed)
    sizes = torch.randint(1, 9, (20,), generator=generator).tolist()
    codes = toys.random_codes(1, int(torch.randint(1, 40, (), generator=generator)), seed)
    streamed, audio = torch.cat(pieces(toy_codec, codes, sizes), dim=-1), toy_codec.decode(codes)
    assert (streamed - audio).abs().max() <= TOLERANCE * audio.abs().max(), f"{codes.shape[2]} frames in {sizes}"


@pytest.mark.parametrize("sizes", [[1], [2], [5, 1, 7, 3], [13], [1, 30], [FRAMES]], ids=str)
def test_a_codec_that_sharpens_streams_too(sizes):
    codec = toys.toy_codec(config=dataclasses.replace(toys.TOY_CODEC, vocoder_sharpness=0.5))
    codes = toys.random_codes(2, FRAMES)
    streamed, audio = torch.cat(pieces(codec, codes, sizes), dim=-1), codec.decode(codes)
    assert (streamed - audio).abs().max() <= SHARP_TOLERANCE * audio.abs().max()


@pytest.mark.parametrize("chunk", [1, 10, 128])
def test_the_chunks_of_decode_join_to_the_whole(toy_codec, whole, chunk):
    codes, audio = whole
    joined = torch.cat(list(toy_codec.decode_chunks(codes, chunk)), dim=-1)
    assert (joined - audio).abs().max() <= TOLERANCE * audio.abs().max()


def test_audio_trails_the_codes_by_the_context_and_flush_gives_the_rest(toy_codec, whole):
    codes, _ = whole
    lengths = [piece.shape[-1] // HOP for piece in pieces(toy_codec, codes, [1])]
    context = toy_codec.context
    assert lengths == [0] * context + [1] * (FRAMES - context) + [context]


def test_what_was_given_does_not_depend_on_what_comes(toy_codec, whole):
    codes, _ = whole
    other = codes.clone()
    other[:, :, 20:] = 7
    first, second = (torch.cat(pieces(toy_codec, c, [4])[:5], dim=-1) for c in (codes, other))
    assert first.shape[-1] == (20 - toy_codec.context) * HOP
    assert torch.equal(first, second)


def test_memory_does_not_grow(toy_codec):
    stream, codes = toy_codec.stream(), toys.random_codes(1, 60)
    for t in range(60):
        stream.push(codes[:, :, t : t + 1])
        held = [*stream.past.values(), *stream.filters]
        assert max(tensor.shape[1] for tensor in held) <= 2 * toy_codec.context * toy_codec.config.stack


def test_streams_do_not_disturb_each_other(toy_codec, whole):
    codes, audio = whole
    streams = [toy_codec.stream() for _ in codes]
    found = []
    for t in range(0, FRAMES, 3):
        found.append([stream.push(codes[i : i + 1, :, t : t + 3]) for i, stream in enumerate(streams)])
    found.append([stream.flush() for stream in streams])
    joined = torch.cat([torch.cat(pair) for pair in found], dim=-1)
    assert (joined - audio).abs().max() <= TOLERANCE * audio.abs().max()


def test_a_stream_without_codes_cannot_be_flushed(toy_codec):
    with pytest.raises(ValueError, match=r"got flush\(\) on a stream without codes; push at least one frame"):
        toy_codec.stream().flush()


def test_a_flushed_stream_has_nothing_more(toy_codec, whole):
    stream = toy_codec.stream()
    stream.push(whole[0])
    stream.flush()
    assert stream.flush().shape == (2, 1, 0)


def test_what_does_not_fit_is_refused_at_once_and_leaves_the_stream_as_it_was(toy_codec, whole):
    codes, audio = whole
    stream = toy_codec.stream()
    parts = [stream.push(codes[:, :, :10])]
    for wrong, message in (
        (codes[0], r"expected \[B, 8, T\]"),
        (codes[:, :7], r"expected \[B, 8, T\]"),
        (codes + 2016, r"expected 0\.\.2015"),
        (codes[:1], "got codes of 1 items; this stream decodes 2"),
    ):
        with pytest.raises(ValueError, match=message):
            stream.push(wrong)
    parts += [stream.push(codes[:, :, 10:]), stream.flush()]
    assert (torch.cat(parts, dim=-1) - audio).abs().max() <= TOLERANCE * audio.abs().max()


def test_utterances_decoded_together_end_each_at_its_own_length(toy_codec):
    codes, lengths = toys.random_codes(3, FRAMES), [FRAMES, 9, 21]
    together, going, heard = toy_codec.stream(), [0, 1, 2], {row: [] for row in range(3)}
    for start in range(0, FRAMES, 3):
        over = [row for row in going if lengths[row] == start]
        for row in over:
            heard[row].append(together.take(torch.tensor([going.index(row)])).flush()[0])
        together = together.take(torch.tensor([going.index(row) for row in going if row not in over]))
        going = [row for row in going if row not in over]
        for row, audio in zip(going, together.push(codes[going, :, start : start + 3]), strict=True):
            heard[row].append(audio)
    heard[0].append(together.flush()[0])
    for row, count in enumerate(lengths):
        alone = toy_codec.decode(codes[row : row + 1, :, :count])[0]
        assert (torch.cat(heard[row], dim=-1) - alone).abs().max() <= TOLERANCE * alone.abs().max()


def test_taking_an_item_leaves_the_stream_as_it_was(toy_codec):
    codes = toys.random_codes(2, FRAMES)
    stream, other = toy_codec.stream(), toy_codec.stream()
    assert torch.equal(stream.push(codes[:, :, :10]), other.push(codes[:, :, :10]))
    stream.take(torch.tensor([1])).flush()
    assert torch.equal(stream.flush(codes[:, :, 10:]), other.flush(codes[:, :, 10:]))
