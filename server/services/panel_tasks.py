"""Scores of panels that wait for somebody: for the first page after the sign-in."""

from collections import Counter
from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from server.access import Actor, Permission, Role
from server.db.assessing import PanelScore, Turn
from server.db.sittings import Assignment, RoomSitting
from server.rules.panel_scores import ARBITRATION, SUPERVISOR
from server.services.assessment_room import DONE
from server.services.panel_scores import AGGREGATED, ARBITRATING, CONFIRMED, awaits_second
from server.services.panel_sight import sat_on

Waiting = tuple[str, str, int]
"""What waits: its code, where it is done, how much of it."""
_OFFICE = (
    ("rule_vetoes", Permission.SUPERVISE),
    ("arbitrate_scores", Permission.AGGREGATE_MARKS),
    ("check_scores", Permission.CHECK_MARKS),
)


def waiting(session: Session, actor: Actor) -> list[Waiting]:
    """What waits for this person in rooms whose scores are not all checked; of the office's work nothing in
    rooms on whose panel the person sits, who may not do it and shall not know of it.
    """
    if not any(map(actor.can, (*(need for _code, need in _OFFICE), Permission.SCORE_SHEETS))):
        return []
    found, mine = Counter[tuple[str, int]](), sat_on(session, actor)
    query = (
        select(PanelScore, Turn.room_sitting_id, RoomSitting.state)
        .join(Turn, Turn.id == PanelScore.turn_id)
        .join(RoomSitting, RoomSitting.id == Turn.room_sitting_id)
        .where(PanelScore.replaced_at.is_(None), RoomSitting.state.in_(("running", "ended")))
    )
    for row, room, state in session.execute(query):
        found[_code(row), room] += state == "ended" or row.state == ARBITRATING
    office = [
        (code, f"/panels/{room}", count)
        for code, need in _OFFICE
        for (of, room), count in sorted(found.items(), key=lambda each: each[0][1])
        if of == code and count and room not in mine and actor.can(need)
    ]
    return [*office, *_to_aggregate(session, actor, mine), *_to_confirm(session, actor, found)]


def _code(row: PanelScore) -> str:
    if row.state == ARBITRATING and not awaits_second(row):
        needs = row.detail["needs"]
        return "rule_vetoes" if SUPERVISOR in needs else "arbitrate_scores" if ARBITRATION in needs else ""
    return {AGGREGATED: "confirm_scores", CONFIRMED: "check_scores"}.get(row.state, "")


def _to_aggregate(session: Session, actor: Actor, mine: set[int]) -> Iterator[Waiting]:
    if not actor.can(Permission.AGGREGATE_MARKS):
        return
    scored = select(PanelScore.turn_id)
    query = (
        select(Turn.room_sitting_id, func.count())
        .join(RoomSitting, RoomSitting.id == Turn.room_sitting_id)
        .where(RoomSitting.state == "ended", Turn.state == DONE, Turn.id.not_in(scored))
        .where(RoomSitting.id.not_in(mine))
        .group_by(Turn.room_sitting_id)
    )
    for room, count in session.execute(query.order_by(Turn.room_sitting_id)):
        yield "aggregate_scores", f"/panels/{room}", count


def _to_confirm(session: Session, actor: Actor, found: Counter[tuple[str, int]]) -> Iterator[Waiting]:
    if not actor.can(Permission.SCORE_SHEETS):
        return
    led = select(Assignment.room_sitting_id).where(
        Assignment.user_id == actor.user_id, Assignment.role == str(Role.EXAMINER), Assignment.leader
    )
    for room in sorted(session.scalars(led)):
        if found["confirm_scores", room]:
            yield "confirm_scores", f"/panels/own/{room}", found["confirm_scores", room]
