"""Breaches that cover the paper: by the policy, from the start to the end, released by the PIN."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask

from exam_rooms.incidents import IncidentKind, Severity, severity
from exam_rooms.kiosk_messages import BreachNote, BreachRequest, SeatRelease
from exam_rooms.protocol import Route, Step
from server.access import Actor
from server.db.record import AuditEntry
from server.db.rooms import Workstation
from server.db.sittings import Batch
from server.errors import Refused
from server.events import Activity, PairingChanged
from server.host import Host
from server.rules.policy import LevelPolicy
from server.rules.policy_breaches import Action, BreachRule, BreachRules
from server.services import breaches, commands
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent
from tests.server.breach_kit import end, note, raised, rows, tell
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.smart_kit import BOOT_ID, CameraAgent, answering


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def agents(app: Flask, scene: Scene, machine: Machine) -> list[CameraAgent]:
    return answering(app, scene, machine, "12")


@pytest.fixture
def agent(agents: list[CameraAgent]) -> CameraAgent:
    return agents[0]


@pytest.fixture
def told(host: Host) -> list[Activity]:
    lines: list[Activity] = []
    host.events.subscribe(Activity, lines.append)
    return lines


def by_policy(host: Host, **actions: Action) -> None:
    """The batch's frozen policy with these actions alone."""

    def change(session) -> None:
        batch = session.get_one(Batch, 1)
        policy = LevelPolicy.from_json(batch.policy)
        rules = BreachRules(tuple(BreachRule(kind, action) for kind, action in actions.items()))
        batch.policy = replace(policy, breaches=rules).to_json()

    host.db.write(change)


# What covers the paper


def test_by_the_national_policy_a_second_screen_covers_the_paper(
    agent: CameraAgent, host: Host, scene: Scene, told: list[Activity]
) -> None:
    before = agent.state()
    tell(agent, note(agent, "SECOND_SCREEN"))
    after = agent.state()
    assert after.frozen is not None and after.frozen.kind == "SECOND_SCREEN"
    assert after.version > before.version
    assert (after.step, after.deadline) == (Step.ANSWERING, before.deadline)
    assert [line.code for line in told] == ["incident_second_screen", "line_seat_frozen"]
    agent.open_journal()
    assert agent.sent(agent.records[0], agent.answer(1)).refused == ()  # what was typed is taken
    scene.write(breaches.release, agent.attempt, Signed(scene.invigilator, "拔除了屏幕"))
    assert agent.state().frozen is None
    with host.db.read() as session:
        acts = [row.act for row in session.query(AuditEntry).order_by(AuditEntry.id)]
    assert [act for act in acts if "frozen" in act] == ["seat_frozen", "seat_unfrozen"]


@pytest.mark.parametrize(
    ("action", "alerts", "frozen"),
    [(Action.RECORD, 0, False), (Action.NOTE, 1, False), (Action.FREEZE, 1, True)],
)
def test_the_policy_decides(
    agent: CameraAgent, host: Host, scene: Scene, action: Action, alerts: int, frozen: bool
) -> None:
    by_policy(host, USB_DEVICE=action)
    tell(agent, note(agent))
    assert (len(raised(host)), len(rows(host)), rows(host)[0].froze) == (alerts, 1, frozen)
    assert (scene.attempt("1").frozen_at is not None) is frozen


def test_a_resend_after_the_release_covers_nothing(agent: CameraAgent, scene: Scene) -> None:
    asked = note(agent, "SECOND_SCREEN")
    tell(agent, asked)
    scene.write(breaches.release, agent.attempt, Signed(scene.invigilator, "看过了"))
    tell(agent, asked)
    assert agent.state().frozen is None
    tell(agent, note(agent, "SECOND_SCREEN"))
    assert agent.state().frozen is not None


def test_a_cover_waits_for_the_start_and_ends_with_the_work(
    app: Flask, scene: Scene, machine: Machine, host: Host
) -> None:
    agent = CameraAgent(app, scene, "1")
    agent.wait()
    machine.advance(seconds=1)
    tell(agent, note(agent, "SECOND_SCREEN"))
    assert (agent.state().frozen, scene.attempt("1").frozen_at) == (None, None)
    machine.advance(minutes=10)
    scene.start()
    assert agent.state().frozen is not None
    assert rows(host)[0].froze
    scene.write(commands.end_seat, agent.attempt, scene.signed())
    assert agent.state().frozen is None
    tell(agent, note(agent, "FORBIDDEN_PROCESS"))
    assert rows(host)[-1].froze is False


