"""Pages and forms of item banks and blueprints, with real files read by real children."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from server.access import Actor
from server.db.bank import Bank, BankImport, BankItem, BlueprintRow
from server.db.record import AuditEntry
from server.host import Host
from tests.server import desk, preparing
from tests.server.desk import page, said, send

HEAD = [
    *("题库名称", "ID", "序号", "认定点代码", "题型代码", "题号", "试题（题干）"),
    *(f"试题（选项{letter}）" for letter in "ABCDE"),
    *("【图】及位置", "正确答案", "难度代码", "一致性代码", "解析"),
]


def row(number: int, *, kind: str = "B", answer: str = "A", stem: str = "", point: str = "A-A-A-001"):
    stem = stem or f"第 {number} 道题问的是什么？"
    options = ["甲", "乙", "丙", "丁", ""] if kind != "C" else [""] * 5
    return ["示例", f"T-{number}", number, point, kind, number, stem, *options, "", answer, 3, 5, ""]


GOOD = [HEAD, row(1), row(2, kind="G", answer="AB"), row(3, kind="C", answer="对")]
FAULTY = [HEAD, row(1), row(2, answer="E"), row(3, stem=" "), row(4, kind="Q"), row(5, point="??")]


@dataclass
class Desk:
    """A bank keeper's browser at an empty bank."""

    host: Host
    browser: FlaskClient
    bank: int

    @property
    def path(self) -> str:
        return f"/banks/{self.bank}"

    def upload(self, data: bytes, name: str, **fields: str) -> TestResponse:
        """Sends a bank file, waits for the child and opens the report."""
        answer = send(self.browser, f"{self.path}/imports", data, name, **fields)
        assert answer.status_code == 302
        with self.host.db.read() as session:
            latest = session.scalars(select(BankImport).order_by(BankImport.id.desc())).first()
        self.host.jobs.wait(latest.job_id)
        return self.browser.get(answer.location)

    @property
    def imported(self) -> str:
        with self.host.db.read() as session:
            return f"{self.path}/imports/{session.scalars(select(BankImport.id)).all()[-1]}"


@pytest.fixture
def keeper(host: Host, client_as: Callable[..., FlaskClient]) -> Iterator[Desk]:
    browser = client_as("bank_keeper")
    answer = browser.post("/banks", data={"name": "示例题库", "occupation_level": "baowei/3"})
    yield Desk(host, browser, int(answer.location.rsplit("/", 1)[1]))


class TestPages:
    @pytest.mark.parametrize(
        "path", ["/banks", "/banks/1", "/banks/1/items", "/banks/1/imports/1", "/blueprints"]
    )
    @pytest.mark.parametrize("role", ["custodian", "chief_invigilator", "invigilator", "auditor"])
    def test_are_closed_to_other_roles(
        self, client_as: Callable[..., FlaskClient], role: str, path: str
    ) -> None:
        assert client_as(role).get(path).status_code == 403

    @pytest.mark.parametrize("language", ["zh", "en"])
    def test_open_for_keepers_and_administrators(
        self, keeper: Desk, client_as: Callable[..., FlaskClient], language: str
    ) -> None:
        keeper.upload(desk.xlsx({"题库": GOOD}), "bank.xlsx")
        keeper.browser.post(f"{keeper.imported}/commit")
        for browser in (keeper.browser, client_as("administrator")):
            browser.set_cookie("language", language)
            for path in ("/banks", keeper.path, f"{keeper.path}/items", keeper.imported, "/blueprints"):
                assert browser.get(path).status_code == 200, path

    def test_what_is_not_there_is_404(self, keeper: Desk) -> None:
        for path in ("/banks/999", "/banks/999/items", f"{keeper.path}/imports/999", "/blueprints/999"):
            assert keeper.browser.get(path).status_code == 404

    def test_an_import_is_not_shown_under_another_bank(self, keeper: Desk) -> None:
        keeper.browser.post("/banks", data={"name": "另一个", "occupation_level": "baowei/3"})
        keeper.upload(desk.xlsx({"题库": GOOD}), "bank.xlsx")
        foreign = keeper.imported.replace(keeper.path, f"/banks/{keeper.bank + 1}")
        assert keeper.browser.get(foreign).status_code == 404


