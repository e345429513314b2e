"""From locked sheets to a score that counts: aggregated, arbitrated, confirmed by the leader, checked.

Nobody here changes a mark: sheets stay as their examiners locked them, and every score can be computed again
from them, the template, the policy and what people decided (`recompute`). Who decides about a turn was not on
its panel, and who checks has decided nothing about it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.sheet_marks import fold
from itembank.sheet_values import plain
from server.access import Actor, Permission
from server.db.assessing import PanelScore, Turn
from server.db.sittings import Assignment
from server.errors import Refused
from server.rules.panel_scores import ARBITRATION, Decisions, PanelValue, Sheet, panel_value
from server.services import assessment_room, audit, panel_decisions, sheets
from server.services.assessment_room import DONE, AssessmentRoom
from server.services.signed import need
from server.services.template_release import released_template

AGGREGATED, ARBITRATING, CONFIRMED, CHECKED = "aggregated", "arbitration", "confirmed", "checked"
"""States of a panel's score."""
REASON_MOST = 400
Detail = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """A turn that somebody acts on, its room, and its score in force."""

    turn: Turn
    place: AssessmentRoom
    row: PanelScore | None

    @property
    def detail(self) -> Detail:
        """A copy of what stands beside the score in force."""
        return dict(self.row.detail) if self.row else {}


def current(session: Session, turn_id: int) -> PanelScore | None:
    """The score in force of a turn, None before the first aggregation."""
    query = select(PanelScore).where(PanelScore.turn_id == turn_id, PanelScore.replaced_at.is_(None))
    return session.scalar(query)


def currents(session: Session, room_sitting_id: int) -> dict[int, PanelScore]:
    """The scores in force of a room by turn."""
    query = (
        select(PanelScore)
        .join(Turn, Turn.id == PanelScore.turn_id)
        .where(Turn.room_sitting_id == room_sitting_id, PanelScore.replaced_at.is_(None))
    )
    return {row.turn_id: row for row in session.scalars(query)}


def room_of(session: Session, turn_id: int) -> int:
    """The room sitting of a turn. Raises `NotFound`."""
    return assessment_room.turn_and_room(session, turn_id)[1].row.id


def history(session: Session, turn_id: int) -> list[PanelScore]:
    """Every revision of a turn's score, the first one first."""
    query = select(PanelScore).where(PanelScore.turn_id == turn_id)
    return list(session.scalars(query.order_by(PanelScore.revision)))


def recompute(session: Session, turn: Turn) -> PanelValue:
    """What the turn comes to by its records, its template, the policy, and what the sitting's chain tells of.

    Nothing is written. Raises `Refused` (`sheets_not_locked`) before all sheets are locked (R31).
    """
    return value_of(session, turn, panel_decisions.of_chain(session, turn))


def value_of(session: Session, turn: Turn, decisions: Decisions) -> PanelValue:
    """What the turn comes to with these decisions."""
    place = assessment_room.load(session, turn.room_sitting_id)
    marks = sheets.opened_marks(session, turn)
    given = [Sheet(user, fold(marks[user])) for user in sorted(marks)]
    template = released_template(session, turn.room_sitting_id)
    return panel_value(template, given, place.terms.panel, decisions, turn.overtime_seconds)


def differs(row: PanelScore, value: PanelValue) -> bool:
    """Whether a stored score is not what its sheets come to."""
    return (row.score, row.vetoed, row.spread) != (value.score, value.vetoed, value.spread)


def aggregate(session: Session, actor: Actor, turn_id: int, *, now: datetime) -> PanelScore:
    """The first score of a turn, or the one after two more examiners locked their sheets.

    Refused: `sheets_not_locked` (R31), `turn_not_done`, `panel_aggregated`, `panel_marks_own`.
    """
    need(actor, Permission.AGGREGATE_MARKS)
    case = opened(session, actor, turn_id)
    if case.turn.state != DONE:
        raise Refused("turn_not_done", number=case.turn.number)
    if case.row is not None and not awaits_second(case.row):
        raise Refused("panel_aggregated", number=case.turn.number)
    detail = case.detail
    detail.pop("awaits", None)
    row = revise(session, actor, case, detail, now)
    note(session, actor, case, "panel_aggregated", now, **_told(row))
    return row


