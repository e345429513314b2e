"""The paper of one form as data for `paper.typ`, from the JSON of `itembank.papers.PaperForm`."""

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from itembank.items import CHOICES, GAPPED, ItemKind
from proctoring.picture_size import declared_size
from server.documents.markup import Nodes, nodes, width_of

Json = Mapping[str, Any]

FORMATS: Mapping[str, str] = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/svg+xml": "svg",
}
"""Media types that can be printed, and what Typst calls them."""

NUMERALS = "一二三四五六七八九十"
ESSAY_LINES = 10

# What a heading says after the counts; printed, so Chinese whatever language the screens speak.
_ADVICE: Mapping[ItemKind, str] = {
    ItemKind.SINGLE: "每题只有一个选项正确",
    ItemKind.MULTIPLE: "每题有两个或两个以上选项正确",
    ItemKind.TRUE_FALSE: "判断各题的说法是否正确",
    ItemKind.TEXT: "把答案填写在空格处",
    ItemKind.NUMERIC: "把数值填写在空格处",
    ItemKind.INLINE_CHOICE: "每空选填一个选项的字母",
    ItemKind.MATCH: "为左栏各项写出右栏中对应的编号",
    ItemKind.ORDER: "按正确的先后顺序写出各项的字母",
    ItemKind.HOTSPOT: "写出图中正确位置的字母",
    ItemKind.ESSAY: "在答题处书写",
    ItemKind.CASE: "阅读材料，回答各小题",
}
_NARROW, _HALF = 17, 38  # half-widths of an option's text that leave room for four or two in a line


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of a paper: Typst's name of the format, the bytes, pixels when the header tells them."""

    format: str
    data: bytes
    pixels: tuple[int, int] | None


def paper(form: Json) -> dict[str, Any]:
    """`form`, `title`, `minutes`, `total` and `sections` of blocks, as `paper.typ` reads them."""
    items = list(form.get("items", ()))
    return {
        "form": str(form.get("form", "")),
        "title": str(form.get("title", "")),
        "minutes": str(form.get("minutes", "")),
        "count": len(items),
        "total": number_text(sum((points_of(item) for item in items), Decimal(0))),
        "sections": [_section(form, place, run) for place, run in enumerate(sections(form))],
    }


def pictures(media: Json) -> dict[str, Picture]:
    """The media of forms that can be printed, by their SHA-256."""
    found = {}
    for sha, medium in media.items():
        name = FORMATS.get(str(medium.get("mime", "")))
        data = _decoded(str(medium.get("data", "")))
        if name and data:
            found[str(sha)] = Picture(name, data, declared_size(data))
    return found


def sections(form: Json) -> Iterator[tuple[Json, list[Json]]]:
    """The sections of a form in order, each with its items; a form without sections is one."""
    items = sorted(form.get("items", ()), key=lambda item: int(item["number"]))
    given = list(form.get("sections") or ())
    if not given:
        yield {"title": "", "kind": ""}, items
    for section in given:
        span = range(int(section["from"]), int(section["to"]) + 1)
        yield section, [item for item in items if int(item["number"]) in span]


def heading(place: int, section: Json) -> str:
    """A section's title with its Chinese numeral, "一、单项选择题"."""
    title = str(section.get("title", ""))
    return f"{NUMERALS[place]}、{title}" if title and place < len(NUMERALS) else title


def points_of(item: Json) -> Decimal:
    """The points of one item."""
    return Decimal(str(item.get("points", "0")))


def number_text(value: Decimal) -> str:
    """A decimal without needless zeros."""
    return f"{value.normalize():f}" if value else "0"


def kind_of(item: Json) -> ItemKind | None:
    """The kind of an item; None for one that this version does not know."""
    name = str(item.get("kind", ""))
    return ItemKind(name) if name in set(ItemKind) else None


def rich(item: Json, text: str) -> Nodes:
    """A text in an item's markup."""
    return nodes(text, html=item.get("markup", "plain") == "html")


