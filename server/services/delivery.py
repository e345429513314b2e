"""What the live process keeps in memory for its agents, joined once per host; all of it can be rebuilt."""

import base64
import threading
import time
import weakref
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from exam_rooms.kiosk_messages import SebState
from exam_rooms.protocol import SeatState
from itembank.vault import Vault
from server.bus.bus import Bus
from server.db.answers import AnswerStore
from server.db.base import Database
from server.db.sittings import RoomSitting
from server.errors import NotFound, Refused
from server.events import Events, LookWanted, PairingChanged, RoomChanged, SeatChanged, SebChanged
from server.presence import Presence
from server.services.agents import Agent, AgentDoor, find_room
from server.services.answers import AnswerDesk
from server.services.attempts import JournalOpened, JournalWanted, open_journals
from server.services.command_log import Confirmations
from server.services.links import Links
from server.services.looks import Looks
from server.services.room_cameras import CameraDoor
from server.services.room_news import news_of
from server.services.room_shared import SharedRooms
from server.services.room_sight import RoomSight
from server.services.room_watch import RoomWatch
from server.services.seat_state import SeatView, build_all
from server.services.seat_views import SeatViews
from server.services.seb import SebSeats
from server.services.shared_look import SharedLook
from server.services.shared_write import SharedWrite
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
    def bus(self) -> Bus: ...
    @property
    def presence(self) -> Presence: ...
    @property
    def site(self) -> Site: ...
    @property
    def clock(self) -> SteadyClock: ...
    @property
    def demo(self) -> bool: ...
    @property
    def agent_tries(self) -> Tries: ...


SEB, GONE, PICTURE, CAMERA, JOURNAL = "seb", "gone", "picture", "room camera", "journal"
"""What processes tell each other beyond facts: a proof, a released workstation, a picture asked for, what is
remembered of a room's camera, and an attempt that has a new journal.
"""
SEATS_FIRST_SECONDS = 2.0
SCREEN_SECONDS = 0.02
"""Between two screens of rooms that were started together."""


