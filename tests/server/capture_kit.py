"""Random pictures of a seat."""

from typing import Any

from exam_rooms.protocol import Route
from exam_rooms.watching import ObservationNote
from server.db.sittings import Batch
from server.services import captures
from server.services.captures import CaptureLine
from tests.server.delivery_kit import Scene
from tests.server.smart_kit import CameraAgent, jpeg, note, sha


def policy(scene: Scene, **changed: Any) -> None:
    """Changes the level's rules for cameras."""

    def set_rules(session) -> None:
        batch = session.get_one(Batch, 1)
        batch.policy = batch.policy | {"watching": batch.policy["watching"] | changed}

    scene.host.db.write(set_rules)


def take(agent: CameraAgent, number: int = 0, seen: ObservationNote | None = None) -> bytes:
    """One capture with its picture; the bytes."""
    data = jpeg(number + 1)
    asked = agent.capture(number, note=seen or note(), frame=agent.frame(data))
    assert agent.taken(Route.CAPTURE, asked).wanted == (sha(data),)
    assert agent.picture(data).status_code == 200
    return data


def lines(scene: Scene) -> list[CaptureLine]:
    with scene.host.db.read() as session:
        return captures.listing(session, scene.room_sitting)


def rechecks(scene: Scene) -> list[str]:
    return [line.recheck for line in lines(scene)]
