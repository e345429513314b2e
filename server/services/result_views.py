"""Results of a batch as people see them: the list of batches, one batch, one person with every revision."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.outcomes import Exemption, GuardLicence, Result
from server.db.people import User
from server.db.rooms import Room
from server.db.sittings import Batch, Registration, RoomSitting, Sitting
from server.errors import NotFound
from server.rules.policy import LevelPolicy
from server.rules.policy_components import ASSESSED, Method
from server.services import batch_results, licences, publicity
from server.services.batch_results import Difference
from server.services.batches import policy_of
from server.services.result_lines import ResultLine
from server.services.signed import need

FILTERS = ("all", "pass", "fail", "pending", "stale", "unchecked", "held")


@dataclass(frozen=True, slots=True)
class BatchLine:
    """A batch on the list: how many candidates have a result in force, how many of them passed, who waits."""

    batch: Batch
    first_at: datetime | None
    candidates: int
    passed: int
    unchecked: int


@dataclass(frozen=True, slots=True)
class Shown:
    """One line with the stage of its publicity and what is computed otherwise."""

    line: ResultLine
    stage: str
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A room in which a component of the batch was held; `assessed`: by a panel."""

    room_sitting: int
    component: str
    starts_at: datetime
    room: str
    state: str
    retake: bool
    assessed: bool


@dataclass(frozen=True, slots=True)
class BatchView:
    """One batch. `unchecked`: results in force that nobody has checked; `maker`: the actor made one."""

    batch: Batch
    policy: LevelPolicy
    rows: tuple[Shown, ...]
    counts: Mapping[str, int]
    rooms: tuple[Held, ...]
    unchecked: int
    maker: bool

    def filtered(self, wanted: str) -> tuple[Shown, ...]:
        """The lines of one of `FILTERS`; all of them for any other word."""
        return tuple(row for row in self.rows if _fits(row, wanted))


@dataclass(frozen=True, slots=True)
class Revision:
    """One result somebody ever had, with the names of who made, checked and approved it."""

    row: Result
    made_by: str
    checked_by: str
    approvals: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PersonView:
    """One candidate of a batch: results in force, every revision, places, exemptions."""

    batch: Batch
    policy: LevelPolicy
    shown: Shown
    history: tuple[Revision, ...]
    places: tuple[tuple[Held, str], ...]
    """Rooms with the candidate's ticket there."""
    exemptions: tuple[Exemption, ...]
    licence: GuardLicence | None
    licence_number: str


def batches(session: Session, actor: Actor) -> list[BatchLine]:
    """Every batch that is no rehearsal, the latest first."""
    need(actor, Permission.SEE_RESULTS)
    whole = (Result.component == "overall") & Result.replaced_at.is_(None)
    counts: dict[int, tuple[int, int]] = {
        batch: (candidates, passed)
        for batch, candidates, passed in session.execute(
            select(Result.batch_id, func.count(), func.count().filter(Result.status == "pass"))
            .where(whole)
            .group_by(Result.batch_id)
        )
    }
    waiting = select(Result.batch_id, func.count()).where(
        Result.replaced_at.is_(None), Result.checked_at.is_(None)
    )
    found = session.execute(waiting.group_by(Result.batch_id)).all()
    unchecked: dict[int, int] = {row[0]: row[1] for row in found}
    first = select(func.min(Sitting.starts_at)).where(Sitting.batch_id == Batch.id).scalar_subquery()
    query = select(Batch, first).where(Batch.rehearsal.is_(False)).order_by(Batch.id.desc()).limit(200)
    return [
        BatchLine(batch, first_at, *counts.get(batch.id, (0, 0)), unchecked.get(batch.id, 0))
        for batch, first_at in session.execute(query)
    ]


def view(session: Session, actor: Actor, batch_id: int, *, now: datetime) -> BatchView:
    """One batch with everybody's results."""
    need(actor, Permission.SEE_RESULTS)
    batch = session.get(Batch, batch_id)
    if batch is None:
        raise NotFound("batch")
    rows = tuple(_shown(session, batch_id, now=now))
    waiting = [row for row in batch_results.current(session, batch_id).values() if row.checked_at is None]
    return BatchView(
        batch=batch,
        policy=policy_of(batch),
        rows=rows,
        counts=Counter(row.line.overall_status for row in rows),
        rooms=tuple(rooms_of(session, batch_id)),
        unchecked=len(waiting),
        maker=any(row.made_by == actor.user_id for row in waiting),
    )


