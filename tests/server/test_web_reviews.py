"""The pages of a review: a work handed in, the schedule, one turn before its panel, documents on paper."""

import io
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from pypdf import PdfReader

from server.access import Actor
from server.host import Host
from server.services import defences, theses, turns
from server.services.defences import Asked
from tests.server.assessing_kit import Stage, make_assessment
from tests.server.conftest import PASSWORD, Machine
from tests.server.desk import page, send
from tests.server.panel_kit import Desk, worth
from tests.server.review_kit import LEAST, docx, hand_in, make_review

SignIn = Callable[[Actor], FlaskClient]


@pytest.fixture
def stage(host: Host, person_as: Callable[..., Actor]) -> Stage:
    return make_review(host, person_as)


def words(data: bytes) -> str:
    return "".join("".join(each.extract_text().split()) for each in PdfReader(io.BytesIO(data)).pages)


def test_a_work_goes_in_through_the_pages(stage: Stage, sign_in: SignIn) -> None:
    client, person = sign_in(stage.administrator), stage.registrations[0]
    here = f"/reviews/{stage.room_sitting}/works/{person}"
    assert send(client, f"{here}/files", docx("论文正文"), "a.docx", kind="thesis").status_code == 302
    assert client.post(f"{here}/title", data={"title": "商业综合体保卫方案"}).status_code == 302
    found = {"percent": "12.5", "source": "某查重系统", "sha256": ""}
    assert client.post(f"{here}/similarity", data=found).status_code == 302
    shown = page(client.get(here))
    for part in ("商业综合体保卫方案", "12.50%", "某查重系统", "有效"):
        assert part in shown
    refused = send(client, f"{here}/files", b"MZ program", "a.pdf", kind="thesis")
    assert "文件不是 PDF 或 DOCX" in page(refused)
    assert "请选择材料种类" in page(send(client, f"{here}/files", docx("x"), "a.docx", kind="novel"))
    assert "商业综合体保卫方案" in page(client.get(f"/reviews/{stage.room_sitting}"))


def test_the_panel_sees_codes_and_reads_inside_the_browser(stage: Stage, sign_in: SignIn) -> None:
    kept = hand_in(stage)
    member = sign_in(stage.examiners[1])
    shown = page(member.get(f"/reviews/{stage.room_sitting}"))
    assert stage.turn(1).code in shown
    for secret in ("P2026-0001", "赵某1", "时间安排"):
        assert secret not in shown
    answer = member.get(f"/reviews/files/{kept}")
    assert answer.data == docx("保卫工作论文")
    assert answer.headers["Content-Disposition"].startswith("attachment")  # a browser shows no such document
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "综合评审" in page(member.get("/reviews"))


@pytest.mark.dear
def test_every_role_at_every_address(stage: Stage, sign_in: SignIn, person_as: Callable[..., Actor]) -> None:
    kept, turn = hand_in(stage), stage.turn(1).id
    room, person = f"/reviews/{stage.room_sitting}", stage.registrations[0]
    for who in (person_as("examiner"), stage.supervisor, person_as("auditor"), person_as("scorer")):
        client = sign_in(who)
        for address in (room, f"/reviews/files/{kept}", f"/reviews/turns/{turn}", f"{room}/schedule.pdf"):
            assert client.get(address).status_code == 403, (who.name, address)
        assert client.get(f"{room}/works/{person}").status_code == 403
        for address in (f"{room}/due", f"{room}/schedule", f"{room}/works/{person}/title"):
            assert client.post(address, data={}).status_code == 403, (who.name, address)
    member = sign_in(stage.leader)
    assert member.get(f"{room}/works/{person}").status_code == 403
    assert member.get(f"{room}/schedule.pdf").status_code == 403
    assert sign_in(stage.administrator).post(f"/reviews/turns/{turn}/questions", data={}).status_code == 403


def test_the_schedule_by_the_page_and_on_paper(stage: Stage, sign_in: SignIn, machine: Machine) -> None:
    client, room = sign_in(stage.administrator), f"/reviews/{stage.room_sitting}"
    first = (machine.wall + timedelta(minutes=10, hours=8)).strftime("%Y-%m-%dT%H:%M")
    plan = {"first_at": first, "minutes_each": str(LEAST - 1), "pause": "5"}
    assert f"不能少于政策规定的 {LEAST} 分钟" in page(client.post(f"{room}/schedule", data=plan))
    assert client.post(f"{room}/schedule", data={**plan, "minutes_each": str(LEAST)}).status_code == 302
    text = words(client.get(f"{room}/schedule.pdf").data)
    assert "评审日程表" in text
    assert all(stage.turn(number).code in text for number in (1, 2, 3))
    assert "P2026-0001" not in text
    due = (machine.wall + timedelta(minutes=5, hours=8)).strftime("%Y-%m-%dT%H:%M")
    assert client.post(f"{room}/due", data={"due_at": due}).status_code == 302
    assert "截止" in page(client.get(room))


