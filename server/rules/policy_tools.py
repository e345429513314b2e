"""Reading the `tools` part of a policy: what the candidate's page offers beside the items."""

from collections.abc import Mapping

from exam_rooms.kiosk_messages import PageTools
from itembank.blueprint_reading import Reader

PATH = "tools"
KEYS = ("eliminate", "notes", "warn_minutes")
MINUTES = (1, 240)
MOST_WARNINGS = 5


def read_tools(read: Reader, data: object) -> PageTools:
    """The tools of the `tools` mapping; faults are added to the reader with their paths.

    A profile that does not name them gets `PageTools()`; in a mapping each one has to be said.
    """
    if data is None:
        return PageTools()
    fields = read.mapping(data, PATH, KEYS)
    if not isinstance(data, Mapping):
        return PageTools()
    return PageTools(
        eliminate=_said(read, fields, "eliminate"),
        notes=_said(read, fields, "notes"),
        warn_minutes=_warnings(read, fields),
    )


def _said(read: Reader, fields: Mapping[str, object], key: str) -> bool:
    value = fields.get(key)
    if not isinstance(value, bool):
        read.add(
            "missing_value" if value is None else "not_yes_or_no", f"{PATH}.{key}", value=str(value)[:40]
        )
    return value is True


def _warnings(read: Reader, fields: Mapping[str, object]) -> tuple[int, ...]:
    """Remaining minutes at which the time is said, the longest first; an empty list says nothing."""
    path = f"{PATH}.warn_minutes"
    if fields.get("warn_minutes") is None:
        read.add("missing_value", path)
        return ()
    entries = read.entries(fields.get("warn_minutes"), path)
    if len(entries) > MOST_WARNINGS:
        read.add("too_many_time_warnings", path, limit=str(MOST_WARNINGS))
    named = {str(place): value for place, value in enumerate(entries, 1)}
    minutes = {read.whole(named, place, path, bounds=MINUTES) for place in named}
    return tuple(sorted(minutes, reverse=True))
