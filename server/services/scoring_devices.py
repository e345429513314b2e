"""Examiners' tablets: the public key that a browser made for one person, and whose it is.

Nothing is taken from a revoked tablet any more, nor its key again; what the server had from it stays.
The person's sessions end with it: else who holds a lost tablet would make a new key and go on.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.assessing import ScoringDevice, SheetJournal
from server.db.base import TO_CHANGE, emit
from server.db.people import User
from server.errors import NotFound, Refused
from server.events import AccountChanged
from server.rules.sheet_chain import p256_key
from server.services import audit
from server.services.signed import Signed, need, need_reason


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """A tablet as the page of its person shows it. `sheets`: how many it was given a journal of."""

    id: int
    label: str
    registered_at: datetime
    revoked_at: datetime | None
    sheets: int


LABEL_MOST = 120
DEVICES_MOST = 50
"""Keys of one person that are in force: a browser that forgot its key makes a new one."""


def register(session: Session, actor: Actor, key: tuple[bytes, str], *, now: datetime) -> int:
    """Binds a tablet's key (SPKI DER of P-256, and a label) to the person; the device's number.

    The same key again is the same device. Raises `Refused` (`device_key_wrong`, `device_key_taken`,
    `devices_too_many`).
    """
    need(actor, Permission.SCORE_SHEETS)
    spki, label = key
    if p256_key(spki) is None:
        raise Refused("device_key_wrong", 422)
    known = session.scalar(select(ScoringDevice).where(ScoringDevice.public_key == spki))
    if known is not None:
        if known.user_id != actor.user_id:
            raise Refused("device_key_taken", 403)
        if known.revoked_at is not None:
            raise Refused("device_revoked", 403)
        return known.id
    _need_room(session, actor)
    row = ScoringDevice(
        user_id=actor.user_id, public_key=spki, label=label.strip()[:LABEL_MOST], registered_at=now
    )
    session.add(row)
    session.flush()
    audit.record(
        session, audit.SYSTEM_STREAM, actor, "scoring_device_registered", f"scoring_device/{row.id}", now=now
    )
    return row.id


def _need_room(session: Session, actor: Actor) -> None:
    held = select(func.count()).where(
        ScoringDevice.user_id == actor.user_id, ScoringDevice.revoked_at.is_(None)
    )
    if (session.scalar(held) or 0) >= DEVICES_MOST:
        raise Refused("devices_too_many", limit=DEVICES_MOST)


def own(session: Session, actor: Actor, device_id: int) -> ScoringDevice:
    """The person's device in force.

    Raises `Refused` (`device_revoked`; `device_not_yours` for any other number).
    """
    row = session.get(ScoringDevice, device_id)
    if row is None or row.user_id != actor.user_id:
        raise Refused("device_not_yours", 403)
    if row.revoked_at is not None:
        raise Refused("device_revoked", 403)
    return row


def hold(session: Session, actor: Actor) -> None:
    """Keeps the person's other tablets out until the commit: two that look at once need the same sheets."""
    mine = select(ScoringDevice.id).where(ScoringDevice.user_id == actor.user_id).order_by(ScoringDevice.id)
    session.execute(mine.with_for_update(key_share=True))


def of_person(session: Session, user_id: int) -> list[DeviceLine]:
    """The person's tablets, those in force first, then the newest first."""
    journals = select(func.count()).where(SheetJournal.device_id == ScoringDevice.id).scalar_subquery()
    query = (
        select(ScoringDevice, journals)
        .where(ScoringDevice.user_id == user_id)
        .order_by(ScoringDevice.revoked_at.is_not(None), ScoringDevice.id.desc())
    )
    return [
        DeviceLine(row.id, row.label, row.registered_at, row.revoked_at, sheets)
        for row, sheets in session.execute(query)
    ]


def revoke(session: Session, signed: Signed, tablet: tuple[int, int], *, now: datetime) -> None:
    """Takes a tablet (user id, device id) out of force and ends its person's sessions. Twice is once.

    Raises `Forbidden`, `NotFound` (device), `Refused` (`reason_missing`).
    """
    need(signed.actor, Permission.MANAGE_STAFF)
    user_id, device_id = tablet
    row = session.get(ScoringDevice, device_id, with_for_update=TO_CHANGE)
    if row is None or row.user_id != user_id:
        raise NotFound("device")
    need_reason(signed)
    if row.revoked_at is not None:
        return
    row.revoked_at = now
    session.get_one(User, user_id).fs_uniquifier = secrets.token_hex(16)
    emit(session, AccountChanged(user_id))
    place, act = f"scoring_device/{row.id}", "scoring_device_revoked"
    audit.record(
        session, audit.SYSTEM_STREAM, signed.actor, act, place, now=now, user=user_id, **signed.why()
    )
