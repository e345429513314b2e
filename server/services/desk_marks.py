"""What a sign-in at the desk means elsewhere: at the seat, on the map, in the record. Looks only, no acts.

Without a desk nothing stands here and everything goes on as if there were none.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from exam_rooms.clock import Phase, late_entry_closes
from exam_rooms.desk import Face
from exam_rooms.incidents import IncidentKind
from exam_rooms.seats import Act, AttemptState
from server.access import Actor
from server.db.base import emit
from server.db.people import User
from server.db.rooms import Seat
from server.db.signins import SignInRow
from server.db.sittings import Attempt, Incident, Registration
from server.errors import Refused
from server.events import Activity
from server.services import audit
from server.services.desk_looks import all_rows, differing
from server.services.incidents import Place
from server.services.roomstate import RoomState, advance, load
from server.services.signed import MOST_REASON, Signed

LATE = "late_entry_closed"
"""The reason of a sign-in that came when the door was closed."""
DOUBT = "doubt"
"""The word of `mark_of` for a doubt that nobody has decided on yet."""
CAME_IN = frozenset({"passed", "no_compare", "paper"})
"""The words of `mark_of` for whom the desk let in."""


def standing(session: Session, registration_id: int) -> SignInRow | None:
    """The sign-in of a candidate that holds now."""
    return session.scalar(select(SignInRow).where(SignInRow.standing_for == registration_id))


def has_passed(row: SignInRow | None) -> bool:
    """Whether the desk let the candidate in, at once or by a decision."""
    return row is not None and (row.result == "pass" or row.decision == "admitted")


def hold_of(row: SignInRow | None) -> str:
    """Why the candidate must not be admitted at the seat, as a code; "" when nothing is against it."""
    if row is None or has_passed(row):
        return ""
    return "desk_doubt_open" if row.result == "doubt" and not row.decision else "desk_refused_before"


def mark_of(row: SignInRow) -> str:
    """One word for the map: passed, no_compare (two people looked), paper, doubt, refused or late."""
    if hold_of(row) == "desk_doubt_open":
        return DOUBT
    if not has_passed(row):
        return "late" if row.reason == LATE else "refused"
    if row.face == Face.DECLINED:
        return "no_compare"
    return "paper" if row.method == "paper" else "passed"


def marks(session: Session, room_sitting_id: int, only: Collection[int] | None = None) -> dict[int, str]:
    """Attempt -> its word (`mark_of`), of the candidates of a room who were at the desk; `only`: of these."""
    query = (
        select(Attempt.id, SignInRow)
        .join(SignInRow, SignInRow.standing_for == Attempt.registration_id)
        .where(Attempt.room_sitting_id == room_sitting_id)
    )
    if only is not None:
        query = query.where(Attempt.id.in_(only))
    return {attempt: mark_of(row) for attempt, row in session.execute(query)}


def check_hold(session: Session, attempt: Attempt) -> None:
    """Raises `Refused` while a doubt of the desk is undecided, a face differed, or the desk refused."""
    row = standing(session, attempt.registration_id)
    code = hold_of(row)
    if code:
        raise Refused(code)
    if row is None and differing(all_rows(session, attempt.registration_id)) is not None:
        raise Refused("desk_mismatch_stands")


def coming(session: Session, room_sitting_id: int) -> frozenset[int]:
    """Attempts that are not absent yet: of who was at the desk in time, or whose absence was taken back."""
    query = (
        select(Attempt, SignInRow)
        .outerjoin(SignInRow, SignInRow.standing_for == Attempt.registration_id)
        .where(Attempt.room_sitting_id == room_sitting_id, Attempt.state == AttemptState.ASSIGNED)
    )
    return frozenset(
        attempt.id
        for attempt, row in session.execute(query)
        if attempt.reopened_at is not None or (row is not None and hold_of(row) != "desk_refused_before")
    )


def came_at(session: Session, attempt: Attempt, room: RoomState, now: datetime) -> datetime:
    """The moment by which the door judges who sits down at `now`: that of the desk, if one was there.

    Whose absence was taken back counts as having been in time.
    """
    if room.phase(now) is not Phase.RUNNING:
        return now
    if attempt.reopened_at is not None:  # the chief has taken an absence back, with a second signature
        return min(now, late_entry_closes(room.clock))
    row = standing(session, attempt.registration_id)
    if row is None or hold_of(row) == "desk_refused_before":
        return now
    return min(now, row.signed_at)


def _awaited_until(row: SignInRow, room: RoomState) -> datetime:
    """Until when the desk's word admits at the seat: counted from when it was given, not from the queue."""
    return (row.decided_at or row.entered_at) + timedelta(minutes=room.policy.desk.seat_within_minutes)


