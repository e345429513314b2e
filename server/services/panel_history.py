"""Which panels sat before at this institution: who comes again and again, who is new (R15).

One batch is one assignment, however many rooms and sittings it had: the rule is about institutions that call
the same people every time. Rehearsals do not count.
"""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.access import Role
from server.db.sittings import Assignment, Batch, RoomSitting, Sitting
from server.services.assessment_room import AssessmentRoom

LOOKED_AT = 24
"""Batches looked back at; no policy asks for more in a row."""


def earlier_panels(session: Session, place: AssessmentRoom) -> list[frozenset[int]]:
    """Who sat on panels of the batches before this one, the latest first."""
    latest = func.max(Sitting.starts_at)
    batches = session.scalars(
        select(Sitting.batch_id)
        .join(RoomSitting, RoomSitting.sitting_id == Sitting.id)
        .join(Assignment, Assignment.room_sitting_id == RoomSitting.id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .where(
            Assignment.role == str(Role.EXAMINER),
            Batch.rehearsal.is_(False),
            Batch.id != place.batch.id,
            RoomSitting.void_at.is_(None),
        )
        .group_by(Sitting.batch_id)
        .having(latest < place.sitting.starts_at)
        .order_by(latest.desc())
        .limit(LOOKED_AT)
    ).all()
    rows = session.execute(
        select(Sitting.batch_id, Assignment.user_id)
        .join(RoomSitting, RoomSitting.sitting_id == Sitting.id)
        .join(Assignment, Assignment.room_sitting_id == RoomSitting.id)
        .where(Sitting.batch_id.in_(batches), Assignment.role == str(Role.EXAMINER))
    ).all()
    return [frozenset(user for found, user in rows if found == batch) for batch in batches]


def in_a_row(earlier: list[frozenset[int]], user: int) -> int:
    """How many assignments in a row this one is for the person."""
    count = 1
    for sat in earlier:
        if user not in sat:
            break
        count += 1
    return count
