"""The values of a score sheet's template (评分表), and their plain form; `sheet_template` says what is sound.

A template has tasks with weights that sum to 100; a task has items whose points sum to its full marks. An
item with deductions begins at its points and loses what is ticked, down to 0; an item without them is given
points directly. Vetoes (否定项) are reported beside the points; a policy says what they do. Points, weights
and steps have one decimal at most, so every tablet reaches the same total (`sheet_marks.score`).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

WHOLE = Decimal(100)  # weights of the tasks, and points of a sheet
_DIGITS_MOST = 12


@dataclass(frozen=True, slots=True)
class Deduction:
    """What costs points: once, or for each instance when `per_instance`, never over `most` in all."""

    code: str
    text: str
    points: Decimal
    per_instance: bool = False
    most: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SheetItem:
    """One line of a sheet. `number` ("1.3") is its id, unique in the template.

    `required`: an examiner says something of it before locking: points, or a deduction, if with a count of 0.
    """

    number: str
    content: str
    points: Decimal
    criterion: str = ""
    deductions: tuple[Deduction, ...] = ()
    required: bool = False

    @property
    def direct(self) -> bool:
        """Whether points are given to it directly."""
        return not self.deductions


@dataclass(frozen=True, slots=True)
class Veto:
    """An act that costs more than points. `item`: the number of the item it belongs to; codes are unique in
    the template.
    """

    code: str
    text: str
    effect: str
    item: str = ""


@dataclass(frozen=True, slots=True)
class OvertimeStep:
    """From so many seconds over the time on, `points` of the task are lost in all; `stop` ends the turn."""

    from_seconds: int
    points: Decimal
    stop: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """One 试题: `full` is what its items sum to, `weight` its per cent of the sheet.

    The steps of the overtime are of the time of the whole turn, and cut this task.
    """

    number: str
    title: str
    weight: Decimal
    items: tuple[SheetItem, ...]
    vetoes: tuple[Veto, ...] = ()
    overtime: tuple[OvertimeStep, ...] = ()
    full: Decimal = WHOLE


@dataclass(frozen=True, slots=True)
class Supply:
    """One line of what must be there: name, specification, unit, how many, remarks."""

    name: str
    spec: str = ""
    unit: str = ""
    count: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """The 准备通知单: what the site prepares, and what candidates bring. It never tells a task."""

    site: tuple[Supply, ...] = ()
    candidate: tuple[Supply, ...] = ()
    site_text: str = ""
    candidate_text: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """One version of a template; it never changes. `minutes` is the time of a turn without preparation."""

    uid: str
    version: int
    title: str
    component: str
    minutes: Decimal
    tasks: tuple[Task, ...]
    notice: Notice = field(default_factory=Notice)
    sample: bool = False

    def items(self) -> Iterator[SheetItem]:
        """Every item in the order of the sheet."""
        return (item for task in self.tasks for item in task.items)

    def vetoes(self) -> Iterator[Veto]:
        """Every veto in the order of the sheet."""
        return (veto for task in self.tasks for veto in task.vetoes)

    def item(self, number: str) -> SheetItem | None:
        """The item of that number."""
        return next((item for item in self.items() if item.number == number), None)

    def to_json(self) -> dict[str, object]:
        """Plain values, decimals as text: what is stored, sealed and shown by the tablet."""
        return {
            "v": 1,
            "uid": self.uid,
            "version": self.version,
            "title": self.title,
            "component": self.component,
            "minutes": plain(self.minutes),
            "sample": self.sample,
            "notice": _notice_json(self.notice),
            "tasks": [_task_json(task) for task in self.tasks],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Template":
        """The inverse of `to_json`. Raises ValueError for anything else; says nothing of `faults`."""
        try:
            if data["v"] != 1:
                raise ValueError("unknown version of a template")
            return cls(
                str(data["uid"]),
                int(data["version"]),
                str(data["title"]),
                str(data["component"]),
                _decimal(data["minutes"]),
                tuple(_task(each) for each in data["tasks"]),
                _notice(data["notice"]),
                data["sample"] is True,
            )
        except (KeyError, TypeError, AttributeError, ArithmeticError) as error:
            raise ValueError("not a template") from error


def digest(template: Template) -> str:
    """SHA-256 in hex over the canonical JSON: what is printed and compared as the template's hash."""
    canonical = json.dumps(template.to_json(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def tenths(points: Decimal) -> bool:
    """Whether a number has one decimal at most."""
    return points == points.quantize(Decimal("0.1"))


def plain(points: Decimal) -> str:
    """A number as text without an exponent or trailing zeros: "12.5"."""
    return f"{points.normalize():f}"


def _decimal(value: object) -> Decimal:
    if not isinstance(value, str) or len(value) > _DIGITS_MOST or not value.replace(".", "", 1).isdigit():
        raise ValueError("not a number")
    return Decimal(value)


def _task_json(task: Task) -> dict[str, object]:
    return {
        "number": task.number,
        "title": task.title,
        "weight": plain(task.weight),
        "full": plain(task.full),
        "items": [_item_json(item) for item in task.items],
        "vetoes": [{"code": v.code, "text": v.text, "effect": v.effect, "item": v.item} for v in task.vetoes],
        "overtime": [
            {"from_seconds": s.from_seconds, "points": plain(s.points), "stop": s.stop} for s in task.overtime
        ],
    }


def _task(data: Mapping[str, Any]) -> Task:
    return Task(
        str(data["number"]),
        str(data["title"]),
        _decimal(data["weight"]),
        tuple(_item(each) for each in data["items"]),
        tuple(Veto(str(v["code"]), str(v["text"]), str(v["effect"]), str(v["item"])) for v in data["vetoes"]),
        tuple(
            OvertimeStep(int(s["from_seconds"]), _decimal(s["points"]), s["stop"] is True)
            for s in data["overtime"]
        ),
        _decimal(data["full"]),
    )


def _item_json(item: SheetItem) -> dict[str, object]:
    return {
        "number": item.number,
        "content": item.content,
        "points": plain(item.points),
        "criterion": item.criterion,
        "required": item.required,
        "deductions": [
            {
                "code": d.code,
                "text": d.text,
                "points": plain(d.points),
                "per_instance": d.per_instance,
                "most": None if d.most is None else plain(d.most),
            }
            for d in item.deductions
        ],
    }


def _item(data: Mapping[str, Any]) -> SheetItem:
    deductions = tuple(
        Deduction(
            str(d["code"]),
            str(d["text"]),
            _decimal(d["points"]),
            d["per_instance"] is True,
            None if d["most"] is None else _decimal(d["most"]),
        )
        for d in data["deductions"]
    )
    return SheetItem(
        str(data["number"]),
        str(data["content"]),
        _decimal(data["points"]),
        str(data["criterion"]),
        deductions,
        data["required"] is True,
    )


def _notice_json(notice: Notice) -> dict[str, object]:
    def rows(supplies: Sequence[Supply]) -> list[list[str]]:
        return [[s.name, s.spec, s.unit, s.count, s.note] for s in supplies]

    return {
        "site": rows(notice.site),
        "candidate": rows(notice.candidate),
        "site_text": notice.site_text,
        "candidate_text": notice.candidate_text,
    }


def _notice(data: Mapping[str, Any]) -> Notice:
    def rows(name: str) -> tuple[Supply, ...]:
        return tuple(Supply(*map(str, row)) for row in data[name])

    return Notice(rows("site"), rows("candidate"), str(data["site_text"]), str(data["candidate_text"]))
