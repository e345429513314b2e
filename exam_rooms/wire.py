"""JSON form of the protocol's frozen messages: encode, decode, canonical bytes.

A decoder ignores unknown fields (an older side understands a newer one) and refuses missing or
mistyped ones with `WireError`, which names the message and the field. Whole numbers beyond 64 bits, NUL
and lone surrogates are nothing that a store could keep: they are mistyped.
"""

import dataclasses
import json
import re
import types
import typing
from collections.abc import Hashable
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, cast

M = TypeVar("M")
MOST_INT = 2**63 - 1
"""The largest whole number in a message, and the smallest is `-MOST_INT - 1`: what stores and clocks hold."""
_SURROGATES = re.compile("[\ud800-\udfff]")


class WireError(ValueError):
    """A message that does not have the shape the protocol says."""

    def __init__(self, message: str, fault: str) -> None:
        super().__init__(f"{message}.{fault}")
        self.message = message
        self.fault = fault


def canonical(value: object) -> bytes:
    """The one byte form of plain values: sorted keys, no blanks, UTF-8. Hashes and signatures use it."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def encode(message: object) -> dict[str, Any]:
    """A message as plain JSON values; times become ISO 8601 with offset."""
    return cast("dict[str, Any]", _plain(message))


def decode(kind: type[M], data: object) -> M:
    """A message of `kind` out of plain JSON values. Raises `WireError`."""
    if not isinstance(data, dict):
        raise WireError(kind.__name__, "not an object")
    values = {}
    for name, hint, required in _fields(cast("Hashable", kind)):
        if name in data:
            values[name] = _read(hint, data[name], kind.__name__, name)
        elif required:
            raise WireError(kind.__name__, name)
    return kind(**values)


@cache
def _fields(kind: Hashable) -> tuple[tuple[str, object, bool], ...]:
    assert isinstance(kind, type)
    hints = typing.get_type_hints(kind)
    return tuple(
        (
            field.name,
            hints[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
    )


@cache
def _names(kind: Hashable) -> tuple[str, ...] | None:
    """The fields of a message's class; None of anything else. Asked for every value of every message."""
    if not isinstance(kind, type) or not dataclasses.is_dataclass(kind):
        return None
    return tuple(field.name for field in dataclasses.fields(kind))


def _plain(value: object) -> object:
    names = _names(cast("Hashable", type(value)))
    if names is not None:
        return {name: _plain(getattr(value, name)) for name in names}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple | list):
        return [_plain(entry) for entry in value]
    if isinstance(value, dict):
        return {str(key): _plain(entry) for key, entry in value.items()}
    return value


def _read(hint: object, value: object, message: str, field: str) -> object:
    origin = typing.get_origin(hint)
    if origin is typing.Union or origin is types.UnionType:
        return _read_optional(hint, value, message, field)
    if origin is tuple:
        return _read_tuple(hint, value, message, field)
    if origin is dict:
        if not isinstance(value, dict):
            raise WireError(message, field)
        inner = typing.get_args(hint)[1]
        return {
            _read(str, key, message, field): _read(inner, entry, message, field)
            for key, entry in value.items()
        }
    if dataclasses.is_dataclass(hint):
        return decode(cast("type[object]", hint), value)
    return _read_scalar(hint, value, message, field)


def _read_optional(hint: object, value: object, message: str, field: str) -> object:
    choices = [choice for choice in typing.get_args(hint) if choice is not type(None)]
    if value is None:
        return None
    return _read(choices[0], value, message, field)


def _read_tuple(hint: object, value: object, message: str, field: str) -> object:
    if not isinstance(value, list):
        raise WireError(message, field)
    inner = typing.get_args(hint)[0]
    return tuple(_read(inner, entry, message, field) for entry in value)


def _read_scalar(hint: object, value: object, message: str, field: str) -> object:
    try:
        if hint is datetime:
            moment = datetime.fromisoformat(cast("str", value))
            if moment.tzinfo is None:
                raise ValueError
            return moment
        if isinstance(hint, type) and issubclass(hint, StrEnum):
            return hint(str(value))
    except (TypeError, ValueError) as fault:
        raise WireError(message, field) from fault
    if hint is Any or hint is object:
        return value
    if hint is float and type(value) is int and _holds(value):
        return float(value)
    if type(value) is not hint or not _holds(value):
        raise WireError(message, field)
    return value


def _holds(value: object) -> bool:
    """Whether every store and clock can hold a plain value: 64 bits; text without NUL and half characters."""
    if type(value) is int:
        return -MOST_INT - 1 <= value <= MOST_INT
    return not isinstance(value, str) or ("\0" not in value and _SURROGATES.search(value) is None)
