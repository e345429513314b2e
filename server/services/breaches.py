"""Breaches that a seat's agent tells of: put on the record, raised as incidents, and what the policy says.

An agent speaks of its own workstation only, and of the candidate who sits or sat there. A note is taken once
however often it is sent; its stamps are placed on the server's clock as late records are. Covering a paper is
no judgement: time goes on, nothing that was answered is lost, and an invigilator releases it after a look.
"""

import re
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from exam_rooms.incidents import BREACHES, LASTING_BREACHES, IncidentKind, Severity, severity
from exam_rooms.kiosk_messages import BreachNote, BreachRequest, FreezeView, KioskPlan, SeatRelease
from exam_rooms.seats import AttemptState
from server.access import Actor, Permission
from server.db.base import emit
from server.db.breaches import Breach
from server.db.commands import CoverRow
from server.db.rooms import Seat
from server.db.sittings import Attempt, Incident, SeatStay
from server.errors import Refused
from server.events import Activity, SeatChanged
from server.rules import observed
from server.rules.policy_breaches import Action
from server.services import audit, losses
from server.services.agents import Agent
from server.services.boot_clocks import placed
from server.services.duty import need_duty
from server.services.incidents import OPEN, Place, clear, raise_incident
from server.services.plain_rows import AttemptRow
from server.services.roomstate import RoomSeen, RoomState, load, locked_attempt, touch
from server.services.signed import Signed, need_reason, params_of

NOTES_MOST, COUNT_MOST, DETAIL_MOST = 50, 1_000_000, 80
ROWS_MOST = 200
"""Breaches of one kind of one attempt that get a row of their own; beyond it people are only called again
when nothing of the kind is open. What may cover the paper always gets its row: nothing else tells a resend.
"""
FRESH = timedelta(seconds=30)
"""A note that comes later than this tells of something that may long be over: it calls people and covers
nothing.
"""
_REF = re.compile(r"[0-9a-f]{32}")
_NAME = "BreachNote"
_BEFORE = frozenset({AttemptState.ASSIGNED})


def take(session: Session, agent: Agent, asked: BreachRequest, *, now: datetime) -> None:
    """Takes notes of an attempt that is or was at the agent's seat, in their order, then a release there.

    Refused: `message_malformed`, `attempt_not_here`.
    """
    _check(asked)
    attempt = locked_attempt(session, asked.attempt)
    room = load(session, attempt.room_sitting_id)
    if attempt.seat_id != agent.seat and not _was_here(session, attempt, agent):
        raise Refused("attempt_not_here", 403)
    over = {note.ref for note in asked.notes if note.ended}
    for note in asked.notes:
        known = session.scalar(_named(agent, attempt, note.ref))
        if known is None:
            known = _begin(session, agent, room, attempt, replace(note, ended=note.ref in over), now=now)
        if note.ended and known is not None and known.ended_at is None:
            gone = placed(session, agent.workstation, note.boot_id, note.since_ns, now=now)
            _end(session, known, gone)
    losses.take(session, agent, attempt, asked.losses, now=now)
    if asked.release is not None and attempt.seat_id == agent.seat:
        _released_at_seat(session, agent, attempt, asked.release, now=now)


def _check(asked: BreachRequest) -> None:
    if len(asked.notes) > NOTES_MOST:
        raise observed.malformed("BreachRequest", "notes")
    for note in asked.notes:
        wrong = {
            "ref": not _REF.fullmatch(note.ref),
            "kind": note.kind not in BREACHES,
            "detail": len(note.detail) > DETAIL_MOST,
            "count": not 1 <= note.count <= COUNT_MOST,
        }
        for field in (field for field, is_wrong in wrong.items() if is_wrong):
            raise observed.malformed(_NAME, field)


def _was_here(session: Session, attempt: Attempt, agent: Agent) -> bool:
    query = select(SeatStay.id).where(SeatStay.attempt_id == attempt.id, SeatStay.seat_id == agent.seat)
    return session.scalars(query).first() is not None


def _named(agent: Agent, attempt: Attempt, ref: str) -> Select[Breach]:
    """A workstation that was paired anew sends again what its earlier pairing was not answered."""
    mine = or_(Breach.workstation_id == agent.workstation, Breach.attempt_id == attempt.id)
    return select(Breach).where(Breach.ref == ref, mine)


