"""Reading the `checks` part of a policy: what every seat has to prove before the bell."""

from collections.abc import Mapping
from dataclasses import dataclass

from itembank.blueprint_reading import Reader

PATH = "checks"
FREE_MB = (0, 1_000_000)
OFFSET_MS = (10, 60_000)
MINUTES = (5, 24 * 60)


@dataclass(frozen=True, slots=True)
class CheckRules:
    """`required`: a room does not start with a used seat that has not passed, unless the chief says why.

    `least_free_mb`: free space on the agent's disk in MiB; `most_offset_ms`: how far the seat's idea of the
    server's time may be off; `max_age_minutes`: after that a report does not count any more; `lockdown`:
    a seat without the kiosk's launcher is worth a look. The defaults are those of a batch frozen when
    policies said nothing about checks: they are made and shown there.
    """

    required: bool = False
    least_free_mb: int = 200
    most_offset_ms: int = 1000
    max_age_minutes: int = 120
    lockdown: bool = False


KEYS = ("required", "least_free_mb", "most_offset_ms", "max_age_minutes", "lockdown")


def read_checks(read: Reader, data: object) -> CheckRules:
    """The rules of the `checks` mapping; faults are added to the reader with their paths.

    A profile that does not name them gets `CheckRules()`; in a mapping each one has to be said.
    """
    if data is None:
        return CheckRules()
    fields = read.mapping(data, PATH, KEYS)
    if not isinstance(data, Mapping):
        return CheckRules()
    return CheckRules(
        required=_said(read, fields, "required"),
        least_free_mb=read.whole(fields, "least_free_mb", PATH, bounds=FREE_MB),
        most_offset_ms=read.whole(fields, "most_offset_ms", PATH, bounds=OFFSET_MS),
        max_age_minutes=read.whole(fields, "max_age_minutes", PATH, bounds=MINUTES),
        lockdown=_said(read, fields, "lockdown"),
    )


def _said(read: Reader, fields: Mapping[str, object], key: str) -> bool:
    value = fields.get(key)
    if not isinstance(value, bool):
        code = "missing_value" if value is None else "not_yes_or_no"
        read.add(code, f"{PATH}.{key}", value=str(value)[:40])
    return value is True