def _section(form: Json, place: int, run: tuple[Json, list[Json]]) -> dict[str, Any]:
    section, items = run
    worth = {points_of(item) for item in items}
    same = worth.pop() if len(worth) == 1 else None
    return {
        "title": heading(place, section),
        "note": _note(section, items, same),
        "blocks": [*_blocks(form, items, show_points=same is None)],
    }


def _note(section: Json, items: Sequence[Json], same: Decimal | None) -> str:
    if not items:
        return ""
    total = number_text(sum((points_of(item) for item in items), Decimal(0)))
    each = f"，每题 {number_text(same)} 分" if same is not None else ""
    advice = _ADVICE.get(kind_of(section) or kind_of(items[0]) or ItemKind.UNSUPPORTED, "")
    return f"共 {len(items)} 题{each}，共 {total} 分。{advice + '。' if advice else ''}"


def _blocks(form: Json, items: Sequence[Json], *, show_points: bool) -> Iterator[dict[str, Any]]:
    groups, shown = dict(form.get("groups") or {}), set()
    for item in items:
        name = str(item.get("group") or "")
        if name in groups and name not in shown:
            shown.add(name)
            yield _case(groups[name])
        worth = number_text(points_of(item)) if show_points else ""
        yield block(item) | {"points": worth, "grouped": bool(name)}


def _case(group: Json) -> dict[str, Any]:
    return {
        "kind": "case",
        "first": str(group.get("first", "")),
        "last": str(group.get("last", "")),
        "stem": rich(group, str(group.get("stem", ""))),
    }


def block(item: Json) -> dict[str, Any]:
    """One item as data: `number`, `kind`, `stem` and what its kind needs more."""
    kind = kind_of(item)
    more = _KINDS[kind](item) if kind is not None and kind in _KINDS else {}
    base = {"kind": str(item.get("kind", "")), "number": str(item["number"])}
    return base | {"stem": rich(item, str(item.get("stem", "")))} | more


def _entries(item: Json, entries: Iterable[Json] | None) -> list[dict[str, Any]]:
    return [
        {"key": str(entry["key"]), "c": rich(item, str(entry.get("text", "")))} for entry in entries or ()
    ]


def _options(item: Json) -> dict[str, Any]:
    options = _entries(item, item.get("options"))
    return {"options": options, "columns": _columns(options)}


def _columns(options: Sequence[Mapping[str, Any]]) -> int:
    widest = max((width_of(option["c"]) for option in options), default=0)
    if widest <= _NARROW:
        return 4
    return 2 if widest <= _HALF else 1


def _true_false(_item: Json) -> dict[str, Any]:
    return {"options": [], "columns": 1, "brackets": True}


def _gaps(item: Json) -> dict[str, Any]:
    with_choices = [gap for gap in item.get("gaps", ()) if gap.get("choices")]
    rows = [{"key": str(gap["key"]), "choices": _entries(item, gap["choices"])} for gap in with_choices]
    return {"gaps": len(item.get("gaps", ())), "choices": rows}


def _match(item: Json) -> dict[str, Any]:
    return {"left": _entries(item, item.get("options")), "right": _entries(item, item.get("targets"))}


def _order(item: Json) -> dict[str, Any]:
    return _options(item) | {"blanks": len(item.get("options", ()))}


def _hotspot(item: Json) -> dict[str, Any]:
    areas = [
        {"key": str(a["key"]), "shape": str(a["shape"]), "coords": [int(n) for n in a["coords"]]}
        for a in item.get("areas", ())
    ]
    return {"picture": str(item.get("picture", "")), "areas": areas}


def _essay(_item: Json) -> dict[str, Any]:
    return {"lines": ESSAY_LINES}


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""


_KINDS: Mapping[ItemKind, Callable[[Json], dict[str, Any]]] = {
    **dict.fromkeys(CHOICES, _options),
    **dict.fromkeys(GAPPED, _gaps),
    ItemKind.TRUE_FALSE: _true_false,
    ItemKind.MATCH: _match,
    ItemKind.ORDER: _order,
    ItemKind.HOTSPOT: _hotspot,
    ItemKind.ESSAY: _essay,
}
