"""What a room's record is filled with: every event of the sitting that the form asks for, out of the store.

What is printed is Chinese whatever language the screens speak, so the texts are Chinese here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from exam_rooms.incidents import LEAVES, IncidentKind
from exam_rooms.seats import AttemptState
from server.db.cases import Case, StaffReport
from server.db.commands import PauseRow
from server.db.rescues import AttemptMerge
from server.db.rooms import Seat
from server.db.sittings import (
    Attempt,
    Candidate,
    Incident,
    LinkGapRow,
    Registration,
    SeatStay,
    TimeCredit,
)
from server.rules.record_sums import Place, Sums, outcome, sums
from server.rules.violations import CaseState
from server.services import desk_marks, desk_record, record_acts, staff
from server.services.roomstate import RoomState

NOT_YET = "—"
SHORTEST_GAP = 60
"""Seconds of an outage that is worth a line on paper."""
_MERGES = {"open": "待确认", "confirmed": "已确认合并", "left_out": "原座位后到记录不计"}


@dataclass(frozen=True, slots=True)
class Person:
    """One expected candidate of the room; `attempt` None: no seat was drawn."""

    attempt: Attempt | None
    seat: str
    name: str
    ticket: str


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the record. `key` names it for ever: the kind and its row, e.g. "stay/12"."""

    key: str
    at: datetime
    seat: str
    name: str
    text: str

    @property
    def kind(self) -> str:
        """late, stay, gap, credit, pause, cover, end, merge, leave, query, violation."""
        return self.key.partition("/")[0]


def people(session: Session, room: RoomState) -> list[Person]:
    """Everybody expected in the room: those with a seat here, and those of the list without one."""
    rows = session.execute(
        select(Registration, Candidate.name, Attempt, Seat.number)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .outerjoin(Attempt, Attempt.registration_id == Registration.id)
        .outerjoin(Seat, Seat.id == Attempt.seat_id)
        .where(
            Registration.sitting_id == room.sitting.id,
            or_(
                Attempt.room_sitting_id == room.row.id,
                (Registration.room_id == room.room.id)
                & Attempt.id.is_(None)
                & Registration.void_at.is_(None),
            ),
        )
        .order_by(Seat.id, Registration.ticket)
    )
    return [Person(attempt, seat or "", name, row.ticket) for row, name, attempt, seat in rows]


def sums_of(everybody: Iterable[Person]) -> Sums:
    """Where they are, and who is not accounted for."""
    return sums(
        Place(
            one.ticket,
            one.seat,
            outcome(one.attempt.state, one.attempt.close_reason) if one.attempt else "",
            one.attempt is not None and one.attempt.collected_at is not None,
        )
        for one in everybody
    )


def facts(room: RoomState, everybody: list[Person], zone: ZoneInfo) -> dict[str, str]:
    """The boxes at the head of the form, by their keys; who came is counted when the room has ended."""
    found = sums_of(everybody)
    absent = [p.ticket for p in everybody if p.attempt and p.attempt.state == AttemptState.ABSENT]
    return {
        "room": room.room.name,
        "subject": f"{room.policy.occupation_name} {room.policy.level_name}",
        "planned_start": moment(room.sitting.starts_at, zone),
        "started": moment(room.row.started_at, zone),
        "ended": moment(room.row.ended_at, zone),
        "expected": str(found.expected),
        "present": str(found.present) if room.row.ended_at else NOT_YET,
        "submitted": str(found.submitted),
        "stopped": str(found.ended),
        "absent": str(found.absent),
        "absent_tickets": "、".join(absent) or "无",
        "collected": moment(room.row.collected_at, zone),
    }


def events(session: Session, room: RoomState, everybody: list[Person]) -> list[Event]:
    """Every line of the record in the order of time."""
    known = {one.attempt.id: one for one in everybody if one.attempt is not None}
    found = [
        *_late(session, room, known),
        *_desk(session, room, known),
        *_stays(session, known),
        *_gaps(session, known),
        *_pauses(session, room, known),
        *_covers_and_ends(session, room, known),
        *_credits(session, room, known),
        *_merges(session, known),
        *_reports(session, room, known),
        *_violations(session, room, known),
    ]
    return sorted(found, key=lambda event: (event.at, event.key))


def moment(value: datetime | None, zone: ZoneInfo) -> str:
    """A time as it is printed; "" for none."""
    return f"{value.astimezone(zone):%Y-%m-%d %H:%M:%S}" if value else ""


Known = Mapping[int, Person]


def _late(session: Session, room: RoomState, known: Known) -> Iterable[Event]:
    """By the clock of the desk, as the door judges; by the admission at the seat of who was at no desk."""
    at_desk = desk_marks.marks(session, room.row.id)
    lates = {late.ticket: late for late in desk_marks.lates(session, room.row.id) if late.came_in}
    began = room.row.started_at
    for number, who in known.items():
        assert who.attempt is not None
        came, minutes = who.attempt.admitted_at, 0.0
        if who.ticket in lates:
            came, minutes = lates[who.ticket].at, lates[who.ticket].minutes
        elif began and came and at_desk.get(number) not in desk_marks.CAME_IN:
            minutes = (came - began).total_seconds() / 60
        if came and minutes > 0:
            yield Event(f"late/{number}", came, who.seat, who.name, f"迟到入场，开考后 {minutes:.0f} 分钟")


def _desk(session: Session, room: RoomState, known: Known) -> Iterable[Event]:
    for line in desk_record.lines(session, room.row.id):
        seat, name = _of(known, line.attempt)
        yield Event(line.key, line.at, seat, name, line.text)


