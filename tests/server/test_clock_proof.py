"""The server's machine was rebooted in mid-sitting and its hardware clock is wrong: nobody loses or gains time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from exam_rooms import protocol as p
from exam_rooms.protocol import Route, Step
from exam_rooms.wire import decode
from server.access import Actor
from server.app import build_app
from server.db.people import User
from server.db.rooms import WorkstationClock
from server.db.sittings import Incident, LinkGapRow, RoomSitting
from server.errors import Refused
from server.host import Host, open_host
from server.live.watch import WITNESSES_WITHIN, Watch
from server.services import commands, incidents, link_gaps
from server.services.incidents import Handling
from server.services.steady import keep_anchor, kept_boot, open_clock
from server.settings import Settings
from tests.server.agent_kit import TestAgent, seated
from tests.server.conftest import MASTER, Machine
from tests.server.delivery_kit import Scene, make_scene

AWAY = timedelta(minutes=4)
OFF = [timedelta(hours=8), timedelta(hours=-8), timedelta(days=-6000), timedelta(0)]


@dataclass
class Site:
    """A room that has run for 20 minutes; `reboot` cuts the server's power. Time of its own is `true`."""

    settings: Settings
    machine: Machine
    scene: Scene
    host: Host
    true: datetime
    hosts: list[Host] = field(default_factory=list)
    watch: Watch = field(init=False)
    agent: TestAgent = field(init=False)

    def pass_time(self, **delta: float) -> None:
        self.machine.advance(**delta)
        self.true += timedelta(**delta)

    def reboot(self, off: timedelta) -> None:
        """Down for `AWAY`; the hardware clock then stands `off` the truth, the boot clock begins anew."""
        self.host.close()
        self.true += AWAY
        self.machine.wall = self.true + off
        self.machine.boot_ns, self.machine.boot_id = 9_000_000_000, "99999999-2222-3333-4444-555555555555"
        self.host = self.scene.host = open_host(self.settings, MASTER, look=self.machine.look)
        self.hosts.append(self.host)
        app = build_app(self.host)
        app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
        self.watch = Watch(self.host)
        self.host.db.write(link_gaps.gaps_after_restart, now=self.host.now())
        self.watch.tick()
        agent, self.agent = self.agent, TestAgent(app, self.scene, "1")
        self.agent.boot_id, self.agent.version = agent.boot_id, agent.version
        self.agent.open_session()

    def beat(self, *, boot_id: str = "", at: datetime | None = None) -> p.StatusReply:
        """A heartbeat by the workstation's own boot clock, which knows nothing of the server's."""
        boot_ns = 5_000_000_000 + round(((at or self.true) - self.scene.starts_at).total_seconds() * 1e9)
        boot_id = boot_id or self.agent.boot_id
        told = p.StatusRequest(boot_id=boot_id, boot_ns=boot_ns, state_version=self.agent.version, waiting=0)
        answer = self.agent.post(Route.STATUS, told)
        assert answer.status_code == 200, answer.text
        return decode(p.StatusReply, answer.get_json())

    def tick(self, times: int = 2) -> None:
        for _ in range(times):
            self.watch.tick()

    def behind(self) -> timedelta:
        """How far the server's clock is behind the truth."""
        return self.true - self.host.now()

    def incidents(self) -> list[tuple[str, str]]:
        with self.host.db.read() as session:
            rows = session.scalars(select(Incident).where(Incident.kind != "LINK_LOST").order_by(Incident.id))
            return [(row.kind, row.state) for row in rows]


@pytest.fixture
def site(settings: Settings, host: Host, machine: Machine, person_as: Callable[..., Actor]) -> Iterator[Site]:
    scene = make_scene(host, person_as)
    made = Site(settings, machine, scene, host, machine.wall)
    made.watch = Watch(host)
    app = build_app(host)
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    made.agent = seated(app, scene, "1")["1"]
    made.pass_time(minutes=10)
    host.db.write(keep_anchor, host.clock.anchor)
    scene.start()
    made.agent.state()
    made.beat()
    made.pass_time(minutes=20)
    made.beat()
    made.tick()
    yield made
    for opened in made.hosts:
        opened.close()


@pytest.mark.parametrize("off", OFF, ids=["eight hours on", "eight hours back", "battery empty", "right"])
def test_a_workstation_that_stayed_up_says_what_time_it_is(site: Site, off: timedelta) -> None:
    deadline = site.agent.state().deadline
    site.reboot(off)
    assert (site.behind(), site.host.clock.proven) == (AWAY, False)
    site.pass_time(seconds=3)
    site.tick()
    state = site.agent.state()
    assert (state.step, state.deadline) == (Step.ANSWERING, deadline)
    assert site.beat().server_time == site.true
    assert (site.behind(), site.host.clock.proven) == (timedelta(0), True)
    site.tick()
    assert site.incidents() == ([("CLOCK_STEP", "raised")] if off else [])
    assert site.agent.state().step is Step.ANSWERING
    with site.host.db.read() as session:
        gap = session.scalars(select(LinkGapRow)).one()
        assert gap.back_at == site.true
        assert gap.back_at - gap.lost_at == AWAY + timedelta(seconds=3)
        kept = kept_boot(session, site.machine.boot_id)
        assert kept is not None
        assert (kept.boot_id, kept.wall) == (site.machine.boot_id, site.true)
        assert open_clock(session, site.machine.look).now() == site.true
    # the deadline is the one of before, to the second
    site.pass_time(minutes=66, seconds=-1)
    site.beat()
    site.tick()
    assert site.agent.state().step is Step.ANSWERING
    site.pass_time(seconds=10)
    site.beat()
    site.tick()
    assert site.agent.state().step is Step.TIME_OVER


