"""Changing a seat's machine while the paper is open: who may, why, and that the room hears of it."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from exam_rooms.pairing import decode_code
from server.access import Actor, Role
from server.db.rooms import Room, Workstation
from server.db.sittings import Assignment, Incident, RoomSitting
from server.errors import Forbidden, Refused
from server.events import Activity
from server.host import Host
from server.services import audit, pairing
from server.services.signed import Signed
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, another_sitting, make_scene

REASON = "主机故障"
KEY = pairing.AgentKey(b"l" * 32, "laptop", "1")


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def running(scene: Scene, machine: Machine) -> Scene:
    machine.advance(minutes=10)
    scene.start()
    return scene


@pytest.fixture
def stranger(person_as: Callable[..., Actor]) -> Actor:
    """An invigilator who is on duty nowhere."""
    return person_as("invigilator", username="elsewhere")


def issue(scene: Scene, who: Actor, seat: str = "1", reason: str = REASON) -> bytes:
    signed, fingerprint = Signed(who, reason), scene.host.site.ca_fingerprint
    return decode_code(scene.write(pairing.issue_code, signed, scene.seats[seat], fingerprint))[0]


def refused(act: Callable[[], object]) -> tuple[str, int]:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.code, caught.value.status


def set_state(scene: Scene, state: str) -> None:
    def change(session: Session) -> None:
        session.get_one(RoomSitting, scene.room_sitting).state = state

    scene.host.db.write(change)


def alarms(scene: Scene) -> list[tuple[int | None, int | None, str, str]]:
    with scene.host.db.read() as session:
        rows = session.scalars(select(Incident).order_by(Incident.id))
        return [(row.seat_id, row.attempt_id, row.kind, row.details["by"]) for row in rows]


def lines(scene: Scene) -> list[tuple[str, dict[str, object]]]:
    with scene.host.db.read() as session:
        entries = audit.page(session, stream=audit.sitting_stream(scene.room_sitting))
    return [(entry.act, entry.details) for entry in entries]


def active(scene: Scene, seat: str) -> str:
    with scene.host.db.read() as session:
        return pairing.active_workstations(session, scene.room)[scene.seats[seat]].hostname


@pytest.mark.parametrize("state", ["released", "running"])
def test_who_is_not_on_duty_changes_no_machine(scene: Scene, stranger: Actor, state: str) -> None:
    set_state(scene, state)
    assert refused(lambda: issue(scene, stranger)) == ("not_on_duty_here", 403)
    release = lambda: scene.write(pairing.release, Signed(stranger, REASON), scene.seats["1"])  # noqa: E731
    assert refused(release) == ("not_on_duty_here", 403)
    assert active(scene, "1") == "pc1"


@pytest.mark.parametrize("state", ["arranged", "ended", "collected"])
def test_a_room_without_an_open_paper_asks_for_nothing(scene: Scene, stranger: Actor, state: str) -> None:
    set_state(scene, state)
    scene.write(pairing.pair, issue(scene, stranger, reason=""), KEY)
    assert active(scene, "1") == "laptop"
    scene.write(pairing.release, Signed(stranger), scene.seats["1"])
    assert (alarms(scene), lines(scene)) == ([], [])


def test_a_sitting_that_nobody_ended_yesterday_asks_for_nothing(
    host: Host, person_as: Callable[..., Actor], stranger: Actor
) -> None:
    scene = make_scene(host, person_as, released=False)
    another_sitting(scene, -24, "running")
    assert issue(scene, stranger, reason="")


def test_who_is_on_duty_says_why(running: Scene) -> None:
    assert refused(lambda: issue(running, running.invigilator, reason=" ")) == ("reason_missing", 422)
    release = lambda: running.write(pairing.release, Signed(running.invigilator), running.seats["1"])  # noqa: E731
    assert refused(release) == ("reason_missing", 422)
    with pytest.raises(Forbidden):
        issue(running, Actor(running.invigilator.user_id, "x", frozenset({Role.AUDITOR})))


@pytest.mark.parametrize(
    ("role", "allowed"), [(Role.CHIEF_INVIGILATOR, True), (Role.INVIGILATOR, False)], ids=["chief", "other"]
)
def test_the_chief_of_the_sitting_may_in_every_room_of_it(
    running: Scene, stranger: Actor, role: Role, allowed: bool
) -> None:
    def next_door(session: Session) -> None:
        room = Room(name="第二考场", layout={}, created_at=running.host.now())
        session.add(room)
        session.flush()
        sitting = session.get_one(RoomSitting, running.room_sitting).sitting_id
        row = RoomSitting(uid="next-door", sitting_id=sitting, room_id=room.id, state="running")
        session.add(row)
        session.flush()
        session.add(Assignment(room_sitting_id=row.id, user_id=stranger.user_id, role=str(role)))

    running.host.db.write(next_door)
    if allowed:
        assert issue(running, stranger)
    else:
        assert refused(lambda: issue(running, stranger)) == ("not_on_duty_here", 403)


@pytest.mark.both_stores
def test_the_room_hears_of_an_exchange_and_keeps_it_on_its_record(running: Scene, host: Host) -> None:
    told: list[Activity] = []
    host.events.subscribe(Activity, told.append)
    who, seat = running.invigilator, running.seats["1"]
    running.write(pairing.pair, issue(running, who), KEY)
    alarm = (seat, running.attempts["1"], str(IncidentKind.WORKSTATION_CHANGED), who.name)
    assert alarms(running) == [alarm]
    acts = dict(lines(running))
    assert acts["pairing_code_issued"] == {"reason": REASON, "seat": "1"}
    assert acts["workstation_paired"] == {"by": who.name, "seat": "1"}
    assert [fact.code for fact in told] == [
        "line_pairing_code_issued",
        "line_workstation_paired",
        "incident_workstation_changed",
    ]
    running.write(pairing.release, Signed(running.staff[1], "看错座位"), seat)
    assert alarms(running) == [(*alarm[:3], running.staff[1].name)]  # the same open incident, seen again
    assert lines(running)[0] == ("workstation_released", {"reason": "看错座位", "seat": "1"})


@pytest.mark.parametrize(("state", "raised"), [("released", 0), ("running", 1)])
def test_the_first_machine_of_a_seat_is_a_change_only_in_a_running_room(
    scene: Scene, state: str, raised: int
) -> None:
    def never_paired(session: Session) -> None:
        session.delete(session.get_one(Workstation, scene.workstations["4"]))

    scene.host.db.write(never_paired)
    set_state(scene, state)
    scene.write(pairing.pair, issue(scene, scene.invigilator, "4"), KEY)
    assert len(alarms(scene)) == raised
    assert lines(scene)[0] == ("workstation_paired", {"by": scene.invigilator.name, "seat": "4"})


@pytest.mark.both_stores
def test_a_code_made_before_the_opening_by_somebody_not_on_duty_is_worth_nothing_after_it(
    scene: Scene, stranger: Actor
) -> None:
    set_state(scene, "arranged")
    theirs, ours = issue(scene, stranger, "2", ""), issue(scene, scene.chief, "3", "")
    set_state(scene, "released")
    assert refused(lambda: scene.write(pairing.pair, theirs, KEY)) == ("pairing_code_invalid", 403)
    assert active(scene, "2") == "pc2"
    scene.write(pairing.pair, ours, KEY)
    assert active(scene, "3") == "laptop"


def test_the_page_asks_for_the_reason_only_in_a_sitting(
    scene: Scene, sign_in: Callable[[Actor], FlaskClient], stranger: Actor
) -> None:
    path, seat = f"/rooms/{scene.room}/pairing", scene.seats["1"]
    set_state(scene, "arranged")
    browser = sign_in(scene.invigilator)
    assert 'name="reason"' not in browser.get(path).text
    set_state(scene, "running")
    assert browser.get(path).text.count('name="reason"') == len(scene.seats)
    assert browser.post(f"{path}/{seat}/release").status_code == 422
    assert browser.post(f"{path}/{seat}/release", data={"reason": REASON}).location == path
    shown = browser.post(f"{path}/{seat}/code", data={"reason": REASON})
    assert re.search(r'data-seat="1">([^<]+)<', shown.text)
    answer = sign_in(stranger).post(f"{path}/codes", data={"reason": REASON})
    assert answer.status_code == 403
    assert "只有本场的监考员和主考可以更换考试机" in answer.text
