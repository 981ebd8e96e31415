"""A folder for transformers: the same logits and codes where this project is not; a push to a server on loopback."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

pytest.importorskip("transformers", reason="needs lfsc-tts[hf]")

import toys
from pipelines import export_hf
from pipelines.exporting.flat_modules import rewritten
from pipelines.shared.errors import UserError
from sources import ROOT
from speechllm import Prompt, SamplingConfig, SpeechLM, generate
from speechllm.digits import codes_to_digits
from speechllm.text.tokenizer import Tokenizer

IDS = torch.tensor([[5, 9, 11, 7, 4]])
ALONE = """
import sys
for name in ("speechllm", "codec", "pipelines", "benchmarks"):
    sys.modules[name] = None  # an import of it fails
import torch
from transformers import AutoModel
folder, given, made = sys.argv[1:]
model = AutoModel.from_pretrained(folder, trust_remote_code=True).eval()
inputs = torch.load(given)
with torch.no_grad():
    output = model(**inputs)
codes = model.generate(inputs["input_ids"], seed=3, temperature=0.5)
torch.save({"digits": output.digits, "reader": output.reader, "stop": output.stop, "codes": codes}, made)
"""


@pytest.fixture(scope="module")
def lm(tmp_path_factory) -> SpeechLM:
    """In `lm` of a folder beside its tokenizer."""
    folder = tmp_path_factory.mktemp("lm")
    tokenizer = toys.write_tokenizer(folder / "tokenizer.model")
    size = dict(vocab_size=tokenizer.vocab_size, tokenizer_fingerprint=tokenizer.fingerprint, frame_tables=4)
    model = toys.toy_lm(toys.toy_lm_config(**size))
    model.save_pretrained(folder / "lm", torch.float32)
    model.folder = folder
    return model


def arguments(lm: SpeechLM, out, *more: str) -> list[str]:
    given = ["--lm", str(lm.folder / "lm"), "--tokenizer", str(lm.folder / "tokenizer.model"), "--out", str(out)]
    return [*given, "--licence", "cc-by-4.0", *more]


@pytest.fixture(scope="module")
def folder(lm):
    export_hf.main(arguments(lm, lm.folder / "hf"))
    return lm.folder / "hf"


def test_the_folder_has_what_loaders_look_for(folder):
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == ["LfscTtsModel"] and config["model_type"] == "lfsc_tts"
    assert set(config["auto_map"]) == {"AutoConfig", "AutoModel"}
    assert (folder / "README.md").read_text().startswith('---\nlicense: cc-by-4.0\nlanguage: "en"\n')
    names = {path.name for path in folder.iterdir()}
    assert {"model.safetensors", "tokenizer.model", "modeling_lfsc_tts.py", "configuration_lfsc_tts.py"} <= names
    assert all(path.is_file() for path in folder.iterdir()) and not [name for name in names if name.endswith(".bin")]
    assert not [path.name for path in folder.glob("*.py") if "\nfrom speechllm" in path.read_text()]


def test_logits_and_codes_are_the_same_without_the_project(lm, folder, tmp_path):
    digits = codes_to_digits(toys.random_codes(1, 9).transpose(1, 2), toys.LEVELS)
    given = dict(input_ids=IDS, text_lengths=torch.tensor([5]), digits=digits, positions=torch.arange(9)[None] // 2)
    torch.save(given, tmp_path / "given")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environment |= {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", ALONE, str(folder), str(tmp_path / "given"), str(tmp_path / "made")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr[-3000:]
    made = torch.load(tmp_path / "made")
    with torch.no_grad():
        wanted = lm(IDS, given["text_lengths"], digits, given["positions"])
    for name in ("digits", "reader", "stop"):
        assert torch.allclose(made[name], getattr(wanted, name), atol=1e-5), name
    frames = list(generate(lm, Prompt(IDS[0]), SamplingConfig(seed=3, temperature=0.5)))
    assert made["codes"].shape == (1, 8, len(frames))
    assert torch.equal(made["codes"][0].T, torch.stack([torch.as_tensor(frame.codes) for frame in frames]))


def test_what_does_not_fit_is_refused_and_nothing_is_left(lm, folder, tmp_path):
    with pytest.raises(UserError, match="exists; use another --out"):
        export_hf.main(arguments(lm, folder))
    with pytest.raises(UserError, match="expected OWNER/NAME"):
        export_hf.main(arguments(lm, tmp_path / "out", "--push", "nobody"))
    Tokenizer.train(["abc"], 40).save(tmp_path / "other.model")
    with pytest.raises(UserError, match="trained with another tokenizer"):
        export_hf.main([*arguments(lm, tmp_path / "out"), "--tokenizer", str(tmp_path / "other.model")])
    with pytest.raises(UserError, match="expected a short name"):
        export_hf.main([*arguments(lm, tmp_path / "out"), "--licence", "mine: all mine"])
    assert not list(tmp_path.glob("*out*")) and not list(tmp_path.glob(".*"))


def test_what_the_hub_does_not_take_can_be_sent_by_hand(lm, tmp_path, monkeypatch):
    def refuse(self, *given, **options):
        raise OSError("401: who are you?\nsay so")

    monkeypatch.setattr("huggingface_hub.HfApi.create_repo", refuse)
    again = f"hf upload someone/voice {tmp_path / 'out'} . --private"
    with pytest.raises(UserError, match=rf"not pushed \(401: who are you\? say so\); .* is complete: {again}"):
        export_hf.main(arguments(lm, tmp_path / "out", "--push", "someone/voice", "--private"))
    assert (tmp_path / "out/model.safetensors").is_file()


def test_an_import_that_cannot_be_rewritten_is_an_error():
    with pytest.raises(ValueError, match="inside a function"):
        rewritten("def f():\n    from speechllm.config import LMConfig\n")
    with pytest.raises(ValueError, match="one module of a package at a time"):
        rewritten("from speechllm.model import sequence, packing\n")


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as an upload of small files needs."""

    asked: list[tuple[str, str]] = []
    files: set[str] = set()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        self.asked.append((self.path, self.headers.get("Authorization", "")))
        here = f"http://{self.headers['Host']}"
        if self.path.endswith("/repos/create"):
            self.answer({"url": f"{here}/someone/voice"})
        elif "/preupload/" in self.path:
            files = [file["path"] for file in json.loads(body)["files"]]
            self.answer({"files": [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in files]})
        elif "/commit/" in self.path:
            lines = [json.loads(line) for line in body.splitlines()]
            self.files |= {line["value"]["path"] for line in lines if line["key"] == "file"}
            self.answer({"commitUrl": f"{here}/someone/voice/commit/abc", "commitOid": "abc", "success": True})
        else:
            self.answer({})

    def do_GET(self) -> None:
        self.answer({"id": "someone/voice", "sha": "abc", "siblings": [], "private": False, "tags": []})

    def answer(self, values: dict) -> None:
        data = json.dumps(values).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        pass


def test_a_folder_is_pushed(lm, tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    environment = {**os.environ, "HF_ENDPOINT": address, "HF_TOKEN": "hf_of_a_test", "HF_HUB_OFFLINE": "0"}
    environment |= {
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_DISABLE_XET": "1",
        "PYTHONPATH": str(ROOT),
        "no_proxy": "*",
    }
    command = [sys.executable, str(ROOT / "pipelines/export_hf.py"), *arguments(lm, tmp_path / "hf")]
    done = subprocess.run(
        [*command, "--push", "someone/voice"], env=environment, capture_output=True, text=True, check=False
    )
    server.shutdown()
    assert not done.returncode, done.stderr[-3000:]
    assert f"pushed: {address}/someone/voice/commit/abc" in done.stdout
    assert {path.name for path in (tmp_path / "hf").iterdir()} == Hub.files
    assert {token for _, token in Hub.asked} == {"Bearer hf_of_a_test"}