def test_stamps_of_a_workstation_are_not_placed_by_a_clock_that_is_behind(site: Site) -> None:
    def offsets() -> list[int]:
        with site.host.db.read() as session:
            return list(session.scalars(select(WorkstationClock.offset_ns)))

    before = offsets()
    site.reboot(timedelta(hours=-8))
    site.beat(boot_id="a boot that nobody knows")
    assert (offsets(), site.host.clock.proven) == (before, False)
    site.beat()
    assert offsets() == before
    site.beat(boot_id="a boot that nobody knows")
    assert len(offsets()) == 2


@pytest.mark.parametrize("seconds", [-3, -86400])
def test_a_time_before_the_last_sign_of_life_proves_nothing(site: Site, seconds: int) -> None:
    last = site.true
    site.reboot(timedelta(hours=8))
    site.beat(at=last + timedelta(seconds=seconds))
    assert (site.host.now(), site.host.clock.proven) == (last, False)


@pytest.mark.parametrize(("off", "told"), [(timedelta(0), []), (timedelta(hours=-8), ["CLOCK_STEP"])])
def test_when_the_whole_site_was_dark_a_person_is_asked(site: Site, off: timedelta, told: list[str]) -> None:
    site.reboot(off)
    last = site.host.now()
    site.pass_time(seconds=WITNESSES_WITHIN.total_seconds() - 1)
    site.tick()
    assert site.incidents() == []
    site.pass_time(seconds=1)
    site.tick()
    site.beat(boot_id="a boot that nobody knows")
    assert site.incidents() == [("CLOCK_UNPROVEN", "raised")]
    assert site.host.now() == last + WITNESSES_WITHIN
    answer(site, "acknowledged")  # somebody is on the way to look
    assert not site.host.clock.proven
    answer(site, "recorded")
    assert site.host.clock.proven
    assert site.host.now() == (site.true if not off else last + WITNESSES_WITHIN)
    site.tick()
    assert site.incidents() == [("CLOCK_UNPROVEN", "recorded"), *((kind, "raised") for kind in told)]


def answer(site: Site, outcome: str) -> None:
    with site.host.db.read() as session:
        asked = session.scalars(select(Incident.id).where(Incident.kind == "CLOCK_UNPROVEN")).one()
    site.scene.write(incidents.handle, site.scene.invigilator, asked, Handling(outcome))
    site.tick()


def test_a_late_witness_answers_the_question(site: Site) -> None:
    site.reboot(timedelta(hours=8))
    site.pass_time(minutes=2)
    site.tick()
    site.beat()
    assert site.incidents() == [("CLOCK_UNPROVEN", "cleared")]
    assert site.behind() == timedelta(0)


def test_no_room_starts_on_a_clock_that_nobody_has_checked(site: Site) -> None:
    site.reboot(timedelta(0))
    order = commands.Start(frozenset(), site.host.clock.anchor, site.host.presence, site.host.clock.proven)

    def back(session) -> None:
        session.get_one(RoomSitting, site.scene.room_sitting).state = "released"

    site.host.db.write(back)
    with pytest.raises(Refused) as caught:
        site.scene.write(commands.start_room, site.scene.invigilator, site.scene.room_sitting, order)
    assert caught.value.code == "clock_unproven"


def test_silence_is_counted_anew_once_the_time_is_known(site: Site) -> None:
    site.reboot(timedelta(0))
    site.beat()
    site.tick()
    assert site.host.presence.of(site.scene.workstations["1"]).linked
    site.pass_time(seconds=9)
    site.tick()
    assert not site.host.presence.of(site.scene.workstations["1"]).linked


@pytest.mark.parametrize(
    ("closed", "days", "proven"),
    [(False, 0, False), (True, 0, True), (False, 1, True)],
    ids=["goes on", "all handed in", "forgotten"],
)
def test_only_a_sitting_that_goes_on_holds_the_clock(
    site: Site, closed: bool, days: int, proven: bool
) -> None:
    if closed:
        site.scene.write(commands.end_seat, site.scene.attempts["1"], site.scene.signed())
    site.reboot(timedelta(days=days))
    assert site.host.clock.proven is proven
    assert site.behind() == (AWAY if not proven else -timedelta(days=days))


def test_the_health_page_says_that_the_time_is_not_checked(
    site: Site, person_as: Callable[..., Actor]
) -> None:
    who = person_as("administrator")
    site.reboot(timedelta(hours=8))
    app = site.agent.client.application
    browser: FlaskClient = app.test_client()
    with site.host.db.read() as session, browser.session_transaction() as cookies:
        cookies["_user_id"], cookies["_fresh"] = session.get_one(User, who.user_id).fs_uniquifier, True
    shown = browser.get("/health/detail").text
    assert "时间未经核对" in shown
    assert "被拨动" not in shown
    assert "一切正常" not in shown
