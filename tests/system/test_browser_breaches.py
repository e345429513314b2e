"""A covered paper and a page that is left, in a real Chromium at a real agent."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from exam_rooms.kiosk_messages import FreezeView
from exam_rooms.pairing import encode_code, fingerprint
from exam_rooms.pins import hashed_pin
from tests.client.conftest import AgentProcess
from tests.client.fake_room import FakeRoom
from tests.client.tls_kit import make_ca
from tests.system.chromium import chromium

pytestmark = [pytest.mark.system, pytest.mark.walk]


@pytest.fixture
def room() -> Iterator[FakeRoom]:
    ca = make_ca("site")
    fake = FakeRoom(ca_pem=ca.pem)
    fake.code = encode_code(fake.secret, fingerprint(ca.der))
    yield fake
    fake.close()


@pytest.fixture
def page(room: FakeRoom) -> Iterator[Page]:
    """The candidate's page of a running paper."""
    room.start()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        agent = AgentProcess(Path(folder) / "seat", room.url, room.code, ("--shared-machine",))
        try:
            opened = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            opened.goto((agent.data / "launch").read_text().strip())
            yield opened
        finally:
            agent.stop()


def told(room: FakeRoom) -> list[tuple[str, bool]]:
    return [(note.kind, note.ended) for note in room.evidence.breaches]


def waits_for(page: Page, true: Callable[[], bool]) -> None:
    for _ in range(600):
        if true():
            return
        page.wait_for_timeout(100)
    raise AssertionError("it never came")


def test_a_covered_paper_is_calm_and_comes_back_as_it_was(room: FakeRoom, page: Page) -> None:
    expect(page.locator("[data-screen=exam]")).to_be_visible()
    page.keyboard.press("b")
    waits_for(page, lambda: room.answers() == {"q0": ("B",)})
    room.show(frozen=FreezeView("SECOND_SCREEN", room.state.server_time))
    title = page.get_by_role("heading", name="试卷已遮住")
    expect(title).to_be_visible()
    expect(page.get_by_text("请举手，等监考员到您的座位来。")).to_be_visible()
    assert "绝密题干" not in page.content()
    room.show(frozen=None)
    expect(title).to_be_hidden()
    expect(page.locator("[data-screen=exam]")).to_be_visible()
    assert room.answers() == {"q0": ("B",)}


def test_an_invigilator_shows_a_covered_paper_by_the_pin(room: FakeRoom, page: Page) -> None:
    expect(page.locator("[data-screen=exam]")).to_be_visible()
    cover = FreezeView("SECOND_SCREEN", room.state.server_time)
    pin = hashed_pin("u", "12345678", bytes(16))
    room.show(frozen=cover, kiosk=replace(room.state.kiosk, pin=pin))
    title = page.get_by_role("heading", name="试卷已遮住")
    expect(title).to_be_visible()
    page.locator(".topbar-title").click(click_count=5)
    page.get_by_label("退出口令").fill("87654321")
    page.get_by_role("button", name="显示试卷").click()
    expect(page.get_by_text("退出口令不正确。这次尝试已记录。")).to_be_visible()
    page.get_by_label("退出口令").fill("1234 5678")
    page.get_by_role("button", name="显示试卷").click()
    expect(title).to_be_hidden()
    expect(page.locator("[data-screen=exam]")).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    waits_for(page, lambda: bool(room.evidence.releases))
    assert [(one.kind, one.since) for one in room.evidence.releases] == [(cover.kind, cover.since)]


def test_no_pin_and_no_open_dialog_stay_behind(room: FakeRoom, page: Page) -> None:
    expect(page.locator("[data-screen=exam]")).to_be_visible()
    room.show(kiosk=replace(room.state.kiosk, pin=hashed_pin("u", "12345678", bytes(16))))
    waits_for(page, lambda: room.status[-1].state_version == room.state.version)
    page.clock.install()
    dialog, field = page.get_by_role("dialog"), page.get_by_label("退出口令")
    page.locator(".topbar-title").click(click_count=5)
    expect(dialog.get_by_text("与考场服务器的连接正常，还有 0 条记录待上传。")).to_be_visible()
    field.fill("1234 5678")
    page.get_by_role("button", name="作答记录存到 U 盘").click()
    expect(page.get_by_text("没有找到可以写入的 U 盘。")).to_be_visible()
    expect(field).to_have_value("")
    field.fill("1234")
    page.clock.fast_forward(18_000)
    expect(dialog).to_have_count(1)
    page.clock.fast_forward(13_000)
    expect(dialog).to_have_count(0)
    room.down = True
    page.locator(".topbar-title").click(click_count=5)
    expect(dialog.get_by_text("起中断，还有 0 条记录待上传。")).to_be_visible(timeout=60_000)
    page.get_by_role("button", name="立即重新补传").click()
    expect(page.get_by_text("正在重新连接并补传…")).to_be_visible()
    page.clock.fast_forward(9_000)
    expect(dialog).to_have_count(0)
    room.down = False


def test_a_page_that_is_left_and_a_second_one_are_told(room: FakeRoom, page: Page) -> None:
    expect(page.locator("[data-screen=exam]")).to_be_visible()
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    before = told(room)
    page.evaluate(
        "Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    waits_for(page, lambda: ("FOCUS_LOST", False) in told(room)[len(before) :])
    page.evaluate(
        "delete document.hidden; document.hasFocus = () => true; window.dispatchEvent(new Event('focus'))"
    )
    waits_for(page, lambda: ("FOCUS_LOST", True) in told(room))
    second = page.context.new_page()
    second.goto(page.url.split("#")[0])
    waits_for(page, lambda: ("SECOND_PAGE", False) in told(room))
