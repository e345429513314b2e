"""What a blueprint's version changes against the version before it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PLAIN = ("title", "occupation", "level", "size", "sample", "seconds_max", "recent_max")
Lines = dict[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Difference:
    """One line: `part` is a field, "kinds", "scopes" …; `of` names a kind, a code … in it.

    A side is "" where that version says nothing.
    """

    part: str
    of: str
    before: str
    after: str


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Line by line between two sketches, in the order of the newer one, what fell away at its end."""
    old, new = _lines(before), _lines(after)
    keys = [*new, *(key for key in old if key not in new)]
    pairs = ((key, old.get(key, ""), new.get(key, "")) for key in keys)
    return [Difference(*key, was, now) for key, was, now in pairs if was != now]


def _lines(fields: Mapping[str, Any]) -> Lines:
    found: Lines = {(name, ""): str(fields[name]) for name in PLAIN}
    for kind, share in fields["kinds"].items():
        found["kinds", kind] = f"{share['count']} × {share['points']}"
    for kind, way in fields["scoring"].items():
        found["scoring", kind] = way
    for part in ("bands", "importance"):
        for name, (low, high) in fields[part].items():
            found[part, name] = f"{low} – {high}"
    score = fields["expected_score"]
    if any(score.values()):
        found["expected_score", ""] = f"{score['target']} ± {score['tolerance']}"
    return found | dict(_tree(fields["scopes"]))


def _tree(scopes: list[dict[str, Any]]) -> Iterator[tuple[tuple[str, str], str]]:
    for scope in scopes:
        yield ("scopes", scope["code"]), f"{scope['name']} · {scope['weight']}"
        for point in scope["points"]:
            rank = f" · {point['importance']}" if point["importance"] else ""
            yield ("points", point["code"]), point["name"] + rank
        yield from _tree(scope["children"])
