"""Options as tables write them: with their own letters in front, or all of them in one cell."""

import re
from collections.abc import Iterable, Sequence
from functools import cache

from itembank.items import OPTION_KEYS

_AFTER_BREAK = r"(?:(?<![^\s|｜;；])|(?<=;\$))"
_AFTER_STRONG_BREAK = r"(?<=[\n\t|｜;；$])[^\S\n\t]*"
_PLAIN_BREAKS = ("$;$", "\n", "|", "｜", "；", ";", "\t")
_AROUND = " \t\n;；|｜$"
_LETTER = "[A-ZＡ-Ｚ]"
# A blank after the mark is the option's own, a line break begins the next option.
_MARKED = rf"(?:[(（]\s*({_LETTER})\s*[)）]|({_LETTER})\s*[-.．、:：)）])"
_BEGINS = re.compile(_MARKED)
_BEGINS_WITHIN = re.compile(_AFTER_STRONG_BREAK + _MARKED)
_FOLLOWS_BLANK = re.compile(rf"\s({_LETTER})[.．、:：]")
_WORDING = re.compile(rf"{_LETTER}、\s*{_LETTER}")


def _widths(key: str) -> str:
    return f"[{key}{chr(ord(key) + 0xFEE0)}]"


@cache  # most files need the first few letters only
def _own(key: str) -> re.Pattern[str]:
    return re.compile(rf"(?:[(（]\s*{_widths(key)}\s*[)）]\s*[.．、:：]?|{_widths(key)}\s*[.．、:：)）])\s*")


@cache
def _in_cell(key: str) -> re.Pattern[str]:
    letter = _widths(key)
    marked = rf"[(（]\s*{letter}\s*[)）]\s*[-.．、:：]?|{letter}\s*[-.．、:：)）]"
    return re.compile(rf"{_AFTER_BREAK}(?:{marked})[^\S\n]*")


def without_letters(texts: Sequence[str]) -> list[str]:
    """The texts without their own letters in front ("A. ", "（A）"), if all of them have one.

    "A、B均可" beside options without letters is wording and stays.
    """
    ends = []
    for key, text in zip(OPTION_KEYS, texts, strict=False):
        found = _own(key).match(text) if text else None
        if text and found is None:
            return list(texts)
        ends.append(found.end() if found else 0)
    return [text[end:].strip() for end, text in zip(ends, texts, strict=False)]


def split_cell(text: str) -> list[str] | None:
    """The options that stand in one cell: by letters in order, else by one of the separators seen.

    Seen: "A-x|B-y", "A. x$;$B. y", "A：x" on lines, "x|y", "x；y". A part without text is an option without
    text, but for the last ones. None when letters stand before parts, but not A, B, C… in order.
    """
    lettered = _by_letters(text)
    if len(lettered) >= 2:
        return None if _has_more(lettered) else lettered
    for mark in _PLAIN_BREAKS:
        parts = [part.strip() for part in text.split(mark)]
        if sum(map(bool, parts)) >= 2:
            return _without_tail(parts) if _unlettered(parts) else None
    return [text.strip()] if text.strip() else []


def _by_letters(text: str) -> list[str]:
    starts: list[tuple[int, int]] = []
    at = 0
    for key in OPTION_KEYS:
        found = _in_cell(key).search(text, at)
        if found is None or (not starts and text[: found.start()].strip(_AROUND)):
            break
        starts.append(found.span())
        at = found.end()
    ends = [*(start for start, _end in starts), len(text)][1:]
    return [text[begin:end].strip(_AROUND) for (_start, begin), end in zip(starts, ends, strict=True)]


def _has_more(lettered: Sequence[str]) -> bool:
    """Whether some part holds a further one: after a separator, or after a blank with a later letter."""
    later = OPTION_KEYS[len(lettered) :]
    return any(map(_BEGINS_WITHIN.search, lettered)) or any(
        chr(ord(letter) - 0xFEE0) in later if letter > "Z" else letter in later
        for letter in _FOLLOWS_BLANK.findall(lettered[-1])
    )


def _unlettered(parts: Iterable[str]) -> bool:
    """Whether no part begins with a letter of its own; one "A、B均可" among others is wording."""
    begun = [part for part in parts if _BEGINS.match(part)]
    return not begun or (len(begun) == 1 and _WORDING.match(begun[0]) is not None)


def _without_tail(parts: list[str]) -> list[str]:
    while parts and not parts[-1]:
        parts.pop()
    return parts
