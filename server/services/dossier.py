"""The dossier of a sitting: five parts, everything that was recorded, in one file that proves itself.

1-plan (plan and eligibility), 2-filing (the frozen policy), 3-process (the day: tables, ledger, room record,
audit chain with checkpoints), 4-results (packages, answers, marks), 5-evidence (its index, sealed frames).
ID numbers are masked; sealed values appear as hashes. What is gathered here is packed by a child process.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms.wire import canonical
from itembank.package import PackageBroken, read_header
from server.access import Actor, Permission
from server.db.answers import AnswerStore
from server.db.arrangements import ArrangementRow
from server.db.assessing import SheetTemplate
from server.db.base import Base
from server.db.evidence_store import EvidenceStore
from server.db.papers import Package, PaperSet
from server.db.people import User
from server.db.record import AuditEntry
from server.db.record_book import DossierRow
from server.db.rooms import Room, Workstation, WorkstationClock
from server.db.sittings import Assignment, Candidate, Registration, RoomSitting
from server.errors import NotFound, Refused
from server.rules.archive import index_message, signed
from server.services import (
    attempt_export,
    audit,
    checkpoints,
    ledger,
    origins,
    record_book,
    rosters,
    supervision,
)
from server.services.attempt_export import Sources
from server.services.dossier_tables import Found, by_folder, value_of, walk
from server.services.ledger import Line
from server.services.record_book import Page, book
from server.services.room_record import document
from server.services.roomstate import RoomState, load
from server.services.signed import need
from server.services.site import Site

FINISHED = ("ended", "collected", "marked")


@dataclass(frozen=True, slots=True)
class Wish:
    """Which dossier: of a room in a sitting, or of all rooms of its sitting; with sealed pictures or not."""

    room_sitting: int
    whole: bool = False
    with_frames: bool = False


@dataclass(frozen=True, slots=True)
class Stores:
    """Where answers and pictures are, who signs, and the zone of the documents."""

    answers: AnswerStore
    evidence: EvidenceStore
    site: Site
    zone: ZoneInfo


def ask(session: Session, actor: Actor, wish: Wish, *, now: datetime) -> int:
    """Notes that somebody takes a dossier out and signs every chain as it is now; the dossier's id.

    Raises `Refused` (`dossier_too_early`) while a room of it has not ended.
    """
    need(actor, Permission.EXPORT_ARCHIVE)
    rooms = rooms_of(session, wish)
    for number in rooms:
        if session.get_one(RoomSitting, number).state not in FINISHED:
            raise Refused("dossier_too_early")
    row = DossierRow(
        room_sitting_id=wish.room_sitting,
        whole=wish.whole,
        with_frames=wish.with_frames,
        asked_at=now,
        asked_by=actor.user_id,
    )
    session.add(row)
    session.flush()
    for number in rooms:
        stream = audit.sitting_stream(number)
        told = {"rooms": len(rooms), "frames": wish.with_frames}
        audit.record(session, stream, actor, "dossier_exported", f"dossier/{row.id}", now=now, **told)
        checkpoints.make(session, stream, now=now)
    return row.id


def rooms_of(session: Session, wish: Wish) -> list[int]:
    """The rooms in their sitting that a dossier is of. Raises `NotFound`."""
    row = session.get(RoomSitting, wish.room_sitting)
    if row is None:
        raise NotFound("sitting")
    if not wish.whole:
        return [row.id]
    query = select(RoomSitting.id).where(RoomSitting.sitting_id == row.sitting_id)
    return list(session.scalars(query.order_by(RoomSitting.id)))


def work(session: Session, actor: Actor, wish: Wish, stores: Stores, *, now: datetime) -> dict[str, Any]:
    """The payload of the packing job: every file as bytes, documents to be typeset, facts of the index."""
    need(actor, Permission.EXPORT_ARCHIVE)
    numbers = rooms_of(session, wish)
    rooms = [load(session, number) for number in numbers]
    found = walk(session, Base.metadata, rooms[0].sitting.id, numbers)
    files = dict(_files(session, actor, rooms, found, stores, now))
    if wish.with_frames:
        files |= _sealed_frames(found, stores.evidence)
    documents = {
        f"3-process/record-{room.row.id}.pdf": document(session, room.row.id, now=now, zone=stores.zone)
        for room in rooms
        # What may have been altered is not printed; its data come along, and the check names them.
        if not book(session, Page(room.row.id, stores.zone)).altered
    }
    names = sorted(files)
    blobs = {f"f{place}": files[name] for place, name in enumerate(names)}
    return {"facts": _facts(rooms, stores, now), "names": names, "documents": documents, **blobs}


def sealed_file(result: Mapping[str, Any], site: Site) -> bytes:
    """The finished file: what the child packed, with the site's signature over its index."""
    signature = site.signing_key.sign(index_message(result["index"]))
    return signed(result["data"], base64.b64encode(signature))


