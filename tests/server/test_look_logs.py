"""The log of looks: sealed and taken once, opened by a replay alone, gone with its time or the consent."""

import base64
import json
import secrets
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Flask

from exam_rooms.look_log import MOST_LOOKS, MOST_PACKED, LoggedLook, pack
from exam_rooms.protocol import Route
from exam_rooms.watch_messages import LookLog
from exam_rooms.watching import ObservationNote
from server.access import Actor
from server.cli import proctoring as command
from server.db.look_logs import LookBatch
from server.db.record import AuditEntry
from server.db.sittings import Attempt, Batch
from server.host import Host
from server.services import look_logs, look_replay, retention
from server.services.audit import sitting_stream
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.smart_kit import BOOT_ID, CameraAgent, answering, equip, note, rules

SECOND = 1_000_000_000


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return equip(make_scene(host, person_as))


@pytest.fixture
def agents(app: Flask, scene: Scene, machine: Machine) -> list[CameraAgent]:
    made = answering(app, scene, machine, "12")
    machine.advance(minutes=5)
    return made


@pytest.fixture
def agent(agents: list[CameraAgent]) -> CameraAgent:
    return agents[0]


def here(persons: int = 1, **said: Any) -> ObservationNote:
    return note(faces=persons, persons=persons, **said)


def batch(agent: CameraAgent, looks: list[ObservationNote | None], ago: int = 120, **changed: Any) -> LookLog:
    """A look a second, the first of them so many seconds ago."""
    first = agent.boot_ns() // 1_000_000 - ago * 1000
    kept = [LoggedLook(first + 1000 * place, look) for place, look in enumerate(looks)]
    told: dict[str, Any] = {
        "attempt": agent.attempt,
        "batch": secrets.token_hex(16),
        "boot_id": BOOT_ID,
        "since_ns": kept[0].at_ms * 1_000_000,
        "until_ns": kept[-1].at_ms * 1_000_000,
        "count": len(kept),
        "body": base64.b64encode(pack(kept)).decode(),
    }
    return LookLog(**(told | changed))


def rows(host: Host) -> list[LookBatch]:
    with host.db.read() as session:
        return session.query(LookBatch).order_by(LookBatch.id).all()


def replayed(scene: Scene, **changed: Any) -> list[look_replay.SeatReplay]:
    with scene.host.db.read() as session:
        asked = replace(look_replay.rules_here(session, scene.room_sitting), **changed)
        return look_replay.replayed(session, scene.room_sitting, asked)


# --- in ----------------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_a_batch_is_kept_sealed_and_once(
    agent: CameraAgent, host: Host, machine: Machine, scene: Scene
) -> None:
    asked = batch(agent, [here(similarity=0.71)] * 60)
    for _ in range(2):
        assert agent.taken(Route.LOOKS, asked).wanted == ()
    (row,) = rows(host)
    assert (row.looks, row.name, row.seat_id, row.boot_id) == (60, asked.batch, scene.seats["1"], BOOT_ID)
    assert abs((machine.wall - row.since_at).total_seconds() - 120) < 1
    assert (row.keep_until - machine.wall).days == rules(scene).keep_days
    packed = base64.b64decode(asked.body)
    assert row.sealed is not None and packed not in row.sealed and packed[10:30] not in row.sealed
    with host.db.read() as session:
        (kept,) = look_logs.looks_of(session, scene.room_sitting)
    assert (kept.seat, kept.attempt, len(kept.looks)) == ("1", agent.attempt, 60)
    assert kept.looks[0].note == here(similarity=0.71)


def test_without_consent_there_is_no_log(app: Flask, scene: Scene, machine: Machine, host: Host) -> None:
    (agent,) = answering(app, scene, machine, "1", refusing="1")
    assert agent.refused(Route.LOOKS, batch(agent, [here()])) == (403, "no_face_consent")
    assert rows(host) == []


def test_a_policy_without_a_log_takes_none(agent: CameraAgent, host: Host) -> None:
    def off(session) -> None:
        frozen = session.get_one(Batch, 1)
        frozen.policy = frozen.policy | {"watching": frozen.policy["watching"] | {"log_seconds": 0.0}}

    host.db.write(off)
    assert agent.refused(Route.LOOKS, batch(agent, [here()])) == (409, "look_log_not_asked")


