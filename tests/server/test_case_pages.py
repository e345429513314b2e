"""Cases on screen: one next act, each role its own, what was refused comes back, papers and pictures."""

import re
from collections.abc import Callable
from decimal import Decimal
from io import BytesIO

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from pypdf import PdfReader
from sqlalchemy import select

from exam_rooms.incidents import IncidentKind
from server.access import Actor
from server.db.base import vault_of
from server.db.cases import CaseStep, RegisterEntry
from server.db.record import AuditEntry
from server.db.sittings import Attempt, Candidate, ComponentResult, Registration, RoomSitting
from server.db.watching import EvidenceFrame
from server.errors import NotFound
from server.host import Host
from server.jobs.documents import document_pdf
from server.services import case_decisions, case_documents, cases, commands, evidence, outage_decision
from server.services.case_documents import Asked
from server.services.cases import Signature
from server.services.incidents import Place, raise_incident
from server.services.rosters import ID_PURPOSE
from server.services.signed import Signed
from server.web.register_words import registered_text
from tests.server.case_kit import SHANGHAI, STROKES, CaseRoom, case_room
from tests.server.conftest import PASSWORD, Machine
from tests.server.desk import csv, page, said, send


@pytest.fixture
def room(host: Host, app: Flask, person_as: Callable[..., Actor], machine: Machine) -> CaseRoom:
    return case_room(host, person_as, machine)


def text_of(room: CaseRoom, who: Actor, case: int, document: str) -> str:
    """A paper's text, made as the job makes it, without blanks."""
    with room.host.db.read() as session:
        asked = Asked(case, document, SHANGHAI, "某某评价中心")
        payload = case_documents.document(session, who, asked, now=room.host.now())
    pdf = document_pdf(payload, lambda *_: None)["data"]
    return "".join("".join(sheet.extract_text().split()) for sheet in PdfReader(BytesIO(pdf)).pages)


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


@pytest.fixture
def pictured(room: CaseRoom) -> tuple[int, int]:
    """A recorded flag with a stored picture, and the case on it: (case, frame)."""
    place = Place(room.scene.room_sitting, room.scene.seats["1"], room.scene.attempts["1"])
    incident = room.scene.write(raise_incident, place, IncidentKind.MULTI_FACE).id
    sha256 = "ab" * 32

    def add(session) -> int:
        now = room.host.now()
        row = EvidenceFrame(
            room_sitting_id=room.scene.room_sitting,
            attempt_id=room.scene.attempts["1"],
            seat_id=room.scene.seats["1"],
            workstation_id=room.scene.workstations["1"],
            purpose="alert",
            incident_id=incident,
            moment="at",
            sha256=sha256,
            size=9,
            taken_at=now,
            announced_at=now,
            stored_at=now,
            keep_until=now,
        )
        session.add(row)
        session.flush()
        row.file = f"{row.id:08d}-{sha256}"
        return row.id

    frame = room.host.db.write(add)
    evidence.keep(room.host.vault, room.host.evidence, f"{frame:08d}-{sha256}", b"\xff\xd8\xffpicture")
    room.handle(incident, "recorded", "有人站在旁边说话")
    return room.open(incident), frame


def test_pictures_of_a_case_are_seen_by_who_sees_the_case_and_every_look_is_recorded(
    room: CaseRoom, pictured: tuple[int, int], sign_in: Callable[[Actor], FlaskClient]
) -> None:
    case, frame = pictured
    other = room.open(seat="2")
    head = sign_in(room.head)
    for _ in range(2):
        assert head.get(f"/cases/{case}/frames/{frame}").data == b"\xff\xd8\xffpicture"
    assert head.get(f"/cases/{other}/frames/{frame}").status_code == 404
    assert head.get(f"/monitor/{room.scene.room_sitting}/frames/{frame}").status_code == 403
    assert sign_in(room.rover).get(f"/cases/{case}/frames/{frame}").status_code == 403
    with room.host.db.read() as session:
        looks = session.scalars(select(AuditEntry).where(AuditEntry.act == "frame_viewed")).all()
    assert [(look.actor, look.object) for look in looks] == [(room.head.name, f"frame/{frame}")]


