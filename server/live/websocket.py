"""The WebSocket of the live server: what goes to many is written and framed once, and handed over at once.

The library's own compresses a message anew for each browser and keeps memory for that, frames it for each,
wakes a greenlet for each, and hands it to a `send` that may take a part only: on a slow line the rest would
be lost, and with it the connection.
"""

import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from queue import Empty
from typing import Any, cast
from weakref import WeakValueDictionary

import engineio.socket
import gevent
import simple_websocket
from engineio.async_drivers.gevent import WebSocketWSGI
from engineio.exceptions import QueueEmpty
from engineio.packet import MESSAGE, OPEN, PING, Packet
from flask_socketio import Namespace, SocketIO
from gevent.lock import Semaphore
from simple_websocket import ConnectionClosed
from socketio.packet import EVENT
from wsproto.utilities import LocalProtocolError

from exam_rooms.pace import probing
from exam_rooms.protocol import VERSION_HEADER
from server.native import under_gevent

_FINAL_TEXT = 0x81
_SHORT, _MIDDLE = 126, 127
_FRAMES_KEPT = 16
_EXTENSIONS = "HTTP_SEC_WEBSOCKET_EXTENSIONS"
_VERSION = "HTTP_" + VERSION_HEADER.upper().replace("-", "_")
PING_SECONDS = 5
"""Between two pings to a browser, and until an answer to any ping is missed."""
SEAT_PING_SECONDS = 25.0
"""Between two pings to a seat, whose line is probed by both systems: 5,000 seats that were pinged like
browsers would be a thousand pings a second.
"""
_PING_SECONDS: ContextVar[float | None] = ContextVar("ping seconds", default=None)
"""Of the connection that is being made; None: as often as the engine does."""


def frame_of(text: str) -> bytes:
    """A text as one frame of a server (RFC 6455, 5.2): final, not masked."""
    data = text.encode()
    size = len(data)
    if size < _SHORT:
        return bytes((_FINAL_TEXT, size)) + data
    if size < 1 << 16:
        return bytes((_FINAL_TEXT, _SHORT)) + size.to_bytes(2, "big") + data
    return bytes((_FINAL_TEXT, _MIDDLE)) + size.to_bytes(8, "big") + data


class Frames:
    """The last texts that were sent, as frames: a text for many is the same object for all of them."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[str, bytes]] = OrderedDict()

    def of(self, text: str) -> bytes:
        """The frame of a text."""
        kept = self._kept.get(id(text))
        if kept is not None and kept[0] is text:
            return kept[1]
        frame = frame_of(text)
        self._kept[id(text)] = text, frame
        if len(self._kept) > _FRAMES_KEPT:
            self._kept.popitem(last=False)
        return frame


class Whole:
    """A gevent socket whose `send` takes everything, of one sender at a time."""

    def __init__(self, inner: Any) -> None:  # noqa: ANN401 - plain or TLS, they have no class in common
        self._inner = inner
        self._turn = Semaphore()

    def send(self, data: bytes) -> int:
        """Sends all of it. Raises `OSError`."""
        with self._turn:
            self._inner.sendall(data)
        return len(data)

    def offer(self, data: bytes) -> bool:
        """Sends without waiting, false while somebody else sends; what the line does not take now follows."""
        if self._turn.locked():
            return False
        try:
            sent = self._inner.send(data, 0, 0.0)
        except BlockingIOError:
            sent = 0
        except OSError:
            return True  # it is gone: its reader sees that
        if sent < len(data):
            self._turn.acquire()
            gevent.spawn(self._follow, data[sent:])
        return True

    def _follow(self, rest: bytes) -> None:
        try:
            self._inner.sendall(rest)
        except OSError:
            pass  # its reader sees that
        finally:
            self._turn.release()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else a socket can
        return getattr(self._inner, name)


class _NoReader:
    """In place of the library's thread for reading, of which each connection had one: whoever waits reads."""

    name = ""

    def __init__(self, target: Callable[[], None]) -> None:
        pass

    def start(self) -> None:
        """Nothing has to run."""


