"""What a monitor is sent of a room: the cards of its seats as last sent, and what is due of them."""

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from exam_rooms.watch_messages import CameraReport
from server.services.monitoring import SeatCard

_CARD = tuple(field.name for field in fields(SeatCard))
_ALWAYS = ("seat", "number")


def plain(value: object) -> dict[str, Any]:
    """A frozen view as JSON values."""
    found = asdict(value)  # type: ignore[call-overload]
    return {key: _plain(entry) for key, entry in found.items()}


def _plain(entry: object) -> object:
    if isinstance(entry, datetime):
        return entry.isoformat()
    return {key: _plain(inner) for key, inner in entry.items()} if isinstance(entry, dict) else entry


def difference(before: SeatCard | None, card: SeatCard) -> dict[str, Any]:
    """What of a card differs from the one that was sent before, as JSON values; seat and number always."""
    return {
        name: _plain(value)
        for name in _CARD
        if (value := getattr(card, name)) != getattr(before, name, _ALWAYS) or name in _ALWAYS
    }


@dataclass(frozen=True, slots=True)
class Due:
    """What was to be sent of a room at one moment, and its cards before. Fields as in `Watched`."""

    causes: dict[int, int]
    rebuild: set[int]
    newcomers: set[str]
    whole: bool
    cards: dict[int, SeatCard]


class Watched:
    """One room that somebody looks at: its cards as last sent."""

    def __init__(self) -> None:
        self.cards: dict[int, SeatCard] = {}
        self.dirty: dict[int, int] = {}
        """Seat id -> CLOCK_BOOTTIME of the first cause since the last sending, 0 when unknown."""
        self.rebuild: set[int] = set()
        self.whole = True
        self.newcomers: set[str] = set()
        """Sockets that have not been sent the whole room yet."""
        self.cameras: dict[int, CameraReport] = {}
        """Seat id -> what its camera was said to do by the last news of the seat."""
        self.board: dict[str, Any] = {}
        """The room as last told, but for the time of it."""

    def taken(self) -> Due:
        """What is due; from here on only what comes newly is."""
        due = Due(self.dirty, self.rebuild, self.newcomers, self.whole, self.cards)
        self.dirty, self.rebuild, self.newcomers, self.whole = {}, set(), set(), False
        return due

    def owe(self, due: Due) -> None:
        """That could not be sent, or not all of it: it is due still, beside what has come meanwhile."""
        self.dirty = {**self.dirty, **due.causes}
        self.rebuild |= due.rebuild
        self.newcomers |= due.newcomers
        self.whole |= due.whole
        self.cards = due.cards
