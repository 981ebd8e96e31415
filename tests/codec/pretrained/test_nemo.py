"""Files that say they are .nemo: what loads, what is refused, and that nothing in them runs."""

import io
import pickle
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
import torch
import yaml

from codec import load
from codec.pretrained.nemo import load_nemo
from handmade import pack, save, tiny_parts

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory) -> Path:
    """A sound file; read only."""
    return pack(tmp_path_factory.mktemp("nemo") / "tiny.nemo", tiny_parts())


@pytest.fixture
def parts() -> dict[str, bytes]:
    """The members of a sound file."""
    return {Path(name).name: data for name, data in tiny_parts().items()}


def change(parts: dict[str, bytes], **changes: object) -> dict[str, bytes]:
    values = yaml.safe_load(parts["model_config.yaml"])
    for key, value in changes.items():
        section, _, field = key.partition("__")
        if field:
            values[section][field] = value
        else:
            values[section] = value
    return parts | {"model_config.yaml": yaml.safe_dump(values).encode()}


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_compressed_or_not(parts, tiny_file, tmp_path, mode):
    codec = load_nemo(pack(tmp_path / "x.nemo", parts, mode))
    assert codec.fingerprint == load_nemo(tiny_file).fingerprint


def test_old_weight_norm_and_training_leftovers(parts, tiny_file, tmp_path):
    weights = torch.load(io.BytesIO(parts["model_weights.ckpt"]), weights_only=True)
    weights = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in weights.items()
    }
    weights |= {"discriminator.x": torch.zeros(3), "slm_encoder.y": torch.zeros(2)}
    path = pack(tmp_path / "x.nemo", parts | {"model_weights.ckpt": save(weights)})
    assert load_nemo(path).fingerprint == load_nemo(tiny_file).fingerprint


class Bomb:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_code_in_the_weights_does_not_run(parts, tmp_path):
    trace = tmp_path / "it-ran"
    for data in (save({"audio_encoder.x": Bomb(trace)}), pickle.dumps({"x": Bomb(trace)})):
        path = pack(tmp_path / "x.nemo", parts | {"model_weights.ckpt": data})
        with pytest.raises(ValueError, match="x.nemo is not a readable .nemo codec"):
            load_nemo(path)
    code = b"!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['" + bytes(trace) + b"']]"
    with pytest.raises(ValueError, match="not a readable"):
        load_nemo(pack(tmp_path / "x.nemo", parts | {"model_config.yaml": code}))
    assert not trace.exists()


def test_names_that_lead_out_of_the_folder_write_nothing(parts, tmp_path):
    inside = tmp_path / "a/b"
    inside.mkdir(parents=True)
    with pytest.raises(ValueError, match="expected one file model_config.yaml"):
        load_nemo(pack(inside / "x.nemo", {f"../../{name}": data for name, data in parts.items()}))
    load_nemo(pack(inside / "y.nemo", parts | {"../../evil": b"x", str(tmp_path / "evil"): b"x"}))
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a", "b", "x.nemo", "y.nemo"]


def test_a_link_for_a_member(parts, tmp_path):
    path = pack(tmp_path / "x.nemo", {"model_config.yaml": parts["model_config.yaml"]})
    with tarfile.open(path, "a") as archive:
        link = tarfile.TarInfo("model_weights.ckpt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(link)
    with pytest.raises(ValueError, match="expected one file model_weights.ckpt"):
        load_nemo(path)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.99])
def test_a_truncated_file(tiny_file, tmp_path, share):
    data = tiny_file.read_bytes()
    end = data.rstrip(b"\0")  # the archive's own padding may go
    path = tmp_path / "x.nemo"
    path.write_bytes(data[: int(share * len(end))])
    begin = time.monotonic()
    with pytest.raises(ValueError, match="not a readable"):
        load_nemo(path)
    assert time.monotonic() - begin < 10


def test_not_an_archive(tmp_path):
    for data in (b"hello", b"PK\3\4" + bytes(1000), bytes(20_000), b"\x1f\x8b" + bytes(100)):
        (tmp_path / "x.nemo").write_bytes(data)
        with pytest.raises(ValueError, match="not a readable"):
            load(tmp_path / "x.nemo")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sample_rate": "fast"}, "sample_rate='fast'"),
        ({"audio_encoder__base_channels": 8}, "the weights do not fit"),
        ({"audio_encoder__in_kernel_size": 5}, "in_kernel_size=5, expected 7"),
        ({"audio_encoder__new_option": 1}, "unknown new_option"),
        ({"audio_decoder__up_sample_rates": [2, 4]}, "needs"),
        ({"audio_encoder___target_": "x.MultiBandMelEncoder"}, "MultiBandMelEncoder"),
        ({"audio_decoder__activation": "mish"}, "expected one of leaky_relu"),
        ({"vector_quantizer__num_groups": 3}, "needs"),
        ({"vector_quantizer__num_groups": "x"}, "not a readable"),
        ({"audio_encoder": 3}, "no audio_encoder"),
        ({"semantic_codec": {"a": 1}}, "semantic_codec"),
    ],
)
def test_a_wrong_configuration(parts, tmp_path, changes, message):
    with pytest.raises(ValueError, match=message):
        load_nemo(pack(tmp_path / "x.nemo", change(parts, **changes)))


def test_weights_that_do_not_fit_are_listed(parts, tmp_path):
    weights = torch.load(io.BytesIO(parts["model_weights.ckpt"]), weights_only=True)
    weights["audio_encoder.extra.bias"] = weights.pop("audio_encoder.pre_conv.conv.bias")
    with pytest.raises(ValueError, match=r"missing encoder\.pre\.bias.*unexpected encoder\.extra\.bias"):
        load_nemo(pack(tmp_path / "x.nemo", parts | {"model_weights.ckpt": save(weights)}))


def test_loading_does_not_import_the_compiler(tiny_file):
    """Arithmetic on the meta device does, and takes longer than reading the largest codec."""
    code = "import sys, codec; codec.load(sys.argv[1]); print('torch._dynamo' in sys.modules)"
    command = [sys.executable, "-c", code, str(tiny_file)]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_weights_that_are_no_numbers_are_refused_by_name(parts, tmp_path, value):
    weights = torch.load(io.BytesIO(parts["model_weights.ckpt"]), weights_only=True)
    name = next(name for name in weights if name.startswith("audio_decoder"))
    weights[name].view(-1)[0] = value
    path = pack(tmp_path / "x.nemo", parts | {"model_weights.ckpt": save(weights)})
    with pytest.raises(ValueError, match=rf"x.nemo .*model_weights.ckpt: {name} has 1 of \d+ weights NaN or infinite"):
        load(path)


def test_a_filter_without_a_direction_is_refused(parts, tmp_path):
    weights = torch.load(io.BytesIO(parts["model_weights.ckpt"]), weights_only=True)
    name = next(name for name in weights if name.endswith("original1"))
    weights[name].zero_()  # its norm is 0, and g v / |v| is none
    path = pack(tmp_path / "x.nemo", parts | {"model_weights.ckpt": save(weights)})
    with pytest.raises(ValueError, match="without weight normalisation: .*NaN or infinite"):
        load(path)
