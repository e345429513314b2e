"""The machine with a room's camera: paired to the room by a one-time code, proved like a seat's agent.

It is a device of its own kind: its code opens no seat, and a seat's code makes no camera. It is told nothing
about candidates and sends no pictures but those that somebody, or an incident, asks for.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from exam_rooms.pairing import encode_code
from server.access import Permission
from server.db.base import emit
from server.db.room_cameras import RoomCamera, RoomCameraCode
from server.db.rooms import Room
from server.errors import NotFound, Refused
from server.events import Activity, PairingChanged
from server.services import audit
from server.services.agents import Agent, AgentDoor, StrangeAgent, fingerprint_of
from server.services.duty import may_act
from server.services.pairing import AGENT, CODE_LIFETIME, AgentKey, good_code, secret_index
from server.services.signed import Signed, need, need_reason
from server.services.sittings_now import open_sitting


@dataclass(frozen=True, slots=True)
class PairedCamera:
    """The room that a camera now belongs to."""

    camera: int
    room: str


class CameraDoor(AgentDoor):
    """Proves the agents of room cameras. Its nonces and tokens are worth nothing at the door of the seats.

    `Agent.workstation` is the camera's number, `Agent.seat` is 0.
    """

    def _find(self, session: Session, number: int) -> tuple[Agent, bytes]:
        row = session.get(RoomCamera, number)
        if row is None or not row.active:
            raise StrangeAgent("workstation_not_paired", 403)
        return Agent(row.id, 0, row.room_id, fingerprint_of(row.public_key)), row.public_key

    def _company(self, session: Session, agent: Agent) -> list[tuple[Agent, bytes]]:
        return []

    def _mac(self, purpose: bytes, body: bytes) -> bytes:
        return super()._mac(b"room-camera|" + purpose, body)


def issue_code(session: Session, signed: Signed, room_id: int, fingerprint: bytes, *, now: datetime) -> str:
    """A new code for the camera of a room, good for half an hour and one use; older codes die.

    `fingerprint`: the first ten bytes of the SHA-256 of the site CA certificate.
    """
    room = changeable(session, signed, room_id, now=now)
    _revoke_codes(session, room_id, now)
    secret = secrets.token_bytes(5)
    session.add(
        RoomCameraCode(
            room_id=room_id,
            secret_index=secret_index(session, secret),
            expires_at=now + CODE_LIFETIME,
            created_by=signed.actor.user_id,
        )
    )
    note(session, signed, room, "room_camera_code_issued", now)
    return encode_code(secret, fingerprint)


def pair(session: Session, secret: bytes, agent: AgentKey, *, now: datetime) -> PairedCamera:
    """Stores the key of a camera's agent; the room's earlier camera is retired."""
    code = good_code(session, RoomCameraCode, secret, now)
    code.used_at = now
    room = session.get_one(Room, code.room_id)
    _retire(session, room.id, now)
    row = RoomCamera(
        room_id=room.id,
        public_key=agent.public_key,
        hostname=agent.hostname[:120],
        software=agent.software[:40],
        paired_at=now,
        paired_by=code.created_by,
    )
    session.add(row)
    session.flush()
    note(session, Signed(AGENT), room, "room_camera_paired", now, camera=row.id)
    emit(session, PairingChanged(room.id))
    return PairedCamera(row.id, room.name)


def release(session: Session, signed: Signed, room_id: int, *, now: datetime) -> None:
    """Takes the camera away from a room; its token dies at once."""
    room = changeable(session, signed, room_id, now=now)
    if _retire(session, room_id, now) == 0:
        raise Refused("room_camera_missing", room=room.name)
    _revoke_codes(session, room_id, now)
    note(session, signed, room, "room_camera_released", now)
    emit(session, PairingChanged(room_id))


def camera_of(session: Session, room_id: int) -> RoomCamera | None:
    """The camera paired with a room."""
    query = select(RoomCamera).where(RoomCamera.room_id == room_id, RoomCamera.active.is_(True))
    return session.scalars(query.order_by(RoomCamera.id.desc())).first()


def changeable(session: Session, signed: Signed, room_id: int, *, now: datetime) -> Room:
    """The room, when this person may change its camera, or look through it, now.

    While a paper is open there only those on duty may, with a reason for changes of the machine.
    """
    room = visible(session, signed, room_id, now=now)
    if open_sitting(session, room_id, now) is not None:
        need_reason(signed)
    return room


def visible(session: Session, signed: Signed, room_id: int, *, now: datetime) -> Room:
    """The room, when this person may look through its camera now."""
    need(signed.actor, Permission.PAIR_WORKSTATIONS)
    room = session.get(Room, room_id)
    if room is None:
        raise NotFound("room")
    under_way = open_sitting(session, room_id, now)
    if under_way is not None and not may_act(session, signed.actor, under_way):
        raise Refused("not_on_duty_here", 403)
    return room


def note_look(session: Session, signed: Signed, room_id: int, *, now: datetime) -> int:
    """Puts on the record who looks through a room's camera; the camera, which is asked after that."""
    room = visible(session, signed, room_id, now=now)
    camera = camera_of(session, room_id)
    if camera is None:
        raise Refused("room_camera_missing", room=room.name)
    note(session, signed, room, "room_camera_looked", now)
    return camera.id


def note(session: Session, signed: Signed, room: Room, act: str, now: datetime, /, **facts: object) -> None:
    """The act on the record of the system and, in a sitting, of the room; its monitor hears of it."""
    why = signed.why()
    audit.record(session, "system", signed.actor, act, f"room/{room.id}", now=now, **why, **facts)
    under_way = open_sitting(session, room.id, now)
    if under_way is None:
        return
    stream = audit.sitting_stream(under_way)
    audit.record(session, stream, signed.actor, act, f"room/{room.id}", now=now, **why, **facts)
    emit(session, Activity(under_way, f"line_{act}", (("actor", signed.actor.name),), None))


def _retire(session: Session, room_id: int, now: datetime) -> int:
    rows = session.scalars(
        select(RoomCamera).where(RoomCamera.room_id == room_id, RoomCamera.active.is_(True))
    ).all()
    for row in rows:
        row.active, row.retired_at = False, now
    return len(rows)


def _revoke_codes(session: Session, room_id: int, now: datetime) -> None:
    session.execute(
        update(RoomCameraCode)
        .where(RoomCameraCode.room_id == room_id, RoomCameraCode.used_at.is_(None))
        .values(used_at=now)
    )
