"""Questions of Moodle XML and GIFT as items: the same kinds, read once.

Both count an answer's worth in per cent: 100 is right, the shares of a multiple choice sum up to 100, what
lies between is partly right. Choices keep such shares as weights; texts and numbers do not.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from itembank.importing.drafts import Draft
from itembank.importing.moodle_facts import facts_of, usable_id
from itembank.importing.moodle_wording import Wording, markup_of, seen, spoken, with_gap
from itembank.items import (
    OPTION_KEYS,
    TRUE_FALSE_OPTIONS,
    Criterion,
    Gap,
    ItemBody,
    ItemKind,
    Markup,
    Medium,
    NumberRange,
    Option,
)
from itembank.problems import Problem
from itembank.richtext import plain

FULL = Decimal(100)
NOTHING = Decimal(0)
_ROUNDING = Decimal(1)  # per cent by which shares such as 33.33333 may miss 100
_ALMOST = Decimal("0.0002")
_LISTED = re.compile(r"<li\b[^<>]*>(.*?)</li>", re.IGNORECASE | re.DOTALL)
_POINTS = re.compile(r"[（(]\s*(\d{1,3}(?:\.\d{1,2})?)\s*分\s*[)）]\s*$")
# Options beyond the letters get keys that validation complains about.
_KEYS = (*OPTION_KEYS, *(f"Z{number}" for number in range(1, 1000)))
_EMPTY = Wording("")


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer and its worth in per cent; `own` is the file's own text of it."""

    wording: Wording
    percent: Decimal
    own: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What every kind has. `uid` and `tags` as the file has them; `media` are those that its texts name."""

    place: str
    name: str
    stem: Wording
    explanation: Wording = _EMPTY
    uid: str = ""
    tags: tuple[str, ...] = ()
    path: str = ""
    media: tuple[Medium, ...] = ()
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as kind and body; with faults it is rejected."""

    kind: ItemKind
    body: ItemBody
    told: tuple[str, ...] = ()
    faults: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """Answers of a choice. `several` may be ticked; `shuffled` False keeps them in their order."""

    answers: Sequence[Answer]
    several: bool
    shuffled: bool = True


@dataclass
class _Voice:
    """One question's texts in the markup that fits all of them."""

    question: Question
    others: Sequence[Wording] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        self.markup = markup_of((self.question.stem, self.question.explanation, *self.others))

    def body(self) -> ItemBody:
        """Stem, explanation and media."""
        stem, explanation = self(self.question.stem), self(self.question.explanation)
        return ItemBody(stem, explanation=explanation, markup=self.markup, media=self.question.media)

    def __call__(self, wording: Wording) -> str:
        return spoken(wording, self.markup)


def draft_of(question: Question, asked: Asked) -> Draft:
    """The draft with what the question's surroundings say."""
    facts = facts_of(question.tags)
    uid = usable_id(question.uid)
    warnings = [*question.warnings, *asked.warnings]
    if question.uid and not uid:
        warnings.append(Problem("id_not_used", question.place, {"value": question.uid[:80]}))
    return Draft(
        question.place,
        asked.kind,
        replace(asked.body, source=facts.source),
        uid=uid,
        point=facts.point,
        difficulty=facts.difficulty,
        consistency=facts.consistency,
        importance=facts.importance,
        sample=facts.sample,
        path=question.path,
        faults=asked.faults,
        warnings=tuple(warnings),
        label=question.name,
        told=asked.told,
    )


def keyed(texts: Iterable[str], *, fixed: bool = False) -> tuple[Option, ...]:
    """Texts as options A, B, …"""
    return tuple(Option(key, text, fixed) for key, text in zip(_KEYS, texts, strict=False))


def choice(question: Question, given: Choice) -> Asked | None:
    """A single or multiple choice; None when several answers are each fully right and one may be ticked."""
    percents = [answer.percent for answer in given.answers]
    right = [place for place, percent in enumerate(percents) if percent > 0]
    full = [place for place in right if percents[place] >= FULL - _ROUNDING]
    faults: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    if not given.several:
        if len(full) > 1:
            return None
        kind, right = ItemKind.SINGLE, full
    else:
        kind = ItemKind.MULTIPLE if len(right) != 1 else ItemKind.SINGLE
        faults, warnings = _shares(question, [percents[place] for place in right])
    voice = _Voice(question, [answer.wording for answer in given.answers])
    options = keyed((voice(answer.wording) for answer in given.answers), fixed=not given.shuffled)
    body = replace(
        voice.body(),
        options=options,
        answer=tuple(options[place].key for place in right),
        weights=_weights(kind, options, percents, right),
    )
    told = tuple(given.answers[place].own or seen(given.answers[place].wording) for place in right)
    return Asked(kind, body, told, faults, warnings)


def _shares(
    question: Question, positive: Sequence[Decimal]
) -> tuple[tuple[Problem, ...], tuple[Problem, ...]]:
    """(faults, warnings): shares have to sum up to 100, or to be all the same."""
    total = sum(positive, NOTHING)
    told = {"total": f"{total.normalize():f}"}
    if len(positive) == 1:
        return (), (Problem("multiple_with_one_answer", question.place),)
    if not positive or abs(total - FULL) <= _ROUNDING:
        return (), ()
    if len(set(positive)) == 1:
        return (), (Problem("fractions_not_100", question.place, told),)
    return (Problem("fractions_unclear", question.place, told),), ()


