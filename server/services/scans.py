"""Scanned pages of written papers: stored sealed in strips, joined to scripts by the code printed on them.

A page whose code cannot be read belongs to nobody until a person says so; nothing is guessed.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.base import vault_of
from server.db.papers import PaperPrint
from server.db.rooms import Seat
from server.db.scripts import ScanPage, ScanUpload, Script, ScriptReading
from server.db.sittings import Attempt, RoomSitting
from server.errors import NotFound, Refused
from server.rules.script_marks import code_of
from server.services import audit, script_room
from server.services.script_room import MARKING, NONE, WAITING
from server.services.signed import need
from server.services.staff_incidents import looked_before

PURPOSE = "scan"
PARTS = ("stamp", "head", "body")
BY_CODE, BY_ORDER, BY_HAND = "code", "order", "hand"
_SHEETS = ("sheet", "paper")


@dataclass(frozen=True, slots=True)
class Brought:
    """A file of scans as it came: hash (hex) and size."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a file: pages kept, pages joined to a script, pages that were there already."""

    pages: int
    matched: int
    again: int


@dataclass(frozen=True, slots=True)
class LoosePage:
    """A page that belongs to no script: `code` is what its QR said, "" for none."""

    id: int
    upload: int
    number: int
    code: str


@dataclass(frozen=True, slots=True)
class MarkedPage:
    """A page before its marker: `place` in the script; `head`: the strip above the body is shown, too."""

    id: int
    place: int
    head: bool


@dataclass(frozen=True, slots=True)
class Where:
    """A strip as a marker asks for it: the reading, the page's place in the script, head or body."""

    reading: int
    place: int
    part: str


def store(  # noqa: PLR0913 - a file, its pages and the room they are of
    session: Session,
    actor: Actor,
    room_sitting_id: int,
    brought: Brought,
    read: Mapping[str, Any],
    *,
    now: datetime,
) -> Stored:
    """Keeps what the job `read_scans` found. Raises `Refused`: scripts_before_end, scan_again."""
    room = script_room.managed(session, actor, room_sitting_id, lock=True)
    script_room.prepare(session, actor, room_sitting_id, now=now)
    known = select(ScanUpload.id).where(
        ScanUpload.room_sitting_id == room_sitting_id, ScanUpload.sha256 == brought.sha256
    )
    if session.scalar(known) is not None:
        raise Refused("scan_again", 409, field="file")
    upload = ScanUpload(
        room_sitting_id=room_sitting_id,
        sha256=brought.sha256,
        size=brought.size,
        pages=len(read["pages"]),
        uploaded_at=now,
        uploaded_by=actor.user_id,
    )
    session.add(upload)
    session.flush()
    pages, matched = _keep_pages(session, room.row, upload, read), 0
    for page in pages:
        script = _script_of(session, room.row, page.code)
        if script is not None and _open_for_pages(session, script):
            _join(session, page, script, BY_CODE)
            matched += 1
    stream = audit.sitting_stream(room_sitting_id)
    facts = {"sha256": upload.sha256, "pages": len(pages), "matched": matched}
    audit.record(session, stream, actor, "scans_stored", f"scans/{upload.id}", now=now, **facts)
    return Stored(len(pages), matched, upload.pages - len(pages))


def loose(session: Session, room_sitting_id: int) -> list[LoosePage]:
    """Pages that belong to no script, in the order in which they came."""
    return _unjoined(session, room_sitting_id, ScanPage.set_aside_at.is_(None))


def aside(session: Session, room_sitting_id: int) -> list[LoosePage]:
    """Pages that somebody set aside, in the order in which they came."""
    return _unjoined(session, room_sitting_id, ScanPage.set_aside_at.is_not(None))


def _unjoined(session: Session, room_sitting_id: int, which: ColumnElement[bool]) -> list[LoosePage]:
    query = (
        select(ScanPage.id, ScanPage.upload_id, ScanPage.number, ScanPage.code)
        .where(ScanPage.room_sitting_id == room_sitting_id, ScanPage.script_id.is_(None), which)
        .order_by(ScanPage.id)
    )
    return [LoosePage(*row) for row in session.execute(query)]


def match(session: Session, actor: Actor, page_id: int, seat: str, *, now: datetime) -> None:
    """A person says at which seat a loose page was written."""
    page = _page(session, actor, page_id)
    _need_loose(page)
    query = (
        select(Script)
        .join(Attempt, Attempt.id == Script.attempt_id)
        .join(Seat, Seat.id == Attempt.seat_id)
        .where(Script.room_sitting_id == page.room_sitting_id, Seat.number == seat.strip())
    )
    script = session.scalars(query).first()
    if script is None:
        raise Refused("scan_seat_unknown", 422, field="seat", seat=seat.strip()[:8])
    _need_open(session, script)
    _join(session, page, script, BY_HAND)
    _note(session, actor, "scan_matched", page, now, code=script.code)


