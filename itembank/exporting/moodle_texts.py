"""The texts of one item as elements of Moodle XML, their media beside them."""

import base64
import re
from collections.abc import Mapping

from lxml import etree

from itembank.importing.moodle_wording import HTML, PLAIN, Wording
from itembank.items import Item, Markup
from itembank.problems import Problem

_MEDIUM = re.compile(r"media:([0-9a-f]{64})")
_NOT_XML = re.compile("[\ufffe\uffff]")
_SUFFIXES: Mapping[str, str] = {
    "image/png": "png", "image/jpeg": "jpg", "audio/mpeg": "mp3", "audio/ogg": "ogg", "audio/mp4": "m4a",
    "video/mp4": "mp4", "video/webm": "webm",
}  # fmt: skip


class Question:
    """One item on its way out; `notes` are what it loses."""

    def __init__(self, item: Item, media: Mapping[str, bytes]) -> None:
        self.item = item
        self.notes: list[Problem] = []
        self.form = HTML if item.body.markup is Markup.HTML else PLAIN
        self._media = media
        self._mimes = {medium.sha256: medium.mime for medium in item.body.media}

    def element(self, kind: str, stem: str) -> etree._Element:
        """A `<question>` with its text."""
        element = etree.Element("question", type=kind)
        self.text(element, "questiontext", stem)
        return element

    def text(self, parent: etree._Element, name: str, text: str) -> etree._Element:
        """Appends `<name format=…><text>…</text><file/>…</name>`."""
        holder = etree.SubElement(parent, name, format="html" if self.form == HTML else "plain_text")
        shown = etree.SubElement(holder, "text")
        files: dict[str, bytes] = {}
        linked = _MEDIUM.sub(lambda found: self._link(found[1], files), text) if self.form == HTML else text
        shown.text = self.safe(linked)
        for file, data in files.items():
            content = base64.b64encode(data).decode()
            etree.SubElement(holder, "file", name=file, path="/", encoding="base64").text = content
        return holder

    def safe(self, text: str) -> str:
        """The text without the two characters that XML cannot hold."""
        kept = _NOT_XML.sub("", text)
        if kept != text:
            self.note("export_text_changed")
        return kept

    def wording(self, text: str) -> Wording:
        """A text of the body as a reader would take it."""
        return Wording(text, self.form)

    def note(self, code: str) -> None:
        """Remembers a loss, once."""
        problem = Problem(code, self.item.facts.uid)
        if problem not in self.notes:
            self.notes.append(problem)

    def _link(self, sha: str, files: dict[str, bytes]) -> str:
        data = self._media.get(sha)
        if data is None:
            self.note("export_medium_missing")
            return f"media:{sha}"
        name = f"{sha[:32]}.{_SUFFIXES.get(self._mimes.get(sha, ''), 'bin')}"
        files[name] = data
        return f"@@PLUGINFILE@@/{name}"
