"""Sheets built by hand, as the table reader would give them."""

from itembank.importing.cells import CellKind, Row, Sheet


def sheet(*lines: tuple[object, ...], name: str = "", first: int = 1) -> Sheet:
    """Cells that are Python numbers become number cells; everything else is text."""
    rows = []
    for number, cells in enumerate(lines, first):
        kinds = tuple(
            CellKind.NUMBER if isinstance(cell, int | float) else CellKind.TEXT if cell else CellKind.EMPTY
            for cell in cells
        )
        rows.append(Row(number, tuple(str(cell) for cell in cells), kinds))
    return Sheet(name, tuple(rows))
