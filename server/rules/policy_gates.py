"""The `gates` part of a policy: what has to be in order before a room starts, and how duty is staffed."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from itembank.blueprint_reading import Reader

PATH = "gates"
MINUTES = (0, 24 * 60)
ROOMS = (1, 1000)
TEXT_LIMIT = 40  # characters of a wrong value that are repeated


class GateName(StrEnum):
    """One thing that is looked at before the start, in the order of the work."""

    PAPERS = "papers"  # approved papers are chosen
    SEATED = "seated"  # every candidate of the room has a seat
    LOCKED = "locked"  # the seating is locked
    ROOM = "room"  # the room keeps to its rules
    RECUSAL = "recusal"  # nobody on duty has to stand back for a candidate
    SUPERVISOR = "supervisor"  # an internal quality supervisor is named for the sitting
    SITE_CHECK = "site_check"  # the system administrator has signed for the machines
    PACKAGE = "package"  # the sealed paper is here and opened
    CLOCK = "clock"  # the server knows what time it is
    TIME = "time"  # the planned start has come
    STAFFING = "staffing"  # enough invigilators are present
    CHIEF = "chief"  # a chief invigilator is present
    CAMERAS = "cameras"  # no camera belongs to another seat
    CHECKS = "checks"  # every used seat has passed its self-check


BEFORE = (
    GateName.SEATED,
    GateName.PACKAGE,
    GateName.CLOCK,
    GateName.TIME,
    GateName.STAFFING,
    GateName.CAMERAS,
    GateName.CHECKS,
)
"""What a room was asked for when policies said nothing of gates."""

NEVER_OVERRULED = frozenset(
    {GateName.PAPERS, GateName.PACKAGE, GateName.CLOCK, GateName.TIME, GateName.RECUSAL}
)
"""Without these there is no lawful start, whoever wants it."""

OWN_PAGE = frozenset({GateName.CAMERAS, GateName.CHECKS})
"""Gates that are overruled seat by seat on a page of their own."""


@dataclass(frozen=True, slots=True)
class GateRules:
    """`demanded`: the gates of a room, `two_persons`: those that the chief overrules with a second person.

    `duty_sign_in`: present is who has signed in to duty; else also whom the start dialog ticks.
    `sign_in_opens_minutes`: how long before the start people may sign in. `rooms_per_rover` and
    `rooms_per_system_administrator`: how many rooms of a sitting one of them serves.
    """

    demanded: tuple[GateName, ...] = BEFORE
    two_persons: tuple[GateName, ...] = ()
    duty_sign_in: bool = False
    sign_in_opens_minutes: int = 240
    rooms_per_rover: int = 4
    rooms_per_system_administrator: int = 4

    def overrulable(self, gate: GateName) -> bool:
        """Whether a chief may overrule the gate at all on the page of gates."""
        return gate not in NEVER_OVERRULED | OWN_PAGE


KEYS = (
    "demanded",
    "two_persons",
    "duty_sign_in",
    "sign_in_opens_minutes",
    "rooms_per_rover",
    "rooms_per_system_administrator",
)


def read_gates(read: Reader, data: object) -> GateRules:
    """The rules of the `gates` mapping; faults are added to the reader with their paths.

    A profile that does not name them gets `GateRules()`; in a mapping each one has to be said. What a start
    was always asked for (`BEFORE`) cannot be left out.
    """
    if data is None:
        return GateRules()
    fields = read.mapping(data, PATH, KEYS)
    if not isinstance(data, Mapping):
        return GateRules()
    demanded = _names(read, fields, "demanded")
    for gate in BEFORE:
        if gate not in demanded:
            read.add("missing_value", f"{PATH}.demanded.{gate}")
    two = _names(read, fields, "two_persons")
    for gate in two:
        if gate in NEVER_OVERRULED | OWN_PAGE:
            read.add("not_allowed", f"{PATH}.two_persons", value=str(gate), allowed="")
    return GateRules(
        demanded=tuple(gate for gate in GateName if gate in demanded),
        two_persons=tuple(gate for gate in GateName if gate in two),
        duty_sign_in=_said(read, fields, "duty_sign_in"),
        sign_in_opens_minutes=read.whole(fields, "sign_in_opens_minutes", PATH, bounds=MINUTES),
        rooms_per_rover=read.whole(fields, "rooms_per_rover", PATH, bounds=ROOMS),
        rooms_per_system_administrator=read.whole(
            fields, "rooms_per_system_administrator", PATH, bounds=ROOMS
        ),
    )


def _names(read: Reader, fields: Mapping[str, object], key: str) -> tuple[GateName, ...]:
    known = {str(gate) for gate in GateName}
    found = []
    for place, value in enumerate(read.entries(fields.get(key), f"{PATH}.{key}")):
        if str(value) not in known:
            allowed = "、".join(sorted(known))
            read.add("not_allowed", f"{PATH}.{key}[{place}]", value=str(value)[:TEXT_LIMIT], allowed=allowed)
            continue
        found.append(GateName(str(value)))
    return tuple(found)


def _said(read: Reader, fields: Mapping[str, object], key: str) -> bool:
    value = fields.get(key)
    if not isinstance(value, bool):
        code = "missing_value" if value is None else "not_yes_or_no"
        read.add(code, f"{PATH}.{key}", value=str(value)[:TEXT_LIMIT])
    return value is True
