"""What each gate of a room looks at before the start: a finding as a message code, or nothing."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.wire import canonical
from server.access import Role
from server.db.sittings import Attempt, Registration
from server.errors import Refused
from server.presence import Presence
from server.rules.policy_gates import GateName
from server.services import cameras, check_gate, packages, room_checks, site_check, staffing
from server.services.check_gate import CheckLine
from server.services.roomstate import RoomState

TICKETS_MOST = 20
"""Tickets that a finding names; all of them are in its mark."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What the store does not know: whether the clock's time is proven, and whom the start dialog ticked."""

    proven: bool = True
    ticked: frozenset[int] = frozenset()


Found = tuple[str, Mapping[str, object]] | None
"""A message code with its parameters, or nothing: the gate is green."""


@dataclass(frozen=True, slots=True)
class Look:
    """All that the gates look at."""

    session: Session
    room: RoomState
    presence: Presence
    outside: Outside
    now: datetime
    staff: staffing.Staffing
    checks: Callable[[], tuple[CheckLine, ...]]
    """The self-checks of all seats, looked up once, when the first gate asks."""


def _papers(look: Look) -> Found:
    return None if look.room.sitting.paper_set_id is not None else ("gate_no_papers", {})


def _seated(look: Look) -> Found:
    row = look.room.row
    if row.state == "planned":
        return "seats_not_drawn", {}
    listed = select(Registration.ticket).where(
        Registration.sitting_id == row.sitting_id,
        Registration.room_id == row.room_id,
        Registration.id.not_in(select(Attempt.registration_id)),
    )
    without = look.session.scalars(listed.order_by(Registration.ticket)).all()
    if not without:
        return None
    tickets = "、".join(without[:TICKETS_MOST]) + ("…" if len(without) > TICKETS_MOST else "")
    mark = hashlib.sha256(canonical({"tickets": without})).hexdigest()[:8]
    return "gate_without_seat", {"count": len(without), "tickets": tickets, "mark": mark}


def _locked(look: Look) -> Found:
    return None if look.room.row.locked_at is not None else ("gate_not_locked", {})


def _room(look: Look) -> Found:
    hard = [each for each in room_checks.findings(look.session, look.room.room.id) if each.hard]
    if not hard:
        return None
    rules = "、".join(dict.fromkeys(each.rule for each in hard if each.rule))
    marks = hashlib.sha256(canonical({"f": [[e.code, dict(e.params)] for e in hard]})).hexdigest()[:8]
    return "gate_room_findings", {"count": len(hard), "rules": rules or "—", "mark": marks}


def _recusal(look: Look) -> Found:
    users = [user for user, _name, _role in look.staff.assigned]
    held = staffing.recused(look.session, look.room.sitting, look.room.room.id, users)
    names = [name for user, name, _role in look.staff.assigned if user in held]
    return ("gate_recused", {"names": "、".join(names)}) if names else None


def _supervisor(look: Look) -> Found:
    return None if look.staff.count(Role.SUPERVISOR) else ("gate_no_supervisor", {})


def _site_check(look: Look) -> Found:
    sign = site_check.standing(look.session, look.presence, look.room.row.id, now=look.now)
    if sign.signed is None:
        return "gate_site_unsigned", {"count": sign.faulty, "mark": sign.finding[:8]}
    if sign.outdated:
        seats = "、".join(seat.number for seat in sign.unsigned)
        mark = site_check.finding_of(sign.unsigned)[0][:8]
        return "gate_site_outdated", {"name": sign.signed.by, "seats": seats, "mark": mark}
    return None


def _package(look: Look) -> Found:
    try:
        package = packages.needed(look.session, look.room.row.id)
        packages.check_papers(look.session, package)
    except Refused as refusal:
        return refusal.code, refusal.params
    return None if package.state == "released" else ("package_not_released", {})


def _clock(look: Look) -> Found:
    return None if look.outside.proven else ("clock_unproven", {})


def _time(look: Look) -> Found:
    starts_at = look.room.sitting.starts_at
    early = look.now < starts_at and not look.room.batch.rehearsal
    return ("too_early_to_start", {"starts_at": starts_at.isoformat()}) if early else None


def _staffing(look: Look) -> Found:
    staff = look.staff
    here = present(look.room, staff, look.outside.ticked)
    if len(here) >= staff.needed:
        return None
    return "too_few_invigilators", {
        "needed": staff.needed,
        "present": len(here),
        "candidates": staff.candidates,
    }


def present(room: RoomState, staff: staffing.Staffing, ticked: frozenset[int]) -> frozenset[int]:
    """The room's invigilators who count as present: signed in, or ticked where that is enough."""
    here = staff.present if room.policy.gates.duty_sign_in else staff.present | ticked
    return here & {user for user, _name, role in staff.assigned if role == Role.INVIGILATOR}


def _chief(look: Look) -> Found:
    staff, demanded = look.staff, look.room.policy.gates.duty_sign_in
    if not staff.count(Role.CHIEF_INVIGILATOR):
        return "gate_no_chief", {}
    if demanded and not staff.count(Role.CHIEF_INVIGILATOR, present=True):
        return "gate_chief_away", {"names": "、".join(staff.names(Role.CHIEF_INVIGILATOR))}
    return None


def _cameras(look: Look) -> Found:
    try:
        cameras.gate(look.session, look.presence, look.room.row.id)
    except Refused as refusal:
        return refusal.code, refusal.params
    return None


def _checks(look: Look) -> Found:
    try:
        check_gate.gate(look.room, look.checks)
    except Refused as refusal:
        return refusal.code, refusal.params
    return None


FINDERS: dict[GateName, Callable[[Look], Found]] = {
    GateName.PAPERS: _papers,
    GateName.SEATED: _seated,
    GateName.LOCKED: _locked,
    GateName.ROOM: _room,
    GateName.RECUSAL: _recusal,
    GateName.SUPERVISOR: _supervisor,
    GateName.SITE_CHECK: _site_check,
    GateName.PACKAGE: _package,
    GateName.CLOCK: _clock,
    GateName.TIME: _time,
    GateName.STAFFING: _staffing,
    GateName.CHIEF: _chief,
    GateName.CAMERAS: _cameras,
    GateName.CHECKS: _checks,
}
