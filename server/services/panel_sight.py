"""Who may see what a panel gave, and when: nobody before all sheets of a turn are locked (R31).

Staff of the office (`SEE_PANELS`) see a turn once all of its sheets are locked. Who sits on the panel of the
room goes on scoring others, and so sees nothing before the session has ended; then the leader sees all, the
members the report. A person who is both is a member.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor, Permission, Role
from server.db.assessing import ScoreSheet, Turn
from server.db.sittings import Assignment
from server.errors import Forbidden, Refused
from server.services import assessment_room
from server.services.assessment_room import AssessmentRoom
from server.services.panel_scores import need_over


@dataclass(frozen=True, slots=True)
class Seen:
    """A room that somebody looks at. `member`: of its panel; `leader`: of it."""

    place: AssessmentRoom
    member: bool
    leader: bool


def need_room(session: Session, actor: Actor, room_sitting_id: int) -> Seen:
    """The room with its scores, for staff or for the leader after the end.

    Refused: `Forbidden`, `panel_not_leader`, `panel_not_over`.
    """
    seen = need_member_or_staff(session, actor, room_sitting_id)
    if seen.member and not seen.leader:
        raise Refused("panel_not_leader", 403)
    return seen


def need_member_or_staff(session: Session, actor: Actor, room_sitting_id: int) -> Seen:
    """The room, for staff or for any member of its panel after the end."""
    place = assessment_room.load(session, room_sitting_id)
    duty = session.get(Assignment, (room_sitting_id, actor.user_id or 0))
    member = duty is not None and assessment_room.on_panel(session, actor, room_sitting_id)
    if member:
        need_over(place)
    elif not actor.can(Permission.SEE_PANELS):
        raise Forbidden(Permission.SEE_PANELS)
    elif _has_sheet(session, actor, room_sitting_id):
        raise Refused("panel_marks_own", 403)
    return Seen(place, member, member and duty is not None and duty.leader)


def sat_on(session: Session, actor: Actor) -> set[int]:
    """The room sittings on whose panel the person sits."""
    mine = Assignment.user_id == actor.user_id, Assignment.role == str(Role.EXAMINER)
    return set(session.scalars(select(Assignment.room_sitting_id).where(*mine)))


def _has_sheet(session: Session, actor: Actor, room_sitting_id: int) -> bool:
    """Whether somebody marked here without sitting on the panel now: replaced, or called as a second one."""
    query = select(ScoreSheet.id).join(Turn, Turn.id == ScoreSheet.turn_id)
    mine = Turn.room_sitting_id == room_sitting_id, ScoreSheet.user_id == actor.user_id
    return session.scalar(query.where(*mine).limit(1)) is not None
