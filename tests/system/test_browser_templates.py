"""A template of score sheets from a file to its approval, by mouse and keyboard, in a real Chromium."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import expect

from itembank.exporting.sheet_xlsx import sheet_xlsx
from server.access import Role
from server.cli.rehearse.crew import Names, hire
from server.cli.rehearse.hall import private_hall
from server.services import banks
from server.services.sample_templates import sample
from tests.server.desk import xlsx
from tests.system.bank_walk import Desk, by_keyboard
from tests.system.chromium import chromium
from tests.system.screens import PASSWORD

pytestmark = [pytest.mark.system, pytest.mark.long]  # a long walk: `make test-long`
MIME = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
USUAL = {
    "评分表": [
        ["消防器材操作技能考核评分表"],
        ["考核时间：10 分钟"],
        ["序号", "考核内容", "配分", "评分标准", "得分"],
        [1, "检查灭火器", 40, "每漏一处扣5分，扣完为止"],
        [2, "灭火动作", 60, "动作不规范酌情扣1-10分"],
        ["", "合计", 100],
        ["否定项：对人喷射"],
    ]
}


@pytest.fixture
def desk() -> Iterator[Desk]:
    with ExitStack() as stack:
        hall = stack.enter_context(private_hall(tls=False))
        crew = hire(hall.host, Names("demo-", "示例", PASSWORD), invigilators=1)
        keeper = crew.one(Role.BANK_KEEPER).actor
        facts = banks.new_bank("保卫管理员三级题库", "baowei", 3)
        hall.host.db.write(banks.create, keeper, facts, now=hall.host.now())
        hall.serve()
        yield Desk(hall, crew, stack.enter_context(chromium()))


def test_a_template_goes_from_a_file_to_its_approval(desk: Desk) -> None:
    author, second = desk.page(Role.BANK_KEEPER), desk.page(desk.reviewer)
    desk.open(author, "/templates")
    desk.look(author, "templates-empty")
    author.set_input_files("#file", {"name": "usual.xlsx", "mimeType": MIME, "buffer": xlsx(USUAL)})
    author.click("text=检查文件")

    expect(author.locator("#doubts tbody tr")).to_have_count(2)
    desk.look(author, "template-doubts")
    author.check("input[name=seen]")
    by_keyboard(author, author.locator("button:has-text('保存为草稿')"))
    expect(author.locator("h1")).to_contain_text("消防器材操作技能考核评分表")

    desk.open(author, "/templates")
    data = sheet_xlsx(sample("practical"))
    author.set_input_files("#file", {"name": "sheet.xlsx", "mimeType": MIME, "buffer": data})
    author.click("text=检查文件")
    desk.look(author, "template-look")
    author.click("button:has-text('保存为草稿')")
    expect(author.locator(".alert")).to_contain_text(["已保存为草稿", "等待另一人批准"])
    desk.look(author, "template-draft")

    desk.open(second, "/templates")
    desk.look(second, "templates")
    second.click("text=保卫管理员三级技能考核评分表（示例）")
    by_keyboard(second, second.locator("button:text-is('批准')"))
    expect(second.locator("h1")).to_contain_text("已批准")
    desk.look(second, "template-approved")
    desk.in_english(second, "template-approved")

    chief = desk.page(Role.CHIEF_INVIGILATOR)
    desk.open(chief, "/templates")
    chief.click("text=保卫管理员三级技能考核评分表（示例）")
    expect(chief.locator("main")).not_to_contain_text("漏一处隐患")
    with chief.expect_download() as notice:
        chief.click("text=准备通知单（考场）")
    assert notice.value.suggested_filename.endswith(".pdf")
    desk.look(chief, "template-seen-by-chief")
    assert desk.faults == []
