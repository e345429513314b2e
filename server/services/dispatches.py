"""Dispatches (下发包): a sitting at one site, as the authority sends it there.

In it are the frozen policy, the rooms' plans, candidates with photos and accommodations, their seats, the
people on duty with their accounts, and the sealed packages with what the server adds to two custodians'
shares: so the site can hold the sitting without a link. Item text is in the sealed packages alone.
"""

import base64
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.bank import Bank, BankItem, BlueprintRow
from server.db.base import vault_of
from server.db.papers import FormItem, Package, PackageCustodian, PaperSet
from server.db.people import CustodianKey, User
from server.db.rooms import Room
from server.db.sites import ExamSite, SiteSitting
from server.db.sittings import Assignment, Candidate, RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.services import exam_sites, packages
from server.services.package_delivery import sound
from server.services.peer_rows import fetch, plain
from server.services.roomstate import AT_SEATS
from server.services.rosters import ID_PURPOSE
from server.services.signed import need
from server.services.site import Site

FORMAT = 1
READY = "arranged"
_SPACE = uuid.UUID("6a1d1c0e-5d5a-4f7b-9a53-2f1f0f6f3b11")


@dataclass(frozen=True, slots=True)
class Order:
    """Which sitting goes to which site."""

    site: int
    sitting: int


def about(order: Order, own: Site) -> str:
    """The uid of a sitting at a site, the same each time."""
    return str(uuid.uuid5(_SPACE, f"{own.public_key.hex()}/{order.sitting}/{order.site}"))


def content(session: Session, actor: Actor, order: Order, own: Site) -> dict[str, Any]:
    """What the dispatch holds. Every reason why it cannot go out has its code (dispatch_...)."""
    need(actor, Permission.MANAGE_SITES)
    site = exam_sites.get(session, order.site)
    sitting = session.get(Sitting, order.sitting)
    if sitting is None:
        raise NotFound("sitting")
    if sitting.method not in AT_SEATS:
        raise Refused("dispatch_not_at_seats", 422)
    rooms = ready_rooms(session, order)
    for room in rooms:
        _check(session, room, own)
    return {
        "format": FORMAT,
        "about": about(order, own),
        "site": site.code,
        "tables": _tables(session, sitting, rooms),
        "people": _people(session, [room.id for room in rooms]),
    }


def ready_rooms(session: Session, order: Order) -> list[RoomSitting]:
    """The rooms of the sitting that are the site's."""
    places = exam_sites.rooms_of(session, order.site)
    query = select(RoomSitting).where(
        RoomSitting.sitting_id == order.sitting,
        RoomSitting.room_id.in_(places),
        RoomSitting.void_at.is_(None),
    )
    rooms = list(session.scalars(query.order_by(RoomSitting.id)))
    if not rooms:
        raise Refused("dispatch_no_rooms", 422)
    return rooms


def site_of_room(session: Session, room_sitting_id: int) -> str:
    """The code of the site to which a room in its sitting was dispatched, "" for none."""
    row = session.get(RoomSitting, room_sitting_id)
    if row is None:
        return ""
    for held in session.scalars(select(SiteSitting).where(SiteSitting.sitting_id == row.sitting_id)):
        if held.site and row.id in held.sent.get("room_sittings", ()):
            return session.get_one(ExamSite, held.site).code
    return ""


def need_here(session: Session, room_sitting_id: int) -> None:
    """Refuses what only the site may do once the room was dispatched (`room_at_site`)."""
    code = site_of_room(session, room_sitting_id)
    if code:
        raise Refused("room_at_site", site=code)


def _check(session: Session, room: RoomSitting, own: Site) -> None:
    name = session.get_one(Room, room.room_id).name
    if room.state != READY:
        raise Refused("dispatch_not_ready", room=name)
    package = packages.current(session, room.id)
    if package is None or package.state != "sealed":
        raise Refused("dispatch_not_sealed", room=name)
    packages.check_papers(session, package)
    sound(session, package, own.public_key)


def _tables(session: Session, sitting: Sitting, rooms: list[RoomSitting]) -> dict[str, list[dict[str, Any]]]:
    numbers, places = [room.id for room in rooms], [room.room_id for room in rooms]
    attempts = fetch(session, "attempts", "room_sitting_id", numbers)
    registrations = fetch(session, "registrations", "id", {row["registration_id"] for row in attempts})
    found = {
        "batches": fetch(session, "batches", "id", [sitting.batch_id]),
        "rooms": fetch(session, "rooms", "id", places),
        "seats": fetch(session, "seats", "room_id", places),
        "sittings": fetch(session, "sittings", "id", [sitting.id]),
        "room_sittings": fetch(session, "room_sittings", "id", numbers),
        "registrations": registrations,
        "attempts": attempts,
        "seat_stays": fetch(session, "seat_stays", "attempt_id", {row["id"] for row in attempts}),
        "assignments": fetch(session, "assignments", "room_sitting_id", numbers),
    }
    tables = {name: plain(session, name, rows) for name, rows in found.items()}
    tables["candidates"] = list(_candidates(session, {row["candidate_id"] for row in registrations}))
    tables |= _papers(session, sitting)
    tables["packages"] = list(_packages(session, numbers))
    held = [row["id"] for row in tables["packages"]]
    tables["package_custodians"] = plain(
        session, "package_custodians", fetch(session, "package_custodians", "package_id", held)
    )
    return tables


