"""What a QTI 1.2 item says is right: conditions that give points, and the values they ask for.

Two styles are met: one condition with everything that is right (`and`, wrong ones under `not`), or one
condition for each option with its share.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from lxml import etree

from itembank.importing.numbers import number
from itembank.importing.qti_names import attribute, content, descendants, name_of
from itembank.items import NumberRange

_EQUAL = ("varequal", "varsubset", "varsubstring")
_SCORE = "SCORE"
_SIGNS = {"": 1, "set": 1, "add": 1, "subtract": -1}
_LOWER, _UPPER = ("vargte", "vargt"), ("varlte", "varlt")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A value that a condition asks of a response, and the points of that condition."""

    response: str
    value: str
    points: Decimal
    case_sensitive: bool = False


def wanted_of(item: etree._Element) -> tuple[Wanted, ...]:
    """Every value that brings points, in the file's order; values under `not` are none."""
    found = []
    for condition in descendants(item, "respcondition"):
        points = _points(condition)
        if points > 0:
            found += [
                Wanted(
                    attribute(test, "respident"),
                    content(test),
                    points,
                    attribute(test, "case").lower() == "yes",
                )
                for test in _positive(condition, _EQUAL)
            ]
    return tuple(each for each in found if each.value)


def ranges_of(item: etree._Element) -> tuple[NumberRange, ...]:
    """The numbers that bring points: bounds in one `and`, or in one condition; single values otherwise."""
    found: list[NumberRange] = []
    for condition in descendants(item, "respcondition"):
        if _points(condition) <= 0:
            continue
        scopes = [*descendants(condition, "and")] or [*descendants(condition, "conditionvar")]
        for scope in scopes:
            low, high = _first(scope, _LOWER), _first(scope, _UPPER)
            if low is not None and high is not None:
                found.append(NumberRange(low, high))
        exact = (number(content(test)) for test in _positive(condition, ("varequal",)))
        found += [NumberRange(value, value) for value in exact if value is not None]
    return tuple(span for span in dict.fromkeys(found) if not _covered(span, found))


def _covered(span: NumberRange, spans: list[NumberRange]) -> bool:
    """Whether a wider range holds this one: tools give the exact value beside its tolerance."""
    return any(other != span and other.low <= span.low and span.high <= other.high for other in spans)


def takes_points_away(element: etree._Element) -> bool:
    """Whether some choice costs points: the item says what each option brings, not what is right."""
    return any(worth < 0 for worth in _worths(element))


def _points(condition: etree._Element) -> Decimal:
    return max(_worths(condition), default=Decimal(0))


def _worths(scope: etree._Element) -> list[Decimal]:
    """What each `setvar` gives to the score; actions that multiply or divide give nothing by themselves."""
    found = []
    for each in descendants(scope, "setvar"):
        value, sign = number(content(each)), _SIGNS.get(attribute(each, "action").lower(), 0)
        if value is not None and sign and _is_score(each):
            found.append(sign * value)
    return found


def _is_score(setvar: etree._Element) -> bool:
    """Whether points are meant: SCORE, or any variable of an item that has none of that name."""
    if _variable(setvar) == _SCORE:
        return True
    item = next((each for each in setvar.iterancestors() if name_of(each) == "item"), setvar)
    return not any(_variable(each) == _SCORE for each in descendants(item, "setvar"))


def _variable(setvar: etree._Element) -> str:
    return (attribute(setvar, "varname") or _SCORE).upper()


def _first(scope: etree._Element, names: tuple[str, ...]) -> Decimal | None:
    return next((number(content(each)) for each in descendants(scope, *names)), None)


def _positive(scope: etree._Element, names: tuple[str, ...]) -> Iterator[etree._Element]:
    for child in scope:
        name = name_of(child)
        if name in names:
            yield child
        elif name != "not":
            yield from _positive(child, names)
