"""The source of the four packages, and who imports whom in it."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("codec", "speechllm", "pipelines", "benchmarks")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


TREES = {name(path): ast.parse(path.read_text("utf-8")) for path in SOURCES}


def imports(file: str) -> Iterator[tuple[str, ...]]:
    """All that a file imports, wherever in it; `from a import b` gives a.b and a, for b need not be a module."""
    for node in ast.walk(TREES[file]):
        if isinstance(node, ast.Import):
            yield from ((alias.name,) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file}:{node.lineno} is a relative import"
            yield from ((f"{node.module}.{alias.name}", str(node.module)) for alias in node.names)


def source(modules: tuple[str, ...]) -> str | None:
    """The file of the first of some modules that is one of the project's."""
    paths = [module.replace(".", "/") for module in modules]
    files = [file for path in paths for file in (f"{path}.py", f"{path}/__init__.py")]
    return next((file for file in files if file in TREES), None)


IMPORTS = {file: {module for modules in imports(file) for module in modules} for file in TREES}
GRAPH = {file: {found for modules in imports(file) if (found := source(modules))} for file in TREES}


def tops(file: str) -> set[str]:
    """Names of the libraries and packages that a file imports."""
    return {module.partition(".")[0] for module in IMPORTS[file]}
