"""Sealed packages of a room's sitting: sealed for custodians, released by two of different roles (R20)."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from itembank.custody import Custodian, ReleaseRefused
from itembank.items import ItemKind
from itembank.package import CustodianShare, PackageSpec, ReleaseRequest, release, seal_package
from itembank.papers import MarkingKey, PaperForm, PaperPlan, build_form
from server.access import Actor, Permission, Role
from server.db.bank import BlueprintRow
from server.db.base import emit, vault_of
from server.db.papers import Package, PackageCustodian, PaperSet
from server.db.people import CustodianKey, User, UserRole
from server.db.rooms import Room
from server.db.sittings import Batch, RoomSitting, Sitting
from server.errors import Forbidden, NotFound, Refused
from server.events import RoomChanged
from server.services import audit, papers, staff
from server.services.batches import policy_of
from server.services.blueprints import read
from server.services.custody import KEY_ROLES, need_witness
from server.services.signed import Signed, as_signed

SECRET_PURPOSE = "release-secret"  # noqa: S105 - the name of a purpose
CONTENT_PURPOSE = "content-key"


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Somebody who may be named custodian, and in which role. Two may have one name, never one user name."""

    user_id: int
    username: str
    name: str
    role: Role
    has_key: bool


@dataclass(frozen=True, slots=True)
class Unlocked:
    """A custodian who has just opened the own private key with the passphrase."""

    actor: Actor
    private_key: bytes


@dataclass(frozen=True, slots=True)
class PackageView:
    """A package as its page shows it: `cosigned_by` is empty unless it was sealed again."""

    id: int
    uid: str
    state: str
    sha256: str
    size: int
    sealed_at: datetime
    not_before: datetime
    released_at: datetime | None
    custodians: tuple[KeyHolder, ...]
    sealed_by: str
    cosigned_by: str


def key_holders(session: Session) -> list[KeyHolder]:
    """People who may hold a share, one entry per person and role."""
    rows = session.execute(
        select(User.id, User.username, User.name, UserRole.role, CustodianKey.user_id)
        .join(UserRole, UserRole.user_id == User.id)
        .outerjoin(CustodianKey, CustodianKey.user_id == User.id)
        .where(User.active.is_(True), UserRole.role.in_([str(role) for role in KEY_ROLES]))
        .order_by(User.name)
    )
    return [
        KeyHolder(user, username, name, Role(role), key is not None)
        for user, username, name, role, key in rows
    ]


def seal(  # noqa: PLR0913 - room, holders and signature belong to one act
    session: Session,
    who: Actor | Signed,
    room_sitting_id: int,
    custodians: dict[int, Role],
    signing_key: bytes,
    *,
    now: datetime,
) -> int:
    """Seals the sitting's approved forms for one room; an earlier sealed package is superseded.

    Sealing again may change the custodians: it needs a witness (`custody`).
    """
    signed = as_signed(who)
    if not signed.actor.can(Permission.SEAL_PACKAGE):
        raise Forbidden(Permission.SEAL_PACKAGE)
    room_sitting = _room_sitting(session, room_sitting_id)
    earlier = current(session, room_sitting_id)
    if earlier is not None and earlier.state == "released":
        raise Refused("package_already_released")
    sitting = session.get_one(Sitting, room_sitting.sitting_id, with_for_update=True)
    row = _approved(session, sitting)
    policy = policy_of(session.get_one(Batch, sitting.batch_id))
    holders = _custodians(session, custodians, policy.release.custodians)
    again = sealed_before(session, room_sitting_id)
    if again:
        need_witness(session, signed)
    spec = PackageSpec(
        package=str(uuid.uuid4()),
        sitting=room_sitting.uid,
        room=room_sitting.uid,
        not_before=sitting.starts_at - timedelta(minutes=policy.release.minutes_before),
        custodians=tuple(holders),
    )
    forms = _forms(session, row, sitting)
    shown = {letter: form for letter, (form, _) in forms.items()}
    sealed = seal_package(spec, shown, {letter: key for letter, (_, key) in forms.items()}, signing_key)
    _supersede(session, room_sitting_id)
    package = Package(
        uid=spec.package,
        paper_set_id=row.id,
        room_sitting_id=room_sitting_id,
        data=sealed.data,
        sha256=sealed.sha256,
        size=len(sealed.data),
        not_before=spec.not_before,
        sealed_release_secret=vault_of(session).seal_value(
            SECRET_PURPOSE, spec.package, sealed.release_secret
        ),
        sealed_at=now,
        sealed_by=signed.actor.user_id,
        cosigned_by=signed.cosigner.user_id if again and signed.cosigner else None,
        released_by=[],
    )
    _keep_sealed(session, signed, package, custodians)
    return package.id


def _keep_sealed(session: Session, signed: Signed, package: Package, custodians: dict[int, Role]) -> None:
    session.add(package)
    session.flush()
    session.add_all(
        PackageCustodian(package_id=package.id, user_id=user, role=str(role))
        for user, role in custodians.items()
    )
    stream, object_ = audit.sitting_stream(package.room_sitting_id), f"package/{package.uid}"
    told = {"sha256": package.sha256, **signed.why()}
    audit.record(session, stream, signed.actor, "package_sealed", object_, now=package.sealed_at, **told)
    emit(session, RoomChanged(package.room_sitting_id))


def _supersede(session: Session, room_sitting_id: int) -> None:
    older = update(Package).where(Package.room_sitting_id == room_sitting_id, Package.state == "sealed")
    session.execute(older.values(state="superseded"))


