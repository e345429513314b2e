"""What the tests of the monitor do again and again: an incident at a seat."""

from exam_rooms.incidents import IncidentKind
from server.services import incidents
from server.services.incidents import Place
from tests.server.delivery_kit import Scene


def raised(scene: Scene, seat: str, kind: IncidentKind) -> int:
    """An incident at a seat, raised now."""
    place = Place(scene.room_sitting, scene.seats[seat], scene.attempts.get(seat))
    row = scene.write(lambda session, *, now: incidents.raise_incident(session, place, kind, now=now).id)
    return int(row)
