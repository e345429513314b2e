"""A score sheet's template as the workbook that `importing.sheet_workbook` reads: an example, or a copy.

What is written is read back equal but for uid, version and the mark of a sample, which the bank gives.
"""

import datetime as dt
import io
from collections.abc import Iterator, Sequence

import xlsxwriter

from itembank.importing.sheet_workbook import (
    COLUMNS,
    COMPONENT_WORDS,
    EFFECT_WORDS,
    HEAD,
    ITEMS,
    NOTICE,
    OVERTIME,
    VETOES,
)
from itembank.sheet_template import SheetItem, Supply, Task, Template, plain

Line = Sequence[str]
_COMPONENTS = {code: word for word, code in reversed(COMPONENT_WORDS.items())}
_EFFECTS = {code: word for word, code in EFFECT_WORDS.items()}
_WIDE = {"考核内容": 36, "评分标准": 36, "扣分项": 32, "内容": 36, "名称": 24, "规格": 20}
_EPOCH = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - a workbook's dates have no zone; a fixed one keeps the bytes equal


def sheet_xlsx(template: Template) -> bytes:
    """The workbook; equal templates give equal bytes. Every cell is text, so that 1.10 stays 1.10."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(out, options) as book:
        book.set_properties({"created": _EPOCH})
        head = book.add_format({"bold": True, "bottom": 1})
        cell = book.add_format({"text_wrap": True, "valign": "top", "num_format": "@"})
        for name, lines in _sheets(template):
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            for place, column in enumerate(COLUMNS[name]):
                sheet.write_string(0, place, column, head)
                sheet.set_column(place, place, _WIDE.get(column, 10))
            for row, line in enumerate(lines, 1):
                for place, text in enumerate(line):
                    sheet.write_string(row, place, text, cell)
    return out.getvalue()


def _sheets(template: Template) -> Iterator[tuple[str, list[Line]]]:
    yield HEAD, list(_head(template))
    yield NOTICE, list(_notice(template))
    yield ITEMS, [line for task in template.tasks for line in _items(task)]
    yield (
        VETOES,
        [
            (veto.code, veto.text, _EFFECTS.get(veto.effect, veto.effect), task.number, veto.item)
            for task in template.tasks
            for veto in task.vetoes
        ],
    )
    yield (
        OVERTIME,
        [
            (task.number, str(step.from_seconds), plain(step.points), _yes(step.stop))
            for task in template.tasks
            for step in task.overtime
        ],
    )


def _head(template: Template) -> Iterator[Line]:
    yield "名称", template.title
    yield "科目", _COMPONENTS.get(template.component, template.component)
    yield "考核时间（分钟）", plain(template.minutes)
    for task in template.tasks:
        yield f"试题 {task.number}", task.title, plain(task.weight), plain(task.full)


def _notice(template: Template) -> Iterator[Line]:
    notice = template.notice
    for side, text, rows in (
        ("考场", notice.site_text, notice.site),
        ("考生", notice.candidate_text, notice.candidate),
    ):
        yield from ((f"{side}说明", line) for line in text.split("\n") if text)
        yield from (_supply(side, row) for row in rows)


def _supply(side: str, row: Supply) -> Line:
    return side, row.name, row.spec, row.unit, row.count, row.note


def _items(task: Task) -> Iterator[Line]:
    for item in task.items:
        first, *others = _deductions(item) or [()]
        own = (task.number, item.number, item.content, item.criterion, plain(item.points))
        yield *own, _yes(item.required), *first
        yield from (("",) * 6 + tuple(other) for other in others)


def _deductions(item: SheetItem) -> list[Line]:
    return [
        (
            each.code,
            each.text,
            plain(each.points),
            _yes(each.per_instance),
            plain(each.most) if each.most else "",
        )
        for each in item.deductions
    ]


def _yes(value: bool) -> str:
    return "是" if value else "否"
