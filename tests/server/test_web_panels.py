"""Pages of panels' scores: nobody sees marks before all are locked, each acts in the own place, papers."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from server.access import Actor, Permission, Role
from server.db.people import User
from server.db.record import AuditEntry
from server.host import Host
from tests.server.conftest import PASSWORD, Machine
from tests.server.panel_kit import Desk, panel_desk
from tests.server.paper_kit import pages
from tests.server.test_panel_reports import report_of

SignIn = Callable[[Actor], FlaskClient]


@pytest.fixture
def desk(host: Host, person_as: Callable[..., Actor]) -> Desk:
    return panel_desk(host, person_as, candidates=2)


def text_of(browser: FlaskClient, path: str, status: int = 200) -> str:
    answer = browser.get(path)
    assert answer.status_code == status, (path, answer.status_code)
    return answer.get_data(as_text=True)


def post(browser: FlaskClient, path: str, status: int = 302, **form: Any) -> str:
    answer = browser.post(path, data=form)
    assert answer.status_code == status, answer.get_data(as_text=True)[:2000]
    return answer.get_data(as_text=True)


def addresses(desk: Desk) -> list[str]:
    room, turn = desk.stage.room_sitting, desk.stage.turn(1).id
    return [
        "/panels",
        f"/panels/{room}",
        f"/panels/{room}/statistics",
        f"/panels/{room}/report",
        f"/panels/{room}/report.pdf",
        f"/panels/turns/{turn}",
        f"/panels/turns/{turn}/record.pdf",
        "/panels/own",
        f"/panels/own/{room}",
        f"/panels/own/{room}/report.pdf",
        f"/panels/own/turns/{turn}",
    ]


@pytest.mark.dear
def test_no_role_sees_a_mark_before_all_are_locked(
    desk: Desk, person_as: Callable[..., Actor], sign_in: SignIn
) -> None:
    desk.mark(1, 77, 83)  # the third sheet is open
    people = [person_as(role) for role in Role]
    for who in (*people, person_as(*Role), desk.scorer, desk.stage.leader, desk.stage.supervisor):
        browser = sign_in(who)
        for path in addresses(desk):
            answer = browser.get(path)
            assert answer.status_code < 500, path
            shown = answer.get_data(as_text=True)
            assert not re.search(r"\b(77|83|57\.5|42\.5)\b", shown), (who.name, path)


@pytest.mark.dear
def test_members_see_nothing_before_the_session_is_over(desk: Desk, sign_in: SignIn) -> None:
    desk.mark(1, 77, 83, 80)
    desk.aggregate()
    for who in desk.stage.examiners:
        browser = sign_in(who)
        for path in addresses(desk):
            if path == "/panels/own":
                continue
            assert browser.get(path).status_code in (403, 409), path


def test_a_member_who_is_no_leader_sees_the_report_alone(desk: Desk, sign_in: SignIn) -> None:
    desk.mark(1, 77, 83, 80)
    desk.aggregate()
    desk.end()
    browser, turn = sign_in(desk.stage.examiners[1]), desk.stage.turn(1).id
    page = text_of(browser, f"/panels/own/{desk.stage.room_sitting}")
    assert "考评组长还没有生成报告" in page
    assert "77" not in page
    assert browser.get(f"/panels/own/turns/{turn}").status_code == 403


@pytest.mark.dear
def test_each_address_is_for_who_holds_its_permission(
    desk: Desk, person_as: Callable[..., Actor], sign_in: SignIn
) -> None:
    desk.mark(1, 77, 83, 80)
    desk.aggregate()
    desk.end()
    turn, room = desk.stage.turn(1).id, desk.stage.room_sitting
    acts = {
        f"/panels/{room}/aggregate": Permission.AGGREGATE_MARKS,
        f"/panels/turns/{turn}/aggregate": Permission.AGGREGATE_MARKS,
        f"/panels/turns/{turn}/arbitrate": Permission.AGGREGATE_MARKS,
        f"/panels/turns/{turn}/veto": Permission.SUPERVISE,
        f"/panels/turns/{turn}/check": Permission.CHECK_MARKS,
        f"/panels/turns/{turn}/return": Permission.CHECK_MARKS,
        f"/panels/own/{room}/confirm": Permission.SCORE_SHEETS,
        f"/panels/own/{room}/report": Permission.SCORE_SHEETS,
        f"/panels/own/{room}/sign": Permission.SCORE_SHEETS,
        f"/panels/own/turns/{turn}/return": Permission.SCORE_SHEETS,
    }
    for role in Role:
        who = person_as(role)
        browser = sign_in(who)
        for path in addresses(desk):
            need = Permission.SCORE_SHEETS if "/own" in path else Permission.SEE_PANELS
            if not who.can(need):
                assert browser.get(path).status_code == 403, (role, path)
        for path, need in acts.items():
            if not who.can(need):
                assert browser.post(path).status_code == 403, (role, path)
    assert desk.row().state == "aggregated"


def test_examiners_of_other_rooms_see_nothing_here(
    desk: Desk, person_as: Callable[..., Actor], sign_in: SignIn
) -> None:
    desk.mark(1, 77, 83, 80)
    desk.aggregate()
    desk.end()
    browser = sign_in(person_as("examiner"))
    for path in addresses(desk):
        assert browser.get(path).status_code == (200 if path == "/panels/own" else 403), path


@pytest.mark.dear
def test_no_page_tells_who_is_behind_a_code(desk: Desk, sign_in: SignIn) -> None:
    desk.mark(1, 77, 83, 80)
    desk.aggregate()
    desk.end()
    for who in (desk.scorer, desk.checker, desk.stage.supervisor):
        browser = sign_in(who)
        for path in addresses(desk)[:6]:
            page = text_of(browser, path, 409 if path.endswith("report.pdf") else 200)
            assert "赵某1" not in page and "P2026-0001" not in page, path


@pytest.mark.dear
def test_from_progress_to_checked_in_the_browser(desk: Desk, sign_in: SignIn, machine: Machine) -> None:
    room, turn = desk.stage.room_sitting, desk.stage.turn(1).id
    scorer, checker, leader = map(sign_in, (desk.scorer, desk.checker, desk.stage.leader))
    assert "待锁定" not in text_of(scorer, f"/panels/{room}")
    desk.mark(1, 80, 85)
    assert "2 / 3" in text_of(scorer, f"/panels/{room}")
    assert "待锁定" in text_of(scorer, f"/panels/{room}")
    desk.send(desk.stage.examiners[2], 1, [{"act": "points", "item": "2.1", "points": "60"}])
    assert "统分（1 名已全部锁定）" in text_of(scorer, f"/panels/{room}")
    post(scorer, f"/panels/{room}/aggregate")
    page = text_of(scorer, f"/panels/turns/{turn}")
    assert "83" in page and "给分不同" in page and "灭火动作" in page
    desk.end()
    assert "确认选中的得分" in text_of(leader, f"/panels/own/{room}")
    post(leader, f"/panels/own/{room}/confirm", turn=str(turn))
    assert "核对无误" in text_of(checker, f"/panels/turns/{turn}")
    post(checker, f"/panels/turns/{turn}/check")
    assert "已核分" in text_of(checker, f"/panels/{room}")
    assert desk.stage.room_row().state == "marked"


@pytest.mark.dear
def test_an_arbitration_in_the_browser(desk: Desk, sign_in: SignIn) -> None:
    desk.mark(1, 62, 58, 85, vetoes=(2,))
    desk.aggregate()
    turn = desk.stage.turn(1).id
    scorer, supervisor = sign_in(desk.scorer), sign_in(desk.stage.supervisor)
    assert "对人喷射" in text_of(supervisor, f"/panels/turns/{turn}")
    post(supervisor, f"/panels/turns/{turn}/veto", 422, code="V1", holds="", reason="录像")
    post(supervisor, f"/panels/turns/{turn}/veto", code="V1", holds="no", reason="录像中没有")
    page = text_of(scorer, f"/panels/turns/{turn}")
    assert "登记仲裁" in page and "62" in page and "58" in page and "85" in page
    form = {"outcome": "score", "score": "60.5", "reason": "三人复看录像"}
    with desk.host.db.read() as session:
        name = session.get_one(User, desk.stage.supervisor.user_id).username
    signed = {"cosign_username": name, "cosign_password": PASSWORD}
    assert "在各评分表之间" in post(
        scorer, f"/panels/turns/{turn}/arbitrate", 422, **form | {"score": "90"}, **signed
    )
    post(scorer, f"/panels/turns/{turn}/arbitrate", 422, **form | {"score": "sixty"}, **signed)
    assert "请填写" in post(scorer, f"/panels/turns/{turn}/arbitrate", 422, **form)
    post(scorer, f"/panels/turns/{turn}/arbitrate", **form, **signed)
    page = text_of(scorer, f"/panels/turns/{turn}")
    assert "60.5" in page and "三人复看录像" in page and "录像中没有" in page
    assert "登记仲裁" not in page


def test_the_statistics_wait_for_the_end_and_say_when_they_rest_on_few(desk: Desk, sign_in: SignIn) -> None:
    desk.mark(1, 77, 83, 80)
    desk.aggregate()
    scorer, room = sign_in(desk.scorer), desk.stage.room_sitting
    text_of(scorer, f"/panels/{room}/statistics", 409)
    desk.end()
    page = text_of(scorer, f"/panels/{room}/statistics")
    assert "人数太少" in page
    assert "ICC(2,1)" in page


@pytest.mark.dear
def test_the_papers_name_the_examiners_and_the_code_alone(desk: Desk, sign_in: SignIn) -> None:
    report_of(desk)
    room, turn = desk.stage.room_sitting, desk.stage.turn(1)
    scorer, member = sign_in(desk.scorer), sign_in(desk.stage.examiners[1])
    for browser, path in ((scorer, f"/panels/{room}/report.pdf"), (member, f"/panels/own/{room}/report.pdf")):
        told = "".join(pages(browser.get(path).data))
        for word in ("考评员1", "考评员3", "考评组能够独立评分", turn.code, "尚未签名"):
            assert word in told, word
        assert "赵某1" not in told
    record = "".join(pages(scorer.get(f"/panels/turns/{turn.id}/record.pdf").data))
    for word in ("操作技能评分记录表", turn.code, "统分人甲", "考评员2", "灭火动作", "83"):
        assert word in record, word
    with desk.host.db.read() as session:
        acts = session.scalars(select(AuditEntry.act)).all()
    assert acts.count("panel_paper_printed") == 3


@pytest.mark.dear
def test_every_member_signs_with_the_own_password(desk: Desk, sign_in: SignIn) -> None:
    row = report_of(desk)
    leader, path = sign_in(desk.stage.leader), f"/panels/own/{desk.stage.room_sitting}/sign"
    with desk.host.db.read() as session:
        names = [session.get_one(User, each.user_id).username for each in desk.stage.examiners]
        other = session.get_one(User, desk.scorer.user_id).username
    post(leader, path, 422, cosign_username=names[0], cosign_password="wrong", digest=row.digest)
    post(leader, path, 409, cosign_username=names[0], cosign_password=PASSWORD, digest="0" * 64)
    post(leader, path, 403, cosign_username=other, cosign_password=PASSWORD, digest=row.digest)
    for name in names:
        post(leader, path, cosign_username=name, cosign_password=PASSWORD, digest=row.digest)
    post(leader, path, 409, cosign_username=names[1], cosign_password=PASSWORD, digest=row.digest)
    page = text_of(leader, f"/panels/own/{desk.stage.room_sitting}")
    assert "尚未签名" not in page


def test_empty_pages_say_what_to_do(client_as: Callable[..., FlaskClient]) -> None:
    assert "还没有考评组评分的考场" in text_of(client_as("scorer"), "/panels")
    assert "您不在任何考评组中" in text_of(client_as("examiner"), "/panels/own")
