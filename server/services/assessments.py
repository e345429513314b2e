"""Assessed rooms as pages show them, what has to be in order before they begin, beginning and ending."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.access import Actor, Permission, Role
from server.db.assessing import SheetTemplate, Turn
from server.db.rooms import Room
from server.db.sittings import Assignment, Batch, RoomSitting, Sitting
from server.errors import Refused
from server.rules.policy_components import ASSESSED
from server.services import assessment_room, panel_scores, panels, staffing, turns
from server.services.assessment_room import ABSENT, DONE, AssessmentRoom
from server.services.duty import need_duty
from server.services.signed import Signed, need_reason, note_room

RECENT = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Gate:
    """One thing to look at before the session begins. state: good, look (stops nothing) or act."""

    name: str
    state: str
    code: str = ""
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RoomLine:
    """One assessed room of the list, in numbers: nothing of it says who is who."""

    id: int
    batch: str
    rehearsal: bool
    component: str
    method: str
    retake: bool
    room: str
    starts_at: datetime
    state: str
    examiners: int
    candidates: int
    done: int
    absent: int

    @property
    def open(self) -> int:
        """How many candidates are still to perform."""
        return self.candidates - self.done - self.absent


def lines(session: Session, *, now: datetime) -> list[RoomLine]:
    """The assessed rooms of the last year and of those to come, the latest first."""
    rows = session.execute(
        select(RoomSitting, Sitting, Batch, Room)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .join(Room, Room.id == RoomSitting.room_id)
        .where(Sitting.method.in_([str(each) for each in ASSESSED]), Sitting.starts_at > now - RECENT)
        .order_by(Sitting.starts_at.desc(), RoomSitting.id)
    ).all()
    ids = [row.id for row, *_rest in rows]
    states, panel = _turn_states(session, ids), _panel_sizes(session, ids)
    return [
        RoomLine(
            id=row.id,
            batch=batch.name,
            rehearsal=batch.rehearsal,
            component=sitting.component,
            method=sitting.method,
            retake=sitting.retake,
            room=room.name,
            starts_at=sitting.starts_at,
            state=row.state,
            examiners=panel.get(row.id, 0),
            candidates=sum(states.get(row.id, {}).values()) or staffing.expected(session, row),
            done=states.get(row.id, {}).get(DONE, 0),
            absent=states.get(row.id, {}).get(ABSENT, 0),
        )
        for row, sitting, batch, room in rows
    ]


def title_of(session: Session, place: AssessmentRoom) -> str:
    """The title of the template by which the room scores; empty before one is chosen."""
    template_id = place.sitting.template_id
    return session.get_one(SheetTemplate, template_id).title if template_id else ""


def gates(session: Session, place: AssessmentRoom, *, now: datetime) -> list[Gate]:
    """What the session needs before it begins, in the order of the work, and how it stands."""
    return [
        *_plan_gates(session, place),
        *_panel_gates(session, place),
        *_staff_gates(session, place),
        _time_gate(place, now),
    ]


def begin(session: Session, actor: Actor, room_sitting_id: int, *, now: datetime) -> None:
    """Opens the session: from now on candidates are called.

    Refused: `assessment_begun`, and with the finding of the first gate that stops it.
    """
    place = assessment_room.load(session, room_sitting_id, lock=True)
    need_duty(session, actor, Permission.RUN_ASSESSMENT, room_sitting_id, now=now)
    assessment_room.need_off_panel(session, actor, room_sitting_id)
    if place.row.state not in ("planned", "arranged", "released"):
        raise Refused("assessment_begun")
    found = gates(session, place, now=now)
    first = next((gate for gate in found if gate.state == "act"), None)
    if first is not None:
        raise Refused(first.code, 409, **dict(first.params))
    place.row.state, place.row.started_at = "running", now
    place.row.version += 1
    session.flush()
    here = sorted(staffing.signed_in(session, room_sitting_id))
    looked = [gate.code for gate in found if gate.state == "look"]
    note_room(session, room_sitting_id, Signed(actor), "assessment_begun", now, present=here, noted=looked)


def end(session: Session, signed: Signed, room_sitting_id: int, *, now: datetime) -> None:
    """Closes the session once every candidate has had the turn or is absent; sheets may still come in.

    Refused: `assessment_not_begun`, `assessment_over`, `turns_open` with how many.
    """
    place = assessment_room.load(session, room_sitting_id, lock=True)
    need_duty(session, signed.actor, Permission.RUN_ASSESSMENT, room_sitting_id, now=now)
    assessment_room.need_off_panel(session, signed.actor, room_sitting_id)
    assessment_room.need_running(place)
    left = [
        turn.number for turn in turns.turns_of(session, room_sitting_id) if turn.state not in (DONE, ABSENT)
    ]
    if left:
        raise Refused("turns_open", count=len(left), numbers="、".join(map(str, left[:20])))
    place.row.state, place.row.ended_at = "ended", now
    place.row.end_reason = signed.why().get("reason", "")
    place.row.version += 1
    session.flush()
    counts = _turn_states(session, [room_sitting_id])[room_sitting_id]
    told = {"done": counts.get(DONE, 0), "absent": counts.get(ABSENT, 0)}
    note_room(session, room_sitting_id, signed, "assessment_ended", now, **told)


def reopen(session: Session, signed: Signed, room_sitting_id: int, *, now: datetime) -> None:
    """Opens a session again that was ended by mistake, with a reason, until marks of it are folded.

    Refused: `assessment_not_ended`.
    """
    need_reason(signed)
    place = assessment_room.load(session, room_sitting_id, lock=True)
    need_duty(session, signed.actor, Permission.RUN_ASSESSMENT, room_sitting_id, now=now)
    assessment_room.need_off_panel(session, signed.actor, room_sitting_id)
    if place.row.state != "ended":
        raise Refused("assessment_not_ended")
    panel_scores.need_unconfirmed(session, room_sitting_id)
    place.row.state, place.row.ended_at = "running", None
    place.row.version += 1
    session.flush()
    note_room(session, room_sitting_id, signed, "assessment_reopened", now)


# --- gates ----------------------------------------------------------------------------------------------


def _plan_gates(session: Session, place: AssessmentRoom) -> list[Gate]:
    listed = len(assessment_room.candidates(session, place))
    drawn = {turn.registration_id for turn in turns.turns_of(session, place.row.id)}
    if not listed:
        order = Gate("order", "act", "roster_empty")
    elif not drawn:
        order = Gate("order", "act", "order_not_drawn")
    elif left := {row.id for row in assessment_room.candidates(session, place)} - drawn:
        order = Gate("order", "act", "order_without_some", {"count": len(left)})
    else:
        order = Gate("order", "good")
    if place.sitting.template_id is None:
        template = Gate("template", "act", "template_not_chosen")
    elif place.row.state in ("planned", "arranged"):
        template = Gate("template", "act", "template_not_released")
    else:
        template = Gate("template", "good")
    return [order, template]


def _panel_gates(session: Session, place: AssessmentRoom) -> list[Gate]:
    problems = panels.faults(session, place)
    found = [Gate("panel", "act", each.code, each.params) for each in problems]
    found += [Gate("panel", "look", each.code, each.params) for each in panels.warnings(session, place)]
    if problems:
        return found
    away = [seat.name for seat in panels.panel(session, place.row.id) if not seat.present]
    present = Gate("present", "good")
    if away:
        present = Gate("present", "look", "panel_away", {"names": "、".join(away)})
    try:
        panels.present_panel(session, place, assessment_room.at_once(session, place))
    except Refused as refusal:
        present = Gate("present", "act", refusal.code, refusal.params)
    return [Gate("panel", "good"), *found, present]


def _staff_gates(session: Session, place: AssessmentRoom) -> list[Gate]:
    here = staffing.signed_in(session, place.row.id)
    held = staffing.held(session, place.row.id)
    runs = {user for user, role in held.items() if role in (Role.INVIGILATOR, Role.CHIEF_INVIGILATOR)}
    if not runs:
        staff = Gate("staff", "act", "assessment_no_staff")
    elif runs.isdisjoint(here):
        staff = Gate("staff", "act", "assessment_staff_away")
    else:
        staff = Gate("staff", "good")
    if staffing.supervisor_of(session, place.sitting.id) is None:
        return [staff, Gate("supervisor", "look", "gate_no_supervisor")]
    return [staff, Gate("supervisor", "good")]


def _time_gate(place: AssessmentRoom, now: datetime) -> Gate:
    if now < place.sitting.starts_at - timedelta(minutes=15):
        return Gate("time", "look", "assessment_early")
    return Gate("time", "good")


def _turn_states(session: Session, ids: list[int]) -> dict[int, dict[str, int]]:
    query = select(Turn.room_sitting_id, Turn.state, func.count()).where(Turn.room_sitting_id.in_(ids))
    found: dict[int, dict[str, int]] = {}
    for room, state, count in session.execute(query.group_by(Turn.room_sitting_id, Turn.state)):
        found.setdefault(room, {})[state] = count
    return found


def _panel_sizes(session: Session, ids: list[int]) -> dict[int, int]:
    query = select(Assignment.room_sitting_id, func.count()).where(
        Assignment.room_sitting_id.in_(ids), Assignment.role == str(Role.EXAMINER)
    )
    return dict(session.execute(query.group_by(Assignment.room_sitting_id)).all())
