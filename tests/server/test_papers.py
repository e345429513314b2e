"""Paper sets as they come into use and go out of it: approval by somebody else, retirement with a reason."""

from collections.abc import Callable

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.access import Actor
from server.db.bank import BankItem
from server.db.papers import FormItem, PaperSet
from server.db.record import AuditEntry
from server.db.sittings import RoomSitting
from server.errors import Forbidden, Refused
from server.host import Host
from server.services import assembly_runs, batches, item_life, papers
from server.services.signed import Signed
from tests.server import assembly_kit as kit
from tests.server import preparing


@pytest.fixture
def crew(person_as: Callable[..., Actor]) -> preparing.Crew:
    return preparing.crew(person_as)


@pytest.fixture
def assembled(host: Host, crew: preparing.Crew) -> int:
    return kit.run(host, crew.keeper, kit.plan_of(kit.small(host, crew.keeper), 2))


def approve(host: Host, who: Actor, number: int) -> None:
    host.db.write(papers.approve, who, number, now=host.now())


def retire(host: Host, who: Actor, number: int, reason: str = "卷面泄露") -> None:
    host.db.write(papers.retire, Signed(who, reason), number, now=host.now())


class TestApproval:
    @pytest.mark.both_stores
    def test_another_person_approves_once_and_the_items_count_a_use(
        self, host: Host, crew: preparing.Crew, assembled: int
    ) -> None:
        with pytest.raises(Refused, match="approver_must_differ"):
            approve(host, crew.keeper, assembled)
        with pytest.raises(Forbidden):
            approve(host, crew.custodian, assembled)
        approve(host, crew.approver, assembled)
        with pytest.raises(Refused, match="papers_not_assembled"):
            approve(host, crew.administrator, assembled)
        used = {uid for form in kit.forms(host, assembled).values() for uid in form}
        with host.db.read() as session:
            counted = session.execute(select(BankItem.uid, BankItem.uses)).all()
        assert {uid for uid, uses in counted if uses == 1} == used
        assert {uses for _uid, uses in counted} == {0, 1}

    @pytest.mark.parametrize(("status", "reason"), [("suspended", "泄题"), ("retired", "过时")])
    def test_items_that_were_stopped_stand_against_it(
        self, host: Host, crew: preparing.Crew, assembled: int, status: str, reason: str
    ) -> None:
        with host.db.read() as session:
            first = session.scalars(select(FormItem).where(FormItem.form == "A", FormItem.number == 1)).one()
            seen = {"seen": first.item_version, "now": host.now()}
        host.db.write(item_life.move, Signed(crew.keeper, reason), first.item_id, status, **seen)
        with pytest.raises(Refused, match="paper_has_suspended_items") as caught:
            approve(host, crew.approver, assembled)
        assert caught.value.params["count"] == "1"
        assert caught.value.params["uid"] == first.item_uid
        with host.db.read() as session:
            assert papers.stopped(session, assembled)["A"] == [first.item_uid]

    @pytest.mark.parametrize("binding", [True, False])
    def test_an_unmet_line_stands_against_it_only_where_it_binds(
        self, host: Host, crew: preparing.Crew, assembled: int, binding: bool
    ) -> None:
        def spoil(session: Session) -> None:
            row = session.get_one(PaperSet, assembled)
            proof = [[dict(line) for line in form] for form in row.outcome["proof"]]
            proof[1][0] |= {"met": False, "binding": binding}
            row.outcome = row.outcome | {"proof": proof}

        host.db.write(spoil)
        if binding:
            with pytest.raises(Refused, match="papers_break_blueprint"):
                approve(host, crew.approver, assembled)
        else:
            approve(host, crew.approver, assembled)

    def test_forms_without_a_proof_are_not_approved(
        self, host: Host, crew: preparing.Crew, assembled: int
    ) -> None:
        def lose(session: Session) -> None:
            row = session.get_one(PaperSet, assembled)
            row.outcome = row.outcome | {"proof": row.outcome["proof"][:1]}

        host.db.write(lose)
        with pytest.raises(Refused, match="papers_break_blueprint"):
            approve(host, crew.approver, assembled)


class TestRetirement:
    def test_needs_a_reason_and_the_permission_and_is_for_good(
        self, host: Host, crew: preparing.Crew, assembled: int
    ) -> None:
        with pytest.raises(Refused, match="reason_missing"):
            retire(host, crew.approver, assembled, " ")
        with pytest.raises(Forbidden):
            retire(host, crew.custodian, assembled)
        approve(host, crew.approver, assembled)
        retire(host, crew.keeper, assembled)
        row = kit.row(host, assembled)
        assert (row.state, row.outcome["retired"]["by"]) == ("retired", crew.keeper.name)
        assert row.outcome["retired"]["reason"] == "卷面泄露"
        with pytest.raises(Refused, match="papers_not_in_use"):
            retire(host, crew.keeper, assembled)
        with host.db.read() as session:
            assert papers.approved_for(session, "baowei", 3) == []
            entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "papers_retired")).one()
            assert entry.object == f"papers/{assembled}"
        assert kit.rebuilt(host, crew.keeper, assembled), "what was used can still be checked"

    def test_waits_for_the_sittings_that_chose_them(
        self, host: Host, crew: preparing.Crew, assembled: int
    ) -> None:
        administrator = crew.administrator
        approve(host, crew.approver, assembled)
        plan = batches.BatchPlan("2026 年第 4 批", "baowei", 3, "national")
        batch = host.db.write(batches.create, administrator, plan, now=host.now())
        held = preparing.sitting(host, administrator, batch, kit.room(host, administrator), assembled)

        def put(state: str) -> None:
            as_it_is = update(RoomSitting).where(RoomSitting.id == held).values(state=state)
            host.db.write(lambda s: s.execute(as_it_is) and None)

        for state in ("planned", "arranged", "released", "running"):
            put(state)
            with pytest.raises(Refused, match="papers_awaited") as caught:
                retire(host, crew.approver, assembled)
            assert caught.value.params["count"] == "1"
        for state in ("collected", "marked", "ended"):
            put(state)
            with host.db.read() as session:
                assert papers.awaited(session, assembled) == 0
        retire(host, crew.approver, assembled)


@pytest.mark.dear
def test_thirty_forms_stand_in_their_order(host: Host, crew: preparing.Crew) -> None:
    sources = kit.small(host, crew.keeper)
    number = kit.run(host, crew.keeper, kit.plan_of(sources, 28, 20))
    with host.db.read() as session:
        letters = papers.form_letters(session, number)
        first = session.scalars(
            select(FormItem.item_uid).where(FormItem.form == "AA").order_by(FormItem.number)
        ).all()
        forms = assembly_runs.forms_of(session, number)
    assert letters == [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "AA", "AB"]
    assert list(forms) == letters
    assert forms["AA"] == first
