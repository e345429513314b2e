"""The `breaches` part of a policy: what covers the paper, what is only told, and what may not run."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from exam_rooms.incidents import BREACHES
from itembank.blueprint_reading import Reader

PATH = "breaches"
GRACE = ("0", "60")  # seconds; what lasted a minute untold would be told to nobody in time
MOST_PATTERNS, PATTERN_LENGTH = 200, 60
TEXT_LIMIT = 40  # characters of a wrong value that are repeated


class Action(StrEnum):
    """What follows from a breach by itself; everything else is up to people."""

    RECORD = "record"  # on the record, nobody is called
    NOTE = "note"  # an incident at the seat
    FREEZE = "freeze"  # an incident, and the paper is covered until an invigilator releases it


@dataclass(frozen=True, slots=True)
class BreachRule:
    """`grace_seconds`: for how long a cause may last before the seat tells of it."""

    kind: str
    action: Action = Action.NOTE
    grace_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class BreachRules:
    """A kind without a rule is told and covers nothing. `forbidden_processes`: patterns of program names."""

    kinds: tuple[BreachRule, ...] = ()
    forbidden_processes: tuple[str, ...] = ()

    def of(self, kind: str) -> BreachRule:
        """The rule of a kind."""
        return next((rule for rule in self.kinds if rule.kind == kind), BreachRule(kind))

    @property
    def grace(self) -> dict[str, float]:
        """Kind -> seconds, of the kinds that have any."""
        return {rule.kind: rule.grace_seconds for rule in self.kinds if rule.grace_seconds > 0}


def read_breaches(read: Reader, data: object) -> BreachRules:
    """The rules of the `breaches` mapping; faults are added to the reader with their paths.

    A profile that says nothing of breaches covers no paper and forbids no program.
    """
    if data is None:
        return BreachRules()
    fields = read.mapping(data, PATH, ("kinds", "forbidden_processes"))
    if not isinstance(data, Mapping):
        return BreachRules()
    kinds = read.mapping(fields.get("kinds"), f"{PATH}.kinds", tuple(str(kind) for kind in BREACHES))
    rules = tuple(_rule(read, str(kind), entry) for kind, entry in kinds.items() if kind in BREACHES)
    return BreachRules(rules, _patterns(read, fields.get("forbidden_processes", [])))


def _rule(read: Reader, kind: str, data: object) -> BreachRule:
    path = f"{PATH}.kinds.{kind}"
    fields = read.mapping(data, path, ("action", "grace_seconds"))
    action = str(fields.get("action"))
    if action not in tuple(Action):
        read.add("not_allowed", f"{path}.action", value=action[:TEXT_LIMIT], allowed="、".join(Action))
        action = Action.NOTE
    return BreachRule(kind, Action(action), _grace(read, fields.get("grace_seconds", 0), path))


def _grace(read: Reader, value: object, path: str) -> float:
    low, high = GRACE
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        read.add("not_a_number", f"{path}.grace_seconds", value=str(value)[:TEXT_LIMIT])
    elif not Decimal(low) <= value <= Decimal(high):
        read.add("number_out_of_range", f"{path}.grace_seconds", value=str(value), low=low, high=high)
    else:
        return float(value)
    return 0.0


def _patterns(read: Reader, data: object) -> tuple[str, ...]:
    """Each a name or a pattern with * and ?; one that fits everything would forbid the kiosk itself."""
    path = f"{PATH}.forbidden_processes"
    found = [str(entry).strip().lower() for entry in read.entries(data, path)]
    for place, pattern in enumerate(found[:MOST_PATTERNS]):
        if not pattern.strip("*?[]!") or len(pattern) > PATTERN_LENGTH:
            read.add("pattern_too_wide", f"{path}[{place}]", value=pattern[:TEXT_LIMIT])
    if len(found) > MOST_PATTERNS:
        high = str(MOST_PATTERNS)
        read.add("number_out_of_range", path, value=str(len(found)), low="0", high=high)
    return tuple(found)
