"""Several server processes on one database behave as one: facts, lines, presence."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from exam_rooms.kiosk_messages import SebState
from exam_rooms.protocol import Route, Step
from exam_rooms.watch_messages import CameraReport, CameraState
from server.db.base import emit
from server.db.sittings import Incident, LinkGapRow
from server.events import Activity, RoomChanged, SeatChanged
from server.host import Host
from server.services import commands, pairing
from server.services.agents import find_agent
from server.services.delivery import delivery_of
from server.services.roomstate import locked_attempt, touch
from server.settings import Settings
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.several_kit import Worker, Workers, at, settings_for_two
from tests.server.test_handing_in import statements

pytestmark = pytest.mark.on_postgresql


@pytest.fixture
def workers(settings: Settings, machine: Machine) -> Iterator[Workers]:
    several = Workers(settings_for_two(settings), machine)
    yield several
    several.close()


@pytest.fixture
def pair(workers: Workers) -> tuple[Worker, Worker]:
    first, second = workers.add(), workers.add()
    workers.tick()
    return first, second


@pytest.fixture
def scene(pair: tuple[Worker, Worker], person_as: Callable[..., object], host: Host) -> Scene:
    """The rooms are made by the first process; `host` of the fixtures only adds people."""
    made = make_scene(host, person_as)
    made.host = pair[0].host
    return made


def sitting_agent(workers: Workers, scene: Scene, worker: Worker) -> TestAgent:
    """Seat 1 works; its requests come to `worker`."""
    agent = TestAgent(worker.app, scene, "1")
    agent.enter()
    workers.machine.advance(minutes=10)
    agent.state()
    workers.second()
    scene.start()
    workers.news()
    agent.open_journal()
    agent.sent()
    agent.beat()
    workers.second()
    return agent


@pytest.mark.parametrize("camera", [CameraReport(), CameraReport(CameraState.LIVE, "camera one")])
def test_a_heartbeat_looks_up_nothing_that_another_process_has_put_on_record(
    workers: Workers, pair: tuple[Worker, Worker], scene: Scene, camera: CameraReport
) -> None:
    first, second = pair
    agent = sitting_agent(workers, scene, first)
    at(second, agent).state()  # its own view of the seat is built
    for worker in (first, second, first):
        at(worker, agent).beat(camera=camera)
        workers.second()
    agent.answer(1)
    at(second, agent).sent()  # by the other lane; what it tells of the heartbeat is what it has heard
    workers.second()
    for worker in (first, second):
        with statements() as seen:
            at(worker, agent).beat(camera=camera)
        assert seen == []
        workers.second()
    with statements() as seen:
        agent.beat(camera=CameraReport(CameraState.LIVE, "another one"))
    assert seen != []


def link_lost(host: Host) -> int:
    with host.db.read() as session:
        wanted = Incident.kind == str(IncidentKind.LINK_LOST)
        return session.scalar(select(func.count()).select_from(Incident).where(wanted)) or 0


def gaps(host: Host) -> list[tuple[bool, float]]:
    """Of each silence on record whether it is over, and how long before now it began."""
    with host.db.read() as session:
        rows = session.scalars(select(LinkGapRow).order_by(LinkGapRow.id)).all()
        return [(row.back_at is not None, (host.now() - row.lost_at).total_seconds()) for row in rows]


# Facts


def test_what_is_done_at_one_process_is_shown_by_the_other_at_once(
    workers: Workers, pair: tuple[Worker, Worker], scene: Scene
) -> None:
    first, second = pair
    agent = at(second, TestAgent(first.app, scene, "1"))
    agent.open_session()
    assert agent.state().step is Step.SIGN_IN
    at(first, agent).sign_in()
    workers.news()
    shown = at(second, agent).state()
    assert shown.step is Step.IDENTIFIED
    scene.write(commands.admit, scene.invigilator, scene.attempts["1"])
    assert agent.state().version == shown.version  # nothing was said yet: what is kept is shown
    workers.news()
    assert agent.state().version > shown.version


def test_a_heartbeat_that_knows_more_than_this_process_makes_it_look_again(
    workers: Workers, pair: tuple[Worker, Worker], scene: Scene
) -> None:
    first, second = pair
    agent = at(second, TestAgent(first.app, scene, "1"))
    agent.open_session()
    agent.state()
    at(first, agent).sign_in()  # the seat is told by the first; the second has not heard
    known = agent.state().version
    delivery = delivery_of(second.host)
    with second.host.db.read() as session:
        me = find_agent(session, scene.workstations["1"])[0]
    now = second.host.now()
    assert delivery.kept(me, now).state.version < known
    assert delivery.kept(me, now, known).state.version == known


def test_a_released_workstation_is_a_stranger_everywhere(
    workers: Workers, pair: tuple[Worker, Worker], scene: Scene
) -> None:
    first, second = pair
    agent = at(second, TestAgent(first.app, scene, "1"))
    agent.open_session()
    assert agent.get(Route.STATE).status_code == 200
    scene.write(pairing.release, scene.signed(), scene.seats["1"])
    workers.news()
    assert agent.get(Route.STATE).status_code == 403


def test_facts_are_heard_once_by_others_in_order_and_never_twice_at_home(
    workers: Workers, pair: tuple[Worker, Worker]
) -> None:
    heard: dict[int, list[object]] = {0: [], 1: []}
    for place, worker in enumerate(pair):
        for kind in (RoomChanged, SeatChanged, Activity):
            worker.host.events.subscribe(kind, heard[place].append)
    facts = [RoomChanged(7), SeatChanged(7, 1), Activity(7, "code", (("actor", "张三"),), 1), RoomChanged(7)]
    pair[0].host.db.write(lambda session: [emit(session, fact) for fact in facts])
    workers.news()
    assert heard[0] == heard[1] == facts[:3]
    assert not any("张三".encode() in said or b"code" in said for said in workers.ether.said)


def test_news_of_answers_are_gathered_for_a_moment(workers: Workers, pair: tuple[Worker, Worker]) -> None:
    heard: list[SeatChanged] = []
    pair[1].host.events.subscribe(SeatChanged, heard.append)
    for cause in range(1, 50):
        pair[0].host.events.publish([SeatChanged(7, 1, cause), SeatChanged(7, 2, cause)])
    workers.news()
    assert heard == []
    workers.machine.advance(seconds=0.1)
    workers.news()
    assert heard == [SeatChanged(7, 1, 1), SeatChanged(7, 2, 1)]


@pytest.mark.parametrize("fault", ["missed", "silent", "away"])
def test_what_may_have_been_missed_makes_everything_be_looked_up_again(
    workers: Workers, pair: tuple[Worker, Worker], scene: Scene, host: Host, fault: str
) -> None:
    first, second = pair
    agent = at(second, TestAgent(first.app, scene, "1"))
    agent.open_session()
    shown = agent.state().version
    host.db.write(changed, scene.attempts["1"])  # committed, and then its process could tell nobody
    workers.second()
    assert agent.state().version == shown
    if fault == "missed":
        workers.ether.deaf.add(1)
        first.host.events.publish([RoomChanged(99)])
        workers.news()
        workers.ether.deaf.clear()
        workers.second()
    elif fault == "silent":
        workers.kill(first)
        for _ in range(4):
            workers.second()
    else:
        workers.ether.down = True
        for _ in range(5):
            workers.second()
    assert agent.state().version == shown + 1


def changed(session: Session, attempt: int) -> None:
    touch(session, locked_attempt(session, attempt))


def test_while_nobody_can_be_reached_everything_is_forgotten_once_a_second_and_once_at_the_end(
    workers: Workers, pair: tuple[Worker, Worker]
) -> None:
    forgotten: list[int] = []
    pair[1].host.bus.on_lost(lambda: forgotten.append(1))
    workers.ether.down = True
    for _ in range(10):
        workers.second()
    assert len(forgotten) in (7, 8) and pair[1].host.bus.away
    workers.ether.down = False
    workers.second()
    assert not pair[1].host.bus.away
    forgotten.clear()
    for _ in range(5):
        workers.second()
    assert forgotten == []


# Lines and presence


@pytest.mark.dear
def test_both_processes_know_a_seat_that_one_of_them_hears(
    workers: Workers, pair: tuple[Worker, Worker], scene: Scene
) -> None:
    agent = sitting_agent(workers, scene, pair[0])
    agent.beat(waiting=3)
    workers.second()
    seen = [worker.host.presence.of(scene.workstations["1"]) for worker in pair]
    assert seen[0] == seen[1]
    assert (seen[1].linked, seen[1].waiting, seen[1].seq) == (True, 3, 1)


@pytest.mark.dear
def test_a_seat_that_comes_to_another_process_leaves_no_gap_and_no_alarm(
    workers: Workers, pair: tuple[Worker, Worker], scene: Scene
) -> None:
    first, second = pair
    agent = sitting_agent(workers, scene, first)
    for place in range(12):
        at(pair[place % 2], agent).beat()
        workers.second(2)
    at(second, agent)
    for _ in range(8):
        agent.beat()
        workers.second(3)
    assert gaps(first.host) == [] and link_lost(first.host) == 0
    assert [w.host.presence.of(scene.workstations["1"]).linked for w in pair] == [True, True]


@pytest.mark.dear
@pytest.mark.parametrize(("silent", "alarm"), [(8, 0), pytest.param(9, 0, marks=pytest.mark.long), (13, 1)])
def test_a_seat_that_falls_silent_is_lost_once_with_the_usual_patience(
    workers: Workers, pair: tuple[Worker, Worker], scene: Scene, silent: int, alarm: int
) -> None:
    first, second = pair
    agent = sitting_agent(workers, scene, first)
    at(second, agent).beat()
    for _ in range(silent):
        workers.second()
    assert link_lost(first.host) == alarm
    assert len(gaps(first.host)) == (silent > 8)
    at(first, agent).beat()  # back, and at the other process
    for _ in range(4):
        workers.second()
        agent.beat()
    assert [over for over, _ in gaps(first.host)] == [True] * (silent > 8)
    assert [w.host.presence.of(scene.workstations["1"]).linked for w in pair] == [True, True]


@pytest.mark.dear
def test_a_seat_that_speaks_elsewhere_before_its_loss_was_told_is_taken_back(
    workers: Workers, pair: tuple[Worker, Worker], scene: Scene
) -> None:
    """The gap is written by one process; the word that ends it comes to another that knows nothing of it."""
    first, second = pair
    agent = sitting_agent(workers, scene, first)
    with first.host.db.read() as session:
        me = find_agent(session, scene.workstations["1"])[0]
    delivery_of(first.host).links.dropped(me, first.host.now())
    assert [over for over, _ in gaps(first.host)] == [False]
    workers.machine.advance(seconds=0.4)
    at(second, agent).beat()  # nobody has told it
    for _ in range(3):
        workers.second()
    assert [over for over, _ in gaps(first.host)] == [True]
    assert link_lost(first.host) == 0
    assert [w.host.presence.of(scene.workstations["1"]).linked for w in pair] == [True, True]


@pytest.mark.dear
@pytest.mark.parametrize("back", [True, False])
def test_the_seats_of_a_dead_process_are_adopted_with_their_last_words(
    workers: Workers, pair: tuple[Worker, Worker], scene: Scene, back: bool
) -> None:
    first, second = pair
    agent = sitting_agent(workers, scene, first)
    agent.beat()
    workers.second()
    workers.kill(first)
    for number in range(14):
        if back and number == 3:
            at(second, agent)
        if back and number >= 3 and number % 3 == 0:
            agent.beat()
        workers.second()
    assert second.together.leads()
    assert link_lost(second.host) == (0 if back else 1)
    assert [over for over, _ in gaps(second.host)] == ([] if back else [False])
    if not back:
        assert gaps(second.host)[0][1] == 15  # from the last word that was told of


@pytest.mark.long
def test_a_process_that_comes_later_is_told_of_everything(
    workers: Workers, pair: tuple[Worker, Worker], scene: Scene
) -> None:
    first, second = pair
    sitting_agent(workers, scene, first)
    delivery_of(second.host).seb.put(77, SebState.GOOD, (0, 0))
    workers.second()
    workers.kill(first)
    third = workers.add()
    for _ in range(6):
        workers.second()
    known = third.host.presence.of(scene.workstations["1"])
    assert (known.linked, known.seq) == (True, 1)
    assert delivery_of(third.host).seb.of(77) is SebState.GOOD
    for _ in range(8):
        workers.second()
    assert link_lost(third.host) == 1 and len(gaps(third.host)) == 1


@pytest.mark.dear
def test_no_seat_is_lost_while_the_processes_cannot_talk(
    workers: Workers, pair: tuple[Worker, Worker], scene: Scene
) -> None:
    first, second = pair
    agent = sitting_agent(workers, scene, first)
    workers.ether.down = True
    at(second, agent)
    for number in range(20):
        if number % 3 == 0:
            agent.beat()
        workers.second()
    assert link_lost(first.host) == 0 and gaps(first.host) == []
    workers.ether.down = False
    for _ in range(12):
        workers.second()
    assert link_lost(first.host) == 1  # and then it really was silent
    assert [over for over, _ in gaps(first.host)] == [False]
