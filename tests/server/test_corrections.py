"""Corrections of results, and recheck requests: clocks, scope, sums, and who has to agree."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.access import Actor
from server.db.assessing import PanelScore
from server.db.outcomes import Result
from server.db.publicity import Correction, Objection, PublicityEntry, Recheck
from server.db.record import AuditEntry
from server.db.sittings import Batch, Registration
from server.errors import Forbidden, Refused
from server.host import Host
from server.rules.policy import LevelPolicy
from server.rules.policy_components import Component
from server.rules.publicity import Stage
from server.rules.results import score_text
from server.services import (
    batch_results,
    corrections,
    objections,
    publicity,
    publishing,
    recheck_sums,
    rechecks,
)
from server.services.batch_results import ResultChange
from server.services.corrections import Change
from server.services.filings import Filing
from server.services.rechecks import Answer, Request
from server.services.signed import Signed
from server.services.votes import Vote
from tests.server.conftest import Machine
from tests.server.panel_kit import panel_desk
from tests.server.publicity_kit import SAID, SHANGHAI, Office, office

YES, NO = Vote(approved=True), Vote(approved=False, note="证据不足")


@pytest.fixture
def machine() -> Machine:
    """A Monday in March 2025, ten in the morning in Shanghai."""
    return Machine(wall=datetime(2025, 3, 3, 2, 0, tzinfo=UTC))


@pytest.fixture
def desk(host: Host, person_as: Callable[..., Actor]) -> Office:
    made = office(host, person_as)
    made.publish()
    return made


def to(machine: Machine, *moment: int) -> None:
    machine.advance(seconds=(datetime(2025, *moment, tzinfo=SHANGHAI) - machine.wall).total_seconds())


def change(
    desk: Office, name: str = "乙", to: str = "score", score: str | None = "61", **more: Any
) -> Change:
    wanted = None if score is None else Decimal(score)
    plain = Change(desk.stage.batch, desk.stage.people[name], "theory", to, wanted, "漏加一题", "答卷第 3 页")
    return replace(plain, **more)


def propose(desk: Office, *args: Any, **more: Any) -> int:
    return int(desk.write(corrections.propose, desk.scorer, change(desk, *args, **more)))


def row(host: Host, table: type, row_id: int) -> Any:
    with host.db.read() as session:
        return session.get_one(table, row_id)


@pytest.mark.both_stores
def test_two_others_approve_and_the_old_value_stays(desk: Office) -> None:
    number = propose(desk)
    with pytest.raises(Refused, match="vote_own"):
        desk.write(corrections.vote, desk.scorer, number, YES)
    assert desk.write(corrections.vote, desk.head, number, YES) == "proposed"
    with pytest.raises(Refused, match="vote_twice"):
        desk.write(corrections.vote, desk.head, number, YES)
    assert desk.stage.result("乙", "theory") == ("fail", Decimal("59.5"))
    assert desk.write(corrections.vote, desk.checker, number, YES) == "applied"
    assert desk.stage.result("乙", "theory") == ("pass", Decimal(61))
    assert desk.stage.result("乙", "overall") == ("pass", None)
    new, old = desk.stage.history("乙", "theory")
    assert (old.score, old.replaced_at) == (Decimal("59.5"), desk.host.now())
    assert (new.made_by, new.approvals) == (desk.scorer.user_id, [desk.head.user_id, desk.checker.user_id])
    assert new.reason == "漏加一题"
    with pytest.raises(Refused, match="correction_closed"):
        desk.write(corrections.vote, desk.deputy, number, YES)


def test_publicity_begins_anew_for_that_candidate_alone(desk: Office, machine: Machine) -> None:
    to(machine, 3, 5, 9)
    number = propose(desk)
    desk.write(corrections.vote, desk.head, number, YES)
    desk.write(corrections.vote, desk.checker, number, YES)
    assert desk.where("乙") is Stage.PROVISIONAL
    assert desk.publish() == 2
    to(machine, 3, 11, 0)
    assert (desk.where("甲"), desk.where("乙")) == (Stage.FINAL, Stage.PUBLICITY)
    to(machine, 3, 13, 0)
    assert desk.where("乙") is Stage.FINAL


def test_a_rejection_needs_a_reason_and_ends_it(desk: Office) -> None:
    number = propose(desk)
    with pytest.raises(Refused, match="reason_missing"):
        desk.write(corrections.vote, desk.head, number, Vote(approved=False))
    assert desk.write(corrections.vote, desk.head, number, NO) == "rejected"
    assert desk.stage.result("乙", "theory") == ("fail", Decimal("59.5"))
    assert propose(desk) != number


def test_the_proposer_takes_it_back(desk: Office) -> None:
    number = propose(desk)
    with pytest.raises(Refused, match="correction_not_own"):
        desk.write(corrections.withdraw, desk.clerk, number)
    desk.write(corrections.withdraw, desk.scorer, number)
    with pytest.raises(Refused, match="correction_closed"):
        desk.write(corrections.vote, desk.head, number, YES)


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"score": "59.5"}, "correction_changes_nothing"),
        ({"score": "100.5"}, "correction_score"),
        ({"score": "-1"}, "correction_score"),
        ({"score": None}, "correction_score"),
        ({"to": "void", "score": None}, "correction_unknown"),
        ({"component": "overall"}, "correction_no_result"),
        ({"component": "review"}, "correction_no_result"),
        ({"reason": " "}, "correction_text_missing"),
        ({"evidence": ""}, "correction_text_missing"),
        ({"source": {"kind": "objection", "id": 1}}, "correction_source_unknown"),
        ({"source": {"kind": "recheck", "id": 1}}, "correction_source_unknown"),
        ({"source": {"kind": "rumour"}}, "correction_source_unknown"),
    ],
)
def test_what_cannot_be_proposed(desk: Office, wish: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused, match=code):
        propose(desk, **wish)


@pytest.mark.parametrize(
    ("status", "code"), [("void", "correction_of_void"), ("exempt", "correction_of_exempt")]
)
def test_void_and_exempt_have_ways_of_their_own(desk: Office, status: str, code: str) -> None:
    desk.host.db.write(lambda session: session.execute(update(Result).values(status=status, score=None)))
    with pytest.raises(Refused, match=code):
        propose(desk)


def test_what_has_no_marks_yet_is_not_corrected_into_a_result(
    host: Host, person_as: Callable[..., Actor]
) -> None:
    """The marks that come later would never count: a correction stands in the place of its sittings."""
    desk = office(host, person_as, {})
    desk.stage.place("甲", "theory")
    desk.stage.fold(desk.scorer)
    with pytest.raises(Refused, match="correction_of_pending"):
        propose(desk, "甲", score="80")
    two = (desk.head.user_id or 0, desk.checker.user_id or 0)
    person = desk.stage.people["甲"]
    raw = ResultChange(desk.stage.batch, person, "theory", "pass", Decimal(80), {}, "因", two)
    with pytest.raises(Refused, match="correction_of_pending"):
        desk.write(batch_results.append, desk.scorer, raw)


def test_one_proposal_at_a_time_and_by_whom(desk: Office) -> None:
    propose(desk)
    with pytest.raises(Refused, match="correction_open"):
        propose(desk, score="62")
    with pytest.raises(Forbidden):
        desk.write(corrections.propose, desk.checker, change(desk, name="甲"))
    number = propose(desk, name="甲")
    with pytest.raises(Forbidden):
        desk.write(corrections.vote, desk.clerk, number, YES)


def test_a_result_that_changed_meanwhile_is_not_overrun(desk: Office) -> None:
    number = propose(desk)
    desk.write(corrections.vote, desk.head, number, YES)
    desk.stage.sitting("theory again")
    desk.stage.mark("乙", "theory again", "75")
    desk.fold()
    with pytest.raises(Refused, match="correction_outdated"):
        desk.write(corrections.vote, desk.checker, number, YES)
    assert desk.stage.result("乙", "theory") == ("pass", Decimal(75))


def test_a_veto_fails_a_score_that_would_pass(desk: Office) -> None:
    number = propose(desk, name="甲", to="vetoed", score="85.5")
    assert row(desk.host, Correction, number).new_status == "fail"


def test_a_correction_settles_the_upheld_objection(desk: Office, machine: Machine) -> None:
    objection = desk.object_to("乙")
    source = {"kind": "objection", "id": objection}
    with pytest.raises(Refused, match="correction_source_unknown"):
        propose(desk, source=source)
    desk.write(objections.decide, desk.signed("属实"), objection, "upheld")
    number = propose(desk, source=source)
    for who in (desk.head, desk.checker):
        desk.write(corrections.vote, who, number, YES)
    kept = row(desk.host, Objection, objection)
    assert (kept.state, kept.correction_id) == ("settled", number)
    desk.publish()
    assert desk.where("乙") is Stage.PUBLICITY


def ask(desk: Office, name: str = "乙", grounds: str = "omission", component: str = "theory") -> int:
    request = Request(desk.filing(name), component, grounds)
    return int(desk.write(rechecks.receive, desk.scorer, request, SHANGHAI))


def answer(desk: Office, recheck: int, outcome: str, text: str = "经复核无误") -> None:
    signed = Signed(desk.scorer, "", desk.checker)
    desk.write(rechecks.answer, signed, recheck, Answer(outcome, text))


def test_a_recheck_is_asked_for_within_fifteen_working_days(desk: Office, machine: Machine) -> None:
    to(machine, 3, 24, 23)
    recheck = ask(desk)
    assert row(desk.host, Recheck, recheck).due_on == date(2025, 4, 8)  # ten days on, past the 4th of April
    to(machine, 3, 25, 0)
    with pytest.raises(Refused, match="recheck_too_late"):
        ask(desk, "甲")


def test_the_standard_is_outside_the_scope(desk: Office) -> None:
    recheck = ask(desk, grounds="standard")
    for outcome in ("unchanged", "found"):
        with pytest.raises(Refused, match="recheck_scope"):
            answer(desk, recheck, outcome)
    answer(desk, recheck, "out_of_scope")
    assert row(desk.host, Recheck, recheck).sums == []
    with pytest.raises(Refused, match="recheck_closed"):
        answer(desk, recheck, "out_of_scope")


def test_nobody_answers_that_nothing_was_found_when_sums_differ(desk: Office) -> None:
    recheck = ask(desk)
    desk.stage.change_mark("乙", "theory", "61")
    with pytest.raises(Refused, match="recheck_sums_differ"):
        answer(desk, recheck, "unchanged")
    answer(desk, recheck, "found", "漏加 1.5 分")
    assert row(desk.host, Recheck, recheck).sums == [
        {"what": "result", "ticket": "", "stored": "59.5", "again": "61.0"}
    ]


@pytest.mark.parametrize(
    ("name", "grounds", "component", "code"),
    [
        ("乙", "luck", "theory", "recheck_grounds"),
        ("乙", "sum", "practical", "recheck_no_marks"),
        ("乙", "sum", "overall", "recheck_no_marks"),
    ],
)
def test_what_cannot_be_asked(desk: Office, name: str, grounds: str, component: str, code: str) -> None:
    with pytest.raises(Refused, match=code):
        ask(desk, name, grounds, component)


def test_rechecks_need_a_list_and_come_one_at_a_time(host: Host, person_as: Callable[..., Actor]) -> None:
    desk = office(host, person_as)
    with pytest.raises(Refused, match="recheck_not_public"):
        ask(desk)
    desk.publish()
    recheck = ask(desk)
    with pytest.raises(Refused, match="recheck_open"):
        ask(desk)
    for signed in (
        Signed(desk.scorer),
        Signed(desk.scorer, "", desk.scorer),
        Signed(desk.scorer, "", desk.deputy),
    ):
        with pytest.raises(Refused):
            desk.write(rechecks.answer, signed, recheck, Answer("unchanged", "无误"))
    with pytest.raises(Refused, match="recheck_answer_missing"):
        answer(desk, recheck, "unchanged", " ")
    answer(desk, recheck, "unchanged")
    ask(desk)


@pytest.mark.dear
def test_scenario_36_a_recheck_finds_an_uncounted_item_and_publicity_begins_anew(
    host: Host, person_as: Callable[..., Actor], machine: Machine
) -> None:
    panel = panel_desk(host, person_as, candidates=1)
    stage, scorer = panel.stage, panel.scorer
    clerk, head = person_as("administrator"), person_as("institution_head")

    def only_practical(session: Session) -> None:
        batch = session.get_one(Batch, stage.batch)
        policy = LevelPolicy.from_json(batch.policy)
        parts = tuple(each for each in policy.components if each.component == Component.PRACTICAL)
        batch.policy = replace(policy, components=parts).to_json()

    host.db.write(only_practical)
    panel.mark(1, 61, 62, 62)
    panel.end()
    panel.aggregate(1)
    panel.finish(1)
    # an item of one sheet was not counted when the sum was entered
    host.db.write(lambda session: session.execute(update(PanelScore).values(score=Decimal("59.5"))))
    panel.write(batch_results.fold, scorer, stage.batch)
    panel.write(batch_results.check, panel.checker, stage.batch)
    with host.db.read() as session:
        person = session.scalars(
            select(Registration.candidate_id).where(Registration.id == stage.turn(1).registration_id)
        ).one()

    def result() -> Result:
        with host.db.read() as session:
            return batch_results.current(session, stage.batch)[person, "practical"]

    def where() -> Stage:
        with host.db.read() as session:
            return publicity.stage(session, stage.batch, person, now=host.now())

    assert (result().status, score_text(result().score or Decimal(0))) == ("fail", "59.5")
    both = Signed(clerk, "", head)
    panel.write(publishing.publish, both, stage.batch, SHANGHAI)
    to(machine, 3, 11, 0)
    assert where() is Stage.FINAL

    asked = Request(Filing(stage.batch, person, SAID), "practical", "omission")
    recheck = panel.write(rechecks.receive, scorer, asked, SHANGHAI)
    with host.db.read() as session:
        sums = recheck_sums.sums(session, session.get_one(Recheck, recheck))
    assert [(line.what, line.stored, line.again) for line in sums if line.differs] == [
        ("panel", "59.5", "61.7")
    ]
    found = Answer("found", "一项得分漏计")
    panel.write(rechecks.answer, Signed(scorer, "", panel.checker), recheck, found)

    source = {"kind": "recheck", "id": recheck}
    wanted = Change(stage.batch, person, "practical", "score", Decimal("61.7"), "漏计", "评分表", source)
    number = panel.write(corrections.propose, scorer, wanted)
    panel.write(corrections.vote, head, number, YES)
    assert result().status == "fail"
    panel.write(corrections.vote, panel.checker, number, YES)
    assert (result().status, result().score) == ("pass", Decimal("61.7"))
    with host.db.read() as session:
        old = batch_results.history(session, stage.batch, person)
        assert [row.score for row in old if row.component == "practical"] == [
            Decimal("61.7"),
            Decimal("59.5"),
        ]
        assert session.get_one(Recheck, recheck).correction_id == number
        acts = session.scalars(select(AuditEntry.act).order_by(AuditEntry.id)).all()
    assert {"recheck_answered", "correction_proposed", "correction_applied"} <= set(acts)

    assert where() is Stage.PROVISIONAL
    panel.write(publishing.publish, both, stage.batch, SHANGHAI)
    assert where() is Stage.PUBLICITY
    to(machine, 3, 19, 0)
    assert where() is Stage.FINAL
    with host.db.read() as session:
        entries = session.scalars(select(PublicityEntry).where(PublicityEntry.candidate_id == person)).all()
    assert [entry.replaced_why for entry in entries] == ["correction", ""]
