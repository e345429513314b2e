"""What the tests of the desk ask of the store."""

from server.access import Actor
from server.db.record import AuditEntry
from server.services import desk_find
from server.services.desk_marks import marks
from tests.server.delivery_kit import Scene


def found(scene: Scene, typed: str, who: Actor | None = None) -> desk_find.Person:
    with scene.host.db.read() as session:
        actor = who or scene.staff[0]
        return desk_find.find(session, actor, scene.room_sitting, typed, now=scene.host.now())


def acts(scene: Scene) -> list[str]:
    with scene.host.db.read() as session:
        stream = f"sitting/{scene.room_sitting}"
        rows = session.query(AuditEntry).filter_by(stream=stream).order_by(AuditEntry.seq)
        return [row.act for row in rows]


def marked(scene: Scene) -> dict[str, str]:
    with scene.host.db.read() as session:
        by_attempt = marks(session, scene.room_sitting)
    return {seat: by_attempt[attempt] for seat, attempt in scene.attempts.items() if attempt in by_attempt}
