"""The real server told to end: at once though sockets stay open, and never in the middle of a request."""

import socket
import ssl
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import websocket

from tests.server.test_serving import Installation

pytestmark = pytest.mark.system
SOCKETS = 30
SECONDS = 4.0
"""Well under two on a quiet machine; gunicorn's own way takes ten."""


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        made = Installation(tmp_path, Path(memory), "")
        yield made
        made.stop()


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def connection(installation: Installation) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", installation.port), timeout=10)
    return trusting().wrap_socket(plain)


def asked(line: ssl.SSLSocket, request: str) -> str:
    line.sendall(request.encode())
    return line.recv(65536).decode()


def test_it_ends_at_once_with_sockets_open_and_answers_what_was_asked(installation: Installation) -> None:
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
    head = f"POST /agent/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    half.sendall((head + body[:10]).encode())
    time.sleep(0.3)
    server.terminate()
    time.sleep(0.5)
    assert server.poll() is None  # it waits for this one
    late = time.monotonic()
    assert asked(half, body[10:]).startswith("HTTP/1.1 4")
    assert server.wait(10) == 0
    assert time.monotonic() - late < SECONDS

    idle[0].recv(65536)  # the rest of the health answer, perhaps
    assert idle[0].recv(10) == b""
    assert silent.recv(10) == b""
    with pytest.raises((websocket.WebSocketException, OSError)):
        while True:
            sockets[0].recv()
    for line in (*idle, silent, half):
        line.close()
