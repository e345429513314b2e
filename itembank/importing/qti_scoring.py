"""What a QTI item says is right: its response declarations, and whether its processing means just that.

Reduced to the declared answers are the templates match_correct, map_response and map_response_point, and
conditions of an item's own that compare a response with its correct value, with given values or bounds.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from lxml import etree

from itembank.importing.numbers import number
from itembank.importing.qti_gains import Gain, contradicts, gain_of, same_values
from itembank.importing.qti_names import attribute, child, children, content, descendants, is_true, name_of
from itembank.items import NumberRange

_TEMPLATES = ("match_correct", "map_response", "map_response_point")
_COMPARING = (
    "match", "equal", "equalRounded", "stringMatch", "member", "contains", "mapResponse", "mapResponsePoint",
    "gte", "lte", "gt", "lt",
)  # fmt: skip
# What computes with responses: the declared answers alone do not tell what it gives.
_COMPUTING = frozenset(
    {"customOperator", "patternMatch", "fieldValue", "index", "inside", "lookupOutcomeValue"}
)
_NUMBERS = ("integer", "float")
_EQUALITY = ("match", "equal", "equalRounded", "stringMatch", "member", "contains")


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a mapping: what a response is worth."""

    key: str
    value: Decimal
    case_sensitive: bool


@dataclass(frozen=True, slots=True)
class Response:
    """One response declaration: `correct` and `mapping` as declared, both may be empty."""

    cardinality: str
    base_type: str
    correct: tuple[str, ...] = ()
    mapping: tuple[Entry, ...] = ()

    @property
    def is_number(self) -> bool:
        """Whether numbers are asked for."""
        return self.base_type in _NUMBERS

    def best(self) -> tuple[str, ...]:
        """The declared values, else the mapped ones worth something (for a single one: the most)."""
        if self.correct:
            return self.correct
        most = max((entry.value for entry in self.mapping), default=Decimal(0))
        least = most if self.cardinality == "single" else Decimal(0)
        return tuple(e.key for e in self.mapping if e.value > 0 and e.value >= least)


NOT_DECLARED = Response("single", "identifier")


def responses_of(root: etree._Element) -> dict[str, Response]:
    """Every response declaration of an item by its identifier."""
    return {attribute(each, "identifier"): _response(each) for each in children(root, "responseDeclaration")}


def _response(declaration: etree._Element) -> Response:
    correct = child(declaration, "correctResponse")
    mapping = child(declaration, "mapping")
    values = () if correct is None else tuple(_value(each) for each in children(correct, "value"))
    entries = () if mapping is None else tuple(_entries(mapping))
    cardinality, base = attribute(declaration, "cardinality"), attribute(declaration, "baseType")
    return Response(cardinality or "single", base, tuple(value for value in values if value.strip()), entries)


def _value(element: etree._Element) -> str:
    """The value as it stands: blanks inside a text answer are the author's, those around are layout."""
    return content(element)


def _entries(mapping: etree._Element) -> Iterator[Entry]:
    for each in children(mapping, "mapEntry"):
        worth = number(attribute(each, "mappedValue"))
        if worth is not None:
            yield Entry(attribute(each, "mapKey"), worth, is_true(each, "caseSensitive"))


