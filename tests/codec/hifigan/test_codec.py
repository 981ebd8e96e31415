"""HiFi-GAN codecs: sizes, batches, streams, weights."""

import dataclasses
from pathlib import Path

import pytest
import torch

from benchmarks.oracle.weights import make_audio
from codec import Codec, HiFiGANCodec, HiFiGANConfig, LiteCodec, from_config, load, save
from codec.fsq import GroupedFSQ
from codec.hifigan.codec import fold
from parity.reduced import CONFIGS, small

ROOT = Path(__file__).resolve().parents[3]
# Encoder and decoder with weight normalisation, as published; frames a symmetric decoder hears on each side.
SIZES = {
    "lfsc": (57_641_200, 55_056_258, 13),
    "nanocodec-21.5fps": (31_019_224, 31_581_690, 0),
    "nanocodec-12.5fps": (30_472_448, 31_701_138, 0),
    "audio-codec-86fps": (30_867_568, 30_875_258, 13),
    "audio-codec-44khz": (30_941_296, 30_948_986, 13),
}
every_codec = pytest.mark.parametrize("name", CONFIGS)


def random_codes(codec: Codec, batch: int, frames: int) -> torch.Tensor:
    return torch.randint(codec.codebook_size, (batch, codec.num_codebooks, frames))


@pytest.mark.parametrize("name", SIZES)
def test_sizes_are_the_published_ones(name):
    with torch.device("meta"):
        codec = from_config(ROOT / f"configs/codec/{name}.yaml")
        codec.add_weight_norm()
    sizes = [sum(p.numel() for p in part.parameters()) for part in (codec.encoder, codec.decoder)]
    assert (*sizes, codec.context) == SIZES[name]


def test_the_quantiser_gives_the_published_codes():
    quantizer = GroupedFSQ(8, (8, 7, 6, 6))
    latents = torch.linspace(-2.5, 2.5, 128).view(1, 4, 32).transpose(1, 2)
    codes = quantizer(latents)[1][0].tolist()
    assert codes[0] == [0, 401, 1204, 2015]
    assert codes[4] == [0, 794, 1614, 2015]
    assert codes[7] == [337, 1204, 2006, 2015]


@every_codec
def test_a_padded_batch_has_the_codes_of_each_item_alone(name):
    codec = small(name)
    hop = codec.hop_length
    lengths = torch.tensor([1, 100, hop, hop + 1, 3 * hop, 5 * hop - 7, 6 * hop, 8 * hop - 1])
    audio = torch.full((8, 1, int(lengths.max())), 0.5)  # what is beyond an end is not silence
    for row, length in enumerate(lengths.tolist()):
        audio[row, 0, :length] = torch.from_numpy(make_audio(length, row))
    codes, frames = codec.encode(audio, lengths)
    assert frames.tolist() == [1, 1, 1, 2, 3, 5, 6, 8]
    for row, (length, count) in enumerate(zip(lengths.tolist(), frames.tolist(), strict=True)):
        alone, _ = codec.encode(audio[row : row + 1, :, :length])
        assert torch.equal(alone[0], codes[row, :, :count])
        assert not codes[row, :, count:].any()
    decoded = codec.decode(codes, frames)
    for row, count in enumerate(frames.tolist()):
        alone = codec.decode(codes[row : row + 1, :, :count])[0]
        torch.testing.assert_close(decoded[row, :, : count * hop], alone, atol=1e-5, rtol=0)
        assert not decoded[row, :, count * hop :].any()


@pytest.mark.parametrize("chunks", [(1,), (3,), (2, 13, 1, 8), (40,)])
@every_codec
def test_a_stream_is_the_whole(name, chunks):
    codec = small(name)
    codes = random_codes(codec, 2, 31)
    whole, stream, pieces, start = codec.decode(codes), codec.stream(), [], 0
    while start < codes.shape[2]:
        step = chunks[len(pieces) % len(chunks)]
        pieces.append(stream.push(codes[:, :, start : start + step]))
        start += step
        rendered = sum(piece.shape[2] for piece in pieces) // codec.hop_length
        assert rendered == max(0, min(start, 31) - codec.context)
    streamed = torch.cat([*pieces, stream.flush()], dim=2)
    assert whole.abs().max() > 0.05
    torch.testing.assert_close(streamed, whole, atol=1e-6 if codec.config.decoder.causal else 1e-5, rtol=0)


def test_a_causal_stream_is_exact_but_for_rounding():
    codec = small("nanocodec-21.5fps").double()
    values, state = codec.quantizer.decode(random_codes(codec, 1, 9)).double(), {}
    pieces = [codec.decoder(values[:, :, t : t + 1], state=state) for t in range(9)]
    torch.testing.assert_close(torch.cat(pieces, dim=2), codec.decoder(values), atol=1e-12, rtol=0)


