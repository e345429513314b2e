"""Who sits at a seat: sealed, once, never replaced unnoticed; a doubtful comparison calls people."""

import base64
import struct
from collections.abc import Callable

import pytest
from flask import Flask

from exam_rooms.protocol import Route
from exam_rooms.watching import Likeness
from itembank.sealing import SealBroken
from server.access import Actor
from server.db.evidence_store import frame_name
from server.db.record import AuditEntry
from server.db.sittings import Attempt, Incident
from server.db.watching import Enrolment, EvidenceFrame
from server.errors import Forbidden, Refused
from server.events import Activity
from server.host import Host
from server.services import commands, enrolments, evidence
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.smart_kit import CameraAgent, agent_of, answering, equip, jpeg, rules, sha, vector


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return equip(make_scene(host, person_as))


@pytest.fixture
def agent(app: Flask, scene: Scene, machine: Machine) -> CameraAgent:
    return answering(app, scene, machine, "1")[0]


def rows(host: Host) -> list[Enrolment]:
    with host.db.read() as session:
        return session.query(Enrolment).order_by(Enrolment.id).all()


def doubts(host: Host) -> list[Incident]:
    with host.db.read() as session:
        return session.query(Incident).filter_by(kind="ENROLMENT_DOUBT").order_by(Incident.id).all()


@pytest.mark.both_stores
def test_a_face_is_kept_sealed_for_its_time(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine
) -> None:
    agent.taken(Route.ENROLMENT, agent.enrolment(1))
    (row,) = rows(host)
    plain = base64.b64decode(vector(1))
    assert row.sealed_template is not None
    assert plain[:16] not in row.sealed_template
    opened = host.vault.open_value(enrolments.TEMPLATE_PURPOSE, str(agent.attempt), row.sealed_template)
    assert opened == plain
    assert (row.likeness, row.similarity, row.count, row.spread) == ("match", 0.8, 5, 0.9)
    assert (row.keep_until - machine.wall).days == rules(scene).keep_days
    assert abs((row.enrolled_at - machine.wall).total_seconds()) < 0.01
    with host.db.read() as session:
        (entry,) = session.query(AuditEntry).filter_by(act="enrolled").all()
    assert entry.details == {"seat": "1", "likeness": "match"}
    assert doubts(host) == []


def test_another_owner_cannot_open_it(agent: CameraAgent, host: Host) -> None:
    agent.taken(Route.ENROLMENT, agent.enrolment(1))
    sealed = rows(host)[0].sealed_template
    with pytest.raises(SealBroken):
        host.vault.open_value(enrolments.TEMPLATE_PURPOSE, str(agent.attempt + 1), sealed or b"")


@pytest.mark.both_stores
def test_the_same_again_changes_nothing_and_asks_for_missing_pictures(
    agent: CameraAgent, host: Host, machine: Machine
) -> None:
    first, second = jpeg(1), jpeg(2)
    frames = (agent.frame(first), agent.frame(second))
    asked = agent.enrolment(1, frames=frames)
    assert agent.taken(Route.ENROLMENT, asked).wanted == (sha(first), sha(second))
    version = agent.state().version
    assert agent.picture(first).status_code == 200
    machine.advance(seconds=30)
    assert agent.taken(Route.ENROLMENT, asked).wanted == (sha(second),)
    assert (len(rows(host)), agent.state().version) == (1, version)
    with host.db.read() as session:
        assert len(evidence.frames_of(session, attempt_id=agent.attempt)) == 2


def test_nobody_is_replaced_unnoticed(agent: CameraAgent, host: Host, scene: Scene, machine: Machine) -> None:
    agent.taken(Route.ENROLMENT, agent.enrolment(1))
    assert agent.refused(Route.ENROLMENT, agent.enrolment(2)) == (409, "enrolled_already")
    machine.advance(seconds=5)
    before = agent.state()
    scene.write(enrolments.again, scene.invigilator, agent.attempt)
    after = agent.state()
    assert (before.watch.enrol, after.watch.enrol, after.watch.template) == (False, True, "")
    assert after.version > before.version
    machine.advance(seconds=5)
    agent.taken(Route.ENROLMENT, agent.enrolment(2))
    assert agent.state().watch.template == vector(2)
    kept, current = rows(host)
    assert (kept.dropped_at is not None, current.dropped_at) == (True, None)
    with host.db.read() as session:
        assert enrolments.latest(session, agent.attempt).id == current.id


def test_a_belated_resend_of_a_dropped_face_stays_dropped_but_the_same_face_anew_counts(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine
) -> None:
    asked = agent.enrolment(1)
    agent.taken(Route.ENROLMENT, asked)
    machine.advance(seconds=5)
    scene.write(enrolments.again, scene.invigilator, agent.attempt)
    machine.advance(seconds=5)
    agent.taken(Route.ENROLMENT, asked)
    assert len(rows(host)) == 1
    agent.taken(Route.ENROLMENT, agent.enrolment(1))
    assert len(rows(host)) == 2


