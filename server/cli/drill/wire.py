"""A wire between a seat and the server that a drill can cut, slow down or make deaf.

Plain TCP, so TLS passes through untouched.
"""

import contextlib
import socket
import threading
import time
from enum import StrEnum

CHUNK = 16 << 10
SLOW_CHUNK, SLOW_PAUSE = 1 << 10, 0.06
"""A slow wire carries a kilobyte at a time: some 16 KB/s with 60 ms for the first byte."""


class State(StrEnum):
    """What a wire does. `DEAF`: requests pass, replies are lost."""

    WHOLE = "whole"
    CUT = "cut"
    SLOW = "slow"
    DEAF = "deaf"


class Wire:
    """Forwards connections from a port of its own to the server."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._state = State.WHOLE
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        """Where the seat connects to."""
        return int(self._listener.getsockname()[1])

    def be(self, state: State) -> None:
        """Changes the wire. A cut ends every connection, and so does the end of a deaf one."""
        with self._lock:
            tear = state is State.CUT or self._state is State.DEAF
            self._state = state
            ends = self._open if tear else set()
            self._open = set() if tear else self._open
        for end in ends:
            _close(end)

    def close(self) -> None:
        """Ends it for good."""
        _close(self._listener)
        self.be(State.CUT)

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self._target, timeout=5)
        except OSError:
            _close(near)
            return
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        far.settimeout(None)
        with self._lock:
            whole = self._state is not State.CUT
            if whole:
                self._open |= {near, far}
        if not whole:
            _close(near)
            _close(far)
            return
        threading.Thread(target=self._pump, args=(near, far, False), daemon=True).start()
        self._pump(far, near, True)

    def _pump(self, source: socket.socket, sink: socket.socket, replies: bool) -> None:
        try:
            while data := source.recv(CHUNK):
                self._pass_on(data, sink, replies)
        except OSError:
            pass
        _close(source)
        _close(sink)
        with self._lock:
            self._open -= {source, sink}

    def _pass_on(self, data: bytes, sink: socket.socket, replies: bool) -> None:
        if self._state is State.DEAF and replies:
            return
        view = memoryview(data)
        while view:
            slow = self._state is State.SLOW
            if slow:
                time.sleep(SLOW_PAUSE)
            part = view[:SLOW_CHUNK] if slow else view
            sink.sendall(part)
            view = view[len(part) :]


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
