"""Imports of bank files from the upload to the decision: read, explained, checked against the bank, given up.

Nothing of the bank changes before `import_commit`. Until then the file, what was read of it and its media are
kept sealed; whatever ends an import erases them.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from itembank.importing.media import MediumFile
from itembank.importing.reading import BankReading, MappingWish, Placed
from itembank.items import Medium
from itembank.problems import Problem
from itembank.vault import Vault
from server.access import Actor, Permission
from server.db.bank import Bank, BankImport, BankItem, ImportMedium
from server.db.base import vault_of
from server.errors import Forbidden, NotFound, Refused
from server.services import audit
from server.services.readings import Packed, from_bytes, packed, to_bytes, without
from server.services.signed import need

READING_PURPOSE = "bank-import"
FILE_PURPOSE = "bank-import-file"
CONTENT_PURPOSE = "item-content"
STEM_PURPOSE = "item-stem"
OPEN = frozenset({"reading", "mapping", "checked"})
"""States of an import that is not decided yet."""


@dataclass(frozen=True)
class UploadedFile:
    """A file to import: its name as given, its bytes."""

    name: str
    data: bytes

    @cached_property
    def sha256(self) -> str:
        """Hex digest of the bytes."""
        return hashlib.sha256(self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class Known:
    """What a bank holds already: ids, content indexes, and stem index -> id of an item with that stem."""

    uids: frozenset[str]
    contents: frozenset[str]
    stems: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Kept:
    """A reading ready to be stored: compared with the bank, sealed, its media sealed as rows."""

    known: Packed
    sealed: bytes
    media: tuple[dict[str, Any], ...]
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ImportReport:
    """One import as its screen shows it. `known` is there while something can be decided, or after a failure.

    `seconds` is what the reading took; `mapping` what was declared or remembered to read it.
    """

    id: int
    bank_id: int
    filename: str
    sha256: str
    size: int
    state: str
    accepted: int
    rejected: int
    seconds: float | None
    mapping: Mapping[str, Any] | None
    known: Packed | None
    job_id: int | None
    begun_by: int | None

    @property
    def reading(self) -> BankReading | None:
        """What was read, if it is still kept."""
        return self.known.reading if self.known else None

    @property
    def bad_rows(self) -> int:
        """How many rows were rejected; one row may have several faults."""
        return rows_of(self.reading.rejected) if self.reading else self.rejected

    def paths_without_point(self) -> list[tuple[str, int]]:
        """Categories of the items that name no point, with their numbers, in the order of their names."""
        items = self.reading.items if self.reading else ()
        counted = Counter(p.item.facts.path for p in items if not p.item.facts.point)
        return sorted(counted.items())

    def without_difficulty(self) -> int:
        """How many items have no difficulty."""
        return sum(not p.item.facts.difficulty for p in self.reading.items) if self.reading else 0

    def readable_by(self, actor: Actor) -> bool:
        """Who began an import has the file; of anybody else's the bodies are for who may read items."""
        return self.begun_by == actor.user_id or actor.can(Permission.READ_ITEMS)


