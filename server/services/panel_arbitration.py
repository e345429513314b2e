"""What people decide when sheets lie too far apart, or when only a minority marked a veto.

An arbitration ends in one of three ways: the combined score stands; a score within what the sheets give is
put on record; two more examiners mark from the recording or the work piece, without seeing what the first
ones gave, and the median of all sheets counts. Leaving out the sheet that is farthest away is no way: it is
worse than the mean of all. Each takes a reason and the supervisor's signature beside the scorer's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from itembank.sheet_values import plain
from server.access import Actor, Permission
from server.db.assessing import PanelScore, Turn
from server.db.people import User
from server.errors import Refused
from server.rules.panel_scores import ARBITRATION, SUPERVISOR
from server.rules.panel_staff import panel_faults
from server.services import panels, sheets
from server.services.assessment_room import AssessmentRoom
from server.services.panel_decisions import KEEP, SCORE, SECOND
from server.services.panel_scores import (
    ARBITRATING,
    Case,
    awaits_second,
    current,
    need_reason,
    need_state,
    note,
    opened,
    put,
    revise,
)
from server.services.panels import Swap
from server.services.signed import Signed, need, second_person

MORE = 2
"""Examiners whom an arbitration may call."""


@dataclass(frozen=True, slots=True)
class Settlement:
    """What an arbitration comes to. `score`: of outcome "score"; `examiners`: user ids, of "second"."""

    outcome: str
    score: Decimal | None = None
    examiners: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Ruling:
    """The supervisor's word on a veto: whether it counts, and why."""

    code: str
    holds: bool
    reason: str


def arbitrate(
    session: Session, signed: Signed, turn_id: int, settlement: Settlement, *, now: datetime
) -> PanelScore:
    """Settles an arbitration; the scorer acts, a supervisor signs beside.

    Refused: `reason_missing`, `cosign_missing`, `cosign_not_allowed`, `panel_marks_own`,
    `panel_no_arbitration`, `panel_veto_first`, `panel_second_awaited`, `panel_outcome_unknown`, and as the
    outcomes do.
    """
    need(signed.actor, Permission.AGGREGATE_MARKS)
    reason = need_reason(signed.reason)
    supervisor = second_person(signed)
    if not supervisor.can(Permission.SUPERVISE):
        raise Refused("cosign_not_allowed", 422, field="cosign_username", name=supervisor.name)
    case = opened(session, signed.actor, turn_id)
    opened(session, supervisor, turn_id)
    row = need_state(case, ARBITRATING, "panel_no_arbitration")
    if awaits_second(row):
        raise Refused("panel_second_awaited", number=case.turn.number)
    if SUPERVISOR in row.detail["needs"]:
        raise Refused("panel_veto_first", number=case.turn.number)
    if ARBITRATION not in row.detail["needs"]:
        raise Refused("panel_no_arbitration", number=case.turn.number)
    told: dict[str, Any] = {
        "outcome": settlement.outcome,
        "reason": reason,
        "by": signed.actor.user_id,
        "second": supervisor.user_id,
        "at": now.isoformat(),
    }
    if settlement.outcome == SECOND:
        made = _call_second(session, case, settlement.examiners, told, now)
    elif settlement.outcome in (KEEP, SCORE):
        if settlement.outcome == SCORE:
            told["score"] = plain(_within(case, row, settlement.score))
        made = revise(session, signed.actor, case, case.detail | {"arbitration": told}, now)
    else:
        raise Refused("panel_outcome_unknown", 422, field="outcome")
    facts = {"score": plain(made.score)} if made.score is not None else {}
    why = {"outcome": settlement.outcome, "reason": reason, "cosigned_by": supervisor.name}
    note(session, signed.actor, case, "panel_arbitrated", now, revision=made.revision, **facts, **why)
    return made


