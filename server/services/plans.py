"""Batches and sittings as their pages show them: what is done, what comes next, what stands in the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.access import Role
from server.db.assessing import SheetTemplate
from server.db.papers import Package, PaperSet
from server.db.rooms import Room, Seat, Workstation
from server.db.sittings import Assignment, Attempt, Batch, Registration, RoomSitting, Sitting
from server.errors import NotFound
from server.rules.panel_staff import examiners_needed
from server.rules.policy import LevelPolicy, invigilators_needed
from server.rules.policy_components import ASSESSED
from server.services import assessment_room, staff
from server.services.arrangement_views import Unkept, exceptions_of
from server.services.batches import policy_of


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a room's sitting. `state`: done, current or todo."""

    name: str
    state: str
    detail: dict[str, str]


@dataclass(frozen=True, slots=True)
class RoomPlan:
    """One room in one sitting with its steps in order."""

    id: int
    sitting: int
    number: int
    room_id: int
    room: str
    batch_id: int
    batch: str
    rehearsal: bool
    component: str
    method: str
    retake: bool
    starts_at: datetime
    minutes: Decimal
    state: str
    seed: str
    locked_at: datetime | None
    locked_by: str
    lock_overruled: Mapping[str, Any] | None
    notes: tuple[Unkept, ...]
    papers: str
    template: str
    steps: tuple[Step, ...]

    @property
    def assessed(self) -> bool:
        """Whether a panel scores it; else it is sat at seats."""
        return self.method in ASSESSED


@dataclass(frozen=True, slots=True)
class SittingView:
    """One sitting with its rooms; `papers` or `template` name what it uses, empty before it is chosen."""

    id: int
    number: int
    component: str
    method: str
    retake: bool
    starts_at: datetime
    minutes: Decimal
    papers: str
    template: str
    rooms: tuple[RoomPlan, ...]

    @property
    def assessed(self) -> bool:
        """Whether a panel scores it; else it is sat at seats."""
        return self.method in ASSESSED


@dataclass(frozen=True, slots=True)
class BatchView:
    """One batch with its frozen policy and sittings."""

    batch: Batch
    policy: LevelPolicy
    sittings: tuple[SittingView, ...]


def batches(session: Session) -> list[tuple[Batch, int]]:
    """All batches, newest first, each with its number of sittings."""
    rows = session.execute(
        select(Batch, func.count(Sitting.id))
        .outerjoin(Sitting, Sitting.batch_id == Batch.id)
        .group_by(Batch.id)
        .order_by(Batch.id.desc())
    )
    return [(batch, count) for batch, count in rows]


def batch(session: Session, batch_id: int) -> BatchView:
    """One batch with everything on its page."""
    row = session.get(Batch, batch_id)
    if row is None:
        raise NotFound("batch")
    sittings = session.scalars(select(Sitting).where(Sitting.batch_id == batch_id).order_by(Sitting.number))
    return BatchView(row, policy_of(row), tuple(_sitting(session, sitting) for sitting in sittings))


def room_plan(session: Session, room_sitting_id: int) -> RoomPlan:
    """One room in one sitting with the state of every step."""
    row = session.get(RoomSitting, room_sitting_id)
    if row is None:
        raise NotFound("sitting")
    sitting = session.get_one(Sitting, row.sitting_id)
    batch_row, room = session.get_one(Batch, sitting.batch_id), session.get_one(Room, row.room_id)
    return RoomPlan(
        id=row.id,
        sitting=sitting.id,
        number=sitting.number,
        room_id=room.id,
        room=room.name,
        batch_id=batch_row.id,
        batch=batch_row.name,
        rehearsal=batch_row.rehearsal,
        component=sitting.component,
        method=sitting.method,
        retake=sitting.retake,
        starts_at=sitting.starts_at,
        minutes=sitting.minutes,
        state=row.state,
        seed=row.seating_seed,
        locked_at=row.locked_at,
        locked_by=staff.names(session, [row.locked_by])[row.locked_by] if row.locked_by else "",
        lock_overruled=row.lock_overruled,
        notes=exceptions_of(session, row),
        papers=_paper_title(session, sitting),
        template=_template_title(session, sitting),
        steps=_steps(session, row, sitting) if sitting.method not in ASSESSED else _assessed(session, row),
    )


