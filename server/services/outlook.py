"""What lies ahead for one person: sittings with their next step, and work that waits for this role."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import DeclarativeBase, Session, defer

from server.access import Actor, Permission
from server.db.bank import Bank, BankImport, BlueprintRow
from server.db.cases import Case
from server.db.papers import Package, PackageCustodian, PaperSet
from server.db.people import CustodianKey
from server.db.rooms import Room
from server.db.signins import SignInRow
from server.db.sittings import Assignment, Attempt, Batch, RoomSitting, Sitting
from server.rules.policy_components import ASSESSED
from server.rules.violations import CaseState
from server.services import blueprints, packages, panel_tasks
from server.services.desk_marks import DOUBT, mark_of
from server.services.duty import may_see_room
from server.services.roomstate import CLOSED

SHOWN = 12
PAST = timedelta(hours=12)
_OVER = ("collected", "marked")


@dataclass(frozen=True, slots=True)
class Duty:
    """One room in one sitting. `mine`: this person is on duty there; `near`: may see into it; `assessed`: a
    panel scores it, nobody sits at seats.
    """

    room_sitting: int
    batch: str
    number: int
    room: str
    starts_at: datetime
    state: str
    mine: bool
    rehearsal: bool
    near: bool
    component: str
    assessed: bool


@dataclass(frozen=True, slots=True)
class Task:
    """Something that waits; `code` names it, `count` how much of it, `link` where it is done."""

    code: str
    link: str
    count: int = 1


def duties(session: Session, actor: Actor, *, now: datetime) -> list[Duty]:
    """Rooms in sittings from half a day ago on, one's own first, then by time."""
    if not actor.can(Permission.SEE_BATCHES):
        return []
    query = (
        select(RoomSitting, Sitting, Batch, Room)
        .join(Sitting, RoomSitting.sitting_id == Sitting.id)
        .join(Batch, Sitting.batch_id == Batch.id)
        .join(Room, RoomSitting.room_id == Room.id)
        .where(Sitting.starts_at > now - PAST)
        .order_by(Sitting.starts_at, Room.name)
        .limit(SHOWN)
    )
    on_duty = set(
        session.scalars(select(Assignment.room_sitting_id).where(Assignment.user_id == actor.user_id))
    )
    found = [
        Duty(
            held.id,
            batch.name,
            sitting.number,
            room.name,
            sitting.starts_at,
            held.state,
            held.id in on_duty,
            batch.rehearsal,
            held.id in on_duty or may_see_room(session, actor, held.id),
            sitting.component,
            sitting.method in ASSESSED,
        )
        for held, sitting, batch, room in session.execute(query)
    ]
    return sorted(found, key=lambda duty: (not duty.mine, duty.starts_at))


def tasks(session: Session, actor: Actor) -> list[Task]:
    """What waits for somebody with this person's roles, in the order of the work."""
    urgent = [*_doubt_tasks(session, actor), *_case_tasks(session, actor)]
    return [
        *urgent,
        *_key_tasks(session, actor),
        *(Task(*each) for each in panel_tasks.waiting(session, actor)),
        *_paper_tasks(session, actor),
        *_first_steps(session, actor),
    ]


def _doubt_tasks(session: Session, actor: Actor) -> list[Task]:
    """Rooms with candidates whom the desk keeps outside until the chief decides."""
    if not (actor.can(Permission.COSIGN) and actor.can(Permission.ADMIT_CANDIDATES)):
        return []
    query = (
        select(Attempt.room_sitting_id, SignInRow)
        .join(SignInRow, SignInRow.standing_for == Attempt.registration_id)
        .where(SignInRow.result == DOUBT, Attempt.state.not_in(CLOSED))
    )
    rooms = Counter(room for room, row in session.execute(query) if mark_of(row) == DOUBT)
    return [Task("decide_doubts", f"/monitor/{room}/desk", count) for room, count in sorted(rooms.items())]


def _case_tasks(session: Session, actor: Actor) -> list[Task]:
    if not actor.can(Permission.DECIDE_CASES):
        return []
    count = _count(session, Case, Case.state.in_((CaseState.HEARD, CaseState.RECHECK)))
    return [Task("decide_cases", "/cases", count)] if count else []


def _key_tasks(session: Session, actor: Actor) -> list[Task]:
    if not actor.can(Permission.HOLD_KEY):
        return []
    if session.get(CustodianKey, actor.user_id or 0) is None:
        return [Task("make_own_key", "/staff/custody")]
    waiting = (
        select(Package)
        .join(PackageCustodian, PackageCustodian.package_id == Package.id)
        .where(PackageCustodian.user_id == actor.user_id, Package.state == "sealed")
        .order_by(Package.not_before)
    )
    rooms = [row.room_sitting_id for row in session.scalars(waiting) if not packages.waits(row)]
    return [Task("release_package", f"/sittings/{room}/release") for room in rooms]


def _paper_tasks(session: Session, actor: Actor) -> list[Task]:
    found = []
    if actor.can(Permission.APPROVE_PAPERS):
        # Whoever assembled a paper cannot approve it.
        others = (PaperSet.state == "assembled") & (PaperSet.created_by != actor.user_id)
        found.append(Task("approve_papers", "/papers", _count(session, PaperSet, others)))
    if actor.can(Permission.APPROVE_BLUEPRINTS):
        rows = select(BlueprintRow).where(BlueprintRow.state == "draft")
        drafts = session.scalars(rows.options(defer(BlueprintRow.text)))
        ready = [row for row in drafts if not row.facts.get("faults")]
        waiting = [row for row in ready if actor.user_id not in blueprints.writers(row)]
        found.append(Task("approve_blueprints", "/blueprints", len(waiting)))
    if actor.can(Permission.IMPORT_BANK):
        unread = BankImport.state.in_(("checked", "mapping"))
        found.append(Task("finish_imports", "/banks", _count(session, BankImport, unread)))
    return [task for task in found if task.count]


def _first_steps(session: Session, actor: Actor) -> list[Task]:
    steps: list[tuple[Permission, type[DeclarativeBase], str, str]] = [
        (Permission.IMPORT_BANK, Bank, "first_bank", "/banks"),
        (Permission.MANAGE_BLUEPRINTS, BlueprintRow, "first_blueprint", "/blueprints"),
        (Permission.ASSEMBLE_PAPERS, PaperSet, "first_paper", "/papers"),
        (Permission.MANAGE_ROOMS, Room, "first_room", "/rooms"),
        (Permission.MANAGE_BATCHES, Batch, "first_batch", "/batches"),
    ]
    missing = [
        (code, link) for need, table, code, link in steps if actor.can(need) and not _any(session, table)
    ]
    return [Task(code, link) for code, link in missing]


def _any(session: Session, table: type[DeclarativeBase]) -> bool:
    return session.scalar(select(func.count()).select_from(table)) != 0


def _count(session: Session, table: type[DeclarativeBase], which: ColumnElement[bool]) -> int:
    return session.scalar(select(func.count()).select_from(table).where(which)) or 0
