"""The layouts of bank tables: which headings mean which field, and where a sheet's header stands.

A layout is told by its set of headings; whatever has a stem, an answer and options or a kind under known
headings is read, so a layout's name is only for people. Headings match without width, blanks, marks of duty
("（必填）", "*") and remarks in brackets.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from itembank.importing.cells import Row, Sheet
from itembank.importing.readers import ANSWER_COLUMNS, HEADINGS, OPTION_COLUMNS

HEADER_DEPTH = 10  # rows from the top in which a header is looked for
GUOBIAO = (
    "bank", "uid", "sequence", "point", "kind", "number", "stem",
    "option_A", "option_B", "option_C", "option_D", "option_E",
    "picture", "answer", "difficulty", "consistency", "explanation",
)  # fmt: skip
"""The fields of the national bank's 17 columns (国标) in their order."""

SYNONYMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "uid": ("试题ID", "试题编号", "试题GUID", "题目ID", "题目编号", "试题编码"),
        "point": ("鉴定点代码", "认定点编码", "知识点代码"),
        "kind": ("题型", "题目类型代码", "题目类型", "试题类型", "题类", "Type", "QuestionType"),
        "stem": ("题干", "试题", "题目", "问题", "题目内容", "试题内容", "Question", "Stem"),
        "options": ("选择项", "备选项", "备选答案", "试题选项", "Options", "Choices"),
        "answer": ("答案", "标准答案", "参考答案", "试题答案", "正确选项", "Answer", "CorrectAnswer"),
        "difficulty": ("难度", "难度等级", "难易度", "难易程度", "Difficulty"),
        "consistency": ("一致性",),
        "explanation": ("答案解析", "试题解析", "题目解析", "Explanation", "Analysis"),
        "importance": ("重要程度代码", "重要性"),
        "source": ("来源", "依据", "Source"),
        "topic": ("鉴定点", "认定点", "考点"),
        "chapter": ("章节名称", "所属章节", "目录", "Chapter"),
        "sequence": ("编号", "No", "#"),
        **{
            f"option_{key}": (f"选项{key}", f"{key}选项", f"答案{key}", f"备选{key}", f"Option{key}", key)
            for key in OPTION_COLUMNS
        },
        **{f"answer_{number}": (f"正确答案{number}",) for number in range(1, ANSWER_COLUMNS + 1)},
    }
)
"""Field -> further headings, beside the one in `HEADINGS`; 选择项1 and 选项1 are options by number too."""
NATIONAL_HEADINGS = frozenset({"题型代码", "题目类型代码"})
"""A column headed so holds codes of the national bank's table."""

_NOISE = re.compile(r"[\s\u200b\ufeff]|\((?:必填|选填|非必填|必填项|可选|勿删|可不填)\)|[*:]")
_OPENING = re.compile(r"[(\[【]")
_NUMBERED = re.compile(r"(?:选择项|选项|备选项)([1-9]|10)")
_LEVEL = re.compile(r"知识点(?:([一二三四五六])级|([1-6]))|([一二三四五六])级知识点")


@dataclass(frozen=True, slots=True)
class Layout:
    """A layout's name and folded headings that all of its files have."""

    name: str
    marks: frozenset[str]


LAYOUTS = (
    Layout("guobiao", frozenset({"认定点代码", "题型代码"})),
    Layout("guobiao11", frozenset({"鉴定点代码", "题目类型代码"})),
    Layout("guojiatiku", frozenset({"知识点一级", "一致性"})),
    Layout("kaoshibao", frozenset({"正确答案", "题型", "选项E", "选项H", "章节"})),
    Layout("motibang", frozenset({"选择项1", "答案1"})),
    Layout("onecell", frozenset({"选项"})),
)
"""The named layouts, the most telling first; any other known header is "generic"."""


@dataclass(frozen=True, slots=True)
class Header:
    """A sheet's header: `index` among its rows, field -> column, and the layout's name."""

    index: int
    columns: Mapping[str, int]
    layout: str
    national: bool


