"""JSON form of the protocol's frozen messages: encode, decode, canonical bytes.

A decoder ignores unknown fields (an older side understands a newer one) and refuses missing or
mistyped ones with `WireError`, which names the message and the field. Whole numbers beyond 64 bits, NaN and
infinities, NUL and lone surrogates are nothing that a store could keep: they are mistyped. How a class is
read and written is worked out once, at its first message.
"""

import dataclasses
import functools
import json
import math
import re
import types
import typing
from collections.abc import Callable, Hashable
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, cast

M = TypeVar("M")
Read = Callable[[Any], object]
Write = Callable[[object], object]
MOST_INT = 2**63 - 1
"""The largest whole number in a message, and the smallest is `-MOST_INT - 1`: what stores and clocks hold."""
_CANONICAL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_SURROGATES = re.compile("[\ud800-\udfff]")


class WireError(ValueError):
    """A message that does not have the shape the protocol says."""

    def __init__(self, message: str, fault: str) -> None:
        super().__init__(f"{message}.{fault}")
        self.message = message
        self.fault = fault


class _Mistyped(Exception):
    """A value is not of its field's type; whoever knows the field's name says which."""


def canonical(value: object) -> bytes:
    """The one byte form of plain values: sorted keys, no blanks, UTF-8. Hashes and signatures use it."""
    return _CANONICAL.encode(value).encode()


def encode(message: object) -> dict[str, Any]:
    """A message as plain JSON values; times become ISO 8601 with offset."""
    return cast("dict[str, Any]", _plain(message))


def decode(kind: type[M], data: object) -> M:
    """A message of `kind` out of plain JSON values. Raises `WireError`."""
    if not isinstance(data, dict):
        raise WireError(kind.__name__, "not an object")
    values = {}
    for name, read, required in _fields(cast("Hashable", kind)):
        if name in data:
            try:
                values[name] = read(data[name])
            except _Mistyped as fault:
                raise WireError(kind.__name__, name) from fault
        elif required:
            raise WireError(kind.__name__, name)
    return kind(**values)


# --- writing -----------------------------------------------------------------------------------------


def _plain(value: object) -> object:
    write = _WRITERS.get(type(value))
    if write is None:
        write = _WRITERS[type(value)] = _writer(type(value))
    return write(value)


def _writer(kind: type) -> Write:
    """How values of a class are written; made at the first of them."""
    if dataclasses.is_dataclass(kind):
        names = tuple(field.name for field in dataclasses.fields(kind))
        return lambda message: {name: _plain(getattr(message, name)) for name in names}
    if issubclass(kind, datetime):
        return lambda moment: cast("datetime", moment).isoformat()
    if issubclass(kind, tuple | list):
        return lambda entries: [_plain(entry) for entry in cast("list[object]", entries)]
    if issubclass(kind, dict):
        return lambda entries: {
            str(key): _plain(entry) for key, entry in cast("dict[object, object]", entries).items()
        }
    return _same


def _same(value: object) -> object:
    return value


_WRITERS: dict[type, Write] = {str: _same, int: _same, bool: _same, float: _same, type(None): _same}


# --- reading -----------------------------------------------------------------------------------------


@cache
def _fields(kind: Hashable) -> tuple[tuple[str, Read, bool], ...]:
    """Of each field its name, how its value is read, and whether it must be there."""
    assert isinstance(kind, type)
    hints = typing.get_type_hints(kind)
    return tuple(
        (
            field.name,
            _reader(hints[field.name]),
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
    )


def _reader(hint: object) -> Read:
    """How a value of a type is read: the reader raises `_Mistyped` for any other."""
    origin = typing.get_origin(hint)
    if origin is typing.Union or origin is types.UnionType:
        choices = [choice for choice in typing.get_args(hint) if choice is not type(None)]
        return _optional(_reader(choices[0]))
    if origin is tuple:
        return _tuple(_reader(typing.get_args(hint)[0]))
    if origin is dict:
        return _dict(_reader(typing.get_args(hint)[1]))
    if dataclasses.is_dataclass(hint):
        return functools.partial(decode, cast("type[object]", hint))
    if hint is Any or hint is object:
        return _same
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return _enum(hint)
    return _SCALARS.get(hint) or _scalar(hint)


def _optional(read: Read) -> Read:
    return lambda value: None if value is None else read(value)


def _tuple(read: Read) -> Read:
    def entries(value: object) -> object:
        if not isinstance(value, list):
            raise _Mistyped
        return tuple([read(entry) for entry in value])

    return entries


def _dict(read: Read) -> Read:
    def entries(value: object) -> object:
        if not isinstance(value, dict):
            raise _Mistyped
        return {_text(key): read(entry) for key, entry in value.items()}

    return entries


def _enum(kind: type[StrEnum]) -> Read:
    known = {member.value: member for member in kind}

    def member(value: object) -> object:
        try:
            return known[str(value)]
        except KeyError as fault:
            raise _Mistyped from fault

    return member


def _moment(value: object) -> object:
    try:
        moment = datetime.fromisoformat(cast("str", value))
    except (TypeError, ValueError) as fault:
        raise _Mistyped from fault
    if moment.tzinfo is None:
        raise _Mistyped
    return moment


def _text(value: object) -> object:
    if type(value) is not str or (not value.isascii() and _SURROGATES.search(value)) or "\0" in value:
        raise _Mistyped
    return value


def _whole(value: object) -> object:
    if type(value) is not int or not -MOST_INT - 1 <= value <= MOST_INT:
        raise _Mistyped
    return value


def _share(value: object) -> object:
    if type(value) is not float:
        return float(cast("int", _whole(value)))
    if not math.isfinite(value):
        raise _Mistyped
    return value


def _scalar(hint: object) -> Read:
    def plain(value: object) -> object:
        if type(value) is not hint:
            raise _Mistyped
        return value

    return plain


_SCALARS: dict[object, Read] = {str: _text, int: _whole, float: _share, datetime: _moment}
