"""Pages of items: the list, one item, versions side by side, acts on one and on many, media, coverage."""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from itembank.items import ItemKind
from server.access import Actor
from server.db.bank import BankItem
from server.db.record import AuditEntry
from server.errors import sentence
from server.host import Host
from tests.itembank.every_kind import PICTURE, SHA
from tests.server import item_kit, preparing
from tests.server.desk import page, said
from tests.server.item_kit import EVERY, SINGLE, Shelf, reworded


@pytest.fixture
def shelf(host: Host, person_as: Callable[..., Actor]) -> Iterator[Shelf]:
    yield item_kit.shelf(host, person_as)


@pytest.fixture
def author(shelf: Shelf, sign_in: Callable[[Actor], FlaskClient]) -> FlaskClient:
    return sign_in(shelf.author)


@pytest.fixture
def reviewer(shelf: Shelf, sign_in: Callable[[Actor], FlaskClient]) -> FlaskClient:
    return sign_in(shelf.reviewer)


def at(shelf: Shelf, item_id: int | None = None, rest: str = "") -> str:
    return f"/banks/{shelf.bank}/items" + (f"/{item_id}" if item_id else "") + rest


def found(client: FlaskClient, shelf: Shelf, asked: dict[str, str]) -> str:
    """What the list found, as its form for many items carries it."""
    shown = re.search(r'name="found" value="([0-9a-f]{64})"', client.get(at(shelf), query_string=asked).text)
    assert shown
    return shown[1]


def acts(shelf: Shelf) -> list[str]:
    with shelf.host.db.read() as session:
        return list(session.scalars(select(AuditEntry.act).order_by(AuditEntry.id)))


class TestDoors:
    BODIES = ("/edit", "/compare")

    def test_an_administrator_sees_facts_and_no_body(
        self, shelf: Shelf, client_as: Callable[..., FlaskClient]
    ) -> None:
        item_id, browser = shelf.add(EVERY[ItemKind.HOTSPOT]), client_as("administrator")
        for path in (at(shelf), at(shelf, item_id), f"/banks/{shelf.bank}/coverage"):
            assert browser.get(path).status_code == 200, path
        shown = page(browser.get(at(shelf, item_id)))
        assert "阅读正文" not in shown
        assert "审定通过" not in shown
        for path in (*(at(shelf, item_id, rest) for rest in self.BODIES), f"/banks/{shelf.bank}/media/{SHA}"):
            assert browser.get(path).status_code == 403, path
        for path in ("/read", "/move", "/accept", "/reject", "/give-up", "/edit"):
            assert browser.post(at(shelf, item_id, path)).status_code == 403, path
        for path in ("/items/search", "/items/move", "/items/new", "/figures"):
            assert browser.post(f"/banks/{shelf.bank}{path}").status_code == 403, path

    def test_others_see_nothing(self, shelf: Shelf, client_as: Callable[..., FlaskClient]) -> None:
        item_id = shelf.add()
        for role in ("custodian", "chief_invigilator", "invigilator", "auditor"):
            browser = client_as(role)
            for path in (at(shelf), at(shelf, item_id), f"/banks/{shelf.bank}/coverage", at(shelf) + ".csv"):
                assert browser.get(path).status_code == 403, path

    def test_an_item_of_another_bank_is_not_found(self, shelf: Shelf, reviewer: FlaskClient) -> None:
        item_id = shelf.add()
        other = f"/banks/{shelf.bank + 1}/items/{item_id}"
        for path in ("", "/edit", "/compare"):
            assert reviewer.get(other + path).status_code == 404
        for path in ("/read", "/move", "/accept", "/reject", "/give-up"):
            assert reviewer.post(other + path).status_code == 404
        assert shelf.row(item_id).status == "draft"
        assert "item_read" not in acts(shelf)


