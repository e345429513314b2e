"""Our workbook of a score sheet's template, which is offered to be filled in: `COLUMNS` tells its sheets.

Headings may stand in any order. A row of 评分项目 without 序号 is one more deduction of the item above it.
Every fault is told with sheet, row and column; nothing is guessed.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypeVar

from itembank.importing.cells import Row, Sheet
from itembank.importing.numbers import number
from itembank.importing.sheet_origins import Origins, ReadTemplate, at, bare, checked
from itembank.problems import Problem
from itembank.sheet_template import (
    Deduction,
    Notice,
    OvertimeStep,
    SheetItem,
    Supply,
    Task,
    Template,
    Veto,
)

T = TypeVar("T")
HEAD, NOTICE, ITEMS, VETOES, OVERTIME = "考核信息", "准备通知单", "评分项目", "否定项", "超时"
COLUMNS: Mapping[str, tuple[str, ...]] = {
    HEAD: ("项目", "内容", "比重", "满分"),
    NOTICE: ("部分", "名称", "规格", "单位", "数量", "备注"),
    ITEMS: (
        *("试题", "序号", "考核内容", "评分标准", "配分", "必评"),
        *("扣分代码", "扣分项", "扣分", "按次", "最多扣"),
    ),
    VETOES: ("代码", "内容", "后果", "试题", "项目"),
    OVERTIME: ("试题", "超时秒数", "扣分", "停止"),
}
"""The headings of each sheet. 否定项, 超时 and 准备通知单 may be left out."""
COMPONENT_WORDS = {"技能考核": "practical", "操作技能考核": "practical", "综合评审": "review"}
EFFECT_WORDS = {"项目零分": "item_zero", "试题零分": "task_zero", "不合格": "fail"}
YES, NO = ("是", "✓", "√", "1", "TRUE"), ("否", "", "0", "FALSE")
_NEEDED = {ITEMS: ("序号", "考核内容", "配分"), VETOES: ("代码", "内容", "后果"), OVERTIME: ("超时秒数",)}
_FIELDS = {
    "title": "内容",
    "component": "内容",
    "minutes": "内容",
    "number": "序号",
    "content": "考核内容",
    "criterion": "评分标准",
    "points": "配分",
    "items": "配分",
    "weight": "比重",
    "tasks": "比重",
    "deductions.code": "扣分代码",
    "deductions.text": "扣分项",
    "deductions.points": "扣分",
    "deductions.most": "最多扣",
    "vetoes.code": "代码",
    "vetoes.text": "内容",
    "vetoes.effect": "后果",
    "vetoes.item": "项目",
    "overtime.from_seconds": "超时秒数",
    "overtime.points": "扣分",
    "name": "名称",
    "spec": "规格",
    "unit": "单位",
    "count": "数量",
    "note": "备注",
}
_TASK = re.compile(r"试题\s*([0-9A-Za-z][0-9A-Za-z._-]{0,15})")


@dataclass(frozen=True, slots=True)
class _Line:
    """One row under its headings."""

    sheet: Sheet
    row: Row
    places: Mapping[str, int]

    def text(self, column: str) -> str:
        place = self.places.get(column)
        return "" if place is None else self.row.cell(place).strip()


class _Reading:
    """Faults as they are found, and where things stand."""

    def __init__(self) -> None:
        self.faults: list[Problem] = []
        self.origins = Origins(columns=_FIELDS)

    def fault(self, line: _Line, column: str, code: str, **params: str) -> None:
        problem = at(Problem(code, "", params), line.sheet.name, line.row.number, column)
        self.faults.append(problem)

    def amount(self, line: _Line, column: str) -> Decimal | None:
        """The number in a cell, None for an empty one and for a fault."""
        text = line.text(column)
        value = number(text) if text else None
        if text and value is None:
            self.fault(line, column, "sheet_cell_not_number", value=text[:20])
        return value

    def yes(self, line: _Line, column: str) -> bool:
        text = line.text(column).upper()
        if text not in (*YES, *NO):
            self.fault(line, column, "sheet_cell_not_yes", value=text[:20])
        return text in YES


def is_ours(sheets: Sequence[Sheet]) -> bool:
    """Whether the workbook has the sheets that only ours has together."""
    return {HEAD, ITEMS} <= {bare(sheet.name) for sheet in sheets}


def read_sheet_workbook(sheets: Sequence[Sheet]) -> ReadTemplate:
    """The template of a workbook, its uid and version empty; every fault with its place."""
    reading, named = _Reading(), {bare(sheet.name): sheet for sheet in sheets}
    head = _head(reading, named[HEAD])
    tasks = _tasks(reading, named[HEAD], head.title)
    items = _items(reading, named.get(ITEMS), tasks)
    vetoes = _vetoes(reading, named.get(VETOES), tasks)
    overtime = _overtime(reading, named.get(OVERTIME), tasks)
    filled = []
    for place, task in enumerate(tasks):
        found = tuple(items.get(task.number, ()))
        total = sum((item.points for item in found), Decimal(0))
        whole = task.full or (task.weight if total == task.weight else Decimal(100))
        extras = (tuple(vetoes.get(task.number, ())), tuple(overtime.get(task.number, ())))
        filled.append(replace(task, items=found, vetoes=extras[0], overtime=extras[1], full=whole))
        _place(reading.origins, place, filled[-1])
    notice = _notice(reading, named.get(NOTICE))
    template = replace(head, tasks=tuple(filled), notice=notice)
    return checked(template, reading.origins, reading.faults, ())


def _lines(reading: _Reading, sheet: Sheet) -> Iterator[_Line]:
    """The rows below the headings; a sheet without a heading that it needs is a fault and has none."""
    name = bare(sheet.name)
    wanted = COLUMNS[name]
    for index, row in enumerate(sheet.rows[:10]):
        places = {bare(cell): place for place, cell in enumerate(row.cells) if bare(cell) in wanted}
        if len(places) >= 2:
            lacking = [column for column in _NEEDED.get(name, wanted[:2]) if column not in places]
            reading.faults += [
                at(Problem("sheet_column_missing", "", {"column": column}), sheet.name, row.number)
                for column in lacking
            ]
            rest = [] if lacking else sheet.rows[index + 1 :]
            yield from (_Line(sheet, each, places) for each in rest)
            return
    first = sheet.rows[0].number if sheet.rows else 1
    reading.faults.append(at(Problem("sheet_column_missing", "", {"column": wanted[0]}), sheet.name, first))


def _head(reading: _Reading, sheet: Sheet) -> Template:
    title, component, minutes = "", "", Decimal(0)
    for line in _lines(reading, sheet):
        name, value = bare(line.text("项目")), line.text("内容")
        if name == "名称":
            title = value
            reading.origins.put("title", sheet, line.row.number)
        elif name == "科目":
            component = COMPONENT_WORDS.get(value, value)
            reading.origins.put("component", sheet, line.row.number)
        elif name == "考核时间":
            minutes = reading.amount(line, "内容") or Decimal(0)
            reading.origins.put("minutes", sheet, line.row.number)
        elif not _TASK.fullmatch(name) and name:
            reading.fault(line, "项目", "sheet_row_unknown", value=name[:20])
    return Template("", 0, title, component, minutes, ())


def _tasks(reading: _Reading, sheet: Sheet, title: str) -> list[Task]:
    """The tasks of the head; one that is the whole sheet when none is named. Full marks of 0: not said."""
    tasks: list[Task] = []
    for line in _lines(_Reading(), sheet):
        found = _TASK.fullmatch(bare(line.text("项目")))
        if found:
            weight, full = (reading.amount(line, column) or Decimal(0) for column in ("比重", "满分"))
            reading.origins.put(f"tasks[{len(tasks)}]", sheet, line.row.number)
            tasks.append(Task(found[1], line.text("内容"), weight, (), full=full))
    if not tasks:
        return [Task("1", title, Decimal(100), (), full=Decimal(0))]
    if len(tasks) == 1 and not tasks[0].weight:
        return [replace(tasks[0], weight=Decimal(100))]
    return tasks


def _of_task(reading: _Reading, line: _Line, tasks: Sequence[Task]) -> str:
    """The task a line names; the only one when it names none."""
    named = line.text("试题").removeprefix("试题").strip()
    if not named and len(tasks) == 1:
        return tasks[0].number
    if named not in {task.number for task in tasks}:
        reading.fault(line, "试题", "sheet_task_unknown", value=named[:20])
    return named


def _items(reading: _Reading, sheet: Sheet | None, tasks: Sequence[Task]) -> dict[str, list[SheetItem]]:
    found: dict[str, list[SheetItem]] = {}
    last = ""
    for line in _lines(reading, sheet) if sheet else ():
        named, loses = line.text("序号") or line.text("考核内容"), line.text("扣分项") or line.text("扣分")
        if named:
            last = _of_task(reading, line, tasks) if line.text("试题") or not last else last
            item = SheetItem(
                line.text("序号"),
                line.text("考核内容"),
                reading.amount(line, "配分") or Decimal(0),
                line.text("评分标准"),
                (),
                _required(reading, line),
            )
            rows = found.setdefault(last, [])
            reading.origins.put(f"{last}/{len(rows)}", line.sheet, line.row.number)
            rows.append(item)
        if loses:
            _add_deduction(reading, line, found.get(last), last)
        elif not named and (words := [line.text(column) for column in COLUMNS[ITEMS] if line.text(column)]):
            reading.fault(line, "序号", "sheet_row_unknown", value=words[0][:20])
    return found


def _required(reading: _Reading, line: _Line) -> bool:
    """As written; an item that gets points directly must be marked when nothing is written."""
    if line.text("必评"):
        return reading.yes(line, "必评")
    return not (line.text("扣分项") or line.text("扣分"))


def _add_deduction(reading: _Reading, line: _Line, rows: list[SheetItem] | None, task: str) -> None:
    if not rows:
        reading.fault(line, "扣分项", "sheet_deduction_alone")
        return
    item, each = rows[-1], reading.yes(line, "按次")
    code = line.text("扣分代码") or chr(ord("a") + min(len(item.deductions), 25))
    points, most = reading.amount(line, "扣分"), reading.amount(line, "最多扣")
    made = Deduction(code, line.text("扣分项"), points or Decimal(0), each, most)
    place = f"{task}/{len(rows) - 1}/{len(item.deductions)}"
    reading.origins.put(place, line.sheet, line.row.number)
    rows[-1] = replace(item, deductions=(*item.deductions, made))


def _place(origins: Origins, index: int, task: Task) -> None:
    """Gives the rows of a task's items and deductions their places in the template."""
    known = origins.rows
    for n, item in enumerate(task.items):
        part = f"tasks[{index}].items[{n}]"
        known[part] = known[f"{task.number}/{n}"]
        for d, _deduction in enumerate(item.deductions):
            known[f"{part}.deductions[{d}]"] = known[f"{task.number}/{n}/{d}"]
    for kind, rows in (("vetoes", task.vetoes), ("overtime", task.overtime)):
        for n, _row in enumerate(rows):
            known[f"tasks[{index}].{kind}[{n}]"] = known[f"{task.number}/{kind}/{n}"]


