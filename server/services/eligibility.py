"""Who may serve in a room: role held, active, card valid, free at the time, nobody to stand back for.

Looked up for everybody at once: a draw over hundreds of rooms asks no more often than one over a single room.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Role
from server.db.people import User
from server.db.rooms import Room
from server.db.sittings import Assignment, Batch, Candidate, Registration, RoomSitting, Sitting
from server.db.staffing import StaffProfile, StaffRecusal
from server.errors import Refused
from server.rules.recusal import Examinee, RecusalLink, conflicts, same_employer

SHARED = frozenset({Role.CHIEF_INVIGILATOR, Role.ROVER, Role.SYSTEM_ADMINISTRATOR, Role.SUPERVISOR})
"""Duties in which one person may serve several rooms at a time."""
LONGEST = timedelta(hours=24)
"""No sitting lasts longer: who is busy then is looked for so far around it."""
_OVER = ("ended", "collected", "marked")


@dataclass(frozen=True, slots=True)
class Fit:
    """What of a person decides where they may serve. `valid_to`: last day of the card, None: no limit."""

    id: int
    name: str
    active: bool
    roles: frozenset[str]
    employer: str
    valid_to: date | None
    links: tuple[RecusalLink, ...]


@dataclass(frozen=True, slots=True)
class Busy:
    """A duty elsewhere at the same time."""

    role: str
    room: str
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """A sitting as duty looks at it: its candidates by room (None: no room yet), who is busy elsewhere."""

    sitting: Sitting
    examinees: Mapping[int | None, tuple[Examinee, ...]]
    busy: Mapping[int, tuple[Busy, ...]]

    def of_room(self, room_id: int) -> tuple[Examinee, ...]:
        """The candidates who are, or may come to be, in a room."""
        return (*self.examinees.get(room_id, ()), *self.examinees.get(None, ()))

    def expired(self, one: Fit) -> bool:
        """Whether the person's card ends before the day of the sitting (UTC)."""
        return one.valid_to is not None and one.valid_to < self.sitting.starts_at.date()

    def elsewhere(self, one: Fit, role: str) -> Busy | None:
        """A duty at the same time that this one cannot stand beside."""
        shared = role in SHARED
        return next((busy for busy in self.busy.get(one.id, ()) if not (shared and busy.role == role)), None)

    def colleagues(self, one: Fit, room_id: int) -> bool:
        """Whether somebody of the person's own employer sits in the room."""
        return any(same_employer(one.employer, each.employer) for each in self.of_room(room_id))


def wanted(session: Session, sitting: Sitting) -> Wanted:
    """Everything about a sitting that decides who may serve there."""
    return Wanted(sitting, _examinees(session, sitting.id), _busy(session, sitting))


def fits(session: Session, users: Collection[int] | None = None) -> dict[int, Fit]:
    """The facts of these people, or of all active staff, by id."""
    query = select(User)
    query = query.where(User.active.is_(True)) if users is None else query.where(User.id.in_(users))
    people = list(session.scalars(query.order_by(User.id)))
    ids = [user.id for user in people]
    profiles = select(StaffProfile).where(StaffProfile.user_id.in_(ids))
    known = {profile.user_id: profile for profile in session.scalars(profiles)}
    links: dict[int, list[RecusalLink]] = {}
    rows = select(StaffRecusal).where(StaffRecusal.user_id.in_(ids), StaffRecusal.removed_at.is_(None))
    for row in session.scalars(rows.order_by(StaffRecusal.id)):
        links.setdefault(row.user_id, []).append(RecusalLink(row.kind, row.candidate_index, row.employer))
    return {
        user.id: Fit(
            id=user.id,
            name=user.name,
            active=user.active,
            roles=frozenset(row.role for row in user.role_rows),
            employer=known[user.id].employer if user.id in known else "",
            valid_to=known[user.id].valid_to if user.id in known else None,
            links=tuple(links.get(user.id, ())),
        )
        for user in people
    }


def need_fit(asked: Wanted, room_id: int, one: Fit, role: str) -> None:
    """Raises `Refused` by name: duty_without_role, duty_account_closed, duty_card_expired, duty_elsewhere,
    duty_recused.
    """
    if role not in one.roles:
        raise Refused("duty_without_role", 422, user=one.id)
    if not one.active:
        raise Refused("duty_account_closed", 422, name=one.name)
    if asked.expired(one):
        raise Refused("duty_card_expired", 422, name=one.name, valid_to=one.valid_to)
    busy = asked.elsewhere(one, role)
    if busy is not None:
        raise Refused("duty_elsewhere", 422, name=one.name, room=busy.room)
    held = conflicts(one.links, asked.of_room(room_id))
    if held:
        names = "、".join(each.candidate for each in held)
        raise Refused("duty_recused", 422, name=one.name, candidates=names)


def _examinees(session: Session, sitting_id: int) -> dict[int | None, tuple[Examinee, ...]]:
    query = (
        select(Registration.room_id, Registration.employer, Candidate.id_index, Candidate.name)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .where(Registration.sitting_id == sitting_id)
        .order_by(Registration.ticket)
    )
    found: dict[int | None, list[Examinee]] = {}
    for room_id, employer, index, name in session.execute(query):
        found.setdefault(room_id, []).append(Examinee(index, name, employer))
    return {room_id: tuple(each) for room_id, each in found.items()}


def _busy(session: Session, sitting: Sitting) -> dict[int, tuple[Busy, ...]]:
    """Duties of real sittings that overlap. A rehearsal takes nobody's time from anything."""
    if session.get_one(Batch, sitting.batch_id).rehearsal:
        return {}
    ends = sitting.starts_at + timedelta(minutes=float(sitting.minutes))
    query = (
        select(Assignment.user_id, Assignment.role, Room.name, Sitting.starts_at, Sitting.minutes)
        .join(RoomSitting, RoomSitting.id == Assignment.room_sitting_id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .join(Room, Room.id == RoomSitting.room_id)
        .where(
            Sitting.id != sitting.id,
            Batch.rehearsal.is_(False),
            Sitting.starts_at > sitting.starts_at - LONGEST,
            Sitting.starts_at < ends,
            RoomSitting.state.not_in(_OVER),
        )
    )
    found: dict[int, list[Busy]] = {}
    for user, role, room, starts_at, minutes in session.execute(query):
        if starts_at + timedelta(minutes=float(minutes)) > sitting.starts_at:
            found.setdefault(user, []).append(Busy(role, room, starts_at))
    return {user: tuple(each) for user, each in found.items()}
