"""A face that does not match, looked for among the candidates of the same rooms: have two changed seats?

Opening the vectors and comparing them is done beside the event loop (`find`); before it `search_for` reads
what is needed, after it `swap_of` asks the record again: somebody may have withdrawn a consent meanwhile.
Only people who agreed to be compared are looked at (R38). What comes out is a hint at two seats, no verdict.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from exam_rooms.watch_messages import AlertRequest
from itembank.sealing import SealBroken
from itembank.vault import Vault
from proctoring.gallery import Found, Limits, Vector, likeness, nearest, unpack
from server.db.base import vault_of
from server.db.privacy import FaceProbe
from server.db.rooms import Room, Seat
from server.db.sittings import Attempt, Incident, RoomSitting
from server.db.watching import Enrolment
from server.rules import observed
from server.services import holds
from server.services.agents import Agent
from server.services.consent import Watched, rules_of
from server.services.enrolments import TEMPLATE_PURPOSE, current_of
from server.services.incidents import OPEN, Place, of_episode, turn_into_swap
from server.services.roomstate import RoomState, load, locked_attempt

PROBE_PURPOSE = "face-probe"
_NAME = "AlertRequest"
_KINDS = (str(IncidentKind.FACE_MISMATCH), str(IncidentKind.SEAT_SWAP))


@dataclass(frozen=True, slots=True)
class Search:
    """A probe in clear, and the sealed vectors it is compared with: by attempt, the seat's own among them."""

    attempt: int
    probe: bytes
    sealed: Mapping[int, bytes]
    limits: Limits


# --- who is it ---------------------------------------------------------------------------------------


def probe_of(asked: AlertRequest) -> bytes | None:
    """The face that an alert brings, checked like a template; None without one. Raises `Refused`."""
    if not asked.probe:
        return None
    if asked.kind != IncidentKind.FACE_MISMATCH:
        raise observed.malformed(_NAME, "probe")
    return observed.template_bytes(asked.probe, _NAME, "probe")


def search_for(session: Session, agent: Agent, asked: AlertRequest) -> Search | None:
    """What a new alert's face is to be compared with; None when there is nothing to look for.

    It decides nothing about the alert: `alerts.take_alert` does, whatever is found.
    """
    probe, attempt = probe_of(asked), session.get(Attempt, asked.attempt)
    if probe is None or attempt is None or attempt.face_consent is not True or asked.closed:
        return None
    room = load(session, attempt.room_sitting_id)
    rules, terms = rules_of(room), room.policy.seat_swap
    place = Place(attempt.room_sitting_id, agent.seat, attempt.id)
    known = of_episode(session, place, IncidentKind.FACE_MISMATCH, asked.episode) is not None
    if rules is None or terms.search == "none" or known:
        return None
    sealed = _sealed(session, _rooms(session, room), str(asked.models.get("verify", "")))
    return Search(
        attempt=attempt.id,
        probe=probe,
        sealed=sealed,
        limits=Limits(rules.match_from, rules.mismatch_below, terms.margin),
    )


def find(vault: Vault, search: Search) -> Found | None:
    """Whose face it clearly is, by attempt; None when that cannot be said. For native threads."""
    vectors = {
        attempt: vector
        for attempt, sealed in search.sealed.items()
        if (vector := _opened(vault, TEMPLATE_PURPOSE, attempt, sealed)) is not None
    }
    own = vectors.pop(search.attempt, None)
    return nearest(unpack(search.probe), own, vectors, search.limits)


def _rooms(session: Session, room: RoomState) -> list[int]:
    """The rooms in whose sitting is searched."""
    if room.policy.seat_swap.search != "sitting":
        return [room.row.id]
    query = select(RoomSitting.id).where(RoomSitting.sitting_id == room.row.sitting_id)
    return list(session.scalars(query))


def _sealed(session: Session, rooms: list[int], model: str) -> dict[int, bytes]:
    """Sealed vectors of who consented there, made by the same model as the probe."""
    here = select(Attempt.id).where(Attempt.room_sitting_id.in_(rooms), Attempt.face_consent.is_(True))
    return {
        attempt: row.sealed_template
        for attempt, row in current_of(session, list(session.scalars(here))).items()
        if row.sealed_template is not None and str(row.models.get("verify", "")) == model
    }


def _opened(vault: Vault, purpose: str, number: int, sealed: bytes) -> Vector | None:
    try:
        return unpack(vault.open_value(purpose, str(number), sealed))
    except (SealBroken, ValueError):
        return None


# --- on the record -----------------------------------------------------------------------------------


def lock_both(session: Session, asked: AlertRequest, found: Found | None) -> None:
    """Both candidates' attempts, in one order whichever of the two seats speaks first."""
    for attempt in sorted({asked.attempt, found.key} if found else {asked.attempt}):
        if session.get(Attempt, attempt) is not None:
            locked_attempt(session, attempt)


