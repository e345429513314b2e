"""Pictures: announced first, taken once, sealed, durable before they are acknowledged, gone in time."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask

from exam_rooms.protocol import Route
from itembank.sealing import SealBroken
from server.access import Actor
from server.db.evidence_store import FolderStore, frame_name
from server.db.record import AuditEntry
from server.db.sittings import Incident
from server.db.watching import Enrolment, EvidenceFrame
from server.errors import Forbidden, NotFound
from server.events import SeatChanged
from server.host import Host
from server.rules.observed import FRAME_MOST
from server.services import evidence, incidents
from server.services.evidence import Expired
from server.services.incidents import Handling
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.smart_kit import CameraAgent, answering, equip, jpeg, rules, sha

PICTURE = jpeg(1)


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return equip(make_scene(host, person_as))


@pytest.fixture
def agents(app: Flask, scene: Scene, machine: Machine) -> list[CameraAgent]:
    return answering(app, scene, machine, "12")


@pytest.fixture
def agent(agents: list[CameraAgent]) -> CameraAgent:
    return agents[0]


def announce(agent: CameraAgent, *pictures: bytes, **changed: object) -> tuple[str, ...]:
    frames = tuple(agent.frame(data, "at") for data in pictures)
    return agent.taken(Route.ALERT, agent.alert(frames=frames, **changed)).wanted


def frames(host: Host) -> list[EvidenceFrame]:
    with host.db.read() as session:
        return session.query(EvidenceFrame).order_by(EvidenceFrame.id).all()


def files(host: Host) -> list[Path]:
    return sorted(path for path in (host.settings.data / "evidence").rglob("*") if path.is_file())


# --- in ----------------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_a_picture_is_announced_sent_sealed_and_seen(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine
) -> None:
    assert announce(agent, PICTURE) == (sha(PICTURE),)
    told: list[SeatChanged] = []
    host.events.subscribe(SeatChanged, told.append)
    (row,) = frames(host)
    assert (row.file, row.stored_at, row.moment, row.size) == ("", None, "at", len(PICTURE))
    assert agent.picture(PICTURE).status_code == 200
    (row,) = frames(host)
    (path,) = files(host)
    assert (row.file, row.stored_at) == (path.name, machine.wall)
    sealed = path.read_bytes()
    assert b"\xff\xd8\xff" not in sealed
    assert PICTURE[100:140] not in sealed
    assert path.stat().st_mode & 0o777 == 0o600
    with host.db.read() as session:
        assert evidence.picture(session, host.evidence, scene.invigilator, row.id) == PICTURE
    assert (row.keep_until - machine.wall).days == rules(scene).keep_days
    assert told == [SeatChanged(scene.room_sitting, scene.seats["1"])]  # monitors look again


@pytest.mark.both_stores
def test_sent_again_it_is_stored_once(agent: CameraAgent, host: Host) -> None:
    announce(agent, PICTURE)
    for _ in range(2):
        assert agent.picture(PICTURE).status_code == 200
    assert announce(agent, PICTURE) == ()
    assert (len(frames(host)), len(files(host))) == (1, 1)


def test_one_picture_may_belong_to_two_alerts(agent: CameraAgent, host: Host, scene: Scene) -> None:
    announce(agent, PICTURE)
    agent.picture(PICTURE)
    other = {"episode": "fedcba9876543210", "kind": "MULTI_FACE"}
    assert announce(agent, PICTURE, **other) == ()
    first, second = frames(host)
    assert (second.file, second.incident_id != first.incident_id) == (first.file, True)
    with host.db.read() as session:
        assert evidence.picture(session, host.evidence, scene.invigilator, second.id) == PICTURE


def test_what_nobody_announced_is_not_taken(agents: list[CameraAgent], host: Host) -> None:
    one, two = agents
    assert one.picture(PICTURE).get_json()["code"] == "frame_not_announced"
    announce(one, PICTURE)
    assert two.picture(PICTURE).get_json()["code"] == "frame_not_announced"  # another workstation's
    assert one.picture(PICTURE, "0" * 64).status_code == 404
    assert files(host) == []


OTHERS = (
    (jpeg(2), 422, "frame_differs"),
    (PICTURE[:-1], 422, "frame_differs"),
    (b"\x89PNG\r\n\x1a\n" + PICTURE, 422, "frame_not_jpeg"),
    (b"", 422, "frame_not_jpeg"),
    (jpeg(1, FRAME_MOST + 1), 413, "frame_too_large"),
)


def test_other_bytes_than_announced_are_refused(agent: CameraAgent, host: Host) -> None:
    announce(agent, PICTURE)
    for sent, status, code in OTHERS:
        answer = agent.picture(sent, sha(PICTURE))
        assert (answer.status_code, answer.get_json()["code"]) == (status, code)
    assert files(host) == []
    assert announce(agent, PICTURE) == (sha(PICTURE),)  # still wanted


def test_the_largest_picture_is_taken(agent: CameraAgent, host: Host) -> None:
    data = jpeg(3, FRAME_MOST)
    announce(agent, data)
    assert agent.picture(data).status_code == 200
    assert frames(host)[0].stored_at is not None


def test_an_announcement_that_cannot_be_true_is_refused(agent: CameraAgent, host: Host) -> None:
    good = agent.frame(PICTURE)
    for changed in (
        {"sha256": "../../etc/passwd"},
        {"sha256": "A" * 64},
        {"size": 0},
        {"size": FRAME_MOST + 1},
        {"moment": "x"},
    ):
        frame = replace(good, **changed)
        assert agent.refused(Route.ALERT, agent.alert(frames=(frame,))) == (400, "message_malformed")
    assert frames(host) == []


def test_beyond_the_limit_alerts_go_without_pictures_and_captures_keep_theirs(
    agent: CameraAgent, host: Host, scene: Scene
) -> None:
    limit, kept = rules(scene).frame_limit, rules(scene).captures
    pictures = [jpeg(mark, 40) for mark in range(limit + 5)]
    assert len(announce(agent, *pictures)) == limit - kept
    assert announce(agent, jpeg(4000, 40), episode="aaaaaaaaaaaaaaaa", kind="MULTI_FACE") == ()
    with host.db.read() as session:
        assert session.query(Incident).filter_by(kind="MULTI_FACE").count() == 1
    wanted = [
        agent.taken(Route.CAPTURE, agent.capture(number, frame=agent.frame(jpeg(5000 + number, 40)))).wanted
        for number in range(kept)
    ]
    assert [len(each) for each in wanted] == [1] * kept
    assert len(frames(host)) == limit


# --- durability --------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_a_kill_between_file_and_row_heals_by_sending_again(agent: CameraAgent, host: Host) -> None:
    announce(agent, PICTURE)
    name = frame_name(frames(host)[0].id, sha(PICTURE))
    evidence.keep(host.vault, host.evidence, name, PICTURE)  # and then the process was gone
    assert frames(host)[0].stored_at is None
    assert announce(agent, PICTURE) == (sha(PICTURE),)
    with host.db.read() as session:
        assert evidence.sweep(session, host.evidence) == 1
    assert files(host) == []
    assert agent.picture(PICTURE).status_code == 200
    with host.db.read() as session:
        assert evidence.sweep(session, host.evidence) == 0
    assert [path.name for path in files(host)] == [name]


def test_a_sweep_leaves_alone_what_it_does_not_know(agent: CameraAgent, host: Host) -> None:
    announce(agent, PICTURE)
    agent.picture(PICTURE)
    (path,) = files(host)
    strange = path.with_name(frame_name(frames(host)[0].id, "f" * 64))
    unknown = path.with_name(frame_name(999, "e" * 64))
    part = path.with_name(f"{path.name}.0a1b2c3d.part")
    for each in (strange, unknown, part):
        each.write_bytes(b"x")
    with host.db.read() as session:
        assert evidence.sweep(session, host.evidence) == 1
    assert set(files(host)) == {path, strange, unknown}


def test_a_disk_that_refuses_leaves_nothing_half_done(
    agent: CameraAgent, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce(agent, PICTURE)

    def full(_handle: int) -> None:
        raise OSError(28, "no space left")

    monkeypatch.setattr(os, "fsync", full)
    agent.client.application.config["PROPAGATE_EXCEPTIONS"] = False
    assert agent.picture(PICTURE).status_code == 500
    monkeypatch.undo()
    assert (files(host), frames(host)[0].stored_at) == ([], None)
    assert agent.picture(PICTURE).status_code == 200


@pytest.mark.parametrize(
    "name", ["../x", "", "00000001-" + "a" * 63, "00000001-" + "G" * 64, "a/b", "1-" + "a" * 64]
)
def test_no_other_name_reaches_the_folder(tmp_path: Path, name: str) -> None:
    store = FolderStore(tmp_path)
    for act in (store.get, store.delete, lambda each: store.put(each, b"x")):
        with pytest.raises(ValueError, match="name"):
            act(name)
    assert list(tmp_path.iterdir()) == []


def test_the_store_gives_back_what_it_was_given(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "new")
    names = [frame_name(number, "a" * 64) for number in (1, 999, 1000, 12_345_678)]
    assert list(store.names()) == []
    for name in names:
        store.put(name, name.encode())
    assert sorted(store.names()) == names
    assert [store.get(name) for name in names] == [name.encode() for name in names]
    assert [store.delete(names[0]), store.delete(names[0]), store.get(names[0])] == [True, False, None]


# --- seen --------------------------------------------------------------------------------------------


def test_who_looks_at_a_picture_stands_on_record_once(agent: CameraAgent, host: Host, scene: Scene) -> None:
    announce(agent, PICTURE)
    frame = frames(host)[0].id
    for actor in (scene.staff[0], scene.staff[0], scene.staff[1]):
        scene.write(evidence.note_viewed, actor, frame)
    with host.db.read() as session:
        seen = session.query(AuditEntry).filter_by(act="frame_viewed").all()
    assert [entry.actor_id for entry in seen] == [actor.user_id for actor in scene.staff]


def test_pictures_are_for_the_rooms_staff(agent: CameraAgent, host: Host, scene: Scene) -> None:
    announce(agent, PICTURE)
    agent.picture(PICTURE)
    frame, nobody = frames(host)[0].id, Actor(None, "nobody")
    with host.db.read() as session, pytest.raises(Forbidden):
        evidence.picture(session, host.evidence, nobody, frame)
    with pytest.raises(Forbidden):
        scene.write(evidence.note_viewed, nobody, frame)


def test_a_picture_that_is_missing_or_swapped_is_not_shown(
    agent: CameraAgent, host: Host, scene: Scene
) -> None:
    announce(agent, PICTURE, jpeg(2))
    first, second = (row.id for row in frames(host))
    with host.db.read() as session, pytest.raises(NotFound):
        evidence.picture(session, host.evidence, scene.invigilator, first)  # not here yet
    agent.picture(PICTURE)
    agent.picture(jpeg(2))
    one, two = (host.evidence.get(row.file) or b"" for row in frames(host))
    host.evidence.put(frames(host)[0].file, two)
    with host.db.read() as session, pytest.raises(NotFound):
        evidence.picture(session, host.evidence, scene.invigilator, first)
    with pytest.raises(SealBroken):
        host.vault.open_value(evidence.FRAME_PURPOSE, frames(host)[1].file, one)
    host.evidence.delete(frames(host)[1].file)
    with host.db.read() as session, pytest.raises(NotFound):
        evidence.picture(session, host.evidence, scene.invigilator, second)
    with host.db.read() as session, pytest.raises(NotFound):
        evidence.picture(session, host.evidence, scene.invigilator, 10_000)


# --- how long ----------------------------------------------------------------------------------------


def over(host: Host) -> Expired:
    with host.db.read() as session:
        return evidence.expired(session, now=host.now())


def handled(scene: Scene, host: Host, outcome: str) -> None:
    with host.db.read() as session:
        incident = session.query(Incident).order_by(Incident.id.desc()).first()
    scene.write(incidents.handle, scene.invigilator, incident.id, Handling(outcome, "seen"))


@pytest.fixture
def administrator(person_as: Callable[..., Actor]) -> Actor:
    return person_as("administrator")


@pytest.mark.both_stores
def test_pictures_and_vectors_go_when_their_time_is_over(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine, administrator: Actor
) -> None:
    agent.taken(Route.ENROLMENT, agent.enrolment(1))
    announce(agent, PICTURE)
    agent.picture(PICTURE)
    handled(scene, host, "dismissed")
    announce(agent, jpeg(2), kind="MULTI_FACE", episode="aaaaaaaaaaaaaaaa")
    agent.picture(jpeg(2))
    handled(scene, host, "recorded")
    machine.advance(days=rules(scene).keep_days, seconds=-1)
    assert over(host) == Expired((), (), ())
    machine.advance(seconds=1)
    found = over(host)
    assert (len(found.frames), len(found.held), len(found.enrolments)) == (1, 1, 1)
    names, vectors = scene.write(evidence.purge, administrator)
    assert (names, vectors) == ((found.frames[0].file,), 1)
    with host.db.read() as session:
        assert evidence.orphans(session, host.evidence) == list(names)
        assert session.query(Enrolment).one().sealed_template is None
        assert session.query(AuditEntry).filter_by(act="evidence_purged").one().details["frames"] == 1
    assert [bool(row.file) for row in frames(host)] == [False, True]
    assert scene.write(evidence.purge, administrator) == ((), 0)
    assert len(over(host).held) == 1  # a record: two people decide (test_privacy.py)


def test_a_purged_picture_is_not_asked_for_again(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine, administrator: Actor
) -> None:
    announce(agent, PICTURE)
    agent.picture(PICTURE)
    machine.advance(days=rules(scene).keep_days)
    scene.write(evidence.purge, administrator)
    agent.open_session()
    assert announce(agent, PICTURE) == ()


def test_a_file_that_a_kept_row_shares_stays(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine, administrator: Actor
) -> None:
    announce(agent, PICTURE)
    agent.picture(PICTURE)
    machine.advance(days=1)
    agent.open_session()
    announce(agent, PICTURE, kind="MULTI_FACE", episode="aaaaaaaaaaaaaaaa")
    machine.advance(days=rules(scene).keep_days - 1)
    assert scene.write(evidence.purge, administrator)[0] == ()
    first, second = frames(host)
    assert (first.file, bool(second.file)) == ("", True)
    with host.db.read() as session:
        assert evidence.orphans(session, host.evidence) == []
        assert evidence.picture(session, host.evidence, scene.invigilator, second.id) == PICTURE


def test_purging_is_not_the_rooms_business(scene: Scene) -> None:
    with pytest.raises(Forbidden):
        scene.write(evidence.purge, scene.invigilator)


def test_the_command_lists_and_purges(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import contextmanager

    from server.cli import evidence as command

    @contextmanager
    def opened(*, writes: bool):  # the command's own way to the stores is tested with the others
        yield host

    monkeypatch.setattr(command, "opened", opened)
    announce(agent, PICTURE)
    agent.picture(PICTURE)
    machine.advance(days=rules(scene).keep_days)
    listed = json.loads(CliRunner().invoke(command.evidence, ["list", "--json"]).output)
    assert {name: count for name, count in listed.items() if count} == {"frames": 1}
    assert CliRunner().invoke(command.evidence, ["list"]).output.count("\t") == 7
    purged = json.loads(CliRunner().invoke(command.evidence, ["purge", "--json"]).output)
    assert {name: count for name, count in purged.items() if count} == {"files": 1, "frames": 1}
    assert files(host) == []
