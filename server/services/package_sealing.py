"""Sealing the forms of a sitting for one room: the main ones, and the spare ones in a package apart."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.custody import Custodian
from itembank.package import PackageSpec, seal_package
from itembank.papers import MarkingKey, PaperForm, Shuffle
from itembank.version import release_line
from server.access import Actor, Permission, Role
from server.db.bank import Bank
from server.db.base import emit, vault_of
from server.db.papers import Package, PackageCustodian, PaperSet
from server.db.people import CustodianKey, User, UserRole
from server.db.sittings import Batch, RoomSitting, Sitting
from server.errors import Forbidden, Refused
from server.events import RoomChanged
from server.services import audit, packages, papers
from server.services.batches import policy_of
from server.services.custody import KEY_ROLES, need_chosen, need_witness
from server.services.paper_forms import built, new_shuffle
from server.services.signed import Signed, as_signed


@dataclass(frozen=True, slots=True)
class _Order:
    """What every package of one act of sealing shares."""

    signed: Signed
    room_sitting: RoomSitting
    sitting: Sitting
    papers: PaperSet
    shuffle: Shuffle
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
    """Seals the sitting's approved forms for one room, spare forms apart; returns the main package's id.

    One of the custodians, not the actor, co-signs. Earlier sealed packages are superseded; sealing again may
    change the custodians: any other key holder is its witness (`custody`). Software older than this
    server's release line will not show what is sealed here.
    """
    signed = as_signed(who)
    if not signed.actor.can(Permission.SEAL_PACKAGE):
        raise Forbidden(Permission.SEAL_PACKAGE)
    sitting, room_sitting = packages.locked(session, room_sitting_id)
    _check_earlier(packages.current(session, room_sitting_id))
    row = _approved(session, sitting)
    policy = policy_of(session.get_one(Batch, sitting.batch_id))
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
        suite=session.get_one(Bank, row.bank_id).suite,
        min_version=release_line(),
    )
    order = _Order(
        signed, room_sitting, sitting, row, new_shuffle(policy), spec, custodians, signing_key, now
    )
    _supersede(session, order)
    main, spare = packages.letters(session, row)
    package = _seal_forms(session, order, main)
    if spare:
        apart = replace(spec, package=str(uuid.uuid4()), spare=True)
        _seal_forms(session, replace(order, spec=apart), spare)
    room_sitting.version += 1
    emit(session, RoomChanged(room_sitting_id))
    return package.id


def _check_earlier(earlier: Package | None) -> None:
    if earlier is not None and earlier.state == "released":
        raise Refused("package_already_released")
    if earlier is not None and earlier.spare:
        raise Refused("package_swapped_in")


def _seal_forms(session: Session, order: _Order, letters: list[str]) -> Package:
    spec, forms = order.spec, _forms(session, order, letters)
    shown = {letter: form for letter, (form, _) in forms.items()}
    sealed = seal_package(spec, shown, {letter: key for letter, (_, key) in forms.items()}, order.signing_key)
    cosigner = order.signed.cosigner
    package = Package(
        uid=spec.package,
        paper_set_id=order.papers.id,
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


def _approved(session: Session, sitting: Sitting) -> PaperSet:
    row = session.get(PaperSet, sitting.paper_set_id) if sitting.paper_set_id else None
    if row is None:
        raise Refused("papers_missing")
    if row.state != "approved":
        raise Refused("papers_not_approved", title=row.title)
    unmet = papers.unmet(row)
    if unmet:
        raise Refused("paper_breaks_blueprint", title=row.title, count=len(unmet))
    papers.need_none_stopped(session, row)
    return row


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


def _forms(session: Session, order: _Order, letters: list[str]) -> dict[str, tuple[PaperForm, MarkingKey]]:
    minutes = order.sitting.minutes
    return {letter: built(session, order.papers, letter, minutes, order.shuffle) for letter in letters}
