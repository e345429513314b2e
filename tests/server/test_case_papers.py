"""Pictures and papers of a case, its chain, and where else it is told."""

from collections.abc import Callable
from decimal import Decimal
from io import BytesIO

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openpyxl import load_workbook
from sqlalchemy import select

from exam_rooms.incidents import IncidentKind
from server.access import Actor
from server.db.base import vault_of
from server.db.cases import CaseStep, RegisterEntry
from server.db.record import AuditEntry
from server.db.sittings import Attempt, Candidate, ComponentResult, Registration, RoomSitting
from server.db.watching import EvidenceFrame
from server.host import Host
from server.jobs.documents import document_pdf
from server.services import case_documents, cases, evidence
from server.services.case_documents import Asked
from server.services.cases import Signature
from server.services.incidents import Place, raise_incident
from server.services.rosters import ID_PURPOSE
from server.services.signed import Signed
from server.web.register_words import registered_text
from tests.server.case_kit import SHANGHAI, STROKES, CaseRoom, case_room, text_of
from tests.server.conftest import Machine
from tests.server.desk import csv, page, send


@pytest.fixture
def room(host: Host, app: Flask, person_as: Callable[..., Actor], machine: Machine) -> CaseRoom:
    return case_room(host, person_as, machine)


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


@pytest.mark.dear
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


@pytest.mark.dear
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
