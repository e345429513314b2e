"""A file of a score sheet's template, whichever of the two layouts it has."""

from itembank.importing.score_table import read_score_table
from itembank.importing.sheet_origins import ReadTemplate, sheets_of
from itembank.importing.sheet_workbook import is_ours, read_sheet_workbook


def read_sheet_file(data: bytes, name: str) -> ReadTemplate:
    """The template of a workbook or a table. Raises `InputRefused` for what is neither."""
    sheets = sheets_of(data, name)
    return read_sheet_workbook(sheets) if is_ours(sheets) else read_score_table(sheets, name)
