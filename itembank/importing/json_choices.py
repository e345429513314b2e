"""Options and answers of records in JSON: in which order options stand, and which of them are meant.

Letters that a file writes beside its options are what its answers speak of, so they go before the order of
the list; letters with a hole, twice or beside some options only leave open what an answer means.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from itembank.importing import template_lines as lines_of
from itembank.importing.rich_text import without_private
from itembank.importing.template_answers import chosen, judged
from itembank.importing.template_options import own_letter
from itembank.items import OPTION_KEYS

CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
LOOSE = re.compile(r"[\s_\-]+")

_FLAT = re.compile(r"(?:option|选项)?([a-z])")
_TEXTS = ("text", "content", "value", "label", "name", "title", "option", "内容")
_LETTERS = ("key", "id", "letter", "label", "value", "name", "no", "option", "选项", "编号")
_LETTER = re.compile(r"[A-Za-z]")


def text_of(said: object) -> str:
    """A value as text without control characters; lists line by line, nothing for objects."""
    if isinstance(said, str):
        return CONTROL.sub("", without_private(lines_of.tidy(said))).strip()
    if isinstance(said, list):
        return "\n".join(text_of(each) for each in said)
    return "" if said is None or isinstance(said, dict) else str(said)


def flat_options(record: Mapping[str, Any]) -> dict[str, Any]:
    """Options that are values of the record itself: "A", "optionB", "选项C" …; {} when these are none."""
    found = {name: value for name, value in record.items() if _flat_letter(name)}
    letters = {_flat_letter(name) for name, value in found.items() if value is not None}
    return found if len(letters) > 1 and letters & {"A", "B"} else {}


def options_of(said: object) -> list[str] | None:
    """Option texts in the order of their letters, "" for one that is missing.

    None when the letters in the file do not say which option is which.
    """
    if isinstance(said, dict):
        texts = _by_name(said)
        return None if texts is None else _lettered(_trimmed(texts), sort=False)
    if isinstance(said, list):
        letters, texts = _listed(said)
        if any(letters):
            ordered = _ordered(letters, texts)
            return None if ordered is None else _lettered(ordered, sort=False)
    else:
        texts = text_of(said).split("\n") if isinstance(said, str) else []
    return _lettered(_trimmed(texts), sort=True)


def keys_of(said: object, options: Sequence[str]) -> tuple[str, ...] | None:
    """The keys of the options an answer names, by letters or wording; None when it names none for certain.

    A number is an index counted from nobody knows where.
    """
    values = said if isinstance(said, list) else [said]
    found: list[str] = []
    for each in values:
        keys = chosen(text_of(each), options) if isinstance(each, str) else None
        if keys is None or set(keys) & set(found):
            return None
        found += keys
    return tuple(sorted(found)) or None


def judgement(options: Sequence[str]) -> bool:
    """Whether there are no options but right and wrong, so that a truth is an answer."""
    return all(judged(option) for option in options)


def _flat_letter(name: str) -> str:
    found = _FLAT.fullmatch(LOOSE.sub("", name).lower())
    return found[1].upper() if found else ""


def _by_name(said: Mapping[str, Any]) -> list[str] | None:
    texts: dict[str, str] = {}
    for name, value in said.items():
        letter = _flat_letter(str(name))
        if not letter or letter in texts:
            return None
        texts[letter] = _option(value)[1]
    return [texts.get(key, "") for key in OPTION_KEYS[: OPTION_KEYS.find(max(texts, default="")) + 1]]


def _listed(said: Sequence[object]) -> tuple[list[str], list[str]]:
    pairs = [_option(each) for each in said]
    return [letter for letter, _ in pairs], [text for _, text in pairs]


def _option(said: object) -> tuple[str, str]:
    """(the letter beside it or "", its text); a letter is the text only when nothing else is there."""
    if not isinstance(said, dict):
        return "", text_of(said)
    loose = {LOOSE.sub("", str(name)).lower(): text_of(value) for name, value in said.items()}
    texts = [name for name in _TEXTS if loose.get(name)]
    chosen_name = next((name for name in texts if not _LETTER.fullmatch(loose[name])), next(iter(texts), ""))
    letters = [
        loose[name] for name in _LETTERS if name != chosen_name and _LETTER.fullmatch(loose.get(name, ""))
    ]
    return next(iter(letters), "").upper(), loose.get(chosen_name, "")


def _lettered(texts: Sequence[str], *, sort: bool) -> list[str] | None:
    """Texts without their own letters ("A. "), by which they are sorted; None when these leave it open."""
    found = [own_letter(text) for text in texts]
    letters = [each[0] if each else "" for each in found]
    bare = [each[1] if each else text for each, text in zip(found, texts, strict=True)]
    placed = [not letter or letter == key for letter, key in zip(letters, OPTION_KEYS, strict=False)]
    if all(letter or not text for letter, text in zip(letters, texts, strict=True)):
        return bare if all(placed) else _ordered(letters, bare) if sort else None
    # Letters before some of them are wording, such as "A、B均可", unless they count something else.
    return list(texts) if all(placed) or sum(map(bool, letters)) < 2 else None


def _ordered(letters: Sequence[str], texts: Sequence[str]) -> list[str] | None:
    if "".join(sorted(letters)) != OPTION_KEYS[: len(texts)] or not all(letters):
        return None
    return [text for _, text in sorted(zip(letters, texts, strict=True))]


def _trimmed(texts: list[str]) -> list[str]:
    while texts and not texts[-1]:
        texts.pop()
    return texts