def before_the_start(app: Flask, scene: Scene, machine: Machine) -> tuple[CameraAgent, BreachNote]:
    """A waiting candidate at seat 1, with a second screen."""
    waiting = CameraAgent(app, scene, "1")
    waiting.wait()
    waiting.beat()
    machine.advance(seconds=1)
    asked = note(waiting, "SECOND_SCREEN")
    tell(waiting, asked)
    machine.advance(seconds=5)
    return waiting, asked


def refused_meanwhile(agent: CameraAgent, asked: BreachNote) -> None:
    agent.scene.write(commands.refuse, agent.attempt, agent.scene.signed())
    agent.wait()


@pytest.mark.parametrize("meanwhile", [end, refused_meanwhile])
def test_what_is_over_at_the_bell_covers_nothing(
    app: Flask, scene: Scene, machine: Machine, meanwhile: Callable[[CameraAgent, BreachNote], object]
) -> None:
    waiting, asked = before_the_start(app, scene, machine)
    meanwhile(waiting, asked)
    machine.advance(minutes=10)
    scene.start()
    assert waiting.state().step is Step.ANSWERING
    assert (waiting.state().frozen, scene.attempt("1").frozen_at) == (None, None)


def test_at_the_bell_the_policy_decides_and_a_moment_is_over(
    app: Flask, scene: Scene, machine: Machine, host: Host
) -> None:
    by_policy(host, BROWSER_RESTARTED=Action.FREEZE, USB_DEVICE=Action.NOTE, SECOND_SCREEN=Action.NOTE)
    waiting, _ = before_the_start(app, scene, machine)
    tell(waiting, note(waiting, "BROWSER_RESTARTED"), note(waiting))
    machine.advance(minutes=10)
    scene.start()
    assert waiting.state().frozen is None


def test_a_seat_that_was_changed_is_not_covered(app: Flask, agent: CameraAgent, scene: Scene) -> None:
    tell(agent, note(agent, "SECOND_SCREEN"))
    assert agent.state().frozen is not None
    scene.write(commands.move_seat, agent.attempt, scene.seats["4"], scene.signed())
    there = TestAgent(app, scene, "4")
    there.open_session()
    assert (there.state().step, there.state().frozen) == (Step.ANSWERING, None)


@pytest.mark.parametrize(("seconds", "covers"), [(29, True), (31, False), (1200, False)])
def test_an_old_note_calls_people_and_covers_nothing(
    agent: CameraAgent, host: Host, machine: Machine, seconds: int, covers: bool
) -> None:
    asked = note(agent, "SECOND_SCREEN")
    machine.advance(seconds=seconds)
    tell(agent, asked)
    assert (len(raised(host)), rows(host)[0].froze) == (1, covers)
    assert (agent.state().frozen is not None) is covers


def test_what_comes_together_with_its_end_covers_nothing(agent: CameraAgent, host: Host) -> None:
    asked = note(agent, "SECOND_SCREEN")
    tell(agent, asked, replace(asked, ended=True))
    tell(agent, note(agent, "FORBIDDEN_PROCESS", ended=True))
    assert (len(raised(host)), agent.state().frozen) == (2, None)


@pytest.mark.both_stores
def test_a_workstation_that_was_paired_anew_tells_nothing_twice(
    app: Flask, agent: CameraAgent, scene: Scene, host: Host
) -> None:
    asked = note(agent, "FORBIDDEN_PROCESS")
    tell(agent, asked)
    scene.write(breaches.release, agent.attempt, scene.signed())
    again = paired_anew(app, scene)
    assert tell(again, asked) == tell(again, replace(asked, ended=True)) == (200, "")
    (row,), (incident,) = rows(host), raised(host)
    assert (row.ended_at is not None, incident.details["count"]) == (True, 1)
    assert again.state().frozen is None


