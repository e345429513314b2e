"""Pictures as evidence: announced by their hash, stored sealed when they arrive, purged after their time.

A picture comes in three steps, so that nothing but SQL runs inside a transaction: `awaited` says what the
bytes are for, `keep` seals them into the store, `arrived` notes it; a process killed between the last two
is asked for the picture again. Pictures of a *recorded* incident outlive their time until two people decide.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms.watch_messages import FrameNote
from itembank.sealing import SealBroken
from itembank.vault import Vault
from server.access import SYSTEM, Actor, Permission
from server.db.base import emit, vault_of
from server.db.evidence_store import EvidenceStore, frame_name
from server.db.room_cameras import RoomCameraFrame
from server.db.sittings import Attempt, Incident
from server.db.watching import Enrolment, EvidenceFrame
from server.errors import Forbidden, NotFound, Refused
from server.events import SeatChanged
from server.rules.observed import FRAME_MOST, announced_frame
from server.services import audit, holds
from server.services.agents import Agent
from server.services.boot_clocks import placed
from server.services.consent import Watched
from server.services.signed import need

FRAME_PURPOSE = "evidence-frame"
JPEG = b"\xff\xd8\xff"
_AT_ONCE = 400


@dataclass(frozen=True, slots=True)
class Subject:
    """What pictures show: purpose enrolment, alert or capture, and the row they belong to."""

    watched: Watched
    purpose: str
    boot_id: str
    incident: int | None = None
    capture: int | None = None


@dataclass(frozen=True, slots=True)
class Expired:
    """What is past its time: pictures and enrolments whose vector is still there; `held`: pictures of
    recorded incidents, which stay until two people say otherwise; `kept`: those that a legal hold or an open
    case covers, which nobody may delete.
    """

    frames: tuple[EvidenceFrame, ...]
    held: tuple[EvidenceFrame, ...]
    enrolments: tuple[Enrolment, ...]
    kept: tuple[EvidenceFrame, ...] = ()


# --- announced ---------------------------------------------------------------------------------------


def announce(
    session: Session, agent: Agent, subject: Subject, frames: Sequence[FrameNote], *, now: datetime
) -> tuple[str, ...]:
    """Notes which pictures will come; returns the hashes of those that are not stored yet.

    An attempt has `WatchRules.frame_limit` pictures at most; those beyond are not asked for. Alerts leave
    room for the random captures, so that a restless camera cannot use it up.
    """
    wanted = []
    for frame in map(announced_frame, frames):
        row = _known(session, agent, subject, frame) or _noted(session, agent, subject, frame, now)
        if row is not None and row.stored_at is None:
            wanted.append(frame.sha256)
    return tuple(dict.fromkeys(wanted))


def _known(session: Session, agent: Agent, subject: Subject, frame: FrameNote) -> EvidenceFrame | None:
    query = select(EvidenceFrame).where(
        EvidenceFrame.workstation_id == agent.workstation,
        EvidenceFrame.attempt_id == subject.watched.attempt.id,
        EvidenceFrame.sha256 == frame.sha256,
        EvidenceFrame.purpose == subject.purpose,
        EvidenceFrame.capture_id == subject.capture,
    )
    if subject.purpose == "alert":  # others may have been tied to an incident since
        query = query.where(EvidenceFrame.incident_id == subject.incident)
    return session.scalars(query).first()


def _noted(
    session: Session, agent: Agent, subject: Subject, frame: FrameNote, now: datetime
) -> EvidenceFrame | None:
    attempt, rules = subject.watched.attempt, subject.watched.rules
    count = select(func.count()).select_from(EvidenceFrame).where(EvidenceFrame.attempt_id == attempt.id)
    kept_free = rules.captures if subject.purpose == "alert" else 0
    if (session.scalar(count) or 0) >= rules.frame_limit - kept_free:
        return None
    twin = _stored_twin(session, agent, attempt.id, frame.sha256)
    row = EvidenceFrame(
        room_sitting_id=attempt.room_sitting_id,
        attempt_id=attempt.id,
        seat_id=agent.seat,
        workstation_id=agent.workstation,
        purpose=subject.purpose,
        incident_id=subject.incident,
        capture_id=subject.capture,
        moment=frame.moment,
        sha256=frame.sha256,
        size=frame.size,
        taken_at=placed(session, agent.workstation, subject.boot_id, frame.boot_ns, now=now),
        announced_at=now,
        stored_at=now if twin else None,
        file=twin,
        keep_until=now + timedelta(days=rules.keep_days),
    )
    session.add(row)
    session.flush()
    return row


def _stored_twin(session: Session, agent: Agent, attempt_id: int, sha256: str) -> str:
    """The file that holds this picture already: the same one may belong to two alerts."""
    query = select(EvidenceFrame.file).where(
        EvidenceFrame.workstation_id == agent.workstation,
        EvidenceFrame.attempt_id == attempt_id,
        EvidenceFrame.sha256 == sha256,
        EvidenceFrame.file != "",
    )
    return session.scalar(query.limit(1)) or ""


# --- stored ------------------------------------------------------------------------------------------


def awaited(session: Session, agent: Agent, sha256: str, data: bytes) -> tuple[str, ...]:
    """The names under which these bytes are to be kept; empty when they are stored already.

    Refused when this workstation announced no such picture, the bytes are not what was announced, or the
    candidate does not agree (any more).
    """
    if len(data) > FRAME_MOST:
        raise Refused("frame_too_large", 413, limit_kb=FRAME_MOST >> 10)
    rows = _announced(session, agent, sha256)
    if not rows:
        raise Refused("frame_not_announced", 404)
    rows = _agreed(session, rows)
    if not rows:
        raise Refused("no_face_consent", 403)
    if not data.startswith(JPEG):
        raise Refused("frame_not_jpeg", 422)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise Refused("frame_differs", 422)
    return tuple(frame_name(row.id, sha256) for row in rows if row.stored_at is None)


def keep(vault: Vault, store: EvidenceStore, name: str, data: bytes) -> None:
    """Seals a picture for its name into the store; durable when it returns. For native threads."""
    store.put(name, vault.seal_value(FRAME_PURPOSE, name, data))


def arrived(session: Session, agent: Agent, sha256: str, names: Sequence[str], *, now: datetime) -> None:
    """The pictures under these names are durable; who looks at their incident's seat sees them now."""
    for row in _agreed(session, _announced(session, agent, sha256)):
        if row.stored_at is None and frame_name(row.id, sha256) in names:
            row.file, row.stored_at = frame_name(row.id, sha256), now
            if row.incident_id is not None:
                emit(session, SeatChanged(row.room_sitting_id, row.seat_id))


