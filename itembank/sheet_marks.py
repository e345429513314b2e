"""What an examiner does on a score sheet, and what it comes to: a fold of actions, and one exact sum.

An action is a JSON object that says the whole state of what it is about, so a resent one changes nothing::

    {"act": "deduct", "item": "1.3", "code": "a", "count": 2}     how often in all; 0: looked at, nothing lost
    {"act": "points", "item": "2.1", "points": "12.5"}            of an item that has no deductions
    {"act": "veto", "code": "V1", "on": true}
    {"act": "note", "item": "1.3" or "", "text": "..."}           "" takes the note away
    {"act": "photo", "item": "1.3" or "", "sha256": 64 hex}
    {"act": "lock", "total": "85"}                                nothing after it counts

The sum: an item is worth max(0, points - sum over its deductions of min(most, points x count)), or what was
given directly; a task is worth max(0, sum of its items - points of the last step of overtime that was
reached); the total is the sum of task x weight / full marks, added up as fractions and rounded once, half up,
to two decimals. The tablet does the same with whole numbers; tests/data/sheet_scores.json holds both to it.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from itembank.problems import Problem
from itembank.sheet_values import WHOLE, Deduction, SheetItem, Task, Template, plain, tenths

COUNT_MOST = 99
"""How often one deduction may be ticked."""
NOTE_LIMIT = 500  # characters
ZERO = Decimal(0)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_POINTS = re.compile(r"[0-9]{1,3}(\.[0-9])?")
_TOTAL = re.compile(r"[0-9]{1,3}(\.[0-9]{1,2})?")

Action = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Marks:
    """What the actions of one sheet come to. `counts` by (item, code); `total`: what was locked, or None."""

    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    points: Mapping[str, Decimal] = field(default_factory=dict)
    vetoes: frozenset[str] = frozenset()
    notes: Mapping[str, str] = field(default_factory=dict)
    photos: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    total: str | None = None

    @property
    def locked(self) -> bool:
        """Whether the sheet was locked."""
        return self.total is not None


@dataclass(frozen=True, slots=True)
class SheetScore:
    """What one sheet comes to: points by item, by task (after overtime, before its weight), and in all.

    `vetoes` that are on, in the order of the template: reported, not applied. `missing`: required items of
    which nothing was said.
    """

    items: Mapping[str, Decimal]
    tasks: Mapping[str, Decimal]
    total: Decimal
    vetoes: tuple[str, ...]
    missing: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Plain values, decimals as text without trailing zeros."""
        return {
            "items": {number: plain(points) for number, points in self.items.items()},
            "tasks": {number: plain(points) for number, points in self.tasks.items()},
            "total": plain(self.total),
            "vetoes": list(self.vetoes),
            "missing": list(self.missing),
        }


def check_action(template: Template, action: object) -> Problem | None:
    """What is wrong with one action, None for nothing. It knows the template alone, not what came before."""
    if not isinstance(action, Mapping):
        return Problem("sheet_action_unknown")
    kind = action.get("act")
    known = _CHECKS.get(kind) if isinstance(kind, str) else None
    if known is None:
        return Problem("sheet_action_unknown")
    fields, check = known
    if set(action) != {"act", *fields}:
        return Problem("sheet_action_unknown")
    return check(template, action)


def fold(actions: Iterable[Action]) -> Marks:
    """The state after these actions, each let pass by `check_action`; the last word on a thing counts."""
    counts: dict[tuple[str, str], int] = {}
    points: dict[str, Decimal] = {}
    vetoes: set[str] = set()
    notes: dict[str, str] = {}
    photos: dict[str, tuple[str, ...]] = {}
    total: str | None = None
    for action in actions:
        match action["act"]:
            case "deduct":
                counts[action["item"], action["code"]] = action["count"]
            case "points":
                points[action["item"]] = Decimal(action["points"])
            case "veto":
                (vetoes.add if action["on"] else vetoes.discard)(action["code"])
            case "note":
                notes[action["item"]] = action["text"]
            case "photo":
                before = photos.get(action["item"], ())
                photos[action["item"]] = (*before, *({action["sha256"]} - set(before)))
            case "lock":
                total = action["total"]
                break
    kept = {item: text for item, text in notes.items() if text}
    return Marks(counts, points, frozenset(vetoes), kept, photos, total)


def score(template: Template, marks: Marks, overtime_seconds: int = 0) -> SheetScore:
    """What the marks come to under a sound template (`sheet_template.faults`); see the module for the sum."""
    items = {item.number: _item_points(item, marks) for item in template.items()}
    tasks = {task.number: _task_points(task, items, overtime_seconds) for task in template.tasks}
    vetoes = tuple(veto.code for veto in template.vetoes() if veto.code in marks.vetoes)
    missing = tuple(i.number for i in template.items() if i.required and not _said(i, marks))
    return SheetScore(items, tasks, _total(template, tasks), vetoes, missing)


