"""The activity list of a room: acts out of the audit record and incidents, newest first, in words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.calls import Announcement
from server.db.rooms import Seat
from server.db.sittings import Incident
from server.db.watching import CandidateWarning
from server.messages import MESSAGES
from server.services import audit
from server.services.incidents import line_code
from server.web import guard
from server.web.acts import act_word, actor_word
from server.web.camera_words import incident_text

MOST = 60
QUIET = (
    *("frame_viewed", "seat_looked_at", "captures_drawn", "hand_raised", "incident_reported"),
    *("report_photo_viewed", "desk_picture_viewed", "response_seen", "commands_confirmed"),
    *("desk_looked", "desk_looked_up", "seating_list_taken"),
    "order_list_shown",
    *("hold_placed", "hold_lifted", "recorded_frames_deleted"),
)
"""Acts that stand in the audit record alone: nothing happened in the room, or an incident tells of it."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the activity list."""

    at: datetime
    text: str


def lines(session: Session, room_sitting_id: int) -> list[Line]:
    """The newest `MOST` lines of a room's sitting."""
    found = [*_acts(session, room_sitting_id), *_incidents(session, room_sitting_id)]
    return sorted(found, key=lambda line: line.at, reverse=True)[:MOST]


def _acts(session: Session, room_sitting_id: int) -> list[Line]:
    entries = audit.page(session, stream=audit.sitting_stream(room_sitting_id), without=QUIET)[:MOST]
    texts = {
        "warning": _texts(session, CandidateWarning, [entry.details.get("warning") for entry in entries]),
        "announcement": _texts(
            session, Announcement, [entry.details.get("announcement") for entry in entries]
        ),
    }
    return [
        Line(entry.at, _words(f"line_{entry.act}", entry.actor, entry.details, texts)) for entry in entries
    ]


def _texts(
    session: Session, table: type[CandidateWarning] | type[Announcement], ids: list[int | None]
) -> dict[int, str]:
    """What was said, which the audit record names by its id only."""
    query = select(table.id, table.text).where(table.id.in_([each for each in ids if each is not None]))
    return dict(session.execute(query).all())


def _words(code: str, actor: str, details: dict[str, Any], texts: dict[str, dict[int, str]]) -> str:
    if code not in MESSAGES:
        return str(_("%(actor)s：%(act)s", actor=actor_word(actor), act=act_word(code.removeprefix("line_"))))
    text = "".join(found.get(details.get(name, 0), "") for name, found in texts.items())
    what = {"what": incident_text(str(details["kind"]))} if "kind" in details else {}
    return guard.say(code, {"actor": actor, "text": text, **what, **details})


def _incidents(session: Session, room_sitting_id: int) -> list[Line]:
    query = (
        select(Incident, Seat.number)
        .outerjoin(Seat, Seat.id == Incident.seat_id)
        .where(Incident.room_sitting_id == room_sitting_id)
        .order_by(Incident.first_at.desc())
        .limit(MOST)
    )
    return [
        Line(row.first_at, guard.say(line_code(row), {**row.details, "seat": number or ""}))
        for row, number in session.execute(query)
    ]
