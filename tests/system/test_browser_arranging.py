"""Scenario 8 at the screen: 187 candidates drawn into seven rooms, looked at, locked, opened and drawn again."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect

from server.access import Role
from server.cli.rehearse.crew import Crew, Names, hire
from server.cli.rehearse.hall import private_hall
from tests.server import arrangement_kit
from tests.server.arrangement_kit import ROOMS, Centre
from tests.system.bank_walk import Desk
from tests.system.chromium import chromium
from tests.system.screens import PASSWORD

pytestmark = [pytest.mark.system, pytest.mark.long]  # a long walk: `make test-long`


@pytest.fixture
def stand() -> Iterator[tuple[Desk, Crew, Centre]]:
    with ExitStack() as stack:
        hall = stack.enter_context(private_hall(tls=False))
        crew = hire(hall.host, Names("demo-", "示例", PASSWORD), invigilators=1)
        made = arrangement_kit.centre(
            hall.host,
            lambda role: crew.one(Role(role)).actor,
            {"baoanyuan": 112, "baowei": 75},
            dict.fromkeys(ROOMS, 30),
        )
        hall.serve()
        yield Desk(hall, crew, stack.enter_context(chromium())), crew, made


def test_scenario_08_187_candidates_are_drawn_locked_and_not_drawn_again(
    stand: tuple[Desk, Crew, Centre],
) -> None:
    desk, crew, made = stand
    page = desk.page(Role.ADMINISTRATOR)
    desk.open(page, f"/batches/{made.batches['baoanyuan']}")
    page.click("text=名册与座位编排")
    expect(page.locator("#rooms")).to_contain_text("考生 187 人 · 可选考场 7 个、普通座位 210 个")
    for box in page.locator('input[name="sitting"], input[name="room"]').all():
        box.check()
    page.fill("#seed", "2026-11-21")
    page.locator("#seed").press("Enter")
    result = page.locator("#result")
    expect(result).to_contain_text("2026-11-21")
    expect(result.locator("tbody tr")).to_have_count(7)
    expect(result).to_contain_text("没有：所有规则都做到了。")
    desk.look(page, "arrangement")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.click("text=锁定本场全部考场")
    expect(page.locator("#result .badge.good")).to_have_count(4)
    expect(page.locator('#rooms input[name="room"][disabled]')).to_have_count(4)
    page.locator("#result tbody a").first.click()
    expect(page.locator("#seating .badge.good")).to_have_text("已锁定")
    assert page.locator("#seating #seed").count() == 0, "a locked room offers no new draw"
    page.click("summary:has-text('解除锁定')")
    chief = crew.one(Role.CHIEF_INVIGILATOR)
    page.fill("#unlock-reason", "空调损坏，重排")
    page.fill("#unlock-cosign_username", chief.username)
    page.fill("#unlock-cosign_password", chief.password)
    desk.look(page, "seating-unlock", "#seating")
    page.locator("#seating details .btn").click()
    expect(page.locator("#seating #seed")).to_be_visible()
    desk.in_english(page, "arrangement-room")
    assert desk.faults == []
