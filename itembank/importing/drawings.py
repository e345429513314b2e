"""Pictures of a workbook: which cell each is anchored to, and which a cell names by a formula.

Anchors stand in xl/drawings (ECMA-376 part 1, 20.5); a picture belongs to the row and column of its upper
left corner. Cell pictures (DISPIMG) are a list of their own in xl/cellimages.xml.
"""

import re
from collections.abc import Iterator

from lxml import etree

from itembank.importing.archive import Archive
from itembank.importing.gallery import Gallery
from itembank.importing.xmlsafe import local, parse_xml

MAX_PICTURES = 5_000
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_CELL_IMAGES = "xl/cellimages.xml"
_OLD_PICTURES = re.compile(rb"\x89PNG\r\n\x1a\n|\xff\xd8\xff[\xe0\xe1\xee]")


def gallery_of(archive: Archive) -> Gallery:
    """The pictures of a workbook whose archive has been checked; `InputRefused` for broken or hostile XML."""
    names = archive.names()
    if not any(name.startswith(("xl/drawings/", _CELL_IMAGES)) for name in names):
        return Gallery()
    anchored = {
        title: _anchors(archive, part)
        for title, sheet in _sheets(archive)
        for part in _related(archive, sheet, "drawing")
    }
    return Gallery(anchored, dict(_cell_images(archive)), {}, archive.read)


def pictures_in_old(data: bytes) -> int:
    """How many pictures an old workbook seems to carry; they cannot be told apart by cell."""
    return len(_OLD_PICTURES.findall(data))


def _sheets(archive: Archive) -> Iterator[tuple[str, str]]:
    """(title, part) of every sheet."""
    book = "xl/workbook.xml"
    if book not in archive:
        return
    parts = dict(_relations(archive, book))
    for element in parse_xml(archive.read(book), book).iter():
        if local(element) == "sheet":
            part = parts.get(element.get(f"{_RELATION}id", ""), ("", ""))[1]
            if part:
                yield element.get("name", "").strip(), part


def _relations(archive: Archive, part: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """id -> (kind, part) of what a part refers to within the archive."""
    folder, _, name = part.rpartition("/")
    listed = f"{folder}/_rels/{name}.rels"
    if listed not in archive:
        return
    for element in parse_xml(archive.read(listed), listed):
        target, kind = element.get("Target", ""), element.get("Type", "").rpartition("/")[2]
        inside = target.lstrip("/") if target.startswith("/") else archive.beside(part, target)
        if element.get("TargetMode") != "External" and inside in archive:
            yield element.get("Id", ""), (kind, inside)


def _related(archive: Archive, part: str, kind: str) -> list[str]:
    return [target for _id, (found, target) in _relations(archive, part) if found == kind]


def _anchors(archive: Archive, part: str) -> dict[tuple[int, int], tuple[str, ...]]:
    pictures = dict(_relations(archive, part))
    found: dict[tuple[int, int], tuple[str, ...]] = {}
    for anchor in list(parse_xml(archive.read(part), part))[:MAX_PICTURES]:
        start = next((child for child in anchor if local(child) == "from"), None)
        if start is None:
            continue
        at = {local(child): (child.text or "").strip() for child in start}
        keys = tuple(pictures[rid][1] for rid in _embedded(anchor) if rid in pictures)
        if keys and at.get("row", "").isdecimal() and at.get("col", "").isdecimal():
            place = (int(at["row"]) + 1, int(at["col"]))
            found[place] = found.get(place, ()) + keys
    return found


def _cell_images(archive: Archive) -> Iterator[tuple[str, str]]:
    if _CELL_IMAGES not in archive:
        return
    pictures = dict(_relations(archive, _CELL_IMAGES))
    for image in list(parse_xml(archive.read(_CELL_IMAGES), _CELL_IMAGES))[:MAX_PICTURES]:
        name = next((each.get("name", "") for each in image.iter() if local(each) == "cNvPr"), "")
        for rid in _embedded(image):
            if name and rid in pictures:
                yield name, pictures[rid][1]


def _embedded(element: etree._Element) -> Iterator[str]:
    for each in element.iter():
        if local(each) == "blip" and each.get(f"{_RELATION}embed"):
            yield each.get(f"{_RELATION}embed", "")