def test_the_record_names_facts_evidence_warning_and_two_people_for_a_refusal(
    room: CaseRoom, pictured: tuple[int, int]
) -> None:
    case, _frame = pictured
    room.warn(text="请独立作答")
    room.machine.advance(minutes=1)
    room.state(case, "7-1", "𠮷姓考生回头与人说话")
    before = text_of(room, room.scene.invigilator, case, "violation")
    assert "尚未告知" in before
    room.scene.write(cases.tell, room.scene.invigilator, case, "")
    first, second = room.scene.staff
    room.scene.write(cases.refuse_signature, Signed(first, cosigner=second), case, "没有说话")
    room.scene.write(cases.confirm, room.scene.chief, case, "属实，报机构")
    text = text_of(room, room.scene.chief, case, "violation")
    for words in (
        *("违纪违规记录单", "某某评价中心", "考生1", "T2026-0001", "𠮷姓考生回头与人说话", "第7-1项"),
        *("ab" * 16, "有人站在旁边说话", "程序提示，经人核实记录", "请独立作答", "收缴手机，考试继续"),
        *("当场告知", "没有说话", "拒签", f"{first.name}、{second.name}", "属实，报机构"),
        room.scene.chief.name,
        "第1页共1页",
    ):
        assert words.replace(" ", "") in text, words
    assert "作弊" not in text


def test_a_signature_on_screen_is_drawn_on_the_record(room: CaseRoom) -> None:
    case = room.open(room.report("PASSING"))
    room.state(case, "7-2")
    room.scene.write(cases.tell, room.scene.invigilator, case, "")
    with room.host.db.read() as session:
        asked = Asked(case, "violation", SHANGHAI)
        blank = case_documents.document(session, room.scene.chief, asked, now=room.host.now())
    room.scene.write(cases.sign, room.scene.invigilator, case, Signature("screen", STROKES))
    with room.host.db.read() as session:
        signed = case_documents.document(session, room.scene.chief, asked, now=room.host.now())
    assert blank["data"]["signature"] == ""
    assert 'points="10,20 40,60 90,30"' in signed["data"]["signature"]
    assert document_pdf(signed, lambda *_: None)["data"].startswith(b"%PDF")


def test_notice_and_decision_name_facts_article_consequence_and_rights(room: CaseRoom) -> None:
    case = room.open(room.report("ID_FORGED", note="他人证件"))
    room.to_notified(case, "8-2")
    notice = text_of(room, room.scene.chief, case, "notice")
    for words in (
        *("处理告知书", "考生在座位上使用手机。", "第8-2项", "替他人考试", "本批次全部科目成绩无效"),
        *("长期记录", "不发放证书", "陈述和申辩", "5个日历日", "不会因为申辩而加重处理"),
    ):
        assert words in notice, words
    room.to_heard_from_here(case)
    room.decide(case, "all")
    decision = text_of(room, room.head, case, "decision")
    for words in (
        *("处理决定书", "本批次全部科目成绩无效", "我承认，请从轻。", "事实清楚，证据充分"),
        *("15个日历日", "申请复查", "行政复议", room.head.name, "长期记录"),
    ):
        assert words in decision, words


