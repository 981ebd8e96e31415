"""Every command and path in the README and in docs/ is real."""

import contextlib
import importlib
import io
import re
import runpy
import shlex
import sys
from functools import cache
from importlib.metadata import metadata
from pathlib import Path

import pytest

from pipelines.shared.settings import parse
from pipelines.speaking.voice import VOICES

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
DOCS = "\n".join([README, *(path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md")))])
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
CONFIG_SCRIPTS = {"pipelines/train_codec.py": "TrainCodec", "pipelines/train_lm.py": "TrainLM"}
SHELL = {"cp", "echo", "mkdir", "aplay", "source", "curl", "hf"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", DOCS, re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Each command of the shell blocks, split into words; pipes and redirections end a command."""
    found = []
    for block in blocks("sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while words:
                stop = next((i for i, word in enumerate(words) if word in ("|", ">", "&&")), len(words))
                found.append(words[:stop])
                words = words[stop + 2 :] if stop < len(words) and words[stop] == ">" else words[stop + 1 :]
    return [words for words in found if words]


COMMANDS = commands()
PYTHON = [words[1:] for words in COMMANDS if words[0] == "python"]


@cache
def help_of(script: str, *command: str) -> str:
    """What a script prints for --help; run here, since importing torch anew would take seconds each time."""
    printed, before = io.StringIO(), sys.argv
    sys.argv = [str(ROOT / script), *command, "--help"]
    try:
        with contextlib.redirect_stdout(printed), pytest.raises(SystemExit) as stopped:
            runpy.run_path(str(ROOT / script), run_name="__main__")
    finally:
        sys.argv = before
    assert stopped.value.code in (None, 0)
    return printed.getvalue()


def test_the_readme_has_commands():
    assert COMMANDS[0][0] == "make"
    assert {words[0] for words in COMMANDS} <= {"make", "python", "pip"} | SHELL


@pytest.mark.parametrize("words", [w for w in COMMANDS if w[0] == "make"], ids=" ".join)
def test_make_targets_exist(words):
    for word in words[1:]:
        variable, equals, _ = word.partition("=")
        pattern = rf"^{variable} \?=" if equals else rf"^{word}:.*## "
        assert re.search(pattern, MAKEFILE, re.MULTILINE), f"the Makefile has no {variable}"


@pytest.mark.parametrize("words", PYTHON, ids=lambda words: " ".join(words)[:80])
def test_scripts_take_the_flags_they_are_given(words):
    script, *arguments = words
    assert (ROOT / script).is_file()
    if script in CONFIG_SCRIPTS:
        pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")
        module = importlib.import_module(script.removesuffix(".py").replace("/", "."))
        arguments = [str(ROOT / word) if word.endswith(".yaml") else word for word in arguments]
        config_type = getattr(module, CONFIG_SCRIPTS[script])
        if script == "pipelines/train_codec.py" and module.family(arguments) == "hifigan":
            config_type = importlib.import_module("pipelines.training.lfsc_codec").TrainHiFiGAN
        parse(config_type, "", arguments)
        return
    command = arguments[:1] if re.search(r"\{[\w,]*\b" + re.escape(arguments[0]) + r"\b", help_of(script)) else []
    known = set(re.findall(r"--[\w-]+", help_of(script, *command)))
    given = {word.partition("=")[0] for word in arguments if word.startswith("--")}
    assert given <= known, f"{script} does not know {sorted(given - known)}"


@pytest.mark.parametrize("words", [w for w in COMMANDS if w[0] == "pip"], ids=" ".join)
def test_extras_exist(words):
    try:
        known = set(metadata("lfsc-tts").get_all("Provides-Extra") or [])
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("lfsc-tts is not installed")
    extras = {extra for word in words for group in re.findall(r"\[([\w,-]+)\]", word) for extra in group.split(",")}
    assert extras <= known


def test_flags_named_in_the_text_exist():
    """The table of flags names those of speaking; others are qualified by their script and tested above."""
    named = set(re.findall(r"^\| `(--[\w-]+)", DOCS, re.MULTILINE))
    assert named
    assert named <= set(re.findall(r"--[\w-]+", help_of("pipelines/tts.py")))


def test_the_tree_exists():
    (tree,) = blocks("text")
    folders: list[str] = []
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        entry = line.split()[0]
        folders = [*folders[:depth], entry]
        path = "".join(folders)
        if not path.startswith("voices/"):  # tests/test_shipped_voice.py looks after it
            assert (ROOT / path).exists(), path


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)\)", README))) or ["README.md"])
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()


@pytest.mark.parametrize("code", blocks("python"))
def test_the_python_example_runs(code, tmp_path, monkeypatch):
    if not (VOICES / "heart" / "voice.yaml").is_file():
        pytest.skip("voices/heart is not in this checkout")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "hello.wav").stat().st_size > 10_000
