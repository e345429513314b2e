"""Papers on paper: a released form printed for a room by two people, and never kept in clear.

Both purposes start from the room's released package: what reaches a room on paper passed the same two
custodians and the same window as what reaches a screen (R20), and one mechanism serves both.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.wire import canonical
from itembank.package import open_section, section_key
from server.access import Actor, Permission
from server.db.papers import Package, PaperPrint
from server.db.rooms import Seat
from server.db.sittings import Attempt, Registration
from server.errors import Refused
from server.rules.policy_components import COMPONENT_WORDS, Method
from server.services import audit, packages
from server.services.custody import KEY_ROLES
from server.services.roomstate import RoomState, load
from server.services.signed import MOST_REASON, Signed, need, need_reason, second_person

PURPOSES = ("paper_mode", "last_resort")
DOCUMENTS = ("paper", "sheet", "key")
SIZES = ("A4", "A3")
ALL_FORMS = "*"
MOST_COPIES = 400
_WHILE_OPEN = ("released", "running")
_AFTERWARDS = ("ended", "collected", "marked")


@dataclass(frozen=True, slots=True)
class PrintOrder:
    """What to print for a room's sitting: one form, or `ALL_FORMS`; no `seats` means every seat that has one.

    `spares` copies of each form come without a number. A key comes in `spares` copies, seats have none of it.
    """

    room_sitting: int
    form: str
    document: str = "paper"
    purpose: str = "paper_mode"
    seats: tuple[str, ...] = ()
    spares: int = 0
    size: str = "A4"


@dataclass(frozen=True, slots=True)
class _Copy:
    seat: str
    ticket: str
    form: str


def work(
    session: Session, signed: Signed, order: PrintOrder, *, now: datetime, zone: ZoneInfo
) -> dict[str, Any]:
    """The payload of the typesetting job; refused when the order is not allowed now.

    It holds the paper in clear: it goes to the child and nowhere else.
    """
    room, package = _allowed(session, signed, order)
    found = _copies(session, order)
    forms: dict[str, Any] = {}
    media: dict[str, Any] = {}
    for name in sorted({copy.form for copy in found}):
        forms[name] = _opened(session, package, order, name)
        media |= forms[name]["form"].pop("media", None) or {}
    mark = content_mark({"forms": forms, "document": order.document, "room": order.room_sitting})
    first = _numbered_before(session, order) + 1
    return {
        "document": order.document,
        "size": order.size,
        "at": now.isoformat(),
        "head": head(room, mark, now=now, zone=zone),
        "forms": forms,
        "media": media,
        "copies": _stamps(order, found, first, f"{room.row.uid[:8]} {mark}"),
    }


def first_number(payload: Mapping[str, Any]) -> int:
    """The first number that a payload of `work` gives a copy, 0 when none gets one."""
    return next((int(copy["number"]) for copy in payload["copies"] if copy["number"]), 0)


def print_form(  # noqa: PLR0913 - a printing and where its numbers start
    session: Session, signed: Signed, order: PrintOrder, pdf: bytes, *, first: int, now: datetime
) -> int:
    """Notes a printing on the register and the audit chain; the PDF itself is hashed and not kept.

    `first` is the first number on the copies (`first_number`). Raises `Refused` (print_numbers_moved) when
    another printing got it meanwhile: copies that are not on the register are not handed out.
    """
    packages.locked(session, order.room_sitting)  # nobody else numbers copies of this room until the commit
    room, package = _allowed(session, signed, order)
    cosigner = signed.cosigner
    found = _copies(session, order)
    if any(copy.seat for copy in found) and first != _numbered_before(session, order) + 1:
        raise Refused("print_numbers_moved", 409)
    row = PaperPrint(
        package_id=package.id,
        paper_set_id=package.paper_set_id,
        room_sitting_id=order.room_sitting,
        form=order.form,
        purpose=order.purpose,
        document=order.document,
        seats=[copy.seat for copy in found if copy.seat],
        copies=len(found),
        sheet_size=order.size,
        sha256=hashlib.sha256(pdf).hexdigest(),
        reason=signed.reason.strip()[:MOST_REASON],
        printed_at=now,
        printed_by=signed.actor.user_id,
        cosigned_by=cosigner.user_id if cosigner else None,
    )
    session.add(row)
    session.flush()
    audit.record(
        session,
        audit.sitting_stream(room.row.id),
        signed.actor,
        "paper_printed",
        f"print/{row.id}",
        now=now,
        document=row.document,
        form=row.form,
        copies=row.copies,
        purpose=row.purpose,
        sha256=row.sha256,
        **signed.why(),
    )
    return row.id


def purposes(room: RoomState) -> tuple[str, ...]:
    """For what a room's papers may be printed under its frozen policy, the usual one first."""
    return PURPOSES if on_paper(room) else PURPOSES[1:]


def on_paper(room: RoomState) -> bool:
    """Whether the frozen policy lets what the room holds be written on paper."""
    return Method.PAPER in room.policy.terms_of(room.sitting.component).methods


