"""An act with its reason and, where one is asked for, the second person's signature (design D14).

What such an act needs, and how one that concerns a whole room is put on the record and told.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.base import emit
from server.errors import Forbidden, Refused
from server.events import Activity, RoomChanged
from server.services import audit

MOST_REASON = 200
"""Characters of a reason that are kept."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A command with its reason and the second person, where one is asked for."""

    actor: Actor
    reason: str = ""
    cosigner: Actor | None = None

    def why(self) -> dict[str, str]:
        """The reason and the second person's name for the record; nothing for what was not given."""
        reason = self.reason.strip()[:MOST_REASON]
        why = {"reason": reason} if reason else {}
        return why | ({"cosigned_by": self.cosigner.name} if self.cosigner else {})


def as_signed(who: Actor | Signed) -> Signed:
    """A person alone has given neither a reason nor a second signature."""
    return who if isinstance(who, Signed) else Signed(who)


def need(actor: Actor, permission: Permission) -> None:
    """Raises `Forbidden` for an actor without the permission."""
    if not actor.can(permission):
        raise Forbidden(permission)


def need_reason(signed: Signed) -> None:
    """Raises `Refused` (`reason_missing`) when nothing was given as reason."""
    if not signed.reason.strip():
        raise Refused("reason_missing", 422, field="reason")


def second_person(signed: Signed) -> Actor:
    """Who signed beside the actor; `Refused` (cosign_missing, cosign_same_person) when nobody else did."""
    second = signed.cosigner
    if second is None:
        raise Refused("cosign_missing", 422, field="cosign_username")
    if second.user_id == signed.actor.user_id:
        raise Refused("cosign_same_person", 422, field="cosign_username")
    return second


def need_cosigner(signed: Signed) -> None:
    """Raises `Refused` unless there is a reason and somebody else who may co-sign."""
    need_reason(signed)
    need(second_person(signed), Permission.COSIGN)


def note_room(
    session: Session, room_sitting_id: int, signed: Signed, act: str, now: datetime, **details: object
) -> None:
    """An act on a whole room: audited in the sitting's chain, told to seats and monitors."""
    stream = audit.sitting_stream(room_sitting_id)
    audit.record(session, stream, signed.actor, act, stream, now=now, **signed.why(), **details)
    emit(session, RoomChanged(room_sitting_id))
    emit(session, Activity(room_sitting_id, f"line_{act}", params_of(signed, **details)))


def params_of(signed: Signed, **details: object) -> tuple[tuple[str, str], ...]:
    """The parameters of an act's line: who, why and the details, as text in the order of their names."""
    shown = {"actor": signed.actor.name, **signed.why(), **details}
    return tuple(sorted((name, str(value)) for name, value in shown.items()))
