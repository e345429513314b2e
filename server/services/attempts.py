"""What a candidate does at a seat after signing in: confirm, accept, open a journal, submit, receipt."""

import base64
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms import clock
from exam_rooms.clock import NotCounted
from exam_rooms.incidents import IncidentKind
from exam_rooms.protocol import AcceptRequest, Receipt, receipt_message
from exam_rooms.seats import Act, AttemptState
from exam_rooms.wire import decode, encode
from server.access import Actor
from server.db.breaches import Breach
from server.db.rooms import Seat
from server.db.sittings import Attempt, JournalGrant, Registration
from server.errors import NotFound, Refused
from server.services import audit, breaches, consents, desk_marks
from server.services.agents import Agent
from server.services.captures import ensure_seed
from server.services.collection import collect_if_complete
from server.services.consent import rules_of
from server.services.counting import Judge
from server.services.incidents import Place, end_episodes, raise_incident
from server.services.link_gaps import end_elsewhere
from server.services.roomstate import CLOSED, RoomState, advance, attempts_of, load, locked_attempt
from server.services.stream import Submission, Tail

AT_SEAT = frozenset({AttemptState.READY, AttemptState.ANSWERING})


def attempt_at(session: Session, agent: Agent, room_sitting_id: int) -> Attempt:
    """The attempt seated at this agent's seat in a sitting, locked."""
    query = select(Attempt.id).where(
        Attempt.room_sitting_id == room_sitting_id, Attempt.seat_id == agent.seat
    )
    found = session.scalar(query)
    if found is None:
        raise NotFound("attempt")
    return locked_attempt(session, found)


def confirm(session: Session, agent: Agent, room_sitting_id: int, is_me: bool, *, now: datetime) -> None:
    """The candidate says whether photo and name are theirs; "no" calls the invigilator."""
    attempt = attempt_at(session, agent, room_sitting_id)
    advance(session, attempt, Act.CONFIRM if is_me else Act.DENY)
    attempt.workstation_id = agent.workstation
    if is_me:
        attempt.confirmed_at = now
    else:
        place = Place(attempt.room_sitting_id, attempt.seat_id, attempt.id)
        raise_incident(session, place, IncidentKind.IDENTITY_DENIED, now=now)
    _record(session, attempt, "identity_confirmed" if is_me else "identity_denied", now)


def accept(
    session: Session, agent: Agent, room_sitting_id: int, choice: AcceptRequest, *, now: datetime
) -> None:
    """Rules and pledge accepted; face comparison is free, refusing it is as good a choice.

    Where no camera is used nobody is asked, and nothing stands on the record.
    """
    room = load(session, room_sitting_id, lock=True)  # either this or the start of the room comes first
    attempt = attempt_at(session, agent, room_sitting_id)
    advance(session, attempt, Act.ACCEPT)
    attempt.accepted_at, attempt.rules_version = now, choice.rules_version[:20]
    attempt.face_consent = choice.face_consent if rules_of(room) is not None else None
    if attempt.face_consent is not None:
        consents.note_answer(session, attempt.id, attempt.face_consent, choice.consent_version, now=now)
    _record(session, attempt, "rules_accepted", now, face_consent=attempt.face_consent)
    if room.may_begin(attempt, now):
        begin(session, attempt, max(now, room.row.started_at or now))


def begin(session: Session, attempt: Attempt, now: datetime) -> None:
    """The paper opens at a ready seat; the first one in a room with cameras draws the random captures."""
    begin_all(session, [attempt], now)


def begin_all(session: Session, attempts: Sequence[Attempt], now: datetime) -> None:
    """The papers of a room's ready seats open, all at once."""
    told_of = select(Breach.attempt_id).where(
        Breach.attempt_id.in_([attempt.id for attempt in attempts]), Breach.ended_at.is_(None)
    )
    suspects = set(session.scalars(told_of))  # one look for all: hardly anybody is one
    for attempt in attempts:
        ensure_seed(session, attempt.room_sitting_id, now=now)
        advance(session, attempt, Act.START)
        attempt.answering_at = now
    for attempt in attempts:
        if attempt.id in suspects:
            breaches.cover_at_start(session, attempt, now=now)


