"""What people made of a room's flags, as `proctoring.measure` counts them."""

from collections.abc import Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.incidents import Severity
from proctoring.measure import MEASURED_KINDS, Flag, Outcome
from server.db.sittings import Incident
from server.db.watching import CandidateWarning

MUTED = "muted"
"""Among an incident's details: its check was muted when it began."""


def flags(session: Session, room_sitting_id: int, kind: str = "") -> list[Flag]:
    """Every flag of the checks of a room's sitting, or of one of them."""
    kinds = [kind] if kind else [str(each) for each in MEASURED_KINDS]
    query = select(Incident).where(Incident.room_sitting_id == room_sitting_id, Incident.kind.in_(kinds))
    warned = _warned(session, room_sitting_id)
    return [
        Flag(row.kind, outcome(row, row.id in warned), _episodes(row.details), is_muted(row))
        for row in session.scalars(query)
        if "same_as" not in row.details  # another incident tells of the same
    ]


def outcome(row: Incident, warned: bool) -> Outcome:
    """A person's last word counts; a warning that nobody took back is one."""
    if row.state == "dismissed":
        return Outcome.DISMISSED
    if warned or "recorded_by" in row.details:
        return Outcome.CONFIRMED
    if row.state == "recorded":
        return Outcome.SEEN
    return Outcome.CLEARED if row.state == "cleared" else Outcome.WAITING


def is_muted(row: Incident) -> bool:
    """Whether an incident called nobody because its check was muted."""
    return MUTED in row.details and row.severity == Severity.INFO


def _warned(session: Session, room_sitting_id: int) -> set[int | None]:
    query = select(CandidateWarning.incident_id).where(
        CandidateWarning.room_sitting_id == room_sitting_id, CandidateWarning.incident_id.is_not(None)
    )
    return set(session.scalars(query))


def _episodes(details: Mapping[str, object]) -> int:
    count = details.get("count", 1)
    return count if isinstance(count, int) and count > 0 else 1
