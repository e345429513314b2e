"""The pages of an assessed room in a real Chromium: calling, the timer, the board on the wall."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from server.access import Role
from server.cli.bench.panels import PanelRoom, PanelWish, panel_rooms
from server.cli.rehearse.crew import Crew, Member, Names, hire
from server.cli.rehearse.hall import Hall, private_hall
from tests.system.axe import violations
from tests.system.chromium import chromium
from tests.system.screens import DESK, PASSWORD, PATIENCE_MS, shot

pytestmark = [pytest.mark.system, pytest.mark.long]  # a long walk: `make test-long`
OVERHANG = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def staged() -> Iterator[tuple[Hall, Crew, PanelRoom]]:
    with private_hall(tls=False) as hall:
        crew = hire(hall.host, Names("demo-", "示例", PASSWORD), invigilators=1)
        keeper, arranger = crew.one(Role.BANK_KEEPER).actor, crew.one(Role.ADMINISTRATOR).actor
        (room,) = panel_rooms(hall.host, keeper, arranger, PanelWish(1, 6, 3, PASSWORD))
        hall.serve()
        yield hall, crew, room


def signed_in(browser: Browser, hall: Hall, who: Member) -> Page:
    page = browser.new_context(locale="zh-CN", viewport=DESK).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{hall.address.url}/login")
    page.fill("#username", who.username)
    page.fill("#password", PASSWORD)
    page.click("main .btn-primary")
    page.wait_for_url(lambda url: "/login" not in url)
    return page


def test_a_room_is_run_from_its_page_and_the_board_follows(staged: tuple[Hall, Crew, PanelRoom]) -> None:
    hall, crew, room = staged
    address = f"{hall.address.url}/assessments/{room.room_sitting}"
    with chromium() as browser:
        page = signed_in(browser, hall, room.invigilator)
        page.goto(address)
        wall = signed_in(browser, hall, room.invigilator)
        wall.goto(f"{address}/board")
        expect(wall.get_by_text("请等待叫号")).to_be_visible()
        page.get_by_role("button", name="叫下一个").first.click()
        expect(wall.get_by_text("请到工位")).to_be_visible()
        page.get_by_label("已核对证件，是本人").first.check()
        page.wait_for_timeout(3500)  # the list does not come again while a box is ticked
        page.get_by_role("button", name="开始计时").first.click()
        expect(page.get_by_role("timer").first).to_contain_text("剩余")
        expect(wall.get_by_text("考核中")).to_be_visible()
        for each, name in ((page, "assessment-room"), (wall, "assessment-board")):
            shot(each, name)
            assert violations(each) == []
            for width in (1280, 1024):
                each.set_viewport_size({"width": width, "height": 768})
                assert each.evaluate(OVERHANG) <= 0
        page.get_by_role("button", name="结束考核").first.click()
        expect(page.get_by_text("已考完").first).to_be_visible()
        arranger = signed_in(browser, hall, crew.one(Role.ADMINISTRATOR))
        for rest, name in (("", "assessment-arranged"), ("/order", "assessment-order")):
            arranger.goto(address + rest)
            shot(arranger, name)
            assert violations(arranger) == []
            arranger.set_viewport_size({"width": 1280, "height": 768})
            assert arranger.evaluate(OVERHANG) <= 0
