"""The sources of the packages, parsed and walked through once for all tests that look at them."""

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("itembank", "exam_rooms", "proctoring", "server", "client")
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """A file's tree; `imported`: the first parts of all names; `called`: every `name` of an `any.name()`."""

    tree: ast.Module
    functions: tuple[Function, ...]
    imported: frozenset[str]
    called: frozenset[str]


@cache
def sources() -> tuple[Path, ...]:
    """Every Python file of the packages."""
    return tuple(path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))


@cache
def source(path: Path) -> Source:
    """What stands in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions, imported, called = [], set(), set()
    for node in ast.walk(tree):
        if isinstance(node, Function):
            functions.append(node)
        elif isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.split(".")[0])
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called.add(node.func.attr)
    return Source(tree, tuple(functions), frozenset(imported), frozenset(called))
