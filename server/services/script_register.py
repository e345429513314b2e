"""The scripts of a room for who manages them, and the marking register on paper.

Marks appear once a script has its own: before, nobody sees what one marker gave.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor
from server.db.rooms import Seat
from server.db.scripts import ScanPage, Script, ScriptReading
from server.db.sittings import Attempt, Registration
from server.services import scans, script_markers, script_objectives, script_room, staff
from server.services.paper_prints import content_mark, head
from server.services.roomstate import load
from server.services.script_room import SETTLED

_STATES = {
    "waiting": "待分配",
    "marking": "评阅中",
    "third": "第三人评阅",
    "settled": "已定分",
    "none": "无卷",
}
_RULES = {"mean": "二评平均", "median": "三评取中", "mean_of_three": "三评平均"}
# The register is printed: Chinese whatever language the screens speak.


@dataclass(frozen=True, slots=True)
class ReadingLine:
    """One marker of a script. `total` None: not handed in, or the script has no mark yet. `unfit`: the marker
    may not have an open script any more, a manager takes it back.
    """

    id: int
    turn: int
    name: str
    handed_at: datetime | None
    total: Decimal | None
    note: str
    unfit: bool = False


@dataclass(frozen=True, slots=True)
class ScriptLine:
    """A script: its code and, for who manages the room's scripts, the seat it was written at."""

    id: int
    code: str
    seat: str
    ticket: str
    form: str
    state: str
    note: str
    pages: tuple[ScanPage, ...]
    readings: tuple[ReadingLine, ...]
    computed: Decimal | None
    typed: bool
    points: Decimal | None
    rule: str
    wide: bool


@dataclass(frozen=True, slots=True)
class Overview:
    """All scripts of a room in the order of seats, how many are in which state, and its markers."""

    scripts: tuple[ScriptLine, ...]
    states: Mapping[str, int]
    loose: tuple[scans.LoosePage, ...]
    aside: tuple[scans.LoosePage, ...]
    markers: tuple[script_markers.MarkerLine, ...]


def overview(session: Session, actor: Actor, room_sitting_id: int) -> Overview:
    """Everything about the scripts of a room for who manages them."""
    script_room.managed(session, actor, room_sitting_id)
    rows = session.execute(
        select(Script, Seat.number, Registration.ticket, Attempt.form)
        .join(Attempt, Attempt.id == Script.attempt_id)
        .join(Registration, Registration.id == Attempt.registration_id)
        .join(Seat, Seat.id == Attempt.seat_id)
        .where(Script.room_sitting_id == room_sitting_id)
        .order_by(Seat.id)
    ).all()
    pages = scans.pages_of(session, room_sitting_id)
    readings = _readings(session, [script.id for script, *_rest in rows])
    lines = tuple(
        _line(session, (script, seat, ticket, form), pages, readings) for script, seat, ticket, form in rows
    )
    return Overview(
        scripts=lines,
        states=Counter(line.state for line in lines),
        loose=tuple(scans.loose(session, room_sitting_id)),
        aside=tuple(scans.aside(session, room_sitting_id)),
        markers=tuple(script_markers.register(session, room_sitting_id)),
    )


def document(
    session: Session, actor: Actor, room_sitting_id: int, *, now: datetime, zone: ZoneInfo
) -> dict[str, Any]:
    """The payload of the typesetting job for the marking register."""
    found, room = overview(session, actor, room_sitting_id), load(session, room_sitting_id)
    data = {
        "facts": [
            ["考场", room.room.name],
            ["考试时间", _moment(room.sitting.starts_at, zone)],
            ["允许分差", f"{room.policy.results.double_tolerance.normalize():f} 分"],
            ["答卷", f"{len(found.scripts)} 份，已定分 {found.states.get(SETTLED, 0)} 份"],
        ],
        "markers": [
            {
                "name": line.name,
                "allotted": line.allotted,
                "handed": line.handed,
                "thirds": line.thirds,
                "first": _moment(line.first_at, zone),
                "last": _moment(line.last_at, zone),
            }
            for line in found.markers
        ],
        "scripts": [
            _printed(line, zone) for line in sorted(found.scripts, key=lambda line: line.code)
        ],  # by code: the register says nothing of seats
    }
    return {
        "document": "script_register",
        "at": now.isoformat(),
        "head": head(room, content_mark(data), now=now, zone=zone),
        "data": data,
    }


def _printed(line: ScriptLine, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "code": line.code,
        "pages": len(line.pages),
        "state": _STATES.get(line.state, line.state),
        "readings": [
            {
                "name": each.name,
                "at": _moment(each.handed_at, zone),
                "total": "" if each.total is None else f"{each.total.normalize():f}",
            }
            for each in line.readings
        ],
        "points": "" if line.points is None else f"{line.points.normalize():f}",
        "rule": _RULES.get(line.rule, ""),
        "note": "；".join(filter(None, (line.note, "三人分差均大，已提示" if line.wide else ""))),
    }


def _line(
    session: Session,
    row: tuple[Script, str, str, str],
    pages: Mapping[int, list[ScanPage]],
    readings: Mapping[int, list[ReadingLine]],
) -> ScriptLine:
    script, seat, ticket, form = row
    settled: Mapping[str, Any] = script.settled or {}
    shown = readings.get(script.id, [])
    return ScriptLine(
        id=script.id,
        code=script.code,
        seat=seat,
        ticket=ticket,
        form=form,
        state=script.state,
        note=script.note,
        pages=tuple(pages.get(script.id, ())),
        readings=tuple(shown),
        computed=script_objectives.points(session, script.id),
        typed=script_objectives.waiting(session, script.id) is not None,
        points=script.points,
        rule=str(settled.get("rule", "")),
        wide=bool(settled.get("wide")),
    )


def _readings(session: Session, scripts: list[int]) -> dict[int, list[ReadingLine]]:
    query = (
        select(ScriptReading, Script)
        .join(Script, Script.id == ScriptReading.script_id)
        .where(ScriptReading.script_id.in_(scripts), ScriptReading.withdrawn_at.is_(None))
        .order_by(ScriptReading.script_id, ScriptReading.turn)
    )
    rows = session.execute(query).all()
    names = staff.names(session, [reading.user_id for reading, _script in rows])
    barred = script_markers.barred(session, {script for reading, script in rows if not reading.handed_at})
    found: dict[int, list[ReadingLine]] = {}
    for reading, script in rows:
        shown = script.state == SETTLED
        line = ReadingLine(
            id=reading.id,
            turn=reading.turn,
            name=names.get(reading.user_id, ""),
            handed_at=reading.handed_at,
            total=_total(reading, script) if shown else None,
            note=reading.note if shown else "",
            unfit=reading.handed_at is None and reading.user_id in barred.get(script.id, ()),
        )
        found.setdefault(reading.script_id, []).append(line)
    return found


def _total(reading: ScriptReading, script: Script) -> Decimal | None:
    """What counted of a reading: answers that were typed after it was handed in went before its own sum."""
    settled: Mapping[str, Any] = script.settled or {}
    counted = dict(zip(settled.get("readings", ()), settled.get("totals", ()), strict=False))
    return Decimal(counted[reading.id]) if reading.id in counted else reading.total


def _moment(value: datetime | None, zone: ZoneInfo) -> str:
    return f"{value.astimezone(zone):%Y-%m-%d %H:%M}" if value else ""
