"""The register of sites at the authority, and the authority that a site takes dispatches from.

Each side makes an introduction: its name and public keys, signed by itself. Somebody carries it over, two
people there compare the fingerprint by another way (telephone) and take it in.
"""

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.wire import canonical
from server.access import Actor, Permission
from server.db.base import TO_CHANGE
from server.db.rooms import Room
from server.db.sites import ExamSite, SiteAuthority, SiteRoom
from server.errors import NotFound, Refused
from server.rules.audit_chain import signed_by
from server.rules.site_file import fingerprint
from server.services import audit, site
from server.services.signed import Signed, need, need_reason, second_person
from server.services.site import Site

FORMAT = "examhall-introduction/1"
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_LONGEST = 32 << 10


@dataclass(frozen=True, slots=True)
class Introduction:
    """Who somebody is: raw public keys, the CA certificate of its server, its HTTPS address or ""."""

    role: str
    name: str
    address: str
    public_key: bytes
    letter_key: bytes
    ca_pem: str

    @property
    def fingerprint(self) -> str:
        """What people compare."""
        return fingerprint(self.public_key)


@dataclass(frozen=True, slots=True)
class SiteView:
    """A site for a list, with the rooms of the plan that are its own."""

    id: int
    code: str
    name: str
    fingerprint: str
    address: str
    registered_at: datetime
    closed_at: datetime | None
    rooms: tuple[tuple[int, str], ...]


def introduction(session: Session, own: Site, said: tuple[str, str, str], *, now: datetime) -> bytes:
    """The introduction of this installation. `said`: role (authority | site), name and HTTPS address."""
    role, name, address = said
    fields = {
        "format": FORMAT,
        "role": role,
        "name": name.strip(),
        "address": address.strip(),
        "public_key": base64.b64encode(own.public_key).decode(),
        "letter_key": base64.b64encode(site.letter_public(session, now=now)).decode(),
        "ca_pem": own.ca_pem.decode(),
    }
    signature = base64.b64encode(own.signing_key.sign(_message(fields))).decode()
    return json.dumps(fields | {"signature": signature}, ensure_ascii=False, indent=1).encode()


def read_introduction(data: bytes, role: str) -> Introduction:
    """An introduction of somebody in this role.

    Raises `Refused` (introduction_broken, introduction_of_other).
    """
    try:
        if len(data) > _LONGEST:
            raise ValueError("too long")
        fields = json.loads(data)
        signature = str(fields.pop("signature"))
        found = Introduction(
            role=str(fields["role"]),
            name=str(fields["name"]).strip()[:120],
            address=str(fields["address"]).strip()[:200],
            public_key=_key(fields["public_key"]),
            letter_key=_key(fields["letter_key"]),
            ca_pem=str(fields["ca_pem"]),
        )
        whole = fields["format"] == FORMAT and signed_by(found.public_key, _message(fields), signature)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as fault:
        raise Refused("introduction_broken", 422, field="file") from fault
    if not whole:
        raise Refused("introduction_broken", 422, field="file")
    if found.role != role:
        raise Refused("introduction_of_other", 422, field="file")
    return found


def register(session: Session, signed: Signed, data: bytes, code: str, *, now: datetime) -> int:
    """A site enters the register, or its new keys do under its old code; two people together."""
    _need_two(signed)
    found = read_introduction(data, "site")
    if _CODE.fullmatch(code) is None:
        raise Refused("site_code_form", 422, field="code")
    row = session.scalars(
        select(ExamSite).where(ExamSite.code == code).with_for_update(key_share=True)
    ).first()
    same_key = session.scalars(select(ExamSite).where(ExamSite.fingerprint == found.fingerprint)).first()
    if same_key is not None and same_key is not row:
        raise Refused("site_known", 409, field="file", site=same_key.code)
    if row is None:
        row = ExamSite(code=code)
        session.add(row)
    row.name, row.address = found.name or code, found.address
    row.public_key, row.fingerprint, row.letter_key = found.public_key, found.fingerprint, found.letter_key
    row.registered_at, row.registered_by, row.closed_at = now, signed.actor.user_id, None
    row.cosigned_by = second_person(signed).user_id
    session.flush()
    told = {"code": code, "fingerprint": found.fingerprint, **signed.why()}
    _note(session, signed.actor, ("site_registered", f"site/{code}"), now, told)
    return row.id


def close(session: Session, signed: Signed, site_id: int, *, now: datetime) -> None:
    """Nothing goes to the site any more and nothing is taken from it; two people with a reason."""
    _need_two(signed)
    need_reason(signed)
    row = locked(session, site_id)
    if row.closed_at is not None:
        raise Refused("site_closed", site=row.code)
    row.closed_at = now
    _note(session, signed.actor, ("site_closed", f"site/{row.code}"), now, signed.why())


