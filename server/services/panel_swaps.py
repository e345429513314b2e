"""Somebody else takes an examiner's place in a turn that has begun: two people sign, the sheet so far stays.

What an examiner has locked is never replaced (R31). The open sheet of the one who left stays on record; it
counts for nothing, since the turn's panel names the successor.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Permission
from server.db.assessing import ScoreSheet, Turn
from server.db.people import User
from server.errors import NotFound, Refused
from server.rules.panel_staff import panel_faults
from server.services import assessment_room, panel_arbitration, panel_scores, panels
from server.services.assessment_room import DONE, PERFORMING
from server.services.panels import Swap
from server.services.signed import Signed, need, need_reason, note_room, second_person


def in_turn(session: Session, signed: Signed, turn_id: int, swap: Swap, *, now: datetime) -> None:
    """The chief and the supervisor put a successor into the panel of a turn that runs or is over.

    Refused: `turn_not_begun`, `panel_not_in_turn`, `panel_member_already`, `panel_sheet_locked`, by name as
    `eligibility.need_fit` does, and when the changed panel breaks a rule.
    """
    need(signed.actor, Permission.COSIGN)
    need_reason(signed)
    need(second_person(signed), Permission.SUPERVISE)
    turn, place = assessment_room.turn_and_room(session, turn_id, lock=True)
    if turn.state not in (PERFORMING, DONE) or place.row.state not in ("running", "ended"):
        raise Refused("turn_not_begun", number=turn.number)
    if swap.out not in turn.panel:
        raise Refused("panel_not_in_turn", 422, field="out")
    if swap.into in turn.panel:
        raise Refused("panel_member_already", 422, field="into")
    _need_unlocked(session, turn, swap.out)
    panels.need_fit_member(session, place, swap.into)
    changed = sorted([*(user for user in turn.panel if user != swap.out), swap.into])
    on = place.sitting.starts_at.date()
    problems = panel_faults(panels.members_of(session, place, changed), 1, place.terms.panel, on)
    if problems:
        raise Refused(problems[0].code, 409, **problems[0].params)
    seated = {seat.user_id for seat in panels.panel(session, place.row.id)}
    score = panel_scores.current(session, turn.id)
    if score is not None and panel_scores.awaits_second(score):
        panel_arbitration.replace_called(session, turn, place, swap, now=now)
    elif swap.into not in seated:
        if swap.out not in seated:
            raise Refused("panel_not_member", 422, field="out")
        panels.put_in_place(session, signed, place, swap, now)
    turn.panel = changed
    session.flush()
    told = {"person": _name(session, swap.out), "successor": _name(session, swap.into)}
    told |= {"number": str(turn.number), "code": turn.code}
    note_room(session, place.row.id, signed, "panel_replaced_in_turn", now, **told)


def need_turn_of(session: Session, turn_id: int, room_sitting_id: int) -> None:
    """Raises `NotFound` unless the turn is one of this room."""
    turn = session.get(Turn, turn_id)
    if turn is None or turn.room_sitting_id != room_sitting_id:
        raise NotFound("turn")


def _need_unlocked(session: Session, turn: Turn, user: int) -> None:
    """Holds the sheet until the commit, so that no lock comes in between."""
    mine = select(ScoreSheet).where(ScoreSheet.turn_id == turn.id, ScoreSheet.user_id == user)
    sheet = session.scalar(mine.with_for_update(key_share=True).execution_options(populate_existing=True))
    if sheet is not None and sheet.state == "locked":
        raise Refused("panel_sheet_locked", name=_name(session, user))


def _name(session: Session, user: int) -> str:
    return session.get_one(User, user).name
