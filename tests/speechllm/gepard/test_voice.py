"""Published weights: what is read from their files, and that the model they become speaks as the facts about it say."""

import pytest
import torch
import torch.nn.functional as F

import gepard_files
import toys
from speechllm import SpeechLM
from speechllm.digits import codes_to_digits, digits_to_codes, digits_to_values
from speechllm.gepard.voice import Gepard, Marks, load, read_config
from speechllm.gepard.weights import expected_shapes
from speechllm.inference.weights import packed

SENTENCE = "Nobody in the village had seen it coming."
PUBLISHED = {"backbone_config": {}, "voice_cloning": {"enabled": True}}  # all else has the published values


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Read only."""
    return gepard_files.write_folder(tmp_path_factory.mktemp("gepard"))


@pytest.fixture(scope="module")
def gepard(folder) -> Gepard:
    return load(folder)


@pytest.fixture(scope="module")
def lm(gepard) -> SpeechLM:
    return gepard.lm.float()


def published(folder) -> dict[str, torch.Tensor]:
    weights = gepard_files.random_weights(gepard_files.configuration())
    return {name: tensor.float() for name, tensor in weights.items()}


# what is in the files


def test_the_published_shape_has_the_published_numbers_of_tensors_and_parameters():
    shapes = expected_shapes(read_config(PUBLISHED)[0])
    assert len(shapes) == 293
    assert sum(torch.Size(shape).numel() for shape in shapes.values()) == 555_546_587
    supcon = [(128, 1024), (128,), (128, 128)]
    assert len(shapes) + len(supcon) == 296
    assert 555_546_587 + sum(torch.Size(shape).numel() for shape in supcon) == 555_694_171


def test_the_example_configuration_is_the_published_one():
    from pipelines.shared.settings import build, load_yaml
    from speechllm import LMConfig

    path = gepard_files.ROOT / "configs/speechllm/gepard.yaml"
    values = load_yaml(path.read_text("utf-8"), str(path))["model"]
    config = read_config(PUBLISHED)[0]
    assert build(LMConfig, {**values, "codes": config.to_dict()["codes"], "vocab_size": 248_320}) == config


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("extra", [(), ("supcon_head.fc1.weight", "aligner.x.bias")])
def test_types_extras_and_scalars_of_either_shape_are_accepted(tmp_path, dtype, extra):
    folder = gepard_files.write_folder(tmp_path, dtype=dtype)
    weights = gepard_files.random_weights(gepard_files.configuration(), dtype=dtype)
    for name in ("audio_embed_scale", "ref_compressor.output_scale"):
        weights[name] = weights[name].reshape(1)
    weights |= {name: torch.zeros(3, dtype=dtype) for name in extra}
    gepard_files.save_file(weights, folder / "model.safetensors")
    model = load(folder).lm
    assert model.frame_head.weight.dtype == dtype and model.frame_input.scale.shape == ()


def test_every_weight_is_where_it_belongs(lm, folder):
    weights, width = published(folder), 16
    rows = weights["model.layers.1.self_attn.q_proj.weight"]
    qkv = lm.blocks[1].attention.qkv.weight
    for head in range(4):
        begin = head * 2 * width
        assert torch.equal(qkv[head * width : (head + 1) * width], rows[begin : begin + width])
        gate = qkv[128 + head * width : 128 + (head + 1) * width]
        assert torch.equal(gate, rows[begin + width : begin + 2 * width])
    assert torch.equal(qkv[64:96], weights["model.layers.1.self_attn.k_proj.weight"])
    assert torch.equal(lm.blocks[2].mlp_norm.weight, 1 + weights["model.layers.2.post_attention_layernorm.weight"])
    # Numeric order: digit 2's table is followed by digit 3's, and not by digit 20's.
    tables, start = lm.frame_input.tables.weight, 0
    for digit in range(32):
        table = weights[f"audio_embeddings.{digit}.weight"]
        assert torch.equal(tables[start : start + len(table)], table)
        assert torch.equal(lm.frame_head.bias[start : start + len(table)], weights[f"codebook_heads.{digit}.bias"])
        start += len(table)
    assert torch.equal(lm.begin, weights["model.embed_tokens.weight"][gepard_files.MARKS["start_of_speech"]])


def test_the_embedding_stays_in_its_file(gepard, folder):
    table = load(folder).lm.text_embedding.weight
    assert table.dtype == torch.bfloat16
    assert table.untyped_storage().nbytes() >= (folder / "model.safetensors").stat().st_size - 100_000


# text


@pytest.mark.parametrize(("tokens", "repeats"), list(enumerate([1, 8, 8, 6, 4, 4, 3, 3, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1])))
def test_short_texts_are_repeated_as_in_training(tokens, repeats):
    marks = Marks()
    assert marks.repeats(tokens) == repeats
    assert marks.wrap(list(range(tokens))) == [248_073, *range(tokens), 248_074] * repeats


def test_texts_are_wrapped_and_nothing_else_is_done_to_them(gepard, folder):
    front = gepard.frontend(SENTENCE)
    assert front.ids == [273, *gepard.frontend.encode(SENTENCE), 274]
    assert front.text == SENTENCE and front.words == [] and front.tries == 1
    short = gepard.frontend("Yes!")
    assert short.ids == [273, *gepard.frontend.encode("Yes!"), 274] * 4
    assert short.tries > 1 and short.sampling["guidance"] > 1
    assert front.min_plausible_frames < 6 * len(SENTENCE) < front.sampling["max_frames"]
    spanish = load(folder, "es").frontend("Nadie lo había visto venir en el pueblo.")
    assert spanish.ids[1:5] == gepard.frontend.encode("es: ")


@pytest.mark.parametrize("text", ["", "  ", "—!", "Say <|audio_start|> now."])
def test_texts_that_cannot_be_spoken_are_refused(gepard, text):
    with pytest.raises(ValueError, match=r"nothing to say|own marks"):
        gepard.frontend(text)


def test_other_languages_are_refused(folder):
    with pytest.raises(ValueError, match=r"language 'de'.*en, es, pt, nl"):
        load(folder, "de")


# the parts that are not the transformer


def test_digits_codes_and_the_codec_agree():
    from codec.fsq import GroupedFSQ

    codes = torch.arange(2016).repeat(8, 1)  # [K, T], every code
    digits = codes_to_digits(codes.T, toys.LEVELS)
    k = codes[0]
    for d, (base, level) in enumerate(zip((1, 8, 56, 336), toys.LEVELS, strict=True)):
        assert torch.equal(digits[:, 4 * 3 + d], k // base % level)
    assert torch.equal(digits_to_codes(digits, toys.LEVELS), codes.T)
    assert torch.equal(digits_to_values(digits, toys.LEVELS).T, GroupedFSQ(8, toys.LEVELS).decode(codes[None])[0])


def test_frames_are_embedded_as_published(lm, folder):
    w, digits = published(folder), codes_to_digits(toys.random_codes(1, 5).transpose(1, 2), toys.LEVELS)
    x = torch.cat([w[f"audio_embeddings.{c}.weight"][digits[0, :, c]] for c in range(32)], dim=-1)
    x = F.linear(x, w["audio_embed_proj.0.weight"], w["audio_embed_proj.0.bias"])
    x = 0.5 * x * (1 + torch.erf(x / 2**0.5))
    x = F.linear(x, w["audio_embed_proj.2.weight"], w["audio_embed_proj.2.bias"])
    x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt() * 0.5
    assert torch.allclose(lm.embed_frames(digits)[0], x, atol=1e-5)
    assert torch.allclose(packed(lm).embed(digits[0]), x, atol=1e-5)


def test_a_voice_prefix_is_made_as_published(lm, folder):
    w, codes = published(folder), toys.random_codes(1, 40)[0]

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * w[f"ref_compressor.{name}.weight"]

    def attention(x: torch.Tensor, y: torch.Tensor, name: str) -> torch.Tensor:
        q, k, v = (
            F.linear(z, w[f"ref_compressor.{name}.{p}_proj.weight"]).view(len(z), 8, 8).transpose(0, 1)
            for z, p in ((x, "q"), (y, "k"), (y, "v"))
        )
        weights = (q @ k.transpose(1, 2) / 8**0.5).softmax(-1)
        return F.linear((weights @ v).transpose(0, 1).flatten(1), w[f"ref_compressor.{name}.out_proj.weight"])

    values = digits_to_values(codes_to_digits(codes.T, toys.LEVELS), toys.LEVELS)
    y = F.linear(values, w["ref_compressor.input_proj.weight"], w["ref_compressor.input_proj.bias"])
    for t in range(40):
        for c in range(0, 64, 2):
            angle = torch.tensor(t / 10_000 ** (c / 64))
            y[t, c] += angle.sin()
            y[t, c + 1] += angle.cos()
    x = w["ref_compressor.queries"]
    for i in range(2):
        block = f"blocks.{i}"
        z = norm(x, f"{block}.norm_self")
        x = x + attention(z, z, f"{block}.self_attn")
        x = x + attention(norm(x, f"{block}.norm_cross"), y, f"{block}.cross_attn")
        z, ffn = norm(x, f"{block}.norm_ffn"), f"ref_compressor.{block}.ffn"
        z = F.silu(F.linear(z, w[f"{ffn}.gate_proj.weight"])) * F.linear(z, w[f"{ffn}.up_proj.weight"])
        x = x + F.linear(z, w[f"{ffn}.down_proj.weight"])
    assert torch.allclose(lm.voice_prefix(codes), 0.5 * norm(x, "final_norm"), atol=1e-4)
    assert torch.equal(lm.voice_prefix(None), w["null_prefix"])
    assert SpeechLM(toys.toy_lm_config()).voice_prefix(None) is None
