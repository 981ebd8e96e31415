"""The command `lfsc-tts`: every script a user runs, found at once, loaded alone."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from pipelines import lfsc_tts
from pipelines.lfsc_tts import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
NOT_COMMANDS = {
    "lfsc_tts",
    "tts",
    "corpus_texts",
    "build_grammars",
    "serve_wyoming",
}  # the command itself, `say` and `read`, what `make corpus` runs, and what may not bear the name of a library


def test_every_script_is_a_command():
    scripts = {path.stem for path in (ROOT / "pipelines").glob("*.py")} - {"__init__"} - NOT_COMMANDS
    assert {name.replace("-", "_") for name in COMMANDS} == scripts | {"say", "read", "wyoming"}


@pytest.mark.parametrize("argv", [[], ["-h"], ["--help"]])
def test_help_lists_every_command_in_a_line(capsys, argv):
    lfsc_tts.main(argv)
    lines = capsys.readouterr().out.splitlines()
    for name, (_, what) in COMMANDS.items():
        assert [line for line in lines if line.split()[:1] == [name] and what in line], name
    assert max(map(len, lines)) <= 100


def test_help_comes_at_once():
    code = "import sys; from pipelines import lfsc_tts; lfsc_tts.main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"torch", "numpy", "codec", "speechllm", "yaml", "rich"} & set(done.stderr.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_the_flags_of_its_script_and_its_own_name(capsys, command):
    if command.startswith("train-"):
        pytest.importorskip("lightning", reason="the training scripts need lfsc-tts[train]")
    with pytest.raises(SystemExit) as stopped:
        lfsc_tts.main([command, "--help"])
    assert not stopped.value.code
    assert capsys.readouterr().out.startswith(f"usage: lfsc-tts {command} ")


@pytest.mark.parametrize(
    ("command", "hint"),
    [
        ("train-code", "did you mean train-codec?"),
        ("speak", "expected one of: say, read, serve, wyoming, "),
        ("", "expected one of: say, "),
        ("--text", "expected one of: say, "),
    ],
)
def test_an_unknown_command_gets_one_line(capsys, command, hint):
    with pytest.raises(SystemExit) as stopped:
        lfsc_tts.main([command])
    printed = capsys.readouterr()
    assert (stopped.value.code, printed.out) == (2, "")
    assert printed.err.startswith(f"error: unknown command {command!r}; {hint}") and printed.err.count("\n") == 1


def test_a_mistake_of_a_command_is_one_line(capsys):
    with pytest.raises(SystemExit) as stopped:
        lfsc_tts.main(["say", "--text", "Hello.", "--voice", "nobody"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.startswith(
        "error: no voice 'nobody'; expected a voice folder or one of: english, heart"
    )


@pytest.mark.parametrize(
    ("package", "argv", "remedy"),
    [
        ("lightning", ["train-codec", "--config", "lite-21.5fps"], "pip install 'lfsc-tts[train]'"),
        ("transformers", ["export-hf", "--help"], "pip install 'lfsc-tts[hf]'"),
    ],
)
def test_what_is_not_installed_is_named_with_its_remedy(package, argv, remedy):
    """In a process of its own: modules that are imported twice are no longer those that other tests hold."""
    code = f"import sys; sys.modules[{package!r}] = None\nfrom pipelines.lfsc_tts import main; main({argv})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{argv[0]} needs {package}" in done.stderr and remedy in done.stderr and done.stderr.count("\n") == 1


def test_speaking_is_loaded_once():
    """Run as a script, pipelines/tts.py is `__main__`; nothing imports it a second time under its own name."""
    code = (
        "import runpy, sys; sys.argv = ['pipelines/tts.py', '--help']\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "pipelines.speaking.command_line" in loaded and "pipelines.tts" not in loaded


def test_the_class_has_its_public_name():
    assert import_module("pipelines.tts").TTS is import_module("pipelines.speaking.synthesis").TTS
