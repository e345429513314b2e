"""The gunicorn worker of the live server: asked to end, it ends at once, but not in the middle of a request.

gunicorn's own waits for every open connection, and those of seats and monitors stay open for hours. Here a
request that is being answered is finished first, so whatever was acknowledged is durable; then connections on
which nobody waits for an answer are closed, and their agents and browsers come back by themselves.
"""

import os
import socket
import sys
import time
from typing import Any

import gevent
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.ggevent import GeventWorker

from server.logs import only_ours

_LOOK_SECONDS = 0.02


class OwnLog(Logger):  # type: ignore[misc]
    """What gunicorn says, its master as well, goes into the log in our form."""

    def setup(self, cfg: Config) -> None:
        """Takes the level of the settings, and no handler of gunicorn's own."""
        super().setup(cfg)
        only_ours(self.error_log.name)


class LeavingWorker(GeventWorker):  # type: ignore[misc]
    """Knows its connections and how many requests are under way; sockets of the live part are none."""

    def __init__(self, *args: Any, **named: Any) -> None:  # noqa: ANN401 - gunicorn's
        super().__init__(*args, **named)
        self._connections: set[socket.socket] = set()
        self._under_way = 0

    def handle(self, listener: socket.socket, client: socket.socket, addr: object) -> None:
        """One connection; one that comes after the order to end is refused."""
        if not self.alive:
            client.close()
            return
        self._connections.add(client)
        try:
            super().handle(listener, client, addr)
        finally:
            self._connections.discard(client)

    def handle_request(self, listener_name: object, req: Any, sock: socket.socket, addr: object) -> None:  # noqa: ANN401
        """One request on a connection."""
        counted = not any(name == "UPGRADE" for name, _value in req.headers)
        self._under_way += counted
        try:
            super().handle_request(listener_name, req, sock, addr)
        finally:
            self._under_way -= counted

    def handle_exit(self, sig: int, frame: object) -> None:
        """The order to end."""
        super().handle_exit(sig, frame)
        gevent.spawn(self._leave)

    def _leave(self) -> None:
        """Waits for the requests under way, then closes what is left."""
        end = time.monotonic() + self.cfg.graceful_timeout
        while self._under_way and time.monotonic() < end:
            gevent.sleep(_LOOK_SECONDS)
        for connection in list(self._connections):
            _hang_up(connection)
        while self._connections and time.monotonic() < end:
            gevent.sleep(_LOOK_SECONDS)  # their handlers tell who went away
        sys.exit(0)  # gevent hands it to the main greenlet, which looks around once a second only


def _hang_up(connection: socket.socket) -> None:
    """Ends a connection under its reader, who sees its end; TLS or not is left to that reader."""
    try:
        with socket.socket(fileno=os.dup(connection.fileno())) as same:
            same.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it has just gone by itself
