"""The tools beside a question in a real Chromium: striking out, notes, hand, messages, print, clock, keys."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Route, expect

from exam_rooms.kiosk_messages import Accommodation, AnnouncementView, PageTools
from tests.system.chromium import chromium
from tests.system.keyboard_kit import press
from tests.system.kiosk_stand import FORCED_VIEWS, Stand, force, stand

pytestmark = [pytest.mark.system, pytest.mark.walk]
REFUSED_AT_ONCE = """(() => {
  const real = window.fetch.bind(window);
  const refusal = () => new Response('{"code": "launch_refused"}', { status: 403 });
  window.fetch = (path, options) => (path === "/api/launch" ? Promise.resolve(refusal()) : real(path, options));
})()"""
"""Sooner than anything is painted."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture
def seat(browser: Browser, tmp_path: Path) -> Iterator[Stand]:
    with stand(browser, tmp_path) as made:
        yield made
        assert made.faults == []


def test_struck_options_notes_and_the_place_survive_a_reload_and_a_killed_agent(seat: Stand) -> None:
    seat.room.start()
    page = seat.open()
    page.locator(".exam").wait_for()
    press(page, "ArrowRight", "Shift+B", "Shift+4", "n")
    page.keyboard.type("先看图")
    press(page, "Escape")
    expect(page.locator(".option[data-struck]")).to_have_count(2)
    page.wait_for_timeout(300)
    page.reload()
    expect(page.locator("#question-title")).to_have_text("第 2 题")
    expect(page.locator(".option[data-struck]")).to_have_count(2)
    seat.restart_agent()
    seat.open()
    expect(page.locator("#question-title")).to_have_text("第 2 题")
    expect(page.locator(".option[data-struck]")).to_have_count(2)
    page.wait_for_timeout(300)
    press(page, "n")
    expect(page.locator("#note-text")).to_have_value("先看图")
    press(page, "Escape")
    expect(page.locator("#note-text")).not_to_be_focused()
    press(page, "Shift+B")
    expect(page.locator(".option[data-struck]")).to_have_count(1)
    assert seat.room.answers() == {}, "nothing of it is an answer"


def test_the_policy_takes_tools_away(seat: Stand) -> None:
    seat.room.start()
    seat.room.show(tools=PageTools(eliminate=False, notes=False))
    page = seat.open()
    page.locator(".exam").wait_for()
    press(page, "Shift+B", "n")
    expect(page.locator("[data-strike], .note, [aria-controls=note]")).to_have_count(0)
    expect(page.locator(".option[data-struck]")).to_have_count(0)


def test_a_hand_is_raised_shown_and_lowered(seat: Stand) -> None:
    page = seat.open()
    page.locator("#ticket").wait_for()
    seat.sign_in()
    page.locator(".desk-button").first.click()
    page.locator("dialog .btn", has_text="设备").click()
    expect(page.locator(".desk-button").first).to_have_text("已举手")
    page.locator(".desk-button").first.click()
    page.locator("dialog .btn", has_text="放下手").click()
    expect(page.locator(".desk-button").first).to_have_text("举手")
    assert [(one.raised, one.reason) for one in seat.room.calls] == [(True, "technical"), (False, "")]


def test_announcements_are_said_once_and_counted_until_read(seat: Stand) -> None:
    seat.room.start()
    seat.room.show(announcements=(AnnouncementView(3, "请保持安静。", datetime.now(UTC)),))
    page = seat.open()
    page.locator(".exam").wait_for()
    expect(page.locator(".announcement-text")).to_have_text("请保持安静。")
    expect(page.locator("[data-speech]")).to_contain_text("监考员通知：请保持安静。")
    expect(page.locator(".desk-count")).to_have_text("1，1 条未读")
    page.locator(".announcement-line .btn").click()
    press(page, "Escape")
    expect(page.locator(".desk-count, .announcement-line")).to_have_count(0)
    page.reload()
    page.locator(".exam").wait_for()
    expect(page.locator(".desk-count")).to_have_count(0)


