"""What the live process keeps in memory for its agents, joined once per host; all of it can be rebuilt."""

import weakref
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from exam_rooms.protocol import SeatState
from itembank.vault import Vault
from server.db.answers import AnswerStore
from server.db.base import Database
from server.events import Events, PairingChanged, RoomChanged, SeatChanged
from server.presence import Presence
from server.services.agents import Agent, AgentDoor
from server.services.answers import AnswerDesk
from server.services.links import Links
from server.services.looks import Looks
from server.services.seat_state import SeatView, SeatViews, build
from server.services.site import Site
from server.services.steady import SteadyClock
from server.services.tries import Tries


class Parts(Protocol):
    """What a host has of what is needed here."""

    @property
    def db(self) -> Database: ...
    @property
    def answers(self) -> AnswerStore: ...
    @property
    def vault(self) -> Vault: ...
    @property
    def events(self) -> Events: ...
    @property
    def presence(self) -> Presence: ...
    @property
    def site(self) -> Site: ...
    @property
    def clock(self) -> SteadyClock: ...
    @property
    def demo(self) -> bool: ...


class Delivery:
    """Agents' door, answer desk, lines, looks through cameras, and the states of seats.

    A `SeatChanged` that carries the time of its cause tells of answers or of a heartbeat: the monitor
    shows them, the seat's own state does not hold them, so it stays in memory.
    """

    def __init__(self, parts: Parts) -> None:
        self._db = parts.db
        self._demo = parts.demo
        self.door = AgentDoor(parts.db, parts.site.token_key)
        self.desk = AnswerDesk(parts.db, parts.answers, parts.vault, parts.events)
        self.links = Links(parts.db, parts.presence, parts.clock)
        self.looks = Looks(lambda wanted: parts.events.publish([wanted]))
        self.tries = Tries()
        self.views = SeatViews()
        parts.events.subscribe(SeatChanged, self._seat_changed)
        parts.events.subscribe(RoomChanged, self._room_changed)
        parts.events.subscribe(PairingChanged, self._pairing_changed)

    def view(self, agent: Agent, now: datetime) -> SeatView:
        """What the workstation shows now, with the time of this look."""
        kept, changes = self.views.get(agent), self.views.changes
        if kept is None:
            with self._db.read() as session:
                kept = build(session, agent, now=now, demo=self._demo)
            self.views.keep(agent, kept, changes)
        return replace(kept, state=replace(kept.state, server_time=now))

    def state(self, agent: Agent, now: datetime) -> SeatState:
        """The state alone."""
        return self.view(agent, now).state

    def _seat_changed(self, fact: SeatChanged) -> None:
        if fact.changed_ns == 0:
            self.views.forget_seat(fact.seat)

    def _room_changed(self, fact: RoomChanged) -> None:
        self.desk.forget_room(fact.room_sitting)
        self.views.forget_all()

    def _pairing_changed(self, _fact: PairingChanged) -> None:
        self.door.forget()
        self.views.forget_all()


_OPEN: "weakref.WeakKeyDictionary[Events, Delivery]" = weakref.WeakKeyDictionary()


def delivery_of(parts: Parts) -> Delivery:
    """The one delivery of a host; made at first use. It listens first, so nobody pushes a stale state."""
    found = _OPEN.get(parts.events)
    if found is None:
        found = _OPEN[parts.events] = Delivery(parts)
    return found
