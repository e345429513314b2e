"""The thread driver over real TLS: kept connections, the socket's push, and whom it refuses to talk to."""

import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import socketio
from werkzeug.serving import BaseWSGIServer, make_server

from client.board import Board
from client.caller import Caller
from client.clock import ServerClock, boot_seconds
from client.endpoint import parse_endpoint, trusting
from client.exchange import Ask, Credentials, Lane, Request
from client.link import Link
from client.outbox import Outbox
from client.seat import Seat
from client.transport import Transport
from exam_rooms.pace import silence
from exam_rooms.pairing import encode_code, fingerprint
from exam_rooms.protocol import (
    EPOCH_HEADER,
    EVENT_LOOK,
    EVENT_STATE,
    NAMESPACE_SEAT,
    VERSION,
    StatusReply,
    Step,
)
from exam_rooms.wire import encode
from tests.client.camera_kit import write_scene
from tests.client.conftest import AgentProcess
from tests.client.fake_room import FakeRoom
from tests.client.tls_kit import make_ca

pytestmark = pytest.mark.system
SITE, STRANGER = make_ca("site"), make_ca("stranger")
Start = Callable[..., AgentProcess]


class PushingRoom:
    """The fake room's routes and a real Socket.IO server behind one TLS port."""

    def __init__(self, folder: Path) -> None:
        self.room = FakeRoom(ca_pem=SITE.pem)
        self.tokens: list[str] = []
        self.versions: set[str] = set()
        self.seats: list[str] = []
        self.sockets = socketio.Server(async_mode="threading")
        self.sockets.on("connect", self._connect, namespace=NAMESPACE_SEAT)
        context = SITE.server_context(folder)
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", 0, socketio.WSGIApp(self.sockets, self._routes), threaded=True, ssl_context=context
        )
        self.room.url = f"https://127.0.0.1:{self._server.server_port}"
        self.room.code = encode_code(self.room.secret, fingerprint(SITE.der))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _connect(self, sid: str, environ: dict[str, str], auth: dict[str, str]) -> bool:
        self.tokens.append(auth["token"])
        self.versions.add(environ.get("HTTP_X_EXAMHALL_PROTOCOL", ""))
        if auth["token"] not in self.room.tokens:
            return False
        self.seats.append(sid)
        return True

    def push(self) -> None:
        self.sockets.emit(EVENT_STATE, encode(self.room.state), namespace=NAMESPACE_SEAT)

    def _routes(self, environ: dict[str, Any], start_response: Callable[..., object]) -> list[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        token = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        target = f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}"
        status, data = self.room.handle(environ["REQUEST_METHOD"], target, body, token)
        headers = [("Content-Length", str(len(data))), (EPOCH_HEADER, "1")]
        start_response(f"{status} -", headers)
        return [data]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.room.close()


@pytest.fixture
def pushing(tmp_path: Path) -> Iterator[PushingRoom]:
    made = PushingRoom(tmp_path)
    yield made
    made.close()


