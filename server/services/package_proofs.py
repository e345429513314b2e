"""The custodians' proof the day before: each opens the own share, nobody opens the paper."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.package import PackageBroken, read_header, share_opens
from server.access import Permission, Role
from server.db.papers import Package, PackageCustodian
from server.db.people import User
from server.db.rooms import Room
from server.db.sittings import Batch, RoomSitting, Sitting
from server.errors import Forbidden, Refused
from server.services import audit, packages
from server.services.package_release import Unlocked

FRESH = timedelta(hours=48)
"""How long a proof counts: a day before, and a day for who proves early."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One custodian of a package and the last proof; `fresh`: within the last 48 hours."""

    user_id: int
    name: str
    username: str
    role: Role
    proved_at: datetime | None
    fresh: bool


@dataclass(frozen=True, slots=True)
class Held:
    """One sealed package that a person holds a share of."""

    package: int
    room_sitting: int
    batch: str
    room: str
    starts_at: datetime
    spare: bool
    role: Role
    proved_at: datetime | None
    fresh: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a proof showed: how many shares opened, and the rooms of those that did not."""

    opened: int
    failed: tuple[str, ...]


def proofs(session: Session, package: Package, *, now: datetime) -> tuple[Proof, ...]:
    """The package's custodians with their last proof."""
    rows = session.execute(
        select(User, PackageCustodian)
        .join(PackageCustodian, PackageCustodian.user_id == User.id)
        .where(PackageCustodian.package_id == package.id)
        .order_by(User.name)
    )
    return tuple(
        Proof(user.id, user.name, user.username, Role(row.role), row.proved_at, is_fresh(row.proved_at, now))
        for user, row in rows
    )


def is_fresh(proved_at: datetime | None, now: datetime) -> bool:
    """Whether a proof still counts."""
    return proved_at is not None and now - proved_at <= FRESH


def pair_proved(found: tuple[Proof, ...]) -> bool:
    """Whether two custodians of different roles have fresh proofs: these two can open the package."""
    return len({proof.role for proof in found if proof.fresh}) > 1


def held(session: Session, user_id: int | None, *, now: datetime) -> list[Held]:
    """The sealed packages in force that somebody holds a share of, by the start of their sitting."""
    rows = session.execute(
        select(Package, PackageCustodian, RoomSitting.id, Batch.name, Room.name, Sitting.starts_at)
        .join(PackageCustodian, PackageCustodian.package_id == Package.id)
        .join(RoomSitting, RoomSitting.id == Package.room_sitting_id)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .join(Room, Room.id == RoomSitting.room_id)
        .where(
            PackageCustodian.user_id == user_id, Package.state == "sealed", RoomSitting.started_at.is_(None)
        )
        .order_by(Sitting.starts_at, Room.name, Package.id)
    )
    return [
        Held(
            package.id,
            room_sitting,
            batch,
            room,
            starts_at,
            package.spare,
            Role(row.role),
            row.proved_at,
            is_fresh(row.proved_at, now),
        )
        for package, row, room_sitting, batch, room, starts_at in rows
    ]


def prove(session: Session, holder: Unlocked, site_key: bytes, *, now: datetime) -> Outcome:
    """Opens every share that the custodian holds of sealed packages, and notes when it was.

    Shares sealed for a former key of the person do not open: their rooms are named in the outcome. Raises
    `Refused` (no_share_held, package_damaged).
    """
    if not holder.actor.can(Permission.HOLD_KEY):
        raise Forbidden(Permission.HOLD_KEY)
    mine = held(session, holder.actor.user_id, now=now)
    if not mine:
        raise Refused("no_share_held")
    opened, failed = 0, []
    for entry in mine:
        if _prove_one(session, holder, entry, site_key, now):
            opened += 1
        else:
            failed.append(entry.room)
    return Outcome(opened, tuple(dict.fromkeys(failed)))


def _prove_one(session: Session, holder: Unlocked, entry: Held, site_key: bytes, now: datetime) -> bool:
    package = session.get_one(Package, entry.package)
    try:
        header = read_header(package.data, site_key)
    except PackageBroken as fault:
        raise Refused("package_damaged", room=entry.room) from fault
    finally:
        session.expire(package, ["data"])  # a custodian of many rooms must not hold all of them in memory
    good = share_opens(header, holder.share_of(session, package))
    if good:
        row = session.get_one(PackageCustodian, (package.id, holder.actor.user_id))
        row.proved_at = now
    act = "share_proved" if good else "share_not_opened"
    stream, object_ = audit.sitting_stream(package.room_sitting_id), f"package/{package.uid}"
    audit.record(session, stream, holder.actor, act, object_, now=now)
    return good


def warning(session: Session, room_sitting_id: int, *, now: datetime) -> str:
    """What a go/no-go look at a room must say of its custodians: "" | proof_missing | proof_of_one_role."""
    package = packages.current(session, room_sitting_id)
    if package is None or package.state != "sealed":
        return ""
    found = proofs(session, package, now=now)
    if not any(proof.fresh for proof in found):
        return "proof_missing"
    return "" if pair_proved(found) else "proof_of_one_role"
