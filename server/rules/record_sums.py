"""The sums of a room record: everybody who was to come is accounted for, or the record stays open."""

from collections.abc import Iterable
from dataclasses import dataclass

from exam_rooms.seats import PRESENT, AttemptState

WITH_ROOM, TIME_OVER, RESCHEDULED = "room_ended", "time_over", "rescheduled"
"""`close_reason` of attempts that ended with their room: its end, its time, its breaking off (R26)."""
HANDED_IN = frozenset({AttemptState.SUBMITTED, AttemptState.AUTO_SUBMITTED, WITH_ROOM})
COUNTED = ("expected", "present", "submitted", "stopped", "absent", "absent_tickets")
"""Boxes of the record that are counted from the seats: nobody writes anything else into them."""


def ended_with_room(state: str, close_reason: str) -> bool:
    """Whether an attempt ended only because its room did."""
    return state == AttemptState.ENDED and close_reason in (WITH_ROOM, TIME_OVER, RESCHEDULED)


@dataclass(frozen=True, slots=True)
class Place:
    """One expected candidate: seat, `outcome` ("" without an attempt), and whether every answer is here."""

    ticket: str
    seat: str = ""
    state: str = ""
    collected: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """Why a candidate is not accounted for. `code`: not_seated | still_open | rest_missing."""

    seat: str
    ticket: str
    code: str


@dataclass(frozen=True, slots=True)
class Sums:
    """expected = submitted + ended + absent once `gaps` is empty. `present`: who signed in at a seat.

    `submitted`: handed in by the candidate, by the clock or with the room; `ended`: one seat, by decision.
    """

    expected: int
    present: int
    submitted: int
    ended: int
    absent: int
    gaps: tuple[Gap, ...]


def outcome(state: str, close_reason: str) -> str:
    """An attempt's state as it is counted: who was ended with the whole room has handed in."""
    if not ended_with_room(state, close_reason):
        return state
    return AttemptState.AUTO_SUBMITTED if close_reason == TIME_OVER else WITH_ROOM


_CAME = PRESENT | {WITH_ROOM}


def sums(places: Iterable[Place]) -> Sums:
    """Counts a room and names everybody who is not accounted for."""
    everybody = list(places)
    states = [place.state for place in everybody]
    gaps = [Gap(place.seat, place.ticket, code) for place in everybody if (code := _gap(place))]
    return Sums(
        expected=len(everybody),
        present=sum(state in _CAME for state in states),
        submitted=sum(state in HANDED_IN for state in states),
        ended=states.count(AttemptState.ENDED),
        absent=states.count(AttemptState.ABSENT),
        gaps=tuple(gaps),
    )


def _gap(place: Place) -> str:
    if not place.state:
        return "not_seated"
    if place.state == AttemptState.ABSENT:
        return ""
    if place.state not in HANDED_IN | {AttemptState.ENDED}:
        return "still_open"
    return "" if place.collected else "rest_missing"
