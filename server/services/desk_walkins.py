"""Who comes to this desk but has no seat in this room: from another room of the sitting, or from no list.

Both get a free paired seat, spare ones first, with the form that fewest neighbours have; both need the
chief's signature and a reason, and stand on the room record. Who is taken in is then signed in as all are.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.desk import entry, form_for
from exam_rooms.identity import IdFault, check_id_number
from exam_rooms.seats import AttemptState
from server.access import Permission
from server.db.base import emit
from server.db.papers import PaperSet
from server.db.rooms import Seat
from server.db.signins import WalkIn
from server.db.sittings import Attempt, Registration, SeatStay
from server.errors import NotFound, Refused
from server.events import RoomChanged, SeatChanged
from server.rules.roster import RosterEntry
from server.services import assembly_runs, packages, rosters
from server.services.commands import free_seat
from server.services.duty import need_duty
from server.services.rooms import map_of
from server.services.roomstate import RoomState, load, locked_attempt
from server.services.signed import MOST_REASON, Signed, need_cosigner, note_room

_READY = ("arranged", "released", "running")


@dataclass(frozen=True, slots=True)
class Stranger:
    """A candidate of no list as the desk enters them, and the seat (id) they get."""

    name: str
    id_number: str
    employer: str
    seat: int


def move_here(
    session: Session, signed: Signed, room_sitting_id: int, wanted: tuple[int, int], *, now: datetime
) -> int:
    """A candidate of this sitting who sits (or would sit) in another room gets a seat here; the attempt.

    `wanted`: registration and seat id. Refused once the candidate has signed in at the other room's seat.
    """
    registration_id, seat_id = wanted
    registration = session.get(Registration, registration_id)
    if registration is None:
        raise NotFound("candidate")
    query = select(Attempt.room_sitting_id).where(Attempt.registration_id == registration_id)
    old_room = session.scalar(query)
    for each in sorted({room_sitting_id, old_room or room_sitting_id}):  # always in the same order
        load(session, each, lock=True)
    room = _open_room(session, signed, room_sitting_id, now)
    if registration.sitting_id != room.sitting.id:
        raise Refused("desk_other_sitting")
    if old_room == room_sitting_id:
        raise Refused("desk_here_already")
    seat = free_seat(session, room, seat_id)
    attempt = _attempt_of(session, registration_id)
    if attempt is None:
        attempt = _new_attempt(session, room, registration_id, seat)
    else:
        _carry_over(session, room, attempt, seat, now)
    registration.room_id = room.room.id
    _noted(session, room, (attempt, "moved", old_room), signed, now)
    return attempt.id


def take_in(  # noqa: PLR0913 - the zone tells on which day the sitting is
    session: Session,
    signed: Signed,
    room_sitting_id: int,
    stranger: Stranger,
    *,
    now: datetime,
    zone: tzinfo = UTC,
) -> int:
    """A candidate of no list gets a registration, a ticket number and a seat; the registration's id."""
    load(session, room_sitting_id, lock=True)
    room = _open_room(session, signed, room_sitting_id, now)
    if not room.policy.desk.walk_ins:
        raise Refused("desk_no_walk_ins")
    day = room.sitting.starts_at.astimezone(zone).date()
    number = check_id_number(stranger.id_number, today=day)
    if isinstance(number, IdFault):
        raise Refused(f"desk_{number}", 422, field="id_number")
    if not stranger.name.strip():
        raise Refused("desk_name_missing", 422, field="name")
    seat = free_seat(session, room, stranger.seat)
    entered = RosterEntry("", stranger.name.strip(), number.text, stranger.employer.strip())
    row = rosters.register_one(session, room.sitting, room.room.id, entered, on=day, now=now)
    attempt = _new_attempt(session, room, row.id, seat)
    _noted(session, room, (attempt, "unlisted", None), signed, now)
    return row.id


def walk_ins(session: Session, room_sitting_id: int) -> list[WalkIn]:
    """Who was taken in here on the day, oldest first: for the room record."""
    query = select(WalkIn).where(WalkIn.room_sitting_id == room_sitting_id).order_by(WalkIn.id)
    return list(session.scalars(query))


