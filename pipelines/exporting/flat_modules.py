"""The source files that a module of `speechllm` needs, side by side in one folder, importing each other from there."""

import ast
import importlib
import re
from pathlib import Path

PACKAGE = "speechllm"
IMPORT = re.compile(rf"^from ({PACKAGE}[\w.]*) import ", re.MULTILINE)
LICENCE = "# SPDX-License-Identifier: Apache-2.0\n# From {module} of lfsc-tts, made by `lfsc-tts export-hf`.\n"


def flattened(module: str) -> dict[str, str]:
    """Source texts by file name, of a module and of all that it imports of the package.

    Raises:
        ValueError: an import that cannot be rewritten.
    """
    texts: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if f"{flat(name)}.py" in texts:
            continue
        source = Path(str(importlib.import_module(name).__file__)).read_text("utf-8")
        text, found = rewritten(source)
        texts[f"{flat(name)}.py"] = LICENCE.format(module=name) + text
        waiting += found
    return texts


def flat(module: str) -> str:
    """The file's name without its ending: speechllm.model.reader -> model_reader; what is portable keeps its own."""
    parts = module.split(".")[1:]
    return "_".join(parts[1:] if parts[0] == "portable" else parts)


def rewritten(source: str) -> tuple[str, list[str]]:
    """A source text that imports its neighbours relatively, and the modules they are."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            if node.col_offset:
                raise ValueError(f"an import of {node.module} inside a function or a condition cannot be rewritten")
            found += imported(node)

    def neighbour(match: re.Match[str]) -> str:
        return f"from .{flat(match[1])} import " if match[1] in found else match[0]

    text = IMPORT.sub(neighbour, source)
    for module in found:
        parent, _, name = module.rpartition(".")
        # The first line is for transformers, which copies the files that it finds named so.
        as_module = f"from .{flat(module)} import __doc__ as _  # noqa\nfrom . import {flat(module)} as {name}\n"
        text = text.replace(f"from {parent} import {name}\n", as_module)
    if left := IMPORT.search(text):
        raise ValueError(f"{left[0]!r} cannot be rewritten; import one module of a package at a time")
    return text, found


def imported(node: ast.ImportFrom) -> list[str]:
    """The modules of an import: the one it names, or those it takes out of a package."""
    assert node.module
    if not hasattr(importlib.import_module(node.module), "__path__"):
        return [node.module]
    return [f"{node.module}.{alias.name}" for alias in node.names]
