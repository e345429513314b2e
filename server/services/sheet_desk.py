"""What an examiner's tablet is given: the sheets of one's own rooms of the day, by blind codes.

No names, no sheets of others, not even how far they are. A template comes only once its package was opened.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import Actor, Permission, Role
from server.db.assessing import ScorePhoto, ScoreRecord, ScoreSheet, SheetJournal, Station, Turn
from server.db.rooms import Room
from server.db.sittings import Assignment, Batch, RoomSitting, Sitting
from server.services import scoring_devices, sheets
from server.services.signed import need
from server.services.template_release import is_released, released_template

AROUND = timedelta(hours=18)
"""A sitting is of today when it begins so long before or after now."""
LATE = timedelta(days=14)
"""So long a room stays for who has not locked a sheet of it: a tablet may be without power on the evening."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A room of a sitting, as its examiner may know it."""

    row: RoomSitting
    room: str
    title: str
    component: str
    method: str
    starts_at: datetime
    leader: bool


@dataclass(frozen=True, slots=True)
class _Mine:
    """One's own sheets of some turns, by turn, and by sheet what is on them: read at once, asked for often.

    `journals`: this tablet's newest one, unless records in it have forked.
    """

    sheets: Mapping[int, ScoreSheet]
    journals: Mapping[int, dict[str, Any]]
    counts: Mapping[int, int]
    photos: Mapping[int, list[str]]


def prepare(session: Session, actor: Actor, device_id: int, *, now: datetime) -> None:
    """Makes the sheets and journals that the tablet will need, so that it can go on without the server.

    Raises `Forbidden`, `Refused` (`device_not_yours`).
    """
    need(actor, Permission.SCORE_SHEETS)
    scoring_devices.own(session, actor, device_id)
    scoring_devices.hold(session, actor)
    for place in _places(session, actor, now):
        for turn in _turns(session, place):
            if _may_mark(actor, place, turn):
                sheet = sheets.open_sheet(session, actor.user_id or 0, turn.id, now=now)
                if sheet.state != "locked":
                    sheets.open_journal(session, sheet, device_id, now=now)


def lacking(session: Session, actor: Actor, device_id: int, *, now: datetime) -> bool:
    """Whether `prepare` would make anything: looking costs no write."""
    for place in _places(session, actor, now):
        turns = [turn for turn in _turns(session, place) if _may_mark(actor, place, turn)]
        mine = _mine(session, actor, device_id, turns)
        if any(turn.id not in mine.sheets for turn in turns):
            return True
        if any(s.state != "locked" and s.id not in mine.journals for s in mine.sheets.values()):
            return True
    return False


def picture(
    session: Session, actor: Actor, device_id: int, known: Mapping[str, int], *, now: datetime
) -> dict[str, Any]:
    """Everything for the tablet as plain values. `known`: sheet -> records it has already; those are left out
    when no more have come. "template/ROOM" -> 1 for a template it has: {"same": true} stands in its place.

    {"now", "rooms": [{"id", "room", "title", "component", "method", "starts_at", "state", "leader",
    "template" or null, "turns": [...]}]}. Raises `Forbidden`, `Refused` (`device_not_yours`).
    """
    need(actor, Permission.SCORE_SHEETS)
    scoring_devices.own(session, actor, device_id)
    rooms = [_room(session, actor, device_id, known, place) for place in _places(session, actor, now)]
    return {"now": now.isoformat(), "rooms": rooms}


def _places(session: Session, actor: Actor, now: datetime) -> list[_Place]:
    """Rooms of today where the person is or was an examiner, and earlier ones with sheets left to lock."""
    query = (
        select(RoomSitting, Room.name, Batch.name, Sitting, Assignment)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .join(Room, Room.id == RoomSitting.room_id)
        .outerjoin(
            Assignment,
            (Assignment.room_sitting_id == RoomSitting.id)
            & (Assignment.user_id == actor.user_id)
            & (Assignment.role == str(Role.EXAMINER)),
        )
        .where(
            Sitting.starts_at.between(now - AROUND, now + AROUND)
            | (Sitting.starts_at.between(now - LATE, now) & RoomSitting.id.in_(_rooms_to_lock(actor)))
        )
        .where(Assignment.user_id.is_not(None) | RoomSitting.id.in_(_rooms_of_sheets(actor)))
        .order_by(Sitting.starts_at, RoomSitting.id)
    )
    return [
        _Place(
            row,
            room,
            f"{batch} · {sitting.number}",
            sitting.component,
            sitting.method,
            sitting.starts_at,
            duty is not None and duty.leader,
        )
        for row, room, batch, sitting, duty in session.execute(query)
        if row.void_at is None
    ]


def _rooms_of_sheets(actor: Actor) -> Any:  # noqa: ANN401 - a SQL subquery
    return (
        select(Turn.room_sitting_id)
        .join(ScoreSheet, ScoreSheet.turn_id == Turn.id)
        .where(ScoreSheet.user_id == actor.user_id)
    )


def _rooms_to_lock(actor: Actor) -> Any:  # noqa: ANN401 - a SQL subquery
    """Rooms where somebody whom the person assessed is done and the person's own sheet is open."""
    left = ScoreSheet.state == "open", Turn.state == "done", RoomSitting.state.in_(("running", "ended"))
    return _rooms_of_sheets(actor).join(RoomSitting, RoomSitting.id == Turn.room_sitting_id).where(*left)