def open_package(
    session: Session,
    room_sitting_id: int,
    holders: tuple[Unlocked, Unlocked],
    site_key: bytes,
    *,
    now: datetime,
) -> None:
    """Two custodians of different roles release the room's package inside its window (R20, design D6).

    Every reason to refuse has its code: too_early, same_person, same_role, wrong_room, wrong_share. A package
    of other papers than the sitting's is never opened.
    """
    for holder in holders:
        if not holder.actor.can(Permission.HOLD_KEY):
            raise Forbidden(Permission.HOLD_KEY)
    room_sitting = _room_sitting(session, room_sitting_id)
    package = current(session, room_sitting_id)
    if package is None:
        raise Refused("package_missing")
    if package.state != "sealed":
        raise Refused("package_already_released")
    check_papers(session, package)
    if room_sitting.state != "arranged":
        raise Refused("seats_not_drawn")
    vault = vault_of(session)
    secret = vault.open_value(SECRET_PURPOSE, package.uid, package.sealed_release_secret)
    first, second = (CustodianShare(str(holder.actor.user_id), holder.private_key) for holder in holders)
    try:
        content_key = release(
            package.data, site_key, ReleaseRequest((first, second), secret, room_sitting.uid, now)
        )
    except ReleaseRefused as refusal:
        raise Refused(f"release_{refusal.code}", 403, not_before=package.not_before.isoformat()) from refusal
    package.sealed_content_key = vault.seal_value(CONTENT_PURPOSE, package.uid, content_key)
    package.state, package.released_at = "released", now
    package.released_by = [holder.actor.user_id for holder in holders if holder.actor.user_id]
    room_sitting.state = "released"
    room_sitting.version += 1
    names = [holder.actor.name for holder in holders]
    stream = audit.sitting_stream(room_sitting_id)
    audit.record(
        session,
        stream,
        holders[0].actor,
        "package_released",
        f"package/{package.uid}",
        now=now,
        persons=names,
    )
    emit(session, RoomChanged(room_sitting_id))


def room_sitting_of(session: Session, package_id: int) -> int:
    """The room's sitting that a package belongs to."""
    package = session.get(Package, package_id)
    if package is None:
        raise NotFound("package")
    return package.room_sitting_id


def sealed_before(session: Session, room_sitting_id: int) -> bool:
    """Whether a package was ever sealed for the room's sitting, in force or not."""
    found = select(Package.id).where(Package.room_sitting_id == room_sitting_id)
    return session.scalar(found.limit(1)) is not None


def current(session: Session, room_sitting_id: int) -> Package | None:
    """The room's package in force, if there is one."""
    return session.scalar(
        select(Package)
        .where(Package.room_sitting_id == room_sitting_id, Package.state.in_(["sealed", "released"]))
        .order_by(Package.id.desc())
    )


def check_papers(session: Session, package: Package) -> None:
    """Refuses a package sealed from other papers than the sitting has: its items would be unknown."""
    room_sitting = _room_sitting(session, package.room_sitting_id)
    if package.paper_set_id != session.get_one(Sitting, room_sitting.sitting_id).paper_set_id:
        raise Refused("package_of_other_papers")


def content_key(session: Session, package: Package) -> bytes:
    """The content key of a released package."""
    if package.sealed_content_key is None:
        raise Refused("package_not_released")
    return vault_of(session).open_value(CONTENT_PURPOSE, package.uid, package.sealed_content_key)


def view(session: Session, package: Package) -> PackageView:
    """A package with its custodians by name."""
    rows = session.execute(
        select(User.id, User.username, User.name, PackageCustodian.role)
        .join(PackageCustodian, PackageCustodian.user_id == User.id)
        .where(PackageCustodian.package_id == package.id)
        .order_by(User.name)
    )
    holders = tuple(KeyHolder(user, username, name, Role(role), True) for user, username, name, role in rows)
    names = staff.names(session, (package.sealed_by, package.cosigned_by))
    return PackageView(
        id=package.id,
        uid=package.uid,
        state=package.state,
        sha256=package.sha256,
        size=package.size,
        sealed_at=package.sealed_at,
        not_before=package.not_before,
        released_at=package.released_at,
        custodians=holders,
        sealed_by=names.get(package.sealed_by or 0, ""),
        cosigned_by=names.get(package.cosigned_by or 0, ""),
    )


def place(session: Session, room_sitting_id: int) -> tuple[str, datetime]:
    """The room's name and the planned start, for the page where custodians meet."""
    room_sitting = _room_sitting(session, room_sitting_id)
    sitting = session.get_one(Sitting, room_sitting.sitting_id)
    return session.get_one(Room, room_sitting.room_id).name, sitting.starts_at


def _room_sitting(session: Session, room_sitting_id: int) -> RoomSitting:
    row = session.get(RoomSitting, room_sitting_id)
    if row is None:
        raise NotFound("sitting")
    return row


def _approved(session: Session, sitting: Sitting) -> PaperSet:
    row = session.get(PaperSet, sitting.paper_set_id) if sitting.paper_set_id else None
    if row is None:
        raise Refused("papers_missing")
    if row.state != "approved":
        raise Refused("papers_not_approved", title=row.title)
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


def _forms(session: Session, row: PaperSet, sitting: Sitting) -> dict[str, tuple[PaperForm, MarkingKey]]:
    blueprint = read(session.get_one(BlueprintRow, row.blueprint_id))
    points = {ItemKind(kind): share.points for kind, share in blueprint.kinds.items()}
    built = {}
    for letter in papers.form_letters(session, row.id):
        plan = PaperPlan(letter, row.title, sitting.minutes, points)
        built[letter] = build_form(plan, papers.opened_items(session, row, letter))
    return built
