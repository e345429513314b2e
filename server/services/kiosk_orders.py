"""How people leave a locked kiosk: a signed order to quit, or the room's PIN where no link is.

The PIN is made when the seats are drawn (or at the first look, for rooms that were drawn before) and rests
sealed. Who looks at it, makes a new one or orders a seat to quit stands on the record.
"""

import base64
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from exam_rooms.kiosk_messages import KioskOrder, KioskPlan, QuitPin, order_message
from exam_rooms.pins import PIN_DIGITS, hashed_pin
from exam_rooms.seats import AttemptState
from server.access import Actor, Permission
from server.db.base import TO_CHANGE, vault_of
from server.db.kiosk import RoomPin, SignedOrder
from server.db.rooms import Seat
from server.db.sittings import Attempt, RoomSitting
from server.errors import NotFound, Refused
from server.services.duty import need_duty
from server.services.pairing import active_workstations
from server.services.signed import Signed, need_cosigner, need_reason, note_room

QUIT = "quit"
IN_FORCE = timedelta(minutes=5)
"""As long as an agent obeys an order (`client.leaving.ORDER_LIFE`)."""
_PURPOSE = "quit-pin"
_SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Whom:
    """Which seats of a room quit (None: all of it that have a workstation), and the site's signing key."""

    signing_key: Ed25519PrivateKey
    seats: frozenset[int] | None = None


def ensure_pin(session: Session, room_sitting_id: int, *, now: datetime) -> RoomPin:
    """The room's PIN, made now when there is none."""
    return session.get(RoomPin, room_sitting_id) or _new_pin(session, room_sitting_id, now)


def show_pin(session: Session, actor: Actor, room_sitting_id: int, *, now: datetime) -> str:
    """The PIN in clear, for somebody on duty in the room; the look stands on the record."""
    _on_duty_in(session, actor, room_sitting_id, now)
    had_none = session.get(RoomPin, room_sitting_id) is None
    row = ensure_pin(session, room_sitting_id, now=now)
    if had_none:
        _seats_hear(session, room_sitting_id)
    note_room(session, room_sitting_id, Signed(actor), "kiosk_pin_seen", now)
    return vault_of(session).open_value(_PURPOSE, row.uid, row.sealed_pin).decode()


def renew_pin(session: Session, actor: Actor, room_sitting_id: int, *, now: datetime) -> None:
    """A new PIN; linked seats know it at once, a seat without link goes on with the old one."""
    _on_duty_in(session, actor, room_sitting_id, now)
    row = session.get(RoomPin, room_sitting_id, with_for_update=True)
    if row is not None:
        session.delete(row)
        session.flush()
    _new_pin(session, room_sitting_id, now)
    _seats_hear(session, room_sitting_id)
    note_room(session, room_sitting_id, Signed(actor), "kiosk_pin_renewed", now)


def order_quit(session: Session, signed: Signed, room_sitting_id: int, whom: Whom, *, now: datetime) -> int:
    """Signs an order to quit for each workstation meant; returns how many there are.

    While somebody answers at one of them a chief co-signs: leaving the lock ends their work there. Refused:
    `reason_missing`, `cosign_...`, `not_on_duty`, `no_kiosk_to_quit`.
    """
    room = _on_duty_in(session, signed.actor, room_sitting_id, now)
    need_reason(signed)
    paired = active_workstations(session, room.room_id)
    wanted = {seat: row for seat, row in paired.items() if whom.seats is None or seat in whom.seats}
    if not wanted:
        raise Refused("no_kiosk_to_quit")
    if somebody_answers(session, room_sitting_id, whom.seats):
        need_cosigner(signed)
    for row in wanted.values():
        order = _signed_order(row.id, whom.signing_key, now)
        session.add(
            SignedOrder(
                room_sitting_id=room_sitting_id,
                workstation_id=row.id,
                action=order.action,
                nonce=order.nonce,
                signature=order.signature,
                issued_at=now,
                issued_by=signed.actor.user_id,
            )
        )
    _seats_hear(session, room_sitting_id)
    seats = "" if whom.seats is None else _numbers(session, wanted)
    act = "kiosk_quit_ordered" if seats else "kiosk_quit_ordered_room"
    note_room(session, room_sitting_id, signed, act, now, seats=seats, count=len(wanted))
    return len(wanted)


