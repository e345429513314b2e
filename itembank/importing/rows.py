"""The rows below a header as raw items, and what of a sheet is not read."""

import re
from collections.abc import Iterator, Mapping, Sequence

from itembank.importing.cells import CellKind, Row, Sheet
from itembank.importing.gallery import CELL_PICTURE, MARK, Gallery, mark, unmarked
from itembank.importing.layouts import Header, doubled, field_of, folded, repeated
from itembank.importing.readers import HEADINGS, OPTION_COLUMNS, RawItem
from itembank.problems import Problem

_OPTION_FIELDS = tuple(f"option_{key}" for key in OPTION_COLUMNS)
# What a candidate would read wrongly if a spreadsheet had turned it into a date ("3-4" -> 3 April).
_WORDING = frozenset({"stem", "answer", *_OPTION_FIELDS})
_LIKE_A_DATE = re.compile(r"\d{1,4}\s*[-/.年]\s*\d{1,2}\s*(?:[-/.月]\s*\d{1,4}日?|月)")
_INSTRUCTIONS = re.compile(r"说明|须知|填表|帮助|示例说明|Instruction|README", re.IGNORECASE)
_LONGEST_CELL = 32_767  # characters that a workbook's cell holds
_SHOWN = 100  # characters of the cells of a row that is not read
_LONGEST_HEADING = 20
_FEW = 3  # cells of a row that are headings: it may be a header
_IN_PICTURES = (*_OPTION_FIELDS, "stem", "explanation")


def is_instructions(sheet: Sheet) -> bool:
    """Whether a sheet is named as one that explains how to fill in the others."""
    return _INSTRUCTIONS.search(sheet.name) is not None


def headers(sheet: Sheet, first: Header, declared: Mapping[str, str]) -> tuple[Header, ...]:
    """The sheet's header and those that stand among its rows: each holds for the rows below it."""
    found = [first]
    headings = {cell for cell in sheet.rows[first.index].cells if cell}
    for index, row in enumerate(sheet.rows[first.index + 1 :], start=first.index + 1):
        stem = row.cell(found[-1].columns["stem"])
        alike = len(stem) <= _LONGEST_HEADING and field_of(stem)
        if alike or (not headings.isdisjoint(row.cells) and len(headings.intersection(row.cells)) >= _FEW):
            columns = repeated(row, sheet.rows[first.index], declared)
            if columns:
                found.append(Header(index, columns, first.layout, first.national))
    return tuple(found)


def raw_items(sheet: Sheet, found: Sequence[Header], gallery: Gallery) -> Iterator[RawItem]:
    """Every row below the headers."""
    ends = [*(header.index for header in found[1:]), len(sheet.rows)]
    for header, end in zip(found, ends, strict=True):
        yield from _below(sheet, header, sheet.rows[header.index + 1 : end], gallery)


def _below(sheet: Sheet, header: Header, rows: Sequence[Row], gallery: Gallery) -> Iterator[RawItem]:
    width, ragged = _width(sheet, header), _ragged(sheet, rows)
    wording = [(name, header.columns[name]) for name in _WORDING if name in header.columns]
    anchored = _by_row(gallery.anchored.get(sheet.name, {}))
    columns = tuple(header.columns.items())
    numbered = _numbered(sheet.rows[header.index], rows)
    for row in rows:
        cells, count = row.cells, len(row.cells)
        fields = {name: cells[column] if column < count else "" for name, column in columns}
        faults = [*_faults(sheet, row, wording)]
        if count > width and (ragged or any(cell.strip() for cell in cells[width:])):
            place = sheet.place(row.number)
            faults.append(Problem("row_too_long", place, {"cells": count, "columns": width}))
        pictures: list[str] = []
        if row.number in anchored or fields.get("picture") or _has_formula(cells):
            pictures = _pictures(fields, anchored.get(row.number, ()), header, gallery)
            faults += _lacking(sheet.place(row.number), fields, pictures)
        if len(max(cells, key=len, default="")) > _LONGEST_CELL:
            fields = {name: text[:_SHOWN] for name, text in fields.items()}
            faults = [Problem("cell_too_big", sheet.place(row.number), {"most": _LONGEST_CELL})]
        label = row.cell(0).strip() if numbered else ""
        yield RawItem(sheet.place(row.number), fields, tuple(faults), (), tuple(pictures), label)


def notes(
    sheet: Sheet, found: Sequence[Header], gallery: Gallery, declared: Mapping[str, str]
) -> Iterator[Problem]:
    """Columns that are not read, headings that stand twice, pictures beside no item, kinds inferred."""
    for header in found:
        yield from _headed(sheet, header, declared)
    if sheet.hidden:
        yield Problem("sheet_hidden", sheet.name, {"sheet": sheet.name})
    numbers = {each.number for each in sheet.rows[found[0].index + 1 :]}
    for number, _column in sorted(gallery.anchored.get(sheet.name, {})):
        if number not in numbers:
            yield Problem("picture_without_item", sheet.place(number))