def _sitting(session: Session, sitting: Sitting) -> SittingView:
    ids = session.scalars(
        select(RoomSitting.id).where(RoomSitting.sitting_id == sitting.id).order_by(RoomSitting.id)
    )
    plans = tuple(room_plan(session, room_sitting_id) for room_sitting_id in ids)
    return SittingView(
        id=sitting.id,
        number=sitting.number,
        component=sitting.component,
        method=sitting.method,
        retake=sitting.retake,
        starts_at=sitting.starts_at,
        minutes=sitting.minutes,
        papers=_paper_title(session, sitting),
        template=_template_title(session, sitting),
        rooms=plans,
    )


def _paper_title(session: Session, sitting: Sitting) -> str:
    row = session.get(PaperSet, sitting.paper_set_id) if sitting.paper_set_id else None
    return row.title if row else ""


def _template_title(session: Session, sitting: Sitting) -> str:
    row = session.get(SheetTemplate, sitting.template_id) if sitting.template_id else None
    return row.title if row else ""


def _assessed(session: Session, row: RoomSitting) -> tuple[Step, ...]:
    """The steps of a room that a panel assesses, up to the marks that were checked."""
    place = assessment_room.load(session, row.id)
    people = len(assessment_room.candidates(session, place))
    needed = examiners_needed(assessment_room.at_once(session, place), place.terms.panel)
    duties = session.scalars(select(Assignment.role).where(Assignment.room_sitting_id == row.id)).all()
    examiners = duties.count(Role.EXAMINER)
    states = session.scalars(select(Package.state).where(Package.room_sitting_id == row.id)).all()
    released = row.state in ("released", "running", "ended", "marked")
    done = {
        "template": place.sitting.template_id is not None,
        "roster": people > 0,
        "panel": examiners >= needed,
        "order": row.arranged_at is not None or row.state != "planned",
        "package": not {"sealed", "released"}.isdisjoint(states) or released,
        "template_release": released,
        "assessment": row.started_at is not None,
        "scored": row.state == "marked",
    }
    detail = {
        "roster": {"count": str(people)},
        "panel": {"count": str(examiners), "needed": str(needed)},
    }
    return _ordered(done, detail)


def _steps(session: Session, row: RoomSitting, sitting: Sitting) -> tuple[Step, ...]:
    people = _count(
        session, Registration, Registration.sitting_id == sitting.id, Registration.room_id == row.room_id
    )
    seats = _count(session, Seat, Seat.room_id == row.room_id)
    paired = session.scalar(
        select(func.count())
        .select_from(Workstation)
        .join(Seat, Seat.id == Workstation.seat_id)
        .where(Seat.room_id == row.room_id, Workstation.active.is_(True))
    )
    policy = policy_of(session.get_one(Batch, sitting.batch_id))
    duties = session.scalars(select(Assignment.role).where(Assignment.room_sitting_id == row.id)).all()
    chiefs, watching = duties.count(Role.CHIEF_INVIGILATOR), duties.count(Role.INVIGILATOR)
    needed = invigilators_needed(people, policy)
    seated = _count(session, Attempt, Attempt.room_sitting_id == row.id)
    ready = _count(
        session,
        Attempt,
        Attempt.room_sitting_id == row.id,
        Attempt.seat_id.in_(select(Workstation.seat_id).where(Workstation.active.is_(True))),
    )
    states = session.scalars(select(Package.state).where(Package.room_sitting_id == row.id)).all()
    done = {
        "papers": sitting.paper_set_id is not None,
        "roster": people > 0,
        "staff": chiefs > 0 and watching >= needed,
        "seating": row.arranged_at is not None,
        "lock": row.locked_at is not None or row.started_at is not None,
        "pairing": ready == seated if seated else 0 < people <= (paired or 0),
        "package": not {"sealed", "released"}.isdisjoint(states) or row.started_at is not None,
        "release": "released" in states or row.started_at is not None,
        "running": row.started_at is not None,
        "collected": row.collected_at is not None,
        "marked": row.marked_at is not None,
    }
    detail = {
        "roster": {"count": str(people)},
        "staff": {"count": str(watching), "needed": str(needed), "chief": str(chiefs)},
        "pairing": {"count": str(paired or 0), "of": str(seats)},
    }
    return _ordered(done, detail)


def _ordered(done: dict[str, bool], detail: dict[str, dict[str, str]]) -> tuple[Step, ...]:
    current = next((name for name, ready in done.items() if not ready), "")
    return tuple(
        Step(name, "done" if ready else "current" if name == current else "todo", detail.get(name, {}))
        for name, ready in done.items()
    )


def _count(session: Session, table: type, *conditions: object) -> int:
    return session.scalar(select(func.count()).select_from(table).where(*conditions)) or 0  # type: ignore[arg-type]
