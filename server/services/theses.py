"""What candidates hand in for a comprehensive review: theses and materials, every version kept and sealed.

Of each kind the last version that was handed in before the due time counts; one that came late, or is shorter
than the policy asks, counts once somebody accepted it with a reason. A file is never changed or overwritten.
An author's name inside a file cannot be hidden; screens and file names give the panel the blind code.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.assessing import Turn
from server.db.base import TO_CHANGE, vault_of
from server.db.reviewing import ReviewFile, ReviewPlan, ReviewWork
from server.db.sittings import Registration, RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.rules.policy_components import Component
from server.services import assessment_room, audit
from server.services.assessment_room import AssessmentRoom, on_panel
from server.services.signed import MOST_REASON, Signed, need, need_reason

PURPOSE = "review-file"
THESIS = "thesis"
KINDS = (THESIS, "summary", "achievement", "certificate", "other")
TITLE_MOST, SOURCE_MOST = 200, 80
BYTES_MOST = 20 << 20
VERSIONS_MOST = 20
DOCUMENTS = ("application/pdf", "application/vnd.openxmlformats-officedocument.wordprocessingml.document")
"""What a thesis may be; materials may be pictures, too."""
EXTENSIONS = {
    DOCUMENTS[0]: "pdf",
    DOCUMENTS[1]: "docx",
    "image/jpeg": "jpg",
    "image/png": "png",
}


@dataclass(frozen=True, slots=True)
class Handed:
    """A file as it was handed in, with what the job `read_work` found out about it."""

    kind: str
    data: bytes
    mime: str
    pages: int | None
    characters: int


@dataclass(frozen=True, slots=True)
class Similarity:
    """What a similarity report said: per cent, the service, and the hash of the report (hex, "" for none)."""

    percent: Decimal
    source: str
    sha256: str = ""


def managed(session: Session, actor: Actor, room_sitting_id: int, *, lock: bool = False) -> AssessmentRoom:
    """A room of a review for who manages reviews, and is no member of its panel. Raises `NotFound`."""
    need(actor, Permission.MANAGE_REVIEWS)
    place = assessment_room.load(session, room_sitting_id, lock=lock)
    if place.sitting.component != Component.REVIEW:
        raise NotFound("sitting")
    if on_panel(session, actor, room_sitting_id):
        raise Refused("panel_runs_nothing", 403)
    return place


def set_due(session: Session, actor: Actor, room_sitting_id: int, due_at: datetime, *, now: datetime) -> None:
    """Until when the works of the room's sitting are handed in: all its rooms have the same time.

    Files that are there already keep what they were when they came.
    """
    place = managed(session, actor, room_sitting_id, lock=True)
    if due_at > place.sitting.starts_at:
        raise Refused("work_due_too_late", 422, field="due_at")
    plan = session.get(ReviewPlan, place.sitting.id)
    before = plan.due_at if plan else None
    if plan is None:
        plan = ReviewPlan(sitting_id=place.sitting.id, set_at=now)
        session.add(plan)
    plan.due_at, plan.set_at, plan.set_by = due_at, now, actor.user_id
    stream = audit.sitting_stream(room_sitting_id)
    facts = {"due_at": due_at} | ({"before": before} if before else {})
    audit.record(session, stream, actor, "work_due_set", stream, now=now, **facts)


def due(session: Session, sitting_id: int) -> datetime | None:
    """Until when works of a sitting are handed in; None: until the candidate's turn."""
    plan = session.get(ReviewPlan, sitting_id)
    return plan.due_at if plan else None


def check_upload(kind: str, data: bytes) -> None:
    """What can be refused before a child opens the file."""
    if kind not in KINDS:
        raise Refused("work_kind_unknown", 422, field="kind")
    if len(data) > BYTES_MOST:
        raise Refused("work_too_large", 422, field="file", megabytes=BYTES_MOST >> 20)


def add(
    session: Session,
    actor: Actor,
    registration_id: int,
    handed: Handed,
    *,
    now: datetime,
) -> int:
    """Keeps a version of a file; its id. Raises `Refused`: work_after_turn, work_again, work_not_readable."""
    place, _registration = _candidate(session, actor, registration_id)
    check_upload(handed.kind, handed.data)
    if handed.kind == THESIS and handed.mime not in DOCUMENTS:
        raise Refused("work_not_readable", 422, field="file")
    sha256 = hashlib.sha256(handed.data).hexdigest()
    known = _versions(session, registration_id, handed.kind)
    if any(row.sha256 == sha256 and row.withdrawn_at is None for row in known):
        raise Refused("work_again", 409, field="file")
    if len(known) >= VERSIONS_MOST:
        raise Refused("work_versions_most", 409, field="file", limit=VERSIONS_MOST)
    until = due(session, place.sitting.id)
    version = len(known) + 1
    row = ReviewFile(
        registration_id=registration_id,
        kind=handed.kind,
        version=version,
        mime=handed.mime,
        size=len(handed.data),
        sha256=sha256,
        pages=handed.pages,
        characters=handed.characters,
        sealed=vault_of(session).seal_value(
            PURPOSE, f"{registration_id}/{handed.kind}/{version}", handed.data
        ),
        uploaded_at=now,
        uploaded_by=actor.user_id,
        late=until is not None and now > until,
    )
    session.add(row)
    session.flush()
    facts = {"kind": row.kind, "version": version, "sha256": sha256, "late": row.late}
    note(session, actor, place, "work_handed_in", row, now, **facts)
    return row.id


