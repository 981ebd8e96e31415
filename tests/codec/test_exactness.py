"""What surrounds a call changes neither codes nor audio, and what a codec gives may be changed."""

import threading
from collections.abc import Iterable

import pytest
import torch
from torch import Tensor

import toys
from codec import Codec, HiFiGANCodec, LiteCodec
from codec.lite.features import extract_features
from codec.precision import EXACT_PRODUCTS, ExactProducts
from parity.reduced import reduced

every_family = pytest.mark.parametrize("family", ["lite", "hifigan"])


def make(family: str) -> Codec:
    if family == "lite":
        return toys.toy_codec()
    torch.manual_seed(0)
    return HiFiGANCodec(reduced("nanocodec-21.5fps")).eval()


def speech(seconds: float = 1.5) -> Tensor:
    return torch.from_numpy(toys.utterance(2))[None, None, : int(seconds * toys.RATE)]


@torch.inference_mode(False)
def join(pieces: Iterable[Tensor]) -> Tensor:
    return torch.cat(list(pieces), dim=-1)


def all_results(codec: Codec) -> dict[str, Tensor]:
    """What every public way to code and decode gives."""
    audio, codes = speech(), toys.random_codes(2, 12)
    lengths, frames = torch.tensor([audio.shape[2] - 3000, audio.shape[2]]), torch.tensor([12, 7])
    stream = codec.stream()
    found = {
        "encode": codec.encode(audio)[0],
        "frames": codec.encode(audio.expand(2, -1, -1), lengths)[1],
        "encode_chunks": join(codec.encode_chunks(audio.split(5000, -1))),
        "first chunk": next(iter(codec.encode_chunks([audio]))),
        "decode": codec.decode(codes),
        "decode padded": codec.decode(codes, frames),
        "decode_chunks": join(codec.decode_chunks(codes, 5)),
        "push": stream.push(codes),
        "flush": stream.flush(),
        "flush again": stream.flush(),
    }
    if isinstance(codec, LiteCodec):
        features = extract_features(audio[0], codec.config)
        found |= {"features": features, "encode_features": codec.encode_features(features)}
    return found


def read_switches() -> list[object]:
    return [getattr(switch.owner, switch.name) for switch in ExactProducts.switches()]


@pytest.fixture
def rounded_products():
    """Every float32 product may be rounded, as after torch.set_float32_matmul_precision("medium")."""
    if not hasattr(torch.backends, "fp32_precision"):
        pytest.skip("torch before 2.9 has no such switches")
    parts = torch.backends.mkldnn.matmul, torch.backends.mkldnn.conv, torch.backends.cuda.matmul
    before = [part.fp32_precision for part in parts]
    for part, precision in zip(parts, ("bf16", "bf16", "tf32"), strict=True):
        part.fp32_precision = precision
    yield read_switches()
    for part, precision in zip(parts, before, strict=True):
        part.fp32_precision = precision


@every_family
def test_autocast_around_a_call_changes_nothing(family):
    codec = make(family)
    wanted = all_results(codec)
    with torch.autocast("cpu", torch.bfloat16):
        for name, found in all_results(codec).items():
            assert torch.equal(found, wanted[name]), name


@every_family
def test_rounded_products_around_a_call_change_nothing(family, rounded_products):
    codec, seen = make(family), []
    codec.encoder.register_forward_hook(lambda *_: seen.append(read_switches()))
    found = all_results(codec)
    assert seen and all(value in ("none", "ieee") for switches in seen for value in switches)
    assert read_switches() == rounded_products, "they are as they were"
    for part in (torch.backends.mkldnn.matmul, torch.backends.mkldnn.conv, torch.backends.cuda.matmul):
        part.fp32_precision = "ieee"
    for name, wanted in all_results(codec).items():
        assert torch.equal(found[name], wanted), name


@pytest.mark.parametrize("precision", ["highest", "high", "medium"])
def test_the_former_switches_stay_readable_inside_and_come_back(precision):
    """Torch's own kernels read them, and refuse to where they and the present ones disagree."""
    torch.set_float32_matmul_precision(precision)
    try:
        before = former(), read_switches()
        with EXACT_PRODUCTS:
            assert former() == (False, False, "highest")
            assert all(value in ("none", "ieee") for value in read_switches())
        assert (former(), read_switches()) == before
    finally:
        torch.set_float32_matmul_precision("highest")


