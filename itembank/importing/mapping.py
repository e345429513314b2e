"""What has to be asked before a table can be read, with a suggestion from headings and cells."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import SequenceMatcher

from itembank.importing import answers
from itembank.importing.cells import Row, Sheet
from itembank.importing.drafts import Declared, MappingNeeded
from itembank.importing.kinds import TYPE_WORDS, KindTable, folded_kind
from itembank.importing.layouts import SYNONYMS, enough, field_of, folded, headings_of, template_of
from itembank.importing.readers import HEADINGS, RawItem
from itembank.items import ItemKind

ALIKE = 0.6  # of difflib's ratio: headings at least as alike are suggested
LEAST_COLUMNS = 3  # of a header that is worth asking about
_SAMPLE_ROWS = 50
_MOST = 0.8  # of a column's cells: so many speak for what it is
_FREE = (
    "stem",
    "answer",
    "explanation",
    "kind",
    "options",
    "difficulty",
    "uid",
    "topic",
    "chapter",
    "source",
)


def wished_columns(sheets: Iterable[Sheet]) -> MappingNeeded | None:
    """The wish for columns of the first sheet that looks like a table; None when none does."""
    for sheet in sheets:
        headings = headings_of(sheet.rows)
        if sum(map(bool, headings)) >= LEAST_COLUMNS and len(sheet.rows) > 1:
            shown = tuple(dict.fromkeys(heading for heading in headings if heading))
            suggested = Declared(columns=_suggested(headings, sheet.rows))
            return MappingNeeded(template_of(headings), shown, {}, suggested)
    return None


def wished_codes(
    raws: Sequence[RawItem], table: KindTable, headings: Sequence[str], declared: Declared
) -> MappingNeeded | None:
    """The wish for type codes that nothing explains; words only when they stand in most of the rows."""
    rows: dict[str, list[RawItem]] = {}
    words: dict[str, list[RawItem]] = {}
    left_out = {folded_kind(code) for code, kind in declared.codes.items() if not kind}
    for raw in raws:
        text = raw.get("kind")
        if text and table.kind(text) == "unknown_type_code":
            code = table.unexplained(text)
            if (code or folded_kind(text)) in left_out:
                continue
            (rows if code else words).setdefault(code or folded_kind(text), []).append(raw)
    if 2 * sum(map(len, words.values())) > len(raws):
        rows |= words
    if not rows:
        return None
    codes = {code: found[0].get("kind")[:40] for code, found in rows.items()}
    kinds = {code: likely_kind(found).value for code, found in rows.items()}
    shown = tuple(heading for heading in headings if heading)
    return MappingNeeded(template_of(headings), shown, codes, Declared(declared.columns, kinds))


def likely_kind(raws: Sequence[RawItem]) -> ItemKind:
    """What rows of one code most likely are, from their options and answers; for a suggestion only."""
    optioned = [raw for raw in raws if raw.get("option_A") or raw.get("options")]
    said = [answers.letters(raw.get("answer")) or () for raw in optioned]
    if optioned and 2 * len(optioned) >= len(raws):
        several = sum(len(letters) > 1 for letters in said)
        return ItemKind.MULTIPLE if 2 * several >= len(said) else ItemKind.SINGLE
    if all(answers.truth(raw.get("answer")) for raw in raws):
        return ItemKind.TRUE_FALSE
    blanks = sum("__" in raw.get("stem") or "＿" in raw.get("stem") for raw in raws)
    return ItemKind.TEXT if 2 * blanks >= len(raws) else ItemKind.ESSAY


def _suggested(headings: Sequence[str], rows: Sequence[Row]) -> dict[str, str]:
    """Heading -> field by known headings, then by what the cells are, then by likeness."""
    found: dict[str, str] = {}

    def take(column: int, name: str) -> None:
        if name and headings[column] and headings[column] not in found and name not in found.values():
            found[headings[column]] = name

    for column, heading in enumerate(headings):
        take(column, field_of(heading) if heading else "")
    likely = sorted(
        ((ratio, column, name) for column, heading in enumerate(headings) for ratio, name in _alike(heading)),
        reverse=True,
    )
    for _ratio, column, name in likely:
        take(column, name)
    for column, name in _by_cells(headings, rows):
        take(column, name)
    return found if enough(dict.fromkeys(found.values(), 0), declared=True) else {}


def _alike(heading: str) -> Iterable[tuple[float, str]]:
    name = folded(heading)
    for field in _FREE:
        for known in map(folded, (HEADINGS[field], *SYNONYMS.get(field, ()))):
            ratio = SequenceMatcher(None, name, known).ratio()
            if len(known) > 1 and known in name:
                # The last word of a heading says what it is: 试题难易度 is a difficulty, not an item.
                last = name.endswith(known)
                ratio = max(ratio, (0.9 if last else ALIKE) + len(known) / 1000)
            if name and ratio >= ALIKE:
                yield ratio, field
    letter = re.fullmatch(r"\D*([A-J])\D*", name)
    if letter:
        yield 0.7, f"option_{letter[1]}"


def _by_cells(headings: Sequence[str], rows: Sequence[Row]) -> Iterable[tuple[int, str]]:
    sample = [row for row in rows if tuple(cell.strip() for cell in row.cells) != tuple(headings)]
    widths: Mapping[int, float] = {}
    for column in range(len(headings)):
        cells = [row.cell(column).strip() for row in sample[:_SAMPLE_ROWS]]
        filled = [cell for cell in cells if cell]
        if not filled:
            continue
        if _share(filled, lambda cell: bool(answers.letters(cell) or answers.truth(cell))) >= _MOST:
            yield column, "answer"
        elif _share(filled, lambda cell: folded_kind(cell).removesuffix("题") in TYPE_WORDS) >= _MOST:
            yield column, "kind"
        else:
            widths = {**widths, column: sum(map(len, filled)) / len(filled)}
    for column in sorted(widths, key=lambda each: -widths[each])[:1]:
        yield column, "stem"


def _share(cells: Sequence[str], is_such: Callable[[str], bool]) -> float:
    return sum(map(is_such, cells)) / len(cells)