def confirm(session: Session, actor: Actor, turn_id: int, seen: int | None = None, *, now: datetime) -> None:
    """The leader confirms the score after the session; marks stay as they are (R31).

    `seen`: the revision that was on the screen, None for the newest. Refused: `panel_not_leader`,
    `panel_not_over`, `panel_not_aggregated`, `panel_score_newer`, `panel_score_differs`.
    """
    need(actor, Permission.SCORE_SHEETS)
    case = _case(session, turn_id)
    need_leader(session, actor, case.place)
    row = need_state(case, AGGREGATED, "panel_not_aggregated")
    _need_seen(case, row, seen)
    _need_same(session, case.turn, row)
    row.state, row.confirmed_at, row.confirmed_by = CONFIRMED, now, actor.user_id
    note(session, actor, case, "panel_score_confirmed", now, revision=row.revision)


def check(session: Session, actor: Actor, turn_id: int, seen: int | None = None, *, now: datetime) -> bool:
    """Another person checks the confirmed score (`seen` as for `confirm`); whether that marks the room.

    Refused: `panel_marks_own`, `panel_check_by_maker`, `panel_not_confirmed`, `panel_score_newer`,
    `panel_score_differs`.
    """
    need(actor, Permission.CHECK_MARKS)
    case = opened(session, actor, turn_id)
    need_over(case.place)
    row = need_state(case, CONFIRMED, "panel_not_confirmed")
    _need_seen(case, row, seen)
    if actor.user_id in _deciders(history(session, turn_id)):
        raise Refused("panel_check_by_maker", 403)
    _need_same(session, case.turn, row)
    row.state, row.checked_at, row.checked_by = CHECKED, now, actor.user_id
    session.flush()
    note(session, actor, case, "panel_score_checked", now, revision=row.revision)
    return _settle_room(session, actor, case.place, now)


def send_back(session: Session, actor: Actor, turn_id: int, reason: str, *, now: datetime) -> None:
    """The leader (before confirming) or the mark checker asks, with a reason, that a score be arbitrated.

    What was decided about it is open again: a ruling on a veto, too, is given anew.
    """
    case = _case(session, turn_id)
    if actor.can(Permission.CHECK_MARKS) and not _on_panel(session, actor, case):
        need_over(case.place)
        row = need_state(case, CONFIRMED, "panel_not_confirmed")
    else:
        need(actor, Permission.SCORE_SHEETS)
        need_leader(session, actor, case.place)
        row = need_state(case, AGGREGATED, "panel_not_aggregated")
    said = need_reason(reason)
    detail = dict(row.detail)
    detail.pop("arbitration", None)
    detail.pop("rulings", None)
    told = {"reason": said, "by": actor.user_id, "at": now.isoformat(), "revision": row.revision + 1}
    detail["returned"] = told
    new = revise(session, actor, case, detail, now)
    note(session, actor, case, "panel_score_returned", now, revision=new.revision, reason=said)


def hands(rows: Iterable[PanelScore]) -> set[int | None]:
    """The ids of everybody who stands in these scores: who made, decided, sent back, confirmed or checked."""
    found: set[int | None] = set()
    for row in rows:
        found |= {row.made_by, row.confirmed_by, row.checked_by}
        for kind in ("arbitration", "called", "returned"):
            said = row.detail.get(kind) or {}
            found |= {said.get("by"), said.get("second")}
        found |= {ruling["by"] for ruling in row.detail.get("rulings", {}).values()}
    return found - {None}


def worked_out(row: PanelScore) -> bool:
    """Whether who made this revision worked the score out, and did not send it back or rule on a veto."""
    said = [row.detail.get("returned") or {}, *row.detail.get("rulings", {}).values()]
    return all(each.get("revision") != row.revision for each in said)


def need_unconfirmed(session: Session, room_sitting_id: int) -> None:
    """Raises `Refused` (`panel_confirmed_already`) once a score of the room was confirmed by its leader, who
    has seen what the others gave and so marks nobody there any more.
    """
    states = {row.state for row in currents(session, room_sitting_id).values()}
    if states & {CONFIRMED, CHECKED}:
        raise Refused("panel_confirmed_already")


# --- shared with panel_arbitration ----------------------------------------------------------------------


def opened(session: Session, actor: Actor, turn_id: int) -> Case:
    """The turn for somebody who decides about it; refused (`panel_marks_own`) to who was on its panel."""
    case = _case(session, turn_id)
    if _on_panel(session, actor, case):
        raise Refused("panel_marks_own", 403)
    return case


def revise(session: Session, actor: Actor, case: Case, detail: Detail, now: datetime) -> PanelScore:
    """A new revision of the score with this detail; the row before keeps the moment it was replaced."""
    value = value_of(session, case.turn, panel_decisions.of_detail(detail))
    detail |= _facts(value)
    row = PanelScore(
        turn_id=case.turn.id,
        revision=case.row.revision + 1 if case.row else 1,
        state=ARBITRATING if value.needs else AGGREGATED,
        score=value.score,
        vetoed=value.vetoed,
        spread=value.spread,
        detail=detail,
        made_at=now,
        made_by=actor.user_id,
    )
    return put(session, case, row, now)


