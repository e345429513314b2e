"""A violation in a real Chromium, from what an invigilator saw to the decision, signed on the tablet.

With EXAMHALL_SCREENSHOTS set to a folder the pictures of the documentation are made on the way.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Role
from server.cli.rehearse.crew import Crew, Names, hire
from server.cli.rehearse.hall import Hall, private_hall
from server.cli.rehearse.stage import Stage, Wish, fictional_people, stage_sitting
from server.cli.rehearse.telling import tell
from server.db.cases import Case, CaseStep
from server.db.sittings import Attempt, RoomSitting
from server.services import warnings
from tests.system.axe import violations
from tests.system.chromium import chromium
from tests.system.screens import DESK, PASSWORD, PATIENCE_MS, shots

pytestmark = [pytest.mark.system, pytest.mark.long]  # a long walk: `make test-long`


@dataclass
class Scene:
    """A running room of three whose server runs, and one page for each role."""

    hall: Hall
    crew: Crew
    stage: Stage
    browser: Browser
    pages: dict[Role, Page] = field(default_factory=dict)

    def page(self, role: Role) -> Page:
        if role not in self.pages:
            page = self.browser.new_context(viewport=DESK, locale="zh-CN").new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.faults = []  # type: ignore[attr-defined]
            page.on("pageerror", lambda fault: page.faults.append(str(fault)))  # type: ignore[attr-defined]
            page.goto(f"{self.hall.address.url}/login")
            page.fill("#username", self.crew.one(role).username)
            page.fill("#password", PASSWORD)
            page.click("main .btn-primary")
            page.wait_for_url(lambda url: "/login" not in url)
            self.pages[role] = page
        return self.pages[role]

    def at(self, role: Role, path: str) -> Page:
        page = self.page(role)
        page.goto(f"{self.hall.address.url}{path}")
        return page


@pytest.fixture
def scene() -> Iterator[Scene]:
    with ExitStack() as stack:
        hall = stack.enter_context(private_hall(tls=False))
        crew = hire(hall.host, Names("demo-", "示例", PASSWORD), invigilators=2)
        wish = Wish("示例场次", fictional_people(3, named="示例考生"), Decimal(40), "7")
        stage = stage_sitting(hall.host, crew, wish, told=tell)
        hall.host.db.write(begin, hall, stage)
        warn(hall, crew)
        hall.serve()
        yield Scene(hall, crew, stage, stack.enter_context(chromium()))


def begin(session: Session, hall: Hall, stage: Stage) -> None:
    """Everybody answers, as if agents had come."""
    room = session.get_one(RoomSitting, stage.room_sitting)
    room.state, room.started_at = "running", hall.host.now()
    for attempt in session.scalars(select(Attempt)):
        attempt.state = "answering"


def warn(hall: Hall, crew: Crew) -> None:
    with hall.host.db.read() as session:
        attempt = session.scalars(select(Attempt.id).order_by(Attempt.seat_id)).first()
    invigilator = crew.one(Role.INVIGILATOR).actor
    text = "请收起手机。"
    hall.host.db.write(warnings.give, invigilator, attempt, text, incident_id=None, now=hall.host.now())


def photo() -> bytes:
    noise = np.random.default_rng(1).integers(60, 200, (30, 40, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", cv2.resize(noise, (640, 480)))[1].tobytes()


def test_a_violation_from_the_seat_to_the_decision_in_the_browser(scene: Scene) -> None:
    report = f"/monitor/{scene.stage.room_sitting}/report"
    page = scene.at(Role.INVIGILATOR, report)
    page.select_option("#kind", "PHONE")
    page.select_option("#seat", index=1)
    page.fill("#note", "警告之后仍在桌下看手机，屏幕亮着。")
    page.fill("#witnesses", "示例流动监考")
    page.set_input_files("#photos", {"name": "seen.jpg", "mimeType": "image/jpeg", "buffer": photo()})
    page.click("form[enctype] .btn-primary")
    expect(page.locator(".photo-strip img")).to_have_count(1)
    page.reload()
    tidy(page)
    shots(page, "incident-report")
    page.get_by_role("link", name="立案").click()
    expect(page.locator("input[name=incident]:checked")).to_have_count(1)
    page.click("main .btn-primary")
    facts_to_signature(page)
    path = page.url.removeprefix(scene.hall.address.url)
    chief = scene.at(Role.CHIEF_INVIGILATOR, path)
    chief.fill("#opinion", "属实。")
    chief.get_by_role("button", name="签字", exact=True).click()
    chief.fill("#note", "本人签收")
    chief.get_by_role("button", name="已送达告知书").click()
    chief.fill("#statement", "一时糊涂，请从轻处理。")
    chief.get_by_role("button", name="登记陈述").click()
    head = scene.at(Role.INSTITUTION_HEAD, path)
    head.select_option("#outcome", "subject")
    head.fill("#decide-reason", "警告后仍不改正，事实清楚。")
    tidy(head)
    shots(head, "case-decision")
    head.get_by_role("button", name="作出决定").click()
    expect(head.locator(".page-head .badge").first).to_have_text("待送达决定")
    tidy(scene.at(Role.INSTITUTION_HEAD, "/cases"))
    shots(head, "cases")
    with scene.hall.host.db.read() as session:
        (case,) = session.scalars(select(Case))
        signed = session.scalar(select(CaseStep).where(CaseStep.act == "sign"))
    assert (case.outcome, case.article) == ("subject", "6-1")
    assert sum(len(stroke) for stroke in signed.data["strokes"]) >= 4
    assert [page.faults for page in scene.pages.values()] == [[], [], []]  # type: ignore[attr-defined]


def facts_to_signature(page: Page) -> None:
    """The invigilator's part, with a signature drawn by the candidate."""
    page.fill("#facts", "经警告后仍在座位上使用手机。")
    page.select_option("#article", "6-1")
    page.fill("#handling", "手机封存，继续考试。")
    tidy(page)
    page.get_by_role("button", name="保存事实与证据").click()
    page.get_by_role("button", name="已当场告知").click()
    page.get_by_label("在这个屏幕上签名").check()
    box = page.locator("[data-signature] canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 30, box["y"] + 30)
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(box["x"] + 30 + 30 * step, box["y"] + 30 + 10 * step)
    page.mouse.up()
    page.fill("#sign-statement", "我知道错了。")
    shots(page, "case-signature")
    page.get_by_role("button", name="登记签名").click()
    expect(page.locator(".signature-drawn polyline")).to_have_count(1)


def tidy(page: Page) -> None:
    """Nothing a machine can find is wrong, and nothing scrolls sideways."""
    assert violations(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