def head(room: RoomState, mark: str, *, now: datetime, zone: ZoneInfo) -> dict[str, str]:
    """What stands on every page of a room's documents: title, batch, place, print time, hash."""
    policy = room.policy
    component = COMPONENT_WORDS[room.sitting.component] + ("（补考）" if room.sitting.retake else "")
    title = f"{policy.occupation_name}职业技能等级认定{component}"
    return {
        "title": title + ("（演练）" if room.batch.rehearsal else ""),
        "occupation": policy.occupation_name,
        "level": policy.level_name,
        "room": room.room.name,
        "place": f"{room.batch.name} · 第 {room.sitting.number} 场 · {room.room.name}",
        "printed": f"{now.astimezone(zone):%Y-%m-%d %H:%M}",
        "hash": mark,
    }


def _allowed(session: Session, signed: Signed, order: PrintOrder) -> tuple[RoomState, Package]:
    """Who, what and when. Every reason to refuse has its code."""
    _two_keepers(signed)
    if order.purpose == "last_resort":
        need_reason(signed)
    _well_formed(order)
    room = load(session, order.room_sitting)
    if order.purpose not in purposes(room):
        raise Refused("print_not_on_paper", 422, field="purpose")
    package = packages.needed(session, order.room_sitting)
    if package.paper_set_id is None:  # a template of sheets has forms of its own: `template_prints`
        raise Refused("print_unknown_form", 422, field="form", form=order.form)
    packages.check_papers(session, package)
    if package.state != "released":
        raise Refused("package_not_released")
    if order.document == "key":
        if room.row.state not in _AFTERWARDS:
            raise Refused("key_before_end")
    elif room.row.state not in _WHILE_OPEN:
        raise Refused("print_after_end")
    return room, package


def _two_keepers(signed: Signed) -> None:
    """R20 for paper: two people of different roles that may hold a key."""
    need(signed.actor, Permission.HOLD_KEY)
    second = second_person(signed)
    need(second, Permission.HOLD_KEY)
    if not any(one != other for one in _key_roles(signed.actor) for other in _key_roles(second)):
        raise Refused("print_same_role", 403, field="cosign_username")


def _key_roles(actor: Actor) -> set[str]:
    return {str(role) for role in actor.roles if role in KEY_ROLES}


def _well_formed(order: PrintOrder) -> None:
    if order.document not in DOCUMENTS or order.size not in SIZES:
        raise Refused("bad_request", 400)
    if not 0 <= order.spares <= MOST_COPIES:
        raise Refused("copies_out_of_range", 422, field="spares", limit=MOST_COPIES)


def _opened(session: Session, package: Package, order: PrintOrder, form: str) -> dict[str, Any]:
    key = packages.content_key(session, package)

    def section(name: str) -> dict[str, object]:
        return open_section(package.data, name, section_key(key, name))

    opened: dict[str, Any] = {"form": section(f"paper/{form}")}
    return opened | ({"key": section(f"key/{form}")} if order.document == "key" else {})


def _copies(session: Session, order: PrintOrder) -> list[_Copy]:
    """A copy for every seat asked for, in the order of the seats, then the spare ones of each form."""
    rows = session.execute(
        select(Seat.number, Registration.ticket, Attempt.form)
        .join(Attempt, Attempt.seat_id == Seat.id)
        .join(Registration, Registration.id == Attempt.registration_id)
        .where(Attempt.room_sitting_id == order.room_sitting)
        .order_by(Seat.id)
    )
    seated = [_Copy(*row) for row in rows]
    here = [copy for copy in seated if order.form in (copy.form, ALL_FORMS)]
    if not here:
        raise Refused("print_unknown_form", 422, field="form", form=order.form)
    strange = sorted(set(order.seats) - {copy.seat for copy in here})
    if strange:
        raise Refused("print_seat_of_other_form", 422, field="seats", seat=strange[0], form=order.form)
    wanted = [copy for copy in here if not order.seats or copy.seat in order.seats]
    spare = [_Copy("", "", form) for form in sorted({copy.form for copy in wanted})] * order.spares
    found = sorted(spare, key=lambda copy: copy.form)
    found = found if order.document == "key" else [*wanted, *found]
    if not 1 <= len(found) <= MOST_COPIES:
        raise Refused("copies_out_of_range", 422, field="spares", limit=MOST_COPIES)
    return found


def _numbered_before(session: Session, order: PrintOrder) -> int:
    """How many numbered copies of the document the room had before: numbers are never given twice."""
    rows = session.scalars(
        select(PaperPrint.seats).where(
            PaperPrint.room_sitting_id == order.room_sitting, PaperPrint.document == order.document
        )
    )
    return sum(len(seats or ()) for seats in rows)


def _stamps(order: PrintOrder, found: list[_Copy], first: int, origin: str) -> list[dict[str, str]]:
    numbers = [str(number) if copy.seat else "" for number, copy in enumerate(found, first)]
    return [
        {
            "seat": copy.seat,
            "number": number,
            "ticket": copy.ticket,
            "form": copy.form,
            "code": f"EXAMHALL1 {order.document} {copy.form} {number or 'spare'} {origin}",
        }
        for copy, number in zip(found, numbers, strict=True)
    ]


def content_mark(data: Mapping[str, Any]) -> str:
    """16 hex digits over what a document says; printed on it, they tell two contents apart."""
    return hashlib.sha256(canonical(dict(data))).hexdigest()[:16]
