"""The panel of examiners of a room: who sits on it, who leads it, who is there, and who takes whose place.

A panel is the room's `Assignment`s with the role examiner; signing in to duty makes a member present. What
the rules say of a panel stands in `rules.panel_staff`, whom a person must stand back for in `rules.recusal`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from itembank.problems import InputRefused, Problem
from server.access import Actor, Permission, Role
from server.db.people import User
from server.db.sittings import Assignment
from server.db.staffing import DutySign, StaffProfile
from server.errors import Refused
from server.rules.panel_staff import Member, panel_faults, panel_warnings
from server.services import assessment_room, eligibility, panel_history, staffing, template_readers
from server.services.assessment_room import AssessmentRoom
from server.services.signed import Signed, need, need_reason, note_room


@dataclass(frozen=True, slots=True)
class PanelSeat:
    """One member of a panel. `present`: signed in to duty and not out."""

    user_id: int
    name: str
    leader: bool
    present: bool


@dataclass(frozen=True, slots=True)
class PanelPlan:
    """A panel as it is asked for: user ids, whose the lead is, and whom a draw chose."""

    users: tuple[int, ...]
    leader: int
    drawn: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Swap:
    """Who leaves a panel, and who takes that place."""

    out: int
    into: int


def panel(session: Session, room_sitting_id: int) -> tuple[PanelSeat, ...]:
    """The panel of a room, its leader first, the others by name."""
    query = (
        select(Assignment.user_id, User.name, Assignment.leader)
        .join(User, User.id == Assignment.user_id)
        .where(Assignment.room_sitting_id == room_sitting_id, Assignment.role == str(Role.EXAMINER))
        .order_by(Assignment.leader.desc(), User.name, User.id)
    )
    here = staffing.signed_in(session, room_sitting_id)
    return tuple(PanelSeat(user, name, leader, user in here) for user, name, leader in session.execute(query))


def faults(session: Session, place: AssessmentRoom, *, at_once: int = 0) -> list[Problem]:
    """Why the panel as it is assigned may not assess the room; empty when it may.

    `at_once`: candidates who perform at the same time, 0 for as many as the stations allow.
    """
    seats = panel(session, place.row.id)
    members = members_of(session, place, [seat.user_id for seat in seats])
    knowing = template_readers.knowing(session, place.sitting.template_id)
    many = at_once or assessment_room.at_once(session, place)
    found = panel_faults(members, many, place.terms.panel, place.sitting.starts_at.date())
    if seats and not any(seat.leader for seat in seats):
        found.append(Problem("panel_leader_missing"))
    held = staffing.recused(session, place.sitting, place.room.id, [seat.user_id for seat in seats])
    for seat in seats:
        if seat.user_id in knowing:
            found.append(Problem("panel_knows_template", str(seat.user_id), {"name": seat.name}))
        if seat.user_id in held:
            names = "、".join(each.candidate for each in held[seat.user_id])
            found.append(Problem("duty_recused", str(seat.user_id), {"name": seat.name, "candidates": names}))
    return found


def warnings(session: Session, place: AssessmentRoom) -> list[Problem]:
    """What of the panel is worth a look and stops nobody (R15)."""
    users = [seat.user_id for seat in panel(session, place.row.id)]
    return panel_warnings(members_of(session, place, users), place.terms.panel) if users else []


def members_of(session: Session, place: AssessmentRoom, users: Collection[int]) -> list[Member]:
    """These people as the rules of panels look at them, by name."""
    query = (
        select(User.id, User.name, StaffProfile.card_grade, StaffProfile.valid_to)
        .outerjoin(StaffProfile, StaffProfile.user_id == User.id)
        .where(User.id.in_(users))
        .order_by(User.name, User.id)
    )
    before = panel_history.earlier_panels(session, place)
    return [
        Member(
            user=user,
            name=name,
            card_grade=grade or "",
            valid_to=valid_to,
            consecutive=panel_history.in_a_row(before, user),
            new=not before or user not in before[0],
        )
        for user, name, grade, valid_to in session.execute(query)
    ]


@dataclass(frozen=True, slots=True)
class Choice:
    """Somebody who may be asked to sit on a panel; `why`: a refusal's code that keeps the person off it."""

    user_id: int
    name: str
    card_grade: str
    on_panel: bool
    leader: bool
    why: str = ""
    params: Mapping[str, str] = field(default_factory=dict)


