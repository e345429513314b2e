"""Facts as JSON: the name of the type and its fields in their order."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, get_args

from server.events import Activity, Fact, PresenceChanged

HERE_ONLY = (PresenceChanged,)
"""Facts that every process finds out by itself."""
_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in get_args(Fact) if not issubclass(kind, HERE_ONLY)
}
_NAMES = {name: tuple(field.name for field in fields(kind)) for name, kind in _KINDS.items()}


class UnknownFact(ValueError):
    """A fact that this version does not know."""


def pack(fact: Fact) -> list[Any]:
    """The fact as JSON values."""
    name = type(fact).__name__
    return [name, *(getattr(fact, field) for field in _NAMES[name])]


def unpack(packed: Sequence[Any]) -> Fact:
    """The inverse of `pack`. Raises `UnknownFact`."""
    try:
        name, *values = packed
        kind, names = _KINDS[name], _NAMES[name]
        given = dict(zip(names, values, strict=True))
    except (KeyError, TypeError, ValueError) as fault:
        raise UnknownFact(str(packed)[:80]) from fault
    if kind is Activity:
        given["params"] = tuple((str(key), str(text)) for key, text in given["params"])
    found: Fact = kind(**given)
    return found
