"""Tables of Word files that hold a question a row, under the headings that bank tables have."""

from collections.abc import Iterator, Sequence

from itembank.importing.cells import CellKind, Row, Sheet
from itembank.importing.docx_table import Cell
from itembank.importing.drafts import Found, Noted, Rejected
from itembank.importing.gallery import Gallery
from itembank.importing.kinds import KindTable, legend
from itembank.importing.layouts import Header, find_header
from itembank.importing.normalise import drafted
from itembank.importing.rich_text import without_private
from itembank.importing.rows import headers, notes, raw_items
from itembank.problems import Problem


def item_table(rows: Sequence[Sequence[Cell]], place: str) -> list[Found] | None:
    """The questions of a table's rows; None for a table without a bank's headings.

    A row with merged cells, pictures or formulas is rejected: its cells are not the columns' or not text.
    """
    read = tuple(_row(number, cells) for number, cells in enumerate(rows, start=1))
    header = find_header(Sheet(place, read), {})
    return None if header is None else list(_items(rows, Sheet(place, read), header))


def _row(number: int, cells: Sequence[Cell]) -> Row:
    texts = tuple(without_private(cell.text) for cell in cells)
    return Row(number, texts, tuple(CellKind.TEXT if text.strip() else CellKind.EMPTY for text in texts))


def _items(rows: Sequence[Sequence[Cell]], sheet: Sheet, header: Header) -> Iterator[Found]:
    below = range(header.index + 1, len(rows))
    unread = [at for at in below if any(_not_plain(cell) for cell in rows[at])]
    for at in unread:
        yield Rejected(Problem("table_row_not_plain", sheet.place(sheet.rows[at].number)))
    plain = [
        row
        for at, row in enumerate(sheet.rows)
        if at not in set(unread) and any(cell.strip() for cell in row.cells)
    ]
    kept = Sheet(sheet.name, plain)
    found = headers(kept, find_header(kept, {}) or header, {})
    above = [cell for row in plain[: found[0].index + 1] for cell in row.cells if cell]
    kinds = KindTable({}, legend(above), national=found[0].national)
    yield from (drafted(raw, kinds) for raw in raw_items(kept, found, Gallery()))
    yield from map(Noted, notes(kept, found, Gallery(), {}))


def _not_plain(cell: Cell) -> bool:
    return cell.hidden or cell.across > 1 or cell.down > 1 or without_private(cell.text) != cell.text
