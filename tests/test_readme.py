"""Every command and path in the README and in docs/ is real."""

import contextlib
import io
import re
import runpy
import shlex
import sys
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

import pytest

from pipelines.lfsc_tts import COMMANDS as SUBCOMMANDS
from pipelines.shared.resources import VOICES
from pipelines.shared.settings import parse_chosen

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
DOCS = "\n".join([README, *(path.read_text("utf-8") for path in sorted((ROOT / "docs").glob("*.md")))])
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
CONFIGURED = {  # scripts that take a configuration, and what says of which type it is
    "pipelines/train_codec.py": "config_type",
    "pipelines/train_lm.py": "TrainLM",
    "pipelines/train_preferences.py": "TrainPreferences",
}
SHELL = {"cp", "echo", "mkdir", "aplay", "source", "curl", "hf", "base64", "kubectl", "export", "git", "tar"}


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


def script_of(subcommand: str) -> str:
    """The script that a subcommand of lfsc-tts runs."""
    names = {"say": "tts", "read": "tts", "wyoming": "serve_wyoming"}
    return f"pipelines/{names.get(subcommand, subcommand).replace('-', '_')}.py"


COMMANDS = commands()
INSTALLED = [words[1:] for words in COMMANDS if words[0] == "lfsc-tts" and words[1:] != ["--help"]]
SCRIPTS = [words[1:] for words in COMMANDS if words[0] == "python"]
SCRIPTS += [[script_of(command), *arguments] for command, *arguments in INSTALLED]


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
    assert {words[0] for words in COMMANDS} <= {"make", "python", "pip", "lfsc-tts"} | SHELL
    assert INSTALLED and {command for command, *_ in INSTALLED} <= set(SUBCOMMANDS)


@pytest.mark.parametrize("words", [w for w in COMMANDS if w[0] == "make"], ids=" ".join)
def test_make_targets_exist(words):
    for word in words[1:]:
        variable, equals, _ = word.partition("=")
        pattern = rf"^{variable} \?=" if equals else rf"^{word}:.*## "
        assert re.search(pattern, MAKEFILE, re.MULTILINE), f"the Makefile has no {variable}"


@pytest.mark.parametrize("words", SCRIPTS, ids=lambda words: " ".join(words)[:80])
def test_scripts_take_the_flags_they_are_given(words):
    script, *arguments = words
    assert (ROOT / script).is_file()
    if script in CONFIGURED:
        pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")
        found = getattr(import_module(script.removesuffix(".py").replace("/", ".")), CONFIGURED[script])
        parse_chosen((lambda values: found) if isinstance(found, type) else found, "", arguments)
        return
    command = arguments[:1] if re.search(r"\{[\w,]*\b" + re.escape(arguments[0]) + r"\b", help_of(script)) else []
    known = set(re.findall(r"--[\w-]+", help_of(script, *command)))
    given = {word.partition("=")[0] for word in arguments if word.startswith("--")}
    assert given <= known, f"{script} does not know {sorted(given - known)}"


@pytest.mark.parametrize("words", [w for w in COMMANDS if w[0] == "pip"], ids=" ".join)
def test_extras_exist(words):
    try:
        known = set(metadata("lfsc-tts").get_all("Provides-Extra") or [])
    except PackageNotFoundError:
        pytest.skip("lfsc-tts is not installed")
    extras = {extra for word in words for group in re.findall(r"\[([\w,-]+)\]", word) for extra in group.split(",")}
    assert extras <= known


def test_flags_named_in_the_text_exist():
    """The table of flags names those of speaking; others are qualified by their script and tested above."""
    named = set(re.findall(r"^\| `(--[\w-]+)", DOCS, re.MULTILINE))
    assert named
    assert named <= set(re.findall(r"--[\w-]+", help_of("pipelines/tts.py")))


def listed() -> list[str]:
    """Paths of the tree; those of folders end with a slash."""
    (tree,) = blocks("text")
    folders: list[str] = []
    found = []
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2
        folders = [*folders[:depth], line.split()[0]]
        found.append("".join(folders))
    return found


def test_what_the_tree_lists_exists():
    for path in listed():
        found = ROOT / path
        if not path.startswith("voices/"):  # tests/test_shipped_voice.py looks after it
            assert found.is_dir() if path.endswith("/") else found.is_file(), path


def test_what_exists_is_in_the_tree():
    """Every script that can be run, every folder of the packages and of what they read."""
    packages = "codec", "speechllm", "pipelines", "benchmarks"
    scripts = [path for package in packages[2:] for path in (ROOT / package).glob("*.py") if path.stem != "__init__"]
    modules = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    files = [path for folder in ("configs", "docs") for path in (ROOT / folder).rglob("*.*")]
    folders = {path.parent for path in modules + files} | {ROOT / "tests", ROOT / "configs", *VOICES.glob("*/")}
    wanted = {path.relative_to(ROOT).as_posix() for path in scripts}
    wanted |= {f"{path.relative_to(ROOT).as_posix()}/" for path in folders}
    assert not wanted - set(listed())


def test_the_changelog_says_where_moved_names_are():
    rows = re.findall(r"^\| `[\w.]+` \| (.*) \|$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    moved = [found for row in rows for found in re.findall(r"`(\w+(?:\.\w+)+)`(?: \(([^)]+)\))?", row)]
    assert moved
    for module, names in moved:
        source = (ROOT / f"{module.replace('.', '/')}.py").read_text("utf-8")
        for name in re.findall(r"\w+", names):
            assert re.search(rf"^(?:class |def |)({name})\b", source, re.MULTILINE), f"no {name} in {module}"


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!https?:)([^)#]+)\)", README))) or ["README.md"])
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()


@pytest.mark.parametrize("code", blocks("python"))
def test_the_python_example_runs(code, tmp_path, monkeypatch):
    if not (VOICES / "heart" / "voice.yaml").is_file():
        pytest.skip("voices/heart is not in this checkout")
    (tmp_path / "voices").symlink_to(VOICES)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "hello.wav").stat().st_size > 10_000
