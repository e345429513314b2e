"""From a faulty file to an opened package, as the people who do it see it, in a real Chromium.

Two bank keepers, an administrator and two custodians; one server. What one person may not do alone is tried by
one and done by another. With EXAMHALL_SCREENSHOTS set to a folder the pictures of the documentation are made
on the way.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal

import pytest
from playwright.sync_api import Locator, Page, expect

from server.access import Role
from server.cli.rehearse import stage
from server.cli.rehearse.crew import Names, hire
from server.cli.rehearse.hall import private_hall
from tests.system.bank_walk import MEANING, SCOPE_A, SCOPE_B, Desk, bank_file, by_keyboard
from tests.system.chromium import chromium
from tests.system.screens import PASSWORD, shot

pytestmark = [pytest.mark.system, pytest.mark.long]  # a long walk: `make test-long`
BANK, PLAN, PAPERS = "示例题库·安保（三级）", "安保三级理论细目表", "安保三级理论知识试卷"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
JOB_MS = 30_000
PASTE = """(one, text) => {
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/plain", text);
  one.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""


@pytest.fixture
def desk() -> Iterator[Desk]:
    with ExitStack() as stack:
        hall = stack.enter_context(private_hall(tls=False))
        crew = hire(hall.host, Names("demo-", "示例", PASSWORD), invigilators=2)
        hall.serve()
        yield Desk(hall, crew, stack.enter_context(chromium()))


def test_from_a_faulty_file_to_an_opened_package(desk: Desk) -> None:
    keeper, reviewer = desk.page(Role.BANK_KEEPER), desk.page(desk.reviewer)
    administrator = desk.page(Role.ADMINISTRATOR)
    begin_a_bank(desk, keeper)
    explain_an_unknown_table(desk, keeper)
    take_the_good_rows(desk, keeper)
    see_the_table_known(desk, keeper)
    review_in_bulk(desk, keeper, reviewer)
    change_an_item(desk, keeper, reviewer)
    write_a_blueprint(desk, keeper)
    approve_the_blueprint(desk, keeper, administrator)
    read_the_coverage(desk, keeper)
    assemble(desk, keeper)
    preview(desk, keeper)
    approve_the_papers(desk, keeper, administrator)
    room = plan_a_sitting(desk)
    seal(desk, administrator, room)
    prove_the_shares(desk, administrator, room)
    open_the_package(desk, room)
    walk_the_rest(desk, administrator, keeper, room)
    assert desk.faults == []


def main(page: Page) -> Locator:
    return page.locator("main")


def upload(page: Page, name: str) -> None:
    page.set_input_files("#file", {"name": name, "mimeType": XLSX, "buffer": bank_file()})
    by_keyboard(page, page.get_by_role("button", name="检查文件"))


def begin_a_bank(desk: Desk, page: Page) -> None:
    desk.open(page, "/banks")
    desk.look(page, "keeper-banks")
    page.fill("#name", BANK)
    page.select_option("#occupation_level", "baowei/3")
    by_keyboard(page, page.get_by_role("button", name="建立题库"))
    expect(page.locator("h1")).to_contain_text(BANK)
    desk.look(page, "keeper-bank-empty")


def explain_an_unknown_table(desk: Desk, page: Page) -> None:
    """Nothing is guessed: the columns are asked for first, then the one code that nothing explains."""
    upload(page, "安保题.xlsx")
    expect(main(page)).to_contain_text("请说明这个文件", timeout=JOB_MS)
    for heading, field in MEANING.items():
        page.get_by_label(f"“{heading}”列的字段").select_option(field)
    desk.look(page, "keeper-mapping")
    page.get_by_role("button", name="按此读取").click()
    code = page.get_by_label("代码 D 表示")
    expect(code).to_be_visible(timeout=JOB_MS)
    desk.look(page, "keeper-mapping-codes")
    code.select_option("multiple")
    by_keyboard(page, page.get_by_role("button", name="按此读取"))
    expect(page.locator("#faults")).to_be_visible(timeout=JOB_MS)


def take_the_good_rows(desk: Desk, page: Page) -> None:
    """Every faulty row is named with its column; nothing comes in before the good rows alone are chosen."""
    bad = page.locator("tr.is-bad")
    expect(bad).to_have_count(3)
    for number in (42, 43, 44):
        expect(bad.filter(has_text=f"{number}")).to_have_count(1)
    desk.look(page, "keeper-import")
    by_keyboard(page, page.get_by_role("button", name="写入题库"))
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("仅导入正确的 40 行").check()
    page.get_by_role("button", name="写入题库").click()
    expect(main(page)).to_contain_text("已导入 40 道试题")
    expect(main(page)).to_contain_text("另有 40 道试题未启用")


def see_the_table_known(desk: Desk, page: Page) -> None:
    upload(page, "安保题（再次）.xlsx")
    expect(main(page)).to_contain_text("按上次的说明读取", timeout=JOB_MS)
    desk.look(page, "keeper-import-known")
    page.get_by_role("button", name="放弃", exact=True).click()
    expect(main(page)).to_contain_text("已放弃本次导入")


def review_in_bulk(desk: Desk, keeper: Page, reviewer: Page) -> None:
    """Who imported them may not review them; another person takes all of them into use."""
    desk.open(keeper, "/banks/1/items")
    move_all(keeper, "reviewed")
    expect(main(keeper)).to_contain_text("40 道没有改动")
    desk.open(reviewer, "/banks/1/items")
    desk.look(reviewer, "reviewer-items")
    for to in ("reviewed", "active"):
        move_all(reviewer, to)
        expect(main(reviewer)).to_contain_text("40 道试题：")
    desk.in_english(reviewer, "reviewer-items")


def move_all(page: Page, to: str) -> None:
    by_keyboard(page, page.locator("details:has(#scope) summary"))
    page.select_option("#scope", "all")
    page.select_option("#to", to)
    by_keyboard(page, page.get_by_role("button", name="执行"))
    page.wait_for_load_state()


def change_an_item(desk: Desk, keeper: Page, reviewer: Page) -> None:
    """A new version waits for the other person, who sees both side by side."""
    desk.open(keeper, "/banks/1/items?uid=示-002")
    keeper.get_by_role("link", name="示-002").click()
    keeper.get_by_role("button", name="阅读正文").click()
    expect(main(keeper)).to_contain_text("值班交接中发现异常")
    desk.look(keeper, "keeper-item")
    keeper.get_by_role("link", name="修改", exact=True).click()
    desk.look(keeper, "keeper-item-editor")
    keeper.locator("#stem").fill("值班交接中发现异常，第一步应当")
    keeper.fill("#note", "措辞与其他试题一致")
    by_keyboard(keeper, keeper.get_by_role("button", name="保存", exact=True))
    expect(main(keeper)).to_contain_text("第 2 版等待审定")
    desk.open(reviewer, keeper.url.removeprefix(desk.address))
    reviewer.get_by_role("link", name="对照两版并审定").click()
    expect(reviewer.locator("ins").last).to_be_visible()
    desk.look(reviewer, "reviewer-compare")
    by_keyboard(reviewer, reviewer.get_by_role("button", name="启用新版本"))
    expect(main(reviewer)).to_contain_text("第 2 版已启用")


def write_a_blueprint(desk: Desk, page: Page) -> None:
    """A tree that sums to 99 is kept as a draft with its fault marked, and with 100 it waits for approval."""
    desk.open(page, "/blueprints")
    desk.look(page, "keeper-blueprints-empty")
    page.fill("#name", PLAN)
    page.select_option("#occupation_level", "baowei/3")
    page.fill("#size", "10")
    page.get_by_role("button", name="新建并编辑").click()
    rows = page.locator("#scopes > .scope")
    fill_scope(rows.nth(0), "A", "日常守护", "60", SCOPE_A)
    rows.nth(0).locator("> .scope-row [data-field=name]").press("Enter")
    fill_scope(rows.nth(1), "B", "应急处置", "39", [*SCOPE_B, "B-A-A-005"])
    for kind, count in (("single", "6"), ("multiple", "2"), ("true-false", "2")):
        page.fill(f"#f-kinds-{kind}-count", count)
        page.fill(f"#f-kinds-{kind}-points", "10")
    total = page.locator("#f-scopes")
    expect(total).to_have_class("badge act")
    expect(total).to_contain_text("99")
    by_keyboard(page, page.get_by_role("button", name="保存草稿"), "#f-seconds-max")
    expect(main(page)).to_contain_text("处需要改正")
    expect(page.locator("#f-scopes")).to_contain_text("99")
    expect(page.locator("#f-scopes-e")).to_contain_text("99")
    desk.look(page, "keeper-blueprint-99")
    rows.nth(1).locator("> .scope-row [data-field=weight]").fill("40")
    expect(total).to_have_class("badge good")
    expect(page.locator("#f-scopes-e")).to_be_hidden()
    desk.look(page, "keeper-blueprint-editor", "section:has(#scopes)")
    by_keyboard(page, page.get_by_role("button", name="保存草稿"), "#f-seconds-max")
    expect(main(page)).to_contain_text("等待另一人批准")
    expect(page.get_by_role("button", name="批准并使用")).to_have_count(0)


def fill_scope(scope: Locator, code: str, name: str, weight: str, points: list[str]) -> None:
    head = scope.locator("> .scope-row")
    for field, value in (("code", code), ("name", name), ("weight", weight)):
        head.locator(f"[data-field={field}]").fill(value)
    scope.locator("> .points summary").click()
    scope.get_by_role("button", name="新增鉴定点").click()
    table = "\n".join(f"{point}\t{name}要点{number}" for number, point in enumerate(points, 1))
    scope.locator("> .points .point [data-field=name]").evaluate(PASTE, table)
    expect(scope.locator("> .points .point")).to_have_count(len(points))


def approve_the_blueprint(desk: Desk, keeper: Page, second: Page) -> None:
    desk.open(second, keeper.url.removeprefix(desk.address))
    desk.look(second, "second-blueprint")
    by_keyboard(second, second.get_by_role("button", name="批准并使用"))
    expect(main(second)).to_contain_text("细目表已批准")
    desk.in_english(second, "second-blueprint")


def read_the_coverage(desk: Desk, page: Page) -> None:
    """Rule R22: four items in use are enough for a point, fewer are marked, none is named as such."""
    desk.open(page, "/banks/1/items?uid=示-005")
    page.locator(".pick").first.check()
    page.locator("details:has(#scope) summary").click()
    page.select_option("#to", "suspended")
    page.fill("#reason", "与新规不符，待核对")
    page.get_by_role("button", name="执行").click()
    desk.open(page, "/banks/1/coverage")
    page.get_by_label("对照细目表").select_option(label=f"{PLAN} · v1")
    by_keyboard(page, page.get_by_role("button", name="对照"))
    table = page.locator(".heat-table tbody tr")
    expect(table).to_have_count(11)
    for point, state in (("A-A-A-001", "充足"), ("A-A-A-002", "不足"), ("B-A-A-005", "没有试题")):
        expect(table.filter(has_text=point)).to_contain_text(state)
    expect(page.locator(".counts")).to_contain_text("39")
    desk.look(page, "keeper-coverage", "section:has(.heat-table)")
    desk.open(page, "/banks/1")
    desk.look(page, "keeper-bank")


def assemble(desk: Desk, page: Page) -> None:
    """An A and a B form and a spare one; the proof says what was asked and what was reached."""
    desk.open(page, "/papers/new")
    page.fill("#title", PAPERS)
    page.fill("#spare_forms", "1")
    desk.look(page, "keeper-assembly")
    by_keyboard(page, page.get_by_role("button", name="开始组卷"))
    page.wait_for_url("**/papers/*")
    expect(main(page)).to_contain_text("必须满足的各项全部达到", timeout=JOB_MS)
    expect(page.get_by_role("button", name="批准试卷")).to_have_count(0)
    expect(main(page)).to_contain_text("请由另一人核对")
    desk.look(page, "keeper-proof", "section:has(.table)")
    page.get_by_role("link", name="证明", exact=True).first.click()
    desk.look(page, "keeper-form-proof")


def preview(desk: Desk, page: Page) -> None:
    """The candidate's own page: its answer card, its keys on the keyboard, its style sheet."""
    desk.open(page, "/papers/1/preview/A")
    expect(page.locator(".option").first).to_be_visible()
    cells = page.locator(".answer-card [data-answered]:not(.cell-sample)")
    for _try in range(5):  # keys are listened to once the first picture is painted
        page.keyboard.press("a")
        page.wait_for_timeout(200)
        if cells.count():
            break
    expect(cells).to_have_count(1)
    page.get_by_label("答案").check()
    expect(page.locator(".preview-key")).to_be_visible()
    shot(page, "keeper-preview")


def approve_the_papers(desk: Desk, keeper: Page, second: Page) -> None:
    desk.open(second, "/papers/1")
    by_keyboard(second, second.get_by_role("button", name="批准试卷"))
    expect(main(second)).to_contain_text("试卷已批准")
    desk.look(second, "second-papers")
    desk.open(second, "/papers")
    desk.look(second, "second-papers-list")


def plan_a_sitting(desk: Desk) -> int:
    """A room with four candidates in ten minutes, with these papers; by the services behind those screens."""
    host, wish = (
        desk.hall.host,
        stage.Wish("示例场次", stage.fictional_people(4, named="示例考生"), Decimal(15), "7"),
    )
    _room, room_sitting = stage._plan(host, desk.crew, 1, wish)
    stage._people(host, desk.crew, room_sitting, wish)
    return room_sitting


def seal(desk: Desk, page: Page, room: int) -> None:
    desk.open(page, f"/sittings/{room}#package")
    for box in page.locator("[name=custodian]:enabled").all():
        box.check()
    desk.look(page, "administrator-seal", "#seating")
    chief = desk.crew.one(Role.CHIEF_INVIGILATOR)
    page.fill("#seal-cosign_username", chief.username)
    page.fill("#seal-cosign_password", chief.password)
    by_keyboard(page, page.get_by_role("button", name="密封试卷包"))
    expect(main(page)).to_contain_text("试卷包已密封")


def prove_the_shares(desk: Desk, administrator: Page, room: int) -> None:
    page = desk.page(Role.CUSTODIAN)
    desk.open(page, "/papers/proofs")
    desk.look(page, "custodian-proofs")
    page.fill("#passphrase", "not the passphrase")
    page.locator("#passphrase").press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    page.fill("#passphrase", desk.crew.one(Role.CUSTODIAN).passphrase)
    page.locator("#passphrase").press("Enter")
    expect(main(page)).to_contain_text("口令有效：2 份试卷包")
    desk.open(administrator, f"/sittings/{room}/package")
    desk.look(administrator, "administrator-package")
    desk.in_english(administrator, "administrator-package")
    desk.open(administrator, "/papers/ceremony")
    desk.look(administrator, "administrator-ceremony")


def open_the_package(desk: Desk, room: int) -> None:
    """Inside the window, by two people of two roles; one person's own name twice is not two."""
    chief, second = desk.crew.one(Role.CHIEF_INVIGILATOR), desk.crew.one(Role.CUSTODIAN)
    page = desk.page(Role.CHIEF_INVIGILATOR)
    desk.open(page, f"/sittings/{room}/release")
    for who in (chief, second):
        page.fill("[name=first_passphrase]", chief.passphrase)
        page.fill("[name=second_username]", who.username)
        page.fill("[name=second_password]", who.password)
        page.fill("[name=second_passphrase]", who.passphrase)
        desk.look(page, "chief-release", "section:has(.table)")
        by_keyboard(page, page.get_by_role("button", name="启封", exact=True))
        if who is chief:
            expect(page.get_by_role("alert")).to_be_visible()
    expect(main(page)).to_contain_text("试卷包已启封")
    desk.open(page, f"/sittings/{room}/package")
    desk.look(page, "chief-package-opened")


def walk_the_rest(desk: Desk, administrator: Page, keeper: Page, room: int) -> None:
    """The pages beside the way: papers on paper, the vault, the export of a bank."""
    for page, path, name in (
        (administrator, f"/sittings/{room}/prints", "administrator-prints"),
        (administrator, f"/sittings/{room}/marks", "administrator-marks"),
        (administrator, "/vault", "administrator-vault"),
        (keeper, "/banks/1/export", "keeper-export"),
        (keeper, "/banks/1/items/new", "keeper-item-new"),
        (keeper, "/blueprints", "keeper-blueprints"),
    ):
        desk.open(page, path)
        desk.look(page, name)
