"""A wire between a seat and the server that a drill can cut, slow down, make deaf or make lossy.

Plain TCP, so TLS passes through untouched.
"""

import contextlib
import random
import socket
import struct
import threading
import time
from enum import StrEnum

CHUNK = 16 << 10
SLOW_CHUNK, SLOW_PAUSE = 1 << 10, 0.06
"""A slow wire carries a kilobyte at a time: some 16 KB/s with 60 ms for the first byte."""
TORN = 0.15
"""Probability with which a lossy wire tears a connection at each piece it carries, after a part of it."""
_AT_ONCE = struct.pack("ii", 1, 0)
"""SO_LINGER: what was not sent is thrown away and the other side gets a reset."""


class State(StrEnum):
    """What a wire does. `DEAF`: requests pass, replies are lost. `LOSSY`: connections are reset at random."""

    WHOLE = "whole"
    CUT = "cut"
    SLOW = "slow"
    DEAF = "deaf"
    LOSSY = "lossy"


class Wire:
    """Forwards connections from a port of its own to the server."""

    def __init__(self, target: tuple[str, int], seed: str = "") -> None:
        self._target = target
        self._rng = random.Random(seed)  # noqa: S311 - a replayable drill, no secret
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
        except ConnectionResetError:
            _reset(source)
            _reset(sink)
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
        if self._state is State.LOSSY and self._rng.random() < TORN:
            sink.sendall(view[: self._rng.randrange(len(view))])
            raise ConnectionResetError
        while view:
            slow = self._state is State.SLOW
            if slow:
                time.sleep(SLOW_PAUSE)
            part = view[:SLOW_CHUNK] if slow else view
            sink.sendall(part)
            view = view[len(part) :]


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        end.shutdown(socket.SHUT_RD)  # who waits for it holds it open
        end.close()


def _close(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