class TestList:
    def test_filters_stay_in_the_form_and_in_the_pages(
        self, shelf: Shelf, reviewer: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("server.services.item_search.PAGE_SIZE", 2)
        for number in range(5):
            shelf.add(reworded(stem=f"第 {number} 题", uid=f"Q-{number}"))
        shown = page(reviewer.get(at(shelf) + "?uid=Q&uses_to=3&status=draft"))
        assert "共 5 道试题，第 1 / 3 页" in shown
        assert 'value="Q"' in shown
        assert "uid=Q" in shown.partition("下一页")[0].rpartition("href=")[2]
        assert "共 0 道" in page(reviewer.get(at(shelf) + "?status=active"))

    def test_nonsense_in_the_address_is_no_fault(self, shelf: Shelf, reviewer: FlaskClient) -> None:
        shelf.add()
        for query in ("difficulty=x", "uses_from=1e9", "page=-5", "import=x", "facility_to=--1", "sort=x"):
            assert "共 1 道" in page(reviewer.get(f"{at(shelf)}?{query}")), query

    def test_the_csv_has_the_facts_of_all_found_and_no_formula(
        self, shelf: Shelf, client_as: Callable[..., FlaskClient]
    ) -> None:
        odd = replace(SINGLE, facts=replace(SINGLE.facts, path="=1+1", enemy="@x"))
        shelf.add(reworded(odd, uid="A"))
        shelf.add(EVERY[ItemKind.CASE])
        answer = client_as("administrator").get(at(shelf) + ".csv?sort=uid")
        rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
        assert len(rows) == 3
        assert rows[1][:6] == ["A", "1", "草稿", "A-A-A-001", "单选题", "3"]
        assert rows[1][13:15] == ["'=1+1", "'@x"]
        assert "示例：" not in answer.text

    def test_words_are_found_listed_and_not_kept(self, shelf: Shelf, reviewer: FlaskClient) -> None:
        for item in EVERY.values():
            shelf.add(item)
        answer = reviewer.post(at(shelf) + "/search", data={"words": "灭火器", "kind": "match"})
        assert "SHILI-match" in page(answer)
        assert "SHILI-single" not in page(answer)
        with shelf.host.db.read() as session:
            (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.act == "items_searched")).all()
            assert entry.details == {"searched": 1, "found": 1}
        answer = reviewer.post(at(shelf) + "/search", data={"words": " "})
        assert answer.status_code == 422
        assert said("search_words_missing") in page(answer)


class TestItem:
    @pytest.mark.dear
    def test_a_body_of_every_kind_is_read_by_a_button_and_on_record(
        self, shelf: Shelf, reviewer: FlaskClient
    ) -> None:
        ids = [shelf.add(item) for item in EVERY.values()]
        for read, item_id in enumerate(ids):
            assert "示例：" not in page(reviewer.get(at(shelf, item_id)))
            assert acts(shelf).count("item_read") == read
            assert "示例：" in page(reviewer.post(at(shelf, item_id, "/read")))
            assert acts(shelf).count("item_read") == read + 1

    def test_its_life_goes_on_by_buttons(self, shelf: Shelf, reviewer: FlaskClient) -> None:
        item_id = shelf.add()
        for to in ("reviewed", "trial", "active"):
            answer = reviewer.post(at(shelf, item_id, "/move"), data={"to": to, "version": 1})
            assert answer.location == at(shelf, item_id)
        assert shelf.row(item_id).status == "active"
        reviewer.post(at(shelf, item_id, "/move"), data={"to": "suspended"})
        assert said("reason_missing") in page(reviewer.get(at(shelf, item_id)))
        reviewer.post(at(shelf, item_id, "/move"), data={"to": "suspended", "reason": "疑似泄题"})
        shown = page(reviewer.get(at(shelf, item_id)))
        assert "疑似泄题" in shown
        assert "已暂停" in shown

    def test_an_author_is_told_that_somebody_else_reviews(self, shelf: Shelf, author: FlaskClient) -> None:
        item_id = shelf.add()
        author.post(at(shelf, item_id, "/move"), data={"to": "reviewed", "version": 1})
        shown = page(author.get(at(shelf, item_id)))
        assert said("item_reviewer_is_author", uid="SHILI-single") in shown
        author.post(at(shelf, item_id, "/give-up"), data={"reason": "写错了"})
        assert shelf.row(item_id).status == "retired"

    def test_versions_are_compared_and_taken(
        self, shelf: Shelf, author: FlaskClient, reviewer: FlaskClient
    ) -> None:
        item_id = shelf.add(to="active")
        shelf.change(item_id, reworded(), "更准确")
        shown = page(reviewer.get(at(shelf, item_id)))
        assert "第 2 版等待审定" in shown
        assert "更准确" in shown
        assert "/edit" not in shown
        compared = reviewer.get(at(shelf, item_id, "/compare?old=1&new=2"))
        assert "<del>应当</del><ins>必须</ins>" in compared.text
        assert "启用新版本" in page(compared)
        assert 'name="version" value="2"' in compared.text
        author.post(at(shelf, item_id, "/accept"), data={"version": 2})
        assert shelf.row(item_id).version == 1
        reviewer.post(at(shelf, item_id, "/accept"), data={"version": 2})
        assert shelf.row(item_id).version == 2
        assert "启用新版本" not in page(reviewer.get(at(shelf, item_id, "/compare?old=1&new=2")))
        assert reviewer.get(at(shelf, item_id, "/compare?old=1&new=9")).status_code == 404

    def test_what_changed_since_the_page_was_shown_is_read_again_first(
        self, shelf: Shelf, reviewer: FlaskClient
    ) -> None:
        item_id = shelf.add()
        assert 'name="version" value="1"' in reviewer.post(at(shelf, item_id, "/read")).text
        shelf.change(item_id, reworded())
        for data in ({"to": "reviewed", "version": 1}, {"to": "reviewed"}):
            answer = reviewer.post(at(shelf, item_id, "/move"), data=data)
            told = said("item_changed_meanwhile", uid="SHILI-single")
            assert told in page(reviewer.get(answer.location))
            assert shelf.row(item_id).status == "draft"
        old = reviewer.post(at(shelf, item_id, "/read"), data={"version": 1}).text
        assert '/move">' in old.replace("\n", "") and 'name="version" value="1"' in old

    def test_a_waiting_version_is_sent_back(self, shelf: Shelf, reviewer: FlaskClient) -> None:
        item_id = shelf.add(to="active")
        shelf.change(item_id, reworded())
        reviewer.post(at(shelf, item_id, "/reject"), data={"reason": "不必改", "version": 2})
        shown = page(reviewer.get(at(shelf, item_id)))
        assert "已退回" in shown
        assert "不必改" in shown

    def test_a_hostile_text_stays_text(self, shelf: Shelf, reviewer: FlaskClient) -> None:
        item_id = shelf.add(reworded(stem="<script>alert(1)</script>"))
        assert "<script>alert" not in reviewer.post(at(shelf, item_id, "/read")).text

    def test_where_it_came_from_is_shown(
        self, host: Host, client_as: Callable[..., FlaskClient], person_as
    ) -> None:
        people = preparing.crew(person_as)
        bank = preparing.bank(host, people.administrator)
        shown = page(client_as("bank_keeper").get(f"/banks/{bank}/items/1"))
        assert "bank.csv 第 2 行" in shown


