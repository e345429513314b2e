"""What makes a template of a score sheet sound; its values stand in `sheet_values`.

Points are positive with one decimal at most, numbers and codes are unique, weights sum to 100 and the items
of a task to its full marks, vetoes name items that are there, texts are there and not too long.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from itembank.problems import Problem
from itembank.sheet_values import (
    WHOLE,
    Deduction,
    Notice,
    OvertimeStep,
    SheetItem,
    Supply,
    Task,
    Template,
    Veto,
    digest,
    plain,
    tenths,
)

__all__ = [
    "Deduction",
    "Notice",
    "OvertimeStep",
    "SheetItem",
    "Supply",
    "Task",
    "Template",
    "Veto",
    "digest",
    "faults",
    "plain",
    "tenths",
]

COMPONENTS = ("practical", "review")
EFFECTS = ("item_zero", "task_zero", "fail")
NUMBER = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,15}")
"""What a number of a task or an item and a code may look like."""
TITLE_LIMIT, TEXT_LIMIT, NOTICE_LIMIT = 120, 600, 4000  # characters
TASKS_MOST, ITEMS_MOST, DEDUCTIONS_MOST, VETOES_MOST, STEPS_MOST, ROWS_MOST = 20, 120, 20, 20, 40, 100
MINUTES_MOST = Decimal(600)
SECONDS_MOST = 36_000  # of overtime
_UNKEPT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that no store, workbook or PDF takes."""


def faults(template: Template) -> list[Problem]:
    """Everything that keeps a template from use; places read like "tasks[0].items[2].points"."""
    found = list(_head_faults(template))
    if any(_UNKEPT.search(text) for text in _texts(template.to_json())):
        found.append(Problem("sheet_characters"))
    for index, task in enumerate(template.tasks):
        place = f"tasks[{index}]"
        found += [*_task_faults(task, place), *_veto_faults(task, place), *_step_faults(task, place)]
    found += _twice([(f"tasks[{n}].number", task.number) for n, task in enumerate(template.tasks)])
    found += _twice([(f"{place}.number", item.number) for place, item in _placed_items(template)])
    vetoes = [
        (f"tasks[{n}].vetoes[{v}].code", veto.code)
        for n, task in enumerate(template.tasks)
        for v, veto in enumerate(task.vetoes)
    ]
    return found + _twice(vetoes)


