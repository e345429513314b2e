"""Every page that a candidate may see, looked over by axe-core: both languages, all themes."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.system.axe import violations
from tests.system.chromium import chromium
from tests.system.kiosk_stand import DESK, FORCED_VIEWS, Stand, force, stand
from tests.system.screens import SHOTS, shot

pytestmark = [pytest.mark.system, pytest.mark.walk]
NOW = datetime(2026, 11, 21, 1, 30, tzinfo=UTC).isoformat()
WATCH = {"mode": "enrol", "camera": "enrolling", "keep_days": 90}
OFFERED = {
    "state": "offered",
    "tries": 3,
    "ask": "",
    "number": 0,
    "steps": 0,
    "left": 0,
    "seconds": 0,
    "reason": "",
}
TURNING = OFFERED | {
    "state": "running",
    "ask": "turn_left",
    "number": 1,
    "steps": 2,
    "left": 7,
    "seconds": 10,
}
AGAIN = OFFERED | {"state": "again", "tries": 2, "reason": "wrong_step"}
WARNING = {"warning": 1, "text": "请坐正，面向屏幕。", "at": NOW}
SAID = [{"announcement": 1, "text": "请检查准考证号和座位号是否一致。", "at": NOW}]
RECEIPT = {
    **{"ticket": "2612010100017", "head": "ab" * 32, "short": "ABAB-ABAB-ABAB", "submitted_at": NOW},
    **{"answered": 13, "total": 13},
}
BEFORE = (
    ("identified", {"step": "identified", "announcements": SAID}, ".desk-bar"),
    ("confirm", {"step": "admitted", "announcements": []}, ".confirm"),
    ("rules", {"step": "confirmed"}, ".rules"),
    ("consent", {"step": "confirmed", "watch": WATCH}, "input[name=consent]"),
    ("waiting", {"step": "ready", "watch": WATCH, "hand_raised_at": NOW}, ".clocks"),
    ("liveness", {"step": "ready", "watch": WATCH | {"challenge": OFFERED}}, ".challenge"),
    ("liveness-turning", {"step": "ready", "watch": WATCH | {"challenge": TURNING}}, ".challenge-ask"),
    ("liveness-again", {"step": "ready", "watch": WATCH | {"challenge": AGAIN}}, ".challenge-why"),
    ("waiting-fault", {"step": "ready", "watch": None, "fault": "package_broken"}, ".fault-note"),
)
"""Name, what the view says, and what shows that it is there."""
AFTER = (
    ("paused", {"step": "paused", "notice": "paused"}, ".calm"),
    ("warned", {"step": "answering", "notice": "", "warnings": [WARNING]}, "dialog.warning"),
    ("frozen", {"step": "frozen", "warnings": []}, ".calm-do"),
    ("moved", {"step": "moved"}, ".calm"),
    ("locked", {"step": "locked"}, ".calm"),
    ("ended", {"step": "ended", "notice": "考生身体不适"}, ".calm .card"),
    ("handed-in", {"step": "submitted", "notice": ""}, ".pending"),
    ("receipt", {"step": "submitted", "receipt": RECEIPT}, ".receipt"),
    ("time-over", {"step": "time_over", "receipt": RECEIPT}, ".receipt"),
    ("absent", {"step": "absent"}, ".calm"),
    ("unassigned", {"step": "unassigned", "candidate": None}, ".calm"),
    ("unpaired", {"step": "unpaired", "fault": "seat_not_paired"}, ".fault-note"),
    ("seb-wanted", {"step": "unassigned", "seb": "wanted", "fault": ""}, ".calm"),
    ("seb-wrong", {"step": "unassigned", "seb": "wrong"}, ".calm .icon-look"),
    ("offline", {"seb": "", "step": "offline_start", "fault": "no_link"}, ".fault-note"),
)
SCREENS = ((1920, 1080), (1366, 768), (1024, 768))
PICTURED = ("consent", "waiting", "liveness-turning", "paper-note", "paper-9", "hand", "frozen")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


def look(page: Page, name: str, *, thorough: bool) -> list[str]:
    """What axe finds as the page stands, and in the other themes what it finds of contrast."""
    found = violations(page)
    for theme in ("dark",) if thorough else ():
        page.evaluate("(theme) => document.documentElement.setAttribute('data-theme', theme)", theme)
        found += violations(page, ("color-contrast",))
        page.evaluate("document.documentElement.removeAttribute('data-theme')")
    return [f"{name}: {one['id']} {one['nodes'][:3]}" for one in found]


def walk(seat: Stand, see: Callable[[str], None]) -> None:
    page = seat.page
    expect(page.locator("#ticket")).to_be_visible()
    see("sign-in")
    page.locator("#ticket").press("Enter")
    expect(page.locator(".error")).to_have_count(2)
    see("sign-in-missing")
    seat.sign_in()
    for name, change, sign in BEFORE:
        force(page, **change)
        page.locator(sign).first.wait_for()
        see(name)
    dialog(page, ".desk-button:has(.icon-hand)", "hand-lower", see)
    force(page, fault="", hand_raised_at=None, announcements=SAID)
    page.locator(".practise .btn").click()
    page.locator(".exam").wait_for()
    see("practice")
    page.locator(".answer-card-foot .btn-block").click()
    page.locator(".clocks").wait_for()


def walk_the_paper(seat: Stand, kinds: Iterable[int], see: Callable[[str], None]) -> None:
    page = seat.page
    for number in kinds:
        seat.on(number)
        page.wait_for_timeout(60)
        see(f"paper-{number}")
    seat.on(1)
    page.locator(".question-body").focus()
    for key in ("a", "Shift+B", "n"):
        page.keyboard.press(key)
    see("paper-note")
    page.keyboard.press("Escape")
    force(page, link={"up": False, "waiting": 3, "since": NOW}, saving="here", announcements=SAID)
    page.locator("[data-saving=here]").wait_for()
    see("paper-offline")
    dialog(page, ".desk-button:has(.icon-hand)", "hand", see)
    dialog(page, ".desk-button:has(.icon-list)", "announcements", see)
    dialog(page, ".question-tools .btn:has(.icon-keyboard)", "keys", see)
    dialog(page, ".question-tools .btn:last-child", "display", see)
    dialog(page, ".answer-card-foot .btn-block", "submit", see)
    seat.on(9)
    dialog(page, ".picture-button", "zoom", see)
    force(page, fault="disk_full", saving="unsaved")
    page.locator(".exam-alert").wait_for()
    see("paper-fault")
    force(page, fault="", saving="server", time=times(240.0))
    page.locator("[data-band=red]").wait_for()
    see("paper-last-minutes")


def pictures(page: Page, name: str) -> None:
    """The state on three screens, for the documentation."""
    for width, height in SCREENS if SHOTS else ():
        page.set_viewport_size({"width": width, "height": height})
        page.wait_for_timeout(150)
        shot(page, f"{name}-{width}")
    page.set_viewport_size(DESK)


def times(left: float) -> dict[str, Any]:
    return {"remaining": left, "deadline": NOW, "starts_in": None, "submit_in": 0.0}


def dialog(page: Page, opener: str, name: str, see: Callable[[str], None]) -> None:
    page.locator(opener).first.click()
    page.locator("dialog[open]").wait_for()
    see(name)
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)


@pytest.mark.parametrize("language", ["zh", pytest.param("en", marks=pytest.mark.long)])
def test_no_page_of_the_candidate_has_a_serious_fault(
    browser: Browser, tmp_path: Path, language: str
) -> None:
    found: list[str] = []
    seen: list[str] = []
    with stand(browser, tmp_path) as seat:
        page = seat.page
        page.emulate_media(reduced_motion="reduce")
        page.add_init_script(FORCED_VIEWS)
        seat.open()
        if language == "en":
            page.locator(".topbar-side .btn", has_text="English").click()
            page.evaluate("document.documentElement.setAttribute('data-theme', 'contrast')")

        def see(name: str) -> None:
            seen.append(name)
            found.extend(look(page, name, thorough=language == "zh" and name in PICTURED))
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
            if language == "zh" and name in PICTURED:
                pictures(page, f"candidate-{name}")

        walk(seat, see)
        seat.room.start()
        release(page)
        page.locator(".exam").wait_for()
        walk_the_paper(seat, range(1, 14) if language == "zh" else (1, 7, 9, 10), see)
        for name, change, sign in AFTER:
            force(page, **change)
            page.locator(sign).first.wait_for()
            see(name)
        assert seat.faults == []
    assert not found, "\n".join(found)
    assert len(seen) == len(set(seen)) >= 39


def release(page: Page) -> None:
    """Lets the agent's own views through again."""
    page.evaluate("window.releaseView()")
