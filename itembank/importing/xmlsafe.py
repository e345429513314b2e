"""XML out of files people send: nothing outside is read, nothing is expanded."""

import re

from lxml import etree

from itembank.problems import InputRefused, Problem

_BOMS = (b"\xff\xfe", b"\xfe\xff")
# Encodings in which ASCII stays what it is: a declaration cannot hide behind other bytes in them.
_READABLE = re.compile(
    r"utf-?8|(?:us-)?ascii|iso-?8859-\d{1,2}|latin-?\d|(?:windows-|cp)125\d|gbk|gb-?2312|gb-?18030|big5|euc-\w{2}",
    re.IGNORECASE,
)
_ENTITY = re.compile(rb"<!\s*ENTITY", re.IGNORECASE)
_ENTITY_WIDE = re.compile("<!\\s*ENTITY", re.IGNORECASE)


class XmlRefused(InputRefused):
    """The XML is broken or declares entities; the one problem's place is the part's name."""


def parse_xml(data: bytes, place: str) -> etree._Element:
    """The root element without comments and instructions.

    `XmlRefused` "xml_entities", "xml_encoding" (neither UTF-8, UTF-16 with its mark, nor one
    that keeps ASCII) or "xml_broken".

    Entities are refused even where lxml would only drop them: their text would be lost without a word.
    A DOCTYPE alone is legal (QTI 1.2 files carry one) and is not loaded.
    """
    wide = data.startswith(_BOMS)
    if not wide and b"\0" in data[:8]:
        raise XmlRefused(Problem("xml_encoding", place, {"name": place}))
    if (_ENTITY_WIDE.search(data.decode("utf-16", "ignore")) if wide else _ENTITY.search(data)) is not None:
        raise XmlRefused(Problem("xml_entities", place, {"name": place}))
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise XmlRefused(Problem("xml_broken", place, {"name": place})) from error
    if root is None:
        raise XmlRefused(Problem("xml_broken", place, {"name": place}))
    told = root.getroottree().docinfo
    if not wide and told.encoding and not _READABLE.fullmatch(told.encoding):
        raise XmlRefused(Problem("xml_encoding", place, {"name": place}))
    if _has_entities(root, told.internalDTD):
        raise XmlRefused(Problem("xml_entities", place, {"name": place}))
    return root


def _has_entities(root: etree._Element, declared: etree.DTD | None) -> bool:
    """Whether entities are declared, or used: what they stand for would be missing from the text."""
    if declared is not None and declared.entities():  # type: ignore[attr-defined]
        return True
    return next(root.iter(etree.Entity), None) is not None


def local(element: etree._Element) -> str:
    """The element's name without namespace; "" for anything that is no element."""
    return etree.QName(element).localname if isinstance(element.tag, str) else ""
