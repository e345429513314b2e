"""The live server's own end of a WebSocket: who waits reads, whatever the pieces in which messages come."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import engineio
import gevent
import pytest
from engineio.exceptions import QueueEmpty
from engineio.packet import MESSAGE, OPEN, PING, Packet
from gevent.event import Event
from simple_websocket import ConnectionClosed
from wsproto import ConnectionType, WSConnection
from wsproto.events import CloseConnection, Request, TextMessage

from exam_rooms.pace import silence
from server.live import websocket

SECONDS, PING_SECONDS = 5.0, 0.01


@dataclass
class Line:
    """Both ends of a connection that was upgraded."""

    ours: websocket.Connection
    theirs: WSConnection
    wire: socket.socket

    def says(self, *texts: str) -> bytes:
        return b"".join(self.theirs.send(TextMessage(data=text)) for text in texts)


@pytest.fixture
def line() -> Iterator[Line]:
    here, there = socket.socketpair()
    yield upgraded(here, there)
    here.close()
    there.close()


def upgraded(here: socket.socket, there: socket.socket) -> Line:
    here.settimeout(SECONDS)
    there.settimeout(SECONDS)
    theirs = WSConnection(ConnectionType.CLIENT)
    asked = theirs.send(Request(host="room", target="/"))
    lines = asked.decode().split("\r\n")[1:-2]
    headers = dict(each.split(": ", 1) for each in lines)
    environ: dict[str, Any] = {
        f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()
    }
    environ |= {"gunicorn.socket": here, "PATH_INFO": "/", "REQUEST_METHOD": "GET"}
    ours = websocket.Connection(environ, event_class=Event, ping_interval=25)
    theirs.receive_data(there.recv(4096))
    list(theirs.events())
    return Line(ours, theirs, there)


def test_a_line_is_probed_so_that_it_ends_when_the_peer_is_gone_without_a_word() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        there = socket.create_connection(door.getsockname())
        here, _ = door.accept()
    with here, there:
        upgraded(here, there)
        tcp = socket.IPPROTO_TCP
        assert here.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        idle, every, count = (
            here.getsockopt(tcp, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )
        assert idle + every * count == silence(0)
        assert here.getsockopt(tcp, socket.TCP_USER_TIMEOUT) == 1000 * silence(0)


def test_messages_that_came_together_are_read_one_by_one(line: Line) -> None:
    line.wire.sendall(line.says("one", "two"))
    assert [line.ours.receive(), line.ours.receive()] == ["one", "two"]


def test_a_message_in_pieces_is_read_whole(line: Line) -> None:
    data = line.says("中文" * 5000)
    line.wire.sendall(data[:7000])
    line.wire.sendall(data[7000:])
    assert line.ours.receive() == "中文" * 5000


def test_what_came_before_the_end_is_read_and_then_the_line_is_closed(line: Line) -> None:
    line.wire.sendall(line.says("last") + line.theirs.send(CloseConnection(1000, "bye")))
    assert line.ours.receive() == "last"
    with pytest.raises(ConnectionClosed):
        line.ours.receive()
    line.theirs.receive_data(line.wire.recv(4096))
    assert any(isinstance(event, CloseConnection) for event in line.theirs.events())


def test_a_line_that_is_cut_is_closed(line: Line) -> None:
    line.wire.close()
    with pytest.raises(ConnectionClosed):
        line.ours.receive()


def test_what_is_no_websocket_ends_the_line(line: Line) -> None:
    line.wire.sendall(b"\xff" * 40)
    with pytest.raises(ConnectionClosed):
        line.ours.receive()


def test_a_ping_is_due_once_after_an_answer_and_none_when_the_line_is_gone() -> None:
    one = websocket.PatientSocket(engineio.Server(async_mode="gevent", ping_interval=PING_SECONDS), "sid")
    one.last_ping = 1.0
    one.schedule_ping()
    one.schedule_ping()  # it is waited for already
    assert one.queue.get(timeout=SECONDS).packet_type == PING
    assert one.last_ping > 1.0
    one.closed = True
    one.schedule_ping()
    gevent.sleep(5 * PING_SECONDS)
    assert one.queue.empty()


def pings(environ: dict[str, str]) -> tuple[float, object]:
    """How often a connection made by this request is pinged, and what it is told of that."""
    engine = engineio.Server(async_mode="gevent", ping_interval=5)
    made: list[websocket.PatientSocket] = []

    def connect(_environ: object) -> None:
        made.append(websocket.PatientSocket(engine, "sid"))
        made[0].send(Packet(OPEN, {"pingInterval": 5000}))

    websocket.paced(connect)(environ)
    return made[0].ping_seconds, made[0].poll()[0].data["pingInterval"]


def test_a_seat_is_pinged_more_rarely_than_a_browser_and_both_are_told() -> None:
    assert pings({"HTTP_X_EXAMHALL_PROTOCOL": "7"}) == (25.0, 25_000)
    assert pings({}) == (5.0, 5000)


def test_what_waits_is_sent_together_and_the_end_after_it() -> None:
    one = websocket.PatientSocket(engineio.Server(async_mode="gevent"), "sid")
    for packet in (Packet(PING), Packet(MESSAGE, "a"), None):
        one.queue.put(packet)
    assert [packet.packet_type for packet in one.poll()] == [PING, MESSAGE]
    assert one.poll() == []
    assert one.queue.unfinished_tasks == 0
    one.ping_seconds = one.server.ping_timeout = PING_SECONDS
    with pytest.raises(QueueEmpty):
        one.poll()
