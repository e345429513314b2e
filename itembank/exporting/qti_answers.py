"""Declarations and response processing of exported QTI items: the answer as other systems can mark it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from itembank.exporting.qti_markup import Dialect, escaped
from itembank.items import Gap, NumberRange, as_written


@dataclass(frozen=True, slots=True)
class Declared:
    """One response: its declaration, the test that it is right ("" = examiners decide), what it is worth.

    `template` is the standard template that says the same when it is the item's only response.
    """

    declaration: str
    test: str
    weight: Decimal = Decimal(1)
    template: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """Makes declarations in one version's words."""

    dialect: Dialect

    def chosen(
        self,
        identifier: str,
        form: tuple[str, str],
        values: Sequence[str],
        weights: Sequence[tuple[str, Decimal]],
    ) -> Declared:
        """A response that is right when it equals `values`; `form` is its cardinality and base type."""
        e = self.dialect.element
        correct = e("correctResponse", None, *(e("value", None, value) for value in values))
        entries = (e("mapEntry", {"mapKey": key, "mappedValue": str(share)}) for key, share in weights)
        mapping = e("mapping", {"defaultValue": "0"}, *entries) if weights else ""
        test = e("match", None, self._variable(identifier), e("correct", {"identifier": identifier}))
        return Declared(self._declared(identifier, form, correct + mapping), test, template="match_correct")

    def gap(self, identifier: str, gap: Gap) -> Declared:
        """The response of one gap."""
        if gap.choices:
            return self.chosen(identifier, ("single", "identifier"), [gap.answer], ())
        return self._numbers(identifier, gap.ranges) if gap.ranges else self._texts(identifier, gap)

    def free(self, identifier: str) -> Declared:
        """A text that examiners mark."""
        return Declared(self._declared(identifier, ("single", "string"), ""), "")

    def processing(self, answers: Sequence[Declared]) -> str:
        """The template when one says it all; otherwise every right response adds its weight to SCORE."""
        e = self.dialect.element
        tested = [answer for answer in answers if answer.test]
        if not tested:
            return ""
        if len(answers) == 1 and tested[0].template:
            suffix = ".xml" if self.dialect.modern else ""
            return e(
                "responseProcessing", {"template": f"{self.dialect.templates}{tested[0].template}{suffix}"}
            )
        return e("responseProcessing", None, *(self._condition(answer) for answer in tested))

    def _condition(self, answer: Declared) -> str:
        e = self.dialect.element
        more = e("sum", None, self._variable("SCORE"), self._number(str(answer.weight)))
        scored = e("setOutcomeValue", {"identifier": "SCORE"}, more)
        return e("responseCondition", None, e("responseIf", None, answer.test, scored))

    def _texts(self, identifier: str, gap: Gap) -> Declared:
        e = self.dialect.element
        case = "true" if gap.case_sensitive else "false"
        entries = (
            e("mapEntry", {"mapKey": text, "mappedValue": "1", "caseSensitive": case})
            for text in map(as_written, gap.accepted)
        )
        inside = self._correct(as_written(gap.accepted[0])) + e("mapping", {"defaultValue": "0"}, *entries)
        test = e("gt", None, e("mapResponse", {"identifier": identifier}), self._number("0"))
        declaration = self._declared(identifier, ("single", "string"), inside)
        return Declared(declaration, test, template="map_response")

    def _numbers(self, identifier: str, ranges: Sequence[NumberRange]) -> Declared:
        e = self.dialect.element
        spans = [
            e(
                "and",
                None,
                e("gte", None, self._variable(identifier), self._number(str(span.low))),
                e("lte", None, self._variable(identifier), self._number(str(span.high))),
            )
            for span in ranges
        ]
        test = spans[0] if len(spans) == 1 else e("or", None, *spans)
        declaration = self._declared(identifier, ("single", "float"), self._correct(str(ranges[0].low)))
        return Declared(declaration, test)

    def _correct(self, value: str) -> str:
        e = self.dialect.element
        return e("correctResponse", None, e("value", None, escaped(value)))

    def _declared(self, identifier: str, form: tuple[str, str], inside: str) -> str:
        named = {"identifier": identifier, "cardinality": form[0], "baseType": form[1]}
        return self.dialect.element("responseDeclaration", named, inside)

    def _variable(self, identifier: str) -> str:
        return self.dialect.element("variable", {"identifier": identifier})

    def _number(self, value: str) -> str:
        return self.dialect.element("baseValue", {"baseType": "float"}, value)