class TestNewBank:
    @pytest.mark.parametrize(
        ("name", "level", "reason"),
        [
            ("", "baowei/3", said("bank_name_missing")),
            ("示例题库", "baowei/3", said("bank_name_taken", name="示例题库")),
            ("新", "", said("level_missing")),
            ("新", "baowei/x", said("level_missing")),
            ("新", "nothing/3", said("unknown_occupation", occupation="nothing")),
            ("题" * 201, "baowei/3", said("field_too_long", field="名称", limit=120)),
        ],
    )
    def test_wrong_input_comes_back_with_its_reason(
        self, keeper: Desk, name: str, level: str, reason: str
    ) -> None:
        before = desk.counts(keeper.host, Bank, AuditEntry)
        answer = keeper.browser.post("/banks", data={"name": name, "occupation_level": level})
        assert answer.status_code == 422
        assert reason in page(answer)
        assert f'value="{name}"' in page(answer)
        assert desk.counts(keeper.host, Bank, AuditEntry) == before

    def test_a_level_the_occupation_lacks_names_its_rule(self, keeper: Desk) -> None:
        answer = keeper.browser.post("/banks", data={"name": "新", "occupation_level": "baowei/4"})
        assert answer.status_code == 422
        assert "R09" in page(answer)

    def test_others_cannot(self, client_as: Callable[..., FlaskClient]) -> None:
        form = {"name": "新", "occupation_level": "baowei/3"}
        assert client_as("auditor").post("/banks", data=form).status_code == 403


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
            (5, "题型代码", said("unknown_type_code", value="Q")),
            (6, "认定点代码", said("bad_point", value="??")),
        ):
            line = next(part for part in report.split("<tr") if reason in part)
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
            (desk.xlsx({"题库": GOOD})[:-200], "cut.xlsx", said("workbook_broken", name="cut.xlsx")),
            (desk.BINARY, "noise.csv", said("file_binary", name="noise.csv")),
            (desk.HTML_AS_XLS, "old.xls", said("file_is_web_page", name="old.xls")),
            (desk.csv([HEAD]), "bare.csv", said("bank_without_items", name="bare.csv")),
            (desk.csv([["姓名", "成绩"], ["张", "1"]]), "other.csv", "“other.csv”不是可识别的题库表"),
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

    def test_the_code_of_multiple_choice_is_what_the_person_says(self, keeper: Desk) -> None:
        rows = [HEAD, row(1, kind="D", answer="AC"), row(2, kind="G", answer="B")]
        report = page(keeper.upload(desk.csv(rows), "d.csv"))
        assert said("unknown_type_code", value="D") in report
        report = page(keeper.upload(desk.csv(rows), "d.csv", code_D="multiple", code_G="single"))
        assert "未通过的行</h2>" not in report
        keeper.browser.post(f"{keeper.imported}/commit")
        with keeper.host.db.read() as session:
            kinds = session.scalars(select(BankItem.kind).order_by(BankItem.uid)).all()
        assert kinds == ["multiple", "single"]

    def test_a_code_cannot_mean_just_anything(self, keeper: Desk) -> None:
        answer = send(keeper.browser, f"{keeper.path}/imports", desk.csv(GOOD), "a.csv", code_D="essay")
        assert answer.status_code == 422
        assert desk.counts(keeper.host, BankImport) == [0]

    def test_others_cannot(self, keeper: Desk, client_as: Callable[..., FlaskClient]) -> None:
        browser = client_as("custodian")
        assert send(browser, f"{keeper.path}/imports", desk.csv(GOOD), "a.csv").status_code == 403
        assert browser.post(f"{keeper.path}/imports/1/commit").status_code == 403
        assert browser.post(f"{keeper.path}/imports/1/discard").status_code == 403


class TestItems:
    def test_an_item_is_read_by_keepers_only_and_noted(
        self, keeper: Desk, client_as: Callable[..., FlaskClient]
    ) -> None:
        keeper.upload(desk.csv(GOOD), "a.csv")
        keeper.browser.post(f"{keeper.imported}/commit")
        with keeper.host.db.read() as session:
            item = session.scalars(select(BankItem.id).order_by(BankItem.uid)).first()
        path = f"{keeper.path}/items/{item}/read"
        answer = keeper.browser.post(path)
        assert "第 1 道题问的是什么？" in page(answer)
        with keeper.host.db.read() as session:
            assert session.scalars(select(AuditEntry.act).where(AuditEntry.act == "item_read")).all()
        assert client_as("administrator").post(path).status_code == 403
        assert keeper.browser.post(f"/banks/{keeper.bank + 7}/items/{item}/read").status_code == 404

    @pytest.mark.parametrize("wanted", ["0", "-3", "9999999999999999999", "x", ""])
    def test_pages_that_are_not_there_show_the_nearest(self, keeper: Desk, wanted: str) -> None:
        keeper.upload(desk.csv([HEAD, *(row(number) for number in range(1, 62))]), "a.csv")
        keeper.browser.post(f"{keeper.imported}/commit")
        answer = keeper.browser.get(f"{keeper.path}/items?page={wanted}")
        assert answer.status_code == 200
        assert "T-" in page(answer)