def paired_anew(app: Flask, scene: Scene) -> CameraAgent:
    """Seat 1 with a new pairing of the same machine."""
    key = Ed25519PrivateKey.generate()

    def pair(session) -> int:
        session.get_one(Workstation, scene.workstations["1"]).active = False
        session.flush()
        public = key.public_key().public_bytes_raw()
        row = Workstation(
            seat_id=scene.seats["1"],
            public_key=public,
            hostname="x",
            software="t",
            paired_at=scene.host.now(),
        )
        session.add(row)
        session.flush()
        return row.id

    scene.workstations["1"], scene.keys["1"] = scene.host.db.write(pair), key
    scene.host.events.publish([PairingChanged(scene.room)])
    made = CameraAgent(app, scene, "1")
    made.open_session()
    made.attempt = scene.attempts["1"]
    made.beat()
    return made


# Released at the seat by the PIN


def released(agent: CameraAgent, **changed: object) -> int:
    told = replace(SeatRelease(*cover_of(agent), BOOT_ID, agent.boot_ns()), **changed)
    return agent.post(Route.BREACHES, BreachRequest(agent.attempt, (), told)).status_code


def cover_of(agent: CameraAgent) -> tuple[str, datetime]:
    frozen = agent.state().frozen
    assert frozen is not None
    return frozen.kind, frozen.since


@pytest.mark.both_stores
def test_a_release_at_the_seat_is_on_the_record_and_ends_that_very_cover(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine, told: list[Activity]
) -> None:
    tell(agent, note(agent, "SECOND_SCREEN"))
    kind, since = cover_of(agent)
    for other in ({"kind": "USB_DEVICE"}, {"since": since - timedelta(seconds=1)}):
        assert released(agent, **other) == 200
        assert agent.state().frozen is not None
    machine.advance(seconds=40)
    at = agent.boot_ns()
    machine.advance(minutes=5)  # the link comes back
    assert released(agent, boot_ns=at) == 200
    assert agent.state().frozen is None
    assert told[-1].code == "line_seat_unfrozen_by_pin"
    assert dict(told[-1].params) == {"seat": "1", "kind": kind, "seconds": "40"}
    tell(agent, note(agent, "SECOND_SCREEN"))
    assert released(agent, kind=kind, since=since) == 200  # sent again
    assert agent.state().frozen is not None
    with host.db.read() as session:
        acts = [row.act for row in session.query(AuditEntry).order_by(AuditEntry.id)]
    assert [act for act in acts if "frozen" in act] == ["seat_frozen", "seat_unfrozen_by_pin", "seat_frozen"]


def test_a_workstation_releases_its_own_seat_only(agents: list[CameraAgent]) -> None:
    one, other = agents
    tell(one, note(one, "SECOND_SCREEN"))
    kind, since = cover_of(one)
    told = SeatRelease(kind, since, BOOT_ID, one.boot_ns())
    assert other.post(Route.BREACHES, BreachRequest(one.attempt, (), told)).status_code == 403
    assert one.state().frozen is not None


def test_a_virtual_machine_is_told_and_is_no_alarm(agent: CameraAgent, host: Host) -> None:
    tell(agent, note(agent, "VIRTUAL_MACHINE", detail="KVM"))
    (row,) = raised(host)
    assert severity(IncidentKind(row.kind)) is Severity.WARNING
    assert agent.state().frozen is None


@pytest.mark.parametrize("role", ["auditor", "bank_keeper"])
def test_only_who_runs_the_room_releases(
    agent: CameraAgent, scene: Scene, person_as: Callable[..., Actor], role: str
) -> None:
    tell(agent, note(agent, "SECOND_SCREEN"))
    with pytest.raises(Refused):
        scene.write(breaches.release, agent.attempt, Signed(person_as(role), "x"))
    with pytest.raises(Refused) as caught:
        scene.write(breaches.release, agent.attempt, Signed(scene.invigilator, "  "))
    assert caught.value.code == "reason_missing"
    assert agent.state().frozen is not None


def test_what_is_not_covered_cannot_be_released(agent: CameraAgent, scene: Scene) -> None:
    with pytest.raises(Refused) as caught:
        scene.write(breaches.release, agent.attempt, scene.signed())
    assert caught.value.code == "not_frozen"
