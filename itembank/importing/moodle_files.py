"""Texts of a Moodle question with the files beside them: `@@PLUGINFILE@@/name` becomes `media:SHA256`."""

import base64
import binascii
import html
import re
from urllib.parse import unquote

from lxml import etree

from itembank.importing.media import MediaBox
from itembank.importing.moodle_wording import AUTO, FORMS, HTML, PLAIN, Wording
from itembank.importing.xmlsafe import local
from itembank.items import Medium
from itembank.problems import Problem

_PLUGIN = re.compile(r"@@PLUGINFILE@@/([^\"'\s<>?#()]+)(?:[?#][^\"'\s<>()]*)?")
_DATA = re.compile(r"data:(?:image|audio|video)/[a-z0-9.+\-]{1,40};base64,([A-Za-z0-9+/=\s]+)")
_LINK = re.compile(r"""<a\b[^<>]*?\bhref\s*=\s*["']?media:([0-9a-f]{64})["']?[^<>]*>""", re.IGNORECASE)
_SOURCE = re.compile(
    r"""<(?:img|audio|video|source)\b[^<>]*?\bsrc\s*=\s*["']?([^"'\s<>]{1,200})""", re.IGNORECASE
)


def inner_text(holder: etree._Element | None) -> str:
    """What the `<text>` of an element says; markup that stands in it unquoted counts as HTML."""
    found = child(holder, "text") if holder is not None else None
    if found is None:
        return ""
    if len(found) == 0:
        return found.text or ""
    inside = (etree.tostring(each, encoding="unicode") for each in found)
    return html.escape(found.text or "", quote=False) + "".join(inside)


def child(element: etree._Element, name: str) -> etree._Element | None:
    """The first child of that name."""
    return next((each for each in element if local(each) == name), None)


def children(element: etree._Element, name: str) -> list[etree._Element]:
    """Every child of that name."""
    return [each for each in element if local(each) == name]


class Texts:
    """Reads the texts of one question; `media` are those named in them, `noted` what could not be taken."""

    def __init__(self, place: str, box: MediaBox) -> None:
        self._place = place
        self._box = box
        self.media: dict[str, Medium] = {}
        self.noted: list[Problem] = []

    def wording(self, holder: etree._Element | None, *, form: str | None = None) -> Wording:
        """The text of an element such as `<questiontext format="html">`; `form` when it has no format."""
        if holder is None:
            return Wording("")
        text = inner_text(holder)
        said = FORMS.get((holder.get("format") or "").lower(), AUTO) if form is None else form
        if said == PLAIN:
            return Wording(text, said)
        files = {_name_of(each): each for each in children(holder, "file")}
        return self.linked(Wording(text, said), files)

    def linked(self, wording: Wording, files: dict[str, etree._Element]) -> Wording:
        """The text with its files as media."""
        text = wording.text
        if "@@PLUGINFILE@@" in text:
            text = _PLUGIN.sub(lambda found: self._file(found[1], files), text)
        if ";base64," in text:
            text = _DATA.sub(lambda found: self._named(found[1], "data:"), text)
        text = _LINK.sub(self._played, text)
        for source in _SOURCE.findall(text):
            if not source.startswith(("media:", "#")):
                self._note(Problem("media_outside", self._place, {"name": source[:80]}))
        return Wording(text, wording.form)

    def picture(self, data: str, name: str) -> Wording:
        """A picture that stands beside the text, as questions before Moodle 2 had it."""
        source = self._named(data, name)
        return Wording(f'<img src="{source}">' if source.startswith("media:") else "", HTML)

    def _file(self, written: str, files: dict[str, etree._Element]) -> str:
        name = unquote(html.unescape(written)).lstrip("/")
        found = files.get(name)
        if found is None:
            self._note(Problem("plugin_file_missing", self._place, {"name": name[-80:]}))
            return "#"
        return self._named(found.text or "", name)

    def _named(self, data: str, name: str) -> str:
        try:
            content = base64.b64decode("".join(data.split()), validate=True)
        except (binascii.Error, ValueError):
            content = b""
        taken = self._box.add(content, self._place)
        if isinstance(taken, Problem):
            self._note(Problem(taken.code, self._place, {"name": name[-80:]}))
            return "#"
        self.media.setdefault(taken.sha256, taken)
        return f"media:{taken.sha256}"

    def _played(self, link: re.Match[str]) -> str:
        """Links do not survive cleaning: what a link leads to is shown in front of it."""
        medium = self.media.get(link[1])
        kind = medium.mime.partition("/")[0] if medium else ""
        if kind == "image":
            return f'<img src="media:{link[1]}">{link[0]}'
        return f'<{kind} controls="" src="media:{link[1]}"></{kind}>{link[0]}' if kind else link[0]

    def _note(self, problem: Problem) -> None:
        if problem not in self.noted:
            self.noted.append(problem)


def _name_of(file: etree._Element) -> str:
    folder = (file.get("path") or "/").strip("/")
    name = file.get("name") or ""
    return f"{folder}/{name}" if folder else name
