"""The 17-column layout of the national bank (国标): one item a row, header within the first ten rows.

Tables with fewer columns under the usual synonyms (题型, 题干, 答案, 知识点 …) are read the same way.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from itembank.importing.cells import CellKind, Row, Sheet
from itembank.importing.readers import HEADINGS, RawItem
from itembank.problems import Problem

HEADER_DEPTH = 10
LAYOUT = (
    "bank", "uid", "sequence", "point", "kind", "number", "stem",
    "option_A", "option_B", "option_C", "option_D", "option_E",
    "picture", "answer", "difficulty", "consistency", "explanation",
)  # fmt: skip
"""The fields of the 17 columns in their order."""

_SYNONYMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "uid": ("试题ID", "试题编号"),
        "point": ("鉴定点代码", "鉴定点", "认定点", "知识点代码", "知识点"),
        "kind": ("题型", "题目类型代码", "题目类型"),
        "stem": ("题干", "试题", "题目", "问题", "题目内容", "试题内容"),
        "answer": ("答案", "标准答案", "参考答案"),
        "difficulty": ("难度", "难度等级"),
        "consistency": ("一致性",),
        "explanation": ("答案解析", "试题解析"),
        "importance": ("重要程度代码", "重要性"),
        "source": ("来源", "依据"),
        **{f"option_{key}": (f"选项{key}",) for key in "ABCDEFGH"},
    }
)
NEEDED = ("point", "kind", "stem", "option_A", "option_B", "answer", "difficulty")

_NOISE = re.compile(r"[\s\u200b\ufeff]|\((?:必填|选填|勿删)\)|[*:]")
_INSTRUCTIONS = re.compile(r"说明|须知|填表")
# What a candidate would read wrongly if a spreadsheet had turned it into a date ("3-4" -> 3 April).
_WORDING = frozenset({"stem", "answer", *(f"option_{key}" for key in "ABCDEFGH")})


def folded(heading: str) -> str:
    """A heading without width, blanks and marks of duty."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", heading)).upper()


_FIELDS: Mapping[str, str] = MappingProxyType(
    {folded(HEADINGS[name]): name for name in HEADINGS}
    | {folded(heading): name for name, headings in _SYNONYMS.items() for heading in headings}
)


class GuobiaoReader:
    """Reads every sheet that has the header; sheets of instructions have none and are passed over."""

    name = "guobiao"

    def sniff(self, sheets: Sequence[Sheet]) -> bool:
        """Whether some sheet has the header."""
        return any(_header(sheet) for sheet in sheets)

    def read(self, sheets: Sequence[Sheet]) -> Iterator[RawItem]:
        """Every row below each header."""
        for sheet in sheets:
            found = _header(sheet)
            if found is not None:
                yield from _rows(sheet, *found)

    def warnings(self, sheets: Sequence[Sheet]) -> Iterator[Problem]:
        """Sheets without the header, columns that are not read, headings that stand twice."""
        for sheet in sheets:
            found = _header(sheet)
            if found is not None:
                yield from _other_columns(sheet, sheet.rows[found[0]])
            elif sheet.rows and not _INSTRUCTIONS.search(sheet.name):
                yield Problem("sheet_ignored", sheet.name, {"sheet": sheet.name})


def missing_columns(sheets: Sequence[Sheet]) -> list[str]:
    """The headings that the sheet most like this layout lacks; for the message when nothing fits."""
    best = max((_matched(row) for sheet in sheets for row in sheet.rows[:HEADER_DEPTH]), key=len, default={})
    return [HEADINGS[name] for name in NEEDED if name not in best]


def _header(sheet: Sheet) -> tuple[int, dict[str, int]] | None:
    for index, row in enumerate(sheet.rows[:HEADER_DEPTH]):
        columns = _matched(row)
        if all(name in columns for name in NEEDED):
            return index, columns
    return None


def _matched(row: Row) -> dict[str, int]:
    columns: dict[str, int] = {}
    for column, cell in enumerate(row.cells):
        name = _FIELDS.get(folded(cell))
        if name is not None:
            columns.setdefault(name, column)
    return columns


def _other_columns(sheet: Sheet, header: Row) -> Iterator[Problem]:
    place = sheet.place(header.number)
    names = [(cell.strip(), _FIELDS.get(folded(cell))) for cell in header.cells]
    for heading, name in names:
        if heading and name is None:
            yield Problem("column_ignored", place, {"column": heading[:40]})
    for name, times in Counter(name for _, name in names if name is not None).items():
        if times > 1:
            yield Problem("column_twice", place, {"column": HEADINGS[name]})


def _rows(sheet: Sheet, index: int, columns: Mapping[str, int]) -> Iterator[RawItem]:
    width = len(sheet.rows[index].cells)
    for row in sheet.rows[index + 1 :]:
        fields = {name: row.cell(column) for name, column in columns.items()}
        yield RawItem(sheet.place(row.number), fields, tuple(_faults(sheet, row, columns, width)))


def _faults(sheet: Sheet, row: Row, columns: Mapping[str, int], width: int) -> Iterator[Problem]:
    place = sheet.place(row.number)
    if any(cell.strip() for cell in row.cells[width:]):
        # In a text table an unquoted comma in a stem shifts everything after it.
        yield Problem("row_too_long", place, {"cells": len(row.cells), "columns": width})
    for name, column in columns.items():
        if name in _WORDING and row.kind(column) is CellKind.DATE:
            yield Problem("cell_is_date", place, {"column": HEADINGS[name], "value": row.cell(column)[:20]})
