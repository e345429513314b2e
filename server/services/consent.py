"""Whose camera may say anything at all: the one place where consent decides what is taken from a seat (R38).

Faces are processed only with the candidate's own consent; who refused, or was not asked yet, is checked by
people, and nothing that a camera says of them is stored. `watching.plan_for` tells the seat the same.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.watching import WatchRules
from server.db.sittings import Attempt, SeatStay
from server.errors import Refused
from server.services.agents import Agent
from server.services.roomstate import RoomState, load, locked_attempt


@dataclass(frozen=True, slots=True)
class Watched:
    """An attempt (locked) whose camera may speak, its room, and the rules of its level."""

    attempt: Attempt
    room: RoomState
    rules: WatchRules


def rules_of(room: RoomState) -> WatchRules | None:
    """How cameras are used in a room's sitting; None in a room without, or by a policy that knows none."""
    return room.policy.watching if room.room.kind == "smart" else None


def watched(session: Session, agent: Agent, attempt_id: int) -> Watched:
    """The attempt that an agent speaks of: it is or was at the agent's seat and consented. Or `Refused`."""
    attempt = locked_attempt(session, attempt_id)
    if attempt.seat_id != agent.seat and not _stayed(session, attempt, agent):
        raise Refused("attempt_not_here", 403)
    room = load(session, attempt.room_sitting_id)
    rules = rules_of(room)
    if rules is None:
        raise Refused("room_without_cameras")
    if attempt.face_consent is not True:
        raise Refused("no_face_consent", 403)
    return Watched(attempt, room, rules)


def _stayed(session: Session, attempt: Attempt, agent: Agent) -> bool:
    query = select(SeatStay.id).where(SeatStay.attempt_id == attempt.id, SeatStay.seat_id == agent.seat)
    return session.scalar(query.limit(1)) is not None
