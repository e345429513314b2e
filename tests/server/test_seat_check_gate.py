"""Self-checks before the bell: what keeps a room closed, and who overrules it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask

from exam_rooms.kiosk_messages import CheckReport, CheckResult, Verdict
from server.access import Actor
from server.db.record import AuditEntry
from server.db.rooms import Workstation
from server.db.sittings import Attempt, RoomSitting
from server.errors import Forbidden, Refused
from server.host import Host
from server.services import check_gate, commands, seat_checks
from server.services.check_gate import CheckWord
from server.services.signed import Signed
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


def overrule(scene: Scene, reason: str, *seats: str, actor: Actor | None = None) -> int:
    """The chief (or somebody else) overrules what is found now at seats (numbers)."""
    found = lines(scene)
    chosen = {found[seat].seat: found[seat].finding for seat in seats}
    signed = Signed(actor or scene.chief, reason)
    return int(scene.write(check_gate.overrule, signed, scene.room_sitting, chosen))


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


@pytest.mark.dear
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
