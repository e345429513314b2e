"""Banks as a workbook in the national bank's 17 columns, with further columns where items need them.

Every row is read back by the importer's own rules before it is written: what would not come back equal is
named in the notes. Pictures are anchored to the cell whose text shows them. Equal banks give equal bytes.
"""

import datetime as dt
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import xlsxwriter

from itembank import richtext
from itembank.exporting import Exported
from itembank.importing.answers import text_gaps, with_gaps
from itembank.importing.drafts import Draft
from itembank.importing.kinds import KindTable
from itembank.importing.layouts import GUOBIAO
from itembank.importing.normalise import SAMPLE_MARK, drafted
from itembank.importing.options import without_letters
from itembank.importing.readers import ANSWER_COLUMNS, HEADINGS, OPTION_COLUMNS, RawItem
from itembank.items import Criterion, Gap, Item, ItemBody, ItemKind, Markup, NumberRange, as_written
from itembank.problems import Problem

SHEET = "题库"
CELL_LIMIT = 32_767  # characters that a workbook's cell holds
KIND_CELLS: Mapping[ItemKind, str] = MappingProxyType(
    {
        ItemKind.SINGLE: "B（单选题）",
        ItemKind.MULTIPLE: "G（多选题）",
        ItemKind.TRUE_FALSE: "C（判断题）",
        ItemKind.TEXT: "T（填空题）",
        ItemKind.NUMERIC: "N（数值题）",
        ItemKind.ESSAY: "D（简答题）",
        ItemKind.ORDER: "P（排序题）",
    }
)
"""Kinds that a row can carry; the word beside the code says what the code means."""

_EXTRA = (
    *(f"option_{key}" for key in OPTION_COLUMNS[5:]),
    *(f"answer_{number}" for number in range(1, ANSWER_COLUMNS + 1)),
    "importance",
    "source",
    "chapter",
)
_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_PICTURE = re.compile(r'<img\b[^>]*\bsrc="media:([0-9a-f]{64})"[^>]*>')
_MORE_THAN_TEXT = re.compile(r"<(?!br\b|img\b)[^>]*>")
_TABLE = KindTable({}, {}, national=True)
_COMPARED = ("stem", "options", "answer", "explanation", "source", "gaps", "criteria")
_BY_PART = {"options": "options", "gaps": "answer", "criteria": "answer"}
_EPOCH = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - a workbook's dates have no zone; a fixed one keeps the bytes equal


@dataclass(frozen=True, slots=True)
class _Row:
    """One item's cells by field, and the pictures that belong to some of them."""

    fields: Mapping[str, str]
    pictures: tuple[tuple[str, str], ...]  # (field, hash)


def export_guobiao_xlsx(items: Iterable[Item], media: Mapping[str, bytes], title: str) -> Exported:
    """The workbook; `media` are the pictures' bytes by hash, `title` the bank's name in its column."""
    notes: list[Problem] = []
    rows: list[_Row] = []
    for item in items:
        row = _row(item, title) if item.facts.kind in KIND_CELLS else None
        if row is None or any(len(cell) > CELL_LIMIT for cell in row.fields.values()):
            code = "export_kind_left_out" if row is None else "too_long_for_cell"
            said = {"kind": item.facts.kind.value, "column": HEADINGS["answer"]}
            notes.append(Problem(code, item.facts.uid, said))
            continue
        notes += _lost(item, row, media)
        rows.append(row)
    return Exported(_written(rows, media), tuple(notes))


def guarded(text: str) -> str:
    """A cell's text that no spreadsheet takes for a formula; the reader takes the apostrophe off again."""
    return f"'{text}" if _FORMULA.match(text) else text


def _row(item: Item, title: str) -> _Row:
    facts, body = item.facts, item.body
    fields = {
        "bank": _bank(title, sample=facts.sample),
        "uid": facts.uid,
        "point": facts.point,
        "kind": KIND_CELLS[facts.kind],
        "difficulty": str(facts.difficulty or ""),
        "consistency": str(facts.consistency or ""),
        "importance": facts.importance,
        "chapter": facts.path,
        "source": body.source,
    }
    pictures: list[tuple[str, str]] = []
    for name, text in _texts(item):
        shown, found = _plain(text, body)
        fields[name] = shown
        pictures += [(name, sha) for sha in found]
    if facts.kind is not ItemKind.TRUE_FALSE:
        _keep_letters(fields, len(body.options))
    fields |= _answer(body, facts.kind, fields)
    return _Row({name: guarded(text) for name, text in fields.items() if text}, tuple(pictures))


def _bank(title: str, *, sample: bool) -> str:
    """The bank's name; a name with 示例 in it marks samples, and only them."""
    if sample:
        return title if SAMPLE_MARK in title else f"{SAMPLE_MARK}·{title}"
    return "" if SAMPLE_MARK in title else title


def _texts(item: Item) -> Iterator[tuple[str, str]]:
    body = item.body
    yield "stem", body.stem
    yield "explanation", body.explanation
    if item.facts.kind is not ItemKind.TRUE_FALSE:
        for option in body.options[: len(OPTION_COLUMNS)]:
            yield f"option_{option.key}", option.text


