"""The pages of an import with real files read by real children: report, mapping, decision."""

import re
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.importing.reading import BankReading
from server.access import Actor, Role
from server.db.bank import Bank, BankImport, BankItem, BlueprintRow, ImportMedium
from server.db.record import AuditEntry, JobRow
from server.host import Host
from server.services import imports
from tests.server import desk
from tests.server.bank_desk import FAULTY, GOOD, HEAD, MOODLE, Desk, row
from tests.server.conftest import NOW
from tests.server.desk import page, said, send


@pytest.fixture
def keeper(host: Host, client_as: Callable[..., FlaskClient]) -> Iterator[Desk]:
    browser = client_as("bank_keeper")
    answer = browser.post("/banks", data={"name": "示例题库", "occupation_level": "baowei/3"})
    yield Desk(host, browser, int(answer.location.rsplit("/", 1)[1]))


class TestImport:
    @pytest.mark.parametrize(
        ("data", "name"),
        [
            (desk.xlsx({"填写说明": [["说明"]], "题库": GOOD}), "bank.xlsx"),
            (desk.csv(GOOD), "bank.csv"),
            (desk.csv(GOOD, "gb18030"), "gb.csv"),
        ],
    )
    @pytest.mark.both_stores
    def test_good_rows_of_every_format_come_in(self, keeper: Desk, data: bytes, name: str) -> None:
        report = page(keeper.upload(data, name))
        assert "待确认" in report
        assert "第 1 道题问的是什么？" in report
        assert desk.counts(keeper.host, BankItem) == [0]
        answer = keeper.browser.post(f"{keeper.imported}/commit")
        assert answer.location == keeper.path
        assert desk.counts(keeper.host, BankItem) == [3]

    @pytest.mark.parametrize("make", [lambda rows: desk.xlsx({"题库": rows}), desk.csv])
    def test_rejected_rows_stand_with_row_field_and_reason(
        self, keeper: Desk, make: Callable[..., bytes]
    ) -> None:
        report = page(keeper.upload(make(FAULTY), "bank.xlsx"))
        for row_number, column, reason in (
            (3, "正确答案", said("answer_not_an_option", letter="E")),
            (4, "试题（题干）", said("empty_stem")),
            (5, "题型代码", said("unknown_type_code", value="怪题")),
            (6, "认定点代码", said("bad_point", value="??")),
        ):
            line = next(part for part in fault_lines(report) if reason in part)
            assert f"第 {row_number} 行" in line
            assert column in line

    def test_with_faults_nothing_is_stored_until_good_rows_are_chosen(self, keeper: Desk) -> None:
        keeper.upload(desk.xlsx({"题库": FAULTY}), "bank.xlsx")
        answer = keeper.browser.post(f"{keeper.imported}/commit")
        assert answer.status_code == 409
        assert said("import_has_faults", count=4) in page(answer)
        assert desk.counts(keeper.host, BankItem) == [0]
        keeper.browser.post(f"{keeper.imported}/commit", data={"good_rows": "1"})
        assert desk.counts(keeper.host, BankItem) == [1]
        assert "已入库" in page(keeper.browser.get(keeper.imported))

    @pytest.mark.parametrize("who", ["nobody", "another"])
    def test_bodies_of_anothers_import_are_for_those_who_may_read_items(
        self, keeper: Desk, client_as: Callable[..., FlaskClient], who: str
    ) -> None:
        shown = page(keeper.upload(desk.xlsx({"题库": GOOD}), "bank.xlsx"))
        assert "第 1 道题问的是什么" in shown
        others = {"nobody": ("administrator", False), "another": ("bank_keeper", True)}
        role, reads = others[who]
        seen = page(client_as(role).get(keeper.imported))
        assert "通过" in seen  # the numbers are for both
        assert ("第 1 道题问的是什么" in seen) is reads
        assert ("题干与选项" in seen) is reads

    def test_faults_quote_items_only_to_those_who_may_read_them(
        self, keeper: Desk, client_as: Callable[..., FlaskClient]
    ) -> None:
        keeper.upload(desk.xlsx({"题库": FAULTY}), "bank.xlsx")
        secret, hidden = said("answer_not_an_option", letter="E"), said("answer_not_an_option", letter="…")
        readers = {"administrator": False, "bank_keeper": True}
        for role, reads in readers.items():
            browser = client_as(role)
            for path in (keeper.imported, f"{keeper.imported}/faults.csv"):
                shown = page(browser.get(path))
                assert (secret in shown, hidden in shown) == (reads, not reads)
                assert ("怪题" in shown) is reads
        with keeper.host.db.read() as session:
            read = session.scalars(select(AuditEntry).where(AuditEntry.act == "import_read")).all()
        assert sorted(entry.details["what"] for entry in read) == ["faults", "preview"]

    def test_an_administrator_sees_the_bodies_of_the_own_import(
        self, keeper: Desk, client_as: Callable[..., FlaskClient]
    ) -> None:
        own = Desk(keeper.host, client_as("administrator"), keeper.bank)
        assert "第 1 道题问的是什么" in page(own.upload(desk.xlsx({"题库": GOOD}), "bank.xlsx"))

    def test_given_up_it_leaves_the_bank_as_it_was(self, keeper: Desk) -> None:
        keeper.upload(desk.xlsx({"题库": GOOD}), "bank.xlsx")
        keeper.browser.post(f"{keeper.imported}/discard")
        assert desk.counts(keeper.host, BankItem) == [0]
        again = keeper.browser.post(f"{keeper.imported}/commit")
        assert said("import_not_ready") in page(again)
        assert desk.counts(keeper.host, BankItem) == [0]

    @pytest.mark.parametrize(
        ("data", "name", "reason"),
        [
            (desk.xlsx({"题库": GOOD})[:-200], "cut.xlsx", said("archive_broken", name="cut.xlsx")),
            (desk.BINARY, "noise.csv", said("file_binary", name="noise.csv")),
            (desk.HTML_AS_XLS, "old.xls", said("file_is_web_page", name="old.xls")),
            (desk.csv([HEAD]), "bare.csv", said("bank_without_items", name="bare.csv")),
            (
                desk.csv([["姓名", "成绩"], ["张", "1"]]),
                "other.csv",
                said("unknown_format", name="other.csv"),
            ),
            (
                b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
                "a.xls",
                said("file_old_office", name="a.xls"),
            ),
        ],
    )
    def test_a_file_that_cannot_be_read_says_why(
        self, keeper: Desk, data: bytes, name: str, reason: str
    ) -> None:
        report = keeper.upload(data, name)
        assert report.status_code == 200
        assert reason in page(report)
        assert desk.counts(keeper.host, BankItem) == [0]
        assert keeper.browser.post(f"{keeper.imported}/commit", data={"good_rows": "1"}).status_code == 409

    @pytest.mark.parametrize(
        ("data", "reason"), [(b"", said("file_empty", name="a.csv")), (None, said("file_missing"))]
    )
    def test_no_file_and_an_empty_one(self, keeper: Desk, data: bytes | None, reason: str) -> None:
        path = f"{keeper.path}/imports"
        answer = keeper.browser.post(path) if data is None else send(keeper.browser, path, data, "a.csv")
        assert answer.status_code == 422
        assert reason in page(answer)
        assert desk.counts(keeper.host, BankImport) == [0]

    def test_others_cannot(self, keeper: Desk, client_as: Callable[..., FlaskClient]) -> None:
        browser = client_as("custodian")
        assert send(browser, f"{keeper.path}/imports", desk.csv(GOOD), "a.csv").status_code == 403
        assert browser.post(f"{keeper.path}/imports/1/commit").status_code == 403
        assert browser.post(f"{keeper.path}/imports/1/discard").status_code == 403


