"""The child's part of a file handed in for a review: what it is, by its content, and how long.

Nothing of the file is changed: its hash is what similarity reports and records name.
"""

import io
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from lxml import etree
from pypdf import PdfReader
from pypdf.errors import PyPdfError
from pypdf.generic import ArrayObject, DictionaryObject, PdfObject

from proctoring.frames import FrameFault, decode
from server.errors import Refused

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
JPEG, PNG = "image/jpeg", "image/png"
PAGES_LIMIT = 500
UNPACKED_LIMIT = 60 << 20
PART_LIMIT = 20 << 20
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_WORDS = f"{_W}t"
_BREAKS = frozenset({f"{_W}p", f"{_W}tab", f"{_W}br"})
_LINK = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"
_RUNNING = frozenset({"/JavaScript", "/Launch", "/Rendition", "/ImportData", "/GoToE"})
_AT_OPENING = _RUNNING | {"/URI", "/SubmitForm", "/GoToR"}
_UNPACKING = frozenset({"/FileAttachment", "/RichMedia", "/Movie", "/Sound", "/Screen", "/3D"})
_BROKEN = (
    PyPdfError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    NotImplementedError,
    RecursionError,
    OSError,
    struct.error,
    zlib.error,
)
_PAGES = "{http://schemas.openxmlformats.org/officeDocument/2006/extended-properties}Pages"


def read_work(payload: dict[str, Any], _report: Callable[..., None]) -> dict[str, Any]:
    """`data` -> `mime`, `pages` (None: the file does not say), `characters`.

    Refuses with work_not_readable, work_damaged, work_encrypted, work_active (macros, scripts, attached
    files) and work_too_long.
    """
    data: bytes = payload["data"]
    if data.startswith(b"%PDF-"):
        mime, pages, characters = _pdf(data)
    elif data.startswith(b"PK\x03\x04"):
        mime, pages, characters = _docx(data)
    else:
        mime, pages, characters = _picture(data)
    if pages is not None and pages > PAGES_LIMIT:
        raise _refused("work_too_long", limit=PAGES_LIMIT)
    return {"mime": mime, "pages": pages, "characters": characters}


def count_characters(text: str) -> int:
    """The length of a text as word processors count it for Chinese: a wide character is one, punctuation
    included; so is a run of narrow ones (a Latin word, a number) up to a blank or a wide one.
    """
    total, in_run = 0, False
    for char in text:
        if char.isspace() or unicodedata.category(char).startswith("C"):
            in_run = False
        elif unicodedata.east_asian_width(char) in "WF":
            total, in_run = total + 1, False
        else:
            total, in_run = total + (not in_run), True
    return total


def _pdf(data: bytes) -> tuple[str, int | None, int]:
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted:
            raise _refused("work_encrypted")
        if _active(reader):
            raise _refused("work_active")
        pages = len(reader.pages)
        if pages > PAGES_LIMIT:
            raise _refused("work_too_long", limit=PAGES_LIMIT)
        if not pages:
            raise _refused("work_damaged")
        if any(_page_acts(page) for page in reader.pages):
            raise _refused("work_active")
        return PDF, pages, sum(count_characters(page.extract_text()) for page in reader.pages)
    except _BROKEN as fault:
        raise _refused("work_damaged") from fault


def _active(reader: PdfReader) -> bool:
    """Whether opening the file may run or unpack something."""
    root = _dictionary(reader.trailer["/Root"])
    names, form = _dictionary(root.get("/Names")), _dictionary(root.get("/AcroForm"))
    hidden = bool({"/JavaScript", "/EmbeddedFiles"} & names.keys())
    opening = _acts(root.get("/OpenAction"), _AT_OPENING)
    return hidden or opening or "/AA" in root or "/XFA" in form


def _page_acts(page: DictionaryObject) -> bool:
    """Whether turning to a page, or a click on it, may run or unpack something; links may stay."""
    notes = page.get("/Annots")
    held = notes.get_object() if isinstance(notes, PdfObject) else None
    notes_ = [_dictionary(one) for one in held] if isinstance(held, ArrayObject) else []
    return "/AA" in page or any(
        "/AA" in note or note.get("/Subtype") in _UNPACKING or _acts(note.get("/A"), _RUNNING)
        for note in notes_
    )


