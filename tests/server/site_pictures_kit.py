"""Pictures of an alert at a site, and the files in which results and pictures go back."""

import hashlib
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from server.db.base import vault_of
from server.db.evidence_store import frame_name
from server.db.sittings import Attempt, Incident
from server.db.watching import EvidenceFrame
from server.services import evidence, site_exchange, site_files, site_taking
from tests.server.site_kit import Pair, desk

PICTURE = evidence.JPEG + b"a face by the window" * 40


def photographed(pair: Pair, count: int = 1) -> list[int]:
    """Pictures of an alert at the site, stored and sealed there; each under two rows."""

    def note(session: Any) -> list[int]:
        attempt = session.scalars(select(Attempt).where(Attempt.workstation_id.is_not(None))).first()
        now, found = pair.site.now(), []
        incident = Incident(
            room_sitting_id=attempt.room_sitting_id,
            attempt_id=attempt.id,
            seat_id=attempt.seat_id,
            kind="GAZE_AWAY",
            severity=2,
            first_at=now,
            last_at=now,
        )
        session.add(incident)
        session.flush()
        for number in range(count):
            data = PICTURE + bytes([number])
            sha256, name = hashlib.sha256(data).hexdigest(), ""
            for moment in ("at", "after"):
                row = EvidenceFrame(
                    room_sitting_id=attempt.room_sitting_id,
                    attempt_id=attempt.id,
                    seat_id=attempt.seat_id,
                    workstation_id=attempt.workstation_id,
                    purpose="alert" if moment == "at" else "capture",
                    incident_id=incident.id,
                    moment=moment,
                    sha256=sha256,
                    size=len(data),
                    taken_at=now,
                    announced_at=now,
                    stored_at=now,
                    keep_until=now + timedelta(days=90),
                )
                session.add(row)
                session.flush()
                name = name or frame_name(row.id, sha256)
                row.file = name
            evidence.keep(vault_of(session), pair.site.evidence, name, data)
            found.append(row.id)
        return found

    return pair.site.db.write(note)


def back(pair: Pair) -> dict[str, Any]:
    made = site_exchange.make_results(desk(pair.site), pair.there[0], pair.about)
    return carried(pair, made.id)


def carried(pair: Pair, file_id: int) -> dict[str, Any]:
    with pair.site.db.read() as session:
        data = site_files.as_file(session, site_files.get(session, file_id))
    came = site_exchange.receive(desk(pair.authority), pair.here[0], data)
    return site_taking.take_in(desk(pair.authority), pair.signed(), came.id)


def next_pictures(pair: Pair) -> int:
    made = site_exchange.make_pictures(desk(pair.site), pair.there[0], pair.about)
    return made.id if made else 0
