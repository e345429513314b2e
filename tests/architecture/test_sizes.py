"""Small files, small functions, few parameters; names say what is inside."""

import ast
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from tests.architecture.parsed import ROOT, Function, source, sources

FILE_LIMIT, FUNCTION_LIMIT = 400, 60


def files() -> list[Path]:
    return [path for path in sources() if "versions" not in path.parts]


def functions() -> Iterator[tuple[str, int]]:
    for path in files():
        for node in source(path).functions:
            yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node.end_lineno - node.lineno + 1


def test_files_are_small() -> None:
    long = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files()}
    assert {name: lines for name, lines in long.items() if lines > FILE_LIMIT} == {}


def test_scripts_and_styles_are_small() -> None:
    found = [*(ROOT / "client/ui").rglob("*.js"), *(ROOT / "server/static").rglob("*.js")]
    own = [path for path in found if "vendor" not in path.parts]
    assert [str(path) for path in own if len(path.read_text().splitlines()) > FILE_LIMIT] == []


def test_functions_are_small() -> None:
    lengths = dict(functions())
    assert {name: lines for name, lines in lengths.items() if lines > FUNCTION_LIMIT} == {}
    assert median(lengths.values()) <= 12


def test_no_drawer_modules() -> None:
    banned = {"utils", "helpers", "common", "misc"}
    assert [str(path) for path in files() if path.stem in banned or path.parent.name in banned] == []


def test_public_names_are_documented() -> None:
    bare = []
    for path in files():
        for node in source(path).tree.body:
            public = isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_")
            if public and ast.get_docstring(node) is None:
                bare.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}")
    assert bare == []
