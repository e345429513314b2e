"""The monitors' socket: what changed of seats, gathered for 100 ms; staff with MONITOR_ROOM only.

A monitor looks at one room, or at the boards of all rooms at work. It gets the whole at first and then only
what has changed; each message is written once, however many monitors there are.
"""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import request
from flask_login import current_user
from flask_socketio import ConnectionRefusedError as ConnectionRefused
from flask_socketio import Namespace, SocketIO
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from exam_rooms.protocol import EVENT_ACTIVITY, EVENT_ROOM, EVENT_SEATS, EVENT_SERVER, NAMESPACE_MONITOR
from server.access import Actor, Permission
from server.db.sittings import RoomSitting
from server.events import (
    AccountChanged,
    Activity,
    LinkChanged,
    PairingChanged,
    PresenceChanged,
    RoomChanged,
    SeatChanged,
)
from server.host import Host
from server.live.cards import Due, Watched, difference, plain
from server.live.websocket import emit_to_all
from server.native import under_gevent
from server.services import monitoring, staff
from server.services.duty import may_see_room
from server.services.monitoring import SeatCard

log = logging.getLogger(__name__)
GATHER_SECONDS = 0.1
RESTS, RESTS_MOST = 4, 0.5
"""Cards wait so many times as long as the last ones took, and so many seconds at most: seats come first."""
AWAY_RESTS, AWAY_LEAST = 9, 3.0
"""While others cannot be heard all cards are made anew: a tenth of the time, every three seconds at most."""
AGAIN_SECONDS = 1.0
"""Until what could not be sent is tried again."""
PULSE_SECONDS = 2.0
"""How often the server's load is looked at; it is told when it has changed."""
_AWAY = (OperationalError, InterfaceError, InternalError, PoolTimeout)
"""What a database that is away, or just coming back, makes of a statement."""
ALL_ROOMS = 0
"""What a monitor of all rooms looks at in the place of a room's id; ids begin with 1."""