def choices(session: Session, place: AssessmentRoom) -> list[Choice]:
    """Every active examiner by name, with what keeps some of them from this panel."""
    asked = eligibility.wanted(session, place.sitting)
    people = [one for one in eligibility.fits(session).values() if Role.EXAMINER in one.roles]
    grades = {each.user: each.card_grade for each in members_of(session, place, [one.id for one in people])}
    seats = {seat.user_id: seat.leader for seat in panel(session, place.row.id)}
    others = _others(session, place)
    found = []
    for one in sorted(people, key=lambda one: (one.name, one.id)):
        why, params = "", {}
        try:
            _need_free(session, place, asked, one, others)
        except Refused as refusal:
            why, params = refusal.code, refusal.params
        on = one.id in seats
        found.append(Choice(one.id, one.name, grades[one.id], on, seats.get(one.id, False), why, params))
    return found


# --- who sits on it -------------------------------------------------------------------------------------


def assign(session: Session, actor: Actor, room_sitting_id: int, plan: PanelPlan, *, now: datetime) -> None:
    """Sets the whole panel and its leader before the session begins.

    Refused by name (`eligibility.need_fit`, `panel_other_duty`, `panel_knows_template`),
    `panel_leader_missing`, `panel_begun`; a panel that the rules forbid is `InputRefused` with all reasons.
    """
    need(actor, Permission.ARRANGE_ASSESSMENT)
    place = assessment_room.load(session, room_sitting_id, lock=True)
    if place.row.state not in ("planned", "arranged", "released"):
        raise Refused("panel_begun")
    chosen = list(dict.fromkeys(plan.users))
    if plan.leader not in chosen:
        raise Refused("panel_leader_missing", 422, field="leader")
    _need_fit(session, place, chosen)
    _need_fit_panel(session, place, chosen)
    before = staffing.held(session, room_sitting_id)
    _take_off(session, actor, place, {seat.user_id for seat in panel(session, place.row.id)} - {*chosen}, now)
    for user in chosen:
        _seat(session, place, user, leader=user == plan.leader, drawn=user in plan.drawn)
    session.flush()
    changed = staffing.changes(session, before, staffing.held(session, room_sitting_id))
    name = next(seat.name for seat in panel(session, place.row.id) if seat.leader)
    signed, count = Signed(actor), len(chosen)
    note_room(session, place.row.id, signed, "panel_assigned", now, examiners=count, leader=name, **changed)


def join(session: Session, signed: Signed, room_sitting_id: int, user_id: int, *, now: datetime) -> None:
    """Somebody more sits on the panel, with a reason: what is left after `remove` is made whole again.

    Turns that have begun keep their panel. Refused by name, `panel_member_already`, and `InputRefused` for a
    card that the policy does not take; parity and number are looked at when a candidate begins.
    """
    place = _to_change(session, signed, room_sitting_id)
    if user_id in {seat.user_id for seat in panel(session, room_sitting_id)}:
        raise Refused("panel_member_already", 422, field="joins")
    _need_fit(session, place, [user_id])
    (member,) = members_of(session, place, [user_id])
    problems = panel_faults([member], 1, place.terms.panel, place.sitting.starts_at.date())
    if own := [each for each in problems if each.place == str(user_id)]:
        raise InputRefused(*own)
    _seat(session, place, user_id, leader=False, drawn=False)
    session.flush()
    note_room(session, place.row.id, signed, "panel_member_joined", now, person=member.name)