def somebody_waits(room: RoomState, attempts: list[Attempt], now: datetime) -> bool:
    """Whether a ready seat waits for a start that has long been."""
    return any(attempt.state == AttemptState.READY and room.may_begin(attempt, now) for attempt in attempts)


def begin_waiting(session: Session, room_sitting_id: int, *, now: datetime) -> list[int]:
    """Opens the paper at every ready seat of a running room; returns the attempts."""
    room = load(session, room_sitting_id, lock=True)
    waiting = [
        attempt
        for attempt in attempts_of(session, room_sitting_id, lock=True)
        if attempt.state == AttemptState.READY and room.may_begin(attempt, now)
    ]
    begin_all(session, waiting, now)
    return [attempt.id for attempt in waiting]


def open_journal(
    session: Session, agent: Agent, attempt_id: int, end: Tail, *, now: datetime
) -> JournalGrant:
    """A new journal of an attempt for the workstation at its seat; `end` is the head it continues."""
    attempt = locked_attempt(session, attempt_id)
    if attempt.seat_id != agent.seat:
        raise Refused("attempt_not_here", 403)
    if AttemptState(attempt.state) not in AT_SEAT:
        raise Refused("journal_not_now", state=attempt.state)
    last = _last_journal(session, attempt_id)
    grant = JournalGrant(
        attempt_id=attempt_id,
        journal=last + 1,
        workstation_id=agent.workstation,
        parent=end.head,
        opened_at=now,
    )
    session.add(grant)
    attempt.workstation_id = agent.workstation
    end_elsewhere(session, attempt, now=now)
    if last:
        _record(session, attempt, "journal_opened", now, journal=grant.journal, workstation=agent.workstation)
    return grant


def _last_journal(session: Session, attempt_id: int) -> int:
    query = select(func.max(JournalGrant.journal)).where(JournalGrant.attempt_id == attempt_id)
    return session.scalar(query) or 0


def submit(
    session: Session,
    attempt_id: int,
    submission: Submission,
    signing_key: Ed25519PrivateKey,
    *,
    now: datetime,
) -> Receipt:
    """Closes an attempt by its SUBMIT record and signs the receipt; the same record again changes nothing.

    Refused when too early or too late, and from a journal that another one continues: whoever handed in
    without a link and was then moved has gone on answering at the new seat, and hands in there.
    """
    attempt = locked_attempt(session, attempt_id)
    room = load(session, attempt.room_sitting_id)
    if attempt.state == AttemptState.SUBMITTED and attempt.receipt:
        return decode(Receipt, attempt.receipt)
    if submission.stored.record.journal < _last_journal(session, attempt_id):
        raise Refused("submit_superseded")
    allowed = room.submit_from(attempt)
    if submission.received_at < allowed:
        raise Refused("submit_too_early", allowed=allowed.isoformat())
    stale = attempt.reopened_at is not None and submission.received_at <= attempt.reopened_at
    if stale or isinstance(Judge(session, room, attempt).verdict(submission.stored), NotCounted):
        raise Refused("submit_too_late")
    advance(session, attempt, Act.SUBMIT)
    record = submission.stored.record
    attempt.closed_at, attempt.close_reason = submission.received_at, "submitted"
    end_episodes(session, attempt_id, now=submission.received_at)
    session.get_one(JournalGrant, (attempt_id, record.journal)).final_seq = record.seq
    end = Tail(record.journal, record.seq, record.hash)
    receipt = _signed(session, attempt, end, submission.answered, signing_key)
    attempt.receipt = encode(receipt)
    session.flush()
    collect_if_complete(session, attempt, now)
    _record(session, attempt, "submitted", now, head=record.hash, answered=submission.answered)
    return receipt


def tell_broken_chain(session: Session, attempt_id: int, *, now: datetime) -> None:
    """The whole stream was looked at before a submission is confirmed, and does not hold."""
    attempt = session.get_one(Attempt, attempt_id)
    place = Place(attempt.room_sitting_id, attempt.seat_id, attempt_id)
    raise_incident(session, place, IncidentKind.CHAIN_ERROR, now=now, cause="submission")


