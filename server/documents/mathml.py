"""MathML as a tree for a template: common elements by name, everything else as a row of its children.

Nodes: {"m": "row"|"frac"|"sqrt"|"root"|"attach"|"over"|"table"|"fence", "c": [...]}, {"m": "sign"|"word"|
"number"|"text", "s": text}. In "attach" the children are base, below, above (None where there is none).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

Formula = dict[str, Any]

_LEAVES = {"mi": "sign", "mo": "sign", "mn": "number", "mtext": "text", "ms": "text"}
_SKIPPED = frozenset({"annotation", "annotation-xml", "mspace", "none", "mprescripts"})
_LIMITS = frozenset("∑∏∐⋃⋂⋁⋀")


class Tag(Protocol):
    """What is needed of an element of `markup`."""

    tag: str
    attrs: dict[str, str]

    @property
    def children(self) -> Sequence[Any]:
        """Elements and strings in order."""

    def text(self) -> str:
        """All characters inside."""


def formula(element: Tag) -> Formula:
    """One element, `math` included, as a node."""
    if element.tag in _LEAVES:
        return _leaf(element)
    parts = [formula(child) for child in _elements(element)]
    make = _MAKERS.get(element.tag)
    if make is None or len(parts) < _LEAST.get(element.tag, 0):
        return parts[0] if len(parts) == 1 else {"m": "row", "c": parts}
    return make(element, parts)


def _elements(element: Tag) -> list[Any]:
    return [child for child in element.children if not isinstance(child, str) and child.tag not in _SKIPPED]


def _leaf(element: Tag) -> Formula:
    text = " ".join(element.text().split())
    name = _LEAVES[element.tag]
    if name == "sign" and len(text) != 1:
        name = "word" if text.isalpha() else "text"
    return {"m": name, "s": text}


def _attach(parts: Sequence[Formula | None]) -> Formula:
    base = parts[0] or {}
    return {"m": "attach", "c": list(parts), "limits": base.get("s") in _LIMITS}


def _limits(parts: Sequence[Formula | None]) -> Formula:
    return _attach(parts) | {"limits": True}


def _over(element: Tag, parts: list[Formula]) -> Formula:
    above = parts[1].get("s", "")
    if above in ("¯", "‾", "_", "―", "→", "^", "ˆ", "~", "˜", "˙", "¨", "⃗"):
        return {"m": "over", "c": parts[:1], "s": above}
    return _limits([parts[0], None, parts[1]])


def _fence(element: Tag, parts: list[Formula]) -> Formula:
    return {
        "m": "fence",
        "open": element.attrs.get("open", "(")[:1],
        "close": element.attrs.get("close", ")")[:1],
        "separator": element.attrs.get("separators", ",").strip()[:1],
        "c": parts,
    }


def _table(element: Tag, _parts: list[Formula]) -> Formula:
    rows = [
        [formula(cell) for cell in _elements(row)] for row in _elements(element) if row.tag.startswith("m")
    ]
    wide = max((len(row) for row in rows), default=0)
    empty: Formula = {"m": "row", "c": []}
    return {"m": "table", "c": [row + [empty] * (wide - len(row)) for row in rows]}


_LEAST = {
    "mfrac": 2,
    "mroot": 2,
    "msub": 2,
    "msup": 2,
    "munder": 2,
    "mover": 2,
    "msubsup": 3,
    "munderover": 3,
}
_MAKERS: Mapping[str, Callable[[Tag, list[Formula]], Formula]] = {
    "mfrac": lambda _tag, parts: {"m": "frac", "c": parts[:2]},
    "msqrt": lambda _tag, parts: {"m": "sqrt", "c": parts},
    "mroot": lambda _tag, parts: {"m": "root", "c": parts[:2]},
    "msub": lambda _tag, parts: _attach([parts[0], parts[1], None]),
    "msup": lambda _tag, parts: _attach([parts[0], None, parts[1]]),
    "msubsup": lambda _tag, parts: _attach(parts[:3]),
    "munder": lambda _tag, parts: _limits([parts[0], parts[1], None]),
    "mover": _over,
    "munderover": lambda _tag, parts: _limits(parts[:3]),
    "mfenced": _fence,
    "mtable": _table,
}
