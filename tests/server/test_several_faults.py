"""Several server processes when something lies to them: restarts of the database, two leaders, clocks apart."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, event, func, select, text
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from server.db import membership
from server.db.sittings import Incident, LinkGapRow
from server.host import Host
from server.services import seat_words
from server.settings import Settings
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.several_kit import Worker, Workers, settings_for_two


@pytest.fixture
def workers(settings: Settings, machine: Machine) -> Iterator[Workers]:
    several = Workers(settings_for_two(settings), machine)
    yield several
    several.close()


@pytest.fixture
def scene(workers: Workers, person_as: Callable[..., object], host: Host) -> Scene:
    """Two processes, and rooms that the first one made; `host` of the fixtures only adds people."""
    first, _second = workers.add(), workers.add()
    workers.tick()
    made = make_scene(host, person_as)
    made.host = first.host
    return made


def answering(workers: Workers, scene: Scene, worker: Worker) -> None:
    """Seat 1 works and is heard by this process."""
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


def of_kind(session: Session, kind: IncidentKind) -> list[Incident]:
    return list(session.scalars(select(Incident).where(Incident.kind == str(kind))))


@pytest.mark.on_postgresql
def test_a_restart_of_the_database_under_the_living_makes_nobody_the_first(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes all locks: whoever comes just then waits until those who live have theirs again."""
    living = workers.add()
    with living.host.db.read() as session:
        session.execute(text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"))
    up, looks = membership._seconds_up, []
    back = threading.Thread(target=lambda: [living.host.membership.leads() for _ in range(2)])

    def seconds_up(connection: Connection) -> float:
        looks.append(up(connection))
        if len(looks) == 2:
            back.start()  # and has its lock as soon as this look is over
        return 0.0

    monkeypatch.setattr(membership, "_seconds_up", seconds_up)
    late = membership.Membership(living.host.db.engine, "late")
    with late.arrival() as nobody_else:
        assert not nobody_else
    back.join()
    assert len(looks) >= 2 and min(looks) > 0
    late.close()


@pytest.mark.on_postgresql
def test_who_comes_first_to_a_database_that_has_just_begun_is_the_first_once_it_has_run_for_a_while(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    ages = iter([0.5, 2.9, 3.0])
    monkeypatch.setattr(membership, "_seconds_up", lambda _connection: next(ages))
    first = membership.Membership(host.db.engine, "first")
    with first.arrival() as nobody_else:
        assert nobody_else and list(ages) == []
    first.close()


@pytest.mark.dear
@pytest.mark.on_postgresql
def test_two_that_both_believe_that_they_lead_tell_nothing_twice(
    workers: Workers, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose connection has just ended still believes it for a moment."""
    pair, third = list(workers.all), workers.add()
    answering(workers, scene, third)
    for worker in pair:
        monkeypatch.setattr(worker.host.membership, "leads", lambda: True)
    workers.kill(third)
    for _ in range(14):
        workers.second()
    assert [worker.together.leads() for worker in pair] == [True, True]
    with scene.host.db.read() as session:
        assert len(of_kind(session, IncidentKind.LINK_LOST)) == 1
        assert session.scalar(select(func.count()).select_from(LinkGapRow)) == 1


@pytest.mark.dear
@pytest.mark.on_postgresql
@pytest.mark.parametrize(("ahead", "told"), [(1.9, []), (-2.5, ["-2.5"]), (60.0, ["+60.0"])])
def test_a_machine_whose_clock_is_not_the_leaders_is_told_once_and_goes_on_by_its_own(
    workers: Workers, scene: Scene, ahead: float, told: list[str]
) -> None:
    other = Machine(boot_id="99999999-2222-3333-4444-555555555555")
    other.wall = workers.machine.wall + timedelta(seconds=ahead)
    there, _beside = workers.add(other), workers.add(other)
    for machine in workers.machines:
        machine.advance(minutes=10)
    scene.start()
    for _ in range(35):
        for worker in workers.all:
            worker.together.tick()
        for machine in workers.machines:
            machine.advance(seconds=1)
    with there.host.db.read() as session:
        assert [row.details["seconds"] for row in of_kind(session, IncidentKind.CLOCK_STEP)] == told
    assert there.host.clock.now() == other.wall and scene.host.clock.now() == workers.machine.wall


@pytest.mark.both_stores
def test_words_of_seats_are_written_in_one_statement(host: Host) -> None:
    now, many = host.now(), range(1, 301)
    statements: list[str] = []
    event.listen(
        host.db.engine, "before_cursor_execute", lambda _line, _cursor, said, *_: statements.append(said)
    )
    for moment in (now, now + timedelta(seconds=1)):
        statements.clear()
        host.db.write(seat_words.tell, "a", dict.fromkeys(many, moment), now=moment)
        assert sum("seat_words" in statement for statement in statements) == 1
    host.db.write(seat_words.tell, "a", {}, now=now)
    with host.db.read() as session:
        told = seat_words.told(session, "b", now)
        assert sorted(told) == [(number, "a", now + timedelta(seconds=1)) for number in many]
        assert seat_words.told(session, "a", now) == []
