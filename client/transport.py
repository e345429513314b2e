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
from client.endpoint import CONNECT_TIMEOUT, REPLY_LIMIT, Endpoint
from client.exchange import Event, Lane, Pace, Reply, Request
from client.link import Link
from client.link_bulk import look_asked
from exam_rooms.protocol import EVENT_LOOK, EVENT_STATE, NAMESPACE_SEAT

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

    def start(self) -> None:
        """Starts what does not run: all at first, later a driver that died of a fault."""
        work: dict[str, Callable[[], None]] = {
            "main": lambda: self._drive(Lane.MAIN),
            "bulk": lambda: self._drive(Lane.BULK),
            "push": self._listen,
        }
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
        caller = _Caller(self._endpoint, self._context)
        try:
            while not self._stopping.is_set():
                request = self._next(lane)
                if request is not None:
                    self._perform(lane, request, caller)
        finally:
            caller.close()

    def _next(self, lane: Lane) -> Request | None:
        """The lane's next request; None after a wait, to look again."""
        with self._board.lock:
            now = self._board.boot()
            wake = self._link.next(lane, now)
            if isinstance(wake, Request):
                return wake
            self._board.changed.wait(max(0.0, min(wake - now, LONGEST_WAIT)))
            return None

    def _perform(self, lane: Lane, request: Request, caller: "_Caller") -> None:
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
                token = self._link.token
                if token is None:
                    self._board.changed.wait(LONGEST_WAIT)
                    continue
            if self._hear(token):
                pace.worked()
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
        client.on(EVENT_STATE, self._on_state, namespace=NAMESPACE_SEAT)
        client.on(EVENT_LOOK, self._on_look, namespace=NAMESPACE_SEAT)
        try:
            client.connect(
                self._endpoint.url,
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
        line = socket.create_connection((self._endpoint.host, self._endpoint.port), CONNECT_TIMEOUT)
        if self._context is None:
            return line
        return self._context.wrap_socket(line, server_hostname=self._endpoint.host)

    def _on_state(self, data: object) -> None:
        with self._board.lock:
            self._deliver(self._link.pushed(data))

    def _on_look(self, data: object) -> None:
        with self._board.lock:
            self._deliver(look_asked(data))


def _loaded(request: Request) -> Request:
    """The request with its body read. Raises OSError."""
    return request if request.load is None else replace(request, body=request.load(), load=None)


class _Caller:
    """One kept connection. A kept one that the server closed meanwhile is opened anew, once."""

    def __init__(self, endpoint: Endpoint, context: ssl.SSLContext | None) -> None:
        self._connection = endpoint.connect(context)

    def call(self, request: Request) -> Reply:
        kept = self._connection.sock is not None
        try:
            return self._call(request)
        except (http.client.RemoteDisconnected, ConnectionError):
            self.close()
            if not kept:
                raise
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        try:
            return self._call(request)
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def _call(self, request: Request) -> Reply:
        connection = self._connection
        if connection.sock is None:
            connection.timeout = CONNECT_TIMEOUT
            connection.connect()  # http.client itself switches Nagle's delay off
        if connection.sock is not None:
            connection.sock.settimeout(request.timeout)
        connection.request(request.method, request.path, request.body or None, request.headers)
        response = connection.getresponse()
        body = response.read(REPLY_LIMIT)
        if not response.isclosed():
            self.close()
            raise http.client.IncompleteRead(b"")
        return Reply(response.status, body)

    def close(self) -> None:
        self._connection.close()