CODED = [HEAD, row(1, kind="D", answer="AC"), row(2, kind="B"), row(3, kind="C", answer="对")]
UNKNOWN = [
    ["题面", "甲案", "乙案", "对的", "备忘"],
    ["何时应当报警？", "立即", "以后", "A", "旧"],
    ["哪里是出口？", "左边", "右边", "B", "旧"],
]


class TestMapping:
    def test_scenario_10_each_file_is_read_through_the_chosen_mapping_and_stops_without(
        self, keeper: Desk
    ) -> None:
        """One file marks multiple choice with G under the national heading, another with D."""
        report = page(keeper.upload(desk.csv(CODED), "d.csv"))
        assert "请说明这个文件" in report
        assert desk.counts(keeper.host, BankItem) == [0]
        assert keeper.browser.post(f"{keeper.imported}/commit").status_code == 409
        answer = keeper.browser.post(f"{keeper.imported}/mapping", data={"code_0": ""})
        assert answer.status_code == 422
        assert said("code_undeclared", value="D") in page(answer)
        self.declare(keeper, code_0="multiple")
        assert "按您的说明读取" in page(keeper.browser.get(keeper.imported))
        assert keeper.browser.post(f"{keeper.imported}/commit").status_code == 302
        national = [HEAD, row(7, kind="G", answer="BD", stem="哪些是正确的做法？")]
        keeper.upload(desk.csv(national), "g.csv")
        keeper.browser.post(f"{keeper.imported}/commit")
        with keeper.host.db.read() as session:
            kinds = dict(session.execute(select(BankItem.uid, BankItem.kind)).all())
        assert kinds == {"T-1": "multiple", "T-2": "single", "T-3": "true_false", "T-7": "multiple"}

    def test_rows_of_a_code_can_be_left_out_as_faults(self, keeper: Desk) -> None:
        keeper.upload(desk.csv(CODED), "d.csv")
        self.declare(keeper, code_0="reject")
        report = page(keeper.browser.get(keeper.imported))
        assert said("unknown_type_code", value="D") in report
        keeper.browser.post(f"{keeper.imported}/commit", data={"good_rows": "1"})
        with keeper.host.db.read() as session:
            assert session.scalars(select(BankItem.uid).order_by(BankItem.uid)).all() == ["T-2", "T-3"]

    def test_an_unknown_layout_shows_its_headings_with_cells_and_a_suggestion(self, keeper: Desk) -> None:
        report = page(keeper.upload(desk.xlsx({"表": UNKNOWN}), "own.xlsx"))
        line = next(part for part in report.split("<tr>") if '<th scope="row">题面</th>' in part)
        assert "何时应当报警？" in line
        assert re.search(r'<option value="stem" selected>', line)

    def test_a_declared_layout_is_read_by_itself_the_next_time_and_can_be_changed(self, keeper: Desk) -> None:
        keeper.upload(desk.xlsx({"表": UNKNOWN}), "own.xlsx")
        fields = ("stem", "option_A", "option_B", "answer", "")
        self.declare(keeper, **{f"column_{number}": name for number, name in enumerate(fields)})
        keeper.browser.post(f"{keeper.imported}/commit")
        assert desk.counts(keeper.host, BankItem) == [2]
        other = [UNKNOWN[0], ["谁负责值班？", "值班员", "访客", "A", ""]]
        report = page(keeper.upload(desk.xlsx({"表": other}), "next.xlsx"))
        assert "按上次的说明读取" in report
        assert "谁负责值班？" in report
        keeper.browser.post(f"{keeper.imported}/ask")
        self.wait(keeper)
        asked = page(keeper.browser.get(keeper.imported))
        assert "请说明这个文件" in asked
        line = next(part for part in asked.split("<tr>") if '<th scope="row">甲案</th>' in part)
        assert '<option value="option_A" selected>' in line

    def test_cells_are_for_who_has_the_file_or_may_read_items(
        self, keeper: Desk, client_as: Callable[..., FlaskClient]
    ) -> None:
        keeper.upload(desk.xlsx({"表": UNKNOWN}), "own.xlsx")
        seen = page(client_as("administrator").get(keeper.imported))
        assert "题面" in seen
        assert "何时应当报警" not in seen

    def declare(self, keeper: Desk, **fields: str) -> None:
        answer = keeper.browser.post(f"{keeper.imported}/mapping", data=fields)
        assert answer.status_code == 302
        self.wait(keeper)

    def wait(self, keeper: Desk) -> None:
        with keeper.host.db.read() as session:
            job = session.scalars(select(BankImport.job_id).order_by(BankImport.id.desc())).first()
        keeper.host.jobs.wait(job)


