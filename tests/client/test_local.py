"""The page's server: who does not hold the launch file's nonce gets nothing, wherever it comes from."""

import contextlib
import errno
import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest

from client import page as client_page
from client.board import Board
from client.clock import ServerClock, boot_seconds
from client.local import BODY_LIMIT, LocalServer
from client.outbox import Outbox
from client.page import Page
from client.seat import Seat, Surroundings
from exam_rooms.protocol import SeatState, Step
from tests.client.conftest import PageClient

HOSTILE = "绝密"


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
def no_time_passes(server: LocalServer) -> None:
    """A waiting page never loses patience: what answers it is what the test is about."""
    server.page.board.boot = lambda: 100.0


@pytest.fixture
def page(server: LocalServer) -> Iterator[PageClient]:
    made = PageClient(server.launch.url)
    yield made
    made.close()


def code(content: bytes) -> str:
    return str(json.loads(content)["code"])


def get(page: PageClient, path: str, **headers: str) -> tuple[int, bytes, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return page.raw("GET", path, None, {**page.headers, **named})


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


# One page


def test_a_nonce_works_once_and_the_file_holds_a_new_one(page: PageClient, tmp_path: Path) -> None:
    before = (tmp_path / "launch").read_text()
    page.launch()
    assert page.call("/api/launch", {"nonce": page.nonce})[0] == 403
    assert page.view()["step"] == "sign_in"
    after = (tmp_path / "launch").read_text().strip()
    assert after != before.strip()
    again = PageClient(after).launch()
    assert again.view()["step"] == "sign_in"
    again.close()


def test_a_second_page_takes_over_and_the_first_is_told(server: LocalServer, page: PageClient) -> None:
    page.launch()
    second = PageClient(server.launch.url).launch()
    assert page.call("/api/view") == (401, {"code": "taken_over", "params": {}})
    assert page.call("/api/submit", {})[0] == 401
    assert second.view()["step"] == "sign_in"
    second.close()


@pytest.mark.usefixtures("no_time_passes")
def test_the_waiting_page_is_told_at_once(server: LocalServer, page: PageClient) -> None:
    version = page.launch().view()["version"]
    replies: list[tuple[int, Any]] = []
    waiter = threading.Thread(target=lambda: replies.append(page.call(f"/api/view?after={version}")))
    waiter.start()
    until(lambda: server._viewers.any())
    second = PageClient(server.launch.url).launch()
    waiter.join(60)
    assert replies == [(401, {"code": "taken_over", "params": {}})]
    second.close()


@pytest.mark.usefixtures("no_time_passes")
def test_a_waiting_page_hears_of_a_change(server: LocalServer, page: PageClient, seat: Seat) -> None:
    view = page.launch().view()
    replies: list[dict[str, Any]] = []
    waiter = threading.Thread(target=lambda: replies.append(page.view(view["version"])))
    waiter.start()
    until(lambda: server._viewers.any())
    with server.page.board.lock:
        seat.take(SeatState(version=2, server_time=datetime.now(UTC), seat="12", step=Step.READY))
        server.page.board.refresh()
    waiter.join(60)
    assert replies[0]["step"] == "ready" and replies[0]["version"] > view["version"]


@pytest.mark.usefixtures("no_time_passes")
def test_a_waiting_page_does_not_hold_up_others(server: LocalServer, page: PageClient) -> None:
    version = page.launch().view()["version"]
    waiter = threading.Thread(target=lambda: page.call(f"/api/view?after={version}"))
    waiter.start()
    other = PageClient(server.launch.url)
    assert get(other, "/")[0] == 200
    other.launch().close()
    waiter.join(60)


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


# Two pages at once


@pytest.fixture
def second_pages(server: LocalServer) -> list[None]:
    seen: list[None] = []
    server.page.second_page = lambda: seen.append(None)
    return seen


def waits(server: LocalServer, page: PageClient) -> threading.Thread:
    """A page that waits for its next view, as pages do all the time."""
    version = page.view()["version"]

    def poll() -> None:
        with contextlib.suppress(OSError, HTTPException):  # the page is killed
            page.call(f"/api/view?after={version}")

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    until(lambda: server._viewers.any())
    return thread


def until(true: Any) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_second_page_with_a_launch_of_its_own_is_noticed(
    server: LocalServer, page: PageClient, second_pages: list[None]
) -> None:
    waiting = waits(server, page.launch())
    PageClient(server.launch.url).launch()
    waiting.join(60)
    assert len(second_pages) == 1


def test_a_second_tab_with_the_same_token_is_noticed(
    server: LocalServer, page: PageClient, second_pages: list[None]
) -> None:
    waits(server, page.launch())
    copy = PageClient(server.launch.url)
    copy.headers = dict(page.headers)
    copy.view()
    assert len(second_pages) == 1


def test_a_browser_that_was_killed_and_started_again_is_one_page(
    server: LocalServer, page: PageClient, second_pages: list[None]
) -> None:
    waits(server, page.launch())
    assert page._connection.sock is not None
    page._connection.sock.shutdown(socket.SHUT_RDWR)
    until(lambda: not server._viewers.any())
    again = PageClient(server.launch.url).launch()
    again.view()
    assert second_pages == []


@pytest.mark.parametrize("lacking", [("poll", "POLLRDHUP", "epoll"), ("POLLRDHUP",)])  # Windows, macOS
def test_pages_are_told_apart_without_what_other_systems_lack(
    server: LocalServer,
    page: PageClient,
    second_pages: list[None],
    monkeypatch: pytest.MonkeyPatch,
    lacking: tuple[str, ...],
) -> None:
    for name in lacking:
        monkeypatch.delattr(select, name)
    waiting = waits(server, page.launch())
    again = PageClient(server.launch.url).launch()
    waiting.join(60)  # the first one was told that it is out
    again.view()
    assert len(second_pages) == 1


def test_a_page_that_cannot_be_looked_for_keeps_its_token(
    server: LocalServer, page: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    page.launch()

    def fault() -> bool:
        raise RuntimeError("whatever")

    monkeypatch.setattr(server._viewers, "any", fault)
    with pytest.raises(RuntimeError, match="whatever"):
        server.redeem(server.launch._nonce)
    page.view()


def test_a_disk_that_takes_no_launch_file_closes_the_page_to_nobody(
    server: LocalServer, page: PageClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(client_page, "write_atomically", full)
    page.launch().view()
    PageClient(server.launch.url).launch().view()


def test_one_page_that_asks_again_and_again_is_one_page(page: PageClient, second_pages: list[None]) -> None:
    page.launch()
    for _ in range(20):
        page.view()
    assert second_pages == []