def _candidates(session: Session, numbers: Collection[int]) -> Iterable[dict[str, Any]]:
    vault = vault_of(session)
    for row in session.scalars(select(Candidate).where(Candidate.id.in_(numbers)).order_by(Candidate.id)):
        number = vault.open_value(ID_PURPOSE, row.id_index, row.sealed_id).decode()
        yield {"id": row.id, "name": row.name, "id_number": number}


def _papers(session: Session, sitting: Sitting) -> dict[str, list[dict[str, Any]]]:
    """The papers' skeleton: which item stands where and of which kind, nothing of what it says."""
    papers = session.get_one(PaperSet, sitting.paper_set_id)
    bank, blueprint = (
        session.get_one(Bank, papers.bank_id),
        session.get_one(BlueprintRow, papers.blueprint_id),
    )
    places = session.execute(
        select(FormItem, BankItem.kind)
        .join(BankItem, BankItem.id == FormItem.item_id)
        .where(FormItem.paper_set_id == papers.id)
        .order_by(FormItem.form, FormItem.number)
    ).all()
    kinds = {row.item_id: (row.item_uid, kind) for row, kind in places}
    facts = {"id": bank.id, "name": bank.name, "occupation": bank.occupation, "level": bank.level}
    return {
        "banks": [facts | {"suite": bank.suite, "sample": bank.sample}],
        "blueprints": [{"id": blueprint.id, "title": blueprint.title}],
        "paper_sets": [
            {
                "id": papers.id,
                "title": papers.title,
                "forms": papers.forms,
                "max_overlap": papers.max_overlap,
                "spares": int((papers.rules or {}).get("spares", 0)),
            }
        ],
        "items": [{"id": item, "uid": uid, "kind": kind} for item, (uid, kind) in sorted(kinds.items())],
        "form_items": [
            {
                "form": row.form,
                "number": row.number,
                "item_id": row.item_id,
                "item_version": row.item_version,
                "points": str(row.points),
            }
            for row, _kind in places
        ],
    }


def _packages(session: Session, rooms: Collection[int]) -> Iterable[dict[str, Any]]:
    vault = vault_of(session)
    rows = fetch(session, "packages", "room_sitting_id", rooms)
    live = [row for row in rows if row["state"] == "sealed"]
    for row, sent in zip(live, plain(session, "packages", live), strict=True):
        secret = vault.open_value(packages.SECRET_PURPOSE, row["uid"], row["sealed_release_secret"])
        yield sent | {"sealed_release_secret": base64.b64encode(secret).decode()}


def _people(session: Session, rooms: Collection[int]) -> list[dict[str, Any]]:
    """Who is on duty there or holds a share, with the roles of these very duties."""
    roles: dict[int, set[str]] = {}
    duties = select(Assignment.user_id, Assignment.role).where(Assignment.room_sitting_id.in_(rooms))
    shares = (
        select(PackageCustodian.user_id, PackageCustodian.role)
        .join(Package, Package.id == PackageCustodian.package_id)
        .where(Package.room_sitting_id.in_(rooms), Package.state == "sealed")
    )
    for query in (duties, shares):
        for user_id, role in session.execute(query):
            roles.setdefault(user_id, set()).add(role)
    people = session.scalars(select(User).where(User.id.in_(roles)).order_by(User.id))
    return [_person(session, user, sorted(roles[user.id])) for user in people]


def _person(session: Session, user: User, roles: list[str]) -> dict[str, Any]:
    key = session.get(CustodianKey, user.id)
    return {
        "id": user.id,
        "username": user.username,
        "name": user.name,
        "password": user.password,
        "roles": roles,
        "public_key": base64.b64encode(key.public_key).decode() if key else "",
        "sealed_private": base64.b64encode(key.sealed_private).decode() if key else "",
    }


def sent_rows(dispatched: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """The ids of a dispatch by table, to know these rows again; people of the dispatch before stay known."""
    tables = dispatched["tables"]
    known = ("room_sittings", "rooms", "seats", "registrations", "attempts", "packages", "candidates")
    kept: dict[str, Any] = {name: [row["id"] for row in tables[name]] for name in known}
    kept |= {name: [row["id"] for row in tables[name]] for name in ("batches", "sittings", "paper_sets")}
    people = {person["id"] for person in dispatched["people"]}
    return kept | {"users": sorted(people | set(before.get("users", ())))}


def counts(dispatched: dict[str, Any]) -> dict[str, int]:
    """The sums of a dispatch, for people."""
    tables = dispatched["tables"]
    return {
        "rooms": len(tables["room_sittings"]),
        "candidates": len(tables["attempts"]),
        "packages": len(tables["packages"]),
        "people": len(dispatched["people"]),
    }
