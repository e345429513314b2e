"""Cases of violations: nobody skips a step, nobody decides on a flag, and what follows from a decision."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from server.access import Actor, Role
from server.db.base import vault_of
from server.db.cases import Case, CaseStep, RegisterEntry
from server.db.record import AuditEntry
from server.db.sittings import (
    Attempt,
    Candidate,
    ComponentResult,
    Incident,
    Registration,
    RoomSitting,
    Sitting,
)
from server.db.watching import CandidateWarning
from server.errors import Forbidden, NotFound, Refused
from server.host import Host
from server.rules.violations import CaseAct
from server.services import (
    case_decisions,
    case_file,
    case_views,
    cases,
    marks,
    outage_decision,
    person_register,
    staff_profiles,
    voids,
)
from server.services.case_decisions import Ruling
from server.services.cases import Facts, Opening, Signature
from server.services.incidents import Place, raise_incident
from server.services.rescheduling import Again
from server.services.signed import Signed
from server.services.staff_profiles import Link
from tests.server.case_kit import SHANGHAI, STROKES, CaseRoom, case_room
from tests.server.conftest import Machine
from tests.server.delivery_kit import ID_NUMBERS


@pytest.fixture
def room(host: Host, person_as: Callable[..., Actor], machine: Machine) -> CaseRoom:
    return case_room(host, person_as, machine)


def refused(code: str, act: Callable[..., object], *args: object) -> Refused:
    with pytest.raises(Refused) as told:
        act(*args)
    assert told.value.code == code
    return told.value


def result(room: CaseRoom, seat: str = "1", total: str = "80", component: str = "theory") -> None:
    """The result of a candidate, as marking stores it."""

    def add(session) -> None:
        registration = session.scalar(
            select(Registration).where(Registration.ticket == room.scene.tickets[seat])
        )
        session.add(
            ComponentResult(
                room_sitting_id=room.scene.room_sitting,
                registration_id=registration.id,
                attempt_id=room.scene.attempts[seat],
                component=component,
                status="scored",
                total=Decimal(total),
                passed=True,
                sealed_marks=b"sealed",
                marked_at=room.host.now(),
            )
        )

    room.host.db.write(add)


def status(room: CaseRoom, seat: str = "1") -> tuple[str, Decimal | None, bool | None]:
    with room.host.db.read() as session:
        row = session.scalar(
            select(ComponentResult).where(ComponentResult.attempt_id == room.scene.attempts[seat])
        )
        return row.status, row.total, row.passed


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


def answer(room: CaseRoom, case: int, outcome: str) -> None:
    room.scene.write(case_decisions.answer_recheck, room.deputy, case, Ruling(outcome, "复核录像"))


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


def test_a_case_by_hand_is_a_persons_own_record(room: CaseRoom) -> None:
    result(room)
    case = room.open()
    with room.host.db.read() as session:
        offered = [a.number for a in case_views.view(session, room.scene.invigilator, case).offered]
    assert "11-1" in offered
    assert "6-1" not in offered
    room.to_heard(case, "11-1")
    room.decide(case, "subject")
    assert status(room)[0] == "void"


def test_incidents_of_others_dismissed_or_in_use_open_no_case(room: CaseRoom) -> None:
    phone = room.report("PHONE", "2")
    refused("case_incident_of_another", room.open, phone)
    case = room.open(phone, seat="2")
    assert refused("case_exists", lambda: room.open(phone, seat="2")).params["number"] == str(case)
    room.scene.write(cases.withdraw, room.scene.invigilator, case, "看错了")
    assert room.open(phone, seat="2") != case
    wrong = room.report("NOTES", "1")
    room.handle(wrong, "dismissed", "是考场发的草稿纸")
    refused("case_incident_dismissed", room.open, wrong)
    with pytest.raises(NotFound):
        room.open(999)


@pytest.mark.both_stores
def test_what_a_case_rests_on_is_dismissed_only_after_the_case_is_given_up(room: CaseRoom) -> None:
    phone = room.report("PHONE")
    case = room.open(phone)
    room.to_signed(case, "7-5")
    told = refused("incident_has_case", room.handle, phone, "dismissed", "是计算器")
    assert told.params["number"] == str(case)
    room.scene.write(cases.withdraw, room.scene.invigilator, case, "是计算器")
    room.handle(phone, "dismissed", "是计算器")
    again = room.report("PHONE", "2")
    decided = room.open(again, seat="2")
    room.to_heard(decided, "7-5")
    room.decide(decided, "all")
    room.serve(decided)
    room.machine.advance(days=30)
    room.scene.write(case_decisions.close, room.scene.chief, decided)
    refused("incident_has_case", room.handle, again, "dismissed", "看错了")


def test_nothing_goes_on_over_a_dismissed_incident(room: CaseRoom) -> None:
    case = room.open(room.report("PHONE"))

    def turn(state: str) -> None:
        def change(session) -> None:
            session.get_one(Incident, 1).state, session.get_one(Incident, 1).note = state, "是计算器"

        room.host.db.write(change)

    turn("dismissed")
    refused("case_ground_gone", room.state, case, "7-5")
    turn("raised")
    room.to_signed(case, "7-5")
    turn("dismissed")
    refused("case_ground_gone", lambda: room.scene.write(cases.confirm, room.scene.chief, case, "属实"))
    turn("raised")
    room.scene.write(cases.confirm, room.scene.chief, case, "属实")
    room.scene.write(
        case_decisions.notify, room.scene.chief, case, case_decisions.Delivery("post", "", SHANGHAI)
    )
    room.to_heard_from_here(case)
    turn("dismissed")
    refused("case_ground_gone", room.decide, case, "all")
    with room.host.db.read() as session:
        (line,) = case_views.view(session, room.head, case).evidence
    assert (line["state"], line["note"]) == ("dismissed", "是计算器")
    room.scene.write(case_decisions.drop, room.head, case, "记录不属实")


def test_the_warning_is_looked_for_again_when_the_case_is_decided(room: CaseRoom) -> None:
    room.warn()
    room.machine.advance(minutes=1)
    case = room.open(room.report("PHONE"))
    room.to_heard(case, "6-1")

    def after_the_facts(session) -> None:
        session.scalar(select(CandidateWarning)).given_at = room.host.now() + timedelta(seconds=1)
        session.get_one(Case, case).happened_at = room.host.now() + timedelta(minutes=5)

    room.host.db.write(after_the_facts)
    assert refused("article_needs_warning", room.decide, case, "subject").params["article"] == "6-1"


@pytest.mark.both_stores
def test_a_void_subject_follows_the_candidate_into_the_sitting_held_again(
    room: CaseRoom, person_as: Callable[..., Actor]
) -> None:
    case = room.open(room.report("PHONE"))
    room.to_heard(case, "7-5")
    given_up = room.open(seat="2")
    room.scene.write(cases.withdraw, room.scene.invigilator, given_up, "误会")
    office = person_as("administrator")
    signed = Signed(room.scene.chief, "停电", office)
    room.scene.write(outage_decision.tell, signed, room.scene.room_sitting, room.host.now())
    again = Again(room.host.now() + timedelta(days=3), SHANGHAI)
    new = room.scene.write(outage_decision.reschedule, signed, room.scene.room_sitting, again)
    room.decide(case, "subject")  # decided after the sitting was broken off
    with room.host.db.read() as session:
        person = room.row(case).candidate_id
        registrations = session.scalars(select(Registration).where(Registration.sitting_id == new)).all()
        mine = [row.id for row in registrations if row.candidate_id == person]
        assert len(registrations) == 3
        assert voids.void_registrations(session, [row.id for row in registrations]) == set(mine)
        told = session.scalar(select(AuditEntry).where(AuditEntry.act == "outage_rescheduled"))
    assert told.details["cases"] == [case]

    def of_another_component(session) -> set[int]:
        session.get_one(Sitting, new).component = "practical"
        session.flush()
        return voids.void_registrations(session, mine)

    assert room.host.db.write(of_another_component) == set()


@pytest.mark.both_stores
def test_statements_are_taken_until_the_decision_and_all_stand_in_it(room: CaseRoom) -> None:
    case = room.open(room.report("PASSING"))
    room.to_notified(case, "7-2")
    room.machine.advance(days=10)
    room.scene.write(case_decisions.lapse, room.scene.chief, case)
    room.scene.write(case_decisions.hear, room.scene.chief, case, "邮局延误")
    room.scene.write(case_decisions.hear, room.head, case, "补充一点")
    with room.host.db.read() as session:
        (line,) = case_views.listing(session, room.scene.chief)
        stages = {stage.name: stage for stage in case_views.view(session, room.head, case).stages}
    assert (line.state, line.mine) == ("heard", False)
    assert [step.act for step in stages["heard"].lines] == ["lapse", "hear", "hear"]
    room.decide(case, "none")
    refused("case_step_not_possible", room.to_heard_from_here, case)


def test_another_head_answers_the_recheck_than_the_one_who_decided(room: CaseRoom) -> None:
    case = room.open(room.report("PASSING"))
    room.to_heard(case, "7-2")
    room.decide(case, "subject")
    room.serve(case)
    room.scene.write(case_decisions.ask_recheck, room.scene.chief, case, "不服")
    for outcome in ("upheld", "overturned"):
        ruling = Ruling(outcome, "复核")
        act = (room.scene.write, case_decisions.answer_recheck, room.head, case, ruling)
        refused("case_recheck_by_decider", *act)
    answer(room, case, "upheld")


@pytest.mark.parametrize("kind", ["kin", "superior"])
def test_nobody_has_a_say_in_the_case_of_a_relative(
    room: CaseRoom, person_as: Callable[..., Actor], kind: str
) -> None:
    link = Link(kind, ID_NUMBERS[0]) if kind == "kin" else Link(kind, employer="某公司")
    administrator = person_as("administrator")
    for who in (room.head, room.scene.chief):
        room.scene.write(staff_profiles.add_link, administrator, who.user_id, link)
    case = room.open(room.report("PASSING"))
    room.to_signed(case, "7-2")
    chief = room.scene.chief
    for act, who, said in (
        (cases.confirm, chief, "属实"),
        (cases.withdraw, chief, "算了"),
        (case_decisions.drop, room.head, "算了"),
    ):
        refused("case_recused", lambda act=act, who=who, said=said: room.scene.write(act, who, case, said))
    other = person_as("chief_invigilator")
    room.scene.write(cases.confirm, other, case, "属实")
    room.scene.write(case_decisions.notify, other, case, case_decisions.Delivery("post", "", SHANGHAI))
    room.to_heard_from_here(case)
    assert refused("case_recused", room.decide, case, "none").params["name"] == "考生1"
    room.decide(case, "none", room.deputy)


@pytest.mark.parametrize("giving_up", ["withdraw", "drop"])
def test_a_case_is_given_up_with_a_reason_until_it_is_decided(room: CaseRoom, giving_up: str) -> None:
    acts = {"withdraw": (cases.withdraw, room.scene.chief), "drop": (case_decisions.drop, room.head)}
    act, who = acts[giving_up]
    case = room.open(room.report("PASSING"))
    room.to_notified(case, "7-2")
    refused("reason_missing", lambda: room.scene.write(act, who, case, "  "))
    if giving_up == "withdraw":
        refused("withdraw_needs_site_head", lambda: room.scene.write(act, room.scene.invigilator, case, "x"))
    room.scene.write(act, who, case, "证据不足")
    assert room.row(case).state in ("withdrawn", "dropped")
    decided = room.open()
    room.to_heard(decided, "7-2")
    room.decide(decided, "none")
    refused("case_step_not_possible", lambda: room.scene.write(act, who, decided, "太晚"))


def test_facts_stay_as_they_were_told(room: CaseRoom) -> None:
    case = room.open(room.report("PASSING"))
    room.state(case, "7-2", "第一稿")
    room.state(case, "7-2", "第二稿")
    room.scene.write(cases.tell, room.scene.invigilator, case, "")
    refused("case_step_not_possible", room.state, case, "7-2", "第三稿")
    assert room.row(case).facts == "第二稿"


def test_facts_have_words_and_a_moment(room: CaseRoom) -> None:
    case = room.open()
    cases_of = [
        ("", 0, "case_text_length"),
        ("长" * 1001, 0, "case_text_length"),
        ("x", 1, "case_moment_wrong"),
        ("x", -86_401, "case_moment_wrong"),
    ]
    for text, after, code in cases_of:
        facts = Facts(text, room.host.now() + timedelta(seconds=after), "7-2")
        refused(code, room.scene.write, cases.state_facts, room.scene.invigilator, case, facts)
    at_the_edge = Facts("长" * 1000, room.host.now() - timedelta(days=1), "7-2")
    room.scene.write(cases.state_facts, room.scene.invigilator, case, at_the_edge)


@pytest.mark.parametrize(
    "drawn",
    [
        "",
        "[]",
        "[[]]",
        "[[[1,2]]]",
        "[[[1,2],[3]]]",
        "[[[1,2],[3,9999]]]",
        '[["a",[1,2]]]',
        "[[1,2],[3,4]]",
        "[[",
    ],
)
def test_a_signature_on_screen_is_drawn(drawn: str) -> None:
    refused("signature_not_drawn", cases.read_strokes, drawn)


def test_a_drawn_signature_is_kept(room: CaseRoom) -> None:
    case = room.open(room.report("PASSING"))
    room.state(case, "7-2")
    room.scene.write(cases.tell, room.scene.invigilator, case, "")
    refused("signature_method_unknown", lambda: sign(room, case, Signature("word")))
    sign(room, case, Signature("screen", STROKES, "没有递"))
    with room.host.db.read() as session:
        (row,) = session.scalars(select(CaseStep).where(CaseStep.act == "sign"))
    assert row.data["strokes"][0][0] == [10, 20]


def sign(room: CaseRoom, case: int, signature: Signature) -> None:
    room.scene.write(cases.sign, room.scene.invigilator, case, signature)


def test_who_may_do_what_stands_in_one_table() -> None:
    assert set(case_file.WHO) == set(CaseAct)
    people = {str(role): Actor(None, str(role), frozenset({role})) for role in Role}
    may = {name: {str(act) for act in CaseAct if case_file.may_do(who, act)} for name, who in people.items()}
    assert may["rover"] == may["administrator"] == may["auditor"] == set()
    assert may["invigilator"] == {"state", "tell", "sign", "refuse", "withdraw"}
    assert not {"decide", "drop", "uphold", "overturn"} & may["chief_invigilator"]
    assert "confirm" not in may["institution_head"]


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
