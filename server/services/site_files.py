"""The files between authority and site in the store: kept, counted, completed part by part, found again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session

from itembank.problems import Problem
from server.access import Actor
from server.db.base import TO_CHANGE
from server.db.sites import ExamSite, SiteFile, SiteFilePart
from server.errors import NotFound, Refused
from server.rules.site_file import PICTURES, FileBroken, Head, check_part, joined, read_head

MADE, CONFIRMED, REPLACED = "made", "confirmed", "replaced"
COMING, WHOLE, TAKEN, REFUSED = "coming", "whole", "taken", "refused"
MOST_COMING = 50
"""Files of one sender that may be on their way at the same time."""
KEPT = timedelta(days=30)
"""How long the parts of a file stay that nobody needs any more: it can be asked for again so long."""


@dataclass(frozen=True, slots=True)
class FileView:
    """A file for a list: `site` is the other side's code, "" for the authority."""

    id: int
    uid: str
    kind: str
    incoming: bool
    site: str
    about: str
    number: int
    size: int
    parts: int
    state: str
    made_at: datetime
    done_at: datetime | None
    told: dict[str, Any]
    wrong: tuple[Problem, ...]
    here: bool = True


def get(session: Session, file_id: int, *, lock: bool = False) -> SiteFile:
    """One file. Raises `NotFound`."""
    row = session.get(SiteFile, file_id, with_for_update=TO_CHANGE if lock else None, populate_existing=lock)
    if row is None:
        raise NotFound("file")
    return row


def by_uid(session: Session, uid: str) -> SiteFile | None:
    """A file by the name that both sides know."""
    return session.scalars(select(SiteFile).where(SiteFile.uid == uid)).first()


def head_of(row: SiteFile) -> Head:
    """Its signed head."""
    return read_head(row.head)


def next_number(session: Session, kind: str, about: str) -> int:
    """The number of the next file about a sitting."""
    query = select(func.max(SiteFile.number)).where(
        SiteFile.kind == kind, SiteFile.about == about, SiteFile.incoming.is_(False)
    )
    return (session.scalar(query) or 0) + 1


def newest_out(session: Session, kind: str, about: str) -> SiteFile | None:
    """The file that was made last about a sitting and goes out."""
    query = select(SiteFile).where(
        SiteFile.kind == kind,
        SiteFile.about == about,
        SiteFile.incoming.is_(False),
        SiteFile.state != REPLACED,
    )
    return session.scalars(query.order_by(SiteFile.number.desc()).limit(1)).first()


def keep_out(
    session: Session,
    sealed: tuple[Head, Sequence[bytes]],
    site_id: int | None,
    told: dict[str, Any],
    *,
    now: datetime,
) -> SiteFile:
    """Keeps a file that goes out; those before it about the same are replaced and lose their parts.

    Pictures replace none: each file holds others.
    """
    head, parts = sealed
    older = select(SiteFile).where(
        SiteFile.kind == head.kind, SiteFile.about == head.about, SiteFile.incoming.is_(False)
    )
    for row in session.scalars(older).all() if head.kind != PICTURES else ():
        row.state = REPLACED
        session.execute(delete(SiteFilePart).where(SiteFilePart.file_id == row.id))
    row = _row(head, site_id, now)
    row.incoming, row.state, row.told = False, MADE, told
    session.add(row)
    session.flush()
    session.add_all(
        SiteFilePart(file_id=row.id, number=number, data=data) for number, data in enumerate(parts, 1)
    )
    return row


def begin(session: Session, head: Head, site_id: int | None, *, now: datetime) -> SiteFile:
    """The place of a file that is coming in; the one there is when it is known."""
    known = by_uid(session, head.uid)
    if known is not None:
        if known.head != head.raw or not known.incoming:
            raise Refused("site_file_other", 409)
        return known
    _give_way(session, head, site_id, now)
    row = _row(head, site_id, now)
    row.incoming, row.state = True, COMING
    session.add(row)
    session.flush()
    return row


def _give_way(session: Session, head: Head, site_id: int | None, now: datetime) -> None:
    """A newer file about the same takes the place of those that never came whole; of different ones a sender
    may have so many on their way (`site_files_many`): what is begun and never sent shall not fill the disk.
    """
    coming = select(SiteFile).where(
        SiteFile.incoming.is_(True), SiteFile.state == COMING, SiteFile.site_id.is_not_distinct_from(site_id)
    )
    rows = list(session.scalars(coming))
    older = [row for row in rows if (row.kind, row.about) == (head.kind, head.about)]
    older = [row for row in older if row.number < head.number and head.kind != PICTURES]
    for row in older:
        row.state, row.done_at, row.wrong = REFUSED, now, [Problem("site_file_older", "", {}).to_json()]
        session.execute(delete(SiteFilePart).where(SiteFilePart.file_id == row.id))
    if len(rows) - len(older) >= MOST_COMING:
        raise Refused("site_files_many", 409, most=MOST_COMING)


