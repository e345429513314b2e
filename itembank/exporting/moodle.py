"""Moodle XML: one `<question>` an item, pictures and sounds in base64, our facts as tags.

Not carried: areas of pictures, cases, practical tasks; the order in which the right sides of a match stand.
"""

from collections.abc import Iterable, Iterator, Mapping

from lxml import etree

from itembank.exporting import Exported
from itembank.exporting.moodle_facts import category_of, lost_facts, tags_of, title_of
from itembank.exporting.moodle_kinds import WRITERS
from itembank.exporting.moodle_texts import Question
from itembank.importing.moodle_wording import seen
from itembank.importing.xmlsafe import XmlRefused, local, parse_xml
from itembank.items import Item, ItemKind
from itembank.problems import Problem


def export_moodle(items: Iterable[Item], media: Mapping[str, bytes], title: str) -> Exported:
    """A quiz file; `media` are the bytes by SHA-256. `title` is not used: categories are the items' paths."""
    root = etree.Element("quiz")
    root.text = "\n"
    notes: list[Problem] = []
    path = ""
    for item in items:
        question = _question(item, media, notes)
        if question is None:
            continue
        if item.facts.path != path:
            path = item.facts.path
            root.append(_category(path))
        root.append(question)
    for element in root:
        element.tail = "\n"
    data: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return Exported(data, tuple(notes))


def _question(item: Item, media: Mapping[str, bytes], notes: list[Problem]) -> etree._Element | None:
    kind = item.facts.kind
    if kind is ItemKind.UNSUPPORTED:
        kept = _raw(item.body.raw)
        notes += _left_out(item) if kept is None else []
        return kept
    write = WRITERS.get(kind)
    question = Question(item, media)
    element = write(question) if write else None
    notes += question.notes
    if element is None:
        notes += [] if question.notes else _left_out(item)
        return None
    notes += lost_facts(item)
    _surround(element, question)
    return element


def _surround(element: etree._Element, question: Question) -> None:
    """Adds what every kind has: name and text in front, facts behind."""
    body, facts = question.item.body, question.item.facts
    name = etree.Element("name")
    etree.SubElement(name, "text").text = question.safe(title_of(seen(question.wording(body.stem))))
    element.insert(0, name)
    question.text(element, "generalfeedback", body.explanation)
    etree.SubElement(element, "idnumber").text = facts.uid
    tags = tags_of(question.item)
    if tags:
        holder = etree.SubElement(element, "tags")
        for tag in tags:
            each = etree.SubElement(holder, "tag")
            etree.SubElement(each, "text").text = question.safe(tag)
    etree.indent(element)


def _category(path: str) -> etree._Element:
    element = etree.Element("question", type="category")
    holder = etree.SubElement(element, "category")
    etree.SubElement(holder, "text").text = category_of(path)
    return element


def _raw(raw: str) -> etree._Element | None:
    """A question that came from Moodle and is not supported here goes back as it came."""
    try:
        element = parse_xml(raw.encode(), "raw")
    except XmlRefused:
        return None
    return element if local(element) == "question" else None


def _left_out(item: Item) -> Iterator[Problem]:
    yield Problem("export_kind_left_out", item.facts.uid, {"kind": str(item.facts.kind)})
