"""The house rules as code: who may import whom, what lies where, sizes, names."""

import ast
import re
import statistics
import subprocess
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath

import pytest

from sources import GRAPH, IMPORTS, PACKAGES, ROOT, SOURCES, TREES, name, tops

# Who may import whom. A room is a folder, a file, or all scripts of a folder; it may import itself, the rooms that
# stand behind it, and what those may import. `codec` and `speechllm` are all their rooms but training.
MAY_IMPORT = {
    "codec/audio": "codec/dsp",
    "codec/dsp": "codec/dsp/constants.py codec/dsp/mel.py",
    "codec/dsp/constants.py": "",
    "codec/dsp/mel.py": "",
    "codec/fsq.py": "codec/precision.py",
    "codec/licence.py": "",
    "codec/metrics.py": "codec/dsp",
    "codec/precision.py": "",
    "codec/rates.py": "",
    "codec/watermark": "",
    "codec/interface.py": "codec/dsp codec/fsq.py codec/licence.py codec/rates.py",
    "codec/streaming.py": "codec/interface.py",
    "codec/lite": "codec/streaming.py",
    "codec/hifigan": "codec/streaming.py",
    "codec/pretrained": "codec/lite codec/hifigan",
    "codec/runtime": "codec/licence.py codec/rates.py codec/dsp/constants.py codec/dsp/mel.py",
    "codec/speaker": "codec/runtime",
    "codec/export": "codec/lite codec/hifigan codec/speaker",
    "codec/__init__.py": "codec/pretrained",
    "codec/training": "codec",
    "speechllm/config.py": "",
    "speechllm/digits.py": "",
    "speechllm/request.py": "speechllm/config.py",
    "speechllm/text": "",
    "speechllm/model": "speechllm/config.py speechllm/digits.py",
    "speechllm/data": "speechllm/config.py speechllm/digits.py",
    "speechllm/inference": "speechllm/model speechllm/data speechllm/request.py",
    "speechllm/runtime": "speechllm/request.py",
    "speechllm/export": "speechllm/model speechllm/runtime",
    "speechllm/gepard": "speechllm/text speechllm/model",
    "speechllm/pretrained": "speechllm/model",
    "speechllm/portable": "speechllm/inference",
    "speechllm/__init__.py": "speechllm/inference",
    "speechllm/training": "speechllm/model speechllm/data",
    "pipelines/shared": "",
    "pipelines/corpus": "pipelines/shared codec speechllm",
    "pipelines/formats": "pipelines/corpus speechllm",
    "pipelines/encoding": "pipelines/formats",
    "pipelines/speaking": "pipelines/shared codec speechllm",
    "pipelines/serving": "pipelines/speaking",
    "pipelines/preferences": "pipelines/speaking",
    "pipelines/training": "pipelines/corpus codec/training speechllm/training",
    "pipelines/exporting": "pipelines/speaking pipelines/corpus",
    "pipelines/finetuning": "pipelines/exporting",
    "pipelines/*.py": (
        "pipelines/encoding pipelines/exporting pipelines/preferences pipelines/serving pipelines/training"
    ),
    "pipelines/finetune.py": "pipelines/*.py pipelines/finetuning",  # runs the others one after the other
    "benchmarks/texts": "pipelines/shared",
    "benchmarks/report": "pipelines/shared",
    "benchmarks/load": "benchmarks/report",
    "benchmarks/timing": "benchmarks/report speechllm",
    "benchmarks/oracle": "benchmarks/timing codec",
    "benchmarks/speakers": "benchmarks/texts benchmarks/timing pipelines/speaking",
    "benchmarks/judges": "benchmarks/speakers pipelines/corpus",
    "benchmarks/*.py": "benchmarks/load benchmarks/judges benchmarks/oracle pipelines/encoding speechllm/training",
}
MOST_FLAT_FILES = {"codec": 8, "speechllm": 4}
MOST_FILE_LINES, MOST_FUNCTION_LINES, MEDIAN_FUNCTION_LINES = 300, 60, 7
SPEAKING = ("codec/", "speechllm/", "pipelines/speaking/", "pipelines/shared/")


def room(file: str) -> str:
    """The entry of MAY_IMPORT to which a file belongs."""
    path = PurePosixPath(file)
    entries = [file, *map(str, path.parents)]
    if len(path.parts) == 2:
        entries.append(f"{path.parent}/*.py")
    return next((entry for entry in entries if entry in MAY_IMPORT), f"{path.parent}, which is not in MAY_IMPORT")


def below(entry: str) -> set[str]:
    """The rooms that a room may import, directly and through others."""
    found: set[str] = set()
    waiting = MAY_IMPORT.get(entry, "").split()
    while waiting:
        one = waiting.pop()
        parts = [other for other in MAY_IMPORT if other.startswith(f"{one}/") and not other.endswith("/training")]
        new = set(parts if one in PACKAGES else [one]) - found
        found |= new
        waiting += [other for each in new for other in MAY_IMPORT[each].split()]
    return found


def test_rooms_import_only_what_lies_below_them():
    wrong = []
    for file, imported in GRAPH.items():
        own = room(file)
        allowed = below(own) | (set() if own.endswith("*.py") else {own})  # a script imports no script
        wrong += [f"{file} imports {other}" for other in sorted(imported) if room(other) not in allowed]
    assert not wrong, "\n".join(wrong)


def test_no_files_import_each_other_in_a_circle():
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_the_table_of_rooms_has_no_circle_and_no_room_that_is_not_there():
    assert not [entry for entry in MAY_IMPORT if entry in below(entry)]
    assert {room(file) for file in TREES} == set(MAY_IMPORT)


@pytest.mark.parametrize(("package", "most"), MOST_FLAT_FILES.items())
def test_few_files_lie_flat(package, most):
    flat = sorted(path.name for path in (ROOT / package).glob("*.py"))
    assert len(flat) <= most, flat


@pytest.mark.parametrize("package", ["pipelines", "benchmarks"])
def test_what_lies_flat_can_be_run(package):
    flat = [path for path in (ROOT / package).glob("*.py") if path.name != "__init__.py"]
    assert not [path.name for path in flat if '\nif __name__ == "__main__":\n' not in path.read_text("utf-8")]


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
        if file.startswith(SPEAKING) and "/training/" not in file and ".training" in module
    ]
    assert not wrong


def test_files_are_short_and_named_for_what_they_do():
    files = [*SOURCES, *(ROOT / "tests").rglob("*.py")]
    lengths = {name(path): len(path.read_text("utf-8").splitlines()) for path in files}
    assert not {file: length for file, length in lengths.items() if length > MOST_FILE_LINES}
    assert not [file for file in lengths if Path(file).stem in ("utils", "helpers", "common", "misc")]


def test_functions_fit_in_the_head():
    lengths = {
        f"{file}:{node.lineno} {node.name}": (node.end_lineno or 0) - node.lineno + 1
        for file, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert not {function: length for function, length in lengths.items() if length > MOST_FUNCTION_LINES}
    assert statistics.median(lengths.values()) <= MEDIAN_FUNCTION_LINES


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
