"""The sign-in desk: who comes is looked at, passed, put in doubt, decided on, or turned away as too late.

A sign-in stands for a registration until it is taken back; two desks cannot both sign in the same person.
A pass admits at the seat by itself, a doubt keeps the seat closed until the chief and a second member of
staff have decided. Pictures are taken only with consent and sealed before they are stored (R38).
"""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.desk import COMPARED, CONFIRM, Confirm, Door, Entry, Face, entry
from exam_rooms.seats import Act, AttemptState
from server.access import Actor, Permission
from server.db.base import emit
from server.db.rooms import Seat
from server.db.signins import SignInRow
from server.db.sittings import Attempt, Registration
from server.errors import Forbidden, Refused
from server.events import Activity
from server.services import audit, commands, desk_looks, desk_marks, desk_pictures, staff
from server.services.desk_marks import LATE, hold_of, marks, meet, standing
from server.services.duty import may_act, need_duty
from server.services.roomstate import CLOSED, RoomState, advance, load, locked_attempt, touch
from server.services.signed import MOST_REASON, Signed, need_reason, second_person

__all__ = ["Looked", "Place", "decide", "doubt", "look", "marks", "passed", "take_back", "turn_away"]

_WAITING = frozenset({AttemptState.ASSIGNED, AttemptState.IDENTIFIED})
_METHODS = frozenset({"ticket", "number", "id", "paper"})


@dataclass(frozen=True, slots=True)
class Place:
    """Which candidate at which room's desk; `method`: how the candidate was found (see `SignInRow`).

    `at`: when the candidate stood there, if that was not now (a sign-in on paper).
    """

    room_sitting: int
    registration: int
    method: str = "number"
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What the desk's camera gave: the candidate's answer, what the comparison says, the picture (JPEG).

    `consent` None: the candidate was not asked, since nothing can be compared.
    """

    consent: bool | None
    face: Face
    similarity: float | None = None
    models: dict[str, str] = field(default_factory=dict)
    picture: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    """The candidate's rows, the attempt locked."""

    room: RoomState
    registration: Registration
    attempt: Attempt
    entry: Entry


def look(session: Session, actor: Actor, place: Place, looked: Looked, *, now: datetime) -> int:
    """Keeps what was seen of the candidate until the operator says how it came out; the row's id.

    The same person's earlier looks at this candidate go, but a face that differed stays on the registration
    (`desk_looks`). Without consent no picture is taken, ever.
    """
    case = _case(session, actor, place, now)
    _check_free(session, case)
    if looked.picture is not None and looked.consent is not True:
        raise Refused("no_face_consent", 403)
    if looked.face in COMPARED and looked.consent is not True:
        raise Refused("no_face_consent", 403)
    desk_looks.close(session, place.registration, of=actor.user_id)
    row = SignInRow(
        room_sitting_id=place.room_sitting,
        registration_id=place.registration,
        consent=looked.consent,
        face=str(looked.face),
        similarity=looked.similarity,
        models=looked.models,
        signed_at=now,
        entered_at=now,
        operator_id=actor.user_id,
    )
    session.add(row)
    session.flush()
    if looked.picture is not None:
        desk_pictures.seal(session, row, looked.picture, case.room.policy.desk.keep_days, now=now)
    desk_looks.note(session, actor, case.attempt, row, now=now)
    return row.id


def passed(session: Session, signed: Signed, place: Place, *, now: datetime) -> SignInRow:
    """It is the person on the list: the seat admits by itself.

    Alone after a clear comparison; with a second member of staff where nothing was compared clearly, and
    always on paper, one of the two being the chief where the clock noted an absence meanwhile. The strictest
    of all operators' looks counts. A mismatch cannot be passed here, whatever was seen or refused after it:
    it is a doubt, on which the chief decides.
    """
    case = _case(session, signed.actor, place, now)
    absent = place.at is not None and case.attempt.state == AttemptState.ABSENT
    _check_free(session, case, but_absent=absent)
    rows = desk_looks.all_rows(session, place.registration)
    mine = desk_looks.own(rows, signed.actor.user_id)
    weighed = desk_looks.weigh(rows, mine, desk_looks.first_face(case.room, case.registration))
    need = CONFIRM[weighed.face]
    if place.method == "paper" and not weighed.differs:
        need = Confirm.TWO
    if need is Confirm.ASK:
        raise Refused("desk_consent_not_asked")
    if need is Confirm.CHIEF:
        raise Refused("desk_face_differs")
    _check_door(case)
    if need is Confirm.TWO or absent:
        need_second(session, signed, place.room_sitting, chief=absent)
    row = mine or _unseen(session, signed.actor, case, now)
    _stand(session, signed, row, place, case)
    row.result = "pass"
    _mark_refusal_of_compare(session, case, row)
    _note(session, case, row, signed, "desk_passed", now)
    if absent:
        _take_absence_back(session, case, row, signed, now)
    meet(session, case.attempt, now=now)
    return row