def test_looks_from_before_the_consent_are_not_taken(
    agent: CameraAgent, host: Host, machine: Machine
) -> None:
    assert agent.refused(Route.LOOKS, batch(agent, [here()], ago=1500)) == (403, "seen_before_consent")
    assert rows(host) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"count": 0},
        {"count": MOST_LOOKS + 1},
        {"since_ns": -1},
        {"since_ns": 2**62, "until_ns": 2**62},
        {"until_ns": 0},
        {"body": "no base64!"},
        {"body": "A" * (MOST_PACKED * 4 // 3 + 8)},
        {"batch": "../../etc"},
        {"batch": ""},
    ],
)
def test_what_is_no_batch_is_refused(agent: CameraAgent, host: Host, changed: dict[str, Any]) -> None:
    assert agent.refused(Route.LOOKS, batch(agent, [here()], **changed)) == (400, "message_malformed")
    assert rows(host) == []


def test_another_seat_cannot_speak_of_this_attempt(agents: list[CameraAgent]) -> None:
    asked = replace(batch(agents[1], [here()]), attempt=agents[0].attempt)
    assert agents[1].refused(Route.LOOKS, asked) == (403, "attempt_not_here")


def test_a_seat_cannot_fill_the_store_with_its_log(
    agent: CameraAgent, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_logs, "MOST_BATCHES", 2)
    first, second = (batch(agent, [here()] * 3) for _ in range(2))
    for asked in (first, second, first):
        agent.taken(Route.LOOKS, asked)
    assert agent.refused(Route.LOOKS, batch(agent, [here()] * 3)) == (409, "look_log_full")
    assert len(rows(host)) == 2


def test_a_batch_that_began_before_the_consent_is_not_taken(agent: CameraAgent, host: Host) -> None:
    looks = [here()] * 900
    assert agent.refused(Route.LOOKS, batch(agent, looks, ago=1500)) == (403, "seen_before_consent")
    now = agent.boot_ns()
    asked = batch(agent, looks, ago=1500, until_ns=now)
    assert agent.refused(Route.LOOKS, asked) == (403, "seen_before_consent")
    assert rows(host) == []


# --- replayed ----------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_a_replay_stands_beside_what_was_raised(agents: list[CameraAgent], scene: Scene) -> None:
    """Twelve empty seconds are one alert by the rules of the time, and none by slower ones."""
    one, two = agents
    looks = [here()] * 10 + [here(0)] * 12 + [here()] * 20
    one.taken(Route.LOOKS, batch(one, looks[:15], ago=100))
    one.taken(Route.LOOKS, batch(one, looks[15:], ago=85))
    one.taken(Route.ALERT, one.alert())
    two.taken(Route.LOOKS, batch(two, [here(similarity=0.8)] * 30))
    (first, second) = replayed(scene)
    assert (first.seat, first.looks, second.seat, second.looks) == ("1", 42, "2", 30)
    assert first.kinds == {"NO_FACE": look_replay.Counts(raised=1, would=1)} and second.kinds == {}
    (episode,) = first.episodes
    assert (episode.kind, episode.seconds, episode.scores["persons"]) == ("NO_FACE", 12.0, 0.0)
    assert {"TURNED_AWAY", "LIVENESS_DOUBT", "PHONE_HINT"} <= set(first.blind)
    assert "FACE_MISMATCH" in first.blind and "FACE_MISMATCH" not in second.blind
    slower = tuple(replace(each, hold_seconds=13.0) for each in rules(scene).episodes)
    assert replayed(scene, episodes=slower)[0].kinds == {"NO_FACE": look_replay.Counts(raised=1, would=0)}


def test_an_episode_is_placed_on_the_servers_clock(
    agent: CameraAgent, scene: Scene, machine: Machine
) -> None:
    agent.taken(Route.LOOKS, batch(agent, [here()] * 10 + [here(0)] * 20, ago=60))
    (episode,) = replayed(scene)[0].episodes
    assert episode.seconds is None
    assert abs((machine.wall - episode.since).total_seconds() - 50) < 1


def test_a_machine_started_anew_begins_anew(agent: CameraAgent, scene: Scene) -> None:
    """Eight empty seconds in one boot and eight in the next are not sixteen."""
    agent.taken(Route.LOOKS, batch(agent, [here(0)] * 7, ago=100))
    agent.boot_id = "b00t0000-0000-4000-8000-000000000001"
    agent.beat()
    agent.taken(Route.LOOKS, batch(agent, [here(0)] * 7, ago=50, boot_id=agent.boot_id))
    (found,) = replayed(scene)
    assert (found.looks, found.kinds) == (14, {})


