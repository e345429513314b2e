"""Duty, gates, site check and supervision on their pages: who sees, who acts, what is printed."""

import io
import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select

from server.access import Actor, Role
from server.db.sittings import Assignment
from server.host import Host
from server.rules.policy_gates import BEFORE, GateName
from server.rules.supervision_list import ITEMS
from server.services import staff_profiles, staffing
from server.web.acts import ACTS
from server.web.gates import GATES
from server.web.staffing import GRADES, KINDS
from tests.server.conftest import Machine
from tests.server.delivery_kit import ID_NUMBERS
from tests.server.desk import page, said
from tests.server.staffing_kit import Duty, demand, make_duty

SignIn = Callable[[Actor], FlaskClient]


@pytest.fixture
def duty(host: Host, person_as: Callable[..., Actor], machine: Machine) -> Duty:
    made = make_duty(host, person_as)
    machine.advance(minutes=10)
    return made


def at(duty: Duty, tail: str) -> str:
    return f"/sittings/{duty.scene.room_sitting}/{tail}"


def field(text: str, gate: str, name: str) -> str:
    """A hidden field of the form of one gate."""
    part = text[text.index(f'id="gate-{gate}"') :]
    found = re.search(rf'name="{name}" value="([^"]*)"', part)
    assert found is not None
    return found[1]


def words(pdf: bytes) -> str:
    return "".join("".join(sheet.extract_text() for sheet in PdfReader(io.BytesIO(pdf)).pages).split())


def name_supervisor(duty: Duty) -> None:
    boss, who = duty.one(Role.ADMINISTRATOR), duty.one(Role.SUPERVISOR)
    duty.scene.write(staffing.name_supervisor, boss, duty.scene.room_row().sitting_id, who.user_id)


def test_every_gate_act_link_and_grade_has_its_words() -> None:
    assert set(GATES) == set(GateName)
    assert {
        "staff_drawn",
        "supervisor_named",
        "staff_profile_set",
        "recusal_added",
        "recusal_removed",
        "duty_signed_in",
        "duty_signed_in_for",
        "duty_signed_out",
        "duty_signed_out_for",
        "duty_left",
        "gate_overruled",
        "site_check_signed",
        "supervision_marked",
        "supervision_noted",
        "supervision_corrected",
        "supervision_signed",
    } <= set(ACTS)
    assert set(GRADES) == set(staff_profiles.GRADES) and set(KINDS) == {
        "kin",
        "superior",
        "teacher",
        "master",
    }


@pytest.mark.dear
def test_from_duty_to_the_start_on_the_screens(duty: Duty, sign_in: SignIn, password: str) -> None:
    """Red gates keep the button dead and the route closed; people sign in, the chief overrules the rest."""
    demand(duty.scene.host, GateName.LOCKED, GateName.CHIEF, *BEFORE, two_persons=(GateName.LOCKED,))
    chief, invigilator = sign_in(duty.scene.chief), sign_in(duty.scene.invigilator)
    start = f"/monitor/{duty.scene.room_sitting}/start"
    dialog = invigilator.get(start).text
    assert re.search(r"<button[^>]* disabled>开考", dialog)
    answer = invigilator.post(start, data={"present": "1"}, follow_redirects=True)
    assert said("gate_not_locked") in page(answer) and duty.scene.room_row().started_at is None
    for browser in (chief, invigilator, sign_in(duty.scene.staff[1])):
        assert "签到上岗" in browser.get("/duties").text
        answer = browser.post(f"/duties/{duty.scene.room_sitting}/in", follow_redirects=True)
        assert "已签到上岗。" in page(answer)
    shown = chief.get(at(duty, "gates")).text
    assert said("gate_not_locked") in shown and 'id="gate-chief" data-state="green"' in shown
    fields = {"gate": "locked", "finding": field(shown, "locked", "finding"), "reason": "座次已核对"}
    refused = chief.post(at(duty, "gates"), data=fields, follow_redirects=True)
    assert said("cosign_missing") in page(refused)
    second = {"cosign_username": duty.one(Role.SUPERVISOR).name, "cosign_password": password}
    done = chief.post(at(duty, "gates"), data=fields | second, follow_redirects=True)
    assert "座次已核对" in page(done) and 'id="gate-locked" data-state="overruled"' in done.text
    dialog = invigilator.get(start).text
    assert re.search(r"<button[^>]* disabled>开考", dialog) is None and "座次已核对" in dialog
    assert "已开考。" in page(invigilator.post(start, follow_redirects=True))
    assert "以下是开考时的情况" in chief.get(at(duty, "gates")).text