def _take_absence_back(session: Session, case: _Case, row: SignInRow, signed: Signed, now: datetime) -> None:
    """The paper list shows that the candidate stood at the desk before the door closed."""
    if case.room.row.ended_at is not None:
        raise Refused("room_already_ended")
    desk_marks.reinstate(session, case.attempt, now=now)
    _note(session, case, row, signed, "seat_resumed", now)


def doubt(session: Session, signed: Signed, place: Place, *, now: datetime) -> SignInRow:
    """Perhaps another person (a twin, an old photo, a mask): nobody is admitted until the chief decides."""
    need_reason(signed)
    case = _case(session, signed.actor, place, now)
    _check_free(session, case)
    _check_door(case)
    mine = desk_looks.own(desk_looks.all_rows(session, place.registration), signed.actor.user_id)
    row = mine or _unseen(session, signed.actor, case, now)
    _stand(session, signed, row, place, case)
    row.result, row.reason = "doubt", signed.reason.strip()[:MOST_REASON]
    _mark_refusal_of_compare(session, case, row)
    _note(session, case, row, signed, "desk_doubted", now)
    return row


def decide(session: Session, signed: Signed, place: Place, outcome: str, *, now: datetime) -> SignInRow:
    """The chief and a second member of staff admit or refuse after a doubt, with the reason.

    Either of the two may be the one who is signed in; the picture stays sealed with the sign-in.
    """
    if outcome not in ("admitted", "refused"):
        raise Refused("desk_outcome_unknown", 422, field="outcome")
    need_reason(signed)
    case = _case(session, signed.actor, place, now)
    row = standing(session, place.registration)
    if row is None or hold_of(row) != "desk_doubt_open":
        raise Refused("desk_nothing_to_decide")
    need_second(session, signed, place.room_sitting, chief=True)
    if outcome == "admitted" and case.entry.door is not Door.CLOSED:  # who was in time waited for people
        _check_door(case)
    second = second_person(signed)
    row.decision, row.decision_reason = outcome, signed.reason.strip()[:MOST_REASON]
    row.decided_at, row.decided_by, row.decided_second = now, signed.actor.user_id, second.user_id
    if outcome == "admitted":
        _note(session, case, row, signed, "desk_admitted", now)
        meet(session, case.attempt, now=now)
        return row
    _note(session, case, row, signed, "desk_refused", now)
    if AttemptState(case.attempt.state) in _BACK:
        commands.refuse(session, case.attempt.id, signed, now=now)
    return row


_BACK = frozenset(
    {AttemptState.IDENTIFIED, AttemptState.ADMITTED, AttemptState.CONFIRMED, AttemptState.READY}
)


def turn_away(session: Session, actor: Actor, place: Place, *, now: datetime) -> SignInRow:
    """The candidate came when the door was closed: absent, and on the record with the minutes (R25)."""
    case = _case(session, actor, place, now)
    if case.entry.door is not Door.CLOSED:
        raise Refused("desk_door_open", late=case.entry.late_minutes)
    _check_free(session, case)
    if AttemptState(case.attempt.state) not in (AttemptState.ASSIGNED, AttemptState.ABSENT):
        raise Refused("act_not_possible", state=case.attempt.state, act="turn_away")
    row = SignInRow(
        room_sitting_id=place.room_sitting,
        registration_id=place.registration,
        face=str(Face.NOT_ASKED),
        signed_at=now,
        entered_at=now,
    )
    session.add(row)
    _stand(session, Signed(actor), row, place, case)
    row.result, row.reason = "refused", LATE
    if case.attempt.state == AttemptState.ASSIGNED:
        advance(session, case.attempt, Act.MARK_ABSENT)
        case.attempt.closed_at, case.attempt.close_reason = now, LATE
    _note(session, case, row, Signed(actor), "desk_late", now)
    return row


def take_back(session: Session, signed: Signed, place: Place, *, now: datetime) -> None:
    """A sign-in entered for the wrong person is void; the candidate is as before the desk.

    What the chief decided, and who was turned away, only the chief takes back, with a second person.
    """
    need_reason(signed)
    case = _case(session, signed.actor, place, now)
    row = standing(session, place.registration)
    if row is None:
        raise Refused("desk_not_signed_in")
    if row.decision or row.result != "pass":
        need_second(session, signed, place.room_sitting, chief=True)
    if AttemptState(case.attempt.state) in _BACK:
        commands.refuse(session, case.attempt.id, signed, now=now)
    elif case.attempt.state == AttemptState.ASSIGNED:
        case.attempt.face_consent = None
        touch(session, case.attempt)
    elif case.attempt.state != AttemptState.ABSENT:
        raise Refused("act_not_possible", state=case.attempt.state, act="take_back")
    row.standing_for = None
    row.taken_back_at, row.taken_back_by = now, signed.actor.user_id
    row.taken_back_reason = signed.reason.strip()[:MOST_REASON]
    _note(session, case, row, signed, "desk_taken_back", now)


