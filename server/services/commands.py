"""What staff do in a running room: admit, start, add time, end, move. Each act is audited and shown.

Acts that touch a candidate's time or end an exam carry a second person's signature (design D14).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.clock import Phase
from exam_rooms.kiosk_messages import CommandKind
from exam_rooms.seatmap import SeatKind
from exam_rooms.seats import Act, AttemptState, may_change_seat, reopening
from server.access import Actor, Permission
from server.db.base import brief, emit
from server.db.cases import Case
from server.db.commands import IDENTITY
from server.db.rooms import Seat
from server.db.sittings import Attempt, JournalGrant, SeatStay, TimeCredit
from server.errors import NotFound, Refused
from server.events import Activity, RoomChanged, SeatChanged
from server.presence import Presence
from server.rules.record_sums import WITH_ROOM
from server.services import (
    audit,
    breaches,
    calls,
    desk_marks,
    enrolments,
    evidence,
    gates,
    lost_time,
    packages,
    pauses,
    staffing,
    used_papers,
)
from server.services.attempts import begin_all
from server.services.collection import collect_if_complete
from server.services.command_log import issue
from server.services.duty import need_duty
from server.services.gate_findings import Outside
from server.services.incidents import end_episodes
from server.services.outage_gate import need_decided
from server.services.pairing import active_workstations
from server.services.roomstate import CLOSED, RoomState, advance, attempts_of, load, locked_attempt
from server.services.signed import Signed, need_cosigner, need_reason, note_room, params_of
from server.services.steady import Reading, keep_anchor

MOST_MINUTES = Decimal(240)
"""The longest single time credit; beyond it people reschedule."""


@dataclass(frozen=True, slots=True)
class Start:
    """Who stands in the room at the start (user ids), the clock's anchor to keep (design D22), the links.

    `proven`: whether the clock's time is known (`SteadyClock.proven`).
    """

    present: frozenset[int]
    anchor: Reading
    presence: Presence
    proven: bool = True


@brief
def admit(session: Session, actor: Actor, attempt_id: int, *, now: datetime) -> None:
    """An invigilator has looked at the person and the document: the candidate may go on."""
    attempt = locked_attempt(session, attempt_id)
    need_duty(session, actor, Permission.ADMIT_CANDIDATES, attempt.room_sitting_id, now=now)
    desk_marks.check_hold(session, attempt)
    advance(session, attempt, Act.ADMIT)
    attempt.admitted_at, attempt.admitted_by = now, actor.user_id
    _note(session, attempt, Signed(actor), "admitted", now)


def refuse(session: Session, attempt_id: int, signed: Signed, *, now: datetime) -> None:
    """Not the person on the list, or not ready: the seat is as before the sign-in."""
    need_reason(signed)
    attempt = locked_attempt(session, attempt_id)
    need_duty(session, signed.actor, Permission.ADMIT_CANDIDATES, attempt.room_sitting_id, now=now)
    advance(session, attempt, Act.REFUSE)
    attempt.identified_at = attempt.admitted_at = attempt.confirmed_at = attempt.accepted_at = None
    attempt.admitted_by = attempt.workstation_id = attempt.face_consent = None
    desk_marks.unsettle(session, attempt, signed, now=now)
    calls.drop(session, attempt, now=now)
    _forget_face(session, attempt, now)
    _note(session, attempt, signed, "admission_refused", now)


def _forget_face(session: Session, attempt: Attempt, now: datetime) -> None:
    enrolments.forget(session, attempt.id, now=now)
    evidence.drop_awaited(session, attempt.id, now=now)


@brief
def start_room(session: Session, actor: Actor, room_sitting_id: int, start: Start, *, now: datetime) -> None:
    """Starts the clock for everybody.

    Refused without a released package, and with the finding of the first gate that is neither green nor
    overruled. How the gates stood is kept.
    """
    room = load(session, room_sitting_id, lock=True)
    need_duty(session, actor, Permission.RUN_ROOM, room_sitting_id, now=now)
    attempts = attempts_of(session, room_sitting_id, lock=True)
    _check_start(session, room, start, now)
    room.row.state, room.row.started_at = "running", now
    room.row.version += 1
    anchor = start.anchor
    room.row.anchor = {"wall": anchor.wall.isoformat(), "boot_ns": anchor.boot_ns, "boot_id": anchor.boot_id}
    keep_anchor(session, anchor)
    ready = [attempt for attempt in attempts if attempt.state == AttemptState.READY]
    begin_all(session, ready, now)
    issue(session, CommandKind.START, ready, Signed(actor), now=now)
    here = start.present | staffing.signed_in(session, room.row.id)
    note_room(session, room.row.id, Signed(actor), "room_started", now, present=sorted(here))


def _check_start(session: Session, room: RoomState, start: Start, now: datetime) -> None:
    if room.row.state != "released":
        known = {"planned": "seats_not_drawn", "arranged": "package_not_released"}
        raise Refused(known.get(room.row.state, "room_already_started"))
    package = packages.needed(session, room.row.id)
    packages.check_papers(session, package)
    used_papers.need_unseen(session, room.sitting, package)
    outside = Outside(start.proven, start.present)
    found = gates.need_gates(session, start.presence, room.row.id, now=now, outside=outside)
    gates.keep(session, room.row.id, found, now=now)


def add_time(
    session: Session, place: "Credit", minutes: Decimal, signed: Signed, *, now: datetime
) -> list[int] | None:
    """Compensation time for one seat or the whole room; returns the attempts it reopened.

    A seat that was handed in by the clock goes on when its new deadline lies ahead. None when this very
    form gave its time before: a second click gives none.
    """
    need_duty(session, signed.actor, Permission.GRANT_TIME, place.room_sitting, now=now)
    need_cosigner(signed)
    if not 0 < minutes <= MOST_MINUTES:
        raise Refused("minutes_out_of_range", 422, field="minutes", most=MOST_MINUTES)
    room = load(session, place.room_sitting, lock=True)  # first of all: two clicks come one after the other
    if _given(session, place):
        return None
    if room.phase(now) not in (Phase.RUNNING, Phase.OVER):
        raise Refused("room_not_running")
    need_decided(session, place.room_sitting)
    if place.attempt is not None:
        attempts = [credited(session, place, minutes)]
    else:
        attempts = attempts_of(session, place.room_sitting, lock=True)
    assert signed.cosigner is not None
    given = credit_row(place, minutes, signed, now)
    reopened = give(session, given, attempts, signed, now=now)
    lost_time.need_use(session, room.row.id, attempts, now)
    told = {"minutes": minutes, "reopened": len(reopened)}
    if place.attempt is None:
        note_room(session, room.row.id, signed, "time_added_room", now, **told)
    else:
        _note(session, attempts[0], signed, "time_added", now, **told)
        emit(session, RoomChanged(place.room_sitting))
    return reopened


def credit_row(place: "Credit", minutes: Decimal, signed: Signed, now: datetime) -> TimeCredit:
    """A credit that is not in force yet."""
    return TimeCredit(
        room_sitting_id=place.room_sitting,
        attempt_id=place.attempt,
        minutes=minutes,
        reason=signed.reason.strip()[:200],
        granted_at=now,
        granted_by=signed.actor.user_id,
        cosigned_by=signed.cosigner.user_id if signed.cosigner else None,
        once=place.once or None,
    )


def give(
    session: Session, given: TimeCredit, attempts: list[Attempt], signed: Signed, *, now: datetime
) -> list[int]:
    """Puts a credit in force for its attempts and commands their seats; returns those it reopened."""
    session.add(given)
    session.flush()
    room = load(session, given.room_sitting_id)
    reopened = _reopen_in_time(session, room, attempts, now)
    room.row.version += 1
    told = [attempt for attempt in attempts if AttemptState(attempt.state) not in CLOSED]
    issue(session, CommandKind.CREDIT, told, signed, now=now)
    return reopened


@dataclass(frozen=True, slots=True)
class Credit:
    """Whom a time credit is for: one attempt of a room, or (attempt None) everybody in it.

    `once`: the one-time number of the form that asks for it; a number gives its time a single time.
    """

    room_sitting: int
    attempt: int | None = None
    once: str = ""


def _given(session: Session, place: Credit) -> bool:
    if not place.once:
        return False
    return session.scalar(select(TimeCredit.id).where(TimeCredit.once == place.once)) is not None


def credited(session: Session, place: Credit, minutes: Decimal) -> Attempt:
    """The attempt with its minutes."""
    attempt = locked_attempt(session, place.attempt or 0)
    if attempt.room_sitting_id != place.room_sitting:
        raise NotFound("attempt")
    if attempt.state in (AttemptState.SUBMITTED, AttemptState.ENDED, AttemptState.ABSENT):
        raise Refused("act_not_possible", state=attempt.state, act="add_time")
    attempt.credit_minutes += minutes
    attempt.version += 1
    return attempt


def _reopen_in_time(session: Session, room: RoomState, attempts: list[Attempt], now: datetime) -> list[int]:
    reopened = []
    for attempt in attempts:
        if attempt.state == AttemptState.AUTO_SUBMITTED and room.deadline(attempt) > now:
            _reopen(session, attempt, Act.REOPEN, now)
            reopened.append(attempt.id)
    return reopened


def _reopen(session: Session, attempt: Attempt, act: Act, now: datetime) -> None:
    advance(session, attempt, act)
    attempt.closed_at = attempt.receipt = attempt.collected_at = None
    attempt.close_reason = attempt.collect_note = ""
    attempt.reopened_at = now
    if act is Act.REOPEN:
        attempt.answering_at = attempt.answering_at or now
    for grant in session.scalars(select(JournalGrant).where(JournalGrant.attempt_id == attempt.id)):
        grant.final_seq = None


def end_seat(
    session: Session, attempt_id: int, signed: Signed, *, now: datetime, case: int | None = None
) -> None:
    """Ends one candidate's exam at once; what was answered until now is kept and marked.

    `case`: the violation it is for, named in the record; what becomes of the result is the case's to decide.
    One of another attempt is not found.
    """
    need_cosigner(signed)
    attempt = locked_attempt(session, attempt_id)
    if case is not None and getattr(session.get(Case, case), "attempt_id", None) != attempt_id:
        raise NotFound("case")
    need_duty(session, signed.actor, Permission.RUN_ROOM, attempt.room_sitting_id, now=now)
    advance(session, attempt, Act.END)
    attempt.closed_at, attempt.close_reason = now, signed.reason.strip()[:200]
    end_episodes(session, attempt_id, now=now)
    _end_pause(session, [attempt], signed, now)
    issue(session, CommandKind.END, [attempt], signed, now=now)
    collect_if_complete(session, attempt, now)
    _note(session, attempt, signed, "seat_ended", now, **({} if case is None else {"case": case}))


def _end_pause(session: Session, attempts: list[Attempt], signed: Signed, now: datetime) -> None:
    """Who is done has no pause of their own that goes on."""
    stood = [attempt for attempt in attempts if attempt.paused_at is not None]
    if stood:
        ids, room = {attempt.id for attempt in stood}, stood[0].room_sitting_id
        rows = [row for row in pauses.open_rows(session, room) if row.attempt_id in ids]
        pauses.close(rows, signed.actor.user_id, now)
    for attempt in stood:
        attempt.paused_at = None


def resume_seat(session: Session, attempt_id: int, signed: Signed, *, now: datetime) -> None:
    """Takes back an end or an absence entered by mistake; the clock has gone on meanwhile."""
    need_cosigner(signed)
    attempt = locked_attempt(session, attempt_id)
    need_duty(session, signed.actor, Permission.RUN_ROOM, attempt.room_sitting_id, now=now)
    room = load(session, attempt.room_sitting_id)
    if room.row.ended_at is not None:
        raise Refused("room_already_ended")
    began = attempt.answering_at is not None
    act = Act.REINSTATE if attempt.state == AttemptState.ABSENT else reopening(began=began)
    if act is Act.READMIT:
        _forget_face(session, attempt, now)
    _reopen(session, attempt, act, now)
    desk_marks.reinstated(session, attempt, signed, now=now)
    issue(session, CommandKind.REOPEN, [attempt], signed, now=now)
    _note(session, attempt, signed, "seat_resumed", now)


def move_seat(session: Session, attempt_id: int, seat_id: int, signed: Signed, *, now: datetime) -> None:
    """The candidate goes on at a free paired seat; records left on the old machine are still taken."""
    need_reason(signed)
    room = load(session, _room_of(session, attempt_id), lock=True)
    need_duty(session, signed.actor, Permission.RUN_ROOM, room.row.id, now=now)
    attempt = locked_attempt(session, attempt_id)
    if not may_change_seat(AttemptState(attempt.state)):
        raise Refused("act_not_possible", state=attempt.state, act="move")
    target = free_seat(session, room, seat_id)
    old = session.get_one(Seat, attempt.seat_id)
    for stay in session.scalars(
        select(SeatStay).where(SeatStay.attempt_id == attempt.id, SeatStay.until_at.is_(None))
    ):
        stay.until_at = now
    session.add(
        SeatStay(attempt_id=attempt.id, seat_id=target.id, from_at=now, reason=signed.reason.strip()[:200])
    )
    calls.drop(session, attempt, now=now)
    attempt.seat_id, attempt.workstation_id = target.id, None
    if attempt.frozen_why != IDENTITY:  # who sits there is not known by sitting elsewhere
        breaches.uncover(session, attempt, now=now)  # a person was there, and what covered it stays behind
    issue(session, CommandKind.MOVE, [attempt], signed, now=now)
    end_episodes(session, attempt.id, now=now)
    room.row.version += attempt.version + 1  # so that every seat's version grows, whatever it shows now
    attempt.version += 1
    emit(session, SeatChanged(room.row.id, old.id))
    _note(session, attempt, signed, "seat_moved", now, from_seat=old.number)
    emit(session, RoomChanged(room.row.id))


def _room_of(session: Session, attempt_id: int) -> int:
    room_sitting = session.scalar(select(Attempt.room_sitting_id).where(Attempt.id == attempt_id))
    if room_sitting is None:
        raise NotFound("attempt")
    return room_sitting


def free_seat(session: Session, room: RoomState, seat_id: int) -> Seat:
    """A seat of the room where somebody may sit down now. Refused: taken, out of order, not paired."""
    seat = session.get(Seat, seat_id)
    if seat is None or seat.room_id != room.room.id:
        raise NotFound("seat")
    taken = select(Attempt.id).where(Attempt.room_sitting_id == room.row.id, Attempt.seat_id == seat_id)
    if session.scalar(taken) is not None:
        raise Refused("seat_taken", 422, field="seat", seat=seat.number)
    if seat_id not in active_workstations(session, room.room.id):
        raise Refused("seat_not_paired", 422, field="seat", seat=seat.number)
    if seat.kind == SeatKind.BROKEN:
        raise Refused("seat_out_of_order", 422, field="seat", seat=seat.number)
    return seat


def end_room(session: Session, room_sitting_id: int, signed: Signed, *, now: datetime) -> int:
    """Ends the sitting in this room; returns how many seats were still open.

    Ending it while somebody still has time left, before it began, or while lost time is undecided (after the
    end none can be given) asks for a reason and the chief.
    """
    room = load(session, room_sitting_id, lock=True)
    need_duty(session, signed.actor, Permission.RUN_ROOM, room_sitting_id, now=now)
    if room.row.state not in ("arranged", "released", "running"):
        raise Refused("room_already_ended" if room.row.ended_at else "seats_not_drawn")
    attempts = attempts_of(session, room_sitting_id, lock=True)
    still_open = [attempt for attempt in attempts if AttemptState(attempt.state) not in CLOSED]
    need_decided(session, room_sitting_id)
    losing = lost_time.undecided(session, room, now=now)
    early = ends_early(room, attempts, now)
    if losing or early:
        need_cosigner(signed)
    for attempt in still_open:
        advance(session, attempt, Act.END)
        attempt.closed_at, attempt.close_reason = now, WITH_ROOM
        end_episodes(session, attempt.id, now=now)
    _end_pause(session, attempts, signed, now)
    pauses.close(pauses.open_rows(session, room_sitting_id), signed.actor.user_id, now)
    issue(session, CommandKind.END, still_open, signed, now=now)
    room.row.state, room.row.ended_at, room.row.paused_at = "ended", now, None
    room.row.end_reason = signed.reason.strip()[:200]
    room.row.version += 1
    told = {"open": len(still_open), "expected": len(attempts), "undecided": ", ".join(losing)}
    note_room(session, room.row.id, signed, "room_ended", now, early=early, **told)
    return len(still_open)


def ends_early(room: RoomState, attempts: Iterable[Attempt], now: datetime) -> bool:
    """Whether ending the room at `now` takes time from somebody, or comes before it began."""
    time_left = [room.deadline(each) > now for each in attempts if AttemptState(each.state) not in CLOSED]
    return room.row.started_at is None or any(time_left)


def _note(
    session: Session, attempt: Attempt, signed: Signed, act: str, now: datetime, **details: object
) -> None:
    seat = session.get_one(Seat, attempt.seat_id).number
    stream, object_ = audit.sitting_stream(attempt.room_sitting_id), f"attempt/{attempt.id}"
    audit.record(session, stream, signed.actor, act, object_, now=now, seat=seat, **signed.why(), **details)
    params = params_of(signed, seat=seat, **details)
    emit(session, Activity(attempt.room_sitting_id, f"line_{act}", params, attempt.seat_id))
    emit(session, SeatChanged(attempt.room_sitting_id, attempt.seat_id))