def _weights(
    kind: ItemKind, options: Sequence[Option], percents: Sequence[Decimal], right: Sequence[int]
) -> tuple[tuple[str, Decimal], ...]:
    """Shares of one, or nothing when they are what an export of ours writes anyway."""
    usual = usual_percents(kind, len(options), right)
    if all(abs(percent - known) <= _ALMOST for percent, known in zip(percents, usual, strict=True)):
        return ()
    return tuple(
        (option.key, (percent / 100).normalize()) for option, percent in zip(options, percents, strict=True)
    )


def usual_percents(kind: ItemKind, count: int, right: Sequence[int]) -> list[Decimal]:
    """The worth of each of `count` answers when nothing else is said: right ones share 100.

    In a multiple choice each wrong one takes away what a right one brings (as R24's counting does).
    """
    if not right:
        return [NOTHING] * count
    share = (FULL / len(right)).quantize(Decimal("0.00001"))
    wrong = -share if kind is ItemKind.MULTIPLE else NOTHING
    return [share if place in right else wrong for place in range(count)]


def true_false(question: Question, *, right: bool) -> Asked:
    """A true/false item with the fixed options."""
    body = replace(
        _Voice(question).body(),
        options=TRUE_FALSE_OPTIONS,
        answer=(TRUE_FALSE_OPTIONS[0 if right else 1].key,),
    )
    return Asked(ItemKind.TRUE_FALSE, body, ("true" if right else "false",))


def short_text(question: Question, answers: Sequence[Answer], *, case_sensitive: bool) -> Asked:
    """One text to fill in: fully right answers count."""
    accepted = tuple(dict.fromkeys(seen(each.wording) for each in answers if _is_full(each.percent)))
    gap = Gap("1", accepted, case_sensitive=case_sensitive)
    told = tuple(each.own or seen(each.wording) for each in answers)
    return Asked(ItemKind.TEXT, _gapped(question, gap), told, (), _partial(question, answers))


def numeric(question: Question, ranges: Sequence[tuple[Decimal, NumberRange]]) -> Asked:
    """One number to fill in: (worth, range) each."""
    gap = Gap("1", ranges=tuple(dict.fromkeys(span for percent, span in ranges if _is_full(percent))))
    answers = [Answer(_EMPTY, percent) for percent, _span in ranges]
    return Asked(ItemKind.NUMERIC, _gapped(question, gap), (), (), _partial(question, answers))


def _is_full(percent: Decimal) -> bool:
    return percent >= FULL - _ROUNDING


def _partial(question: Question, answers: Sequence[Answer]) -> tuple[Problem, ...]:
    count = sum(1 for each in answers if each.percent > 0 and not _is_full(each.percent))
    return (Problem("partial_answers_left_out", question.place, {"count": count}),) if count else ()


def _gapped(question: Question, gap: Gap) -> ItemBody:
    body = _Voice(question).body()
    return replace(body, stem=with_gap(body.stem), gaps=(gap,))


def gapped(question: Question, gaps: Sequence[Gap], stem: Wording, markup: Markup) -> Asked:
    """A text whose stem names its gaps already; the kind follows from them."""
    kinds = {gap.kind for gap in gaps}
    body = ItemBody(
        spoken(stem, markup),
        explanation=spoken(question.explanation, markup),
        markup=markup,
        media=question.media,
        gaps=tuple(gaps),
    )
    return Asked(kinds.pop() if len(kinds) == 1 else ItemKind.TEXT, body)


def match(question: Question, pairs: Sequence[tuple[Wording, Wording]]) -> Asked:
    """Left to right; a pair without a left side is a right side that fits nothing."""
    lone = next((left for left, right in pairs if right.blank and not left.blank), None)
    if lone is not None:
        fault = Problem("pair_open", question.place, {"text": seen(lone)[:40]})
        return Asked(ItemKind.MATCH, ItemBody(""), faults=(fault,))
    voice = _Voice(question, [wording for pair in pairs for wording in pair])
    rights = list(dict.fromkeys(voice(right) for _left, right in pairs if not right.blank))
    lefts = [(voice(left), voice(right)) for left, right in pairs if not left.blank]
    options = keyed(left for left, _right in lefts)
    answer = tuple(
        f"{option.key}-{rights.index(right) + 1}"
        for option, (_left, right) in zip(options, lefts, strict=False)
        if right
    )
    targets = tuple(Option(str(number), text) for number, text in enumerate(rights, 1))
    return Asked(ItemKind.MATCH, replace(voice.body(), options=options, answer=answer, targets=targets))


def order(question: Question, steps: Sequence[Wording]) -> Asked:
    """Steps in their right order."""
    voice = _Voice(question, steps)
    options = keyed(voice(step) for step in steps)
    body = replace(voice.body(), options=options, answer=tuple(option.key for option in options))
    return Asked(ItemKind.ORDER, body, tuple(seen(step) for step in steps))


def essay(question: Question, graders: Wording = _EMPTY) -> Asked:
    """A free text; what is written for graders becomes criteria, one a line or list entry."""
    voice = _Voice(question, (graders,))
    text = voice(graders)
    rich = voice.markup is Markup.HTML
    lines = (_LISTED.findall(text[: text.lower().rfind("</li>") + 5]) or [text]) if rich else text.split("\n")
    kept = [line.strip() for line in lines if (plain(line) if rich else line.strip())]
    criteria = tuple(_criterion(line, voice.markup) for line in kept)
    return Asked(ItemKind.ESSAY, replace(voice.body(), criteria=criteria))


def _criterion(text: str, markup: Markup) -> Criterion:
    found = _POINTS.search(text if markup is Markup.PLAIN else plain(text))
    if found is None:
        return Criterion(text)
    return Criterion(_POINTS.sub("", text).rstrip() or text, Decimal(found[1]))