def remove(session: Session, signed: Signed, room_sitting_id: int, user_id: int, *, now: datetime) -> None:
    """Takes a member off the panel, with a reason; what is left may be too few to begin a turn with.

    The leader leaves the panel without one until somebody is named.
    """
    place = _to_change(session, signed, room_sitting_id)
    seat = _seat_of(session, place, user_id)
    _take_off(session, signed.actor, place, {user_id}, now)
    note_room(session, place.row.id, signed, "panel_member_removed", now, person=seat.name)


def name_leader(
    session: Session, signed: Signed, room_sitting_id: int, user_id: int, *, now: datetime
) -> None:
    """Gives the lead to another member, with a reason."""
    place = _to_change(session, signed, room_sitting_id)
    seat = _seat_of(session, place, user_id)
    for each in panel(session, place.row.id):
        session.get_one(Assignment, (place.row.id, each.user_id)).leader = each.user_id == user_id
    session.flush()
    note_room(session, place.row.id, signed, "panel_leader_named", now, person=seat.name)


def replace(session: Session, signed: Signed, room_sitting_id: int, swap: Swap, *, now: datetime) -> None:
    """Somebody else takes a member's place and, if it was that, the lead, with a reason.

    Turns that have begun keep their panel (`panel_swaps.in_turn` changes that of a running one). Refused by
    name and, for a panel that the rules forbid, `InputRefused`.
    """
    place = _to_change(session, signed, room_sitting_id)
    leaving = _seat_of(session, place, swap.out)
    users = [seat.user_id for seat in panel(session, place.row.id)]
    if swap.into in users:
        raise Refused("panel_member_already", 422, field="into")
    _need_fit(session, place, [swap.into])
    _need_fit_panel(session, place, [swap.into if user == swap.out else user for user in users])
    put_in_place(session, signed, place, swap, now)
    names = {seat.user_id: seat.name for seat in panel(session, place.row.id)}
    told = {"person": leaving.name, "successor": names[swap.into]}
    note_room(session, place.row.id, signed, "panel_member_replaced", now, **told)


def put_in_place(session: Session, signed: Signed, place: AssessmentRoom, swap: Swap, now: datetime) -> None:
    """The rows of a replacement; who may be replaced by whom was looked at."""
    leader = _seat_of(session, place, swap.out).leader
    _take_off(session, signed.actor, place, {swap.out}, now)
    _seat(session, place, swap.into, leader=leader, drawn=False)
    session.flush()


# --- who is there ---------------------------------------------------------------------------------------


def present_panel(session: Session, place: AssessmentRoom, many: int) -> list[int]:
    """The user ids of those present, who may assess `many` candidates at once: the panel of a turn.

    Refused: `panel_incomplete` naming who is missing, else with the first fault of those present (R05, R07,
    R14: the ratio counts people present, not assigned).
    """
    seats = panel(session, place.row.id)
    here = [seat for seat in seats if seat.present]
    users = [seat.user_id for seat in here]
    on = place.sitting.starts_at.date()
    found = panel_faults(members_of(session, place, users), many, place.terms.panel, on)
    away = "、".join(seat.name for seat in seats if not seat.present)
    if found and away:
        raise Refused("panel_incomplete", names=away, present=len(here), assigned=len(seats))
    if found:
        raise Refused(found[0].code, 409, **found[0].params)
    if not any(seat.leader for seat in here):
        lead = next((seat.name for seat in seats if seat.leader), "")
        raise Refused("panel_leader_away", name=lead) if lead else Refused("panel_leader_missing")
    need_not_recused(session, place, users)
    return sorted(users)


