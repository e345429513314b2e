"""Pictures of a sitting that was held at a site: the second part of what goes back, after the results.

They go in files of their own, each small enough to be opened at once and taken by itself: results never wait
for them. A picture is sealed at each side for its own row and hash, so it is opened here, sealed in the file
for the authority alone, and sealed anew there under the number that its row has there.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.base import emit, vault_of
from server.db.evidence_store import EvidenceStore, frame_name
from server.db.sites import ExamSite, SiteFile, SiteSitting
from server.db.sittings import RoomSitting
from server.db.watching import EvidenceFrame
from server.errors import Refused
from server.events import SeatChanged
from server.rules.observed import FRAME_MOST
from server.rules.site_file import PICTURES
from server.services import evidence, site_files, site_results
from server.services.peer_rows import Peers
from server.services.signed import need

FORMAT = 1
MOST_BYTES = 8 << 20
"""Bytes of the pictures in one file: what a child opens and the server holds at once."""


@dataclass(slots=True)
class Placed:
    """Pictures that found their rows: file name -> bytes and rows; `unknown`: those without a row here."""

    files: dict[str, tuple[bytes, list[int]]] = field(default_factory=dict)
    unknown: int = 0


def content(session: Session, actor: Actor, store: EvidenceStore, about: str) -> dict[str, Any]:
    """The next pictures that have not gone back; none in it when all have."""
    need(actor, Permission.MANAGE_SITES)
    waiting: dict[str, list[EvidenceFrame]] = {}
    sitting = site_results.held(session, about)
    site_results.need_its_authority(session, sitting)
    for row in _waiting(session, sitting):
        waiting.setdefault(row.file, []).append(row)
    frames, size, vault = list[dict[str, Any]](), 0, vault_of(session)
    for name, rows in waiting.items():
        data = evidence.opened(vault, store, name)
        if data is None:
            continue
        if frames and size + len(data) > MOST_BYTES:
            break
        size += len(data)
        told = {"ids": [row.id for row in rows], "sha256": rows[0].sha256}
        frames.append(told | {"data": base64.b64encode(data).decode()})
    return {"format": FORMAT, "about": about, "frames": frames}


def told(sent: Mapping[str, Any]) -> dict[str, Any]:
    """What stands beside the file: which rows' pictures are in it."""
    ids = [number for one in sent["frames"] for number in one["ids"]]
    return {"pictures": len(sent["frames"]), "frames": ids}


def due(session: Session) -> list[str]:
    """Sittings whose results are at the authority and of which pictures wait, none being on their way."""
    found = []
    for row in site_results.of_authority(session):
        if row.returned_at is None:
            continue
        under_way = select(SiteFile.id).where(
            SiteFile.kind == PICTURES, SiteFile.about == row.uid, SiteFile.state == site_files.MADE
        )
        if session.scalar(under_way.limit(1)) is None and _waiting(session, row):
            found.append(row.uid)
    return found


def _waiting(session: Session, held: SiteSitting) -> Sequence[EvidenceFrame]:
    files = select(SiteFile.told).where(
        SiteFile.kind == PICTURES, SiteFile.about == held.uid, SiteFile.incoming.is_(False)
    )
    gone = {number for row in session.scalars(files) for number in row.get("frames", ())}
    query = (
        select(EvidenceFrame)
        .join(RoomSitting, RoomSitting.id == EvidenceFrame.room_sitting_id)
        .where(RoomSitting.sitting_id == held.sitting_id, EvidenceFrame.file != "")
        .order_by(EvidenceFrame.id)
    )
    return [row for row in session.scalars(query) if row.id not in gone]


# --- at the authority --------------------------------------------------------------------------------


def need_results(row: SiteSitting) -> None:
    """Pictures belong to rows that come with the results (`pictures_before_results`)."""
    if row.returned_at is None:
        raise Refused("pictures_before_results", 503)


def placed(session: Session, site: ExamSite, row: SiteSitting, sent: Mapping[str, Any]) -> Placed:
    """Which rows wait for these pictures; refused for one that is not what its row announced.

    Raises `Refused` (pictures_form, picture_differs).
    """
    found, rows = Placed(), Peers(session, site.fingerprint).of("evidence_frames")
    rooms = set(row.sent.get("room_sittings", ()))
    for one in _read(sent):
        owns = [session.get(EvidenceFrame, rows[number]) for number in one[0] if number in rows]
        here = [own for own in owns if own is not None and own.room_sitting_id in rooms]
        if any(own.sha256 != one[1] for own in here):
            raise Refused("picture_differs", 422)
        wait = [own.id for own in here if own.stored_at is None]
        if wait:
            found.files[frame_name(wait[0], one[1])] = one[2], wait
        found.unknown += len(one[0]) - len(here)
    return found


def _read(sent: Mapping[str, Any]) -> list[tuple[list[int], str, bytes]]:
    try:
        if sent["format"] != FORMAT:
            raise ValueError("another form")
        found = [
            ([int(n) for n in one["ids"]], str(one["sha256"]), base64.b64decode(one["data"], validate=True))
            for one in sent["frames"]
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as fault:
        raise Refused("pictures_form", 422) from fault
    for _ids, sha256, data in found:
        right = len(data) <= FRAME_MOST and data.startswith(evidence.JPEG)
        if not right or hashlib.sha256(data).hexdigest() != sha256:
            raise Refused("picture_differs", 422)
    return found


def arrived(session: Session, found: Placed, *, now: datetime) -> dict[str, int]:
    """The pictures are durable in the store; their rows say so from now on."""
    taken = 0
    for name, (_data, rows) in found.files.items():
        change = update(EvidenceFrame).where(EvidenceFrame.id.in_(rows), EvidenceFrame.stored_at.is_(None))
        session.execute(change.values(file=name, stored_at=now))
        taken += 1
        for row in session.scalars(select(EvidenceFrame).where(EvidenceFrame.id.in_(rows))):
            emit(session, SeatChanged(row.room_sitting_id, row.seat_id))
    return {"pictures": taken, "unknown": found.unknown}