def somebody_answers(session: Session, room_sitting_id: int, seats: frozenset[int] | None = None) -> bool:
    """Whether a paper is open at one of the seats (None: of the room)."""
    query = select(Attempt.id).where(
        Attempt.room_sitting_id == room_sitting_id, Attempt.state == str(AttemptState.ANSWERING)
    )
    if seats is not None:
        query = query.where(Attempt.seat_id.in_(seats))
    return session.scalar(query.limit(1)) is not None


_IN_FORCE = (
    select(SignedOrder)
    .where(
        SignedOrder.room_sitting_id == bindparam("here"),
        SignedOrder.workstation_id.in_(bindparam("workstations", expanding=True)),
        SignedOrder.issued_at > bindparam("after"),
    )
    .order_by(SignedOrder.id)
)


def in_force(
    session: Session, room_sitting_id: int, workstations: Collection[int], *, now: datetime
) -> dict[int, SignedOrder]:
    """Workstation -> the newest order to it that is in force."""
    asked = {"here": room_sitting_id, "workstations": list(workstations), "after": now - IN_FORCE}
    return {row.workstation_id: row for row in session.scalars(_IN_FORCE, asked)}


def with_leaving(plan: KioskPlan, pin: RoomPin | None, order: SignedOrder | None) -> KioskPlan:
    """A seat's plan with the room's PIN and the order to its workstation, if there are any."""
    told = QuitPin(pin.uid, pin.salt, pin.hash, pin.cost) if pin is not None else None
    return replace(plan, pin=told, order=_told(order) if order is not None else None)


def _told(row: SignedOrder) -> KioskOrder:
    return KioskOrder(row.action, row.workstation_id, row.issued_at, row.nonce, row.signature)


def _signed_order(workstation: int, key: Ed25519PrivateKey, now: datetime) -> KioskOrder:
    bare = KioskOrder(QUIT, workstation, now, secrets.token_hex(16), "")
    return replace(bare, signature=base64.b64encode(key.sign(order_message(bare))).decode())


def _new_pin(session: Session, room_sitting_id: int, now: datetime) -> RoomPin:
    uid, pin = secrets.token_hex(16), f"{secrets.randbelow(10**PIN_DIGITS):0{PIN_DIGITS}d}"
    told = hashed_pin(uid, pin, secrets.token_bytes(_SALT_BYTES))
    row = RoomPin(
        room_sitting_id=room_sitting_id,
        uid=uid,
        sealed_pin=vault_of(session).seal_value(_PURPOSE, uid, pin.encode()),
        salt=told.salt,
        hash=told.hash,
        cost=told.n,
        made_at=now,
    )
    session.add(row)
    session.flush()
    return row


def _on_duty_in(session: Session, actor: Actor, room_sitting_id: int, now: datetime) -> RoomSitting:
    row = session.get(RoomSitting, room_sitting_id)
    if row is None:
        raise NotFound("sitting")
    need_duty(session, actor, Permission.RUN_ROOM, room_sitting_id, now=now)
    if row.state == "planned":
        raise Refused("seats_not_drawn")
    return row


def _seats_hear(session: Session, room_sitting_id: int) -> None:
    """Every seat's version grows, so that the new state replaces the one it has."""
    row = session.get_one(RoomSitting, room_sitting_id, with_for_update=TO_CHANGE, populate_existing=True)
    row.version += 1


def _numbers(session: Session, seats: Collection[int]) -> str:
    query = select(Seat.number).where(Seat.id.in_(list(seats))).order_by(Seat.id)
    return ", ".join(session.scalars(query))
