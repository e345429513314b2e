"""The monitor beside its single room: all rooms at once, who only looks, and the arithmetic of its bench."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from server.access import Actor
from server.cli.bench.halls import parts, wide_room
from server.cli.bench.screens import delays
from server.db.record import AuditEntry
from server.db.sittings import Assignment, Attempt
from server.host import Host
from server.services import incidents, room_tiles
from server.services.incidents import Place
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, another_sitting, make_scene
from tests.server.monitor_kit import raised


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


# --- all rooms ------------------------------------------------------------------------------------------


def test_the_worst_room_is_the_first_tile_and_all_alerts_are_in_one_list(
    scene: Scene, host: Host, machine: Machine, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    staff, other = sign_in(scene.chief), another_sitting(scene, 3)
    place = Place(other, scene.seats["2"])
    host.db.write(incidents.raise_incident, place, IncidentKind.CHAIN_FORK, now=host.now())
    machine.advance(seconds=10)
    raised(scene, "1", IncidentKind.LINK_LOST)
    with host.db.read() as session:
        hall = hall_of(session, scene.chief, host)
    assert [tile.board.room_sitting for tile in hall.tiles] == [other, scene.room_sitting]
    assert [tile.shade for tile in hall.tiles] == ["act", "look"]
    assert [one.room_sitting for one in hall.entries if one.incident] == [other, scene.room_sitting]
    page = staff.get("/monitor").text
    assert page.index(f'data-room="{other}"') < page.index(f'data-room="{scene.room_sitting}"')
    assert f'href="/monitor/{other}#seat-{scene.seats["2"]}"' in page
    part = staff.get("/monitor/rooms").text
    assert "<html" not in part
    assert 'data-urgent="1"' in part


def hall_of(session: Session, who: Actor, host: Host) -> room_tiles.Hall:
    sources = room_tiles.Sources(host.answers, host.presence)
    return room_tiles.hall(session, who, sources, now=host.now())


def test_a_room_of_others_shows_its_counts_and_nobody_of_it(
    scene: Scene, host: Host, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    other = another_sitting(scene, 3)
    place = Place(other, scene.seats["2"])
    host.db.write(incidents.raise_incident, place, IncidentKind.CHAIN_FORK, now=host.now())
    mine = raised(scene, "1", IncidentKind.LINK_LOST)
    shown = sign_in(scene.invigilator).get("/monitor").text
    assert f'data-room="{other}"' in shown
    assert f'href="/monitor/{other}' not in shown
    assert f'href="/monitor/{scene.room_sitting}"' in shown
    with host.db.read() as session:
        hall = hall_of(session, scene.invigilator, host)
    assert [one.incident.id for one in hall.entries if one.incident] == [mine]
    assert hall.near == {scene.room_sitting}


def test_progress_is_that_of_those_who_answer(scene: Scene, host: Host, app: Flask, machine: Machine) -> None:
    agent = TestAgent(app, scene, "1")
    agent.open_session()
    agent.enter()
    machine.advance(minutes=10)
    scene.start()
    agent.open_journal()
    agent.answer(1)
    agent.answer(2)
    agent.sent()
    with host.db.read() as session:
        hall = hall_of(session, scene.chief, host)
    assert hall.tiles[0].progress == 40


# --- who only looks ---------------------------------------------------------------------------------------

SEAT_ACTS = ("admit", "refuse", "add_time", "end", "resume", "move", "unfreeze", "close_missing")
OPEN_TO_THEM = {"watching.look", "incident_reports.make"}
"""Looking through a camera stands on the record by itself; what a person saw is not an act on the room."""


@pytest.mark.dear
@pytest.mark.parametrize("role", ["rover", "supervisor", "system_administrator"])
def test_rovers_and_supervisors_see_every_room_and_act_in_none(
    app: Flask,
    scene: Scene,
    person_as: Callable[..., Actor],
    sign_in: Callable[[Actor], FlaskClient],
    role: str,
) -> None:
    who = person_as(role)
    scene.host.db.write(_assigned, scene.room_sitting, who, role)
    browser = sign_in(who)
    raised(scene, "1", IncidentKind.MULTI_FACE)
    page = browser.get(f"/monitor/{scene.room_sitting}")
    drawer = browser.get(f"/monitor/{scene.room_sitting}/seats/{scene.seats['1']}")
    assert page.status_code == drawer.status_code == browser.get("/monitor").status_code == 200
    for text in (page.text, drawer.text):
        assert "data-dialog" not in text
        assert "hx-post" not in text
    assert 'data-acting="no"' in page.text
    assert "不在考场里操作" in page.text
    before = scene.host.db.write(_acts_on_record)
    for endpoint, path in _acts(app, scene):
        answer = browser.post(path, data={"reason": "why", "minutes": "5", "seat": str(scene.seats["4"])})
        assert (
            answer.status_code in (302, 403)
            if endpoint == "monitor.act_on_seat"
            else (answer.status_code == 403)
        ), f"{endpoint} {answer.status_code}"
    assert scene.host.db.write(_acts_on_record) == before
    assert scene.attempt("1").state == "assigned"


def _assigned(session: Session, room_sitting: int, who: Actor, role: str) -> None:
    session.add(Assignment(room_sitting_id=room_sitting, user_id=who.user_id, role=role))


def _acts_on_record(session: Session) -> tuple[int, int]:
    rows = session.scalar(select(func.count()).select_from(AuditEntry)) or 0
    return rows, session.scalar(select(func.sum(Attempt.version))) or 0


def _acts(app: Flask, scene: Scene) -> list[tuple[str, str]]:
    """Every form of the monitor: endpoint and address."""
    found = []
    values = {"room_sitting_id": scene.room_sitting, "seat_id": scene.seats["1"]}
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith("/monitor/") or "POST" not in (rule.methods or ()):
            continue
        if rule.endpoint in OPEN_TO_THEM:
            continue
        given_values = {name: values.get(name, 1) for name in rule.arguments}
        for act in SEAT_ACTS if "act" in rule.arguments else ("",):
            with app.test_request_context():
                adapter = app.url_map.bind("")
                chosen = given_values | ({"act": act} if act else {})
                found.append((rule.endpoint, adapter.build(rule.endpoint, chosen, method="POST")))
    return found


# --- the bench's own arithmetic -----------------------------------------------------------------------------


def test_a_delay_counts_for_every_answer_also_for_one_that_was_overtaken() -> None:
    written = {7: [1_000_000, 5_000_000, 9_000_000], 8: [2_000_000]}
    sights = [(7, 2, 11_000_000), (8, 1, 4_000_000), (7, 3, 12_000_000), (7, 3, 99_000_000), (9, 1, 5)]
    assert delays(sights, written) == [2.0, 3.0, 6.0, 10.0]
    assert delays(sights, written, since_ns=5_000_000) == [3.0, 6.0]


@pytest.mark.parametrize(
    ("seats", "size", "rooms"),
    [(1, 100, [1]), (100, 100, [100]), (241, 240, [240, 1]), (1000, 240, [240, 240, 240, 240, 40])],
)
def test_seats_fill_rooms_of_a_size(seats: int, size: int, rooms: list[int]) -> None:
    assert parts(seats, size) == rooms
    room = wide_room("hall", rooms[0])
    assert len({(seat.x, seat.y) for seat in room.seats}) == rooms[0]
