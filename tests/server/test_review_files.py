"""Files handed in for a review that do something when they are opened, or are not what they say."""

import io
from typing import Any

import pytest
from pypdf import PdfWriter
from pypdf.generic import ArrayObject, DictionaryObject, NameObject, TextStringObject

from server.errors import Refused
from server.jobs.works import read_work
from tests.server.review_kit import docx

RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}" '
    'Target="{target}"{mode}/></Relationships>'
)
OUTSIDE = ' TargetMode="External"'


def related(kind: str, target: str = "http://192.0.2.1/x", mode: str = OUTSIDE, at: str = "word") -> bytes:
    text = RELATIONS.format(kind=kind, target=target, mode=mode).encode()
    return docx("论文", **{f"{at}/_rels/settings.xml.rels": text})


def field(instruction: str) -> bytes:
    return docx(f"论文</w:t></w:r><w:r><w:instrText>{instruction}</w:instrText></w:r><w:r><w:t>")


def action(kind: str, **more: Any) -> DictionaryObject:
    facts = {
        NameObject("/S"): NameObject(f"/{kind}"),
        NameObject("/URI"): TextStringObject("http://192.0.2.1"),
    }
    return DictionaryObject(facts | {NameObject(f"/{name}"): value for name, value in more.items()})


def pdf(*, notes: tuple[DictionaryObject, ...] = (), pages: int = 1, **root: Any) -> bytes:
    writer = PdfWriter()
    for _number in range(pages):
        page = writer.add_blank_page(595, 842)
        page[NameObject("/Annots")] = ArrayObject([writer._add_object(note) for note in notes])
    for name, value in root.items():
        writer.root_object[NameObject(f"/{name}")] = value
    buffer = io.BytesIO()
    writer.write(buffer)
    return buffer.getvalue()


def note(subtype: str, **more: Any) -> DictionaryObject:
    facts = {NameObject("/Subtype"): NameObject(f"/{subtype}")}
    return DictionaryObject(facts | {NameObject(f"/{name}"): value for name, value in more.items()})


@pytest.mark.parametrize(
    "data",
    [
        related("attachedTemplate"),
        related("image"),
        related("oleObject", "embeddings/x.xlsx", ""),
        related("vbaProject", "harmless.dat", "", at="word/deep"),
        related("aFChunk", "x.html", ""),
        field(' DDEAUTO c:\\\\windows\\\\system32\\\\cmd.exe "/k x" '),
        field("dde excel x"),
        docx("论文", **{"Word/VBAPROJECT.BIN": b"x"}),
        docx("论文", **{"word/activeX/activeX1.xml": b"<a/>"}),
        docx(
            "论文",
            **{
                "[Content_Types].xml": b'<Types><Override PartName="/word/document.xml" '
                b'ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"/></Types>'
            },
        ),
        pdf(OpenAction=action("Launch")),
        pdf(OpenAction=action("GoTo", Next=action("JavaScript"))),
        pdf(AcroForm=DictionaryObject({NameObject("/XFA"): ArrayObject()})),
        pdf(notes=(note("Link", A=action("JavaScript")),)),
        pdf(notes=(note("Link", A=action("Launch")),)),
        pdf(notes=(note("FileAttachment"),)),
        pdf(notes=(note("Widget", AA=DictionaryObject()),)),
    ],
)
def test_a_file_that_would_do_something_is_refused(data: bytes) -> None:
    with pytest.raises(Refused, match="work_active"):
        read_work({"data": data}, lambda *_: None)


@pytest.mark.parametrize(
    "data",
    [
        related("hyperlink"),
        related("image", "media/image1.png", ""),
        field(" PAGEREF _Toc1 "),
        field(" HYPERLINK &quot;http://192.0.2.1&quot; "),
        pdf(notes=(note("Link", A=action("URI")),)),
        pdf(notes=(note("Link", Dest=ArrayObject()),), OpenAction=ArrayObject()),
        pdf(OpenAction=action("GoTo")),
    ],
)
def test_contents_links_and_pictures_of_an_honest_thesis_are_no_fault(data: bytes) -> None:
    assert read_work({"data": data}, lambda *_: None)["pages"] in (1, 3)


def test_a_file_of_no_page_is_damaged() -> None:
    with pytest.raises(Refused, match="work_damaged"):
        read_work({"data": pdf(pages=0)}, lambda *_: None)


@pytest.mark.parametrize("place", range(0, 900, 60))
def test_a_file_with_a_broken_byte_is_read_or_refused(place: int) -> None:
    for whole in (pdf(OpenAction=action("GoTo")), docx("保卫" * 50)):
        data = bytearray(whole)
        data[20 + place % (len(data) - 20)] ^= 0xFF
        try:
            read_work({"data": bytes(data)}, lambda *_: None)
        except Refused as refused:
            assert refused.code.startswith("work_")