def rule_veto(session: Session, actor: Actor, turn_id: int, ruling: Ruling, *, now: datetime) -> PanelScore:
    """The supervisor decides on a veto that only a minority of the panel marked (R33).

    Refused: `reason_missing`, `panel_marks_own`, `panel_no_veto`.
    """
    need(actor, Permission.SUPERVISE)
    reason = need_reason(ruling.reason)
    case = opened(session, actor, turn_id)
    row = need_state(case, ARBITRATING, "panel_no_veto")
    undecided = {each["code"] for each in row.detail.get("vetoes", ()) if each["holds"] is None}
    if ruling.code not in undecided or awaits_second(row):
        raise Refused("panel_no_veto", number=case.turn.number)
    said: dict[str, Any] = {"holds": ruling.holds, "reason": reason, "by": actor.user_id}
    said |= {"at": now.isoformat(), "revision": row.revision + 1}
    detail = case.detail
    detail["rulings"] = {**detail.get("rulings", {}), ruling.code: said}
    made = revise(session, actor, case, detail, now)
    told = {"veto": ruling.code, "holds": ruling.holds, "reason": reason}
    note(session, actor, case, "panel_veto_ruled", now, revision=made.revision, **told)
    return made


def replace_called(session: Session, turn: Turn, place: AssessmentRoom, swap: Swap, *, now: datetime) -> None:
    """Puts another examiner in the place of one whom the arbitration called and who cannot mark.

    Refused as for those who were called first; the caller changes the turn's panel and tells of it.
    """
    case = Case(turn, place, current(session, turn.id))
    detail = case.detail
    second, said = detail["second"], detail["called"]
    here = {seat.user_id for seat in panels.panel(session, place.row.id)}
    if swap.into in {*here, said["by"], said["second"]}:
        raise Refused("panel_second_other", 422, field="into")
    _need_fit(session, case, (swap.into,))
    sheets.open_sheet(session, swap.into, turn.id, now=now)
    if case.row is not None:
        more = [swap.into if user == swap.out else user for user in second["more"]]
        case.row.detail = detail | {"second": {**second, "more": more}}


def _within(case: Case, row: PanelScore, score: Decimal | None) -> Decimal:
    """The score of an arbitration, between the lowest and the highest sheet, to the policy's decimals."""
    totals = [Decimal(total) for total in row.detail["totals"].values()]
    low, high = min(totals), max(totals)
    if score is None or not low <= score <= high:
        raise Refused("panel_score_outside", 422, field="score", low=plain(low), high=plain(high))
    decimals = case.place.terms.panel.decimals
    if score != score.quantize(Decimal(1).scaleb(-decimals)):
        raise Refused("panel_score_decimals", 422, field="score", decimals=decimals)
    return score


def _call_second(
    session: Session, case: Case, examiners: tuple[int, ...], told: Mapping[str, Any], now: datetime
) -> PanelScore:
    """Opens sheets of two more examiners; nobody sees any marks of the turn until they are locked (R31)."""
    if case.detail.get("second"):
        raise Refused("panel_second_already", number=case.turn.number)
    more = tuple(dict.fromkeys(examiners))
    if len(more) != MORE:
        raise Refused("panel_second_two", 422, field="examiners")
    here = {seat.user_id for seat in panels.panel(session, case.place.row.id)}
    if set(more) & {*here, *case.turn.panel, told["by"], told["second"]}:
        raise Refused("panel_second_other", 422, field="examiners")
    _need_fit(session, case, more)
    first = list(case.turn.panel)
    case.turn.panel = [*first, *more]
    for user in more:
        sheets.open_sheet(session, user, case.turn.id, now=now)
    detail = case.detail
    detail.pop("returned", None)  # the median of all sheets is the answer
    detail |= {"second": {"first": first, "more": list(more)}, "awaits": True}
    detail |= {"called": dict(told), "totals": {}, "combined": "", "needs": [ARBITRATION], "vetoes": []}
    row = PanelScore(
        turn_id=case.turn.id,
        revision=(case.row.revision if case.row else 0) + 1,
        state=ARBITRATING,
        vetoed=False,
        detail=detail,
        made_at=now,
        made_by=told["by"],
    )
    return put(session, case, row, now)


def _need_fit(session: Session, case: Case, more: tuple[int, ...]) -> None:
    """Each of them may assess these candidates (R14, R16) and cannot have seen the first sheets."""
    place = case.place
    for user in more:
        panels.need_fit_member(session, place, user)
        person = session.get_one(User, user)
        if person.actor().can(Permission.SEE_PANELS):
            raise Refused("panel_second_saw", 422, field="examiners", name=person.name)
    members = panels.members_of(session, place, [*case.turn.panel, *more])
    faults = panel_faults(members, 1, place.terms.panel, place.sitting.starts_at.date())
    wrong = [each for each in faults if each.place in {str(user) for user in more}]
    if wrong:
        raise Refused(wrong[0].code, 422, **wrong[0].params)
