"""What stands under the headings of a table: a few cells of each column, for who has to say what they are."""

from collections.abc import Mapping, Sequence

from itembank.importing.cells import Row, Sheet
from itembank.importing.tables import read_tables
from itembank.problems import InputRefused

CELLS = 3
CELL_CHARACTERS = 60
HEADER_DEPTH = 20


def sample_cells(data: bytes, name: str, columns: Sequence[str]) -> Mapping[str, list[str]]:
    """Heading -> its first filled cells, cut to `CELL_CHARACTERS`; empty when the file is no table."""
    try:
        sheets = read_tables(data, name).sheets
    except InputRefused:
        return {}
    wanted = {_bare(heading): heading for heading in columns}
    best: tuple[int, Sheet, int] | None = None
    for sheet in sheets:
        for index, row in enumerate(sheet.rows[:HEADER_DEPTH]):
            fitting = sum(_bare(cell) in wanted for cell in row.cells)
            if fitting and (best is None or fitting > best[0]):
                best = (fitting, sheet, index)
    if best is None:
        return {}
    _fitting, sheet, index = best
    return {
        wanted[_bare(cell)]: _below(sheet.rows[index + 1 :], column)
        for column, cell in enumerate(sheet.rows[index].cells)
        if _bare(cell) in wanted
    }


def _bare(heading: str) -> str:
    """Without the blanks and line breaks that a spreadsheet adds to make a heading look well."""
    return "".join(heading.split())


def _below(rows: Sequence[Row], column: int) -> list[str]:
    filled: list[str] = []
    for row in rows:
        text = row.cell(column).strip()
        if text:
            filled.append(text[:CELL_CHARACTERS])
        if len(filled) == CELLS:
            break
    return filled