def _acts(action: object, kinds: frozenset[str]) -> bool:
    """Whether an action, or one that follows it, is of these kinds; a long chain counts as one."""
    for _step in range(20):
        step = _dictionary(action)
        if step.get("/S") in kinds or isinstance(step.get("/Next"), ArrayObject):
            return True
        if "/Next" not in step:
            return False
        action = step["/Next"]
    return True


def _dictionary(value: object) -> DictionaryObject:
    found = value.get_object() if isinstance(value, PdfObject) else None
    return found if isinstance(found, DictionaryObject) else DictionaryObject()


def _docx(data: bytes) -> tuple[str, int | None, int]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = {part.filename: part for part in archive.infolist()}
            if "word/document.xml" not in parts:
                raise _refused("work_not_readable")
            if sum(part.file_size for part in parts.values()) > UNPACKED_LIMIT:
                raise _refused("work_too_long", limit=PAGES_LIMIT)
            if any(name.lower().endswith(".bin") or _unpacks(name.lower()) for name in parts):
                raise _refused("work_active")
            main = _part(archive, parts, "word/document.xml")
            if _runs(archive, parts, main):
                raise _refused("work_active")
            characters = count_characters("".join(_texts(main)))
            return DOCX, _told_pages(archive, parts), characters
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        RuntimeError,
        ValueError,
        NotImplementedError,
        etree.XMLSyntaxError,
    ) as fault:
        raise _refused("work_damaged") from fault


def _unpacks(name: str) -> bool:
    return name.startswith(("word/embeddings/", "word/activex/", "word/afchunk"))


def _runs(archive: zipfile.ZipFile, parts: dict[str, zipfile.ZipInfo], main: Any) -> bool:  # noqa: ANN401
    """Whether opening the document runs a macro, fetches something from elsewhere, or asks another program.

    Links that a reader clicks may lead anywhere.
    """
    if any("macro" in str(value).lower() for value in _attributes(archive, parts, "[Content_Types].xml")):
        return True
    for name in parts:
        if name.lower().endswith(".rels"):
            for link in _part(archive, parts, name).iter(_LINK):
                kind = link.get("Type", "").rpartition("/")[2].lower()
                outside = link.get("TargetMode", "").lower() == "external"
                if kind in ("vbaproject", "afchunk", "oleobject") or (outside and kind != "hyperlink"):
                    return True
    asked = "".join(node.text or "" for node in main.iter(f"{_W}instrText"))
    asked += " ".join(node.get(f"{_W}instr", "") for node in main.iter(f"{_W}fldSimple"))
    return any(word.lstrip("\\").upper().startswith("DDE") for word in asked.split())


def _attributes(archive: zipfile.ZipFile, parts: dict[str, zipfile.ZipInfo], name: str) -> Iterator[Any]:
    if name in parts:
        for node in _part(archive, parts, name).iter():
            yield from node.attrib.values()


def _part(archive: zipfile.ZipFile, parts: dict[str, zipfile.ZipInfo], name: str) -> Any:  # noqa: ANN401
    if parts[name].file_size > PART_LIMIT:
        raise _refused("work_too_long", limit=PAGES_LIMIT)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
    return etree.fromstring(archive.read(parts[name]), parser)


def _texts(root: Any) -> Iterator[str]:  # noqa: ANN401
    for node in root.iter():
        if node.tag == _WORDS and node.text:
            yield node.text
        elif node.tag in _BREAKS:
            yield "\n"


def _told_pages(archive: zipfile.ZipFile, parts: dict[str, zipfile.ZipInfo]) -> int | None:
    """What the program that saved the file noted; its layout cannot be known here."""
    if "docProps/app.xml" not in parts:
        return None
    told = _part(archive, parts, "docProps/app.xml").findtext(_PAGES, "")
    return int(told) if told.isdecimal() and 0 < int(told) < 10_000 else None


def _picture(data: bytes) -> tuple[str, int | None, int]:
    try:
        decode(data)
    except FrameFault as fault:
        raise _refused("work_not_readable") from fault
    return (JPEG if data.startswith(b"\xff\xd8") else PNG), 1, 0


def _refused(code: str, **params: object) -> Refused:
    return Refused(code, 422, field="file", **params)
