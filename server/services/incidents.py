"""Incidents of a room: raised by the server, looked at by people; never a verdict on anybody.

state: raised -> acknowledged -> dismissed | recorded; cleared when the cause ended by itself. One episode
is one row: a cause that comes again while its incident is open only moves `last_at` and the count.

An alert of a camera is different in one thing: that somebody sat at a seat for ten seconds is still to be
looked at when they have left, so an alert (red) whose cause is gone waits on for a person, with `ended_at`
among its details; only a warning (amber) clears by itself.

What people put on the list comes through `services.staff_incidents`. Of an incident that a person recorded,
`details` keep `recorded_by`: without such a word, or a report, nothing ever follows from it. `leave`: the
incident of the logged leave during which a seat was empty.

`details` of a camera's incident: `count` of episodes, `episodes` {name: open | over | closed}, `scores`,
`models` and `note` (an `ObservationNote`) of the last one, `ended_at` (ISO) once no episode is open. An
episode is *closed* when its agent said so, and *over* when it cannot go on although the agent said nothing:
another one of its kind began there, the candidate changed seats, or the work was closed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from exam_rooms.incidents import LEAVES, IncidentKind, Severity
from exam_rooms.watching import CAMERA_KINDS
from server.access import Actor, Permission
from server.db.base import emit
from server.db.cases import Case, CaseIncident, StaffReport
from server.db.rooms import Seat
from server.db.sittings import Incident
from server.errors import Forbidden, NotFound, Refused
from server.events import Activity, SeatChanged
from server.rules.violations import OVER
from server.services import audit, muting
from server.services.duty import need_duty
from server.services.flag_outcomes import is_muted
from server.services.incident_terms import severity_of
from server.services.roomstate import locked_attempt, lower_hand
from server.services.voids import TAKING

OPEN = ("raised", "acknowledged")
OUTCOMES = ("acknowledged", "dismissed", "recorded")
_ONE_CAUSE = (IncidentKind.FACE_MISMATCH, IncidentKind.SEAT_SWAP)
"""A face that does not match, and one of which is known whose it is: one incident, whatever it is called."""
EMPTY_SEAT = (str(IncidentKind.NO_FACE), str(IncidentKind.LEFT_SEAT))
"""What a logged leave explains."""
_FLAP = timedelta(minutes=2)
"""A cause that comes back so soon after it ended by itself belongs to the same episode."""
_EPISODES_KEPT = 100
"""Names of episodes that an incident remembers: what is sent again is sent again soon."""


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


@dataclass(frozen=True, slots=True)
class Episode:
    """What an agent tells of an episode of its camera: its own name of it, since when the cause is there,
    what was seen (plain JSON values), and `Activity.cause_ns`.
    """

    name: str
    since: datetime
    details: Mapping[str, Any]
    cause_ns: int = 0


def raise_incident(
    session: Session, place: Place, kind: IncidentKind, /, *, now: datetime, **details: object
) -> Incident:
    """Puts a cause on the record, as a new incident or as the next sighting of an open one.

    `details`: plain JSON values; texts among them are parameters of the line that the monitor shows.
    """
    row = _same_episode(session, _matching(place, kind), now)
    if row is not None:
        _seen_again(row, details, now)
    else:
        row = _new(session, place, kind, details, now)
        _tell(session, row)
    _seat_changed(session, row)
    return row


def put_on_list(
    session: Session,
    place: Place,
    kind: IncidentKind,
    /,
    *,
    seen_at: datetime,
    now: datetime,
    **details: object,
) -> Incident:
    """What a person saw: always an incident of its own, told to the room."""
    row = _new(session, place, kind, details, now)
    row.first_at = row.last_at = min(seen_at, now)
    _tell(session, row)
    _seat_changed(session, row)
    return row


def raise_episode(
    session: Session, place: Place, kind: IncidentKind, episode: Episode, *, now: datetime
) -> Incident:
    """An episode of a camera began: a new incident, or one more episode of the candidate's open one.

    Somebody may be on the way to an acknowledged one; when its cause had ended meanwhile, what begins now is
    news, and people are called again.
    """
    matching = _matching(place, kind)
    _supersede(session, matching, episode, now)
    muted = muting.is_muted(session, place.room_sitting, kind)
    row = _same_episode(session, matching, episode.since)
    if row is not None and is_muted(row) != muted:
        row = None  # what called people and what calls nobody are two incidents
    news = row is None or (row.state == "acknowledged" and "ended_at" in row.details)
    if row is not None:
        _seen_again(row, episode.details, now)
        news = _became(session, row, kind) or news
    else:
        row = _new(session, place, kind, episode.details, now)
        row.first_at = min(episode.since, now)
        _note_leave(session, row)
        if muted:
            muting.mark(row)
    _note_episode(row, episode.name, "open")
    row.episode = episode.name
    if news:
        row.state, row.handled_at, row.handled_by = "raised", None, None
        _tell(session, row, episode.cause_ns)
    _seat_changed(session, row)
    return row


def turn_into_swap(session: Session, row: Incident, *, now: datetime, **details: object) -> None:
    """Of a face that does not match it is known now whose it is: told as news, and the incident waits on."""
    row.details = row.details | details
    if _became(session, row, IncidentKind.SEAT_SWAP):
        row.state, row.handled_at, row.handled_by = "raised", None, None
        row.last_at = max(row.last_at, now)
        _tell(session, row)
    _seat_changed(session, row)


def of_episode(session: Session, place: Place, kind: IncidentKind, name: str) -> Incident | None:
    """The incident that an agent's episode went into."""
    for row in session.scalars(_matching(place, kind).order_by(Incident.id.desc())):
        if name in row.details.get("episodes", {}):
            return row
    return None


