"""What the live process keeps in memory for its agents, joined once per host; all of it can be rebuilt."""

import weakref
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from exam_rooms.kiosk_messages import SebState
from exam_rooms.protocol import SeatState
from itembank.vault import Vault
from server.db.answers import AnswerStore
from server.db.base import Database
from server.db.sittings import RoomSitting
from server.errors import NotFound
from server.events import Events, PairingChanged, RoomChanged, SeatChanged, SebChanged
from server.presence import Presence
from server.services.agents import Agent, AgentDoor, find_room
from server.services.answers import AnswerDesk
from server.services.command_log import Confirmations
from server.services.links import Links
from server.services.looks import Looks
from server.services.room_cameras import CameraDoor
from server.services.room_watch import RoomWatch
from server.services.seat_state import SeatView, build_all
from server.services.seat_views import SeatViews
from server.services.seb import SebSeats
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
        self.camera_door = CameraDoor(parts.db, parts.site.token_key)
        self.room_cameras = RoomWatch(parts.db, parts.events, parts.presence)
        self.desk = AnswerDesk(parts.db, parts.answers, parts.vault, parts.events)
        self.links = Links(parts.db, parts.presence, parts.clock)
        self.looks = Looks(lambda wanted: parts.events.publish([wanted]))
        self.tries = Tries()
        self.confirmations = Confirmations(parts.db)
        self.views = SeatViews()
        self._rooms: dict[int, int] = {}
        self._met: set[int] = set()
        """Rooms whose workstations are known to `views`."""
        self.seb = SebSeats()
        parts.events.subscribe(SeatChanged, self._seat_changed)
        parts.events.subscribe(RoomChanged, self._room_changed)
        parts.events.subscribe(PairingChanged, self._pairing_changed)
        parts.events.subscribe(SebChanged, self._seb_changed)

    def view(self, agent: Agent, now: datetime) -> SeatView:
        """What the workstation shows now, with the time of this look."""
        kept = self.kept(agent, now)
        # A view says whether Safe Exam Browser is wanted; what was proved changes without a view.
        needed = kept.state.seb is not SebState.NOT_NEEDED
        proved = self.seb.of(agent.workstation) if needed else SebState.NOT_NEEDED
        return replace(kept, state=replace(kept.state, server_time=now, seb=proved))

    def kept(self, agent: Agent, now: datetime) -> SeatView:
        """The view as it was built, by whoever built it: its time is that of an earlier look."""
        return self.views.get(agent) or self._built(agent, now)

    def _built(self, agent: Agent, now: datetime) -> SeatView:
        """The view of a workstation, built together with others of its room that have to be built too."""
        if agent.room not in self._met:
            self._meet(agent.room)
        changes, company = self.views.changes, self.views.company(agent)
        with self._db.read() as session:
            found = build_all(session, company, now=now, demo=self._demo)
        for each in company:
            if each.workstation in found:
                self.views.keep(each, found[each.workstation], changes)
        if agent.workstation not in found:
            raise NotFound("seat")
        return found[agent.workstation]

    def _meet(self, room: int) -> None:
        """After a start of the server all seats of a room come back at once: they are looked up together."""
        self._met.add(room)
        with self._db.read() as session:
            self.views.expect(find_room(session, room))

    def state(self, agent: Agent, now: datetime) -> SeatState:
        """The state alone."""
        return self.view(agent, now).state

    def _seat_changed(self, fact: SeatChanged) -> None:
        if fact.changed_ns == 0:
            self.views.forget_seat(fact.seat)

    def room_of(self, room_sitting: int) -> int | None:
        """The room of a sitting in it, which never changes; None for one that is no more."""
        if room_sitting not in self._rooms:
            with self._db.read() as session:
                row = session.get(RoomSitting, room_sitting)
            if row is None:
                return None
            self._rooms[room_sitting] = row.room_id
        return self._rooms[room_sitting]

    def _room_changed(self, fact: RoomChanged) -> None:
        self.desk.forget_room(fact.room_sitting)
        room = self.room_of(fact.room_sitting)
        if room is None:
            self.views.forget_all()
        else:
            self.views.forget_room(room)

    def _pairing_changed(self, _fact: PairingChanged) -> None:
        self.door.forget()
        self.camera_door.forget()
        self._met.clear()
        self.views.forget_all()

    def _seb_changed(self, _fact: SebChanged) -> None:
        self.seb.forget_all()
        self.views.forget_all()


_OPEN: "weakref.WeakKeyDictionary[Events, Delivery]" = weakref.WeakKeyDictionary()


def delivery_of(parts: Parts) -> Delivery:
    """The one delivery of a host; made at first use. It listens first, so nobody pushes a stale state."""
    found = _OPEN.get(parts.events)
    if found is None:
        found = _OPEN[parts.events] = Delivery(parts)
    return found
