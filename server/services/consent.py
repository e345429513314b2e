"""Whose camera may say anything at all: the one place where consent decides what is taken from a seat (R38).

Faces are processed only with the candidate's own consent; who refused, or was not asked yet, is checked by
people, and nothing that a camera says of them is stored. `watching.plan_for` tells the seat the same.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.watching import WatchRules
from exam_rooms.wire import decode
from server.db.rooms import Room
from server.db.sittings import Attempt, Batch, RoomSitting, SeatStay, Sitting
from server.errors import Refused
from server.services.agents import Agent
from server.services.roomstate import RoomSeen, RoomState, load, locked_attempt

_SLACK = timedelta(seconds=1)
"""A stamp is placed on the server's clock no better than a message travels."""


@dataclass(frozen=True, slots=True)
class Watched:
    """An attempt (locked) whose camera may speak, its room, and the rules of its level."""

    attempt: Attempt
    room: RoomState
    rules: WatchRules


def rules_of(room: RoomSeen) -> WatchRules | None:
    """How cameras are used in a room's sitting; None in a room without, or by a policy that knows none."""
    return room.policy.watching if room.room.kind == "smart" else None


def watched(session: Session, agent: Agent, attempt_id: int) -> Watched:
    """The attempt that an agent speaks of: it is or was at the agent's seat and consented. Or `Refused`."""
    attempt = locked_attempt(session, attempt_id)
    if attempt.seat_id != agent.seat and not _stays(session, attempt, agent):
        raise Refused("attempt_not_here", 403)
    room = load(session, attempt.room_sitting_id)
    rules = rules_of(room)
    if rules is None:
        raise Refused("room_without_cameras")
    if attempt.face_consent is not True:
        raise Refused("no_face_consent", 403)
    return Watched(attempt, room, rules)


def agreed(session: Session, agent: Agent, attempt_id: int) -> tuple[Attempt, WatchRules]:
    """The same for what comes often and needs no more than the rules: without the room's whole state."""
    attempt = locked_attempt(session, attempt_id)
    if attempt.seat_id != agent.seat and not _stays(session, attempt, agent):
        raise Refused("attempt_not_here", 403)
    kind, policy = session.execute(
        select(Room.kind, Batch.policy)
        .select_from(RoomSitting)
        .join(Room, Room.id == RoomSitting.room_id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .where(RoomSitting.id == attempt.room_sitting_id)
    ).one()
    if kind != "smart" or not policy.get("watching"):
        raise Refused("room_without_cameras")
    if attempt.face_consent is not True:
        raise Refused("no_face_consent", 403)
    return attempt, decode(WatchRules, policy["watching"])


def check_moment(session: Session, agent: Agent, attempt: Attempt, at: datetime) -> None:
    """Refuses what was seen while the candidate was not at the agent's seat, or had not agreed (again)."""
    if attempt.accepted_at is not None and at < attempt.accepted_at - _SLACK:
        raise Refused("seen_before_consent", 403)
    stays = _stays(session, attempt, agent)
    here = any(
        stay.from_at - _SLACK <= at and (stay.until_at is None or at <= stay.until_at + _SLACK)
        for stay in stays
    )
    if stays and not here:
        raise Refused("seen_at_another_seat", 403)


def left_at(session: Session, attempt: Attempt, agent: Agent) -> datetime | None:
    """When the candidate left the agent's seat; None for one who sits there."""
    if attempt.seat_id == agent.seat:
        return None
    return max((stay.until_at for stay in _stays(session, attempt, agent) if stay.until_at), default=None)


def _stays(session: Session, attempt: Attempt, agent: Agent) -> list[SeatStay]:
    query = select(SeatStay).where(SeatStay.attempt_id == attempt.id, SeatStay.seat_id == agent.seat)
    return list(session.scalars(query))