def end_episode(session: Session, row: Incident, name: str, *, now: datetime) -> None:
    """An episode's cause is gone since `now`; an alert waits on for a person, a warning clears."""
    if row.details["episodes"].get(name) != "closed":
        _end(session, row, name, "closed", now)


def end_episodes(session: Session, attempt_id: int, *, now: datetime) -> None:
    """Nobody sits there for this attempt any more: what its cameras still hold for open is over.

    The agent's own word of an end, when it comes, stands instead.
    """
    query = select(Incident).where(
        Incident.attempt_id == attempt_id,
        Incident.kind.in_([str(kind) for kind in (*CAMERA_KINDS, *_ONE_CAUSE)]),
    )
    for row in session.scalars(query):
        for name in _open_names(row):
            _end(session, row, name, "over", now)


def clear(session: Session, place: Place, kind: IncidentKind, *, now: datetime) -> None:
    """The cause of an open incident has ended by itself."""
    for row in session.scalars(_matching(place, kind).where(Incident.state.in_(OPEN))):
        _clear(row)
        row.last_at = now
        _seat_changed(session, row)


def handle(
    session: Session, actor: Actor, incident_id: int, handling: Handling, *, now: datetime
) -> Incident:
    """A person has looked: acknowledged (on the way), dismissed (with a reason) or recorded."""
    if not actor.can(Permission.RUN_ROOM):
        raise Forbidden(Permission.RUN_ROOM)
    _lower_hand(session, incident_id)
    row = session.get(Incident, incident_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise NotFound("incident")
    need_duty(session, actor, Permission.RUN_ROOM, row.room_sitting_id, now=now)
    outcome, note = handling.outcome, handling.note.strip()[:200]
    if outcome not in OUTCOMES:
        raise Refused("incident_outcome_unknown", 422, outcome=outcome)
    if outcome == "dismissed" and not note:
        raise Refused("reason_missing", 422, field="note")
    if row.state not in (*OPEN, "cleared"):
        raise Refused("incident_already_handled")
    if outcome == "dismissed":
        _need_no_case(session, row)
    # Who has heard of a call stands at the seat: there is nothing left to wait for.
    come = row.kind == IncidentKind.HAND_RAISED and outcome == "acknowledged"
    row.state, row.note = "recorded" if come else outcome, note
    row.handled_at, row.handled_by = now, actor.user_id
    if outcome == "recorded":
        row.details = row.details | {"recorded_by": actor.user_id}
    stream = audit.sitting_stream(row.room_sitting_id)
    audit.record(session, stream, actor, f"incident_{outcome}", f"incident/{row.id}", now=now, kind=row.kind)
    muting.consider(session, row, now=now)
    number = _number(session, row.seat_id)
    params = (("actor", actor.name), ("kind", row.kind), ("seat", number))
    emit(session, Activity(row.room_sitting_id, f"line_incident_{outcome}", params, row.seat_id, row.id))
    _seat_changed(session, row)
    return row


def _need_no_case(session: Session, row: Incident) -> None:
    """What a case, or a decision that stands, rests on is not dismissed: the case is given up first."""
    over = [str(state) for state in OVER]
    resting = (
        select(Case.id)
        .join(CaseIncident, CaseIncident.case_id == Case.id)
        .where(CaseIncident.incident_id == row.id, Case.state.not_in(over) | Case.outcome.in_(TAKING))
    )
    found = session.scalar(resting.order_by(Case.id))
    if found is not None:
        raise Refused("incident_has_case", 409, number=found)


def under_leave(row: Incident, leave: int) -> None:
    """An empty seat is explained by a logged leave: it stays on the record and calls nobody."""
    row.details = row.details | {"leave": leave}
    row.severity = int(Severity.INFO)


def _note_leave(session: Session, row: Incident) -> None:
    if row.kind not in EMPTY_SEAT or row.attempt_id is None:
        return
    leave = session.scalars(
        select(StaffReport.incident_id)
        .where(
            StaffReport.attempt_id == row.attempt_id,
            StaffReport.kind.in_([str(kind) for kind in LEAVES]),
            StaffReport.seen_at <= row.first_at,
            StaffReport.back_at.is_(None) | (StaffReport.back_at >= row.first_at),
            StaffReport.escort != "",
        )
        .order_by(StaffReport.id.desc())
    ).first()
    if leave is not None:
        under_leave(row, leave)


def _lower_hand(session: Session, incident_id: int) -> None:
    """A call that is handled is over; the attempt is locked before its incident, as everywhere."""
    row = session.get(Incident, incident_id)
    if row is not None and row.kind == IncidentKind.HAND_RAISED and row.state in OPEN and row.attempt_id:
        lower_hand(session, locked_attempt(session, row.attempt_id))


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


def _new(
    session: Session, place: Place, kind: IncidentKind, details: Mapping[str, Any], now: datetime
) -> Incident:
    row = Incident(
        room_sitting_id=place.room_sitting,
        attempt_id=place.attempt,
        seat_id=place.seat,
        kind=str(kind),
        severity=severity_of(session, place.room_sitting, kind),
        first_at=now,
        last_at=now,
        details={"count": 1} | dict(details),
        state="raised",
    )
    session.add(row)
    session.flush()
    return row


def _became(session: Session, row: Incident, kind: IncidentKind) -> bool:
    """Whether the incident is called SEAT_SWAP from now on; it never goes back to what says less."""
    if kind != IncidentKind.SEAT_SWAP or row.kind == kind:
        return False
    row.kind, row.severity = str(kind), severity_of(session, row.room_sitting_id, kind)
    return True


def line_code(row: Incident) -> str:
    """The code of the sentence that tells of an incident."""
    return f"incident_{row.kind.lower()}" + ("_on_leave" if "leave" in row.details else "")


def _tell(session: Session, row: Incident, cause_ns: int = 0) -> None:
    """One line for the monitor, with what of the details a sentence can hold."""
    said = {name: value for name, value in row.details.items() if isinstance(value, str)}
    params = tuple(sorted({"seat": _number(session, row.seat_id), **said}.items()))
    emit(session, Activity(row.room_sitting_id, line_code(row), params, row.seat_id, row.id, cause_ns))


def _seen_again(row: Incident, details: Mapping[str, Any], now: datetime) -> None:
    row.last_at = max(row.last_at, now)
    row.details = row.details | dict(details) | {"count": int(row.details.get("count", 1)) + 1}
    row.state = "raised" if row.state == "cleared" else row.state


def _note_episode(row: Incident, name: str, state: str) -> None:
    known = {**row.details.get("episodes", {}), name: state}
    rest = {key: value for key, value in row.details.items() if key != "ended_at"}
    row.details = rest | {"episodes": dict(list(known.items())[-_EPISODES_KEPT:])}


def _open_names(row: Incident) -> list[str]:
    return [name for name, state in row.details.get("episodes", {}).items() if state == "open"]


def _supersede(session: Session, matching: Select[Incident], episode: Episode, now: datetime) -> None:
    """A camera has one open episode of a kind at most: those that it forgot in a crash are over."""
    for row in session.scalars(matching):
        if row.last_at > now:
            continue  # the news comes late: what is open began after it
        for name in _open_names(row):
            _end(session, row, name, "over", min(max(row.last_at, episode.since), now))


def _end(session: Session, row: Incident, name: str, state: str, now: datetime) -> None:
    # What is said late of an episode before the last one does not move the end of the last one.
    before = row.details.get("ended_at") if name != row.episode else None
    _note_episode(row, name, state)
    row.last_at = max(row.last_at, now)
    if not _open_names(row):
        row.details = row.details | {"ended_at": before or now.isoformat()}
        if row.state in OPEN and row.severity < Severity.ALERT:
            _clear(row)
    _seat_changed(session, row)


def _clear(row: Incident) -> None:
    row.state = "cleared" if row.state == "raised" else "recorded"


def _seat_changed(session: Session, row: Incident) -> None:
    if row.seat_id is not None:
        emit(session, SeatChanged(row.room_sitting_id, row.seat_id))


def _same_episode(session: Session, matching: Select[Incident], since: datetime) -> Incident | None:
    row = session.scalars(matching.order_by(Incident.id.desc()).limit(1)).first()
    if row is None or row.state in OPEN:
        return row
    return row if row.state == "cleared" and since - row.last_at < _FLAP else None


def _matching(place: Place, kind: IncidentKind) -> Select[Incident]:
    """Incidents of a kind there; of one candidate only when the place names one: seats change hands."""
    query = select(Incident).where(
        Incident.room_sitting_id == place.room_sitting,
        Incident.kind.in_([str(each) for each in (_ONE_CAUSE if kind in _ONE_CAUSE else (kind,))]),
        Incident.seat_id == place.seat if place.seat is not None else Incident.seat_id.is_(None),
    )
    return query if place.attempt is None else query.where(Incident.attempt_id == place.attempt)


def _number(session: Session, seat_id: int | None) -> str:
    seat = session.get(Seat, seat_id) if seat_id else None
    return seat.number if seat else ""