def _open_room(session: Session, signed: Signed, room_sitting_id: int, now: datetime) -> RoomState:
    need_duty(session, signed.actor, Permission.ADMIT_CANDIDATES, room_sitting_id, now=now)
    need_cosigner(signed)
    room = load(session, room_sitting_id)
    if room.row.state not in _READY:
        raise Refused("seats_not_drawn" if room.row.state == "planned" else "room_closed")
    if not entry(room.clock, now).is_open:
        raise Refused("late_entry_closed" if room.row.started_at else "sign_in_not_open")
    return room


def _attempt_of(session: Session, registration_id: int) -> Attempt | None:
    found = session.scalar(select(Attempt.id).where(Attempt.registration_id == registration_id))
    return None if found is None else locked_attempt(session, found)


def _carry_over(session: Session, room: RoomState, attempt: Attempt, seat: Seat, now: datetime) -> None:
    """The attempt leaves its room; the seat there hears that nobody is to come."""
    if attempt.state != AttemptState.ASSIGNED:
        raise Refused("desk_started_elsewhere", state=attempt.state)
    old_room, old_seat = attempt.room_sitting_id, attempt.seat_id
    left = load(session, old_room).row
    left.version += attempt.version + 1
    for stay in session.scalars(
        select(SeatStay).where(SeatStay.attempt_id == attempt.id, SeatStay.until_at.is_(None))
    ):
        stay.until_at = now
    attempt.form = _form(session, room, seat)
    attempt.room_sitting_id, attempt.seat_id, attempt.workstation_id = room.row.id, seat.id, None
    attempt.version += 1
    session.add(SeatStay(attempt_id=attempt.id, seat_id=seat.id, from_at=now, reason="desk_moved"))
    emit(session, SeatChanged(old_room, old_seat))
    emit(session, RoomChanged(old_room))


def _new_attempt(session: Session, room: RoomState, registration_id: int, seat: Seat) -> Attempt:
    attempt = Attempt(
        registration_id=registration_id,
        room_sitting_id=room.row.id,
        seat_id=seat.id,
        form=_form(session, room, seat),
        state=AttemptState.ASSIGNED,
    )
    session.add(attempt)
    session.flush()
    return attempt


def _form(session: Session, room: RoomState, seat: Seat) -> str:
    """The seat's own form where each has one, else the one that fewest neighbours have."""
    forms = packages.seat_forms(session, room.row.id)
    papers = session.get(PaperSet, room.sitting.paper_set_id) if room.sitting.paper_set_id else None
    own = assembly_runs.forms_by_seat(papers, room.room, ()) if papers else {}
    if seat.number in own:
        return forms.get(own[seat.number], own[seat.number])
    query = (
        select(Seat.number, Attempt.form)
        .join(Attempt, Attempt.seat_id == Seat.id)
        .where(Attempt.room_sitting_id == room.row.id)
    )
    taken = dict(session.execute(query).all())
    return form_for(map_of(room.room), seat.number, taken, list(forms.values()))


def _noted(
    session: Session, room: RoomState, came: tuple[Attempt, str, int | None], signed: Signed, now: datetime
) -> None:
    """On the walk-ins' list, in the sitting's chain and on every screen of the room."""
    attempt, kind, old_room = came
    assert signed.cosigner is not None
    session.add(
        WalkIn(
            room_sitting_id=room.row.id,
            registration_id=attempt.registration_id,
            kind=kind,
            from_room_sitting_id=old_room,
            reason=signed.reason.strip()[:MOST_REASON],
            at=now,
            by_id=signed.actor.user_id,
            cosigned_by=signed.cosigner.user_id,
        )
    )
    if kind == "unlisted" or old_room is None:
        session.add(
            SeatStay(attempt_id=attempt.id, seat_id=attempt.seat_id, from_at=now, reason=f"desk_{kind}")
        )
    room.row.version += 1
    seat = session.get_one(Seat, attempt.seat_id).number
    ticket = session.get_one(Registration, attempt.registration_id).ticket
    note_room(session, room.row.id, signed, f"desk_{kind}", now, seat=seat, ticket=ticket)
