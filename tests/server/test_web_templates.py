"""Pages of score sheets' templates: a file looked at before it is kept, versions, approval by another, sealing."""

import io
import json
import re
from collections.abc import Callable
from html import unescape

import openpyxl
import pytest
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.exporting.sheet_xlsx import sheet_xlsx
from itembank.sheet_template import Template
from server.access import Actor, Role
from server.db.assessing import SheetTemplate
from server.db.people import UserRole
from server.db.record import AuditEntry
from server.host import Host
from server.services import banks, sheet_templates
from server.services.sample_templates import sample
from tests.server.desk import BINARY, page, said, send, xlsx
from tests.server.preparing import PASSPHRASE
from tests.server.template_kit import Keyed, keyed_stage

SECRET = "漏一处隐患"


@pytest.fixture
def bank(host: Host, person_as: Callable[..., Actor]) -> int:
    facts = banks.new_bank("示例题库", "baowei", 3)
    return host.db.write(banks.create, person_as("bank_keeper"), facts, now=host.now())


@pytest.fixture
def stage(host: Host, person_as: Callable[..., Actor]) -> Keyed:
    return keyed_stage(host, person_as)


@pytest.fixture
def author(client_as: Callable[..., FlaskClient]) -> FlaskClient:
    return client_as("bank_keeper")


@pytest.fixture
def second(client_as: Callable[..., FlaskClient]) -> FlaskClient:
    return client_as("bank_keeper", name="题库管理员二")


def kept(browser: FlaskClient, bank: int, data: bytes, **fields: str) -> str:
    """The address of a template that was read from a file and kept."""
    look = page(send(browser, "/templates/read", data, "sheet.xlsx", bank=str(bank), **fields))
    content = unescape(re.search(r"<textarea name=\"content\"[^>]*>(.*?)</textarea>", look, re.S)[1])
    form = {"content": content, "bank": str(bank), "doubts": "0", **fields}
    answer = browser.post("/templates", data=form)
    assert answer.status_code == 302, page(answer)
    return answer.location


def workbook(change: Callable[[Template], Template] = lambda same: same) -> bytes:
    return sheet_xlsx(change(sample("practical")))


def row(host: Host, path: str) -> SheetTemplate:
    with host.db.read() as session:
        return session.get_one(SheetTemplate, int(path.rsplit("/", 1)[1]))


def test_a_file_is_looked_at_then_kept_then_approved_by_another(
    host: Host, bank: int, author: FlaskClient, second: FlaskClient
) -> None:
    look = page(send(author, "/templates/read", workbook(), "sheet.xlsx", bank=str(bank)))
    assert "没有发现错误" in look
    assert SECRET in look
    assert "还没有保存" in look
    with host.db.read() as session:
        assert session.scalars(select(SheetTemplate)).all() == []
    path = kept(author, bank, workbook())
    assert "等待另一人批准" in page(author.get(path))
    own = author.post(f"{path}/approve", data={"seen": row(host, path).sha256})
    assert own.status_code == 403
    assert second.post(f"{path}/approve", data={"seen": "0" * 64}).status_code == 409
    assert second.post(f"{path}/approve", data={"seen": row(host, path).sha256}).status_code == 302
    assert row(host, path).state == "approved"
    assert SECRET.encode() not in row_sealed(host, path)


def row_sealed(host: Host, path: str) -> bytes:
    with host.db.read() as session:
        return session.get_one(SheetTemplate, int(path.rsplit("/", 1)[1])).sealed


def test_a_version_shows_the_approver_what_it_changes(
    host: Host, bank: int, author: FlaskClient, second: FlaskClient
) -> None:
    path = kept(author, bank, workbook())
    second.post(f"{path}/approve", data={"seen": row(host, path).sha256})
    book = openpyxl.load_workbook(io.BytesIO(author.get(f"{path}/file.xlsx").data))
    sheet = book["评分项目"]
    cell = next(cell for line in sheet.iter_rows() for cell in line if cell.value == SECRET)
    cell.value = "漏查一处隐患"
    changed = io.BytesIO()
    book.save(changed)
    of = path.rsplit("/", 1)[1]
    fresh = kept(author, bank, changed.getvalue(), of=of, note="措辞")
    shown = page(second.get(fresh))
    assert "与第 1 版的差别" in shown
    assert "考核试题 1 · 评分项 1.3 · 扣分项 a · 内容" in shown
    assert "漏查一处隐患" in shown
    assert row(host, fresh).version == 2
    assert row(host, path).state == "approved"
    again = send(author, "/templates/read", changed.getvalue(), "sheet.xlsx", of=of, bank=str(bank))
    content = unescape(re.search(r"<textarea name=\"content\"[^>]*>(.*?)</textarea>", page(again), re.S)[1])
    answer = author.post("/templates", data={"content": content, "of": of, "doubts": "0"})
    assert said("template_unchanged", version=2) in page(answer)


