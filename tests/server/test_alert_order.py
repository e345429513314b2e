"""The list of alerts in a room: the worst first, then the oldest; what somebody took on comes after."""

from collections.abc import Callable
from datetime import timedelta
from itertools import permutations

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from exam_rooms.incidents import IncidentKind
from server.access import Actor
from server.host import Host
from server.services import alert_queue, incidents, monitoring
from server.services.alert_queue import Entry, EntryKind
from server.services.incidents import Handling
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.monitor_kit import raised
from tests.server.signin_kit import Desk


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def staff(scene: Scene, sign_in: Callable[[Actor], FlaskClient]) -> FlaskClient:
    return sign_in(scene.invigilator)


def queue(scene: Scene) -> list[Entry]:
    host = scene.host
    with host.db.read() as session:
        cards = monitoring.seat_cards(session, host.answers, host.presence, scene.room_sitting)
        return alert_queue.queue(session, scene.room_sitting, cards, now=host.now())


def numbers(entries: list[Entry]) -> list[str]:
    return [entry.number for entry in entries if entry.kind is not EntryKind.UNCHECKED]


@pytest.mark.both_stores
def test_the_worst_is_first_then_the_oldest_and_what_somebody_took_on_comes_after(
    scene: Scene, machine: Machine
) -> None:
    raised(scene, "1", IncidentKind.LINK_LOST)
    machine.advance(minutes=1)
    worst = raised(scene, "2", IncidentKind.MULTI_FACE)
    machine.advance(minutes=1)
    raised(scene, "3", IncidentKind.NO_FACE)
    assert numbers(queue(scene)) == ["2", "3", "1"]
    assert alert_queue.urgent(queue(scene)) == 2
    scene.host.db.write(
        incidents.handle, scene.invigilator, worst, Handling("acknowledged"), now=scene.host.now()
    )
    assert numbers(queue(scene)) == ["3", "1", "2"]
    assert [entry.number for entry in queue(scene) if entry.taken] == ["2"]
    assert alert_queue.urgent(queue(scene)) == 1


def test_a_doubt_of_the_desk_is_urgent_until_the_chief_decides(scene: Scene, staff: FlaskClient) -> None:
    host, desk = scene.host, Desk(scene, scene.invigilator)
    desk.look("1")
    desk.doubts("1")
    doubts = [entry for entry in queue(scene) if entry.kind is EntryKind.DOUBT]
    assert [(entry.number, entry.shade, entry.since is not None) for entry in doubts] == [("1", "act", True)]
    with host.db.read() as session:
        cards = monitoring.seat_cards(session, host.answers, host.presence, scene.room_sitting)
        board = monitoring.board(session, scene.room_sitting, cards, now=host.now())
    assert {card.number: card.alert for card in cards if card.alert} == {"1": "act"}
    assert board.counts.alerts == 1
    for page in (f"/monitor/{scene.room_sitting}/side", "/monitor/rooms"):
        shown = staff.get(page).text
        assert "签到存疑，等待主考决定" in shown
        assert f'href="/monitor/{scene.room_sitting}/desk"' in shown
    desk.decides("1", "admitted", scene.chief)
    assert [entry for entry in queue(scene) if entry.kind is EntryKind.DOUBT] == []


def entry(**values: object) -> Entry:
    given_values = {"kind": EntryKind.INCIDENT, "key": "k", "room_sitting": 1, "severity": 2} | values
    return Entry(**given_values)  # type: ignore[arg-type]


@pytest.mark.dear
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(1, 3)), max_size=12), st.randoms())
def test_the_order_does_not_depend_on_who_came_first(facts: list[tuple[bool, bool, int]], random) -> None:
    entries = [
        entry(key=str(number), ended=ended, taken=taken, severity=severity)
        for number, (ended, taken, severity) in enumerate(facts)
    ]
    shuffled = random.sample(entries, len(entries))
    ranks = [(one.ended, one.taken, -one.severity) for one in alert_queue.in_order(shuffled)]
    assert ranks == sorted(ranks)


def test_a_raised_hand_goes_before_others_as_urgent_and_what_ended_goes_last(machine: Machine) -> None:
    now = machine.wall
    hand = entry(key="hand", kind=EntryKind.CALL, since=now)
    older = entry(key="older", since=now - timedelta(minutes=5))
    ended = entry(key="ended", severity=3, ended=True, since=now - timedelta(minutes=9))
    timeless = entry(key="timeless", since=None)
    for order in permutations([hand, older, ended, timeless]):
        assert [one.key for one in alert_queue.in_order(order)] == ["hand", "older", "timeless", "ended"]
    assert ended.shade == "look"


def test_the_list_on_the_page_has_the_same_order_and_tells_how_many_are_urgent(
    staff: FlaskClient, scene: Scene, machine: Machine
) -> None:
    raised(scene, "1", IncidentKind.LINK_LOST)
    machine.advance(seconds=30)
    incident = raised(scene, "3", IncidentKind.MULTI_FACE)
    side = staff.get(f"/monitor/{scene.room_sitting}/side").text
    assert side.index(f'data-goto="{scene.seats["3"]}"') < side.index(f'data-goto="{scene.seats["1"]}"')
    assert 'data-urgent="1"' in side
    assert f'data-entry="incident-{incident}"' in side
