"""Which response fits which question of an open paper, and the one form in which it is written down.

The server sees sealed bodies only, so this is the last place that knows the question. Keys that are chosen
are sorted; gaps, orders and texts stay as they are; a response with nothing in it clears the question.
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

GAP_LIMIT = 500
"""Characters of one gap."""
TEXT_LIMIT = 8_000
"""Characters of one response, essay or all gaps: its record must stay within what the server takes."""
PARTS_LIMIT = 200
_CONTROLS = frozenset({"Cc", "Cs"})
_LINES = "\n\t"


@dataclass(frozen=True, slots=True)
class ItemRule:
    """What one question takes. `gaps`: the choice keys of each gap, None for one that is typed into.

    `most` as in the bank: pairs for one option (match), areas (hotspot), 0 any number.
    """

    kind: str
    keys: frozenset[str] = frozenset()
    targets: frozenset[str] = frozenset()
    gaps: tuple[frozenset[str] | None, ...] = ()
    most: int = 1

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> "ItemRule":
        """The rule of a paper's item. Raises KeyError or TypeError for what is none."""
        options = (*item["options"], *item.get("areas", ()))
        return cls(
            kind=str(item["kind"]),
            keys=_keys(options),
            targets=_keys(item.get("targets", ())),
            gaps=tuple(_keys(gap["choices"]) if gap.get("choices") else None for gap in item.get("gaps", ())),
            most=int(item.get("most", 1)),
        )


def settled(rule: ItemRule, response: Sequence[str]) -> tuple[str, ...] | None:
    """The response as it is written down, () for an empty one; None when it does not fit the question."""
    if len(response) > PARTS_LIMIT or sum(map(len, response)) > TEXT_LIMIT or any(map(_unclean, response)):
        return None
    if not any(part.strip() for part in response):
        return ()
    fits = _FITS.get(rule.kind)
    if fits is None or not fits(rule, response):
        return None
    return tuple(response) if rule.kind in _AS_GIVEN else tuple(sorted(response))


def _keys(entries: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(str(entry["key"]) for entry in entries)


def _unclean(text: str) -> bool:
    return any(unicodedata.category(sign) in _CONTROLS and sign not in _LINES for sign in text)


def _chosen(rule: ItemRule, response: Sequence[str]) -> bool:
    return len(set(response)) == len(response) and rule.keys.issuperset(response)


def _one(rule: ItemRule, response: Sequence[str]) -> bool:
    return len(response) == 1 and _chosen(rule, response)


def _areas(rule: ItemRule, response: Sequence[str]) -> bool:
    return _chosen(rule, response) and (rule.most == 0 or len(response) <= rule.most)


def _filled(rule: ItemRule, response: Sequence[str]) -> bool:
    if len(response) != len(rule.gaps):
        return False
    return all(
        not text or (text in keys if keys is not None else len(text) <= GAP_LIMIT)
        for keys, text in zip(rule.gaps, response, strict=True)
    )


def _pairs(rule: ItemRule, response: Sequence[str]) -> bool:
    split = [part.partition("-") for part in response]
    known = all(left in rule.keys and right in rule.targets for left, _, right in split)
    lefts = [left for left, _, _ in split]
    within = rule.most == 0 or all(lefts.count(left) <= rule.most for left in lefts)
    return known and within and len(set(response)) == len(response)


def _order(rule: ItemRule, response: Sequence[str]) -> bool:
    return len(response) == len(rule.keys) and _chosen(rule, response)


def _text(_rule: ItemRule, response: Sequence[str]) -> bool:
    return len(response) == 1


_FITS: Mapping[str, Callable[[ItemRule, Sequence[str]], bool]] = {
    "single": _one,
    "true_false": _one,
    "multiple": _chosen,
    "text": _filled,
    "numeric": _filled,
    "inline_choice": _filled,
    "match": _pairs,
    "order": _order,
    "hotspot": _areas,
    "essay": _text,
}
_AS_GIVEN = frozenset({"text", "numeric", "inline_choice", "order", "essay"})
