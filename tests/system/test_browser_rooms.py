"""A room drawn from nothing, by mouse and by keyboard, in a real Chromium against a real server."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Locator, Page, expect

from server.access import Role
from server.cli.rehearse.crew import Names, hire
from server.cli.rehearse.hall import private_hall
from tests.system.bank_walk import Desk
from tests.system.chromium import chromium
from tests.system.screens import PASSWORD

pytestmark = [pytest.mark.system, pytest.mark.walk]


@pytest.fixture
def desk() -> Iterator[Desk]:
    with ExitStack() as stack:
        hall = stack.enter_context(private_hall(tls=False))
        crew = hire(hall.host, Names("demo-", "示例", PASSWORD), invigilators=1)
        hall.serve()
        yield Desk(hall, crew, stack.enter_context(chromium()))


def seat(page: Page, number: str) -> Locator:
    return page.locator(f'#floor .seat[aria-label^="{number} 号座位"]')


def where(page: Page, number: str) -> str:
    return str(seat(page, number).get_attribute("aria-label"))


def test_a_room_of_thirty_is_drawn_from_nothing(desk: Desk) -> None:
    page = desk.page(Role.ADMINISTRATOR)
    desk.open(page, "/rooms")
    page.fill("#name", "新标准考场")
    page.fill("#rows", "5")
    page.fill("#columns", "6")
    page.click("text=新建并编辑座位图")
    expect(page.locator("#floor .seat")).to_have_count(30)
    expect(page.locator("#findings li")).to_have_count(2)  # no video, no spare seats
    draw_by_mouse(page)
    draw_by_keyboard(page)
    furnish(page)
    expect(page.locator("#findings")).to_have_text("没有发现问题。")
    desk.look(page, "room-editor")
    save(page)
    desk.in_english(page, "room-editor")
    expect(page.locator("#floor .seat")).to_have_count(33)
    see_the_room(desk, page)
    assert desk.faults == []


def draw_by_mouse(page: Page) -> None:
    """A seat dragged too near to its neighbour is told at once, and undone."""
    before = where(page, "02")
    box, other = seat(page, "02").bounding_box(), seat(page, "01").bounding_box()
    assert box is not None and other is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(other["x"] + other["width"], box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    assert where(page, "02") != before
    expect(page.locator("#findings")).to_contain_text("座位 02 与 01 相距")
    expect(seat(page, "02")).to_have_attribute("data-fault", "true")
    expect(page.locator("#undo")).to_be_enabled()
    page.click("#undo")
    assert where(page, "02") == before
    expect(page.locator("#findings")).not_to_contain_text("相距")
    expect(page.locator("#undo")).to_be_disabled()


def draw_by_keyboard(page: Page) -> None:
    """Three spare seats behind the last row, moved and set by keys."""
    for _n in range(3):
        page.click('[data-do="seat"]')
    expect(page.locator("#floor .seat")).to_have_count(33)
    before = where(page, "33")
    seat(page, "33").focus()
    for _n in range(3):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("ArrowDown")
    assert where(page, "33") != before
    seat(page, "31").click()
    for number in ("32", "33"):
        seat(page, number).click(modifiers=["Shift"])
    expect(page.locator('#floor .seat[aria-pressed="true"]')).to_have_count(3)
    page.locator("#picked select").select_option("spare")
    page.locator("#way").select_option("snake")
    page.click('[data-do="renumber"]')
    expect(seat(page, "备3")).to_have_count(1)
    expect(page.locator("#counts")).to_contain_text("普通 30 · 备用 3")


def furnish(page: Page) -> None:
    page.click("summary:has-text('门、讲台、屏幕和过道')")
    for word in ("放置门", "放置讲台", "加屏幕", "加纵向过道"):
        page.click(f"#things button:has-text('{word}')")
    page.click("summary:has-text('监控')")
    page.click("#video button:has-text('加监控')")
    expect(page.locator("#video input").first).to_have_value("全景 1")


def save(page: Page) -> None:
    page.click("#save")
    expect(page.locator("#told")).to_have_text("已保存。")
    expect(page.locator("#save")).to_be_disabled()


def see_the_room(desk: Desk, page: Page) -> None:
    page.click("nav.crumbs a:has-text('新标准考场')")
    expect(page.locator("svg.seatmap .seat")).to_have_count(33)
    desk.look(page, "room")
    with page.expect_download() as taken:
        page.click("text=座位图 PDF")
    assert taken.value.suggested_filename == "新标准考场.pdf"
    desk.open(page, "/rooms")
    expect(page.locator("main")).to_contain_text("单人单桌机位")
    desk.look(page, "rooms")
