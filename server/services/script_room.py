"""A room whose written papers are marked under blind codes: its scripts, and what there is to mark."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from itembank import richtext
from itembank.items import EXAMINED
from itembank.package import open_section, section_key
from server.access import Actor, Permission
from server.db.base import TO_CHANGE
from server.db.papers import PaperPrint
from server.db.rooms import Room
from server.db.scripts import ScanPage, Script, ScriptReading
from server.db.sittings import Attempt, Batch, RoomSitting, Sitting
from server.errors import NotFound, Refused
from server.rules.policy_components import ComponentTerms, Method, Scale
from server.services import audit, packages, script_criteria
from server.services.duty import on_duty
from server.services.roomstate import RoomState, load
from server.services.signed import Signed, need, need_reason

WAITING, MARKING, THIRD, SETTLED, NONE = "waiting", "marking", "third", "settled", "none"
OBJECTIVE = "objective"
"""The place of what a key marks among the points that a marker gives."""
WHOLE = ""
"""The place of a whole paper there."""
_LETTERS = "ABCDEFGHJKMNPQRTUVWXY346789"  # none that a hand or an eye takes for another
_CODE_LENGTH = 5
_AFTERWARDS = ("ended", "collected", "marked")


@dataclass(frozen=True, slots=True)
class Question:
    """Something to give points for: `place` is an item's uid, `OBJECTIVE` or `WHOLE`; texts as characters."""

    place: str
    number: str
    most: Decimal
    stem: str = ""
    criteria: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ScriptRoomLine:
    """A room of the list: how many scripts it has, and how many of them have their mark."""

    room_sitting: int
    batch: str
    room: str
    starts_at: datetime
    state: str
    scripts: int
    settled: int


def rooms(session: Session, actor: Actor) -> list[ScriptRoomLine]:
    """Rooms that hold, or printed, papers on paper; the latest first. For who brings scans in."""
    need(actor, Permission.MANAGE_SCRIPTS)
    made = select(func.count()).where(Script.room_sitting_id == RoomSitting.id, Script.state != NONE)
    done = made.where(Script.state == SETTLED)
    printed = select(PaperPrint.id).where(PaperPrint.room_sitting_id == RoomSitting.id).exists()
    begun = select(Script.id).where(Script.room_sitting_id == RoomSitting.id).exists()
    query = (
        select(RoomSitting, Sitting.starts_at, Batch.name, Room.name, made.scalar_subquery())
        .add_columns(done.scalar_subquery())
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .join(Room, Room.id == RoomSitting.room_id)
        .where(or_(Sitting.method == str(Method.PAPER), printed, begun))
        .order_by(Sitting.starts_at.desc(), Room.name)
        .limit(200)
    )
    return [
        ScriptRoomLine(row.id, batch, room, starts_at, row.state, scripts, settled)
        for row, starts_at, batch, room, scripts, settled in session.execute(query)
    ]


def managed(session: Session, actor: Actor, room_sitting_id: int, *, lock: bool = False) -> RoomState:
    """The room for who manages its scripts: on duty or not, but never before the writing is over."""
    need(actor, Permission.MANAGE_SCRIPTS)
    room = load(session, room_sitting_id, lock=lock)
    if room.row.state not in _AFTERWARDS:
        raise Refused("scripts_before_end", 409)
    return room


def scale_of(room: RoomState) -> Scale:
    """The scale of the component that the paper was written for."""
    try:
        terms: ComponentTerms = room.policy.terms_of(room.sitting.component)
    except KeyError:
        return room.policy.scale
    return terms.scale


def prepare(session: Session, actor: Actor, room_sitting_id: int, *, now: datetime) -> int:
    """Makes a script under a blind code for every attempt of the room that has none; how many it made.

    Their ids follow no order of seats.
    """
    managed(session, actor, room_sitting_id, lock=True)
    have = select(Script.attempt_id).where(Script.room_sitting_id == room_sitting_id)
    query = select(Attempt.id).where(
        Attempt.room_sitting_id == room_sitting_id, Attempt.id.not_in(have.scalar_subquery())
    )
    attempts = list(session.scalars(query.order_by(Attempt.id)))
    if not attempts:
        return 0
    secrets.SystemRandom().shuffle(attempts)
    taken = set(session.scalars(select(Script.code).where(Script.room_sitting_id == room_sitting_id)))
    for attempt in attempts:
        code = _new_code(taken)
        session.add(Script(room_sitting_id=room_sitting_id, attempt_id=attempt, code=code, made_at=now))
    session.flush()
    stream = audit.sitting_stream(room_sitting_id)
    audit.record(session, stream, actor, "scripts_prepared", stream, now=now, scripts=len(attempts))
    return len(attempts)


