"""Every kind of question in a real Chromium, over a real agent: by mouse and by keys, to the marks."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from exam_rooms.pairing import encode_code, fingerprint
from itembank.items import TRUE_FALSE_OPTIONS, ItemKind
from itembank.marking import mark
from itembank.paper_building import PaperPlan, build_form
from itembank.papers import Shuffle
from tests.client.conftest import AgentProcess
from tests.client.fake_room import FakeRoom
from tests.client.tls_kit import make_ca
from tests.itembank.every_kind import ITEMS, MEDIA, POINTS
from tests.system.chromium import chromium
from tests.system.screens import shot

pytestmark = [pytest.mark.system, pytest.mark.walk]
SHUFFLE = Shuffle(items=False, options=True, secret="5a" * 32)
FORM, KEY = build_form(PaperPlan("A", "示例试卷", Decimal(90), POINTS, shuffle=SHUFFLE), ITEMS, MEDIA)
ESSAY = "一、当面交接\n二、核对记录\n三、双方签字"
MATCHES = {"灭火器": "扑救初起火灾", "对讲机": "联络", "警戒带": "隔离现场"}
RIGHT_ORDER = ["报告", "疏散", "设置警戒", "移交"]


@pytest.fixture
def room() -> Iterator[FakeRoom]:
    ca = make_ca("site")
    fake = FakeRoom(ca_pem=ca.pem, built=(FORM, KEY))
    fake.code = encode_code(fake.secret, fingerprint(ca.der))
    yield fake
    fake.close()


@pytest.fixture
def page(room: FakeRoom, tmp_path: Path) -> Iterator[Page]:
    room.start()
    agent = AgentProcess(tmp_path / "seat", room.url, room.code)
    try:
        with chromium() as browser:
            made = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            made.set_default_timeout(60_000)
            made.faults = []
            made.on("pageerror", lambda fault: made.faults.append(str(fault)))
            made.on("console", lambda said: said.type == "error" and made.faults.append(said.text))
            made.goto((agent.data / "launch").read_text().strip())
            yield made
    finally:
        agent.kill()


def on(page: Page, number: int) -> None:
    """Goes to a question by the answer card; nothing may make the page scroll sideways."""
    page.locator(".answer-card-cells .cell").nth(number - 1).click()
    expect(page.locator("#question-title")).to_have_text(f"第 {number} 题")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def option(page: Page, text: str) -> Locator:
    return page.locator(".option", has_text=text)


def number_of(uid: str) -> int:
    return next(item.number for item in FORM.items if item.id == uid)


def test_every_kind_is_answered_saved_and_marked(page: Page, room: FakeRoom) -> None:
    expect(page.locator(".exam")).to_be_visible()
    choices(page)
    gaps(page)
    match(page)
    order_by_keys(page)
    hotspot_by_keys(page)
    essay(page)
    case(page)
    expect(page.locator(".answer-card-cells .cell[data-answered]")).to_have_count(len(KEY.items))
    expect(page.locator(".topbar")).to_contain_text("已保存到考场服务器")
    await_all(page, room)
    marks = mark(room.answers(), KEY)
    assert [one.uid for one in marks.items if not one.correct] == ["SHILI-essay", "SHILI-case.3"]
    assert list(marks.pending) == ["SHILI-essay", "SHILI-case.3"]
    assert marks.oddities == ()
    assert room.answers()["SHILI-essay"] == (ESSAY,)
    written = [record for record in room.store.values() if record.item == "SHILI-essay"]
    assert len(written) <= 3, "a record for each pause, not for each key"
    page.keyboard.press("Control+Enter")
    expect(page.locator("dialog")).to_contain_text("全部题目均已作答")
    assert page.faults == []


def await_all(page: Page, room: FakeRoom) -> None:
    """The bar may still speak of the answers before: a save under 0.4 s is not shown as under way."""
    for _look in range(200):
        if len(room.answers()) == len(KEY.items):
            return
        page.wait_for_timeout(100)
    raise AssertionError(sorted(room.answers()))


def choices(page: Page) -> None:
    option(page, "当面交接").click()
    on(page, 2)
    letters = [
        option(page, text).locator(".option-key").inner_text() for text in ("时间", "地点", "发现的问题")
    ]
    page.locator(".question-body").focus()
    for letter in letters:
        page.keyboard.press(letter.lower())
    expect(page.locator(".option[aria-checked=true]")).to_have_count(3)
    on(page, 3)
    expect(page.locator(".option-text").first).to_contain_text(TRUE_FALSE_OPTIONS[0].text)
    option(page, "错误").click()


def gaps(page: Page) -> None:
    on(page, 4)
    fields = page.locator("input.gap")
    fields.nth(0).press_sequentially("１１９")
    page.wait_for_timeout(1200)
    expect(page.locator(".answer-card .cell[aria-current]")).to_have_attribute("data-part", "")
    fields.nth(1).press_sequentially("b 路口")  # letters are typed, they choose and mark nothing
    page.keyboard.press("Escape")
    expect(page.locator(".answer-card .cell[aria-current]")).to_have_attribute("data-answered", "")
    shot(page, "candidate-gaps")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#question-title")).to_have_text("第 5 题")
    expect(page.locator("math mfrac mn")).to_have_count(2)
    assert page.evaluate("document.querySelector('math mfrac').namespaceURI").endswith("MathML")
    expect(page.locator(".rich-table td")).to_have_count(2)
    page.locator("input.gap").fill("45")
    on(page, 6)
    picked = page.locator("select.gap")
    picked.select_option(label=next(t for t in picked.locator("option").all_inner_texts() if "绿区" in t))
    shot(page, "candidate-inline")


def match(page: Page) -> None:
    on(page, 7)
    for left, right in MATCHES.items():
        row = page.locator(".match-table tr", has_text=left).locator("select")
        row.select_option(label=next(t for t in row.locator("option").all_inner_texts() if right in t))
    shot(page, "candidate-match")


def order_by_keys(page: Page) -> None:
    on(page, 8)
    rows = page.locator(".order-text")
    assert rows.all_inner_texts() != RIGHT_ORDER
    for place, text in enumerate(RIGHT_ORDER):
        while rows.all_inner_texts().index(text) > place:
            at = rows.all_inner_texts().index(text)
            row = page.locator(".order-row").nth(at)
            row.locator("[data-by='-1']").focus()
            page.keyboard.press("Enter")
            expect(rows.nth(at - 1)).to_have_text(text)
    shot(page, "candidate-order")
    drag_back_and_forth(page, rows)
    assert rows.all_inner_texts() == RIGHT_ORDER


def drag_back_and_forth(page: Page, rows: Locator) -> None:
    for start, end in ((0, 2), (2, 0)):
        grip = page.locator(".order-grip").nth(start).bounding_box()
        goal = page.locator(".order-grip").nth(end).bounding_box()
        assert grip and goal
        page.mouse.move(grip["x"] + 10, grip["y"] + 10)
        page.mouse.down()
        page.mouse.move(goal["x"] + 10, goal["y"] + goal["height"] / 2, steps=12)
        page.mouse.up()
        expect(rows.nth(end)).to_have_text(RIGHT_ORDER[0])


def hotspot_by_keys(page: Page) -> None:
    on(page, 9)
    expect(page.locator(".rich img")).to_have_js_property("naturalWidth", 320)
    areas = page.locator(".area")
    expect(areas).to_have_count(3)
    areas.nth(0).click()
    expect(areas.nth(0)).to_have_attribute("aria-checked", "true")
    areas.nth(1).focus()
    page.keyboard.press("Space")
    expect(areas.nth(0)).to_have_attribute("aria-checked", "false")
    expect(areas.nth(1)).to_have_attribute("aria-checked", "true")
    shot(page, "candidate-hotspot")


def essay(page: Page) -> None:
    on(page, 10)
    page.locator(".essay-text").press_sequentially(ESSAY)
    expect(page.locator("#essay-count")).to_contain_text(f"{len(ESSAY)} / 8000")
    shot(page, "candidate-essay")


def case(page: Page) -> None:
    on(page, number_of("SHILI-case.1"))
    expect(page.locator(".case-text")).to_contain_text("无人认领的行李")
    option(page, "报告").click()
    on(page, number_of("SHILI-case.2"))
    expect(page.locator(".case summary")).to_contain_text("第 11–13 题")
    page.locator("input.gap").fill("50")
    on(page, number_of("SHILI-case.3"))
    page.locator(".essay-text").fill("时间、地点、物品")
    shot(page, "candidate-case")
    page.locator(".question-body").focus()
    assert {ItemKind.CASE} <= {section.kind for section in FORM.sections}
