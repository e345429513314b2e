"""Pages of a watched room, and what was recorded of it."""

from exam_rooms.protocol import Route
from exam_rooms.watch_messages import CameraReport, CameraState, Moment
from server.db.record import AuditEntry
from server.db.sittings import Incident
from server.db.watching import EvidenceFrame
from tests.server.delivery_kit import Scene
from tests.server.smart_kit import CameraAgent

HX = {"HX-Request": "true"}
LIVE = CameraReport(CameraState.LIVE, "CAM-01", "watch")


def base(scene: Scene) -> str:
    return f"/monitor/{scene.room_sitting}"


def seat(scene: Scene, number: str = "1") -> str:
    return f"{base(scene)}/seats/{scene.seats[number]}"


def raised(agent: CameraAgent, pictures: tuple[bytes, ...] = (), **changed: object) -> int:
    """An alert with announced pictures; the incident's id."""
    frames = tuple(agent.frame(data, moment) for data, moment in zip(pictures, Moment, strict=False))
    agent.taken(Route.ALERT, agent.alert(frames=frames, **changed))
    with agent.scene.host.db.read() as session:
        return session.query(Incident).order_by(Incident.id.desc()).first().id


def frames(scene: Scene) -> list[EvidenceFrame]:
    with scene.host.db.read() as session:
        return session.query(EvidenceFrame).order_by(EvidenceFrame.id).all()


def acts(scene: Scene, act: str) -> list[AuditEntry]:
    with scene.host.db.read() as session:
        return session.query(AuditEntry).filter_by(act=act).order_by(AuditEntry.id).all()