class TestMany:
    def test_the_ticked_ones_are_moved(self, shelf: Shelf, reviewer: FlaskClient) -> None:
        ids = [shelf.add(reworded(stem=f"第 {n} 题", uid=f"Q{n}")) for n in range(3)]
        reviewer.post(
            at(shelf) + "/move",
            data={"to": "reviewed", "item": [f"{each}.1" for each in ids[:2]], "scope": "ticked"},
        )
        assert [shelf.row(each).status for each in ids] == ["reviewed", "reviewed", "draft"]

    @pytest.mark.dear
    def test_scenario_9_a_whole_import_is_reviewed_by_somebody_else_at_once(
        self, host: Host, shelf: Shelf, author: FlaskClient, reviewer: FlaskClient
    ) -> None:
        data = (preparing.SAMPLES / "bank_baowei_3.csv").read_bytes()
        import_id = preparing.dry_run(host, shelf.author, shelf.bank, data, "bank.csv")
        count = preparing.take_in(host, shelf.author, import_id)
        other = shelf.add()
        asked = {"import": str(import_id), "status": "draft"}
        chosen = {"to": "reviewed", "scope": "all", **asked, "found": found(reviewer, shelf, asked)}
        answer = author.post(at(shelf) + "/move", data=chosen)
        told = page(author.get(answer.location))
        assert f"{count} 道没有改动：{sentence('many_item_reviewer_is_author')}" in told
        answer = reviewer.post(at(shelf) + "/move", data=chosen)
        assert f"import={import_id}" in answer.location
        assert f"{count} 道试题：已审定" in page(reviewer.get(answer.location))
        assert shelf.row(other).status == "draft"
        assert acts(shelf).count("items_moved") == 1

    def test_everything_found_is_what_the_list_found_when_it_was_shown(
        self, shelf: Shelf, reviewer: FlaskClient
    ) -> None:
        item_id, chosen = shelf.add(), {"to": "reviewed", "scope": "all"}
        seen = found(reviewer, shelf, {})
        shelf.change(item_id, reworded())
        for digest in (seen, ""):
            answer = reviewer.post(at(shelf) + "/move", data={**chosen, "found": digest})
            assert said("items_changed_meanwhile") in page(reviewer.get(answer.location))
            assert shelf.row(item_id).status == "draft"
        reviewer.post(at(shelf) + "/move", data={**chosen, "found": found(reviewer, shelf, {})})
        assert shelf.row(item_id).status == "reviewed"

    def test_a_ticked_one_that_changed_meanwhile_stays(self, shelf: Shelf, reviewer: FlaskClient) -> None:
        item_id = shelf.add()
        assert f'value="{item_id}.1"' in reviewer.get(at(shelf)).text
        shelf.change(item_id, reworded())
        answer = reviewer.post(at(shelf) + "/move", data={"to": "reviewed", "item": f"{item_id}.1"})
        assert sentence("many_item_changed_meanwhile") in page(reviewer.get(answer.location))
        assert shelf.row(item_id).status == "draft"

    def test_what_is_missing_is_told(self, shelf: Shelf, reviewer: FlaskClient) -> None:
        item_id = shelf.add()
        for data, code in (
            ({"to": "reviewed"}, "items_missing"),
            ({"to": "", "scope": "all"}, "item_state_missing"),
            ({"to": "burnt", "scope": "all"}, "item_state_missing"),
            ({"to": "retired", "scope": "all"}, "reason_missing"),
        ):
            data["found"] = found(reviewer, shelf, {})
            answer = reviewer.post(at(shelf) + "/move", data=data)
            assert said(code) in page(reviewer.get(answer.location))
            assert shelf.row(item_id).status == "draft"

    def test_items_of_another_bank_are_not_moved(self, shelf: Shelf, reviewer: FlaskClient) -> None:
        item_id = shelf.add()
        answer = reviewer.post(
            f"/banks/{shelf.bank + 1}/items/move", data={"to": "reviewed", "item": f"{item_id}.1"}
        )
        assert answer.status_code == 404
        assert shelf.row(item_id).status == "draft"


