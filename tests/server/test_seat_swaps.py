"""Two candidates who changed seats: each seat's one alert names the other; who refused is never compared."""

import base64
import math
import struct
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from exam_rooms.protocol import Route
from server.access import Actor
from server.db.privacy import FaceProbe
from server.db.record import AuditEntry
from server.db.sittings import Batch, Incident
from server.db.watching import Enrolment
from server.events import Activity
from server.host import Host
from server.services import alerts, gallery, holds, incident_views, incidents, withdrawals
from server.services.incidents import Handling
from server.services.signed import Signed
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.smart_kit import DIMS, CameraAgent, agent_of, answering, equip

MODELS = {"verify": "embedder 1"}
EPISODE, OTHER = "0123456789abcdef", "fedcba9876543210"


def face(**cosines: float) -> str:
    """A unit vector with these cosines to the faces a1, a2, a3 of the seats; the rest points nowhere."""
    values = [0.0] * DIMS
    for name, cosine in cosines.items():
        values[int(name[1:])] = cosine
    values[DIMS - 1] = math.sqrt(max(0.0, 1 - sum(value * value for value in values)))
    return base64.b64encode(struct.pack(f"<{DIMS}f", *values)).decode()


OWN = {"1": face(a1=1), "2": face(a2=1), "3": face(a3=1)}


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return equip(make_scene(host, person_as))


@pytest.fixture
def agents(app: Flask, scene: Scene, machine: Machine) -> dict[str, CameraAgent]:
    return enrolled(app, scene, machine)


def enrolled(app: Flask, scene: Scene, machine: Machine, refusing: str = "") -> dict[str, CameraAgent]:
    found = {agent.seat: agent for agent in answering(app, scene, machine, "123", refusing)}
    for seat, agent in found.items():
        if seat not in refusing:
            agent.taken(Route.ENROLMENT, agent.enrolment(template=OWN[seat], models=MODELS))
    return found


def mismatch(agent: CameraAgent, probe: str, **changed: Any) -> None:
    told = {"kind": "FACE_MISMATCH", "probe": probe, "models": MODELS, "scores": {"similarity": 0.1}}
    agent.taken(Route.ALERT, agent.alert(**{**told, **changed}))


def raised(host: Host) -> list[Incident]:
    with host.db.read() as session:
        return session.query(Incident).order_by(Incident.id).all()


@pytest.mark.both_stores
def test_a_face_of_the_room_makes_the_alert_name_its_seat(
    agents: dict[str, CameraAgent], host: Host, scene: Scene
) -> None:
    lines: list[Activity] = []
    host.events.subscribe(Activity, lines.append)
    mismatch(agents["1"], face(a1=0.1, a2=0.71))
    (row,) = raised(host)
    assert (row.kind, row.severity, row.seat_id) == ("SEAT_SWAP", 3, scene.seats["1"])
    assert row.details["other"] == "2"
    assert row.details["swap"] == {
        "attempt": scene.attempts["2"],
        "seat": scene.seats["2"],
        "number": "2",
        "room_sitting": scene.room_sitting,
        "room": "",
        "similarity": 0.71,
    }
    assert [(line.code, dict(line.params)) for line in lines] == [
        ("incident_seat_swap", {"seat": "1", "other": "2"})
    ]


@pytest.mark.both_stores
def test_one_alert_for_each_seat_ended_under_the_name_the_agent_gave(
    agents: dict[str, CameraAgent], host: Host, machine: Machine
) -> None:
    mismatch(agents["1"], face(a2=0.7))
    mismatch(agents["1"], face(a2=0.7))  # sent again
    machine.advance(seconds=30)
    mismatch(agents["1"], "", closed=True, since_ns=agents["1"].boot_ns())
    (row,) = raised(host)
    assert (row.kind, row.details["episodes"]) == ("SEAT_SWAP", {EPISODE: "closed"})
    assert "ended_at" in row.details
    machine.advance(seconds=30)
    mismatch(agents["1"], face(a1=0.1), episode=OTHER)  # not known whose: still the same incident
    (row,) = raised(host)
    assert (row.kind, row.details["count"], row.details["other"]) == ("SEAT_SWAP", 2, "2")


