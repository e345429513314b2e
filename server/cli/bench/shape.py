"""In what shape a bench runs its server."""

from dataclasses import dataclass

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
