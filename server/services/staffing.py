"""Who is on duty in a room's sitting: how many the policy asks for, who is named, who is present.

The number is counted on those present, not on those assigned; people sign in by `services.duties`.
"""

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from server.access import Actor, Permission, Role
from server.db.people import User
from server.db.rooms import Room
from server.db.sittings import Assignment, Attempt, Batch, Registration, RoomSitting, Sitting
from server.db.staffing import DutySign
from server.errors import NotFound, Refused
from server.rules.policy import LevelPolicy, invigilators_needed
from server.rules.policy_components import ASSESSED
from server.rules.recusal import Conflict, conflicts
from server.services import audit, eligibility, staff
from server.services.batches import policy_of
from server.services.signed import need

IN_ROOM = (Role.CHIEF_INVIGILATOR, Role.INVIGILATOR, Role.ROVER, Role.SYSTEM_ADMINISTRATOR)
"""Duties that are given room by room; the supervisor's is given for the whole sitting."""
CALLERS = 1
"""No rule asks for more where a panel assesses, but examiners call nobody themselves."""
_OVER = ("ended", "collected", "marked")
_OWN_PAGE = (str(Role.SUPERVISOR), str(Role.EXAMINER))
"""Duties that are given elsewhere: for the whole sitting, and by `services.panels`."""


@dataclass(frozen=True, slots=True)
class Staffing:
    """Who is on duty and how many invigilators the policy asks for. `present`: who has signed in."""

    needed: int
    assigned: tuple[tuple[int, str, str], ...]
    """(user id, name, role)"""
    candidates: int = 0
    present: frozenset[int] = frozenset()

    def count(self, role: str, *, present: bool = False) -> int:
        """How many are assigned in a role, or of them present."""
        return sum(held == role and (not present or user in self.present) for user, _, held in self.assigned)

    def names(self, role: str) -> tuple[str, ...]:
        """Their names."""
        return tuple(name for _, name, held in self.assigned if held == role)


@dataclass(frozen=True, slots=True)
class DutyLine:
    """One person on duty in a room: drawn or named, since when there, and for whom to stand back."""

    user_id: int
    name: str
    role: str
    drawn: bool
    in_at: datetime | None = None
    out_at: datetime | None = None
    in_reason: str = ""
    recused: tuple[Conflict, ...] = ()

    @property
    def here(self) -> bool:
        """Whether the person has signed in and not out."""
        return self.in_at is not None and self.out_at is None


def staffing(session: Session, room_sitting_id: int) -> Staffing:
    """Invigilators needed by the frozen policy, assigned and present."""
    room_sitting, sitting, _room = parts(session, room_sitting_id)
    batch = session.get_one(Batch, sitting.batch_id)
    candidates = expected(session, room_sitting)
    rows = session.execute(
        select(Assignment.user_id, User.name, Assignment.role)
        .join(User, User.id == Assignment.user_id)
        .where(Assignment.room_sitting_id == room_sitting_id)
        .order_by(Assignment.role, User.name)
    )
    needed = needed_for(sitting, candidates, policy_of(batch))
    assigned = tuple((user, name, role) for user, name, role in rows)
    return Staffing(needed, assigned, candidates, signed_in(session, room_sitting_id))


def needed_for(sitting: Sitting, candidates: int, policy: LevelPolicy) -> int:
    """How many invigilators a room of a sitting needs for so many candidates: by the ratio where they sit at
    seats, of whatever component (R04, R06); where a panel assesses, one who calls them.
    """
    return CALLERS if sitting.method in ASSESSED else invigilators_needed(candidates, policy)


def expected(session: Session, row: RoomSitting) -> int:
    """Candidates of the room who are not absent: those at its seats, before the draw those on its list."""
    attempts = select(Attempt.state).where(Attempt.room_sitting_id == row.id)
    states = list(session.scalars(attempts))
    if states:
        return sum(state != "absent" for state in states)
    listed = (
        select(func.count())
        .select_from(Registration)
        .where(Registration.sitting_id == row.sitting_id, Registration.room_id == row.room_id)
    )
    return session.scalar(listed) or 0


def signed_in(session: Session, room_sitting_id: int) -> frozenset[int]:
    """Who has signed in to duty in the room and not out again."""
    query = select(DutySign.user_id).where(
        DutySign.room_sitting_id == room_sitting_id, DutySign.out_at.is_(None)
    )
    return frozenset(session.scalars(query))