@lru_cache(maxsize=4096)
def folded(heading: str) -> str:
    """A heading without width, blanks and marks of duty, in upper case."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", heading)).upper()


_FIELDS: Mapping[str, str] = MappingProxyType(
    {folded(HEADINGS[name]): name for name in HEADINGS}
    | {folded(heading): name for name, headings in SYNONYMS.items() for heading in headings}
)


@lru_cache(maxsize=4096)
def field_of(heading: str) -> str:
    """The field that a heading means, "" for none."""
    name = folded(heading)
    known = _FIELDS.get(name) or _numbered(name)
    if known:
        return known
    short = _unremarked(name)
    return (_FIELDS.get(short) or _numbered(short)) if short != name else ""


def _unremarked(name: str) -> str:
    """A folded heading without the remark in brackets at its end."""
    opened = _OPENING.search(name) if name.endswith((")", "]", "】")) else None
    return name[: opened.start()] if opened else name


def _numbered(name: str) -> str:
    option, level = _NUMBERED.fullmatch(name), _LEVEL.fullmatch(name)
    if option:
        return f"option_{OPTION_COLUMNS[int(option[1]) - 1]}"
    if level:
        said = next(filter(None, level.groups()))
        return f"level_{'一二三四五六'.index(said) + 1 if said in '一二三四五六' else said}"
    return ""


def template_of(headings: Iterable[str]) -> str:
    """64 hex digits under which a declaration for these headings is remembered."""
    return hashlib.sha256("\x1f".join(map(folded, headings)).encode()).hexdigest()


def find_header(sheet: Sheet, declared: Mapping[str, str]) -> Header | None:
    """The sheet's header among its first rows, by declared columns or by known headings."""
    for index, row in enumerate(sheet.rows[:HEADER_DEPTH]):
        columns = matched(row, declared)
        if enough(columns, declared=bool(declared)):
            names = {folded(cell) for cell in row.cells}
            headings = names | {_unremarked(name) for name in names}
            return Header(
                index, columns, _name(headings), bool(headings & NATIONAL_HEADINGS) and "kind" in columns
            )
    return None


def matched(row: Row, declared: Mapping[str, str]) -> dict[str, int]:
    """Field -> column of a row read as a header; what is declared goes before what is known."""
    said = {folded(heading): name for heading, name in declared.items()}
    columns: dict[str, int] = {}
    known = [said.get(folded(cell), field_of(cell)) if cell else "" for cell in row.cells]
    # A declared column goes before another that has the field's usual heading.
    order = sorted(range(len(known)), key=lambda column: folded(row.cells[column]) not in said)
    for column in order:
        if known[column] in HEADINGS:
            columns.setdefault(known[column], column)
    return columns


def enough(columns: Mapping[str, int], *, declared: bool = False) -> bool:
    """Whether rows under these columns can be items."""
    if declared:
        return "stem" in columns
    answered = "answer" in columns or "answer_1" in columns
    optioned = "options" in columns or {"option_A", "option_B"} <= columns.keys()
    return "stem" in columns and answered and (optioned or "kind" in columns)


def repeated(row: Row, first: Row, declared: Mapping[str, str]) -> dict[str, int]:
    """Field -> column of a row among the items that is a header again; empty for any other row."""
    columns = matched(row, declared)
    again = [cell for cell in row.cells if cell] == [cell for cell in first.cells if cell]
    return columns if enough(columns) or (again and "stem" in columns) else {}


def doubled(row: Row, columns: Mapping[str, int]) -> Iterator[str]:
    """Fields whose heading stands more than once in a header."""
    seen = [field_of(cell) for cell in row.cells if cell]
    yield from (name for name in columns if seen.count(name) > 1)


def _name(headings: set[str]) -> str:
    return next((layout.name for layout in LAYOUTS if layout.marks <= headings), "generic")


def headings_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """The headings of the row that most looks like a header: the first of the widest among the first rows."""
    best: tuple[str, ...] = ()
    for row in rows[:HEADER_DEPTH]:
        cells = tuple(cell.strip() for cell in row.cells)
        if sum(map(bool, cells)) > sum(map(bool, best)):
            best = cells
    return best
