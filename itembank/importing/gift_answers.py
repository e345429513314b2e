"""What stands between the braces of a GIFT question: which kind it is, and its answers.

Marks: `=` right, `~` wrong, `%50%` worth, `#` comment, `####` explanation, `->` pairs, a backslash keeps.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal

from itembank.importing import moodle_kinds as kinds
from itembank.importing.moodle_cloze import range_of
from itembank.importing.moodle_kinds import FULL, NOTHING, Answer, Asked, Choice, Question
from itembank.importing.moodle_wording import FORMS, MARKDOWN, PLAIN, Wording, seen
from itembank.items import OPTION_KEYS, ItemBody, ItemKind, NumberRange
from itembank.problems import Problem

_KEPT = re.compile(r"\\([~=#{}:\\n])")
_SIGNS = re.compile(r"\\.|[=~]", re.DOTALL)
_COMMENT = re.compile(r"\\.|#", re.DOTALL)
_EXPLANATION = re.compile(r"\\.|####", re.DOTALL)
_FORM = re.compile(r"\s*\[(html|markdown|plain|moodle)\]")
_WORTH = re.compile(r"\s*%(-?\d{1,3}(?:\.\d{1,7})?)%")
_TRUTH = re.compile(r"\s*(?:(T|TRUE|True|true)|F|FALSE|False|false)\s*")
_ORDER = re.compile(r">[ \t]*-?\d{0,3}[ \t]*(?:[A-Za-z_][A-Za-z0-9_]*(?:[ \t]+|$)){0,6}$", re.MULTILINE)
_ARROW = "->"
MAX_MARKS = 5_000  # "=" and "~" of one question; formatted texts have many, answers are few

Piece = tuple[str, str]
"""A sign ("=", "~" or "" for what stands before the first one) and what follows it."""


def unescaped(text: str) -> str:
    """The text without its backslashes."""
    return _KEPT.sub(lambda found: "\n" if found[1] == "n" else found[1], text)


def worded(text: str, form: str) -> Wording:
    """A piece of the file as a text; its own format mark goes before the one around it."""
    found = _FORM.match(text)
    kept = unescaped(text[found.end() :] if found else text).strip()
    return Wording(kept, FORMS[found[1]] if found else form)


def cut(text: str, pattern: re.Pattern[str], length: int) -> tuple[str, str]:
    """(before, after) the first mark that no backslash keeps."""
    for found in pattern.finditer(text):
        if not found[0].startswith("\\"):
            return text[: found.start()], text[found.start() + length :]
    return text, ""


def explained(inside: str) -> tuple[str, str]:
    """(answers, explanation)."""
    return cut(inside, _EXPLANATION, 4)


def comments_in(inside: str) -> int:
    """How many answers have a comment."""
    answers = inside.strip().removeprefix("#")  # of numbers
    return sum(1 for _sign, text in _pieces(answers) if cut(text, _COMMENT, 1)[1].strip())


def asked(question: Question, inside: str) -> Asked:
    """The question that these answers make; `inside` is without explanation."""
    text = inside.strip()
    if not text:
        return kinds.essay(question)
    truth = _TRUTH.fullmatch(cut(text, _COMMENT, 1)[0])
    if truth:
        return kinds.true_false(question, right=truth[1] is not None)
    count = text.count("=") + text.count("~")
    if count > MAX_MARKS:
        fault = Problem("option_count", question.place, {"count": count, "most": len(OPTION_KEYS)})
        return Asked(ItemKind.UNSUPPORTED, ItemBody(""), faults=(fault,))
    for begins, read in _BY_MARK:
        if begins(text):
            return read(question, text)
    return _short_text(question, text)


def _pieces(text: str) -> list[Piece]:
    cuts = [found.start() for found in _SIGNS.finditer(text) if not found[0].startswith("\\")]
    ends = [*cuts[1:], len(text)]
    head = [("", text[: cuts[0]] if cuts else text)]
    return [*head, *((text[start], text[start + 1 : end]) for start, end in zip(cuts, ends, strict=False))]


def _answers(question: Question, text: str) -> Iterator[tuple[str, Answer]]:
    for sign, piece in _pieces(text):
        if not sign and not piece.strip():
            continue
        worth = _WORTH.match(piece)
        said = cut(piece[worth.end() :] if worth else piece, _COMMENT, 1)[0]
        percent = Decimal(worth[1]) if worth else NOTHING if sign == "~" else FULL
        wording = worded(said, question.stem.form)
        yield sign, Answer(wording, percent, wording.text)


def _choice(question: Question, text: str) -> Asked:
    """Several may be ticked when no answer has the sign of the one right answer (Moodle's rule).

    Several right ones, each worth everything, cannot be meant for one tick here: all of them are the answer.
    """
    given = [(sign, answer) for sign, answer in _answers(question, text) if sign]
    answers = [answer for _sign, answer in given]
    one = kinds.choice(question, Choice(answers, several=all(sign == "~" for sign, _answer in given)))
    if one is not None:
        return one
    full = [replace(each, percent=FULL if each.percent >= FULL else NOTHING) for each in answers]
    several = kinds.choice(question, Choice(full, several=True))
    assert several is not None
    noted = Problem("several_right_as_multiple", question.place)
    return replace(several, warnings=(noted,), body=replace(several.body, weights=()))


def _short_text(question: Question, text: str) -> Asked:
    answers = [answer for _sign, answer in _answers(question, text)]
    plain = [replace(each, wording=Wording(_compared(each.wording), PLAIN)) for each in answers]
    return kinds.short_text(question, plain, case_sensitive=False)


def _compared(wording: Wording) -> str:
    """What is compared with; Markdown would take the backslash of a `\\*` for its own."""
    return wording.text.strip() if wording.form == MARKDOWN else seen(wording)


def _match(question: Question, text: str) -> Asked:
    pairs = []
    for sign, piece in _pieces(text):
        left, arrow, right = cut(piece, _COMMENT, 1)[0].partition(_ARROW)
        if sign and (arrow or left.strip()):
            pairs.append((worded(left, question.stem.form), worded(right, question.stem.form)))
    return kinds.match(question, pairs)


def _order(question: Question, text: str) -> Asked:
    lines = [line for line in text.split("\n")[1:] if line.strip()]
    return kinds.order(question, [worded(line, question.stem.form) for line in lines])


def _numeric(question: Question, text: str) -> Asked:
    ranges: list[tuple[Decimal, NumberRange]] = []
    for sign, piece in _pieces(text[1:]):
        worth = _WORTH.match(piece)
        said = unescaped(cut(piece[worth.end() :] if worth else piece, _COMMENT, 1)[0]).strip()
        percent = NOTHING if sign == "~" else Decimal(worth[1]) if worth else FULL
        if percent <= 0 or (not said and not sign):
            continue
        span = range_of(said)
        if span is None:
            fault = Problem("number_unreadable", question.place, {"value": said[:40]})
            return Asked(ItemKind.NUMERIC, ItemBody(""), faults=(fault,))
        ranges.append((percent, span))
    return kinds.numeric(question, ranges)


def _has(sign: str) -> Callable[[str], bool]:
    return lambda text: any(found == sign for found, _piece in _pieces(text))


_BY_MARK: tuple[tuple[Callable[[str], bool], Callable[[Question, str], Asked]], ...] = (
    (lambda text: text.startswith("#"), _numeric),
    (lambda text: _ORDER.match(text) is not None, _order),
    (_has("~"), _choice),
    (lambda text: _ARROW in text and _has("=")(text), _match),
)
