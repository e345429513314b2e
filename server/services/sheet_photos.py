"""Photos on score sheets: announced by a record of the sheet, kept re-encoded and sealed, seen on the record.

A photo may come after the lock: its hash stands in the chain that was locked.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from itembank.sheet_marks import fold
from server.access import Actor, Permission
from server.db.assessing import ScorePhoto, ScoreSheet, Turn
from server.db.base import TO_CHANGE, vault_of
from server.errors import NotFound, Refused
from server.services import audit, scoring_devices, sheets
from server.services.panel_sight import need_room
from server.services.signed import need

PURPOSE = "score-photo"
PHOTOS_MOST = 12
"""Photos of one sheet."""
BYTES_MOST = 12 << 20
"""Bytes of one photo as a tablet's camera gives it."""


@dataclass(frozen=True, slots=True)
class Announced:
    """A photo that a tablet is about to send: its sheet and the SHA-256 (hex) of its bytes."""

    device: int
    sheet: str
    sha256: str


def expected(session: Session, actor: Actor, photo: Announced) -> bool:
    """Whether the server waits for this photo; False when it has it already.

    Raises `Refused` (`device_not_yours`, `sheet_not_yours`, `photo_not_announced`, `photos_too_many_here`).
    """
    need(actor, Permission.SCORE_SHEETS)
    scoring_devices.own(session, actor, photo.device)
    sheet = _own(session, actor, photo.sheet)
    held = select(ScorePhoto.id).where(ScorePhoto.sheet_id == sheet.id, ScorePhoto.sha256 == photo.sha256)
    if session.scalar(held) is not None:
        return False
    if _item_of(session, actor, sheet, photo.sha256) is None:
        raise Refused("photo_not_announced", 409)
    count = session.scalar(select(func.count()).where(ScorePhoto.sheet_id == sheet.id)) or 0
    if count >= PHOTOS_MOST:
        raise Refused("photos_too_many_here", 409, limit=PHOTOS_MOST)
    return True


def keep(session: Session, actor: Actor, photo: Announced, data: bytes, *, now: datetime) -> None:
    """Keeps a photo (a plain JPEG by now) under the hash of what was sent. The same one twice is one."""
    sheet = _own(session, actor, photo.sheet)
    session.refresh(sheet, with_for_update=TO_CHANGE)  # the same photo may come twice at once
    if not expected(session, actor, photo):
        return
    row = ScorePhoto(
        sheet_id=sheet.id,
        sha256=photo.sha256,
        size=len(data),
        item=_item_of(session, actor, sheet, photo.sha256) or "",
        sealed=vault_of(session).seal_value(PURPOSE, f"{sheet.uid}/{photo.sha256}", data),
        taken_at=now,
        received_at=now,
    )
    session.add(row)
    session.flush()
    turn = session.get_one(Turn, sheet.turn_id)
    stream = audit.sitting_stream(turn.room_sitting_id)
    sha256 = hashlib.sha256(data).hexdigest()
    audit.record(
        session, stream, actor, "sheet_photo_kept", f"turn/{turn.id}/photo/{row.id}", now=now, sha256=sha256
    )


def of_turn(session: Session, turn: Turn) -> Sequence[ScorePhoto]:
    """The photos of a turn's sheets; nothing before all are locked (R31)."""
    if not sheets.locked(session, turn):
        return ()
    query = (
        select(ScorePhoto)
        .join(ScoreSheet, ScoreSheet.id == ScorePhoto.sheet_id)
        .where(ScoreSheet.turn_id == turn.id, ScoreSheet.user_id.in_(turn.panel))
        .order_by(ScorePhoto.id)
    )
    return session.scalars(query).all()


def view(session: Session, actor: Actor, photo_id: int, *, now: datetime) -> bytes:
    """A photo in clear, JPEG, once all sheets of its turn are locked; that it was looked at is on the record.

    For staff, and for the leader after the end. Raises as `panel_sight.need_room`, `NotFound` before.
    """
    row = session.get(ScorePhoto, photo_id)
    sheet = session.get_one(ScoreSheet, row.sheet_id) if row else None
    if row is None or sheet is None:
        raise NotFound("picture")
    turn = session.get_one(Turn, sheet.turn_id)
    need_room(session, actor, turn.room_sitting_id)
    if not sheets.locked(session, turn):
        raise NotFound("picture")
    stream = audit.sitting_stream(turn.room_sitting_id)
    audit.record(session, stream, actor, "sheet_photo_viewed", f"turn/{turn.id}/photo/{row.id}", now=now)
    return vault_of(session).open_value(PURPOSE, f"{sheet.uid}/{row.sha256}", row.sealed)


def _own(session: Session, actor: Actor, uid: str) -> ScoreSheet:
    sheet = session.scalar(select(ScoreSheet).where(ScoreSheet.uid == uid))
    if sheet is None or sheet.user_id != actor.user_id:
        raise Refused("sheet_not_yours", 403)
    return sheet


def _item_of(session: Session, actor: Actor, sheet: ScoreSheet, sha256: str) -> str | None:
    """The item that a record of the sheet announced the photo for ("" for the whole sheet), else None."""
    actions = (kept.action for kept in sheets.own_records(session, actor, sheet) if not kept.refused)
    for item, hashes in fold(actions).photos.items():
        if sha256 in hashes:
            return item
    return None
