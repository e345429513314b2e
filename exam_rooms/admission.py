"""May this person sign in at this seat now: a yes, or the first reason why not."""

import hmac
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from exam_rooms.clock import Phase, RoomClock, entry_open, phase
from exam_rooms.identity import clean_id
from exam_rooms.seats import COLLECTED, PRESENT, AttemptState


class Reason(StrEnum):
    """Why a sign-in is refused; the values are message codes, in the order in which they are looked at."""

    SEAT_NOT_PAIRED = "seat_not_paired"
    UNKNOWN_TICKET = "unknown_ticket"
    OTHER_SITTING = "ticket_of_other_sitting"
    WRONG_ID = "id_does_not_match"
    WRONG_SEAT = "wrong_seat"
    ELSEWHERE = "signed_in_elsewhere"
    CLOSED = "attempt_closed"
    ALREADY = "already_signed_in"
    TOO_EARLY = "sign_in_not_open"
    TOO_LATE = "late_entry_closed"
    ROOM_CLOSED = "room_closed"
    MARKED_ABSENT = "marked_absent"  # the door is still open: a chief can take the mark back


_CLOSED_DOOR: Mapping[Phase, Reason] = {
    Phase.BEFORE: Reason.TOO_EARLY,
    Phase.RUNNING: Reason.TOO_LATE,
    Phase.OVER: Reason.TOO_LATE,
    Phase.ENDED: Reason.ROOM_CLOSED,
}


@dataclass(frozen=True, slots=True)
class SignIn:
    """What the candidate typed, and the seat whose workstation sent it."""

    ticket: str
    id_number: str
    seat: str
    seat_paired: bool


@dataclass(frozen=True, slots=True)
class Booking:
    """What the server knows of the ticket. `signed_in_seat`: where its holder has signed in, if at all."""

    ticket: str
    id_number: str
    sitting: str
    seat: str
    state: AttemptState
    signed_in_seat: str | None = None


@dataclass(frozen=True, slots=True)
class Door:
    """The room's sitting that the candidate wants to enter, and its clock."""

    sitting: str
    clock: RoomClock


@dataclass(frozen=True, slots=True)
class Admitted:
    """The sign-in is right; an invigilator still has to look at the person."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The sign-in is not; `params` serve the message (`seat`: the candidate's own seat)."""

    reason: Reason
    params: Mapping[str, str] = field(default_factory=dict)


def may_sign_in(asked: SignIn, booking: Booking | None, door: Door, now: datetime) -> Admitted | Refused:
    """Whether a candidate may sign in.

    Nothing about a booking is told, not even its seat, before ticket and ID number fit together.
    """
    if not asked.seat_paired:
        return Refused(Reason.SEAT_NOT_PAIRED, {"seat": asked.seat})
    if booking is None or not same_ticket(asked.ticket, booking.ticket):
        return Refused(Reason.UNKNOWN_TICKET)
    if booking.sitting != door.sitting:
        return Refused(Reason.OTHER_SITTING)
    if not same_id(asked.id_number, booking.id_number):
        return Refused(Reason.WRONG_ID)
    if asked.seat != booking.seat:
        return Refused(Reason.WRONG_SEAT, {"seat": booking.seat})
    return _presence_refuses(asked, booking) or _door_refuses(booking, door, now) or Admitted()


def same_ticket(typed: str, known: str) -> bool:
    """Whether two ticket numbers are the same, whatever the width and case of the characters typed."""
    return clean_ticket(typed) == clean_ticket(known)


def clean_ticket(text: str) -> str:
    """A ticket number as it is compared: half-width, without blanks and hyphens, upper case."""
    return "".join(unicodedata.normalize("NFKC", text).replace("-", "").split()).upper()


def same_id(typed: str, known: str) -> bool:
    """Whether two ID numbers are the same; the time it takes says nothing about where they differ."""
    return hmac.compare_digest(clean_id(typed).encode(), clean_id(known).encode())


def _presence_refuses(asked: SignIn, booking: Booking) -> Refused | None:
    if booking.state not in PRESENT:
        return None
    if booking.signed_in_seat is not None and booking.signed_in_seat != asked.seat:
        return Refused(Reason.ELSEWHERE, {"seat": booking.signed_in_seat})
    return Refused(Reason.CLOSED if booking.state in COLLECTED else Reason.ALREADY)


def _door_refuses(booking: Booking, door: Door, now: datetime) -> Refused | None:
    if entry_open(door.clock, now):
        return Refused(Reason.MARKED_ABSENT) if booking.state is AttemptState.ABSENT else None
    return Refused(_CLOSED_DOOR[phase(door.clock, now)])