def swap_of(session: Session, seen: Watched, found: Found | None) -> dict[str, Any]:
    """Details of an incident that name the other candidate's seat; empty when there is nothing to say."""
    if found is None or found.key == seen.attempt.id:
        return {}
    other = session.get(Attempt, found.key)
    if other is None or other.face_consent is not True or not current_of(session, [other.id]):
        return {}
    return _naming(session, seen.attempt, other, found.similarity)


def _naming(session: Session, attempt: Attempt, other: Attempt, similarity: float) -> dict[str, Any]:
    number = session.get_one(Seat, other.seat_id).number
    room = ""
    if other.room_sitting_id != attempt.room_sitting_id:
        room = session.get_one(Room, session.get_one(RoomSitting, other.room_sitting_id).room_id).name
    return {
        "other": f"{room} {number}".strip(),
        "swap": {
            "attempt": other.id,
            "seat": other.seat_id,
            "number": number,
            "room_sitting": other.room_sitting_id,
            "room": room,
            "similarity": round(similarity, 3),
        },
    }


def keep_probe(session: Session, row: Incident, asked: AlertRequest, seen: Watched, at: datetime) -> None:
    """Keeps the newest face of an open incident, sealed."""
    probe = probe_of(asked)
    if probe is None or row.state not in OPEN:
        return
    kept = session.get(FaceProbe, row.id)
    if kept is None:
        kept = FaceProbe(incident_id=row.id, attempt_id=seen.attempt.id)
        session.add(kept)
    kept.sealed_probe = vault_of(session).seal_value(PROBE_PURPOSE, str(row.id), probe)
    kept.model = str(asked.models.get("verify", ""))[:60]
    kept.taken_at, kept.keep_until = at, at + timedelta(days=seen.rules.keep_days)
    session.flush()


def complete_other(session: Session, row: Incident, seen: Watched, *, now: datetime) -> None:
    """The incident at the other seat and this one name each other from now on.

    If the face there did not clearly match anybody, but is not unlike this seat's candidate either, the two
    together say that both have changed seats.
    """
    named = row.details.get("swap", {}).get("attempt")
    other = session.get(Attempt, named) if named else None
    theirs = _open_at(session, other) if other else None
    if other is None or theirs is None:
        return
    if theirs.details.get("swap", {}).get("attempt") != seen.attempt.id:
        cosine = _cosine(session, theirs, seen.attempt)
        if theirs.kind != IncidentKind.FACE_MISMATCH or cosine is None or cosine < seen.rules.mismatch_below:
            return
        turn_into_swap(session, theirs, now=now, **_naming(session, other, seen.attempt, cosine))
    for mine, its in ((row, theirs), (theirs, row)):
        mine.details = mine.details | {"swap": mine.details["swap"] | {"incident": its.id}}


def _open_at(session: Session, attempt: Attempt) -> Incident | None:
    query = (
        select(Incident)
        .where(Incident.attempt_id == attempt.id, Incident.kind.in_(_KINDS), Incident.state.in_(OPEN))
        .order_by(Incident.id.desc())
        .with_for_update()
    )
    return session.scalars(query.execution_options(populate_existing=True)).first()


def _cosine(session: Session, row: Incident, attempt: Attempt) -> float | None:
    """How like an incident's kept face is to a candidate's enrolled one."""
    kept, enrolled = session.get(FaceProbe, row.id), current_of(session, [attempt.id]).get(attempt.id)
    if kept is None or kept.sealed_probe is None or enrolled is None or enrolled.sealed_template is None:
        return None
    if kept.model != _model(enrolled):
        return None
    vault = vault_of(session)
    probe = _opened(vault, PROBE_PURPOSE, row.id, kept.sealed_probe)
    template = _opened(vault, TEMPLATE_PURPOSE, attempt.id, enrolled.sealed_template)
    return None if probe is None or template is None else likeness(probe, template)


def _model(row: Enrolment) -> str:
    return str(row.models.get("verify", ""))[:60]


# --- how long ----------------------------------------------------------------------------------------


def expired(session: Session, *, now: datetime) -> list[FaceProbe]:
    """Kept faces whose incident somebody has handled, or which is past its time, and that no hold and no open
    case covers.
    """
    query = (
        select(FaceProbe, Incident.room_sitting_id)
        .join(Incident, Incident.id == FaceProbe.incident_id)
        .where(FaceProbe.sealed_probe.is_not(None))
        .where((FaceProbe.keep_until <= now) | Incident.state.not_in(OPEN))
    )
    kept = holds.held(session)
    rows = session.execute(query.order_by(FaceProbe.incident_id))
    return [row for row, room in rows if not kept.covers(room, row.attempt_id)]


def forget(session: Session, attempt_id: int) -> int:
    """The candidate does not agree any more: faces seen at that seat are gone at once, and those seen at
    another one that were found to be this candidate's; how many.
    """
    query = select(FaceProbe, Incident).join(Incident, Incident.id == FaceProbe.incident_id)
    rows = [
        row
        for row, incident in session.execute(query.where(FaceProbe.sealed_probe.is_not(None)))
        if attempt_id in (row.attempt_id, incident.details.get("swap", {}).get("attempt"))
    ]
    for row in rows:
        row.sealed_probe = None
    return len(rows)
