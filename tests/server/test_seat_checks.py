"""Self-checks before the bell: who is asked, and what is believed."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from exam_rooms.kiosk_messages import Verdict
from exam_rooms.protocol import Route
from server.access import Actor
from server.db.checks import SeatCheck
from server.db.papers import Package
from server.db.rooms import Workstation
from server.db.sittings import RoomSitting
from server.errors import Refused
from server.host import Host
from server.rules.check_findings import version_verdict
from server.services import seat_checks
from server.services.check_gate import CheckWord
from tests.server import check_kit as kit
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.seat_check_kit import SEATS, all_pass, change_rows, lines, refusal, words


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor], machine: Machine) -> Scene:
    made = make_scene(host, person_as)
    machine.advance(minutes=10)
    kit.require_checks(made)
    kit.open_checks(made)
    return made


@pytest.fixture
def agents(app: Flask, scene: Scene) -> dict[str, TestAgent]:
    made = {seat: TestAgent(app, scene, seat) for seat in scene.seats}
    for agent in made.values():
        agent.open_session()
    return made


# --- who is asked, and until when ---------------------------------------------------------------------


@pytest.mark.both_stores
def test_every_paired_seat_is_asked_once_and_the_room_starts_when_all_passed(
    scene: Scene, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    assert words(scene) == dict.fromkeys(scene.seats, "waiting")
    assert refusal(scene) == "seats_not_checked 1、2、3"
    refs = {agent.state().check.ref for agent in agents.values()}  # type: ignore[union-attr]
    assert len(refs) == len(agents)
    all_pass(agents, tmp_path)
    assert words(scene) == dict.fromkeys(scene.seats, "good")
    assert all(agent.state().check is None for agent in agents.values())
    assert refusal(scene) == ""
    assert agents["1"].state().check is None


def test_a_room_without_a_canary_paper_asks_nobody_and_stays_closed(
    host: Host, person_as: Callable[..., Actor], app: Flask, machine: Machine
) -> None:
    bare = make_scene(host, person_as)
    machine.advance(minutes=10)
    kit.require_checks(bare)
    agent = TestAgent(app, bare, "1")
    agent.open_session()
    assert agent.state().check is None
    assert refusal(bare) == "seats_not_checked 1、2、3"


def test_before_the_package_is_opened_only_people_ask(
    scene: Scene, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    change_rows(scene, lambda session: setattr(session.get_one(RoomSitting, 1), "state", "arranged"))
    scene.host.events.publish([])
    assert scene.write(seat_checks.ask, scene.invigilator, scene.room_sitting, {scene.seats["1"]}) == 1
    assert agents["1"].state().check is not None
    assert agents["2"].state().check is None
    assert kit.report(agents["1"], tmp_path) == 200
    assert words(scene) == {"1": "good", "2": "", "3": "", "4": ""}


def test_asking_again_makes_an_old_report_not_count(
    scene: Scene, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    all_pass(agents, tmp_path)
    before = agents["1"].version
    assert scene.write(seat_checks.ask, scene.invigilator, scene.room_sitting, None) == len(agents)
    assert words(scene) == dict.fromkeys(scene.seats, "waiting")
    assert agents["1"].state().version > before  # an agent that missed the push learns of it by heartbeat
    assert refusal(scene) == "seats_not_checked 1、2、3"


@pytest.mark.both_stores
def test_a_report_of_another_round_is_outdated(
    scene: Scene, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    plan = agents["1"].state().check
    assert plan is not None
    made = kit.honest(plan, agents["1"], tmp_path)
    scene.write(seat_checks.ask, scene.invigilator, scene.room_sitting, {scene.seats["1"]})
    answer = agents["1"].post(Route.CHECK, made)
    assert (answer.status_code, answer.get_json()["code"]) == (409, "check_outdated")
    assert agents["2"].post(Route.CHECK, made).get_json()["code"] == "check_outdated"
    assert words(scene)["1"] == "waiting"


def test_a_report_after_the_start_is_outdated(
    scene: Scene, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    plan = agents["4"].state().check
    assert plan is not None
    made = kit.honest(plan, agents["4"], tmp_path)
    for seat in SEATS:
        kit.report(agents[seat], tmp_path)
    scene.start()
    assert agents["4"].post(Route.CHECK, made).get_json()["code"] == "check_outdated"
    with pytest.raises(Refused, match="room_already_started"):
        scene.write(seat_checks.ask, scene.invigilator, scene.room_sitting, None)


def test_a_new_workstation_and_a_swapped_package_have_to_prove_themselves(
    scene: Scene, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    all_pass(agents, tmp_path)
    with scene.host.db.read() as session:
        row = session.get_one(RoomSitting, scene.room_sitting)
        package = seat_checks.in_force(session, scene.room_sitting)
    assert package is not None
    own = scene.workstations["1"]
    ref = seat_checks.ref_of(row, package, own, 0)
    assert ref != seat_checks.ref_of(row, package, own + 100, 0)
    assert ref != seat_checks.ref_of(row, replace(package, stamp="another"), own, 0)

    def pair_anew(session: Session) -> None:
        old = session.get_one(Workstation, own)
        old.active = False
        session.add(
            Workstation(
                seat_id=old.seat_id, public_key=b"-", hostname="new", software="", paired_at=scene.host.now()
            )
        )

    change_rows(scene, pair_anew)
    assert words(scene)["1"] == "waiting"
    change_rows(scene, lambda session: setattr(session.get_one(Package, 1), "released_at", scene.host.now()))
    assert set(words(scene).values()) == {"waiting"}


# --- what is believed -----------------------------------------------------------------------------------
BAD_REPORTS = [
    (kit.saying("journal", Verdict.BAD, "disk_full"), "journal", "disk_full"),
    (kit.saying("package", Verdict.GOOD, "0123456789ab"), "package", "0123456789ab"),
    (kit.saying("label", Verdict.GOOD, "99"), "label", "99"),
    (kit.saying("version", Verdict.GOOD, "0.0.1"), "version", "0.0.1"),
    (kit.without("version"), "version", "missing"),
    (kit.without("space"), "space", "missing"),
    (kit.other_map, "canary", "map"),
    (kit.torn, "canary", "chain"),
    (kit.garbled, "canary", "unreadable"),
    (lambda made: replace(made, canary_answers=()), "canary", "missing"),
    (lambda made: replace(made, canary_answers=("AA==",) * 101), "canary", "unreadable"),
]


@pytest.mark.dear
def test_whatever_the_seat_says_the_server_looks_again(
    scene: Scene, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    for change, name, found in BAD_REPORTS:
        scene.write(seat_checks.ask, scene.invigilator, scene.room_sitting, {scene.seats["1"]})
        assert kit.report(agents["1"], tmp_path, change) == 200
        line = lines(scene)["1"]
        assert line.word == CheckWord.BAD
        assert line.finding == f"bad {line.ref} {name}"
        (bad,) = [result for result in line.results if result.verdict is Verdict.BAD]
        assert found in bad.found


def test_a_seat_with_a_hint_passes(scene: Scene, agents: dict[str, TestAgent], tmp_path: Path) -> None:
    for seat in SEATS:
        kit.report(agents[seat], tmp_path, kit.saying("lockdown", Verdict.LOOK, "none"))
    assert {words(scene)[seat] for seat in SEATS} == {"look"}
    assert refusal(scene) == ""


@pytest.mark.parametrize(
    ("found", "wanted", "verdict"),
    [
        ("0.1.0", "0.1.0", Verdict.GOOD),
        ("0.0.9", "0.1.0", Verdict.BAD),
        ("0.1.0", "0.10.0", Verdict.BAD),
        ("0.1.1", "0.1.0", Verdict.LOOK),
        ("0.1", "0.1.0", Verdict.LOOK),
        ("test", "0.1.0", Verdict.BAD),
        ("", "0.1.0", Verdict.BAD),
    ],
)
def test_versions_of_agent_and_server(found: str, wanted: str, verdict: Verdict) -> None:
    assert version_verdict(found, wanted) is verdict


def test_a_later_report_replaces_the_one_before(
    scene: Scene, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    kit.report(agents["1"], tmp_path, kit.saying("space", Verdict.BAD, "3 MiB"))
    scene.write(seat_checks.ask, scene.invigilator, scene.room_sitting, {scene.seats["1"]})
    assert kit.report(agents["1"], tmp_path) == 200
    assert words(scene)["1"] == "good"
    with scene.host.db.read() as session:
        assert session.query(SeatCheck).count() == 1
