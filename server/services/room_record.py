"""The record of a room's sitting on paper (考场情况记录单): counts, changes of seats, outages, time given,
and every candidate's receipt, so that a paper can be proved years later by what was signed on the day.
"""

from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.seats import AttemptState
from server.db.rescues import AttemptMerge
from server.db.rooms import Seat
from server.db.sittings import (
    Attempt,
    Candidate,
    LinkGapRow,
    Registration,
    SeatStay,
    TimeCredit,
)
from server.services import collection, staff
from server.services.paper_prints import content_mark, head
from server.services.roomstate import RoomState, load

# What is printed is Chinese whatever language the screens speak.
_STATES = {
    AttemptState.SUBMITTED: "交卷",
    AttemptState.AUTO_SUBMITTED: "到时收卷",
    AttemptState.ENDED: "终止",
    AttemptState.ABSENT: "缺考",
}
_MERGES = {"open": "待确认", "confirmed": "已确认合并", "left_out": "原座位后到记录不计"}
SHORTEST_GAP = 60
"""Seconds of an outage that is worth a line on paper."""


def document(session: Session, room_sitting_id: int, *, now: datetime, zone: ZoneInfo) -> dict[str, Any]:
    """The payload of the typesetting job."""
    room = load(session, room_sitting_id)
    people = _people(session, room_sitting_id)
    data = {
        "facts": _facts(session, room, people, zone),
        "receipts": [_receipt(attempt, who, zone) for attempt, who in people],
        "events": _events(session, room, {a.id: (a, who) for a, who in people}, zone),
    }
    return {
        "document": "record",
        "at": now.isoformat(),
        "head": head(room, content_mark(data), now=now, zone=zone),
        "data": data,
    }


Who = tuple[str, str, str]
"""Seat number, name, ticket."""


def _people(session: Session, room_sitting_id: int) -> list[tuple[Attempt, Who]]:
    rows = session.execute(
        select(Attempt, Seat.number, Candidate.name, Registration.ticket)
        .join(Seat, Seat.id == Attempt.seat_id)
        .join(Registration, Registration.id == Attempt.registration_id)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .where(Attempt.room_sitting_id == room_sitting_id)
        .order_by(Seat.id)
    )
    return [(attempt, (seat, name, ticket)) for attempt, seat, name, ticket in rows]


def _facts(
    session: Session, room: RoomState, people: list[tuple[Attempt, Who]], zone: ZoneInfo
) -> list[list[str]]:
    sums = collection.tally(session, room.row.id)
    absent = [who[2] for attempt, who in people if attempt.state == AttemptState.ABSENT]
    return [
        ["考场", room.room.name],
        ["职业与等级", f"{room.policy.occupation_name} {room.policy.level_name}"],
        ["计划开考", _moment(room.sitting.starts_at, zone)],
        ["实际开考", _moment(room.row.started_at, zone)],
        ["结束", _moment(room.row.ended_at, zone)],
        ["应考／交卷／终止／缺考", f"{sums.expected}／{sums.submitted}／{sums.ended}／{sums.absent}"],
        ["收卷", _moment(room.row.collected_at, zone)],
        ["缺考准考证号", "、".join(absent) or "无"],
    ]


def _receipt(attempt: Attempt, who: Who, zone: ZoneInfo) -> dict[str, str]:
    receipt = attempt.receipt or {}
    return {
        "seat": who[0],
        "name": who[1],
        "ticket": who[2],
        "state": _STATES.get(AttemptState(attempt.state), "未结束"),
        "at": _moment(attempt.closed_at, zone) if attempt.state != AttemptState.ABSENT else "",
        "answered": str(receipt.get("answered", "")),
        "short": short_head(str(receipt.get("head", ""))),
        "head": str(receipt.get("head", "")),
    }


def short_head(head: str) -> str:
    """The first 12 signs of a chain head in the form that the candidate's screen shows."""
    return "-".join(part for start in range(0, 12, 4) if (part := head[start : start + 4].upper()))


def _events(
    session: Session, room: RoomState, people: dict[int, tuple[Attempt, Who]], zone: ZoneInfo
) -> list[dict[str, str]]:
    """Changes of seats, outages, credits and merges in the order of time."""
    found = [
        *_stays(session, people),
        *_gaps(session, people),
        *_credits(session, room, people),
        *_merges(session, people),
    ]
    return [
        {"at": _moment(at, zone), "seat": seat, "name": name, "text": text}
        for at, seat, name, text in sorted(found)
    ]


Event = tuple[datetime, str, str, str]


def _stays(session: Session, people: dict[int, tuple[Attempt, Who]]) -> list[Event]:
    rows = session.execute(
        select(SeatStay, Seat.number)
        .join(Seat, Seat.id == SeatStay.seat_id)
        .where(SeatStay.attempt_id.in_(people))
        .order_by(SeatStay.attempt_id, SeatStay.id)
    ).all()
    found = []
    for (before, former), (stay, number) in pairwise(rows):
        if before.attempt_id == stay.attempt_id:
            text = f"{former} 号换到 {number} 号：{stay.reason}"
            found.append((stay.from_at, number, people[stay.attempt_id][1][1], text))
    return found


def _gaps(session: Session, people: dict[int, tuple[Attempt, Who]]) -> list[Event]:
    rows = session.scalars(select(LinkGapRow).where(LinkGapRow.attempt_id.in_(people)))
    found = []
    for row in rows:
        who = people[row.attempt_id][1]
        seconds = (row.back_at - row.lost_at).total_seconds() if row.back_at else None
        if seconds is None:
            found.append((row.lost_at, who[0], who[1], "断网，未恢复"))
        elif seconds >= SHORTEST_GAP:
            found.append((row.lost_at, who[0], who[1], f"断网 {seconds / 60:.1f} 分钟，已恢复"))
    return found


def _credits(session: Session, room: RoomState, people: dict[int, tuple[Attempt, Who]]) -> list[Event]:
    rows = list(session.scalars(select(TimeCredit).where(TimeCredit.room_sitting_id == room.row.id)))
    names = staff.names(session, [user for row in rows for user in (row.granted_by, row.cosigned_by)])
    found = []
    for row in rows:
        who = people[row.attempt_id][1] if row.attempt_id else ("全场", "", "")
        signed = "、".join(filter(None, (names.get(row.granted_by or 0), names.get(row.cosigned_by or 0))))
        text = f"补时 {row.minutes.normalize():f} 分钟（{signed}）：{row.reason}"
        found.append((row.granted_at, who[0], who[1], text))
    return found


def _merges(session: Session, people: dict[int, tuple[Attempt, Who]]) -> list[Event]:
    rows = session.scalars(select(AttemptMerge).where(AttemptMerge.attempt_id.in_(people)))
    found = []
    for row in rows:
        who = people[row.attempt_id][1]
        note = f"：{row.note}" if row.note else ""
        text = f"换座前后均有作答 {len(row.items)} 题，{_MERGES[row.state]}{note}"
        found.append((row.decided_at or row.arrived_at, who[0], who[1], text))
    return found


def _moment(value: datetime | None, zone: ZoneInfo) -> str:
    return f"{value.astimezone(zone):%Y-%m-%d %H:%M:%S}" if value else ""