class Connection(simple_websocket.Server):  # type: ignore[misc]
    """One connection, without compression and with a single reader: whoever waits for the next message."""

    frames = Frames()
    sock: Any
    connected: bool

    def __init__(self, environ: dict[str, Any], **options: Any) -> None:  # noqa: ANN401 - the library's
        environ.pop(_EXTENSIONS, None)
        super().__init__(environ, **{**options, "thread_class": _NoReader, "ping_interval": None})

    def receive(self, timeout: float | None = None) -> str | bytes:
        """The next message; waits for as long as the line lives. Raises `ConnectionClosed`."""
        while self.connected and not self.input_buffer:
            self._read()
        if self.input_buffer:
            return cast("str | bytes", self.input_buffer.pop(0))
        raise ConnectionClosed(self.close_reason, self.close_message)

    def _read(self) -> None:
        try:
            data = self.sock.recv(self.receive_bytes)
            if data:
                self.ws.receive_data(data)
                self.connected = self._handle_events() and self.connected
        except (OSError, LocalProtocolError):
            data = b""
        if not data:
            self.connected = False

    def handshake(self) -> None:
        """Answers the request over a socket that takes everything and ends soon when the line is cut."""
        if self.sock.family in (socket.AF_INET, socket.AF_INET6):
            for option in probing():
                self.sock.setsockopt(*option)
        self.sock = Whole(self.sock)
        super().handshake()

    def send(self, data: str | bytes) -> None:
        """Sends a message; a text that others get too is framed once. Raises `ConnectionClosed`."""
        if isinstance(data, bytes) or not self.connected:
            super().send(data)
        else:
            self.sock.send(self.frames.of(data))

    def offer(self, frame: bytes) -> bool:
        """Sends a frame at once, unless something else is on its way; false when it was not taken."""
        return bool(self.connected and self.sock.offer(frame))


_CONNECTIONS: WeakValueDictionary[str, Connection] = WeakValueDictionary()
"""By the engine's session."""


class ConnectionApp(WebSocketWSGI):  # type: ignore[misc]
    """What the socket server makes of a request to upgrade."""

    def __call__(self, environ: dict[str, Any], _start: Callable[..., object]) -> Iterable[bytes]:
        """Serves the connection until it ends; the worker is told that nothing is to be answered any more."""
        self.ws = _CONNECTIONS[self.app.__self__.sid] = Connection(environ, **self.server_args)
        self.app(self)
        raise StopIteration


def emit_to_all(namespace: Namespace, event: str, data: object, room: str) -> None:
    """As `namespace.emit`, for one message to many: it does not wake a greenlet for each of them."""
    if not under_gevent():
        namespace.emit(event, data, room=room)
        return
    server = namespace.socketio.server
    frame: bytes | None = None
    packet: Packet | None = None
    for _sid, session in server.manager.get_participants(namespace.namespace, room):
        if packet is None or frame is None:
            text = server.packet_class(EVENT, namespace=namespace.namespace, data=[event, data]).encode()
            packet = Packet(MESSAGE, text)
            frame = Connection.frames.of(packet.encode())
        line, engine = _CONNECTIONS.get(session), server.eio.sockets.get(session)
        if line is None or engine is None or not engine.queue.empty() or not line.offer(frame):
            server.eio.send_packet(session, packet)


class PatientSocket(engineio.socket.Socket):  # type: ignore[misc]
    """What the engine knows of one connection. Between two pings a timer waits for it, not a greenlet.

    A seat is pinged more rarely than a browser, which has nothing else to tell it that its line is cut.
    """

    last_ping: float | None

    def __init__(self, server: Any, sid: str) -> None:  # noqa: ANN401 - the engine
        super().__init__(server, sid)
        self.ping_seconds: float = _PING_SECONDS.get() or server.ping_interval

    def send(self, pkt: Packet) -> None:
        """Queues a packet; the first one says how often there will be pings."""
        if pkt.packet_type == OPEN:
            pkt.data = {**pkt.data, "pingInterval": int(1000 * self.ping_seconds)}
        super().send(pkt)

    def poll(self) -> list[Packet]:
        """All that waits to be sent, nothing at the end. Raises `QueueEmpty` when not even a ping is sent."""
        packets: list[Packet] = []
        try:
            packet = self.queue.get(timeout=self.ping_seconds + self.server.ping_timeout)
            while packet is not None:
                packets.append(packet)
                self.queue.task_done()
                packet = self.queue.get(block=False)
            self.queue.task_done()
        except Empty:
            if not packets:
                raise QueueEmpty from None
            return packets
        if packets:
            self.queue.put(None)  # the end comes after these
        return packets

    def schedule_ping(self) -> None:
        """The next ping is due in a while, unless it is waited for already."""
        if self.last_ping:
            self.last_ping = None
            gevent.spawn_later(self.ping_seconds, self._ping)

    def _ping(self) -> None:
        if not self.closing and not self.closed:
            self.last_ping = time.time()
            self.send(Packet(PING))


def paced(connect: Callable[..., Any]) -> Callable[..., Any]:
    """`connect` of an engine, by which who speaks the agents' protocol is pinged as seldom as a seat."""

    def connected(environ: dict[str, Any], *rest: Any, **named: Any) -> Any:  # noqa: ANN401 - the engine's
        _PING_SECONDS.set(SEAT_PING_SECONDS if _VERSION in environ else None)
        return connect(environ, *rest, **named)

    return connected


def take(socketio: SocketIO) -> None:
    """The socket server speaks by this from now on."""
    engine = socketio.server.eio
    engineio.socket.Socket = PatientSocket  # the engine has no other place to say so
    engine._async = {**engine._async, "websocket": ConnectionApp}
    engine._handle_connect = paced(engine._handle_connect)