def begin(session: Session, actor: Actor, bank_id: int, file: UploadedFile, *, now: datetime) -> int:
    """Keeps a file sealed and notes that it is being read."""
    need(actor, Permission.IMPORT_BANK)
    if session.get(Bank, bank_id) is None:
        raise NotFound("bank")
    row = BankImport(
        bank_id=bank_id,
        filename=file.name[:200],
        sha256=file.sha256,
        size=len(file.data),
        sealed_file=vault_of(session).seal_value(FILE_PURPOSE, file.sha256, file.data),
        state="reading",
        created_at=now,
        created_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    return row.id


def link_job(session: Session, import_id: int, job_id: int) -> None:
    """Remembers which job reads the file, so that a returning person finds its progress."""
    session.get_one(BankImport, import_id).job_id = job_id


def kept_file(session: Session, import_id: int) -> UploadedFile:
    """The file as it was uploaded. Refused when the import is decided and the file erased."""
    row = _row(session, import_id)
    if row.sealed_file is None:
        raise Refused("import_not_ready")
    data = vault_of(session).open_value(FILE_PURPOSE, row.sha256, row.sealed_file)
    return UploadedFile(row.filename, data)


def checked(session: Session, import_id: int, found: Packed | BankReading, *, seconds: float = 0.0) -> Kept:
    """What `store` will keep: compared with the bank and sealed. Ciphers work here, not in a transaction."""
    row = _row(session, import_id)
    bank = session.get_one(Bank, row.bank_id)
    vault = vault_of(session)
    media = (found.reading if isinstance(found, Packed) else found).media
    known = found if isinstance(found, Packed) else packed(found)
    known = compared(vault, held(session, row.bank_id), known)
    sealed = vault.seal_value(READING_PURPOSE, str(row.id), to_bytes(known))
    return Kept(known, sealed, tuple(_sealed_medium(vault, bank, row.id, f) for f in media.values()), seconds)


def store(session: Session, import_id: int, kept: Kept) -> None:
    """Keeps what the reader found. An import that was given up meanwhile keeps nothing."""
    row = session.get_one(BankImport, import_id, with_for_update=True)
    if row.state != "reading":
        return
    reading = kept.known.reading
    row.state = "mapping" if reading.wish else "checked"
    row.sealed_reading = kept.sealed
    row.format, row.encoding, row.seconds = reading.format[:40], reading.encoding[:16], kept.seconds
    row.accepted, row.rejected = len(reading.items), rows_of(reading.rejected)
    row.total = row.accepted + row.rejected
    if kept.known.mapping:
        row.mapping = dict(kept.known.mapping)
    _erase_media(session, row)
    if kept.media:
        session.execute(insert(ImportMedium), list(kept.media))


def fail(session: Session, import_id: int, problem: Problem) -> None:
    """The file could not be read at all; the reason is kept as the report's one problem, the file is not."""
    row = session.get_one(BankImport, import_id, with_for_update=True)
    if row.state != "reading":
        return
    erase(session, row)
    known = to_bytes(packed(BankReading.refused(problem)))
    row.sealed_reading = vault_of(session).seal_value(READING_PURPOSE, str(row.id), known)
    row.state, row.rejected, row.total = "failed", 1, 1


def cancelled(session: Session, import_id: int) -> None:
    """The reading was stopped by a person: nothing of the file stays."""
    row = session.get_one(BankImport, import_id, with_for_update=True)
    if row.state == "reading":
        erase(session, row)
        row.state = "discarded"


def discard(session: Session, actor: Actor, import_id: int, *, now: datetime) -> None:
    """Forgets a dry run; nothing of it stays but its name and numbers."""
    need(actor, Permission.IMPORT_BANK)
    row = _row(session, import_id, lock=True)
    if row.state == "committed":
        raise Refused("import_not_ready")
    erase(session, row)
    row.state = "discarded"
    stream = audit.bank_stream(row.bank_id)
    audit.record(session, stream, actor, "import_discarded", f"import/{row.id}", now=now)


def report(session: Session, import_id: int) -> ImportReport:
    """The import with everything its screen shows."""
    row = _row(session, import_id)
    return ImportReport(
        id=row.id,
        bank_id=row.bank_id,
        filename=row.filename,
        sha256=row.sha256,
        size=row.size,
        state=row.state,
        accepted=row.accepted,
        rejected=row.rejected,
        seconds=row.seconds,
        mapping=row.mapping,
        known=opened(vault_of(session), row),
        job_id=row.job_id,
        begun_by=row.created_by,
    )


def imports(session: Session, bank_id: int) -> list[BankImport]:
    """The imports of a bank, newest first."""
    rows = select(BankImport).where(BankImport.bank_id == bank_id).order_by(BankImport.id.desc())
    return list(session.scalars(rows))


def note_reading(session: Session, actor: Actor, import_id: int, what: str, *, now: datetime) -> None:
    """Puts on record that somebody looked at bodies or a medium of a file that somebody else uploaded."""
    row = _row(session, import_id)
    if row.created_by == actor.user_id:
        return
    need(actor, Permission.READ_ITEMS)
    stream = audit.bank_stream(row.bank_id)
    audit.record(session, stream, actor, "import_read", f"import/{row.id}", now=now, what=what)


def medium(session: Session, actor: Actor, import_id: int, sha256: str) -> MediumFile:
    """One picture, sound or film of a dry run, opened."""
    known = report(session, import_id)
    if not known.readable_by(actor):
        raise Forbidden(Permission.READ_ITEMS)
    row = session.get(ImportMedium, (import_id, sha256))
    if row is None:
        raise NotFound("medium")
    bank = session.get_one(Bank, known.bank_id)
    data = vault_of(session).open_medium(bank.wrapped_key, sha256, row.sealed)
    return MediumFile(Medium(sha256, row.mime, row.size, row.width, row.height), data)


def opened(vault: Vault, row: BankImport) -> Packed | None:
    """The reading that an import keeps, if it does."""
    if row.sealed_reading is None:
        return None
    return from_bytes(vault.open_value(READING_PURPOSE, str(row.id), row.sealed_reading))


def wish_of(known: Packed | None) -> MappingWish:
    """What the file has to be told. Refused when it asks nothing."""
    if known is None or known.reading.wish is None:
        raise Refused("import_not_ready")
    return known.reading.wish


def held(session: Session, bank_id: int) -> Known:
    """What the bank holds already."""
    columns = (BankItem.uid, BankItem.content_index, BankItem.stem_index)
    rows = session.execute(select(*columns).where(BankItem.bank_id == bank_id)).all()
    stems = {stem: uid for uid, _content, stem in rows if stem}
    return Known(frozenset(row[0] for row in rows), frozenset(row[1] for row in rows), stems)


def compared(vault: Vault, bank: Known, known: Packed) -> Packed:
    """Moves items whose id or content the bank has to the rejected; equal stems are mentioned."""
    if not bank.uids:
        return known
    gone, rejected, warnings = set(), list[Problem](), list[Problem]()
    rows = zip(known.reading.items, known.contents, known.stems, strict=True)
    for number, (placed, content, stem) in enumerate(rows):
        fault = _taken(vault, bank, placed, content)
        if fault is not None:
            gone.add(number)
            rejected.append(fault)
        elif (other := bank.stems.get(vault.index(STEM_PURPOSE, stem))) is not None:
            warnings.append(Problem("same_stem_in_bank", placed.place, {"uid": other}))
    known = without(known, gone)
    said = {problem.place for problem in known.reading.warnings if problem.code == "same_stem_in_bank"}
    reading = replace(
        known.reading,
        rejected=(*known.reading.rejected, *rejected),
        warnings=(*known.reading.warnings, *(each for each in warnings if each.place not in said)),
    )
    return replace(known, reading=reading)


def rows_of(problems: Iterable[Problem]) -> int:
    """How many rows have faults."""
    return len({problem.place for problem in problems})


def erase(session: Session, row: BankImport) -> None:
    """Removes the file, the reading and the media of an import."""
    row.sealed_file = row.sealed_reading = None
    _erase_media(session, row)


def _erase_media(session: Session, row: BankImport) -> None:
    session.execute(delete(ImportMedium).where(ImportMedium.import_id == row.id))


def _taken(vault: Vault, bank: Known, placed: Placed, content: str) -> Problem | None:
    uid = placed.item.facts.uid
    if uid in bank.uids:
        return Problem("item_id_taken", placed.place, {"uid": uid})
    if vault.index(CONTENT_PURPOSE, content) in bank.contents:
        return Problem("item_already_in_bank", placed.place, {"uid": uid})
    return None


def _sealed_medium(vault: Vault, bank: Bank, import_id: int, file: MediumFile) -> dict[str, Any]:
    shape = file.medium
    return {
        "import_id": import_id,
        "sha256": shape.sha256,
        "mime": shape.mime,
        "size": len(file.data),
        "width": shape.width,
        "height": shape.height,
        "sealed": vault.seal_medium(bank.wrapped_key, shape.sha256, file.data),
    }


def _row(session: Session, import_id: int, *, lock: bool = False) -> BankImport:
    row = session.get(BankImport, import_id, with_for_update=lock)
    if row is None:
        raise NotFound("import")
    return row
