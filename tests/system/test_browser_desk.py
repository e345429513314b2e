"""The sign-in desk in a real Chromium with a camera: scan, agree, Enter; a doubt; no consent; all by keyboard.

The camera always shows the same person, whose portrait is one candidate's registration photo and not the
others'. With EXAMHALL_SCREENSHOTS set to a folder the pictures of the documentation are made on the way.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from exam_rooms.protocol import CandidateView, Step
from exam_rooms.ticket_code import PURPOSE, ticket_text
from exam_rooms.watch_messages import WatchPlan
from exam_rooms.watching import WatchRules
from proctoring.frames import portrait
from server.access import Role
from server.cli.rehearse.crew import Crew, Names, hire
from server.cli.rehearse.hall import Hall, private_hall
from server.cli.rehearse.stage import Entrant, Stage, Wish, fictional_people, stage_sitting
from server.cli.rehearse.telling import tell
from server.db.signins import SignInRow
from server.db.sittings import Registration
from server.services.rosters import PHOTO_PURPOSE
from tests.server.signin_kit import FACES, face
from tests.system.axe import violations
from tests.system.chromium import chromium
from tests.system.kiosk_stand import stand
from tests.system.screens import DESK, PASSWORD, PATIENCE_MS, shots

pytestmark = [pytest.mark.system, pytest.mark.long]  # a long walk: `make test-long`
COMPARE_MS = 60_000
"""A comparison is a process of its own; the machine may be busy with other tests."""


@dataclass
class Scene:
    """A staged sitting with four candidates, its server, and a browser with a camera."""

    hall: Hall
    crew: Crew
    stage: Stage
    browser: Browser

    @property
    def path(self) -> str:
        return f"{self.hall.address.url}/monitor/{self.stage.room_sitting}/desk"

    def code(self, entrant: Entrant) -> str:
        return ticket_text(entrant.ticket, lambda text: self.hall.host.vault.index(PURPOSE, text))

    def row(self, entrant: Entrant) -> SignInRow:
        with self.hall.host.db.read() as session:
            registration = select(Registration.id).where(Registration.ticket == entrant.ticket)
            query = select(SignInRow).where(SignInRow.standing_for == registration.scalar_subquery())
            return session.scalars(query).one()

    def operator(self) -> Page:
        """An invigilator at the desk."""
        page = self.browser.new_context(viewport=DESK, locale="zh-CN").new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.faults = []  # type: ignore[attr-defined]
        page.on("pageerror", lambda fault: page.faults.append(str(fault)))  # type: ignore[attr-defined]
        member = self.crew.one(Role.INVIGILATOR)
        page.goto(f"{self.hall.address.url}/login")
        page.fill("#username", member.username)
        page.fill("#password", member.password)
        page.click("main .btn-primary")
        page.wait_for_url(lambda url: "/login" not in url)
        page.goto(self.path)
        return page


@pytest.fixture
def scene() -> Iterator[Scene]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eh-camera-")))
        folder.chmod(0o755)
        film = folder / "camera.mjpeg"
        film.write_bytes(face("obama2.jpg", 480) * 3)
        film.chmod(0o644)
        hall = stack.enter_context(private_hall(tls=False))
        crew = hire(hall.host, Names("demo-", "示例", PASSWORD), invigilators=2)
        wish = Wish("示例场次", fictional_people(4, named="示例考生"), Decimal(40), "7")
        staged = stage_sitting(hall.host, crew, wish, told=tell)
        give_photos(hall, staged, ["obama.jpg", "biden.jpg", "astronaut.png", "obama.jpg"])
        hall.serve()
        browser = stack.enter_context(
            chromium(
                "--use-fake-ui-for-media-stream",
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-video-capture={film}",
            )
        )
        yield Scene(hall, crew, staged, browser)


def give_photos(hall: Hall, staged: Stage, names: list[str]) -> None:
    def put(session) -> None:
        for entrant, name in zip(staged.entrants, names, strict=True):
            row = session.scalars(select(Registration).where(Registration.ticket == entrant.ticket)).one()
            data = portrait((FACES / name).read_bytes())
            row.sealed_photo = hall.host.vault.seal_value(PHOTO_PURPOSE, str(row.id), data)
            row.has_photo = True

    hall.host.db.write(put)


def test_a_queue_at_the_desk_in_the_browser(scene: Scene) -> None:
    page = scene.operator()
    expect(page.locator("#desk")).to_have_attribute("data-camera", "live")
    expect(page.locator("[data-missing]")).to_have_text("4")
    shots(page, "desk-idle")
    same, other, declining, last = scene.stage.entrants
    no_answer(scene, page, same)
    pass_at_once(scene, page, same)
    doubt_and_decide(scene, page, other)
    without_consent(scene, page, declining)
    scan_while_a_button_has_the_focus(scene, page, last)
    assert violations(page) == []
    assert page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    assert page.faults == []  # type: ignore[attr-defined]


def scan(scene: Scene, page: Page, entrant: Entrant) -> None:
    """What a scanner does: it types, wherever the focus is, and presses Enter."""
    page.keyboard.type(scene.code(entrant))
    page.keyboard.press("Enter")
    expect(page.locator(".signin-facts h2")).to_have_text(entrant.name)


def no_answer(scene: Scene, page: Page, entrant: Entrant) -> None:
    """The server is away: the desk says so, and goes on when it is back."""
    page.context.set_offline(True)
    page.keyboard.type(scene.code(entrant))
    page.keyboard.press("Enter")
    expect(page.locator("#camera-state")).to_have_text("服务器没有回答，请再试")
    page.context.set_offline(False)
    page.keyboard.press("Escape")


def pass_at_once(scene: Scene, page: Page, entrant: Entrant) -> None:
    """Three keys after the scan: the candidate agrees, the picture agrees, Enter."""
    scan(scene, page, entrant)
    expect(page.locator("[data-stage]")).to_have_attribute("data-stage", "ask")
    yes, no = page.locator("[data-key=y]"), page.locator("[data-key=n]")
    assert yes.bounding_box()["height"] == no.bounding_box()["height"]  # type: ignore[index]
    assert yes.evaluate(STYLE) == no.evaluate(STYLE)
    shots(page, "desk-consent")
    page.keyboard.press("y")
    expect(page.locator("[data-face=match]")).to_be_visible(timeout=COMPARE_MS)
    expect(page.locator("[data-key=enter]")).to_be_focused()
    expect(page.locator("#camera-state")).to_have_text("")
    shots(page, "desk-match")
    page.keyboard.press("Enter")
    expect(page.locator(".signin-go")).to_have_text(f"请到 {entrant.seat} 号座位")
    expect(page.locator(".signin-map .mine")).to_have_count(1)
    expect(page.locator("[data-came]")).to_have_text("1")
    expect(page.locator("#typed")).to_be_focused()
    shots(page, "desk-passed")
    row = scene.row(entrant)
    assert (row.result, row.face, row.method, row.consent) == ("pass", "match", "ticket", True)


STYLE = "(one) => [getComputedStyle(one).backgroundColor, getComputedStyle(one).color, one.offsetWidth > 150]"


def doubt_and_decide(scene: Scene, page: Page, entrant: Entrant) -> None:
    """Another face than the photo's: no way to pass, a doubt, and two people who decide."""
    scan(scene, page, entrant)
    page.keyboard.press("y")
    expect(page.locator("[data-face=mismatch]")).to_be_visible(timeout=COMPARE_MS)
    expect(page.locator("form[data-act=passed]")).to_have_count(0)
    shots(page, "desk-mismatch")
    page.keyboard.press("d")
    page.keyboard.type("相貌差异较大")
    page.keyboard.press("Enter")
    expect(page.locator("[data-stage]")).to_have_attribute("data-stage", "doubt")
    shots(page, "desk-doubt")
    form = page.locator("form[data-act=decide]")
    chief = scene.crew.one(Role.CHIEF_INVIGILATOR)
    form.locator("[name=reason]").fill("核对户口簿，确系本人")
    form.locator("[name=cosign_username]").fill(chief.username)
    form.locator("[name=cosign_password]").fill("wrong password")
    form.locator("[value=admitted]").click()
    expect(page.locator("[data-problem]")).to_be_visible()
    form.locator("[name=reason]").fill("核对户口簿，确系本人")
    form.locator("[name=cosign_username]").fill(chief.username)
    form.locator("[name=cosign_password]").fill(chief.password)
    form.locator("[value=admitted]").click()
    expect(page.locator(".signin-go")).to_contain_text(entrant.seat)
    row = scene.row(entrant)
    assert (row.result, row.decision, row.has_picture) == ("doubt", "admitted", True)