def _announced(session: Session, agent: Agent, sha256: str) -> list[EvidenceFrame]:
    query = select(EvidenceFrame).where(
        EvidenceFrame.sha256 == sha256, EvidenceFrame.workstation_id == agent.workstation
    )
    return list(session.scalars(query.order_by(EvidenceFrame.id)))


def _agreed(session: Session, rows: Sequence[EvidenceFrame]) -> list[EvidenceFrame]:
    """Those whose candidate still agrees to be looked at (R38)."""
    attempts = {row.attempt_id for row in rows}
    query = select(Attempt.id).where(Attempt.id.in_(attempts), Attempt.face_consent.is_(True))
    agreed = set(session.scalars(query))
    return [row for row in rows if row.attempt_id in agreed]


def drop_awaited(session: Session, attempt_id: int, *, now: datetime) -> None:
    """Pictures of an attempt that were announced and have not come are not taken any more.

    Their rows stay, as of pictures that are gone, so that a file written at this very moment is swept; no
    announced picture has the size 0, so that nobody calls them deleted.
    """
    query = select(EvidenceFrame).where(
        EvidenceFrame.attempt_id == attempt_id, EvidenceFrame.stored_at.is_(None)
    )
    for row in session.scalars(query):
        row.stored_at, row.size = now, 0


# --- looked at ---------------------------------------------------------------------------------------


def picture(session: Session, store: EvidenceStore, actor: Actor, frame_id: int) -> bytes:
    """A stored picture, JPEG. Whoever shows it to a person also calls `note_viewed`."""
    row = _viewable(session, actor, frame_id)
    data = opened(vault_of(session), store, row.file) if row.file else None
    if data is None:
        raise NotFound("picture")
    return data


def opened(vault: Vault, store: EvidenceStore, name: str) -> bytes | None:
    """A stored picture in clear; None when it is not there, or what is there was not sealed as this one."""
    sealed = store.get(name)
    try:
        return None if sealed is None else vault.open_value(FRAME_PURPOSE, name, sealed)
    except SealBroken:
        return None


def note_viewed(session: Session, actor: Actor, frame_id: int, *, now: datetime) -> None:
    """Puts on the record, once for each person and picture, that it was looked at."""
    row = _viewable(session, actor, frame_id)
    stream, frame = audit.sitting_stream(row.room_sitting_id), f"frame/{row.id}"
    audit.record_once(session, stream, actor, "frame_viewed", frame, now=now, purpose=row.purpose)


def _viewable(session: Session, actor: Actor, frame_id: int) -> EvidenceFrame:
    if not actor.can(Permission.MONITOR_ROOM):
        raise Forbidden(Permission.MONITOR_ROOM)
    row = session.get(EvidenceFrame, frame_id)
    if row is None:
        raise NotFound("picture")
    return row


def frames_of(
    session: Session,
    *,
    incident_id: int | None = None,
    capture_id: int | None = None,
    attempt_id: int | None = None,
) -> list[EvidenceFrame]:
    """The pictures of an incident, a capture or a whole attempt, in the order in which they were taken."""
    query = select(EvidenceFrame).order_by(EvidenceFrame.taken_at, EvidenceFrame.id)
    if incident_id is not None:
        query = query.where(EvidenceFrame.incident_id == incident_id)
    if capture_id is not None:
        query = query.where(EvidenceFrame.capture_id == capture_id)
    if attempt_id is not None:
        query = query.where(EvidenceFrame.attempt_id == attempt_id)
    return list(session.scalars(query))


