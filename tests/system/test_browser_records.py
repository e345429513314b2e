"""After the sitting in a real Chromium: signing and sealing the record, the ledger, a replay, the dossier."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Role
from server.cli.rehearse.crew import Crew, Names, hire
from server.cli.rehearse.hall import Hall, private_hall
from server.cli.rehearse.stage import Stage, Wish, fictional_people, stage_sitting
from server.cli.rehearse.telling import tell
from server.db.sittings import Attempt, RoomSitting, SeatStay
from server.rules.archive_check import verify
from tests.system.chromium import chromium
from tests.system.screens import DESK, PASSWORD, PATIENCE_MS

pytestmark = [pytest.mark.system, pytest.mark.long]  # a long walk: `make test-long`

OVERHANG = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def hall() -> Iterator[tuple[Hall, Crew, Stage, Browser]]:
    with ExitStack() as stack:
        place = stack.enter_context(private_hall(tls=False))
        crew = hire(place.host, Names("demo-", "示例", PASSWORD), invigilators=2)
        wish = Wish("示例场次", fictional_people(3, named="示例考生"), Decimal(40), "7")
        stage = stage_sitting(place.host, crew, wish, told=tell)
        place.host.db.write(finish, place, stage)
        place.serve()
        yield place, crew, stage, stack.enter_context(chromium())


def finish(session: Session, hall: Hall, stage: Stage) -> None:
    """Everybody came, handed in after twenty minutes, and every answer is here."""
    now = hall.host.now()
    row = session.get_one(RoomSitting, stage.room_sitting)
    row.state, row.started_at, row.ended_at = "collected", now - timedelta(minutes=30), now
    row.collected_at = now
    query = select(Attempt).where(Attempt.room_sitting_id == row.id)
    for attempt in session.scalars(query):
        attempt.state, attempt.admitted_at = "submitted", now - timedelta(minutes=40)
        attempt.closed_at = attempt.collected_at = now - timedelta(minutes=10)
    for stay in session.scalars(select(SeatStay)):
        stay.from_at = now - timedelta(minutes=60)


def test_the_day_is_signed_sealed_asked_and_taken_out(hall: tuple[Hall, Crew, Stage, Browser]) -> None:
    place, crew, stage, browser = hall
    page = browser.new_context(viewport=DESK, locale="zh-CN").new_page()
    page.set_default_timeout(PATIENCE_MS)
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    at = f"{place.address.url}/sittings/{stage.room_sitting}"
    page.goto(f"{place.address.url}/login")
    page.fill("#username", crew.one(Role.CHIEF_INVIGILATOR).username)
    page.fill("#password", PASSWORD)
    page.click("main .btn-primary")
    page.wait_for_url(lambda url: "/login" not in url)
    page.goto(f"{at}/record")
    asked = page.locator(".signers").inner_text()
    rovers = crew.all(Role.ROVER)[:1] if "流动监考" in asked else ()
    signers = [*crew.all(Role.INVIGILATOR), *rovers, crew.one(Role.CHIEF_INVIGILATOR)]
    assert asked.count("待签名") == len(signers), asked
    for person in signers:
        page.fill("input[name=cosign_username]", person.username)
        page.fill("input[name=cosign_password]", PASSWORD)
        page.get_by_role("button", name="签名", exact=True).click()
        expect(page.locator(".signers .good")).to_have_count(signers.index(person) + 1)
    page.get_by_role("button", name="封存", exact=True).first.click()
    page.locator("dialog").get_by_role("button", name="封存", exact=True).click()
    expect(page.locator("h1")).to_contain_text("已封存")
    expect(page.locator("form[action$='/record/correct']")).to_have_count(0)
    ask_the_ledger(page, place, stage)
    page.goto(f"{at}/dossier")
    page.get_by_role("button", name="制作档案").click()
    page.get_by_role("link", name="继续").click()
    link = page.get_by_role("link", name="下载").get_attribute("href")
    data = page.request.get(f"{place.address.url}{link}").body()  # the browser may not write to our folders
    assert verify(data, site_key=place.host.site.public_key).good
    assert faults == []


def ask_the_ledger(page: Page, hall: Hall, stage: Stage) -> None:
    """A seat at a moment, then its course by keyboard."""
    page.goto(f"{hall.address.url}/ledger/{stage.room_sitting}")
    zone = ZoneInfo(hall.host.settings.timezone)
    moment = (hall.host.now() - timedelta(minutes=20)).astimezone(zone)
    page.locator(".table tbody tr").first.wait_for()
    seat = page.locator(".table tbody tr td").first.inner_text()
    page.select_option("#ledger-seat", seat)
    page.fill("#ledger-at", f"{moment:%Y-%m-%dT%H:%M:%S}")
    page.get_by_role("button", name="查询").click()
    expect(page.locator("#ledger-found")).to_contain_text(f"{seat} 号座位")
    expect(page.locator(".facts").first).to_contain_text("示例考生")
    page.get_by_role("link", name="回放").first.click()
    slider = page.locator("#replay-at")
    slider.focus()
    page.keyboard.press("PageDown")
    expect(page.locator(".replay-table tr[aria-current=true]")).to_have_count(1)
    assert page.evaluate(OVERHANG) == 0
    for size in (DESK, {"width": 1024, "height": 768}):
        page.set_viewport_size(size)
        for path in (
            page.url,
            f"{hall.address.url}/ledger",
            f"{hall.address.url}/ledger/{stage.room_sitting}",
        ):
            page.goto(path)
            assert page.evaluate(OVERHANG) == 0, (path, size)
