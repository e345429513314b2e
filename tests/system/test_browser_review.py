"""A committee of three defends a thesis in real browsers: handed in, planned, asked, scored on three tablets."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import select

from server.access import SYSTEM, Actor, Role
from server.cli.bench.panels import PanelRoom, PanelWish, panel_rooms
from server.cli.rehearse.crew import Member
from server.cli.rehearse.hall import Hall, private_hall
from server.db.assessing import Turn
from server.db.sittings import Batch, RoomSitting, Sitting
from server.rules.policy import policy_for
from server.rules.policy_components import Component, Method
from server.services import panel_scores, passwords, staff, turns
from server.services.batches import read_profile
from tests.server.review_kit import docx
from tests.system.axe import violations
from tests.system.screens import DESK, PASSWORD, PATIENCE_MS, shot
from tests.system.tablet_kit import Tablet, profile

pytestmark = [pytest.mark.system, pytest.mark.walk]
OVERHANG = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def staged() -> Iterator[tuple[Hall, Member, PanelRoom]]:
    with private_hall(tls=False) as hall:
        keeper, manager = (member(hall, role) for role in (Role.BANK_KEEPER, Role.ADMINISTRATOR))
        (room,) = panel_rooms(hall.host, keeper.actor, manager.actor, PanelWish(1, 2, 3, PASSWORD))
        hall.host.db.write(review_of_level_two, room.room_sitting)
        hall.serve()
        yield hall, manager, room


def member(hall: Hall, role: Role) -> Member:
    """An account that this walk needs: hashing passwords and keys for a whole crew takes as long as the walk."""
    new = staff.NewPerson(str(role), f"示例{role}", passwords.hash_password(PASSWORD), frozenset({role}))
    user_id = hall.host.db.write(staff.add_person, SYSTEM, new, now=hall.host.now())
    return Member(Actor(user_id, new.name, new.roles), role, new.username, PASSWORD)


def review_of_level_two(session: Any, room_sitting: int) -> None:
    """The room's sitting is a defence under the policy of level 2."""
    sitting = session.get_one(Sitting, session.get_one(RoomSitting, room_sitting).sitting_id)
    sitting.component, sitting.method = str(Component.REVIEW), str(Method.DEFENCE)
    batch = session.get_one(Batch, sitting.batch_id)
    batch.level, batch.policy = 2, policy_for(read_profile("national"), "baowei", 2).to_json()


def signed_in(browser: Browser, hall: Hall, who: Member) -> Page:
    page = browser.new_context(locale="zh-CN", viewport=DESK).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{hall.address.url}/login")
    page.fill("#username", who.username)
    page.fill("#password", PASSWORD)
    page.click("main .btn-primary")
    page.wait_for_url(lambda url: "/login" not in url)
    return page


def looked_at(page: Page, name: str) -> None:
    shot(page, name)
    assert violations(page) == []
    for width in (1280, 1024):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate(OVERHANG) <= 0, (name, width)
    page.set_viewport_size(DESK)


def test_a_committee_of_three_defends_a_thesis(
    staged: tuple[Hall, Member, PanelRoom], tmp_path: Path
) -> None:
    hall, administrator, room = staged
    host, address = hall.host, f"{hall.address.url}/reviews/{room.room_sitting}"
    thesis = tmp_path / "论文.docx"
    thesis.write_bytes(docx("商业综合体的安全防范" * 20))

    def turn() -> Turn:
        with host.db.read() as session:
            query = select(Turn).where(Turn.room_sitting_id == room.room_sitting, Turn.number == 1)
            return session.scalars(query).one()

    with sync_playwright() as playwright, profile(playwright) as device:
        browser = device.start()
        manager = signed_in(browser, hall, administrator)
        manager.goto(address)
        manager.get_by_role("row").filter(has_text=turn().code).get_by_role("link").nth(1).click()
        manager.set_input_files("input[type=file]", str(thesis))
        manager.get_by_role("button", name="提交", exact=True).click()
        expect(manager.get_by_text("文件已密封保存")).to_be_visible()
        manager.get_by_role("textbox", name="题目").fill("商业综合体保卫方案的设计与实施")
        manager.get_by_role("button", name="保存题目").click()
        expect(manager.get_by_text("题目已保存")).to_be_visible()
        looked_at(manager, "review-work")
        manager.goto(address)
        manager.get_by_role("button", name="排定时间").click()
        expect(manager.get_by_text("已安排 2 位考生的时间")).to_be_visible()
        looked_at(manager, "review-room")

        invigilator = room.invigilator.actor
        host.db.write(turns.call, invigilator, turn().id, now=host.now())
        host.db.write(turns.start, invigilator, turn().id, checked=True, now=host.now())
        leader = signed_in(browser, hall, room.examiners[0])
        leader.goto(address)
        expect(leader.get_by_text("商业综合体保卫方案的设计与实施")).to_be_visible()
        leader.get_by_role("link", name=turn().code).click()
        leader.get_by_role("textbox", name="问题内容").fill("人流高峰如何布防？")
        leader.get_by_role("textbox", name="回答要点").last.fill("分级响应，措施完整")
        leader.get_by_role("button", name="记录", exact=True).click()
        expect(leader.get_by_text("人流高峰如何布防？").first).to_be_visible()
        leader.get_by_text("提前结束答辩").click()
        leader.get_by_role("textbox", name="原因").fill("演示：考生已全部作答")
        leader.get_by_role("textbox", name="账号").fill(room.examiners[1].username)
        leader.get_by_role("textbox", name="密码").fill(PASSWORD)
        leader.get_by_role("button", name="允许提前结束").click()
        expect(leader.get_by_text("已允许提前结束")).to_be_visible()
        looked_at(leader, "review-turn")

        tablets = []
        for examiner in room.examiners:
            page = browser.new_context(locale="zh-CN").new_page()
            tablet = Tablet.at(page, hall.address.url)
            tablet.sign_in(examiner.username, PASSWORD)
            tablet.choose(1)
            tablet.mark_all()
            tablet.saving("server")
            tablets.append(tablet)
        host.db.write(turns.finish, invigilator, turn().id, now=host.now())
        expected = {tablet.total() for tablet in tablets}
        for tablet in tablets:
            tablet.choose(1)
            tablet.lock()
            assert tablet.faults == []
        scorer = member(hall, Role.SCORER).actor
        score = host.db.write(panel_scores.aggregate, scorer, turn().id, now=host.now()).score
        assert expected == {f"{score.normalize():f}"}
        manager.goto(f"{hall.address.url}/reviews/turns/{turn().id}")
        link = manager.get_by_role("link", name="评分表", exact=True).last.get_attribute("href")
        assert manager.request.get(f"{hall.address.url}{link}").body().startswith(b"%PDF-")
