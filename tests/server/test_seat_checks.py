"""Self-checks before the bell: who is asked, what is believed, and what keeps a room closed."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from exam_rooms.kiosk_messages import CheckReport, CheckResult, Verdict
from exam_rooms.protocol import Route
from server.access import Actor
from server.db.checks import SeatCheck
from server.db.papers import Package
from server.db.record import AuditEntry
from server.db.rooms import Workstation
from server.db.sittings import Attempt, RoomSitting
from server.errors import Forbidden, Refused
from server.host import Host
from server.rules.check_findings import version_verdict
from server.services import check_gate, commands, seat_checks
from server.services.check_gate import CheckLine, CheckWord
from server.services.signed import Signed
from tests.server import check_kit as kit
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene

SEATS = ("1", "2", "3")
NOTHING = Signed(Actor(None, "nobody"))


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


def lines(scene: Scene) -> dict[str, CheckLine]:
    with scene.host.db.read() as session:
        found = check_gate.lines(session, scene.room_sitting, now=scene.host.now())
    return {line.number: line for line in found}


def words(scene: Scene) -> dict[str, str]:
    return {number: str(line.word) for number, line in lines(scene).items()}


def all_pass(agents: dict[str, TestAgent], folder: Path) -> None:
    for agent in agents.values():
        assert kit.report(agent, folder) == 200


def change_rows(scene: Scene, change: Callable[[Session], Any]) -> None:
    scene.host.db.write(change)


def overrule(scene: Scene, reason: str, *seats: str, actor: Actor | None = None) -> int:
    """The chief (or somebody else) overrules what is found now at seats (numbers)."""
    found = lines(scene)
    chosen = {found[seat].seat: found[seat].finding for seat in seats}
    signed = Signed(actor or scene.chief, reason)
    return int(scene.write(check_gate.overrule, signed, scene.room_sitting, chosen))


def refusal(scene: Scene) -> str:
    """Why the room does not start, "" when it did."""
    try:
        scene.start()
    except Refused as refused:
        return f"{refused.code} {refused.params.get('seats', '')}".strip()
    return ""


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


# --- the gate ---------------------------------------------------------------------------------------------


def test_a_report_counts_for_the_policys_time(
    scene: Scene, agents: dict[str, TestAgent], tmp_path: Path, machine: Machine
) -> None:
    kit.require_checks(scene, max_age_minutes=60)
    all_pass(agents, tmp_path)
    machine.advance(minutes=60)
    assert set(words(scene).values()) == {"good"}
    machine.advance(seconds=1)
    assert set(words(scene).values()) == {"old"}
    assert refusal(scene) == "seats_not_checked 1、2、3"
    assert overrule(scene, "known", *SEATS) == 3
    assert refusal(scene) == ""


def test_an_absent_candidates_seat_and_a_spare_one_keep_nobody_waiting(
    scene: Scene, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    kit.report(agents["1"], tmp_path)
    kit.report(agents["2"], tmp_path)
    kit.report(agents["4"], tmp_path, kit.other_map)
    assert refusal(scene) == "seats_not_checked 3"
    change_rows(scene, lambda session: setattr(session.get_one(Attempt, 3), "state", "absent"))
    assert refusal(scene) == ""


def test_a_candidate_moved_to_a_spare_seat_is_judged_by_the_spare_seats_check(
    scene: Scene, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    kit.report(agents["1"], tmp_path, kit.other_map)
    for seat in ("2", "3", "4"):
        kit.report(agents[seat], tmp_path)
    assert refusal(scene) == "seats_not_checked 1"
    agents["1"].enter()
    scene.write(commands.move_seat, scene.attempts["1"], scene.seats["4"], scene.signed())
    assert refusal(scene) == ""


def test_where_checks_are_not_required_nothing_blocks(scene: Scene) -> None:
    kit.require_checks(scene, required=False)
    assert refusal(scene) == ""


@pytest.mark.both_stores
def test_the_chief_overrules_with_a_reason_and_only_these_findings(
    scene: Scene, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    kit.report(agents["1"], tmp_path)
    kit.report(agents["2"], tmp_path, kit.other_map)
    with pytest.raises(Forbidden):
        overrule(scene, "because", "2", actor=scene.invigilator)
    with pytest.raises(Refused, match="reason_missing"):
        overrule(scene, "  ", "2")
    with pytest.raises(Refused, match="no_check_chosen"):
        overrule(scene, "nobody")
    assert overrule(scene, "no spare seat", "2", "3") == 2
    found = lines(scene)
    assert [found[seat].overruled for seat in SEATS] == [False, True, True]
    with pytest.raises(Refused, match="no_check_blocks"):
        overrule(scene, "again", "2")
    kit.report(agents["3"], tmp_path, kit.saying("space", Verdict.BAD, "0 MiB"))  # another finding there
    assert refusal(scene) == "seats_not_checked 3"
    assert overrule(scene, "small disk", "3") == 1
    assert refusal(scene) == ""
    with scene.host.db.read() as session:
        acts = check_gate.overruled(session, scene.room_sitting)
        told = session.query(AuditEntry).filter_by(act="checks_overruled").count()
    assert [(act.reason, act.seats) for act in acts] == [
        ("small disk", ("3",)),
        ("no spare seat", ("2", "3")),
    ]
    assert acts[0].by == scene.chief.name
    assert told == 2


def test_nobody_overrules_before_a_check_was_asked_for(scene: Scene, agents: dict[str, TestAgent]) -> None:
    change_rows(scene, lambda session: setattr(session.get_one(RoomSitting, 1), "state", "arranged"))
    assert [line.overrulable for line in lines(scene).values()] == [False] * 4
    with pytest.raises(Refused, match="check_not_asked"):
        overrule(scene, "early", *SEATS)
    scene.write(seat_checks.ask, scene.invigilator, scene.room_sitting, {scene.seats["1"]})
    with pytest.raises(Refused, match="check_changed") as refused:
        overrule(scene, "early", *SEATS)
    assert refused.value.params["seats"] == "2、3"


def test_only_the_chosen_seats_are_let_through(
    scene: Scene, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    kit.report(agents["1"], tmp_path, kit.other_map)
    assert overrule(scene, "disk is being swapped", "3") == 1
    assert refusal(scene) == "seats_not_checked 1、2"


def test_a_new_round_or_another_kind_of_silence_blocks_again(
    scene: Scene, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    assert overrule(scene, "switched off", *SEATS) == 3
    change_rows(
        scene,
        lambda session: setattr(session.get_one(Workstation, scene.workstations["3"]), "active", False),
    )
    assert words(scene)["3"] == "unpaired"
    scene.write(seat_checks.ask, scene.invigilator, scene.room_sitting, {scene.seats["1"]})
    assert words(scene)["1"] == "waiting"
    assert refusal(scene) == "seats_not_checked 1、3"


def test_a_bad_finding_of_the_next_round_blocks_though_it_is_the_same(
    scene: Scene, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    for seat in SEATS:
        kit.report(agents[seat], tmp_path, kit.other_map)
    assert overrule(scene, "no spare seat", *SEATS) == 3
    scene.write(seat_checks.ask, scene.invigilator, scene.room_sitting, {scene.seats["2"]})
    kit.report(agents["2"], tmp_path, kit.other_map)
    assert refusal(scene) == "seats_not_checked 2"


def test_the_chief_overrules_what_was_read_not_what_came_after(
    scene: Scene, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    read = lines(scene)["1"]
    kit.report(agents["1"], tmp_path, kit.other_map)
    with pytest.raises(Refused, match="check_changed"):
        chosen = {read.seat: read.finding}
        scene.write(check_gate.overrule, Signed(scene.chief, "off"), scene.room_sitting, chosen)
    assert not lines(scene)["1"].overruled


def old_agent(made: CheckReport) -> CheckReport:
    """What an agent says that is too old for the canary paper and for a check of today."""
    late = CheckResult("canary", Verdict.BAD, "package_needs_newer")
    results = [
        CheckResult("version", Verdict.BAD, "0.0.1") if r.name == "version" else r for r in made.results
    ]
    kept = tuple(late if r.name == "canary" else r for r in results if r.name != "space")
    return replace(made, results=kept, canary_answers=())


def test_of_an_old_agent_its_version_is_the_cause_and_no_broken_chain(
    scene: Scene, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    kit.report(agents["1"], tmp_path, old_agent)
    line = lines(scene)["1"]
    assert [(str(cause.name), cause.found) for cause in line.causes] == [("version", "0.0.1")]
    assert {r.name: r.found for r in line.results}["canary"] == "package_needs_newer"
    assert "canary" in line.finding
    kit.report(agents["2"], tmp_path, kit.saying("journal", Verdict.BAD, "disk_full"))
    assert [str(cause.name) for cause in lines(scene)["2"].causes] == ["journal"]


def test_an_overruled_missing_report_that_turns_out_good_stays_good(
    scene: Scene, agents: dict[str, TestAgent], tmp_path: Path
) -> None:
    overrule(scene, "switched off", "1")
    kit.report(agents["1"], tmp_path)
    assert lines(scene)["1"].word == CheckWord.GOOD
    assert not lines(scene)["1"].overruled


def test_after_the_start_the_last_results_are_still_shown(
    scene: Scene, agents: dict[str, TestAgent], tmp_path: Path, machine: Machine
) -> None:
    all_pass(agents, tmp_path)
    scene.start()
    machine.advance(hours=3)
    assert set(words(scene).values()) == {"good"}
    assert lines(scene)["1"].reported_at == scene.host.now() - timedelta(hours=3)
