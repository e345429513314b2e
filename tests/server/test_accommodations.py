"""Extra time and large print: from the roster to the deadline, changed by two people, in the room's end."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from exam_rooms.kiosk_messages import Accommodation
from exam_rooms.protocol import RecordKind, Step
from server.access import Actor
from server.db.record import AuditEntry
from server.db.sittings import Attempt, Registration, RoomSitting, Sitting
from server.errors import Forbidden, Refused
from server.host import Host
from server.live.watch import Watch
from server.rules.accommodation import Extra
from server.rules.roster import RosterEntry
from server.services import accommodations, commands, monitoring, rosters
from server.services.accommodations import Granted
from server.services.roomstate import load
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent
from tests.server.conftest import PASSWORD, Machine
from tests.server.delivery_kit import Scene, make_scene

THIRTY = Granted(Extra(percent=Decimal(30)), large_print=True, note="准考便利〔2026〕12 号")


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def admin(person_as: Callable[..., Actor]) -> Actor:
    return person_as("administrator")


def registration(scene: Scene, seat: str) -> int:
    return scene.attempt(seat).registration_id


def grant(scene: Scene, admin: Actor, granted: Granted, seat: str = "1") -> None:
    signed = Signed(admin, "approved", scene.chief)
    scene.write(accommodations.change, signed, registration(scene, seat), granted)


def agents(app: Flask, scene: Scene, *seats: str) -> list[TestAgent]:
    made = [TestAgent(app, scene, seat) for seat in seats]
    for agent in made:
        agent.open_session()
        agent.enter()
    return made


def begin(scene: Scene, machine: Machine) -> datetime:
    machine.advance(minutes=10)
    scene.start()
    return scene.host.now()


def test_scenario_32_thirty_per_cent_more_time_and_large_print_for_one_seat(
    app: Flask, scene: Scene, admin: Actor, machine: Machine, host: Host
) -> None:
    grant(scene, admin, THIRTY)
    low_vision, other = agents(app, scene, "1", "2")
    started, watch = begin(scene, machine), Watch(host)
    shown, plain = low_vision.state(), other.state()
    assert shown.deadline == started + timedelta(minutes=117)
    assert plain.deadline == started + timedelta(minutes=90)
    assert shown.accommodation == Accommodation(large_print=True, extra_minutes=27.0)
    assert (plain.accommodation, shown.credit_minutes) == (Accommodation(), 0.0)

    machine.advance(minutes=90, seconds=6)
    watch.tick()
    assert [agent.state().step for agent in (low_vision, other)] == [Step.ANSWERING, Step.TIME_OVER]
    with host.db.read() as session:
        cards = monitoring.seat_cards(session, host.answers, host.presence, scene.room_sitting)
        board = monitoring.board(session, scene.room_sitting, cards, now=host.now())
    assert (board.phase, board.last_ends_at) == ("over", started + timedelta(minutes=117))
    assert [card.extra for card in cards] == [27.0, 0.0, 0.0, 0.0]

    machine.advance(minutes=26, seconds=50)  # 116 min 56 s
    low_vision.open_journal()
    low_vision.answer(1)
    assert low_vision.sent().refused == ()
    low_vision.write(RecordKind.SUBMIT)
    assert low_vision.sent().refused == ()
    assert scene.attempt("1").state == "submitted"


def test_time_is_over_to_the_second_with_extra_time(
    app: Flask, scene: Scene, admin: Actor, machine: Machine, host: Host
) -> None:
    grant(scene, admin, THIRTY)
    (agent,) = agents(app, scene, "1")
    started = begin(scene, machine)
    watch = Watch(host)
    machine.advance(minutes=117, seconds=5)  # the last moment of grace
    watch.tick()
    assert agent.state().step is Step.ANSWERING
    machine.advance(seconds=1)
    watch.tick()
    assert agent.state().step is Step.TIME_OVER
    assert scene.attempt("1").closed_at == started + timedelta(minutes=117)


EXACT = [
    (90, Extra(percent=Decimal(30)), 117 * 60),
    (95, Extra(percent=Decimal(30)), 123 * 60 + 30),
    (90, Extra(percent=Decimal(100)), 180 * 60),
    (91, Extra(percent=Decimal("33.33")), 91 * 60 + 1820.4),  # 30.3303 min: up to 30.34
    (90, Extra(minutes=Decimal(27)), 117 * 60),
    (90, Extra(minutes=Decimal("0.5")), 90 * 60 + 30),
    (90, Extra(), 90 * 60),
]


def test_the_deadline_is_exact(scene: Scene, admin: Actor, host: Host) -> None:
    def last(session: Session, minutes: int, *, now: datetime) -> None:
        session.get_one(Sitting, 1).minutes = Decimal(minutes)

    for minutes, extra, seconds in EXACT:
        scene.write(last, minutes)
        grant(scene, admin, Granted(extra, note="12 号"))
        with host.db.read() as session:
            room = load(session, scene.room_sitting)
            mine, other = (session.get_one(Attempt, scene.attempts[seat]) for seat in "12")
            assert room.deadline(mine) == scene.starts_at + timedelta(seconds=seconds)
            assert room.deadline(other) == scene.starts_at + timedelta(minutes=minutes)


def test_compensation_time_comes_on_top(app: Flask, scene: Scene, admin: Actor, machine: Machine) -> None:
    grant(scene, admin, THIRTY)
    (agent,) = agents(app, scene, "1")
    started = begin(scene, machine)
    credit = commands.Credit(scene.room_sitting, scene.attempts["1"])
    scene.write(commands.add_time, credit, Decimal(6), scene.signed())
    scene.write(commands.add_time, commands.Credit(scene.room_sitting), Decimal(2), scene.signed())
    shown = agent.state()
    assert shown.deadline == started + timedelta(minutes=125)
    assert (shown.credit_minutes, shown.accommodation.extra_minutes) == (8.0, 27.0)


def test_ending_the_room_while_extra_time_runs_is_for_the_chief(
    app: Flask,
    scene: Scene,
    admin: Actor,
    machine: Machine,
    host: Host,
    sign_in: Callable[[Actor], FlaskClient],
) -> None:
    grant(scene, admin, THIRTY)
    seated = agents(app, scene, "1", "2")
    begin(scene, machine)
    for minutes in (46, 45):
        machine.advance(minutes=minutes)
        for agent in seated:
            agent.beat()
        Watch(host).tick()
    with pytest.raises(Refused, match="reason_missing"):
        scene.write(commands.end_room, scene.room_sitting, Signed(scene.invigilator))
    dialog = sign_in(scene.invigilator).get(f"/monitor/{scene.room_sitting}/end").text
    assert "cosign_username" in dialog
    machine.advance(minutes=27)
    for agent in seated:
        agent.beat()
    Watch(host).tick()
    assert "cosign_username" not in sign_in(scene.invigilator).get(f"/monitor/{scene.room_sitting}/end").text
    assert scene.write(commands.end_room, scene.room_sitting, Signed(scene.invigilator)) == 0


def test_earliest_submission_counts_from_the_start_for_everybody(
    app: Flask, scene: Scene, admin: Actor, machine: Machine
) -> None:
    grant(scene, admin, THIRTY)
    (agent,) = agents(app, scene, "1")
    started = begin(scene, machine)
    assert agent.state().submit_from == started + timedelta(minutes=30)


# --- changing it -------------------------------------------------------------------------------------


REFUSED = [
    (Granted(Extra(percent=Decimal("100.01")), note="n"), "extra_time_range"),
    (Granted(Extra(percent=Decimal(-1)), note="n"), "extra_time_range"),
    (Granted(Extra(minutes=Decimal("90.01")), note="n"), "extra_time_range"),
    (Granted(Extra(Decimal(30), Decimal(27)), note="n"), "extra_time_twice"),
    (Granted(Extra(percent=Decimal(30))), "approval_missing"),
    (Granted(large_print=True), "approval_missing"),
    (Granted(large_print=True, note="n" * 201), "field_too_long"),
]


def test_bounds_and_approval(scene: Scene, admin: Actor) -> None:
    for granted, code in REFUSED:
        with pytest.raises(Refused, match=code):
            grant(scene, admin, granted)


def test_it_takes_two_people_with_a_reason_before_the_start(
    app: Flask, scene: Scene, admin: Actor, machine: Machine
) -> None:
    who = registration(scene, "1")
    for signed, code in (
        (Signed(admin, "", scene.chief), "reason_missing"),
        (Signed(admin, "r"), "cosign_missing"),
        (Signed(admin, "r", admin), "cosign_same_person"),
    ):
        with pytest.raises(Refused, match=code):
            scene.write(accommodations.change, signed, who, THIRTY)
    for signed in (scene.signed(), Signed(admin, "r", scene.invigilator)):
        with pytest.raises(Forbidden):
            scene.write(accommodations.change, signed, who, THIRTY)
    agents(app, scene, "1")
    begin(scene, machine)
    with pytest.raises(Refused, match="accommodation_too_late"):
        grant(scene, admin, THIRTY)


@pytest.mark.dear
@pytest.mark.both_stores
def test_a_change_reaches_the_seat_and_the_record_without_the_approval_text(
    app: Flask, scene: Scene, admin: Actor, host: Host
) -> None:
    (agent,) = agents(app, scene, "1")
    before = agent.state()
    grant(scene, admin, THIRTY)
    shown = agent.state()
    assert (before.accommodation.large_print, shown.accommodation.large_print) == (False, True)
    assert shown.version > before.version
    grant(scene, admin, Granted())
    assert agent.state().accommodation == Accommodation()
    with host.db.read() as session:
        rows = session.query(AuditEntry).filter_by(act="accommodation_set").order_by(AuditEntry.id).all()
        assert session.get_one(Registration, registration(scene, "1")).accommodation_note == ""
    told = [
        [row.details[each] for each in ("before", "after", "print_before", "print_after")] for row in rows
    ]
    assert told == [["0", "30 %", "—", "✓"], ["30 %", "0", "✓", "—"]]
    assert all(row.details["cosigned_by"] == scene.chief.name for row in rows)
    assert "准考便利" not in "".join(str(row.details) for row in rows)


@pytest.mark.dear
def test_changing_it_on_the_sittings_page(
    scene: Scene, admin: Actor, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    browser, page = sign_in(admin), f"/sittings/{scene.room_sitting}"
    form = {
        "registration": str(registration(scene, "1")),
        "extra_percent": "30",
        "large_print": "1",
        "note": "12 号",
        "reason": "申请",
        "cosign_username": scene.chief.name,
        "cosign_password": PASSWORD,
    }
    refused = browser.post(f"{page}/accommodation", data=form | {"note": ""})
    assert refused.status_code == 422
    assert "批准依据" in refused.text
    assert browser.post(f"{page}/accommodation", data=form).status_code == 302
    shown = browser.get(page).text
    assert "加时 27 分钟，大字版" in shown
    other = form | {"registration": "999"}
    assert browser.post(f"{page}/accommodation", data=other).status_code == 404
    assert "更改便利安排" not in sign_in(scene.chief).get(page).text
    drawer = sign_in(scene.chief).get(f"/monitor/{scene.room_sitting}/seats/{scene.seats['1']}").text
    assert "加时 27 分" in drawer and "大字版" in drawer and "12 号" in drawer


# --- the roster --------------------------------------------------------------------------------------


def entry(**more: object) -> RosterEntry:
    return RosterEntry("row 2", "示例丙", "110101199003078638", **more)  # type: ignore[arg-type]


@pytest.fixture
def planned(scene: Scene) -> Scene:
    def unplan(session: Session) -> None:
        session.get_one(RoomSitting, scene.room_sitting).state = "planned"

    scene.host.db.write(unplan)
    return scene


@pytest.mark.both_stores
def test_a_roster_brings_accommodations(planned: Scene, admin: Actor, host: Host) -> None:
    granted = entry(extra=Extra(percent=Decimal("33.33")), large_print=True, approval="7 号")
    planned.write(rosters.store_roster, admin, planned.room_sitting, [granted])
    with host.db.read() as session:
        (row,) = [each for each in rosters.roster(session, planned.room_sitting) if each.granted]
    assert (row.extra, row.granted) == (Decimal("30.00"), Granted(Extra(Decimal("33.33")), True, "7 号"))


def test_a_roster_does_not_give_more_than_the_test_again(planned: Scene, admin: Actor) -> None:
    too_long = entry(extra=Extra(minutes=Decimal("90.5")), approval="7 号")
    with pytest.raises(Refused, match="extra_time_range_in_row"):
        planned.write(rosters.store_roster, admin, planned.room_sitting, [too_long])