def awaited(session: Session, room: RoomState) -> list[tuple[Place, datetime]]:
    """Seats of candidates whom the desk let in, with the moment after which they are overdue there.

    Each is told once; of who was told already nothing is said here.
    """
    told = select(Incident.attempt_id).where(
        Incident.room_sitting_id == room.row.id, Incident.kind == str(IncidentKind.NOT_AT_SEAT)
    )
    query = (
        select(Attempt.id, Attempt.seat_id, SignInRow)
        .join(SignInRow, SignInRow.standing_for == Attempt.registration_id)
        .where(
            Attempt.room_sitting_id == room.row.id,
            Attempt.state == AttemptState.ASSIGNED,
            Attempt.id.not_in(told),
        )
    )
    return [
        (Place(room.row.id, seat, attempt), _awaited_until(row, room))
        for attempt, seat, row in session.execute(query)
        if has_passed(row)
    ]


def unsettle(session: Session, attempt: Attempt, signed: Signed, *, now: datetime) -> None:
    """Who was sent back at the seat is not admitted by the desk's word again: people look anew."""
    row = standing(session, attempt.registration_id)
    if row is not None and has_passed(row):
        _let_go(row, signed, now)


def reinstate(session: Session, attempt: Attempt, *, now: datetime) -> None:
    """An absence that the clock noted and a sign-in on paper disproves is taken back."""
    advance(session, attempt, Act.REINSTATE)
    attempt.closed_at, attempt.close_reason, attempt.reopened_at = None, "", now


def reinstated(session: Session, attempt: Attempt, signed: Signed, *, now: datetime) -> None:
    """The chief took an absence back: that the candidate was turned away as late does not hold any more."""
    row = standing(session, attempt.registration_id)
    if row is not None and row.reason == LATE:
        _let_go(row, signed, now)


@dataclass(frozen=True, slots=True)
class Late:
    """Who came after the start: `came_in` false was turned away at the closed door. For the room record."""

    ticket: str
    seat: str
    minutes: int
    at: datetime
    came_in: bool


def lates(session: Session, room_sitting_id: int) -> list[Late]:
    """Everybody who came to the room's desk after the start, in the order in which they came."""
    query = (
        select(Registration.ticket, Seat.number, SignInRow)
        .join(SignInRow, SignInRow.standing_for == Registration.id)
        .join(Attempt, Attempt.registration_id == Registration.id)
        .join(Seat, Seat.id == Attempt.seat_id)
        .where(Attempt.room_sitting_id == room_sitting_id, SignInRow.late_minutes > 0)
        .order_by(SignInRow.signed_at, SignInRow.id)
    )
    return [
        Late(ticket, seat, row.late_minutes, row.signed_at, has_passed(row))
        for ticket, seat, row in session.execute(query)
    ]


_CONSENTS = select(SignInRow.registration_id, SignInRow.consent).where(
    SignInRow.standing_for.in_(bindparam("registrations", expanding=True)), SignInRow.consent.is_not(None)
)


def consents(session: Session, registrations: Collection[int]) -> dict[int, bool]:
    """Registration -> the answer about face comparison given at the desk, of those who were asked."""
    found = session.execute(_CONSENTS, {"registrations": list(registrations)})
    return {registration: bool(said) for registration, said in found}


def meet(session: Session, attempt: Attempt, *, now: datetime) -> None:
    """A candidate has signed in at the seat, or the desk has just passed one who had: admitted at once.

    On the record it is the desk's operator, or who decided on the doubt, who admits. Who took longer from
    the desk to the seat than the policy allows is looked at there by an invigilator.
    """
    row = standing(session, attempt.registration_id)
    if row is None or not has_passed(row) or attempt.state != AttemptState.IDENTIFIED:
        return
    if now > _awaited_until(row, load(session, attempt.room_sitting_id)):
        return
    user = session.get(User, row.decided_by or row.operator_id or 0)
    who = user.actor() if user is not None else Actor(None, "system")
    advance(session, attempt, Act.ADMIT)
    attempt.admitted_at, attempt.admitted_by = now, who.user_id
    if row.consent is False:
        attempt.face_consent = False
    seat = session.get_one(Seat, attempt.seat_id).number
    stream = audit.sitting_stream(attempt.room_sitting_id)
    audit.record(session, stream, who, "admitted", f"attempt/{attempt.id}", now=now, seat=seat, by_desk=True)
    params = (("actor", who.name), ("seat", seat))
    emit(session, Activity(attempt.room_sitting_id, "line_admitted_by_desk", params, attempt.seat_id))


def _let_go(row: SignInRow, signed: Signed, now: datetime) -> None:
    row.standing_for = None
    row.taken_back_at, row.taken_back_by = now, signed.actor.user_id
    row.taken_back_reason = signed.reason.strip()[:MOST_REASON]
