"""The page's server: who does not hold the launch file's nonce gets nothing, wherever it comes from."""

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from client.board import Board
from client.clock import ServerClock, boot_seconds
from client.local import BODY_LIMIT, LocalServer
from client.outbox import Outbox
from client.page import Page
from client.seat import Seat, Surroundings
from exam_rooms.protocol import SeatState, Step
from tests.client.conftest import PageClient
from tests.client.local_kit import HOSTILE, get


@pytest.fixture
def ui(tmp_path: Path) -> Path:
    folder = tmp_path / "ui"
    (folder / "vendor").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>page</title>")
    (folder / "vendor/lib.js").write_text("export {}")
    (folder / "notes.txt").write_text("not for the page")
    (tmp_path / "device.json").write_text(HOSTILE)
    return folder


@pytest.fixture
def seat() -> Seat:
    made = Seat(ServerClock("b"), Outbox())
    made.around = Surroundings(paired=True)
    made.take(SeatState(version=1, server_time=datetime.now(UTC), seat="12", step=Step.SIGN_IN))
    return made


@pytest.fixture
def server(tmp_path: Path, ui: Path, seat: Seat) -> Iterator[LocalServer]:
    made = LocalServer(Page(Board(seat, boot_seconds)), tmp_path / "launch", 0, ui)
    made.run(0.02)
    yield made
    made.shutdown()
    made.server_close()


@pytest.fixture
def page(server: LocalServer) -> Iterator[PageClient]:
    made = PageClient(server.launch.url)
    yield made
    made.close()


def code(content: bytes) -> str:
    return str(json.loads(content)["code"])


def send(server: LocalServer, request: str) -> str:
    """A raw request, as a browser would never make it."""
    with socket.create_connection(("127.0.0.1", server.server_port), 60) as line:
        line.sendall(request.replace("\n", "\r\n").encode())
        line.settimeout(60)
        return line.makefile("rb").readline().decode()


def test_the_page_and_its_parts_need_no_token(page: PageClient) -> None:
    assert get(page, "/")[1].startswith(b"<!doctype html>")
    status, _, headers = get(page, "/vendor/lib.js")
    assert (status, headers["Content-Type"]) == (200, "text/javascript; charset=utf-8")


@pytest.mark.parametrize(
    "path",
    [
        "/../device.json",
        "/%2e%2e/device.json",
        "/..%2fdevice.json",
        "//etc/passwd",
        "/vendor/../../device.json",
        "/notes.txt",
        "/vendor",
        "/vendor/",
        "/launch",
        "/device.json",
        "/.hidden.json",
    ],
)
def test_nothing_else_is_served(page: PageClient, path: str) -> None:
    status, content, _ = get(page, path)
    assert status == 404 and HOSTILE.encode() not in content


def test_every_reply_is_locked_down_and_sets_no_cookie(page: PageClient) -> None:
    page.launch()
    for path in ("/", "/api/view", "/api/paper", "/api/photo", "/nowhere", "/api/nowhere"):
        headers = get(page, path)[2]
        assert headers["Set-Cookie"] is None
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self';") and "unsafe" not in policy
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Access-Control-Allow-Origin"] is None
        assert "Python" not in headers["Server"]


# Who asks


@pytest.mark.parametrize(
    "host", ["localhost:{port}", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.1:{port}", ""]
)
def test_a_wrong_host_is_refused(server: LocalServer, page: PageClient, host: str) -> None:
    page.launch()
    for path in ("/", "/api/view"):
        status, content, _ = get(page, path, Host=host.format(port=server.server_port))
        assert (status, code(content)) == (421, "wrong_host")


def test_two_hosts_or_none_are_refused(server: LocalServer) -> None:
    host = f"127.0.0.1:{server.server_port}"
    assert " 421 " in send(server, f"GET / HTTP/1.1\nHost: {host}\nHost: {host}\n\n")
    assert " 421 " in send(server, "GET / HTTP/1.0\n\n")


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:1",
        "https://127.0.0.1:{port}",
        "http://localhost:{port}",
    ],
)
def test_a_foreign_page_is_refused(server: LocalServer, page: PageClient, origin: str) -> None:
    nonce = page.nonce
    headers = {"Origin": origin.format(port=server.server_port), "Content-Type": "application/json"}
    status, content, _ = page.raw("POST", "/api/launch", json.dumps({"nonce": nonce}).encode(), headers)
    assert (status, code(content)) == (403, "wrong_origin")
    page.launch()  # the nonce was not used up


def test_our_own_origin_is_taken(server: LocalServer, page: PageClient) -> None:
    page.launch()
    assert get(page, "/api/view", Origin=server.origin)[0] == 200
    assert get(page, "/api/view", Sec_Fetch_Site="same-origin")[0] == 200
    assert get(page, "/api/view", Sec_Fetch_Site="cross-site")[0] == 403


@pytest.mark.parametrize(
    "path", ["/api/view", "/api/paper", "/api/photo", "/api/receipt.svg", "/api/unknown"]
)
def test_without_a_token_nothing_is_read(page: PageClient, path: str) -> None:
    for token in (None, "", "guess", page.nonce):
        headers = {} if token is None else {"X_Kiosk_Token": token}
        status, content, _ = get(page, path, **headers)
        assert (status, code(content)) == (401, "no_token")