def put(session: Session, case: Case, row: PanelScore, now: datetime) -> PanelScore:
    """Stores a revision in the place of the one before."""
    if case.row is not None:
        case.row.replaced_at = now
    session.add(row)
    session.flush()
    return row


def note(session: Session, actor: Actor, case: Case, act: str, now: datetime, **facts: object) -> None:
    """Puts an act on the record of the sitting, under number and blind code."""
    stream = audit.sitting_stream(case.place.row.id)
    told = {"number": case.turn.number, "code": case.turn.code, **facts}
    audit.record(session, stream, actor, act, f"turn/{case.turn.id}", now=now, **told)


def need_state(case: Case, state: str, code: str) -> PanelScore:
    """The score in force. Refused with the code when it is in another state."""
    if case.row is None or case.row.state != state:
        raise Refused(code, number=case.turn.number)
    return case.row


def need_over(place: AssessmentRoom) -> None:
    """Raises `Refused` (`panel_not_over`) while candidates still come before the panel."""
    if place.row.state not in ("ended", "marked"):
        raise Refused("panel_not_over")


def need_leader(session: Session, actor: Actor, place: AssessmentRoom) -> None:
    """Raises `Refused` (`panel_not_leader`, `panel_not_over`): the leader scores, too, until the end."""
    duty = session.get(Assignment, (place.row.id, actor.user_id or 0))
    if duty is None or not duty.leader:
        raise Refused("panel_not_leader", 403)
    need_over(place)


def need_reason(reason: str) -> str:
    """A reason as it is kept. Refused (`reason_missing`) without one."""
    said = reason.strip()[:REASON_MOST]
    if not said:
        raise Refused("reason_missing", 422, field="reason")
    return said


def awaits_second(row: PanelScore) -> bool:
    """Whether two more examiners were called and the score waits for their sheets."""
    return bool(row.detail.get("awaits"))


# --- parts ----------------------------------------------------------------------------------------------


def _case(session: Session, turn_id: int) -> Case:
    turn, place = assessment_room.turn_and_room(session, turn_id, lock=True)
    return Case(turn, place, current(session, turn.id))


def _on_panel(session: Session, actor: Actor, case: Case) -> bool:
    on_room = assessment_room.on_panel(session, actor, case.place.row.id)
    return on_room or actor.user_id in case.turn.panel


def _need_seen(case: Case, row: PanelScore, seen: int | None) -> None:
    if seen is not None and seen != row.revision:
        raise Refused("panel_score_newer", number=case.turn.number)


def _need_same(session: Session, turn: Turn, row: PanelScore) -> None:
    if differs(row, recompute(session, turn)):
        raise Refused("panel_score_differs", number=turn.number)


def _deciders(rows: Iterable[PanelScore]) -> set[int | None]:
    """Who made or decided anything of these scores; sending one back to the arbitration decides nothing."""
    found: set[int | None] = set()
    for row in rows:
        said = [row.detail.get(kind) or {} for kind in ("arbitration", "called")]
        said += row.detail.get("rulings", {}).values()
        found |= {row.confirmed_by, row.made_by if worked_out(row) else None}
        found |= {each.get(hand) for each in said for hand in ("by", "second")}
    return found - {None}


def _facts(value: PanelValue) -> Detail:
    return {
        "totals": {str(user): plain(total) for user, total in value.totals.items()},
        "combined": plain(value.combined),
        "needs": list(value.needs),
        "vetoes": [
            {"code": each.code, "effect": each.effect, "by": list(each.by), "holds": each.holds}
            for each in value.vetoes
        ],
    }


def _told(row: PanelScore) -> dict[str, object]:
    told: dict[str, object] = {"revision": row.revision, "spread": plain(row.spread or Decimal(0))}
    if row.score is not None:
        told["score"] = plain(row.score)
    return told | ({"arbitration": True} if ARBITRATION in row.detail["needs"] else {})


def _settle_room(session: Session, actor: Actor, place: AssessmentRoom, now: datetime) -> bool:
    """Moves the room to `marked` once every candidate who performed has a checked score."""
    done = set(
        session.scalars(select(Turn.id).where(Turn.room_sitting_id == place.row.id, Turn.state == DONE))
    )
    checked = {turn for turn, row in currents(session, place.row.id).items() if row.state == CHECKED}
    if place.row.state != "ended" or not done <= checked:
        return False
    place.row.state, place.row.marked_at = "marked", now
    stream = audit.sitting_stream(place.row.id)
    audit.record(session, stream, actor, "assessment_marked", stream, now=now, turns=len(done))
    return True
