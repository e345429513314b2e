"""The child's part of a file handed in for a review: what it is, by its content, and how long.

Nothing of the file is changed: its hash is what similarity reports and records name.
"""

import io
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from lxml import etree
from pypdf import PdfReader
from pypdf.errors import PyPdfError
from pypdf.generic import DictionaryObject

from proctoring.frames import FrameFault, decode
from server.errors import Refused

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
JPEG, PNG = "image/jpeg", "image/png"
PAGES_LIMIT = 500
UNPACKED_LIMIT = 60 << 20
PART_LIMIT = 20 << 20
_WORDS = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}t"
_BREAKS = frozenset({f"{_WORDS[:-1]}p", f"{_WORDS[:-1]}tab", f"{_WORDS[:-1]}br"})
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
        return PDF, pages, sum(count_characters(page.extract_text()) for page in reader.pages)
    except (PyPdfError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as fault:
        raise _refused("work_damaged") from fault


def _active(reader: PdfReader) -> bool:
    """Whether opening the file may run or unpack something."""
    root = reader.trailer["/Root"].get_object()
    assert isinstance(root, DictionaryObject)
    names = root.get("/Names", DictionaryObject()).get_object()
    hidden = isinstance(names, DictionaryObject) and bool({"/JavaScript", "/EmbeddedFiles"} & names.keys())
    opening = root.get("/OpenAction", DictionaryObject()).get_object()
    acts = isinstance(opening, DictionaryObject) and opening.get("/S") in ("/JavaScript", "/Launch", "/URI")
    return hidden or acts or "/AA" in root


def _docx(data: bytes) -> tuple[str, int | None, int]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = {part.filename: part for part in archive.infolist()}
            if "word/document.xml" not in parts:
                raise _refused("work_not_readable")
            if sum(part.file_size for part in parts.values()) > UNPACKED_LIMIT:
                raise _refused("work_too_long", limit=PAGES_LIMIT)
            if any(name.endswith(".bin") or name.startswith("word/embeddings/") for name in parts):
                raise _refused("work_active")
            characters = count_characters("".join(_texts(_part(archive, parts, "word/document.xml"))))
            return DOCX, _told_pages(archive, parts), characters
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        RuntimeError,
        NotImplementedError,
        etree.XMLSyntaxError,
    ) as fault:
        raise _refused("work_damaged") from fault


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
