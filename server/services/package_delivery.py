"""Whether a room's package is where it must be: sound on the server, and on every seat's disk."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.package import PackageBroken, PackageHeader, read_header
from server.access import Actor, Permission
from server.db.papers import Package
from server.db.rooms import Seat, Workstation
from server.db.sittings import Attempt
from server.errors import Forbidden, Refused
from server.presence import Presence
from server.services import audit, packages
from server.services.signed import Signed


class OnSeat(StrEnum):
    """What a seat's disk holds, by its last heartbeat."""

    HERE = "here"  # the package in force
    OTHER = "other"  # another one
    NONE = "none"
    UNKNOWN = "unknown"  # the seat was not heard since the server started
    UNPAIRED = "unpaired"


@dataclass(frozen=True, slots=True)
class SeatDelivery:
    """One seat with a candidate; `linked` is the state of its line now."""

    seat: str
    state: OnSeat
    linked: bool
    software: str


def seats(session: Session, presence: Presence, room_sitting_id: int) -> list[SeatDelivery]:
    """Every seat that has a candidate, in the order of seat ids; empty before the draw."""
    package = packages.current(session, room_sitting_id)
    wanted = package.sha256 if package else ""
    rows = session.execute(
        select(Seat.number, Workstation.id, Workstation.software)
        .join(Attempt, Attempt.seat_id == Seat.id)
        .outerjoin(Workstation, (Workstation.seat_id == Seat.id) & Workstation.active.is_(True))
        .where(Attempt.room_sitting_id == room_sitting_id)
        .order_by(Seat.id)
    )
    return [
        SeatDelivery(
            number,
            _on_seat(presence, workstation, wanted),
            presence.of(workstation).linked,
            software or "",
        )
        for number, workstation, software in rows
    ]


def count(found: list[SeatDelivery]) -> dict[str, int]:
    """How many seats are in each state, every state named."""
    counted = Counter(seat.state for seat in found)
    return {str(state): counted[state] for state in OnSeat}


def check(
    session: Session, actor: Actor, package_id: int, where: tuple[bytes, Presence], *, now: datetime
) -> PackageHeader:
    """Reads the stored bytes again: hash, signature, section hashes; notes when, and what the seats hold.

    `where`: the site's public key and the seats' lines. Raises `Refused` (package_damaged,
    package_destroyed).
    """
    if not actor.can(Permission.HOLD_KEY):
        raise Forbidden(Permission.HOLD_KEY)
    site_key, presence = where
    package = packages.get(session, package_id)
    header = sound(session, package, site_key)
    package.delivery_checked_at = now
    counted = count(seats(session, presence, package.room_sitting_id))
    stream, object_ = audit.sitting_stream(package.room_sitting_id), f"package/{package.uid}"
    told = {"sha256": package.sha256, "seats": counted[OnSeat.HERE], "of": sum(counted.values())}
    audit.record(session, stream, actor, "package_checked", object_, now=now, **told)
    return header


def sound(session: Session, package: Package, site_key: bytes) -> PackageHeader:
    """The header of a stored package whose bytes are what was sealed. Raises `Refused`."""
    room, _starts_at = packages.place(session, package.room_sitting_id)
    if package.state == "destroyed":
        raise Refused("package_destroyed")
    if hashlib.sha256(package.data).hexdigest() != package.sha256:
        raise Refused("package_damaged", room=room)
    try:
        header = read_header(package.data, site_key)
    except PackageBroken as fault:
        raise Refused("package_damaged", room=room) from fault
    if header.package != package.uid:
        raise Refused("package_damaged", room=room)
    return header


def take_out(session: Session, actor: Actor, package_id: int, *, now: datetime) -> tuple[str, bytes]:
    """A package as a file to carry: name and sealed bytes. On the record, since it leaves the server."""
    if not actor.can(Permission.HOLD_KEY):
        raise Forbidden(Permission.HOLD_KEY)
    package = packages.get(session, package_id)
    if package.state == "destroyed":
        raise Refused("package_destroyed")
    stream, object_ = audit.sitting_stream(package.room_sitting_id), f"package/{package.uid}"
    audit.record(session, stream, actor, "package_taken_out", object_, now=now, sha256=package.sha256)
    return f"{package.uid}.expkg", package.data


def note_export(session: Session, signed: Signed, package_id: int, *, now: datetime) -> None:
    """Two custodians have the opened forms written to a file: on the record before it is done."""
    for who in (signed.actor, signed.cosigner):
        if who is None or not who.can(Permission.HOLD_KEY):
            raise Forbidden(Permission.HOLD_KEY)
    package = packages.get(session, package_id)
    stream, object_ = audit.sitting_stream(package.room_sitting_id), f"package/{package.uid}"
    audit.record(session, stream, signed.actor, "forms_exported", object_, now=now, **signed.why())


def _on_seat(presence: Presence, workstation: int | None, wanted: str) -> OnSeat:
    if workstation is None:
        return OnSeat.UNPAIRED
    seen = presence.of(workstation)
    if seen.since is None:
        return OnSeat.UNKNOWN
    if not seen.package_sha256:
        return OnSeat.NONE
    return OnSeat.HERE if seen.package_sha256 == wanted else OnSeat.OTHER