def test_large_print_is_there_from_the_start_and_the_candidates_own_choice_stands(seat: Stand) -> None:
    page = seat.open()
    page.locator("#ticket").wait_for()
    seat.room.show(accommodation=Accommodation(large_print=True))
    seat.sign_in()
    expect(page.locator("html")).to_have_attribute("data-size", "huge")
    page.locator(".topbar-side .btn", has_text="显示").click()
    page.locator("dialog label", has_text="大").first.click()
    expect(page.locator("html")).to_have_attribute("data-size", "large")
    page.reload()
    page.locator(".desk-bar").wait_for()
    expect(page.locator("html")).to_have_attribute("data-size", "large")


def test_the_time_is_said_at_the_minutes_of_the_policy(seat: Stand) -> None:
    page = seat.page
    page.add_init_script(FORCED_VIEWS)
    seat.room.start(minutes=30.2)
    seat.room.show(tools=PageTools(warn_minutes=(30, 10)))
    seat.open()
    page.locator(".exam").wait_for()
    expect(page.locator("[data-band=plenty]")).to_be_visible()
    for minutes, band in ((30, "amber"), (10, "red")):
        left = timedelta(minutes=minutes).total_seconds()
        deadline = page.evaluate("window.forceView({}) || null")
        assert deadline is None
        force(page, time={"remaining": left, "deadline": None, "starts_in": None, "submit_in": 0})
        expect(page.locator(".question-said")).to_contain_text(f"剩余时间不足 {minutes} 分钟")
        expect(page.locator(f"[data-band={band}]")).to_be_visible()


def test_letters_can_be_switched_off(seat: Stand) -> None:
    seat.room.start()
    page = seat.open()
    page.locator(".exam").wait_for()
    page.locator(".question-tools .btn", has_text="快捷键").click()
    page.locator("dialog .choice").click()
    press(page, "Escape")
    press(page, "a", "n", "Shift+B")
    expect(page.locator(".option[aria-checked=true], .option[data-struck], .note")).to_have_count(0)


def test_a_picture_is_enlarged_and_moved_by_keys(seat: Stand) -> None:
    seat.room.start()
    page = seat.open()
    page.locator(".exam").wait_for()
    seat.on(9)
    page.locator(".rich img").wait_for()
    press(page, "z")
    picture = page.locator(".zoom-view img")
    expect(picture).to_have_js_property("naturalWidth", 320)
    page.wait_for_function("() => document.querySelector('.zoom-view img').clientWidth > 320")
    narrow = picture.evaluate("(one) => one.clientWidth")
    press(page, "+", "+", "ArrowRight", "ArrowDown")
    page.wait_for_function(
        "(old) => document.querySelector('.zoom-view img').clientWidth >= 2 * old - 2", arg=narrow
    )
    assert page.evaluate("document.querySelector('.zoom-view').scrollLeft") > 0
    press(page, "0", "Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)


def test_a_page_that_was_not_opened_by_the_kiosk_says_so_even_before_it_was_painted(seat: Stand) -> None:
    seat.page.add_init_script(REFUSED_AT_ONCE)
    seat.page.goto((seat.agent.data / "launch").read_text().split("#")[0])
    expect(seat.page.get_by_role("heading", name="请从考试程序打开本页")).to_be_visible(timeout=10_000)


def test_a_photo_that_is_still_on_its_way_is_shown_when_it_is_there(seat: Stand) -> None:
    tries = 0

    def late(route: Route) -> None:
        nonlocal tries
        tries += 1
        if tries > 2:
            route.continue_()
        else:
            route.fulfill(status=404, content_type="application/json", body='{"code": "no_photo"}')

    seat.page.route("**/api/photo", late)
    page = seat.open()
    seat.sign_in()
    seat.room.show(step="admitted")
    expect(page.locator("img.photo-large")).to_be_visible(timeout=20_000)
    assert tries == 3


def test_a_picture_that_failed_once_is_fetched_again(seat: Stand) -> None:
    failed: list[str] = []

    def once(route: Route) -> None:
        if failed:
            route.continue_()
        else:
            failed.append(route.request.url)
            route.abort()

    seat.page.route("**/api/media/**", once)
    seat.room.start()
    page = seat.open()
    page.locator(".exam").wait_for()
    seat.on(9)
    expect(page.locator(".rich img").first).to_have_js_property("naturalWidth", 320)
    assert failed