def match_in_order(
    session: Session, actor: Actor, room_sitting_id: int, pages_each: int, *, now: datetime
) -> int:
    """Loose pages in their order belong to the scripts without pages in the order of seats, so many each.

    Raises `Refused` unless they come out even (`scan_order_count`), or when the code of one names a seat or
    another room (`scan_order_coded`); then somebody has to look at each.
    """
    script_room.managed(session, actor, room_sitting_id, lock=True)
    pages = loose(session, room_sitting_id)
    coded = sum(_names_a_place(page.code) for page in pages)
    if coded:
        raise Refused("scan_order_coded", 422, field="pages_each", pages=coded)
    scripts = _without_pages(session, room_sitting_id)
    if pages_each < 1 or not pages or len(pages) != pages_each * len(scripts):
        raise Refused("scan_order_count", 422, field="pages_each", pages=len(pages), scripts=len(scripts))
    for place, found in enumerate(pages):
        script = scripts[place // pages_each]
        _need_open(session, script)
        _join(session, session.get_one(ScanPage, found.id), script, BY_ORDER)
    stream = audit.sitting_stream(room_sitting_id)
    facts = {"pages": len(pages), "each": pages_each}
    audit.record(session, stream, actor, "scans_matched_in_order", stream, now=now, **facts)
    return len(pages)


def loosen(session: Session, actor: Actor, page_id: int, *, now: datetime) -> None:
    """A page was joined to the wrong script: it belongs to none again."""
    page = _page(session, actor, page_id)
    if page.script_id is None:
        raise NotFound("page")
    script = session.get_one(Script, page.script_id)
    _need_open(session, script)
    page.script_id, page.matched_by, page.place = None, "", 0
    _note(session, actor, "scan_loosened", page, now, code=script.code)


def set_aside(session: Session, actor: Actor, page_id: int, *, now: datetime) -> None:
    """A page is nobody's work (a blank back, a cover): it is kept and shown to nobody."""
    page = _page(session, actor, page_id)
    _need_loose(page)
    page.set_aside_at = now
    _note(session, actor, "scan_set_aside", page, now)


def recall(session: Session, actor: Actor, page_id: int, *, now: datetime) -> None:
    """A page that was set aside is somebody's work after all: it waits among the loose ones again."""
    page = _page(session, actor, page_id)
    if page.set_aside_at is None:
        raise NotFound("page")
    page.set_aside_at = None
    _note(session, actor, "scan_recalled", page, now)


def strip(session: Session, actor: Actor, page_id: int, part: str, *, now: datetime) -> bytes:
    """One strip of a page as JPEG for who manages the scripts, on the record once for each person and page.

    Raises `NotFound` for everything else.
    """
    page = session.get(ScanPage, page_id)
    if page is None or part not in PARTS or not actor.can(Permission.MANAGE_SCRIPTS):
        raise NotFound("page")
    return _opened(session, actor, page, part, now)


def marked_strip(session: Session, actor: Actor, where: Where, *, now: datetime) -> bytes:
    """The same for who marks the script: the body of its pages, the head of those where it may be shown.

    Named by the reading, for numbers of pages follow the scanner and so the seats.
    """
    reading = session.get(ScriptReading, where.reading)
    mine = reading is not None and reading.user_id == actor.user_id and reading.withdrawn_at is None
    if reading is None or not mine or not actor.can(Permission.MARK_SCRIPTS):
        raise NotFound("page")
    shown = {page.place: page for page in marked_pages(session, [reading.script_id])[reading.script_id]}
    page = shown.get(where.place)
    if page is None or not (where.part == "body" or (where.part == "head" and page.head)):
        raise NotFound("page")
    return _opened(session, actor, session.get_one(ScanPage, page.id), where.part, now)


def marked_pages(session: Session, scripts: Collection[int]) -> Mapping[int, tuple[MarkedPage, ...]]:
    """The pages of scripts in their order, as markers may see them.

    The head of a first page has the boxes for name and ticket. A page that was scanned before the one that
    stands first, or was brought in another file, may be that first page: its head is not shown either.
    """
    query = select(ScanPage.script_id, ScanPage.id, ScanPage.place, ScanPage.upload_id, ScanPage.number)
    query = query.where(ScanPage.script_id.in_(list(scripts)), ScanPage.set_aside_at.is_(None))
    first: dict[int, tuple[int, int]] = {}
    found: dict[int, list[MarkedPage]] = {script: [] for script in scripts}
    for script, page, place, upload, number in session.execute(query.order_by(ScanPage.place)):
        start = first.setdefault(script or 0, (upload, number))
        head = upload == start[0] and number > start[1]
        found[script or 0].append(MarkedPage(page, place, head))
    return {script: tuple(pages) for script, pages in found.items()}


def _opened(session: Session, actor: Actor, page: ScanPage, part: str, now: datetime) -> bytes:
    stream, name = audit.sitting_stream(page.room_sitting_id), f"scan-page/{page.id}"
    if not looked_before(session, actor, stream, name):
        audit.record(session, stream, actor, "scan_viewed", name, now=now)
    sealed = {"stamp": page.sealed_stamp, "head": page.sealed_head, "body": page.sealed_body}[part]
    return vault_of(session).open_value(PURPOSE, f"{page.sha256}/{part}", sealed)


def pages_of(session: Session, room_sitting_id: int) -> dict[int, list[ScanPage]]:
    """Pages by script, in their order."""
    query = select(ScanPage).where(
        ScanPage.room_sitting_id == room_sitting_id, ScanPage.script_id.is_not(None)
    )
    found: dict[int, list[ScanPage]] = {}
    for page in session.scalars(query.order_by(ScanPage.script_id, ScanPage.place)):
        found.setdefault(page.script_id or 0, []).append(page)
    return found


def _keep_pages(
    session: Session, row: RoomSitting, upload: ScanUpload, read: Mapping[str, Any]
) -> list[ScanPage]:
    query = select(ScanPage.sha256).where(ScanPage.room_sitting_id == row.id)
    known, vault, kept = set(session.scalars(query)), vault_of(session), []
    for number, told in enumerate(read["pages"]):
        strips = {part: bytes(read[f"{part}-{number}"]) for part in PARTS}
        sha256 = hashlib.sha256(b"".join(strips.values())).hexdigest()
        if sha256 in known:
            continue
        known.add(sha256)
        sealed = {
            f"sealed_{part}": vault.seal_value(PURPOSE, f"{sha256}/{part}", data)
            for part, data in strips.items()
        }
        page = ScanPage(
            upload_id=upload.id,
            room_sitting_id=row.id,
            number=number + 1,
            code=str(told["code"])[:120],
            sha256=sha256,
            **sealed,
        )
        session.add(page)
        kept.append(page)
    session.flush()
    return kept


def _need_loose(page: ScanPage) -> None:
    if page.script_id is not None or page.set_aside_at is not None:
        raise Refused("scan_not_loose", 409)


def _names_a_place(text: str) -> bool:
    """Whether a code is that of a numbered copy: such a page is joined by it, or by a person who looked."""
    told = code_of(text)
    return told is not None and told[2].isdecimal()


def _script_of(session: Session, row: RoomSitting, text: str) -> Script | None:
    """The script that a printed copy's code names: its number leads to a seat by the printings on record."""
    told = code_of(text)
    if told is None:
        return None
    document, form, number, origin = told
    if document not in _SHEETS or not number.isdecimal() or not origin.startswith(row.uid[:8] + " "):
        return None
    seats = _numbered(session, row.id, document)
    if not 1 <= int(number) <= len(seats):
        return None
    query = (
        select(Script)
        .join(Attempt, Attempt.id == Script.attempt_id)
        .join(Seat, Seat.id == Attempt.seat_id)
        .where(Script.room_sitting_id == row.id, Attempt.form == form)
        .where(Seat.number == seats[int(number) - 1])
    )
    return session.scalars(query).first()


def _numbered(session: Session, room_sitting_id: int, document: str) -> list[str]:
    """The seats in the order of the numbers on the copies (`paper_prints`): number 1 is the first."""
    query = select(PaperPrint.seats).where(
        PaperPrint.room_sitting_id == room_sitting_id, PaperPrint.document == document
    )
    return [seat for seats in session.scalars(query.order_by(PaperPrint.id)) for seat in seats or ()]


def _without_pages(session: Session, room_sitting_id: int) -> Sequence[Script]:
    has = select(ScanPage.id).where(ScanPage.script_id == Script.id).exists()
    query = (
        select(Script)
        .join(Attempt, Attempt.id == Script.attempt_id)
        .where(Script.room_sitting_id == room_sitting_id, Script.state != NONE, ~has)
        .order_by(Attempt.seat_id)
    )
    return session.scalars(query).all()


def _join(session: Session, page: ScanPage, script: Script, by: str) -> None:
    last = session.scalar(select(func.max(ScanPage.place)).where(ScanPage.script_id == script.id))
    page.script_id, page.matched_by, page.place = script.id, by, (last or 0) + 1
    session.flush()


def _open_for_pages(session: Session, script: Script) -> bool:
    """Pages come and go only while nobody has handed the script in: markers saw the same pages."""
    if script.state not in (WAITING, MARKING):
        return False
    return all(reading.handed_at is None for reading in script_room.active_readings(session, script.id))


def _need_open(session: Session, script: Script) -> None:
    if not _open_for_pages(session, script):
        raise Refused("script_in_marking", 409, field="seat")


def _page(session: Session, actor: Actor, page_id: int) -> ScanPage:
    found = session.get(ScanPage, page_id)
    if found is None:
        raise NotFound("page")
    script_room.managed(session, actor, found.room_sitting_id, lock=True)
    return session.get_one(ScanPage, page_id, populate_existing=True)


def _note(session: Session, actor: Actor, act: str, page: ScanPage, now: datetime, **facts: object) -> None:
    need(actor, Permission.MANAGE_SCRIPTS)
    stream = audit.sitting_stream(page.room_sitting_id)
    audit.record(session, stream, actor, act, f"scan/{page.id}", now=now, **facts)
