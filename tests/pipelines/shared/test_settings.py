"""Training configurations: defaults < file < flags, strictly."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pipelines.shared import settings
from pipelines.shared.errors import UserError
from pipelines.shared.settings import load_yaml, parse, parse_chosen, read


@dataclass(frozen=True)
class Optim:
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.99)
    parts: tuple[str, ...] = ("a", "b")


@dataclass(frozen=True)
class Run:
    data: Path
    optim: Optim = field(default_factory=Optim)
    init_from: Path | None = None
    steps: int = 10
    resume: bool = False
    trainer: dict[str, Any] = field(default_factory=dict)


def run(*argv: str) -> Run:
    return parse(Run, "Train something.", list(argv))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("data: corpus\nsteps: 20\noptim: {learning_rate: 0.5, betas: [0.8, 0.9]}\ntrainer: {devices: 2}\n")
    return str(path)


def test_defaults_file_and_flags_in_that_order(file):
    config = run("--config", file, "--steps=30", "--optim.learning_rate", "1e-4", "--trainer.accelerator=gpu")
    assert (config.data, config.steps) == (Path("corpus"), 30)
    assert config.optim == Optim(1e-4, (0.8, 0.9))
    assert config.trainer == {"devices": 2, "accelerator": "gpu"}
    assert run("--data=x") == Run(Path("x"))


def test_later_arguments_win_over_earlier_ones(file):
    assert run("--config", file, "--steps=1", "--steps=2").steps == 2
    assert run("--steps=1", "--config", file).steps == 20


def test_numbers_as_everyone_writes_them():
    assert load_yaml("[1e-3, 2E5, 1.5e+2, -1e3, 7, 1.0]") == [1e-3, 2e5, 150.0, -1000.0, 7, 1.0]
    assert load_yaml("[1e, e5, a1e3, 12-3]") == ["1e", "e5", "a1e3", "12-3"]


def test_values_get_the_type_of_their_field():
    config = run("--data=x", "--optim.learning_rate=1", "--optim.parts=[c]", "--init_from=y", "--resume=true")
    assert isinstance(config.optim.learning_rate, float)
    assert (config.optim.parts, config.init_from, config.resume) == (("c",), Path("y"), True)
    assert run("--data=x", "--init_from=null").init_from is None
    assert run("--data=x", "--init_from=").init_from is None


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--stepz=3"], "unknown key stepz; did you mean steps?"),
        (["--optim.learning_rte=1"], "unknown key optim.learning_rte; did you mean optim.learning_rate?"),
        (["--qqq=1"], "unknown key qqq; known: data, optim"),
        (["--steps=many"], "steps is 'many'; expected int"),
        (["--steps=1.5"], "steps is 1.5; expected int"),
        (["--steps=true"], "steps is True; expected int"),
        (["--steps.x=1"], "steps is {'x': 1}; expected int"),
        (["--optim=fast"], "optim. is 'fast'; expected `key: value` pairs"),
        (["--optim.betas=[0.9]"], "optim.betas is [0.9]; expected"),
        (["--optim.betas=[0.9"], "--optim.betas is not readable YAML"),
        (["--resume=1"], "resume is 1; expected bool"),
        (["--steps"], "--steps has no value; write --steps=VALUE"),
        (["steps=3"], "got 'steps=3'; expected --config FILE or --key=value"),
        (["--config=absent.yaml"], "no configuration 'absent.yaml'; expected a YAML file or one of: codec/"),
        (["--config=debug"], "several configurations are called debug; expected one of: codec/debug, speechllm/debug"),
    ],
)
def test_mistakes_say_what_to_do(flags, message):
    with pytest.raises(UserError) as caught:
        run("--data=x", *flags)
    assert message in str(caught.value)


def test_what_is_required_is_named():
    with pytest.raises(UserError, match="missing: --data"):
        run()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: [1\nb: 2", "is not readable YAML"),
        ("just words", "is not a configuration"),
        ("", "is not a configuration"),
        ("1: 2", "unknown key 1; known: data"),
        ("steps: 1", "missing: --data"),
    ],
)
def test_files_that_are_no_configuration_are_refused(tmp_path, content, message):
    (tmp_path / "run.yaml").write_text(content)
    with pytest.raises(UserError, match=message):
        run("--config", str(tmp_path / "run.yaml"))


def test_help_lists_every_flag_with_its_default(capsys):
    with pytest.raises(SystemExit) as stopped:
        run("--help")
    assert not stopped.value.code
    printed = capsys.readouterr().out
    assert printed.startswith("usage: ") and "Train something." in printed
    for line in ("--data=required", "--optim.learning_rate=0.001", "--steps=10", "--trainer={}"):
        assert line in printed


def test_help_says_how_the_command_was_called(capsys):
    with pytest.raises(SystemExit):
        parse(Run, "Train something.", ["-h"], prog="lfsc-tts train")
    assert capsys.readouterr().out.startswith("usage: lfsc-tts train [--config ")


def test_a_shipped_configuration_is_read_by_its_name():
    assert read(["--config", "lite-21.5fps", "--codec.name=mine"])["codec"]["name"] == "mine"


def test_the_type_can_depend_on_files_and_flags_which_are_read_once(file, monkeypatch):
    loaded = []
    monkeypatch.setattr(settings, "load_yaml", lambda text, where: loaded.append(where) or load_yaml(text, where))
    choose = lambda values: Optim if values.get("steps") == 3 else Run  # noqa: E731
    assert isinstance(parse_chosen(choose, "", ["--config", file]), Run)
    assert loaded == [file]
    with pytest.raises(UserError, match="unknown key data; known: learning_rate"):
        parse_chosen(choose, "", ["--config", file, "--steps=3"])
