"""Papers that candidates of a broken-off sitting have seen: the sitting that replaces it takes others."""

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from server.db.papers import Package, PaperSet
from server.db.sittings import RoomSitting, Sitting
from server.errors import Refused


def need_unused(session: Session, sitting: Sitting, papers: PaperSet) -> None:
    """Refuses forms (`papers_used_before`) for a sitting held again when candidates have seen all of them.

    The set of the broken-off sitting is good once more if its spare forms are still unseen.
    """
    seen = [package for package in _opened(session, sitting) if package.paper_set_id == papers.id]
    spares = int((papers.rules or {}).get("spares", 0))
    if seen and (spares == 0 or any(package.spare for package in seen)):
        raise Refused("papers_used_before", 422, field="papers", title=papers.title)


def need_unseen(session: Session, sitting: Sitting, package: Package) -> None:
    """Refuses to start a sitting held again (`spare_needed`) with forms that its candidates have seen."""
    for seen in _opened(session, sitting):
        if seen.paper_set_id is not None and (seen.paper_set_id, seen.spare) == (
            package.paper_set_id,
            package.spare,
        ):
            raise Refused("spare_needed")


def _opened(session: Session, sitting: Sitting) -> list[Package]:
    """Opened packages of the sittings that this one replaces, one after the other."""
    found: list[Package] = []
    former = sitting.replaces_id
    opened = or_(Package.released_at.is_not(None), Package.state == "released")
    while former is not None:
        query = (
            select(Package)
            .join(RoomSitting, RoomSitting.id == Package.room_sitting_id)
            .where(RoomSitting.sitting_id == former, opened)
        )
        found += session.scalars(query)
        former = session.get_one(Sitting, former).replaces_id
    return found