def test_who_only_looks_finds_no_button_and_no_way(duty: Duty, sign_in: SignIn) -> None:
    """Rover, supervisor and system administrator see the gates; overruling and starting is not theirs."""
    demand(duty.scene.host)
    for role in (Role.ROVER, Role.SUPERVISOR, Role.SYSTEM_ADMINISTRATOR):
        browser = sign_in(duty.one(role))
        shown = browser.get(at(duty, "gates"))
        assert shown.status_code == 200 and 'name="finding"' not in shown.text
        fields = {"gate": "locked", "finding": "x", "reason": "r"}
        assert browser.post(at(duty, "gates"), data=fields).status_code == 403
        assert browser.post(f"/monitor/{duty.scene.room_sitting}/start").status_code == 403
        assert browser.post(at(duty, "staffing"), data={}).status_code == 403
        assert browser.post(at(duty, "staffing/draw"), data={}).status_code == 403
        assert browser.get(at(duty, "site-check")).status_code == 200
    assert duty.scene.room_row().started_at is None


def test_a_draw_and_a_change_by_hand(duty: Duty, sign_in: SignIn, person_as: Callable[..., Actor]) -> None:
    office = sign_in(duty.one(Role.ADMINISTRATOR))
    answer = page(office.post(at(duty, "staffing/draw"), data={"seed": "2026"}, follow_redirects=True))
    assert "种子 2026" in answer and "随机抽取" in answer
    uncle = person_as("invigilator", name="张叔")
    path = f"/staff/{uncle.user_id}"
    assert f'href="{path}/profile"' in office.get(path).text
    fields = {"kind": "kin", "id_number": ID_NUMBERS[0], "note": "侄子"}
    shown = office.post(f"{path}/recusals", data=fields, follow_redirects=True).text
    assert "考生1" in shown and ID_NUMBERS[0] not in shown
    answer = office.post(at(duty, "staffing"), data={"duty": f"{uncle.user_id}/invigilator"})
    assert answer.status_code == 422 and said("duty_recused", name="张叔", candidates="考生1") in page(answer)
    profile = {
        "employer": "某部",
        "card_number": "K-7",
        "card_grade": "invigilator",
        "valid_to": "2026-11-20",
    }
    assert "K-7" in office.post(f"{path}/profile", data=profile, follow_redirects=True).text
    wrong = office.post(f"{path}/profile", data=profile | {"valid_to": "tomorrow"})
    assert wrong.status_code == 422 and said("field_not_a_day", value="tomorrow") in page(wrong)
    with duty.scene.host.db.read() as session:
        people = set(session.scalars(select(Assignment.user_id)))
    assert uncle.user_id not in people


def test_the_supervisor_is_named_for_the_sitting(duty: Duty, sign_in: SignIn) -> None:
    office = sign_in(duty.one(Role.ADMINISTRATOR))
    who = duty.one(Role.SUPERVISOR)
    form = {"supervisor": str(who.user_id)}
    shown = office.post(at(duty, "staffing/supervisor"), data=form, follow_redirects=True).text
    assert f'<option value="{who.user_id}" selected>' in shown


