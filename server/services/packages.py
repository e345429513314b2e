"""Sealed packages of a room's sitting: which one is in force, who holds it, and which form a seat gets.

What happens to them stands in package_sealing, package_proofs, package_delivery, package_release,
package_swap and package_destruction.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Table, bindparam, select
from sqlalchemy.orm import Session

from server.access import Actor, Role
from server.db.base import emit, vault_of
from server.db.papers import Package, PackageCustodian, PaperSet
from server.db.people import CustodianKey, User, UserRole
from server.db.rooms import Room
from server.db.sittings import RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.events import RoomChanged
from server.rules.policy_components import ASSESSED
from server.services import audit, papers, staff
from server.services.custody import KEY_ROLES

SECRET_PURPOSE = "release-secret"  # noqa: S105 - the name of a purpose
CONTENT_PURPOSE = "content-key"
_IN_FORCE = ("sealed", "released")


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Somebody who may be named custodian, and in which role. Two may have one name, never one user name."""

    user_id: int
    username: str
    name: str
    role: Role
    has_key: bool


@dataclass(frozen=True, slots=True)
class PackageView:
    """A package as its pages show it: `cosigned_by` is empty unless it was sealed again.

    `swapped_in`, `code_issued` and `destroyed` tell by whom, when and why; None: it did not happen.
    """

    id: int
    uid: str
    state: str
    spare: bool
    sha256: str
    size: int
    min_version: str
    sealed_at: datetime
    not_before: datetime
    released_at: datetime | None
    custodians: tuple[KeyHolder, ...]
    sealed_by: str
    cosigned_by: str
    released_by: tuple[str, ...]
    delivery_checked_at: datetime | None
    swapped_in: dict[str, str] | None
    code_issued: dict[str, str] | None
    destroyed: dict[str, str] | None


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


def room_sitting_of(session: Session, package_id: int) -> int:
    """The room's sitting that a package belongs to."""
    return get(session, package_id).room_sitting_id


def get(session: Session, package_id: int) -> Package:
    """One package, whatever its state. Raises `NotFound`."""
    package = session.get(Package, package_id)
    if package is None:
        raise NotFound("package")
    return package


def sealed_before(session: Session, room_sitting_id: int) -> bool:
    """Whether a package was ever sealed for the room's sitting, in force or not."""
    found = select(Package.id).where(Package.room_sitting_id == room_sitting_id)
    return session.scalar(found.limit(1)) is not None


def current(session: Session, room_sitting_id: int) -> Package | None:
    """The room's package in force, if there is one: the main one, or the spare that was swapped in."""
    # Asked in Python: a JSON column's None is told apart by neither store alike.
    return next((row for row in _in_force(session, room_sitting_id) if not waits(row)), None)


def spare_of(session: Session, room_sitting_id: int) -> Package | None:
    """The sealed spare package that waits for a swap, if there is one."""
    return next((row for row in _in_force(session, room_sitting_id) if waits(row)), None)


def waits(package: Package) -> bool:
    """Whether it is a spare one that nobody has swapped in."""
    return _waits(package.spare, package.swapped_in)


def _waits(spare: bool, swapped_in: object) -> bool:
    return spare and not swapped_in


def needed(session: Session, room_sitting_id: int) -> Package:
    """The package in force. Refused: package_missing, or package_destroyed when it is no more."""
    package = current(session, room_sitting_id)
    if package is not None:
        return package
    gone = select(Package.id).where(
        Package.room_sitting_id == room_sitting_id,
        Package.state == "destroyed",
        Package.released_at.is_not(None),
    )
    raise Refused("package_missing" if session.scalar(gone.limit(1)) is None else "package_destroyed")


