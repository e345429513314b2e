"""What the camera at a seat is to do now, as one plan out of the record."""

from sqlalchemy.orm import Session

from exam_rooms.seats import AttemptState
from exam_rooms.watch_messages import WatchPlan
from server.services import captures, enrolments, liveness
from server.services.agents import Agent
from server.services.consent import rules_of
from server.services.enrolments import AT_SEAT
from server.services.plain_rows import AttemptRow, EnrolmentRow
from server.services.roomstate import RoomSeen


def plan_for(
    session: Session, room: RoomSeen, attempt: AttemptRow | None, agent: Agent, enrolled: EnrolmentRow | None
) -> WatchPlan | None:
    """The plan of a seat; None in a room without cameras.

    Consent decides (R38): without it nothing is looked at, and a refusal makes the seat *manual*, so that
    people check. A seat where nobody sits, or that waits for a candidate, stands by for a technical check.
    The vector of the current enrolment (`enrolled`) goes only to the seat where the attempt is.
    """
    rules = rules_of(room)
    if rules is None:
        return None
    if attempt is None or attempt.seat_id != agent.seat:
        return WatchPlan(rules)
    state, consent = AttemptState(attempt.state), attempt.face_consent
    if consent is not True or state not in AT_SEAT:
        return WatchPlan(rules, manual=consent is False)
    answering = state is AttemptState.ANSWERING
    return WatchPlan(
        rules,
        enrol=enrolled is None,
        watch=answering,
        template=enrolments.template_of(session, enrolled),
        captures=captures.moments(room, attempt, rules) if answering else (),
        challenge=None if enrolled else liveness.asked_of(session, room, attempt),
        model=enrolments.model_of(enrolled),
    )
