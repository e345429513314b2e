"""The pages of an assessed room: calling, the board, who sees what."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from server.access import Actor
from server.db.assessing import Station
from server.db.record import AuditEntry
from server.db.sittings import Attempt, Candidate, Registration
from server.host import Host
from server.live.watch import Watch
from server.services import panels, stations
from server.services.panels import PanelPlan
from server.services.stations import StationPlan
from tests.server.assessing_kit import Stage, ids, make_assessment
from tests.server.conftest import PASSWORD, Machine
from tests.server.preparing import room as sample_room

People = Callable[..., Actor]
SignIn = Callable[[Actor], FlaskClient]


@pytest.fixture
def stage(host: Host, person_as: People) -> Stage:
    return make_assessment(host, person_as)


def page(stage: Stage, rest: str = "") -> str:
    return f"/assessments/{stage.room_sitting}{rest}"


def act(stage: Stage, browser: FlaskClient, number: int, word: str, **form: str) -> str:
    """Posts an act on a turn and shows the page after it."""
    address = page(stage, f"/turns/{stage.turn(number).id}/{word}")
    return browser.post(address, data=form, follow_redirects=True).get_data(as_text=True)


def secrets(stage: Stage) -> tuple[list[str], list[str]]:
    """What must not be seen together with codes: names and tickets."""
    with stage.host.db.read() as session:
        return list(session.scalars(select(Candidate.name))), list(
            session.scalars(select(Registration.ticket))
        )


@pytest.mark.dear
def test_a_candidate_goes_through_the_page_from_call_to_end(stage: Stage, sign_in: SignIn) -> None:
    browser = sign_in(stage.invigilator)
    assert "已叫号" in act(stage, browser, 1, "call")
    assert "请核对序号 1 的证件" in act(stage, browser, 1, "start")
    assert "data-timer" in act(stage, browser, 1, "start", checked="1")
    assert "器材更换" in act(stage, browser, 1, "finish", note="器材更换")
    assert stage.turn(1).state == "done"
    act(stage, browser, 2, "absent")
    act(stage, browser, 2, "back", reason="到了")
    assert stage.turn(2).state == "waiting"
    for number in (2, 3, 4):
        act(stage, browser, number, "absent")
    shown = browser.post(page(stage, "/end"), follow_redirects=True).get_data(as_text=True)
    assert "考核已结束" in shown
    assert "叫号：序号 1" in shown  # what was done stands on the page
    assert stage.room_row().state == "ended"


def test_a_turn_of_another_room_is_not_found_under_this_one(stage: Stage, sign_in: SignIn) -> None:
    browser = sign_in(stage.invigilator)
    turn = stage.turn(1).id
    assert browser.post(f"/assessments/{stage.room_sitting + 7}/turns/{turn}/call").status_code == 404
    assert browser.post(page(stage, f"/turns/{turn}/dance")).status_code == 404
    assert stage.turn(1).state == "waiting"


@pytest.mark.dear
def test_staff_of_the_room_see_names_examiners_see_codes_and_others_counts(
    stage: Stage, sign_in: SignIn, person_as: People
) -> None:
    stage.perform(1)
    names, tickets = secrets(stage)
    codes = [stage.turn(number).code for number in range(1, 5)]
    both = (page(stage), page(stage, "/live"))
    for who in (stage.invigilator, stage.chief, stage.administrator):
        for address in both:
            text = sign_in(who).get(address).get_data(as_text=True)
            assert all(code in text for code in codes)
            assert all(name in text for name in names)
    for address in both:
        text = sign_in(stage.leader).get(address).get_data(as_text=True)
        assert all(code in text for code in codes)
        assert not any(secret in text for secret in [*names, *tickets])
        assert "开始计时" not in text
    strangers = [person_as(role) for role in ("invigilator", "examiner", "scorer", "mark_checker", "auditor")]
    for who in strangers:
        for address in both:
            text = sign_in(who).get(address).get_data(as_text=True)
            assert not any(secret in text for secret in [*names, *tickets, *codes])


def test_an_examiner_with_another_role_still_sees_no_names(
    host: Host, person_as: People, sign_in: SignIn
) -> None:
    stage = make_assessment(host, person_as, state="arranged")
    both = person_as("examiner", "chief_invigilator", name="双岗")
    plan = PanelPlan((*ids(stage.examiners[:2]), both.user_id or 0), stage.leader.user_id or 0)
    stage.write(panels.assign, stage.administrator, stage.room_sitting, plan)
    names, tickets = secrets(stage)
    browser = sign_in(both)
    text = browser.get(page(stage)).get_data(as_text=True)
    assert not any(secret in text for secret in [*names, *tickets])
    assert browser.get(page(stage, "/order")).status_code == 403


def test_the_board_shows_numbers_codes_stations_and_states_only(stage: Stage, sign_in: SignIn) -> None:
    stage.perform(1)
    browser = sign_in(stage.invigilator)
    act(stage, browser, 2, "call")
    names, tickets = secrets(stage)
    for address in ("/board", "/board/part"):
        text = browser.get(page(stage, address)).get_data(as_text=True)
        assert stage.turn(1).code in text
        assert stage.turn(2).code in text
        assert stage.turn(3).code not in text
        assert "请到工位" in text
        assert not any(secret in text for secret in [*names, *tickets])


def test_the_board_is_not_for_strangers(stage: Stage, sign_in: SignIn, person_as: People) -> None:
    assert sign_in(person_as("invigilator")).get(page(stage, "/board")).status_code == 403


def test_the_list_for_the_caller_tells_names_and_who_looked_is_recorded(
    stage: Stage, sign_in: SignIn, person_as: People
) -> None:
    names, _tickets = secrets(stage)
    text = sign_in(stage.invigilator).get(page(stage, "/order")).get_data(as_text=True)
    assert all(name in text for name in names)
    for who in (stage.leader, person_as("invigilator"), stage.supervisor):
        assert sign_in(who).get(page(stage, "/order")).status_code == 403
    with stage.host.db.read() as session:
        looked = session.scalars(select(AuditEntry).where(AuditEntry.act == "order_list_shown")).all()
    assert [entry.actor for entry in looked] == [stage.invigilator.name]


def test_the_list_of_rooms_counts_and_links(stage: Stage, sign_in: SignIn) -> None:
    stage.done(1)
    text = sign_in(stage.administrator).get("/assessments").get_data(as_text=True)
    assert "实操考场" in text
    assert f'href="/assessments/{stage.room_sitting}"' in text


def test_an_empty_list_says_what_to_do(client_as: Callable[..., FlaskClient]) -> None:
    assert "还没有由考评组评分的场次" in client_as("administrator").get("/assessments").get_data(as_text=True)


@pytest.mark.dear
def test_order_and_panel_are_arranged_on_the_page(host: Host, person_as: People, sign_in: SignIn) -> None:
    stage = make_assessment(host, person_as, state="planned")
    browser = sign_in(stage.administrator)
    text = browser.post(page(stage, "/draw"), data={"seed": "s"}, follow_redirects=True).get_data(
        as_text=True
    )
    assert "种子 s 已保存" in text
    again = browser.post(page(stage, "/draw"), data={"seed": "t"})
    assert "请填写原因" in again.get_data(as_text=True)
    fourth = person_as("examiner", name="第四人")
    form = {"examiner": [*ids(stage.examiners), fourth.user_id], "leader": fourth.user_id}
    refused = browser.post(page(stage, "/panel"), data=form)
    assert refused.status_code == 422
    assert "单数" in refused.get_data(as_text=True)
    fine = {"examiner": [*ids(stage.examiners[:2]), fourth.user_id], "leader": fourth.user_id}
    text = browser.post(page(stage, "/panel"), data=fine, follow_redirects=True).get_data(as_text=True)
    assert "考评组已安排" in text
    drawn = browser.post(page(stage, "/panel/draw"), data={"seed": "p"}, follow_redirects=True)
    assert "种子 p 已保存" in drawn.get_data(as_text=True)


@pytest.mark.dear
def test_replacing_in_a_turn_needs_the_supervisors_password(
    stage: Stage, person_as: People, sign_in: SignIn
) -> None:
    turn, new = stage.perform(1), person_as("examiner")
    browser = sign_in(stage.chief)
    form = {"turn": turn.id, "out": stage.examiners[1].user_id, "into": new.user_id, "reason": "晕倒"}
    browser.post(page(stage, "/panel/replace-in-turn"), data=form)
    assert stage.turn(1).panel == turn.panel
    for second, done in [(stage.invigilator, False), (stage.supervisor, True)]:
        signed = {"cosign_username": second.name, "cosign_password": PASSWORD}
        browser.post(page(stage, "/panel/replace-in-turn"), data=form | signed)
        assert (new.user_id in stage.turn(1).panel) is done


def test_seats_are_not_arranged_where_a_panel_assesses(stage: Stage, sign_in: SignIn) -> None:
    text = sign_in(stage.administrator).get(f"/sittings/{stage.room_sitting}").get_data(as_text=True)
    assert "编排座位" not in text
    assert f"/assessments/{stage.room_sitting}" in text
    assert "监考画面" not in text


def test_commands_for_seats_do_not_touch_an_assessed_room(stage: Stage, sign_in: SignIn) -> None:
    browser = sign_in(stage.chief)
    for address in (f"/monitor/{stage.room_sitting}/end", f"/monitor/{stage.room_sitting}/start"):
        browser.post(address, data={"reason": "x", "confirm": "1"})
    assert stage.room_row().state == "running"
    assert stage.room_row().ended_at is None


def test_seats_are_never_drawn_for_an_assessed_room(host: Host, person_as: People, sign_in: SignIn) -> None:
    stage = make_assessment(host, person_as, state="planned")
    refused = sign_in(stage.administrator).post(f"/sittings/{stage.room_sitting}/seating", data={"seed": "1"})
    assert refused.status_code in (409, 422)
    with host.db.read() as session:
        assert session.scalars(select(Attempt)).all() == []
    assert stage.room_row().state == "planned"


@pytest.mark.parametrize("state", ["released", "running", "ended"])
def test_the_watch_over_seats_leaves_an_assessed_room_as_it_is(
    host: Host, person_as: People, machine: Machine, state: str
) -> None:
    stage = make_assessment(host, person_as, state=state)
    machine.advance(hours=9)
    watch = Watch(host)
    for _look in range(3):
        watch.tick()
    assert stage.room_row().state == state


# --- stations -------------------------------------------------------------------------------------------


@pytest.mark.dear
def test_stations_come_from_the_plan_and_are_counted_in_the_capacity(
    host: Host, person_as: People, sign_in: SignIn
) -> None:
    administrator = person_as("administrator")
    room_id = sample_room(host, administrator)
    browser = sign_in(administrator)
    browser.post(f"/rooms/{room_id}/stations/from-plan")
    with host.db.read() as session:
        found = stations.of_room(session, room_id)
    assert len(found) == 30
    assert "30" in browser.get("/rooms").get_data(as_text=True)
    assert browser.post(f"/rooms/{room_id}/stations/from-plan").status_code == 422
    first = found[0].id
    browser.post(f"/rooms/{room_id}/stations/{first}", data={"number": "A1", "equipment": "灭火器\n\n 面具 "})
    with host.db.read() as session:
        row = session.get_one(Station, first)
        assert (row.number, row.equipment, row.active) == ("A1", ["灭火器", "面具"], False)
        assert stations.counts(session) == {room_id: 29}


def test_wrong_and_doubled_stations_are_refused(host: Host, person_as: People, sign_in: SignIn) -> None:
    administrator = person_as("administrator")
    room_id = sample_room(host, administrator)
    browser = sign_in(administrator)
    for number, status in [("1", 302), ("1", 422), ("", 422), ("a b", 422), ("10", 302), ("2", 302)]:
        assert browser.post(f"/rooms/{room_id}/stations", data={"number": number}).status_code == status
    with host.db.read() as session:
        assert [station.number for station in stations.of_room(session, room_id)] == ["1", "2", "10"]
    many = "\n".join(["灭火器"] * 41)
    form = {"number": "3", "equipment": many}
    assert browser.post(f"/rooms/{room_id}/stations", data=form).status_code == 422


def test_a_station_that_was_drawn_is_closed_and_not_removed(stage: Stage, sign_in: SignIn) -> None:
    browser = sign_in(stage.administrator)
    used = f"/rooms/{stage.room}/stations/{stage.stations[0]}/remove"
    assert browser.post(used).status_code == 409
    plan = StationPlan("9")
    new = stage.write(stations.add, stage.administrator, stage.room, plan)
    browser.post(f"/rooms/{stage.room}/stations/{new}/remove")
    with stage.host.db.read() as session:
        assert {station.id for station in stations.of_room(session, stage.room)} == set(stage.stations)


def test_a_room_goes_with_its_stations(host: Host, person_as: People, sign_in: SignIn) -> None:
    administrator = person_as("administrator")
    room_id = sample_room(host, administrator)
    browser = sign_in(administrator)
    browser.post(f"/rooms/{room_id}/stations", data={"number": "1"})
    assert browser.post(f"/rooms/{room_id}/delete").status_code == 302
    with host.db.read() as session:
        assert session.scalars(select(Station)).all() == []
