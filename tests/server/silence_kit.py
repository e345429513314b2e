"""Silences of seats that tests make."""

from sqlalchemy import select

from server.db.sittings import Incident
from server.host import Host


def incidents(host: Host) -> list[tuple[int, str]]:
    with host.db.read() as session:
        return [(row.room_sitting_id, row.kind) for row in session.scalars(select(Incident))]
