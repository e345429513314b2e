"""Moodle's cloze texts: `{1:MULTICHOICE:=Paris#right~Rome}` within a text becomes a gap.

An answer begins with `=` or `%100%` when it is right; `#` opens feedback; a backslash keeps the next mark.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from itembank.importing.moodle_kinds import FULL, NOTHING, keyed
from itembank.importing.moodle_wording import Wording, guarded, seen, spoken
from itembank.importing.numbers import number
from itembank.items import OPTION_KEYS, Gap, Markup, NumberRange
from itembank.problems import Problem

_CHOICES = frozenset({
    "MULTICHOICE", "MC", "MULTICHOICE_V", "MCV", "MULTICHOICE_H", "MCH",
    "MULTICHOICE_S", "MCS", "MULTICHOICE_VS", "MCVS", "MULTICHOICE_HS", "MCHS",
})  # fmt: skip
_TEXTS = frozenset({"SHORTANSWER", "SA", "MW"})
_EXACT = frozenset({"SHORTANSWER_C", "SAC", "MWC"})
_NUMBERS = frozenset({"NUMERICAL", "NM"})
_ANY = "MULTIRESPONSE|MULTIRESPONSE_H|MULTIRESPONSE_S|MULTIRESPONSE_HS|MR|MRH|MRS|MRHS"
_NAMES = "|".join(sorted(_CHOICES | _TEXTS | _EXACT | _NUMBERS, key=len, reverse=True))
_START = re.compile(rf"\{{\s*(\d{{0,4}})\s*:\s*({_NAMES}|{_ANY})\s*:", re.IGNORECASE)
_MARK = re.compile(r"\\.|&#?\w{1,31};|[~#}]", re.DOTALL)
_WORTH = re.compile(r"\s*(?:(=)|%(-?\d{1,3}(?:\.\d{1,7})?)%)?")
_KEPT_BUT_STARS = re.compile(r"\\([^*])", re.DOTALL)
_KEPT = re.compile(r"\\(.)", re.DOTALL)
_ALMOST_FULL = FULL - 1


@dataclass(frozen=True, slots=True)
class Cloze:
    """A text with its gaps; `strange` names a kind of gap that is not read, `noted` what was left out."""

    stem: Wording
    gaps: tuple[Gap, ...]
    strange: str = ""
    noted: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer as written, backslashes and all."""

    written: str
    percent: Decimal

    @property
    def text(self) -> str:
        """What is shown."""
        return _KEPT.sub(r"\1", self.written)

    @property
    def accepted(self) -> str:
        """What is compared with: `\\*` stays the sign, apart from the wildcard."""
        return _KEPT_BUT_STARS.sub(r"\1", self.written)


@dataclass(frozen=True, slots=True)
class _Around:
    form: str
    markup: Markup


def has_gaps(text: str) -> bool:
    """Whether the text holds something that Moodle would take for a gap."""
    return _START.search(text) is not None


def read_cloze(wording: Wording, markup: Markup, place: str) -> Cloze:
    """The text with its gaps as `[[1]]`, `[[2]]` …; the choices in the markup of the body."""
    text, at = wording.text, 0
    pieces: list[str] = []
    gaps: list[Gap] = []
    worths: set[str] = set()
    partly = 0
    while found := _START.search(text, at):
        answers, end = _answers(text, found.end())
        if end < 0:
            return Cloze(wording, (), "cloze")  # shown as it is it would tell the answers
        key = str(len(gaps) + 1)
        gap = _gap(key, found[2].upper(), answers, _Around(wording.form, markup))
        if gap is None:
            return Cloze(wording, (), f"cloze {found[2].upper()}")
        gaps.append(gap)
        worths.add(found[1].lstrip("0") or "1")
        partly += not gap.choices and any(NOTHING < each.percent < _ALMOST_FULL for each in answers)
        pieces += [guarded(text[at : found.start()]), f"[[{key}]]"]
        at = end
    stem = Wording("".join([*pieces, guarded(text[at:])]), wording.form)
    return Cloze(stem, tuple(gaps), "" if gaps else "cloze", tuple(_noted(worths, partly, place)))


def _noted(worths: set[str], partly: int, place: str) -> Iterator[Problem]:
    if len(worths) > 1:
        yield Problem("gap_worths_left_out", place)
    if partly:
        yield Problem("partial_answers_left_out", place, {"count": partly})


def _answers(text: str, at: int) -> tuple[list[_Answer], int]:
    """(the answers, where the gap ends); -1 when nothing closes it."""
    cuts: list[tuple[int, str]] = []
    for found in _MARK.finditer(text, at):
        if len(found[0]) == 1:
            cuts.append((found.start(), found[0]))
            if found[0] == "}":
                return [each for each in _each(text, at, cuts) if each.text], found.end()
    return [], -1


def _each(text: str, start: int, cuts: list[tuple[int, str]]) -> Iterator[_Answer]:
    begin, end = start, -1
    for place, mark in cuts:
        end = place if end < 0 else end  # feedback does not belong to the answer
        if mark != "#":
            yield _answer(text[begin:end])
            begin, end = place + 1, -1


def _answer(text: str) -> _Answer:
    found = _WORTH.match(text)
    assert found is not None
    percent = FULL if found[1] else Decimal(found[2]) if found[2] else NOTHING
    return _Answer(text[found.end() :].strip(), percent)


def _gap(key: str, kind: str, answers: list[_Answer], around: _Around) -> Gap | None:
    """The gap, or None for what no gap of ours can hold."""
    right = [each for each in answers if each.percent >= _ALMOST_FULL]
    if kind in _CHOICES:
        return _choice(key, answers, around)
    if kind in _NUMBERS:
        ranges = [range_of(seen(Wording(each.text, around.form))) for each in right]
        return Gap(key, ranges=tuple(span for span in ranges if span)) if right and all(ranges) else None
    if kind in _TEXTS | _EXACT:
        texts = tuple(dict.fromkeys(seen(Wording(each.accepted, around.form)) for each in right))
        return Gap(key, texts, case_sensitive=kind in _EXACT) if all(texts) and texts else None
    return None


def _choice(key: str, answers: list[_Answer], around: _Around) -> Gap | None:
    right = [place for place, each in enumerate(answers) if each.percent >= _ALMOST_FULL]
    if len(right) != 1 or len(answers) > len(OPTION_KEYS):
        return None
    choices = keyed(spoken(Wording(each.text, around.form), around.markup) for each in answers)
    return Gap(key, choices=choices, answer=choices[right[0]].key)


def range_of(text: str) -> NumberRange | None:
    """ "1822", "1822:2" (number and tolerance) or "1..5"; None for anything else."""
    low, dots, high = text.partition("..")
    middle, _colon, width = text.partition(":")
    first, second = (number(low), number(high)) if dots else (number(middle), number(width or "0"))
    if first is None or second is None:
        return None
    return NumberRange(first, second) if dots else NumberRange(first - second, first + second)
