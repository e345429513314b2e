"""The candidate's page in a real Chromium: a whole paper by keys alone, without a jump, at every size."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from itembank.marking import mark
from tests.client.fake_room import ID_NUMBER, TICKET
from tests.system.chromium import chromium
from tests.system.keyboard_kit import focused, press, tab_to
from tests.system.kiosk_stand import FORCED_VIEWS, Stand, every_kind, force, stand

pytestmark = pytest.mark.system
PATIENCE_MS = 60_000
"""A change in the room reaches a seat without a socket by the next status."""
ESSAY = "一、当面交接\n二、核对记录"
MATCHES = {"灭火器": "扑救初起火灾", "对讲机": "联络", "警戒带": "隔离现场"}
RIGHT_ORDER = ["报告", "疏散", "设置警戒", "移交"]
SPACING = """* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; }
p { margin-bottom: 2em !important; }"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture
def seat(browser: Browser, tmp_path: Path) -> Iterator[Stand]:
    with stand(browser, tmp_path) as made:
        yield made
        assert made.faults == []


# A whole paper


def test_a_whole_paper_with_every_kind_by_keyboard_alone(seat: Stand) -> None:
    page = seat.open()
    sign_in_by_keys(page)
    for step in ("admitted", "confirmed"):
        seat.room.show(step=step)
        (confirm_by_keys if step == "admitted" else accept_by_keys)(page)
    seat.room.start()
    expect(page.locator(".exam")).to_be_visible(timeout=PATIENCE_MS)
    walk: list[Callable[[Page], None]] = [
        *(single, several, true_false, gaps, number, inline_choice),
        *(match, order, hotspot, essay, case_single, case_number, case_essay),
    ]
    for place, answer in enumerate(walk, 1):
        expect(page.locator("#question-title")).to_have_text(f"第 {place} 题")
        answer(page)
        page.keyboard.press("ArrowRight")
    hand_in_by_keys(page)
    expect(page.locator(".receipt")).to_be_visible(timeout=PATIENCE_MS)
    marks = mark(seat.room.answers(), every_kind()[1])
    assert marks.oddities == ()
    assert {one.uid for one in marks.items if not one.correct} == {"SHILI-essay", "SHILI-case.3"}
    assert seat.room.answers()["SHILI-essay"] == (ESSAY,)


def sign_in_by_keys(page: Page) -> None:
    expect(page.locator("#ticket")).to_be_visible()
    tab_to(page, "#ticket")
    page.keyboard.type(TICKET)
    tab_to(page, "#id-number")
    page.keyboard.type(ID_NUMBER)
    press(page, "Enter")
    expect(page.locator(".facts")).to_contain_text(TICKET)


def confirm_by_keys(page: Page) -> None:
    expect(page.locator(".confirm")).to_be_visible(timeout=PATIENCE_MS)
    tab_to(page, ".confirm-actions .btn-primary")
    press(page, "Enter")


def accept_by_keys(page: Page) -> None:
    expect(page.locator(".rules")).to_be_visible(timeout=PATIENCE_MS)
    tab_to(page, ".rules")
    press(page, "End")
    expect(page.locator(".promise input")).to_be_enabled()
    tab_to(page, ".promise input")
    press(page, "Space")
    tab_to(page, ".pledge-side .btn-primary")
    press(page, "Enter")
    expect(page.locator(".clocks")).to_be_visible()


def letter_of(page: Page, text: str) -> str:
    return page.locator(".option", has_text=text).locator(".option-key").inner_text()


def single(page: Page) -> None:
    press(page, letter_of(page, "当面交接").lower())
    expect(page.locator("[data-speech]")).to_contain_text("已选")


def several(page: Page) -> None:
    """By moving through the rows: the other way than the letters."""
    tab_to(page, "[data-option]")
    for place in range(4):
        row = page.locator("[data-option]").nth(place)
        expect(row).to_be_focused()
        if "天气预报" not in row.inner_text():
            press(page, "Space")
        press(page, "ArrowDown")
    expect(page.locator(".option[aria-checked=true]")).to_have_count(3)


def true_false(page: Page) -> None:
    press(page, letter_of(page, "错误"), "Space")
    expect(page.locator(".answer-card .cell[aria-current]")).to_have_attribute("data-marked", "")


def fill(page: Page, *texts: str) -> None:
    for text in texts:
        page.keyboard.press("Tab") if focused(page, ".gap") else tab_to(page, ".gap")
        page.keyboard.type(text)
    press(page, "Escape")


def gaps(page: Page) -> None:
    fill(page, "119", "B 路口")


def number(page: Page) -> None:
    fill(page, "45")


def pick(page: Page, text: str) -> None:
    """In the box that has the focus, by the arrow keys."""
    for _ in range(6):
        if text in str(page.evaluate("document.activeElement.selectedOptions[0].text")):
            return
        press(page, "ArrowDown")
    raise AssertionError(text)


def inline_choice(page: Page) -> None:
    tab_to(page, "select.gap")
    pick(page, "绿区")
    press(page, "Escape")


def match(page: Page) -> None:
    for left, right in MATCHES.items():
        rows = page.locator(".match-table tr").all_inner_texts()
        place = next(place for place, row in enumerate(rows) if left in row)
        page.locator(".question-body").focus()
        tab_to(page, f"tr:nth-child({place + 1}) select")
        pick(page, right)
    press(page, "Escape")