def _begin(  # noqa: PLR0913 - who tells what of whom
    session: Session, agent: Agent, room: RoomState, attempt: Attempt, note: BreachNote, *, now: datetime
) -> Breach | None:
    """A breach that nobody knew of (`note.ended`: its end is known too); None when there are too many."""
    kind, action = IncidentKind(note.kind), room.policy.breaches.of(note.kind).action
    at = placed(session, agent.workstation, note.boot_id, note.boot_ns, now=now)
    began = min(placed(session, agent.workstation, note.boot_id, note.since_ns, now=now), at)
    place = Place(attempt.room_sitting_id, agent.seat, attempt.id)
    worth = action is not Action.RECORD and _at_work(attempt, began)
    kept = action is Action.FREEZE or _rows(session, attempt, kind) < ROWS_MOST
    calls = worth and (kept or not _is_open(session, place, kind))
    incident = _raise(session, place, kind, note, at) if calls else None
    if not kept:
        return None
    row = Breach(
        room_sitting_id=attempt.room_sitting_id,
        attempt_id=attempt.id,
        seat_id=agent.seat,
        workstation_id=agent.workstation,
        incident_id=incident.id if incident else None,
        ref=note.ref,
        kind=note.kind,
        detail=note.detail,
        count=note.count,
        froze=action is Action.FREEZE
        and _may_freeze(attempt, agent)
        and not note.ended
        and now - at <= FRESH,
        began_at=began,
        told_at=now,
    )
    session.add(row)
    session.flush()
    if row.froze:
        _freeze(session, attempt, row, now)
    return row


def _at_work(attempt: Attempt, began: datetime) -> bool:
    """Whether somebody had signed in then and was not done: else there is nobody to look after."""
    if AttemptState(attempt.state) in _BEFORE:
        return False
    return attempt.closed_at is None or began < attempt.closed_at


def _raise(session: Session, place: Place, kind: IncidentKind, note: BreachNote, at: datetime) -> Incident:
    row = raise_incident(session, place, kind, now=at, detail=note.detail)
    rest = {name: value for name, value in row.details.items() if name != "ended_at"}
    if rest != row.details and row.state == "acknowledged":  # who went there saw nothing any more
        row.state, row.handled_at, row.handled_by = "raised", None, None
    row.details = rest | {"count": int(rest["count"]) + note.count - 1}
    return row


def _rows(session: Session, attempt: Attempt, kind: IncidentKind) -> int:
    query = select(func.count()).where(Breach.attempt_id == attempt.id, Breach.kind == str(kind))
    return session.scalar(query) or 0


def _is_open(session: Session, place: Place, kind: IncidentKind) -> bool:
    query = select(Incident.id).where(
        Incident.attempt_id == place.attempt,
        Incident.seat_id == place.seat,
        Incident.kind == str(kind),
        Incident.state.in_(OPEN),
    )
    return session.scalars(query).first() is not None


def _end(session: Session, row: Breach, gone: datetime) -> None:
    """The cause is gone: a warning clears by itself, an alert waits on for a person."""
    row.ended_at = max(row.began_at, gone)
    others = select(Breach.id).where(
        Breach.attempt_id == row.attempt_id,
        Breach.seat_id == row.seat_id,
        Breach.kind == row.kind,
        Breach.ended_at.is_(None),
    )
    if row.incident_id is None or session.scalars(others).first() is not None:
        return
    kind = IncidentKind(row.kind)
    if severity(kind) < Severity.ALERT:
        place = Place(row.room_sitting_id, row.seat_id, row.attempt_id)
        clear(session, place, kind, now=row.ended_at)
        return
    incident = session.get_one(Incident, row.incident_id)
    if incident.state in OPEN:
        incident.details = incident.details | {"ended_at": row.ended_at.isoformat()}
        emit(session, SeatChanged(row.room_sitting_id, row.seat_id))


# --- the covered paper -------------------------------------------------------------------------------


def _may_freeze(attempt: Attempt, agent: Agent) -> bool:
    """Before the start there is nothing to cover: see `cover_at_start`."""
    return attempt.seat_id == agent.seat and attempt.state == AttemptState.ANSWERING


def cover_at_start(session: Session, attempt: Attempt, *, now: datetime) -> None:
    """The paper opens: it is covered for what was told since the sign-in and still goes on at the seat."""
    query = select(Breach).where(
        Breach.attempt_id == attempt.id,
        Breach.seat_id == attempt.seat_id,
        Breach.told_at > (attempt.identified_at or now),
        Breach.ended_at.is_(None),
        Breach.kind.in_([str(kind) for kind in LASTING_BREACHES]),
    )
    lasting = session.scalars(query.order_by(Breach.id)).all()
    if not lasting:
        return
    rules = load(session, attempt.room_sitting_id).policy.breaches
    for row in lasting:
        if rules.of(row.kind).action is Action.FREEZE:
            row.froze = True
            _freeze(session, attempt, row, now)


