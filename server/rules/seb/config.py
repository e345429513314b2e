"""The settings of Safe Exam Browser as plain values, and the property list they are written as.

Only XML property lists: a binary one may name the same object many times over and grow without bound.
"""

import math
import plistlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from xml.parsers.expat import ExpatError

from server.errors import Refused

Value = Mapping[str, "Value"] | Sequence["Value"] | str | int | float | bytes | datetime
Settings = Mapping[str, Value]
XML_MOST = 2 << 20
"""Bytes of a property list. The largest real file seen has 373 keys and 0.1 MB."""
DEEPEST = 16
"""Levels of dictionaries and arrays; real files have four."""
_SCALARS = (str, bool, int, float, bytes, datetime)


def refused(code: str, field: str = "file", **params: str | int) -> Refused:
    """The refusal of a settings file, at a field of its form."""
    return Refused(code, 422, field=field, **params)


def looks_like_xml(data: bytes) -> bool:
    """Whether bytes begin as an XML file does."""
    return data.removeprefix(b"\xef\xbb\xbf").lstrip()[:5] == b"<?xml"


def read_plist(data: bytes) -> Settings:
    """Settings of an XML property list. Raises `Refused`.

    Entities cannot be declared in it (plistlib refuses them), so nothing in it can multiply.
    """
    if len(data) > XML_MOST:
        raise refused("seb_file_too_large", megabytes=XML_MOST >> 20)
    try:
        found = plistlib.loads(data, fmt=plistlib.FMT_XML)
    # plistlib lets through whatever its converters of single values raise
    except (plistlib.InvalidFileException, ExpatError, ValueError, TypeError, LookupError) as fault:
        raise refused("seb_file_broken") from fault
    except (AttributeError, OverflowError, RecursionError) as fault:
        raise refused("seb_file_broken") from fault
    if not isinstance(found, dict):
        raise refused("seb_file_broken")
    _check(found, 0)
    return found


def write_plist(settings: Settings) -> bytes:
    """The property list of settings, keys in the order of their spelling."""
    return plistlib.dumps(dict(settings), fmt=plistlib.FMT_XML, sort_keys=True)


def _writable(value: object) -> bool:
    """Whether a number is one that a property list may hold: finite, or whole within 64 bits."""
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or -(2**63) <= value < 2**64


def _check(value: object, level: int) -> None:
    if level > DEEPEST:
        raise refused("seb_file_broken")
    if isinstance(value, dict):
        for part in value.values():
            _check(part, level + 1)
    elif isinstance(value, list):
        for part in value:
            _check(part, level + 1)
    elif not isinstance(value, _SCALARS) or not _writable(value):
        raise refused("seb_file_broken")