def test_asking_anew_is_an_invigilators_act(agent: CameraAgent, host: Host, scene: Scene) -> None:
    told: list[Activity] = []
    host.events.subscribe(Activity, told.append)
    with pytest.raises(Refused, match="nothing_to_enrol_again"):
        scene.write(enrolments.again, scene.invigilator, agent.attempt)
    agent.taken(Route.ENROLMENT, agent.enrolment(1))
    with pytest.raises(Forbidden):
        scene.write(enrolments.again, Actor(None, "nobody"), agent.attempt)
    scene.write(enrolments.again, scene.invigilator, agent.attempt)
    assert [line.code for line in told] == ["line_enrolment_again"]
    with host.db.read() as session:
        assert session.query(AuditEntry).filter_by(act="enrolment_again").count() == 1


@pytest.mark.parametrize(
    ("likeness", "raised"),
    [
        (Likeness.MATCH, 0),
        (Likeness.UNSURE, 1),
        (Likeness.MISMATCH, 1),
        (Likeness.NO_FACE, 1),
        (Likeness.NO_PHOTO, 1),  # this candidate's registration has one
    ],
)
def test_a_doubtful_comparison_calls_people(
    agent: CameraAgent, host: Host, likeness: Likeness, raised: int
) -> None:
    similarity = 0.2 if raised else None
    agent.taken(Route.ENROLMENT, agent.enrolment(likeness=str(likeness), similarity=similarity))
    found = doubts(host)
    assert len(found) == raised
    if raised:
        assert (found[0].state, found[0].attempt_id) == ("raised", agent.attempt)
        assert (found[0].details["likeness"], found[0].details["scores"]) == (likeness, {"similarity": 0.2})
    assert agent.state().watch.watch  # decides nothing


def test_who_has_no_registration_photo_is_not_doubted_for_it(
    app: Flask, scene: Scene, machine: Machine, host: Host
) -> None:
    (agent,) = answering(app, scene, machine, "2")
    agent.taken(Route.ENROLMENT, agent.enrolment(likeness="no_photo", similarity=None))
    assert doubts(host) == []


@pytest.mark.parametrize(("spread", "raised"), [(0.5, 0), (0.4999, 1), (-0.1, 1)])
def test_frames_that_may_show_two_people_call_people(
    agent: CameraAgent, host: Host, spread: float, raised: int
) -> None:
    agent.taken(Route.ENROLMENT, agent.enrolment(spread=spread))
    assert [row.details["scores"] for row in doubts(host)] == [{"similarity": 0.8, "spread": spread}] * raised


def test_a_mixed_enrolment_clears_no_doubt(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine
) -> None:
    agent.taken(Route.ENROLMENT, agent.enrolment(1, likeness="unsure"))
    scene.write(enrolments.again, scene.invigilator, agent.attempt)
    machine.advance(seconds=5)
    agent.taken(Route.ENROLMENT, agent.enrolment(2, likeness="match", spread=0.2))
    assert [row.state for row in doubts(host)] == ["raised"]


def test_pictures_of_a_doubtful_enrolment_stand_with_its_incident_and_a_better_one_clears_it(
    agent: CameraAgent, host: Host, scene: Scene, machine: Machine
) -> None:
    asked = agent.enrolment(1, likeness="unsure", frames=(agent.frame(jpeg(1)),))
    for _ in range(2):
        agent.taken(Route.ENROLMENT, asked)
    (doubt,) = doubts(host)
    with host.db.read() as session:
        (frame,) = evidence.frames_of(session, incident_id=doubt.id)
    assert frame.purpose == "enrolment"
    scene.write(enrolments.again, scene.invigilator, agent.attempt)
    machine.advance(seconds=5)
    agent.taken(Route.ENROLMENT, agent.enrolment(2, likeness="match"))
    assert [row.state for row in doubts(host)] == ["cleared"]


def test_a_doubt_about_one_candidate_is_not_filed_under_the_next_one_at_the_seat(
    app: Flask, scene: Scene, machine: Machine, host: Host
) -> None:
    one, two = answering(app, scene, machine, "12")
    one.taken(Route.ENROLMENT, one.enrolment(likeness="unsure", similarity=0.4))
    first, second = one.attempt, two.attempt
    scene.write(commands.move_seat, first, scene.seats["4"], scene.signed())
    scene.write(commands.move_seat, second, scene.seats["1"], scene.signed())
    machine.advance(seconds=5)
    one.attempt = second  # now the workstation of seat 1 speaks of the second candidate
    one.taken(Route.ENROLMENT, one.enrolment(5, likeness="mismatch", frames=(one.frame(jpeg(3)),)))
    old, new = doubts(host)
    assert [(row.attempt_id, row.details["count"], row.state) for row in (old, new)] == [
        (first, 1, "raised"),
        (second, 1, "raised"),
    ]
    with host.db.read() as session:
        assert [frame.attempt_id for frame in evidence.frames_of(session, incident_id=new.id)] == [second]
    scene.write(enrolments.again, scene.invigilator, second)
    machine.advance(seconds=5)
    one.taken(Route.ENROLMENT, one.enrolment(6, likeness="match"))
    assert [row.state for row in doubts(host)] == ["raised", "cleared"]