def _turns(session: Session, place: _Place) -> Sequence[Turn]:
    query = select(Turn).where(Turn.room_sitting_id == place.row.id).order_by(Turn.number)
    return session.scalars(query).all()


def _may_mark(actor: Actor, place: _Place, turn: Turn) -> bool:
    """Whether the turn is the examiner's: by its panel once it has one, until then by duty in the room."""
    if turn.state == "absent":
        return False
    return actor.user_id in turn.panel if turn.panel else _template_out(place)


def _template_out(place: _Place) -> bool:
    return place.row.state in ("released", "running", "ended", "marked")


def _mine(session: Session, actor: Actor, device_id: int, turns: Sequence[Turn]) -> _Mine:
    query = select(ScoreSheet).where(
        ScoreSheet.user_id == actor.user_id, ScoreSheet.turn_id.in_([turn.id for turn in turns])
    )
    found = session.scalars(query).all()
    ids = [sheet.id for sheet in found]
    rows = session.execute(
        select(ScoreRecord.sheet_id, ScoreRecord.journal, ScoreRecord.seq, ScoreRecord.hash)
        .add_columns(ScoreRecord.forked)
        .where(ScoreRecord.sheet_id.in_(ids))
        .order_by(ScoreRecord.seq)
    ).all()
    ends = {(row.sheet_id, row.journal): (row.seq, row.hash) for row in rows if not row.forked}
    forked = {(row.sheet_id, row.journal) for row in rows if row.forked}
    newest = (
        select(SheetJournal)
        .where(SheetJournal.device_id == device_id, SheetJournal.sheet_id.in_(ids))
        .order_by(SheetJournal.journal)
    )
    last = {journal.sheet_id: journal for journal in session.scalars(newest)}
    photos: dict[int, list[str]] = {}
    taken = select(ScorePhoto.sheet_id, ScorePhoto.sha256).where(ScorePhoto.sheet_id.in_(ids))
    for row in session.execute(taken):
        photos.setdefault(row.sheet_id, []).append(row.sha256)
    journals = {}
    for sheet_id, journal in last.items():
        seq, head = ends.get((sheet_id, journal.journal), (0, journal.parent))
        if (sheet_id, journal.journal) not in forked:
            journals[sheet_id] = {"journal": journal.journal, "seq": seq, "head": head}
    counts = Counter(row.sheet_id for row in rows)
    return _Mine({sheet.turn_id: sheet for sheet in found}, journals, counts, photos)


def _room(
    session: Session, actor: Actor, device_id: int, known: Mapping[str, int], place: _Place
) -> dict[str, Any]:
    template = _template(session, place, same=known.get(f"template/{place.row.id}") == 1)
    turns = _turns(session, place) if template else ()
    mine = _mine(session, actor, device_id, turns)
    stations = _stations(session, place)
    shown = [
        {
            "id": turn.id,
            "number": turn.number,
            "code": turn.code,
            "station": stations.get(turn.station_id or 0, ""),
            "state": turn.state,
            "mine": _may_mark(actor, place, turn),
            "started_at": _moment(turn.started_at),
            "ended_at": _moment(turn.ended_at),
            "overtime_seconds": turn.overtime_seconds,
            "sheet": _sheet(session, actor, mine, known, turn),
        }
        for turn in turns
    ]
    return {
        "id": place.row.id,
        "room": place.room,
        "title": place.title,
        "component": place.component,
        "method": place.method,
        "starts_at": place.starts_at.isoformat(),
        "state": place.row.state,
        "leader": place.leader,
        "template": template,
        "turns": shown,
    }


def _template(session: Session, place: _Place, *, same: bool) -> dict[str, object] | None:
    if not _template_out(place) or not is_released(session, place.row.id):
        return None
    return {"same": True} if same else released_template(session, place.row.id).to_json()


def _stations(session: Session, place: _Place) -> dict[int, str]:
    query = select(Station.id, Station.number).where(Station.room_id == place.row.room_id)
    return {row.id: row.number for row in session.execute(query)}


def _sheet(
    session: Session, actor: Actor, mine: _Mine, known: Mapping[str, int], turn: Turn
) -> dict[str, Any] | None:
    sheet = mine.sheets.get(turn.id)
    if sheet is None:
        return None
    same = known.get(sheet.uid, -1) == mine.counts.get(sheet.id, 0)
    return {
        "uid": sheet.uid,
        "state": sheet.state,
        "locked_at": _moment(sheet.locked_at),
        "receipt": (sheet.lock or {}).get("receipt", ""),
        "head": (sheet.lock or {}).get("head", ""),
        "journal": mine.journals.get(sheet.id),
        "records": None if same else _records(session, actor, sheet),
        "photos": sorted(mine.photos.get(sheet.id, ())),
    }


def _records(session: Session, actor: Actor, sheet: ScoreSheet) -> list[dict[str, Any]]:
    return [
        {
            "journal": kept.journal,
            "seq": kept.seq,
            "hash": kept.hash,
            "action": kept.action,
            "refused": kept.refused,
        }
        for kept in sheets.own_records(session, actor, sheet)
    ]


def _moment(value: datetime | None) -> str | None:
    return value.isoformat() if value else None
