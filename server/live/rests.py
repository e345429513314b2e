"""Which rooms the watch may leave alone: nothing is due there before a moment that its last look has found.

News of a room, a change of its row and anything that may have been missed end its rest.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.bus.bus import Bus
from server.events import Events, LinkChanged, RoomChanged, SeatChanged

LONGEST = 60
"""Seconds of a rest at most, for what no news tells and nobody has thought of: another sitting's turn in the
room, a fact that was lost. Rooms differ by up to half of it, so that they do not all wake at once.
"""
Mark = tuple[str, int]
Looked = tuple[int, str, int]
"""A room, and the state and version of its row."""


@dataclass(frozen=True, slots=True)
class _Rest:
    mark: Mark
    until: datetime


class Rests:
    """Rooms at rest, in memory of the process that looks after them."""

    def __init__(self, events: Events, bus: Bus) -> None:
        self._rests: dict[int, _Rest] = {}
        self._news: set[int] = set()
        self._missed = False
        events.subscribe(SeatChanged, self._seat_changed)
        events.subscribe(RoomChanged, self._changed)
        events.subscribe(LinkChanged, self._changed)
        bus.on_lost(self.forget_all)

    def woken(self, rooms: Iterable[Looked], now: datetime) -> list[Looked]:
        """Those of the rooms that are to be looked at now.

        They have no rest any more until `rest` says so; rooms that are not named are forgotten.
        """
        found: list[Looked] = []
        before, self._rests = ({} if self._missed else self._rests), {}
        news, self._news, self._missed = self._news, set(), False
        for room, state, version in rooms:
            rest = before.get(room)
            if rest is None or room in news or rest.mark != (state, version) or now >= rest.until:
                found.append((room, state, version))
            else:
                self._rests[room] = rest
        return found

    def rest(self, room: int, mark: Mark, moments: Iterable[datetime], now: datetime) -> None:
        """Nothing is due before the first of these moments that is not over; `mark`: what its row said.

        News that came since `woken` stand: the room is looked at again at the next tick.
        """
        longest = now + timedelta(seconds=LONGEST - room % (LONGEST // 2))
        self._rests[room] = _Rest(mark, min([longest, *(each for each in moments if each >= now)]))

    def forget_all(self) -> None:
        """News may have been missed, or time has jumped: every room is looked at."""
        self._missed = True

    def _changed(self, fact: RoomChanged | LinkChanged) -> None:
        self._news.add(fact.room_sitting)

    def _seat_changed(self, fact: SeatChanged) -> None:
        """What a seat says of itself, at every answer, moves no clock; such a fact names its moment there."""
        if not fact.changed_ns:
            self._news.add(fact.room_sitting)
