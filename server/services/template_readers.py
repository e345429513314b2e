"""Who knows a template before its room is released: such a person scores by none of its versions.

The secret of the day would otherwise be with whoever is bank keeper and examiner at once. Known to somebody
is what that person wrote, approved or opened; the record of the bank says who opened it.
"""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from server.access import Role
from server.db.assessing import SheetTemplate
from server.db.record import AuditEntry
from server.db.sittings import Assignment, RoomSitting, Sitting
from server.services import audit

READ = "template_read"
"""The act of opening a version, in the bank's chain."""
_AHEAD = ("planned", "arranged", "released", "running")


def knowing(session: Session, template_id: int | None) -> frozenset[int]:
    """User ids of those who wrote, approved or opened any version of the template; nobody for None."""
    row = None if template_id is None else session.get(SheetTemplate, template_id)
    if row is None:
        return frozenset()
    columns = (SheetTemplate.id, SheetTemplate.created_by, SheetTemplate.approved_by)
    versions = session.execute(select(*columns).where(SheetTemplate.uid == row.uid)).all()
    opened = select(AuditEntry.actor_id).where(
        AuditEntry.stream == audit.bank_stream(row.bank_id),
        AuditEntry.act == READ,
        AuditEntry.object.in_([f"template/{number}" for number, _author, _approver in versions]),
    )
    people = {*session.scalars(opened), *(who for _number, *both in versions for who in both)}
    return frozenset(who for who in people if who is not None)


def awaits(session: Session, user_id: int | None, uid: str) -> bool:
    """Whether the person is an examiner of a room that is to score by the template, or is at it."""
    query = (
        select(Assignment.user_id)
        .join(RoomSitting, RoomSitting.id == Assignment.room_sitting_id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(SheetTemplate, SheetTemplate.id == Sitting.template_id)
        .where(
            Assignment.user_id == user_id,
            Assignment.role == str(Role.EXAMINER),
            RoomSitting.state.in_(_AHEAD),
            SheetTemplate.uid == uid,
        )
    )
    return bool(session.scalar(select(exists(query))))
