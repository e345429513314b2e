"""Two people on keys and packages (R20): who may make holders, and who acts together on a package.

Making somebody a holder of custodian keys or a reader of items: once there is one, only two people together.

One administrator alone could else make two holders, seal a package for them and open it with both, or read
the items of a sealed paper. The first holders and readers need nobody, since there is nobody yet;
`examhall user add` at the server is the way out when all have left.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import PERMISSIONS, SYSTEM, Permission, Role
from server.db.people import CustodianKey, User, UserRole
from server.errors import Refused
from server.services.signed import Signed, need, need_reason, second_person

KEY_ROLES = (Role.CHIEF_INVIGILATOR, Role.ADMINISTRATOR, Role.CUSTODIAN)
"""The roles that may hold a share, in the order they are proposed."""
READ_ROLES = tuple(role for role in Role if Permission.READ_ITEMS in PERMISSIONS[role])
"""The roles that open the items of a bank, and so those of a paper that is sealed already."""


def holds_keys(roles: Iterable[str]) -> bool:
    """Whether one of the roles may hold a share."""
    return not set(KEY_ROLES).isdisjoint(roles)


def reads_items(roles: Iterable[str]) -> bool:
    """Whether one of the roles opens items."""
    return not set(READ_ROLES).isdisjoint(roles)


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


def reader_witness_needed(session: Session, user_id: int | None) -> bool:
    """Whether somebody else than this person has made a key or reads items."""
    return witness_needed(session, user_id) or bool(_active_in(session, READ_ROLES) - {user_id})


def need_reader_witness(session: Session, signed: Signed) -> None:
    """Refuses an act on readers of items unless an active reader or key holder, not the actor, co-signed it.

    The codes: reader_witness_missing, reader_witness_nobody, cosign_same_person, reader_witness_unfit.
    """
    if signed.actor is SYSTEM or not reader_witness_needed(session, signed.actor.user_id):
        return
    fit, second = _holders(session) | _active_in(session, READ_ROLES), signed.cosigner
    if second is None:
        others = fit - {signed.actor.user_id}
        code = "reader_witness_missing" if others else "reader_witness_nobody"
        raise Refused(code, 422, field="cosign_username")
    if second.user_id == signed.actor.user_id:
        raise Refused("cosign_same_person", 422, field="cosign_username")
    if second.user_id not in fit:
        raise Refused("reader_witness_unfit", 422, field="cosign_username", name=second.name)


def need_chosen(signed: Signed, chosen: Collection[int]) -> None:
    """Refuses a sealing unless one of its custodians, who is not the actor, has co-signed it.

    On a new installation one person could else be all of its custodians. The codes: seal_cosign_missing,
    cosign_same_person, seal_cosign_unfit.
    """
    second = signed.cosigner
    if second is None:
        raise Refused("seal_cosign_missing", 422, field="cosign_username")
    if second.user_id == signed.actor.user_id:
        raise Refused("cosign_same_person", 422, field="cosign_username")
    if second.user_id not in chosen:
        raise Refused("seal_cosign_unfit", 422, field="cosign_username", name=second.name)


def need_two(signed: Signed, *, reason: bool = True) -> None:
    """Refuses an act on a package unless two different people who may hold keys do it together.

    One of them is a chief invigilator or an administrator. The codes: reason_missing, cosign_missing,
    cosign_same_person, cosign_not_allowed, cosign_without_chief.
    """
    need(signed.actor, Permission.HOLD_KEY)
    if reason:
        need_reason(signed)
    second = second_person(signed)
    if not second.can(Permission.HOLD_KEY):
        raise Refused("cosign_not_allowed", 422, field="cosign_username", name=second.name)
    if not {Role.CHIEF_INVIGILATOR, Role.ADMINISTRATOR} & (signed.actor.roles | second.roles):
        raise Refused("cosign_without_chief", 422, field="cosign_username")


def _holders(session: Session) -> set[int | None]:
    """Active people who hold a key in a role that may."""
    return _active_in(session, KEY_ROLES) & set(session.scalars(select(CustodianKey.user_id)))


def _active_in(session: Session, roles: Iterable[Role]) -> set[int | None]:
    """Active people in one of the roles."""
    found = select(User.id).join(UserRole, UserRole.user_id == User.id)
    return set(session.scalars(found.where(User.active.is_(True), UserRole.role.in_(map(str, roles)))))
