"""Pairing of workstations to seats (design D20): a one-time code in, the agent's key stored."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from exam_rooms.pairing import encode_code
from server.access import Actor, Permission
from server.db.base import emit, vault_of
from server.db.rooms import PairingCode, Room, Seat, Workstation
from server.errors import Forbidden, NotFound, Refused
from server.events import PairingChanged
from server.services import audit

CODE_LIFETIME = timedelta(minutes=30)
_PURPOSE = "pairing"


@dataclass(frozen=True, slots=True)
class AgentKey:
    """What an agent says of itself while pairing: Ed25519 public key (32 bytes), host name, version."""

    public_key: bytes
    hostname: str
    software: str


@dataclass(frozen=True, slots=True)
class Paired:
    """The seat a workstation now belongs to."""

    workstation: int
    room: str
    seat: str


def issue_code(session: Session, actor: Actor, seat_id: int, fingerprint: bytes, *, now: datetime) -> str:
    """A new code for a seat, good for half an hour and one use; older codes of the seat die.

    `fingerprint`: the first ten bytes of the SHA-256 of the site CA certificate.
    """
    _require(actor)
    seat = session.get(Seat, seat_id)
    if seat is None:
        raise NotFound("seat")
    _revoke_codes(session, seat_id, now)
    secret = secrets.token_bytes(5)
    session.add(
        PairingCode(
            seat_id=seat_id,
            secret_index=vault_of(session).index(_PURPOSE, secret.hex()),
            expires_at=now + CODE_LIFETIME,
            created_by=actor.user_id,
        )
    )
    audit.record(session, "system", actor, "pairing_code_issued", _label(session, seat), now=now)
    return encode_code(secret, fingerprint)


def issue_codes(
    session: Session, actor: Actor, seat_ids: list[int], fingerprint: bytes, *, now: datetime
) -> dict[int, str]:
    """New codes for several seats, by seat id."""
    return {seat_id: issue_code(session, actor, seat_id, fingerprint, now=now) for seat_id in seat_ids}


def pair(session: Session, secret: bytes, agent: AgentKey, *, now: datetime) -> Paired:
    """Stores the agent's key at the seat of a valid code; the seat's earlier workstation is retired."""
    index = vault_of(session).index(_PURPOSE, secret.hex())
    code = session.scalar(select(PairingCode).where(PairingCode.secret_index == index))
    if code is None or code.used_at is not None or code.expires_at <= now:
        raise Refused("pairing_code_invalid", 403)
    seat = session.get_one(Seat, code.seat_id)
    code.used_at = now
    _retire(session, seat.id, now)
    workstation = Workstation(
        seat_id=seat.id,
        public_key=agent.public_key,
        hostname=agent.hostname[:120],
        software=agent.software[:40],
        paired_at=now,
        paired_by=code.created_by,
    )
    session.add(workstation)
    session.flush()
    room = session.get_one(Room, seat.room_id)
    label = _label(session, seat)
    audit.record(
        session,
        "system",
        Actor(None, "agent"),
        "workstation_paired",
        label,
        now=now,
        workstation=workstation.id,
    )
    emit(session, PairingChanged(room.id))
    return Paired(workstation.id, room.name, seat.number)


def release(session: Session, actor: Actor, seat_id: int, *, now: datetime) -> None:
    """Takes the workstation away from a seat; its token dies at once."""
    _require(actor)
    seat = session.get(Seat, seat_id)
    if seat is None:
        raise NotFound("seat")
    if _retire(session, seat_id, now) == 0:
        raise Refused("seat_not_paired", seat=seat.number)
    _revoke_codes(session, seat_id, now)
    audit.record(session, "system", actor, "workstation_released", _label(session, seat), now=now)
    emit(session, PairingChanged(seat.room_id))


def active_workstations(session: Session, room_id: int) -> dict[int, Workstation]:
    """The paired workstations of a room by seat id."""
    rows = session.scalars(
        select(Workstation)
        .join(Seat, Seat.id == Workstation.seat_id)
        .where(Seat.room_id == room_id, Workstation.active.is_(True))
    )
    return {row.seat_id: row for row in rows}


def _require(actor: Actor) -> None:
    if not actor.can(Permission.PAIR_WORKSTATIONS):
        raise Forbidden(Permission.PAIR_WORKSTATIONS)


def _label(session: Session, seat: Seat) -> str:
    return f"{session.get_one(Room, seat.room_id).name}/{seat.number}"


def _retire(session: Session, seat_id: int, now: datetime) -> int:
    rows = session.scalars(
        select(Workstation).where(Workstation.seat_id == seat_id, Workstation.active.is_(True))
    ).all()
    for row in rows:
        row.active = False
        row.retired_at = now
    return len(rows)


def _revoke_codes(session: Session, seat_id: int, now: datetime) -> None:
    session.execute(
        update(PairingCode)
        .where(PairingCode.seat_id == seat_id, PairingCode.used_at.is_(None))
        .values(used_at=now)
    )