def test_a_damaged_batch_is_passed_over(agent: CameraAgent, scene: Scene, host: Host) -> None:
    agent.taken(Route.LOOKS, batch(agent, [here(0)] * 20, ago=100, body=base64.b64encode(b"junk").decode()))
    deep = base64.b64encode(zlib.compress(b"[" * 500_000)).decode()
    agent.taken(Route.LOOKS, batch(agent, [here(0)] * 20, ago=90, body=deep))
    agent.taken(Route.LOOKS, batch(agent, [here(0)] * 20, ago=80, count=19))
    late = batch(agent, [here(0)] * 20, ago=70)
    agent.taken(Route.LOOKS, replace(late, until_ns=late.since_ns))
    agent.taken(Route.LOOKS, batch(agent, [here(0)] * 20, ago=60))

    def spoil(session) -> None:
        session.query(LookBatch).order_by(LookBatch.id.desc()).first().sealed = b"damaged"

    host.db.write(spoil)
    agent.taken(Route.LOOKS, batch(agent, [here(0)] * 20, ago=30))
    (found,) = replayed(scene)
    assert found.looks == 20


def test_the_command_tells_what_other_settings_would_have_raised(
    agent: CameraAgent, scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def opened(*, writes: bool) -> Iterator[Host]:
        assert not writes
        yield scene.host

    monkeypatch.setattr(command, "opened", opened)

    def run(*words: object) -> Result:
        return CliRunner().invoke(command.proctoring, ["replay", *map(str, words)])

    agent.taken(Route.LOOKS, batch(agent, [here()] * 10 + [here(0)] * 12 + [here()] * 20))
    agent.taken(Route.ALERT, agent.alert())
    told = json.loads(run(scene.room_sitting, "--json").output)
    assert told["kinds"] == {"NO_FACE": {"raised": 1, "would": 1}} and told["looks"] == 42
    assert told["seats"][0]["episodes"][0]["seconds"] == 12.0
    file = tmp_path / "slower.yaml"
    file.write_text("watching:\n  episodes:\n    NO_FACE: {hold_seconds: 15}\n")
    told = json.loads(run(scene.room_sitting, "--watching", file, "--seat", "1", "--json").output)
    assert told["kinds"] == {"NO_FACE": {"raised": 1, "would": 0}}
    assert json.loads(run(scene.room_sitting, "--seat", "2", "--json").output)["seats"] == []
    with scene.host.db.read() as session:
        acts = session.query(AuditEntry).filter_by(act="looks_replayed").order_by(AuditEntry.seq).all()
        assert [(act.object, act.details) for act in acts] == [
            (sitting_stream(scene.room_sitting), {"seat": "", "changed": False, "attempts": 1}),
            (sitting_stream(scene.room_sitting), {"seat": "1", "changed": True, "attempts": 1}),
            (sitting_stream(scene.room_sitting), {"seat": "2", "changed": False, "attempts": 0}),
        ]
    table = run(scene.room_sitting).output
    assert "1\tNO_FACE\t1\t1" in table and "PHONE_HINT" in table
    file.write_text("episodes:\n  NO_FACE: {hold_seconds: 500}\n")
    refused = run(scene.room_sitting, "--watching", file)
    assert refused.exit_code == 1 and "watching.episodes.NO_FACE.hold_seconds" in refused.output


# --- gone --------------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_the_log_goes_when_its_time_is_over(
    agent: CameraAgent, host: Host, machine: Machine, person_as: Callable[..., Actor]
) -> None:
    agent.taken(Route.LOOKS, batch(agent, [here()] * 5))
    keeper = person_as("administrator")
    machine.advance(days=179)
    assert host.db.write(retention.purge, keeper, now=host.now()).counts["looks"] == 0
    machine.advance(days=2)
    assert host.db.write(retention.purge, keeper, now=host.now()).counts["looks"] == 1
    (row,) = rows(host)
    assert (row.sealed, row.looks) == (None, 5)
    with host.db.read() as session:
        assert list(look_logs.looks_of(session, row.room_sitting_id)) == []


def test_the_log_goes_with_the_consent(agent: CameraAgent, host: Host) -> None:
    agent.taken(Route.LOOKS, batch(agent, [here()] * 5))
    host.db.write(lambda session: look_logs.forget(session, agent.attempt))
    host.db.write(lambda session: setattr(session.get_one(Attempt, agent.attempt), "face_consent", False))
    assert [row.sealed for row in rows(host)] == [None]
    assert agent.refused(Route.LOOKS, batch(agent, [here()])) == (403, "no_face_consent")
