"""Three examiners at three tablets score ten candidates: one without network, killed, back; nothing is lost."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.sheet_marks import fold, score
from itembank.sheet_values import plain
from server.access import Role
from server.cli.bench.panels import PanelRoom, PanelWish, panel_rooms
from server.cli.rehearse.crew import Crew, Member, Names, hire
from server.cli.rehearse.hall import Hall, private_hall
from server.db.assessing import ScoreRecord, Turn
from server.db.sittings import RoomSitting
from server.services import sheets, turns
from tests.system.axe import violations
from tests.system.proxy import Wire
from tests.system.screens import DESK, PASSWORD, shot
from tests.system.tablet_kit import TABLET, Tablet, profile

pytestmark = [pytest.mark.system, pytest.mark.walk]
CANDIDATES = 10
UPRIGHT = {"width": 768, "height": 1024}
OVERHANG = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def staged() -> Iterator[tuple[Hall, Crew, list[PanelRoom]]]:
    with private_hall(tls=False) as hall:
        crew = hire(hall.host, Names("demo-", "示例", PASSWORD), invigilators=1)
        keeper, arranger = crew.one(Role.BANK_KEEPER).actor, crew.one(Role.ADMINISTRATOR).actor
        rooms = panel_rooms(hall.host, keeper, arranger, PanelWish(2, CANDIDATES, 3, PASSWORD))
        hall.serve()
        yield hall, crew, rooms


class Room:
    """Who runs the room, as a member of staff would by the pages of the assessment."""

    def __init__(self, hall: Hall, room: PanelRoom) -> None:
        self.host, self.room = hall.host, room

    def turn(self, number: int) -> Turn:
        with self.host.db.read() as session:
            place = Turn.room_sitting_id == self.room.room_sitting
            return session.scalars(select(Turn).where(place, Turn.number == number)).one()

    def act(self, act, number: int, **more: object) -> None:
        who = self.room.invigilator.actor
        self.host.db.write(act, who, self.turn(number).id, now=self.host.now(), **more)

    def perform(self, number: int) -> None:
        self.act(turns.call, number)
        self.act(turns.start, number, checked=True)

    def finish(self, number: int) -> None:
        self.act(turns.finish, number)

    def totals(self, number: int) -> list[str]:
        """What each of the panel locked, by the server."""
        turn = self.turn(number)
        with self.host.db.read() as session:
            opened = sheets.opened_marks(session, turn)
        template, over = self.room.template, turn.overtime_seconds
        return [plain(score(template, fold(opened[one.user_id]), over).total) for one in self.room.examiners]

    def end(self) -> None:
        def put(session: Session) -> None:
            session.get_one(RoomSitting, self.room.room_sitting).state = "ended"

        self.host.db.write(put)

    def count(self) -> int:
        with self.host.db.read() as session:
            return len(session.scalars(select(ScoreRecord.id)).all())


def test_three_tablets_ten_candidates_one_offline_and_killed(
    staged: tuple[Hall, Crew, list[PanelRoom]],
) -> None:
    hall, crew, (panel, _other) = staged
    room = Room(hall, panel)
    wire = Wire(hall.address.parts)
    with sync_playwright() as playwright, profile(playwright) as two, profile(playwright) as third:
        browser = two.start()
        steady = [Tablet.at(browser.new_context(locale="zh-CN").new_page(), hall.address.url) for _ in "ab"]
        lone = Tablet.at(third.start().contexts[0].new_page(), f"http://127.0.0.1:{wire.port}")
        for tablet, examiner in zip([*steady, lone], panel.examiners, strict=True):
            tablet.sign_in(examiner.username, PASSWORD)
            expect(tablet.rows()).to_have_count(CANDIDATES)
        lone.kept()
        assert violations(steady[0].page) == []
        shot(steady[0].page, "scoring-order")
        seen = walk(room, steady, lone, wire, third)
        for tablet in [*steady, seen.pop("lone")]:
            assert tablet.faults == []
        assert [room.totals(number) for number in range(1, CANDIDATES + 1)] == [
            list(seen[number]) for number in range(1, CANDIDATES + 1)
        ]
        room.end()
        settle(room, crew, browser, hall.address.url)
    wire.close()


def settle(room: Room, crew: Crew, browser: Browser, url: str) -> None:
    """Scores are aggregated, two who disagree are arbitrated, the leader confirms and reports, all sign."""
    scorer = signed_in(browser, url, crew.one(Role.SCORER))
    scorer.goto(f"{url}/panels/{room.room.room_sitting}")
    scorer.get_by_role("button", name="统分").first.click()
    scorer.goto(f"{url}/panels/turns/{room.turn(CANDIDATES).id}")
    form = scorer.locator("form", has=scorer.locator('select[name="outcome"]'))
    form.locator('select[name="outcome"]').select_option("score")
    form.locator('[name="score"]').fill("80")
    form.locator('[name="reason"]').fill("三人复看录像，一人漏看前半程")
    form.locator('[name="cosign_username"]').fill(crew.one(Role.SUPERVISOR).username)
    form.locator('[name="cosign_password"]').fill(PASSWORD)
    form.get_by_role("button", name="登记仲裁").click()
    expect(scorer.locator(".flash-list")).to_contain_text("仲裁已登记")
    leader = signed_in(browser, url, room.room.examiners[0])
    leader.goto(f"{url}/panels/own/{room.room.room_sitting}")
    for box in leader.locator('input[name="turn"]').all():
        box.check()
    leader.get_by_role("button", name="确认选中的得分").click()
    leader.locator('[name="opinion"]').fill("考评过程规范。")
    leader.get_by_role("button", name="生成报告").click()
    for member in room.room.examiners:
        leader.locator('[name="cosign_username"]').fill(member.username)
        leader.locator('[name="cosign_password"]').fill(PASSWORD)
        leader.get_by_role("button", name="签名").click()
        expect(leader.locator(".flash-list").first).to_be_visible()
    expect(leader.get_by_role("button", name="签名")).to_have_count(0)


def signed_in(browser: Browser, url: str, member: Member) -> Page:
    page = browser.new_context(viewport=DESK, locale="zh-CN").new_page()
    page.goto(f"{url}/login")
    page.fill("#username", member.username)
    page.fill("#password", PASSWORD)
    page.click("main .btn-primary")
    page.wait_for_url(lambda address: "/login" not in address)
    return page


def test_another_examiner_on_the_same_tablet_sees_and_sends_nothing_of_the_first(
    staged: tuple[Hall, Crew, list[PanelRoom]],
) -> None:
    hall, _crew, (_first, panel) = staged
    room, wire = Room(hall, panel), Wire(hall.address.parts)
    first, second = (member.username for member in panel.examiners[:2])
    room.perform(1)
    with sync_playwright() as playwright, profile(playwright) as one:
        tablet = Tablet.at(one.start().contexts[0].new_page(), f"http://127.0.0.1:{wire.port}")
        tablet.sign_in(first, PASSWORD)
        tablet.kept()
        tablet.choose(1)
        expect(tablet.page.locator(".score-facts .badge").first).to_have_text("正在考核")
        wire.cut()
        before = room.count()
        tablet.mark_all()
        tablet.saving("here")
        wire.mend()
        tablet.page.context.clear_cookies()
        tablet.sign_in(second, PASSWORD)
        expect(tablet.page.get_by_text("示例考评员2")).to_be_visible()
        tablet.saving("server")
        tablet.choose(1)
        expect(tablet.page.get_by_role("button", name="不扣分").first).to_be_visible()
        assert room.count() == before
        tablet.page.get_by_role("button", name="退出").click()
        tablet.page.get_by_role("dialog").get_by_role("button", name="退出").click()
        tablet.page.wait_for_url("**/login**")
        tablet.sign_in(first, PASSWORD)
        tablet.saving("server")
        assert room.count() == before + sum(1 for _item in panel.template.items())
        assert tablet.faults == []
    wire.close()


def walk(room: Room, steady: list[Tablet], lone: Tablet, wire: Wire, third) -> dict:
    totals: dict = {number: [] for number in range(1, CANDIDATES + 1)}
    online, away = range(1, 3), range(3, 7)
    for number in online:
        room.perform(number)
        for tablet in [*steady, lone]:
            totals[number].append(score_one(tablet, number))
        room.finish(number)
    lone.saving("server")
    take_photo(steady[0])
    before = room.count()
    wire.cut()
    for number in away:
        room.perform(number)
        for tablet in steady:
            totals[number].append(score_one(tablet, number))
        lone.choose(number)
        expect(lone.page.get_by_text("没有连接到服务器")).to_be_visible()
        lone.begin_offline()
        lone.page.clock.set_system_time(datetime.now(UTC) + timedelta(hours=3 * number))
        lone.mark_all()
        totals[number].append(lone.total())
        lone.saving("here")
        room.finish(number)
    shot(lone.page, "scoring-offline")
    third.kill()
    context = third.start().contexts[0]
    context.clear_cookies()  # the session may not outlive a kill
    again = Tablet.at(context.new_page(), lone.url)
    again.open()
    expect(again.rows()).to_have_count(CANDIDATES)
    again.saving("here")
    for number in away:
        again.choose(number)
        assert again.total() == totals[number][2]
    assert room.count() > before  # the others' marks have come all the while
    room.perform(7)
    for tablet in steady:
        totals[7].append(score_one(tablet, 7))
    again.choose(7)
    again.begin_offline()
    again.mark_all()
    totals[7].append(again.total())
    wire.mend()
    expect(again.page.get_by_role("link", name="登录")).to_be_visible()
    expect(again.page.get_by_text("需要重新登录才能提交评分")).to_be_visible()
    again.saving("here")
    again.sign_in(room.room.examiners[2].username, PASSWORD)
    again.saving("server")
    room.finish(7)
    for number in range(8, CANDIDATES + 1):
        room.perform(number)
        for tablet in [*steady, again]:
            totals[number].append(score_one(tablet, number))
        room.finish(number)
    deduct_more(again, 10, totals)
    for number in range(1, CANDIDATES + 1):
        for tablet in [*steady, again]:
            tablet.choose(number)
            tablet.lock()
    steady[0].choose(1)
    shot(steady[0].page, "scoring-locked")
    return totals | {"lone": again}


def take_photo(tablet: Tablet) -> None:
    """A photo goes after the marks, and a machine finds nothing wrong with the page that shows it."""
    picture = np.random.default_rng(3).integers(0, 255, (480, 640, 3), np.uint8)
    file = {"name": "a.png", "mimeType": "image/png", "buffer": cv2.imencode(".png", picture)[1].tobytes()}
    item = tablet.page.locator(".score-item").first
    item.locator("input[type=file]").set_input_files(file)
    expect(item.locator("figcaption")).to_have_text("已提交")
    expect(item.locator("figure img")).to_be_visible()
    item.get_by_role("button", name="备注").click()
    item.locator("textarea").fill("动作熟练，口述清楚")
    item.locator("textarea").blur()
    tablet.page.locator(".veto .btn").first.click()
    assert violations(tablet.page) == []
    tablet.page.get_by_role("button", name="返回").click()
    tablet.saving("server")
    shot(tablet.page, "scoring-sheet")
    tablet.page.set_viewport_size(UPRIGHT)
    assert tablet.page.evaluate(OVERHANG) <= 0
    shot(tablet.page, "scoring-upright")
    tablet.page.set_viewport_size(TABLET)


def score_one(tablet: Tablet, number: int) -> str:
    tablet.choose(number)
    expect(tablet.page.locator(".score-facts .badge").first).to_have_text("正在考核")
    tablet.mark_all()
    assert tablet.page.evaluate(OVERHANG) <= 0
    return tablet.total()


def deduct_more(tablet: Tablet, number: int, totals: dict) -> None:
    """One of three is much stricter: this turn needs arbitration."""
    tablet.choose(number)
    for one in tablet.page.locator(".points input").all():
        one.fill("0")
        one.press("Enter")
    for one in tablet.page.locator("button.deduct").all():
        one.click()
    expect(tablet.page.locator('button.deduct[aria-pressed="false"]')).to_have_count(0)
    tablet.saving("server")
    totals[number][2] = tablet.total()
    assert float(totals[number][0]) - float(totals[number][2]) > 10