def give_rooms(session: Session, actor: Actor, site_id: int, rooms: Sequence[int], *, now: datetime) -> None:
    """The rooms of the plan that are this site's; a room belongs to one site at most."""
    need(actor, Permission.MANAGE_SITES)
    row = locked(session, site_id)
    for room in rooms:
        held = session.get(SiteRoom, room)
        if session.get(Room, room) is None:
            raise NotFound("room")
        if held is not None and held.site_id != site_id:
            raise Refused("room_of_other_site", room=session.get_one(Room, room).name)
    for old in session.scalars(select(SiteRoom).where(SiteRoom.site_id == site_id)).all():
        if old.room_id not in rooms:
            session.delete(old)
    for room in rooms:
        if session.get(SiteRoom, room) is None:
            session.add(SiteRoom(room_id=room, site_id=site_id))
    _note(session, actor, ("site_rooms_set", f"site/{row.code}"), now, {"rooms": sorted(rooms)})


def accept_authority(session: Session, signed: Signed, data: bytes, code: str, *, now: datetime) -> None:
    """At the site: from now on dispatches of this authority are taken; two people together.

    `code`: what the authority calls this site.
    """
    _need_two(signed)
    found = read_introduction(data, "authority")
    if _CODE.fullmatch(code) is None:
        raise Refused("site_code_form", 422, field="code")
    row = session.get(SiteAuthority, 1) or SiteAuthority(id=1)
    row.name, row.code, row.ca_pem = found.name, code, found.ca_pem
    row.public_key, row.letter_key = found.public_key, found.letter_key
    row.accepted_at, row.accepted_by = now, signed.actor.user_id
    row.cosigned_by = second_person(signed).user_id
    session.add(row)
    told = {"code": code, "fingerprint": found.fingerprint, **signed.why()}
    _note(session, signed.actor, ("authority_accepted", "authority"), now, told)


def authority_of(session: Session) -> SiteAuthority:
    """The authority of this site. Raises `Refused` (`authority_unknown`)."""
    row = session.get(SiteAuthority, 1)
    if row is None:
        raise Refused("authority_unknown")
    return row


def need_authority(session: Session, key: bytes) -> None:
    """Refuses what another than the present authority has signed (`site_file_of_stranger`)."""
    if authority_of(session).public_key != key:
        raise Refused("site_file_of_stranger", 422)


def get(session: Session, site_id: int) -> ExamSite:
    """A site that is open. Raises `NotFound`, `Refused` (`site_closed`)."""
    row = session.get(ExamSite, site_id)
    if row is None:
        raise NotFound("site")
    if row.closed_at is not None:
        raise Refused("site_closed", site=row.code)
    return row


def by_code(session: Session, code: str) -> ExamSite:
    """The same by its code."""
    found = session.scalar(select(ExamSite.id).where(ExamSite.code == code))
    if found is None:
        raise NotFound("site")
    return get(session, found)


def by_key(session: Session, public_key: bytes) -> ExamSite:
    """The open site with this signing key."""
    found = session.scalar(select(ExamSite.id).where(ExamSite.fingerprint == fingerprint(public_key)))
    if found is None:
        raise NotFound("site")
    return get(session, found)


def locked(session: Session, site_id: int) -> ExamSite:
    """A site, kept from other writers until the commit."""
    row = session.get(ExamSite, site_id, with_for_update=TO_CHANGE, populate_existing=True)
    if row is None:
        raise NotFound("site")
    return row


def sites(session: Session) -> list[SiteView]:
    """The register by code."""
    rooms: dict[int, list[tuple[int, str]]] = {}
    query = select(SiteRoom.site_id, Room.id, Room.name).join(Room, Room.id == SiteRoom.room_id)
    for site_id, room, name in session.execute(query.order_by(Room.name)):
        rooms.setdefault(site_id, []).append((room, name))
    return [
        SiteView(
            id=row.id,
            code=row.code,
            name=row.name,
            fingerprint=row.fingerprint,
            address=row.address,
            registered_at=row.registered_at,
            closed_at=row.closed_at,
            rooms=tuple(rooms.get(row.id, ())),
        )
        for row in session.scalars(select(ExamSite).order_by(ExamSite.code))
    ]


def free_rooms(session: Session, site_id: int) -> list[tuple[int, str]]:
    """Id and name of the rooms that are this site's or nobody's, by name."""
    query = select(Room.id, Room.name).outerjoin(SiteRoom, SiteRoom.room_id == Room.id)
    free = query.where((SiteRoom.site_id == site_id) | SiteRoom.site_id.is_(None)).order_by(Room.name)
    return [(row[0], row[1]) for row in session.execute(free)]


def rooms_of(session: Session, site_id: int) -> set[int]:
    """The rooms of the plan that are a site's."""
    return set(session.scalars(select(SiteRoom.room_id).where(SiteRoom.site_id == site_id)))


def _need_two(signed: Signed) -> None:
    need(signed.actor, Permission.MANAGE_SITES)
    need(second_person(signed), Permission.MANAGE_SITES)


def _note(session: Session, actor: Actor, act: tuple[str, str], now: datetime, told: dict[str, Any]) -> None:
    audit.record(session, audit.SYSTEM_STREAM, actor, *act, now=now, **told)


def _message(fields: dict[str, Any]) -> bytes:
    return canonical(["examhall/introduction", fields])


def _key(text: str) -> bytes:
    key = base64.b64decode(text, validate=True)
    if len(key) != 32:
        raise ValueError("no key")
    return key
