"""In what shape a bench runs its server, and how it is told with what was found."""

from dataclasses import asdict, dataclass
from typing import TypedDict

USUAL_ROOM, MOST_IN_ROOM = 100, 240
"""Seats of a room: more than usual are rare, fewer make the rooms many."""


@dataclass(frozen=True, slots=True)
class Shape:
    """In what shape the server runs, and with how many seats, so many of them in a room."""

    seats: int
    store: str
    workers: int
    tls: bool
    room_seats: int = USUAL_ROOM

    def facts(self) -> "Facts":
        """How the line of a bench begins."""
        return Facts(store=self.store, workers=self.workers, seats=self.seats, tls=self.tls)


class Facts(TypedDict):
    """A shape in the line of a bench."""

    store: str
    workers: int
    seats: int
    tls: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapedLine:
    """What a bench found, one line of JSON that begins with the shape; each bench adds its own fields."""

    store: str
    workers: int
    seats: int
    tls: bool

    def to_json(self) -> dict[str, object]:
        """The line."""
        return asdict(self)
