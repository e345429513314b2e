"""What the desk leaves on the room record: who was turned away, doubts with their decision, walk-ins, paper.

What is printed is Chinese whatever language the screens speak. Who came late and was let in stands there by
the time of admission (`record_events`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.signins import SignInRow, WalkIn
from server.db.sittings import Attempt
from server.services import staff
from server.services.desk_marks import LATE

_DECIDED = {"admitted": "准许入场", "refused": "不准入场"}
_CAME = {"moved": "由其他考场安排到本考场", "unlisted": "名单外考生，主考决定接收"}


@dataclass(frozen=True, slots=True)
class DeskLine:
    """One line; `key` names it for ever. `attempt`: whose."""

    key: str
    at: datetime
    attempt: int
    text: str


def lines(session: Session, room_sitting_id: int) -> list[DeskLine]:
    """Every line of the desk of a room, in the order of time; what was taken back is left out."""
    found = [*_signins(session, room_sitting_id), *_walk_ins(session, room_sitting_id)]
    return sorted(found, key=lambda line: (line.at, line.key))


def _signins(session: Session, room_sitting_id: int) -> Iterator[DeskLine]:
    query = (
        select(SignInRow, Attempt.id)
        .join(Attempt, Attempt.registration_id == SignInRow.standing_for)
        .where(Attempt.room_sitting_id == room_sitting_id)
    )
    rows = [(row, attempt) for row, attempt in session.execute(query)]
    people = {user for row, _ in rows for user in (row.decided_by, row.decided_second, row.second_id)}
    names = staff.names(session, people | {row.operator_id for row, _ in rows})
    for row, attempt in rows:
        text = _text(row, names)
        if text:
            yield DeskLine(f"signin/{row.id}", row.signed_at, attempt, text)


def _text(row: SignInRow, names: dict[int, str]) -> str:
    if row.reason == LATE:
        return f"迟到 {row.late_minutes} 分钟，已过入场时限，不得入场，记为缺考"
    if row.result == "doubt":
        if not row.decision:
            return f"签到存疑：{row.reason}，尚未决定"
        who = _both(names, row.decided_by, row.decided_second)
        return f"签到存疑：{row.reason}；{_DECIDED[row.decision]}（{who}）：{row.decision_reason}"
    if row.method == "paper":
        return f"纸质签到，{_both(names, row.operator_id, row.second_id)} 补录"
    return ""


def _walk_ins(session: Session, room_sitting_id: int) -> Iterator[DeskLine]:
    query = (
        select(WalkIn, Attempt.id)
        .join(Attempt, Attempt.registration_id == WalkIn.registration_id)
        .where(WalkIn.room_sitting_id == room_sitting_id)
    )
    rows = [(row, attempt) for row, attempt in session.execute(query)]
    names = staff.names(session, {user for row, _ in rows for user in (row.by_id, row.cosigned_by)})
    for row, attempt in rows:
        text = f"{_CAME[row.kind]}（{_both(names, row.by_id, row.cosigned_by)}）：{row.reason}"
        yield DeskLine(f"walk-in/{row.id}", row.at, attempt, text)


def _both(names: dict[int, str], one: int | None, other: int | None) -> str:
    return "、".join(filter(None, (names.get(one or 0), names.get(other or 0))))
