"""The safe subset of HTML that item texts may hold, cleaned with nh3 on the way in and on the way out.

Media are named `media:SHA256` and nothing else: no address outside, no script, no style, no handler.
"""

import html
import re
from functools import cache

import nh3

MATHML = frozenset({
    "math", "mrow", "mi", "mn", "mo", "mtext", "mspace", "mfrac", "msup", "msub", "msubsup", "msqrt", "mroot",
    "munder", "mover", "munderover", "mtable", "mtr", "mtd", "mstyle", "mpadded", "menclose", "mfenced",
})  # fmt: skip
TAGS = frozenset({
    "p", "br", "b", "strong", "i", "em", "u", "s", "sub", "sup", "span", "ul", "ol", "li", "table", "thead",
    "tbody", "tr", "th", "td", "caption", "img", "audio", "video", "source", "pre", "code", "blockquote",
    "hr", "ruby", "rt", "rp", "div", "h1", "h2", "h3", "h4", "dl", "dt", "dd",
}) | MATHML  # fmt: skip
_ATTRIBUTES: dict[str, set[str]] = {
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
    "img": {"src", "alt", "width", "height"},
    "audio": {"src", "controls"},
    "video": {"src", "controls", "width", "height"},
    "source": {"src"},
    "math": {"display", "xmlns"},
    "mo": {"stretchy", "fence"},
    "mfenced": {"open", "close", "separators"},
}
_DROPPED_WHOLE = {"script", "style", "iframe", "object", "embed", "svg", "form", "template", "noscript"}
_MEDIUM = re.compile(r"media:[0-9a-f]{64}")
_BREAKS = re.compile(r"<(?:br|/p|/div|/li|/tr|hr)\b[^>]*>", re.IGNORECASE)
_TAGS = re.compile(r"<[^>]*>")


def clean(text: str) -> str:
    """`text` reduced to the safe subset; pictures and sounds stay only with a `media:` source."""
    return _cleaner().clean(text)


def plain(text: str) -> str:
    """What of HTML can be read as characters: tags gone, breaks kept, entities resolved."""
    end = text.rfind(">") + 1  # no tag begins behind the last one's end; looking for one there costs squares
    shown = _TAGS.sub("", _BREAKS.sub("\n", text[:end])) + text[end:]
    lines = html.unescape(shown).splitlines()
    return "\n".join(" ".join(line.split()) for line in lines).strip()


def from_plain(text: str) -> str:
    """Characters as HTML: escaped, lines kept."""
    return html.escape(text, quote=False).replace("\n", "<br>")


@cache
def _cleaner() -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=set(TAGS),
        clean_content_tags=_DROPPED_WHOLE,
        attributes=_ATTRIBUTES,
        attribute_filter=_attribute,
        url_schemes={"media"},
        link_rel=None,
        strip_comments=True,
    )


def _attribute(_tag: str, name: str, value: str) -> str | None:
    if name == "src":
        return value if _MEDIUM.fullmatch(value) else None
    if name in ("width", "height", "colspan", "rowspan"):
        return value if value.isdecimal() and len(value) < 5 else None
    return value