def receipt(
    session: Session, attempt_id: int, end: Tail, answered: int, signing_key: Ed25519PrivateKey
) -> Receipt:
    """The receipt of a closed attempt; one closed by the clock or a person gets it once it is collected."""
    attempt = locked_attempt(session, attempt_id)
    if attempt.receipt:
        return decode(Receipt, attempt.receipt)
    if AttemptState(attempt.state) not in CLOSED or attempt.collected_at is None:
        raise Refused("receipt_not_ready")
    made = _signed(session, attempt, end, answered, signing_key)
    attempt.receipt = encode(made)
    return made


def something_due(
    room: RoomState, attempts: list[Attempt], now: datetime, coming: Collection[int] = ()
) -> bool:
    """Whether the clock has to close some seat: asked every second, so that idle seconds write nothing.

    `coming`: attempts of those who were at the desk in time (`desk_marks.coming`).
    """
    if room.row.started_at is None or room.row.ended_at is not None:
        return False
    door_closed = now > clock.late_entry_closes(room.clock)
    return any(
        now > room.grace_over(attempt)
        or (door_closed and attempt.state == AttemptState.ASSIGNED and attempt.id not in coming)
        for attempt in attempts
        if AttemptState(attempt.state) not in CLOSED
    )


def close_overdue(session: Session, room_sitting_id: int, *, now: datetime) -> list[int]:
    """Closes every seat whose deadline and grace have passed; returns the attempts closed.

    Until then a submission on its way still arrives; from the deadline on the seat itself is locked.
    """
    room = load(session, room_sitting_id, lock=True)
    if room.row.started_at is None or room.row.ended_at is not None:
        return []
    over = []
    for attempt in _open_attempts(session, room_sitting_id):
        if now > room.grace_over(attempt):
            advance(session, attempt, Act.TIME_OVER)
            attempt.closed_at, attempt.close_reason = room.deadline(attempt), "time_over"
            end_episodes(session, attempt.id, now=room.deadline(attempt))
            _record(session, attempt, "time_over", now, state=attempt.state)
            over.append(attempt.id)
    return over


def mark_latecomers_absent(session: Session, room_sitting_id: int, *, now: datetime) -> list[int]:
    """Seats nobody came to are absent once late entry has closed, unless the desk has seen them in time."""
    room = load(session, room_sitting_id, lock=True)
    if room.row.started_at is None or now <= clock.late_entry_closes(room.clock):
        return []
    absent, coming = [], desk_marks.coming(session, room_sitting_id)
    for attempt in _open_attempts(session, room_sitting_id):
        if attempt.state == AttemptState.ASSIGNED and attempt.id not in coming:
            advance(session, attempt, Act.MARK_ABSENT)
            attempt.closed_at, attempt.close_reason = now, "late_entry_closed"
            _record(session, attempt, "absent", now)
            absent.append(attempt.id)
    return absent


def _open_attempts(session: Session, room_sitting_id: int) -> list[Attempt]:
    closed = [str(state) for state in CLOSED]
    query = select(Attempt).where(Attempt.room_sitting_id == room_sitting_id, Attempt.state.not_in(closed))
    return list(session.scalars(query.order_by(Attempt.id).with_for_update(key_share=True)))


def _signed(
    session: Session, attempt: Attempt, end: Tail, answered: int, signing_key: Ed25519PrivateKey
) -> Receipt:
    assert attempt.closed_at is not None
    unsigned = Receipt(
        attempt=attempt.id,
        ticket=session.get_one(Registration, attempt.registration_id).ticket,
        journal=end.journal,
        seq=end.seq,
        head=end.head,
        answered=answered,
        submitted_at=attempt.closed_at,
        signature="",
    )
    signature = signing_key.sign(receipt_message(unsigned))
    return replace(unsigned, signature=base64.b64encode(signature).decode())


def _record(session: Session, attempt: Attempt, act: str, now: datetime, **details: Any) -> None:  # noqa: ANN401
    seat = session.get_one(Seat, attempt.seat_id).number
    stream = audit.sitting_stream(attempt.room_sitting_id)
    who = Actor(None, f"seat {seat}")
    audit.record(session, stream, who, act, f"attempt/{attempt.id}", now=now, seat=seat, **details)
