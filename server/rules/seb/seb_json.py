"""SEB-JSON and the Config Key: one hash that is equal wherever the same settings are loaded.

Source: safeexambrowser.org/developer/seb-config-key.html. Reals as .NET writes them ("G15"): seb-mac,
SEBTests/SEBConfigKeyDoubleTests.swift. Order of keys: seb-server, ConfigAttributeSortOrderTest.java.

The programs disagree in corners that real files hardly have (`doubts`): a date is quoted local or UTC time
in one and bare in another, newer ones for Windows escape quotation marks and leave a comma behind an empty
dictionary at the end (seb-win-refactoring, Json.cs), and two keys that differ only in case change places.
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

from server.rules.seb.config import Settings, Value

NOT_HASHED = "originatorVersion"
"""Which program wrote the file says nothing about the settings."""


def config_key(settings: Settings) -> str:
    """The Config Key: 64 lower-case hex digits."""
    return hashlib.sha256(seb_json(settings).encode()).hexdigest()


def seb_json(settings: Settings) -> str:
    """The canonical text: no blanks, nothing escaped, keys sorted, empty dictionaries left out."""
    return _dictionary({key: value for key, value in settings.items() if key != NOT_HASHED})


def doubts(settings: Settings) -> tuple[str, ...]:
    """Keys at whose values versions of SEB compute different Config Keys; sorted."""
    found = {key for key, value in settings.items() if key != NOT_HASHED and _is_doubtful(value)}
    spelt: dict[str, str] = {}
    for key in settings:
        if spelt.setdefault(key.lower(), key) != key:
            found |= {key, spelt[key.lower()]}
    return tuple(sorted(found))


def key_order(key: str) -> tuple[str, str]:
    """Keys are sorted without regard to case; of two that differ only in case the lower one comes first."""
    return key.lower(), key.swapcase()


def real(number: float) -> str:
    """A real number with at most 15 significant digits; there is no negative zero."""
    return f"{number + 0.0:.15G}"


def _dictionary(found: Mapping[str, Value]) -> str:
    kept = sorted(key for key in found if not _is_empty(found[key]))
    parts = (f'"{key}":{_value(found[key])}' for key in sorted(kept, key=key_order))
    return "{" + ",".join(parts) + "}"


def _is_empty(value: Value) -> bool:
    return isinstance(value, Mapping) and not value


def _is_doubtful(value: Value) -> bool:
    if isinstance(value, str):
        return '"' in value
    if isinstance(value, Mapping):
        return not value or bool(doubts(value))
    if isinstance(value, bytes | int | float):
        return False
    return isinstance(value, datetime) or any(map(_is_doubtful, value))


def _value(value: Value) -> str:
    if isinstance(value, Mapping):
        return _dictionary(value)
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bytes):
        return f'"{base64.b64encode(value).decode()}"'
    if isinstance(value, datetime):
        return f'"{_moment(value)}"'
    return _number(value) if isinstance(value, int | float) else "[" + ",".join(map(_value, value)) + "]"


def _number(value: int | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return real(value) if isinstance(value, float) else str(value)


def _moment(value: datetime) -> str:
    """ISO 8601 without a zone, as a property list's dates are: they mean UTC."""
    utc = value.astimezone(UTC) if value.tzinfo else value
    return utc.strftime("%Y-%m-%dT%H:%M:%S")
