"""Taking a dispatch in at the site: everything of it or nothing, in one transaction.

A newer dispatch of the same sitting takes the place of the older one while nobody has signed in and no
package is released. Rows get numbers of the site; which row is which one of the authority is kept.
"""

import base64
import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from exam_rooms.seats import AttemptState
from itembank.items import ItemBody
from itembank.package import PackageBroken, countersign
from server.access import Actor
from server.db.bank import Bank, BankItem, BlueprintRow
from server.db.base import emit, vault_of
from server.db.papers import FormItem, Package, PackageCustodian, PaperSet
from server.db.people import CustodianKey, User, UserRole
from server.db.rooms import Room, Seat
from server.db.sites import SiteSitting
from server.db.sittings import Attempt, Batch, Candidate, Registration, RoomSitting, SeatStay
from server.errors import Refused
from server.events import RoomChanged
from server.rules.site_file import fingerprint
from server.services import audit, dispatches, exam_sites, packages
from server.services.peer_rows import Peers, take
from server.services.rosters import ID_PURPOSE
from server.services.site import Site

_OPEN = ("planned", "arranged")


def take_in(
    session: Session, actor: Actor, content: dict[str, Any], own: Site, *, now: datetime
) -> dict[str, Any]:
    """Writes what a dispatch holds; what came and what changed. Raises `Refused` (dispatch_...)."""
    authority = exam_sites.authority_of(session)
    if content["format"] != dispatches.FORMAT:
        raise Refused("dispatch_newer_form", 422)
    if content["site"] != authority.code:
        raise Refused("dispatch_of_other_site", 422, site=content["site"])
    peers = Peers(session, fingerprint(authority.public_key))
    held = session.scalars(select(SiteSitting).where(SiteSitting.uid == content["about"])).first()
    before = _cleared(session, peers, held) if held is not None else {}
    try:
        sitting = _written(session, peers, content, own, authority.public_key)
    except IntegrityError as fault:
        raise Refused("dispatch_clashes", 409) from fault
    row = held or SiteSitting(uid=content["about"], sitting_id=sitting)
    row.sent, row.sent_at = dispatches.sent_rows(content, row.sent or {}), now
    session.add(row)
    told = dispatches.counts(content) | _changes(before, _seated(session, sitting), known=held is not None)
    for room in session.scalars(select(RoomSitting).where(RoomSitting.sitting_id == sitting)).all():
        stream = audit.sitting_stream(room.id)
        audit.record(
            session, stream, actor, "dispatch_taken", stream, now=now, about=content["about"], **told
        )
        room.version += 1
        emit(session, RoomChanged(room.id))
    return told


def _cleared(session: Session, peers: Peers, held: SiteSitting) -> dict[str, str]:
    """Takes the former seats away; who sat where, by ticket. Refused once the room is in use."""
    rooms = session.scalars(
        select(RoomSitting).where(RoomSitting.sitting_id == held.sitting_id).with_for_update(key_share=True)
    ).all()
    numbers = [room.id for room in rooms]
    attempts = session.scalars(select(Attempt).where(Attempt.room_sitting_id.in_(numbers))).all()
    used = {row.room_sitting_id for row in attempts if row.state != AttemptState.ASSIGNED}
    for room in rooms:
        released = select(Package.id).where(
            Package.room_sitting_id == room.id, Package.released_at.is_not(None)
        )
        if room.state not in _OPEN or room.id in used or session.scalar(released.limit(1)) is not None:
            raise Refused("dispatch_too_late", room=session.get_one(Room, room.room_id).name)
    before = _seated(session, held.sitting_id)
    gone = [row.id for row in attempts]
    session.execute(delete(SeatStay).where(SeatStay.attempt_id.in_(gone)))
    try:
        session.execute(delete(Attempt).where(Attempt.id.in_(gone)))
    except IntegrityError as fault:
        raise Refused("dispatch_too_late", room=session.get_one(Room, rooms[0].room_id).name) from fault
    session.expire_all()
    peers.forget("attempts", gone)
    return before


def _seated(session: Session, sitting: int) -> dict[str, str]:
    query = (
        select(Registration.ticket, Room.name, Seat.number)
        .join(Attempt, Attempt.registration_id == Registration.id)
        .join(Seat, Seat.id == Attempt.seat_id)
        .join(Room, Room.id == Seat.room_id)
        .where(Registration.sitting_id == sitting)
    )
    return {ticket: f"{room}/{seat}" for ticket, room, seat in session.execute(query)}


def _changes(before: dict[str, str], after: dict[str, str], *, known: bool) -> dict[str, int]:
    if not known:
        return {}
    return {
        "added": len(after.keys() - before.keys()),
        "removed": len(before.keys() - after.keys()),
        "moved": sum(before[ticket] != place for ticket, place in after.items() if ticket in before),
    }


