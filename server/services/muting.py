"""A check that is wrong too often in a room calls nobody there any more; the chief is told, and may lift it.

Its flags go on the record as before (severity "info"). A check that a chief has lifted stays so for the
sitting: people decide.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.incidents import Severity
from proctoring.measure import Outcome, Rate, is_above, wilson
from server.access import SYSTEM, Permission
from server.db.base import emit
from server.db.people import User
from server.db.proctoring import MutedCheck
from server.db.sittings import Batch, Incident, RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.events import Activity
from server.rules.policy_targets import TargetRules, targets_of
from server.services import audit
from server.services.duty import need_duty
from server.services.flag_outcomes import MUTED, flags
from server.services.signed import Signed, need_reason, note_room


@dataclass(frozen=True, slots=True)
class Muted:
    """A check that was muted in a room's sitting, by which counts, and who lifted it when and why."""

    kind: str
    muted_at: datetime
    rate: Rate
    target: float
    lifted_at: datetime | None = None
    lifted_by: str = ""
    lift_reason: str = ""

    @property
    def stands(self) -> bool:
        """Whether it calls nobody now."""
        return self.lifted_at is None


def rules_of(session: Session, room_sitting_id: int) -> TargetRules:
    """The targets of the batch's frozen policy."""
    sitting = session.get_one(Sitting, session.get_one(RoomSitting, room_sitting_id).sitting_id)
    return targets_of(session.get_one(Batch, sitting.batch_id).policy)


def is_muted(session: Session, room_sitting_id: int, kind: str) -> bool:
    """Whether a new flag of this check calls nobody in the room."""
    row = _row(session, room_sitting_id, kind)
    return row is not None and row.lifted_at is None


def mark(row: Incident) -> None:
    """The incident's check is muted: it goes on the record and calls nobody."""
    row.details = row.details | {MUTED: True}
    row.severity = int(Severity.INFO)


def standing(session: Session, room_sitting_id: int) -> tuple[str, ...]:
    """The checks that are muted in a room's sitting now."""
    query = select(MutedCheck.kind).where(
        MutedCheck.room_sitting_id == room_sitting_id, MutedCheck.lifted_at.is_(None)
    )
    return tuple(session.scalars(query.order_by(MutedCheck.id)))


def all_of(session: Session, room_sitting_id: int) -> tuple[Muted, ...]:
    """Every muting of a room's sitting, lifted or not, in the order of time."""
    query = (
        select(MutedCheck, User.name)
        .outerjoin(User, User.id == MutedCheck.lifted_by)
        .where(MutedCheck.room_sitting_id == room_sitting_id)
        .order_by(MutedCheck.id)
    )
    return tuple(_view(row, name or "") for row, name in session.execute(query))


def consider(session: Session, handled: Incident, *, now: datetime) -> bool:
    """After somebody handled a flag: mutes its check when that is above its target now; whether it did.

    To be called once the act is on the record: the chain of the sitting, locked by then, lets one dismissal
    after the other count.
    """
    if handled.state != "dismissed":
        return False
    room_sitting_id, kind = handled.room_sitting_id, handled.kind
    rules = rules_of(session, room_sitting_id)
    target = rules.target(kind)
    if target is None or not rules.mutes(kind) or _row(session, room_sitting_id, kind) is not None:
        return False
    session.flush()
    outcomes = [flag.outcome for flag in flags(session, room_sitting_id, kind)]
    dismissed = outcomes.count(Outcome.DISMISSED)
    reviewed = dismissed + outcomes.count(Outcome.CONFIRMED)
    rate = wilson(dismissed, reviewed)
    if rate is None or not is_above(dismissed, reviewed, target):
        return False
    counts = {"reviewed": reviewed, "dismissed": dismissed, "low": round(rate.low, 4), "target": target.share}
    session.add(MutedCheck(room_sitting_id=room_sitting_id, kind=kind, muted_at=now, **counts))
    stream = audit.sitting_stream(room_sitting_id)
    audit.record(session, stream, SYSTEM, "check_muted", stream, now=now, kind=kind, **counts)
    emit(session, Activity(room_sitting_id, "line_check_muted", (("kind", kind),)))
    return True


def lift(session: Session, signed: Signed, room_sitting_id: int, kind: str, *, now: datetime) -> None:
    """The chief wants to be called by this check again, and says why.

    Refused: `reason_missing`; `check_not_muted` when nothing is muted any more. What was put on the record
    meanwhile stays there; what comes from now on calls as before.
    """
    need_reason(signed)
    if session.get(RoomSitting, room_sitting_id) is None:
        raise NotFound("sitting")
    need_duty(session, signed.actor, Permission.COSIGN, room_sitting_id, now=now)
    row = _row(session, room_sitting_id, kind, lock=True)
    if row is None or row.lifted_at is not None:
        raise Refused("check_not_muted", 409)
    row.lifted_at, row.lifted_by = now, signed.actor.user_id
    row.lift_reason = signed.why()["reason"]
    note_room(session, room_sitting_id, signed, "check_unmuted", now, kind=kind)


def _row(session: Session, room_sitting_id: int, kind: str, *, lock: bool = False) -> MutedCheck | None:
    query = select(MutedCheck).where(
        MutedCheck.room_sitting_id == room_sitting_id, MutedCheck.kind == str(kind)
    )
    return session.scalars(query.with_for_update() if lock else query).first()


def _view(row: MutedCheck, lifted_by: str) -> Muted:
    rate = wilson(row.dismissed, row.reviewed)
    assert rate is not None
    return Muted(row.kind, row.muted_at, rate, row.target, row.lifted_at, lifted_by, row.lift_reason)
