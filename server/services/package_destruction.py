"""Destroying a package after its use: keys, release secret and sealed bytes go, header and hash stay."""

from datetime import datetime, timedelta

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from itembank.package import PackageBroken, read_header
from server.db.base import emit
from server.db.papers import EnteredMark, Package
from server.db.sittings import Attempt, Batch, ComponentResult, Incident, RoomSitting, Sitting
from server.errors import Refused
from server.events import RoomChanged
from server.services import audit, packages
from server.services.batches import policy_of
from server.services.custody import need_two
from server.services.signed import Signed

_WORKED = ("released", "running", "ended", "collected")


def due(session: Session, package: Package) -> datetime | None:
    """From when on the package may be destroyed; None while its room is at work or its marking not final.

    `papers.keep_days` of the batch's policy after the last marking; of a room in which nothing was held,
    after the planned start. Marking again needs the package: texts that wait for an examiner, entered marks
    that nobody confirmed or that are not counted, and records that came since keep it.
    """
    row = session.get_one(RoomSitting, package.room_sitting_id)
    if row.state in _WORKED or _open_marks(session, row):
        return None
    sitting = session.get_one(Sitting, row.sitting_id)
    kept = timedelta(days=policy_of(session.get_one(Batch, sitting.batch_id)).papers.keep_days)
    return (row.marked_at or sitting.starts_at) + kept


def destroy(session: Session, signed: Signed, package_id: int, site_key: bytes, *, now: datetime) -> None:
    """Two people destroy a package, with a reason; the audit entry is the line of the register.

    Erased: content key, release secret, sealed bytes; seats drop theirs when they next hear that no package
    is named. Kept: SHA-256 and what the header says openly. A room so marked cannot be marked again.
    """
    need_two(signed)
    package = packages.get(session, package_id)
    _sitting, row = packages.locked(session, package.room_sitting_id)
    if package.state == "destroyed":
        raise Refused("package_destroyed")
    from_when = due(session, package)
    if from_when is None:
        raise Refused("destroy_before_marking")
    if now < from_when:
        raise Refused("destroy_too_early", 403, not_before=from_when.isoformat())
    header = _facts(package, site_key)
    package.data, package.sealed_release_secret, package.sealed_content_key = b"", b"", None
    package.state = "destroyed"
    package.destroyed = {"by": signed.actor.name, "at": now.isoformat(), **signed.why(), "header": header}
    row.version += 1
    stream, object_ = audit.sitting_stream(row.id), f"package/{package.uid}"
    told = {"sha256": package.sha256, "size": package.size, "spare": package.spare, **signed.why()}
    audit.record(session, stream, signed.actor, "package_destroyed", object_, now=now, **told)
    emit(session, RoomChanged(row.id))


def _open_marks(session: Session, row: RoomSitting) -> bool:
    if row.state != "marked" or row.marked_at is None:
        return False
    pending = exists().where(ComponentResult.room_sitting_id == row.id, ComponentResult.status == "pending")
    entered = exists().where(
        EnteredMark.attempt_id == Attempt.id,
        Attempt.room_sitting_id == row.id,
        EnteredMark.replaced_at.is_(None),
        or_(EnteredMark.confirmed_at.is_(None), EnteredMark.confirmed_at > row.marked_at),
    )
    arrived = exists().where(
        Incident.room_sitting_id == row.id,
        Incident.kind == str(IncidentKind.LATE_RECORDS),
        Incident.last_at > row.marked_at,
    )
    return any(session.scalar(select(open_one)) for open_one in (pending, entered, arrived))


def _facts(package: Package, site_key: bytes) -> dict[str, object]:
    """What the header says openly; a damaged package is destroyed as well, and says so."""
    try:
        return read_header(package.data, site_key).facts()
    except PackageBroken:
        return {"package": package.uid, "damaged": True}