class TestMedia:
    def test_a_picture_is_shown_to_readers_as_what_it_is_and_never_kept(
        self, shelf: Shelf, reviewer: FlaskClient
    ) -> None:
        shelf.picture()
        answer = reviewer.get(f"/banks/{shelf.bank}/media/{SHA}")
        assert answer.data == PICTURE
        assert answer.mimetype == "image/png"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "medium_read" in acts(shelf)

    def test_another_banks_picture_and_no_picture_are_not_found(
        self, shelf: Shelf, reviewer: FlaskClient
    ) -> None:
        shelf.picture()
        for path in (f"/banks/{shelf.bank + 1}/media/{SHA}", f"/banks/{shelf.bank}/media/{'0' * 64}"):
            assert reviewer.get(path).status_code == 404


class TestCoverage:
    @pytest.mark.dear
    def test_scenario_11_the_page_names_what_lacks(
        self, host: Host, person_as: Callable[..., Actor], client_as: Callable[..., FlaskClient]
    ) -> None:
        people = preparing.crew(person_as)
        bank, blueprint = (
            preparing.bank(host, people.administrator),
            preparing.blueprint(host, people.administrator),
        )
        browser, path = client_as("bank_keeper"), f"/banks/{bank}/coverage"

        def empty(session) -> None:
            for row in session.scalars(select(BankItem).where(BankItem.point == "A-A-A-001")):
                row.status = "suspended"
            session.scalars(select(BankItem).where(BankItem.point == "A-A-A-002")).first().status = "retired"

        assert "没有使用中的试题" not in page(browser.get(path))
        host.db.write(empty)
        shown = page(browser.get(path))
        assert "有 1 个鉴定点没有使用中的试题" in shown
        only = page(browser.get(f"{path}?state=look"))
        assert "A-A-A-002" in only
        assert "A-A-A-001" not in only
        assert "一份试卷需要的题数" in page(browser.get(f"{path}?blueprint={blueprint}"))
        rows = list(csv.reader(io.StringIO(browser.get(f"{path}.csv").data.decode("utf-8-sig"))))
        counts = {row[0]: row[rows[0].index("使用中")] for row in rows[1:]}
        assert (counts["A-A-A-001"], counts["A-A-A-002"], counts["A-A-A-003"]) == ("0", "3", "4")
        assert browser.get(f"{path}?blueprint=999").status_code == 404

    def test_an_empty_bank_says_what_to_do_next(self, shelf: Shelf, reviewer: FlaskClient) -> None:
        assert "导入或新建试题" in page(reviewer.get(f"/banks/{shelf.bank}/coverage"))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_page_opens_in_both_languages(shelf: Shelf, reviewer: FlaskClient, language: str) -> None:
    item_id = shelf.add(EVERY[ItemKind.HOTSPOT], to="active")
    shelf.change(item_id, reworded(EVERY[ItemKind.HOTSPOT], stem="示例：另一题干。"))
    reviewer.set_cookie("language", language)
    paths = [at(shelf), at(shelf, item_id), at(shelf, item_id, "/compare?old=1&new=2"), at(shelf) + ".csv"]
    for path in (
        *paths,
        f"/banks/{shelf.bank}/coverage",
        f"/banks/{shelf.bank}/coverage.csv",
        at(shelf) + "/new",
    ):
        assert reviewer.get(path).status_code == 200, path
