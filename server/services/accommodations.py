"""Approved accommodations of candidates: extra time, large print, a room of one's own; from the roster or
set by two people. They belong to the registration; the draw of seats gives the room where rooms suffice.
"""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.kiosk_messages import Accommodation
from server.access import Permission
from server.db.base import emit
from server.db.sittings import Registration, RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.events import RoomChanged
from server.rules.accommodation import NOTE_LIMIT, Extra, extra_fault
from server.services import audit
from server.services.plain_rows import RegistrationRow
from server.services.roomstate import RoomTimes, Timed
from server.services.signed import Signed, need, need_cosigner


@dataclass(frozen=True, slots=True)
class Granted:
    """What was approved for one candidate. `note` names the approval; nothing granted needs none."""

    extra: Extra = field(default_factory=Extra)
    large_print: bool = False
    note: str = ""
    own_room: bool = False

    def __bool__(self) -> bool:
        """Whether anything was approved."""
        return bool(self.extra) or self.large_print or self.own_room


def check(granted: Granted, test_minutes: Decimal) -> None:
    """Raises `Refused` for extra time out of bounds or without its approval."""
    fault = extra_fault(granted.extra, test_minutes)
    if fault:
        raise Refused(fault, 422, field="extra_time")
    if granted and not granted.note:
        raise Refused("approval_missing", 422, field="note")
    if len(granted.note) > NOTE_LIMIT:
        raise Refused("field_too_long", 422, field="note", limit=NOTE_LIMIT)


def put(row: Registration, granted: Granted) -> None:
    """Writes what was approved into a registration."""
    row.extra_percent = granted.extra.percent or None
    row.extra_minutes = granted.extra.minutes or None
    row.large_print = granted.large_print
    row.own_room = granted.own_room
    row.accommodation_note = granted.note if granted else ""


def change(
    session: Session, signed: Signed, registration_id: int, granted: Granted, *, now: datetime
) -> None:
    """Sets a candidate's accommodation before the room's start: an administrator with the chief's signature.

    Refused: without a reason or co-signature, out of bounds, or once the room was started
    (`accommodation_too_late`: from then on the chief adds time).
    """
    need(signed.actor, Permission.MANAGE_BATCHES)
    need_cosigner(signed)
    row = session.get(Registration, registration_id)
    if row is None:
        raise NotFound("candidate")
    room = _room_of(session, row)
    if room.started_at is not None or room.ended_at is not None:
        raise Refused("accommodation_too_late")
    check(granted, session.get_one(Sitting, row.sitting_id).minutes)
    before = granted_of(row)
    put(row, granted)
    room.version += 1
    stream, object_ = audit.sitting_stream(room.id), f"registration/{row.id}"
    audit.record(
        session,
        stream,
        signed.actor,
        "accommodation_set",
        object_,
        now=now,
        ticket=row.ticket,
        **_facts("before", before),
        **_facts("after", granted),
        **signed.why(),
    )
    emit(session, RoomChanged(room.id))


def granted_of(row: Registration) -> Granted:
    """What a registration holds."""
    extra = Extra(row.extra_percent, row.extra_minutes)
    return Granted(extra, row.large_print, row.accommodation_note, row.own_room)


def view(room: RoomTimes, registration: RegistrationRow, attempt: Timed) -> Accommodation:
    """What the seat is told."""
    return Accommodation(registration.large_print, float(room.extra_time(attempt)))


def _room_of(session: Session, row: Registration) -> RoomSitting:
    query = select(RoomSitting).where(
        RoomSitting.sitting_id == row.sitting_id, RoomSitting.room_id == row.room_id
    )
    room = session.scalars(query.with_for_update().execution_options(populate_existing=True)).first()
    if room is None:
        raise NotFound("sitting")
    return room


def _facts(when: str, granted: Granted) -> dict[str, str]:
    """Extra time, print and room for the record, without the approval's text: it may tell of an illness."""
    value = granted.extra.percent or granted.extra.minutes or Decimal(0)
    unit = " %" if granted.extra.percent else "′" if granted.extra.minutes else ""
    ticks = {f"print_{when}": granted.large_print, f"own_room_{when}": granted.own_room}
    return {when: f"{value.normalize():f}{unit}"} | {name: "✓" if yes else "—" for name, yes in ticks.items()}