@every_codec
def test_frames_beyond_the_context_change_nothing(name):
    codec = small(name)
    codes = random_codes(codec, 1, 32)
    changed = codes.clone()
    changed[:, :, 16 + codec.context + 1 :] = 0
    end = 17 * codec.hop_length
    assert (codec.decode(codes)[:, :, :end] - codec.decode(changed)[:, :, :end]).abs().max() <= 1e-6


def test_look_ahead_in_milliseconds():
    with torch.device("meta"):
        ahead = {name: from_config(ROOT / f"configs/codec/{name}.yaml").lookahead_ms for name in SIZES}
    assert {name: round(ms) for name, ms in ahead.items()} == {
        "lfsc": 604,
        "nanocodec-21.5fps": 0,
        "nanocodec-12.5fps": 0,
        "audio-codec-86fps": 151,
        "audio-codec-44khz": 151,
    }


def test_a_long_utterance_is_decoded_in_windows(monkeypatch):
    codec = small("audio-codec-86fps")
    codes = random_codes(codec, 1, 50)
    whole = codec.decode(codes)
    monkeypatch.setattr("codec.hifigan.codec.WINDOW", 20)
    torch.testing.assert_close(codec.decode(codes), whole, atol=1e-5, rtol=0)


def test_weight_norm_changes_nothing_and_folds():
    codec = small("nanocodec-21.5fps")
    audio = torch.from_numpy(make_audio(6000, 0))[None, None]
    codes, names = codec.encode(audio)[0], set(codec.state_dict())
    codec.add_weight_norm()
    assert set(fold(codec.state_dict())) == names
    assert torch.equal(codec.encode(audio)[0], codes)


def test_a_saved_codec_is_the_same(tmp_path):
    codec = small("lfsc")
    save(codec, tmp_path)
    read = load(tmp_path)
    assert isinstance(read, HiFiGANCodec)
    assert read.config == codec.config
    assert read.fingerprint == codec.fingerprint
    codes = random_codes(codec, 1, 5)
    assert torch.equal(read.decode(codes), codec.decode(codes))
    with pytest.raises(ValueError, match="expected a LiteCodec"):
        load(tmp_path, kind=LiteCodec)


def test_the_fingerprint_is_that_of_the_code_space():
    codec, other = small("lfsc"), small("lfsc", seed=1)
    assert codec.fingerprint != other.fingerprint
    other.encoder.load_state_dict(codec.encoder.state_dict())
    assert codec.fingerprint == other.fingerprint
    other.config = dataclasses.replace(codec.config, levels=(6, 6, 7, 8))
    assert codec.fingerprint != other.fingerprint


def test_pieces_of_a_recording_are_gathered():
    codec = small("lfsc")
    audio = torch.from_numpy(make_audio(9000, 0))[None, None]
    (codes,) = codec.encode_chunks([audio[..., :100], audio[..., :0], audio[..., 100:]])
    assert torch.equal(codes, codec.encode(audio)[0])
    assert not list(codec.encode_chunks([]))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"strydes": [2]}, "unknown codec keys"),
        ({"encoder": {"chanels": 4}}, "unknown encoder keys"),
        ({"encoder": {"padding": "mirror"}}, "expected one of reflect"),
        ({"decoder": {"channels": 100}}, "multiple of 32"),
        ({"decoder": {"causal": True}}, "pads with zeros"),
        ({"strides": []}, "at least one"),
        ({"strides": [2, 1]}, r"got strides=\(2, 1\); expected 2 or more, each"),
        ({"encoder": {"channels": 0}}, "got channels=0; expected 1 or more"),
    ],
)
def test_a_wrong_configuration_says_what_is_wrong(values, message):
    with pytest.raises(ValueError, match=message):
        HiFiGANConfig.from_dict(values)


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        (torch.zeros(1, 1, 0), "N >= 1"),
        (torch.zeros(1, 2, 9600), "mono"),
        (torch.full((1, 1, 2000), float("nan")), "NaN"),
        (torch.zeros(1, 1, 2000, dtype=torch.int16), "divide int16 by 32768"),
        (torch.zeros(2000), "expected"),
    ],
)
def test_audio_that_cannot_be_encoded(audio, message):
    with pytest.raises(ValueError, match=message):
        small("lfsc").encode(audio)


def test_a_stream_ends_once():
    codec = small("nanocodec-21.5fps")
    stream = codec.stream()
    with pytest.raises(ValueError, match="push at least one"):
        stream.flush()
    stream.push(random_codes(codec, 1, 1))
    stream.flush()
    with pytest.raises(ValueError, match="start another"):
        stream.push(random_codes(codec, 1, 1))