class TestBlueprints:
    @pytest.fixture
    def sample(self) -> str:
        return (preparing.SAMPLES / "blueprint_baowei_3.yaml").read_text("utf-8")

    def send(self, keeper: Desk, text: str | bytes) -> TestResponse:
        data = text.encode() if isinstance(text, str) else text
        return send(keeper.browser, "/blueprints", data, "plan.yaml")

    @pytest.mark.parametrize("name", ["baowei", "3-02-02-00", "保卫管理员"])
    def test_the_occupation_is_stored_under_its_key(self, keeper: Desk, sample: str, name: str) -> None:
        answer = self.send(keeper, sample.replace("occupation: baowei", f"occupation: {name}"))
        assert answer.status_code == 302
        shown = page(keeper.browser.get(answer.location))
        assert "保卫管理员 · 三级/高级工" in shown
        assert "治安保卫组织与责任" in shown
        with keeper.host.db.read() as session:
            assert session.scalars(select(BlueprintRow.occupation)).all() == ["baowei"]

    def test_the_same_title_again_is_a_new_version(self, keeper: Desk, sample: str) -> None:
        self.send(keeper, sample)
        self.send(keeper, sample)
        with keeper.host.db.read() as session:
            assert session.scalars(select(BlueprintRow.version)).all() == [1, 2]

    @pytest.mark.parametrize(
        ("old", "new", "place", "reason"),
        [
            ("weight: 20\n", "weight: 19\n", "scopes", said("weights_not_100", total=98)),
            ("count: 60, points: 1", "count: 60, points: 2", "kinds", said("points_not_100", total=160)),
            ("count: 60,", "count: 61,", "kinds", said("kind_counts_not_size", total=101, size=100)),
            (
                "occupation: baowei",
                "occupation: pilot",
                "occupation",
                said("unknown_occupation", occupation="pilot"),
            ),
            ("level: 3", "level: 5", "level", "R09"),
            ("title: ", "titel: ", "title", said("missing_value")),
        ],
    )
    def test_wrong_sums_and_names_are_refused_with_their_place(
        self, keeper: Desk, sample: str, old: str, new: str, place: str, reason: str
    ) -> None:
        answer = self.send(keeper, sample.replace(old, new))
        assert answer.status_code == 422
        line = next(part for part in page(answer).split("<li>") if reason in part)
        assert line.startswith(place)
        assert desk.counts(keeper.host, BlueprintRow) == [0]

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            ("title: [", "无法读取细目表"),
            ("- 1\n- 2", said("not_a_mapping")),
            ("title: 细目表".encode("gb18030"), said("file_not_utf8", name="plan.yaml")),
            (desk.BINARY, said("file_not_utf8", name="plan.yaml")),
            (b"", said("file_empty", name="plan.yaml")),
        ],
    )
    def test_a_file_that_is_no_blueprint(self, keeper: Desk, data: str | bytes, reason: str) -> None:
        answer = self.send(keeper, data)
        assert answer.status_code == 422
        assert reason in page(answer)
        assert desk.counts(keeper.host, BlueprintRow) == [0]

    def test_others_cannot(self, client_as: Callable[..., FlaskClient], sample: str) -> None:
        answer = send(client_as("custodian"), "/blueprints", sample.encode(), "plan.yaml")
        assert answer.status_code == 403


def test_stored_bodies_are_sealed(keeper: Desk, person_as: Callable[..., Actor]) -> None:
    keeper.upload(desk.csv(GOOD), "a.csv")
    keeper.browser.post(f"{keeper.imported}/commit")
    files = [path for path in keeper.host.settings.data.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert "道题问的是什么".encode() not in path.read_bytes(), path
