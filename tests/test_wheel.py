"""A wheel speaks by itself: built, installed beside nothing, and run from a folder that nobody can write to."""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipelines.shared.resources import VOICES
from pipelines.speaking.outputs import FileWriter
from pipelines.speaking.synthesis import TTS

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("codec", "speechllm", "pipelines", "benchmarks", "tests", "configs", "voices")
FILES = ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "CHANGELOG.md", "LICENSE", "NOTICE")
TEXT = "The quick brown fox jumps over 12 lazy dogs."

pytest.importorskip("hibari", reason="speaking needs hibari-tts")
pytestmark = [
    pytest.mark.skipif(not (find_spec("pip") and find_spec("setuptools")), reason="building needs lfsc-tts[dev]"),
    pytest.mark.skipif(not (VOICES / "heart/voice.yaml").is_file(), reason="voices/heart is not in this checkout"),
]


def python(*arguments: object, cwd: Path, **environment: object) -> str:
    """Standard output of the interpreter; sees no clone."""
    command = [sys.executable, *map(str, arguments)]
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "LFSC_CACHE")}
    env = {**clean, "PYTHONDONTWRITEBYTECODE": "1", **{key: str(value) for key, value in environment.items()}}
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def build(source: object, out: Path) -> Path:
    """A wheel of a source tree or an sdist."""
    offline = "--no-deps", "--no-build-isolation", "--no-index"
    python("-m", "pip", "wheel", source, "--wheel-dir", out, *offline, cwd=out.parent)
    (wheel,) = out.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of the sources: building leaves files behind."""
    tree = tmp_path_factory.mktemp("tree")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, tree)
    return tree


@pytest.fixture(scope="module")
def wheel(tree) -> Path:
    stale = tree / "build/lib/pipelines/left_by_an_earlier_version.py"
    stale.parent.mkdir(parents=True)
    stale.touch()
    return build(tree, tree / "wheels")


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder with the wheel in it and nothing else."""
    target = tmp_path_factory.mktemp("installed")
    python("-m", "pip", "install", wheel, "--no-deps", "--no-index", "--target", target, cwd=target)
    return target


def contents(wheel: Path) -> dict[str, int]:
    """Checksum of every file, by name."""
    with zipfile.ZipFile(wheel) as archive:
        return {item.filename: item.CRC for item in archive.infolist()}


def test_it_holds_the_packages_the_voices_and_the_configurations(wheel):
    names = set(contents(wheel))
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"codec", "speechllm", "pipelines"}
    modules = {
        path.relative_to(ROOT).as_posix()
        for package in ("codec", "speechllm", "pipelines")
        for path in (ROOT / package).rglob("*.py")
    }
    assert {name for name in names if name.endswith(".py")} == modules
    shipped = [
        path
        for folder in ("configs", "voices/heart", "voices/english")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    ]
    resources = {name.removeprefix("pipelines/resources/") for name in names if "/resources/" in name}
    assert resources == {path.relative_to(ROOT).as_posix() for path in shipped}
    for suffix in (".fst", ".tsv"):  # grammars, tables of words
        files = {path.relative_to(ROOT).as_posix() for path in (ROOT / "speechllm").rglob(f"*{suffix}")}
        assert {name for name in names if name.endswith(suffix)} == files != set()
    page = {path.relative_to(ROOT).as_posix() for path in (ROOT / "pipelines/serving/page").iterdir()}
    assert {name for name in names if name.startswith("pipelines/serving/page/")} == page != set()
    assert wheel.stat().st_size <= 100e6  # the index takes files of 100 MiB


def test_an_sdist_builds_the_same_wheel(tree, wheel):
    hook = "from setuptools.build_meta import build_sdist; build_sdist('sdists')"
    python("-c", hook, cwd=tree)
    (sdist,) = (tree / "sdists").glob("*.tar.gz")
    assert contents(build(sdist, tree / "wheels_of_sdist")) == contents(wheel)


def files_below(*folders: Path) -> set[Path]:
    return {path for folder in folders for path in folder.rglob("*")}


def test_it_speaks_from_a_folder_that_nobody_can_write_to(installed, tmp_path):
    tts = TTS.from_pretrained("heart")
    with FileWriter(tmp_path / "clone.wav", tts.sample_rate) as writer:
        writer.write(tts.synthesize(TEXT, seed=3).audio)
    (locked := tmp_path / "locked").mkdir(mode=0o555)
    before = files_below(locked, installed)
    flags = "--text", TEXT, "--seed", 3, "--out", tmp_path / "wheel.wav"
    python(installed / "bin/lfsc-tts", "say", *flags, cwd=locked, PYTHONPATH=installed, HOME=locked)
    spoken, cloned = (soundfile.read(tmp_path / name, dtype="int16")[0] for name in ("wheel.wav", "clone.wav"))
    assert np.array_equal(spoken, cloned)
    assert files_below(locked, installed) == before  # to root every folder is open


def test_it_knows_its_configurations_by_name(installed, tmp_path):
    code = (
        "import pipelines; from pipelines.shared.resources import VOICES, find_config;"
        "print(pipelines.__file__, find_config('lite-21.5fps'), *sorted(VOICES.iterdir()), sep='\\n')"
    )
    inside = installed / "pipelines"
    voices = "resources/voices/english", "resources/voices/heart"
    files = "__init__.py", "resources/configs/codec/lite-21.5fps.yaml", *voices
    found = python("-c", code, cwd=tmp_path, PYTHONPATH=installed)
    assert found.splitlines() == [str(inside / file) for file in files]
