"""A blueprint's file text as the editor's fields and back; unlike `load_blueprint` it takes any draft.

The *sketch* has the shape of the file with text in every field, "" where nothing is said. What a file says
in a wrong shape (a list for a number) has no field and is left out: its problem, by path, says so.
"""

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import yaml

from itembank.blueprint import BANDS, IMPORTANCES, load_blueprint
from itembank.blueprint_reading import TEXT_LIMIT, parse
from itembank.items import DELIVERED, ItemKind
from itembank.problems import InputRefused, Problem

KINDS = tuple(kind.value for kind in ItemKind if kind in DELIVERED)
SKETCH_DEPTH = 12
"""Levels of scopes that the editor shows: twice what a blueprint may have, so that one can mend it."""
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_WHOLE = re.compile(r"-?[0-9]{1,9}")
_NUMBER = re.compile(r"-?[0-9]{1,9}\.[0-9]{1,9}")
_PLAIN = ("title", "occupation", "level", "size", "seconds_max", "recent_max")
_TEXTS = frozenset({"title", "occupation", "code", "name", "importance"})
_SPREAD = 12  # digits beyond which a number is shown as it was written


class _Dumper(yaml.SafeDumper):
    """Plain YAML that writes decimals as numbers with a point."""


_Dumper.add_representer(Decimal, lambda dumper, value: dumper.represent_scalar(_FLOAT, _digits(value)))
_FLOAT = "tag:yaml.org,2002:float"


@lru_cache(maxsize=16)
def plain_values(text: str) -> Mapping[str, object]:
    """The mapping that a file's text holds. Raises `InputRefused` for what no draft can be made of.

    Kept for the texts in use: 600 points take a third of a second to read from YAML.
    """
    data = parse(text)
    if isinstance(data, Problem):
        raise InputRefused(data)
    if not isinstance(data, Mapping):
        raise InputRefused(Problem("not_a_mapping"))
    if any(_CONTROLS.search(each) for each in _strings(data)):
        raise InputRefused(Problem("control_character"))
    return MappingProxyType({str(key): value for key, value in data.items()})


def sketch(data: object) -> dict[str, Any]:
    """The fields of the editor: every key is there, in a fixed order, whatever the data lacks."""
    fields = _mapping(data)
    score = _mapping(fields.get("expected_score"))
    return {
        **{name: _shown(fields.get(name)) for name in _PLAIN},
        "sample": fields.get("sample") is True,
        "scopes": _scopes(fields.get("scopes"), SKETCH_DEPTH),
        "kinds": {
            kind: {name: _shown(_mapping(share).get(name)) for name in ("count", "points")}
            for kind, share in _named(fields.get("kinds"), KINDS)
        },
        "scoring": {kind: _shown(value) for kind, value in _named(fields.get("scoring"), KINDS)},
        "bands": {band: _pair(ends) for band, ends in _named(fields.get("bands"), map(str, BANDS))},
        "importance": {rank: _pair(ends) for rank, ends in _named(fields.get("importance"), IMPORTANCES)},
        "expected_score": {name: _shown(score.get(name)) for name in ("target", "tolerance")},
    }


def sketch_of(text: str) -> dict[str, Any]:
    """The fields of a file's text. Raises `InputRefused`."""
    return sketch(plain_values(text))


def edited(text: str, content: str) -> str:
    """The file text after the editor's form (`content`: a sketch as JSON); the same text if nothing changed.

    Raises `InputRefused` for a form that no editor sends.
    """
    try:
        fields = sketch(json.loads(content[: TEXT_LIMIT + 1]))
    except (ValueError, RecursionError) as fault:
        raise InputRefused(Problem("blueprint_form_broken")) from fault
    changed = _typed(fields)
    if changed != _typed(sketch_of(text)):
        return file_text(changed)
    # What has no field (an unknown key) is a fault that the editor mends by leaving it out.
    written = file_text(changed)
    return text if load_blueprint(written) == load_blueprint(text) else written


def file_text(data: Mapping[str, object]) -> str:
    """The YAML of plain values."""
    return yaml.dump(dict(data), Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=4096)


def _typed(fields: Mapping[str, Any]) -> dict[str, object]:
    """What a file says: numbers as numbers, nothing for an empty field."""
    data = _filled({name: _value(name, fields[name]) for name in _PLAIN})
    data["sample"] = fields["sample"]
    parts: dict[str, Any] = {
        "kinds": {kind: _fields(share) for kind, share in fields["kinds"].items()},
        "scoring": dict(fields["scoring"]),
        "bands": {int(band): _ends(pair) for band, pair in fields["bands"].items()},
        "importance": {rank: _ends(pair) for rank, pair in fields["importance"].items()},
        "expected_score": _fields(fields["expected_score"]),
    }
    data |= _filled({name: _filled(part) for name, part in parts.items()})
    return data | {"scopes": [_scope(each) for each in fields["scopes"]]}


def _scope(fields: Mapping[str, Any]) -> dict[str, object]:
    data = _filled({name: _value(name, fields[name]) for name in ("code", "name", "weight")})
    points = [_fields(point) for point in fields["points"]]
    children = [_scope(child) for child in fields["children"]]
    return data | _filled({"points": points, "children": children})


def _fields(fields: Mapping[str, str]) -> dict[str, object]:
    return _filled({name: _value(name, value) for name, value in fields.items()})


def _filled(data: Mapping[Any, Any]) -> dict[Any, Any]:
    return {name: value for name, value in data.items() if value not in ("", {}, [], None)}


def _ends(pair: list[str]) -> list[object] | None:
    return [_value("", end) for end in pair] if any(pair) else None


def _value(name: str, text: str) -> object:
    if name in _TEXTS:
        return text
    if _WHOLE.fullmatch(text):
        return int(text)
    return Decimal(text) if _NUMBER.fullmatch(text) else text


def _scopes(data: object, depth: int) -> list[dict[str, Any]]:
    if depth == 0:
        return []
    return [
        {name: _shown(scope.get(name)) for name in ("code", "name", "weight")}
        | {"points": _points(scope.get("points")), "children": _scopes(scope.get("children"), depth - 1)}
        for scope in map(_mapping, _list(data))
    ]


def _points(data: object) -> list[dict[str, str]]:
    return [
        {name: _shown(point.get(name)) for name in ("code", "name", "importance")}
        for point in map(_mapping, _list(data))
    ]


def _named(data: object, names: Any) -> Iterator[tuple[str, object]]:  # noqa: ANN401 - any iterable of names
    given = {str(key): value for key, value in _mapping(data).items()}
    return ((name, given[name]) for name in names if name in given)


def _pair(data: object) -> list[str]:
    ends = data if isinstance(data, list) else [data, data]
    return [_shown(end) for end in (*ends[:2], "", "")[:2]]


def _shown(value: object) -> str:
    if isinstance(value, Decimal):
        return _digits(value)
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return _CONTROLS.sub("", str(value)).strip()
    return ""


def _digits(value: Decimal) -> str:
    if not value.is_finite() or abs(value.adjusted()) > _SPREAD:
        return str(value)
    return format(value, "f")


def _mapping(data: object) -> Mapping[Any, Any]:
    return data if isinstance(data, Mapping) else {}


def _list(data: object) -> list[Any]:
    return data if isinstance(data, list) else []


def _strings(data: object) -> Iterator[str]:
    pending = [data]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            pending += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            pending += value
