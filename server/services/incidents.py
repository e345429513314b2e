"""Incidents of a room: raised by the server, looked at by people; never a verdict on anybody.

state: raised -> acknowledged -> dismissed | recorded; cleared when the cause ended by itself. One episode
is one row: a cause that comes again while its incident is open only moves `last_at` and the count.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind, Severity, severity
from server.access import Actor, Permission
from server.db.base import emit
from server.db.rooms import Seat
from server.db.sittings import Incident
from server.errors import Forbidden, NotFound, Refused
from server.events import Activity, SeatChanged
from server.services import audit

OPEN = ("raised", "acknowledged")
OUTCOMES = ("acknowledged", "dismissed", "recorded")
_FLAP = timedelta(minutes=2)
"""A cause that comes back so soon after it ended by itself belongs to the same episode."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something happened: the room's sitting, and the seat with its attempt if it has one."""

    room_sitting: int
    seat: int | None = None
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class Handling:
    """What a person made of an incident; dismissing needs a note."""

    outcome: str
    note: str = ""


def raise_incident(
    session: Session, place: Place, kind: IncidentKind, /, *, now: datetime, **details: str
) -> Incident:
    """Puts a cause on the record, as a new incident or as the next sighting of an open one."""
    row = _same_episode(session, place, kind, now)
    if row is not None:
        row.last_at = now
        row.details = row.details | details | {"count": int(row.details.get("count", 1)) + 1}
        row.state = "raised" if row.state == "cleared" else row.state
    else:
        row = Incident(
            room_sitting_id=place.room_sitting,
            attempt_id=place.attempt,
            seat_id=place.seat,
            kind=str(kind),
            severity=int(severity(kind)),
            first_at=now,
            last_at=now,
            details={"count": 1} | details,
            state="raised",
        )
        session.add(row)
        session.flush()
        number = _number(session, place.seat)
        params = tuple(sorted({"seat": number, **details}.items()))
        emit(session, Activity(place.room_sitting, f"incident_{kind.lower()}", params, place.seat, row.id))
    if place.seat is not None:
        emit(session, SeatChanged(place.room_sitting, place.seat))
    return row


def clear(session: Session, place: Place, kind: IncidentKind, *, now: datetime) -> None:
    """The cause of an open incident has ended by itself."""
    for row in session.scalars(_matching(place, kind).where(Incident.state.in_(OPEN))):
        row.state = "cleared" if row.state == "raised" else "recorded"
        row.last_at = now
        if place.seat is not None:
            emit(session, SeatChanged(place.room_sitting, place.seat))


def handle(
    session: Session, actor: Actor, incident_id: int, handling: Handling, *, now: datetime
) -> Incident:
    """A person has looked: acknowledged (on the way), dismissed (with a reason) or recorded."""
    if not actor.can(Permission.RUN_ROOM):
        raise Forbidden(Permission.RUN_ROOM)
    row = session.get(Incident, incident_id, with_for_update=True)
    if row is None:
        raise NotFound("incident")
    outcome, note = handling.outcome, handling.note.strip()[:200]
    if outcome not in OUTCOMES:
        raise Refused("incident_outcome_unknown", 422, outcome=outcome)
    if outcome == "dismissed" and not note:
        raise Refused("reason_missing", 422, field="note")
    if row.state not in (*OPEN, "cleared"):
        raise Refused("incident_already_handled")
    row.state, row.note = outcome, note
    row.handled_at, row.handled_by = now, actor.user_id
    stream = audit.sitting_stream(row.room_sitting_id)
    audit.record(session, stream, actor, f"incident_{outcome}", f"incident/{row.id}", now=now, kind=row.kind)
    number = _number(session, row.seat_id)
    params = (("actor", actor.name), ("kind", row.kind), ("seat", number))
    emit(session, Activity(row.room_sitting_id, f"line_incident_{outcome}", params, row.seat_id, row.id))
    if row.seat_id is not None:
        emit(session, SeatChanged(row.room_sitting_id, row.seat_id))
    return row


def open_incidents(session: Session, room_sitting_id: int) -> list[Incident]:
    """What waits for a person, worst first, then oldest first; mere notes are left out."""
    query = (
        select(Incident)
        .where(
            Incident.room_sitting_id == room_sitting_id,
            Incident.state.in_(OPEN),
            Incident.severity > int(Severity.INFO),
        )
        .order_by(Incident.severity.desc(), Incident.first_at)
    )
    return list(session.scalars(query))


def _same_episode(session: Session, place: Place, kind: IncidentKind, now: datetime) -> Incident | None:
    query = _matching(place, kind).order_by(Incident.id.desc()).limit(1)
    row = session.scalars(query).first()
    if row is None or row.state in OPEN:
        return row
    return row if row.state == "cleared" and now - row.last_at < _FLAP else None


def _matching(place: Place, kind: IncidentKind) -> Select[Incident]:
    return select(Incident).where(
        Incident.room_sitting_id == place.room_sitting,
        Incident.kind == str(kind),
        Incident.seat_id == place.seat if place.seat is not None else Incident.seat_id.is_(None),
    )


def _number(session: Session, seat_id: int | None) -> str:
    seat = session.get(Seat, seat_id) if seat_id else None
    return seat.number if seat else ""
