"""Papers of the day: tickets, door lists, labels, plans and sheets of a room or of a whole sitting.

A room's paper goes to who asked for it and is kept nowhere. A whole sitting takes longer and waits as one
sealed file for `KEPT`; every printing is a line of the register and of the audit chain.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.base import vault_of
from server.db.day_prints import DayPrint
from server.db.people import User
from server.db.sittings import Registration, RoomSitting
from server.errors import NotFound, Refused
from server.services import audit, rosters
from server.services.day_paper_data import BUILDERS, Desk, seated
from server.services.duty import need_duty
from server.services.paper_prints import content_mark, head
from server.services.roomstate import load
from server.services.signed import need
from server.services.site_facts import SiteFacts

KEPT = timedelta(hours=24)
"""How long the file of a whole sitting waits; after that it is made anew in a minute."""
_PURPOSE = "day-print"


@dataclass(frozen=True, slots=True)
class Printer:
    """Who prints, in whose name, in which time zone."""

    actor: Actor
    facts: SiteFacts
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Made:
    """A finished file: its kind, the copies in it, the bytes."""

    kind: str
    copies: int
    data: bytes


@dataclass(frozen=True, slots=True)
class DayPrintLine:
    """A line of the register as pages show it. `room` is "" for a whole sitting; `waiting`: to be fetched."""

    id: int
    kind: str
    room: str
    copies: int
    sha256: str
    at: datetime
    by: str
    waiting: bool


def room_work(
    session: Session, printer: Printer, room_sitting_id: int, kind: str, *, now: datetime
) -> dict[str, Any]:
    """The payload of the typesetting job for one room.

    Refused: `not_on_duty`, `seats_not_drawn`, `paper_kind_unknown`.
    """
    _need_room(session, printer.actor, room_sitting_id, now)
    return _payload(session, printer, [room_sitting_id], kind, now)


def sitting_work(
    session: Session, printer: Printer, room_sitting_id: int, kind: str, *, now: datetime
) -> dict[str, Any]:
    """The same for every room of the sitting that this room is in; rooms without a draw are refused."""
    need(printer.actor, Permission.MANAGE_BATCHES)
    return _payload(session, printer, _rooms(session, room_sitting_id), kind, now)


def note_room(session: Session, actor: Actor, room_sitting_id: int, made: Made, *, now: datetime) -> int:
    """Puts a printing of one room on the register before it is handed out."""
    _need_room(session, actor, room_sitting_id, now)
    row = _row(session, room_sitting_id, made, actor, now)
    row.room_sitting_id = room_sitting_id
    return _noted(session, row, actor, now)


def keep_sitting(session: Session, actor: Actor, room_sitting_id: int, made: Made, *, now: datetime) -> int:
    """Puts a printing of a whole sitting on the register and keeps its file, sealed, for `KEPT`."""
    sweep(session, now=now)
    row = _row(session, room_sitting_id, made, actor, now)
    row.expires_at = now + KEPT
    session.add(row)
    session.flush()
    row.sealed = vault_of(session).seal_value(_PURPOSE, str(row.id), made.data)
    return _noted(session, row, actor, now)


def fetch(session: Session, actor: Actor, print_id: int, *, now: datetime) -> tuple[str, bytes]:
    """Kind and file of a whole sitting. Refused (`print_gone`) when its time is over."""
    need(actor, Permission.MANAGE_BATCHES)
    row = session.get(DayPrint, print_id)
    if row is None:
        raise NotFound("print")
    if row.sealed is None or row.expires_at is None or row.expires_at <= now:
        raise Refused("print_gone", 410)
    rooms = session.scalars(select(RoomSitting.id).where(RoomSitting.sitting_id == row.sitting_id))
    stream = audit.sitting_stream(min(rooms))
    audit.record(session, stream, actor, "day_paper_fetched", f"day-print/{row.id}", now=now, kind=row.kind)
    return row.kind, vault_of(session).open_value(_PURPOSE, str(row.id), row.sealed)


def lines(session: Session, room_sitting_id: int, *, now: datetime) -> list[DayPrintLine]:
    """The register of a room and of its whole sitting, the newest first."""
    row = _room(session, room_sitting_id)
    found = session.execute(
        select(DayPrint, User.name)
        .outerjoin(User, User.id == DayPrint.printed_by)
        .where(
            DayPrint.sitting_id == row.sitting_id,
            (DayPrint.room_sitting_id == room_sitting_id) | DayPrint.room_sitting_id.is_(None),
        )
        .order_by(DayPrint.id.desc())
    )
    return [
        DayPrintLine(
            id=each.id,
            kind=each.kind,
            room="" if each.room_sitting_id is None else str(each.room_sitting_id),
            copies=each.copies,
            sha256=each.sha256,
            at=each.printed_at,
            by=name or "",
            waiting=each.expires_at is not None and each.expires_at > now,
        )
        for each, name in found
    ]


def sweep(session: Session, *, now: datetime) -> None:
    """Forgets files whose time is over; their lines stay. Done when another one is kept."""
    session.execute(
        update(DayPrint)
        .where(DayPrint.expires_at.is_not(None), DayPrint.expires_at <= now, DayPrint.sealed.is_not(None))
        .values(sealed=None)
    )


# --- parts -----------------------------------------------------------------------------------------------


def _payload(
    session: Session, printer: Printer, rooms: Sequence[int], kind: str, now: datetime
) -> dict[str, Any]:
    builder = BUILDERS.get(kind)
    if builder is None:
        raise Refused("paper_kind_unknown", 422, field="kind")
    papers, photos, copies = [], dict[str, bytes](), 0
    for number in rooms:
        room = load(session, number)
        desk = Desk(session, room, printer.facts, printer.zone, seated(session, room))
        if not desk.people:
            raise Refused("seats_not_drawn_in", room=room.room.name)
        built = builder(desk)
        mark = content_mark(built.data | {"kind": kind, "room": number})
        title = head(room, mark, now=now, zone=printer.zone) | {"institution": printer.facts.institution}
        papers.append({"name": room.room.name, "head": title, "data": built.data})
        photos |= _photos(session, built.photos)
        copies += built.copies
    return {"kind": kind, "at": now.isoformat(), "papers": papers, "copies": copies, **photos}


def _photos(session: Session, registrations: Sequence[int]) -> dict[str, bytes]:
    rows = session.scalars(select(Registration).where(Registration.id.in_(registrations)))
    found = ((row.id, rosters.photo_of(session, row)) for row in rows)
    return {f"photo/{number}": photo for number, photo in found if photo is not None}


def _rooms(session: Session, room_sitting_id: int) -> list[int]:
    sitting = _room(session, room_sitting_id).sitting_id
    query = select(RoomSitting.id).where(RoomSitting.sitting_id == sitting).order_by(RoomSitting.id)
    return list(session.scalars(query))


def _room(session: Session, room_sitting_id: int) -> RoomSitting:
    row = session.get(RoomSitting, room_sitting_id)
    if row is None:
        raise NotFound("sitting")
    return row


def _need_room(session: Session, actor: Actor, room_sitting_id: int, now: datetime) -> None:
    """Who plans batches prints for every room; who serves in a room prints for that one."""
    _room(session, room_sitting_id)
    need(actor, Permission.PRINT_PAPERS_OF_DAY)
    if not actor.can(Permission.MANAGE_BATCHES):
        need_duty(session, actor, Permission.PRINT_PAPERS_OF_DAY, room_sitting_id, now=now)


def _row(session: Session, room_sitting_id: int, made: Made, actor: Actor, now: datetime) -> DayPrint:
    return DayPrint(
        sitting_id=_room(session, room_sitting_id).sitting_id,
        kind=made.kind,
        copies=made.copies,
        sha256=hashlib.sha256(made.data).hexdigest(),
        printed_at=now,
        printed_by=actor.user_id,
    )


def _noted(session: Session, row: DayPrint, actor: Actor, now: datetime) -> int:
    session.add(row)
    session.flush()
    stream = audit.sitting_stream(row.room_sitting_id or min(_of_sitting(session, row.sitting_id)))
    facts = {"kind": row.kind, "copies": row.copies, "sha256": row.sha256}
    audit.record(session, stream, actor, "day_paper_printed", f"day-print/{row.id}", now=now, **facts)
    return row.id


def _of_sitting(session: Session, sitting_id: int) -> list[int]:
    return list(session.scalars(select(RoomSitting.id).where(RoomSitting.sitting_id == sitting_id)))
