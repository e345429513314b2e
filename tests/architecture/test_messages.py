"""Every code has one sentence: no table of sentences takes the place of another's."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import server.messages
from server.messages import MESSAGES

FOLDER = Path(server.messages.__file__).parent


def codes() -> Iterator[str]:
    """The codes as the tables spell them, once for each time they stand there."""
    for path in sorted(FOLDER.glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict):
                yield from (str(key.value) for key in node.value.keys if isinstance(key, ast.Constant))


def test_no_code_is_defined_twice() -> None:
    counted = Counter(codes())
    assert [code for code, count in counted.items() if count > 1] == []


def test_every_table_is_part_of_the_whole() -> None:
    assert set(codes()) == set(MESSAGES)