def _facts(rooms: list[RoomState], stores: Stores, now: datetime) -> dict[str, Any]:
    first = rooms[0]
    return {
        "made_at": now.astimezone(UTC).isoformat(),
        "site_key": base64.b64encode(stores.site.public_key).decode(),
        "batch": first.batch.name,
        "sitting": first.sitting.number,
        "starts_at": first.sitting.starts_at.isoformat(),
        "rooms": [
            {"id": room.row.id, "uid": room.row.uid, "name": room.room.name, "state": room.row.state}
            for room in rooms
        ],
    }


# --- files ---------------------------------------------------------------------------------------------


def _files(  # noqa: PLR0913 - all that files are made of
    session: Session,
    actor: Actor,
    rooms: list[RoomState],
    found: Found,
    stores: Stores,
    now: datetime,
) -> Iterator[tuple[str, bytes]]:
    numbers = [room.row.id for room in rooms]
    for folder, tables in by_folder(found).items():
        for name, rows in tables.items():
            yield f"{folder}/tables/{name}.jsonl", _lines(rows)
    yield "1-plan/roster.jsonl", _lines(_roster(session, found))
    yield "1-plan/staff.jsonl", _lines(_staff(session, found, numbers))
    yield "1-plan/rooms.json", canonical([_plan(session, room) for room in rooms])
    yield "1-plan/arrangements.jsonl", _lines(_arrangements(session, rooms))
    yield "2-filing/batch.json", canonical(_batch(rooms[0]))
    yield "2-filing/policy.json", canonical(rooms[0].batch.policy)
    lines = ledger.lines_of(session, [row["id"] for row in found.rows["attempts"]])
    yield "3-process/ledger.jsonl", _lines(map(_span, lines))
    yield "3-process/clocks.jsonl", _lines(_clocks(session, lines))
    for number in numbers:
        yield f"3-process/audit/sitting-{number}.jsonl", _lines(_chain(session, number))
        yield (
            f"3-process/record-{number}.json",
            canonical(record_book.as_json(book(session, Page(number, stores.zone)))),
        )
    yield "3-process/supervision.json", canonical(supervision.as_json(session, rooms[0].sitting.id))
    streams = [audit.sitting_stream(number) for number in numbers]
    points = [point for stream in streams for point in checkpoints.of_stream(session, stream)]
    yield "3-process/checkpoints.jsonl", _lines(point.as_json() for point in points)
    chosen = sorted(row["id"] for row in found.rows["attempts"])
    sources = Sources(stores.answers, stores.site)
    yield "4-results/attempts.json", attempt_export.document(session, sources, chosen, now=now)
    for code, proofs in origins.proofs(session, rooms[0].sitting.id):
        yield f"3-process/site-{code}.json", proofs
    yield "4-results/packages.json", canonical(list(_packages(session, numbers, stores.site)))


def _lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(canonical(dict(row)) + b"\n" for row in rows)


def _roster(session: Session, found: Found) -> Iterator[dict[str, Any]]:
    numbers = {row["id"] for row in found.rows["registrations"]}
    query = (
        select(Registration, Candidate)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .where(Registration.sitting_id == found.rows["sittings"][0]["id"])
        .order_by(Registration.ticket)
    )
    for row, candidate in session.execute(query):
        if row.id in numbers:
            masked = rosters.masked_id(session, candidate)
            yield {"registration": row.id, "ticket": row.ticket, "name": candidate.name, "id_masked": masked}


def _staff(session: Session, found: Found, rooms: list[int]) -> Iterator[dict[str, Any]]:
    """Everybody who is named in some row, with the roles they had in these rooms."""
    duties: dict[int, set[str]] = {}
    query = select(Assignment).where(Assignment.room_sitting_id.in_(rooms))
    for duty in session.scalars(query):
        duties.setdefault(duty.user_id, set()).add(duty.role)
    wanted = found.users | duties.keys()
    for user in session.scalars(select(User).where(User.id.in_(wanted)).order_by(User.id)):
        yield {"user": user.id, "name": user.name, "roles": sorted(duties.get(user.id, ()))}


