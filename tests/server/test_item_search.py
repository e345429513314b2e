"""Finding items by facts and by words; what a bank covers."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from itembank.items import ItemKind
from server.access import Actor
from server.db.bank import BankItem
from server.db.record import AuditEntry
from server.errors import Forbidden, NotFound, Refused
from server.host import Host
from server.services import coverage, item_search, item_versions
from server.services.item_search import Wish
from tests.server import item_kit, preparing
from tests.server.item_kit import EVERY, SINGLE, Shelf, reworded


@pytest.fixture
def shelf(host: Host, person_as: Callable[..., Actor]) -> Iterator[Shelf]:
    """Every kind once, some with figures; A-A-B-001 has one more single choice."""
    made = item_kit.shelf(host, person_as)
    for item in EVERY.values():
        made.add(item, to="active" if item.facts.kind in ("single", "text") else "draft")
    other = replace(SINGLE, facts=replace(SINGLE.facts, point="A-A-B-001", difficulty=5, path="第二章/巡查"))
    made.add(reworded(other, stem="示例：巡查时应当（　）。", uid="SHILI-single-2"), to="active")

    def measure(session) -> None:
        one = session.scalars(select(BankItem).where(BankItem.uid == "SHILI-single")).one()
        one.uses, one.last_used_at, one.answered = 3, host.now() - timedelta(days=9), 120
        one.facility, one.discrimination = 0.42, -0.05

    host.db.write(measure)
    yield made


def uids(shelf: Shelf, wish: Wish, sort: str = "uid") -> list[str]:
    with shelf.host.db.read() as session:
        rows = item_search.facts_of_all(session, shelf.bank, wish, sort=sort)
        assert item_search.page_of(session, shelf.bank, wish).total == len(rows)
        assert sorted(item_search.ids(session, shelf.bank, wish)) == sorted(row.id for row in rows)
        return [row.uid.removeprefix("SHILI-") for row in rows]


@pytest.mark.both_stores
def test_facts_narrow_the_list(shelf: Shelf) -> None:
    assert len(uids(shelf, Wish())) == len(EVERY) + 1
    for wish, found in (
        (Wish(point="A-A-B"), ["single-2"]),
        (Wish(point="A-A-B-001"), ["single-2"]),
        (Wish(point="A%"), []),
        (Wish(kind="case"), ["case"]),
        (Wish(difficulty=5), ["single-2"]),
        (Wish(status="active"), ["single", "single-2", "text"]),
        (Wish(status="active", kind="single"), ["single", "single-2"]),
        (Wish(path="二章"), ["single-2"]),
        (Wish(path="_"), []),
        (Wish(uid="tex"), ["text"]),
        (Wish(uses=(1, None)), ["single"]),
        (Wish(uses=(3, 3)), ["single"]),
        (Wish(uses=(4, None)), []),
        (Wish(facility=(0.42, 0.42)), ["single"]),
        (Wish(facility=(None, 0.41)), []),
        (Wish(discrimination=(None, 0.0)), ["single"]),
        (Wish(import_id=1), []),
        (Wish(unclassified=True), []),
        (Wish(pending=True), []),
    ):
        assert uids(shelf, wish) == found, wish


def test_items_that_wait_for_something_are_found(shelf: Shelf) -> None:
    (item_id,) = _ids(shelf, Wish(uid="SHILI-text"))
    shelf.change(item_id, reworded(EVERY[ItemKind.TEXT], stem="示例：火警电话是 [[1]]，在 [[2]] 等候。"))
    assert uids(shelf, Wish(pending=True)) == ["text"]
    shelf.host.db.write(item_versions.reject, shelf.author, item_id, "", seen=2, now=shelf.host.now())
    assert uids(shelf, Wish(pending=True)) == []
    bare = replace(SINGLE, facts=replace(SINGLE.facts, point=""))
    shelf.add(reworded(bare, stem="未归类的题"), uid="SHILI-bare")
    assert uids(shelf, Wish(unclassified=True)) == ["bare"]


@pytest.mark.both_stores
def test_lists_are_sorted_and_what_has_no_figure_comes_last(shelf: Shelf) -> None:
    assert uids(shelf, Wish(), "facility")[0] == "single"
    assert uids(shelf, Wish(), "last_used")[0] == "single"
    assert uids(shelf, Wish(), "uses")[0] == "single"
    assert uids(shelf, Wish(), "difficulty")[-1] == "single-2"
    assert uids(shelf, Wish(), "point")[-1] == "single-2"
    assert uids(shelf, Wish(), "no such order") == uids(shelf, Wish(), "point")


def test_pages_are_the_nearest_there_are(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_search, "PAGE_SIZE", 5)
    with shelf.host.db.read() as session:
        pages = [item_search.page_of(session, shelf.bank, Wish(), page=page) for page in (-1, 1, 3, 99)]
    assert [(found.page, found.pages, len(found.rows)) for found in pages] == [
        *((1, 3, 5), (1, 3, 5)),
        *((3, 3, 2), (3, 3, 2)),
    ]


def test_words_are_looked_for_in_every_text_of_every_kind(shelf: Shelf) -> None:
    for words, found in (
        ("交接班", ["SHILI-essay", "SHILI-single"]),
        ("交接班 电话", ["SHILI-single"]),
        ("交 接　班　提前", ["SHILI-single"]),
        ("灭火器", ["SHILI-match"]),
        ("119", ["SHILI-text"]),
        ("５０", ["SHILI-case"]),
        ("绿区", ["SHILI-inline_choice"]),
        ("mfrac", []),
        ("60分钟", ["SHILI-numeric"]),
        ("没有这样的词", []),
    ):
        with shelf.host.db.read() as session:
            ids = item_search.with_words(session, shelf.reviewer, shelf.bank, Wish(), words)
            rows = item_search.facts_by_ids(session, ids)
        assert sorted(row.uid for row in rows) == found, words


def test_a_search_stays_within_the_selection_and_sees_a_new_version(shelf: Shelf) -> None:
    with shelf.host.db.read() as session:
        wish = Wish(status="active")
        assert len(item_search.with_words(session, shelf.reviewer, shelf.bank, wish, "示例")) == 3
        assert item_search.with_words(session, shelf.reviewer, shelf.bank, wish, "灭火器") == []
    (item_id,) = _ids(shelf, Wish(uid="SHILI-single-2"))
    (point,) = [shelf.row(item_id).point]
    changed = replace(SINGLE, facts=replace(SINGLE.facts, uid="SHILI-single-2", point=point))
    shelf.change(item_id, reworded(changed, stem="示例：巡逻时应当（　）。"))
    shelf.host.db.write(item_versions.accept, shelf.reviewer, item_id, seen=2, now=shelf.host.now())
    with shelf.host.db.read() as session:
        assert item_search.with_words(session, shelf.reviewer, shelf.bank, wish, "巡逻") == [item_id]
        assert item_search.with_words(session, shelf.reviewer, shelf.bank, wish, "巡查") == []


def test_words_are_for_those_who_may_read_and_have_to_be_given(
    shelf: Shelf, person_as: Callable[..., Actor]
) -> None:
    with shelf.host.db.read() as session:
        with pytest.raises(Forbidden):
            item_search.with_words(session, person_as("administrator"), shelf.bank, Wish(), "示例")
        for words, code in (("", "missing"), (" 　", "missing"), ("字 " * 11, "too_many")):
            with pytest.raises(Refused, match=f"search_words_{code}"):
                item_search.with_words(session, shelf.reviewer, shelf.bank, Wish(), words)
        with pytest.raises(NotFound):
            item_search.with_words(session, shelf.reviewer, 999, Wish(), "示例")


def test_a_search_is_one_entry_without_its_words(shelf: Shelf) -> None:
    shelf.host.db.write(item_search.note, shelf.reviewer, shelf.bank, (12, 3), now=shelf.host.now())
    with shelf.host.db.read() as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.act == "items_searched")).all()
    assert entry.details == {"searched": 12, "found": 3}


def _ids(shelf: Shelf, wish: Wish) -> list[int]:
    with shelf.host.db.read() as session:
        return item_search.ids(session, shelf.bank, wish)


class TestCoverage:
    @pytest.mark.both_stores
    def test_counts_active_items_by_point_and_kind(self, shelf: Shelf) -> None:
        with shelf.host.db.read() as session:
            found = coverage.coverage(session, shelf.bank)
        first, second = found.points
        assert (first.point, first.by_kind) == ("A-A-A-001", {"single": 1, "text": 1})
        assert (first.active, first.coming, first.uses, first.never_used) == (2, 9, 3, 1)
        assert first.last_used_at == shelf.host.now() - timedelta(days=9)
        assert (second.point, second.active, second.coming, second.state) == ("A-A-B-001", 1, 0, "look")
        assert (found.kinds, found.active, found.coming, found.never_used) == (("single", "text"), 3, 9, 2)
        assert found.bands == {3: 2, 5: 1}
        assert found.scopes == ()

    @pytest.mark.parametrize(("active", "state"), [(0, "act"), (1, "look"), (3, "look"), (4, "good")])
    def test_scenario_11_a_point_with_three_items_is_looked_at_and_one_with_none_is_acted_on(
        self, host: Host, person_as: Callable[..., Actor], active: int, state: str
    ) -> None:
        shelf = item_kit.shelf(host, person_as)
        shelf.add(reworded(stem="草稿", uid="DRAFT"))
        for number in range(active):
            shelf.add(reworded(stem=f"第 {number} 题", uid=f"N{number}"), to="active")
        with host.db.read() as session:
            (point,) = coverage.coverage(session, shelf.bank).points
        assert (point.active, point.state) == (active, state)

    def test_scenario_11_a_blueprint_names_its_points_that_have_no_item(
        self, host: Host, person_as: Callable[..., Actor]
    ) -> None:
        people = preparing.crew(person_as)
        bank = preparing.bank(host, people.administrator)
        blueprint_id = preparing.blueprint(host, people.administrator)
        shelf = Shelf(host, bank, people.keeper, person_as("bank_keeper"))
        far = replace(SINGLE, facts=replace(SINGLE.facts, point="Z-Z-Z-001"))
        shelf.add(reworded(far, stem="范围之外", uid="FAR"), to="active")
        with host.db.read() as session:
            found = coverage.coverage(session, bank, blueprint_id)
            scope = found.scopes[0]
            assert found.outside == 1
            assert sum(each.wanted for each in found.scopes) == sum(each.wanted for each in found.supplies)
            assert {each.state for each in found.supplies} <= {"look", "good"}
            rows = session.scalars(select(BankItem).where(BankItem.point.startswith(scope.code))).all()
            assert scope.active == len(rows) > scope.wanted
            for row in rows:
                row.status = "suspended"
            session.flush()
            emptied = coverage.coverage(session, bank, blueprint_id)
        assert (emptied.scopes[0].active, emptied.scopes[0].state) == (0, "act")
        lost = [point for point in emptied.points if point.point.startswith(scope.code)]
        assert {point.state for point in lost} == {"act"}
        assert emptied.points_in("act") == len(lost)

    def test_of_a_bank_or_blueprint_that_is_not_there_is_not_found(self, shelf: Shelf) -> None:
        with shelf.host.db.read() as session:
            for bank, blueprint in ((999, None), (shelf.bank, 999)):
                with pytest.raises(NotFound):
                    coverage.coverage(session, bank, blueprint)
