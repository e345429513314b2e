"""Examiners' tablets: the public key that a browser made for one person, and whose it is."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.assessing import ScoringDevice
from server.errors import Refused
from server.rules.sheet_chain import p256_key
from server.services import audit
from server.services.signed import need

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
        if known.user_id != actor.user_id or known.revoked_at is not None:
            raise Refused("device_key_taken", 403)
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
    """The person's device in force. Raises `Refused` (`device_not_yours`) for any other number."""
    row = session.get(ScoringDevice, device_id)
    if row is None or row.user_id != actor.user_id or row.revoked_at is not None:
        raise Refused("device_not_yours", 403)
    return row
