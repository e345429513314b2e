"""Random pictures of each seat: taken by the agents at moments drawn beforehand, some looked at again here.

The draw hangs on a seed that stays on the server; its hash goes into the audit record at the start, so that
nobody can change the draw afterwards. The server's own look at a picture is no verdict: where it differs
from what the seat saw, people are called (AGENT_DISAGREES).
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.orm import Session

from exam_rooms.agreement import disagreement, one_sided
from exam_rooms.captures import capture_moments, is_rechecked
from exam_rooms.incidents import IncidentKind
from exam_rooms.watch_messages import CaptureRequest, FrameNote, Taken
from exam_rooms.watching import ObservationNote, WatchRules
from exam_rooms.wire import decode, encode
from server.access import SYSTEM
from server.db.rooms import Room, Seat
from server.db.sittings import RoomSitting
from server.db.watching import Capture, EvidenceFrame
from server.errors import Refused
from server.rules import observed
from server.services import audit
from server.services.agents import Agent
from server.services.boot_clocks import placed
from server.services.consent import Watched, check_moment, rules_of, watched
from server.services.evidence import Subject, announce, frames_of
from server.services.incidents import Place, raise_incident
from server.services.roomstate import RoomSeen, Timed, load

GIVE_UP = timedelta(minutes=60)
"""A picture that has not come so long after it was announced is not waited for."""


@dataclass(frozen=True, slots=True)
class DueCapture:
    """A picture to look at again: its capture, where it lies, the attempt whose face it should show."""

    capture: int
    attempt: int
    file: str
    rules: WatchRules


@dataclass(frozen=True, slots=True)
class CaptureLine:
    """One capture for the record. `note`: what the seat saw, None when it could not look; `recheck` as in
    `Capture`; `frame`: id of the picture, None when there is none; `stored`: whether it has come.
    """

    capture: int
    seat: str
    number: int
    taken_at: datetime
    state: str
    note: ObservationNote | None
    recheck: str
    recheck_note: ObservationNote | None
    frame: int | None
    stored: bool


# --- the draw ----------------------------------------------------------------------------------------


def ensure_seed(session: Session, room_sitting_id: int, *, now: datetime) -> None:
    """Draws the seed of a room's captures when its first paper opens, if the room has cameras."""
    row = session.get_one(RoomSitting, room_sitting_id)
    if row.capture_seed or session.get_one(Room, row.room_id).kind != "smart":
        return
    session.flush()  # a refresh would undo what the caller has just set on the row
    session.refresh(row, with_for_update=True)
    if row.capture_seed:
        return
    row.capture_seed = secrets.token_hex(16)
    sealed = hashlib.sha256(row.capture_seed.encode()).hexdigest()
    stream = audit.sitting_stream(row.id)
    audit.record(session, stream, SYSTEM, "captures_drawn", stream, now=now, seed_sha256=sealed)


def moments(room: RoomSeen, attempt: Timed, rules: WatchRules) -> tuple[float, ...]:
    """When an attempt's pictures are due: seconds after the room's start."""
    if not room.row.capture_seed:
        return ()
    return capture_moments(room.row.capture_seed, attempt.id, rules, float(room.sitting.minutes))


# --- taken at the seat -------------------------------------------------------------------------------


def take_capture(session: Session, agent: Agent, asked: CaptureRequest, *, now: datetime) -> Taken:
    """Keeps one random picture's note and announces the picture; sent again it changes nothing.

    An agent that was killed in between may take one anew: the first one counts, with the note made of it.
    """
    seen = watched(session, agent, asked.attempt)
    if not 0 <= asked.number < seen.rules.captures:
        raise observed.malformed(_NAME, "number")
    if seen.attempt.answering_at is None:
        raise Refused("capture_not_now", state=seen.attempt.state)
    at = placed(session, agent.workstation, asked.boot_id, asked.boot_ns, now=now)
    check_moment(session, agent, seen.attempt, at)
    query = select(Capture).where(Capture.attempt_id == asked.attempt, Capture.number == asked.number)
    row = session.scalar(query)
    if row is not None and not _same_picture(session, agent, row, asked.frame):
        return Taken()
    row = row or _keep(session, agent, seen, asked, at)
    if asked.frame is None:
        return Taken()
    subject = Subject(seen, "capture", asked.boot_id, capture=row.id)
    return Taken(announce(session, agent, subject, (asked.frame,), now=now))


_NAME = "CaptureRequest"


def _same_picture(session: Session, agent: Agent, row: Capture, frame: FrameNote | None) -> bool:
    """Whether a capture that is kept already is told of again, and not another one in its place."""
    known = {(each.workstation_id, each.sha256) for each in frames_of(session, capture_id=row.id)}
    if frame is None or row.state != "taken":
        return False
    return not known or (agent.workstation, frame.sha256) in known