def struck(template: Template, marks: Marks, codes: Iterable[str], overtime_seconds: int = 0) -> SheetScore:
    """The score with these vetoes in effect (R33): an item or a task at 0, or nothing at all ("fail").

    Whose vetoes count is the policy's business, not the sheet's.
    """
    plainly, effective = score(template, marks, overtime_seconds), set(codes)
    items, gone = dict(plainly.items), set[str]()
    for task in template.tasks:
        for veto in task.vetoes:
            if veto.code in effective and veto.effect == "item_zero":
                items[veto.item] = ZERO
            elif veto.code in effective:
                gone |= {task.number} if veto.effect == "task_zero" else {t.number for t in template.tasks}
    tasks = {
        task.number: ZERO if task.number in gone else _task_points(task, items, overtime_seconds)
        for task in template.tasks
    }
    return SheetScore(items, tasks, _total(template, tasks), plainly.vetoes, plainly.missing)


def overtime_points(task: Task, seconds: int) -> Decimal:
    """The points that a task loses for so many seconds over the time: the last step that was reached."""
    return max((step.points for step in task.overtime if seconds >= step.from_seconds), default=ZERO)


def _item_points(item: SheetItem, marks: Marks) -> Decimal:
    if item.direct:
        return min(marks.points.get(item.number, ZERO), item.points)
    lost = sum((_lost(each, marks.counts.get((item.number, each.code), 0)) for each in item.deductions), ZERO)
    return max(ZERO, item.points - lost)


def _lost(deduction: Deduction, count: int) -> Decimal:
    lost = deduction.points * (count if deduction.per_instance else min(count, 1))
    return lost if deduction.most is None else min(deduction.most, lost)


def _task_points(task: Task, items: Mapping[str, Decimal], overtime_seconds: int) -> Decimal:
    whole = sum((items[item.number] for item in task.items), ZERO)
    return max(ZERO, whole - overtime_points(task, overtime_seconds))


def _total(template: Template, tasks: Mapping[str, Decimal]) -> Decimal:
    parts = (Fraction(tasks[t.number]) * Fraction(t.weight) / Fraction(t.full) for t in template.tasks)
    hundredths = (sum(parts, Fraction(0)) * 200 + 1) // 2
    return Decimal(hundredths) / 100


def _said(item: SheetItem, marks: Marks) -> bool:
    if item.direct:
        return item.number in marks.points
    return any((item.number, each.code) in marks.counts for each in item.deductions)


def _check_deduct(template: Template, action: Action) -> Problem | None:
    item = _item(template, action["item"])
    if item is None:
        return Problem("sheet_item_unknown")
    deduction = next((each for each in item.deductions if each.code == action["code"]), None)
    if deduction is None:
        return Problem("sheet_code_unknown", item.number)
    most, count = COUNT_MOST if deduction.per_instance else 1, action["count"]
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= most:
        return Problem("sheet_count", item.number, {"most": most})
    return None


def _check_points(template: Template, action: Action) -> Problem | None:
    item = _item(template, action["item"])
    if item is None or not item.direct:
        return Problem("sheet_item_unknown")
    given = _number(action["points"], _POINTS)
    if given is None or given > item.points or not tenths(given):
        return Problem("sheet_points_given", item.number, {"most": plain(item.points)})
    return None


def _check_veto(template: Template, action: Action) -> Problem | None:
    if not any(veto.code == action["code"] for veto in template.vetoes()):
        return Problem("sheet_code_unknown")
    return None if isinstance(action["on"], bool) else Problem("sheet_action_unknown")


def _check_note(template: Template, action: Action) -> Problem | None:
    if action["item"] != "" and _item(template, action["item"]) is None:
        return Problem("sheet_item_unknown")
    if not isinstance(action["text"], str) or len(action["text"]) > NOTE_LIMIT:
        return Problem("sheet_note_long", "", {"most": NOTE_LIMIT})
    return None


def _check_photo(template: Template, action: Action) -> Problem | None:
    if action["item"] != "" and _item(template, action["item"]) is None:
        return Problem("sheet_item_unknown")
    sha256 = action["sha256"]
    known = isinstance(sha256, str) and _SHA256.fullmatch(sha256)
    return None if known else Problem("sheet_action_unknown")


def _check_lock(_template: Template, action: Action) -> Problem | None:
    total = _number(action["total"], _TOTAL)
    return Problem("sheet_total") if total is None or total > WHOLE else None


def _item(template: Template, number: object) -> SheetItem | None:
    return template.item(number) if isinstance(number, str) else None


def _number(value: object, shape: re.Pattern[str]) -> Decimal | None:
    try:
        return Decimal(value) if isinstance(value, str) and shape.fullmatch(value) else None
    except InvalidOperation:
        return None


_CHECKS: Mapping[str, tuple[tuple[str, ...], Callable[[Template, Action], Problem | None]]] = {
    "deduct": (("item", "code", "count"), _check_deduct),
    "points": (("item", "points"), _check_points),
    "veto": (("code", "on"), _check_veto),
    "note": (("item", "text"), _check_note),
    "photo": (("item", "sha256"), _check_photo),
    "lock": (("total",), _check_lock),
}
