"""What the conditions of a QTI item's own response processing pay for which response.

Read as far as it takes to see that they pay for what is declared right: every comparison of a response with
its correct value or with given values, whether a `not` turns it round, and what its branch sets the score to.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from lxml import etree

from itembank.importing.numbers import number
from itembank.importing.qti_names import attribute, child, children, content, descendants, name_of

_BRANCHES = ("responseIf", "responseElseIf")
_ONE = Decimal(1)
_NONE = Decimal(0)


@dataclass(frozen=True, slots=True)
class Gain:
    """One comparison; `values` empty = with the correct value. `score` None when its branch sets none.

    `wanted` is false under a `not`.
    """

    values: tuple[str, ...]
    wanted: bool
    score: Decimal | None

    @property
    def pays(self) -> bool:
        """Whether the branch brings something."""
        return self.score is not None and self.score > 0


def gain_of(test: etree._Element) -> Gain:
    """What the branch of a comparison brings."""
    wanted = True
    element = test.getparent()
    while element is not None and name_of(element) not in _BRANCHES:
        if name_of(element) == "not":
            wanted = not wanted
        element = element.getparent()
    values = tuple(filter(None, (content(each) for each in descendants(test, "baseValue"))))
    if child(test, "correct") is not None:
        values = ()
    return Gain(values, wanted, None if element is None else _score(element))


def contradicts(gains: Iterable[Gain], right: Iterable[str], *, several: bool, only: bool) -> bool:
    """Whether what brings most is not what is declared right.

    `right` are the declared values; `several` when they belong to one response together, `only` when no other
    value may bring as much (choices; texts may have equally good answers).
    """
    best, other = _most(gains, frozenset(map(_known, right)), several=several)
    if best is None:
        return other > 0
    return best <= 0 or other > best or (only and other == best)


def _most(gains: Iterable[Gain], right: frozenset[str], *, several: bool) -> tuple[Decimal | None, Decimal]:
    """(the most that the declared values bring, the most that anything else brings)."""
    best: Decimal | None = None
    other = _NONE
    for gain in gains:
        if gain.score is None:
            continue
        given = frozenset(map(_known, gain.values))
        means_right = not given or (given <= right if several else not given.isdisjoint(right))
        if means_right and gain.wanted:
            best = gain.score if best is None else max(best, gain.score)
        elif means_right or gain.wanted:
            other = max(other, gain.score)
    return best, other


def same_values(left: Iterable[str], right: Iterable[str]) -> bool:
    """Whether two lists of values are the same whatever their order, blanks and ways to write a number."""
    return frozenset(map(_known, left)) == frozenset(map(_known, right))


def _known(value: str) -> str:
    """A value as others are compared with it."""
    found = number(value)
    return " ".join(value.split()) if found is None else f"{found.normalize():f}"


def _score(branch: etree._Element) -> Decimal | None:
    """What a branch sets the score to, None when it does not."""
    found = None
    for each in children(branch, "setOutcomeValue"):
        name = attribute(each, "identifier").upper()
        if "SCORE" in name and not name.startswith(("MAX", "MIN")) and len(each):
            found = _worth(each[0])
    return found


def _worth(expression: etree._Element) -> Decimal | None:
    """A number, or a sum or difference from the score so far; other variables count as a gain."""
    name = name_of(expression)
    if name == "baseValue":
        return number(content(expression))
    if name == "variable":
        return _NONE if "SCORE" in attribute(expression, "identifier").upper()[:5] else _ONE
    if name not in ("sum", "subtract"):
        return None
    worths = [_worth(each) for each in expression]
    known = [worth for worth in worths if worth is not None]
    if len(known) != len(worths) or not known:
        return None
    return sum(known, _NONE) if name == "sum" else known[0] - sum(known[1:], _NONE)
