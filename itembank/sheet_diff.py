"""What two versions of a score sheet's template differ in, for whoever approves the later one."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from itembank.sheet_values import Template

_KEYS = ("number", "code", "from_seconds")
_SKIPPED = frozenset({"v", "uid", "version"})


@dataclass(frozen=True, slots=True)
class SheetChange:
    """One difference. `place` reads like "tasks[1].items[1.3].points"; "" stands for what is not there."""

    place: str
    before: str
    after: str


def changes(before: Template, after: Template) -> list[SheetChange]:
    """Every difference but version numbers, in the order of the sheet; rows are matched by their numbers."""
    return list(_differ("", before.to_json(), after.to_json()))


def _differ(place: str, before: Any, after: Any) -> Iterator[SheetChange]:  # noqa: ANN401 - JSON
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _fields(place, before, after)
    elif isinstance(before, list) and isinstance(after, list):
        yield from _rows(place, before, after)
    else:
        yield SheetChange(place, _shown(before), _shown(after))


def _fields(place: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[SheetChange]:
    for name in [*before, *(name for name in after if name not in before)]:
        if name not in _SKIPPED:
            yield from _differ(f"{place}.{name}".lstrip("."), before.get(name), after.get(name))


def _rows(place: str, before: list[Any], after: list[Any]) -> Iterator[SheetChange]:
    old, new = _named(before), _named(after)
    for name in [*old, *(name for name in new if name not in old)]:
        here = f"{place}[{name}]"
        if name in old and name in new:
            yield from _differ(here, old[name], new[name])
        else:
            yield SheetChange(here, _shown(old.get(name)), _shown(new.get(name)))
    shared = [name for name in old if name in new]
    if shared != [name for name in new if name in old]:
        yield SheetChange(place, "、".join(shared), "、".join(name for name in new if name in old))


def _named(rows: list[Any]) -> dict[str, Any]:
    return {_name(row, place): row for place, row in enumerate(rows, 1)}


def _name(row: Any, place: int) -> str:  # noqa: ANN401 - JSON
    if isinstance(row, dict):
        return next((str(row[key]) for key in _KEYS if key in row), str(place))
    return str(place)


def _shown(value: Any) -> str:  # noqa: ANN401 - JSON
    """The words of a value: of a row its texts, so that what came and what went can be read."""
    if isinstance(value, dict):
        return " · ".join(filter(None, (_shown(each) for each in value.values())))
    if isinstance(value, list):
        return "；".join(filter(None, map(_shown, value)))
    return "" if value is None or value is False else "✓" if value is True else str(value)
