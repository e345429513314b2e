"""What the tests of scoring ask of the store."""

from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import select

from server.access import Actor
from server.db.assessing import ScoreRecord
from server.db.record import AuditEntry
from server.host import Host
from server.services import turns
from tests.server.assessing_kit import Stage

SignIn = Callable[[Actor], FlaskClient]


def acts(host: Host, act: str) -> list[AuditEntry]:
    with host.db.read() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.act == act)))


def rows(host: Host) -> list[ScoreRecord]:
    with host.db.read() as session:
        return list(session.scalars(select(ScoreRecord).order_by(ScoreRecord.id)))


def finish(stage: Stage, number: int = 1) -> None:
    stage.write(turns.finish, stage.invigilator, stage.turn(number).id)
