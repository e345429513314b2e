"""The life of an item: who takes it from state to state, and what a review asks for."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import delete, select, update

from itembank.items import ItemKind
from server.access import Actor, Permission
from server.db.bank import BankItem, ItemVersion
from server.db.record import AuditEntry
from server.errors import Forbidden, NotFound, Refused
from server.host import Host
from server.services import item_life, item_search, item_versions, papers
from server.services.item_life import STATES, STEPS
from server.services.signed import Signed
from tests.server import item_kit, preparing
from tests.server.item_kit import SINGLE, Shelf


@pytest.fixture
def shelf(host: Host, person_as: Callable[..., Actor]) -> Iterator[Shelf]:
    yield item_kit.shelf(host, person_as)


def refusal(shelf: Shelf, item_id: int, to: str, **by: object) -> str:
    with pytest.raises(Refused) as caught:
        shelf.move(item_id, to, **by)
    return caught.value.code


@pytest.mark.both_stores
def test_an_item_goes_all_the_way_and_each_step_is_on_record(shelf: Shelf) -> None:
    item_id = shelf.add()
    for to, reason in (
        *(("reviewed", ""), ("trial", ""), ("active", "")),
        *(("suspended", "泄题"), ("active", ""), ("retired", "过时")),
    ):
        shelf.move(item_id, to, reason=reason)
        assert shelf.row(item_id).status == to
    with shelf.host.db.read() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.act == "item_moved")).all()
        version = session.get_one(ItemVersion, (item_id, 1))
    assert [entry.details["state"] for entry in entries] == [
        *("reviewed", "trial", "active", "suspended", "active", "retired")
    ]
    assert [entry.details.get("reason") for entry in entries if "reason" in entry.details] == ["泄题", "过时"]
    assert version.reviewer_id == shelf.reviewer.user_id


def test_every_pair_of_states_is_a_step_or_refused(shelf: Shelf) -> None:
    item_id = shelf.add()
    for at in STATES:
        for to in STATES:
            with shelf.host.db.read() as session:
                item = shelf.row(item_id)
                item.status = at
                session.add(item)  # rolled back with the session
                signed = Signed(shelf.reviewer, "原因")
                if (at, to) in STEPS:
                    item_life.move(session, signed, item_id, to, seen=1, now=shelf.host.now())
                    assert session.get(type(item), item_id).status == to
                else:
                    with pytest.raises(Refused, match="item_step_unknown"):
                        item_life.move(session, signed, item_id, to, seen=1, now=shelf.host.now())


def test_nothing_comes_back_from_retirement_and_nothing_skips_the_review() -> None:
    assert not [to for at, to in STEPS if at == "retired"]
    assert {to for at, to in STEPS if at == "draft"} == {"reviewed", "retired"}
    assert all(STEPS[at, to].other_person for at, to in STEPS if to in ("reviewed", "trial", "active"))
    assert all(STEPS[at, to].complete for at, to in STEPS if to in ("trial", "active"))
    assert all(STEPS[at, to].reason for at, to in STEPS if to in ("suspended", "retired"))


def test_who_wrote_it_does_not_review_it(shelf: Shelf) -> None:
    item_id = shelf.add()
    assert refusal(shelf, item_id, "reviewed", who=shelf.author) == "item_reviewer_is_author"
    shelf.move(item_id, "reviewed")
    assert refusal(shelf, item_id, "active", who=shelf.author) == "item_reviewer_is_author"


def test_nobody_who_wrote_a_version_since_the_last_review_reviews(
    shelf: Shelf, person_as: Callable[..., Actor]
) -> None:
    item_id, third = shelf.add(), person_as("bank_keeper")
    second = replace(shelf, author=shelf.reviewer)
    second.change(item_id, item_kit.reworded())
    for to in ("reviewed", "active"):
        assert refusal(shelf, item_id, to) == "item_reviewer_is_author"
        assert refusal(shelf, item_id, to, who=shelf.author) == "item_reviewer_is_author"
        many = shelf.host.db.write(item_life.move_many, shelf.author, {item_id: 2}, to, now=shelf.host.now())
        assert many.stayed == {"item_reviewer_is_author": 1}
        shelf.move(item_id, to, who=third)
    second.change(item_id, item_kit.reworded(stem="第三种说法"))  # of a reviewed text: its own author alone
    shelf.host.db.write(item_versions.accept, shelf.author, item_id, seen=3, now=shelf.host.now())
    shelf.move(item_id, "suspended", reason="复查")
    assert refusal(shelf, item_id, "active") == "item_reviewer_is_author"
    shelf.move(item_id, "active", who=shelf.author)


def test_who_imported_an_item_that_names_no_author_does_not_review_it(
    host: Host, person_as: Callable[..., Actor]
) -> None:
    keeper, shelf = person_as("bank_keeper"), item_kit.shelf(host, person_as)
    data = (preparing.SAMPLES / "bank_baowei_3.csv").read_bytes()
    preparing.take_in(host, keeper, preparing.dry_run(host, keeper, shelf.bank, data, "bank.csv"))

    def forget(session) -> None:
        session.execute(update(BankItem).values(author_id=None))
        session.execute(update(ItemVersion).values(author_id=None))

    host.db.write(forget)
    assert refusal(shelf, 1, "reviewed", who=keeper) == "item_reviewer_is_author"
    host.db.write(lambda session: session.execute(delete(ItemVersion)) and None)
    assert refusal(shelf, 1, "reviewed", who=keeper) == "item_reviewer_is_author"
    shelf.move(1, "reviewed")


def test_a_text_that_changed_since_it_was_seen_is_not_reviewed(shelf: Shelf) -> None:
    item_id = shelf.add()
    shelf.change(item_id, item_kit.reworded())
    write, now = shelf.host.db.write, shelf.host.now()
    with pytest.raises(Refused, match="item_changed_meanwhile"):
        write(item_life.move, shelf.reviewer, item_id, "reviewed", seen=1, now=now)
    many = write(item_life.move_many, shelf.reviewer, {item_id: 1}, "reviewed", now=now)
    assert (many.moved, many.stayed) == (0, {"item_changed_meanwhile": 1})
    assert write(item_life.move_many, shelf.reviewer, {item_id: 2}, "reviewed", now=now).moved == 1
    shelf.move(item_id, "active")
    stop = Signed(shelf.reviewer, "泄题")  # what has leaked is stopped, whichever text was looked at
    write(item_life.move, stop, item_id, "suspended", seen=1, now=now)


def test_other_roles_move_nothing(shelf: Shelf, person_as: Callable[..., Actor]) -> None:
    item_id = shelf.add()
    for role in ("administrator", "custodian", "chief_invigilator", "auditor"):
        with pytest.raises(Forbidden):
            shelf.move(item_id, "reviewed", who=person_as(role))
        assert not person_as(role).can(Permission.AUTHOR_ITEMS)


def test_an_author_gives_a_draft_up_with_a_reason(shelf: Shelf) -> None:
    item_id = shelf.add()
    assert refusal(shelf, item_id, "retired", who=shelf.author) == "reason_missing"
    shelf.move(item_id, "retired", who=shelf.author, reason="重复")
    assert shelf.row(item_id).status_note == "重复"


@pytest.mark.parametrize("lack", [{"point": ""}, {"difficulty": 0}])
def test_an_item_without_point_or_difficulty_is_reviewed_but_not_used(shelf: Shelf, lack: dict) -> None:
    item_id = shelf.add(replace(SINGLE, facts=replace(SINGLE.facts, **lack)), to="reviewed")
    for to in ("trial", "active"):
        assert refusal(shelf, item_id, to) == "item_incomplete"


def test_a_practical_task_never_becomes_active(shelf: Shelf) -> None:
    essay = item_kit.EVERY[ItemKind.ESSAY]
    task = replace(essay, facts=replace(essay.facts, kind=ItemKind.PRACTICAL))
    item_id = shelf.add(task, to="reviewed")
    assert refusal(shelf, item_id, "active") == "item_kind_not_delivered"


def test_a_suspended_item_comes_back_by_another_person_only(shelf: Shelf) -> None:
    item_id = shelf.add(to="active")
    assert refusal(shelf, item_id, "suspended") == "reason_missing"
    shelf.move(item_id, "suspended", who=shelf.author, reason="答案有误")
    assert refusal(shelf, item_id, "active", who=shelf.author) == "item_reviewer_is_author"
    shelf.move(item_id, "active")


def test_an_unknown_item_is_not_found(shelf: Shelf) -> None:
    with pytest.raises(NotFound):
        shelf.move(999, "reviewed")


@pytest.mark.both_stores
def test_a_whole_import_is_reviewed_by_a_second_person_in_one_act(
    host: Host, person_as: Callable[..., Actor]
) -> None:
    author, second = person_as("bank_keeper"), person_as("bank_keeper")
    shelf = item_kit.shelf(host, person_as)
    data = (preparing.SAMPLES / "bank_baowei_3.csv").read_bytes()
    import_id = preparing.dry_run(host, author, shelf.bank, data, "bank.csv")
    count = preparing.take_in(host, author, import_id)
    with host.db.read() as session:
        seen = item_search.numbers(session, shelf.bank, item_search.Wish())
    own = host.db.write(item_life.move_many, author, seen, "reviewed", now=host.now())
    assert (own.moved, own.stayed) == (0, {"item_reviewer_is_author": count})
    done = host.db.write(item_life.move_many, second, seen, "reviewed", now=host.now())
    assert (done.moved, done.stayed) == (count, {})
    with host.db.read() as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.act == "items_moved")).all()
        versions = session.scalars(select(ItemVersion)).all()
        assert entry.details["items"] == count
        assert {version.reviewer_id for version in versions} == {second.user_id}
        assert all(version.reviewed_at for version in versions)
        assert {item.reviewer_id for item in session.scalars(select(BankItem))} == {second.user_id}


def test_of_many_items_those_that_cannot_go_stay_and_are_counted(shelf: Shelf) -> None:
    ready = shelf.add(uid="A", to="reviewed")
    draft = shelf.add(item_kit.reworded(stem="另一题", uid="B"))
    bare = replace(SINGLE, facts=replace(SINGLE.facts, difficulty=0))
    lacking = shelf.add(item_kit.reworded(bare, stem="第三题"), uid="C", to="reviewed")
    done = shelf.host.db.write(
        item_life.move_many,
        shelf.reviewer,
        dict.fromkeys((ready, draft, lacking), 1),
        "active",
        now=shelf.host.now(),
    )
    assert (done.moved, done.stayed) == (1, {"item_step_unknown": 1, "item_incomplete": 1})
    assert [shelf.row(each).status for each in (ready, draft, lacking)] == ["active", "draft", "reviewed"]


def test_many_items_are_not_suspended_without_a_reason(shelf: Shelf) -> None:
    ids = {shelf.add(uid="A", to="active"): 1}
    with pytest.raises(Refused, match="reason_missing"):
        shelf.host.db.write(item_life.move_many, shelf.reviewer, ids, "suspended", now=shelf.host.now())
    with pytest.raises(Forbidden):
        shelf.host.db.write(item_life.move_many, preparing.CONSOLE, ids, "suspended", now=shelf.host.now())


@pytest.mark.dear
def test_items_on_trial_or_suspended_stand_on_no_paper(host: Host, person_as: Callable[..., Actor]) -> None:
    people = preparing.crew(person_as)
    bank, blueprint = (
        preparing.bank(host, people.administrator),
        preparing.blueprint(host, people.administrator),
    )
    shelf = Shelf(host, bank, people.keeper, person_as("bank_keeper"))
    shelf.move(1, "suspended", reason="泄题")
    on_trial = shelf.add(item_kit.reworded(uid="TRIAL"), to="reviewed")
    shelf.move(on_trial, "trial")
    set_id = preparing.paper_set(host, people, bank, blueprint)
    with host.db.read() as session:
        row = papers.get(session, set_id)
        used = {item.facts.uid for letter in "ABCD" for item in papers.opened_items(session, row, letter)}
    assert used
    assert shelf.row(1).uid not in used
    assert "TRIAL" not in used
