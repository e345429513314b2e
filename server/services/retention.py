"""What is deleted when its time is over, what is kept until when, and who may say otherwise (R37).

Two kinds of things lie here. *Personal data past their purpose* (pictures nobody refers to, face vectors,
looks, pictures of the desk) go by themselves, every night. *Records* (pictures of an incident that a person
recorded) stay until two people decide; what a legal hold or an open case covers stays in any case.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, func, select
from sqlalchemy.orm import Session

from server.access import SYSTEM, Actor, Permission
from server.db.evidence_store import EvidenceStore
from server.db.look_logs import LookBatch
from server.db.privacy import FaceProbe
from server.db.record import AuditEntry
from server.db.room_cameras import RoomCameraFrame
from server.db.signins import SignInRow
from server.db.sittings import RoomSitting, Sitting
from server.db.watching import Enrolment, EvidenceFrame
from server.services import (
    audit,
    desk_pictures,
    evidence,
    gallery,
    look_logs,
    recorded_pictures,
    room_frames,
    site_files,
)
from server.services.recorded_pictures import RecordedPicture
from server.services.signed import need

PURGED = "retention_purged"
AT_WORK = ("released", "running", "ended")
"""States of a room whose server does nothing but the exam."""
FORGOTTEN = timedelta(days=2)
"""After the start of a room that nobody has closed: it keeps nothing from being deleted any more."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One kind of data: how many there are, until when the first and the last of them stay, how many are past
    their time and go with the next purge.
    """

    kind: str
    count: int
    first_until: datetime | None
    last_until: datetime | None
    over: int


@dataclass(frozen=True, slots=True)
class LastPurge:
    """When something was deleted last, by whom ("system": the daily purge), and how much of what."""

    at: datetime
    by: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything the page of the administrator shows; `covered`: pictures that holds and open cases keep;
    `size`: bytes of all pictures in the evidence store.
    """

    kinds: tuple[Kept, ...]
    recorded: tuple[RecordedPicture, ...]
    covered: int
    size: int
    last: LastPurge | None


@dataclass(frozen=True, slots=True)
class Purged:
    """What a purge emptied, by kind, and the files that the caller now removes from the store."""

    counts: Mapping[str, int]
    names: tuple[str, ...] = field(default=(), repr=False)


def purge(session: Session, actor: Actor, *, now: datetime) -> Purged:
    """Empties everything that is past its time and is not held; on the record with its counts, also of none.

    Rows first, files after the commit (`sweep`): no row promises a picture that is gone.
    """
    if actor is not SYSTEM:
        need(actor, Permission.MANAGE_BATCHES)
    frames = len(evidence.expired(session, now=now).frames)
    names, vectors = evidence.purge(session, actor, now=now)
    probes = gallery.expired(session, now=now)
    for probe in probes:
        probe.sealed_probe = None
    desk = desk_pictures.purge(session, actor, now=now)
    looks = look_logs.purge(session, now=now)
    rooms = room_frames.purge(session, now=now)
    site_files.purge(session, now=now)
    counts = {
        "frames": frames,
        "vectors": vectors,
        "probes": len(probes),
        "desk": desk,
        "looks": looks,
        "room": len(rooms),
    }
    audit.record(session, audit.SYSTEM_STREAM, actor, PURGED, "retention", now=now, **counts)
    return Purged(counts, names + rooms)


def sweep(store: EvidenceStore, names: tuple[str, ...]) -> int:
    """Removes files whose rows were emptied; how many were there."""
    return sum(store.delete(name) for name in names)


def at_work(session: Session, *, now: datetime) -> bool:
    """Whether a room of this server is between the release of its papers and their collection."""
    began = func.coalesce(RoomSitting.started_at, Sitting.starts_at)
    query = (
        select(RoomSitting.id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .where(RoomSitting.state.in_(AT_WORK), RoomSitting.void_at.is_(None), began > now - FORGOTTEN)
    )
    return session.scalar(query.limit(1)) is not None


def last_purge(session: Session) -> LastPurge | None:
    """The last purge, out of the audit record."""
    query = (
        select(AuditEntry)
        .where(AuditEntry.stream == audit.SYSTEM_STREAM, AuditEntry.act == PURGED)
        .order_by(AuditEntry.id.desc())
    )
    row = session.scalars(query.limit(1)).first()
    if row is None:
        return None
    counts = {name: int(value) for name, value in row.details.items() if isinstance(value, int)}
    return LastPurge(row.at, row.actor, counts)


def first_day(session: Session) -> datetime | None:
    """Since when there may be something to delete: the first line of the audit record."""
    query = select(AuditEntry.at).where(AuditEntry.stream == audit.SYSTEM_STREAM)
    return session.scalar(query.order_by(AuditEntry.id).limit(1))


def overview(session: Session, actor: Actor, *, now: datetime) -> Overview:
    """What lies here and until when."""
    need(actor, Permission.MANAGE_BATCHES)
    over = evidence.expired(session, now=now)
    kinds = [
        _frames(session, purpose, sum(frame.purpose == purpose for frame in over.frames))
        for purpose in ("enrolment", "alert", "capture")
    ]
    enrolled = Enrolment.sealed_template.is_not(None)
    kinds.append(_kept(session, "vectors", Enrolment.keep_until, enrolled, len(over.enrolments)))
    probes, shown = FaceProbe.sealed_probe.is_not(None), SignInRow.has_picture.is_(True)
    due = len(gallery.expired(session, now=now)), len(desk_pictures.expired(session, now=now))
    kinds.append(_kept(session, "probes", FaceProbe.keep_until, probes, due[0]))
    logs = LookBatch.sealed.is_not(None), len(look_logs.expired(session, now=now))
    kinds.append(_kept(session, "looks", LookBatch.keep_until, *logs))
    seen = RoomCameraFrame.file != "", len(room_frames.expired(session, now=now))
    kinds.append(_kept(session, "room", RoomCameraFrame.keep_until, *seen))
    kinds.append(_kept(session, "desk", SignInRow.keep_until, shown, due[1]))
    return Overview(
        kinds=tuple(kinds),
        recorded=recorded_pictures.listing(session, now=now),
        covered=len(over.kept),
        size=_size(session),
        last=last_purge(session),
    )


def _size(session: Session) -> int:
    """A file counts once, however many alerts it belongs to."""
    there = select(EvidenceFrame.file, func.max(EvidenceFrame.size).label("size"))
    files = there.where(EvidenceFrame.file != "").group_by(EvidenceFrame.file).subquery()
    return int(session.scalar(select(func.sum(files.c.size))) or 0)


def _frames(session: Session, purpose: str, over: int) -> Kept:
    there = (EvidenceFrame.file != "") & (EvidenceFrame.purpose == purpose)
    return _kept(session, purpose, EvidenceFrame.keep_until, there, over)


def _kept(
    session: Session,
    kind: str,
    until: SQLColumnExpression[Any],
    there: ColumnElement[bool],
    over: int,
) -> Kept:
    count, first, last = session.execute(
        select(func.count(), func.min(until), func.max(until)).where(there)
    ).one()
    return Kept(kind, count, first, last, over)
