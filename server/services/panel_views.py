"""The scores of a room as screens and papers show them: by number and blind code, never by name."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from itembank.sheet_marks import Marks, SheetScore, fold, score
from itembank.sheet_values import SheetItem, Template, plain
from server.access import Actor, Permission, Role
from server.db.assessing import PanelScore, ScoreRecord, ScoreSheet, Station, Turn
from server.db.people import User, UserRole
from server.db.rooms import Room
from server.db.sittings import Batch, RoomSitting, Sitting
from server.errors import NotFound
from server.rules.panel_scores import SUPERVISOR
from server.rules.policy_components import ASSESSED
from server.services import panel_scores, panels, sheet_photos, sheets, staff, turns
from server.services.assessment_room import DONE, AssessmentRoom
from server.services.panel_scores import CHECKED, CONFIRMED, awaits_second
from server.services.panel_sight import Seen, need_room, sat_on
from server.services.panels import PanelSeat
from server.services.signed import need
from server.services.template_release import released_template

LATE = "sheet_locked"
"""Why a record of a locked sheet does not count."""


@dataclass(frozen=True, slots=True)
class RoomLine:
    """One room for the list: how many performed, and how far their scores are."""

    room_sitting: int
    batch: str
    sitting: int
    component: str
    room: str
    starts_at: datetime
    state: str
    done: int
    aggregated: int
    arbitration: int
    checked: int


@dataclass(frozen=True, slots=True)
class TurnLine:
    """One candidate. Of the sheets counts alone until `open`: all locked; then score and totals by examiner.

    `forks`, `late`: records that do not count. `score` is None while something waits.
    """

    turn: int
    number: int
    code: str
    state: str
    locked: int
    needed: int
    forks: int
    late: int
    open: bool
    row: PanelScore | None
    totals: tuple[tuple[str, str], ...]

    @property
    def ready(self) -> bool:
        """Whether the turn can be aggregated now: the first time, or with a second panel's sheets."""
        fresh = self.row is None or (self.row.state == panel_scores.ARBITRATING and awaits_second(self.row))
        return self.state == DONE and self.open and fresh

    @property
    def mark(self) -> str:
        """The state of the score as badges know it."""
        if self.row is not None:
            return self._mark_of(self.row)
        if self.state != DONE:
            return "panel_running" if self.state != "absent" else "absent"
        return "panel_locked" if self.open else "panel_scoring"

    @staticmethod
    def _mark_of(row: PanelScore) -> str:
        if awaits_second(row):
            return "panel_second"
        veto = row.state == panel_scores.ARBITRATING and SUPERVISOR in row.detail["needs"]
        return "panel_veto" if veto else f"panel_{row.state}"


@dataclass(frozen=True, slots=True)
class Overview:
    """A room with all its turns in the drawn order."""

    seen: Seen
    panel: tuple[PanelSeat, ...]
    lines: tuple[TurnLine, ...]

    @property
    def place(self) -> AssessmentRoom:
        """The room's rows."""
        return self.seen.place

    def count(self, *marks: str) -> int:
        """How many turns are in one of these states."""
        return sum(line.mark in marks for line in self.lines)

    def waiting(self, state: str) -> list[TurnLine]:
        """The turns whose score is in that state."""
        return [line for line in self.lines if line.row is not None and line.row.state == state]


@dataclass(frozen=True, slots=True)
class Column:
    """One examiner's sheet of a turn. `locked_at`, and the end of its chain as the receipt shows it."""

    user: int
    name: str
    marks: Marks
    score: SheetScore
    locked_at: datetime | None
    head: str
    second: bool


