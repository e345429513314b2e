"""A key put right after the test: other right answers for a question, or the question taken out.

Nothing of the sealed package changes; marking lays the fixes over its key. A fix may name several keys, of
which the one that brings a candidate most counts ("A or C is right"). A question that is taken out brings
everybody who sat the paper its full points ("credit"), or nothing, while the rest counts for the whole
paper ("drop").
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from itembank.items import CHOICES, EXAMINED, GAPPED, KINDS, OPTION_KEYS, Gap, ItemKind, NumberRange
from itembank.marking import MARKED, ItemMark, mark
from itembank.papers import KeyEntry, MarkingKey
from itembank.problems import InputRefused, Problem

MOST_KEYS = 8
_STEP = Decimal("0.001")
_PLACE = "key"
_PAIR = re.compile(r"[A-Z]-[0-9]{1,2}")
_BETWEEN = re.compile(r"[\s,，、]+")


class Effect(StrEnum):
    """What a fix does to its question."""

    KEY = "key"
    CREDIT = "credit"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class KeyFix:
    """One question's fix; `entries` are the keys that are right, with `KEY` alone."""

    effect: Effect
    entries: tuple[KeyEntry, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values; the inverse of `from_json`."""
        return {"effect": str(self.effect), "entries": [entry.to_json() for entry in self.entries]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "KeyFix":
        """The inverse of `to_json`; raises ValueError, KeyError or TypeError on anything else."""
        return cls(Effect(data["effect"]), tuple(KeyEntry.from_json(entry) for entry in data["entries"]))


@dataclass(frozen=True, slots=True)
class FixedMark:
    """One question's mark under the fixes. `dropped`: its points when it was taken out without credit."""

    mark: ItemMark
    effect: Effect | None = None
    dropped: Decimal = Decimal(0)


def mark_fixed(
    responses: Mapping[str, tuple[str, ...]], key: MarkingKey, fixes: Mapping[str, KeyFix]
) -> tuple[FixedMark, ...]:
    """Marks a paper by its key with fixes laid over it; questions without a fix as `marking.mark` does."""
    marks = mark(responses, key).items
    return tuple(
        _fixed(one, key.items[one.uid], fixes[one.uid]) if one.uid in fixes else FixedMark(one)
        for one in marks
    )


def _fixed(one: ItemMark, entry: KeyEntry, fix: KeyFix) -> FixedMark:
    if fix.effect is Effect.CREDIT:
        whole = replace(one, awarded=entry.points, correct=True, state=MARKED)
        return FixedMark(whole, fix.effect)
    if fix.effect is Effect.DROP:
        gone = replace(one, points=Decimal(0), awarded=Decimal(0), correct=False, state=MARKED)
        return FixedMark(gone, fix.effect, entry.points)
    under = (replace(each, points=entry.points, scoring=entry.scoring) for each in fix.entries)
    marks = [mark({one.uid: one.response}, MarkingKey("", {one.uid: each})).items[0] for each in under]
    return FixedMark(max(marks, key=lambda each: each.awarded), fix.effect)


def added_up(items: Iterable[Mapping[str, Any]]) -> Decimal:
    """The total of a paper from its stored marks ({"points", "awarded", "dropped"?} as text).

    With questions dropped the rest counts for the whole paper, in thousandths; never rounded up, so that no
    rounding makes a pass.
    """
    awarded = kept = dropped = Decimal(0)
    for item in items:
        awarded += Decimal(item["awarded"])
        kept += Decimal(item["points"])
        dropped += Decimal(item.get("dropped", 0))
    if not dropped:
        return awarded
    if not kept:
        return Decimal(0)
    return (awarded * (kept + dropped) / kept).quantize(_STEP, ROUND_DOWN)


def read_keys(entry: KeyEntry, text: str) -> tuple[KeyEntry, ...]:
    """The keys that somebody wrote for a question; raises `InputRefused` for what its kind does not allow.

    Letters "AC", in order for an ordering, pairs "A-1 B-2" for a matching; `|` stands between keys that are
    right each. Questions with gaps: one part a gap, `;` between them, `|` between what is accepted; numbers
    as "3.14" or a range "3..4".
    """
    if entry.kind in EXAMINED:
        raise _refused("key_by_examiner")
    if entry.kind in GAPPED:
        found: tuple[KeyEntry, ...] = (replace(entry, gaps=_gaps(entry, text)),)
    else:
        parts = [part.strip() for part in text.split("|")]
        found = tuple(replace(entry, answer=_answer(entry, part)) for part in parts)
    if len(found) > MOST_KEYS or len(set(found)) != len(found):
        raise _refused("key_repeated", most=MOST_KEYS)
    if found == (entry,):
        raise _refused("key_unchanged")
    return found


def written_keys(entries: Iterable[KeyEntry]) -> str:
    """Keys as `read_keys` reads them, for whoever has to agree to them."""
    return "|".join(map(_written, entries))


def _written(entry: KeyEntry) -> str:
    if entry.kind in GAPPED:
        return "; ".join(map(_written_gap, entry.gaps))
    return (" " if entry.kind is ItemKind.MATCH else "").join(entry.answer)


def _written_gap(gap: Gap) -> str:
    if gap.choices:
        return gap.answer
    if gap.ranges:
        return "|".join(
            f"{each.low}" if each.low == each.high else f"{each.low}..{each.high}" for each in gap.ranges
        )
    return "|".join(gap.accepted)


def _refused(code: str, **params: str | int) -> InputRefused:
    return InputRefused(Problem(code, _PLACE, params))


def _answer(entry: KeyEntry, text: str) -> tuple[str, ...]:
    written = text.upper()
    joined = entry.kind in CHOICES or entry.kind is ItemKind.ORDER
    parts: Sequence[str] = (
        list(_BETWEEN.sub("", written)) if joined else [part for part in _BETWEEN.split(written) if part]
    )
    if not parts:
        raise _refused("key_empty")
    for part in parts:
        if not _known(entry, part):
            raise _refused("key_not_an_option", value=part[:8])
    if len(set(parts)) != len(parts):
        raise _refused("key_repeated", most=MOST_KEYS)
    _need_count(entry, parts)
    return tuple(parts) if entry.kind is ItemKind.ORDER else tuple(sorted(parts))


def _known(entry: KeyEntry, part: str) -> bool:
    if entry.kind is ItemKind.MATCH:
        return _PAIR.fullmatch(part) is not None
    if entry.kind is ItemKind.TRUE_FALSE:
        return part in ("A", "B")
    return part in (entry.keys or OPTION_KEYS)


def _need_count(entry: KeyEntry, parts: Sequence[str]) -> None:
    if entry.kind is ItemKind.ORDER and sorted(parts) != sorted(entry.answer):
        raise _refused("key_order_incomplete")
    rule = KINDS.get(entry.kind)
    if rule is not None and not rule.least_answers <= len(parts) <= rule.most_answers:
        raise _refused("key_count", least=rule.least_answers, count=len(parts))


def _gaps(entry: KeyEntry, text: str) -> tuple[Gap, ...]:
    parts = [part.strip() for part in re.split("[;；]", text)]
    if len(parts) != len(entry.gaps):
        raise _refused("key_gaps", expected=len(entry.gaps), count=len(parts))
    return tuple(_gap(gap, part) for gap, part in zip(entry.gaps, parts, strict=True))


def _gap(gap: Gap, text: str) -> Gap:
    accepted = tuple(part.strip() for part in text.split("|") if part.strip())
    if not accepted:
        raise _refused("key_empty")
    if gap.choices:
        if len(accepted) != 1 or accepted[0].upper() not in {choice.key for choice in gap.choices}:
            raise _refused("key_not_an_option", value=text[:8])
        return replace(gap, answer=accepted[0].upper())
    if gap.ranges:
        return replace(gap, ranges=tuple(_range(part) for part in accepted))
    return replace(gap, accepted=accepted)


def _range(text: str) -> NumberRange:
    low, _dots, high = text.partition("..")
    try:
        found = NumberRange(Decimal(low.strip()), Decimal((high or low).strip()))
    except InvalidOperation as fault:
        raise _refused("key_not_a_number", value=text[:20]) from fault
    if not (found.low.is_finite() and found.high.is_finite() and found.low <= found.high):
        raise _refused("key_not_a_number", value=text[:20])
    return found
