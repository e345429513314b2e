"""Answers as people write them: letters, marks of right and wrong, texts of gaps, points of an essay."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from itembank.importing.template_lines import fold
from itembank.items import OPTION_KEYS, Criterion, Gap, literal

RIGHT = frozenset({"对", "√", "正确", "是", "T", "TRUE", "Y", "YES", "V"})
WRONG = frozenset({"错", "×", "错误", "不正确", "否", "F", "FALSE", "N", "NO", "X"})
_OPTION_RIGHT = frozenset({"对", "√", "正确", "是", "TRUE"})
_OPTION_WRONG = frozenset({"错", "×", "错误", "否", "FALSE"})

_BETWEEN = re.compile(r"[\s,;、.。|/&+]+|和|及|与")
_AROUND = "()[]【】\"'“”: \t\n。.;"
_TRUTHS = "√|×|正确|错误|对|错|V|X|T|F"
_LETTER = r"[A-Z](?:[\s、,;.]{0,4}[A-Z]){0,25}"
_SHOWN = re.compile(rf"([(【\[]|(?<!_)_{{2,}})\s{{0,8}}({_TRUTHS}|{_LETTER})\s{{0,8}}([)】\]]|_{{2,}})")
_BLANK_LINE = re.compile(r"_{2,}|[(]\s{0,20}[)](?=\s{0,2}_{2,})")
_BLANK_BRACKETS = re.compile(r"\(\s{0,40}\)|\[\s{1,40}\]|_{2,}")
_GAP_MARKS = tuple(re.compile(mark) for mark in (r"[;|\n\t]", r"[、,]", r"\s{2,}", r"\s+"))
_LISTED = re.compile(r"(?:^|(?<=[\s:;,、。?]))(?:\(\s?[0-9]{1,2}\s?\)|[0-9]{1,2}[、.)](?![0-9])|[①-⑳])\s*")
_SCORED = re.compile(r"[(\[【]\s?(?:共)?([0-9]{1,3}(?:\.[0-9]{1,2})?)\s?分\s?[)\]】]")
_MANY = re.compile(r"或|/")
_WITH_WORDING = re.compile(r"\(?\s?([A-Za-z])\s{0,2}[、.:)]\s{0,4}(?=\S)")


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer standing within the stem: what it says and which characters of the stem it takes."""

    said: str
    start: int
    end: int
    others: bool


def letters_of(text: str) -> tuple[str, ...] | None:
    """Sorted option letters; None when the text says something else, such as the word "bad".

    A run of letters has to be upper case as written; letters standing apart may be lower case.
    """
    parts = [part for part in _BETWEEN.split(fold(text).strip(_AROUND)) if part]
    if any(len(part) > 1 and not part.isupper() for part in parts):
        return None
    bare = "".join(parts).upper()
    if not re.fullmatch(r"[A-Z]{1,26}", bare) or len(set(bare)) != len(bare):
        return None
    return tuple(sorted(bare))


def chosen(answer: str, options: Sequence[str]) -> tuple[str, ...] | None:
    """The keys of the options that an answer means; None when it is unreadable or means two things.

    It is letters, the exact wording of one option, or both as in "B. Paris". Letters and wording that point
    at different options ("A" where option B reads "A") say nothing.
    """
    letters, worded = letters_of(answer), _worded(answer, options)
    if worded and letters and letters != worded and ord(letters[-1]) - ord("A") < len(options):
        return None
    if worded or letters:
        return worded or letters
    both = _WITH_WORDING.match(answer_folded := fold(answer.strip()))
    if both is None:
        return None
    key = (both[1].upper(),)
    return key if _worded(answer_folded[both.end() :], options) == key else None


def _worded(answer: str, options: Sequence[str]) -> tuple[str, ...]:
    said = fold(answer).strip()
    found = [
        key for key, text in zip(OPTION_KEYS, options, strict=False) if said and fold(text).strip() == said
    ]
    return tuple(found) if len(found) == 1 else ()


def judged(option: str) -> tuple[str, ...] | None:
    """What the text of an option judges; single letters and digits are wording and judge nothing."""
    bare = fold(option).upper().strip(_AROUND)
    return ("A",) if bare in _OPTION_RIGHT else ("B",) if bare in _OPTION_WRONG else None


def truth_of(text: str) -> tuple[str, ...] | None:
    """("A",) for right, ("B",) for wrong, None for anything else."""
    bare = fold(text).upper().strip(_AROUND)
    return ("A",) if bare in RIGHT else ("B",) if bare in WRONG else None


