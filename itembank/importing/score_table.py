"""The usual score table of one task: 序号, 考核内容, 考核要点, 配分, 评分标准, and columns to fill in.

Its criteria are read where they are unmistakable (`criteria`); any other item is given points directly and
told as a doubt. Cells joined over rows are empty below their first row: contents go on, points do not. A time
(考核时间：30 分钟) and rules on overtime and vetoes are read from the rows around the same careful way.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from itembank.importing.cells import Row, Sheet
from itembank.importing.criteria import read_criterion, read_overtime
from itembank.importing.numbers import number
from itembank.importing.sheet_origins import Origins, ReadTemplate, at, bare, checked
from itembank.problems import InputRefused, Problem
from itembank.sheet_template import OvertimeStep, SheetItem, Task, Template, Veto

_HEADINGS: Mapping[str, str] = {
    "序号": "number",
    "编号": "number",
    "考核内容": "content",
    "考核项目": "content",
    "评价内容": "content",
    "考核要点": "points_of",
    "评分要素": "points_of",
    "考核要求": "points_of",
    "考核点": "points_of",
    "配分": "points",
    "分值": "points",
    "评分标准": "criterion",
    "扣分标准": "criterion",
}
_SHOWN = {"number": "序号", "content": "考核内容", "points": "配分", "criterion": "评分标准", "items": "配分"}
_DEPTH = 20  # rows in which the headings must stand
_SUM = re.compile(r"合计|总分|总计")
_MINUTES = re.compile(r"(?:考核|考试|答辩|操作)?(?:时间|时限|时长)\s*[：:为]?\s*([0-9]{1,3})\s*(?:分钟|min)")
_VETO = re.compile(r"否定项\s*[：:]?\s*(.*)", re.DOTALL)
_RULE = re.compile(r"超|扣\s*[0-9]|不[得给]分|零分|(?<![0-9])0\s*分(?!钟)|不合格|取消|终止|停止")
_SKIPPED = re.compile(r"考评员|核分人|统分人|日期|签名|签字|考号|姓名|单位|工位|准考证|抽签|得分|备注")


@dataclass(frozen=True, slots=True)
class _Header:
    index: int
    places: Mapping[str, int]


class _Table:
    """One table while it is read."""

    def __init__(self, sheet: Sheet, header: _Header) -> None:
        self.sheet, self.places = sheet, header.places
        self.items: list[SheetItem] = []
        self.vetoes: list[Veto] = []
        self.overtime: tuple[OvertimeStep, ...] = ()
        self._overtime: list[tuple[Row, str]] = []
        self.full = Decimal(100)
        self.faults: list[Problem] = []
        self.doubts: list[Problem] = []
        self.origins = Origins(columns=_SHOWN)
        self._content = ""

    def text(self, row: Row, field: str) -> str:
        place = self.places.get(field)
        return "" if place is None else row.cell(place).strip()

    def read(self, row: Row) -> None:
        """One row below the headings."""
        words = " ".join(filter(None, (cell.strip() for cell in row.cells)))
        points = number(self.text(row, "points"))
        if _SUM.search(words[:8]):
            self.full = points if points is not None else self.full
        elif points is None:
            self._without_points(row, words)
        else:
            self._item(row, points)

    def _item(self, row: Row, points: Decimal) -> None:
        self._content = self.text(row, "content") or self._content
        detail = self.text(row, "points_of")
        content = "：".join(dict.fromkeys(filter(None, (self._content, detail))))
        criterion = self.text(row, "criterion")
        read = read_criterion(criterion, points)
        for words in read.unclear:
            self._doubt("sheet_criterion_unclear", row, words, "评分标准")
        deductions = () if read.unclear else read.deductions
        given = f"1.{len(self.items) + 1}"
        self.origins.put(f"tasks[0].items[{len(self.items)}]", self.sheet, row.number)
        self.items.append(SheetItem(given, content, points, criterion, deductions, not deductions))

    def _without_points(self, row: Row, words: str) -> None:
        if found := _VETO.search(words):
            self._veto(row, found[1].strip())
        elif _tells_nothing(words) and not self.text(row, "points"):
            return
        elif self.items and not self.text(row, "points") and self.text(row, "criterion"):
            self._more(row)
        elif "超" in words:
            self._overtime.append((row, words))
        elif self.text(row, "points"):
            value = {"value": self.text(row, "points")[:20]}
            self.faults.append(
                at(Problem("sheet_cell_not_number", "", value), self.sheet.name, row.number, "配分")
            )
        else:
            self._doubt("sheet_rule_unclear", row, words, "")

    def _more(self, row: Row) -> None:
        """A row that goes on with the item above: more words of its content, more of its criterion."""
        item, criterion = self.items[-1], self.text(row, "criterion")
        unclear = read_criterion(criterion, item.points).unclear
        for words in unclear:
            self._doubt("sheet_criterion_unclear", row, words, "评分标准")
        whole = "\n".join(filter(None, (item.criterion, criterion)))
        read = read_criterion(whole, item.points)
        details = (item.content, self.text(row, "content"), self.text(row, "points_of"))
        deductions = () if read.unclear else read.deductions
        if read.unclear and not unclear and not item.direct:
            self._doubt("sheet_criterion_unclear", row, criterion, "评分标准")
        self.items[-1] = replace(
            item,
            content="；".join(dict.fromkeys(filter(None, details))),
            criterion=whole,
            deductions=deductions,
            required=not deductions,
        )

    def read_overtime(self) -> None:
        """The rows on overtime as one rule; what cannot be read whole is a doubt in each of its rows."""
        steps = read_overtime("；".join(words for _row, words in self._overtime))
        if steps:
            self.overtime = steps
            for n, _step in enumerate(steps):
                self.origins.put(f"tasks[0].overtime[{n}]", self.sheet, self._overtime[0][0].number)
        else:
            for row, words in self._overtime:
                self._doubt("sheet_rule_unclear", row, words, "")

    def _veto(self, row: Row, text: str) -> None:
        if not text:
            return
        self.origins.put(f"tasks[0].vetoes[{len(self.vetoes)}]", self.sheet, row.number)
        self.vetoes.append(Veto(f"V{len(self.vetoes) + 1}", text, "fail"))
        self._doubt("sheet_rule_veto", row, text, "")

    def _doubt(self, code: str, row: Row, words: str, column: str) -> None:
        self.doubts.append(at(Problem(code, "", {"text": words[:60]}), self.sheet.name, row.number, column))


def read_score_table(sheets: Sequence[Sheet], name: str) -> ReadTemplate:
    """The template of the first score table: one task of weight 100. Raises `InputRefused` without one."""
    found = next(((sheet, header) for sheet in sheets if (header := _header(sheet))), None)
    if found is None:
        raise InputRefused(Problem("sheet_no_score_table", name, {"name": name}))
    sheet, header = found
    table = _Table(sheet, header)
    for row in sheet.rows[header.index + 1 :]:
        table.read(row)
    table.read_overtime()
    title = _title(sheet, header, name, table.doubts)
    minutes = _minutes(sheet)
    if minutes is None:
        table.faults.append(Problem("sheet_minutes_missing", sheet.name))
    component = _component(sheet, title, table.doubts)
    task = Task("1", title, Decimal(100), tuple(table.items), tuple(table.vetoes), table.overtime, table.full)
    read = checked(
        Template("", 0, title, component, minutes or Decimal(1), (task,)),
        table.origins,
        table.faults,
        table.doubts,
    )
    rest = [replace(p, params={**p.params, "sheet": s.name}) for s in sheets for p in _ignored(s, sheet)]
    return replace(read, doubts=(*read.doubts, *rest))


def _tells_nothing(words: str) -> bool:
    """Whether a row is a place for a signature, a name or the time, and says nothing that costs points."""
    return not _RULE.search(words) and bool(_MINUTES.search(words) or _SKIPPED.search(words))


def _header(sheet: Sheet) -> _Header | None:
    for index, row in enumerate(sheet.rows[:_DEPTH]):
        places: dict[str, int] = {}
        for place, cell in enumerate(row.cells):
            if (field := _HEADINGS.get(bare(cell))) is not None:
                places.setdefault(field, place)
        if "points" in places and places.keys() & {"content", "points_of"}:
            return _Header(index, places)
    return None


def _title(sheet: Sheet, header: _Header, name: str, doubts: list[Problem]) -> str:
    for row in sheet.rows[: header.index]:
        words = next((cell.strip() for cell in row.cells if cell.strip()), "")
        if words and not _MINUTES.search(words) and not _SKIPPED.search(words):
            return words[:120]
    title = name.rpartition(".")[0] or name
    doubts.append(Problem("sheet_title_guessed", sheet.name, {"title": title[:60]}))
    return title[:120]


def _minutes(sheet: Sheet) -> Decimal | None:
    found = (_MINUTES.search(cell) for row in sheet.rows for cell in row.cells)
    return next((Decimal(each[1]) for each in found if each), None)


def _component(sheet: Sheet, title: str, doubts: list[Problem]) -> str:
    if re.search(r"综合评审|答辩|评审", title):
        return "review"
    if not re.search(r"技能|操作|实操|实训", title):
        doubts.append(Problem("sheet_component_guessed", sheet.name))
    return "practical"


def _ignored(sheet: Sheet, read: Sheet) -> Iterator[Problem]:
    if sheet is not read and sheet.rows:
        yield Problem("sheet_left_out", sheet.name)