def _plain(text: str, body: ItemBody) -> tuple[str, list[str]]:
    """The text as characters, and the pictures it shows."""
    if body.markup is not Markup.HTML:
        return text, []
    return richtext.plain(_PICTURE.sub("", text)), _PICTURE.findall(text)


def _keep_letters(fields: dict[str, str], count: int) -> None:
    """Options that all begin with their letter get another: the reader takes one away."""
    keys = OPTION_COLUMNS[:count]
    texts = [fields[f"option_{key}"] for key in keys]
    if without_letters(texts) != texts:
        fields |= {f"option_{key}": f"{key}. {text}" for key, text in zip(keys, texts, strict=True)}


def _answer(body: ItemBody, kind: ItemKind, fields: Mapping[str, str]) -> dict[str, str]:
    if kind is ItemKind.TRUE_FALSE:
        return {"answer": {"A": "正确", "B": "错误"}.get("".join(body.answer), "")}
    if kind is ItemKind.ESSAY:
        return {"answer": "\n".join(map(_criterion, body.criteria))}
    if kind in (ItemKind.TEXT, ItemKind.NUMERIC):
        return _gapped(body.gaps, fields["stem"])
    return {"answer": "".join(body.answer)}


def _criterion(criterion: Criterion) -> str:
    points = criterion.points
    return f"{criterion.text}（{points.normalize():f}分）" if points else criterion.text


def _gapped(gaps: tuple[Gap, ...], stem: str) -> dict[str, str]:
    """Blanks as lines where they read back so, and the answers in one cell or else in a cell each."""
    lined = re.sub(r"\[\[[0-9]+\]\]", "____", stem)
    said = [" 或 ".join(_said(gap)) for gap in gaps]
    joined = "；".join(said)
    read = text_gaps([joined], len(gaps))
    alone = read is not None and [" 或 ".join(_said(gap)) for gap in read] == said
    shown = {"stem": lined} if with_gaps(lined) == (stem, len(gaps)) else {}
    if alone or len(gaps) > ANSWER_COLUMNS:
        return {**shown, "answer": joined}
    return {**shown, **{f"answer_{number}": text for number, text in enumerate(said, start=1)}}


def _said(gap: Gap) -> Iterator[str]:
    return map(as_written, gap.accepted) if gap.accepted else map(_range, gap.ranges)


def _range(span: NumberRange) -> str:
    low, high = f"{span.low:f}", f"{span.high:f}"
    return low if span.low == span.high else f"{low}~{high}"


def _lost(item: Item, row: _Row, media: Mapping[str, bytes]) -> Iterator[Problem]:
    """What of the item does not come back when the row is read."""
    facts, body = item.facts, item.body
    back = drafted(RawItem("", row.fields), _TABLE)
    lost = [_BY_PART.get(name, name) for name in _COMPARED if _differs(name, body, back)]
    if (facts.point, facts.importance, facts.path) != (back.point, back.importance, back.path):
        lost.append("point")
    if facts.enemy or facts.seconds or body.weights or any(option.fixed for option in body.options):
        lost.append("kind")
    for name in dict.fromkeys(lost):
        yield Problem("not_in_sheets", facts.uid, {"field": HEADINGS[name]})
    missing = [sha for _name, sha in row.pictures if sha not in media]
    others = [medium for medium in body.media if not medium.mime.startswith("image/")]
    if missing or others:
        yield Problem("not_in_sheets", facts.uid, {"field": HEADINGS["picture"]})


def _differs(name: str, body: ItemBody, back: Draft) -> bool:
    ours, theirs = getattr(body, name), getattr(back.body, name)
    if body.markup is not Markup.HTML or name in ("answer", "source", "gaps"):
        return bool(ours != theirs) and not (name == "options" and back.kind is ItemKind.TRUE_FALSE)
    if any(_MORE_THAN_TEXT.search(text) for text in _strings(ours)):
        return True
    plain = [_plain(text, body)[0] for text in _strings(ours)]
    return back.kind is not ItemKind.TRUE_FALSE and plain != list(_strings(theirs))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield str(getattr(each, "text", ""))


def _written(rows: list[_Row], media: Mapping[str, bytes]) -> bytes:
    used = {name for row in rows for name in row.fields} | {name for row in rows for name, _ in row.pictures}
    columns = [*GUOBIAO, *(name for name in _EXTRA if name in used)]
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory, {"in_memory": True}) as book:
        book.set_properties({"created": _EPOCH})
        sheet = book.add_worksheet(SHEET)
        for column, name in enumerate(columns):
            sheet.write_string(0, column, HEADINGS[name])
        for number, row in enumerate(rows, start=1):
            fields = {"sequence": str(number), **row.fields}
            for column, name in enumerate(columns):
                if fields.get(name):
                    sheet.write_string(number, column, fields[name])
            for name, sha in row.pictures:
                if sha in media:
                    picture = {"image_data": io.BytesIO(media[sha]), "object_position": 1}
                    sheet.insert_image(number, columns.index(name), f"{sha}.png", picture)
    return memory.getvalue()
