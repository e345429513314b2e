"""Tables of web pages that were saved under a spreadsheet's name."""

import re
from collections.abc import Iterator

from lxml import etree, html

from itembank.importing.cells import Budget, CellKind, Row, Sheet, Unreadable, clean_newlines
from itembank.importing.scripts import scripted
from itembank.problems import Problem

_WIDEST = 50  # columns that one cell may span
_UNSHOWN = frozenset({"script", "style", "template", "noscript"})
_SCRIPTS = frozenset({"sup", "sub"})
_HIDDEN = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_BLANKS = re.compile(r"\s+")
_BREAKS = frozenset({"br", "p", "div", "li"})


def read_web_tables(text: str, name: str, notes: list[Problem] | None = None) -> Iterator[Sheet]:
    """Every table that holds no other one, as a sheet; cells over several columns or rows are repeated blank.

    What of their cells cannot be kept is added to `notes`.
    `Unreadable` "file_is_web_page" for a page without tables: saving it as xlsx is the way out.
    """
    parser = html.HTMLParser(no_network=True, huge_tree=False, encoding="utf-8", remove_comments=True)
    try:
        page = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.LxmlError, ValueError, AssertionError) as error:
        raise Unreadable("file_is_web_page", name) from error
    tables = [table for table in page.iter("table") if table.find(".//table") is None]
    if not tables:
        raise Unreadable("file_is_web_page", name)
    budget = Budget(name)
    for number, table in enumerate(tables, start=1):
        title = f"table {number}" if len(tables) > 1 else ""
        said: list[tuple[int, str]] = []
        sheet = Sheet(title, tuple(_rows(table, budget, said)))
        if notes is not None:
            notes += (_note(sheet.place(row), text) for row, text in said)
        yield sheet


def _note(place: str, lost: str) -> Problem:
    return (
        Problem("scripts_lost", place, {"value": lost[:20]}) if lost else Problem("page_picture_lost", place)
    )


def _rows(table: etree._Element, budget: Budget, said: list[tuple[int, str]]) -> Iterator[Row]:
    """Rows; `said` gets (row number, text whose raised form is lost, or "" for a picture)."""
    below: dict[int, int] = {}  # column -> rows that a cell above still covers
    for number, row in enumerate(table.iter("tr"), start=1):
        lost: list[str] = []
        cells = tuple(_cells(row, below, lost))
        budget.spend(cells)
        if any(cell.strip() for cell in cells):
            kinds = tuple(CellKind.TEXT if cell.strip() else CellKind.EMPTY for cell in cells)
            pictured = next(row.iter("img"), None) is not None
            said += ((number, text) for text in (*dict.fromkeys(lost), *([""] if pictured else [])))
            yield Row(number, cells, kinds)


def _cells(row: etree._Element, below: dict[int, int], lost: list[str]) -> Iterator[str]:
    column = 0
    for cell in row.iterchildren("td", "th"):
        while below.get(column, 0) > 0:
            below[column] -= 1
            column += 1
            yield ""
        yield _shown(cell, lost)
        wide, deep = _span(cell, "colspan"), _span(cell, "rowspan")
        for covered in range(column, column + wide):
            below[covered] = deep - 1
        yield from ("" for _ in range(wide - 1))
        column += wide


def _texts(element: etree._Element, lost: list[str]) -> Iterator[str]:
    """What a page shows of an element; `lost` gets raised and lowered texts without characters for them."""
    yield _BLANKS.sub(" ", element.text or "")
    for child in element.iterchildren(tag=etree.Element):
        if child.tag in _BREAKS:
            yield "\n"
        if child.tag not in _UNSHOWN and not _HIDDEN.search(child.get("style", "")):
            inner = "".join(_texts(child, lost))
            if child.tag in _SCRIPTS and inner.strip():
                shown = scripted(inner, raised=child.tag == "sup")
                if shown is None:
                    lost.append(inner.strip())
                inner = inner if shown is None else shown
            yield inner
        yield _BLANKS.sub(" ", child.tail or "")


def _shown(cell: etree._Element, lost: list[str]) -> str:
    lines = clean_newlines("".join(_texts(cell, lost))).splitlines()
    return "\n".join(" ".join(line.split()) for line in lines).strip()


def _span(cell: etree._Element, name: str) -> int:
    said = cell.get(name) or "1"
    return min(max(int(said), 1), _WIDEST) if said.isdecimal() and len(said) < 5 else 1