def find(session: Session, uid: str, sha256: str) -> tuple[int, int]:
    """The room's sitting and the row of a package in force that came as a file. Raises `Refused`."""
    row = session.scalars(select(Package).where(Package.uid == uid)).first()
    if row is None or row.sha256 != sha256:
        raise Refused("package_unknown")
    if current(session, row.room_sitting_id) is not row:
        raise Refused("package_not_in_force")
    return row.room_sitting_id, row.id


def all_of(session: Session, room_sitting_id: int) -> list[Package]:
    """Every package ever sealed for the room's sitting, newest first."""
    query = select(Package).where(Package.room_sitting_id == room_sitting_id).order_by(Package.id.desc())
    return list(session.scalars(query))


def check_papers(session: Session, package: Package) -> None:
    """Refuses a package sealed from other papers than the sitting has, or from another template."""
    sitting = session.get_one(Sitting, room_sitting(session, package.room_sitting_id).sitting_id)
    if _made_of(package) != _wanted(sitting):
        raise Refused("package_of_other_papers")


def void_others(session: Session, actor: Actor, sitting: Sitting, *, now: datetime) -> None:
    """Supersedes what was sealed of other papers or another template than the sitting now has."""
    rooms = select(RoomSitting.id).where(RoomSitting.sitting_id == sitting.id)
    sealed = select(Package).where(Package.room_sitting_id.in_(rooms), Package.state == "sealed")
    for package in session.scalars(sealed).all():
        if _made_of(package) != _wanted(sitting):
            package.state = "superseded"
            stream = audit.sitting_stream(package.room_sitting_id)
            audit.record(session, stream, actor, "package_superseded", f"package/{package.uid}", now=now)
            emit(session, RoomChanged(package.room_sitting_id))


def content_key(session: Session, package: Package) -> bytes:
    """The content key of a released package."""
    if package.sealed_content_key is None:
        raise Refused("package_destroyed" if package.state == "destroyed" else "package_not_released")
    return vault_of(session).open_value(CONTENT_PURPOSE, package.uid, package.sealed_content_key)


def letters(session: Session, row: PaperSet) -> tuple[list[str], list[str]]:
    """The forms that are seated, and the spare ones that are kept back: the last of the set."""
    known = sorted(papers.form_letters(session, row.id), key=lambda letter: (len(letter), letter))
    spares = min(int((row.rules or {}).get("spares", 0)), max(0, len(known) - 1))
    return known[: len(known) - spares], known[len(known) - spares :]


def seat_forms(session: Session, room_sitting_id: int) -> dict[str, str]:
    """Form that a draw gives out -> form that the seat shows; they differ once the spare was swapped in.

    Nothing where a panel assesses: seats get no form there.
    """
    sitting = session.get_one(Sitting, room_sitting(session, room_sitting_id).sitting_id)
    if sitting.method in ASSESSED:
        return {}
    row = session.get(PaperSet, sitting.paper_set_id) if sitting.paper_set_id else None
    if row is None:
        raise Refused("papers_missing")
    main, spare = letters(session, row)
    package = current(session, room_sitting_id)
    if package is None or not package.spare:
        return {letter: letter for letter in main}
    return spare_forms(main, spare)


def spare_forms(main: list[str], spare: list[str]) -> dict[str, str]:
    """Main form -> spare form: by its index, modulo the number of spare forms."""
    return {letter: spare[index % len(spare)] for index, letter in enumerate(main)}


def view(session: Session, package: Package) -> PackageView:
    """A package with its custodians by name."""
    names = staff.names(session, (package.sealed_by, package.cosigned_by, *package.released_by))
    return PackageView(
        id=package.id,
        uid=package.uid,
        state=package.state,
        spare=package.spare,
        sha256=package.sha256,
        size=package.size,
        min_version=package.min_version,
        sealed_at=package.sealed_at,
        not_before=package.not_before,
        released_at=package.released_at,
        custodians=holders_of(session, package),
        sealed_by=names.get(package.sealed_by or 0, ""),
        cosigned_by=names.get(package.cosigned_by or 0, ""),
        released_by=tuple(names.get(user, "") for user in package.released_by),
        delivery_checked_at=package.delivery_checked_at,
        swapped_in=package.swapped_in,
        code_issued=package.code_issued,
        destroyed=package.destroyed,
    )


