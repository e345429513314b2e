"""Pages and forms of item banks and blueprints, with real files read by real children."""

from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from server.access import Actor
from server.db.bank import Bank, BankItem
from server.db.record import AuditEntry
from server.host import Host
from tests.server import desk
from tests.server.bank_desk import GOOD, HEAD, Desk, row
from tests.server.desk import page, said


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

    @pytest.mark.dear
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


def test_stored_bodies_are_sealed(keeper: Desk, person_as: Callable[..., Actor]) -> None:
    keeper.upload(desk.csv(GOOD), "a.csv")
    keeper.browser.post(f"{keeper.imported}/commit")
    files = [path for path in keeper.host.settings.data.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert "道题问的是什么".encode() not in path.read_bytes(), path
