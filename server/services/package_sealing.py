"""Sealing what a room of a sitting gets: forms, spare ones in a package apart, or the panel's template."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.custody import Custodian
from itembank.package import PackageSpec, seal_sections
from itembank.version import release_line
from server.access import Actor, Permission, Role
from server.db.base import emit, vault_of
from server.db.papers import Package, PackageCustodian
from server.db.people import CustodianKey, User, UserRole
from server.db.sittings import Batch, RoomSitting
from server.errors import Forbidden, Refused
from server.events import RoomChanged
from server.services import audit, packages
from server.services.batches import policy_of
from server.services.custody import KEY_ROLES, need_chosen, need_witness
from server.services.package_contents import Contents, Sections, contents
from server.services.signed import Signed, as_signed


@dataclass(frozen=True, slots=True)
class _Order:
    """What every package of one act of sealing shares."""

    signed: Signed
    room_sitting: RoomSitting
    contents: Contents
    spec: PackageSpec
    custodians: dict[int, Role]
    signing_key: bytes
    now: datetime


def seal(  # noqa: PLR0913 - room, holders and signature belong to one act
    session: Session,
    who: Actor | Signed,
    room_sitting_id: int,
    custodians: dict[int, Role],
    signing_key: bytes,
    *,
    now: datetime,
) -> int:
    """Seals the sitting's approved forms for one room, spare forms apart, or its panel's approved template.

    Returns the main package's id.

    One of the custodians, not the actor, co-signs. Earlier sealed packages are superseded; sealing again may
    change the custodians: any other key holder is its witness (`custody`). Software older than this
    server's release line will not show what is sealed here.
    """
    signed = as_signed(who)
    if not signed.actor.can(Permission.SEAL_PACKAGE):
        raise Forbidden(Permission.SEAL_PACKAGE)
    sitting, room_sitting = packages.locked(session, room_sitting_id)
    _check_earlier(packages.current(session, room_sitting_id))
    policy = policy_of(session.get_one(Batch, sitting.batch_id))
    found = contents(session, sitting, policy)
    holders = _custodians(session, custodians, policy.release.custodians)
    if packages.sealed_before(session, room_sitting_id):
        need_witness(session, signed)
    else:
        need_chosen(signed, custodians)
    spec = PackageSpec(
        package=str(uuid.uuid4()),
        sitting=room_sitting.uid,
        room=room_sitting.uid,
        not_before=sitting.starts_at - timedelta(minutes=policy.release.minutes_before),
        custodians=tuple(holders),
        suite=found.suite,
        min_version=release_line(),
    )
    order = _Order(signed, room_sitting, found, spec, custodians, signing_key, now)
    _supersede(session, order)
    package = _seal_forms(session, order, found.main)
    if found.spare:
        apart = replace(spec, package=str(uuid.uuid4()), spare=True)
        _seal_forms(session, replace(order, spec=apart), found.spare)
    room_sitting.version += 1
    emit(session, RoomChanged(room_sitting_id))
    return package.id


def _check_earlier(earlier: Package | None) -> None:
    if earlier is not None and earlier.state == "released":
        raise Refused("package_already_released")
    if earlier is not None and earlier.spare:
        raise Refused("package_swapped_in")


def _seal_forms(session: Session, order: _Order, forms: Mapping[str, Sections]) -> Package:
    spec = order.spec
    sealed = seal_sections(spec, forms, order.signing_key)
    cosigner = order.signed.cosigner
    package = Package(
        uid=spec.package,
        paper_set_id=order.contents.paper_set_id,
        template_id=order.contents.template_id,
        room_sitting_id=order.room_sitting.id,
        data=sealed.data,
        sha256=sealed.sha256,
        size=len(sealed.data),
        not_before=spec.not_before,
        sealed_release_secret=vault_of(session).seal_value(
            packages.SECRET_PURPOSE, spec.package, sealed.release_secret
        ),
        sealed_at=order.now,
        sealed_by=order.signed.actor.user_id,
        cosigned_by=cosigner.user_id if cosigner else None,
        released_by=[],
        spare=spec.spare,
        min_version=spec.min_version,
    )
    _keep(session, order, package)
    return package


def _keep(session: Session, order: _Order, package: Package) -> None:
    session.add(package)
    session.flush()
    session.add_all(
        PackageCustodian(package_id=package.id, user_id=user, role=str(role))
        for user, role in order.custodians.items()
    )
    told = {"sha256": package.sha256, "spare": package.spare, **order.signed.why()}
    stream, object_ = audit.sitting_stream(package.room_sitting_id), f"package/{package.uid}"
    audit.record(session, stream, order.signed.actor, "package_sealed", object_, now=order.now, **told)


def _supersede(session: Session, order: _Order) -> None:
    stream = audit.sitting_stream(order.room_sitting.id)
    older = select(Package).where(Package.room_sitting_id == order.room_sitting.id, Package.state == "sealed")
    for package in session.scalars(older).all():
        package.state = "superseded"
        object_ = f"package/{package.uid}"
        audit.record(session, stream, order.signed.actor, "package_superseded", object_, now=order.now)


def _custodians(session: Session, chosen: dict[int, Role], limit: int) -> list[Custodian]:
    if len(chosen) < 2 or len(set(chosen.values())) < 2:
        raise Refused("custodians_of_two_roles", 422, field="custodians")
    if len(chosen) > limit:
        raise Refused("too_many_custodians", 422, field="custodians", limit=limit)
    holders = []
    for user_id, role in chosen.items():
        key, holds = session.get(CustodianKey, user_id), session.get(UserRole, (user_id, str(role)))
        user = session.get_one(User, user_id)
        if holds is None or role not in KEY_ROLES:
            raise Refused("duty_without_role", 422, user=user.name)
        if key is None:
            raise Refused("custodian_without_key", 422, name=user.name)
        holders.append(Custodian(str(user_id), user.name, str(role), key.public_key))
    return holders