def test_a_faulty_file_names_sheet_row_and_column_and_offers_nothing_to_keep(
    bank: int, author: FlaskClient
) -> None:
    book = openpyxl.load_workbook(io.BytesIO(workbook()))
    book["评分项目"]["E2"] = "五"
    broken = io.BytesIO()
    book.save(broken)
    shown = page(send(author, "/templates/read", broken.getvalue(), "sheet.xlsx", bank=str(bank)))
    assert "评分项目 第 2 行" in shown
    assert '<td class="nowrap">配分</td>' in shown
    assert "“五”不是数字" in shown
    assert 'name="content"' not in shown


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"PK\x03\x04broken", "workbook_broken"),
        (BINARY, "file_binary"),
        (xlsx({"成绩": [["姓名", "成绩"]]}), "sheet_no_score_table"),
    ],
)
def test_a_hostile_or_foreign_file_is_refused_with_its_sentence(
    bank: int, author: FlaskClient, data: bytes, code: str
) -> None:
    answer = send(author, "/templates/read", data, "x.xlsx", bank=str(bank))
    assert answer.status_code == 409
    assert said(code, name="x.xlsx") in page(answer)


def test_doubts_must_be_seen_before_the_template_is_kept(bank: int, author: FlaskClient) -> None:
    book = openpyxl.Workbook()
    for line in (
        ["消防器材操作技能考核评分表"],
        ["考核时间：10 分钟"],
        ["序号", "考核内容", "配分", "评分标准", "得分"],
        [1, "检查灭火器", 40, "每漏一处扣5分，扣完为止"],
        [2, "灭火动作", 60, "动作不规范酌情扣1-10分"],
        ["", "合计", 100],
        ["否定项：对人喷射"],
    ):
        book.active.append(line)
    data = io.BytesIO()
    book.save(data)
    shown = page(send(author, "/templates/read", data.getvalue(), "usual.xlsx", bank=str(bank)))
    assert "需要人工确认" in shown
    assert "动作不规范酌情扣1-10分" in shown
    content = unescape(re.search(r"<textarea name=\"content\"[^>]*>(.*?)</textarea>", shown, re.S)[1])
    form = {"content": content, "bank": str(bank), "doubts": "2"}
    assert author.post("/templates", data=form).status_code == 422
    assert author.post("/templates", data=form | {"seen": "1"}).status_code == 302


def test_samples_and_example_workbooks_come_with_the_product(
    host: Host, bank: int, author: FlaskClient
) -> None:
    for component in ("practical", "review"):
        answer = author.post("/templates/sample", data={"bank": str(bank), "component": component})
        assert row(host, answer.location).sample
        assert "示例" in page(author.get(answer.location))
        assert author.get(f"/templates/example/{component}.xlsx").data[:2] == b"PK"
    assert (
        author.post("/templates/sample", data={"bank": str(bank), "component": "theory"}).status_code == 404
    )


@pytest.mark.dear
def test_what_is_asked_is_for_authors_and_approvers_alone(
    bank: int, author: FlaskClient, client_as: Callable[..., FlaskClient]
) -> None:
    path = kept(author, bank, workbook())
    for role in ("administrator", "chief_invigilator", "supervisor", "auditor", "scorer", "institution_head"):
        browser = client_as(role)
        shown = page(browser.get(path))
        assert SECRET not in shown, role
        assert "保卫管理员三级技能考核评分表" in shown
        assert browser.get(f"{path}/file.xlsx").status_code == 403
        assert browser.get(f"{path}/sheet.pdf").status_code == 403
    for role in ("examiner", "invigilator", "custodian", "mark_checker"):
        assert client_as(role).get(path).status_code == 403