class Delivery:
    """Agents' door, answer desk, lines, looks through cameras, and the states of seats.

    A `SeatChanged` that carries the time of its cause tells of answers or of a heartbeat: the monitor
    shows them, the seat's own state does not hold them, so it stays in memory.
    """

    def __init__(self, parts: Parts) -> None:
        self._db = parts.db
        self._demo = parts.demo
        self._bus = parts.bus
        self._clock = parts.clock
        bus = self._bus
        self.door = AgentDoor(parts.db, parts.site.token_key)
        self.camera_door = CameraDoor(parts.db, parts.site.token_key)
        self.room_cameras = RoomWatch(parts.db, parts.events, parts.presence, bus.worker.id, self._tell_room)
        self.desk = AnswerDesk(parts.db, parts.answers, parts.vault, parts.events)
        self.links = Links(parts.db, parts.presence, parts.clock, bus.worker.id)
        self.journals = SharedWrite[JournalWanted, JournalOpened | Refused](self._open_journals)
        """New journals, those that are asked for at the same moment in one transaction."""
        self.looks = Looks(lambda wanted: parts.events.publish([wanted]), self._pass_on)
        self.told = threading.Event()
        """Set while no connected seat waits for its news; whoever pushes them clears and sets it."""
        self.told.set()
        self._turn = threading.Lock()
        self.tries = parts.agent_tries
        self.confirmations = Confirmations(parts.db)
        self.views = SeatViews()
        self._shared = SharedRooms()
        self._rooms: dict[int, int] = {}
        self._look: defaultdict[int, SharedLook[Agent, SeatView]] = defaultdict(SharedLook)
        self._sought: dict[int, int] = {}
        """The newest version that was looked for because a workstation shows it, found or not."""
        self._met: set[int] = set()
        """Rooms whose workstations are known to `views`."""
        self.seb = SebSeats(lambda workstation, state: bus.send(SEB, [workstation, state]))
        parts.events.subscribe(SeatChanged, self._seat_changed)
        parts.events.subscribe(RoomChanged, self._room_changed)
        parts.events.subscribe(PairingChanged, self._pairing_changed)
        parts.events.subscribe(SebChanged, self._seb_changed)
        parts.events.subscribe(LookWanted, lambda fact: self.looks.wanted(fact, parts.clock.now()))
        self.links.forgotten = lambda workstation: bus.send(GONE, workstation)
        bus.on_lost(self.forget_all)
        bus.on(SEB, lambda _sender, told: self.seb.told(*told))
        bus.on(GONE, lambda _sender, workstation: self.links.forget_here(workstation))
        bus.on(PICTURE, self._picture_came)
        bus.on(JOURNAL, lambda _sender, attempt: self.desk.forget(attempt))
        bus.on(CAMERA, lambda _sender, told: self.room_cameras.told(*told))

    def view(self, agent: Agent, now: datetime) -> SeatView:
        """What the workstation shows now, with the time of this look."""
        kept = self.kept(agent, now)
        # A view says whether Safe Exam Browser is wanted; what was proved changes without a view.
        needed = kept.state.seb is not SebState.NOT_NEEDED
        proved = self.seb.of(agent.workstation) if needed else SebState.NOT_NEEDED
        return replace(kept, state=replace(kept.state, server_time=now, seb=proved))

    def kept(self, agent: Agent, now: datetime, known: int = 0) -> SeatView:
        """The view as it was built, by whoever built it: its time is that of an earlier look.

        `known`: the version that the seat shows. When it is newer, another process was told of the change
        and this one has not heard yet. What the store does not have, a standby's may lack it, is sought once.
        """
        kept = self.views.get(agent)
        if kept is not None and kept.state.version < known and self._sought.get(agent.workstation) != known:
            self._sought[agent.workstation] = known
            self.views.forget_seat(agent.seat)
            kept = None
        return kept or self._built(agent, now)

    def _built(self, agent: Agent, now: datetime) -> SeatView:
        """The view of a workstation, built together with others of its room that have to be built too.

        One look at a room at a time: when all its views are forgotten at once, whoever waited finds the view.
        """
        look = self._look[agent.room]
        return look.find(agent, lambda: self.views.get(agent), lambda: self._looked_up(agent, now))

    def _looked_up(self, agent: Agent, now: datetime) -> dict[Agent, SeatView]:
        if agent.room not in self._met:
            self._meet(agent.room)
        changes, company = self.views.changes, self.views.company(agent)
        with self._db.read() as session:
            found = build_all(session, company, now=now, demo=self._demo, kept=self._shared)
        for each in company:
            if each.workstation in found:
                self.views.keep(each, found[each.workstation], changes)
        if agent.workstation not in found:
            raise NotFound("seat")
        return {each: found[each.workstation] for each in company if each.workstation in found}

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
        self._shared.forget()
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

    def forget_all(self) -> None:
        """News may have been missed: everything is looked up again. What seats have proved is no copy."""
        self.door.forget()
        self.camera_door.forget()
        self.desk.forget_all()
        self._met.clear()
        self._shared.forget()
        self.views.forget_all()

    def _open_journals(self, wanted: Sequence[JournalWanted]) -> Sequence[JournalOpened | Refused]:
        return self._db.write(open_journals, wanted, now=self._clock.now())

    def granted(self, attempt: int) -> None:
        """An attempt has a new journal; others may keep facts of it, and come to hear of an older one."""
        self.desk.forget(attempt)
        self._bus.send(JOURNAL, attempt)

    def seats_first(self) -> None:
        """Waits until connected seats have their news, two seconds at most, and for others who wait here.

        To draw the screen of whoever has started a room takes the server longer than to start it, and ten of
        them in one go would hold up everybody else.
        """
        self.told.wait(SEATS_FIRST_SECONDS)
        with self._turn:
            time.sleep(SCREEN_SECONDS)

    def _tell_room(self, what: str, body: object) -> None:
        if not self._bus.alone:
            self._bus.send(CAMERA, [what, news_of(body) if isinstance(body, RoomSight) else body])

    def _pass_on(self, workstation: int, ref: str, data: bytes) -> None:
        self._bus.send(PICTURE, [workstation, ref, base64.b64encode(data).decode()])

    def _picture_came(self, _sender: str, told: tuple[int, str, str]) -> None:
        workstation, ref, data = told
        self.looks.came(workstation, ref, base64.b64decode(data), self._clock.now())

    def _seb_changed(self, _fact: SebChanged) -> None:
        self.seb.forget_all()
        self._shared.forget()
        self.views.forget_all()


_OPEN: "weakref.WeakKeyDictionary[Events, Delivery]" = weakref.WeakKeyDictionary()


def delivery_of(parts: Parts) -> Delivery:
    """The one delivery of a host; made at first use. It listens first, so nobody pushes a stale state."""
    found = _OPEN.get(parts.events)
    if found is None:
        found = _OPEN[parts.events] = Delivery(parts)
    return found
