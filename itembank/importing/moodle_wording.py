"""Texts of Moodle's formats (HTML, plain, Markdown, "auto") in the one markup that an item's body has.

An item is plain only when every text of it is; else all become HTML.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from itembank import richtext
from itembank.importing.moodle_markdown import to_html
from itembank.items import Markup

HTML, PLAIN, MARKDOWN, AUTO = "html", "plain", "markdown", "auto"
FORMS: Mapping[str, str] = MappingProxyType({
    "html": HTML, "1": HTML, "plain_text": PLAIN, "plain": PLAIN, "2": PLAIN,
    "markdown": MARKDOWN, "4": MARKDOWN, "moodle_auto_format": AUTO, "moodle": AUTO, "0": AUTO, "": AUTO,
})  # fmt: skip
"""Format names of Moodle XML and GIFT -> ours; unknown names read like "auto"."""

_NAMES = "|".join(
    sorted((*richtext.TAGS, "a", "font", "center", "script", "style", "iframe", "svg"), key=len)
)
_HTML = re.compile(
    rf"</?(?:{_NAMES})(?:\s[^<>]*|/)?>|<!--|&(?:[a-zA-Z]{{2,31}}|#\d{{1,7}}|#x[0-9a-fA-F]{{1,6}});"
)
_BETWEEN_TAGS = re.compile(r">\s+<")
_BEFORE_TAG = re.compile(r"\n<")
_AFTER_TAG = re.compile(r">\n")
_ANY_TAG = re.compile(r"<[^>]*>")
# A run of underscores or an empty pair of brackets: where a candidate would write.
_BLANK = re.compile(r"_{2,}|＿+|[(（][ \t\u00a0\u3000_＿]*[)）]")
_LONG_BLANK = re.compile(r"_{5,}")  # what Moodle itself turns into an input
GAP = "[[1]]"


@dataclass(frozen=True, slots=True)
class Wording:
    """A text as the file has it, and its form (`HTML`, `PLAIN`, `MARKDOWN` or `AUTO`)."""

    text: str
    form: str = AUTO

    @property
    def blank(self) -> bool:
        """Whether nothing is said."""
        return not self.text.strip()

    @property
    def is_rich(self) -> bool:
        """Whether characters alone would not show it."""
        if self.form == AUTO:
            return _HTML.search(self.text) is not None
        return self.form != PLAIN


def markup_of(wordings: Iterable[Wording]) -> Markup:
    """The markup of a body that holds these texts."""
    rich = any(wording.is_rich and not wording.blank for wording in wordings)
    return Markup.HTML if rich else Markup.PLAIN


def spoken(wording: Wording, markup: Markup) -> str:
    """The text in a body's markup."""
    text = wording.text.replace("\r\n", "\n").replace("\r", "\n").strip()
    if markup is Markup.PLAIN:
        return text
    if wording.form == HTML:
        return text
    if wording.form == MARKDOWN:
        return to_html(text)
    return _auto(text) if wording.is_rich else richtext.from_plain(text)


def seen(wording: Wording) -> str:
    """The characters that people see."""
    return richtext.plain(spoken(wording, Markup.HTML)) if wording.is_rich else wording.text.strip()


def guarded(stem: str) -> str:
    """The stem without character runs that would read as a gap of ours."""
    return stem.replace("[[", "[ [")


def with_gap(stem: str) -> str:
    """The stem with its one blank as `[[1]]`; a stem without a clear one gets the gap at its end."""
    own = guarded(stem)
    end = own.rfind(">") + 1  # no tag begins behind it
    shown = _ANY_TAG.sub(lambda tag: "\0" * len(tag[0]), own[:end]) + own[end:]
    for pattern in (_BLANK, _LONG_BLANK):
        blanks = [found.span() for found in pattern.finditer(shown)]
        if len(blanks) == 1:
            start, end = blanks[0]
            return own[:start] + GAP + own[end:]
    return f"{own} {GAP}".strip()


def _auto(text: str) -> str:
    """As Moodle shows its own format: HTML whose lines count, except beside tags."""
    joined = _BEFORE_TAG.sub(" <", _BETWEEN_TAGS.sub("><", text))
    return _AFTER_TAG.sub("> ", joined).replace("\n", "<br>")
