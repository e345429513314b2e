"""The seats' socket: the server pushes whole states, the agents send nothing but their token."""

import logging
import threading
import time
from collections.abc import Iterable
from datetime import timedelta

from flask import request
from flask_socketio import ConnectionRefusedError as ConnectionRefused
from flask_socketio import Namespace, SocketIO

from exam_rooms.protocol import EVENT_LOOK, EVENT_STATE, NAMESPACE_SEAT
from exam_rooms.wire import encode
from server.errors import Refused
from server.events import LookWanted, PairingChanged, RoomChanged, SeatChanged, SebChanged
from server.host import Host
from server.live.websocket import PING_SECONDS
from server.native import under_gevent
from server.services.agents import Agent, find_all
from server.services.delivery import Delivery, delivery_of

TOGETHER = 8
"""Seats that are told in one go before others may run: news goes before heartbeats."""
PING_TIMEOUT = timedelta(seconds=PING_SECONDS)
LOOK_SECONDS = 5.0
"""Between two looks at who is still paired."""
log = logging.getLogger(__name__)


class SeatSockets(Namespace):  # type: ignore[misc]
    """Who is connected. One socket per workstation is the rule; a second one is served as well."""

    for_agents = True

    def __init__(self, host: Host) -> None:
        super().__init__(NAMESPACE_SEAT)
        self.host = host
        self.delivery: Delivery = delivery_of(host)
        self.agents: dict[str, tuple[Agent, str]] = {}
        self._sockets: dict[int, dict[str, Agent]] = {}
        """The sockets of each workstation, and the agent they speak for."""
        self._stations: dict[int, set[int]] = {}
        """Connected workstations by seat."""
        self._dirty: dict[int, None] = {}
        self._wake = threading.Event()
        self._looked = -LOOK_SECONDS
        host.events.subscribe(SeatChanged, self._seat_changed)
        host.events.subscribe(RoomChanged, self._room_changed)
        host.events.subscribe(PairingChanged, self._pairing_changed)
        host.events.subscribe(LookWanted, self._look_wanted)
        host.events.subscribe(SebChanged, self._seb_changed)
        host.bus.on_lost(self._lost)

    def on_connect(self, auth: object = None) -> None:
        """Lets in an agent with a valid token and tells it its state."""
        token = auth.get("token") if isinstance(auth, dict) else None
        now = self.host.now()
        try:
            agent = self.delivery.door.admit(str(token or ""), now)
        except Refused as refusal:
            raise ConnectionRefused(refusal.code) from refusal
        sid = _sid()
        self.delivery.links.heard(agent, now)
        self.agents[sid] = (agent, str(token))
        self._sockets.setdefault(agent.workstation, {})[sid] = agent
        self._stations.setdefault(agent.seat, set()).add(agent.workstation)
        self.emit(EVENT_STATE, encode(self.delivery.state(agent, now)), room=sid)

    def on_disconnect(self, *reason: object) -> None:
        """The line counts as lost unless the workstation has another socket here. When a ping got no answer,
        any word since then, to whichever process, says that the seat is there.
        """
        agent, now = self._gone(_sid()), self.host.now()
        if agent is not None and agent.workstation not in self._sockets:
            silent = SocketIO.reason.PING_TIMEOUT in reason
            self.delivery.links.dropped(agent, now, now - PING_TIMEOUT if silent else None)

    def _gone(self, sid: str) -> Agent | None:
        agent, _ = self.agents.pop(sid, (None, ""))
        if agent is None:
            return None
        sockets = self._sockets.get(agent.workstation, {})
        sockets.pop(sid, None)
        if not sockets:
            self._sockets.pop(agent.workstation, None)
            self._stations.get(agent.seat, set()).discard(agent.workstation)
        return agent

    def _seat_changed(self, fact: SeatChanged) -> None:
        if fact.changed_ns == 0:
            self._mark(self._stations.get(fact.seat, ()))

    def _room_changed(self, fact: RoomChanged) -> None:
        room = self.delivery.room_of(fact.room_sitting)
        self._mark(agent.workstation for agent, _ in self.agents.values() if room in (None, agent.room))

    def _seb_changed(self, _fact: SebChanged) -> None:
        self._mark(agent.workstation for agent, _ in self.agents.values())

    def _pairing_changed(self, _fact: PairingChanged) -> None:
        for sid, (agent, token) in list(self.agents.items()):
            try:
                self.delivery.door.admit(token, self.host.now())
            except Refused:
                self._close(sid, agent)

    def _close(self, sid: str, agent: Agent) -> None:
        """The workstation is paired no more."""
        self._gone(sid)
        self.delivery.links.forget(agent)
        self.disconnect(sid)

    def _lost(self) -> None:
        """Something may have been missed; states are healed by heartbeats, released workstations are not."""
        if time.monotonic() - self._looked < LOOK_SECONDS or not self.agents:
            return
        self._looked = time.monotonic()
        with self.host.db.read() as session:
            paired = {(agent.workstation, agent.key_id) for agent in find_all(session)}
        for sid, (agent, _) in list(self.agents.items()):
            if (agent.workstation, agent.key_id) not in paired:
                self._close(sid, agent)

    def _look_wanted(self, fact: LookWanted) -> None:
        for sid, (agent, _) in list(self.agents.items()):
            if agent.workstation == fact.workstation:
                self.emit(EVENT_LOOK, {"ref": fact.ref}, room=sid)

    def _mark(self, workstations: Iterable[int]) -> None:
        self._dirty.update(dict.fromkeys(workstations))
        if self._dirty:
            self.delivery.told.clear()
            self._wake.set()
            if not under_gevent():
                self.push()

    def push(self) -> None:
        """Sends the states of all marked seats; others run in between."""
        marked, self._dirty = list(self._dirty), {}
        try:
            for number, workstation in enumerate(marked, 1):
                for sid, agent in list(self._sockets.get(workstation, {}).items()):
                    self.emit(EVENT_STATE, encode(self.delivery.state(agent, self.host.now())), room=sid)
                if number % TOGETHER == 0:
                    time.sleep(0)
        finally:  # what failed is healed by heartbeats
            if not self._dirty:
                self.delivery.told.set()

    def run(self) -> None:
        """Pushes for ever; a greenlet of the live server."""
        while True:
            self._wake.wait()
            self._wake.clear()
            try:
                self.push()
            except Exception:  # the agents' heartbeats heal a push that failed
                log.exception("push failed")


def register(socketio: SocketIO, host: Host) -> SeatSockets:
    """Joins the namespace and, on the live server, its pusher."""
    sockets = SeatSockets(host)
    socketio.on_namespace(sockets)
    if under_gevent():
        socketio.start_background_task(sockets.run)
    return sockets


def _sid() -> str:
    return str(getattr(request, "sid", ""))