class MonitorSockets(Namespace):  # type: ignore[misc]
    """Rooms by the monitors that look at them."""

    permission = Permission.MONITOR_ROOM

    def __init__(self, host: Host) -> None:
        super().__init__(NAMESPACE_MONITOR)
        self.host = host
        self.rooms: dict[int, Watched] = {}
        self.viewers: dict[str, int] = {}
        """What each socket looks at: the id of a room's sitting, or `ALL_ROOMS`."""
        self.people: dict[str, tuple[int, str]] = {}
        """Who looks: user id and session mark by socket."""
        self._unasked: dict[str, tuple[int, str]] = {}
        """Those of them of whom it has to be asked whether they may still look."""
        self._hint = -1
        self._with: tuple[str, int | None] = ("none", None)
        self._wake = threading.Event()
        self._anew_at = 0.0
        """Monotonic seconds before which nothing is made anew only because others cannot be heard."""
        host.events.subscribe(SeatChanged, self._seat_changed)
        host.events.subscribe(LinkChanged, self._link_changed)
        host.events.subscribe(PresenceChanged, self._presence_changed)
        host.events.subscribe(RoomChanged, self._room_changed)
        host.events.subscribe(PairingChanged, self._pairing_changed)
        host.events.subscribe(Activity, self._activity)
        host.events.subscribe(AccountChanged, self._account_changed)
        host.bus.on_lost(self._lost)

    # --- who looks at what ---------------------------------------------------------------------------

    def on_connect(self, auth: object = None) -> None:
        """A signed-in person with the permission names a room, or all; the whole of it comes at once."""
        try:
            self._enter(auth)
        except _AWAY as fault:  # unanswered the page would wait for good; so it asks again
            self._forget(str(getattr(request, "sid", "")))
            raise ConnectionRefused("store_unavailable") from fault

    def _enter(self, auth: object) -> None:
        if not current_user.is_authenticated:
            raise ConnectionRefused("sign_in_needed")
        if not current_user.actor.can(self.permission):
            raise ConnectionRefused("forbidden")
        room = self._asked(auth)
        if room is None:
            raise ConnectionRefused("not_found")
        if not self._near(current_user.actor, room):
            raise ConnectionRefused("not_on_duty")
        sid = str(getattr(request, "sid", ""))
        self.viewers[sid] = room
        self.people[sid] = (current_user.id, current_user.fs_uniquifier)
        self.enter_room(sid, _channel(room))
        for each in self._at_work() if room == ALL_ROOMS else (room,):
            self.rooms.setdefault(each, Watched()).newcomers.add(sid)
        self.emit(EVENT_SERVER, self._server(), room=sid)
        self._due()

    def on_disconnect(self, *_reason: object) -> None:
        """A monitor went away; a room without any is forgotten."""
        self._forget(str(getattr(request, "sid", "")))

    def _forget(self, sid: str) -> None:
        self.people.pop(sid, None)
        self.viewers.pop(sid, None)
        looked_at = set(self.viewers.values())
        for room, watched in list(self.rooms.items()):
            watched.newcomers.discard(sid)
            if room not in looked_at and ALL_ROOMS not in looked_at:
                del self.rooms[room]

    def _asked(self, auth: object) -> int | None:
        """What a monitor wants to see; None for what is not there."""
        asked = auth if isinstance(auth, dict) else {}
        if asked.get("rooms") == "all":
            return ALL_ROOMS
        room = asked.get("room")
        if not isinstance(room, int):
            return None
        with self.host.db.read() as session:
            return None if session.get(RoomSitting, room) is None else room

    def _near(self, who: Actor, room: int) -> bool:
        """Whether somebody may see into a room; the boards of all rooms name nobody."""
        with self.host.db.read() as session:
            return room == ALL_ROOMS or may_see_room(session, who, room)

    def _at_work(self) -> list[int]:
        with self.host.db.read() as session:
            return monitoring.rooms_at_work(session)

    # --- what happened -------------------------------------------------------------------------------

    def _seat_changed(self, fact: SeatChanged) -> None:
        watched = self.rooms.get(fact.room_sitting)
        if watched is None:
            return
        watched.dirty.setdefault(fact.seat, fact.changed_ns)
        if fact.changed_ns == 0 or self._camera_changed(watched, fact.seat):
            watched.rebuild.add(fact.seat)
        self._due()

    def _link_changed(self, fact: LinkChanged) -> None:
        self._seat_changed(SeatChanged(fact.room_sitting, fact.seat))

    def _presence_changed(self, fact: PresenceChanged) -> None:
        for watched in self.rooms.values():
            if fact.seat in watched.cards:
                watched.dirty.setdefault(fact.seat, 0)
                watched.rebuild.add(fact.seat)
                self._due()

    def _lost(self) -> None:
        """Something may have been missed: who looks is asked for again, and every card made anew.

        While nobody can be heard that is so every second, so it is done as often as its cost allows.
        """
        try:
            self._ask_again(self.people)
        finally:
            self._all_anew()

    def _all_anew(self) -> None:
        if not self.rooms or (self.host.bus.away and self.host.bus.clock() < self._anew_at):
            return
        for watched in self.rooms.values():
            watched.whole = True
        self._due()

    def _room_changed(self, fact: RoomChanged) -> None:
        watched = self.rooms.get(fact.room_sitting)
        if watched is not None:
            watched.whole = True
            self._due()
        elif ALL_ROOMS in self.viewers.values() and fact.room_sitting in self._at_work():
            self.rooms[fact.room_sitting] = Watched()
            self._due()

    def _pairing_changed(self, _fact: PairingChanged) -> None:
        for watched in self.rooms.values():
            watched.whole = True
        self._due()

    def _account_changed(self, fact: AccountChanged) -> None:
        """A closed account, another password or role: its open monitors show nothing more."""
        self._ask_again({sid: who for sid, who in self.people.items() if who[0] == fact.user})

    def _ask_again(self, people: Mapping[str, tuple[int, str]]) -> None:
        """Closes the sockets of those who may look no more."""
        asked = {sid: who for sid, who in self._unasked.items() if sid in self.people} | dict(people)
        if not asked:
            return
        self._unasked = asked  # until the database has answered
        with self.host.db.read() as session:
            accounts = staff.accounts_of_sessions(session, {mark for _user, mark in asked.values()})
        self._unasked = {}
        may = {mark for mark, one in accounts.items() if one.active and one.actor.can(self.permission)}
        for sid in [sid for sid, (_user, mark) in asked.items() if mark not in may]:
            self._forget(sid)
            self.disconnect(sid)

    def _activity(self, fact: Activity) -> None:
        if fact.room_sitting in self.rooms:
            line = {"code": fact.code, "params": dict(fact.params), "seat": fact.seat}
            line |= {"incident": fact.incident, "cause_ns": fact.cause_ns}
            for channel in self._channels(fact.room_sitting):
                told = line if channel != _channel(ALL_ROOMS) else line | {"params": {}}
                emit_to_all(self, EVENT_ACTIVITY, told | {"room_sitting": fact.room_sitting}, channel)

    def _channels(self, room: int) -> list[str]:
        return [_channel(each) for each in (room, ALL_ROOMS) if each in self.viewers.values()]

    # --- telling -------------------------------------------------------------------------------------

    def _due(self) -> None:
        self._wake.set()
        if not under_gevent():
            self.flush()

    def run(self) -> None:
        """Sends for ever, at most ten times a second; a greenlet of the live server that nothing may end."""
        while True:
            try:
                self._turn()
            except Exception:  # what could not be sent is due still
                log.exception("monitor update failed")
                time.sleep(AGAIN_SECONDS)
                self._wake.set()

    def _turn(self) -> None:
        if not self._wake.wait(PULSE_SECONDS):
            self.pulse()
            return
        time.sleep(GATHER_SECONDS)
        self._wake.clear()
        began = time.monotonic()
        self.flush()
        self.pulse()
        time.sleep(min(RESTS_MOST, RESTS * (time.monotonic() - began)))

    def pulse(self) -> None:
        """Tells the server's load, and whether its standby is with it, when that has changed."""
        if self.viewers and (self.host.hint(), self._standby()) != (self._hint, self._with):
            told = self._server()
            for room in set(self.viewers.values()):
                emit_to_all(self, EVENT_SERVER, told, _channel(room))

    def _server(self) -> dict[str, object]:
        self._hint, self._with = self.host.hint(), self._standby()
        state, lag = self._with
        told: dict[str, object] = {"load": self._hint, "server_time": self.host.now().isoformat()}
        return told | {"standby": state, "standby_lag": lag}

    def _standby(self) -> tuple[str, int | None]:
        """none, protected, unprotected with the seconds that the standby lacks; fenced: we were replaced."""
        if self.host.epoch.fenced:
            return "fenced", None
        seen = self.host.shipping.protection()
        lag = seen.lag_seconds
        return seen.state, None if lag is None or seen.state != "unprotected" else int(lag)

    def flush(self) -> None:
        """Sends what has changed in every room that somebody looks at; first it is sure who may."""
        self._ask_again({})
        clock, anew, took = self.host.bus.clock, False, 0.0
        faults: list[Exception] = []
        for room, watched in list(self.rooms.items()):
            if watched.whole or watched.dirty or watched.newcomers:
                began, whole = clock(), watched.whole
                try:
                    self._send(room, watched)
                except Exception as fault:  # noqa: BLE001 - one room keeps no other from its turn
                    faults.append(fault)
                anew, took = anew or whole, took + whole * (clock() - began)
                time.sleep(0)
        if anew:
            self._anew_at = clock() + max(AWAY_LEAST, AWAY_RESTS * took)
        if faults:
            raise faults[0]

    def _send(self, room: int, watched: Watched) -> None:
        """Sends what is due of a room; while the database is away it stays due."""
        due = watched.taken()
        try:
            self._send_due(room, watched, due)
        except _AWAY:
            watched.owe(due)
            raise

    def _send_due(self, room: int, watched: Watched, due: Due) -> None:
        with self.host.db.read() as session:
            if due.whole:
                fresh = self._cards(session, room, None)
            else:
                fresh = self._cards(session, room, due.rebuild) if due.rebuild else []
                fresh += self._counted(watched, [seat for seat in due.causes if seat not in due.rebuild])
            before, kept = due.cards, {} if due.whole else due.cards
            watched.cards = cards = kept | {card.seat: card for card in fresh}
            board = None
            if due.whole or due.rebuild or due.newcomers:
                now = self.host.now()
                board = plain(monitoring.board(session, room, list(cards.values()), now=now))
        told = [card.seat for card in fresh if card.seat in due.rebuild or card != before.get(card.seat)]
        if not before:
            told = []  # everybody who looks has just come
        cells = [
            difference(before.get(seat), cards[seat]) | {"changed_ns": due.causes.get(seat, 0)}
            for seat in told
        ]
        self._tell(room, board if due.whole or due.rebuild else None, cells)
        for sid in due.newcomers & self.viewers.keys():
            self._welcome(sid, room, board, cards)

    def _tell(self, room: int, board: dict[str, Any] | None, cells: list[dict[str, Any]]) -> None:
        if board is not None and self._news(room, board):
            for channel in self._channels(room):
                emit_to_all(self, EVENT_ROOM, board, channel)
        if cells and room in self.viewers.values():
            emit_to_all(self, EVENT_SEATS, cells, _cells(room))

    def _news(self, room: int, board: dict[str, Any]) -> bool:
        """Whether anything of a room but the time of day differs from what was told of it last."""
        watched, told = self.rooms.get(room), {**board, "server_time": None}
        if watched is None or watched.board == told:
            return False
        watched.board = told
        return True

    def _welcome(self, sid: str, room: int, board: dict[str, Any] | None, cards: dict[int, SeatCard]) -> None:
        """The whole room for who has just come; from here on its changes too."""
        self.emit(EVENT_ROOM, board, room=sid)
        if self.viewers[sid] != ALL_ROOMS:
            cells = [plain(card) | {"changed_ns": 0} for card in cards.values()]
            self.emit(EVENT_SEATS, cells, room=sid)
            self.enter_room(sid, _cells(room))

    def _cards(self, session: Any, room: int, only: set[int] | None) -> list[SeatCard]:  # noqa: ANN401
        return monitoring.seat_cards(session, self.host.answers, self.host.presence, room, only)

    def _camera_changed(self, watched: Watched, seat: int) -> bool:
        """Whether a heartbeat told something new of the camera: what it means stands in the database."""
        card = watched.cards.get(seat)
        if card is None or not card.camera:
            return False
        before, told = watched.cameras.get(seat), self.host.presence.of(card.workstation).camera
        watched.cameras[seat] = told
        return before != told

    def _counted(self, watched: Watched, seats: list[int]) -> list[SeatCard]:
        """Cards whose answers or waiting records alone have changed: no look at the database of rooms."""
        cards = [watched.cards[seat] for seat in seats if seat in watched.cards]
        if not cards:
            return []
        answered = self.host.answers.answered([card.attempt for card in cards if card.attempt])
        seen = {card.seat: self.host.presence.of(card.workstation) for card in cards}
        return [
            replace(
                card,
                answered=answered.get(card.attempt or 0, card.answered),
                waiting=seen[card.seat].waiting,
                package=bool(seen[card.seat].package_sha256),
            )
            for card in cards
        ]


def register(socketio: SocketIO, host: Host) -> MonitorSockets:
    """Joins the namespace and, on the live server, its sender."""
    sockets = MonitorSockets(host)
    socketio.on_namespace(sockets)
    if under_gevent():
        socketio.start_background_task(sockets.run)
    return sockets


def _channel(room: int) -> str:
    return f"room/{room}"


def _cells(room: int) -> str:
    """Hears parts of cards: who has not been sent the whole of them yet is not in it."""
    return f"seats/{room}"