def _written(session: Session, peers: Peers, content: dict[str, Any], own: Site, issuer: bytes) -> int:
    tables = content["tables"]
    _people(session, peers, content["people"])
    _batch(session, peers, tables["batches"])
    _rooms(session, peers, tables["rooms"], tables["seats"])
    _papers(session, peers, tables)
    _candidates(session, peers, tables["candidates"])
    (sitting,) = take(peers, "sittings", tables["sittings"])
    take(peers, "room_sittings", tables["room_sittings"])
    _free_tickets(session, sitting, tables["registrations"])
    now_there = take(peers, "registrations", tables["registrations"])
    _void_others(session, sitting, now_there, tables["sittings"][0]["starts_at"])
    take(peers, "attempts", tables["attempts"])
    peers.forget("seat_stays", list(peers.theirs("seat_stays")))
    take(peers, "seat_stays", tables["seat_stays"])
    take(peers, "assignments", tables["assignments"])
    _packages(session, peers, tables, (own, issuer))
    session.flush()
    session.expire_all()
    return sitting


def _people(session: Session, peers: Peers, people: list[dict[str, Any]]) -> None:
    """Accounts by user name: one with the same name is taken for the same person, roles are added."""
    for person in people:
        number = peers.own("users", person["id"])
        user = session.get(User, number) if number else None
        if user is None:
            user = session.scalars(select(User).where(User.username == person["username"])).first()
        if user is None:
            user = _new_user(session, person)
        elif user.name != person["name"] or user.username != person["username"]:
            raise Refused("dispatch_person_differs", username=person["username"])
        peers.learn("users", person["id"], user.id)
        for role in person["roles"]:
            if session.get(UserRole, (user.id, role)) is None:
                session.add(UserRole(user_id=user.id, role=role))
        _key(session, user, person)


def _new_user(session: Session, person: dict[str, Any]) -> User:
    user = User(
        username=person["username"],
        email=person["username"],
        name=person["name"],
        password=person["password"],
        fs_uniquifier=secrets.token_hex(16),
        created_at=_at(session),
    )
    session.add(user)
    session.flush()
    return user


def _at(session: Session) -> datetime:
    return exam_sites.authority_of(session).accepted_at


def _key(session: Session, user: User, person: dict[str, Any]) -> None:
    if not person["public_key"]:
        return
    public, sealed = (base64.b64decode(person[name]) for name in ("public_key", "sealed_private"))
    held = session.get(CustodianKey, user.id)
    if held is not None and held.public_key != public:
        shares = select(PackageCustodian.package_id).join(Package, Package.id == PackageCustodian.package_id)
        mine = shares.where(PackageCustodian.user_id == user.id, Package.state == "sealed")
        if session.scalar(mine.limit(1)) is not None:
            raise Refused("dispatch_key_differs", username=user.username)
    row = held or CustodianKey(user_id=user.id, created_at=_at(session))
    row.public_key, row.sealed_private = public, sealed
    session.add(row)


def _batch(session: Session, peers: Peers, rows: list[dict[str, Any]]) -> None:
    (sent,) = rows
    number = peers.own("batches", sent["id"])
    if number is None and session.scalar(select(Batch.id).where(Batch.name == sent["name"])):
        raise Refused("dispatch_batch_taken", name=sent["name"])
    take(peers, "batches", rows)


def _rooms(session: Session, peers: Peers, rooms: list[dict[str, Any]], seats: list[dict[str, Any]]) -> None:
    """A room is found by its name; its seats must be those of the authority's plan."""
    for room in rooms:
        own = session.scalars(select(Room).where(Room.name == room["name"])).first()
        mine = [seat for seat in seats if seat["room_id"] == room["id"]]
        if own is None:
            take(peers, "rooms", [room])
            take(peers, "seats", mine)
            continue
        here = {seat.number: seat for seat in session.scalars(select(Seat).where(Seat.room_id == own.id))}
        other = [seat["number"] for seat in mine if not _same_place(here.get(seat["number"]), seat)]
        if other:
            raise Refused("dispatch_plan_differs", room=own.name, seats="、".join(other[:10]))
        peers.learn("rooms", room["id"], own.id)
        for seat in mine:
            peers.learn("seats", seat["id"], here[seat["number"]].id)


def _same_place(here: Seat | None, sent: dict[str, Any]) -> bool:
    return here is not None and (here.row, here.column) == (sent["row"], sent["column"])


def _candidates(session: Session, peers: Peers, rows: list[dict[str, Any]]) -> None:
    vault = vault_of(session)
    for sent in rows:
        index = vault.index(ID_PURPOSE, sent["id_number"])
        found = session.scalars(select(Candidate).where(Candidate.id_index == index)).first()
        if found is None:
            sealed = vault.seal_value(ID_PURPOSE, index, sent["id_number"].encode())
            found = Candidate(id_index=index, sealed_id=sealed, name=sent["name"], created_at=_at(session))
            session.add(found)
            session.flush()
        elif found.name != sent["name"]:
            raise Refused("dispatch_name_differs", 422, name=sent["name"])
        peers.learn("candidates", sent["id"], found.id)