def is_short_answer(text: str) -> bool:
    """Whether the text is all there can be of an answer: letters, or right or wrong."""
    return len(text) <= 80 and (letters_of(text) or truth_of(text)) is not None


def shown_answer(stem: str) -> Shown | None:
    """The last answer that the stem itself shows in brackets or on a line."""
    found = list(_SHOWN.finditer(fold(stem)))
    if not found:
        return None
    last = found[-1]
    return Shown(last[2], last.start(2), last.end(2), len(found) > 1)


def without_shown(stem: str, shown: Shown) -> str:
    """The stem with an empty place where the answer was."""
    before, behind = stem[: shown.start].rstrip(), stem[shown.end :].lstrip()
    return f"{before}{'' if before.endswith('_') else '　　'}{behind}"


def gapped(stem: str) -> tuple[str, int]:
    """The stem with its blanks as `[[1]]`, `[[2]]` …, and how many there are.

    Lines are the blanks of a stem that has lines; else its empty brackets are.
    """
    own = stem.replace("[[", "[ [")
    folded = fold(own)
    pattern = _BLANK_LINE if _BLANK_LINE.search(folded) else _BLANK_BRACKETS
    parts, at, count = [], 0, 0
    for found in pattern.finditer(folded):
        count += 1
        parts += [own[at : found.start()], f"[[{count}]]"]
        at = found.end()
    return "".join((*parts, own[at:])), count


def gaps_of(answer: str, count: int) -> tuple[tuple[Gap, ...], bool] | None:
    """(gaps, whether it could be otherwise) for `count` blanks; None when the answer does not fit them."""
    folded = fold(answer)
    if count == 1:
        return (Gap("1", accepted=(literal(answer.strip()),)),), bool(_MANY.search(folded))
    texts = listed(answer)
    if len(texts) == count and all(texts):
        return _gaps(texts), False
    for number, mark in enumerate(_GAP_MARKS):
        texts = _cut(answer, folded, mark)
        if len(texts) == count and all(text.strip() for text in texts):
            return _gaps(texts), number > 0 or bool(_MANY.search(folded))
    return None


def counts(text: str) -> int:
    """How many enumerated points, (1), (2) … or 1. 2. …, a text has."""
    return sum(1 for _ in _LISTED.finditer(fold(text)))


def listed(answer: str) -> list[str]:
    """The texts of an answer that counts (1), (2) … or ①, ② … from its beginning; [] when it does not."""
    folded = fold(answer)
    marks = [found.span() for found in _LISTED.finditer(folded)]
    if not marks or folded[: marks[0][0]].strip():
        return []
    ends = [start for start, _ in marks[1:]] + [len(answer)]
    return [answer[end:stop].strip() for (_, end), stop in zip(marks, ends, strict=True)]


def given_gaps(texts: Sequence[str], count: int) -> tuple[Gap, ...] | None:
    """The gaps of answers that the file gives apart; None when they do not fit.

    One answer for each blank, or several ways to fill the only one.
    """
    said = tuple(text for text in texts if text)
    if count == 1 and said:
        return (Gap("1", accepted=tuple(dict.fromkeys(map(literal, said)))),)
    return _gaps(said) if len(said) == count else None


def _gaps(texts: Sequence[str]) -> tuple[Gap, ...]:
    bare = [text.strip(" \t\n\u3000;；,，、") for text in texts]
    return tuple(Gap(str(number), accepted=(literal(text),)) for number, text in enumerate(bare, start=1))


def _cut(answer: str, folded: str, mark: re.Pattern[str]) -> list[str]:
    texts, at = [], 0
    for found in mark.finditer(folded):
        texts.append(answer[at : found.start()])
        at = found.end()
    texts.append(answer[at:])
    return [text for text in texts if text.strip()]


def criteria_of(answer: str) -> tuple[Criterion, ...]:
    """What an examiner looks for: every line that names its points for itself, else the whole answer."""
    lines = [text.strip() for text in answer.split("\n") if text.strip()]
    points = [_SCORED.search(fold(text)) for text in lines]
    if len(lines) > 1 and all(points):
        return tuple(
            Criterion(text, Decimal(found[1])) for text, found in zip(lines, points, strict=True) if found
        )
    return (Criterion(answer.strip()),) if lines else ()


def option_key(number: int) -> str:
    """The key of the option at `number` from 0, "" beyond the alphabet."""
    return OPTION_KEYS[number] if number < len(OPTION_KEYS) else ""