def test_the_chief_signs_somebody_in_on_the_page(duty: Duty, sign_in: SignIn) -> None:
    chief, who = sign_in(duty.scene.chief), duty.scene.invigilator
    target = at(duty, f"staffing/{who.user_id}/in")
    assert said("reason_missing") in page(chief.post(target, follow_redirects=True))
    answer = chief.post(target, data={"reason": "手机没电"}, follow_redirects=True)
    assert "代签：手机没电" in page(answer)
    assert chief.post(at(duty, f"staffing/{who.user_id}/away")).status_code in (302, 400)


def test_the_site_check_is_signed_and_printed(duty: Duty, sign_in: SignIn) -> None:
    technician = sign_in(duty.one(Role.SYSTEM_ADMINISTRATOR))
    shown = technician.get(at(duty, "site-check")).text
    assert "系统管理员还没有签字" in shown
    found = re.search(r'name="finding" value="([^"]+)"', shown)
    assert found is not None
    fields = {"finding": found[1], "reason": "尚未自检，开考前补"}
    assert "考试机检查已签字。" in page(
        technician.post(at(duty, "site-check"), data=fields, follow_redirects=True)
    )
    text = words(technician.get(at(duty, "site-check.pdf")).data)
    for part in ("考试机检查表", "第一考场", "尚未自检，开考前补", "第1页共1页", "有效"):
        assert part in text


@pytest.mark.dear
def test_the_supervision_form_is_written_signed_and_printed(duty: Duty, sign_in: SignIn) -> None:
    name_supervisor(duty)
    supervisor, chief = sign_in(duty.one(Role.SUPERVISOR)), sign_in(duty.scene.chief)
    answers = {f"result-{item.code}": "good" for item in ITEMS}
    answers[f"note-{ITEMS[0].code}"] = "两人迟到"
    shown = supervisor.post(at(duty, "supervision"), data=answers, follow_redirects=True).text
    assert "两人迟到" in shown
    note = {"text": "走廊有杂音", "finding": "1", "room": str(duty.scene.room_sitting)}
    shown = supervisor.post(at(duty, "supervision/notes"), data=note, follow_redirects=True).text
    (action,) = re.findall(r'action="(/sittings/\d+/supervision/notes/\d+)"', shown)
    assert "已关窗" in supervisor.post(action, data={"correction": "已关窗"}, follow_redirects=True).text
    assert chief.post(action, data={"correction": "x"}).status_code == 403
    read = chief.get(at(duty, "supervision")).text
    assert "走廊有杂音" in read and 'name="correction"' not in read and 'type="radio"' not in read
    supervisor.post(at(duty, "supervision/sign"), data={"opinion": "组织良好"})
    text = words(chief.get(at(duty, "supervision.pdf")).data)
    for part in (
        "内部督导表",
        "走廊有杂音",
        "已关窗",
        "两人迟到",
        "组织良好",
        duty.one(Role.SUPERVISOR).name,
    ):
        assert part in text
    for role in (Role.INVIGILATOR, Role.ROVER):
        assert sign_in(duty.one(role)).get(at(duty, "supervision")).status_code == 403


def test_a_gate_sends_people_only_where_they_can_do_something(duty: Duty, sign_in: SignIn) -> None:
    def part(role: Role, gate: str) -> str:
        shown = sign_in(duty.one(role)).get(at(duty, "gates")).text
        return shown[shown.index(f'id="gate-{gate}"') :].partition("</li>")[0]

    demand(duty.scene.host, GateName.LOCKED)
    chief = part(Role.CHIEF_INVIGILATOR, "locked")
    assert "由考务管理员办理" in chief and "去处理" not in chief
    assert "#seating" in part(Role.ADMINISTRATOR, "locked")


def test_the_number_of_invigilators_leads_to_a_page_that_the_reader_has(duty: Duty, sign_in: SignIn) -> None:
    page_of = f"/sittings/{duty.scene.room_sitting}"
    for role in (Role.CHIEF_INVIGILATOR, Role.ADMINISTRATOR):
        shown = sign_in(duty.one(role)).get(page_of).text
        assert f'href="{page_of}/staffing"' in shown
        assert 'name="duty"' not in shown, "assigning has one place"