def _free_tickets(session: Session, sitting: int, rows: list[dict[str, Any]]) -> None:
    tickets = [row["ticket"] for row in rows]
    taken = session.scalar(
        select(Registration.ticket).where(
            Registration.ticket.in_(tickets), Registration.sitting_id != sitting
        )
    )
    if taken is not None:
        raise Refused("dispatch_ticket_taken", ticket=taken)


def _void_others(session: Session, sitting: int, there: Collection[int], at: str) -> None:
    """Candidates of the former dispatch who are not in this one have no place any more."""
    query = select(Registration).where(Registration.sitting_id == sitting, Registration.id.not_in(there))
    for row in session.scalars(query).all():
        row.void_at, row.room_id = datetime.fromisoformat(at), None


def _papers(session: Session, peers: Peers, tables: dict[str, Any]) -> None:
    """Stand-ins for bank, blueprint and papers: what seats and their answers are checked against."""
    (sent,) = tables["paper_sets"]
    if peers.own("paper_sets", sent["id"]) is not None:
        return
    bank = _bank(session, peers, tables["banks"][0])
    at, authority = _at(session), exam_sites.authority_of(session)
    blueprint = BlueprintRow(
        title=f"{tables['blueprints'][0]['title']} · {authority.name}"[:120],
        occupation=bank.occupation,
        level=bank.level,
        text="",
        state="retired",
        created_at=at,
    )
    session.add(blueprint)
    session.flush()
    row = PaperSet(
        title=sent["title"],
        bank_id=bank.id,
        blueprint_id=blueprint.id,
        seed="",
        forms=sent["forms"],
        max_overlap=sent["max_overlap"],
        rules={"spares": sent["spares"]},
        state="approved",
        created_at=at,
        approved_at=at,
    )
    session.add(row)
    session.flush()
    peers.learn("paper_sets", sent["id"], row.id)
    items = _items(session, peers, bank, tables["items"])
    for place in tables["form_items"]:
        item = items[place["item_id"]]
        session.add(
            FormItem(
                paper_set_id=row.id,
                form=place["form"],
                number=place["number"],
                item_id=item.id,
                item_uid=item.uid,
                item_version=place["item_version"],
                points=Decimal(place["points"]),
            )
        )


def _bank(session: Session, peers: Peers, sent: dict[str, Any]) -> Bank:
    number = peers.own("banks", sent["id"])
    if number is not None:
        return session.get_one(Bank, number)
    authority = exam_sites.authority_of(session)
    row = Bank(
        name=f"{sent['name'][:80]} · {authority.name[:30]} {secrets.token_hex(2)}",
        occupation=sent["occupation"],
        level=sent["level"],
        sample=sent["sample"],
        suite=sent["suite"],
        wrapped_key=vault_of(session).new_bank_key(sent["suite"]),
        key_made_at=authority.accepted_at,
        created_at=authority.accepted_at,
    )
    session.add(row)
    session.flush()
    peers.learn("banks", sent["id"], row.id)
    return row


def _items(session: Session, peers: Peers, bank: Bank, rows: list[dict[str, Any]]) -> dict[int, BankItem]:
    """Items without what they ask, one for each that stands on the papers."""
    seal, found = vault_of(session).item_sealer(bank.wrapped_key), {}
    query = select(BankItem).where(BankItem.bank_id == bank.id)
    known = {item.uid: item for item in session.scalars(query)}
    for sent in rows:
        item = known.get(sent["uid"])
        if item is None:
            item = BankItem(
                bank_id=bank.id,
                uid=sent["uid"],
                point="",
                kind=sent["kind"],
                difficulty=0,
                status="retired",
                content_index=secrets.token_hex(16),
                sealed_body=seal(sent["uid"], 1, ItemBody("", (), ())),
            )
            session.add(item)
        found[sent["id"]] = item
    session.flush()
    return found


def _packages(session: Session, peers: Peers, tables: dict[str, Any], keys: tuple[Site, bytes]) -> None:
    """The packages under the site's own signature, which its agents know; those sent before are replaced."""
    own, issuer = keys
    vault, there = vault_of(session), []
    for sent in tables["packages"]:
        try:
            data = countersign(base64.b64decode(sent["data"]), issuer, own.signing_key.private_bytes_raw())
        except PackageBroken as fault:
            raise Refused("dispatch_package_broken", 422, package=sent["uid"]) from fault
        secret = base64.b64decode(sent["sealed_release_secret"])
        fixed = {
            "data": data,
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
            "sealed_release_secret": vault.seal_value(packages.SECRET_PURPOSE, sent["uid"], secret),
            "delivery_checked_at": None,
        }
        there += take(peers, "packages", [sent], fixed=fixed)
    rooms = [peers.own("room_sittings", room["id"]) for room in tables["room_sittings"]]
    older = select(Package).where(
        Package.room_sitting_id.in_(rooms), Package.state == "sealed", Package.id.not_in(there)
    )
    for package in session.scalars(older).all():
        package.state = "superseded"
    for row in tables["package_custodians"]:
        sent_row = row | {"share_name": row["share_name"] or str(row["user_id"]), "proved_at": None}
        take(peers, "package_custodians", [sent_row])