@pytest.mark.both_stores
def test_when_both_have_changed_seats_each_incident_knows_the_other(
    agents: dict[str, CameraAgent], host: Host
) -> None:
    mismatch(agents["1"], face(a2=0.7))
    mismatch(agents["2"], face(a1=0.8))
    one, two = raised(host)
    assert (one.details["other"], two.details["other"]) == ("2", "1")
    assert (one.details["swap"]["incident"], two.details["swap"]["incident"]) == (two.id, one.id)


def test_the_second_alert_completes_a_first_one_that_was_not_clear(
    agents: dict[str, CameraAgent], host: Host, scene: Scene
) -> None:
    mismatch(agents["1"], face(a1=0.1, a2=0.45))  # too little by itself
    scene.write(incidents.handle, scene.invigilator, raised(host)[0].id, Handling("acknowledged"))
    assert raised(host)[0].kind == "FACE_MISMATCH"
    mismatch(agents["2"], face(a1=0.8))
    one, two = raised(host)
    assert (one.kind, two.kind) == ("SEAT_SWAP", "SEAT_SWAP")
    assert (one.details["other"], one.details["swap"]["similarity"]) == ("2", 0.45)
    assert one.state == "raised"


def test_an_unlike_first_face_stays_what_it_was(agents: dict[str, CameraAgent], host: Host) -> None:
    mismatch(agents["1"], face(a1=0.1, a2=0.2))
    mismatch(agents["2"], face(a1=0.8))
    one, two = raised(host)
    assert (one.kind, two.kind) == ("FACE_MISMATCH", "SEAT_SWAP")
    assert "incident" not in two.details["swap"]


@pytest.mark.parametrize(
    "probe",
    [
        face(a1=0.1, a2=0.49),  # not surely seat 2
        face(a1=0.4, a2=0.7),  # perhaps the candidate after all
        face(a2=0.6, a3=0.55),  # two look alike
        face(a1=0.1),
    ],
)
def test_what_is_not_clear_names_nobody(agents: dict[str, CameraAgent], host: Host, probe: str) -> None:
    mismatch(agents["1"], probe)
    (row,) = raised(host)
    assert row.kind == "FACE_MISMATCH"
    assert "swap" not in row.details


def test_who_refused_is_never_compared(app: Flask, scene: Scene, machine: Machine, host: Host) -> None:
    agents = enrolled(app, scene, machine, refusing="2")
    agent = agents["1"]
    asked = agent.alert(kind="FACE_MISMATCH", probe=face(a2=0.9), models=MODELS)
    with host.db.read() as session:
        search = gallery.search_for(session, agent_of(scene, "1"), asked)
    assert search is not None
    assert set(search.sealed) == {scene.attempts["1"], scene.attempts["3"]}
    refused = agents["2"].alert(kind="FACE_MISMATCH", probe=face(a1=0.9), models=MODELS)
    assert agents["2"].refused(Route.ALERT, refused) == (403, "no_face_consent")


def test_a_face_of_another_model_is_compared_with_nobody(agents: dict[str, CameraAgent], host: Host) -> None:
    mismatch(agents["1"], face(a2=0.9), models={"verify": "embedder 2"})
    assert raised(host)[0].kind == "FACE_MISMATCH"


def test_a_batch_frozen_earlier_looks_for_nobody(
    agents: dict[str, CameraAgent], host: Host, scene: Scene
) -> None:
    def older(session) -> None:
        row = session.query(Batch).one()
        row.policy = {name: value for name, value in row.policy.items() if name != "seat_swap"}

    host.db.write(older)
    mismatch(agents["1"], face(a2=0.9))
    assert raised(host)[0].kind == "FACE_MISMATCH"


