"""What a chief sees of a check that was wrong too often, in a real Chromium: notice, figures, lifting it."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.seatmap import RoomKind
from server.access import Role
from server.cli.rehearse.crew import Crew, Names, hire
from server.cli.rehearse.hall import Hall, private_hall
from server.cli.rehearse.stage import Wish, fictional_people, stage_sitting
from server.cli.rehearse.telling import tell
from server.db.proctoring import CameraSpan, MutedCheck
from server.db.rooms import Workstation
from server.db.sittings import Attempt, Incident, RoomSitting, SeatStay
from server.host import Host
from server.services.steady import keep_anchor
from tests.system.axe import violations
from tests.system.chromium import chromium
from tests.system.screens import DESK, PASSWORD, PATIENCE_MS, shot

pytestmark = [pytest.mark.system, pytest.mark.long]  # a long walk: `make test-long`
HINT, WRONG = "PHONE_HINT", 12
OVERHANG = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def hall() -> Iterator[tuple[Hall, Crew]]:
    with ExitStack() as stack:
        place = stack.enter_context(private_hall(tls=False))
        crew = hire(place.host, Names("demo-", "示例", PASSWORD), invigilators=2)
        people = fictional_people(6, named="示例考生")
        stage_sitting(
            place.host, crew, Wish("示例场次", people, Decimal(40), "7", kind=RoomKind.SMART), told=tell
        )
        place.host.db.write(half_an_hour, place.host)
        place.serve()
        yield place, crew


def half_an_hour(session: Session, host: Host) -> None:
    """Six people have worked for half an hour; the camera of one was lost, one refused it, hints were wrong."""
    now = host.now()
    begun = now - timedelta(minutes=30)
    keep_anchor(session, host.clock.anchor)  # as the start command does
    room = session.scalars(select(RoomSitting)).one()
    room.state, room.started_at = "running", begun
    for stay in session.scalars(select(SeatStay)):
        stay.from_at = begun
    stations = {row.seat_id: row for row in session.scalars(select(Workstation))}
    for place, attempt in enumerate(session.scalars(select(Attempt).order_by(Attempt.id))):
        attempt.state, attempt.answering_at, attempt.face_consent = "answering", begun, place != 1
        if attempt.seat_id not in stations:
            stations[attempt.seat_id] = Workstation(
                seat_id=attempt.seat_id, public_key=bytes(32), hostname="m", software="t", paired_at=begun
            )
            session.add(stations[attempt.seat_id])
            session.flush()
        camera = {"seat_id": attempt.seat_id, "workstation_id": stations[attempt.seat_id].id}
        lost = begun + timedelta(minutes=20 if place == 2 else 30)
        session.add(CameraSpan(**camera, state="live", checks="watch", from_at=begun, until_at=lost))
        if place == 2:
            session.add(CameraSpan(**camera, state="lost", checks="watch", from_at=lost))
        for _ in range(WRONG // 6):
            row = {"room_sitting_id": room.id, "attempt_id": attempt.id, "seat_id": attempt.seat_id}
            moment = {"first_at": begun, "last_at": begun}
            session.add(
                Incident(**row, **moment, kind=HINT, severity=2, details={"count": 1}, state="dismissed")
            )
    counts = {"reviewed": WRONG, "dismissed": WRONG, "low": 0.757, "target": 0.7}
    session.add(MutedCheck(room_sitting_id=room.id, kind=HINT, muted_at=now, **counts))


def signed_in(page: Page, place: Hall, username: str) -> None:
    page.goto(f"{place.address.url}/login")
    page.fill("#username", username)
    page.fill("#password", PASSWORD)
    page.click("main .btn-primary")
    page.wait_for_url(lambda url: "/login" not in url)


def test_the_chief_is_told_reads_the_figures_and_lifts_the_muting(hall: tuple[Hall, Crew]) -> None:
    place, crew = hall
    with chromium() as browser:
        page = browser.new_context(viewport=DESK, locale="zh-CN").new_page()
        page.set_default_timeout(PATIENCE_MS)
        faults: list[str] = []
        page.on("pageerror", lambda fault: faults.append(str(fault)))
        signed_in(page, place, crew.one(Role.CHIEF_INVIGILATOR).username)
        page.goto(f"{place.address.url}/monitor")
        shot(page, "measures-all-rooms")
        page.locator("[data-muted] a").click()
        expect(page.locator("h1")).to_contain_text("监考统计")
        row = page.locator(f'tr[data-check="{HINT}"]')
        expect(row).to_contain_text("100%（76–100%）")
        expect(row).to_contain_text("只记录，不提醒")
        empty = page.locator('tr[data-check="NO_FACE"]')  # five cameras, one of them lost after 20 minutes
        expect(empty.locator("td").first).to_have_text("2.3")
        expect(page.get_by_text("不可用")).to_have_count(0)
        page.set_viewport_size({"width": 1280, "height": 800})
        assert page.evaluate(OVERHANG) <= 0
        shot(page, "measures-room")
        assert violations(page) == []
        page.get_by_label("恢复的原因").fill("调整了摄像头角度")
        page.keyboard.press("Enter")
        expect(page.locator(".flash-list")).to_contain_text("已恢复提醒")
        expect(row).not_to_contain_text("只记录，不提醒")
        page.get_by_role("link", name="本批次全部考场").click()
        expect(page.locator("h2").first).to_have_text("合计")
        assert page.evaluate(OVERHANG) <= 0
        shot(page, "measures-batch")
        assert faults == []
