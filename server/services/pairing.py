"""Pairing of workstations to seats (design D20): a one-time code in, the agent's key stored.

Who pairs a machine to a seat gets the candidate's paper there. So while a sitting's paper is open in the room
only those on duty in it may change its workstations, with a reason; the room's record and monitor tell of it.
"""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from exam_rooms.pairing import encode_code
from exam_rooms.seatmap import SeatKind
from server.access import Actor, Permission, Role
from server.db.base import emit, vault_of
from server.db.people import User
from server.db.room_cameras import RoomCameraCode
from server.db.rooms import PairingCode, Room, Seat, Workstation
from server.db.sittings import Assignment, Attempt, RoomSitting
from server.errors import NotFound, Refused
from server.events import Activity, PairingChanged
from server.services import audit
from server.services.incidents import Place, raise_incident
from server.services.signed import Signed, need, need_reason, params_of
from server.services.sittings_now import open_sitting

CODE_LIFETIME = timedelta(minutes=30)
AGENT = Actor(None, "agent")
"""A machine that pairs itself with a code."""
_PURPOSE = "pairing"
C = TypeVar("C", PairingCode, RoomCameraCode)


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


def issue_code(session: Session, signed: Signed, seat_id: int, fingerprint: bytes, *, now: datetime) -> str:
    """A new code for a seat, as `issue_codes` makes it."""
    return issue_codes(session, signed, [seat_id], fingerprint, now=now)[seat_id]


def issue_codes(
    session: Session, signed: Signed, seat_ids: list[int], fingerprint: bytes, *, now: datetime
) -> dict[int, str]:
    """New codes by seat id, each good for half an hour and one use; older codes of these seats die.

    `fingerprint`: the first ten bytes of the SHA-256 of the site CA certificate. All seats or none.
    """
    need(signed.actor, Permission.PAIR_WORKSTATIONS)
    rooms = _by_room(session, seat_ids)
    under_way = {room.id: _allowed(session, signed, room.id, now) for room in rooms}
    _revoke_codes(session, seat_ids, now)
    secrets_of = {seat_id: secrets.token_bytes(5) for seat_id in seat_ids}
    session.add_all(
        PairingCode(
            seat_id=seat_id,
            secret_index=secret_index(session, secret),
            expires_at=now + CODE_LIFETIME,
            created_by=signed.actor.user_id,
        )
        for seat_id, secret in secrets_of.items()
    )
    issued = [(f"{room.name}/{seat.number}", signed.why()) for room, seats in rooms.items() for seat in seats]
    audit.record_all(session, audit.SYSTEM_STREAM, signed.actor, "pairing_code_issued", issued, now=now)
    for room, seats in rooms.items():
        sitting = under_way[room.id]
        if sitting is not None:
            _note(session, sitting, seats, signed, "pairing_code_issued", now)
    return {seat_id: encode_code(secret, fingerprint) for seat_id, secret in secrets_of.items()}


def _by_room(session: Session, seat_ids: list[int]) -> dict[Room, list[Seat]]:
    """The seats of these ids, each once, by their rooms. Raises `NotFound`."""
    rows = session.execute(
        select(Seat, Room).join(Room, Room.id == Seat.room_id).where(Seat.id.in_(seat_ids)).order_by(Seat.id)
    ).all()
    if len(rows) < len(set(seat_ids)):
        raise NotFound("seat")
    found: dict[Room, list[Seat]] = {}
    for seat, room in rows:
        found.setdefault(room, []).append(seat)
    return found


def secret_index(session: Session, secret: bytes) -> str:
    """The keyed hash by which a code is kept and found."""
    return vault_of(session).index(_PURPOSE, secret.hex())


def good_code(session: Session, kind: type[C], secret: bytes, now: datetime) -> C:
    """The code of a secret, locked: neither used nor too old. Raises `Refused` (pairing_code_invalid)."""
    query = select(kind).where(kind.secret_index == secret_index(session, secret)).with_for_update()
    code = session.scalar(query)
    if code is None or code.used_at is not None or code.expires_at <= now:
        raise Refused("pairing_code_invalid", 403)
    return code


def pair(session: Session, secret: bytes, agent: AgentKey, *, now: datetime) -> Paired:
    """Stores the agent's key at the seat of a valid code; the seat's earlier workstation is retired.

    In a room whose paper is open a code is worth something only from somebody on duty there.
    """
    code = good_code(session, PairingCode, secret, now)
    seat = session.get_one(Seat, code.seat_id)
    under_way = open_sitting(session, seat.room_id, now)
    if under_way is not None and not _on_duty(session, code.created_by, under_way):
        raise Refused("pairing_code_invalid", 403)
    code.used_at = now
    used_before = session.scalar(select(Workstation.id).where(Workstation.seat_id == seat.id).limit(1))
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
        AGENT,
        "workstation_paired",
        label,
        now=now,
        workstation=workstation.id,
    )
    if under_way is not None:
        issuer = session.get_one(User, code.created_by).name
        _note(session, under_way, [seat], Signed(AGENT), "workstation_paired", now, by=issuer)
        if used_before is not None or session.get_one(RoomSitting, under_way).state == "running":
            _alarm(session, under_way, seat, issuer, now)
    emit(session, PairingChanged(room.id))
    return Paired(workstation.id, room.name, seat.number)


