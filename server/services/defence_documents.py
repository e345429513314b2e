"""Documents of a review: the schedule, the minutes of a defence, its score table once all sheets are locked.

They are Chinese whatever language the screens speak. The schedule and the minutes name the blind code alone;
the score table is of the file and names the candidate, for who manages reviews.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from itembank.sheet_marks import fold, score
from itembank.sheet_template import Template
from server.access import Actor
from server.db.sittings import Candidate, Registration
from server.errors import Refused
from server.rules.policy_components import Method
from server.services import audit, defences, panel_scores, sheets, theses, turns
from server.services.assessment_room import AssessmentRoom
from server.services.batches import policy_of
from server.services.defences import DefenceView
from server.services.paper_prints import content_mark
from server.services.template_release import released_template

KINDS = {
    "thesis": "论文",
    "summary": "工作总结",
    "achievement": "业绩材料",
    "certificate": "证明材料",
    "other": "其他材料",
}
_STATES = {
    "waiting": "待答辩",
    "called": "已叫号",
    "performing": "答辩中",
    "done": "已答辩",
    "absent": "缺考",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """Which document: schedule (of a room), minutes or score (of a turn); the clock and the institution."""

    document: str
    id: int
    zone: ZoneInfo
    institution: str = ""


def schedule(session: Session, actor: Actor, wish: Wish, *, now: datetime) -> dict[str, Any]:
    """The payload of the typesetting job for the list of defences in their order."""
    place = theses.managed(session, actor, wish.id)
    lines = [
        {
            "number": str(turn.number),
            "code": turn.code,
            "planned": _moment(turn.planned_at, wish.zone),
            "state": _STATES.get(turn.state, turn.state),
        }
        for turn in turns.turns_of(session, wish.id)
    ]
    if not lines:
        raise Refused("schedule_no_order", 409)
    data = {"facts": _room_facts(place, wish.zone), "turns": lines}
    return _payload("defence_schedule", place, data, wish, now)


def minutes(session: Session, actor: Actor, wish: Wish, *, now: datetime) -> dict[str, Any]:
    """The payload for the minutes of one turn, once it began."""
    view = defences.view(session, actor, wish.id, now=now)
    if view.turn.started_at is None:
        raise Refused("turn_not_performing", number=view.turn.number)
    data = {
        "facts": [*_room_facts(view.place, wish.zone), *_turn_facts(view, wish.zone)],
        "files": _files(view),
        "questions": [
            {"number": str(one.number), "by": one.by_name, "text": one.text, "answer": one.answer}
            for one in view.questions
        ],
        "short": view.short.reason if view.short else "",
        "panel": [seat.name + ("（组长）" if seat.leader else "") for seat in view.panel],
    }
    return _payload("defence_minutes", view.place, data, wish, now)


def score_table(session: Session, actor: Actor, wish: Wish, *, now: datetime) -> dict[str, Any]:
    """The payload for the score table: criteria, points by member, what they came to, questions, minutes.

    Raises `Refused` (`sheets_not_locked`) before every sheet of the turn is locked (R31).
    """
    view = defences.view(session, actor, wish.id, now=now)
    theses.managed(session, actor, view.place.row.id)
    template = released_template(session, view.place.row.id)
    marks = sheets.opened_marks(session, view.turn)
    members = [seat for seat in view.panel if seat.user_id in marks]
    scores = {
        user: score(template, fold(actions), view.turn.overtime_seconds) for user, actions in marks.items()
    }
    value = panel_scores.recompute(session, view.turn)
    data = {
        "facts": [
            *_person_facts(session, view),
            *_room_facts(view.place, wish.zone),
            *_turn_facts(view, wish.zone),
        ],
        "template": template.title,
        "members": [seat.name for seat in members],
        "rows": _rows(template, [scores[seat.user_id].items for seat in members]),
        "totals": [_number(scores[seat.user_id].total) for seat in members],
        "score": "待仲裁" if value.score is None else _number(value.score),
        "spread": _number(value.spread),
        "vetoed": value.vetoed,
        "questions": [f"{one.number}. {one.text}（{one.by_name}）" for one in view.questions],
        "panel": [seat.name + ("（组长）" if seat.leader else "") for seat in members],
    }
    return _payload("defence_score", view.place, data, wish, now)


def note_printed(session: Session, actor: Actor, wish: Wish, room_sitting_id: int, *, now: datetime) -> None:
    """Puts on the record that a document of a review was made."""
    stream = audit.sitting_stream(room_sitting_id)
    audit.record(session, stream, actor, "review_printed", f"{wish.document}/{wish.id}", now=now)


def _rows(template: Template, by_member: list[Mapping[str, Decimal]]) -> list[dict[str, Any]]:
    return [
        {
            "number": item.number,
            "content": item.content,
            "criterion": item.criterion,
            "most": _number(item.points),
            "points": [_number(points[item.number]) for points in by_member],
        }
        for item in template.items()
    ]


def _person_facts(session: Session, view: DefenceView) -> list[list[str]]:
    registration = session.get_one(Registration, view.turn.registration_id)
    person = session.get_one(Candidate, registration.candidate_id)
    return [["姓名", person.name], ["准考证号", registration.ticket]]


def _room_facts(place: AssessmentRoom, zone: ZoneInfo) -> list[list[str]]:
    return [["考场", place.room.name], ["场次时间", _moment(place.sitting.starts_at, zone)]]


def _turn_facts(view: DefenceView, zone: ZoneInfo) -> list[list[str]]:
    lasted = "" if view.seconds is None else f"{view.seconds // 60} 分 {view.seconds % 60} 秒"
    return [
        ["盲号", view.code],
        ["顺序", str(view.turn.number)],
        ["题目", view.title or "—"],
        ["查重", view.similarity or "—"],
        ["开始", _moment(view.turn.started_at, zone)],
        ["结束", _moment(view.turn.ended_at, zone) or "—"],
        ["用时", lasted],
        ["不少于", f"{view.least} 分钟" if view.least else "—"],
    ]


def _files(view: DefenceView) -> list[dict[str, str]]:
    return [
        {
            "kind": KINDS[line.row.kind],
            "pages": "—" if line.row.pages is None else str(line.row.pages),
            "characters": str(line.row.characters),
            "sha256": line.row.sha256[:32],
        }
        for line in view.files
    ]


def _payload(
    document: str, place: AssessmentRoom, data: dict[str, Any], wish: Wish, now: datetime
) -> dict[str, Any]:
    kind = "论文答辩" if place.sitting.method == Method.DEFENCE else "综合评审"
    policy = policy_of(place.batch)
    title = f"{policy.occupation_name}职业技能等级认定{kind}"
    head = {
        "title": title + ("（演练）" if place.batch.rehearsal else ""),
        "occupation": policy.occupation_name,
        "level": policy.level_name,
        "room": place.room.name,
        "place": f"{place.batch.name} · 第 {place.sitting.number} 场 · {place.room.name}",
        "printed": _moment(now, wish.zone),
        "hash": content_mark(data),
        "institution": wish.institution,
    }
    return {"document": document, "at": now.isoformat(), "head": head, "data": data}


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _moment(value: datetime | None, zone: ZoneInfo) -> str:
    return f"{value.astimezone(zone):%Y-%m-%d %H:%M}" if value else ""
