"""The real server told to end: it waits for no open socket, and never ends in the middle of a request."""

import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import websocket

from tests.server.test_serving import Installation

pytestmark = pytest.mark.system
SOCKETS = 30
GRACE_SECONDS = 3600
"""What it gives a request under way, here. gunicorn's own way gives it to every open connection."""
PATIENCE_SECONDS = 120
"""A server that waited for sockets would need the grace, thirty times as long."""


class Patient(Installation):
    """A server whose grace outlasts the test, so that ending at all means that no socket was waited for."""

    @staticmethod
    def _command(*words: str) -> list[str]:
        if words != ("serve",):
            return Installation._command(*words)
        patient = (
            f"from server import wsgi; wsgi.GRACE_SECONDS = {GRACE_SECONDS}; raise SystemExit(wsgi.main())"
        )
        return [sys.executable, "-c", patient]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        made = Patient(tmp_path, Path(memory), "")
        yield made
        made.stop()


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def connection(installation: Installation) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", installation.port), timeout=60)
    return trusting().wrap_socket(plain)


def listens(installation: Installation) -> bool:
    try:
        socket.create_connection(("127.0.0.1", installation.port), timeout=60).close()
    except ConnectionRefusedError:
        return False
    return True


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def asked(line: ssl.SSLSocket, request: str) -> str:
    line.sendall(request.encode())
    return line.recv(65536).decode()


def test_it_waits_for_no_open_socket_and_answers_what_was_asked(installation: Installation) -> None:
    server = installation.serve()
    address = f"wss://127.0.0.1:{installation.port}/socket.io/?EIO=4&transport=websocket"
    sockets = [
        websocket.create_connection(address, sslopt={"cert_reqs": ssl.CERT_NONE}) for _ in range(SOCKETS)
    ]
    assert all(each.recv().startswith("0{") for each in sockets)
    idle = [connection(installation) for _ in range(SOCKETS)]
    for line in idle:
        assert "200 OK" in asked(line, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")

    silent = connection(installation)  # never says anything
    half = connection(installation)  # a request whose second half comes after the order to end
    body = '{"workstation": 1, "nonce": "n", "signature": "s", "software": "t"}'
    head = f"POST /agent/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    assert asked(half, f"{head}Expect: 100-continue\r\n\r\n").startswith("HTTP/1.1 100")
    half.sendall(body[:10].encode())
    server.terminate()
    until(lambda: not listens(installation))
    time.sleep(0.3)
    assert server.poll() is None  # it waits for this one
    assert asked(half, body[10:]).startswith("HTTP/1.1 4")
    assert server.wait(PATIENCE_SECONDS) == 0

    idle[0].recv(65536)  # the rest of the health answer, perhaps
    assert idle[0].recv(10) == b""
    assert silent.recv(10) == b""
    with pytest.raises((websocket.WebSocketException, OSError)):
        while True:
            sockets[0].recv()
    for line in (*idle, silent, half):
        line.close()
