"""The answer sheet of a form and the key for its markers, as data for `sheet.typ` and `key.typ`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from itembank.items import CHOICES, GAPPED, ItemKind
from server.documents.paper import Json, heading, kind_of, number_text, points_of, rich, sections

SHEET_LINES = 16
_TRUE_FALSE = {"A": "√", "B": "×"}


def sheet(form: Json) -> dict[str, Any]:
    """`sections` of the answer sheet: bubbles to fill, blanks with labels, lines to write on."""
    return {
        "form": str(form.get("form", "")),
        "title": str(form.get("title", "")),
        "sections": [
            {"title": heading(place, section), "entries": [_entry(item) for item in items]}
            for place, (section, items) in enumerate(sections(form))
        ],
    }


def key(form: Json, marking: Json) -> dict[str, Any]:
    """Right answer and points of every item, `marking` being the content of the section "key/X"."""
    entries: Mapping[str, Json] = marking.get("items", {})
    found = [
        {
            "title": heading(place, section),
            "rows": [_row(item, entries.get(str(item["id"]), {})) for item in items],
        }
        for place, (section, items) in enumerate(sections(form))
    ]
    return {
        "form": str(form.get("form", "")),
        "title": str(form.get("title", "")),
        "total": str(marking.get("total", "")),
        "sections": found,
    }


def _entry(item: Json) -> dict[str, Any]:
    number, kind = str(item["number"]), kind_of(item)
    keys = [str(option["key"]) for option in item.get("options", ())]
    if kind in CHOICES:
        shown = [_TRUE_FALSE.get(key, key) for key in keys] if kind is ItemKind.TRUE_FALSE else keys
        return {"number": number, "form": "bubbles", "keys": shown}
    if kind is ItemKind.ESSAY:
        return {"number": number, "form": "lines", "lines": SHEET_LINES}
    return {"number": number, "form": "blanks", "labels": _labels(item, kind, keys)}


def _labels(item: Json, kind: ItemKind | None, keys: Sequence[str]) -> list[str]:
    if kind in GAPPED:
        gaps = [str(gap["key"]) for gap in item.get("gaps", ())]
        return [f"({gap})" for gap in gaps] if len(gaps) > 1 else [""]
    if kind is ItemKind.MATCH:
        return [f"{key} —" for key in keys]
    return [""] * len(keys) if kind is ItemKind.ORDER and keys else [""]


def _row(item: Json, entry: Json) -> dict[str, Any]:
    kind = kind_of(item)
    answer = _ANSWERS.get(kind or ItemKind.UNSUPPORTED, _letters)(entry)
    criteria = [
        {"c": rich(item, str(c.get("text", ""))), "points": number_text(points_of(c))}
        for c in entry.get("criteria", ())
    ]
    return {
        "number": str(item["number"]),
        "short": kind in CHOICES,
        "answer": answer,
        "criteria": criteria,
        "points": number_text(points_of(entry or item)),
    }


def _letters(entry: Json) -> str:
    return "".join(map(str, entry.get("answer", ())))


def _true_false(entry: Json) -> str:
    return "".join(_TRUE_FALSE.get(str(key), str(key)) for key in entry.get("answer", ()))


def _gaps(entry: Json) -> str:
    gaps = [_gap(gap) for gap in entry.get("gaps", ())]
    if len(gaps) < 2:
        return "".join(gaps) or _letters(entry)
    return "；".join(f"({number}) {text}" for number, text in enumerate(gaps, 1))


def _gap(gap: Json) -> str:
    if gap.get("answer"):
        return str(gap["answer"])
    if gap.get("ranges"):
        return " / ".join(_span(*map(str, span)) for span in gap["ranges"])
    return " / ".join(map(str, gap.get("accepted", ())))


def _span(low: str, high: str) -> str:
    return low if low == high else f"{low} ～ {high}"


def _pairs(entry: Json) -> str:
    return "，".join(map(str, entry.get("answer", ())))


def _order(entry: Json) -> str:
    return " → ".join(map(str, entry.get("answer", ())))


def _essay(entry: Json) -> str:
    return "按评分要点评阅" if entry.get("criteria") else "由两名评卷人评阅"


_ANSWERS: Mapping[ItemKind, Callable[[Json], str]] = {
    ItemKind.TRUE_FALSE: _true_false,
    **dict.fromkeys(GAPPED, _gaps),
    ItemKind.MATCH: _pairs,
    ItemKind.ORDER: _order,
    ItemKind.HOTSPOT: _pairs,
    ItemKind.ESSAY: _essay,
}
