"""Texts of items as a tree that a template can walk: the safe subset of HTML, MathML, gaps, media.

A node is a string or an object with a tag "t". Tags: par br strong em i u s sub sup code pre quote hr list
table image sound gap ruby math link; children under "c". Unknown tags give their children.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from server.documents.mathml import formula

Node = str | dict[str, Any]
Nodes = list[Node]

GAP = re.compile(r"\[\[([0-9]{1,2})\]\]")
MEDIA = re.compile(r"media:([0-9a-f]{64})")
PIXEL_POINTS = 0.75  # 96 pixels and 72 points an inch
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_VOID = frozenset({"br", "hr", "img", "col", "wbr", "source"})
_DROPPED = frozenset({"rp", "script", "style", "annotation", "annotation-xml", "template"})
_INLINE = {
    "b": "strong",
    "strong": "strong",
    "em": "em",
    "i": "i",
    "u": "u",
    "ins": "u",
    "s": "s",
    "del": "s",
    "sub": "sub",
    "sup": "sup",
    "code": "code",
}
_MOST_SPAN = 50
_DEEPEST = 20  # deeper tags stand beside each other: nobody nests so far, and templates have a limit


@dataclass(slots=True)
class Element:
    """A tag as read: name, attributes, children in order."""

    tag: str
    attrs: dict[str, str] = field(default_factory=dict)
    children: list["Element | str"] = field(default_factory=list)

    def text(self) -> str:
        """All characters inside."""
        return "".join(child if isinstance(child, str) else child.text() for child in self.children)

    def found(self, tag: str) -> Iterator["Element"]:
        """Every descendant of this name, in order; not those inside a descendant of the same name."""
        for child in self.children:
            if isinstance(child, Element):
                yield from [child] if child.tag == tag else child.found(tag)


def nodes(text: str, *, html: bool) -> Nodes:
    """A text in an item's markup as nodes."""
    return _joined(_children(parse(text))) if html else _plain(text)


def width_of(tree: Sequence[Node]) -> int:
    """About how wide nodes are set in one line, in half-widths of a Chinese character; pictures are wide."""
    return sum(_node_width(node) for node in tree)


def parse(text: str) -> Element:
    """HTML as elements; forgiving about tags that nobody closed."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.root


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("root")
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in _VOID and len(self._open) < _DEEPEST:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if self._open[-1].tag == tag:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        names = [element.tag for element in self._open]
        if tag in names[1:]:
            del self._open[len(names) - 1 - names[::-1].index(tag) :]

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def _plain(text: str) -> Nodes:
    found: Nodes = []
    for number, line in enumerate(text.strip().splitlines()):
        found += [{"t": "br"}] if number else []
        found += _gaps(line)
    return found


def _gaps(text: str) -> Nodes:
    parts = GAP.split(text)
    found: Nodes = []
    for number, part in enumerate(parts):
        if number % 2:
            found.append({"t": "gap", "key": part})
        elif part:
            found.append(part)
    return found


def _children(element: Element, *, kept: bool = False) -> Nodes:
    found: Nodes = []
    for child in element.children:
        if isinstance(child, str):
            found += _gaps(child if kept else _BLANKS.sub(" ", child))
        else:
            found += _node(child)
    return found


def _node(element: Element) -> Nodes:
    tag = element.tag
    if tag in _DROPPED:
        return []
    if tag in _INLINE:
        return [{"t": _INLINE[tag], "c": _children(element, kept=tag == "code")}]
    make = _MAKERS.get(tag)
    return [make(element)] if make else _children(element)


def _paragraph(element: Element) -> Node:
    return {"t": "par", "c": _joined(_children(element))}


def _list(element: Element) -> Node:
    entries = [_joined(_children(entry)) for entry in element.found("li")]
    return {"t": "list", "ordered": element.tag == "ol", "c": entries}


def _image(element: Element) -> Node:
    sha = MEDIA.search(element.attrs.get("src", ""))
    width = _number(element.attrs.get("width", ""), 0, 10_000)
    return {
        "t": "image",
        "sha": sha[1] if sha else "",
        "alt": element.attrs.get("alt", ""),
        "width": width * PIXEL_POINTS,
    }


def _ruby(element: Element) -> Node:
    above = [part for child in element.found("rt") for part in _children(child)]
    kept = [child for child in element.children if isinstance(child, str) or child.tag != "rt"]
    return {"t": "ruby", "c": _joined(_children(Element("rb", {}, kept))), "above": above}


def _table(element: Element) -> Node:
    caption = next(element.found("caption"), None)
    cells, columns = _cells(list(element.found("tr")))
    return {
        "t": "table",
        "columns": columns,
        "cells": cells,
        "caption": _joined(_children(caption)) if caption else [],
    }


def _cells(rows: Sequence[Element]) -> tuple[list[dict[str, Any]], int]:
    """Cells with explicit places: spans that run into others or out of the table are cut."""
    taken: set[tuple[int, int]] = set()
    found: list[dict[str, Any]] = []
    for y, row in enumerate(rows):
        x = 0
        for cell in (child for child in row.children if isinstance(child, Element)):
            if cell.tag not in ("td", "th"):
                continue
            while (x, y) in taken:
                x += 1
            wide, high = _span(cell, "colspan"), min(_span(cell, "rowspan"), len(rows) - y)
            wide = next((n for n in range(1, wide) if (x + n, y) in taken), wide)
            taken |= {(x + dx, y + dy) for dx in range(wide) for dy in range(high)}
            place = {"x": x, "y": y, "colspan": wide, "rowspan": high, "head": cell.tag == "th"}
            found.append(place | {"c": _joined(_children(cell))})
            x += wide
    return found, max((x for x, _ in taken), default=-1) + 1


def _span(cell: Element, name: str) -> int:
    return _number(cell.attrs.get(name, ""), 1, _MOST_SPAN)


def _number(text: str, least: int, most: int) -> int:
    digits = text.strip().removesuffix("px")
    return min(max(int(digits), least), most) if digits.isdecimal() else least


_MAKERS: Mapping[str, Callable[[Element], Node]] = {
    "p": _paragraph,
    "div": _paragraph,
    "section": _paragraph,
    "figure": _paragraph,
    "blockquote": lambda element: {"t": "quote", "c": _joined(_children(element))},
    "pre": lambda element: {"t": "pre", "text": element.text().strip("\n")},
    "br": lambda _element: {"t": "br"},
    "hr": lambda _element: {"t": "hr"},
    "ul": _list,
    "ol": _list,
    "table": _table,
    "img": _image,
    "ruby": _ruby,
    "audio": lambda _element: {"t": "sound"},
    "video": lambda _element: {"t": "sound"},
    "math": lambda element: {"t": "math", "c": formula(element)},
}


def _joined(tree: Nodes) -> Nodes:
    """Without blanks at the ends: they were the file's line breaks."""
    ends = [*tree]
    while ends and isinstance(ends[0], str) and not ends[0].strip():
        ends.pop(0)
    while ends and isinstance(ends[-1], str) and not ends[-1].strip():
        ends.pop()
    return ends


def _node_width(node: Node) -> int:
    if isinstance(node, str):
        return sum(1 if ord(letter) < 0x2E80 else 2 for letter in node)
    if node["t"] in ("image", "table", "list", "pre", "par", "quote", "br", "hr"):
        return 1_000
    if node["t"] == "math":
        return 12
    return 8 if node["t"] == "gap" else width_of(node.get("c", []))
