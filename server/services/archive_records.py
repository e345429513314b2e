"""What candidates handed in or wrote and is a record of the archive: how much lies here, and since when.

Nothing of it goes by itself, and nothing here deletes it: electronic records are kept five years at least.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Executable, func, select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.assessing import ScorePhoto, ScoreSheet, Turn
from server.db.reviewing import DefenceQuestion, ReviewFile
from server.db.scripts import ScanPage, ScanUpload, Script, ScriptObjective
from server.db.sittings import Attempt
from server.services.signed import need

LEAST_YEARS = 5


@dataclass(frozen=True, slots=True)
class Records:
    """One kind: works | questions | scans | typed | photos; when the first of them came."""

    kind: str
    count: int
    since: datetime | None


def listing(session: Session, actor: Actor) -> tuple[Records, ...]:
    """Every kind of which there is something."""
    need(actor, Permission.MANAGE_BATCHES)
    found = (Records(kind, *session.execute(query).one()) for kind, query in _queries())
    return tuple(line for line in found if line.count)


def of_candidate(session: Session, registration_id: int) -> dict[str, int]:
    """How many files a candidate handed in (works), pages of theirs were scanned (scans), photos were taken
    of their practical work (photos); kinds without any are left out.
    """
    works = select(func.count()).where(ReviewFile.registration_id == registration_id)
    scans = (
        select(func.count())
        .select_from(ScanPage)
        .join(Script, Script.id == ScanPage.script_id)
        .join(Attempt, Attempt.id == Script.attempt_id)
        .where(Attempt.registration_id == registration_id)
    )
    photos = (
        select(func.count())
        .select_from(ScorePhoto)
        .join(ScoreSheet, ScoreSheet.id == ScorePhoto.sheet_id)
        .join(Turn, Turn.id == ScoreSheet.turn_id)
        .where(Turn.registration_id == registration_id)
    )
    counts = {"works": works, "scans": scans, "photos": photos}
    return {kind: count for kind, query in counts.items() if (count := session.scalar(query) or 0)}


def _queries() -> Iterator[tuple[str, Executable]]:
    yield "works", select(func.count(), func.min(ReviewFile.uploaded_at))
    yield "questions", select(func.count(), func.min(DefenceQuestion.noted_at))
    pages = select(func.count(ScanPage.id), func.min(ScanUpload.uploaded_at))
    yield "scans", pages.join(ScanUpload, ScanUpload.id == ScanPage.upload_id)
    yield "photos", select(func.count(), func.min(ScorePhoto.received_at))
    yield "typed", select(func.count(), func.min(ScriptObjective.typed_at))
