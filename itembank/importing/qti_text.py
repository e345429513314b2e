"""The texts of a QTI body as HTML of ours: known tags only, media by hash, interactions as gaps."""

import html
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from lxml import etree

from itembank.importing.archive import Archive
from itembank.importing.media import MediaBox
from itembank.importing.qti_names import attribute, name_of
from itembank.items import Markup, Medium
from itembank.problems import Problem
from itembank.richtext import TAGS

_VOID = frozenset({"br", "hr", "img", "source"})
_KEPT = ("alt", "width", "height", "colspan", "rowspan", "controls", "display", "stretchy", "fence",
         "open", "close", "separators")  # fmt: skip
_DROPPED = frozenset({
    "script", "style", "stylesheet", "iframe", "form", "svg", "template", "catalogInfo",
    "companionMaterialsInfo", "templateInline", "templateBlock", "responseProcessing", "modalFeedback",
    "annotation", "annotation-xml",
})  # fmt: skip
_RENAMED = {"h5": "h4", "h6": "h4", "tt": "code", "kbd": "code", "samp": "code", "big": "strong"}
_FEEDBACK = frozenset({"feedbackInline", "feedbackBlock"})
_BLANKS = re.compile(r"[ \t\r\n]+")
_LINES = re.compile(r"</?(?:br|p|div)>")
_TAG = re.compile(r"<[^>]*>")
_FILE_BASE = re.compile(r"^(?:\$|%24)IMS[-_]CC[-_]FILE_?BASE(?:\$|%24)/?", re.IGNORECASE)
_OUTSIDE = re.compile(r"^(?:[a-z][a-z0-9+.\-]*:|//|/)", re.IGNORECASE)
_DEEPEST = 100  # levels of elements; what lies deeper keeps its characters only
_NO_HOLES: Mapping[etree._Element, str] = {}


@dataclass
class Surroundings:
    """Where the texts of one item come from, and what was seen on the way.

    `place` names the part in messages, `part` is its name in the archive ("" for a single file), `exact`
    says that blanks are the author's (our own files), `noted` collects what deserves a look. `taken` are the
    parts that have become media already, shared by the items of a package: each is unpacked once.
    """

    place: str
    part: str
    archive: Archive | None
    box: MediaBox
    exact: bool = False
    noted: list[Problem] = field(default_factory=list)
    media: dict[str, Medium] = field(default_factory=dict)
    taken: dict[str, Medium | Problem] = field(default_factory=dict)

    def note(self, code: str, **params: str | int) -> None:
        """Remembers something that deserves a look, once."""
        problem = Problem(code, self.place, params)
        if problem not in self.noted:
            self.noted.append(problem)

    def medium(self, href: str) -> Medium | None:
        """The medium that `href` means; what is outside, missing or unreadable is noted and gives nothing."""
        bare = _FILE_BASE.sub("", href)
        named = self._named(bare)
        found = named or self._alike(bare)
        if not found or self.archive is None:
            outside = leaves_package(self.part, href)
            self.note("qti_href_outside" if outside else "qti_media_missing", href=href[:120])
            return None
        if found not in self.taken:
            self.taken[found] = self.box.add(self.archive.read(found), self.place)
        if not named and bare == href:  # what a tool calls its own folder may lie anywhere
            self.note("qti_media_elsewhere", href=href[:120], name=found[-80:])
        taken = self.taken[found]
        if isinstance(taken, Problem):
            self.note(taken.code, **{"name": found[-80:]})
            return None
        self.media.setdefault(taken.sha256, taken)
        return taken

    def _named(self, bare: str) -> str:
        """The archive's name for a reference as it stands."""
        if self.archive is None:
            return ""
        for spelling in (bare, unquote(bare)):
            found = self.archive.beside(self.part, spelling) or self.archive.beside("", spelling)
            if found:
                return found
        return ""

    def _alike(self, bare: str) -> str:
        """The one part whose name ends like the reference: some tools lose the folder."""
        path = unquote(bare).split("?")[0]
        if self.archive is None or not path or leaves_package("", path):
            return ""
        alike = [name for name in self.archive.names() if name.endswith("/" + path)]
        return alike[0] if len(alike) == 1 else ""


def leaves_package(part: str, href: str) -> bool:
    """Whether `href` of `part` means something outside of the archive."""
    path = href.replace("\\", "/")
    inside = posixpath.normpath(posixpath.join(posixpath.dirname(part), path))
    return _OUTSIDE.match(path) is not None or inside.startswith("..")


def inner_html(
    element: etree._Element, around: Surroundings, holes: Mapping[etree._Element, str] = _NO_HOLES
) -> str:
    """What stands inside `element` as HTML; elements of `holes` become their text, other interactions go."""
    if len(element) == 0:
        return _characters(element.text, around.exact)
    written: list[str] = []
    _Writing(around, holes, written).inside(element)
    return "".join(written) if around.exact else "".join(written).strip()


