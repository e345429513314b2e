"""Blueprints as drafts, in use and retired: two people, versions of a family (scenario 11)."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from itembank.blueprint import Blueprint
from itembank.problems import InputRefused
from server.access import Actor
from server.db.bank import BankItem, BlueprintRow
from server.db.papers import PaperSet
from server.errors import Forbidden, NotFound, Refused
from server.host import Host
from server.services import assembly_runs, audit, blueprint_drafts, blueprints, coverage
from tests.server import preparing
from tests.server.blueprint_kit import SAMPLE, SHORT, Shelf, refusal


@pytest.fixture
def writer(person_as: Callable[..., Actor]) -> Actor:
    return person_as("bank_keeper")


@pytest.fixture
def second(person_as: Callable[..., Actor]) -> Actor:
    return person_as("administrator")


@pytest.fixture
def shelf(host: Host) -> Shelf:
    return Shelf(host)


@pytest.mark.both_stores
def test_a_draft_comes_into_use_by_a_second_person_and_replaces_the_version_before(
    shelf: Shelf, writer: Actor, second: Actor, host: Host
) -> None:
    first = shelf.store(writer)
    assert shelf.active() == []
    assert refusal(shelf.approve, writer, first) == "blueprint_approver_must_differ"
    shelf.approve(second, first)
    assert shelf.active() == [first]
    draft = shelf.change(writer, first)
    shelf.save(writer, draft, SAMPLE.replace("组织防范", "组织与防范"))
    assert shelf.active() == [first]
    shelf.approve(second, draft)
    assert shelf.active() == [draft]
    assert shelf.states() == [(1, "retired"), (2, "active")]
    row = shelf.row(draft)
    assert (row.family, row.approved_by, row.approved_at) == (first, second.user_id, host.now())
    assert shelf.acts() == [
        ("blueprint_stored", f"blueprint/{first}"),
        ("blueprint_approved", f"blueprint/{first}"),
        ("blueprint_stored", f"blueprint/{draft}"),
        ("blueprint_changed", f"blueprint/{draft}"),
        ("blueprint_retired", f"blueprint/{first}"),
        ("blueprint_approved", f"blueprint/{draft}"),
    ]
    with host.db.read() as session:
        assert audit.verify(session, "system").breaks == ()


class TestScenario11:
    def test_a_sum_of_99_is_kept_as_a_draft_and_its_activation_is_refused(
        self, shelf: Shelf, writer: Actor, second: Actor
    ) -> None:
        number = shelf.store(writer, SHORT)
        with pytest.raises(InputRefused) as refused:
            shelf.approve(second, number)
        (problem,) = refused.value.problems
        assert (problem.code, problem.place, problem.params["total"]) == ("weights_not_100", "scopes", "99")
        assert shelf.states() == [(1, "draft")]
        assert shelf.row(number).facts["faults"] == 1

    def test_mended_it_is_approved(self, shelf: Shelf, writer: Actor, second: Actor) -> None:
        number = shelf.store(writer, SHORT)
        shelf.save(writer, number, SAMPLE)
        assert shelf.row(number).facts == {
            "size": 100,
            "kinds": {"single": 60, "multiple": 20, "true_false": 20},
            "faults": 0,
            "writers": [writer.user_id],
        }
        shelf.approve(second, number)
        assert shelf.active() == [number]

    def test_three_items_of_a_point_are_a_warning_in_the_coverage_and_none_a_fault(
        self, shelf: Shelf, writer: Actor, second: Actor, host: Host
    ) -> None:
        number = shelf.store(writer)
        shelf.approve(second, number)
        bank = preparing.bank(host, second)
        left = {"A-A-A-001": 3, "A-A-A-002": 0}
        with host.db.read() as session:
            for point, count in left.items():
                for row in session.scalars(select(BankItem).where(BankItem.point == point)).all()[count:]:
                    row.status = "suspended"
            session.flush()
            found = {point.point: point for point in coverage.coverage(session, bank, number).points}
        assert [found[point].active for point in left] == [3, 0]
        assert [found[point].state for point in left] == ["look", "act"]
        others = [point for code, point in found.items() if code not in left and point.active >= 4]
        assert {point.state for point in others} == {"good"}

    @pytest.mark.parametrize("state", ["draft", "retired", "discarded"])
    def test_papers_are_assembled_only_by_one_in_use(
        self, shelf: Shelf, writer: Actor, second: Actor, host: Host, state: str
    ) -> None:
        number = shelf.store(writer)
        if state == "retired":
            shelf.approve(second, number)
            shelf.do(blueprint_drafts.retire, second, number)
        if state == "discarded":
            shelf.do(blueprint_drafts.discard, writer, number)
        plan = assembly_runs.AssemblyPlan("试卷", preparing.bank(host, second), number, 2, 60, "1")
        assert refusal(host.db.write, assembly_runs.begin, writer, plan, now=host.now()) == (
            "blueprint_not_active"
        )
        with host.db.read() as session:
            assert session.scalars(select(PaperSet.id)).all() == []


class TestApproval:
    def test_everybody_who_wrote_in_the_draft_is_a_writer(
        self, shelf: Shelf, writer: Actor, second: Actor, person_as: Callable[..., Actor]
    ) -> None:
        number = shelf.store(writer, SHORT)
        shelf.save(second, number, SAMPLE)
        for who in (writer, second):
            assert refusal(shelf.approve, who, number) == "blueprint_approver_must_differ"
        shelf.approve(person_as("bank_keeper"), number)

    def test_saving_without_a_change_makes_nobody_a_writer(
        self, shelf: Shelf, writer: Actor, second: Actor
    ) -> None:
        number = shelf.store(writer)
        shelf.save(second, number, SAMPLE)
        shelf.approve(second, number)
        assert ("blueprint_changed", f"blueprint/{number}") not in shelf.acts()

    def test_the_writer_of_the_version_before_may_approve_the_next(
        self, shelf: Shelf, writer: Actor, second: Actor
    ) -> None:
        first = shelf.store(writer)
        shelf.approve(second, first)
        shelf.approve(writer, shelf.change(second, first))

    def test_only_what_was_seen_is_approved(self, shelf: Shelf, writer: Actor, second: Actor) -> None:
        number = shelf.store(writer)
        seen = blueprints.digest(SAMPLE)
        shelf.save(writer, number, SAMPLE.replace("组织防范", "组织"))
        assert refusal(shelf.approve, second, number, seen=seen) == "blueprint_changed_meanwhile"

    def test_an_older_draft_does_not_replace_a_newer_version(
        self, shelf: Shelf, writer: Actor, second: Actor
    ) -> None:
        older, newer = shelf.store(writer), shelf.store(writer)
        shelf.approve(second, newer)
        assert refusal(shelf.approve, second, older) == "blueprint_newer_in_use"

    def test_others_may_do_nothing(
        self, shelf: Shelf, writer: Actor, person_as: Callable[..., Actor]
    ) -> None:
        number = shelf.store(writer)
        for role in ("custodian", "chief_invigilator", "invigilator", "auditor"):
            who = person_as(role)
            for act in (blueprint_drafts.retire, blueprint_drafts.discard, blueprint_drafts.change):
                with pytest.raises(Forbidden):
                    shelf.do(act, who, number)
            with pytest.raises(Forbidden):
                shelf.approve(who, number)
            with pytest.raises(Forbidden):
                shelf.save(who, number, SHORT)
            with pytest.raises(Forbidden):
                shelf.store(who)
        assert shelf.acts() == [("blueprint_stored", f"blueprint/{number}")]

    @pytest.mark.on_postgresql
    def test_of_two_drafts_approved_at_once_one_is_in_use(
        self, shelf: Shelf, writer: Actor, second: Actor
    ) -> None:
        from concurrent.futures import ThreadPoolExecutor

        drafts = [shelf.store(writer), shelf.store(writer)]

        def approve(number: int) -> None:
            try:
                shelf.approve(second, number)
            except Refused as refused:
                assert refused.code == "blueprint_newer_in_use"

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(approve, drafts))
        assert shelf.active() == [drafts[1]]


class TestStates:
    def test_one_in_use_is_never_edited(self, shelf: Shelf, writer: Actor, second: Actor) -> None:
        number = shelf.store(writer)
        shelf.approve(second, number)
        assert refusal(shelf.save, writer, number, SHORT) == "blueprint_not_draft"
        assert refusal(shelf.approve, second, number) == "blueprint_not_draft"
        assert refusal(shelf.do, blueprint_drafts.discard, writer, number) == "blueprint_not_draft"
        assert shelf.row(number).text == SAMPLE

    def test_a_change_goes_on_with_the_open_draft(self, shelf: Shelf, writer: Actor, second: Actor) -> None:
        first = shelf.store(writer)
        shelf.approve(second, first)
        draft = shelf.change(writer, first)
        assert shelf.change(second, first) == draft
        shelf.do(blueprint_drafts.discard, second, draft)
        assert shelf.row(shelf.change(second, first)).version == 3

    def test_two_writers_do_not_overwrite_each_other(
        self, shelf: Shelf, writer: Actor, second: Actor
    ) -> None:
        number = shelf.store(writer)
        base = blueprints.digest(SAMPLE)
        shelf.save(writer, number, SHORT, base)
        assert refusal(shelf.save, second, number, SAMPLE + "#", base) == "blueprint_changed_meanwhile"
        assert shelf.row(number).text == SHORT

    def test_only_one_in_use_can_be_retired(self, shelf: Shelf, writer: Actor, second: Actor) -> None:
        number = shelf.store(writer)
        assert refusal(shelf.do, blueprint_drafts.retire, second, number) == "blueprint_not_active"
        shelf.approve(second, number)
        shelf.do(blueprint_drafts.retire, second, number)
        assert shelf.active() == []

    def test_what_is_not_there(self, shelf: Shelf, second: Actor) -> None:
        with pytest.raises(NotFound):
            shelf.approve(second, 999)

    def test_a_row_of_an_older_release_is_a_family_of_its_own(
        self, shelf: Shelf, writer: Actor, second: Actor, host: Host
    ) -> None:
        old = BlueprintRow(
            title="旧", occupation="baowei", level=3, text=SAMPLE, state="active", created_at=host.now()
        )
        with host.db.read() as session:
            session.add(old)
            session.commit()
            number = old.id
        draft = shelf.change(writer, number)
        shelf.approve(second, draft)
        assert shelf.states() == [(1, "retired"), (2, "active")]


class TestStoring:
    def test_the_same_title_is_a_new_version_of_the_family(self, shelf: Shelf, writer: Actor) -> None:
        first, again = shelf.store(writer), shelf.store(writer)
        other = shelf.store(writer, SAMPLE.replace("title: ", "title: 另一份"))
        assert [shelf.row(each).family for each in (first, again, other)] == [first, first, other]
        assert shelf.states() == [(1, "draft"), (2, "draft"), (1, "draft")]

    def test_a_draft_without_a_name_joins_the_family_that_it_is_named_after(
        self, shelf: Shelf, writer: Actor, second: Actor
    ) -> None:
        first, nameless = shelf.store(writer), shelf.store(writer, SAMPLE.replace("title: ", "titel: "))
        shelf.approve(second, first)
        assert shelf.row(nameless).family == nameless
        shelf.save(writer, nameless, SAMPLE)
        assert (shelf.row(nameless).family, shelf.row(nameless).version) == (first, 2)
        shelf.approve(second, nameless)
        assert shelf.active() == [nameless]

    def test_no_two_in_use_bear_the_same_title(self, shelf: Shelf, writer: Actor, second: Actor) -> None:
        other_text = SAMPLE.replace("title: ", "title: 另一份")
        first, other = shelf.store(writer), shelf.store(writer, other_text)
        shelf.approve(second, first)
        shelf.approve(second, other)
        draft = shelf.change(writer, other)
        shelf.save(writer, draft, SAMPLE)
        assert shelf.row(draft).family == other
        assert refusal(shelf.approve, second, draft) == "blueprint_title_in_use"
        assert shelf.active() == [first, other]

    def test_what_a_table_holds_becomes_an_incomplete_draft(
        self, shelf: Shelf, writer: Actor, host: Host
    ) -> None:
        data = {"scopes": [{"code": "A", "name": "甲", "weight": "99"}]}
        number = host.db.write(blueprints.create, writer, data, now=host.now())
        row = shelf.row(number)
        assert (row.title, row.occupation, row.level, row.facts["size"]) == ("", "", 0, None)
        with host.db.read() as session:
            places = {problem.place for problem in blueprints.view(session, number).faults}
            assert refusal(blueprints.read, row) == "blueprint_has_faults"
        assert {"title", "occupation", "level", "size", "kinds"} <= places

    @pytest.mark.parametrize("text", ["title: [", "- 1", "", 'title: "\\0"', "x" * 1_000_001])
    def test_what_cannot_be_read_is_not_kept(self, shelf: Shelf, writer: Actor, text: str) -> None:
        with pytest.raises(InputRefused):
            shelf.store(writer, text)
        assert shelf.states() == []

    @pytest.mark.parametrize(
        ("old", "new", "place"),
        [
            ("occupation: baowei", "occupation: pilot", "occupation"),
            ("level: 3", "level: 5", "level"),
            ("title: ", f"title: {'长' * 120}", "title"),
        ],
    )
    def test_what_no_policy_knows_stands_against_the_approval(
        self, shelf: Shelf, writer: Actor, second: Actor, old: str, new: str, place: str
    ) -> None:
        number = shelf.store(writer, SAMPLE.replace(old, new))
        with pytest.raises(InputRefused) as refused:
            shelf.approve(second, number)
        assert [problem.place for problem in refused.value.problems] == [place]

    def test_a_text_is_found_where_it_is_in_use(self, shelf: Shelf, writer: Actor, second: Actor) -> None:
        used, _draft = shelf.store(writer), None
        shelf.approve(second, used)
        shelf.store(writer)
        with shelf.host.db.read() as session:
            assert blueprints.with_text(session, SAMPLE).id == used
            assert blueprints.with_text(session, SAMPLE + " ") is None

    def test_a_view_of_a_whole_one_has_its_counts_and_what_it_replaces(
        self, shelf: Shelf, writer: Actor, second: Actor
    ) -> None:
        first = shelf.store(writer)
        shelf.approve(second, first)
        given_up = shelf.change(writer, first)
        shelf.do(blueprint_drafts.discard, writer, given_up)
        draft = shelf.change(writer, first)
        with shelf.host.db.read() as session:
            view = blueprints.view(session, draft)
            assert isinstance(view.blueprint, Blueprint)
            assert (view.counts["A"], view.before.id, len(view.versions)) == (20, first, 3)
