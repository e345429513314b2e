"""Reading the `desk` part of a policy: how candidates are signed in before they go to their seats."""

from collections.abc import Mapping
from dataclasses import dataclass

from itembank.blueprint_reading import Reader

PATH = "desk"
KEEP_DAYS = (1, 3650)
SEAT_WITHIN = (1, 60)


@dataclass(frozen=True, slots=True)
class DeskRules:
    """`compare`: the desk's camera may compare faces with consent; where it does not, two people look.

    Without it an invigilator's look is enough, as at the seat. `walk_ins`: whoever stands on no list may be
    taken in by the chief. `keep_days`: how long the desk's pictures are kept. `seat_within_minutes`: how soon
    after the desk's word the seat admits by itself. The defaults are those of a batch frozen when policies
    said nothing about the desk, or not this about it.
    """

    compare: bool = False
    walk_ins: bool = False
    keep_days: int = 180
    seat_within_minutes: int = 10


KEYS = ("compare", "walk_ins", "keep_days", "seat_within_minutes")


def read_desk(read: Reader, data: object) -> DeskRules:
    """The rules of the `desk` mapping; faults are added to the reader with their paths.

    A profile that does not name them gets `DeskRules()`; in a mapping each one has to be said but the last.
    """
    if data is None:
        return DeskRules()
    fields = read.mapping(data, PATH, KEYS)
    if not isinstance(data, Mapping):
        return DeskRules()
    within = DeskRules().seat_within_minutes
    if "seat_within_minutes" in fields:
        within = read.whole(fields, "seat_within_minutes", PATH, bounds=SEAT_WITHIN)
    return DeskRules(
        compare=_said(read, fields, "compare"),
        walk_ins=_said(read, fields, "walk_ins"),
        keep_days=read.whole(fields, "keep_days", PATH, bounds=KEEP_DAYS),
        seat_within_minutes=within,
    )


def _said(read: Reader, fields: Mapping[str, object], key: str) -> bool:
    value = fields.get(key)
    if not isinstance(value, bool):
        code = "missing_value" if value is None else "not_yes_or_no"
        read.add(code, f"{PATH}.{key}", value=str(value)[:40])
    return value is True