def put_part(session: Session, file_id: int, number: int, data: bytes) -> None:
    """Keeps one part after its hash was checked; the same again changes nothing. Raises `Refused`."""
    row = get(session, file_id, lock=True)
    try:
        check_part(head_of(row), number, data)
    except FileBroken as fault:
        raise broken(fault) from fault
    if row.state != COMING or session.get(SiteFilePart, (file_id, number)) is not None:
        return
    session.add(SiteFilePart(file_id=file_id, number=number, data=data))
    session.flush()
    if not missing(session, row):
        row.state = WHOLE


def missing(session: Session, row: SiteFile) -> list[int]:
    """Numbers of the parts that have not come."""
    if row.state != COMING:
        return []
    here = set(session.scalars(select(SiteFilePart.number).where(SiteFilePart.file_id == row.id)))
    return [number for number in range(1, len(head_of(row).parts) + 1) if number not in here]


def parts(session: Session, file_id: int) -> list[bytes]:
    """The parts that are here, in their order."""
    query = select(SiteFilePart.data).where(SiteFilePart.file_id == file_id).order_by(SiteFilePart.number)
    return list(session.scalars(query))


def part(session: Session, file_id: int, number: int) -> bytes:
    """One part. Raises `NotFound`."""
    row = session.get(SiteFilePart, (file_id, number))
    if row is None:
        raise NotFound("file")
    return row.data


def with_parts(session: Session, numbers: Collection[int]) -> set[int]:
    """Which of these files still have their parts."""
    query = select(SiteFilePart.file_id).where(SiteFilePart.file_id.in_(numbers)).distinct()
    return set(session.scalars(query))


def purge(session: Session, *, now: datetime) -> int:
    """Lets the parts of files go that have done their duty; how many files.

    What the other side has confirmed, what was refused, and what never came whole: after `KEPT`.
    """
    over = or_(
        (SiteFile.incoming.is_(False)) & (SiteFile.state == CONFIRMED) & (SiteFile.done_at < now - KEPT),
        (SiteFile.incoming.is_(True)) & (SiteFile.state == REFUSED) & (SiteFile.done_at < now - KEPT),
        (SiteFile.incoming.is_(True)) & (SiteFile.state == COMING) & (SiteFile.kept_at < now - KEPT),
    )
    here = select(SiteFilePart.file_id).where(SiteFilePart.file_id == SiteFile.id).exists()
    gone = session.scalars(select(SiteFile.id).where(over, here)).all()
    session.execute(delete(SiteFilePart).where(SiteFilePart.file_id.in_(gone)))
    return len(gone)


def as_file(session: Session, row: SiteFile) -> bytes:
    """A file that goes out, whole."""
    return joined(head_of(row), parts(session, row.id))


def waiting(session: Session) -> list[tuple[int, int]]:
    """Files that came whole and wait to be taken in, the oldest first: id and bytes."""
    query = select(SiteFile.id, SiteFile.size).where(SiteFile.incoming.is_(True), SiteFile.state == WHOLE)
    return [(row[0], row[1]) for row in session.execute(query.order_by(SiteFile.id))]


def settle(
    session: Session,
    row: SiteFile,
    actor: Actor,
    state: str,
    *,
    now: datetime,
    **facts: Any,  # noqa: ANN401
) -> None:
    """What became of a file; the parts of one that was taken in are not needed any more."""
    row.state, row.done_at, row.done_by = state, now, actor.user_id
    row.told = facts.get("told", row.told)
    row.wrong = [problem.to_json() for problem in facts.get("wrong", ())]
    if state == TAKEN:
        session.execute(delete(SiteFilePart).where(SiteFilePart.file_id == row.id))


def files(session: Session, *, site_id: int | None = None, most: int = 100) -> list[FileView]:
    """The newest files, of one site or of all."""
    query = select(SiteFile, ExamSite.code).outerjoin(ExamSite, ExamSite.id == SiteFile.site_id)
    if site_id is not None:
        query = query.where(SiteFile.site_id == site_id)
    rows = session.execute(query.order_by(SiteFile.id.desc()).limit(most)).all()
    here = with_parts(session, [row.id for row, _code in rows])
    return [replace(_view(row, code or ""), here=row.id in here) for row, code in rows]


def broken(fault: FileBroken) -> Refused:
    """The refusal of a file that does not hold."""
    return Refused(f"site_file_{fault.code}", 422, field="file", part=fault.part)


def _row(head: Head, site_id: int | None, now: datetime) -> SiteFile:
    return SiteFile(
        uid=head.uid,
        kind=head.kind,
        site_id=site_id,
        about=head.about,
        number=head.number,
        content=head.content,
        head=head.raw,
        size=head.size,
        made_at=head.made_at,
        kept_at=now,
        told={},
        wrong=[],
    )


def _view(row: SiteFile, code: str) -> FileView:
    return FileView(
        id=row.id,
        uid=row.uid,
        kind=row.kind,
        incoming=row.incoming,
        site=code,
        about=row.about,
        number=row.number,
        size=row.size,
        parts=len(head_of(row).parts),
        state=row.state,
        made_at=row.made_at,
        done_at=row.done_at,
        told=row.told,
        wrong=tuple(Problem.from_json(one) for one in row.wrong),
    )
