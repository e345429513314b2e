"""Works of a review as pages show them: with names for who manages reviews, by blind code for the panel."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.assessing import Turn
from server.db.base import vault_of
from server.db.reviewing import ReviewFile, ReviewWork
from server.db.sittings import Candidate, Registration
from server.errors import NotFound
from server.services import assessment_room, theses
from server.services.assessment_room import on_panel
from server.services.theses import EXTENSIONS, KINDS, PURPOSE, managed


@dataclass(frozen=True, slots=True)
class FileLine:
    """One version of a file. `waits`: why it does not count yet ("late", "short"), "" when nothing is wrong;
    `counts`: it is the one that counts of its kind.
    """

    row: ReviewFile
    waits: str
    counts: bool


@dataclass(frozen=True, slots=True)
class WorkLine:
    """A candidate's work. `code`: "" before the draw; `ticket` and `name`: "" for the panel."""

    registration: int
    ticket: str
    name: str
    code: str
    number: int | None
    turn: int | None
    planned_at: datetime | None
    state: str
    work: ReviewWork | None
    files: tuple[FileLine, ...]

    @property
    def counting(self) -> tuple[ReviewFile, ...]:
        """The files that count."""
        return tuple(line.row for line in self.files if line.counts)


@dataclass(frozen=True, slots=True)
class Opened:
    """A file for who may read it: bytes, kind of content, and a name that says nothing of its author."""

    data: bytes
    mime: str
    name: str


def works(session: Session, actor: Actor, room_sitting_id: int) -> list[WorkLine]:
    """The works of a room: for who manages reviews, or runs the room, by ticket with names, for its panel by
    number and code. Who runs the room takes minutes and reads no file.
    """
    place = assessment_room.load(session, room_sitting_id)
    member = on_panel(session, actor, room_sitting_id)
    if not member and not runs(session, actor, room_sitting_id):
        managed(session, actor, room_sitting_id)
    rows = session.execute(
        select(Registration, Candidate.name, Turn)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .outerjoin(Turn, Turn.registration_id == Registration.id)
        .where(Registration.sitting_id == place.sitting.id, Registration.room_id == place.room.id)
        .where(Registration.void_at.is_(None))
        .order_by(Registration.ticket)
    ).all()
    ids = [registration.id for registration, _name, _turn in rows]
    files, about = files_of(session, ids, place.terms.least_characters), _works(session, ids)
    found = [
        WorkLine(
            registration=registration.id,
            ticket="" if member else registration.ticket,
            name="" if member else name,
            code=turn.code if turn else "",
            number=turn.number if turn else None,
            turn=turn.id if turn else None,
            planned_at=turn.planned_at if turn else None,
            state=turn.state if turn else "",
            work=about.get(registration.id),
            files=files.get(registration.id, ()),
        )
        for registration, name, turn in rows
    ]
    if member:
        return sorted((line for line in found if line.turn), key=lambda line: line.number or 0)
    return found


def runs(session: Session, actor: Actor, room_sitting_id: int) -> bool:
    """Whether the person runs the room of a review, and is no member of its panel."""
    return actor.can(Permission.RUN_ASSESSMENT) and assessment_room.may_see_names(
        session, actor, room_sitting_id
    )


def files_of(
    session: Session, registrations: Iterable[int], least_characters: int
) -> Mapping[int, tuple[FileLine, ...]]:
    """Every version by registration, the kinds in their order, the newest of a kind first."""
    query = select(ReviewFile).where(ReviewFile.registration_id.in_(list(registrations)))
    rows: dict[int, list[ReviewFile]] = {}
    for row in session.scalars(query.order_by(ReviewFile.version.desc())):
        rows.setdefault(row.registration_id, []).append(row)
    return {person: _lines(own, least_characters) for person, own in rows.items()}


def read(session: Session, actor: Actor, file_id: int, *, now: datetime) -> Opened:
    """A file for who manages reviews, or for the panel of the candidate's room (only what counts); every
    reading stands on the record.
    """
    row = session.get(ReviewFile, file_id)
    if row is None:
        raise NotFound("work")
    registration = session.get_one(Registration, row.registration_id)
    place = theses.place_of(session, registration)
    turn = session.scalar(select(Turn).where(Turn.registration_id == registration.id))
    if on_panel(session, actor, place.row.id):
        counting = files_of(session, [registration.id], place.terms.least_characters)[registration.id]
        if turn is None or not any(line.counts and line.row.id == row.id for line in counting):
            raise NotFound("work")
    else:
        managed(session, actor, place.row.id)
    theses.note(session, actor, place, "work_read", row, now, sha256=row.sha256)
    ident = f"{row.registration_id}/{row.kind}/{row.version}"
    data = vault_of(session).open_value(PURPOSE, ident, row.sealed)
    name = f"{turn.code if turn else registration.ticket}-{row.kind}-{row.version}"
    return Opened(data, row.mime, f"{name}.{EXTENSIONS[row.mime]}")


def _lines(rows: list[ReviewFile], least_characters: int) -> tuple[FileLine, ...]:
    counting: set[str] = set()
    found = []
    for row in sorted(rows, key=lambda each: (KINDS.index(each.kind), -each.version)):
        why = theses.waits(row, least_characters)
        counts = not why and row.withdrawn_at is None and row.kind not in counting
        if counts:
            counting.add(row.kind)
        found.append(FileLine(row, why, counts))
    return tuple(found)


def _works(session: Session, registrations: list[int]) -> dict[int, ReviewWork]:
    query = select(ReviewWork).where(ReviewWork.registration_id.in_(registrations))
    return {row.registration_id: row for row in session.scalars(query)}


def work_of(session: Session, registration_id: int) -> ReviewWork | None:
    """Title and similarity of a work, if anything was entered."""
    return session.get(ReviewWork, registration_id)


def similarity_text(work: ReviewWork | None) -> str:
    """What a report said, as documents and screens show it; "" when nothing was entered."""
    if work is None or work.similarity is None:
        return ""
    return f"{work.similarity.normalize():f}%（{work.similarity_source}）"