def unwrapped(element: etree._Element) -> etree._Element:
    """The only block that `element` holds, through the `contentBody` of 3.0; the element itself otherwise."""
    found = element
    for name in ("contentBody", "div"):
        block = found[0] if len(found) == 1 else None
        if (
            block is not None
            and name_of(block) == name
            and not ((found.text or "") + (block.tail or "")).strip()
        ):
            found = block
    return found


def settled(text: str, markup: Markup, *, exact: bool) -> str:
    """HTML from `inner_html` in the markup of its body."""
    if markup is Markup.HTML:
        return text
    if exact:
        return html.unescape(text.replace("<br>", "\n"))
    lines = (html.unescape(line).strip() for line in _LINES.sub("\n", text).split("\n"))
    return "\n".join(line for line in lines if line)


def is_plain(text: str) -> bool:
    """Whether HTML holds nothing but characters, lines and paragraphs."""
    return "<" not in text or "<" not in _LINES.sub("", text)


def is_blank(text: str) -> bool:
    """Whether HTML shows nothing: neither characters nor media."""
    return "media:" not in text and not html.unescape(_TAG.sub("", text)).strip()


def _characters(text: str | None, exact: bool) -> str:
    if not text:
        return ""
    return html.escape(text if exact else _BLANKS.sub(" ", text), quote=False)


class _Writing:
    """Writes one element's content."""

    def __init__(self, around: Surroundings, holes: Mapping[etree._Element, str], written: list[str]) -> None:
        self._around = around
        self._holes = holes
        self._write = written.append
        self._keeps_blanks = around.exact
        self._depth = 0

    def inside(self, element: etree._Element) -> None:
        """The element's characters and children."""
        if self._depth > _DEEPEST:
            self._text("".join(map(str, element.itertext())))
            return
        self._depth += 1
        self._text(element.text)
        for child in element:
            self._child(child)
            self._text(child.tail)
        self._depth -= 1

    def _text(self, text: str | None) -> None:
        if text:
            self._write(_characters(text, self._keeps_blanks))

    def _child(self, element: etree._Element) -> None:
        if element in self._holes:
            self._write(self._holes[element])
            return
        name = name_of(element)
        special = _SPECIAL.get(name)
        if special is not None:
            special(self, element)
        elif name.endswith("Interaction") or name in _DROPPED or not name or _hidden(element, name):
            return
        else:
            self._tag(element, _RENAMED.get(name, name))

    def _tag(self, element: etree._Element, name: str) -> None:
        if name not in TAGS:
            self.inside(element)
            return
        given = ((key, element.get(key)) for key in element.attrib if key in _KEPT)
        attributes = "".join(
            f' {key}="{html.escape(str(value))}"' for key, value in given if value or key != "alt"
        )
        self._write(f"<{name}{attributes}>")
        if name in _VOID:
            return
        before, self._keeps_blanks = self._keeps_blanks, self._keeps_blanks or name == "pre"
        self.inside(element)
        self._keeps_blanks = before
        self._write(f"</{name}>")

    def _picture(self, element: etree._Element) -> None:
        href = element.get("src") or element.get("data") or ""
        medium = self._around.medium(href)
        if medium is None:
            alt = element.get("alt") or ""
            self._write(f"[{html.escape(alt, quote=False)}]" if alt else "")
            return
        self._write(self._shown(element, medium))

    def _shown(self, element: etree._Element, medium: Medium) -> str:
        source = f"media:{medium.sha256}"
        kind = medium.mime.partition("/")[0]
        if kind in ("audio", "video"):
            return f'<{kind} controls="" src="{source}"></{kind}>'
        alt = element.get("alt") or (" ".join("".join(map(str, element.itertext())).split()))
        size = "".join(
            f' {key}="{html.escape(element.get(key) or "")}"'
            for key in ("width", "height")
            if element.get(key)
        )
        return f'<img src="{source}"' + (f' alt="{html.escape(alt)}"' if alt else "") + size + ">"

    def _sound(self, element: etree._Element) -> None:
        sources = [element.get("src"), *(each.get("src") for each in element if name_of(each) == "source")]
        for href in filter(None, sources):
            medium = self._around.medium(href)
            if medium is not None:
                self._write(self._shown(element, medium))
                return

    def _rubric(self, element: etree._Element) -> None:
        if not is_for_markers(element):
            self.inside(element)


def is_for_markers(rubric: etree._Element) -> bool:
    """Whether a rubric is not for the candidate's eyes."""
    views = attribute(rubric, "view").split()
    return bool(views) and "candidate" not in views


def _hidden(element: etree._Element, name: str) -> bool:
    """Feedback that only a response brings up; one that a response takes away is there from the start."""
    return name in _FEEDBACK and attribute(element, "showHide") != "hide"


_SPECIAL: dict[str, Callable[[_Writing, etree._Element], None]] = {
    "img": _Writing._picture,
    "object": _Writing._picture,
    "audio": _Writing._sound,
    "video": _Writing._sound,
    "rubricBlock": _Writing._rubric,
    "prompt": lambda _writing, _element: None,
}
