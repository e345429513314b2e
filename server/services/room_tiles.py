"""All rooms at work for the chief's screen: a tile each, the worst first, and one list of what waits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from server.access import Actor
from server.db.answers import AnswerStore
from server.presence import Presence
from server.services import alert_queue, gates, monitoring
from server.services.alert_queue import Entry
from server.services.announcements import HEARD
from server.services.duty import may_see_room
from server.services.gate_findings import Outside
from server.services.monitoring import RoomBoard, SeatCard


@dataclass(frozen=True, slots=True)
class Sources:
    """What is looked at beside the database of rooms; `proven`: whether the clock's time is."""

    answers: AnswerStore
    presence: Presence
    proven: bool = True


@dataclass(frozen=True, slots=True)
class Tile:
    """A room. `urgent`: entries that somebody has to go to now; `waiting`: all of them.

    `progress`: per cent of the items that hold an answer, of the seats that answer or did; None before.
    `red`: gates that keep the room from starting, of `gates`; both 0 once it started.
    """

    board: RoomBoard
    urgent: int
    waiting: int
    progress: int | None
    red: int = 0
    gates: int = 0

    @property
    def shade(self) -> str:
        """act, look or nothing: how urgent the room is."""
        if self.urgent:
            return "act"
        return "look" if self.waiting or self.red or self.board.counts.lost else ""


@dataclass(frozen=True, slots=True)
class Hall:
    """The rooms, the worst first, and what waits in those this person may see into (`near`), worst first."""

    tiles: tuple[Tile, ...]
    entries: tuple[Entry, ...]
    near: frozenset[int] = frozenset()

    @property
    def urgent(self) -> int:
        """The number before the page's title."""
        return alert_queue.urgent(self.entries)

    @property
    def names(self) -> dict[int, str]:
        """Room in its sitting -> name of the room."""
        return {tile.board.room_sitting: tile.board.room for tile in self.tiles}

    @property
    def shared(self) -> tuple[tuple[RoomBoard, ...], ...]:
        """The rooms of each sitting that holds several which somebody may be told something in."""
        found: dict[int, list[RoomBoard]] = {}
        for board in (tile.board for tile in self.tiles):
            if board.state in HEARD:
                found.setdefault(board.sitting, []).append(board)
        several = [boards for boards in found.values() if len(boards) > 1]
        return tuple(tuple(sorted(boards, key=lambda board: board.room_sitting)) for boards in several)


def hall(session: Session, actor: Actor, sources: Sources, *, now: datetime) -> Hall:
    """Every room at work as it is now: counts of all, names and incidents of those that are the person's."""
    tiles, entries, near = [], [], set()
    for room in monitoring.rooms_at_work(session):
        cards = monitoring.seat_cards(session, sources.answers, sources.presence, room)
        waiting = alert_queue.queue(session, room, cards, now=now)
        board = monitoring.board(session, room, cards, now=now)
        red, demanded = _gates(session, sources, board, now=now)
        urgent = alert_queue.urgent(waiting)
        tiles.append(Tile(board, urgent, len(waiting), _progress(cards), red, demanded))
        if may_see_room(session, actor, room):
            near.add(room)
            entries += waiting
    ordered = sorted(tiles, key=_urgency)
    return Hall(tuple(ordered), tuple(alert_queue.in_order(entries)), frozenset(near))


def _urgency(tile: Tile) -> tuple[int, int, int, datetime, int]:
    counts = tile.board.counts
    return -tile.urgent, -counts.lost, -tile.waiting, tile.board.starts_at, tile.board.room_sitting


def _gates(session: Session, sources: Sources, board: RoomBoard, *, now: datetime) -> tuple[int, int]:
    """Red gates and all gates of a room that may be started; none for any other."""
    if board.state != "released":
        return 0, 0
    outside = Outside(sources.proven)
    found = gates.gates(session, sources.presence, board.room_sitting, now=now, outside=outside)
    return sum(gate.state == gates.RED for gate in found), len(found)


def _progress(cards: Sequence[SeatCard]) -> int | None:
    writing = [card for card in cards if card.answered or card.state == "answering"]
    total = sum(card.total for card in writing)
    return round(100 * sum(card.answered for card in writing) / total) if total else None