def order(page: Page) -> None:
    rows = page.locator(".order-text")
    for place, text in enumerate(RIGHT_ORDER):
        at = rows.all_inner_texts().index(text)
        if at == place:
            continue
        page.locator(".question-body").focus()
        tab_to(page, f".order-row:nth-child({at + 1}) [data-by='-1']")
        for step in range(at, place, -1):
            press(page, "Enter")
            expect(rows.nth(step - 1)).to_have_text(text)
    assert rows.all_inner_texts() == RIGHT_ORDER
    press(page, "Escape")


def hotspot(page: Page) -> None:
    """Areas one after the other: each says where it is."""
    tab_to(page, ".area")
    press(page, "ArrowDown")
    area = page.locator(".area").nth(1)
    expect(area).to_be_focused()
    expect(area).to_have_attribute("aria-label", "区域 B，距左边 75%，距上边 30%")
    press(page, "Space")
    expect(area).to_have_attribute("aria-checked", "true")


def essay(page: Page) -> None:
    tab_to(page, ".essay-text")
    first, second = ESSAY.split("\n")
    page.keyboard.type(first)
    press(page, "Enter")
    page.keyboard.type(second)
    press(page, "Escape")


def case_single(page: Page) -> None:
    press(page, letter_of(page, "报告"))


def case_number(page: Page) -> None:
    fill(page, "50")


def case_essay(page: Page) -> None:
    tab_to(page, ".essay-text")
    page.keyboard.type("时间、地点、物品")
    press(page, "Escape")


def hand_in_by_keys(page: Page) -> None:
    expect(page.locator("[data-saving=server]")).to_be_visible()
    press(page, "Control+Enter")
    expect(page.locator("dialog[open]")).to_contain_text("全部题目均已作答")
    tab_to(page, "dialog .btn:not([data-first])")
    press(page, "Enter")


# Nothing moves, nothing is lost at any size

SHIFTS = """() => new PerformanceObserver((list) => {
  for (const one of list.getEntries()) window.shifted = (window.shifted || 0) + one.value;
}).observe({ type: "layout-shift", buffered: false })"""


def test_saving_moves_nothing(seat: Stand) -> None:
    page = seat.page
    page.add_init_script(FORCED_VIEWS)
    seat.room.start()
    seat.open()
    page.locator(".exam").wait_for()
    page.evaluate(SHIFTS)
    where = "[...document.querySelectorAll('.stem, .option, .question-foot, .timebox, .answer-card')]"
    before = page.evaluate(f"{where}.map((one) => one.getBoundingClientRect().toJSON())")
    for change in (
        {"saving": "here", "link": {"up": False, "waiting": 1, "since": None}},
        {"saving": "unsaved"},
        {"saving": "server", "announcements": [said(1)]},
        {"hand_raised_at": datetime.now(UTC).isoformat()},
    ):
        press(page, "a", "b", "Space")
        force(page, **change)
        page.wait_for_timeout(500)
    after = page.evaluate(f"{where}.map((one) => one.getBoundingClientRect().toJSON())")
    assert after == before
    assert page.evaluate("window.shifted || 0") == 0


def said(number: int) -> dict[str, Any]:
    return {"announcement": number, "text": "请保持安静。", "at": datetime.now(UTC).isoformat()}


SIZES = {
    "a small screen": (1024, 768, ""),
    "large print": (1366, 768, "huge"),
    "large print on a small screen": (1024, 768, "huge"),
    "200 % of 1366": (683, 384, ""),
    "200 % of 1280 in large print": (640, 400, "large"),
    "400 % of 1280": (320, 256, ""),
}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_size_loses_anything(seat: Stand, language: str) -> None:
    """English is longer, and high contrast has wider lines."""
    seat.room.start()
    page = seat.page
    page.add_init_script(f"sessionStorage.setItem('examhall.lang', '{language}')")
    if language == "en":
        page.add_init_script("sessionStorage.setItem('examhall.theme', 'contrast')")
    seat.open()
    page.locator(".exam").wait_for()
    for spaced in (False, True):
        for name, (width, height, size) in SIZES.items():
            page.set_viewport_size({"width": width, "height": height})
            page.evaluate("(size) => document.documentElement.setAttribute('data-size', size)", size)
            for question in (1, 4, 7, 8, 9, 10, 11) if language == "zh" else (1, 9):
                seat.on(question)
                assert sideways(page) == [], (name, question, spaced)
            for control in (".question-foot .btn-primary", ".desk-button", ".answer-card-foot .btn-block"):
                page.locator(control).first.scroll_into_view_if_needed()
                assert page.locator(control).first.is_visible(), (name, control)
        page.evaluate(SPACED, SPACING)


SPACED = """(css) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  document.adoptedStyleSheets.push(sheet);
}"""


def sideways(page: Page) -> list[str]:
    """What makes the page scroll sideways, or sticks out of its own box."""
    return page.evaluate("""() => {
      const wide = document.documentElement.scrollWidth > innerWidth ? ["page"] : [];
      const boxes = ".topbar, .question-head, .question-foot, .timebox, .answer-card-foot, .option, .desk, .order-row";
      const out = [...document.querySelectorAll(boxes)].filter((one) => one.scrollWidth > one.clientWidth + 1);
      return [...wide, ...out.map((one) => one.className)];
    }""")
