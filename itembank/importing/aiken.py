"""Aiken, the shortest of Moodle's text formats: a stem, lettered options, `ANSWER: B`. The format "aiken"."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from itembank.importing.drafts import Declared, Draft, Found, Noted
from itembank.importing.latin import WINDOWS
from itembank.importing.media import MediaBox
from itembank.importing.moodle_kinds import keyed
from itembank.importing.source import Source
from itembank.items import OPTION_KEYS, ItemBody, ItemKind
from itembank.problems import InputRefused, Problem

_LABEL = 50  # characters of the stem that name a question
SNIFFED = 300_000  # characters looked at to tell a question file
_OPTION = re.compile(r"\s*([A-Za-zＡ-Ｚ])\s?[).．、）]\s*(.*)")
_ANSWER = re.compile(r"\s*(ANSWER)\s*[:：]\s*(.*)", re.IGNORECASE)
_TELLING = re.compile(
    r"^[ \t]*[AＡ][ \t]?[).．、）][^\n]*\n(?:[ \t]*\n)?[ \t]*[BＢ][ \t]?[).．、）][^\n]*\n(?:[^\n]*\n){0,40}?"
    r"[ \t]*ANSWER[ \t]*[:：][ \t]*[A-Z](?:[ \t]*,[ \t]*[A-Z]){0,9}[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_OTHER_ANSWER = re.compile(r"^[ \t]*[\[【(（]?(?:正确|参考|标准)?答[ \t]?案[ \t]?[\]】)）:：]", re.MULTILINE)
_WIDE = {code: code - 0xFEE0 for code in range(ord("Ａ"), ord("Ｚ") + 1)}


class AikenFormat:
    """Reads every question of an Aiken file."""

    def sniff(self, source: Source) -> str:
        """Text with options followed by `ANSWER:`, and no answer lines in Chinese."""
        if source.is_zip or source.is_ole or source.head.startswith((b"<", b"{")):
            return ""
        try:
            text = source.text[:SNIFFED].replace("\r\n", "\n")
        except InputRefused:
            return ""
        return "aiken" if _TELLING.search(text) and not _OTHER_ANSWER.search(text) else ""

    def read(self, source: Source, declared: Declared, media: MediaBox) -> Iterator[Found]:
        """Every question in order."""
        text, encoding = source.decoded
        if encoding == WINDOWS:
            yield Noted(Problem("encoding_guessed", source.name, {"name": source.name, "encoding": WINDOWS}))
        yield from _drafts(re.sub(r"\r\n?", "\n", text.removeprefix("\ufeff")).split("\n"))


@dataclass
class _Open:
    """The question that is being read; `rest` are lines after the last option that may belong to either side.

    `paused` after a blank line: a text that follows opens the next question, an option or answer does not.
    """

    line: int = 0
    stem: list[str] = field(default_factory=list)
    options: list[str] = field(default_factory=list)
    rest: list[tuple[int, str]] = field(default_factory=list)
    paused: bool = False

    def text(self, number: int, line: str) -> None:
        """A line without a letter: part of the stem, or undecided after an option."""
        if self.options:
            self.rest.append((number, line))
        else:
            self.line = self.line or number
            self.stem.append(line)

    def option(self, number: int, text: str) -> None:
        """The next option; lines before it went on with the one above."""
        self.line = self.line or number
        self.settle()
        self.paused = False
        self.options.append(text)

    def settle(self) -> None:
        """Lines after an option belong to it."""
        if self.rest:
            self.options[-1] = "\n".join([self.options[-1], *(line for _number, line in self.rest)])
            self.rest = []

    def followed(self) -> "_Open":
        """The question that began with the undecided lines; this one is over without an answer."""
        following = _Open()
        for number, line in self.rest:
            following.text(number, line)
        self.rest = []
        return following

    def draft(self, said: str = "") -> Iterator[Draft]:
        """The question with the answer that its last line says."""
        if not self.line:
            return
        place = f"line {self.line}"
        letters = re.sub(r"[\s,，、]", "", said.translate(_WIDE))
        answer = tuple(sorted(set(letters.upper())))
        again = Problem("answer_letter_twice", place, {"value": letters[:8]})
        lower = Problem("answer_lower_case", place, {"value": letters[:8]})
        kind = ItemKind.MULTIPLE if len(answer) > 1 else ItemKind.SINGLE
        body = ItemBody("\n".join(self.stem), keyed(self.options), answer)
        told = tuple(option.text for option in body.options if option.key in answer)
        warnings = () if letters == letters.upper() else (lower,)
        faults = (again,) if len(letters) > len(answer) else ()
        yield Draft(place, kind, body, faults=faults, warnings=warnings, label=body.stem[:_LABEL], told=told)


def _drafts(lines: list[str]) -> Iterator[Found]:
    now = _Open()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            now.paused = bool(now.options)
            continue
        option, answer = _OPTION.match(line), _ANSWER.match(line)
        if answer:
            now.settle()
            yield from now.draft(answer[2].strip())
            now = _Open()
        elif option and _is_next(option[1], now):
            now.option(number, option[2].strip())
        else:
            again = option is not None and option[1].translate(_WIDE).upper() == "A"
            if now.options and (now.paused or again):
                following = now.followed()
                yield from now.draft()
                now = following
            if option and again:
                now.option(number, option[2].strip())
            else:
                now.text(number, line.strip())
    yield from now.draft()


def _is_next(letter: str, now: _Open) -> bool:
    expected = len(now.options)
    return expected < len(OPTION_KEYS) and letter.translate(_WIDE).upper() == OPTION_KEYS[expected]
