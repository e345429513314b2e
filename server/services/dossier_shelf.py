"""Dossiers that were made, sealed until they are downloaded or a day is over."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from itembank.sealing import SealBroken
from itembank.vault import Vault
from server.access import Actor, Permission
from server.db.evidence_store import EvidenceStore, FolderStore, frame_name
from server.db.record_book import DossierRow
from server.errors import NotFound
from server.services import audit, staff
from server.services.dossier import Wish, rooms_of
from server.services.signed import need

KEPT = timedelta(hours=24)
PURPOSE = "dossier"


@dataclass(frozen=True, slots=True)
class Shelved:
    """One dossier of a room. `ready`: it can be downloaded now."""

    id: int
    state: str
    whole: bool
    with_frames: bool
    asked_at: datetime
    asked_by: str
    sha256: str
    root: str
    size: int
    ready: bool


def shelf(folder: Path) -> EvidenceStore:
    """Where they lie; the folder is `Settings.dossiers`, which several machines share."""
    return FolderStore(folder)


def shelved(session: Session, room_sitting_id: int, *, now: datetime) -> list[Shelved]:
    """The dossiers that were asked for, the latest first."""
    query = select(DossierRow).where(DossierRow.room_sitting_id == room_sitting_id)
    rows = list(session.scalars(query.order_by(DossierRow.id.desc())))
    names = staff.names(session, [row.asked_by for row in rows])
    return [
        Shelved(
            id=row.id,
            state=row.state,
            whole=row.whole,
            with_frames=row.with_frames,
            asked_at=row.asked_at,
            asked_by=names.get(row.asked_by or 0, ""),
            sha256=row.sha256,
            root=row.root,
            size=row.size,
            ready=_ready(row, now),
        )
        for row in rows
    ]


def put(vault: Vault, store: EvidenceStore, dossier_id: int, data: bytes) -> str:
    """Seals a finished dossier into its store; its name there."""
    name = frame_name(dossier_id, hashlib.sha256(data).hexdigest())
    store.put(name, vault.seal_value(PURPOSE, name, data))
    return name


def made(session: Session, dossier_id: int, name: str, facts: tuple[int, str], *, now: datetime) -> None:
    """The file lies under its name: the row may promise it. `facts`: its size and Merkle root."""
    row = session.get_one(DossierRow, dossier_id)
    row.state, row.made_at, row.file = "done", now, name
    row.size, row.root = facts
    row.sha256 = name.partition("-")[2]


def failed(session: Session, dossier_id: int) -> None:
    """The job ended without a file."""
    session.get_one(DossierRow, dossier_id).state = "failed"


def fetch(session: Session, actor: Actor, place: tuple[int, int], *, now: datetime) -> str:
    """The name under which a dossier lies (`place`: room's sitting and dossier); the taking is recorded.

    Raises `NotFound` when it is gone.
    """
    need(actor, Permission.EXPORT_ARCHIVE)
    room_sitting_id, dossier_id = place
    row = session.get(DossierRow, dossier_id)
    if row is None or row.room_sitting_id != room_sitting_id or not _ready(row, now):
        raise NotFound("dossier")
    for number in rooms_of(session, Wish(room_sitting_id, row.whole)):
        stream = audit.sitting_stream(number)
        told = {"sha256": row.sha256}
        audit.record(session, stream, actor, "dossier_fetched", f"dossier/{row.id}", now=now, **told)
    return row.file


def opened(vault: Vault, store: EvidenceStore, name: str) -> bytes:
    """The file under a name. Raises `NotFound` when it is not there or not what was put there."""
    sealed = store.get(name)
    try:
        if sealed is not None:
            return vault.open_value(PURPOSE, name, sealed)
    except SealBroken as fault:
        raise NotFound("dossier") from fault
    raise NotFound("dossier")


def _ready(row: DossierRow, now: datetime) -> bool:
    return bool(row.file) and row.asked_at > now - KEPT


def clear(session: Session, *, now: datetime, starting: bool = False) -> list[str]:
    """Forgets what has lain longer than a day; the names to remove once that is committed.

    `starting`: the server has just started, so nothing is being made any more.
    """
    names = []
    for row in session.scalars(select(DossierRow).where(DossierRow.file != "")):
        if not _ready(row, now):
            names.append(row.file)
            row.file = ""
    if starting:
        left = update(DossierRow).where(DossierRow.state == "making")
        session.execute(left.values(state="failed"))
    return names
