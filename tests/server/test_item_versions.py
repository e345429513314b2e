"""Versions of items: never changed in place; papers keep the versions they were assembled from."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import delete, select

from itembank.items import Item
from itembank.problems import InputRefused
from server.access import Actor
from server.db.bank import BankItem, ItemVersion
from server.db.papers import FormItem
from server.db.record import AuditEntry
from server.errors import Forbidden, Refused
from server.host import Host
from server.services import item_versions, items, papers
from tests.server import item_kit, preparing
from tests.server.item_kit import EVERY, SINGLE, Shelf, reworded


@pytest.fixture
def shelf(host: Host, person_as: Callable[..., Actor]) -> Iterator[Shelf]:
    yield item_kit.shelf(host, person_as)


def opened(shelf: Shelf, item_id: int, version: int | None = None) -> Item:
    return shelf.host.db.write(items.read, shelf.reviewer, item_id, version, now=shelf.host.now())


def waiting(shelf: Shelf, item_id: int) -> int:
    with shelf.host.db.read() as session:
        version = item_versions.pending(session, session.get_one(BankItem, item_id))
        return version.version if version else 0


def accept(shelf: Shelf, item_id: int, who: Actor | None = None) -> int:
    act, seen = item_versions.accept, waiting(shelf, item_id)
    return shelf.host.db.write(act, who or shelf.reviewer, item_id, seen=seen, now=shelf.host.now())


def reject(shelf: Shelf, item_id: int, who: Actor, note: str = "") -> None:
    seen = waiting(shelf, item_id)
    shelf.host.db.write(item_versions.reject, who, item_id, note, seen=seen, now=shelf.host.now())


def states(shelf: Shelf, item_id: int) -> dict[int, str]:
    with shelf.host.db.read() as session:
        return {each.version: each.state for each in item_versions.versions(session, item_id)}


@pytest.mark.both_stores
def test_an_item_of_every_kind_is_written_and_read_again(shelf: Shelf) -> None:
    for item in EVERY.values():
        item_id = shelf.add(item)
        assert opened(shelf, item_id) == item
        row = shelf.row(item_id)
        assert (row.version, row.status, row.author_id) == (1, "draft", shelf.author.user_id)
        assert row.stem_index
        assert row.content_index


def test_a_change_of_an_active_item_waits_for_another_person(shelf: Shelf) -> None:
    item_id = shelf.add(to="active")
    assert shelf.change(item_id, reworded(), "更准确") == 2
    row = shelf.row(item_id)
    assert (row.version, row.status) == (1, "active")
    assert opened(shelf, item_id).body == SINGLE.body
    assert states(shelf, item_id) == {2: "waiting", 1: "in_force"}
    with pytest.raises(Refused, match="item_reviewer_is_author"):
        accept(shelf, item_id, shelf.author)
    assert accept(shelf, item_id) == 2
    row = shelf.row(item_id)
    assert (row.version, row.status, row.author_id) == (2, "active", shelf.author.user_id)
    assert opened(shelf, item_id).body == reworded().body
    assert opened(shelf, item_id, 1).body == SINGLE.body
    assert states(shelf, item_id) == {2: "in_force", 1: "past"}
    with shelf.host.db.read() as session:
        view = item_versions.versions(session, item_id)[0]
    assert (view.note, view.reviewer_id) == ("更准确", shelf.reviewer.user_id)


def test_a_change_of_a_draft_is_in_force_at_once(shelf: Shelf) -> None:
    item_id = shelf.add()
    before = shelf.row(item_id)
    shelf.change(item_id, reworded())
    row = shelf.row(item_id)
    assert (row.version, row.status) == (2, "draft")
    assert row.content_index != before.content_index
    assert row.stem_index != before.stem_index
    assert states(shelf, item_id) == {2: "in_force", 1: "past"}


def test_a_rejected_version_keeps_its_number_and_is_told_from_the_others(shelf: Shelf) -> None:
    item_id = shelf.add(to="active")
    shelf.change(item_id, reworded())
    reject(shelf, item_id, shelf.reviewer, "不必改")
    assert states(shelf, item_id) == {2: "rejected", 1: "in_force"}
    assert shelf.change(item_id, reworded(stem="第三种说法")) == 3
    accept(shelf, item_id)
    assert states(shelf, item_id) == {3: "in_force", 2: "rejected", 1: "past"}
    with pytest.raises(Refused, match="item_nothing_pending"):
        accept(shelf, item_id)


def test_another_version_than_the_one_seen_is_neither_taken_nor_given_up(shelf: Shelf) -> None:
    item_id = shelf.add(to="active")
    shelf.change(item_id, reworded())
    reject(shelf, item_id, shelf.author)
    shelf.change(item_id, reworded(stem="再改"))  # while somebody still looks at version 2
    write, now = shelf.host.db.write, shelf.host.now()
    with pytest.raises(Refused, match="item_changed_meanwhile"):
        write(item_versions.accept, shelf.reviewer, item_id, seen=2, now=now)
    with pytest.raises(Refused, match="item_changed_meanwhile"):
        write(item_versions.reject, shelf.reviewer, item_id, "", seen=2, now=now)
    assert states(shelf, item_id)[3] == "waiting"


def test_an_author_takes_an_own_waiting_version_back(shelf: Shelf, person_as: Callable[..., Actor]) -> None:
    item_id = shelf.add(to="active")
    shelf.change(item_id, reworded())
    with pytest.raises(Forbidden):
        reject(shelf, item_id, person_as("administrator"))
    reject(shelf, item_id, shelf.author)
    assert states(shelf, item_id)[2] == "rejected"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda item: replace(item, body=replace(item.body, answer=("E",))), "answer_not_an_option"),
        (lambda item: replace(item, body=replace(item.body, stem=" ")), "empty_stem"),
        (lambda item: replace(item, facts=replace(item.facts, point="A1")), "bad_point"),
        (lambda item: replace(item, facts=replace(item.facts, difficulty=6)), "bad_difficulty"),
    ],
)
def test_a_wrong_item_is_neither_written_nor_a_version(
    shelf: Shelf, spoil: Callable[[Item], Item], code: str
) -> None:
    with pytest.raises(InputRefused, match=code):
        shelf.add(spoil(SINGLE))
    item_id = shelf.add()
    with pytest.raises(InputRefused, match=code):
        shelf.change(item_id, spoil(SINGLE))
    assert states(shelf, item_id) == {1: "in_force"}


def test_what_cannot_be_changed_is_refused(shelf: Shelf) -> None:
    item_id = shelf.add(to="active")
    with pytest.raises(Refused, match="item_id_fixed"):
        shelf.change(item_id, reworded(uid="OTHER"))
    shelf.change(item_id, reworded())
    with pytest.raises(Refused, match="item_pending_already"):
        shelf.change(item_id, reworded(stem="再改"))
    shelf.move(item_id, "retired", reason="过时")
    with pytest.raises(Refused, match="item_retired"):
        shelf.change(item_id, reworded())
    with pytest.raises(Refused, match="item_retired"):
        accept(shelf, item_id)
    with pytest.raises(Refused, match="item_id_taken"):
        shelf.add()


def test_a_version_without_difficulty_does_not_come_in_use(shelf: Shelf) -> None:
    item_id = shelf.add(to="active")
    bare = reworded()
    shelf.change(item_id, replace(bare, facts=replace(bare.facts, difficulty=0)))
    with pytest.raises(Refused, match="item_incomplete"):
        accept(shelf, item_id)
    assert shelf.row(item_id).version == 1


def test_figures_of_another_text_are_dropped_and_of_the_same_text_kept(shelf: Shelf) -> None:
    item_id = shelf.add(to="active")

    def measure(session) -> None:
        row = session.get_one(BankItem, item_id)
        row.answered, row.facility, row.discrimination = 200, 0.6, 0.3

    shelf.host.db.write(measure)
    shelf.change(item_id, replace(SINGLE, facts=replace(SINGLE.facts, difficulty=4)))
    accept(shelf, item_id)
    assert (shelf.row(item_id).difficulty, shelf.row(item_id).answered) == (4, 200)
    shelf.change(item_id, reworded())
    accept(shelf, item_id)
    assert (shelf.row(item_id).answered, shelf.row(item_id).facility) == (0, None)


def test_every_reading_and_comparison_is_on_record_without_its_text(shelf: Shelf) -> None:
    item_id = shelf.add(to="active")
    shelf.change(item_id, reworded())
    opened(shelf, item_id)
    opened(shelf, item_id, 2)
    both = shelf.host.db.write(items.read_two, shelf.author, item_id, (1, 2), now=shelf.host.now())
    assert [item.body.stem for item in both] == [SINGLE.body.stem, reworded().body.stem]
    with shelf.host.db.read() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.act == "item_read")).all()
    assert [entry.details for entry in entries] == [
        {"version": 1},
        {"version": 2},
        {"version": 1, "beside": 2},
    ]
    assert "示例" not in repr([entry.details for entry in entries])


def test_the_first_version_of_an_item_from_before_is_written_down_before_it_changes(shelf: Shelf) -> None:
    item_id = shelf.add(to="active")
    shelf.host.db.write(lambda session: session.execute(delete(ItemVersion)) and None)
    assert opened(shelf, item_id).body == SINGLE.body
    shelf.change(item_id, reworded())
    assert states(shelf, item_id) == {2: "waiting", 1: "in_force"}
    accept(shelf, item_id)
    assert opened(shelf, item_id, 1).body == SINGLE.body


class TestPapers:
    @pytest.fixture
    def people(self, person_as: Callable[..., Actor]) -> preparing.Crew:
        return preparing.crew(person_as)

    @pytest.fixture
    def assembled(self, host: Host, people: preparing.Crew, person_as: Callable[..., Actor]):
        bank = preparing.bank(host, people.administrator)
        blueprint = preparing.blueprint(host, people.administrator)
        shelf = Shelf(host, bank, people.keeper, person_as("bank_keeper"))
        return shelf, preparing.paper_set(host, people, bank, blueprint)

    def first(self, host: Host, set_id: int) -> tuple[int, Item]:
        with host.db.read() as session:
            query = select(FormItem).where(FormItem.paper_set_id == set_id, FormItem.form == "A")
            place = session.scalars(query.order_by(FormItem.number)).first()
            return place.item_id, papers.opened_items(session, papers.get(session, set_id), "A")[0]

    @pytest.mark.dear
    def test_keep_the_version_they_were_assembled_from(self, host: Host, assembled) -> None:
        shelf, set_id = assembled
        item_id, item = self.first(host, set_id)
        shelf.change(item_id, reworded(item))
        accept(shelf, item_id)
        assert shelf.row(item_id).version == 2
        assert self.first(host, set_id) == (item_id, item)
        with host.db.read() as session:
            view = items.view(session, shelf.reviewer, shelf.bank, item_id)
        assert [(paper.paper_set, paper.version) for paper in view.papers] == [(set_id, 1)]
        assert "A" in view.papers[0].forms

    @pytest.mark.dear
    def test_of_an_item_from_before_open_while_it_is_unchanged(self, host: Host, assembled) -> None:
        shelf, set_id = assembled
        item_id, item = self.first(host, set_id)
        host.db.write(lambda session: session.execute(delete(ItemVersion)) and None)
        assert self.first(host, set_id)[1].body == item.body

        def lost(session) -> None:
            session.get_one(BankItem, item_id).version = 2

        host.db.write(lost)
        with pytest.raises(Refused, match="item_changed_since_assembly"):
            self.first(host, set_id)
        assert shelf.bank