@pytest.mark.parametrize("probe", ["x", base64.b64encode(b"\0" * 512).decode(), face(a1=1)[:-8]])
def test_a_probe_that_is_no_face_is_refused(agents: dict[str, CameraAgent], host: Host, probe: str) -> None:
    asked = agents["1"].alert(kind="FACE_MISMATCH", probe=probe, models=MODELS)
    assert agents["1"].refused(Route.ALERT, asked) == (400, "message_malformed")
    other = agents["1"].alert(kind="NO_FACE", probe=face(a1=1), models=MODELS)
    assert agents["1"].refused(Route.ALERT, other) == (400, "message_malformed")
    assert raised(host) == []


@pytest.mark.both_stores
def test_the_probe_is_sealed_and_goes_when_somebody_has_looked(
    agents: dict[str, CameraAgent], host: Host, scene: Scene
) -> None:
    probe = face(a2=0.7)
    mismatch(agents["1"], probe)
    with host.db.read() as session:
        kept = session.query(FaceProbe).one()
        assert kept.sealed_probe is not None
        assert base64.b64decode(probe)[:64] not in kept.sealed_probe
        assert gallery.expired(session, now=host.now()) == []
        shown = "".join(str(entry.details) for entry in session.query(AuditEntry))
        assert probe[:40] not in shown
        assert probe[:40] not in str(raised(host)[0].details)
    scene.write(incidents.handle, scene.invigilator, raised(host)[0].id, Handling("recorded"))
    with host.db.read() as session:
        assert len(gallery.expired(session, now=host.now())) == 1


@pytest.mark.both_stores
def test_a_withdrawal_takes_the_face_that_was_found_at_the_other_seat(
    agents: dict[str, CameraAgent], host: Host, scene: Scene
) -> None:
    mismatch(agents["1"], face(a2=0.9))  # candidate 2 is seen at seat 1
    mismatch(agents["3"], face(a1=0.1))
    scene.write(withdrawals.withdraw, Signed(scene.invigilator, "asked", scene.chief), agents["2"].attempt)
    with host.db.read() as session:
        kept = {row.attempt_id: row.sealed_probe for row in session.query(FaceProbe)}
    assert kept[agents["1"].attempt] is None
    assert kept[agents["3"].attempt] is not None


def test_a_face_that_a_hold_covers_outlives_the_handling_of_its_incident(
    agents: dict[str, CameraAgent], host: Host, scene: Scene, person_as: Callable[..., Actor]
) -> None:
    mismatch(agents["1"], face(a2=0.7))
    scene.write(incidents.handle, scene.invigilator, raised(host)[0].id, Handling("recorded"))
    hold = scene.write(holds.place, Signed(person_as("administrator"), "dispute"), scene.room_sitting)
    with host.db.read() as session:
        assert gallery.expired(session, now=host.now()) == []
    lifted = Signed(person_as("administrator"), "settled", scene.invigilator)
    scene.write(holds.lift, lifted, hold.id)
    with host.db.read() as session:
        assert len(gallery.expired(session, now=host.now())) == 1


def test_a_withdrawn_template_is_not_found_between_search_and_record(
    agents: dict[str, CameraAgent], host: Host, scene: Scene
) -> None:
    def gone(session) -> None:
        session.query(Enrolment).filter_by(attempt_id=scene.attempts["2"]).one().dropped_at = host.now()

    with host.db.read() as session:
        asked = agents["1"].alert(kind="FACE_MISMATCH", probe=face(a2=0.9), models=MODELS)
        search = gallery.search_for(session, agent_of(scene, "1"), asked)
    assert search is not None
    found = gallery.find(host.vault, search)
    assert found is not None
    host.db.write(gone)
    scene.write(alerts.take_alert, agent_of(scene, "1"), asked, found, boot_ns=0)
    assert raised(host)[0].kind == "FACE_MISMATCH"


def test_a_swap_waits_in_the_queue_with_pictures_like_any_alert_of_a_camera(
    agents: dict[str, CameraAgent], host: Host, scene: Scene
) -> None:
    mismatch(agents["1"], face(a2=0.7))
    with host.db.read() as session:
        (view,) = incident_views.waiting(session, scene.room_sitting)
    assert (view.kind, view.from_camera, view.shade) == ("SEAT_SWAP", True, "act")
