"""The issue and return register of a room's printed papers: counted by people, sums checked, printable."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.papers import PaperPrint
from server.db.rooms import Seat
from server.db.sittings import Attempt, Candidate, Registration
from server.errors import NotFound, Refused
from server.services import audit, packages, staff
from server.services.duty import need_duty
from server.services.paper_prints import content_mark, head
from server.services.roomstate import load
from server.services.signed import MOST_REASON, need

# The words of the register are printed: Chinese whatever language the screens speak.
_DOCUMENTS = {"paper": "试卷", "sheet": "答题卡", "key": "答案"}


@dataclass(frozen=True, slots=True)
class Counts:
    """What a person counted: given to candidates, kept as spare, taken back (None: not yet); a note."""

    issued: int
    spare: int
    returned: int | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class PrintLine:
    """One printing as the register shows it; `complete` when all copies are back and counted."""

    row: PaperPrint
    printed_by: str
    cosigned_by: str

    @property
    def complete(self) -> bool:
        """Whether every copy is accounted for."""
        return self.row.returned == self.row.copies


@dataclass(frozen=True, slots=True)
class SeatLine:
    """One seat that gets a paper."""

    seat: str
    ticket: str
    name: str
    form: str


def lines(session: Session, room_sitting_id: int) -> list[PrintLine]:
    """All printings of a room's sitting in their order."""
    query = select(PaperPrint).where(PaperPrint.room_sitting_id == room_sitting_id).order_by(PaperPrint.id)
    rows = list(session.scalars(query))
    names = staff.names(session, [user for row in rows for user in (row.printed_by, row.cosigned_by)])
    return [
        PrintLine(row, names.get(row.printed_by or 0, ""), names.get(row.cosigned_by or 0, ""))
        for row in rows
    ]


def seats(session: Session, room_sitting_id: int) -> list[SeatLine]:
    """Who sits where with which form, in the order of the seats."""
    rows = session.execute(
        select(Seat.number, Registration.ticket, Candidate.name, Attempt.form)
        .join(Attempt, Attempt.seat_id == Seat.id)
        .join(Registration, Registration.id == Attempt.registration_id)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .where(Attempt.room_sitting_id == room_sitting_id)
        .order_by(Seat.id)
    )
    return [SeatLine(*row) for row in rows]


def enter(session: Session, actor: Actor, print_id: int, counts: Counts, *, now: datetime) -> int:
    """Enters what was counted of one printing; returns the room's sitting.

    Issued and spare add up to the copies printed; a return of fewer copies needs a note. A correction is
    audited with what stood there before.
    """
    need(actor, Permission.RUN_ROOM)
    row = session.get(PaperPrint, print_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound("print")
    need_duty(session, actor, Permission.RUN_ROOM, row.room_sitting_id, now=now)
    _check(row, counts)
    before = [row.issued, row.spare, row.returned]
    row.issued, row.spare, row.returned = counts.issued, counts.spare, counts.returned
    row.register_note = counts.note.strip()[:MOST_REASON]
    audit.record(
        session,
        audit.sitting_stream(row.room_sitting_id),
        actor,
        "register_entered",
        f"print/{row.id}",
        now=now,
        issued=row.issued,
        spare=row.spare,
        returned=row.returned,
        **({"before": before} if before[0] is not None else {}),
        **({"note": row.register_note} if row.register_note else {}),
    )
    return row.room_sitting_id


def _check(row: PaperPrint, counts: Counts) -> None:
    if min(counts.issued, counts.spare, counts.returned or 0) < 0:
        raise Refused("register_negative", 422, field="issued")
    if counts.issued + counts.spare != row.copies:
        total = counts.issued + counts.spare
        raise Refused("register_sum", 422, field="issued", total=total, copies=row.copies)
    if counts.returned is None:
        return
    if counts.returned > row.copies:
        raise Refused("register_too_many_back", 422, field="returned", copies=row.copies)
    if counts.returned < row.copies and not counts.note.strip():
        raise Refused("register_missing", 422, field="returned", missing=row.copies - counts.returned)


def document(session: Session, room_sitting_id: int, *, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """The payload of the typesetting job for the register."""
    room = load(session, room_sitting_id)
    found = [_printed(line, zone) for line in lines(session, room_sitting_id)]
    data = {
        "facts": _facts(session, room_sitting_id, zone),
        "prints": found,
        "seats": [
            {"seat": each.seat, "ticket": each.ticket, "name": each.name, "form": each.form}
            for each in seats(session, room_sitting_id)
        ],
    }
    return {
        "document": "register",
        "at": now.isoformat(),
        "head": head(room, content_mark(data), now=now, zone=zone),
        "data": data,
    }


def _facts(session: Session, room_sitting_id: int, zone: ZoneInfo) -> list[list[str]]:
    room = load(session, room_sitting_id)
    package = packages.current(session, room_sitting_id)
    found = [
        ["考场", room.room.name],
        ["计划开考", _moment(room.sitting.starts_at, zone)],
        ["职业", room.policy.occupation_name],
        ["等级", room.policy.level_name],
    ]
    if package is None:
        return found
    keepers = staff.names(session, package.released_by)
    return [
        *found,
        ["试卷包", package.sha256[:32]],
        ["启封时间", _moment(package.released_at, zone)],
        ["启封人", "、".join(keepers.get(user, "") for user in package.released_by)],
    ]


def _printed(line: PrintLine, zone: ZoneInfo) -> dict[str, Any]:
    row = line.row
    return {
        "printed": _moment(row.printed_at, zone),
        "document": _DOCUMENTS.get(row.document, row.document),
        "form": row.form,
        "copies": row.copies,
        "issued": row.issued,
        "spare": row.spare,
        "returned": row.returned,
        "people": "、".join(filter(None, (line.printed_by, line.cosigned_by))),
        "note": "；".join(filter(None, (row.reason, row.register_note))),
        "sha256": row.sha256[:16],
    }


def _moment(value: datetime | None, zone: ZoneInfo) -> str:
    return f"{value.astimezone(zone):%Y-%m-%d %H:%M}" if value else ""
