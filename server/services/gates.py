"""Go or no go: what a room is asked for before it starts, and the chief who starts it all the same.

Which gates a room has stands in its frozen policy. An overruling is bound to the finding: when the gate finds
something else, it is red again. Without the paper, the time or a known clock nobody can overrule anything.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.wire import canonical
from server.access import Actor, Permission
from server.db.staffing import GateOverrule, GateStand
from server.errors import Refused
from server.presence import Presence
from server.rules.policy_gates import GateName
from server.services import cameras, check_gate, staff, staffing
from server.services.duty import need_duty
from server.services.gate_findings import FINDERS, Look, Outside
from server.services.roomstate import load
from server.services.signed import Signed, need, need_reason, note_room, second_person

GREEN, RED, OVERRULED = "green", "red", "overruled"
SECONDS = (Permission.COSIGN, Permission.SUPERVISE, Permission.MANAGE_STAFFING)
"""Who may be the second person where one is asked for: another chief, a supervisor, an administrator."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One gate of a room. `code` and `params` are the finding of a red or overruled one.

    `by`, `reason`, `at` and `cosigned_by` tell who overruled it; `overrulable`: the chief may do so on the
    page of gates, `two_persons`: only with a second person.
    """

    name: str
    state: str
    code: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    by: str = ""
    reason: str = ""
    at: datetime | None = None
    cosigned_by: str = ""
    overrulable: bool = False
    two_persons: bool = False

    @property
    def finding(self) -> str:
        """The hash of what was found, to which an overruling is bound."""
        said = [self.name, self.code, {name: str(value) for name, value in self.params.items()}]
        return hashlib.sha256(canonical({"finding": said})).hexdigest()


@dataclass(frozen=True, slots=True)
class Overruling:
    """Which finding of which gate is overruled."""

    room_sitting: int
    gate: str
    finding: str
    outside: Outside = field(default_factory=Outside)


def gates(
    session: Session,
    presence: Presence,
    room_sitting_id: int,
    *,
    now: datetime,
    outside: Outside = Outside(),  # noqa: B008 - frozen
) -> tuple[Gate, ...]:
    """Every gate that the room's policy demands, in the order of the work, as it stands now."""
    room = load(session, room_sitting_id)
    look = Look(
        session=session,
        room=room,
        presence=presence,
        outside=outside,
        now=now,
        staff=staffing.staffing(session, room_sitting_id),
        checks=cache(lambda: check_gate.lines(session, room_sitting_id, now=now, whole=False)),
    )
    accepted = _accepted(session, room_sitting_id)
    return tuple(_gate(look, name, accepted) for name in room.policy.gates.demanded)


def need_gates(
    session: Session,
    presence: Presence,
    room_sitting_id: int,
    *,
    now: datetime,
    outside: Outside = Outside(),  # noqa: B008 - frozen
) -> tuple[Gate, ...]:
    """Raises `Refused` with the finding of the first red gate; else the gates as they stand."""
    found = gates(session, presence, room_sitting_id, now=now, outside=outside)
    for gate in found:
        if gate.state == RED:
            raise Refused(gate.code, 409, **gate.params)
    return found


def keep(session: Session, room_sitting_id: int, found: tuple[Gate, ...], *, now: datetime) -> None:
    """Keeps how the gates stood at the start."""
    said = [
        {
            "name": gate.name,
            "state": gate.state,
            "code": gate.code,
            "params": dict(gate.params),
            "by": gate.by,
            "reason": gate.reason,
            "at": gate.at.isoformat() if gate.at else "",
            "cosigned_by": gate.cosigned_by,
        }
        for gate in found
    ]
    session.merge(GateStand(room_sitting_id=room_sitting_id, taken_at=now, gates=said))


def stood(session: Session, room_sitting_id: int) -> tuple[datetime, tuple[Gate, ...]] | None:
    """How the gates stood when the room was started; None before, and for rooms started without gates."""
    row = session.get(GateStand, room_sitting_id)
    if row is None:
        return None
    found = [{**each, "at": datetime.fromisoformat(each["at"]) if each["at"] else None} for each in row.gates]
    return row.taken_at, tuple(Gate(**each) for each in found)


