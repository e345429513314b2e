"""Moodle XML: the format "moodle-xml"."""

import re
from collections.abc import Iterator

from lxml import etree

from itembank.importing.drafts import Declared, Found, Noted
from itembank.importing.media import MediaBox
from itembank.importing.moodle_facts import CATEGORY, DESCRIPTION, path_of, settled
from itembank.importing.moodle_files import child, children, inner_text
from itembank.importing.moodle_question import read_question
from itembank.importing.source import Source
from itembank.importing.xmlsafe import local, parse_xml
from itembank.problems import Problem

_ROOT = re.compile(
    # Possessive and atomic: comments in front must not be taken apart in every possible way.
    r"\s*(?:(?><!--.*?-->)\s*|<\?[^>]*\?>\s*|<!doctype[^<>\[]*(?>(?:\[.*?\]\s*)?)>\s*)*+"
    r"<(?:quiz[\s>/]|question\b[^<>]*\btype\s*=)",
    re.IGNORECASE | re.DOTALL,
)
_HEAD_BYTES = 65_536


class MoodleXmlFormat:
    """Reads every question of a `<quiz>`, or one that stands alone."""

    def sniff(self, source: Source) -> str:
        """The root element tells."""
        if source.is_zip or source.is_ole:
            return ""
        head = source.data[:_HEAD_BYTES]
        wide = head[:2] in (b"\xff\xfe", b"\xfe\xff")
        text = (
            head.decode("utf-16", "ignore") if wide else head.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
        )
        return "moodle-xml" if _ROOT.match(text) else ""

    def read(self, source: Source, declared: Declared, media: MediaBox) -> Iterator[Found]:
        """Every question in order."""
        root = parse_xml(source.data, source.name)
        questions = [root] if local(root) == "question" else children(root, "question")
        yield from settled(_found(questions, media, source.name))


def _found(questions: list[etree._Element], media: MediaBox, name: str) -> Iterator[Found]:
    path, number, feedback = "", 0, 0
    for element in questions:
        kind = (element.get("type") or "").strip().lower()
        number += kind != "category"
        place = f"question {number}"
        if kind == "category":
            path = path_of(inner_text(child(element, "category")))
            yield Noted(Problem(CATEGORY, name, {"category": path[:80]}))
        elif kind == "description":
            yield Noted(Problem(DESCRIPTION, place, {"text": inner_text(child(element, "name"))[:40]}))
        else:
            feedback += _feedback(element)
            yield from read_question(element, place, path, media)
    if feedback:
        yield Noted(Problem("feedback_left_out", name, {"count": feedback}))


def _feedback(question: etree._Element) -> int:
    """How many answers have a comment of their own."""
    return sum(1 for answer in children(question, "answer") if inner_text(child(answer, "feedback")).strip())
