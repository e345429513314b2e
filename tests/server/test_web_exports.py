"""The page that takes a bank's items out as a file: what it holds, who may, and the record of it."""

import io
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import select

from server.db.record import AuditEntry
from server.host import Host
from tests.server import desk
from tests.server.bank_desk import GOOD, Desk
from tests.server.desk import page, said


@pytest.fixture
def keeper(host: Host, client_as: Callable[..., FlaskClient]) -> Iterator[Desk]:
    browser = client_as("bank_keeper")
    answer = browser.post("/banks", data={"name": "示例题库", "occupation_level": "baowei/3"})
    yield Desk(host, browser, int(answer.location.rsplit("/", 1)[1]))


class TestExport:
    @pytest.fixture
    def filled(self, keeper: Desk) -> Desk:
        keeper.upload(desk.csv(GOOD), "a.csv")
        keeper.browser.post(f"{keeper.imported}/commit")
        return keeper

    def test_a_workbook_holds_every_item_and_the_act_is_on_record(self, filled: Desk) -> None:
        assert "国标 17 列 xlsx" in page(filled.browser.get(f"{filled.path}/export"))
        answer = filled.browser.post(f"{filled.path}/export", data={"format": "guobiao"})
        assert answer.status_code == 200
        cells = [str(cell) for line in load_workbook(io.BytesIO(answer.data)).active.values for cell in line]
        assert "第 1 道题问的是什么？" in cells
        with filled.host.db.read() as session:
            (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.act == "bank_exported"))
        assert (entry.details["format"], entry.details["items"]) == ("guobiao", 3)
        assert "问的是什么" not in str(entry.details)

    def test_only_for_who_may_read_items(self, filled: Desk, client_as: Callable[..., FlaskClient]) -> None:
        browser = client_as("administrator")
        assert browser.get(f"{filled.path}/export").status_code == 403
        assert browser.post(f"{filled.path}/export", data={"format": "guobiao"}).status_code == 403

    def test_nothing_to_take_out_and_no_such_format(self, filled: Desk) -> None:
        strange = filled.browser.post(f"{filled.path}/export", data={"format": "exe"})
        assert said("export_format_unknown", value="exe") in page(strange)
        none = filled.browser.post(f"{filled.path}/export", data={"format": "guobiao", "status": "active"})
        assert said("export_is_empty") in page(none)
        with filled.host.db.read() as session:
            assert not session.scalars(select(AuditEntry).where(AuditEntry.act == "bank_exported")).all()
