"""Cases of violations: nobody decides on a flag, what follows from a decision, and who sees what."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from server.access import Actor, Role
from server.db.base import vault_of
from server.db.cases import RegisterEntry
from server.db.record import AuditEntry
from server.db.sittings import (
    Attempt,
    Candidate,
    ComponentResult,
    Incident,
    RoomSitting,
)
from server.errors import Forbidden, NotFound
from server.host import Host
from server.services import (
    case_decisions,
    case_file,
    case_views,
    cases,
    marks,
    person_register,
    voids,
)
from server.services.cases import Opening
from server.services.incidents import Place, raise_incident
from server.services.signed import Signed
from tests.server.case_facts import answer, refused, result, status
from tests.server.case_kit import CaseRoom, case_room
from tests.server.conftest import Machine


@pytest.fixture
def room(host: Host, person_as: Callable[..., Actor], machine: Machine) -> CaseRoom:
    return case_room(host, person_as, machine)


def flag(room: CaseRoom, kind: str = "MULTI_FACE", seat: str = "1") -> int:
    """What a program raises."""
    from exam_rooms.incidents import IncidentKind

    place = Place(room.scene.room_sitting, room.scene.seats[seat], room.scene.attempts[seat])
    return room.scene.write(raise_incident, place, IncidentKind(kind)).id


@pytest.mark.both_stores
def test_scenario_26_an_article_after_warning_needs_a_logged_warning(room: CaseRoom) -> None:
    phone = room.report("PHONE")
    case = room.open(phone)
    with room.host.db.read() as session:
        offered = [a.number for a in case_views.view(session, room.scene.invigilator, case).offered]
    assert offered == ["7-5"]
    refusal = refused("article_needs_warning", room.state, case, "6-1")
    assert refusal.params["article"] == "6-1"
    room.machine.advance(minutes=1)
    room.warn()
    refused("article_needs_warning", room.state, case, "6-1")  # the warning did not come before the facts
    room.machine.advance(minutes=2)
    for moment in (room.host.now(), room.host.now() - timedelta(minutes=3, seconds=1)):
        refused("case_moment_outside", room.state, case, "6-1", "警告后仍使用手机。", moment)
    room.scene.write(cases.withdraw, room.scene.invigilator, case, "另有一次")
    case = room.open(phone, room.report("PHONE"))  # the candidate did it again
    refused(
        "article_needs_warning", room.state, case, "6-1", "第一次", room.host.now() - timedelta(minutes=3)
    )
    room.state(case, "6-1", "警告两分钟后仍使用手机。")
    with room.host.db.read() as session:
        view = case_views.view(session, room.scene.invigilator, case)
    assert (view.line.state, view.article.number, view.handling) == ("stated", "6-1", "收缴手机，考试继续")
    whats = [line["what"] for line in view.evidence]
    assert sorted(whats) == ["incident", "incident", "warning"]
    assert next(line for line in view.evidence if line["what"] == "warning")["text"] == "请收起手机"


@pytest.mark.both_stores
def test_scenario_27_a_refused_signature_is_signed_by_two_on_duty_and_then_by_the_chief(
    room: CaseRoom, person_as: Callable[..., Actor]
) -> None:
    case = room.open(room.report("PASSING"))
    room.state(case, "7-2")
    first, second = room.scene.staff

    def refuse(*people: Actor) -> None:
        signed = Signed(people[0], cosigner=people[1] if len(people) > 1 else None)
        room.scene.write(cases.refuse_signature, signed, case, "拒绝说明")

    refused("case_step_not_possible", refuse, first, second)  # not told yet
    room.scene.write(cases.tell, first, case, "")
    refused("cosign_missing", refuse, first)
    refused("cosign_same_person", refuse, first, first)
    stranger = person_as("invigilator")
    assert refused("refusal_needs_two_on_duty", refuse, first, stranger).params["name"] == stranger.name
    refused("case_step_not_possible", lambda: room.scene.write(cases.confirm, room.scene.chief, case, ""))
    refuse(first, second)
    with pytest.raises(Forbidden):
        room.scene.write(cases.confirm, first, case, "")
    room.scene.write(cases.confirm, room.scene.chief, case, "属实")
    with room.host.db.read() as session:
        chain = {row.act: row for row in case_file.steps(session, case)}
    assert chain["refuse"].data["word"] == "拒签"
    assert {chain["refuse"].by, chain["refuse"].cosigned_by} == {first.user_id, second.user_id}
    assert chain["confirm"].by == room.scene.chief.user_id
    assert room.row(case).state == "confirmed"


@pytest.mark.both_stores
def test_scenario_28_a_flag_alone_takes_no_result_away(room: CaseRoom) -> None:
    seen = flag(room)
    result(room)
    refused("case_flag_alone", room.open, seen)
    room.handle(seen, "acknowledged")
    refused("case_flag_alone", room.open, seen)
    with room.host.db.read() as session:
        assert voids.void_registrations(session, [1, 2, 3]) == set()
        listed = case_views.flags_without_effect(session, room.scene.room_sitting)
    assert [row.id for row in listed] == [seen]
    assert status(room) == ("scored", Decimal(80), True)
    room.handle(seen, "recorded", "有人站到考生身边说话")
    with room.host.db.read() as session:
        assert case_views.flags_without_effect(session, room.scene.room_sitting) == []
    assert room.row(room.open(seen)).state == "opened"
    assert status(room) == ("scored", Decimal(80), True)


def test_a_flag_that_cleared_by_itself_after_somebody_set_out_is_no_record(room: CaseRoom) -> None:
    seen = flag(room, "DARK")
    room.handle(seen, "acknowledged")

    def clear(session) -> None:
        from exam_rooms.incidents import IncidentKind
        from server.services import incidents

        place = Place(room.scene.room_sitting, room.scene.seats["1"], room.scene.attempts["1"])
        incidents.clear(session, place, IncidentKind.DARK, now=room.host.now())

    room.host.db.write(clear)
    with room.host.db.read() as session:
        assert session.get_one(Incident, seen).state == "recorded"
    refused("case_flag_alone", room.open, seen)


@pytest.mark.dear
@pytest.mark.both_stores
def test_scenario_29_an_impersonator_loses_all_results_and_stands_in_the_register(room: CaseRoom) -> None:
    result(room)
    result(room, "2", "70")
    case = room.open(room.report("ID_FORGED", note="身份证照片与本人不符，承认替考", witnesses=("李四",)))
    room.to_notified(case, "8-2")
    until = room.row(case).due_at
    assert until - room.host.now() > timedelta(days=5)
    refused("case_step_not_possible", room.decide, case, "all")
    refused("case_term_runs", lambda: room.scene.write(case_decisions.lapse, room.scene.chief, case))
    room.machine.advance(days=3)
    room.scene.write(case_decisions.hear, room.head, case, "家里有事，请人代考。")
    assert status(room) == ("scored", Decimal(80), True)
    assert room.decide(case, "all") != ()
    assert status(room) == ("void", None, None)
    assert status(room, "2") == ("scored", Decimal(70), True)
    room.serve(case)
    with room.host.db.read() as session:
        candidate = session.get_one(Candidate, room.row(case).candidate_id)
        (entry,) = session.scalars(select(RegisterEntry))
        assert (entry.id_index, entry.until_at, entry.bars_certificate) == (candidate.id_index, None, True)
        later = room.host.now() + timedelta(days=365 * 50)
        assert person_register.bars_certificate(session, candidate.id, now=later)
        (listed,) = person_register.listed_in_sitting(session, 1, now=later)
        assert (listed.name, listed.article, listed.until) == ("考生1", "8-2", None)
    refused("case_term_runs", lambda: room.scene.write(case_decisions.close, room.scene.chief, case))
    room.machine.advance(days=20)
    refused(
        "case_term_over", lambda: room.scene.write(case_decisions.ask_recheck, room.scene.chief, case, "不服")
    )
    room.scene.write(case_decisions.close, room.scene.chief, case)
    assert room.row(case).state == "closed"


def test_a_successful_recheck_brings_result_and_name_back(room: CaseRoom) -> None:
    result(room, total="61.5")
    case = room.open(room.report("PASSING"))
    room.to_heard(case, "7-2")
    room.decide(case, "all")
    room.serve(case)
    room.machine.advance(days=2)
    room.scene.write(case_decisions.ask_recheck, room.scene.chief, case, "录像中递纸条的不是我")
    assert status(room)[0] == "void"
    refused("outcome_unknown", lambda: answer(room, case, "maybe"))
    answer(room, case, "overturned")
    assert status(room) == ("scored", Decimal("61.5"), True)
    with room.host.db.read() as session:
        candidate = session.get_one(Candidate, room.row(case).candidate_id)
        assert person_register.standing(session, [candidate.id_index], now=room.host.now()) == []
        assert session.scalar(select(RegisterEntry)).lifted_at == room.host.now()
    assert (room.row(case).state, room.row(case).outcome) == ("closed", "none")


def test_an_upheld_decision_stands(room: CaseRoom) -> None:
    result(room)
    case = room.open(room.report("PASSING"))
    room.to_heard(case, "7-2")
    room.decide(case, "subject")
    room.serve(case)
    room.scene.write(case_decisions.ask_recheck, room.head, case, "不服")
    answer(room, case, "upheld")
    assert status(room) == ("void", None, None)
    assert room.row(case).outcome == "subject"


def test_nobody_who_reported_or_signed_decides(room: CaseRoom, person_as: Callable[..., Actor]) -> None:
    both = person_as("institution_head", "rover")
    room.on_duty(both, Role.ROVER)
    case = room.open(room.report("PASSING", by=both))
    room.to_heard(case, "7-2")
    refused("case_decider_took_part", room.decide, case, "all", both)
    for who in (room.scene.invigilator, room.scene.chief, room.rover):
        with pytest.raises(Forbidden):
            room.decide(case, "all", who)
    room.decide(case, "none")
    assert room.row(case).outcome == "none"


def test_a_decision_never_goes_beyond_its_article(room: CaseRoom) -> None:
    room.warn()
    room.machine.advance(minutes=1)
    case = room.open(room.report("PHONE"))
    room.to_heard(case, "6-1")
    assert refused("outcome_beyond_article", room.decide, case, "all").params["article"] == "6-1"
    assert room.row(case).state == "heard"
    room.decide(case, "subject")
    with room.host.db.read() as session:
        assert session.scalars(select(RegisterEntry)).all() == []


@pytest.mark.dear
@pytest.mark.both_stores
def test_marks_that_come_after_the_decision_come_out_void(room: CaseRoom) -> None:
    case = room.open(room.report("PASSING"))
    room.to_heard(case, "7-2")
    assert room.decide(case, "all") == ()
    collect(room)
    for _again in range(2):
        assert room.scene.write(marks.store_marks, room.scene.chief, room.scene.room_sitting, marked(room))
        assert status(room) == ("void", None, None)
        assert status(room, "2") == ("scored", Decimal(80), True)
    with room.host.db.read() as session:
        row = session.scalar(
            select(ComponentResult).where(ComponentResult.attempt_id == room.scene.attempts["1"])
        )
        assert b"80" not in row.sealed_before_void
        kept = vault_of(session).open_value(voids.VOID_PURPOSE, str(row.attempt_id), row.sealed_before_void)
        assert b'"80' in kept
        assert row.sealed_marks
        lines = {
            line.seat: line for line in marks.results(session, room.scene.chief, room.scene.room_sitting)
        }
    assert (lines["1"].status, lines["1"].total, lines["1"].passed) == ("void", None, None)
    room.serve(case)
    room.scene.write(case_decisions.ask_recheck, room.scene.chief, case, "不服")
    answer(room, case, "overturned")
    assert status(room) == ("scored", Decimal(80), True)


def collect(room: CaseRoom) -> None:
    def change(session) -> None:
        session.get_one(RoomSitting, room.scene.room_sitting).state = "collected"
        for attempt in session.scalars(select(Attempt)):
            attempt.state = "submitted"

    room.host.db.write(change)


def marked(room: CaseRoom) -> dict:
    """What the marking job brings: 80 points for everybody."""
    item = {"item": "Q1", "points": "100", "awarded": "80", "response": ["A"], "state": "marked"}
    entry = {"total": "80", "answered": 5, "not_counted": 0, "items": [item]}
    return {"attempts": [{"attempt": attempt, **entry} for attempt in room.scene.attempts.values()]}


def test_invigilators_see_and_lead_cases_of_their_own_rooms_alone(
    room: CaseRoom, person_as: Callable[..., Actor]
) -> None:
    stranger = person_as("invigilator")
    case = room.open(room.report("PASSING"))
    with room.host.db.read() as session:
        assert case_views.listing(session, stranger) == []
        assert [line.id for line in case_views.listing(session, room.scene.invigilator)] == [case]
        assert [line.id for line in case_views.listing(session, room.head)] == [case]
        with pytest.raises(NotFound):
            case_views.view(session, stranger, case)
        with pytest.raises(Forbidden):
            case_views.listing(session, room.rover)
    opening = Opening(room.scene.room_sitting, room.scene.attempts["2"])
    refused("not_on_duty", lambda: room.scene.write(cases.open_case, stranger, opening))


def test_the_audit_names_acts_and_never_what_was_said(room: CaseRoom) -> None:
    case = room.open(room.report("PASSING", note="递给邻座一张纸"))
    room.to_heard(case, "7-2")
    room.decide(case, "subject")
    with room.host.db.read() as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.object == f"case/{case}")).all()
        everything = str([row.details for row in session.scalars(select(AuditEntry))])
    acts = [row.act for row in rows]
    assert acts == [
        *("case_opened", "case_state", "case_tell", "case_sign", "case_confirm"),
        *("case_notify", "case_hear", "case_decide", "person_registered"),
    ]
    for said in ("递给邻座", "考生在座位上使用手机", "没有看", "请从轻", "事实清楚"):
        assert said not in everything


def test_the_list_puts_first_what_this_person_has_to_do(room: CaseRoom) -> None:
    first = room.open(room.report("PASSING"))
    room.to_heard(first, "7-2")
    second = room.open(room.report("NOTES", "2"), seat="2")
    given_up = room.open(seat="3")
    room.scene.write(cases.withdraw, room.scene.invigilator, given_up, "误会")
    with room.host.db.read() as session:
        for who, order in ((room.head, [first, second]), (room.scene.invigilator, [second, first])):
            assert [line.id for line in case_views.listing(session, who)] == [*order, given_up]
        view = case_views.view(session, room.head, first)
    assert view.acts == {"hear", "decide", "drop"}
    assert [stage.state for stage in view.stages] == ["done"] * 6 + ["current", "todo"]