def _stays(session: Session, known: Known) -> Iterable[Event]:
    rows = session.execute(
        select(SeatStay, Seat.number)
        .join(Seat, Seat.id == SeatStay.seat_id)
        .where(SeatStay.attempt_id.in_(known))
        .order_by(SeatStay.attempt_id, SeatStay.id)
    ).all()
    for (before, former), (stay, number) in pairwise(rows):
        if before.attempt_id == stay.attempt_id:
            text = f"{former} 号换到 {number} 号：{stay.reason}"
            yield Event(f"stay/{stay.id}", stay.from_at, number, known[stay.attempt_id].name, text)


def _gaps(session: Session, known: Known) -> Iterable[Event]:
    for row in session.scalars(select(LinkGapRow).where(LinkGapRow.attempt_id.in_(known))):
        who = known[row.attempt_id]
        seconds = (row.back_at - row.lost_at).total_seconds() if row.back_at else None
        if seconds is None or seconds >= SHORTEST_GAP:
            text = "断网，未恢复" if seconds is None else f"断网 {seconds / 60:.1f} 分钟，已恢复"
            yield Event(f"gap/{row.id}", row.lost_at, who.seat, who.name, text)


def _pauses(session: Session, room: RoomState, known: Known) -> Iterable[Event]:
    for row in session.scalars(select(PauseRow).where(PauseRow.room_sitting_id == room.row.id)):
        seat, name = _of(known, row.attempt_id)
        minutes = (row.until_at - row.since_at).total_seconds() / 60 if row.until_at else None
        how = "未恢复" if minutes is None else f"{minutes:.1f} 分钟"
        yield Event(f"pause/{row.id}", row.since_at, seat, name, f"暂停，{how}：{row.reason}")


def _covers_and_ends(session: Session, room: RoomState, known: Known) -> Iterable[Event]:
    found = [*record_acts.covers(session, known), *record_acts.ends(session, room.row.id, known)]
    for line in found:
        seat, name = _of(known, line.attempt)
        yield Event(line.key, line.at, seat, name, line.text)


def _credits(session: Session, room: RoomState, known: Known) -> Iterable[Event]:
    rows = list(session.scalars(select(TimeCredit).where(TimeCredit.room_sitting_id == room.row.id)))
    names = staff.names(session, [user for row in rows for user in (row.granted_by, row.cosigned_by)])
    for row in rows:
        seat, name = _of(known, row.attempt_id)
        signed = "、".join(filter(None, (names.get(row.granted_by or 0), names.get(row.cosigned_by or 0))))
        text = f"补时 {row.minutes.normalize():f} 分钟（{signed}）：{row.reason}"
        yield Event(f"credit/{row.id}", row.granted_at, seat, name, text)


def _merges(session: Session, known: Known) -> Iterable[Event]:
    for row in session.scalars(select(AttemptMerge).where(AttemptMerge.attempt_id.in_(known))):
        who = known[row.attempt_id]
        note = f"：{row.note}" if row.note else ""
        text = f"换座前后均有作答 {len(row.items)} 题，{_MERGES[row.state]}{note}"
        yield Event(f"merge/{row.id}", row.decided_at or row.arrived_at, who.seat, who.name, text)


def _reports(session: Session, room: RoomState, known: Known) -> Iterable[Event]:
    """Leaves as pairs, and what candidates said of items; other reports stand in the record of incidents."""
    query = (
        select(StaffReport, Incident.state)
        .join(Incident, Incident.id == StaffReport.incident_id)
        .where(StaffReport.room_sitting_id == room.row.id, Incident.state != "dismissed")
    )
    for row, _state in session.execute(query):
        seat, name = _of(known, row.attempt_id)
        note = f"：{row.note}" if row.note else ""
        if row.kind == IncidentKind.ILLNESS and not row.escort:
            yield Event(f"leave/{row.id}", row.seen_at, seat, name, f"身体不适，没有离场{note}")
        elif row.kind in LEAVES:
            back = (row.back_at - row.seen_at).total_seconds() / 60 if row.back_at else None
            cause = "身体不适" if row.kind == IncidentKind.ILLNESS else "离场"
            came = f"{back:.0f} 分钟后返回" if back is not None else "没有返回的记录"
            escort = f"，{row.escort} 陪同" if row.escort else ""
            yield Event(f"leave/{row.id}", row.seen_at, seat, name, f"{cause}{escort}，{came}{note}")
        elif row.kind == IncidentKind.ITEM_QUERY:
            yield Event(f"query/{row.id}", row.seen_at, seat, name, f"试题疑问{note}")


def _violations(session: Session, room: RoomState, known: Known) -> Iterable[Event]:
    rows = session.scalars(select(Case).where(Case.room_sitting_id == room.row.id).order_by(Case.id))
    for row in rows:
        seat, name = _of(known, row.attempt_id)
        article = f"，条款 {row.article}" if row.article else ""
        taken_back = "（已撤回）" if row.state in (CaseState.WITHDRAWN, CaseState.DROPPED) else ""
        text = f"违纪记录 {row.id} 号{article}{taken_back}"
        yield Event(f"violation/{row.id}", row.happened_at, seat, name, text)


def _of(known: Known, attempt: int | None) -> tuple[str, str]:
    """Seat and name; the whole room when no attempt is named."""
    who = known.get(attempt or 0)
    return (who.seat, who.name) if who else ("全场", "") if attempt is None else ("", "")
