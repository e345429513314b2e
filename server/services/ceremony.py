"""The register of the key ceremony: holders, their keys and proofs, and what each coming sitting lacks."""

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor, Permission, Role
from server.db.papers import Package, PackageCustodian
from server.db.people import CustodianKey, User
from server.db.rooms import Room
from server.db.sittings import Batch, RoomSitting, Sitting
from server.errors import Forbidden, Refused
from server.rules.policy import LevelPolicy
from server.services import audit, packages
from server.services.batches import policy_of
from server.services.package_proofs import FRESH, Proof, is_fresh, pair_proved, proofs

_AHEAD = ("planned", "arranged", "released")
_LATE = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who may hold keys. `shares`: sealed packages held; `fresh`: those proved within 48 hours."""

    username: str
    name: str
    roles: tuple[Role, ...]
    key_made_at: datetime | None
    key_days: int
    shares: int
    fresh: int
    proved_at: datetime | None


@dataclass(frozen=True, slots=True)
class RoomAhead:
    """One room of a sitting that has not begun, its custodians, and what is missing.

    `missing`: package | deputy | custodians_key | delivery | proof | proof_roles | release; `spare`: a spare
    package is sealed. A proof is missing from 48 hours before the window on; a deputy where the policy
    foresees more custodians than there are.
    """

    room_sitting: int
    batch: str
    room: str
    starts_at: datetime
    opens_at: datetime | None
    state: str
    spare: bool
    swapped: bool
    proofs: tuple[Proof, ...]
    missing: tuple[str, ...]


def holders(session: Session, *, now: datetime) -> list[Holder]:
    """Everybody who may hold a share, by name."""
    roles: defaultdict[int, list[Role]] = defaultdict(list)
    names: dict[int, tuple[str, str]] = {}
    for entry in packages.key_holders(session):
        roles[entry.user_id].append(entry.role)
        names[entry.user_id] = (entry.username, entry.name)
    keys = {row.user_id: row.created_at for row in session.scalars(select(CustodianKey))}
    held: defaultdict[int, list[datetime | None]] = defaultdict(list)
    rows = session.execute(
        select(PackageCustodian.user_id, PackageCustodian.proved_at)
        .join(Package, Package.id == PackageCustodian.package_id)
        .where(Package.state == "sealed")
    )
    for user, proved_at in rows:
        held[user].append(proved_at)
    return [_holder(names[user], roles[user], keys.get(user), held[user], now) for user in names]


def _holder(
    name: tuple[str, str],
    roles: list[Role],
    made_at: datetime | None,
    held: list[datetime | None],
    now: datetime,
) -> Holder:
    return Holder(
        username=name[0],
        name=name[1],
        roles=tuple(roles),
        key_made_at=made_at,
        key_days=(now - made_at).days if made_at else 0,
        shares=len(held),
        fresh=sum(is_fresh(moment, now) for moment in held),
        proved_at=max((moment for moment in held if moment), default=None),
    )


def rooms_ahead(session: Session, *, now: datetime) -> list[RoomAhead]:
    """Rooms of coming sittings in the order of their start."""
    rows = session.execute(
        select(RoomSitting, Sitting, Batch, Room.name)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .join(Room, Room.id == RoomSitting.room_id)
        .where(RoomSitting.state.in_(_AHEAD), Sitting.starts_at > now - _LATE)
        .order_by(Sitting.starts_at, Room.name)
    )
    return [_ahead(session, row, sitting, (batch, room), now) for row, sitting, batch, room in rows]


def _ahead(
    session: Session, row: RoomSitting, sitting: Sitting, names: tuple[Batch, str], now: datetime
) -> RoomAhead:
    package = packages.current(session, row.id)
    found = proofs(session, package, now=now) if package else ()
    return RoomAhead(
        room_sitting=row.id,
        batch=names[0].name,
        room=names[1],
        starts_at=sitting.starts_at,
        opens_at=package.not_before if package else None,
        state=package.state if package else "",
        spare=packages.spare_of(session, row.id) is not None,
        swapped=package is not None and package.spare,
        proofs=found,
        missing=tuple(_missing(session, package, found, (policy_of(names[0]), now))),
    )


def _missing(
    session: Session, package: Package | None, found: tuple[Proof, ...], by: tuple[LevelPolicy, datetime]
) -> list[str]:
    policy, now = by
    if package is None:
        return ["package"]
    if package.state == "released":
        return []
    users = [proof.user_id for proof in found]
    keys = session.scalars(
        select(CustodianKey.user_id).where(
            CustodianKey.user_id.in_(users), CustodianKey.created_at <= package.sealed_at
        )
    ).all()
    lacks = {
        "deputy": len(users) < policy.release.custodians,
        "custodians_key": len(keys) < len(users),
        "delivery": package.delivery_checked_at is None,
        "proof": _due(package, now) and not any(proof.fresh for proof in found),
        "proof_roles": _due(package, now) and any(p.fresh for p in found) and not pair_proved(found),
        "release": now >= package.not_before,
    }
    return [code for code, lacking in lacks.items() if lacking]


def _due(package: Package, now: datetime) -> bool:
    return now >= package.not_before - FRESH


def take_key(session: Session, actor: Actor, *, now: datetime) -> bytes:
    """One's own custodian key as a file, still sealed under its passphrase: to open without this server."""
    if not actor.can(Permission.HOLD_KEY):
        raise Forbidden(Permission.HOLD_KEY)
    row = session.get(CustodianKey, actor.user_id or 0)
    if row is None:
        raise Refused("custodian_without_key", 422, name=actor.name)
    user = session.get_one(User, row.user_id)
    object_ = f"user/{user.username}"
    audit.record(session, audit.SYSTEM_STREAM, actor, "custodian_key_taken_out", object_, now=now)
    return key_file(str(user.id), user.name, row.sealed_private)


def key_file(custodian: str, name: str, sealed: bytes) -> bytes:
    """A custodian's key file: id in packages, name, and the key sealed under the passphrase, as JSON."""
    document = {"examhall": "custodian-key", "id": custodian, "name": name, "sealed": json.loads(sealed)}
    return json.dumps(document, ensure_ascii=False, indent=1).encode()
