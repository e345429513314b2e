"""The desk's pictures: sealed in the row of their sign-in, looked at on the record, gone after their time."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import SYSTEM, Actor, Permission
from server.db.base import vault_of
from server.db.signins import SignInRow
from server.db.sittings import Attempt
from server.errors import Forbidden, NotFound, Refused
from server.services import audit, holds
from server.services.desk_marks import hold_of
from server.services.duty import need_duty

PURPOSE = "desk-picture"
JPEG = b"\xff\xd8\xff"
MOST_BYTES = 1 << 20


def check_picture(data: bytes) -> None:
    """Raises `Refused` for what is no JPEG of a camera; nothing is decoded here."""
    if not data.startswith(JPEG):
        raise Refused("frame_not_jpeg", 422)
    if len(data) > MOST_BYTES:
        raise Refused("frame_too_large", 413, limit_kb=MOST_BYTES >> 10)


def seal(session: Session, row: SignInRow, data: bytes, keep_days: int, *, now: datetime) -> None:
    """Keeps a picture with its sign-in, for so many days."""
    check_picture(data)
    row.sealed_picture = vault_of(session).seal_value(PURPOSE, str(row.id), data)
    row.has_picture, row.keep_until = True, now + timedelta(days=keep_days)


def view(session: Session, actor: Actor, room_sitting_id: int, signin_id: int, *, now: datetime) -> bytes:
    """The picture of a sign-in in clear, JPEG; that it was looked at stands on the record."""
    need_duty(session, actor, Permission.ADMIT_CANDIDATES, room_sitting_id, now=now)
    row = session.get(SignInRow, signin_id)
    if row is None or room_sitting_id not in _rooms(session, row) or row.sealed_picture is None:
        raise NotFound("picture")
    data = vault_of(session).open_value(PURPOSE, str(row.id), row.sealed_picture)
    stream = audit.sitting_stream(room_sitting_id)
    audit.record(session, stream, actor, "desk_picture_viewed", f"signin/{row.id}", now=now)
    return data


def _rooms(session: Session, row: SignInRow) -> set[int | None]:
    """Where the picture was taken, and where the candidate has been moved since."""
    query = select(Attempt.room_sitting_id).where(Attempt.registration_id == row.registration_id)
    return {row.room_sitting_id, session.scalar(query)}


def expired(session: Session, *, now: datetime) -> Sequence[SignInRow]:
    """Sign-ins whose picture is past its time; an undecided doubt keeps the pictures of its candidate."""
    query = select(SignInRow).where(SignInRow.keep_until <= now, SignInRow.has_picture.is_(True))
    open_ = select(SignInRow).where(SignInRow.result == "doubt", SignInRow.standing_for.is_not(None))
    kept = {row.standing_for for row in session.scalars(open_) if hold_of(row) == "desk_doubt_open"}
    held = holds.held(session)
    seated = select(Attempt.registration_id).where(Attempt.id.in_(held.attempts))
    kept |= set(session.scalars(seated))
    return [
        row
        for row in session.scalars(query.order_by(SignInRow.id))
        if row.registration_id not in kept and row.room_sitting_id not in held.rooms
    ]


def purge(session: Session, actor: Actor, *, now: datetime) -> int:
    """Empties the pictures that are past their time; how many."""
    if actor is not SYSTEM and not actor.can(Permission.MANAGE_BATCHES):
        raise Forbidden(Permission.MANAGE_BATCHES)
    rows = expired(session, now=now)
    for row in rows:
        row.sealed_picture, row.has_picture = None, False
    stream = audit.SYSTEM_STREAM
    audit.record(session, stream, actor, "desk_pictures_purged", "signins", now=now, pictures=len(rows))
    return len(rows)