def leave_out(session: Session, signed: Signed, script_id: int, *, now: datetime) -> None:
    """No paper was handed in at this seat: nobody marks it. Taken back by `take_in`.

    Raises `Refused` (`script_has_pages`) while scanned pages say that there was one.
    """
    script = locked(session, signed.actor, script_id)
    need_reason(signed)
    if script.state != WAITING or active_readings(session, script.id):
        raise Refused("script_in_marking", 409)
    pages = select(ScanPage.id).where(ScanPage.script_id == script.id, ScanPage.set_aside_at.is_(None))
    if session.scalar(pages.limit(1)) is not None:
        raise Refused("script_has_pages", 409)
    script.state, script.note = NONE, signed.reason.strip()[:200]
    note(session, signed.actor, "script_left_out", script, now, **signed.why())


def take_in(session: Session, actor: Actor, script_id: int, *, now: datetime) -> None:
    """A paper turned up after all."""
    script = locked(session, actor, script_id)
    if script.state != NONE:
        raise Refused("script_in_marking", 409)
    script.state, script.note = WAITING, ""
    note(session, actor, "script_taken_in", script, now)


def locked(session: Session, actor: Actor, script_id: int) -> Script:
    """A script for who manages the room's scripts, kept from other writers until the commit."""
    found = session.get(Script, script_id)
    if found is None:
        raise NotFound("script")
    managed(session, actor, found.room_sitting_id, lock=True)
    return session.get_one(Script, script_id, with_for_update=TO_CHANGE, populate_existing=True)


def active_readings(session: Session, script_id: int) -> list[ScriptReading]:
    """The readings of a script that were not taken back, in the order of their turns."""
    query = select(ScriptReading).where(
        ScriptReading.script_id == script_id, ScriptReading.withdrawn_at.is_(None)
    )
    return list(session.scalars(query.order_by(ScriptReading.turn, ScriptReading.id)))


def note(session: Session, actor: Actor, act: str, script: Script, now: datetime, **facts: object) -> None:
    """An act on a script, in the chain of its room; the blind code is all it says of the person."""
    stream = audit.sitting_stream(script.room_sitting_id)
    audit.record(session, stream, actor, act, f"script/{script.id}", now=now, code=script.code, **facts)


def questions(session: Session, room: RoomState, form: str) -> tuple[Question, ...]:
    """What there is to give points for on a form: each question that examiners mark, and what a key marks as
    one place. A paper whose package is not open here any more, or without such questions, is marked whole.
    """
    whole = (Question(WHOLE, "", scale_of(room).max),)
    opened = _sections(session, room.row.id, form)
    if opened is None:
        return whole
    paper, key = opened
    entries: Mapping[str, Any] = key["items"]
    wanted = [item for item in paper["items"] if item["kind"] in EXAMINED]
    criteria = script_criteria.criteria(session, room.sitting, form, [str(item["id"]) for item in wanted])
    found = [_question(paper, item, entries, criteria.get(str(item["id"]), ())) for item in wanted]
    if not found:
        return whole
    rest = sum(
        (Decimal(str(entry["points"])) for entry in entries.values() if entry["kind"] not in EXAMINED),
        Decimal(0),
    )
    return ((Question(OBJECTIVE, "", rest), *found)) if rest else tuple(found)


def key_of(session: Session, room_sitting_id: int, form: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A form and its key as the package holds them. Raises `Refused` when it is not open here."""
    package = packages.needed(session, room_sitting_id)
    content_key = packages.content_key(session, package)

    def section(name: str) -> dict[str, Any]:
        return open_section(package.data, name, section_key(content_key, name))

    return section(f"paper/{form}"), section(f"key/{form}")


def may_mark_here(session: Session, actor: Actor, room_sitting_id: int) -> bool:
    """Whether the person was not on duty in the room: who was knows its seats, and marks nothing of it."""
    return not on_duty(session, actor, room_sitting_id)


def _sections(
    session: Session, room_sitting_id: int, form: str
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    try:
        return key_of(session, room_sitting_id, form)
    except (Refused, KeyError):
        return None


def _question(
    paper: Mapping[str, Any],
    item: Mapping[str, Any],
    entries: Mapping[str, Any],
    criteria: tuple[tuple[str, str], ...],
) -> Question:
    groups = paper.get("groups", {})
    said = [groups[item["group"]]] if item.get("group") in groups else []
    entry = entries.get(item["id"], {})
    stem = "\n\n".join(_characters(part) for part in (*said, item))
    points = Decimal(str(entry.get("points", item["points"])))
    return Question(item["id"], str(item["number"]), points, stem, criteria)


def _characters(part: Mapping[str, Any]) -> str:
    return richtext.plain(part["stem"]) if part.get("markup") == "html" else str(part["stem"])


def _new_code(taken: set[str]) -> str:
    while True:
        code = "".join(secrets.choice(_LETTERS) for _place in range(_CODE_LENGTH))
        if code not in taken:
            taken.add(code)
            return code
