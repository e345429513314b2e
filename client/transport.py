"""Moves the link's bytes with threads: two HTTP lanes with kept connections, and the socket that pushes.

`client.link` decides everything; a driver only asks, sends and brings back. The lock is the agent's.
"""

import http.client
import logging
import random
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import socketio

from client.board import Board
from client.caller import Caller
from client.endpoint import CONNECT_TIMEOUT, Endpoint, parse_endpoint
from client.exchange import Event, Lane, Pace, Reply, Request
from client.link import Link
from client.link_bulk import look_asked
from client.scout import Scout
from exam_rooms.pace import probing
from exam_rooms.protocol import EVENT_LOOK, EVENT_STATE, NAMESPACE_SEAT, VERSION, VERSION_HEADER
from exam_rooms.standby_messages import Reign

LOG = logging.getLogger("examhall.kiosk")
LONGEST_WAIT = 5.0
"""Seconds after which a driver looks again even if nobody woke it."""
Deliver = Callable[[list[Event]], None]


class Transport:
    """Drives a link over the network until `stop`."""

    def __init__(
        self, link: Link, board: Board, endpoint: Endpoint, context: ssl.SSLContext | None, deliver: Deliver
    ) -> None:
        self._link = link
        self._board = board
        self._endpoint = endpoint
        self._context = context
        self._deliver = deliver
        self._stopping = threading.Event()
        self._threads: dict[str, threading.Thread] = {}
        self._socket: Any = None
        self._callers: dict[Lane, Caller] = {}
        self._scout = Scout(link, board, context, self._went)

    def start(self) -> None:
        """Starts what does not run: all at first, later a driver that died of a fault."""
        work: dict[str, Callable[[], None]] = {
            "main": lambda: self._drive(Lane.MAIN),
            "bulk": lambda: self._drive(Lane.BULK),
            "push": self._listen,
        }
        if self._link.servers.addresses:
            work["scout"] = lambda: self._scout.run(self._stopping)
        for name, target in work.items():
            thread = self._threads.get(name)
            if thread is None or not thread.is_alive():
                thread = threading.Thread(target=target, name=f"link-{name}", daemon=True)
                self._threads[name] = thread
                thread.start()

    def stop(self) -> None:
        """Ends the drivers; what is under way may be cut."""
        self._stopping.set()
        if self._socket is not None:
            self._socket.disconnect()
        with self._board.lock:
            self._board.changed.notify_all()
        for thread in self._threads.values():
            thread.join(2.0)

    # HTTP

    def _drive(self, lane: Lane) -> None:
        try:
            while not self._stopping.is_set():
                request = self._next(lane)
                if request is not None:
                    self._perform(lane, request, self._caller(lane))
        finally:
            if lane in self._callers:
                self._callers.pop(lane).close()

    def _caller(self, lane: Lane) -> Caller:
        """The lane's connection to the server that serves us now."""
        endpoint, caller = self._here(), self._callers.get(lane)
        if caller is None or caller.endpoint != endpoint:
            if caller is not None:
                caller.close()
            caller = self._callers[lane] = Caller(endpoint, self._context)
        return caller

    def _here(self) -> Endpoint:
        address = self._link.servers.current
        return parse_endpoint(address) if address else self._endpoint

    def _went(self, events: list[Event]) -> None:
        """Another server serves us: what waits for the former one is cut."""
        self._deliver(events)
        self._board.changed.notify_all()
        for caller in list(self._callers.values()):
            caller.cut()
        if self._socket is not None:
            threading.Thread(target=self._socket.disconnect, daemon=True).start()  # it may wait for its peer

    def _next(self, lane: Lane) -> Request | None:
        """The lane's next request; None after a wait, to look again."""
        with self._board.lock:
            now = self._board.boot()
            wake = self._link.next(lane, now)
            if isinstance(wake, Request):
                return wake
            self._board.changed.wait(max(0.0, min(wake - now, LONGEST_WAIT)))
            return None

    def _perform(self, lane: Lane, request: Request, caller: Caller) -> None:
        reply: Reply | None = None
        fault = ""
        try:
            reply = caller.call(_loaded(request))
        except ssl.SSLCertVerificationError:
            fault = "wrong_certificate"
        except (OSError, http.client.HTTPException) as error:
            LOG.info("%s %s: %s", request.ask, request.path.split("?")[0], type(error).__name__)
        finally:
            with self._board.lock:
                now = self._board.boot()
                if reply is None:
                    self._link.fault = fault or self._link.fault
                    self._deliver(self._link.failed(lane, request, now))
                else:
                    self._deliver(self._link.reply(lane, request, reply, now))

    # The socket

    def _listen(self) -> None:
        pace = Pace(random.SystemRandom())
        while not self._stopping.is_set():
            with self._board.lock:
                token = self._link.token if self._link.up else None  # a server of a lower epoch says nothing
                if token is None:
                    self._board.changed.wait(LONGEST_WAIT)
                    continue
            if self._hear(token):
                pace.worked()
                with self._board.lock:
                    self._link.socket_ended(self._board.boot())
                    self._board.changed.notify_all()
            pace.failed(self._board.boot())
            self._stopping.wait(max(0.0, pace.ready_at - self._board.boot()))

    def _hear(self, token: str) -> bool:
        """One life of the socket; false when it did not even connect."""
        try:
            line = self._line()
        except OSError:
            return False
        client = socketio.Client(
            reconnection=False, handle_sigint=False, websocket_extra_options={"socket": line}
        )
        reign = self._link.servers.reign
        client.on(EVENT_STATE, lambda data: self._on_state(data, reign), namespace=NAMESPACE_SEAT)
        client.on(EVENT_LOOK, self._on_look, namespace=NAMESPACE_SEAT)
        try:
            client.connect(
                self._here().url,
                headers={VERSION_HEADER: str(VERSION)},
                auth={"token": token},
                transports=["websocket"],
                namespaces=[NAMESPACE_SEAT],
                wait_timeout=10,
            )
        except (socketio.exceptions.ConnectionError, OSError) as error:
            LOG.info("socket: %s", type(error).__name__)
            client.disconnect()
            line.close()
            return False
        self._socket = client
        with self._board.lock:
            self._link.want_state()  # what was pushed meanwhile is lost
            self._board.changed.notify_all()
        client.wait()
        self._socket = None
        return True

    def _line(self) -> socket.socket:
        """A connection of our own making, so that no proxy setting can lead the socket elsewhere."""
        here = self._here()
        line = socket.create_connection((here.host, here.port), CONNECT_TIMEOUT)
        for option in probing():
            line.setsockopt(*option)
        if self._context is None:
            return line
        return self._context.wrap_socket(line, server_hostname=here.host)

    def _on_state(self, data: object, reign: Reign) -> None:
        with self._board.lock:
            if reign == self._link.servers.reign:
                self._deliver(self._link.pushed(data))

    def _on_look(self, data: object) -> None:
        with self._board.lock:
            self._deliver(look_asked(data))


def _loaded(request: Request) -> Request:
    """The request with its body read. Raises OSError."""
    return request if request.load is None else replace(request, body=request.load(), load=None)