def _plan(session: Session, room: RoomState) -> dict[str, Any]:
    row = session.get_one(Room, room.room.id)
    seats = [_values(seat) for seat in row.seats]
    return {"room": row.id, "name": row.name, "kind": row.kind, "layout": row.layout, "seats": seats}


def _arrangements(session: Session, rooms: list[RoomState]) -> Iterator[dict[str, Any]]:
    """The draws that seated the rooms: seed, rules, hashes that prove a replay, what could not be kept."""
    numbers = {room.row.arrangement_id for room in rooms} - {None}
    for row in session.scalars(select(ArrangementRow).where(ArrangementRow.id.in_(numbers))):
        yield _values(row)


def _values(row: Base) -> dict[str, Any]:
    return {column.name: value_of(getattr(row, column.name)) for column in row.__table__.c}


def _batch(room: RoomState) -> dict[str, Any]:
    names = ("id", "name", "occupation", "level", "profile", "rehearsal", "state", "created_at")
    return {name: value_of(getattr(room.batch, name)) for name in names}


def _span(line: Line) -> dict[str, Any]:
    span, machine = line.span, line.machine
    return {
        "room_sitting": line.room_sitting,
        "seat": line.seat,
        "attempt": span.attempt,
        "ticket": line.ticket,
        "workstation": machine.id if machine else None,
        "fingerprint": machine.fingerprint if machine else "",
        "hostname": machine.hostname if machine else "",
        "camera": span.camera,
        "from": value_of(span.from_at),
        "until": value_of(span.until_at),
        "journals": list(line.journals),
    }


def _clocks(session: Session, lines: Iterable[Line]) -> Iterator[dict[str, Any]]:
    """The clocks of the machines, so that stamps in the answers can be placed without the server."""
    machines = {line.machine.id for line in lines if line.machine}
    query = (
        select(WorkstationClock, Workstation.public_key)
        .join(Workstation, Workstation.id == WorkstationClock.workstation_id)
        .where(Workstation.id.in_(machines))
        .order_by(WorkstationClock.workstation_id, WorkstationClock.boot_id)
    )
    for row, key in session.execute(query):
        place = {"workstation": row.workstation_id, "public_key": base64.b64encode(key).decode()}
        yield {**place, "boot_id": row.boot_id, "offset_ns": row.offset_ns}


def _chain(session: Session, number: int) -> Iterator[dict[str, Any]]:
    query = select(AuditEntry).where(AuditEntry.stream == audit.sitting_stream(number))
    for entry in session.scalars(query.order_by(AuditEntry.seq)):
        yield audit.as_json(entry)


def _packages(session: Session, rooms: list[int], site: Site) -> Iterator[dict[str, Any]]:
    """The signed head and hash of every package of the rooms, and what set of papers it was made of."""
    query = (
        select(Package, func.coalesce(PaperSet.title, SheetTemplate.title))
        .outerjoin(PaperSet, PaperSet.id == Package.paper_set_id)
        .outerjoin(SheetTemplate, SheetTemplate.id == Package.template_id)
        .where(Package.room_sitting_id.in_(rooms))
        .order_by(Package.id)
    )
    for row, title in session.execute(query):
        whole = hashlib.sha256(row.data).hexdigest() == row.sha256
        yield {
            "package": row.id,
            "uid": row.uid,
            "papers": title,
            "sha256": row.sha256,
            "size": row.size,
            "whole": whole,
            "header": _header(row.data, site),
        }


def _header(data: bytes, site: Site) -> object:
    try:
        header = read_header(data, site.public_key)
    except PackageBroken as fault:
        return {"broken": fault.__class__.__name__}
    return {
        "package": header.package,
        "sitting": header.sitting,
        "room": header.room,
        "not_before": value_of(header.not_before),
        "forms": list(header.forms),
    }


def _sealed_frames(found: Found, store: EvidenceStore) -> dict[str, bytes]:
    """Pictures as they lie in the store: sealed, to be opened by this site alone."""
    files = {}
    for row in found.rows.get("evidence_frames", ()):
        data = store.get(row["file"]) if row["file"] else None
        if data is not None:
            files[f"5-evidence/frames/{row['file']}.sealed"] = data
    return files
