"""The sums of a room record: everybody who was to come is accounted for, or the record stays open."""

from collections.abc import Iterable
from dataclasses import dataclass

from exam_rooms.seats import AttemptState

HANDED_IN = frozenset({AttemptState.SUBMITTED, AttemptState.AUTO_SUBMITTED})
COUNTED = ("expected", "present", "submitted", "stopped", "absent", "absent_tickets")
"""Boxes of the record that are counted from the seats: nobody writes anything else into them."""


@dataclass(frozen=True, slots=True)
class Place:
    """One expected candidate: seat and state ("" without an attempt), and whether every answer is here."""

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
    """expected = submitted + ended + absent once `gaps` is empty."""

    expected: int
    submitted: int
    ended: int
    absent: int
    gaps: tuple[Gap, ...]

    @property
    def present(self) -> int:
        """Who came."""
        return self.expected - self.absent


def sums(places: Iterable[Place]) -> Sums:
    """Counts a room and names everybody who is not accounted for."""
    everybody = list(places)
    states = [place.state for place in everybody]
    gaps = [Gap(place.seat, place.ticket, code) for place in everybody if (code := _gap(place))]
    return Sums(
        expected=len(everybody),
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