def _headed(sheet: Sheet, header: Header, declared: Mapping[str, str]) -> Iterator[Problem]:
    row = sheet.rows[header.index]
    place = sheet.place(row.number)
    read, meant = set(header.columns.values()), {folded(heading) for heading in declared}
    for column, cell in enumerate(row.cells):
        known = field_of(cell) in header.columns or folded(cell) in meant
        if cell.strip() and column not in read and not known:
            yield Problem("column_ignored", place, {"column": cell.strip()[:40]})
    for name in doubled(row, header.columns):
        yield Problem("column_twice", place, {"column": HEADINGS[name]})
    if "kind" not in header.columns:
        yield Problem("kinds_inferred", place)


def _width(sheet: Sheet, header: Header) -> int:
    head = sheet.rows[header.index].cells
    if not sheet.delimited:
        return len(head)
    return max((column for column, cell in enumerate(head, start=1) if cell.strip()), default=0)


def _ragged(sheet: Sheet, rows: Sequence[Row]) -> bool:
    """Whether a text table's rows have different numbers of cells (or there is only one): an unquoted comma
    may have pushed an empty last cell out, and everything before it into a wrong column.
    """
    return sheet.delimited and len({len(row.cells) for row in rows}) + (len(rows) == 1) > 1


def _numbered(head: Row, rows: Sequence[Row]) -> bool:
    """Whether the first column has no heading and numbers the rows."""
    if head.cell(0).strip():
        return False
    first = [row.cell(0).strip() for row in rows]
    return all(map(str.isdecimal, first)) and len(set(first)) == len(first)


def _by_row(
    anchored: Mapping[tuple[int, int], tuple[str, ...]],
) -> dict[int, list[tuple[int, tuple[str, ...]]]]:
    found: dict[int, list[tuple[int, tuple[str, ...]]]] = {}
    for (number, column), keys in sorted(anchored.items()):
        found.setdefault(number, []).append((column, keys))
    return found


def _faults(sheet: Sheet, row: Row, wording: Sequence[tuple[str, int]]) -> Iterator[Problem]:
    if CellKind.DATE not in row.kinds:
        return
    dates = {name for name, column in wording if row.kind(column) is CellKind.DATE}
    written = {name for name, column in wording if _LIKE_A_DATE.search(row.cell(column))} - dates
    for name, column in wording:
        # A date among dates is meant as one; a date among other words was made by the spreadsheet.
        meant = name in _OPTION_FIELDS and not written.isdisjoint(_OPTION_FIELDS)
        if name in dates and not meant:
            said = {"column": HEADINGS[name], "value": row.cell(column)[:20]}
            yield Problem("cell_is_date", sheet.place(row.number), said)


def _has_formula(cells: Sequence[str]) -> bool:
    return "DISPIMG(" in "\n".join(cells).upper()


def _pictures(
    fields: dict[str, str],
    anchored: Sequence[tuple[int, tuple[str, ...]]],
    header: Header,
    gallery: Gallery,
) -> list[str]:
    """The keys of the row's pictures; marks their places in `fields`."""
    pictures: list[str] = []
    by_column = {column: name for name, column in header.columns.items()}

    def placed(key: str) -> str:
        pictures.append(key)
        return mark(len(pictures) - 1)

    for name in fields:
        fields[name] = unmarked(fields[name])
        for found in CELL_PICTURE.finditer(fields[name]):
            if found[1] in gallery.in_cells:
                fields[name] = fields[name].replace(found[0], placed(gallery.in_cells[found[1]]))
    for column, keys in anchored:
        name = by_column.get(column, "")
        _append(fields, name if name in _IN_PICTURES else "stem", "".join(map(placed, keys)))
    told = fields.get("picture", "")
    if told and MARK.search(told):
        _append(fields, "stem", told)
    elif told and (keys := gallery.named(told)):
        said = re.search(r"选项\s*([A-J])", told.upper())
        _append(fields, f"option_{said[1]}" if said else "stem", "".join(map(placed, keys)))
    return pictures


def _append(fields: dict[str, str], name: str, marks: str) -> None:
    fields[name] = f"{fields.get(name, '').rstrip()}\n{marks}".lstrip("\n")


def _lacking(place: str, fields: Mapping[str, str], pictures: Sequence[str]) -> Iterator[Problem]:
    """A picture that the row names and the file does not hold: the item could not be answered without it."""
    for name, text in fields.items():
        if "DISPIMG(" in text.upper() or (name == "picture" and text.strip() and not pictures):
            yield Problem(
                "picture_not_in_file", place, {"column": HEADINGS[name], "value": text.strip()[:40]}
            )