def without_consent(scene: Scene, page: Page, entrant: Entrant) -> None:
    """No: no picture, a second member of staff, and the seat is marked."""
    page.keyboard.press("Escape")
    scan(scene, page, entrant)
    page.keyboard.press("n")
    second = scene.crew.all(Role.INVIGILATOR)[1]
    field = page.locator("form[data-act=passed] [name=cosign_username]")
    expect(field).to_be_focused()
    shots(page, "desk-declined")
    page.keyboard.type(second.username)
    page.keyboard.press("Tab")
    page.keyboard.type(second.password)
    page.keyboard.press("Enter")
    expect(page.locator(".signin-go")).to_contain_text(entrant.seat)
    expect(page.locator("#person")).to_contain_text("不同意人脸比对")
    row = scene.row(entrant)
    assert (row.consent, row.has_picture, row.face) == (False, False, "declined")


def scan_while_a_button_has_the_focus(scene: Scene, page: Page, entrant: Entrant) -> None:
    """A scan too early goes to the field and never presses the button of the person before."""
    scan(scene, page, entrant)
    page.keyboard.press("y")
    expect(page.locator("[data-key=enter]")).to_be_focused(timeout=COMPARE_MS)
    passed = scene.stage.entrants[0]
    scan(scene, page, passed)
    expect(page.locator("[data-stage]")).to_have_attribute("data-stage", "passed")
    expect(page.locator("[data-missing]")).to_have_text(re.compile("1"))
    shots(page, "desk-again")


def test_what_was_said_at_the_desk_is_shown_at_the_seat_and_may_be_changed(tmp_path: Path) -> None:
    with chromium() as browser, stand(browser, tmp_path) as seat:
        for said, chosen in ((None, None), (True, 0), (False, 1)):
            view = CandidateView("阿卜杜·外力", "T1", "110***********0054", "示例公司", False, said)
            seat.room.show(step=Step.CONFIRMED, attempt=7, candidate=view, watch=WatchPlan(WatchRules()))
            page = seat.open()
            choices = page.locator("input[name=consent]")
            expect(choices).to_have_count(2)
            expect(page.locator("input[name=consent]:checked")).to_have_count(0 if said is None else 1)
            expect(page.get_by_text("这是您在签到台的选择")).to_have_count(0 if said is None else 1)
            if chosen is not None:
                expect(choices.nth(chosen)).to_be_checked()
                choices.nth(1 - chosen).check()
                expect(choices.nth(1 - chosen)).to_be_checked()
        assert seat.faults == []
