"""One `<question>` of Moodle XML as a draft, kind by kind; what no kind fits is kept raw."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType

from lxml import etree

from itembank.importing import moodle_kinds as kinds
from itembank.importing.drafts import Found, Noted
from itembank.importing.media import MediaBox
from itembank.importing.moodle_cloze import read_cloze
from itembank.importing.moodle_files import Texts, child, children, inner_text
from itembank.importing.moodle_kinds import Answer, Asked, Choice, Question
from itembank.importing.moodle_wording import AUTO, HTML, PLAIN, Wording, guarded, markup_of, seen, spoken
from itembank.importing.numbers import number
from itembank.importing.xmlsafe import local
from itembank.item_rules import MAX_RAW, MAX_TEXT
from itembank.items import Gap, ItemBody, ItemKind, NumberRange
from itembank.problems import Problem

_FALSE = frozenset({"0", "false", "no"})
_PLACED = re.compile(r"\[\[(\d{1,3})\]\]")


@dataclass(frozen=True, slots=True)
class Reading:
    """One element with what is common to all kinds read from it already."""

    element: etree._Element
    texts: Texts
    question: Question

    def said(self, name: str) -> str:
        """The characters of a child such as `<single>`."""
        found = child(self.element, name)
        return (found.text or "").strip().lower() if found is not None else ""

    def answers(self) -> list[Answer]:
        """Every `<answer>` with its worth; a file that gives none means 0."""
        return [self._answer(each) for each in children(self.element, "answer")]

    def _answer(self, element: etree._Element) -> Answer:
        return Answer(self.texts.wording(element), number(element.get("fraction") or "") or Decimal(0))

    def finished(self) -> Question:
        """The question with the media that its texts named by now."""
        media = tuple(self.texts.media.values())
        return replace(self.question, media=media, warnings=tuple(self.texts.noted))


def read_question(element: etree._Element, place: str, path: str, box: MediaBox) -> Iterator[Found]:
    """The draft of one question, and a note when its kind is not supported."""
    texts = Texts(place, box)
    kind = (element.get("type") or "").strip().lower()
    reading = Reading(element, texts, _question(element, texts, place, path))
    read = _KINDS.get(kind)
    asked = read(reading) if read else None
    if asked is None:
        yield Noted(Problem("kind_not_supported", place, {"kind": kind[:40]}))
        asked = _kept_raw(reading)
    elif texts.media:
        asked = replace(asked, body=replace(asked.body, media=tuple(texts.media.values())))
    yield kinds.draft_of(reading.finished(), asked)


def _question(element: etree._Element, texts: Texts, place: str, path: str) -> Question:
    stem = texts.wording(child(element, "questiontext"))
    picture = child(element, "image_base64")
    if picture is not None and (picture.text or "").strip():
        shown = texts.picture(picture.text or "", inner_text(child(element, "image")))
        stem = Wording(f"{spoken(stem, markup_of([shown]))}{shown.text}", HTML) if shown.text else stem
    tags = child(element, "tags")
    return Question(
        place,
        inner_text(child(element, "name")).strip(),
        stem,
        texts.wording(child(element, "generalfeedback")),
        uid=_idnumber(element),
        tags=tuple(inner_text(tag).strip() for tag in children(tags, "tag")) if tags is not None else (),
        path=path,
    )


def _idnumber(element: etree._Element) -> str:
    found = child(element, "idnumber")
    return (found.text or "").strip() if found is not None else ""


def _kept_raw(reading: Reading) -> Asked:
    """The element as it stands; files leave it when they make it too long to keep."""
    raw = etree.tostring(reading.element, encoding="unicode", with_tail=False)
    if len(raw) > MAX_RAW:
        for file in list(reading.element.iter()):
            if local(file) in ("file", "image_base64"):
                file.text = None
        raw = etree.tostring(reading.element, encoding="unicode", with_tail=False)
    stem = seen(reading.question.stem) or reading.question.name
    return Asked(ItemKind.UNSUPPORTED, ItemBody(stem[:MAX_TEXT], raw=raw))


def _true_false(reading: Reading) -> Asked | None:
    worths = {seen(answer.wording).lower(): answer.percent for answer in reading.answers()}
    if not {"true", "false"} <= set(worths) or worths["true"] == worths["false"]:
        return None
    return kinds.true_false(reading.question, right=worths["true"] > worths["false"])


def _choice(reading: Reading) -> Asked | None:
    several = reading.said("single") in _FALSE
    shuffled = reading.said("shuffleanswers") not in _FALSE
    return kinds.choice(reading.question, Choice(reading.answers(), several, shuffled))


def _choice_set(reading: Reading) -> Asked | None:
    shuffled = reading.said("shuffleanswers") not in _FALSE
    return kinds.choice(reading.question, Choice(reading.answers(), several=True, shuffled=shuffled))


def _short_text(reading: Reading) -> Asked:
    """Answers are plain characters, whatever format they claim; what brings nothing is no answer."""
    answers = [
        Answer(Wording(inner_text(each), PLAIN), number(each.get("fraction") or "") or Decimal(0))
        for each in children(reading.element, "answer")
    ]
    worth = [answer for answer in answers if answer.percent > 0]
    return kinds.short_text(reading.question, worth, case_sensitive=reading.said("usecase") in ("1", "true"))


def _numeric(reading: Reading) -> Asked | None:
    ranges = []
    for each in children(reading.element, "answer"):
        text, percent = inner_text(each).strip(), number(each.get("fraction") or "") or Decimal(0)
        tolerance = child(each, "tolerance")
        middle, reach = number(text), number((tolerance.text or "") if tolerance is not None else "0")
        if percent > 0 and (middle is None or reach is None):
            return None
        if percent > 0 and middle is not None and reach is not None:
            ranges.append((percent, NumberRange(middle - abs(reach), middle + abs(reach))))
    asked = kinds.numeric(reading.question, ranges)
    units = child(reading.element, "units")
    if units is None or not len(units):
        return asked
    return replace(asked, warnings=(*asked.warnings, Problem("units_left_out", reading.question.place)))


def _match(reading: Reading) -> Asked:
    pairs = []
    for each in children(reading.element, "subquestion"):
        answer = child(each, "answer")
        form = None if answer is not None and answer.get("format") else AUTO
        pairs.append((reading.texts.wording(each), reading.texts.wording(answer, form=form)))
    return kinds.match(reading.question, pairs)


def _order(reading: Reading) -> Asked:
    answers = sorted(reading.answers(), key=lambda answer: answer.percent)
    return kinds.order(reading.question, [answer.wording for answer in answers])


def _essay(reading: Reading) -> Asked:
    return kinds.essay(reading.question, reading.texts.wording(child(reading.element, "graderinfo")))


def _cloze(reading: Reading) -> Asked | None:
    question = reading.question
    markup = markup_of([question.stem, question.explanation])
    cloze = read_cloze(question.stem, markup, question.place)
    if cloze.strange:
        return None
    asked = kinds.gapped(question, cloze.gaps, cloze.stem, markup)
    return replace(asked, warnings=cloze.noted)


def _placed(reading: Reading) -> Asked | None:
    """Gaps filled from one list: `[[2]]` in the text means that the list's second choice belongs there."""
    stem = reading.question.stem
    listed = [each for each in reading.element if local(each) in ("selectoption", "dragbox")]
    groups = [_group(each) for each in listed]
    numbers = [int(found) for found in _PLACED.findall(stem.text)]
    if not numbers or not all(1 <= number <= len(listed) for number in numbers):
        return None
    markup = markup_of([stem, reading.question.explanation])
    texts = [spoken(Wording(inner_text(each), AUTO), markup) for each in listed]
    gaps = []
    for key, wanted in enumerate(numbers, 1):
        offered = [place for place, group in enumerate(groups) if group == groups[wanted - 1]]
        choices = kinds.keyed(texts[place] for place in offered)
        gaps.append(Gap(str(key), choices=choices, answer=choices[offered.index(wanted - 1)].key))
    pieces = _PLACED.split(stem.text)[::2]
    parts = [guarded(pieces[0])]
    parts += [f"[[{key}]]{guarded(piece)}" for key, piece in enumerate(pieces[1:], 1)]
    return kinds.gapped(reading.question, gaps, Wording("".join(parts), stem.form), markup)


def _group(element: etree._Element) -> str:
    found = child(element, "group")
    return (found.text or "").strip() if found is not None else ""


_KINDS: Mapping[str, Callable[[Reading], Asked | None]] = MappingProxyType({
    "truefalse": _true_false, "multichoice": _choice, "multichoiceset": _choice_set,
    "shortanswer": _short_text, "numerical": _numeric, "matching": _match, "match": _match,
    "ordering": _order, "essay": _essay, "cloze": _cloze, "multianswer": _cloze,
    "gapselect": _placed, "ddwtos": _placed,
})  # fmt: skip