def test_a_push_reaches_the_page_over_tls(
    pushing: PushingRoom, start_agent: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heartbeats are told of nothing new here, so that a page that knows can only have heard the push."""
    silent = StatusReply(datetime.now(UTC), 0)
    monkeypatch.setattr(FakeRoom, "_status", lambda _room, _data: silent)
    agent = start_agent(pushing.room)
    agent.page.until(lambda view: view["link"]["up"])
    end = time.monotonic() + 60
    while not pushing.seats:
        assert time.monotonic() < end, agent.log()
        time.sleep(0.02)
    for step in (Step.READY, Step.SIGN_IN, Step.READY):
        pushing.room.show(step=step, attempt=7)
        pushing.push()
        agent.page.until(lambda view, step=step: view["step"] == step.value)
    assert pushing.tokens and set(pushing.tokens) <= pushing.room.tokens
    assert pushing.versions == {str(VERSION)}
    assert agent.stop() == 0


def test_when_the_socket_ends_the_server_is_asked_soon_however_rare_heartbeats_are(
    pushing: PushingRoom, start_agent: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At this hint the next one would be due after half a minute."""
    beats: list[float] = []

    def beat(_room: FakeRoom, _data: object) -> StatusReply:
        beats.append(time.monotonic())
        return StatusReply(datetime.now(UTC), 0, hint=10)

    monkeypatch.setattr(FakeRoom, "_status", beat)
    agent = start_agent(pushing.room)
    agent.page.until(lambda view: view["link"]["up"])
    until(lambda: bool(pushing.seats and beats), agent)
    time.sleep(0.5)  # what follows the connection is over
    before = len(beats)
    pushing.sockets.disconnect(pushing.seats[-1], namespace=NAMESPACE_SEAT)
    until(lambda: len(beats) > before, agent)
    assert agent.stop() == 0


def until(holds: Callable[[], bool], agent: AgentProcess) -> None:
    end = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < end, agent.log()
        time.sleep(0.02)


def test_a_look_on_demand_is_answered_with_what_the_camera_sees(
    pushing: PushingRoom, start_agent: Start, tmp_path: Path
) -> None:
    pattern = write_scene(tmp_path / "scene", [np.full((480, 640, 3), shade, np.uint8) for shade in (90, 91)])
    agent = start_agent(pushing.room, extra=("--camera", str(pattern)))
    agent.page.until(lambda view: view["link"]["up"])
    end = time.monotonic() + 60
    while not pushing.room.evidence.looks.get("ref 1"):
        assert time.monotonic() < end, agent.log()
        pushing.sockets.emit(EVENT_LOOK, {"ref": "ref 1"}, namespace=NAMESPACE_SEAT)
        time.sleep(0.1)
    small = cv2.imdecode(np.frombuffer(pushing.room.evidence.looks["ref 1"], np.uint8), cv2.IMREAD_COLOR)
    assert small.shape == (240, 320, 3) and abs(float(small.mean()) - 90) < 3
    assert pushing.room.evidence.pictures == {}


def test_a_paired_agent_refuses_another_servers_certificate(
    room: FakeRoom, start_agent: Start, tmp_path: Path
) -> None:
    """Somebody takes the server's place with a certificate of his own: nothing is sent to him."""
    first = FakeRoom(ca_pem=SITE.pem, context=SITE.server_context(tmp_path))
    first.code = encode_code(first.secret, fingerprint(SITE.der))
    agent = start_agent(first)
    agent.page.until(lambda view: view["link"]["up"])
    agent.stop()
    impostor = FakeRoom(ca_pem=SITE.pem, context=STRANGER.server_context(tmp_path))
    try:
        again = start_agent(first, server=impostor.url)
        view = again.page.until(lambda view: view["fault"] != "")
        assert (view["fault"], view["link"]["up"]) == ("wrong_certificate", False)
        assert impostor.seen == []
    finally:
        impostor.close()
        first.close()


def test_a_kept_connection_is_used_again_and_replaced_when_it_died(room: FakeRoom) -> None:
    caller = Caller(parse_endpoint(room.url), None)
    request = Request(Ask.STATE, "GET", "/site-ca", {}, 0.0)
    caller.call(request)
    kept = caller._connection.sock
    caller.call(request)
    assert caller._connection.sock is kept
    room.lose_replies["/site-ca"] = 1
    assert caller.call(request).status == 200
    assert caller._connection.sock is not kept
    room.down = True
    with pytest.raises(ConnectionError):
        caller.call(request)
    caller.close()


def test_tls_trusts_the_site_alone() -> None:
    context = trusting(SITE.pem)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1


def test_a_driver_that_died_is_started_again(room: FakeRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours in one thread must not leave the seat without a link for the rest of the exam."""
    board = Board(Seat(ServerClock("b"), Outbox()), boot_seconds)
    link = Link(Credentials(1, lambda message: message, "1"), Outbox(), random.Random(1))
    transport = Transport(link, board, parse_endpoint(room.url), None, lambda events: None)
    died: list[object] = []
    monkeypatch.setattr(threading, "excepthook", died.append)
    real, left = Link.next, [1]

    def faulty(self: Link, lane: Lane, now: float) -> object:
        if lane is Lane.MAIN and left:
            left.pop()
            raise RuntimeError("a fault of ours")
        return real(self, lane, now)

    monkeypatch.setattr(Link, "next", faulty)
    transport.start()
    transport._threads["main"].join(60)
    assert died and not transport._threads["main"].is_alive()
    transport.start()
    assert transport._threads["main"].is_alive()
    transport.stop()


def test_the_sockets_line_is_probed_so_that_a_cut_cable_is_noticed(room: FakeRoom) -> None:
    board = Board(Seat(ServerClock("b"), Outbox()), boot_seconds)
    link = Link(Credentials(1, lambda message: message, "1"), Outbox(), random.Random(1))
    with Transport(link, board, parse_endpoint(room.url), None, lambda events: None)._line() as line:
        assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        tcp = [socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT]
        idle, every, count, unanswered = (line.getsockopt(socket.IPPROTO_TCP, option) for option in tcp)
        assert idle + every * count == silence(0)
        assert unanswered == 1000 * silence(0)
