"""Word files (.docx) of questions: paragraphs and tables as lines, then the line machine of text files."""

import re
from collections.abc import Iterator

from lxml import etree

from itembank.importing import template_lines as lines_of
from itembank.importing.docx_items import item_table
from itembank.importing.docx_numbering import Numbering
from itembank.importing.docx_table import key_lines, laid_out, table_html, table_rows
from itembank.importing.docx_text import ParagraphReader, Pictures
from itembank.importing.drafts import Declared, Found, Noted
from itembank.importing.media import MediaBox
from itembank.importing.rich_text import Fragments, without_private
from itembank.importing.source import Source, refusal
from itembank.importing.template_answers import is_short_answer, shown_answer
from itembank.importing.template_key import is_key_line
from itembank.importing.text_template import questions
from itembank.importing.xmlsafe import local, parse_xml
from itembank.problems import Problem

Element = etree._Element
MAX_PARAGRAPHS = 200_000

_MAIN = "word/document.xml"
_MAIN_NAME = re.compile(r"word/document[0-9]{0,3}\.xml")
_OLD_WORD = "WordDocument".encode("utf-16-le")


class OldWordFormat:
    """Old Word files (.doc) and rich text: recognised to say what to do with them."""

    def sniff(self, source: Source) -> str:
        """OLE with a Word stream, or RTF."""
        old = source.is_ole and _OLD_WORD in source.data
        return "doc" if old or source.head.startswith(b"{\\rtf") else ""

    def read(self, source: Source, declared: Declared, media: MediaBox) -> Iterator[Found]:
        """Always refused: "file_old_word" asks for .docx."""
        raise refusal("file_old_word", source.name)


class DocxFormat:
    """Word files with numbered questions, options and answers."""

    def sniff(self, source: Source) -> str:
        """A zip with the main part of a Word document."""
        return "docx-text" if source.is_zip and _main_part(source) else ""

    def read(self, source: Source, declared: Declared, media: MediaBox) -> Iterator[Found]:
        """Questions in order, then what of the document deserves a look."""
        fragments = Fragments(source.name)
        document = _Document(source, fragments, media)
        lines = list(document.lines())
        yield from questions(lines, fragments, source.name, required=not document.found)
        yield from document.found
        told = {(each.code, each.place): each for each in document.noted}
        yield from map(Noted, told.values())


def _main_part(source: Source) -> str:
    if _MAIN in source.archive:
        return _MAIN
    return next((name for name in source.archive.names() if _MAIN_NAME.fullmatch(name)), "")


class _Document:
    """One document: gives its lines, counts its paragraphs; `found` are the questions of its tables."""

    def __init__(self, source: Source, fragments: Fragments, media: MediaBox) -> None:
        self._source, self._fragments = source, fragments
        self._part = _main_part(source)
        self._reader = ParagraphReader(fragments, Pictures(source, self._part, media))
        self._numbering = Numbering(self._beside("numbering.xml"), self._beside("styles.xml"))
        self._count = 0
        self.found: list[Found] = []

    @property
    def noted(self) -> list[Problem]:
        """What could not be read as it was."""
        return self._reader.noted

    def lines(self) -> Iterator[lines_of.Line]:
        """Every line of the document in reading order."""
        root = parse_xml(self._source.archive.read(self._part), self._part)
        body = next((each for each in root if local(each) == "body"), None)
        if body is None:
            raise refusal("unknown_format", self._source.name)
        yield from self._blocks(body)

    def _beside(self, name: str) -> Element | None:
        part = f"{self._part.rpartition('/')[0]}/{name}"
        return parse_xml(self._source.archive.read(part), part) if part in self._source.archive else None

    def _blocks(self, container: Element) -> Iterator[lines_of.Line]:
        for element in container:
            name = local(element)
            if name == "p":
                yield from self._paragraph(element)
            elif name == "tbl":
                yield from self._table(element)
            elif name not in ("del", "moveFrom", "sdtPr", "sectPr"):
                yield from self._blocks(element)

    def _paragraph(self, element: Element) -> Iterator[lines_of.Line]:
        place, text = self._read(element)
        if self._reader.struck:
            # A letter struck out of an answer may be the answer: who corrected it is asked.
            answered = _holds_answer(lines_of.line(place, without_private(text)))
            text = text if answered else text.replace(self._reader.struck, "")
        for each in lines_of.tidy(text).split("\n"):
            yield lines_of.line(place, each)
        boxes, self._reader.boxes = self._reader.boxes, []
        for box in boxes:
            # Where a floating box belongs is not written anywhere; it is read behind its paragraph.
            self._reader.noted.append(Problem("text_box_read", place))
            yield from self._paragraph(box)

    def _read(self, element: Element) -> tuple[str, str]:
        self._count += 1
        if self._count > MAX_PARAGRAPHS:
            raise refusal("too_many_paragraphs", self._source.name, limit=MAX_PARAGRAPHS)
        place = f"paragraph {self._count}"
        return place, self._numbering.label(element) + self._reader.text(element, place)

    def _table(self, element: Element) -> Iterator[lines_of.Line]:
        rows = table_rows(element, self._cell)
        place = f"paragraph {self._count}"
        items = item_table(rows, place)
        if items is not None:
            self.found += items
            return
        faulty = self._fragments.faults(cell.text for row in rows for cell in row)
        told = (None if faulty else key_lines(rows)) or laid_out(rows)
        if told is None:
            told = [self._fragments.put(table_html(rows, self._fragments))]
        for text in told:
            for each in text.split("\n"):
                yield lines_of.line(place, each)

    def _cell(self, element: Element) -> str:
        return "\n".join(each.text for each in self._blocks(element) if not each.blank)


def _holds_answer(whole: lines_of.Line) -> bool:
    parts = lines_of.pieces(whole)
    return (
        any(lines_of.answer_said(each) is not None for each in parts)
        or shown_answer(whole.text) is not None
        or is_key_line(whole)
        or is_short_answer(whole.text)
    )
