"""`examhall templates` as typed: checked without a server, kept as a draft, listed without what is asked."""

import io
import json
from pathlib import Path

import openpyxl
import pytest

from itembank.exporting.sheet_xlsx import sheet_xlsx
from server.access import SYSTEM, Role
from server.services import banks, passwords, staff
from server.services.sample_templates import sample
from tests.server.centre import Centre, copied_centre, initialised_folder  # noqa: F401 - fixtures
from tests.server.desk import said

PASSWORD = "correct horse battery"
TYPED = {"input": f"{PASSWORD}\n"}
BANK = "三级题库"


@pytest.fixture
def desk(centre: Centre) -> Centre:
    """An installation with a keeper, an administrator and a bank."""
    hashed = passwords.hash_password(PASSWORD)
    with centre.host() as host:
        for name, role in (("keeper", Role.BANK_KEEPER), ("admin", Role.ADMINISTRATOR)):
            new = staff.NewPerson(name, name, hashed, frozenset({role}))
            host.db.write(staff.add_person, SYSTEM, new, now=host.now())
        with host.db.read() as session:
            account = staff.find_account(session, "keeper")
        assert account is not None
        host.db.write(banks.create, account.actor, banks.new_bank(BANK, "baowei", 3), now=host.now())
    return centre


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "sheet.xlsx"
    path.write_bytes(sheet_xlsx(sample("practical")))
    return path


def test_a_file_is_kept_as_a_draft_and_the_list_tells_nothing_of_it(desk: Centre, file: Path) -> None:
    kept = desk.done("templates", "import", file, "--bank", BANK, "--as", "keeper", "--json", **TYPED)
    assert json.loads(kept.splitlines()[-1]) == {"template": 1}
    listed = desk.done("templates", "list", "--json")
    assert json.loads(listed)["state"] == "draft"
    assert "灭火器" not in listed
    again = desk.refused("templates", "import", file, "--of", "1", "--as", "keeper", **TYPED)
    assert said("template_unchanged", version=1) in again


@pytest.mark.dear
def test_a_faulty_file_keeps_nothing(desk: Centre, file: Path) -> None:
    book = openpyxl.load_workbook(file)
    book["考核信息"]["C5"] = "34"
    book.save(file)
    for typed in (("check", file), ("import", file, "--bank", BANK, "--as", "keeper")):
        result = desk.run("templates", *typed, **TYPED)
        assert result.exit_code == 2, result.output
        assert said("sheet_weights", total=99) in result.output
    assert desk.done("templates", "list") == ""


def test_doubts_are_told_and_must_be_seen(desk: Centre, tmp_path: Path) -> None:
    book, path, out = openpyxl.Workbook(), tmp_path / "usual.xlsx", io.BytesIO()
    for line in (
        ["消防器材操作技能考核评分表"],
        ["考核时间：10 分钟"],
        ["序号", "考核内容", "配分", "评分标准"],
        [1, "灭火动作", 100, "错一处扣2分"],
    ):
        book.active.append(line)
    book.save(out)
    path.write_bytes(out.getvalue())
    typed = ("templates", "import", path, "--bank", BANK, "--as", "keeper")
    assert said("template_doubts_unseen", count=1) in desk.refused(*typed, **TYPED)
    desk.done(*typed, "--doubts-seen", **TYPED)


def test_who_may_not_write_templates_is_refused(desk: Centre, file: Path) -> None:
    typed = ("templates", "import", file, "--bank", BANK, "--as", "admin")
    assert said("forbidden") in desk.refused(*typed, **TYPED)
    assert said("bank_missing", name="无") in desk.refused(
        "templates", "sample", "review", "--bank", "无", "--as", "keeper", **TYPED
    )
    desk.done("templates", "sample", "review", "--bank", BANK, "--as", "keeper", **TYPED)