def release(session: Session, signed: Signed, seat_id: int, *, now: datetime) -> None:
    """Takes the workstation away from a seat; its token dies at once."""
    need(signed.actor, Permission.PAIR_WORKSTATIONS)
    seat = session.get(Seat, seat_id)
    if seat is None:
        raise NotFound("seat")
    under_way = _allowed(session, signed, seat.room_id, now)
    if _retire(session, seat_id, now) == 0:
        raise Refused("seat_not_paired", seat=seat.number)
    _revoke_codes(session, [seat_id], now)
    label = _label(session, seat)
    audit.record(session, "system", signed.actor, "workstation_released", label, now=now, **signed.why())
    if under_way is not None:
        _note(session, under_way, [seat], signed, "workstation_released", now)
        _alarm(session, under_way, seat, signed.actor.name, now)
    emit(session, PairingChanged(seat.room_id))


def active_workstations(session: Session, room_id: int) -> dict[int, Workstation]:
    """The paired workstations of a room by seat id."""
    rows = session.scalars(
        select(Workstation)
        .join(Seat, Seat.id == Workstation.seat_id)
        .where(Seat.room_id == room_id, Workstation.active.is_(True))
    )
    return {row.seat_id: row for row in rows}


def _allowed(session: Session, signed: Signed, room_id: int, now: datetime) -> int | None:
    """The sitting under way in a room, when this person may change the room's workstations now."""
    under_way = open_sitting(session, room_id, now)
    if under_way is not None:
        if not _on_duty(session, signed.actor.user_id, under_way):
            raise Refused("not_on_duty_here", 403)
        need_reason(signed)
    return under_way


def _on_duty(session: Session, user_id: int | None, room_sitting_id: int) -> bool:
    """Whether somebody is assigned to the room in its sitting, or is chief in another room of the sitting."""
    sitting = session.get_one(RoomSitting, room_sitting_id).sitting_id
    duties = session.execute(
        select(Assignment.room_sitting_id, Assignment.role)
        .join(RoomSitting, RoomSitting.id == Assignment.room_sitting_id)
        .where(RoomSitting.sitting_id == sitting, Assignment.user_id == user_id)
    )
    return any(room == room_sitting_id or role == Role.CHIEF_INVIGILATOR for room, role in duties)


def _note(  # noqa: PLR0913 - where, what and who belong to one line
    session: Session,
    room_sitting_id: int,
    seats: Sequence[Seat],
    signed: Signed,
    act: str,
    now: datetime,
    **details: object,
) -> None:
    """The same act in the record of the sitting it happened in, and a line for those who watch the room."""
    told = {seat.id: {"seat": seat.number, **details} for seat in seats}
    done = [(f"seat/{seat}", {**signed.why(), **said}) for seat, said in told.items()]
    audit.record_all(session, audit.sitting_stream(room_sitting_id), signed.actor, act, done, now=now)
    for seat, said in told.items():
        emit(session, Activity(room_sitting_id, f"line_{act}", params_of(signed, **said), seat))


def _alarm(session: Session, room_sitting_id: int, seat: Seat, by: str, now: datetime) -> None:
    here = select(Attempt.id).where(Attempt.room_sitting_id == room_sitting_id, Attempt.seat_id == seat.id)
    place = Place(room_sitting_id, seat.id, session.scalar(here))
    raise_incident(session, place, IncidentKind.WORKSTATION_CHANGED, now=now, by=by)


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


def _revoke_codes(session: Session, seat_ids: Collection[int], now: datetime) -> None:
    session.execute(
        update(PairingCode)
        .where(PairingCode.seat_id.in_(seat_ids), PairingCode.used_at.is_(None))
        .values(used_at=now)
    )


def free_seats(session: Session, room_sitting_id: int) -> tuple[tuple[int, str], ...]:
    """Seats (id, number) of a room in its sitting that are paired, in order and nobody's; spare first."""
    row = session.get_one(RoomSitting, room_sitting_id)
    taken = set(session.scalars(select(Attempt.seat_id).where(Attempt.room_sitting_id == room_sitting_id)))
    paired = active_workstations(session, row.room_id)
    seats = session.scalars(
        select(Seat)
        .where(Seat.room_id == row.room_id, Seat.kind != str(SeatKind.BROKEN))
        .order_by(Seat.kind.desc(), Seat.id)
    )
    return tuple((seat.id, seat.number) for seat in seats if seat.id in paired and seat.id not in taken)
