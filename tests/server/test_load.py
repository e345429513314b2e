"""A busy server: what it tells its seats, how long it waits for them, and states looked up together."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask

from exam_rooms import pace
from exam_rooms.protocol import SeatState, Step
from server.access import Actor
from server.host import Host
from server.services.agents import Agent, find_agent
from server.services.delivery import delivery_of
from server.services.loop_lag import RECENT_PULSES, LoopLag
from server.services.seat_state import SeatView, build, build_all
from server.services.seat_views import TOGETHER, SeatViews
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


def lagging(*late: float) -> LoopLag:
    lag = LoopLag()
    for seconds in late:
        lag.note(seconds)
    return lag


def test_a_loop_at_ease_makes_nobody_wait() -> None:
    assert LoopLag().wait() == 0.0
    assert lagging(*[0.001] * 500).wait() < 0.001


def test_one_long_stop_counts_for_as_long_as_it_lasted() -> None:
    """Half of the two seconds were one stop of a second: who came then waited half a second on average."""
    assert lagging(*[0.0] * 50, 1.0).wait() == pytest.approx(0.25, rel=0.05)
    assert lagging(1.0, *[0.0] * RECENT_PULSES).wait() == 0.0


def test_a_late_loop_is_told_to_the_seats(app: Flask, scene: Scene, host: Host) -> None:
    agent = TestAgent(app, scene, "1")
    agent.enter()
    assert agent.beat().hint == 0
    for _ in range(RECENT_PULSES):
        host.lag.note(0.2)
    assert agent.beat().hint == host.hint() == 3


def test_many_seats_beat_more_rarely_while_the_server_is_at_ease(
    app: Flask, scene: Scene, machine: Machine, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "SEATS_FOR_A_POINT", 1)
    agents = [TestAgent(app, scene, seat) for seat in ("1", "2")]
    for agent in agents:
        agent.enter()
    links = delivery_of(host).links
    assert agents[0].beat().hint == 0  # until the watch has looked
    links.check(host.now())
    assert [agent.beat().hint for agent in agents] == [2, 2]
    assert host.hint() == 0  # monitors do not show a server in trouble
    for _ in range(RECENT_PULSES):
        host.lag.note(0.2)
    assert agents[0].beat().hint == 3  # the worse of both
    agents[0].beat()
    machine.advance(seconds=19)
    links.check(host.now())
    assert host.presence.of(scene.workstations["2"]).linked
    machine.advance(seconds=2)
    links.check(host.now())
    assert not host.presence.of(scene.workstations["2"]).linked  # hint 2: 20 seconds
    assert host.presence.of(scene.workstations["1"]).linked  # hint 3: 26
    assert links.crowd == 2  # as that look began
    links.check(host.now())
    assert links.crowd == 1


def test_a_seat_that_was_told_to_slow_down_may_be_silent_for_longer(
    app: Flask, scene: Scene, machine: Machine, host: Host
) -> None:
    agent = TestAgent(app, scene, "1")
    agent.enter()
    links, workstation = delivery_of(host).links, scene.workstations["1"]
    with host.db.read() as session:
        me = find_agent(session, workstation)[0]
    agent.beat()
    links.eased(me, 3)
    machine.advance(seconds=25)
    links.check(host.now())
    assert host.presence.of(workstation).linked
    machine.advance(seconds=2)
    links.check(host.now())
    assert not host.presence.of(workstation).linked
    agent.beat()  # told hint 0 again
    agent.beat()  # and does so
    machine.advance(seconds=9)
    links.check(host.now())
    assert not host.presence.of(workstation).linked


@pytest.mark.both_stores
def test_states_looked_up_together_are_those_looked_up_one_by_one(
    app: Flask, scene: Scene, machine: Machine, host: Host
) -> None:
    for number in ("1", "2", "3"):
        TestAgent(app, scene, number).enter()
    machine.advance(minutes=10)
    scene.start()
    now = host.now()
    with host.db.read() as session:
        agents = [find_agent(session, workstation)[0] for workstation in scene.workstations.values()]
    alone = []
    for agent in agents:
        with host.db.read() as session:
            alone.append(build(session, agent, now=now, demo=False))
    with host.db.read() as session:
        found = build_all(session, agents, now=now, demo=False)
    together = [found[agent.workstation] for agent in agents]
    assert together == alone
    keys = {view.state.paper.form: view.state.paper.key for view in together if view.state.paper}
    assert len(set(keys.values())) == len(keys) >= 2  # every form has a key of its own


def test_a_room_that_changed_is_looked_up_together_by_whoever_asks_first(
    app: Flask, scene: Scene, host: Host
) -> None:
    TestAgent(app, scene, "1").enter()
    TestAgent(app, scene, "2").enter()
    delivery = delivery_of(host)
    with host.db.read() as session:
        first, second = (find_agent(session, scene.workstations[number])[0] for number in ("1", "2"))
    assert delivery.view(first, host.now()).room_sitting == scene.room_sitting
    assert delivery.view(second, host.now()).room_sitting == scene.room_sitting
    delivery.views.forget_room(first.room)
    assert delivery.views.get(first) is delivery.views.get(second) is None
    delivery.view(first, host.now())
    kept = delivery.views.get(second)
    assert kept is not None
    assert kept.state.seat == "2"
    delivery.views.forget_seat(first.seat)
    assert delivery.views.get(first) is None
    assert delivery.views.get(second) is kept


def a_crowd(count: int) -> list[Agent]:
    return [Agent(number, number + 1000, 1 + number % 2, b"") for number in range(count)]


def a_view(agent: Agent, now: datetime) -> SeatView:
    return SeatView(SeatState(version=1, server_time=now, seat=str(agent.seat), step=Step.UNASSIGNED))


def test_a_view_outdated_by_its_seat_its_room_or_everything_is_not_kept_and_others_are() -> None:
    views, crowd, now = SeatViews(), a_crowd(4), datetime.now(UTC)
    for forget in (
        lambda: views.forget_seat(crowd[0].seat),
        lambda: views.forget_room(crowd[0].room),
        views.forget_all,
    ):
        began = views.changes
        forget()
        for agent in crowd:
            views.keep(agent, a_view(agent, now), began)
        kept = [views.get(agent) is not None for agent in crowd]
        assert not kept[0]
        spared = {1: [False, True, True, True], 2: [False, True, False, True], 3: [False] * 4}
        assert kept == spared[views.changes]
        for agent in crowd:
            views.keep(agent, a_view(agent, now), views.changes)
        assert all(views.get(agent) for agent in crowd)


def test_company_is_of_the_same_room_lacks_a_view_and_is_no_crowd() -> None:
    views, crowd, now = SeatViews(), a_crowd(200), datetime.now(UTC)
    for agent in crowd:
        views.keep(agent, a_view(agent, now), views.changes)
    assert views.company(crowd[0]) == [crowd[0]]
    views.forget_all()
    company = views.company(crowd[0])
    assert company[0] == crowd[0]
    assert len(company) == len(set(company)) == TOGETHER
    assert {agent.room for agent in company} == {crowd[0].room}
    for agent in company:
        views.keep(agent, a_view(agent, now), views.changes)
    assert not set(views.company(crowd[-2])) & set(company)


def test_a_view_of_another_seat_is_not_given_to_a_workstation_that_moved() -> None:
    views, now = SeatViews(), datetime.now(UTC)
    before, after = Agent(1, 5, 1, b""), Agent(1, 6, 1, b"")
    views.keep(before, a_view(before, now), 0)
    assert views.get(after) is None