def overrule(
    session: Session, presence: Presence, signed: Signed, wanted: Overruling, *, now: datetime
) -> None:
    """The chief lets the room start with what one gate found.

    Refused: `reason_missing`, `gate_not_red`, `gate_changed` when it is not what was read any more,
    `gate_never_overruled`, `cosign_missing` where the policy asks for a second person.
    """
    room = load(session, wanted.room_sitting, lock=True)
    need_duty(session, signed.actor, Permission.COSIGN, room.row.id, now=now)
    need_reason(signed)
    if room.row.started_at is not None:
        raise Refused("room_already_started")
    found = gates(session, presence, room.row.id, now=now, outside=wanted.outside)
    gate = next((each for each in found if each.name == wanted.gate), None)
    if gate is None or gate.state != RED:
        raise Refused("gate_not_red")
    if not gate.overrulable:
        raise Refused("gate_never_overruled")
    if gate.finding != wanted.finding:
        raise Refused("gate_changed")
    second = _second(signed) if gate.two_persons else signed.cosigner
    session.add(
        GateOverrule(
            room_sitting_id=room.row.id,
            gate=gate.name,
            finding=gate.finding,
            reason=signed.why()["reason"],
            overruled_at=now,
            overruled_by=signed.actor.user_id,
            cosigned_by=second.user_id if second else None,
        )
    )
    session.flush()
    note_room(session, room.row.id, signed, "gate_overruled", now, gate=gate.name, finding=gate.code)


def _second(signed: Signed) -> Actor:
    second = second_person(signed)
    if not any(map(second.can, SECONDS)):
        need(second, Permission.COSIGN)
    return second


def _accepted(session: Session, room_sitting_id: int) -> dict[tuple[str, str], Gate]:
    """(gate, finding) -> who overruled it, the last one."""
    query = select(GateOverrule).where(GateOverrule.room_sitting_id == room_sitting_id)
    rows = session.scalars(query.order_by(GateOverrule.id)).all()
    named = {user for row in rows for user in (row.overruled_by, row.cosigned_by)}
    names = staff.names(session, named)
    return {
        (row.gate, row.finding): Gate(
            row.gate,
            OVERRULED,
            by=names.get(row.overruled_by or 0, ""),
            reason=row.reason,
            at=row.overruled_at,
            cosigned_by=names.get(row.cosigned_by or 0, ""),
        )
        for row in rows
    }


def _gate(look: Look, name: GateName, accepted: Mapping[tuple[str, str], Gate]) -> Gate:
    rules = look.room.policy.gates
    found = FINDERS[name](look)
    if found is None:
        return _OWN_PAGES[name](look) if name in _OWN_PAGES else Gate(str(name), GREEN)
    code, params = found
    gate = Gate(
        name=str(name),
        state=RED,
        code=code,
        params={key: str(value) for key, value in params.items()},
        overrulable=rules.overrulable(name) and code != "seats_not_drawn",
        two_persons=name in rules.two_persons,
    )
    done = accepted.get((gate.name, gate.finding)) if gate.overrulable else None
    if done is None:
        return gate
    gate = replace(gate, state=OVERRULED, by=done.by, reason=done.reason, at=done.at)
    return replace(gate, cosigned_by=done.cosigned_by)


# --- gates with a page of their own ---


def _cameras_passed(look: Look) -> Gate:
    """The cameras are right, or were overruled on their own page."""
    done = cameras.overruled(look.session, look.room.row.id)
    found = cameras.check(look.session, look.presence, look.room.row.id) if done else ()
    let = [line.number for line in found if line.state == cameras.CameraWord.WRONG and line.overruled]
    if done is None or not let:
        return Gate(str(GateName.CAMERAS), GREEN)
    params = {"seats": "、".join(let)}
    return Gate(
        str(GateName.CAMERAS), OVERRULED, "cameras_wrong", params, by=done.by, reason=done.reason, at=done.at
    )


def _checks_passed(look: Look) -> Gate:
    """Every used seat has passed, or was overruled on the page of self-checks."""
    done = check_gate.overruled(look.session, look.room.row.id)
    if not done:
        return Gate(str(GateName.CHECKS), GREEN)
    let = check_gate.tally(look.room, look.checks()).overruled
    if not let:
        return Gate(str(GateName.CHECKS), GREEN)
    params = {"seats": "、".join(let), "count": str(len(let))}
    return Gate(
        name=str(GateName.CHECKS),
        state=OVERRULED,
        code="seats_not_checked",
        params=params,
        by=done[0].by,
        reason=done[0].reason,
        at=done[0].at,
    )


_OWN_PAGES: dict[GateName, Callable[[Look], Gate]] = {
    GateName.CAMERAS: _cameras_passed,
    GateName.CHECKS: _checks_passed,
}
