"""Two things at the same moment: whichever comes first, nobody is forgotten and nothing stale stays."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.orm import Session

from exam_rooms import protocol as p
from exam_rooms.protocol import Route, Step
from exam_rooms.seats import Act
from server.access import Actor
from server.db.sittings import Attempt
from server.events import SeatChanged
from server.host import Host
from server.live.watch import Watch
from server.services import agents, answers, attempts, commands, delivery, pairing, signin
from server.services.commands import Credit, Start
from server.services.delivery import delivery_of
from server.services.roomstate import advance, locked_attempt
from server.services.seat_state import SeatView
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, id_number, make_scene
from tests.server.smart_kit import agent_of

ACCEPTED = p.AcceptRequest("2026-11", True)


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def reader(app: Flask, scene: Scene, machine: Machine) -> Iterator[TestAgent]:
    """Seat 1 reads the rules; the planned start has come."""
    agent = TestAgent(app, scene, "1")
    agent.open_session()
    agent.sign_in()
    scene.write(commands.admit, scene.invigilator, scene.attempts["1"])
    agent.post(Route.CONFIRM, p.ConfirmRequest(True))
    machine.advance(minutes=10)
    return agent


def accept(scene: Scene, now: datetime) -> None:
    scene.host.db.write(attempts.accept, agent_of(scene, "1"), scene.room_sitting, ACCEPTED, now=now)


@pytest.mark.both_stores
def test_rules_accepted_a_moment_before_the_start_open_the_paper_too(
    reader: TestAgent, scene: Scene, machine: Machine
) -> None:
    before = machine.wall
    started = machine.advance(seconds=0.01)
    scene.start()
    accept(scene, before)
    assert reader.state().step is Step.ANSWERING
    assert scene.attempt("1").answering_at == started


def meet(host: Host, first: Callable[[Session], object], second: Callable[[Session], object]) -> None:
    """`first` is done but not yet committed when `second` begins in another transaction and has to wait."""
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )

    def under_way(session: Session) -> None:
        first(session)
        session.flush()
        other.start()
        while other.is_alive():
            with host.db.engine.connect() as connection:
                if connection.execute(waiting).scalar():
                    return
            time.sleep(0.005)

    done: list[bool] = []
    other = threading.Thread(target=lambda: done.append(host.db.write(second) is None))
    host.db.write(under_way)
    other.join(60)
    assert done


@pytest.mark.on_postgresql
@pytest.mark.parametrize("start_first", [True, False])
def test_the_start_and_an_acceptance_at_the_same_moment(
    reader: TestAgent, scene: Scene, host: Host, start_first: bool
) -> None:
    order = Start(frozenset(who.user_id or 0 for who in scene.staff), host.clock.anchor, host.presence)

    def start(session: Session) -> None:
        commands.start_room(session, scene.invigilator, scene.room_sitting, order, now=host.now())

    def accepted(session: Session) -> None:
        attempts.accept(session, agent_of(scene, "1"), scene.room_sitting, ACCEPTED, now=host.now())

    meet(host, *((start, accepted) if start_first else (accepted, start)))
    assert scene.room_row().state == "running"
    assert reader.state().step is Step.ANSWERING


@pytest.mark.on_postgresql
def test_who_is_sent_away_while_the_room_starts_gets_no_paper(
    reader: TestAgent, scene: Scene, host: Host
) -> None:
    reader.post(Route.ACCEPT, ACCEPTED)
    order = Start(frozenset(who.user_id or 0 for who in scene.staff), host.clock.anchor, host.presence)

    def refuse(session: Session) -> None:
        commands.refuse(session, scene.attempts["1"], scene.signed(), now=host.now())

    def start(session: Session) -> None:
        commands.start_room(session, scene.invigilator, scene.room_sitting, order, now=host.now())

    meet(host, refuse, start)
    assert (scene.room_row().state, scene.attempt("1").state) == ("running", "assigned")


@pytest.mark.on_postgresql
def test_who_hands_in_while_the_room_is_ended_has_handed_in(
    reader: TestAgent, scene: Scene, machine: Machine, host: Host
) -> None:
    reader.post(Route.ACCEPT, ACCEPTED)
    scene.start()
    machine.advance(minutes=40)

    def hand_in(session: Session) -> None:
        attempt = locked_attempt(session, scene.attempts["1"])
        advance(session, attempt, Act.SUBMIT)
        attempt.closed_at, attempt.close_reason = host.now(), "submitted"

    def end(session: Session) -> None:
        commands.end_room(session, scene.room_sitting, scene.signed(), now=host.now())

    meet(host, hand_in, end)
    assert scene.room_row().state == "ended"
    attempt = scene.attempt("1")
    assert (attempt.state, attempt.close_reason) == ("submitted", "submitted")


@pytest.mark.on_postgresql
def test_what_is_locked_is_read_anew(scene: Scene, host: Host) -> None:
    """An attempt that was looked at before it was locked is what others have made of it since."""

    def look(session: Session) -> str:
        seen = session.get_one(Attempt, scene.attempts["1"])
        assert seen.state == "assigned"
        host.db.write(change)
        return locked_attempt(session, seen.id).state

    def change(session: Session) -> None:
        session.get_one(Attempt, scene.attempts["1"]).state = "identified"

    assert host.db.write(look) == "identified"


@pytest.mark.on_postgresql
def test_who_is_moved_while_signing_in_is_told_the_new_seat(scene: Scene, host: Host) -> None:
    """The row that was waited for names another seat by then; it is no unknown ticket."""
    asked = p.SignInRequest(scene.tickets["1"], id_number(0))
    outcomes: list[str] = []

    def move(session: Session) -> None:
        commands.move_seat(session, scene.attempts["1"], scene.seats["4"], scene.signed(), now=host.now())

    def come(session: Session) -> None:
        found = signin.sign_in(session, agent_of(scene, "1"), scene.room_sitting, asked, now=host.now())
        outcomes.append(found.code)

    meet(host, move, come)
    assert outcomes == ["wrong_seat"]


@pytest.mark.both_stores
def test_who_is_still_ready_in_a_running_room_gets_the_paper(
    reader: TestAgent, scene: Scene, machine: Machine, host: Host
) -> None:
    scene.start()

    def forgotten(session: Session) -> None:
        session.get_one(Attempt, scene.attempts["1"]).state = "ready"

    host.db.write(forgotten)
    machine.advance(minutes=1)
    Watch(host).tick()
    assert reader.state().step is Step.ANSWERING
    assert scene.attempt("1").answering_at == machine.wall
    assert scene.attempt("2").state == "assigned"


@pytest.mark.parametrize(
    ("after_the_room", "step"),
    [(timedelta(minutes=60, seconds=-1), Step.ANSWERING), (timedelta(minutes=60), Step.READY)],
)
def test_own_time_beyond_the_rooms_opens_the_paper(
    reader: TestAgent, scene: Scene, machine: Machine, after_the_room: timedelta, step: Step
) -> None:
    scene.start()
    credit = Credit(scene.room_sitting, scene.attempts["1"])
    scene.write(commands.add_time, credit, Decimal(60), scene.signed())
    machine.advance(minutes=90, seconds=after_the_room.total_seconds())
    reader.post(Route.ACCEPT, ACCEPTED)
    assert reader.state().step is step


def test_nobody_begins_once_the_room_has_ended(
    reader: TestAgent, scene: Scene, machine: Machine, host: Host
) -> None:
    reader.post(Route.ACCEPT, ACCEPTED)
    scene.start()
    scene.write(commands.end_room, scene.room_sitting, scene.signed())

    def forgotten(session: Session) -> None:
        session.get_one(Attempt, scene.attempts["1"]).state = "ready"

    host.db.write(forgotten)
    Watch(host).tick()
    assert scene.attempt("1").state == "ready"
    assert scene.write(attempts.begin_waiting, scene.room_sitting) == []


# --- what is kept in memory --------------------------------------------------------------------------


@pytest.mark.both_stores
def test_a_state_built_before_a_change_is_not_kept_after_it(
    reader: TestAgent, scene: Scene, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.post(Route.ACCEPT, ACCEPTED)
    kept, build = delivery_of(host), delivery.build_all
    agent = agent_of(scene, "1")
    kept.views.forget_all()

    def slow(session: Session, *facts: object, **named: object) -> dict[int, SeatView]:
        view = build(session, *facts, **named)
        monkeypatch.setattr(delivery, "build_all", build)
        scene.start()  # committed and told while the views of before are on their way
        return view

    monkeypatch.setattr(delivery, "build_all", slow)
    assert kept.state(agent, host.now()).step is Step.READY
    assert kept.state(agent, host.now()).step is Step.ANSWERING
    assert kept.view(agent, host.now()).state.paper.key is not None
    assert kept.views.get(agent) is not None


@pytest.mark.both_stores
def test_a_workstation_looked_up_before_its_release_is_not_let_in_after_it(
    reader: TestAgent, scene: Scene, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    door, find = delivery_of(host).door, agents.find_agent

    def slow(session: Session, workstation: int) -> tuple[agents.Agent, bytes]:
        found = find(session, workstation)
        monkeypatch.setattr(agents, "find_agent", find)
        scene.write(pairing.release, scene.signed(), scene.seats["1"])
        return found

    door.forget()
    monkeypatch.setattr(agents, "find_agent", slow)
    door.admit(reader.token, host.now())
    with pytest.raises(agents.StrangeAgent):
        door.admit(reader.token, host.now())


def test_where_somebody_sat_before_a_move_is_not_kept_after_it(
    reader: TestAgent, scene: Scene, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.post(Route.ACCEPT, ACCEPTED)
    scene.start()
    reader.state()
    reader.open_journal()
    load_facts = answers.load_facts

    def slow(*asked: object) -> answers.Facts:
        facts = load_facts(*asked)
        monkeypatch.setattr(answers, "load_facts", load_facts)
        scene.write(commands.move_seat, scene.attempts["1"], scene.seats["4"], scene.signed())
        return facts

    monkeypatch.setattr(answers, "load_facts", slow)
    reader.answer(1)
    reader.sent()
    told: list[SeatChanged] = []
    host.events.subscribe(SeatChanged, told.append)
    reader.answer(2)
    reader.sent()
    assert {fact.seat for fact in told if fact.changed_ns} == {scene.seats["4"]}
