"""Alerts, logs of looks and pictures that are kept, for the tests of what happens to them."""

from datetime import datetime

from exam_rooms.protocol import Route
from server.db.evidence_store import frame_name
from server.db.look_logs import LookBatch
from server.db.room_cameras import RoomCamera, RoomCameraFrame
from server.db.sittings import Incident
from server.host import Host
from server.services import incidents
from server.services.incidents import Handling
from tests.server.delivery_kit import Scene
from tests.server.smart_kit import CameraAgent, jpeg

PICTURE = jpeg(1)


def alert(agent: CameraAgent, data: bytes, **changed: object) -> None:
    agent.taken(Route.ALERT, agent.alert(frames=(agent.frame(data, "at"),), **changed))
    agent.picture(data)


def handled(scene: Scene, outcome: str, place: int = -1) -> None:
    with scene.host.db.read() as session:
        row = session.query(Incident).order_by(Incident.id).all()[place]
    scene.write(incidents.handle, scene.invigilator, row.id, Handling(outcome, "seen"))


def log_batch(host: Host, scene: Scene, attempt: int, keep_until: datetime) -> None:
    def add(session) -> None:
        stamps = {"since_ns": 1, "until_ns": 2, "since_at": host.now()}
        place = {"room_sitting_id": scene.room_sitting, "seat_id": scene.seats["1"]}
        session.add(
            LookBatch(
                attempt_id=attempt,
                workstation_id=scene.workstations["1"],
                name="a" * 16,
                boot_id="b",
                looks=60,
                sealed=b"sealed",
                keep_until=keep_until,
                **stamps,
                **place,
            )
        )

    host.db.write(add)


def room_picture(host: Host, scene: Scene, keep_until: datetime) -> int:
    """A picture of the room's camera for the first incident, as its service leaves it."""

    def add(session) -> int:
        camera = RoomCamera(
            room_id=scene.room, public_key=b"k" * 32, hostname="h", software="s", paired_at=host.now()
        )
        session.add(camera)
        session.flush()
        row = RoomCameraFrame(
            room_sitting_id=scene.room_sitting,
            incident_id=session.query(Incident).order_by(Incident.id).first().id,
            camera_id=camera.id,
            moment="at",
            taken_at=host.now(),
            sha256="f" * 64,
            file=frame_name(900, "f" * 64),
            stored_at=host.now(),
            keep_until=keep_until,
        )
        session.add(row)
        session.flush()
        return row.id

    return host.db.write(add)
