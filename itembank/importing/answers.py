"""Every spelling of an answer that is unambiguous; whatever else is unreadable, not guessed."""

import re
import unicodedata
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from itembank.items import Gap, NumberRange, literal

_TRUE = frozenset({"对", "√", "✓", "✔", "正确", "是", "T", "TRUE", "Y", "YES", "1"})
_FALSE = frozenset({"错", "×", "✗", "✘", "X", "错误", "不正确", "否", "F", "FALSE", "N", "NO", "0"})
# Of T and F, Y and N, 1 and 0, X and √ as the texts of options nobody knows whether they judge or name.
_JUDGEMENTS = (_TRUE | _FALSE) - {"T", "F", "Y", "N", "YES", "NO", "1", "0", "X"}
_SEPARATORS = re.compile(r"[\s,;、.。|/\u200b]+|和|及|与")
_BRACKETS = re.compile(r"[:【】\[\]()]")
_SAYS_ANSWER = re.compile(r"^(?:正确|参考|标准)?答案")
_SAYS_ANSWER_AS_WRITTEN = re.compile(r"^\s*[【\[]?(?:正确|参考|标准)?答案[】\]]?\s*[:：]\s*")
_UNSEEN = re.compile(r"[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_BLANK = re.compile(r"_{2,}|＿+|[(（][\s\u3000_＿]*[)）]|\[\s*\]|【\s*】")
_BETWEEN_GAPS = ("；", ";", "|", "｜", "，", ",", "、", "\n")
_EITHER = re.compile(r"(?<!\s)\s+或\s+")
_LONGEST_NUMBER = 200  # characters of a number or a range
_RAISED = re.compile(r"[²³¹⁰-₎]")  # folded, 10² would be 102
_AROUND = re.compile(r"(-?[0-9.]+)\s*(?:±|\+-|\+/-)\s*([0-9.]+)")
_SPAN = re.compile(r"(-?[0-9.]+)\s*(?:~|～|—|–|至|\.\.)\s*(-?[0-9.]+)")


@lru_cache(maxsize=4096)
def bare(text: str) -> str:
    """An answer without width, brackets, separators and the word 答案, in upper case."""
    return "".join(_words(text)).upper()


@lru_cache(maxsize=4096)
def letters(text: str) -> tuple[str, ...] | None:
    """Option keys in the order of the cell; () for an empty cell, None when the spelling is unknown.

    Letters that stand together are capitals: "bad" is a word.
    """
    words = _words(text)
    said = "".join(words).upper()
    if not re.fullmatch(r"[A-Z]*", said) or len(set(said)) != len(said):
        return None
    return tuple(said) if all(len(word) == 1 or word.isupper() for word in words) else None


@lru_cache(maxsize=4096)
def truth(text: str) -> tuple[str, ...] | None:
    """("A",) for right, ("B",) for wrong, None for anything else."""
    said = bare(text)
    return ("A",) if said in _TRUE else ("B",) if said in _FALSE else None


def judges(texts: Sequence[str]) -> bool:
    """Whether option texts are a word for right and a word for wrong that can mean nothing else."""
    return {bare(text) for text in texts} <= _JUDGEMENTS and {*map(truth, texts)} == {("A",), ("B",)}


def without_lead(text: str) -> str:
    """A written answer without "答案：" in front."""
    return _SAYS_ANSWER_AS_WRITTEN.sub("", text).strip()


def with_gaps(stem: str) -> tuple[str, int]:
    """The stem with its blanks ("____", "（ ）") as `[[1]]`, `[[2]]` …, and how many.

    A stem without blanks gets one at its end.
    """
    count = 0

    def numbered(_found: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return f"[[{count}]]"

    marked = stem if "[[1]]" in stem else _BLANK.sub(numbered, stem)
    if "[[1]]" in marked:
        return marked, count or len(re.findall(r"\[\[[0-9]+\]\]", marked))
    return f"{marked} [[1]]".strip(), 1


def text_gaps(parts: Sequence[str], count: int) -> tuple[Gap, ...] | None:
    """The gaps of an answer whose `parts` are cells, or one cell that has to be split into `count`."""
    said = _alternatives(parts, count)
    if said is None:
        return None
    return tuple(Gap(str(number), tuple(map(literal, texts))) for number, texts in enumerate(said, start=1))


def number_gaps(parts: Sequence[str], count: int) -> tuple[Gap, ...] | None:
    """Gaps of numbers: "37", "36.5±0.5", "36~38", several joined by 或."""
    said = _alternatives(parts, count)
    if said is None:
        return None
    ranges = [tuple(map(_range, texts)) for texts in said]
    if any(span is None for spans in ranges for span in spans):
        return None
    return tuple(
        Gap(str(number), ranges=tuple(filter(None, spans))) for number, spans in enumerate(ranges, start=1)
    )


def _alternatives(parts: Sequence[str], count: int) -> list[tuple[str, ...]] | None:
    """What each gap accepts, as written."""
    split = list(parts) if len(parts) == count else _split(parts[0], count) if len(parts) == 1 else None
    if split is None or not all(split):
        return None
    return [tuple(filter(None, map(str.strip, _EITHER.split(part)))) for part in split]


def _words(text: str) -> list[str]:
    """What separators leave of an answer, without width, brackets and the word 答案."""
    folded = _UNSEEN.sub("", unicodedata.normalize("NFKC", text))
    return list(filter(None, _SEPARATORS.split(_SAYS_ANSWER.sub("", _BRACKETS.sub("", folded).strip()))))


def _split(text: str, count: int) -> list[str] | None:
    if count == 1:
        return [text.strip()]
    for mark in _BETWEEN_GAPS:
        parts = [part.strip() for part in text.split(mark)]
        if len(parts) == count:
            return parts
    return None


def _range(text: str) -> NumberRange | None:
    if len(text) > _LONGEST_NUMBER or _RAISED.search(text):
        return None
    folded = unicodedata.normalize("NFKC", text)
    around, span = _AROUND.fullmatch(folded), _SPAN.fullmatch(folded)
    try:
        if around:
            middle, width = Decimal(around[1]), Decimal(around[2])
            return NumberRange(middle - width, middle + width)
        low, high = (span[1], span[2]) if span else (folded, folded)
        found = NumberRange(Decimal(low), Decimal(high))
    except InvalidOperation:
        return None
    return found if found.low.is_finite() and found.high.is_finite() else None