def holders_of(session: Session, package: Package) -> tuple[KeyHolder, ...]:
    """The package's custodians by name, each in the role it was sealed for."""
    rows = session.execute(
        select(User.id, User.username, User.name, PackageCustodian.role)
        .join(PackageCustodian, PackageCustodian.user_id == User.id)
        .where(PackageCustodian.package_id == package.id)
        .order_by(User.name)
    )
    return tuple(KeyHolder(user, username, name, Role(role), True) for user, username, name, role in rows)


def share_name(session: Session, package: Package, user_id: int | None) -> str:
    """What a package calls a holder: the account's number where it was sealed."""
    row = session.get(PackageCustodian, (package.id, user_id)) if user_id else None
    return row.share_name if row is not None and row.share_name else str(user_id)


def assessed(session: Session, room_sitting_id: int) -> bool:
    """Whether a panel assesses the room's sitting: its package holds a template, and no seat gets it."""
    held = room_sitting(session, room_sitting_id)
    return session.get_one(Sitting, held.sitting_id).method in ASSESSED


def place(session: Session, room_sitting_id: int) -> tuple[str, datetime]:
    """The room's name and the planned start, for the page where custodians meet."""
    held = room_sitting(session, room_sitting_id)
    sitting = session.get_one(Sitting, held.sitting_id)
    return session.get_one(Room, held.room_id).name, sitting.starts_at


def room_sitting(session: Session, room_sitting_id: int) -> RoomSitting:
    """The room in its sitting. Raises `NotFound`."""
    row = session.get(RoomSitting, room_sitting_id)
    if row is None:
        raise NotFound("sitting")
    return row


def locked(session: Session, room_sitting_id: int) -> tuple[Sitting, RoomSitting]:
    """The sitting and the room in it, kept from other writers until the commit; the sitting first, as the
    draw and the choice of papers take it. Raises `NotFound`.
    """
    held = room_sitting(session, room_sitting_id)
    sitting = session.get_one(Sitting, held.sitting_id, with_for_update=True, populate_existing=True)
    session.refresh(held, with_for_update=True)
    return sitting, held


def _made_of(package: Package) -> tuple[int | None, int | None]:
    return package.paper_set_id, package.template_id


def _wanted(sitting: Sitting) -> tuple[int | None, int | None]:
    return (None, sitting.template_id) if sitting.method in ASSESSED else (sitting.paper_set_id, None)


_OF_ROOM = (
    select(Package)
    .where(Package.room_sitting_id == bindparam("here"), Package.state.in_(_IN_FORCE))
    .order_by(Package.id.desc())
)

_packages = cast("Table", Package.__table__)
_MARKS = (
    select(_packages.c.id, _packages.c.spare, _packages.c.swapped_in, _packages.c.sha256)
    .where(_packages.c.room_sitting_id == bindparam("here"), _packages.c.state.in_(_IN_FORCE))
    .order_by(_packages.c.id.desc())
)
_DATA = select(_packages.c.data).where(_packages.c.id == bindparam("one"))


def sealed_bytes(session: Session, room_sitting_id: int) -> tuple[bytes, str] | None:
    """What seats fetch, and its SHA-256, by two plain statements; of the package that `current` returns."""
    connection = session.connection()
    for package, spare, swapped_in, sha256 in connection.execute(_MARKS, {"here": room_sitting_id}).all():
        if not _waits(spare, swapped_in):
            return connection.execute(_DATA, {"one": package}).scalar_one(), sha256
    return None


def _in_force(session: Session, room_sitting_id: int) -> list[Package]:
    return list(session.scalars(_OF_ROOM, {"here": room_sitting_id}))
