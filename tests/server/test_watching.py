"""What a seat's camera is told to do: by room, policy, consent and state; nothing without consent (R38)."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask_socketio import SocketIOTestClient

from exam_rooms.captures import capture_moments
from exam_rooms.protocol import EVENT_LOOK, NAMESPACE_SEAT, Route, Step
from exam_rooms.watch_messages import CameraReport, CameraState, WatchPlan
from exam_rooms.watching import ObservationNote
from server.access import Actor
from server.app import create_socketio
from server.db.record import AuditEntry
from server.db.sittings import Batch, RoomSitting
from server.db.watching import Capture, Enrolment, EvidenceFrame
from server.events import LookWanted, SeatChanged
from server.host import Host
from server.rules import observed
from server.services import audit, commands
from server.services.delivery import delivery_of
from server.services.looks import LIFE, LOOK_MOST
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.smart_kit import CameraAgent, answering, equip, jpeg, note, rules, vector


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return equip(make_scene(host, person_as))


def plan_of(agent: CameraAgent) -> WatchPlan:
    plan = agent.state().watch
    assert plan is not None
    return plan


def modes(plan: WatchPlan) -> tuple[bool, bool, bool]:
    return plan.manual, plan.enrol, plan.watch


# --- the plan ----------------------------------------------------------------------------------------


def test_a_standard_room_watches_nobody(
    app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine
) -> None:
    standard = make_scene(host, person_as)
    (agent,) = answering(app, standard, machine, "1")
    assert agent.state().watch is None
    assert agent.refused(Route.ALERT, agent.alert()) == (409, "room_without_cameras")
    assert standard.room_row().capture_seed == ""


def test_a_batch_frozen_without_rules_watches_nobody(app: Flask, scene: Scene, machine: Machine) -> None:
    def forget(session) -> None:
        batch = session.get_one(Batch, 1)
        batch.policy = {key: value for key, value in batch.policy.items() if key != "watching"}

    scene.host.db.write(forget)
    (agent,) = answering(app, scene, machine, "1")
    assert agent.state().watch is None


def test_before_anybody_decided_the_camera_stands_by(app: Flask, scene: Scene) -> None:
    agent = CameraAgent(app, scene, "1")
    agent.open_session()
    assert modes(plan_of(agent)) == (False, False, False)
    agent.sign_in()
    assert modes(plan_of(agent)) == (False, False, False)  # identified, nobody asked yet
    spare = CameraAgent(app, scene, "4")
    spare.open_session()
    assert modes(plan_of(spare)) == (False, False, False)


@pytest.mark.both_stores
def test_with_consent_the_camera_enrols_then_watches(app: Flask, scene: Scene, machine: Machine) -> None:
    agent = CameraAgent(app, scene, "1")
    agent.wait()
    waiting = plan_of(agent)
    assert (modes(waiting), waiting.captures) == ((False, True, False), ())
    agent.taken(Route.ENROLMENT, agent.enrolment(3))
    assert (modes(plan_of(agent)), plan_of(agent).template) == ((False, False, False), vector(3))
    machine.advance(minutes=10)
    scene.start()
    plan = plan_of(agent)
    assert (modes(plan), plan.template) == ((False, False, True), vector(3))
    seed = scene.room_row().capture_seed
    assert plan.captures == capture_moments(seed, agent.attempt, rules(scene), 90)
    assert len(plan.captures) == rules(scene).captures > 0


def test_who_never_enrolled_is_watched_and_still_asked_for(
    app: Flask, scene: Scene, machine: Machine
) -> None:
    (agent,) = answering(app, scene, machine, "1")
    plan = plan_of(agent)
    assert (modes(plan), plan.template) == ((False, True, True), "")


def test_closed_work_is_not_watched(app: Flask, scene: Scene, machine: Machine) -> None:
    (agent,) = answering(app, scene, machine, "1")
    agent.taken(Route.ENROLMENT, agent.enrolment())
    scene.write(commands.end_seat, agent.attempt, scene.signed("ill"))
    plan = plan_of(agent)
    assert (modes(plan), plan.template, plan.captures) == ((False, False, False), "", ())


@pytest.mark.both_stores
def test_without_consent_nothing_is_taken_and_nothing_kept(
    app: Flask, scene: Scene, machine: Machine, host: Host
) -> None:
    agent, _ = answering(app, scene, machine, "12", refusing="1")
    plan = plan_of(agent)
    assert (modes(plan), plan.template, plan.captures) == ((True, False, False), "", ())
    data = jpeg()
    assert agent.refused(Route.ENROLMENT, agent.enrolment()) == (403, "no_face_consent")
    frames = (agent.frame(data),)
    assert agent.refused(Route.ALERT, agent.alert(frames=frames)) == (403, "no_face_consent")
    capture = agent.capture(note=note(), frame=agent.frame(data))
    assert agent.refused(Route.CAPTURE, capture) == (403, "no_face_consent")
    ref = delivery_of(host).looks.ask(scene.workstations["1"], host.now())
    refused = agent.look(ref, data)
    assert (refused.status_code, refused.get_json()["code"]) == (403, "no_face_consent")
    assert delivery_of(host).looks.get(ref, host.now()) is None
    assert agent.picture(data).get_json()["code"] == "frame_not_announced"
    with host.db.read() as session:
        assert [session.query(table).count() for table in (Enrolment, EvidenceFrame, Capture)] == [0, 0, 0]
        assert session.query(AuditEntry).filter_by(act="enrolled").count() == 0


def test_a_move_takes_the_face_to_the_new_seat_and_leaves_none_behind(
    app: Flask, scene: Scene, machine: Machine
) -> None:
    (agent,) = answering(app, scene, machine, "1")
    agent.taken(Route.ENROLMENT, agent.enrolment(5))
    scene.write(commands.move_seat, agent.attempt, scene.seats["4"], scene.signed())
    state = agent.state()
    assert state.step is Step.MOVED
    assert (modes(state.watch), state.watch.template) == ((False, False, False), "")
    other = CameraAgent(app, scene, "4")
    other.open_session()
    assert (modes(plan_of(other)), plan_of(other).template) == ((False, False, True), vector(5))


@pytest.mark.both_stores
def test_the_draw_of_captures_is_made_once_and_put_on_record(
    app: Flask, scene: Scene, machine: Machine, host: Host
) -> None:
    answering(app, scene, machine, "1")
    seed = scene.room_row().capture_seed
    late = CameraAgent(app, scene, "2")
    late.wait()
    assert scene.room_row().capture_seed == seed
    assert len(seed) == 32
    with host.db.read() as session:
        entries = session.query(AuditEntry).filter_by(act="captures_drawn").all()
        assert [seed in str(entry.details) for entry in entries] == [False]
        assert audit.verify(session, audit.sitting_stream(scene.room_sitting)).breaks == ()
        assert session.get_one(RoomSitting, scene.room_sitting).state == "running"


# --- the camera in the heartbeat ---------------------------------------------------------------------


def test_a_heartbeat_tells_of_its_camera_within_bounds(app: Flask, scene: Scene, host: Host) -> None:
    agent = CameraAgent(app, scene, "1")
    agent.open_session()
    report = CameraReport(CameraState.LIVE, "c" * 500, "watch" * 20, tuple("detect" for _ in range(50)))
    agent.beat(camera=report)
    kept = host.presence.of(scene.workstations["1"]).camera
    assert (kept.state, len(kept.identity), len(kept.checks), len(kept.unavailable)) == ("live", 120, 16, 8)


def test_a_change_of_the_camera_is_news_and_the_same_report_is_not(
    app: Flask, scene: Scene, host: Host
) -> None:
    agent = CameraAgent(app, scene, "1")
    agent.open_session()
    agent.beat()
    told: list[SeatChanged] = []
    host.events.subscribe(SeatChanged, told.append)
    counts = []
    for state in (CameraState.LIVE, CameraState.LIVE, CameraState.LOST):
        agent.beat(camera=CameraReport(state, "CAM-01"))
        counts.append(len(told))
    assert counts == [1, 1, 2]
    assert {fact.seat for fact in told} == {scene.seats["1"]}


# --- looks on demand ---------------------------------------------------------------------------------


@pytest.fixture
def agent(app: Flask, scene: Scene) -> CameraAgent:
    made = CameraAgent(app, scene, "1")
    made.open_session()
    return made


def test_a_look_is_asked_once_answered_and_forgotten(
    agent: CameraAgent, scene: Scene, host: Host, machine: Machine
) -> None:
    looks, workstation = delivery_of(host).looks, scene.workstations["1"]
    asked: list[LookWanted] = []
    host.events.subscribe(LookWanted, asked.append)
    ref = looks.ask(workstation, host.now())
    assert looks.ask(workstation, host.now()) == ref
    assert looks.ask(scene.workstations["2"], host.now()) != ref
    assert [each.workstation for each in asked] == [workstation, scene.workstations["2"]]
    assert looks.get(ref, host.now()) is None
    assert agent.look(ref, jpeg()).status_code == 200
    assert looks.get(ref, host.now()) == jpeg()
    assert looks.ask(workstation, host.now()) != ref
    machine.advance(seconds=LIFE.total_seconds())
    assert looks.get(ref, host.now()) == jpeg()
    machine.advance(seconds=0.001)
    with pytest.raises(Exception, match="not_found"):
        looks.get(ref, host.now())


def test_the_question_reaches_the_asked_seat_alone(
    app: Flask, agent: CameraAgent, scene: Scene, host: Host
) -> None:
    socketio = create_socketio(app)
    other = CameraAgent(app, scene, "2")
    other.open_session()
    one, two = (
        SocketIOTestClient(app, socketio, namespace=NAMESPACE_SEAT, auth={"token": each.token})
        for each in (agent, other)
    )
    ref = delivery_of(host).looks.ask(scene.workstations["1"], host.now())
    heard = [
        [event["args"][0] for event in socket.get_received(NAMESPACE_SEAT) if event["name"] == EVENT_LOOK]
        for socket in (one, two)
    ]
    assert heard == [[{"ref": ref}], []]


def test_a_camera_without_a_picture_says_so(agent: CameraAgent, scene: Scene, host: Host) -> None:
    looks = delivery_of(host).looks
    ref = looks.ask(scene.workstations["1"], host.now())
    assert agent.look(ref, b"").status_code == 200
    assert looks.get(ref, host.now()) == b""


def test_what_nobody_asked_for_is_not_taken(
    agent: CameraAgent, app: Flask, scene: Scene, host: Host, machine: Machine
) -> None:
    looks = delivery_of(host).looks
    ref = looks.ask(scene.workstations["2"], host.now())
    assert agent.look(ref, jpeg()).get_json()["code"] == "look_not_wanted"  # asked of another seat
    assert agent.look("made-up", jpeg()).status_code == 404
    own = looks.ask(scene.workstations["1"], host.now())
    assert agent.look(own, b"GIF89a").get_json()["code"] == "frame_not_jpeg"
    assert agent.look(own, jpeg(size=LOOK_MOST + 1)).status_code == 413
    assert agent.look(own, jpeg(size=LOOK_MOST)).status_code == 200
    machine.advance(seconds=21)
    assert agent.look(own, jpeg()).status_code == 404


def test_a_room_without_cameras_has_nothing_to_look_at(
    app: Flask, host: Host, person_as: Callable[..., Actor]
) -> None:
    standard = make_scene(host, person_as)
    agent = CameraAgent(app, standard, "1")
    agent.open_session()
    ref = delivery_of(host).looks.ask(standard.workstations["1"], host.now())
    assert agent.look(ref, jpeg()).get_json()["code"] == "room_without_cameras"


# --- bounds of what agents report --------------------------------------------------------------------


@pytest.mark.parametrize(
    "changed",
    [
        {"persons": 2},  # more persons than faces
        {"faces": -1, "persons": -1},
        {"faces": 1001},
        {"brightness": float("nan")},
        {"sharpness": float("inf")},
        {"similarity": 1.1},
        {"similarity": float("nan")},
        {"quality": "q" * 61},
        {"unavailable": ("x",) * 17},
        {"models": {"detect": "m" * 61}},
    ],
)
def test_a_look_that_cannot_be_true_is_refused(changed: dict[str, object]) -> None:
    with pytest.raises(Exception, match="message_malformed"):
        observed.note_values(note(**changed), "M")


@pytest.mark.parametrize("similarity", [-1.0, 0.0, 1.0, None])
def test_a_look_within_bounds_is_kept_as_it_is(similarity: float | None) -> None:
    from exam_rooms.wire import decode

    seen = note(similarity=similarity, models={"detect": "d 1"}, unavailable=("verify",))
    assert decode(ObservationNote, observed.note_values(seen, "M")) == seen
    assert observed.note_values(None, "M") == {}