def lines(session: Session, room_sitting_id: int) -> tuple[DutyLine, ...]:
    """Everybody assigned to the room with their signatures, in the order of roles and names."""
    row, sitting, _room = parts(session, room_sitting_id)
    query = (
        select(Assignment, User.name)
        .join(User, User.id == Assignment.user_id)
        .where(Assignment.room_sitting_id == room_sitting_id)
    )
    rows = session.execute(query).all()
    stays = {
        sign.user_id: sign
        for sign in session.scalars(
            select(DutySign).where(DutySign.room_sitting_id == room_sitting_id).order_by(DutySign.id)
        )
    }
    held = recused(session, sitting, row.room_id, [assigned.user_id for assigned, _ in rows])
    found = [
        _line(assigned, name, stays.get(assigned.user_id), held.get(assigned.user_id, ()))
        for assigned, name in rows
    ]
    order = [str(role) for role in (*IN_ROOM, Role.SUPERVISOR, Role.EXAMINER)]
    return tuple(sorted(found, key=lambda line: (order.index(line.role), line.name)))


def _line(assigned: Assignment, name: str, stay: DutySign | None, held: tuple[Conflict, ...]) -> DutyLine:
    return DutyLine(
        user_id=assigned.user_id,
        name=name,
        role=assigned.role,
        drawn=assigned.drawn,
        in_at=stay.in_at if stay else None,
        out_at=stay.out_at if stay else None,
        in_reason=stay.in_reason if stay else "",
        recused=held,
    )


def recused(
    session: Session, sitting: Sitting, room_id: int, users: Collection[int]
) -> dict[int, tuple[Conflict, ...]]:
    """Who of these people has to stand back for candidates of the room, and for whom."""
    asked = eligibility.wanted(session, sitting)
    found = {
        one.id: conflicts(one.links, asked.of_room(room_id))
        for one in eligibility.fits(session, users).values()
    }
    return {user: held for user, held in found.items() if held}


def assign_staff(
    session: Session, actor: Actor, room_sitting_id: int, duties: Mapping[int, Role], *, now: datetime
) -> None:
    """Sets who is on duty in the room: user id -> one of `IN_ROOM`, a role they hold. The supervisor and the
    panel stay.

    Refused by name, as `eligibility.need_fit` does; `room_already_ended`. Who is replaced is signed out.
    """
    need(actor, Permission.MANAGE_STAFFING)
    row, sitting, room = parts(session, room_sitting_id)
    if row.state in _OVER:
        raise Refused("room_already_ended")
    before = held(session, room_sitting_id)
    asked, known = eligibility.wanted(session, sitting), eligibility.fits(session, set(duties))
    for user_id, role in duties.items():
        if user_id not in known or role not in IN_ROOM or before.get(user_id) in _OWN_PAGE:
            raise Refused("duty_without_role", 422, user=user_id)
        eligibility.need_fit(asked, room.id, known[user_id], str(role))
        not_in_other_rooms(session, sitting, row, known[user_id], role)
    _replace(session, actor, row, duties, now)
    facts = changes(session, before, held(session, room_sitting_id))
    stream = audit.sitting_stream(room_sitting_id)
    audit.record(session, stream, actor, "staff_assigned", stream, now=now, staff=len(duties), **facts)


def name_supervisor(
    session: Session, actor: Actor, sitting_id: int, user_id: int | None, *, now: datetime
) -> None:
    """Names the internal quality supervisor of a sitting, one for all of its rooms; None: nobody.

    Refused by name, as `eligibility.need_fit` does; `supervisor_on_duty` who serves in a room already.
    """
    need(actor, Permission.MANAGE_STAFFING)
    sitting = session.get(Sitting, sitting_id)
    if sitting is None:
        raise NotFound("sitting")
    rows = rooms_of(session, sitting_id)
    one = eligibility.fits(session, {user_id}).get(user_id) if user_id is not None else None
    if user_id is not None and one is None:
        raise Refused("duty_without_role", 422, user=user_id)
    asked = eligibility.wanted(session, sitting)
    for row in rows:
        if one is not None:
            eligibility.need_fit(asked, row.room_id, one, Role.SUPERVISOR)
            if held(session, row.id).get(one.id, Role.SUPERVISOR) != Role.SUPERVISOR:
                raise Refused("supervisor_on_duty", 422, name=one.name)
        put_supervisor(session, row, one.id if one else None, drawn=False)
    told = {"supervisor": one.name if one else "", "user": one.id if one else None}
    for row in rows:
        stream = audit.sitting_stream(row.id)
        audit.record(session, stream, actor, "supervisor_named", stream, now=now, **told)