@dataclass(frozen=True, slots=True)
class ItemLine:
    """One item side by side; `differs`: not everybody gave the same."""

    task: str
    number: str
    content: str
    points: Decimal
    given: tuple[Decimal, ...]
    said: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the sheets disagree here."""
        return len(set(self.given)) > 1


@dataclass(frozen=True, slots=True)
class TurnView:
    """One turn with all its sheets, each revision of its score, and who decided what."""

    overview: Overview
    line: TurnLine
    station: str
    overtime_seconds: int
    template: Template
    columns: tuple[Column, ...]
    items: tuple[ItemLine, ...]
    history: tuple[PanelScore, ...]
    names: Mapping[int, str]
    photos: tuple[tuple[int, str], ...]
    """Number of a photo, and the item it belongs to ("" for the sheet)."""

    @property
    def counted(self) -> tuple[str, ...]:
        """What each sheet counts for when vetoes that hold take points from it; empty when none does."""
        totals = self.line.row.detail.get("totals", {}) if self.line.row else {}
        found = tuple(str(totals.get(str(column.user), "")) for column in self.columns)
        plainly = tuple(plain(column.score.total) for column in self.columns)
        return found if all(found) and found != plainly else ()

    def veto_text(self, code: str) -> str:
        """What a veto of the template says."""
        return next((veto.text for veto in self.template.vetoes() if veto.code == code), code)


def rooms(session: Session, actor: Actor) -> list[RoomLine]:
    """All assessed rooms but those on whose panel the person sits, the newest first: counts tell of marks."""
    need(actor, Permission.SEE_PANELS)
    mine = sat_on(session, actor)
    return [line for line in _rooms(session, None) if line.room_sitting not in mine]


def own_rooms(session: Session, actor: Actor) -> list[RoomLine]:
    """The assessed rooms on whose panel the person sits, the newest first."""
    need(actor, Permission.SCORE_SHEETS)
    return list(_rooms(session, sat_on(session, actor)))


def overview(session: Session, actor: Actor, room_sitting_id: int) -> Overview:
    """The room for staff, or for the leader after the end. Refused as `panel_sight.need_room` does."""
    return of_room(session, need_room(session, actor, room_sitting_id))


def of_room(session: Session, seen: Seen) -> Overview:
    """The room as it stands; who may see it was asked before."""
    room_sitting = seen.place.row.id
    listed = turns.turns_of(session, room_sitting)
    progress = sheets.progress(session, [turn.id for turn in listed])
    forks = Counter[int]()
    for fork in sheets.forks(session, room_sitting):
        forks[fork.turn_id] += fork.records
    late, rows = _late(session, room_sitting), panel_scores.currents(session, room_sitting)
    names = staff.names(session, {user for turn in listed for user in turn.panel})
    lines = []
    for turn in listed:
        locked = progress[turn.id].locked & set(turn.panel)
        open_ = bool(turn.panel) and len(locked) == len(turn.panel)
        row = rows.get(turn.id)
        totals = row.detail.get("totals", {}) if row is not None and open_ else {}
        lines.append(
            TurnLine(
                turn.id,
                turn.number,
                turn.code,
                turn.state,
                len(locked),
                len(turn.panel),
                forks[turn.id],
                late.get(turn.id, 0),
                open_,
                row,
                tuple((names.get(int(user), user), total) for user, total in totals.items()),
            )
        )
    return Overview(seen, panels.panel(session, room_sitting), tuple(lines))


def turn_view(session: Session, actor: Actor, turn_id: int) -> TurnView:
    """One turn with its sheets side by side. Refused (`sheets_not_locked`) before all are locked (R31)."""
    turn = session.get(Turn, turn_id)
    if turn is None:
        raise NotFound("turn")
    seen = need_room(session, actor, turn.room_sitting_id)
    given = sheets.opened_marks(session, turn)
    whole = of_room(session, seen)
    template = released_template(session, turn.room_sitting_id)
    columns = tuple(_columns(session, turn, template, {user: fold(acts) for user, acts in given.items()}))
    past = panel_scores.history(session, turn.id)
    station = session.get(Station, turn.station_id) if turn.station_id else None
    return TurnView(
        whole,
        next(line for line in whole.lines if line.turn == turn.id),
        station.number if station else "",
        turn.overtime_seconds,
        template,
        columns,
        tuple(_items(template, columns)),
        tuple(past),
        staff.names(session, panel_scores.hands(past) | set(turn.panel)),
        tuple((photo.id, photo.item) for photo in sheet_photos.of_turn(session, turn)),
    )


def more_examiners(session: Session, view: TurnView) -> list[tuple[int, str]]:
    """Active examiners who have not marked this turn and cannot have seen it, for an arbitration to call."""
    on = {column.user for column in view.columns} | {seat.user_id for seat in view.overview.panel}
    query = (
        select(User)
        .join(UserRole, UserRole.user_id == User.id)
        .where(UserRole.role == str(Role.EXAMINER), User.active, User.id.not_in(on))
        .order_by(User.name, User.id)
    )
    return [
        (user.id, user.name) for user in session.scalars(query) if not user.actor().can(Permission.SEE_PANELS)
    ]


def finished(lines: tuple[TurnLine, ...]) -> bool:
    """Whether the leader has confirmed every score of who performed."""
    rows = [line.row for line in lines if line.state == DONE]
    return bool(rows) and all(row is not None and row.state in (CONFIRMED, CHECKED) for row in rows)


# --- parts ----------------------------------------------------------------------------------------------


def _rooms(session: Session, only: set[int] | None) -> Iterator[RoomLine]:
    query = (
        select(RoomSitting, Sitting, Batch.name, Room.name)
        .join(Sitting, Sitting.id == RoomSitting.sitting_id)
        .join(Batch, Batch.id == Sitting.batch_id)
        .join(Room, Room.id == RoomSitting.room_id)
        .where(Sitting.method.in_([str(method) for method in ASSESSED]))
        .order_by(Sitting.starts_at.desc(), RoomSitting.id)
    )
    if only is not None:
        query = query.where(RoomSitting.id.in_(only))
    done = _counts(session, select(Turn.room_sitting_id, func.count()).where(Turn.state == DONE))
    in_force = (
        select(Turn.room_sitting_id, func.count())
        .join(PanelScore, PanelScore.turn_id == Turn.id)
        .where(PanelScore.replaced_at.is_(None))
    )
    by_state = {
        state: _counts(session, in_force.where(PanelScore.state == state))
        for state in (panel_scores.ARBITRATING, CHECKED)
    }
    every = _counts(session, in_force)
    for row, sitting, batch, room in session.execute(query):
        yield RoomLine(
            row.id,
            batch,
            sitting.number,
            sitting.component,
            room,
            sitting.starts_at,
            row.state,
            done.get(row.id, 0),
            every.get(row.id, 0),
            by_state[panel_scores.ARBITRATING].get(row.id, 0),
            by_state[CHECKED].get(row.id, 0),
        )


def _counts(session: Session, query: Any) -> dict[int, int]:  # noqa: ANN401 - a SQL select
    rows = session.execute(query.group_by(Turn.room_sitting_id))
    return {row[0]: row[1] for row in rows}


def _late(session: Session, room_sitting_id: int) -> dict[int, int]:
    query = (
        select(ScoreSheet.turn_id, func.count())
        .join(ScoreRecord, ScoreRecord.sheet_id == ScoreSheet.id)
        .join(Turn, Turn.id == ScoreSheet.turn_id)
        .where(Turn.room_sitting_id == room_sitting_id, ScoreRecord.refused == LATE)
        .group_by(ScoreSheet.turn_id)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def _columns(
    session: Session, turn: Turn, template: Template, marks: Mapping[int, Marks]
) -> Iterator[Column]:
    names = staff.names(session, marks)
    query = select(ScoreSheet).where(ScoreSheet.turn_id == turn.id)
    rows = {sheet.user_id: sheet for sheet in session.scalars(query)}
    row = panel_scores.current(session, turn.id)
    called = ((row.detail.get("second") or {}).get("more", ()) if row else ()) or ()
    for user in turn.panel:
        lock = rows[user].lock or {}
        reached = score(template, marks[user], turn.overtime_seconds)
        head = str(lock.get("head", ""))
        yield Column(
            user, names.get(user, ""), marks[user], reached, rows[user].locked_at, head, user in called
        )


def _items(template: Template, columns: tuple[Column, ...]) -> Iterator[ItemLine]:
    for task in template.tasks:
        for item in task.items:
            yield ItemLine(
                task.number,
                item.number,
                item.content,
                item.points,
                tuple(column.score.items[item.number] for column in columns),
                tuple(_said(item, column.marks) for column in columns),
            )


def _said(item: SheetItem, marks: Marks) -> str:
    """What an examiner ticked and wrote about an item."""
    counted = ((each.text, marks.counts.get((item.number, each.code), 0)) for each in item.deductions)
    ticked = [text if count == 1 else f"{text}×{count}" for text, count in counted if count]
    return "；".join(filter(None, [*ticked, marks.notes.get(item.number, "")]))
