"""The child's part of rosters and room files: foreign bytes in, sheets of text cells out."""

from collections.abc import Callable
from typing import Any

from itembank.importing.cells import CellKind, Row, Sheet
from itembank.importing.tables import read_table
from itembank.problems import InputRefused
from server.errors import Refused


def read_roster(payload: dict[str, Any], report: Callable[..., None]) -> dict[str, Any]:
    """`data`, `name` -> {"sheets": [...]}: what a roster means is decided by the rules, outside the child."""
    report(0.1, "read")
    try:
        sheets = read_table(payload["data"], payload["name"])
    except InputRefused as refusal:
        problem = refusal.problems[0]
        raise Refused(problem.code, 422, **problem.params) from refusal
    return {"sheets": [_sheet_json(sheet) for sheet in sheets]}


read_room = read_roster


def sheets_from_json(data: list[dict[str, Any]]) -> list[Sheet]:
    """The inverse of what the child sends."""
    return [
        Sheet(
            sheet["name"],
            tuple(
                Row(number, tuple(cells), tuple(CellKind(kind) for kind in kinds))
                for number, cells, kinds in sheet["rows"]
            ),
        )
        for sheet in data
    ]


def _sheet_json(sheet: Sheet) -> dict[str, Any]:
    rows = [[row.number, list(row.cells), [str(kind) for kind in row.kinds]] for row in sheet.rows]
    return {"name": sheet.name, "rows": rows}
