"""Covered papers, ends by a person and what was decided after an outage, as lines of the room record.

What is printed is Chinese whatever language the screens speak.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from exam_rooms.kiosk_messages import CommandKind
from server.db.commands import IDENTITY, LOCKED, CoverRow, SeatCommand
from server.db.record import AuditEntry
from server.db.sittings import Attempt
from server.services import audit, staff

CAUSES: Mapping[str, str] = {
    IncidentKind.FOCUS_LOST: "离开答题页面",
    IncidentKind.SECOND_PAGE: "打开第二个答题页面",
    IncidentKind.FORBIDDEN_PROCESS: "运行了禁用程序",
    IncidentKind.USB_DEVICE: "接入 USB 设备",
    IncidentKind.SECOND_SCREEN: "接入第二块屏幕",
    IncidentKind.VIRTUAL_MACHINE: "考试机是虚拟机",
    IncidentKind.SEAT_CLOCK_STEP: "考试机时钟被改动",
    IncidentKind.SEAT_SUSPENDED: "考试机曾休眠",
    IncidentKind.SEAT_REBOOTED: "考试机曾重新启动",
    IncidentKind.AGENT_RESTARTED: "考试端程序曾退出",
    IncidentKind.BROWSER_RESTARTED: "考试浏览器曾重新启动",
    IncidentKind.KIOSK_OPEN: "考试机锁定不完整",
}
"""Why a breach covered a paper."""
_COVERED = {LOCKED: "锁定屏幕", IDENTITY: "再次核对身份，遮住试卷"}
_COVERING = {LOCKED: CommandKind.LOCK, IDENTITY: CommandKind.IDENTITY}
_BY_PIN = "座位上用退出口令"
_SHOWN_AGAIN = ("seat_unfrozen", "seat_unfrozen_by_pin")
_ENDS = ("room_ended", "seat_ended", "seat_resumed", "outage_rescheduled")


@dataclass(frozen=True, slots=True)
class ActLine:
    """One line; `key` names it for ever. `attempt` None: the whole room."""

    key: str
    at: datetime
    attempt: int | None
    text: str


# --- covers --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Cover:
    """A time for which a paper was covered; `until` None: it still is."""

    key: str
    attempt: int
    kind: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class _Said:
    """Who covered or showed a paper again, and why."""

    by: str = ""
    reason: str = ""


def covers(session: Session, attempts: Collection[int]) -> Iterator[ActLine]:
    """Every cover: for how long, what put it there, who took it off; the clock went on meanwhile."""
    found = [*_past(session, attempts), *_standing(session, attempts)]
    commands, shown = _commands(session, attempts), _looks(session, attempts)
    for cover in found:
        put = commands.get((cover.attempt, str(_COVERING.get(cover.kind)), cover.since), _Said())
        off = _Said()
        if cover.until is not None:
            for kind in (CommandKind.MOVE, CommandKind.UNLOCK):
                off = commands.get((cover.attempt, str(kind), cover.until), off)
            off = shown.get((cover.attempt, cover.until), off)
        yield ActLine(f"cover/{cover.key}", cover.since, cover.attempt, _told(cover, put, off))


def _told(cover: _Cover, put: _Said, off: _Said) -> str:
    if cover.kind in _COVERED:
        what, why = _COVERED[cover.kind], put.reason
    else:
        what, why = "遮住试卷", CAUSES.get(cover.kind, cover.kind)
    lasted = "没有解除"
    if cover.until is not None:
        lasted = f"{(cover.until - cover.since).total_seconds() / 60:.1f} 分钟"
    hands = "，".join(f"{verb}：{said}" for verb, said in (("下令", put.by), ("解除", off.by)) if said)
    ended = f"；解除原因：{off.reason}" if off.reason else ""
    return f"{what} {lasted}，计时照常{f'（{hands}）' if hands else ''}：{why}{ended}"


def _past(session: Session, attempts: Collection[int]) -> Iterator[_Cover]:
    for row in session.scalars(select(CoverRow).where(CoverRow.attempt_id.in_(attempts))):
        yield _Cover(str(row.id), row.attempt_id, row.kind, row.since_at, row.until_at)


def _standing(session: Session, attempts: Collection[int]) -> Iterator[_Cover]:
    query = select(Attempt).where(Attempt.id.in_(attempts), Attempt.frozen_at.is_not(None))
    for row in session.scalars(query):
        assert row.frozen_at is not None
        yield _Cover(f"of-{row.id}", row.id, row.frozen_why or "", row.frozen_at, row.closed_at)


def _commands(session: Session, attempts: Collection[int]) -> dict[tuple[int, str, datetime], _Said]:
    """Commands by attempt, kind and moment: the moment is that of the cover they put on or took off."""
    kinds = [str(kind) for kind in (*_COVERING.values(), CommandKind.UNLOCK, CommandKind.MOVE)]
    query = select(SeatCommand).where(SeatCommand.attempt_id.in_(attempts), SeatCommand.kind.in_(kinds))
    rows = list(session.scalars(query))
    names = staff.names(session, [row.sent_by for row in rows])
    return {
        (row.attempt_id, row.kind, row.sent_at): _Said(names.get(row.sent_by or 0, ""), row.reason)
        for row in rows
    }


def _looks(session: Session, attempts: Collection[int]) -> dict[tuple[int, datetime], _Said]:
    """Who looked at a covered seat and showed its paper again, by attempt and moment."""
    objects = {f"attempt/{attempt}": attempt for attempt in attempts}
    query = select(AuditEntry).where(AuditEntry.object.in_(objects), AuditEntry.act.in_(_SHOWN_AGAIN))
    return {
        (objects[row.object], row.at): _Said(
            row.actor if row.act == "seat_unfrozen" else _BY_PIN, str(row.details.get("reason", ""))
        )
        for row in session.scalars(query)
    }


# --- ends ----------------------------------------------------------------------------------------------


def ends(session: Session, room_sitting_id: int, attempts: Collection[int]) -> Iterator[ActLine]:
    """What a person ended before its time, with both who signed, and what of it was taken back."""
    stream = audit.sitting_stream(room_sitting_id)
    query = select(AuditEntry).where(AuditEntry.stream == stream, AuditEntry.act.in_(_ENDS))
    for row in session.scalars(query.order_by(AuditEntry.seq)):
        kind, _slash, number = row.object.partition("/")
        attempt = int(number) if kind == "attempt" else None
        if row.act == "room_ended" and not row.details.get("early"):
            continue
        if attempt is None or attempt in attempts:
            yield ActLine(f"end/{row.seq}", row.at, attempt, _end_text(row))


def _end_text(row: AuditEntry) -> str:
    what = {
        "room_ended": f"提前结束本场，收回 {row.details.get('open', 0)} 份",
        "seat_ended": "终止考试",
        "seat_resumed": "撤销终止或缺考，恢复考试",
        "outage_rescheduled": f"中断后改期，收回 {row.details.get('open', 0)} 份",
    }[row.act]
    signed = "、".join(filter(None, (row.actor, str(row.details.get("cosigned_by", "")))))
    return f"{what}（{signed}）：{row.details.get('reason', '')}"