def _freeze(session: Session, attempt: Attempt, row: Breach, now: datetime) -> None:
    if attempt.frozen_at is not None:
        return
    attempt.frozen_at, attempt.frozen_why = now, row.kind
    number = session.get_one(Seat, attempt.seat_id).number
    stream, who = audit.sitting_stream(attempt.room_sitting_id), Actor(None, f"seat {number}")
    said = {"seat": number, "kind": row.kind}
    audit.record(session, stream, who, "seat_frozen", f"attempt/{attempt.id}", now=now, **said)
    line = ("line_seat_frozen", tuple(sorted(said.items())))
    emit(session, Activity(attempt.room_sitting_id, *line, attempt.seat_id, row.incident_id))
    touch(session, attempt)


def release(session: Session, attempt_id: int, signed: Signed, *, now: datetime) -> None:
    """An invigilator has looked: the paper is shown again. Time was never stopped; credit is its own act.

    Refused: `reason_missing`, `not_frozen`.
    """
    attempt = locked_attempt(session, attempt_id)
    need_duty(session, signed.actor, Permission.RUN_ROOM, attempt.room_sitting_id, now=now)
    need_reason(signed)
    if attempt.frozen_at is None:
        raise Refused("not_frozen")
    seconds = round((now - attempt.frozen_at).total_seconds())
    kind = attempt.frozen_why
    uncover(session, attempt, now=now)
    number = session.get_one(Seat, attempt.seat_id).number
    said = {"seat": number, "kind": kind, "seconds": seconds}
    stream, object_ = audit.sitting_stream(attempt.room_sitting_id), f"attempt/{attempt.id}"
    audit.record(session, stream, signed.actor, "seat_unfrozen", object_, now=now, **signed.why(), **said)
    line = ("line_seat_unfrozen", params_of(signed, **said))
    emit(session, Activity(attempt.room_sitting_id, *line, attempt.seat_id))
    touch(session, attempt)


def uncover(session: Session, attempt: Attempt, *, now: datetime) -> None:
    """Takes the cover off; how long it was there is kept, since the time went on meanwhile."""
    if attempt.frozen_at is None:
        return
    session.add(
        CoverRow(
            room_sitting_id=attempt.room_sitting_id,
            attempt_id=attempt.id,
            kind=attempt.frozen_why or "",
            since_at=attempt.frozen_at,
            until_at=max(now, attempt.frozen_at),
        )
    )
    attempt.frozen_at, attempt.frozen_why = None, None


def _released_at_seat(
    session: Session, agent: Agent, attempt: Attempt, told: SeatRelease, *, now: datetime
) -> None:
    """Somebody with the room's PIN has looked at the seat; a cover that is not the same one stays."""
    if (attempt.frozen_why, attempt.frozen_at) != (told.kind, told.since):
        return
    at = placed(session, agent.workstation, told.boot_id, told.boot_ns, now=now)
    uncover(session, attempt, now=at)
    number = session.get_one(Seat, attempt.seat_id).number
    seconds = max(0, round((at - told.since).total_seconds()))
    said = {"seat": number, "kind": told.kind, "seconds": seconds}
    stream, who = audit.sitting_stream(attempt.room_sitting_id), Actor(None, f"seat {number}")
    audit.record(session, stream, who, "seat_unfrozen_by_pin", f"attempt/{attempt.id}", now=now, **said)
    params = tuple((name, str(value)) for name, value in sorted(said.items()))
    emit(session, Activity(attempt.room_sitting_id, "line_seat_unfrozen_by_pin", params, attempt.seat_id))
    touch(session, attempt)


def frozen_view(attempt: Attempt | AttemptRow) -> FreezeView | None:
    """What the seat shows of a covered paper, None when it is not covered (any more)."""
    if attempt.frozen_at is None or attempt.state != AttemptState.ANSWERING:
        return None
    return FreezeView(attempt.frozen_why or "", attempt.frozen_at)


def watched_for(room: RoomSeen) -> KioskPlan:
    """What the warden of a seat has to know of the room's policy."""
    rules = room.policy.breaches
    return KioskPlan(forbidden=rules.forbidden_processes, grace=rules.grace)


def of_attempt(session: Session, attempt_id: int) -> list[Breach]:
    """Every breach of an attempt, in the order in which they began."""
    query = select(Breach).where(Breach.attempt_id == attempt_id)
    return list(session.scalars(query.order_by(Breach.began_at, Breach.id)))