def former() -> tuple[object, ...]:
    backends = torch.backends
    return backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()


def test_a_thread_that_ends_leaves_products_exact_for_the_others(rounded_products):
    inside, may_end = threading.Event(), threading.Event()

    def other() -> None:
        with EXACT_PRODUCTS:
            inside.set()
            may_end.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    assert inside.wait(10)
    with EXACT_PRODUCTS:
        may_end.set()
        thread.join()
        assert all(value in ("none", "ieee") for value in read_switches())
    assert read_switches() == rounded_products


def test_an_error_inside_turns_the_switches_back(rounded_products):
    with pytest.raises(ValueError, match="NaN"):
        make("lite").encode(torch.full((1, 1, 100), torch.nan))
    assert read_switches() == rounded_products


@every_family
@pytest.mark.parametrize("surrounding", ["nothing", "inference_mode"])
def test_every_result_is_an_ordinary_tensor(family, surrounding):
    with torch.inference_mode(surrounding == "inference_mode"):
        results = all_results(make(family))
    for name, tensor in results.items():
        assert not tensor.is_inference() and not tensor.requires_grad, name
        before = tensor.clone()
        tensor.add_(1)
        assert torch.equal(tensor, before + 1), name


def test_codes_that_were_changed_can_be_decoded_and_learned_from():
    codec = make("lite")
    codes, _ = codec.encode(speech())
    codes[:, 7] = 0
    assert codec.decode(codes).shape[2] == codes.shape[2] * codec.hop_length
    weight = torch.ones((), requires_grad=True)
    (codec.decode(codes) * weight).sum().backward()
    assert weight.grad is not None


@every_family
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_an_encoder_of_another_precision_makes_no_codes(family, dtype):
    codec = make(family).to(dtype)
    for encode in (codec.encode, lambda audio: list(codec.encode_chunks([audio]))):
        with pytest.raises(ValueError, match=f"weights of type {dtype}; codes are made in float32"):
            encode(speech())


def test_a_decoder_of_another_precision_is_exact_in_codes_or_refused():
    with pytest.raises(ValueError, match="got a decoder in torch.float16; expected float32"):
        make("lite").half().decode(toys.random_codes(1, 8))
    exact, low = make("hifigan"), make("hifigan").bfloat16()
    codes = toys.random_codes(1, 8)
    assert torch.equal(low.quantizer.decode(codes), exact.quantizer.decode(codes))
    assert low.decode(codes).dtype == torch.float32


@every_family
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64, torch.bool])
def test_codes_that_are_no_integers_are_refused(family, dtype):
    codec = make(family)
    for values in (torch.zeros(1, 8, 6), torch.full((1, 8, 6), torch.nan)):
        for decode in (codec.decode, codec.stream().push, codec.stream().flush):
            with pytest.raises(ValueError, match=f"got codes of type {dtype}; expected integers"):
                decode(values.to(dtype))
    with pytest.raises(ValueError, match="got frames of type torch.float32"):
        codec.decode(toys.random_codes(1, 6), torch.tensor([2.5]))
    with pytest.raises(ValueError, match="got lengths of type torch.float32"):
        codec.encode(speech(), torch.tensor([1000.5]))


@every_family
@pytest.mark.parametrize("dtype", [torch.int32, torch.int16])
def test_codes_in_smaller_integers_are_decoded_as_they_are(family, dtype):
    codec, codes = make(family), toys.random_codes(1, 8)
    assert torch.equal(codec.decode(codes.to(dtype)), codec.decode(codes))


def test_tables_survive_a_lower_precision_and_are_set_after_to_empty():
    codec, other = make("lite"), make("lite").half()
    other.load_state_dict(codec.state_dict())
    emptied = make("lite").to_empty(device="cpu")
    for copy in (other.float(), emptied):
        for name, table in codec.named_buffers():
            assert torch.equal(dict(copy.named_buffers())[name], table), name
