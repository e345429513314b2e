"""Reading the `outage` part of a policy: time lost by faults, and outages that people have to decide."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from itembank.blueprint_reading import Reader

PATH = "outage"
MINUTES = (1, 24 * 60)
SECONDS = (1, 600)
PERCENT = (1, 100)


@dataclass(frozen=True, slots=True)
class OutageRules:
    """What R26 needs in numbers.

    `most_minutes`: as much as one candidate is compensated at most, and how long an outage of a room may last
    before a higher office decides; `step_seconds`: lost time is rounded up to whole steps of it;
    `room_percent`: a room is out when so many of its working seats have no link; `second_person`: a chief's
    grant needs a second signature. The defaults hold for batches frozen before policies named them.
    """

    most_minutes: int = 50
    step_seconds: int = 30
    room_percent: int = 50
    second_person: bool = False

    @property
    def most(self) -> Decimal:
        """The minutes as a decimal."""
        return Decimal(self.most_minutes)


KEYS = ("most_minutes", "step_seconds", "room_percent", "second_person")


def read_outage(read: Reader, data: object) -> OutageRules:
    """The rules of the `outage` mapping; faults are added to the reader with their paths.

    A profile that does not name them gets `OutageRules()`; in a mapping each one has to be said.
    """
    if data is None:
        return OutageRules()
    fields = read.mapping(data, PATH, KEYS)
    if not isinstance(data, Mapping):
        return OutageRules()
    second = fields.get("second_person")
    if not isinstance(second, bool):
        code = "missing_value" if second is None else "not_yes_or_no"
        read.add(code, f"{PATH}.second_person", value=str(second)[:40])
    return OutageRules(
        most_minutes=read.whole(fields, "most_minutes", PATH, bounds=MINUTES),
        step_seconds=read.whole(fields, "step_seconds", PATH, bounds=SECONDS),
        room_percent=read.whole(fields, "room_percent", PATH, bounds=PERCENT),
        second_person=second is True,
    )
