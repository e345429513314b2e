"""A consent taken back, how long things are kept, holds, what happens every night."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

from exam_rooms.protocol import Route
from server.access import SYSTEM, Actor
from server.db.evidence_store import frame_name
from server.db.look_logs import LookBatch
from server.db.privacy import Consent
from server.db.record import AuditEntry
from server.db.room_cameras import RoomCameraFrame
from server.db.sittings import Attempt, Incident, RoomSitting
from server.db.watching import Enrolment, EvidenceFrame
from server.errors import Forbidden, Refused
from server.host import Host
from server.live.retention import Keeper, is_due
from server.services import (
    enrolments,
    evidence,
    holds,
    recorded_pictures,
    retention,
    subject_file,
    withdrawals,
)
from server.services.recorded_pictures import Chosen
from server.services.signed import Signed
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.privacy_kit import PICTURE, alert, handled, log_batch, room_picture
from tests.server.smart_kit import CameraAgent, answering, equip, jpeg, rules, sha, vector

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return equip(make_scene(host, person_as))


@pytest.fixture
def agents(app: Flask, scene: Scene, machine: Machine) -> list[CameraAgent]:
    return answering(app, scene, machine, "12")


@pytest.fixture
def agent(agents: list[CameraAgent]) -> CameraAgent:
    return agents[0]


@pytest.fixture
def administrator(person_as: Callable[..., Actor]) -> Actor:
    return person_as("administrator")


@pytest.fixture
def second(person_as: Callable[..., Actor]) -> Actor:
    return person_as("invigilator")


def files(host: Host) -> list[str]:
    return list(host.evidence.names())


# --- a consent taken back ------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_a_withdrawal_empties_the_vectors_and_the_seat_is_manual(
    agent: CameraAgent, host: Host, scene: Scene, second: Actor
) -> None:
    enrolled = agent.enrolment(1, frames=(agent.frame(PICTURE),))
    agent.taken(Route.ENROLMENT, enrolled)
    agent.picture(PICTURE)
    log_batch(host, scene, agent.attempt, host.now() + timedelta(days=1))
    assert agent.state().watch.template == vector(1)
    names = scene.write(withdrawals.withdraw, Signed(scene.invigilator, "wishes so", second), agent.attempt)
    assert names == tuple(files(host))
    assert len(names) == 1
    with host.db.read() as session:
        attempt = session.get_one(Attempt, agent.attempt)
        assert (attempt.state, attempt.face_consent) == ("answering", False)
        assert session.query(Enrolment).one().sealed_template is None
        assert session.query(LookBatch).one().sealed is None
        assert session.query(EvidenceFrame).one().file == ""
        said = session.query(Consent).one()
        assert (said.given, said.how, said.second_id) == (False, "withdrawn", second.user_id)
        entry = session.query(AuditEntry).filter_by(act="consent_withdrawn").one()
        assert entry.details["cosigned_by"] == second.name
    plan = agent.state().watch
    assert (plan.manual, plan.watch, plan.template) == (True, False, "")
    assert agent.refused(Route.ALERT, agent.alert()) == (403, "no_face_consent")


def test_pictures_of_incidents_that_wait_or_were_recorded_stay(
    agent: CameraAgent, host: Host, scene: Scene, second: Actor
) -> None:
    alert(agent, jpeg(1))
    handled(scene, "recorded")
    alert(agent, jpeg(2), kind="MULTI_FACE", episode="b" * 16)
    alert(agent, jpeg(3), kind="CAMERA_COVERED", episode="c" * 16)
    handled(scene, "dismissed")
    names = scene.write(withdrawals.withdraw, Signed(scene.invigilator, "", second), agent.attempt)
    assert [name.partition("-")[2] for name in names] == [sha(jpeg(3))]
    with host.db.read() as session:
        states = {row.kind: row.details.get("episodes") for row in session.query(Incident)}
    assert set(states["MULTI_FACE"].values()) == {"over"}


def test_a_withdrawal_needs_a_second_person_and_a_consent(
    agent: CameraAgent, scene: Scene, second: Actor
) -> None:
    with pytest.raises(Refused, match="cosign_missing"):
        scene.write(withdrawals.withdraw, Signed(scene.invigilator), agent.attempt)
    with pytest.raises(Refused, match="cosign_same_person"):
        scene.write(withdrawals.withdraw, Signed(scene.invigilator, "", scene.invigilator), agent.attempt)
    with pytest.raises(Refused, match="not_on_duty"):
        scene.write(withdrawals.withdraw, Signed(second, "", scene.invigilator), agent.attempt)
    scene.write(withdrawals.withdraw, Signed(scene.invigilator, "", second), agent.attempt)
    with pytest.raises(Refused, match="consent_not_given"):
        scene.write(withdrawals.withdraw, Signed(scene.invigilator, "", second), agent.attempt)


def test_an_answer_is_kept_with_the_text_that_was_shown(app: Flask, scene: Scene, host: Host) -> None:
    agent = CameraAgent(app, scene, "1")
    agent.wait(consent=False)
    with host.db.read() as session:
        said = session.query(Consent).one()
        assert (said.given, said.how, said.attempt_id) == (False, "seat", agent.attempt)


# --- how long ----------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_the_purge_takes_everything_that_is_over_and_says_how_much(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine
) -> None:
    agent.taken(Route.ENROLMENT, agent.enrolment(1))
    alert(agent, PICTURE)
    handled(scene, "dismissed")
    alert(agent, jpeg(2), kind="MULTI_FACE", episode="b" * 16)
    handled(scene, "recorded")
    log_batch(host, scene, agent.attempt, host.now() + timedelta(days=rules(scene).keep_days))
    machine.advance(days=rules(scene).keep_days, seconds=-1)
    none = dict.fromkeys(("frames", "vectors", "probes", "looks", "room", "desk"), 0)
    assert scene.write(retention.purge, SYSTEM).counts == none
    machine.advance(seconds=1)
    done = scene.write(retention.purge, SYSTEM)
    assert done.counts == none | {"frames": 1, "vectors": 1, "looks": 1}
    assert [name.partition("-")[2] for name in done.names] == [sha(PICTURE)]
    with host.db.read() as session:
        last = retention.last_purge(session)
    assert last is not None
    assert (last.at, last.by, last.counts) == (machine.wall, "system", done.counts)


def test_a_vector_that_a_new_enrolment_replaced_goes_the_next_night(
    agent: CameraAgent, host: Host, scene: Scene
) -> None:
    agent.taken(Route.ENROLMENT, agent.enrolment(1))
    scene.write(enrolments.again, scene.invigilator, agent.attempt)
    agent.taken(Route.ENROLMENT, agent.enrolment(2))
    assert scene.write(retention.purge, SYSTEM).counts["vectors"] == 1
    assert agent.state().watch.template == vector(2)


def test_a_hold_keeps_everything_of_its_candidate_until_two_people_lift_it(
    agents: list[CameraAgent], host: Host, scene: Scene, machine: Machine, administrator: Actor, second: Actor
) -> None:
    for agent in agents:
        agent.taken(Route.ENROLMENT, agent.enrolment(1))
    with host.db.read() as session:
        ticket = subject_file.of_attempt(session, agents[0].attempt).ticket
    typed = f" {ticket} "
    hold = scene.write(holds.place, Signed(administrator, "dispute"), scene.room_sitting, typed)
    machine.advance(days=rules(scene).keep_days)
    assert scene.write(retention.purge, SYSTEM).counts["vectors"] == 1
    with pytest.raises(Refused, match="cosign_missing"):
        scene.write(holds.lift, Signed(administrator, "settled"), hold.id)
    scene.write(holds.lift, Signed(administrator, "settled", second), hold.id)
    assert scene.write(retention.purge, SYSTEM).counts["vectors"] == 1


def test_a_hold_of_a_room_covers_its_pictures(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine, administrator: Actor
) -> None:
    alert(agent, PICTURE)
    handled(scene, "dismissed")
    scene.write(holds.place, Signed(administrator, "inspection"), scene.room_sitting)
    machine.advance(days=rules(scene).keep_days)
    with host.db.read() as session:
        over = evidence.expired(session, now=host.now())
    assert (len(over.frames), len(over.kept)) == (0, 1)
    with pytest.raises(Refused, match="ticket_not_here"):
        scene.write(holds.place, Signed(administrator, "x"), scene.room_sitting, "nobody")
    with pytest.raises(Refused, match="reason_missing"):
        scene.write(holds.place, Signed(administrator), scene.room_sitting)


@pytest.mark.dear
@pytest.mark.both_stores
def test_records_go_only_by_the_word_of_two(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine, administrator: Actor, second: Actor
) -> None:
    alert(agent, PICTURE)
    handled(scene, "recorded")
    machine.advance(days=rules(scene).keep_days)
    scene.write(retention.purge, SYSTEM)
    with host.db.read() as session:
        found = retention.overview(session, administrator, now=host.now())
    (line,) = found.recorded
    assert found.size == len(PICTURE)
    assert (line.camera, line.seat, line.kind, line.case) == ("seat", "1", "NO_FACE", None)
    chosen, signed = Chosen(seat=[line.frame]), Signed(administrator, "over", second)
    with pytest.raises(Refused, match="cosign_missing"):
        scene.write(recorded_pictures.delete, Signed(administrator, "over"), chosen)
    with pytest.raises(Refused, match="frame_not_deletable"):
        scene.write(recorded_pictures.delete, signed, Chosen(seat=[line.frame + 1]))
    with pytest.raises(Refused, match="frame_not_deletable"):
        scene.write(recorded_pictures.delete, signed, Chosen(room=[line.frame]))
    names = scene.write(recorded_pictures.delete, signed, chosen)
    assert names == tuple(files(host))
    with host.db.read() as session:
        assert retention.overview(session, administrator, now=host.now()).recorded == ()
        entry = session.query(AuditEntry).filter_by(act="recorded_frames_deleted").one()
    told = {"pictures": 1, "sha256": [sha(PICTURE)[:16]]}
    assert entry.details == told | {"reason": "over", "cosigned_by": second.name}


def test_only_administrators_see_and_delete(scene: Scene, host: Host) -> None:
    with host.db.read() as session, pytest.raises(Forbidden):
        retention.overview(session, scene.invigilator, now=host.now())
    with pytest.raises(Forbidden):
        scene.write(retention.purge, scene.invigilator)


# --- every night ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "last", "due"),
    [
        ("2026-11-21 02:59:59", "2026-11-20 03:10:00", False),
        ("2026-11-21 03:00:00", "2026-11-20 03:10:00", True),
        ("2026-11-21 03:59:59", "2026-11-20 03:10:00", True),
        ("2026-11-21 04:00:00", "2026-11-20 03:10:00", False),
        ("2026-11-21 03:30:00", "2026-11-21 03:00:10", False),  # once a day
        ("2026-11-22 10:00:00", "2026-11-20 10:00:00", True),  # switched off at night
        ("2026-11-22 09:59:59", "2026-11-20 10:00:00", False),
    ],
)
def test_it_is_due_in_its_hour_or_two_days_later(now: str, last: str, due: bool) -> None:
    moments = [datetime.fromisoformat(text).replace(tzinfo=ZONE).astimezone(UTC) for text in (now, last)]
    assert is_due(*moments, hour=3, zone=ZONE) is due


def test_the_live_server_purges_at_night_but_not_while_a_room_is_at_work(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine
) -> None:
    alert(agent, PICTURE)
    handled(scene, "dismissed")
    keeper = Keeper(host)
    machine.advance(days=rules(scene).keep_days + 2)

    def started(session) -> None:
        session.get_one(RoomSitting, scene.room_sitting).started_at = host.now()

    host.db.write(started)
    assert keeper.tick() is None
    assert len(files(host)) == 1

    def over(session) -> None:
        session.get_one(RoomSitting, scene.room_sitting).state = "collected"

    host.db.write(over)
    done = keeper.tick()
    assert done is not None
    assert done.counts["frames"] == 1
    assert files(host) == []
    assert keeper.tick() is None


def test_a_room_that_nobody_has_closed_holds_nothing_up_for_ever(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine
) -> None:
    """Its state is running still: two days after its start nobody sits there."""
    machine.advance(hours=47, minutes=50)
    with host.db.read() as session:
        assert retention.at_work(session, now=host.now())
    machine.advance(minutes=11)
    with host.db.read() as session:
        assert not retention.at_work(session, now=host.now())


@pytest.mark.dear
def test_a_server_that_is_started_anew_every_day_purges_all_the_same(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine
) -> None:
    """It never runs at night, and never for two days: what counts is since when nothing was deleted."""
    alert(agent, PICTURE)
    handled(scene, "dismissed")
    scene.write(subject_file.note_shown, SYSTEM, 1)

    def over(session) -> None:
        session.get_one(RoomSitting, scene.room_sitting).state = "collected"

    host.db.write(over)
    done = None
    for _day in range(rules(scene).keep_days + 3):
        machine.advance(days=1)
        done = Keeper(host).tick() or done
    assert done is not None
    assert files(host) == []


@pytest.mark.both_stores
def test_lost_files_of_the_rooms_camera_are_found(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine
) -> None:
    """A kill between file and row, and between a purge and its files; one that is referred to stays."""
    alert(agent, PICTURE)
    numbers = [room_picture(host, scene, machine.wall) for _ in range(4)]
    names = [frame_name(number, sha(jpeg(number + 10))) for number in numbers]

    def arrange(session) -> None:
        waits, gone, there, other = (session.get_one(RoomCameraFrame, number) for number in numbers)
        waits.stored_at, waits.file, waits.sha256 = None, "", ""
        gone.file, gone.sha256 = "", sha(jpeg(gone.id + 10))
        there.file, there.sha256 = names[2], sha(jpeg(there.id + 10))
        other.file, other.sha256, other.stored_at = "", "", None

    host.db.write(arrange)
    for number, name in zip(numbers[:3], names[:3], strict=True):
        evidence.keep(host.vault, host.evidence, name, jpeg(number + 10))
    host.evidence.put(names[3], b"not sealed here")
    with host.db.read() as session:
        assert evidence.orphans(session, host.evidence) == sorted(names[:2])