@pytest.mark.dear
def test_a_turn_before_its_panel_and_the_documents_after_it(
    stage: Stage, sign_in: SignIn, person_as: Callable[..., Actor], machine: Machine
) -> None:
    turn = stage.perform(1)
    stage.write(theses.set_due, stage.administrator, stage.room_sitting, machine.wall)
    member, address = sign_in(stage.leader), f"/reviews/turns/{turn.id}"
    asked = {"by": str(stage.leader.user_id), "question": "为什么这样布防？", "answer": "要点齐全"}
    assert member.post(f"{address}/questions", data=asked).status_code == 302
    assert "请填写问题" in page(member.post(f"{address}/questions", data={**asked, "question": ""}))
    shown = page(member.get(address))
    assert "为什么这样布防？" in shown
    assert "P2026" not in shown
    cosign = {"cosign_username": "examiner6", "cosign_password": PASSWORD}
    short = member.post(f"{address}/short", data={"reason": "考生身体不适", **cosign})
    assert short.status_code == 302, page(short)
    stage.write(turns.finish, stage.invigilator, turn.id)
    text = words(member.get(f"{address}/minutes.pdf").data)
    for part in ("答辩记录", "为什么这样布防？", "考生身体不适", turn.code):
        assert part in text
    manager = sign_in(stage.administrator)
    assert manager.get(f"{address}/score.pdf").status_code == 409  # nobody has locked yet
    desk = Desk(stage, person_as("scorer"), person_as("mark_checker"))
    for who, total in zip(stage.examiners, (70, 74, 78), strict=True):
        desk.send(who, 1, worth(total))
    assert member.get(f"{address}/score.pdf").status_code == 403
    text = words(manager.get(f"{address}/score.pdf").data)
    for part in ("综合评审评分表", "70", "74", "78", "考评员2", "为什么这样布防？"):
        assert part in text


def test_who_runs_the_room_notes_questions_too(stage: Stage, sign_in: SignIn) -> None:
    turn = stage.perform(1)
    client = sign_in(stage.invigilator)
    asked = {"by": str(stage.examiners[2].user_id), "question": "第一问", "answer": ""}
    assert client.post(f"/reviews/turns/{turn.id}/minutes", data=asked).status_code == 302
    assert client.post(f"/reviews/turns/{turn.id}/questions", data=asked).status_code == 403
    number = stage.write(defences.ask, stage.leader, turn.id, Asked(stage.leader.user_id or 0, "第二问"))
    again = {**asked, "question": "第二问（改）", "replaces": str(number)}
    assert client.post(f"/reviews/turns/{turn.id}/minutes", data=again).status_code == 302
    assert "第二问（改）" in page(client.get(f"/reviews/turns/{turn.id}"))


def test_who_runs_the_room_finds_the_turns_and_reads_no_file(stage: Stage, sign_in: SignIn) -> None:
    kept = hand_in(stage)
    client, turn = sign_in(stage.invigilator), stage.turn(1)
    shown = page(client.get(f"/reviews/{stage.room_sitting}"))
    assert f"/reviews/turns/{turn.id}" in shown
    assert "赵某1" in shown
    assert "/reviews/files/" not in shown
    assert "时间安排" not in shown
    assert "/reviews/files/" not in page(client.get(f"/reviews/turns/{turn.id}"))
    assert client.get(f"/reviews/files/{kept}").status_code == 403


def test_a_review_speaks_of_defending_and_its_pages_are_linked(stage: Stage, sign_in: SignIn) -> None:
    stage.perform(1)
    client = sign_in(stage.invigilator)
    for address in (f"/reviews/{stage.room_sitting}", f"/assessments/{stage.room_sitting}"):
        shown = page(client.get(address))
        assert "答辩中" in shown
        assert "考核中" not in shown
    assert f'href="/reviews/{stage.room_sitting}"' in page(client.get(f"/assessments/{stage.room_sitting}"))


def test_a_practical_assessment_has_no_link_to_works(
    host: Host, person_as: Callable[..., Actor], sign_in: SignIn
) -> None:
    stage = make_assessment(host, person_as)
    shown = page(sign_in(stage.invigilator).get(f"/assessments/{stage.room_sitting}"))
    assert f"/reviews/{stage.room_sitting}" not in shown
    assert "候考" in shown


def test_records_of_candidates_are_counted_and_cannot_be_deleted_here(stage: Stage, sign_in: SignIn) -> None:
    hand_in(stage)
    hand_in(stage, place=1)
    client = sign_in(stage.administrator)
    shown = page(client.get("/privacy"))
    assert "论文和评审材料" in shown
    assert 'data-kind="works"' in shown
    assert 'data-kind="scans"' not in shown
    told = page(client.get(f"/privacy/candidates/{stage.registrations[0]}"))
    assert "提交的论文和材料" in told
    assert "1 份，加密保存" in told
    assert "提交的论文和材料" not in page(client.get(f"/privacy/candidates/{stage.registrations[2]}"))
