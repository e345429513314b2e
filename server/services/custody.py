"""Who may make somebody a holder of custodian keys: once there is one, only two people together (R20).

One administrator alone could else make two holders, seal a package for them and open it with both. The first
holders need nobody, since there is nobody yet; `examhall user add` at the server is the way out when all
have left.
"""

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import SYSTEM, Role
from server.db.people import CustodianKey, User, UserRole
from server.errors import Refused
from server.services.signed import Signed

KEY_ROLES = (Role.CHIEF_INVIGILATOR, Role.ADMINISTRATOR, Role.CUSTODIAN)
"""The roles that may hold a share, in the order they are proposed."""


def holds_keys(roles: Iterable[str]) -> bool:
    """Whether one of the roles may hold a share."""
    return not set(KEY_ROLES).isdisjoint(roles)


def witness_needed(session: Session, user_id: int | None) -> bool:
    """Whether somebody else than this person has made a key.

    Closed accounts count as well: closing those of all holders must not bring back the time before the first.
    """
    others = select(CustodianKey.user_id).where(CustodianKey.user_id != (user_id or 0))
    return session.scalar(others.limit(1)) is not None


def need_witness(session: Session, signed: Signed) -> None:
    """Refuses an act on key holders unless an active holder, who is not the actor, has co-signed it.

    The codes: key_witness_missing, key_witness_nobody, cosign_same_person, key_witness_unfit.
    """
    if signed.actor is SYSTEM or not witness_needed(session, signed.actor.user_id):
        return
    second = signed.cosigner
    if second is None:
        others = _holders(session) - {signed.actor.user_id}
        raise Refused("key_witness_missing" if others else "key_witness_nobody", 422, field="cosign_username")
    if second.user_id == signed.actor.user_id:
        raise Refused("cosign_same_person", 422, field="cosign_username")
    if second.user_id not in _holders(session):
        raise Refused("key_witness_unfit", 422, field="cosign_username", name=second.name)


def _holders(session: Session) -> set[int | None]:
    """Active people who hold a key in a role that may."""
    found = select(CustodianKey.user_id).join(User, User.id == CustodianKey.user_id).join(UserRole)
    return set(session.scalars(found.where(User.active.is_(True), UserRole.role.in_(map(str, KEY_ROLES)))))