@pytest.mark.parametrize("path", ["sign-in", "confirm", "accept", "answer", "mark", "submit", "warning"])
def test_without_a_token_nothing_is_done(page: PageClient, path: str) -> None:
    status, content = page.call(f"/api/{path}", {"item": "q", "response": ["A"]})
    assert (status, content["code"]) == (401, "no_token")


def test_a_cookie_or_an_address_is_no_token(page: PageClient) -> None:
    token = page.launch().headers.pop("X-Kiosk-Token")
    assert get(page, "/api/view", Cookie=f"X-Kiosk-Token={token}")[0] == 401
    assert get(page, f"/api/view?token={token}")[0] == 401


def test_another_process_without_the_launch_file_gets_nothing(server: LocalServer, tmp_path: Path) -> None:
    """It knows the port, it is on this machine, it guesses."""
    assert (tmp_path / "launch").stat().st_mode & 0o077 == 0
    other = PageClient(f"{server.origin}/#launch=guess")
    assert other.call("/api/launch", {"nonce": "guess"}) == (403, {"code": "launch_refused", "params": {}})
    assert other.call("/api/launch", {"nonce": ""})[0] == 403
    assert other.call("/api/launch", {})[0] == 403
    for path in ("/", "/vendor/lib.js"):
        assert server.launch.url.split("=")[1].encode() not in get(other, path)[1]
    other.close()


# What is asked


def post(page: PageClient, path: str, body: bytes | None, **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    status, content, _ = page.raw("POST", path, body, {**page.headers, **named})
    return status, code(content)


def test_a_page_that_sends_answers_lives_also_when_it_asks_for_nothing(
    server: LocalServer, page: PageClient
) -> None:
    page.launch().view()
    for moment, path, token in ((107.0, "/api/answer", True), (114.0, "/api/mark", False)):
        server.page.board.boot = lambda moment=moment: moment
        server.pulse._boot = server.page.board.boot
        headers = page.headers if token else {**page.headers, "X-Kiosk-Token": "another"}
        page.raw("POST", path, b"{}", {**headers, "Content-Type": "application/json"})
    assert server.pulse.last_seen() == 107.0


def test_bodies_are_json_and_small(page: PageClient) -> None:
    page.launch()
    kind = "application/json"
    assert post(page, "/api/answer", b"{}", Content_Type="text/plain") == (415, "not_json")
    assert post(page, "/api/answer", b"a=1", Content_Type="application/x-www-form-urlencoded")[0] == 415
    assert post(page, "/api/answer", b"{}")[0] == 415
    assert post(page, "/api/answer", b"{", Content_Type=kind) == (400, "bad_request")
    assert post(page, "/api/answer", b"[]", Content_Type=kind) == (400, "bad_request")
    assert post(page, "/api/answer", b"[" * 60_000, Content_Type=kind) == (400, "bad_request")
    large = json.dumps({"item": "q" * BODY_LIMIT}).encode()
    assert post(page, "/api/answer", large, Content_Type=kind) == (413, "too_large")


def test_lengths_are_not_believed_blindly(server: LocalServer, page: PageClient) -> None:
    token = page.launch().headers["X-Kiosk-Token"]
    head = f"POST /api/answer HTTP/1.1\nHost: {server.host}\nX-Kiosk-Token: {token}\n"
    head += "Content-Type: application/json\n"
    assert " 411 " in send(server, f"{head}\n")
    assert " 411 " in send(server, f"{head}Content-Length: -1\n\n")
    assert " 411 " in send(server, f"{head}Content-Length: 2\nTransfer-Encoding: chunked\n\n{{}}")
    assert " 413 " in send(server, f"{head}Content-Length: 99999999999999999999\n\n")


@pytest.mark.parametrize(
    ("act", "body", "field"),
    [
        ("sign-in", {"ticket": "1"}, "id_number"),
        ("sign-in", {"ticket": 1, "id_number": "2"}, "ticket"),
        ("sign-in", {"ticket": "1" * 65, "id_number": "2"}, "ticket"),
        ("confirm", {"is_me": "yes"}, "is_me"),
        ("accept", {"rules_version": "1", "face_consent": 1}, "face_consent"),
        ("answer", {"item": "q", "response": "A"}, "response"),
        ("answer", {"item": "q", "response": ["A", 1]}, "response"),
        ("answer", {"item": "q", "response": ["A"] * 201}, "response"),
        ("answer", {"response": ["A"]}, "item"),
        ("mark", {"item": "q", "marked": None}, "marked"),
        ("warning", {}, "warning"),
        ("warning", {"warning": "3"}, "warning"),
        ("warning", {"warning": True}, "warning"),
        ("warning", {"warning": 3.0}, "warning"),
        ("warning", {"warning": 0}, "warning"),
        ("warning", {"warning": 2**53}, "warning"),
    ],
)
def test_a_wrong_field_is_named(page: PageClient, act: str, body: dict[str, object], field: str) -> None:
    page.launch()
    status, content = page.call(f"/api/{act}", body)
    assert (status, content) == (400, {"code": "bad_request", "params": {"field": field}})


def test_other_methods_are_not_known(server: LocalServer) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "TRACE", "HEAD"):
        assert " 501 " in send(server, f"{method} / HTTP/1.1\nHost: {server.host}\nContent-Length: 0\n\n")


def test_it_listens_on_this_machine_alone(server: LocalServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