def need_second(session: Session, signed: Signed, room_sitting_id: int, *, chief: bool = False) -> Actor:
    """The second member of staff, who may act in this room; with `chief` one of the two is the chief."""
    second = second_person(signed)
    if not second.can(Permission.ADMIT_CANDIDATES):
        raise Forbidden(Permission.ADMIT_CANDIDATES)
    if not may_act(session, second, room_sitting_id):
        raise Refused("desk_second_not_on_duty", 422, field="cosign_username", name=second.name)
    if chief and not (signed.actor.can(Permission.COSIGN) or second.can(Permission.COSIGN)):
        raise Refused("desk_chief_needed", 422, field="cosign_username")
    return second


# --- the parts ---------------------------------------------------------------------------------------


def _case(session: Session, actor: Actor, place: Place, now: datetime) -> _Case:
    """The candidate's rows at this desk; refused for one of another room, who is moved here first."""
    if place.method not in _METHODS:
        raise Refused("desk_outcome_unknown", 422, field="method")
    need_duty(session, actor, Permission.ADMIT_CANDIDATES, place.room_sitting, now=now)
    room = load(session, place.room_sitting)
    query = select(Attempt.id).where(Attempt.registration_id == place.registration)
    attempt_id = session.scalar(query)
    if attempt_id is None:
        raise Refused("desk_not_seated")
    attempt = locked_attempt(session, attempt_id)
    if attempt.room_sitting_id != place.room_sitting:
        raise Refused("desk_other_room")
    if place.at is not None and place.at > now:
        raise Refused("desk_time_ahead", 422, field="at")
    registration = session.get_one(Registration, place.registration)
    return _Case(room, registration, attempt, entry(room.clock, place.at or now))


def _check_free(session: Session, case: _Case, *, but_absent: bool = False) -> None:
    """Raises `Refused` when somebody was signed in already, here or at another desk, or sits at the seat.

    `but_absent`: an absence is no hindrance.
    """
    row = standing(session, case.registration.id)
    if row is not None:
        who = staff.names(session, [row.operator_id]).get(row.operator_id or 0, "")
        raise Refused("desk_signed_in_already", actor=who, at=row.entered_at.isoformat())
    state = AttemptState(case.attempt.state)
    if state is AttemptState.ABSENT and case.entry.is_open and not but_absent:
        raise Refused("marked_absent")
    if state in CLOSED and state is not AttemptState.ABSENT:
        raise Refused("attempt_closed")
    if state not in _WAITING and state is not AttemptState.ABSENT:
        raise Refused("desk_admitted_already")


def _check_door(case: _Case) -> None:
    door = case.entry.door
    if door is Door.EARLY:
        raise Refused("sign_in_not_open")
    if door is Door.OVER:
        raise Refused("room_closed")
    if door is Door.CLOSED:
        raise Refused("late_entry_closed")


def _unseen(session: Session, actor: Actor, case: _Case, now: datetime) -> SignInRow:
    """The row of a candidate whom this person compared with nothing."""
    row = SignInRow(
        room_sitting_id=case.room.row.id,
        registration_id=case.registration.id,
        face=str(desk_looks.first_face(case.room, case.registration)),
        signed_at=now,
        entered_at=now,
        operator_id=actor.user_id,
    )
    session.add(row)
    return row


def _stand(session: Session, signed: Signed, row: SignInRow, place: Place, case: _Case) -> None:
    """From now on this row holds for the registration; all other looks are over."""
    session.flush()
    desk_looks.close(session, place.registration, but=row.id)
    row.standing_for = place.registration
    row.method = place.method
    row.room_sitting_id = place.room_sitting
    row.late_minutes = case.entry.late_minutes
    row.signed_at = place.at or row.entered_at
    row.operator_id = signed.actor.user_id
    row.second_id = signed.cosigner.user_id if signed.cosigner else None


def _mark_refusal_of_compare(session: Session, case: _Case, row: SignInRow) -> None:
    """Who does not want to be compared is looked at by no camera from here on, the seat's included (R38)."""
    if row.consent is False:
        case.attempt.face_consent = False
        touch(session, case.attempt)


def _note(  # noqa: PLR0913 - one line of the record from its sources
    session: Session, case: _Case, row: SignInRow, signed: Signed, act: str, now: datetime
) -> None:
    seat = session.get_one(Seat, case.attempt.seat_id).number
    stream, object_ = audit.sitting_stream(case.attempt.room_sitting_id), f"attempt/{case.attempt.id}"
    facts: dict[str, object] = {"seat": seat, "method": row.method, "face": row.face, **signed.why()}
    if row.late_minutes:
        facts["late"] = row.late_minutes
    audit.record(session, stream, signed.actor, act, object_, now=now, **facts)
    shown = {"actor": signed.actor.name, "seat": seat, "cosigned_by": "", "reason": "", **facts}
    params = tuple(sorted((name, str(value)) for name, value in shown.items()))
    emit(session, Activity(case.attempt.room_sitting_id, f"line_{act}", params, case.attempt.seat_id))
    touch(session, case.attempt)