def person(session: Session, actor: Actor, batch_id: int, candidate_id: int, *, now: datetime) -> PersonView:
    """One candidate of a batch."""
    need(actor, Permission.SEE_RESULTS)
    batch = session.get(Batch, batch_id)
    if batch is None:
        raise NotFound("batch")
    shown = [row for row in _shown(session, batch_id, now=now) if row.line.candidate_id == candidate_id]
    if not shown:
        raise NotFound("candidate")
    decided = select(Exemption).where(Exemption.batch_id == batch_id, Exemption.candidate_id == candidate_id)
    licence = licences.in_force(session, candidate_id)
    return PersonView(
        batch=batch,
        policy=policy_of(batch),
        shown=shown[0],
        history=tuple(_revisions(session, batch_results.history(session, batch_id, candidate_id))),
        places=tuple(_places(session, batch_id, candidate_id)),
        exemptions=tuple(session.scalars(decided.order_by(Exemption.id.desc()))),
        licence=licence,
        licence_number=licences.shown_number(session, licence) if licence else "",
    )


def rooms_of(session: Session, batch_id: int) -> list[Held]:
    """The rooms in which the batch's components are held, in the order of time."""
    query = (
        select(RoomSitting, Sitting, Room.name)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Room, Room.id == RoomSitting.room_id)
        .where(Sitting.batch_id == batch_id)
        .order_by(Sitting.starts_at, Room.name)
    )
    return [_held(row, sitting, room) for row, sitting, room in session.execute(query)]


def _held(row: RoomSitting, sitting: Sitting, room: str) -> Held:
    return Held(
        room_sitting=row.id,
        component=sitting.component,
        starts_at=sitting.starts_at,
        room=room,
        state=row.state,
        retake=sitting.retake,
        assessed=Method(sitting.method) in ASSESSED,
    )


def _shown(session: Session, batch_id: int, *, now: datetime) -> list[Shown]:
    standings = publicity.standings(session, batch_id, now=now)
    differing: dict[int, list[Difference]] = {}
    for each in batch_results.differences(session, batch_id):
        differing.setdefault(each.candidate, []).append(each)
    return [
        Shown(
            line,
            str(standings[line.candidate_id].stage) if line.candidate_id in standings else "provisional",
            tuple(differing.get(line.candidate_id, ())),
        )
        for line in batch_results.lines(session, batch_id)
    ]


def _fits(row: Shown, wanted: str) -> bool:
    if wanted in ("pass", "pending"):
        return row.line.overall_status == wanted
    if wanted == "fail":
        return row.line.overall_status in ("fail", "absent", "void")
    special = {"stale": bool(row.differences), "unchecked": not row.line.checked, "held": row.stage == "held"}
    return special.get(wanted, True)


def _revisions(session: Session, rows: list[Result]) -> list[Revision]:
    ids = {user for row in rows for user in (row.made_by, row.checked_by, *row.approvals)}
    people = session.execute(select(User.id, User.name).where(User.id.in_(ids))).all()
    names: dict[int, str] = {row[0]: row[1] for row in people}
    return [
        Revision(
            row,
            names.get(row.made_by or 0, ""),
            names.get(row.checked_by or 0, ""),
            tuple(names.get(user, "") for user in row.approvals),
        )
        for row in rows
    ]


def _places(session: Session, batch_id: int, candidate_id: int) -> list[tuple[Held, str]]:
    query = (
        select(RoomSitting, Sitting, Room.name, Registration.ticket)
        .join(Sitting, Sitting.id == Registration.sitting_id)
        .join(
            RoomSitting,
            (RoomSitting.sitting_id == Sitting.id) & (RoomSitting.room_id == Registration.room_id),
        )
        .join(Room, Room.id == RoomSitting.room_id)
        .where(Sitting.batch_id == batch_id, Registration.candidate_id == candidate_id)
        .order_by(Sitting.starts_at)
    )
    return [(_held(row, sitting, room), ticket) for row, sitting, room, ticket in session.execute(query)]
