"""The liveness check in a real browser: an agent with its networks before a recorded head that does as asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from exam_rooms.challenge import ChallengePlan
from exam_rooms.protocol import CandidateView, Step
from exam_rooms.watch_messages import EnrolmentRequest, WatchPlan
from exam_rooms.watching import WatchRules
from proctoring import mesh
from proctoring.frames import Frame
from proctoring.nets import MESH, Nets
from proctoring.observe import Eyes, main_face
from tests.client.camera_kit import write_scene
from tests.proctoring.photos import noisy, placed, wall
from tests.proctoring.turning import lift, shut
from tests.system.axe import violations
from tests.system.chromium import chromium
from tests.system.kiosk_stand import Stand, stand

pytestmark = [pytest.mark.system, pytest.mark.walk]
RULES = WatchRules(sample_seconds=0.5)
PLAN = ChallengePlan((("blink", "look_up"), ("look_up", "blink")), 40.0)
WHO = CandidateView("阿卜杜·外力", "T1", "110***********0054", "示例公司", False, True)
UPWARD = (9.0, 17.0, 28.0, 28.0, 17.0, 9.0)
"""Never still for three looks: a try that begins in the middle would take the lifted head for straight ahead."""
PATIENCE_MS = 120_000
"""A busy machine looks seldom; the film comes round every nine seconds."""


def film() -> list[Frame]:
    """Half a second each: looks ahead, lifts the head and lowers it, shuts the eyes."""
    ahead = placed(wall(), "astronaut.png", 130, 120)
    face = main_face(Eyes().observe(ahead, None, RULES, compare=False).faces)
    assert face is not None
    found = mesh.find(*Nets().need(MESH), ahead, face)
    lifted = [lift(ahead, found, pitch) for pitch in UPWARD]
    frames = [*[ahead] * 3, *lifted, *[ahead] * 2, *[shut(ahead, found)] * 3, *[ahead] * 2]
    return [noisy(frame, 2.0, seed) for seed, frame in enumerate(frames)]


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scene(tmp_path_factory.mktemp("film") / "frames", film())


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture
def seat(browser: Browser, tmp_path: Path, recorded: Path) -> Iterator[Stand]:
    """Somebody at the waiting screen who agreed to the comparison, before the recorded head."""
    with stand(browser, tmp_path, extra=("--camera", str(recorded))) as made:
        plan = WatchPlan(RULES, enrol=True, challenge=PLAN)
        made.room.show(step=Step.READY, attempt=7, candidate=WHO, watch=plan)
        yield made
        assert made.faults == []


def offered(seat: Stand) -> Page:
    page = seat.open()
    expect(page.locator(".challenge")).to_have_attribute("data-state", "offered", timeout=PATIENCE_MS)
    return page


def sent(seat: Stand, page: Page) -> EnrolmentRequest:
    expect(page.locator(".challenge")).to_have_count(0, timeout=PATIENCE_MS)
    for _try in range(100):
        if seat.room.evidence.enrolments:
            break
        page.wait_for_timeout(200)
    (made,) = seat.room.evidence.enrolments
    return made


def test_by_the_keyboard_alone_step_by_step(seat: Stand) -> None:
    page = offered(seat)
    expect(page.locator("#challenge-title")).to_be_focused()
    expect(page.locator(".challenge")).to_contain_text("不影响您考试")
    assert violations(page) == []
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="开始")).to_be_focused()
    page.keyboard.press("Enter")
    said = page.locator(".challenge-ask")
    expect(said).to_contain_text("请闭上双眼", timeout=PATIENCE_MS)
    expect(page.locator(".challenge-left")).to_contain_text("剩余")
    expect(said).to_contain_text("抬头", timeout=PATIENCE_MS)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    made = sent(seat, page)
    assert made.challenge is not None
    assert (made.challenge.result, made.challenge.tries) == ("passed", 1)
    assert made.challenge.scores["pitch"] >= 12
    assert len(made.frames) == RULES.enrol_frames


def test_who_cannot_says_so_and_goes_on(seat: Stand) -> None:
    page = offered(seat)
    page.get_by_role("button", name="开始").click()
    expect(page.locator(".challenge-ask")).to_be_visible()
    page.get_by_role("button", name="我无法完成").click()
    made = sent(seat, page)
    assert made.challenge is not None
    assert made.challenge.result == "declined"
    expect(page.locator(".clocks")).to_be_visible()
