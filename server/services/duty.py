"""Who may act in a room: being on duty there in that sitting, beside the permission of a role.

An invigilator acts only in rooms of the assignment of that sitting, and in the role of that assignment: who
walks the rooms as a rover today acts in none, whatever other roles the account holds. A chief invigilator
answers for the whole site and may act in every room, so that an emergency waits for nobody; acting where
somebody else is on duty stands on the record as an act of its own.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import PERMISSIONS, SYSTEM, Actor, Permission, Role
from server.db.sittings import Assignment, RoomSitting
from server.errors import Refused
from server.services import audit
from server.services.signed import need


def on_duty(
    session: Session, actor: Actor, room_sitting_id: int, permission: Permission | None = None
) -> bool:
    """Whether the person is assigned to the room in this sitting, in a role with that permission."""
    duty = session.get(Assignment, (room_sitting_id, actor.user_id or 0))
    return duty is not None and (permission is None or permission in PERMISSIONS[Role(duty.role)])


def may_act(session: Session, actor: Actor, room_sitting_id: int) -> bool:
    """Whether acts in this room are open to the person, whatever their role permits there."""
    chief = Role.CHIEF_INVIGILATOR in actor.roles
    return actor is SYSTEM or chief or on_duty(session, actor, room_sitting_id, Permission.RUN_ROOM)


def need_duty(
    session: Session, actor: Actor, permission: Permission, room_sitting_id: int, *, now: datetime
) -> None:
    """Raises `Forbidden` without the permission and `Refused` (`not_on_duty`) in somebody else's room.

    A chief who is not assigned there is let in, on the record.
    """
    need(actor, permission)
    if on_duty(session, actor, room_sitting_id, permission) or actor is SYSTEM:
        return
    if Role.CHIEF_INVIGILATOR not in actor.roles:
        raise Refused("not_on_duty", 403)
    told = session.info.setdefault("stood_in", set())
    if (actor.user_id, room_sitting_id) not in told:  # one act asks more than once
        told.add((actor.user_id, room_sitting_id))
        stream = audit.sitting_stream(room_sitting_id)
        audit.record(session, stream, actor, "chief_stood_in", stream, now=now)


def need_duty_to_look(session: Session, actor: Actor, permission: Permission, room_sitting_id: int) -> None:
    """As `need_duty`, for what is looked at before an act; a chief who only looks stands on no record."""
    need(actor, permission)
    if not may_act(session, actor, room_sitting_id):
        raise Refused("not_on_duty", 403)


def may_see_room(session: Session, actor: Actor, room_sitting_id: int) -> bool:
    """Whether names, incidents and reports of a room are for this person: who serves there or walks the
    sitting's rooms, a chief, and who may see the ledger of all rooms.
    """
    if actor.can(Permission.SEE_LEDGER) or actor.can(Permission.COSIGN):
        return True
    return on_duty(session, actor, room_sitting_id) or roves(session, actor, room_sitting_id)


def need_room_sight(session: Session, actor: Actor, room_sitting_id: int) -> None:
    """Raises `Refused` (`not_on_duty`) unless `may_see_room`."""
    if not may_see_room(session, actor, room_sitting_id):
        raise Refused("not_on_duty", 403)


def roves(session: Session, actor: Actor, room_sitting_id: int) -> bool:
    """Whether the person is a rover somewhere in the sitting of this room: rovers walk all its rooms."""
    sitting = select(RoomSitting.sitting_id).where(RoomSitting.id == room_sitting_id).scalar_subquery()
    query = (
        select(Assignment.user_id)
        .join(RoomSitting, RoomSitting.id == Assignment.room_sitting_id)
        .where(Assignment.user_id == actor.user_id, Assignment.role == str(Role.ROVER))
        .where(RoomSitting.sitting_id == sitting)
    )
    return session.scalar(query.limit(1)) is not None


def rooms_of_duty(session: Session, actor: Actor) -> set[int]:
    """Rooms in sittings to which the person is assigned."""
    query = select(Assignment.room_sitting_id).where(Assignment.user_id == actor.user_id)
    return set(session.scalars(query))