def _keep(session: Session, agent: Agent, seen: Watched, asked: CaptureRequest, at: datetime) -> Capture:
    attempt, seed = seen.attempt, seen.room.row.capture_seed
    taken = asked.frame is not None
    again = taken and is_rechecked(seed, attempt.id, asked.number, seen.rules.recheck_share)
    row = Capture(
        room_sitting_id=attempt.room_sitting_id,
        attempt_id=attempt.id,
        seat_id=agent.seat,
        number=asked.number,
        state="taken" if taken else "missed",
        taken_at=at,
        note=observed.note_values(asked.note, _NAME),
        recheck="due" if again else "",
    )
    session.add(row)
    session.flush()
    return row


# --- looked at again ---------------------------------------------------------------------------------


def due(session: Session, limit: int) -> list[DueCapture]:
    """Pictures that have come and wait for the server's look, oldest first."""
    query = (
        select(Capture, EvidenceFrame.file)
        .join(EvidenceFrame, EvidenceFrame.id == _picture_of())
        .where(Capture.recheck == "due", EvidenceFrame.file != "")
        .order_by(Capture.id)
        .limit(limit)
    )
    found = []
    for row, file in session.execute(query):
        rules = rules_of(load(session, row.room_sitting_id)) or WatchRules()
        found.append(DueCapture(row.id, row.attempt_id, file, rules))
    return found


def overdue(session: Session, *, now: datetime) -> list[int]:
    """Captures whose picture never came: nothing can be looked at again.

    Counted from the announcement: after an outage news comes late, and its pictures later still. One whose
    picture was never asked for (`WatchRules.frame_limit`) is counted from when it was taken.
    """
    query = (
        select(Capture.id, Capture.taken_at, EvidenceFrame.announced_at)
        .outerjoin(EvidenceFrame, EvidenceFrame.id == _picture_of())
        .where(Capture.recheck == "due", func.coalesce(EvidenceFrame.file, "") == "")
        .order_by(Capture.id)
    )
    rows = session.execute(query)
    return [row for row, taken, announced in rows if (announced or taken) < now - GIVE_UP]


def _picture_of() -> ScalarSelect[int | None]:
    """The id of a capture's picture, in a query of captures."""
    query = select(func.min(EvidenceFrame.id)).where(EvidenceFrame.capture_id == Capture.id)
    return query.correlate(Capture).scalar_subquery()


def settle_recheck(
    session: Session, capture_id: int, server_note: ObservationNote | None, *, now: datetime
) -> None:
    """What the server saw in a picture: it agrees, disagrees (people are called), or could not tell.

    Failed, never passed: no picture, no model here, a seat that had not looked itself, or a face that only
    one of the two compared with the enrolled one.
    """
    row = session.get_one(Capture, capture_id, with_for_update=True)
    if row.recheck != "due":
        return
    row.rechecked_at = now
    row.recheck_note = {} if server_note is None else encode(server_note)
    seat_note = _note(row.note)
    if not (_looked(seat_note) and _looked(server_note)):
        row.recheck = "failed"
        return
    assert seat_note is not None
    assert server_note is not None
    differs = disagreement(seat_note, server_note)
    row.recheck = "failed" if one_sided(seat_note, server_note) else "agrees"
    if differs:
        row.recheck = "disagrees"
        _tell(session, row, differs, now)


def _looked(note: ObservationNote | None) -> bool:
    return note is not None and "detect" not in note.unavailable


def _tell(session: Session, row: Capture, differs: str, now: datetime) -> None:
    place = Place(row.room_sitting_id, row.seat_id, row.attempt_id)
    facts: dict[str, Any] = {"capture": row.id, "number": row.number, "differs": differs}
    facts |= {"note": row.note, "recheck_note": row.recheck_note}
    incident = raise_incident(session, place, IncidentKind.AGENT_DISAGREES, now=now, **facts)
    for frame in frames_of(session, capture_id=row.id):
        frame.incident_id = incident.id


def listing(session: Session, room_sitting_id: int) -> list[CaptureLine]:
    """All captures of a room's sitting, by seat and number."""
    query = (
        select(Capture, Seat.number, EvidenceFrame.id, EvidenceFrame.file)
        .join(Seat, Seat.id == Capture.seat_id)
        .outerjoin(EvidenceFrame, EvidenceFrame.id == _picture_of())
        .where(Capture.room_sitting_id == room_sitting_id)
        .order_by(Capture.seat_id, Capture.attempt_id, Capture.number)
    )
    return [
        CaptureLine(
            capture=row.id,
            seat=seat,
            number=row.number,
            taken_at=row.taken_at,
            state=row.state,
            note=_note(row.note),
            recheck=row.recheck,
            recheck_note=_note(row.recheck_note),
            frame=frame,
            stored=bool(file),
        )
        for row, seat, frame, file in session.execute(query)
    ]


def _note(values: dict[str, Any]) -> ObservationNote | None:
    return decode(ObservationNote, values) if values else None
