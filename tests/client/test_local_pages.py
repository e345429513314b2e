"""One page at a time: a second one takes over, a waiting one is told."""

import contextlib
import errno
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
from client.local import LocalServer
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
def no_time_passes(server: LocalServer) -> None:
    """A waiting page never loses patience: what answers it is what the test is about."""
    server.page.board.boot = lambda: 100.0


@pytest.fixture
def page(server: LocalServer) -> Iterator[PageClient]:
    made = PageClient(server.launch.url)
    yield made
    made.close()


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