def test_only_the_seat_of_the_attempt_enrols(
    app: Flask, agent: CameraAgent, scene: Scene, machine: Machine, host: Host
) -> None:
    other = CameraAgent(app, scene, "2")
    other.open_session()
    other.attempt = agent.attempt
    assert other.refused(Route.ENROLMENT, other.enrolment()) == (403, "attempt_not_here")
    scene.write(commands.move_seat, agent.attempt, scene.seats["4"], scene.signed())
    assert agent.refused(Route.ENROLMENT, agent.enrolment()) == (403, "attempt_not_here")
    assert rows(host) == []


def test_a_face_seen_before_the_candidate_agreed_is_refused(
    app: Flask, scene: Scene, machine: Machine, host: Host
) -> None:
    agent = CameraAgent(app, scene, "1")
    agent.wait()
    agent.beat()
    old = agent.enrolment(1)
    machine.advance(minutes=3)
    scene.write(commands.refuse, agent.attempt, scene.signed())
    agent.wait()  # perhaps somebody else
    assert agent.refused(Route.ENROLMENT, old) == (403, "seen_before_consent")
    assert rows(host) == []
    agent.taken(Route.ENROLMENT, agent.enrolment(2))
    assert len(rows(host)) == 1


@pytest.mark.parametrize("decision", [None, False, True])
def test_who_was_sent_away_leaves_no_vector_and_no_picture_is_taken_any_more(
    app: Flask, scene: Scene, machine: Machine, host: Host, decision: bool | None
) -> None:
    agent = CameraAgent(app, scene, "1")
    agent.wait()
    agent.beat()
    here, coming = jpeg(1), jpeg(2)
    asked = agent.enrolment(1, frames=(agent.frame(here), agent.frame(coming)))
    agent.taken(Route.ENROLMENT, asked)
    assert agent.picture(here).status_code == 200
    machine.advance(minutes=1)
    scene.write(commands.refuse, agent.attempt, scene.signed())
    if decision is not None:
        agent.wait(consent=decision)
    (row,) = rows(host)
    assert (row.sealed_template, row.dropped_at) == (None, machine.wall)
    assert agent.picture(coming).status_code == (200 if decision else 403)
    with host.db.read() as session:
        found = evidence.frames_of(session, attempt_id=agent.attempt)
    assert {frame.sha256: bool(frame.file) for frame in found} == {sha(here): True, sha(coming): False}
    assert len([path for path in (host.settings.data / "evidence").rglob("*") if path.is_file()]) == 1


def test_who_does_not_agree_any_more_is_not_stored(agent: CameraAgent, host: Host, scene: Scene) -> None:
    picture = jpeg(1)
    agent.taken(Route.ENROLMENT, agent.enrolment(frames=(agent.frame(picture),)))

    def declined(session) -> EvidenceFrame:
        session.get_one(Attempt, agent.attempt).face_consent = False
        return session.query(EvidenceFrame).one()

    row = host.db.write(declined)
    answer = agent.picture(picture)
    assert (answer.status_code, answer.get_json()["code"]) == (403, "no_face_consent")
    name = frame_name(row.id, sha(picture))
    scene.write(evidence.arrived, agent_of(scene, "1"), sha(picture), (name,))  # on its way at that moment
    with host.db.read() as session:
        (row,) = evidence.frames_of(session, attempt_id=agent.attempt)
    assert (row.file, row.stored_at) == ("", None)


def test_not_after_the_work_is_closed(agent: CameraAgent, scene: Scene) -> None:
    scene.write(commands.end_seat, agent.attempt, scene.signed())
    assert agent.refused(Route.ENROLMENT, agent.enrolment()) == (409, "enrolment_not_now")


def packed(*values: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


UNIT = (1.0, *([0.0] * 15))


IMPOSSIBLE: tuple[dict[str, object], ...] = (
    {"template": "no base64!"},
    {"template": ""},
    {"template": base64.b64encode(b"\0" * 65).decode()},
    {"template": packed(1.0, *([0.0] * 14))},  # too short
    {"template": packed(1.0, *([0.0] * 2048))},  # too long
    {"template": packed(1.02, *UNIT[1:])},
    {"template": packed(0.98, *UNIT[1:])},
    {"template": packed(float("nan"), *UNIT[1:])},
    {"template": packed(float("inf"), *UNIT[1:])},
    {"likeness": "certainly"},
    {"count": 2},
    {"similarity": float("nan")},
    {"spread": 1.5},
    {"models": {"verify": "v" * 61}},
)


def test_a_face_that_cannot_be_one_is_refused(agent: CameraAgent, host: Host) -> None:
    answers = [agent.refused(Route.ENROLMENT, agent.enrolment(**changed)) for changed in IMPOSSIBLE]
    assert answers == [(400, "message_malformed")] * len(IMPOSSIBLE)
    assert rows(host) == []


@pytest.mark.parametrize("first", [0.991, 1.009])
def test_lengths_close_to_one_are_taken(agent: CameraAgent, host: Host, first: float) -> None:
    agent.taken(Route.ENROLMENT, agent.enrolment(template=packed(first, *UNIT[1:])))
    assert len(rows(host)) == 1
