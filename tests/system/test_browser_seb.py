"""A real page behind Safe Exam Browser: SEB's script interface is played, all else is real."""

import hashlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from exam_rooms.kiosk_messages import SebState
from exam_rooms.pairing import encode_code, fingerprint
from exam_rooms.protocol import Step
from tests.client.conftest import AgentProcess
from tests.client.fake_room import FakeRoom
from tests.client.tls_kit import make_ca
from tests.system.chromium import chromium
from tests.system.screens import shot

pytestmark = [pytest.mark.system, pytest.mark.walk]
PLAYED = """(keys) => { window.SafeExamBrowser = { version: "SEB_Win_3.7.0", security: {
  configKey: "", browserExamKey: "",
  updateKeys(done) { this.configKey = keys.hash; done(); } } }; }"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def room() -> Iterator[FakeRoom]:
    ca = make_ca("site")
    made = FakeRoom(ca_pem=ca.pem)
    made.code = encode_code(made.secret, fingerprint(ca.der))
    made.show(seb=SebState.WANTED)
    yield made
    made.close()


@pytest.fixture
def agent(room: FakeRoom, tmp_path: Path) -> Iterator[AgentProcess]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = AgentProcess(tmp_path / "seat", room.url, room.code, ("--seb", "--port", str(port)))
    made.page.until(lambda view: view["link"]["up"])
    yield made
    made.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
    yield context.new_page()
    context.close()


def behind_seb(page: Page, url: str, key: str) -> None:
    """The page has SEB's interface, with these settings."""
    said = hashlib.sha256((url + key).encode()).hexdigest()
    page.add_init_script(f"({PLAYED})({{hash: '{said}'}})")


def test_a_page_behind_seb_launches_itself_proves_and_goes_on(
    page: Page, agent: AgentProcess, room: FakeRoom
) -> None:
    url = f"http://{agent.page.host}/"
    behind_seb(page, url, room.seb_key)
    page.goto(url)  # the fixed address of the settings: no nonce
    expect(page.get_by_role("heading", name="考生登录")).to_be_visible()
    assert room.state.seb is SebState.GOOD
    assert (room.proofs[-1].url, room.proofs[-1].version) == (url, "SEB_Win_3.7.0")
    page.reload()
    expect(page.get_by_role("heading", name="考生登录")).to_be_visible()


def test_other_settings_show_what_to_do_and_the_seat(page: Page, agent: AgentProcess, room: FakeRoom) -> None:
    url = f"http://{agent.page.host}/"
    behind_seb(page, url, "0" * 64)
    page.goto(url)
    expect(page.get_by_role("heading", name="Safe Exam Browser 的设置与本考场不符")).to_be_visible()
    expect(page.get_by_text("重新下载考场的 SEB 配置文件并重启 SEB")).to_be_visible()
    expect(page.get_by_role("main").get_by_text("12")).to_be_visible()
    expect(page.get_by_label("准考证号")).to_have_count(0)
    shot(page, "seat-seb-wrong")


def test_another_browser_is_told_to_open_seb(page: Page, agent: AgentProcess, room: FakeRoom) -> None:
    page.goto(f"http://{agent.page.host}/")
    expect(page.get_by_role("heading", name="请从 Safe Exam Browser 打开考试页面")).to_be_visible()
    shot(page, "seat-seb-wanted")
    room.show(seb=SebState.NOT_NEEDED)  # the room does without
    expect(page.get_by_role("heading", name="考生登录")).to_be_visible()


def test_a_new_start_of_the_agent_needs_nobody(page: Page, agent: AgentProcess, room: FakeRoom) -> None:
    url = f"http://{agent.page.host}/"
    behind_seb(page, url, room.seb_key)
    page.goto(url)
    expect(page.get_by_role("heading", name="考生登录")).to_be_visible()
    agent.kill()
    room.show(step=Step.UNASSIGNED)
    port = agent.page.host.rpartition(":")[2]
    again = AgentProcess(agent.data, room.url, None, ("--seb", "--port", port), opened=False)
    try:
        expect(page.get_by_role("heading", name="本座位目前没有考试")).to_be_visible(timeout=60_000)
    finally:
        again.stop()
