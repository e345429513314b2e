"""What is kept about a candidate, in a real Chromium: at the seat, and on the administrator's pages."""

from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.consent_text import VERSION
from exam_rooms.kept_messages import KeptReply, KeptRow, KeptSection
from exam_rooms.protocol import Step
from exam_rooms.seatmap import RoomKind
from exam_rooms.watch_messages import WatchPlan
from exam_rooms.watching import WatchRules
from server.access import Role
from server.cli.rehearse.crew import Crew, Names, hire
from server.cli.rehearse.hall import Hall, private_hall
from server.cli.rehearse.stage import Stage, Wish, fictional_people, stage_sitting
from server.cli.rehearse.telling import tell
from server.db.sittings import Attempt
from tests.system.chromium import chromium
from tests.system.kiosk_stand import stand
from tests.system.screens import DESK, PASSWORD, PATIENCE_MS, shot

pytestmark = [pytest.mark.system, pytest.mark.walk]
OVERHANG = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
TOLD = KeptReply(
    (
        KeptSection(
            "身份信息", (KeptRow("姓名", "阿卜杜·外力"), KeptRow("报名照片", "有，加密保存，用于核对本人"))
        ),
        KeptSection("您的权利", (KeptRow("撤回同意", "随时可以：请举手告诉监考员。"),)),
    )
)


def overhang(page: Page) -> int:
    """Pixels that the page is wider than the window, with all its styles there."""
    page.wait_for_load_state("load")
    return page.evaluate(OVERHANG)


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def read_and_close(page: Page) -> None:
    """Opens by the keyboard, reads, closes by the keyboard; the focus is back on the link."""
    link = page.get_by_role("button", name="查看保存了我的哪些信息")
    link.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("阿卜杜·外力")
    expect(dialog).to_contain_text("请举手告诉监考员")
    shot(page, "candidate-kept")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(link).to_be_focused()


def test_the_candidate_sees_it_before_the_answer_and_at_the_end(browser: Browser, tmp_path: Path) -> None:
    with stand(browser, tmp_path) as seat:
        seat.room.kept = TOLD
        page = seat.open()
        seat.sign_in()
        seat.room.show(step=Step.CONFIRMED, watch=WatchPlan(WatchRules()))
        expect(page.locator(".pledge-side")).to_contain_text("随时可以举手撤回同意")
        read_and_close(page)
        shot(page, "candidate-consent-text")
        page.locator(".rules").focus()
        page.keyboard.press("End")
        page.locator(".promise input:enabled").check()
        page.locator("input[name=consent]").last.check()
        page.locator(".pledge-side .btn-primary").click()
        expect(page.locator(".clock-large").first).to_be_visible()
        assert [(said.face_consent, said.consent_version) for said in seat.room.accepted] == [
            (False, VERSION)
        ]
        read_and_close(page)
        assert overhang(page) <= 0
        seat.room.show(step=Step.ENDED)
        expect(page.locator(".calm")).to_be_visible()
        read_and_close(page)
        assert set(seat.room.kept_asked) == {"zh"}
        assert seat.faults == []


@pytest.fixture
def hall() -> Iterator[tuple[Hall, Crew, Stage]]:
    with ExitStack() as stack:
        place = stack.enter_context(private_hall(tls=False))
        crew = hire(place.host, Names("demo-", "示例", PASSWORD), invigilators=2)
        people = fictional_people(2, named="示例考生")
        wish = Wish("示例场次", people, Decimal(40), "7", kind=RoomKind.SMART)
        stage = stage_sitting(place.host, crew, wish, told=tell)
        place.host.db.write(agree)
        place.serve()
        yield place, crew, stage


def agree(session: Session) -> None:
    for attempt in session.scalars(select(Attempt)):
        attempt.face_consent = True


def test_the_administrator_finds_prints_holds_and_records_a_withdrawal(
    hall: tuple[Hall, Crew, Stage], browser: Browser
) -> None:
    place, crew, stage = hall
    page = browser.new_context(viewport=DESK, locale="zh-CN").new_page()
    page.set_default_timeout(PATIENCE_MS)
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.goto(f"{place.address.url}/login")
    page.fill("#username", crew.one(Role.ADMINISTRATOR).username)
    page.fill("#password", PASSWORD)
    page.click("main .btn-primary")
    page.wait_for_url(lambda url: "/login" not in url)
    page.get_by_role("link", name="个人信息").click()
    expect(page.locator("tr[data-kind]")).to_have_count(8)
    assert overhang(page) <= 0
    shot(page, "privacy")
    hold(page)
    entrant = stage.entrants[0]
    page.fill("#typed", entrant.ticket)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text(entrant.name)
    expect(page.locator("dl.kept").first).to_contain_text(entrant.ticket)
    assert overhang(page) <= 0
    shot(page, "privacy-candidate")
    with page.expect_download() as paper:
        page.get_by_role("button", name="打印版").click()
    assert paper.value.suggested_filename.endswith(f"{entrant.ticket}.pdf")
    page.get_by_role("button", name="登记撤回").first.click()
    dialog = page.locator("dialog")
    dialog.locator("input[name=cosign_username]").fill(crew.one(Role.CHIEF_INVIGILATOR).username)
    dialog.locator("input[name=cosign_password]").fill(PASSWORD)
    dialog.get_by_role("button", name="登记撤回").click()
    expect(page.locator(".flash-list")).to_contain_text("已登记撤回")
    expect(page.locator("dl.kept").nth(1)).to_contain_text("不同意，由工作人员人工核验")
    assert faults == []


def hold(page: Page) -> None:
    page.get_by_text("设为暂停删除", exact=True).click()
    page.fill("#hold-reason", "成绩复核")
    page.get_by_role("button", name="暂停删除", exact=True).click()
    expect(page.locator("article.card")).to_contain_text("成绩复核")
