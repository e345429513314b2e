"""The least length of a defence, asked when a turn is to be finished."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from server.db.assessing import Turn
from server.db.reviewing import DefenceShort
from server.errors import Refused
from server.rules.policy_components import Method
from server.services.assessment_room import AssessmentRoom


def check_minutes(session: Session, place: AssessmentRoom, turn: Turn, *, now: datetime) -> None:
    """Raises `Refused` (`defence_too_short`) for a defence that would end before the policy's minutes, unless
    its leader and another member allowed that. Other turns may end at any time.
    """
    if place.sitting.method != Method.DEFENCE or turn.started_at is None:
        return
    least = timedelta(minutes=place.terms.min_minutes)
    if now - turn.started_at >= least or session.get(DefenceShort, turn.id) is not None:
        return
    minutes = int((now - turn.started_at).total_seconds() // 60)
    raise Refused("defence_too_short", 409, minutes=minutes, least=place.terms.min_minutes)