class TestReport:
    def test_scenario_09_every_fault_stands_with_row_and_column_and_nothing_is_written(
        self, keeper: Desk
    ) -> None:
        """A table and a text of the national form; faults by row, time shown, good rows only when chosen."""
        rows = [*FAULTY, row(6, answer=""), row(7, stem="第 1 道题问的是什么？", answer="A")]
        rows[-1][7:9] = ["子", "丑"]
        report = page(keeper.upload(desk.xlsx({"题库": rows}), "bank.xlsx"))
        for number, column, reason in (
            (3, "正确答案", said("answer_not_an_option", letter="E")),
            (5, "题型代码", said("unknown_type_code", value="怪题")),
            (6, "认定点代码", said("bad_point", value="??")),
            (7, "正确答案", said("answer_missing")),
        ):
            line = next(part for part in fault_lines(report) if reason in part)
            assert f"第 {number} 行" in line
            assert column in line
        assert "第 8 行" in next(part for part in fault_lines(report) if "请留意" in part)
        assert re.search(r"读取用时 [0-9.]+ 秒", report)
        assert keeper.browser.post(f"{keeper.imported}/commit").status_code == 409
        assert desk.counts(keeper.host, BankItem) == [0]
        keeper.browser.post(f"{keeper.imported}/commit", data={"good_rows": "1"})
        assert desk.counts(keeper.host, BankItem) == [2]
        text = "A-A-A-002  B  3  5\n{A}下列属于火警电话的是（  ）。\n（A）119\n（B）12345\n{B}A\n"
        assert "下列属于火警电话的是" in page(keeper.upload(text.encode("gb18030"), "bank.txt"))
        keeper.browser.post(f"{keeper.imported}/commit")
        assert desk.counts(keeper.host, BankItem) == [3]

    def test_faults_come_as_a_table_without_formulas(self, keeper: Desk) -> None:
        rows = [HEAD, row(1), row(2, answer="E"), row(3, answer="F")]
        keeper.upload(desk.xlsx({"=题库": rows}), "bank.xlsx")
        answer = keeper.browser.get(f"{keeper.imported}/faults.csv")
        lines = answer.data.decode("utf-8-sig").splitlines()
        assert len(lines) == 3
        assert all(not cell.startswith(("=", "+", "-", "@")) for line in lines for cell in line.split(","))
        assert any("answer_not_an_option" in line for line in lines)

    def test_faults_can_be_narrowed_to_one_cause(self, keeper: Desk) -> None:
        keeper.upload(desk.csv(FAULTY), "bank.csv")
        shown = page(keeper.browser.get(f"{keeper.imported}?code=empty_stem"))
        (line,) = fault_lines(shown)
        assert said("empty_stem") in line

    def test_pictures_are_shown_by_their_route(
        self, keeper: Desk, client_as: Callable[..., FlaskClient]
    ) -> None:
        report = page(keeper.upload(MOODLE, "quiz.xml"))
        found = re.search(r'<img [^>]*src="(/banks/[0-9]+/imports/[0-9]+/media/[0-9a-f]{64})"', report)
        picture = keeper.browser.get(found[1])
        assert (picture.status_code, picture.mimetype) == (200, "image/png")
        assert picture.headers["Cache-Control"] == "no-store"
        assert "<script" not in report.split("<main")[1]
        assert client_as("administrator").get(found[1]).status_code == 403
        assert client_as("bank_keeper").get(found[1]).status_code == 200
        with keeper.host.db.read() as session:
            assert session.scalars(select(AuditEntry.details).where(AuditEntry.act == "import_read")).all()

    def test_reviewed_elsewhere_takes_the_second_person_on_the_same_page(
        self, keeper: Desk, person_as: Callable[..., Actor], password: str
    ) -> None:
        second = person_as("bank_keeper", username="second")
        keeper.upload(desk.csv(GOOD), "a.csv")
        form = {"reviewed": "1", "reason": "市题库办审定", "cosign_username": "second"}
        answer = keeper.browser.post(f"{keeper.imported}/commit", data=form)
        assert said("cosign_missing") in page(answer)
        assert desk.counts(keeper.host, BankItem) == [0]
        signed = form | {"cosign_password": password}
        assert keeper.browser.post(f"{keeper.imported}/commit", data=signed).status_code == 302
        with keeper.host.db.read() as session:
            rows = session.execute(select(BankItem.status, BankItem.reviewer_id)).all()
        assert {tuple(each) for each in rows} == {("active", second.user_id)}
        assert "3 道试题" in page(keeper.browser.get(keeper.path))

    def test_categories_are_given_their_points(self, keeper: Desk) -> None:
        assert "消防" in page(keeper.upload(MOODLE, "quiz.xml"))
        bad = keeper.browser.post(f"{keeper.imported}/commit", data={"path_0": "somewhere"})
        assert bad.status_code == 422
        keeper.browser.post(f"{keeper.imported}/commit", data={"path_0": "a-b-007", "difficulty": "2"})
        with keeper.host.db.read() as session:
            (known,) = session.execute(select(BankItem.point, BankItem.difficulty, BankItem.status)).all()
        assert tuple(known) == ("A-B-007", 2, "draft")


