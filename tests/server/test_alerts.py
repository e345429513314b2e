"""Episodes of a seat's camera: one alert each, at the right moment and seat, waiting for a person."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask

from exam_rooms.incidents import Severity, severity
from exam_rooms.protocol import RecordKind, Route
from exam_rooms.watching import CAMERA_KINDS
from server.access import Actor
from server.db.sittings import Incident
from server.events import Activity
from server.host import Host
from server.services import alerts, attempts, commands, evidence, incidents
from server.services.incidents import Handling
from server.services.steady import Reading, keep_anchor
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.smart_kit import BOOT_ID, CameraAgent, agent_of, answering, equip, jpeg, note, sha

SECOND = 1_000_000_000
OTHER = "fedcba9876543210"


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return equip(make_scene(host, person_as))


@pytest.fixture
def agent(app: Flask, scene: Scene, machine: Machine) -> CameraAgent:
    return answering(app, scene, machine, "1")[0]


@pytest.fixture
def told(host: Host) -> list[Activity]:
    lines: list[Activity] = []
    host.events.subscribe(Activity, lines.append)
    return lines


def raised(host: Host) -> list[Incident]:
    with host.db.read() as session:
        return session.query(Incident).order_by(Incident.id).all()


def close_to(one, other) -> bool:
    return abs(one - other) < timedelta(milliseconds=5)


@pytest.mark.both_stores
def test_an_alert_is_an_incident_at_its_seat_since_its_cause(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine, told: list[Activity]
) -> None:
    seen = note(faces=0, persons=0)
    agent.taken(Route.ALERT, agent.alert(note=seen))
    (row,) = raised(host)
    assert (row.kind, row.state, row.severity) == ("NO_FACE", "raised", 3)
    assert (row.seat_id, row.attempt_id) == (scene.seats["1"], agent.attempt)
    assert close_to(row.first_at, machine.wall - timedelta(seconds=8))
    assert close_to(row.last_at, machine.wall)
    assert row.details["scores"] == {"persons": 0.0}
    assert row.details["models"] == {"detect": "detector 1"}
    assert row.details["note"]["persons"] == 0
    (line,) = told
    assert (line.code, line.incident, dict(line.params)) == ("incident_no_face", row.id, {"seat": "1"})


@pytest.mark.both_stores
def test_the_same_alert_again_changes_nothing_but_may_bring_pictures(
    agent: CameraAgent, host: Host, machine: Machine, told: list[Activity]
) -> None:
    asked = agent.alert()
    agent.taken(Route.ALERT, asked)
    before = raised(host)[0].details
    machine.advance(seconds=3)
    after = agent.alert(
        since_ns=asked.since_ns, boot_ns=asked.boot_ns, frames=(agent.frame(jpeg(), "after"),)
    )
    assert agent.taken(Route.ALERT, after).wanted == (sha(jpeg()),)
    assert agent.taken(Route.ALERT, after).wanted == (sha(jpeg()),)
    (row,) = raised(host)
    assert (row.details, len(told)) == (before, 1)


def test_an_alert_waits_for_a_person_when_its_cause_is_gone(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine
) -> None:
    agent.taken(Route.ALERT, agent.alert())
    machine.advance(seconds=20)
    end = agent.alert(closed=True, since_ns=agent.boot_ns() - 3 * SECOND)
    for _ in range(2):
        agent.taken(Route.ALERT, end)
    (row,) = raised(host)
    assert (row.state, row.details["count"]) == ("raised", 1)
    assert row.details["episodes"] == {"0123456789abcdef": "closed"}
    ended = machine.wall - timedelta(seconds=3)
    assert row.details["ended_at"][:19] == ended.isoformat()[:19]
    with host.db.read() as session:
        assert [each.id for each in incidents.open_incidents(session, scene.room_sitting)] == [row.id]


@pytest.mark.dear
def test_a_warning_clears_by_itself_and_an_alert_does_not(agent: CameraAgent, host: Host) -> None:
    for kind in CAMERA_KINDS:
        agent.taken(Route.ALERT, agent.alert(kind=str(kind)))
        agent.taken(Route.ALERT, agent.alert(kind=str(kind), closed=True, since_ns=agent.boot_ns()))
    cleared = {row.kind for row in raised(host) if row.state == "cleared"}
    amber = {str(kind) for kind in CAMERA_KINDS if severity(kind) < Severity.ALERT}
    assert {"DARK", "FROZEN", "TURNED_AWAY", "PHONE_HINT"} <= amber
    assert (cleared, len(raised(host))) == (amber, len(CAMERA_KINDS))


def test_a_new_episode_joins_the_incident_that_still_waits(
    agent: CameraAgent, host: Host, machine: Machine, told: list[Activity]
) -> None:
    agent.taken(Route.ALERT, agent.alert(frames=(agent.frame(jpeg(1), "at"),)))
    agent.taken(Route.ALERT, agent.alert(closed=True, since_ns=agent.boot_ns()))
    machine.advance(minutes=20)
    agent.taken(Route.ALERT, agent.alert(episode=OTHER, frames=(agent.frame(jpeg(2), "at"),)))
    (row,) = raised(host)
    assert (row.details["count"], row.episode, "ended_at" in row.details) == (2, OTHER, False)
    assert row.details["episodes"] == {"0123456789abcdef": "closed", OTHER: "open"}
    with host.db.read() as session:
        assert len(evidence.frames_of(session, incident_id=row.id)) == 2
    assert len(told) == 1


@pytest.mark.parametrize("outcome", ["dismissed", "recorded"])
def test_after_a_person_decided_a_new_episode_is_a_new_incident(
    agent: CameraAgent, host: Host, scene: Scene, told: list[Activity], outcome: str
) -> None:
    asked = agent.alert()
    agent.taken(Route.ALERT, asked)
    scene.write(incidents.handle, scene.invigilator, raised(host)[0].id, Handling(outcome, "looked"))
    agent.taken(Route.ALERT, asked)
    agent.taken(Route.ALERT, agent.alert(closed=True, since_ns=agent.boot_ns()))
    assert [row.state for row in raised(host)] == [outcome]
    agent.taken(Route.ALERT, agent.alert(episode=OTHER))
    assert [row.state for row in raised(host)] == [outcome, "raised"]


@pytest.mark.both_stores
def test_after_an_acknowledgement_people_are_called_again(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine, told: list[Activity]
) -> None:
    agent.taken(Route.ALERT, agent.alert())
    scene.write(incidents.handle, scene.invigilator, raised(host)[0].id, Handling("acknowledged"))
    told.clear()
    agent.taken(Route.ALERT, agent.alert(frames=(agent.frame(jpeg(1), "after"),)))  # the same one
    agent.taken(Route.ALERT, agent.alert(closed=True, since_ns=agent.boot_ns()))
    assert (raised(host)[0].state, told) == ("acknowledged", [])
    machine.advance(minutes=40)
    agent.taken(Route.ALERT, agent.alert(episode=OTHER))
    (row,) = raised(host)
    assert (row.state, row.handled_at, row.handled_by, row.details["count"]) == ("raised", None, None, 2)
    assert [(line.code, line.incident) for line in told] == [("incident_no_face", row.id)]


@pytest.mark.both_stores
def test_an_episode_that_a_crash_forgot_is_over_when_another_of_its_kind_begins(
    agent: CameraAgent, host: Host, machine: Machine
) -> None:
    agent.taken(Route.ALERT, agent.alert())
    agent.taken(Route.ALERT, agent.alert(kind="MULTI_FACE", episode="a" * 16))
    machine.advance(minutes=5)
    agent.taken(Route.ALERT, agent.alert(episode=OTHER))
    assert raised(host)[0].details["episodes"] == {"0123456789abcdef": "over", OTHER: "open"}
    assert raised(host)[1].details["episodes"] == {"a" * 16: "open"}  # of another kind
    machine.advance(minutes=1)
    agent.taken(Route.ALERT, agent.alert(episode=OTHER, closed=True, since_ns=agent.boot_ns()))
    ended = raised(host)[0].details["ended_at"]
    assert ended[:19] == machine.wall.isoformat()[:19]
    agent.taken(Route.ALERT, agent.alert(closed=True, since_ns=agent.boot_ns() - 90 * SECOND))
    assert raised(host)[0].details["ended_at"] == ended  # the last one ended last


def test_a_forgotten_warning_does_not_keep_the_next_from_clearing(
    agent: CameraAgent, host: Host, machine: Machine
) -> None:
    agent.taken(Route.ALERT, agent.alert(kind="DARK"))
    machine.advance(minutes=5)
    agent.taken(Route.ALERT, agent.alert(kind="DARK", episode=OTHER))
    assert [row.state for row in raised(host)] == ["raised"]
    agent.taken(Route.ALERT, agent.alert(kind="DARK", episode=OTHER, closed=True, since_ns=agent.boot_ns()))
    assert [row.state for row in raised(host)] == ["cleared"]


@pytest.mark.parametrize("way", ["move", "end", "submit", "end_room", "time_over"])
def test_what_a_camera_left_open_is_over_when_the_candidate_leaves(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine, way: str
) -> None:
    agent.taken(Route.ALERT, agent.alert())
    machine.advance(minutes=5)
    left = host.now()
    if way == "move":
        scene.write(commands.move_seat, agent.attempt, scene.seats["4"], scene.signed())
    elif way == "end":
        scene.write(commands.end_seat, agent.attempt, scene.signed())
    elif way == "submit":
        machine.advance(minutes=30)
        left = host.now()
        agent.open_session()
        agent.open_journal(agent.attempt)
        agent.write(RecordKind.SUBMIT)
        assert agent.sent().refused == ()
    elif way == "end_room":
        scene.write(commands.end_room, scene.room_sitting, scene.signed())
    else:
        left = scene.starts_at + timedelta(minutes=90)
        machine.advance(minutes=200)
        scene.write(attempts.close_overdue, scene.room_sitting)
    (row,) = raised(host)
    assert (row.state, row.details["episodes"]) == ("raised", {"0123456789abcdef": "over"})
    assert row.details["ended_at"] == left.isoformat()
    agent.open_session()
    gone = agent.boot_ns() - int((machine.wall - left).total_seconds() + 30) * SECOND
    agent.taken(Route.ALERT, agent.alert(closed=True, since_ns=gone))  # its own word stands instead
    assert raised(host)[0].details["ended_at"][:19] == (left - timedelta(seconds=30)).isoformat()[:19]


def test_different_causes_are_different_incidents(agent: CameraAgent, host: Host) -> None:
    agent.taken(Route.ALERT, agent.alert())
    agent.taken(Route.ALERT, agent.alert(episode=OTHER, kind="MULTI_FACE"))
    assert [row.kind for row in raised(host)] == ["NO_FACE", "MULTI_FACE"]


def test_an_end_without_a_beginning_is_both(agent: CameraAgent, host: Host) -> None:
    agent.taken(Route.ALERT, agent.alert(closed=True))
    (row,) = raised(host)
    assert row.details["episodes"] == {"0123456789abcdef": "closed"}
    assert "ended_at" in row.details


# --- when and where ----------------------------------------------------------------------------------


def test_stamps_lie_in_the_past_even_when_an_agent_says_otherwise(
    agent: CameraAgent, host: Host, machine: Machine
) -> None:
    now = agent.boot_ns()
    for number, (since, at) in enumerate([(10**15, 10**15), (-5, -1), (2**63 - 1, 2**63 - 1), (0, now)]):
        agent.taken(
            Route.ALERT, agent.alert(episode=f"{number:016x}", since_ns=since, boot_ns=at, kind="DARK")
        )
    for row in raised(host):
        assert row.first_at <= row.last_at <= machine.wall


def test_news_of_an_outage_comes_late_but_tells_the_truth(
    agent: CameraAgent, host: Host, machine: Machine
) -> None:
    asked = agent.alert()
    machine.advance(minutes=20)
    agent.taken(Route.ALERT, asked)
    assert close_to(raised(host)[0].first_at, machine.wall - timedelta(minutes=20, seconds=8))


def test_a_boot_that_was_never_heard_is_placed_now(agent: CameraAgent, host: Host, machine: Machine) -> None:
    agent.taken(Route.ALERT, agent.alert(boot_id="another"))
    (row,) = raised(host)
    assert (row.first_at, row.last_at) == (machine.wall, machine.wall)


def test_a_candidate_who_moved_is_still_told_of_by_the_old_seat(
    app: Flask, agent: CameraAgent, host: Host, scene: Scene, machine: Machine
) -> None:
    asked = agent.alert()
    scene.write(commands.move_seat, agent.attempt, scene.seats["4"], scene.signed())
    agent.taken(Route.ALERT, asked)
    moved = CameraAgent(app, scene, "4")
    moved.open_session()
    moved.attempt = agent.attempt
    moved.taken(Route.ALERT, moved.alert(episode=OTHER))
    assert [row.seat_id for row in raised(host)] == [scene.seats["1"], scene.seats["4"]]
    stranger = CameraAgent(app, scene, "2")
    stranger.open_session()
    stranger.attempt = agent.attempt
    assert stranger.refused(Route.ALERT, stranger.alert()) == (403, "attempt_not_here")
    stranger.attempt = 10_000
    assert stranger.refused(Route.ALERT, stranger.alert()) == (404, "not_found")


@pytest.mark.both_stores
def test_what_was_seen_when_the_candidate_was_not_there_is_refused(
    app: Flask, agent: CameraAgent, host: Host, scene: Scene, machine: Machine
) -> None:
    before = agent.boot_ns()
    machine.advance(minutes=5)
    agent.taken(Route.ALERT, agent.alert())
    scene.write(commands.move_seat, agent.attempt, scene.seats["4"], scene.signed())
    left = host.now()
    moved = CameraAgent(app, scene, "4")
    moved.open_session()
    moved.attempt = agent.attempt
    moved.beat()
    machine.advance(minutes=60)
    agent.open_session()
    moved.open_session()
    late = agent.alert(episode=OTHER, kind="FACE_MISMATCH")
    assert agent.refused(Route.ALERT, late) == (403, "seen_at_another_seat")
    early = moved.alert(episode=OTHER, boot_ns=before)
    assert moved.refused(Route.ALERT, early) == (403, "seen_at_another_seat")
    assert moved.refused(Route.ALERT, moved.alert(episode=OTHER, boot_ns=1)) == (403, "seen_before_consent")
    assert agent.refused(Route.CAPTURE, agent.capture()) == (403, "seen_at_another_seat")
    agent.taken(Route.ALERT, agent.alert(closed=True, since_ns=agent.boot_ns()))  # it heard of it late
    (row,) = raised(host)
    assert row.details["ended_at"] == left.isoformat()
    moved.taken(Route.ALERT, moved.alert(episode=OTHER))
    moved.taken(Route.CAPTURE, moved.capture())


@pytest.mark.parametrize(("seconds", "status"), [(1, 200), (1.1, 403)])
def test_a_stamp_may_be_off_by_a_messages_way(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine, seconds: float, status: int
) -> None:
    scene.write(commands.move_seat, agent.attempt, scene.seats["4"], scene.signed())
    machine.advance(seconds=seconds)
    assert agent.post(Route.ALERT, agent.alert()).status_code == status


def test_not_before_the_paper_is_open(app: Flask, host: Host, scene: Scene) -> None:
    agent = CameraAgent(app, scene, "1")
    agent.wait()
    assert agent.refused(Route.ALERT, agent.alert()) == (409, "alert_not_now")
    assert raised(host) == []


IMPOSSIBLE: tuple[dict[str, object], ...] = (
    {"kind": "LINK_LOST"},  # not a camera's
    {"kind": "AGENT_DISAGREES"},
    {"kind": "no_face"},
    {"episode": "0123456"},
    {"episode": "x" * 16},
    {"episode": "a" * 33},
    {"scores": {"similarity": float("nan")}},
    {"scores": {str(number): 0.0 for number in range(17)}},
    {"models": {"detect": "m" * 61}},
    {"note": note(persons=5)},
    {"note": note(yaw=float("nan"))},
    {"note": note(objects={"phone": float("inf")})},
    {"note": note(objects={f"thing {number}": 0.5 for number in range(40)})},
)


def test_what_cannot_be_true_is_refused(agent: CameraAgent, host: Host) -> None:
    answers = [agent.refused(Route.ALERT, agent.alert(**changed)) for changed in IMPOSSIBLE]
    assert answers == [(400, "message_malformed")] * len(IMPOSSIBLE)
    assert raised(host) == []


# --- how soon ----------------------------------------------------------------------------------------


def test_the_cause_is_told_only_by_the_same_machine(
    agent: CameraAgent, scene: Scene, host: Host, told: list[Activity]
) -> None:
    here = Reading(host.now(), agent.boot_ns(), BOOT_ID)
    host.db.write(keep_anchor, here)
    for kind, boot_id, ahead in (("DARK", BOOT_ID, 0), ("FROZEN", BOOT_ID, 1), ("NO_FACE", "another", 0)):
        asked = agent.alert(kind=kind, boot_id=boot_id, boot_ns=here.boot_ns + ahead)
        scene.write(alerts.take_alert, agent_of(scene, "1"), asked, boot_ns=here.boot_ns)
    assert [line.cause_ns for line in told] == [here.boot_ns, 0, 0]
