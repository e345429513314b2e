"""An agent with Safe Exam Browser before its page: real requests, as SEB makes them, and what reaches the server."""

import hashlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from exam_rooms.kiosk_messages import Lockdown, SebState
from exam_rooms.pairing import encode_code, fingerprint
from exam_rooms.protocol import Route
from tests.client.conftest import AgentProcess, PageClient
from tests.client.fake_room import FakeRoom
from tests.client.tls_kit import make_ca

pytestmark = pytest.mark.system
HEADER, EXAM_HEADER = "X-SafeExamBrowser-ConfigKeyHash", "X-SafeExamBrowser-RequestHash"


def said(url: str, key: str) -> str:
    return hashlib.sha256((url + key).encode()).hexdigest()


def wait_for(ready: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.02)


def open_page(agent: AgentProcess, path: str = "/", **headers: str) -> None:
    """A browser asks for the page."""
    status, _, _ = agent.page.raw("GET", path, None, headers)
    assert status == 200


def launch(agent: AgentProcess, **headers: str) -> tuple[int, dict[str, Any]]:
    """A page without a nonce launches itself."""
    sent = {"Content-Type": "application/json", **headers}
    status, content, _ = agent.page.raw("POST", "/api/launch", b'{"nonce": ""}', sent)
    return status, json.loads(content)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FakeRoom, AgentProcess]]:
    """One agent for SEB on a port chosen before, as settings name it."""
    ca = make_ca("site")
    room = FakeRoom(ca_pem=ca.pem)
    room.code = encode_code(room.secret, fingerprint(ca.der))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("agent") / "seat"
    agent = AgentProcess(folder, room.url, room.code, ("--seb", "--port", str(port)))
    assert agent.page.host == f"127.0.0.1:{port}"
    yield room, agent
    agent.stop()
    room.close()


@pytest.fixture
def agent(shared: tuple[FakeRoom, AgentProcess]) -> AgentProcess:
    """The agent with nothing said and nothing proved."""
    room, made = shared
    room.refuse.clear()
    open_page(made)
    room.show(seb=SebState.WANTED)
    made.page.until(lambda view: view["link"]["up"] and view["seb"] == "wanted")
    room.proofs.clear()
    room.seen.clear()
    return made


@pytest.fixture
def asked(shared: tuple[FakeRoom, AgentProcess]) -> FakeRoom:
    """The room of `agent`."""
    return shared[0]


def test_headers_of_the_page_reach_the_server_with_the_exact_address(
    agent: AgentProcess, asked: FakeRoom
) -> None:
    url = f"http://{agent.page.host}/"
    open_page(agent, **{HEADER: said(url, asked.seb_key), EXAM_HEADER: "e" * 64})
    agent.page.until(lambda view: view["seb"] == "good")
    assert (asked.proofs[-1].url, asked.proofs[-1].browser_exam_key_hash) == (url, "e" * 64)
    wait_for(lambda: bool(asked.status) and asked.status[-1].kiosk.lockdown is Lockdown.SEB)


def test_the_query_belongs_to_the_address_and_files_are_no_pages(
    agent: AgentProcess, asked: FakeRoom
) -> None:
    open_page(agent, "/?from=seb", **{HEADER: "a" * 64})
    wait_for(lambda: bool(asked.proofs))
    assert asked.proofs[-1].url == f"http://{agent.page.host}/?from=seb"
    count = len(asked.proofs)
    open_page(agent, "/main.js", **{HEADER: "b" * 64})
    time.sleep(0.3)
    assert len(asked.proofs) == count


def test_what_the_page_heard_is_passed_on_before_anybody_signed_in(
    agent: AgentProcess, asked: FakeRoom
) -> None:
    url = f"http://{agent.page.host}/"
    keys = {"url": url, "config_key": said(url, asked.seb_key), "browser_exam_key": "", "version": "3.6.1"}
    assert agent.page.call("/api/seb", keys) == (200, {})
    assert agent.page.view()["seb"] == "good"
    assert asked.proofs[-1].version == "3.6.1"
    assert agent.page.call("/api/seb", {**keys, "config_key": "0" * 64}) == (200, {})
    assert agent.page.view()["seb"] == "wrong"
    for broken in ({}, {**keys, "url": 7}, {**keys, "config_key": "0" * 65}):
        assert agent.page.call("/api/seb", broken)[0] == 400


def test_another_browser_afterwards_has_nothing_to_say(agent: AgentProcess, asked: FakeRoom) -> None:
    url = f"http://{agent.page.host}/"
    open_page(agent, **{HEADER: said(url, asked.seb_key)})
    agent.page.until(lambda view: view["seb"] == "good")
    open_page(agent)
    agent.page.until(lambda view: view["seb"] == "wanted")


def test_a_server_that_forgot_is_told_again(agent: AgentProcess, asked: FakeRoom) -> None:
    url = f"http://{agent.page.host}/"
    open_page(agent, **{HEADER: said(url, asked.seb_key)})
    agent.page.until(lambda view: view["seb"] == "good")
    count = asked.seen.count(Route.SEB)
    asked.show(seb=SebState.WANTED)  # as after its restart
    wait_for(lambda: asked.state.seb is SebState.GOOD)
    assert asked.seen.count(Route.SEB) == count + 1


def test_a_server_that_keeps_asking_is_not_flooded(agent: AgentProcess, asked: FakeRoom) -> None:
    asked.refuse[Route.SEB] = (500, "broken")
    open_page(agent, **{HEADER: "a" * 64})
    wait_for(lambda: asked.seen.count(Route.SEB) >= 1)
    time.sleep(1.5)
    # the line counts as moved by the failure: told once, and at most once more for that
    assert 1 <= asked.seen.count(Route.SEB) <= 3


def test_only_behind_seb_a_page_launches_itself(
    agent: AgentProcess, room: FakeRoom, start_agent: Callable[..., AgentProcess]
) -> None:
    origin = f"http://{agent.page.host}"
    assert launch(agent)[0] == 403  # no page: those name their origin
    assert launch(agent, Origin="http://evil.example")[0] == 403
    assert launch(agent, **{"Origin": origin, "Sec-Fetch-Site": "cross-site"})[0] == 403
    status, body = launch(agent, Origin=origin)
    assert status == 200
    agent.page.headers["X-Kiosk-Token"] = body["token"]
    usual: AgentProcess = start_agent(room, "usual", code=False)
    assert launch(usual, Origin=f"http://{usual.page.host}") == (
        403,
        {"code": "launch_refused", "params": {}},
    )


def test_before_pairing_there_is_nobody_to_tell(
    room: FakeRoom, start_agent: Callable[..., AgentProcess]
) -> None:
    alone: AgentProcess = start_agent(room, "alone", code=False, extra=("--seb", "--port", "0"))
    open_page(alone, **{HEADER: "a" * 64})
    keys = {"url": "u", "config_key": "", "browser_exam_key": "", "version": ""}
    assert alone.page.call("/api/seb", keys) == (404, {"code": "not_found", "params": {}})
    assert room.proofs == []


def test_what_was_said_before_the_link_is_told_with_it(
    room: FakeRoom, start_agent: Callable[..., AgentProcess]
) -> None:
    room.show(seb=SebState.WANTED)
    room.down = True
    early: AgentProcess = start_agent(room, "early", extra=("--seb", "--port", "0"))
    url = f"http://{early.page.host}/"
    open_page(early, **{HEADER: said(url, room.seb_key)})
    room.down = False
    PageClient.until(early.page, lambda view: view["seb"] == "good")
