"""Question banks and blueprints in workbooks, web pages saved as such, and text tables."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from itembank.importing.archive import Archive
from itembank.importing.blueprint_tables import is_blueprint, read_blueprint
from itembank.importing.cells import Sheet
from itembank.importing.drafts import Declared, Draft, Found, Noted, Rejected
from itembank.importing.gallery import Gallery
from itembank.importing.illustrating import illustrated
from itembank.importing.kinds import KindTable, legend
from itembank.importing.layouts import Header, field_of, find_header
from itembank.importing.mapping import LEAST_COLUMNS, wished_codes, wished_columns
from itembank.importing.media import MediaBox
from itembank.importing.normalise import drafted
from itembank.importing.readers import HEADINGS, RawItem
from itembank.importing.rows import headers, is_instructions, notes, raw_items
from itembank.importing.source import Source, refusal
from itembank.importing.tables import Tables, is_web_page, read_tables
from itembank.items import ItemBody, ItemKind, content_hash
from itembank.problems import InputRefused, Problem

_DOCUMENT_STREAM = "WordDocument".encode("utf-16-le")
_TABLE_ENDINGS = (".xlsx", ".xlsm", ".xls", ".csv")
_PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff")
_KINDS = frozenset(ItemKind)
_REGULAR = 0.8  # of a text table's first rows: so many are as wide as its first
_SNIFFED_ROWS = 30
_LONGEST_HEADING = 40
_LONGEST_UID = 60


@dataclass(frozen=True, slots=True)
class _Part:
    """One sheet that holds items, with its headers and rows."""

    sheet: Sheet
    headers: tuple[Header, ...]
    raws: tuple[RawItem, ...]
    kinds: KindTable


class SpreadsheetFormat:
    """Tables: the layout is told by the headings, whatever the container and its name."""

    def __init__(self) -> None:
        self._tables: WeakKeyDictionary[Source, Tables] = WeakKeyDictionary()

    def sniff(self, source: Source) -> str:
        """Such as "guobiao-xlsx", "unmapped-csv"; text that is not in regular columns is not ours."""
        if source.is_zip and not _holds_table(source.archive):
            return ""
        if source.is_ole and _DOCUMENT_STREAM in source.data:
            return ""
        tables = self._read(source)
        if is_blueprint(tables.sheets):
            return f"blueprint-{tables.format}"
        found = [find_header(sheet, {}) for sheet in tables.sheets]
        named = next((header.layout for header in found if header), "")
        if not named and tables.format == "csv" and not _regular(tables.sheets[0]):
            return ""
        return f"{named or 'unmapped'}-{tables.format}"

    def read(self, source: Source, declared: Declared, media: MediaBox) -> Iterator[Found]:
        """Items in order, then broken rows and notes."""
        for kind in declared.codes.values():
            if kind and kind not in _KINDS:
                raise refusal("kind_not_known", source.name, kind=kind[:20])
        tables = self._read(source)
        if is_blueprint(tables.sheets):
            yield from read_blueprint(tables.sheets)
            return
        parts = list(_parts(tables, declared))
        if not parts:
            _ask_for_columns(source, tables)
        yield from _illustrated(_told_apart(parts), tables.gallery, media)
        yield from (Rejected(_cut_short(fault)) for fault in tables.faults)
        yield from map(Noted, _notes(tables, parts, declared))

    def _read(self, source: Source) -> Tables:
        """Sniffing needs the tables already; they are not read twice."""
        found = self._tables.get(source)
        if found is None:
            found = self._tables[source] = _tables_of(source)
        return found


def _cut_short(fault: Problem) -> Problem:
    """A broken row of a bank: what stands before it is read, so it does not refuse the file."""
    code = "rows_after_quotes" if fault.code == "row_broken_quotes" else fault.code
    return Problem(code, fault.place, fault.params)


def _holds_table(archive: Archive) -> bool:
    return "xl/workbook.xml" in archive or _bundled(archive) != ""


def _bundled(archive: Archive) -> str:
    """The only table of an archive of a table and its pictures; "" for any other archive."""
    seen = [name for name in archive.names() if not name.rpartition("/")[2].startswith((".", "~$"))]
    tables = [name for name in seen if name.lower().endswith(_TABLE_ENDINGS)]
    others = [name for name in seen if not name.lower().endswith((*_TABLE_ENDINGS, *_PICTURE_ENDINGS))]
    return tables[0] if len(tables) == 1 and not any(name.lower().endswith(".xml") for name in others) else ""


def _tables_of(source: Source) -> Tables:
    inner = _bundled(source.archive) if source.is_zip and "xl/workbook.xml" not in source.archive else ""
    if not inner:
        return read_tables(source.data, source.name)
    outer = source.archive
    tables = read_tables(outer.read(inner), inner)
    files = {
        name.rpartition("/")[2].lower(): f"beside:{name}"
        for name in outer.names()
        if name.lower().endswith(_PICTURE_ENDINGS)
    }
    within = tables.gallery

    def read(key: str) -> bytes:
        return outer.read(key.removeprefix("beside:")) if key.startswith("beside:") else within.read(key)

    return replace(tables, gallery=replace(within, files=files, read=read))


def _regular(sheet: Sheet) -> bool:
    """Whether text is in columns: a short heading over each, and nearly all rows as wide as the first."""
    rows = sheet.rows[:_SNIFFED_ROWS]
    if len(rows) < 2:
        return False
    first = [cell for cell in rows[0].cells if cell.strip()]
    width = len(rows[0].cells)
    like = sum(len(row.cells) == width for row in rows)
    short = all(len(cell) <= _LONGEST_HEADING for cell in first)
    return len(first) >= LEAST_COLUMNS and short and like >= _REGULAR * len(rows)


def _parts(tables: Tables, declared: Declared) -> Iterator[_Part]:
    """The sheets with a header; `MappingNeeded` for type codes that nothing explains."""
    told = [
        cell
        for sheet in tables.sheets
        if is_instructions(sheet)
        for row in sheet.rows
        for cell in row.cells
        if cell
    ]
    for sheet in tables.sheets:
        header = find_header(sheet, {} if is_instructions(sheet) else declared.columns)
        if header is None:
            continue
        above = [cell for row in sheet.rows[: header.index + 1] for cell in row.cells if cell]
        kinds = KindTable(declared.codes, legend([*told, *above]), national=header.national)
        found = headers(sheet, header, declared.columns)
        raws = tuple(raw_items(sheet, found, tables.gallery))
        wish = wished_codes(raws, kinds, _headings(sheet, header), declared)
        if wish is not None:
            raise wish
        yield _Part(sheet, found, raws, kinds)


def _headings(sheet: Sheet, header: Header) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in sheet.rows[header.index].cells)


def _ask_for_columns(source: Source, tables: Tables) -> None:
    wish = wished_columns(sheet for sheet in tables.sheets if not is_instructions(sheet))
    if is_web_page(source.data):
        raise refusal("file_is_web_page", source.name)
    if tables.faults:
        raise InputRefused(tables.faults[0])
    if wish is None:
        raise refusal("unknown_layout", source.name, columns="、".join(_lacking(tables)))
    raise wish


def _lacking(tables: Tables) -> list[str]:
    """The headings without which nothing is an item; for the message when nothing fits."""
    seen = {field_of(cell) for sheet in tables.sheets for row in sheet.rows[:10] for cell in row.cells}
    return [HEADINGS[name] for name in ("stem", "kind", "answer") if name not in seen]


def _told_apart(parts: Iterable[_Part]) -> Iterator[tuple[Draft, tuple[str, ...]]]:
    """Every row as a draft with the keys of its pictures; equal ids of different items are told apart."""
    seen: dict[str, ItemBody] = {}
    times: Counter[str] = Counter()
    for part in parts:
        for raw in part.raws:
            draft = drafted(raw, part.kinds)
            uid = draft.uid
            if uid and not draft.faults:
                first = seen.setdefault(uid, draft.body)
                if first is not draft.body and content_hash(first) != content_hash(draft.body):
                    times[uid] += 1
                    other = f"{uid[:_LONGEST_UID]}-{times[uid] + 1}"
                    note = Problem("uid_twice", draft.place, {"uid": uid, "given": other})
                    draft = replace(draft, uid=other, warnings=(*draft.warnings, note))
            yield draft, raw.pictures


def _illustrated(
    drafts: Iterable[tuple[Draft, tuple[str, ...]]], gallery: Gallery, media: MediaBox
) -> Iterator[Draft]:
    for draft, keys in drafts:
        yield illustrated(draft, keys, gallery, media) if keys else draft


def _notes(tables: Tables, parts: Sequence[_Part], declared: Declared) -> Iterator[Problem]:
    read = {id(part.sheet): part for part in parts}
    for sheet in tables.sheets:
        part = read.get(id(sheet))
        if part is not None:
            yield from notes(sheet, part.headers, tables.gallery, declared.columns)
        elif sheet.rows:
            yield Problem("sheet_ignored", sheet.name, {"sheet": sheet.name})
    yield from tables.notes
    if tables.gallery.lost:
        yield Problem("pictures_lost", "", {"count": tables.gallery.lost})
