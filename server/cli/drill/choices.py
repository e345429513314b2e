"""What a candidate of a drill can choose: responses to an item, each other than the last ones."""

from collections.abc import Iterator, Mapping
from itertools import combinations, count, cycle
from typing import Any

LEAST = 4
"""Fewer different responses than this and an item is left alone: a choice could come back too soon."""


def responses(item: Mapping[str, Any]) -> Iterator[tuple[str, ...]] | None:
    """Responses without end, each other than the three before; None for an item that has not so many."""
    keys = sorted(str(option["key"]) for option in item["options"])
    found: list[tuple[str, ...]] = []
    match item["kind"]:
        case "single":
            found = [(key,) for key in keys]
        case "multiple":
            found = [*combinations(keys, 2)]
        case "essay":
            return ((f"{number}",) for number in count(1))
    return cycle(found) if len(found) >= LEAST else None