def _vetoes(reading: _Reading, sheet: Sheet | None, tasks: Sequence[Task]) -> dict[str, list[Veto]]:
    def made(line: _Line) -> Veto:
        effect = EFFECT_WORDS.get(line.text("后果"), line.text("后果"))
        return Veto(line.text("代码"), line.text("内容"), effect, line.text("项目"))

    return _by_task(reading, sheet, tasks, ("vetoes", made))


def _overtime(reading: _Reading, sheet: Sheet | None, tasks: Sequence[Task]) -> dict[str, list[OvertimeStep]]:
    def made(line: _Line) -> OvertimeStep:
        seconds = reading.amount(line, "超时秒数") or Decimal(0)
        whole = int(seconds) if seconds == seconds.to_integral_value() else 0
        return OvertimeStep(whole, reading.amount(line, "扣分") or Decimal(0), reading.yes(line, "停止"))

    return _by_task(reading, sheet, tasks, ("overtime", made))


def _by_task(
    reading: _Reading, sheet: Sheet | None, tasks: Sequence[Task], kind: tuple[str, Callable[[_Line], T]]
) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for line in _lines(reading, sheet) if sheet else ():
        task = _of_task(reading, line, tasks)
        rows = found.setdefault(task, [])
        reading.origins.put(f"{task}/{kind[0]}/{len(rows)}", line.sheet, line.row.number)
        rows.append(kind[1](line))
    return found


def _notice(reading: _Reading, sheet: Sheet | None) -> Notice:
    rows: dict[str, list[Supply]] = {"考场": [], "考生": []}
    texts: dict[str, list[str]] = {"考场说明": [], "考生说明": []}
    for line in _lines(reading, sheet) if sheet else ():
        side = line.text("部分")
        if side in texts:
            texts[side].append(line.text("名称"))
        elif side in rows:
            part = "site" if side == "考场" else "candidate"
            reading.origins.put(f"notice.{part}[{len(rows[side])}]", line.sheet, line.row.number)
            rows[side].append(Supply(*(line.text(column) for column in COLUMNS[NOTICE][1:])))
        else:
            reading.fault(line, "部分", "sheet_side", value=side[:20])
    said = {side: "\n".join(lines) for side, lines in texts.items()}
    return Notice(tuple(rows["考场"]), tuple(rows["考生"]), said["考场说明"], said["考生说明"])
