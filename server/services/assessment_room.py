"""One room in a sitting that a panel assesses: the practical assessment, or the comprehensive review."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.access import Actor, Permission, Role
from server.db.assessing import SheetTemplate, Station, Turn
from server.db.base import TO_CHANGE
from server.db.rooms import Room
from server.db.sittings import Assignment, Batch, Registration, RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.rules.accommodation import extra_minutes
from server.rules.policy_components import ASSESSED, Component, ComponentTerms
from server.services.accommodations import granted_of
from server.services.batches import policy_of
from server.services.duty import on_duty

PERFORMING, CALLED, WAITING, DONE, ABSENT = "performing", "called", "waiting", "done", "absent"
STATES = (WAITING, CALLED, PERFORMING, DONE, ABSENT)


@dataclass(frozen=True, slots=True)
class AssessmentRoom:
    """A room's rows, and how long one candidate has (minutes of the template, else of the sitting)."""

    row: RoomSitting
    sitting: Sitting
    batch: Batch
    room: Room
    minutes: Decimal

    @property
    def terms(self) -> ComponentTerms:
        """What the frozen policy says of this component."""
        return policy_of(self.batch).terms_of(self.sitting.component)


def assessed(sitting: Sitting) -> bool:
    """Whether a panel scores the sitting; else it is delivered at seats."""
    return sitting.method in ASSESSED


def load(session: Session, room_sitting_id: int, *, lock: bool = False) -> AssessmentRoom:
    """The room; `lock` keeps other writers out until the commit. Raises `NotFound`, also for a room whose
    sitting no panel assesses.
    """
    row = session.get(
        RoomSitting, room_sitting_id, with_for_update=TO_CHANGE if lock else None, populate_existing=lock
    )
    if row is None:
        raise NotFound("sitting")
    sitting = session.get_one(Sitting, row.sitting_id)
    if not assessed(sitting):
        raise NotFound("sitting")
    batch, room = session.get_one(Batch, sitting.batch_id), session.get_one(Room, row.room_id)
    return AssessmentRoom(row, sitting, batch, room, _minutes(session, sitting))


def turn_and_room(session: Session, turn_id: int, *, lock: bool = False) -> tuple[Turn, AssessmentRoom]:
    """A turn with its room; of the two the room is locked first. Raises `NotFound`."""
    turn = session.get(Turn, turn_id)
    if turn is None:
        raise NotFound("turn")
    place = load(session, turn.room_sitting_id, lock=lock)
    if lock:
        session.refresh(turn)
    return turn, place


def at_once(session: Session, place: AssessmentRoom) -> int:
    """How many candidates perform at the same time when every station is in use (R05): after the draw the
    stations that it gave, before it the active ones, never more than candidates. A review sees one at a time.
    """
    if place.sitting.component == Component.REVIEW:
        return 1
    given = select(func.count(func.distinct(Turn.station_id))).where(Turn.room_sitting_id == place.row.id)
    turns = select(func.count()).select_from(Turn).where(Turn.room_sitting_id == place.row.id)
    if session.scalar(turns):
        return max(1, session.scalar(given) or 0)
    ready = select(func.count()).select_from(Station).where(Station.room_id == place.room.id, Station.active)
    return max(1, min(session.scalar(ready) or 1, len(candidates(session, place))))


def candidates(session: Session, place: AssessmentRoom) -> list[Registration]:
    """The candidates of the room whose tickets are good, by ticket."""
    query = select(Registration).where(
        Registration.sitting_id == place.sitting.id,
        Registration.room_id == place.room.id,
        Registration.void_at.is_(None),
    )
    return list(session.scalars(query.order_by(Registration.ticket)))


def allowed(session: Session, place: AssessmentRoom, turn: Turn) -> timedelta:
    """How long this candidate may take: the template's minutes and approved extra time."""
    registration = session.get_one(Registration, turn.registration_id)
    extra = extra_minutes(granted_of(registration).extra, place.minutes)
    return timedelta(minutes=float(place.minutes + extra))


def overtime(session: Session, place: AssessmentRoom, turn: Turn, now: datetime) -> int:
    """Whole seconds beyond the allowed time at `now`, by the server's clock; 0 before."""
    if turn.started_at is None:
        return 0
    beyond = now - turn.started_at - allowed(session, place, turn)
    return max(0, int(beyond.total_seconds()))


def on_panel(session: Session, actor: Actor, room_sitting_id: int) -> bool:
    """Whether the person is one of the examiners of the room, or was one when a turn of it began."""
    duty = session.get(Assignment, (room_sitting_id, actor.user_id or 0))
    if duty is not None and duty.role == Role.EXAMINER:
        return True
    if Role.EXAMINER not in actor.roles:
        return False
    panels = session.scalars(select(Turn.panel).where(Turn.room_sitting_id == room_sitting_id))
    return any(actor.user_id in panel for panel in panels)


def need_off_panel(session: Session, actor: Actor, room_sitting_id: int) -> None:
    """Raises `Refused` (`panel_runs_nothing`) for an examiner of the room, whatever other roles."""
    if on_panel(session, actor, room_sitting_id):
        raise Refused("panel_runs_nothing", 403)


def may_see_turns(session: Session, actor: Actor, room_sitting_id: int) -> bool:
    """Whether order and codes of the room are for this person: who arranges it, runs it, or scores there."""
    arranges = actor.can(Permission.ARRANGE_ASSESSMENT)
    return arranges or on_duty(session, actor, room_sitting_id)


def may_see_names(session: Session, actor: Actor, room_sitting_id: int) -> bool:
    """Whether the person may know who is behind a code: staff who arrange or run the room, never an examiner
    of it, whatever other roles the account holds.
    """
    if on_panel(session, actor, room_sitting_id):
        return False
    if actor.can(Permission.ARRANGE_ASSESSMENT):
        return True
    return actor.can(Permission.RUN_ASSESSMENT) and on_duty(
        session, actor, room_sitting_id, Permission.RUN_ASSESSMENT
    )


def need_open(place: AssessmentRoom) -> None:
    """Raises `Refused` (`assessment_over`) once the session has ended."""
    if place.row.state not in ("planned", "arranged", "released", "running"):
        raise Refused("assessment_over")


def need_running(place: AssessmentRoom) -> None:
    """Raises `Refused` unless the session has begun and not ended."""
    need_open(place)
    if place.row.state != "running":
        raise Refused("assessment_not_begun")


def _minutes(session: Session, sitting: Sitting) -> Decimal:
    if sitting.template_id is None:
        return sitting.minutes
    template = session.get_one(SheetTemplate, sitting.template_id)
    return template.minutes
