"""Tables of Word files: tables of an item, answer keys in a grid, and frames that only lay out a question."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lxml import etree

from itembank.importing.rich_text import Fragments, without_private
from itembank.importing.template_answers import is_short_answer
from itembank.importing.template_lines import answer_said, fold, line, number_of, opens_options
from itembank.importing.xmlsafe import local

Element = etree._Element
MAX_SPAN = 60

_NUMBERS = ("题号", "序号", "题目")
_ANSWERS = ("答案", "参考答案", "正确答案")


@dataclass(slots=True)
class Cell:
    """One cell: its text, and over how many columns and rows it reaches; `hidden` under another one."""

    text: str
    across: int = 1
    down: int = 1
    hidden: bool = False


def table_rows(table: Element, read: Callable[[Element], str]) -> list[list[Cell]]:
    """Rows of cells; cells merged downwards are counted on the uppermost one."""
    rows: list[list[Cell]] = []
    above: dict[int, Cell] = {}
    for row in _named(table, "tr"):
        cells, column = [], 0
        for element in _named(row, "tc"):
            across, merged = _spans(element)
            cell = Cell(read(element), across)
            if merged == "continue" and column in above and not cell.text:
                above[column].down += 1
                cell.hidden = True
            else:
                above[column] = cell
            cells.append(cell)
            column += across
        rows.append(cells)
    return rows


def table_html(rows: Sequence[Sequence[Cell]], fragments: Fragments) -> str:
    """The table in HTML."""
    return f"<table>{''.join(_row_html(row, fragments) for row in rows)}</table>"


def key_lines(rows: Sequence[Sequence[Cell]]) -> list[str] | None:
    """Lines `1.A 2.B …` of a grid whose rows are in turn numbers and answers; None for other tables."""
    if len(rows) < 2 or len(rows) % 2:
        return None
    lines = []
    for upper, lower in zip(rows[::2], rows[1::2], strict=True):
        numbers, said = _bare(upper, _NUMBERS), _bare(lower, _ANSWERS)
        pairs = [(n, a) for n, a in zip(numbers, said, strict=False) if n or a]
        if not pairs or not all(n.isdecimal() and is_short_answer(a) for n, a in pairs):
            return None
        lines.append("  ".join(f"{n}.{a}" for n, a in pairs))
    return lines


def laid_out(rows: Sequence[Sequence[Cell]]) -> list[str] | None:
    """Lines of a table that only places a question's parts; None for a table that belongs to an item."""
    texts = [cell.text for row in rows for cell in row if cell.text.strip()]
    parts = [line("", each) for text in texts for each in text.split("\n")]
    options = any(opens_options(each) and fold(each.text)[1:2] in "、.:)A" for each in parts)
    asked = any(number_of(each) for each in parts) and any(answer_said(each) is not None for each in parts)
    if not (options or asked or len(texts) == 1):
        return None
    lines = []
    for row in rows:
        shown = [cell.text for cell in row if cell.text.strip()]
        lines += ["\t".join(shown)] if not any("\n" in text for text in shown) else shown
    return lines


def _bare(row: Sequence[Cell], labels: Sequence[str]) -> list[str]:
    texts = [fold(without_private(cell.text)).strip() for cell in row]
    return texts[1:] if texts and texts[0] in labels else texts


def _row_html(row: Sequence[Cell], fragments: Fragments) -> str:
    return f"<tr>{''.join(_cell_html(cell, fragments) for cell in row if not cell.hidden)}</tr>"


def _cell_html(cell: Cell, fragments: Fragments) -> str:
    across = f' colspan="{cell.across}"' if cell.across > 1 else ""
    down = f' rowspan="{cell.down}"' if cell.down > 1 else ""
    return f"<td{across}{down}>{fragments.html(cell.text)}</td>"


def _named(element: Element, name: str) -> list[Element]:
    """Children of that name, also within content controls."""
    found = []
    for child in element:
        if local(child) == name:
            found.append(child)
        elif local(child) in ("sdt", "sdtContent", "customXml", "ins"):
            found += _named(child, name)
    return found


def _spans(cell: Element) -> tuple[int, str]:
    across, merged = 1, ""
    for properties in cell:
        if local(properties) == "tcPr":
            for each in properties:
                value = next((str(v) for key, v in each.attrib.items() if str(key).endswith("}val")), "")
                if local(each) == "gridSpan" and value.isdecimal():
                    across = max(1, min(int(value), MAX_SPAN))
                elif local(each) == "vMerge":
                    merged = value or "continue"
    return across, merged
