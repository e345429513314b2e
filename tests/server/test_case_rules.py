"""What a case rests on, who has a say in it, and what it takes to go on."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from server.access import Actor, Role
from server.db.cases import Case, CaseStep
from server.db.record import AuditEntry
from server.db.sittings import (
    Incident,
    Registration,
    Sitting,
)
from server.db.watching import CandidateWarning
from server.errors import NotFound
from server.host import Host
from server.rules.violations import CaseAct
from server.services import (
    case_decisions,
    case_file,
    case_views,
    cases,
    outage_decision,
    staff_profiles,
    voids,
)
from server.services.case_decisions import Ruling
from server.services.cases import Facts, Signature
from server.services.rescheduling import Again
from server.services.signed import Signed
from server.services.staff_profiles import Link
from tests.server.case_facts import answer, refused, result, status
from tests.server.case_kit import SHANGHAI, STROKES, CaseRoom, case_room
from tests.server.conftest import Machine
from tests.server.delivery_kit import ID_NUMBERS


@pytest.fixture
def room(host: Host, person_as: Callable[..., Actor], machine: Machine) -> CaseRoom:
    return case_room(host, person_as, machine)


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


@pytest.mark.dear
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
