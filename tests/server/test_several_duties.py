"""Of several server processes one leads, one does what is done once, and proofs count at all."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select, text

from exam_rooms.incidents import IncidentKind
from exam_rooms.kiosk_messages import SebState
from server.access import SYSTEM, Actor
from server.db.base import patience
from server.db.membership import _got, _own
from server.db.sittings import Incident
from server.errors import NotFound
from server.events import RoomChanged
from server.host import Host
from server.services import joblist
from server.services.delivery import delivery_of
from server.settings import Settings
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.room_watch_kit import HOLD, SEATED, calibrated, started, three_by_three
from tests.server.several_kit import Worker, Workers, settings_for_two, soon

pytestmark = pytest.mark.on_postgresql
JPEG = b"\xff\xd8\xff\xe0 a face"


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


# Who does what is done once


def test_one_process_leads_and_the_next_one_when_it_is_gone(
    workers: Workers, pair: tuple[Worker, Worker]
) -> None:
    first, second = pair
    assert (first.host.leads(), second.host.leads()) == (True, False)
    with first.host.db.read() as session:  # its connection is ended, not the process
        session.execute(text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"))
    assert not first.host.leads()
    assert soon(second.host.leads)
    assert not first.host.leads()
    workers.kill(second)
    assert soon(first.host.leads)


def test_only_the_first_process_sweeps_up_after_a_dead_server(
    settings: Settings, machine: Machine, workers: Workers
) -> None:
    first = workers.add()
    second = workers.add()
    assert (first.host.membership.there(second.host.bus.worker.id), second.host.membership.there("x")) == (
        True,
        False,
    )
    workers.kill(first)
    workers.kill(second)
    third = workers.add()
    assert third.host.membership.there(third.host.bus.worker.id)


def test_jobs_of_a_dead_process_fail_and_those_of_the_living_go_on(
    workers: Workers, pair: tuple[Worker, Worker]
) -> None:
    first, second = pair
    ids = [
        worker.host.db.write(
            joblist.create, SYSTEM, "x", "", now=worker.host.now(), worker=worker.host.bus.worker.id
        )
        for worker in pair
    ]
    second.host.jobs.sweep_dead()
    workers.kill(first)
    second.host.jobs.sweep_dead()
    assert state_of(second.host, ids[0]) == "running"  # seen missing once: it may have lost its connection
    second.host.jobs.sweep_dead()
    assert state_of(second.host, ids[0]) == "failed"
    assert state_of(second.host, ids[1]) == "running"


def test_a_job_is_cancelled_by_whichever_process_is_asked(
    workers: Workers, pair: tuple[Worker, Worker]
) -> None:
    first, second = pair
    job = first.host.jobs.start(
        "echo", {"steps": 300, "pause": 0.1}, actor=SYSTEM, link="", done=lambda _result: None
    )
    second.host.jobs.cancel(job)
    first.host.jobs.end_unwanted()
    first.host.jobs.wait(job, 10)
    assert state_of(second.host, job) == "cancelled"


def state_of(host: Host, job: int) -> str:
    with host.db.read() as session:
        return joblist.look(session, job).state


def test_a_phase_that_changed_while_nobody_led_is_told(
    workers: Workers, pair: tuple[Worker, Worker], scene: Scene
) -> None:
    first, second = pair
    heard: list[RoomChanged] = []
    second.host.events.subscribe(RoomChanged, heard.append)
    workers.kill(first)
    workers.machine.advance(minutes=11)
    second.watch.tick()
    assert heard == [RoomChanged(scene.room_sitting)]
    second.watch.tick()
    assert len(heard) == 1


# Proofs, pictures, clocks


def test_what_a_seat_proved_at_one_process_counts_at_the_other(
    workers: Workers, pair: tuple[Worker, Worker]
) -> None:
    here, there = (delivery_of(worker.host).seb for worker in pair)
    here.put(5, SebState.GOOD, here.begun(5))
    workers.news()
    assert there.of(5) is SebState.GOOD
    begun = there.begun(5)
    here.forget(5)
    workers.news()
    there.put(5, SebState.GOOD, begun)  # was judged before the agent began anew
    assert there.of(5) is SebState.WANTED
    workers.ether.down = True
    here.put(5, SebState.GOOD, here.begun(5))
    for _ in range(6):
        workers.second()
    assert here.of(5) is SebState.GOOD  # what was proved is no copy that could be old


def test_a_picture_is_asked_for_here_sent_there_and_seen_by_a_third(
    workers: Workers, pair: tuple[Worker, Worker]
) -> None:
    third = workers.add()
    now = workers.machine.wall
    asked, sent, seen = (delivery_of(worker.host).looks for worker in (*pair, third))
    ref = asked.ask(5, now)
    workers.news()
    assert seen.get(ref, now) is None
    sent.put(5, ref, JPEG, now)
    workers.news()
    assert seen.get(ref, now) == asked.get(ref, now) == JPEG
    assert not any(b"face" in said for said in workers.ether.said)
    later = workers.machine.advance(seconds=21)
    for looks in (asked, sent, seen):
        with pytest.raises(NotFound):
            looks.get(ref, later)


@pytest.mark.dear
def test_a_room_camera_may_speak_to_any_process(
    workers: Workers,
    pair: tuple[Worker, Worker],
    person_as: Callable[..., Actor],
    host: Host,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = three_by_three(host, person_as, monkeypatch)
    scene.host = pair[0].host
    camera = calibrated(pair[0].app, scene, workers.machine)
    started(scene, workers.machine)
    workers.news()
    for look in range(6 + HOLD):
        camera.client = pair[look % 2].app.test_client()
        camera.sees(SEATED if look < 6 else SEATED.replace("4", ""))
        workers.news()
        for worker in pair:
            delivery_of(worker.host).room_cameras.tick(now=worker.host.now())
    with host.db.read() as session:
        assert [row.kind for row in session.scalars(select(Incident))] == [str(IncidentKind.LEFT_SEAT)]
    cameras = [delivery_of(worker.host).room_cameras for worker in pair]
    sights = [room.sight(camera.camera, scene.room) for room in cameras]
    assert sights[0].state == sights[1].state and sights[0].marks()["4"] == "empty"
    marks = [worker.host.presence.room_marks(scene.room_sitting) for worker in pair]
    assert marks[0] == marks[1] and marks[0][scene.seats["4"]] == "empty"
    ref = cameras[0].ask_still(camera.camera, scene.room)
    workers.news()
    camera.client = pair[1].app.test_client()
    assert ref in [wanted.ref for wanted in camera.sees(SEATED).wanted]
    assert camera.send(ref, JPEG).status_code == 200
    workers.news()
    assert cameras[0].still(camera.camera, ref) == JPEG
    for _ in range(12):  # and then it says nothing: told once
        workers.machine.advance(seconds=5)
        for worker in pair:
            worker.together.tick()
            delivery_of(worker.host).room_cameras.tick(now=worker.host.now())
        workers.news()
    with host.db.read() as session:
        kinds = [row.kind for row in session.scalars(select(Incident))]
    assert kinds.count(str(IncidentKind.ROOM_CAMERA_LOST)) == 1


def test_messages_of_others_are_passed_over(workers: Workers, pair: tuple[Worker, Worker]) -> None:
    heard: list[RoomChanged] = []
    pair[1].host.events.subscribe(RoomChanged, heard.append)
    before = dict(pair[1].host.bus.peers)
    for said in (b"", b"x" * 100, workers.ether.said[0][:-1] + b"\0"):
        pair[1].host.bus.receive(said)
    assert heard == [] and pair[1].host.bus.peers == before


def test_a_process_whose_name_was_just_asked_for_when_it_came_back_is_there_all_the_same(
    workers: Workers, pair: tuple[Worker, Worker]
) -> None:
    """After a restart of the database all come back at once, and ask at once who else is there."""
    first, second = pair
    membership = first.host.membership
    membership._drop()
    with second.host.db.engine.connect() as asker:
        _got(asker, "pg_try_advisory_lock", _own(membership.worker))
        membership.leads()
    workers.second()
    assert second.host.membership.there(membership.worker)


def test_connections_to_the_database_do_not_wait_for_ever(host: Host) -> None:
    """A cut line says nothing: without a term the kernel waits for a quarter of an hour."""
    with host.db.engine.connect() as connection:
        said = connection.connection.driver_connection.info.get_parameters()  # type: ignore[union-attr]
    assert said["tcp_user_timeout"] == "10000"
    assert "tcp_user_timeout" not in patience("postgresql://there/db?tcp_user_timeout=5")
    writer: Any = host.answers._writer
    assert writer._connection.info.get_parameters()["connect_timeout"] == "5"