class TestBlueprintTable:
    def test_a_blueprint_table_becomes_a_draft_to_complete(self, keeper: Desk) -> None:
        data = {"title": "细目表", "occupation": "baowei", "level": 3, "scopes": []}
        found = BankReading("blueprint-xlsx", "", (), (), blueprint={"data": data, "points": 0, "rules": 0})
        keeper.host.db.write(begun, found)
        assert "这是细目表" in page(keeper.browser.get(keeper.imported))
        answer = keeper.browser.post(f"{keeper.imported}/blueprint")
        assert answer.status_code == 302, page(answer)
        with keeper.host.db.read() as session:
            (kept,) = session.scalars(select(BlueprintRow))
        assert (kept.title, kept.state) == ("细目表", "draft")

    def test_any_other_file_gives_none(self, keeper: Desk) -> None:
        keeper.upload(desk.csv(GOOD), "a.csv")
        assert "这是细目表" not in page(keeper.browser.get(keeper.imported))
        assert keeper.browser.post(f"{keeper.imported}/blueprint").status_code == 409


class TestInterrupted:
    @pytest.mark.dear
    def test_a_cancelled_reading_leaves_nothing(self, keeper: Desk) -> None:
        answer = send(keeper.browser, f"{keeper.path}/imports", desk.xlsx({"题库": many()}), "big.xlsx")
        with keeper.host.db.read() as session:
            job = session.scalars(select(BankImport.job_id)).one()
        assert "取消" in page(keeper.browser.get(answer.location))
        keeper.browser.post(f"/jobs/{job}/cancel")
        keeper.host.jobs.wait(job)
        with keeper.host.db.read() as session:
            known = session.scalars(select(BankImport)).one()
            left = (known.state, known.sealed_file, known.sealed_reading)
        assert left == ("discarded", None, None)
        assert desk.counts(keeper.host, BankItem, ImportMedium) == [0, 0]
        assert "已放弃" in page(keeper.browser.get(answer.location))

    def test_after_a_restart_the_kept_file_is_read_again(self, keeper: Desk, person_as) -> None:
        keeper.upload(desk.csv(GOOD), "a.csv")
        keeper.host.db.write(forget_reading)
        assert said("import_interrupted") in page(keeper.browser.get(keeper.imported))
        assert keeper.browser.post(f"{keeper.imported}/again").status_code == 302
        TestMapping().wait(keeper)
        assert "待确认" in page(keeper.browser.get(keeper.imported))
        assert keeper.browser.post(f"{keeper.imported}/again").status_code == 409


def fault_lines(report: str) -> list[str]:
    """The rows of the table of faults."""
    table = report.split('id="faults"')[1].split("<tbody>")[1].split("</tbody>")[0]
    return table.split("<tr")[1:]


def many() -> list[list[object]]:
    return [HEAD, *(row(number) for number in range(1, 4_000))]


def begun(session: Session, found: BankReading) -> None:
    """An import whose child has answered with this reading."""
    keeper = Actor(None, "console/test", frozenset({Role.BANK_KEEPER}))
    file = imports.UploadedFile("a.xlsx", b"file")
    import_id = imports.begin(session, keeper, session.scalars(select(Bank.id)).one(), file, now=NOW)
    imports.store(session, import_id, imports.checked(session, import_id, found))


def forget_reading(session: Session) -> None:
    """As a server leaves it that was killed while the child read."""
    (known,) = session.scalars(select(BankImport))
    known.state, known.sealed_reading = "reading", None
    session.get_one(JobRow, known.job_id).state = "failed"