def test_an_examiner_who_is_bank_keeper_too_reads_no_template_of_the_own_panel(
    host: Host, stage: Keyed, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    def promote(session: Session) -> str:
        session.add(UserRole(user_id=stage.leader.user_id, role=str(Role.BANK_KEEPER)))
        row = session.get_one(SheetTemplate, stage.template)
        return sheet_templates.opened(session, row).tasks[0].items[0].content

    asked = host.db.write(promote)
    browser, path = sign_in(stage.leader), f"/templates/{stage.template}"
    shown = page(browser.get(path))
    assert "您在使用这份评分表的考评组中" in shown and asked not in shown
    for rest in ("/file.xlsx", "/sheet.pdf"):
        assert browser.get(path + rest).status_code == 403


@pytest.mark.dear
def test_a_forged_form_is_no_template(bank: int, author: FlaskClient) -> None:
    for content in ("", "{}", "[1]", "{" * 500_001, json.dumps({"v": 1})):
        answer = author.post("/templates", data={"content": content, "bank": str(bank), "doubts": "0"})
        assert answer.status_code in (413, 422)


@pytest.mark.parametrize("title", ["\ud800", "名称\x00", "名称\x1b"])
def test_a_form_with_characters_that_no_store_takes_is_refused(
    bank: int, author: FlaskClient, title: str
) -> None:
    plainly = {**sample("practical").to_json(), "title": title}
    path = kept(author, bank, workbook())
    for form in ({"bank": str(bank)}, {"of": path.rsplit("/", 1)[1]}):
        answer = author.post("/templates", data={"content": json.dumps(plainly), "doubts": "0", **form})
        assert answer.status_code == 422
        assert "控制字符" in page(answer)


def words(pdf: bytes) -> str:
    return "".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(pdf)).pages).replace("\n", "")


def test_notices_tell_no_task_and_are_printed_of_approved_templates(
    host: Host, bank: int, author: FlaskClient, second: FlaskClient, client_as: Callable[..., FlaskClient]
) -> None:
    path = kept(author, bank, workbook())
    chief = client_as("chief_invigilator")
    assert chief.get(f"{path}/notice-site.pdf").status_code != 200
    second.post(f"{path}/approve", data={"seen": row(host, path).sha256})
    site = words(chief.get(f"{path}/notice-site.pdf").data)
    assert "干粉灭火器" in site
    assert row(host, path).sha256[:16] in site
    template = sample("practical")
    assert not [item.content for item in template.items() if item.content in site]
    assert "签字笔" in words(chief.get(f"{path}/notice-candidate.pdf").data)
    assert chief.get(f"{path}/notice-else.pdf").status_code == 400


def test_a_blank_sheet_shows_its_deductions_version_and_hash(
    host: Host, bank: int, author: FlaskClient
) -> None:
    path = kept(author, bank, workbook())
    shown = words(author.get(f"{path}/sheet.pdf").data)
    assert SECRET in shown
    assert "第 1 版" in shown
    assert row(host, path).sha256[:16] in shown
    assert "第 1 页" in shown
    assert "核分人" in shown


class TestSealing:
    """The seal and release pages of a room that a panel assesses."""

    def form(self, stage: Keyed, password: str) -> dict[str, object]:
        chosen = [f"{user}/{role}" for user, role in stage.holders().items()]
        return {"custodian": chosen, "cosign_username": stage.chief.name, "cosign_password": password}

    def keys(self, stage: Keyed, password: str) -> dict[str, str]:
        return {
            "first_passphrase": PASSPHRASE,
            "second_username": stage.custodian.name,
            "second_password": password,
            "second_passphrase": PASSPHRASE,
        }

    @pytest.mark.dear
    def test_sealed_and_released_in_the_browser(
        self,
        stage: Keyed,
        sign_in: Callable[[Actor], FlaskClient],
        password: str,
        machine,
    ) -> None:
        administrator, chief = sign_in(stage.administrator), sign_in(stage.chief)
        place = f"/sittings/{stage.room_sitting}"
        assert f'action="{place}/package"' in administrator.get(place).text
        answer = administrator.post(f"{place}/package", data=self.form(stage, password))
        assert answer.status_code == 302, page(answer)
        assert "送达考试机" not in page(chief.get(f"{place}/package"))
        machine.advance(minutes=1)
        early = chief.post(f"{place}/release", data=self.keys(stage, password))
        assert early.status_code == 403
        assert "启封" in page(early)
        machine.advance(minutes=1)
        alone = self.keys(stage, password) | {"second_username": stage.chief.name}
        assert chief.post(f"{place}/release", data=alone).status_code != 302
        examiner = sign_in(stage.leader)
        assert examiner.get(f"{place}/package").status_code == 403
        assert chief.post(f"{place}/score-sheets").status_code == 403
        done = chief.post(f"{place}/release", data=self.keys(stage, password))
        assert done.status_code == 302, page(done)
        shown = page(chief.get(f"{place}/package"))
        assert "生成评分记录表 PDF" in shown
        pdf = PdfReader(io.BytesIO(chief.post(f"{place}/score-sheets").data))
        assert len(pdf.pages) >= 2 * 3  # candidates x examiners
        with stage.host.db.read() as session:
            entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "template_printed")).one()
            assert entry.details["copies"] == 6

    def test_a_stranger_to_the_room_prints_nothing(
        self,
        stage: Keyed,
        client_as: Callable[..., FlaskClient],
        machine,
    ) -> None:
        stage.seal()
        answer = client_as("invigilator").post(f"/sittings/{stage.room_sitting}/score-sheets")
        assert answer.status_code == 403