def put_supervisor(session: Session, row: RoomSitting, user_id: int | None, *, drawn: bool) -> None:
    """Replaces the supervisor of one room."""
    here = Assignment.room_sitting_id == row.id, Assignment.role == str(Role.SUPERVISOR)
    session.execute(delete(Assignment).where(*here))
    if user_id is not None:
        duty = {"user_id": user_id, "role": str(Role.SUPERVISOR), "drawn": drawn}
        session.add(Assignment(room_sitting_id=row.id, **duty))
    session.flush()


def supervisor_of(session: Session, sitting_id: int) -> tuple[int, str] | None:
    """The supervisor of a sitting, id and name."""
    query = (
        select(User.id, User.name)
        .join(Assignment, Assignment.user_id == User.id)
        .join(RoomSitting, RoomSitting.id == Assignment.room_sitting_id)
        .where(RoomSitting.sitting_id == sitting_id, Assignment.role == str(Role.SUPERVISOR))
    )
    found = session.execute(query.limit(1)).first()
    return (found[0], found[1]) if found else None


def rooms_of(session: Session, sitting_id: int) -> list[RoomSitting]:
    """The rooms of a sitting."""
    query = select(RoomSitting).where(RoomSitting.sitting_id == sitting_id).order_by(RoomSitting.id)
    return list(session.scalars(query))


def parts(session: Session, room_sitting_id: int) -> tuple[RoomSitting, Sitting, Room]:
    """A room's sitting with the sitting and the room. Raises `NotFound`."""
    room_sitting = session.get(RoomSitting, room_sitting_id)
    if room_sitting is None:
        raise NotFound("sitting")
    return (
        room_sitting,
        session.get_one(Sitting, room_sitting.sitting_id),
        session.get_one(Room, room_sitting.room_id),
    )


def held(session: Session, room_sitting_id: int) -> dict[int, str]:
    """Who is assigned to the room: user id -> duty."""
    query = select(Assignment.user_id, Assignment.role).where(Assignment.room_sitting_id == room_sitting_id)
    return dict(session.execute(query).all())


def changes(session: Session, before: Mapping[int, str], after: Mapping[int, str]) -> dict[str, list[str]]:
    """Who came (`added`) and who went (`removed`), for the record: duty, name and account of each.

    `before`, `after`: as `held` gives them. A person with another duty than before stands in both.
    """
    names = staff.names(session, {*before, *after})

    def lines(pairs: Set[tuple[int, str]]) -> list[str]:
        return [f"{role} {names.get(user, '')} ({user})" for user, role in sorted(pairs)]

    return {"added": lines(after.items() - before.items()), "removed": lines(before.items() - after.items())}


def not_in_other_rooms(
    session: Session, sitting: Sitting, row: RoomSitting, one: eligibility.Fit, role: Role
) -> None:
    """Raises `Refused` (`duty_elsewhere`): within one sitting an invigilator or an examiner is in one room,
    and nobody in two duties.
    """
    query = (
        select(Assignment.role, Room.name)
        .join(RoomSitting, RoomSitting.id == Assignment.room_sitting_id)
        .join(Room, Room.id == RoomSitting.room_id)
        .where(RoomSitting.sitting_id == sitting.id, RoomSitting.id != row.id, Assignment.user_id == one.id)
    )
    for held, room in session.execute(query):
        if held != role or role not in eligibility.SHARED:
            raise Refused("duty_elsewhere", 422, name=one.name, room=room)


def _replace(
    session: Session, actor: Actor, row: RoomSitting, duties: Mapping[int, Role], now: datetime
) -> None:
    here = Assignment.room_sitting_id == row.id, Assignment.role.not_in(_OWN_PAGE)
    kept = {
        duty.user_id: duty.drawn
        for duty in session.scalars(select(Assignment).where(*here))
        if duties.get(duty.user_id) == duty.role
    }
    session.execute(delete(Assignment).where(*here))
    for user_id, role in duties.items():
        duty = {"user_id": user_id, "role": str(role), "drawn": kept.get(user_id, False)}
        session.add(Assignment(room_sitting_id=row.id, **duty))
    session.flush()
    gone = select(DutySign).where(DutySign.room_sitting_id == row.id, DutySign.out_at.is_(None))
    for stay in session.scalars(gone):
        if stay.user_id not in kept and stay.role not in _OWN_PAGE:
            stay.out_at, stay.out_by = now, actor.user_id