def need_not_recused(session: Session, place: AssessmentRoom, users: Collection[int]) -> None:
    """Raises `Refused` by name: `duty_recused`, since a link may have come to light after the assignment
    (R16), or `panel_knows_template`, since the template may have been chosen after it.
    """
    held = staffing.recused(session, place.sitting, place.room.id, users)
    for user, conflicts in held.items():
        name = session.get_one(User, user).name
        candidates = "、".join(each.candidate for each in conflicts)
        raise Refused("duty_recused", 422, name=name, candidates=candidates)
    for user in sorted(template_readers.knowing(session, place.sitting.template_id).intersection(users)):
        raise Refused("panel_knows_template", 422, name=session.get_one(User, user).name)


def need_fit_member(session: Session, place: AssessmentRoom, user: int) -> None:
    """Raises `Refused` by name when somebody may not join the panel."""
    _need_fit(session, place, [user])


# --- parts ----------------------------------------------------------------------------------------------


def _to_change(session: Session, signed: Signed, room_sitting_id: int) -> AssessmentRoom:
    need(signed.actor, Permission.ARRANGE_ASSESSMENT)
    need_reason(signed)
    place = assessment_room.load(session, room_sitting_id, lock=True)
    assessment_room.need_open(place)
    return place


@dataclass(frozen=True, slots=True)
class _Others:
    """What else keeps people off a panel: another duty in the room by person, and who knows the template."""

    held: Mapping[int, str]
    knowing: frozenset[int]


def _others(session: Session, place: AssessmentRoom) -> _Others:
    knowing = template_readers.knowing(session, place.sitting.template_id)
    return _Others(staffing.held(session, place.row.id), knowing)


def _need_fit(session: Session, place: AssessmentRoom, users: Sequence[int]) -> None:
    asked, known = eligibility.wanted(session, place.sitting), eligibility.fits(session, set(users))
    others = _others(session, place)
    for user in users:
        if user not in known:
            raise Refused("duty_without_role", 422, user=user)
        _need_free(session, place, asked, known[user], others)


def _need_free(
    session: Session,
    place: AssessmentRoom,
    asked: eligibility.Wanted,
    one: eligibility.Fit,
    others: _Others,
) -> None:
    if others.held.get(one.id, Role.EXAMINER) != Role.EXAMINER:
        raise Refused("panel_other_duty", 422, name=one.name)
    if one.id in others.knowing:
        raise Refused("panel_knows_template", 422, name=one.name)
    eligibility.need_fit(asked, place.room.id, one, Role.EXAMINER)
    staffing.not_in_other_rooms(session, place.sitting, place.row, one, Role.EXAMINER)


def _need_fit_panel(session: Session, place: AssessmentRoom, users: Sequence[int]) -> None:
    many, on = assessment_room.at_once(session, place), place.sitting.starts_at.date()
    problems = panel_faults(members_of(session, place, users), many, place.terms.panel, on)
    if problems:
        raise InputRefused(*problems)


def _seat_of(session: Session, place: AssessmentRoom, user_id: int) -> PanelSeat:
    found = next((seat for seat in panel(session, place.row.id) if seat.user_id == user_id), None)
    if found is None:
        raise Refused("panel_not_member", 422, field="out")
    return found


def _seat(session: Session, place: AssessmentRoom, user: int, *, leader: bool, drawn: bool) -> None:
    duty = session.get(Assignment, (place.row.id, user))
    if duty is None:
        duty = Assignment(room_sitting_id=place.row.id, user_id=user, role=str(Role.EXAMINER), drawn=drawn)
        session.add(duty)
    duty.leader = leader


def _take_off(
    session: Session, actor: Actor, place: AssessmentRoom, users: Collection[int], now: datetime
) -> None:
    """Removes members; who has signed in is signed out."""
    here = Assignment.room_sitting_id == place.row.id, Assignment.role == str(Role.EXAMINER)
    session.execute(delete(Assignment).where(*here, Assignment.user_id.in_(users)))
    open_signs = select(DutySign).where(
        DutySign.room_sitting_id == place.row.id, DutySign.user_id.in_(users), DutySign.out_at.is_(None)
    )
    for sign in session.scalars(open_signs):
        sign.out_at, sign.out_by = now, actor.user_id
    session.flush()