def _texts(value: object) -> Iterator[str]:
    """Every text of plain values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(each)


def _head_faults(template: Template) -> Iterator[Problem]:
    yield from _text("title", template.title, TITLE_LIMIT)
    if template.component not in COMPONENTS:
        yield Problem("sheet_component", "component")
    if not 0 < template.minutes <= MINUTES_MOST:
        yield Problem("sheet_minutes", "minutes", {"most": str(MINUTES_MOST)})
    yield from _count("tasks", template.tasks, TASKS_MOST)
    if sum(1 for _ in template.items()) > ITEMS_MOST:
        yield Problem("sheet_too_many", "tasks", {"most": ITEMS_MOST})
    total = sum((task.weight for task in template.tasks), Decimal(0))
    if template.tasks and total != WHOLE:
        yield Problem("sheet_weights", "tasks", {"total": plain(total)})
    for side, text, rows in (
        ("site", template.notice.site_text, template.notice.site),
        ("candidate", template.notice.candidate_text, template.notice.candidate),
    ):
        if len(text) > NOTICE_LIMIT:
            yield Problem("sheet_text_long", f"notice.{side}_text", {"most": NOTICE_LIMIT})
        yield from _supply_faults(rows, f"notice.{side}")


def _supply_faults(rows: Sequence[Supply], place: str) -> Iterator[Problem]:
    if len(rows) > ROWS_MOST:
        yield Problem("sheet_too_many", place, {"most": ROWS_MOST})
    for index, row in enumerate(rows):
        yield from _text(f"{place}[{index}].name", row.name, TITLE_LIMIT)
        for part in ("spec", "unit", "count", "note"):
            if len(getattr(row, part)) > TITLE_LIMIT:
                yield Problem("sheet_text_long", f"{place}[{index}].{part}", {"most": TITLE_LIMIT})


def _task_faults(task: Task, place: str) -> Iterator[Problem]:
    yield from _number(f"{place}.number", task.number)
    yield from _text(f"{place}.title", task.title, TITLE_LIMIT)
    yield from _points(f"{place}.weight", task.weight)
    yield from _points(f"{place}.full", task.full)
    yield from _count(f"{place}.items", task.items, ITEMS_MOST)
    total = sum((item.points for item in task.items), Decimal(0))
    if task.items and total != task.full:
        told = {"task": task.number, "total": plain(total), "full": plain(task.full)}
        yield Problem("sheet_task_sum", f"{place}.items", told)
    for index, item in enumerate(task.items):
        yield from _item_faults(item, f"{place}.items[{index}]")


def _item_faults(item: SheetItem, place: str) -> Iterator[Problem]:
    yield from _number(f"{place}.number", item.number)
    yield from _text(f"{place}.content", item.content, TEXT_LIMIT)
    yield from _points(f"{place}.points", item.points)
    if len(item.criterion) > TEXT_LIMIT:
        yield Problem("sheet_text_long", f"{place}.criterion", {"most": TEXT_LIMIT})
    if len(item.deductions) > DEDUCTIONS_MOST:
        yield Problem("sheet_too_many", f"{place}.deductions", {"most": DEDUCTIONS_MOST})
    for index, each in enumerate(item.deductions):
        here = f"{place}.deductions[{index}]"
        yield from _number(f"{here}.code", each.code)
        yield from _text(f"{here}.text", each.text, TEXT_LIMIT)
        yield from _points(f"{here}.points", each.points)
        if each.most is not None:
            yield from _points(f"{here}.most", each.most)
            if each.most < each.points:
                yield Problem("sheet_most_small", f"{here}.most", {"points": plain(each.points)})
        if each.points > item.points:
            yield Problem("sheet_deduction_large", f"{here}.points", {"points": plain(item.points)})
    yield from _twice([(f"{place}.deductions[{n}].code", d.code) for n, d in enumerate(item.deductions)])


def _veto_faults(task: Task, place: str) -> Iterator[Problem]:
    known = {item.number for item in task.items}
    if len(task.vetoes) > VETOES_MOST:
        yield Problem("sheet_too_many", f"{place}.vetoes", {"most": VETOES_MOST})
    for index, veto in enumerate(task.vetoes):
        here = f"{place}.vetoes[{index}]"
        yield from _number(f"{here}.code", veto.code)
        yield from _text(f"{here}.text", veto.text, TEXT_LIMIT)
        if veto.effect not in EFFECTS:
            yield Problem("sheet_effect", f"{here}.effect")
        if (veto.item or veto.effect == "item_zero") and veto.item not in known:
            yield Problem("sheet_veto_item", f"{here}.item", {"item": veto.item})


def _step_faults(task: Task, place: str) -> Iterator[Problem]:
    if len(task.overtime) > STEPS_MOST:
        yield Problem("sheet_too_many", f"{place}.overtime", {"most": STEPS_MOST})
    before: OvertimeStep | None = None
    for index, step in enumerate(task.overtime):
        here = f"{place}.overtime[{index}]"
        if not 1 <= step.from_seconds <= SECONDS_MOST:
            yield Problem("sheet_seconds", f"{here}.from_seconds", {"most": SECONDS_MOST})
        if step.points or not step.stop:
            yield from _points(f"{here}.points", step.points)
        if step.points > task.full:
            yield Problem("sheet_deduction_large", f"{here}.points", {"points": plain(task.full)})
        if before and (step.from_seconds <= before.from_seconds or step.points < before.points):
            yield Problem("sheet_steps_order", here)
        if before and before.stop:
            yield Problem("sheet_step_after_stop", here)
        before = step


def _placed_items(template: Template) -> Iterator[tuple[str, SheetItem]]:
    for index, task in enumerate(template.tasks):
        yield from ((f"tasks[{index}].items[{n}]", item) for n, item in enumerate(task.items))


def _text(place: str, text: str, most: int) -> Iterator[Problem]:
    if not text.strip():
        yield Problem("sheet_text_missing", place)
    elif len(text) > most:
        yield Problem("sheet_text_long", place, {"most": most})


def _number(place: str, number: str) -> Iterator[Problem]:
    if not NUMBER.fullmatch(number):
        yield Problem("sheet_number", place, {"number": number[:20]})


def _points(place: str, points: Decimal) -> Iterator[Problem]:
    if not 0 < points <= WHOLE or not tenths(points):
        yield Problem("sheet_points", place, {"points": str(points)[:20]})


def _count(place: str, rows: Sequence[object], most: int) -> Iterator[Problem]:
    if not rows:
        yield Problem("sheet_nothing", place)
    elif len(rows) > most:
        yield Problem("sheet_too_many", place, {"most": most})


def _twice(placed: Sequence[tuple[str, str]]) -> list[Problem]:
    seen: set[str] = set()
    found = []
    for place, value in placed:
        if value in seen:
            found.append(Problem("sheet_twice", place, {"number": value[:20]}))
        seen.add(value)
    return found