def accept(session: Session, signed: Signed, file_id: int, *, now: datetime) -> None:
    """A late or too short file counts all the same, for a reason."""
    row, place = _changeable(session, signed.actor, file_id)
    need_reason(signed)
    if not waits(row, place.terms.least_characters):
        raise Refused("work_counts_already", 409)
    row.accepted_at, row.accepted_by = now, signed.actor.user_id
    row.accepted_reason = signed.reason.strip()[:MOST_REASON]
    note(session, signed.actor, place, "work_accepted", row, now, **signed.why())


def withdraw(session: Session, signed: Signed, file_id: int, *, now: datetime) -> None:
    """A file counts no more; it stays on the record."""
    row, place = _changeable(session, signed.actor, file_id)
    need_reason(signed)
    row.withdrawn_at, row.withdrawn_by = now, signed.actor.user_id
    row.withdrawn_reason = signed.reason.strip()[:MOST_REASON]
    note(session, signed.actor, place, "work_withdrawn", row, now, **signed.why())


def describe(session: Session, actor: Actor, registration_id: int, title: str, *, now: datetime) -> None:
    """The title of the work."""
    place, _registration = _candidate(session, actor, registration_id)
    if not title.strip():
        raise Refused("work_title_missing", 422, field="title")
    _work(session, registration_id).title = title.strip()[:TITLE_MOST]
    _note_work(session, actor, place, "work_described", registration_id, now)


def note_similarity(
    session: Session,
    actor: Actor,
    registration_id: int,
    found: Similarity,
    *,
    now: datetime,
) -> None:
    """What a report said, as somebody read it; a later entry is on the record beside the earlier one."""
    place, _registration = _candidate(session, actor, registration_id)
    if not 0 <= found.percent <= 100:
        raise Refused("similarity_out_of_range", 422, field="percent")
    if not found.source.strip():
        raise Refused("similarity_source_missing", 422, field="source")
    if found.sha256 and (len(found.sha256) != 64 or not set(found.sha256) <= set("0123456789abcdef")):
        raise Refused("similarity_hash_form", 422, field="sha256")
    row = _work(session, registration_id)
    before = row.similarity
    row.similarity, row.similarity_source = found.percent, found.source.strip()[:SOURCE_MOST]
    row.similarity_sha256, row.similarity_at, row.similarity_by = found.sha256, now, actor.user_id
    facts = {"percent": found.percent, "source": row.similarity_source, "sha256": found.sha256}
    earlier = {} if before is None else {"before": before}
    _note_work(session, actor, place, "similarity_noted", registration_id, now, **facts, **earlier)


def waits(row: ReviewFile, least_characters: int) -> str:
    """Why a version does not count by itself: late | short; "" when it does, or was accepted."""
    if row.accepted_at is not None:
        return ""
    if row.late:
        return "late"
    return "short" if row.kind == THESIS and row.characters < least_characters else ""


def _candidate(session: Session, actor: Actor, registration_id: int) -> tuple[AssessmentRoom, Registration]:
    found = session.get(Registration, registration_id)
    if found is None or found.void_at is not None:
        raise NotFound("registration")
    place = managed(session, actor, place_of(session, found).row.id, lock=True)
    session.refresh(found, with_for_update=TO_CHANGE)
    _need_before_turn(session, registration_id)
    return place, found


def _need_before_turn(session: Session, registration_id: int) -> None:
    """The panel scores what it was given: nothing comes or goes once the candidate's turn began."""
    turn = session.scalar(select(Turn).where(Turn.registration_id == registration_id))
    if turn is not None and turn.started_at is not None:
        raise Refused("work_after_turn", 409)


def _changeable(session: Session, actor: Actor, file_id: int) -> tuple[ReviewFile, AssessmentRoom]:
    row = session.get(ReviewFile, file_id)
    if row is None:
        raise NotFound("work")
    place, _registration = _candidate(session, actor, row.registration_id)
    session.refresh(row)
    if row.withdrawn_at is not None:
        raise Refused("work_withdrawn_already", 409)
    return row, place


def place_of(session: Session, registration: Registration) -> AssessmentRoom:
    """The room in which a candidate's work is reviewed. Raises `NotFound`."""
    query = (
        select(RoomSitting.id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .where(Sitting.id == registration.sitting_id, RoomSitting.room_id == registration.room_id)
    )
    found = session.scalar(query)
    if found is None:
        raise NotFound("sitting")
    return assessment_room.load(session, found)


def _versions(session: Session, registration_id: int, kind: str) -> list[ReviewFile]:
    query = select(ReviewFile).where(ReviewFile.registration_id == registration_id, ReviewFile.kind == kind)
    return list(session.scalars(query))


def _work(session: Session, registration_id: int) -> ReviewWork:
    row = session.get(ReviewWork, registration_id)
    if row is None:
        row = ReviewWork(registration_id=registration_id)
        session.add(row)
    return row


def note(  # noqa: PLR0913 - an act on a file, in the chain of its room
    session: Session,
    actor: Actor,
    place: AssessmentRoom,
    act: str,
    row: ReviewFile,
    now: datetime,
    **facts: object,
) -> None:
    """Puts an act on a file on the record of its room."""
    stream = audit.sitting_stream(place.row.id)
    audit.record(session, stream, actor, act, f"work-file/{row.id}", now=now, **facts)


def _note_work(  # noqa: PLR0913
    session: Session,
    actor: Actor,
    place: AssessmentRoom,
    act: str,
    registration: int,
    now: datetime,
    **facts: object,
) -> None:
    stream = audit.sitting_stream(place.row.id)
    audit.record(session, stream, actor, act, f"work/{registration}", now=now, **facts)