class Processing:
    """The response processing of one item; `tests` of a response are the comparisons that name it."""

    def __init__(self, root: etree._Element) -> None:
        self._root = child(root, "responseProcessing")
        self._template = "" if self._root is None else attribute(self._root, "template")
        self._names: dict[str, list[etree._Element]] | None = None

    @property
    def is_own(self) -> bool:
        """Whether the item brings conditions of its own."""
        return self._root is not None and len(self._root) > 0

    def is_understood(self, asked: Sequence[str], responses: dict[str, Response]) -> bool:
        """Whether marking by the declared answers of the `asked` responses is what the processing means."""
        if not self.is_own:
            name = self._template.rstrip("/").rpartition("/")[2].removesuffix(".xml")
            return not name or name in _TEMPLATES
        if any(name in self._by_name() for name in _COMPUTING) or self.is_broken(responses):
            return False
        return all(any(True for _ in self.tests(identifier)) for identifier in asked)

    def is_broken(self, responses: dict[str, Response]) -> bool:
        """Whether it refers to a correct value or a mapping that is not declared."""
        correct, mapped = self._by_name().get("correct", ()), self._by_name().get("mapResponse", ())
        return any(
            not responses.get(attribute(each, "identifier"), NOT_DECLARED).correct for each in correct
        ) or any(not responses.get(attribute(each, "identifier"), NOT_DECLARED).mapping for each in mapped)

    def contradicts(self, asked: Sequence[str], responses: dict[str, Response]) -> bool:
        """Whether it pays for something else than what is declared right for one of the `asked` responses."""
        return any(self._denies(each, responses.get(each, NOT_DECLARED)) for each in asked)

    def _denies(self, identifier: str, response: Response) -> bool:
        if not response.correct:
            return False
        if self._maps(identifier) and response.mapping and not _maps_to_correct(response):
            return True
        gains = self.gains(identifier)
        choice = response.base_type in ("identifier", "pair", "directedPair")
        several = response.cardinality != "single"
        if contradicts(gains, response.correct, several=several, only=choice and not several):
            return True
        spans = self._spans(identifier).values()
        return any(span.score is not None and span.pays is not span.wanted for span in spans)

    def _maps(self, identifier: str) -> bool:
        if not self.is_own:
            return "map_response" in self._template
        mapped = self._by_name().get("mapResponse", ())
        return any(attribute(each, "identifier") == identifier for each in mapped)

    def gains(self, identifier: str) -> list[Gain]:
        """What each comparison of the response with a value brings."""
        return [gain_of(test) for test in self.tests(identifier) if name_of(test) in _EQUALITY]

    def tests(self, identifier: str) -> Iterator[etree._Element]:
        """The comparisons that name this response."""
        for name in _COMPARING:
            for test in self._by_name().get(name, ()):
                if attribute(test, "identifier") == identifier or _names_variable(test, identifier):
                    yield test

    def given_values(self, identifier: str) -> list[str]:
        """The values that bring most of those that equality tests of a response compare it with."""
        paying = [gain for gain in self.gains(identifier) if gain.values and gain.wanted]
        scores = [gain.score for gain in paying if gain.score is not None]
        if scores:
            most = max(scores)
            paying = [gain for gain in paying if gain.score == most and most > 0]
        return list(dict.fromkeys(value for gain in paying for value in gain.values))

    def ignores_case(self, identifier: str) -> bool:
        """Whether a text test of the response says that case does not matter."""
        told = [t for t in self.tests(identifier) if name_of(t) == "stringMatch"]
        return bool(told) and not any(is_true(test, "caseSensitive") for test in told)

    def spans(self, identifier: str) -> tuple[NumberRange, ...]:
        """The bounds set to a number: `and` of gte and lte with given values."""
        spans = self._spans(identifier)
        scores = [gain.score for gain in spans.values() if gain.score is not None]
        return tuple(span for span, gain in spans.items() if not scores or gain.score == max(scores))

    def _spans(self, identifier: str) -> dict[NumberRange, Gain]:
        found = {}
        for pair in self._by_name().get("and", ()):
            low, high = _bound(pair, "gte", identifier), _bound(pair, "lte", identifier)
            if low is not None and high is not None:
                found[NumberRange(low, high)] = gain_of(pair)
        return found

    def bounds_unread(self, identifier: str) -> bool:
        """Whether bounds are set to a number in a way that `spans` does not read."""
        bounded = any(name_of(test) in ("gte", "lte", "gt", "lt") for test in self.tests(identifier))
        return bounded and not self.spans(identifier)

    def tolerated(self, identifier: str, value: Decimal) -> NumberRange:
        """The range around a right number that an `equal` test tolerates; the number itself without one."""
        for test in self.tests(identifier):
            if name_of(test) == "equal":
                return _around(value, attribute(test, "toleranceMode"), attribute(test, "tolerance"))
        return NumberRange(value, value)

    def _by_name(self) -> dict[str, list[etree._Element]]:
        if self._names is None:
            self._names = {}
            for element in self._root.iter() if self._root is not None else ():
                self._names.setdefault(name_of(element), []).append(element)
        return self._names


def _maps_to_correct(response: Response) -> bool:
    """Whether the values that a mapping pays most for are the declared ones; equally good texts may join."""
    best = replace(response, correct=()).best()
    if response.base_type == "string" or response.is_number:
        folded, known = ([text.casefold() for text in texts] for texts in (response.correct, best))
        return any(same_values((value,), (other,)) for value in folded for other in known)
    return same_values(best, response.correct)


def _names_variable(test: etree._Element, identifier: str) -> bool:
    return any(attribute(each, "identifier") == identifier for each in descendants(test, "variable"))


def _bound(pair: etree._Element, name: str, identifier: str) -> Decimal | None:
    for test in children(pair, name):
        value = child(test, "baseValue")
        if value is not None and _names_variable(test, identifier) and name_of(test[0]) == "variable":
            return number(content(value))
    return None


def _around(value: Decimal, mode: str, tolerance: str) -> NumberRange:
    """The range of an `equal` test; relative tolerances are percent of the value."""
    widths = [width for width in map(number, tolerance.replace(",", " ").split()) if width is not None]
    if mode not in ("absolute", "relative") or not widths:
        return NumberRange(value, value)
    scale = abs(value) / 100 if mode == "relative" else Decimal(1)
    return NumberRange(value - abs(widths[0]) * scale, value + abs(widths[-1]) * scale)