def test_a_paper_is_printed_only_when_there_is_something_to_say(
    room: CaseRoom, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    case = room.open(room.report("PASSING"))
    chief = sign_in(room.scene.chief)
    for document in ("violation", "notice", "decision", "secret"):
        assert chief.get(f"/cases/{case}/{document}.pdf").status_code == 409
    room.state(case, "7-2")
    answer = chief.get(f"/cases/{case}/violation.pdf")
    assert (answer.status_code, answer.mimetype, answer.data[:4]) == (200, "application/pdf", b"%PDF")
    assert chief.get(f"/cases/{case}/notice.pdf").status_code == 409
    with room.host.db.read() as session:
        printed = session.scalars(select(AuditEntry).where(AuditEntry.act == "case_printed")).all()
    assert [entry.details for entry in printed] == [{"document": "violation"}]


def test_a_registered_person_is_told_when_a_roster_comes_in(room: CaseRoom, app: Flask) -> None:
    from server.services import person_register

    case = room.open(room.report("PASSING"))
    room.to_heard(case, "7-2")
    room.decide(case, "all")
    with room.host.db.read() as session:
        registration = session.scalar(
            select(Registration).join(Candidate).where(Candidate.id == room.row(case).candidate_id)
        )
        (listed,) = person_register.listed_in_room(session, room.scene.room_sitting, now=room.host.now())
        over = room.host.now().replace(year=2031)
        assert person_register.listed_in_room(session, room.scene.room_sitting, now=over) == []
    with app.test_request_context():
        words = registered_text(listed)
    assert registration.ticket in words
    assert "2031-11-2" in words
    assert "7-2" in words


def test_the_chain_of_a_case_is_only_added_to(room: CaseRoom) -> None:
    case = room.open(room.report("PASSING"))
    room.to_heard(case, "7-2")
    with room.host.db.read() as session:
        chain = session.scalars(select(CaseStep).order_by(CaseStep.seq)).all()
    assert [row.seq for row in chain] == list(range(1, 7))
    assert [row.act for row in chain] == ["state", "tell", "sign", "confirm", "notify", "hear"]


def test_lists_of_results_say_void_and_show_no_score(
    room: CaseRoom, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    def mark(session) -> None:
        for seat, total in (("1", "87.5"), ("2", "91.5")):
            attempt = session.get_one(Attempt, room.scene.attempts[seat])
            session.add(
                ComponentResult(
                    room_sitting_id=room.scene.room_sitting,
                    registration_id=attempt.registration_id,
                    attempt_id=attempt.id,
                    component="theory",
                    status="scored",
                    total=Decimal(total),
                    passed=True,
                    marked_at=room.host.now(),
                )
            )

    room.host.db.write(mark)
    case = room.open(room.report("PASSING"))
    room.to_heard(case, "7-2")
    room.decide(case, "subject")
    chief = sign_in(room.scene.chief)
    shown = page(chief.get(f"/results/{room.scene.room_sitting}"))
    assert ("无效" in shown, "87.5" in shown, "91.5" in shown) == (True, False, True)
    book = load_workbook(BytesIO(chief.get(f"/results/{room.scene.room_sitting}.xlsx").data))
    cells = [str(cell.value) for row in book.active.iter_rows() for cell in row]
    assert ("无效" in cells, "87.5" in cells, "91.5" in cells) == (True, False, True)


def test_importing_a_roster_warns_of_registered_people(
    room: CaseRoom, client_as: Callable[..., FlaskClient]
) -> None:
    number = "110101199003071428"
    with room.host.db.read() as session:
        index = vault_of(session).index(ID_PURPOSE, number)
    case = room.open(room.report("PASSING"))

    def register(session) -> None:
        now = room.host.now()
        entry = {
            "id_index": index,
            "article": "8-2",
            "text": "替考",
            "from_at": now,
            "bars_certificate": True,
        }
        session.add(RegisterEntry(case_id=case, **entry))
        session.get_one(RoomSitting, room.scene.room_sitting).state = "planned"

    room.host.db.write(register)
    rows = csv([["姓名", "证件号码", "单位"], ["钱七", number, "某公司"]])
    browser = client_as("administrator")
    path = f"/sittings/{room.scene.room_sitting}"
    assert send(browser, f"{path}/roster", rows, "roster.csv").status_code == 302
    with browser.session_transaction() as kept:
        flashed = [text for _state, text in kept["_flashes"]]
    assert any("钱七" in text and "8-2" in text and "长期" in text for text in flashed)


# --- the exam at the seat is ended for the case ---------------------------------------------------------------


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
