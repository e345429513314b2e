"""Cases on screen: one next act, each role its own, what was refused comes back."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from exam_rooms.incidents import IncidentKind
from server.access import Actor
from server.db.record import AuditEntry
from server.errors import NotFound
from server.host import Host
from server.services import case_decisions, cases, commands, outage_decision
from server.services.incidents import Place, raise_incident
from server.services.signed import Signed
from tests.server.case_kit import CaseRoom, case_room, text_of
from tests.server.conftest import PASSWORD, Machine
from tests.server.desk import page, said


@pytest.fixture
def room(host: Host, app: Flask, person_as: Callable[..., Actor], machine: Machine) -> CaseRoom:
    return case_room(host, person_as, machine)


@pytest.mark.dear
def test_a_case_walks_from_the_seat_to_the_decision_on_its_page(
    room: CaseRoom, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    phone = room.report("PHONE")
    invigilator, chief, head = (sign_in(who) for who in (room.scene.invigilator, room.scene.chief, room.head))
    new = f"/monitor/{room.scene.room_sitting}/cases/new"
    seat = str(room.scene.seats["1"])
    shown = page(invigilator.get(f"{new}?incident={phone}&seat={seat}"))
    assert f'value="{phone}" checked' in shown
    person = str(room.scene.attempts["1"])
    assert f'<option value="{person}" selected>' in shown
    answer = invigilator.post(new, data={"person": person, "incident": [str(phone)]})
    path = answer.headers["Location"]
    case = int(path.rpartition("/")[2])
    assert "6-1 " not in page(invigilator.get(path))  # no warning, so the article is not offered

    def post(browser: FlaskClient, group: str, act: str, **fields: str) -> None:
        done = browser.post(f"{path}/{group}/{act}", data=fields)
        assert done.status_code == 302, page(done)

    facts = {"facts": "使用手机查阅资料", "happened_at": "2026-11-21T08:30:00", "handling": "收缴"}
    bad = invigilator.post(f"{path}/room/state", data={**facts, "article": "6-1"})
    assert bad.status_code == 422
    assert said("article_needs_warning", article="6-1") in page(bad)
    assert "使用手机查阅资料" in page(bad)
    post(invigilator, "room", "state", **facts, article="7-5")
    post(invigilator, "room", "tell", note="当场宣读")
    second = room.scene.staff[1].name
    post(
        invigilator,
        "room",
        "refuse",
        statement="不同意",
        cosign_username=second,
        cosign_password=PASSWORD,
    )
    assert "拒签" in page(chief.get(path))
    post(chief, "room", "confirm", opinion="属实")
    post(chief, "room", "notify", method="in_person", note="本人签收")
    assert "/institution/decide" not in page(head.get(path))  # the statement comes first
    post(head, "institution", "hear", statement="请从轻处理")
    assert "/institution/decide" in page(head.get(path))
    post(head, "institution", "decide", outcome="all", reason="事实清楚")
    post(chief, "room", "serve", method="post", note="EMS")
    final = page(chief.get(path))
    assert "复查期" in final
    assert final.count("已完成") >= 8
    assert page(head.get("/cases")).count(f'href="/cases/{case}"') == 2


def test_the_moment_of_a_case_by_hand_is_typed_and_of_others_lies_within_the_incidents(
    room: CaseRoom, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    reported, by_hand = room.open(room.report("PHONE")), room.open(seat="2")
    room.machine.advance(minutes=2)
    browser = sign_in(room.scene.invigilator)

    def field(case: int) -> str:
        return re.search(r'<input id="happened_at"[^>]*>', page(browser.get(f"/cases/{case}"))).group()

    assert 'value="2026-11-21T08:30:00"' in field(reported)
    assert "在依据的记录之内：08:30:00 至 08:30:00" in page(browser.get(f"/cases/{reported}"))
    assert 'value=""' in field(by_hand)
    facts = {"facts": "使用手机", "article": "7-5", "happened_at": "2026-11-21T08:31:00"}
    late = browser.post(f"/cases/{reported}/room/state", data=facts)
    assert said("case_moment_outside") in page(late)
    assert browser.post(f"/cases/{by_hand}/room/state", data=facts).status_code == 302
    assert 'value="2026-11-21T08:31:00"' in field(by_hand)


def test_a_dismissed_report_is_not_offered_and_one_under_a_case_not_dismissed(
    room: CaseRoom, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    wrong, phone = room.report("NOTES"), room.report("PHONE")
    room.handle(wrong, "dismissed", "草稿纸")
    case = room.open(phone)
    browser, room_sitting = sign_in(room.scene.invigilator), room.scene.room_sitting
    offered = page(browser.get(f"/monitor/{room_sitting}/cases/new"))
    assert f'name="incident" value="{phone}"' in offered
    assert f'name="incident" value="{wrong}"' not in offered
    answer = browser.post(
        f"/monitor/{room_sitting}/incidents/{phone}",
        data={"outcome": "dismissed", "note": "计算器"},
        follow_redirects=True,
    )
    assert said("incident_has_case", number=str(case)) in page(answer)


@pytest.mark.dear
def test_a_late_statement_is_entered_on_the_page_and_stands_in_the_decision(
    room: CaseRoom, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    case = room.open(room.report("PASSING"))
    room.to_notified(case, "7-2")
    room.machine.advance(days=10)
    room.scene.write(case_decisions.lapse, room.scene.chief, case)
    head = sign_in(room.head)
    shown = page(head.get(f"/cases/{case}"))
    assert "补充的陈述、申辩" in shown
    assert "/institution/waive" not in shown
    done = head.post(f"/cases/{case}/institution/hear", data={"statement": "邮局延误的申辩书"})
    assert done.status_code == 302
    room.decide(case, "none")
    decision = text_of(room, room.head, case, "decision")
    assert "期限届满，当事人未陈述、申辩。" in decision
    assert "邮局延误的申辩书" in decision


def test_who_decides_on_an_outage_sees_the_cases_of_the_room(
    room: CaseRoom, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    case, given_up = room.open(room.report("PASSING")), room.open(seat="2")
    room.scene.write(cases.withdraw, room.scene.invigilator, given_up, "误会")
    signed = Signed(room.scene.chief, "停电")
    room.scene.write(outage_decision.tell, signed, room.scene.room_sitting, room.host.now())
    shown = page(sign_in(room.scene.chief).get(f"/monitor/{room.scene.room_sitting}/outage"))
    assert "本场有 1 个违纪案件" in shown
    assert f'href="/cases/{case}"' in shown
    assert f'href="/cases/{given_up}"' not in shown


@pytest.mark.dear
def test_each_role_gets_its_own_acts_and_no_other(
    room: CaseRoom, sign_in: Callable[[Actor], FlaskClient], client_as: Callable[..., FlaskClient]
) -> None:
    case = room.open(room.report("PASSING"))
    room.to_signed(case, "7-2")
    path = f"/cases/{case}"
    invigilator, chief, head = (sign_in(who) for who in (room.scene.invigilator, room.scene.chief, room.head))
    assert "/room/confirm" not in page(invigilator.get(path))
    assert "/room/confirm" in page(chief.get(path))
    assert "/room/" not in page(head.get(path))
    assert invigilator.post(f"{path}/room/confirm").status_code == 403
    assert invigilator.post(f"{path}/institution/decide").status_code == 403
    assert chief.post(f"{path}/institution/decide").status_code == 403
    assert head.post(f"{path}/room/confirm").status_code == 403
    assert chief.post(f"{path}/room/decide").status_code == 404
    for role in ("supervisor", "auditor", "administrator"):
        browser = client_as(role)
        assert browser.get(path).status_code == 200
        assert browser.post(f"{path}/room/confirm").status_code == 403
    for role in ("rover", "custodian", "bank_keeper"):
        assert client_as(role).get(path).status_code == 403
    assert client_as("invigilator").get(path).status_code == 404


def test_the_words_of_the_pages_never_condemn(
    room: CaseRoom, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    place = Place(room.scene.room_sitting, room.scene.seats["1"], room.scene.attempts["1"])
    room.scene.write(raise_incident, place, IncidentKind.MULTI_FACE)
    case = room.open(room.report("PASSING"))
    browser = sign_in(room.scene.chief)
    record = page(browser.get(f"/monitor/{room.scene.room_sitting}/incidents"))
    assert "无：程序提示，没有人核实记录" in record
    pages = [record, page(browser.get(f"/cases/{case}")), page(browser.get("/cases"))]
    pages.append(page(browser.get(f"/monitor/{room.scene.room_sitting}/report")))
    assert all("作弊" not in text for text in pages)


def test_the_drawer_leads_to_report_and_case(room: CaseRoom, sign_in: Callable[[Actor], FlaskClient]) -> None:
    seat = room.scene.seats["1"]
    drawer = f"/monitor/{room.scene.room_sitting}/seats/{seat}"
    shown = page(sign_in(room.scene.invigilator).get(drawer))
    assert f"/monitor/{room.scene.room_sitting}/report?seat={seat}" in shown
    assert f"/monitor/{room.scene.room_sitting}/cases/new?seat={seat}" in shown
    roving = page(sign_in(room.rover).get(drawer))
    assert "/report?seat=" in roving
    assert "/cases/new" not in roving


# --- the exam at the seat is ended for the case ---------------------------------------------------------------


@pytest.mark.dear
def test_an_open_attempt_is_ended_from_its_case_which_stands_in_the_record(
    room: CaseRoom, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    case = room.open(room.report("PHONE"))
    shown, asked = f"/cases/{case}", f"/cases/{case}/end"
    browser = sign_in(room.scene.invigilator)
    assert f'href="{asked}"' in browser.get(shown).text
    assert f"案件 {case}" in browser.get(asked).text
    alone = browser.post(asked, data={"reason": "使用手机", "cosign_username": "", "cosign_password": ""})
    assert alone.status_code == 422 and room.scene.attempt("1").state == "answering"
    assert 'value="使用手机"' in alone.text
    signed = {"reason": "使用手机", "cosign_username": room.scene.chief.name, "cosign_password": PASSWORD}
    assert browser.post(asked, data=signed).headers["Location"].endswith(shown)
    assert room.scene.attempt("1").state == "ended"
    with room.host.db.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "seat_ended")).one()
    assert (entry.details["case"], entry.details["cosigned_by"]) == (case, room.scene.chief.name)
    assert asked not in browser.get(shown).text
    assert browser.get(asked).status_code == browser.post(asked, data=signed).status_code == 404


def test_only_who_acts_in_the_room_is_offered_to_end_an_exam_and_only_for_its_own_case(
    room: CaseRoom, person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]
) -> None:
    case = room.open(room.report("PHONE"))
    for who in (room.head, person_as("auditor"), person_as("supervisor")):
        browser = sign_in(who)
        assert "/end" not in browser.get(f"/cases/{case}").text
        assert browser.get(f"/cases/{case}/end").status_code == 403
    signed = Signed(room.scene.invigilator, "手机", room.scene.chief)
    with pytest.raises(NotFound):
        room.host.db.write(
            commands.end_seat, room.scene.attempts["2"], signed, case=case, now=room.host.now()
        )
    assert room.scene.attempt("2").state == "answering"


def test_scenario_28_the_results_page_names_the_flags_that_had_no_effect(
    room: CaseRoom, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    place = Place(room.scene.room_sitting, room.scene.seats["1"], room.scene.attempts["1"])
    seen, wrong = (
        room.scene.write(raise_incident, place, kind).id
        for kind in (IncidentKind.MULTI_FACE, IncidentKind.NO_FACE)
    )
    room.handle(wrong, "dismissed", "椅背的影子")
    results = f"/results/{room.scene.room_sitting}"
    link = f"/monitor/{room.scene.room_sitting}/incidents?seat=1#incident-"
    chief, head = sign_in(room.scene.chief), sign_in(room.head)
    shown = page(chief.get(results))
    assert "没有影响成绩的程序提示" in shown
    assert f"{link}{seen}" in shown and f"{link}{wrong}" in shown
    read = page(head.get(results))
    assert "没有影响成绩的程序提示" in read
    assert "#incident-" not in read, "a link only to a page that opens"
    room.handle(seen, "recorded", "有人站到考生身边")
    left = page(chief.get(results))
    assert f"{link}{seen}" not in left and f"{link}{wrong}" in left
