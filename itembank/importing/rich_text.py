"""Pictures, tables and formulas within lines of text: one private character stands for each.

So a line machine can work on plain characters, and what it cuts and joins keeps its pictures. At the end the
characters become HTML again; a text without any stays plain.
"""

from collections.abc import Iterable

from itembank import richtext
from itembank.items import Medium
from itembank.problems import InputRefused, Problem

_FIRST, _LAST = 0x100000, 0x10FFFD  # plane 16, private: no font and no input method gives these


class Fragments:
    """The rich parts of one file. Equal parts share one character; `faults` are what could not be taken."""

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._of_html: dict[tuple[str, str], str] = {}
        self._html: dict[int, str] = {}
        self._media: dict[str, Medium] = {}
        self._faults: dict[str, tuple[Problem, ...]] = {}

    def put(self, html: str, *, medium: Medium | None = None, faults: Iterable[Problem] = ()) -> str:
        """The character that stands for `html`; `InputRefused` when a file has tens of thousands of parts."""
        told = tuple(faults)
        key = (html, "".join(f"{fault.code}{fault.place}" for fault in told))
        known = self._of_html.get(key)
        if known is not None:
            return known
        code = _FIRST + len(self._of_html)
        if code > _LAST:
            raise InputRefused(Problem("text_too_rich", self._name, {"name": self._name}))
        char = self._of_html[key] = chr(code)
        self._html[code] = html
        if medium is not None:
            self._media[char] = medium
        if told:
            self._faults[char] = told
        return char

    def rich(self, texts: Iterable[str]) -> bool:
        """Whether some text holds a rich part."""
        return any(char >= chr(_FIRST) for text in texts for char in text) if self._html else False

    def html(self, text: str) -> str:
        """The text as HTML."""
        return richtext.from_plain(text).translate(self._html)

    def media(self, texts: Iterable[str]) -> tuple[Medium, ...]:
        """The media that the texts show, each once."""
        found = {char: self._media[char] for text in texts for char in text if char in self._media}
        return tuple(dict.fromkeys(found.values()))

    def faults(self, texts: Iterable[str]) -> tuple[Problem, ...]:
        """What of the texts could not be taken."""
        return tuple(fault for text in texts for char in text for fault in self._faults.get(char, ()))


def without_private(text: str) -> str:
    """The text without the characters that `Fragments` uses: a file's own ones, or rich parts not wanted."""
    return "".join(char for char in text if char < chr(_FIRST)) if text and max(text) >= chr(_FIRST) else text