# --- how long ----------------------------------------------------------------------------------------


def expired(session: Session, *, now: datetime) -> Expired:
    """What is past `keep_until`, and vectors of enrolments that a new one replaced."""
    over = (
        select(EvidenceFrame, Incident.state)
        .outerjoin(Incident, Incident.id == EvidenceFrame.incident_id)
        .where(EvidenceFrame.keep_until <= now, EvidenceFrame.file != "")
        .order_by(EvidenceFrame.id)
    )
    kept = holds.held(session)
    frames: dict[str, list[EvidenceFrame]] = {"over": [], "held": [], "kept": []}
    for frame, state in session.execute(over):
        covered = kept.covers(frame.room_sitting_id, frame.attempt_id)
        frames["kept" if covered else "held" if state == "recorded" else "over"].append(frame)
    vectors = (
        select(Enrolment, Attempt.room_sitting_id)
        .join(Attempt, Attempt.id == Enrolment.attempt_id)
        .where(Enrolment.sealed_template.is_not(None))
        .where((Enrolment.keep_until <= now) | Enrolment.dropped_at.is_not(None))
        .order_by(Enrolment.id)
    )
    return Expired(
        frames=tuple(frames["over"]),
        held=tuple(frames["held"]),
        enrolments=tuple(
            row for row, room in session.execute(vectors) if not kept.covers(room, row.attempt_id)
        ),
        kept=tuple(frames["kept"]),
    )


def purge(session: Session, actor: Actor, *, now: datetime) -> tuple[tuple[str, ...], int]:
    """Empties the rows of what is past its time; the files that nobody refers to any more, and how many
    vectors are gone.

    The caller removes those from the store after the commit, so that no row ever promises a picture that
    is gone.
    """
    if actor is not SYSTEM:
        need(actor, Permission.MANAGE_BATCHES)
    over = expired(session, now=now)
    names = let_go(session, over.frames)
    for enrolment in over.enrolments:
        enrolment.sealed_template = None
    counts = {"frames": len(over.frames), "vectors": len(over.enrolments)}
    audit.record(session, audit.SYSTEM_STREAM, actor, "evidence_purged", "evidence", now=now, **counts)
    return names, len(over.enrolments)


def let_go(session: Session, frames: Collection[EvidenceFrame]) -> tuple[str, ...]:
    """Empties the rows of pictures; the names of the files that nobody refers to any more."""
    names = {frame.file for frame in frames if frame.file}
    for frame in frames:
        frame.file = ""
    session.flush()
    return tuple(sorted(names - _referred_to(session, names)))


def orphans(session: Session, store: EvidenceStore) -> list[str]:
    """Files that no row refers to: a kill came between file and row, or between a purge and its files.

    A file whose own row is unknown here, or of another picture, is left out: perhaps this is not its
    database. Pictures of the rooms' cameras lie among them, numbered by rows of their own.
    """
    found: list[str] = []
    for names in _chunks(store.names()):
        ids = [int(name.partition("-")[0]) for name in names]
        rows = session.execute(
            select(EvidenceFrame.id, EvidenceFrame.sha256).where(EvidenceFrame.id.in_(ids))
        )
        ours = {frame_name(number, sha256) for number, sha256 in rows} & set(names)
        ours |= _of_room_cameras(session, store, names)
        found += ours - _referred_to(session, ours)
    return sorted(found)


def _of_room_cameras(session: Session, store: EvidenceStore, names: Sequence[str]) -> set[str]:
    """Those that are pictures of rows of room cameras. Such a row knows its picture only once it has come: a
    file of one that still waits is its own when this site has sealed it.
    """
    numbers = {name: int(name.partition("-")[0]) for name in names}
    query = select(RoomCameraFrame).where(RoomCameraFrame.id.in_(set(numbers.values())))
    rows = {row.id: row for row in session.scalars(query)}
    found = set()
    for name, number in numbers.items():
        row = rows.get(number)
        if row is None:
            continue
        waits = row.stored_at is None and opened(vault_of(session), store, name) is not None
        if waits or frame_name(number, row.sha256) == name:
            found.add(name)
    return found


def _referred_to(session: Session, names: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for chunk in _chunks(names):
        for file in (EvidenceFrame.file, RoomCameraFrame.file):
            found |= set(session.scalars(select(file).where(file.in_(chunk))))
    return found


def _chunks(names: Iterable[str]) -> Iterator[list[str]]:
    """Few enough names at a time for one statement."""
    rest = iter(names)
    while chunk := list(islice(rest, _AT_ONCE)):
        yield chunk


def sweep(session: Session, store: EvidenceStore) -> int:
    """Removes what a killed process left in the store; how many files. Once, before anybody writes."""
    lost = orphans(session, store)
    for name in lost:
        store.delete(name)
    return store.sweep_parts() + len(lost)
