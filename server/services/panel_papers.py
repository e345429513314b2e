"""Papers of a panel: the report with real names, and each candidate's record of all sheets by blind code.

What is printed is Chinese whatever language the screens speak.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from itembank.sheet_values import Task, digest, plain
from server.access import Actor
from server.db.assessing import PanelScore, Turn
from server.errors import Refused
from server.services import audit, defences, panel_events, panel_reports, panel_views, thesis_views
from server.services.assessment_room import AssessmentRoom
from server.services.batches import policy_of
from server.services.panel_scores import ARBITRATING, worked_out
from server.services.panel_sight import need_member_or_staff
from server.services.panel_views import TurnView
from server.services.paper_prints import content_mark
from server.services.printed_at import At

RECORDS = {"practical": "操作技能评分记录表", "review": "综合评审评分记录表"}
_EFFECTS = {"item_zero": "该项计零分", "task_zero": "该题计零分", "fail": "不合格"}
_COUNTS = {
    "planned": "应到人数",
    "done": "实考人数",
    "absent": "缺考人数",
    "sheets": "评分表份数",
    "arbitrated": "仲裁人数",
    "vetoed": "否定项人数",
}


@dataclass(frozen=True, slots=True)
class Printing:
    """When a paper is printed, and the institution as papers name it."""

    at: At
    institution: str = ""


def report(session: Session, actor: Actor, room_sitting_id: int, printing: Printing) -> dict[str, Any]:
    """The payload of the report's PDF. Refused (`panel_report_missing`) before there is one."""
    place = need_member_or_staff(session, actor, room_sitting_id).place
    found = panel_reports.shown(session, actor, room_sitting_id)
    if found is None:
        raise Refused("panel_report_missing")
    row, at = found.row, printing.at
    content = row.body
    data = {
        "facts": _report_facts(place, content, at),
        "panel": content["panel"],
        "counts": [[word, str(content["counts"][name])] for name, word in _COUNTS.items()],
        "scores": content["scores"],
        "events": content["events"],
        "statistics": content["statistics"],
        "workload": content["workload"],
        "opinion": row.opinion,
        "revision": str(row.revision),
        "digest": row.digest,
        "made_at": at.text(row.made_at),
        "signatures": [
            [each["name"], "组长" if each["leader"] else "成员", at.text(datetime.fromisoformat(each["at"]))]
            for each in row.signatures
        ],
        "missing": list(found.missing),
        "warning": _warning(found),
    }
    return _payload("panel_report", place, "考评报告", data, printing)


def record(session: Session, actor: Actor, turn_id: int, printing: Printing) -> dict[str, Any]:
    """The payload of a candidate's record. Refused (`sheets_not_locked`, `panel_record_early`)."""
    view = panel_views.turn_view(session, actor, turn_id)
    row, place = view.line.row, view.overview.place
    if row is None or row.state == ARBITRATING:
        raise Refused("panel_record_early", number=view.line.number)
    template, at = view.template, printing.at
    scored = next(each for each in reversed(view.history) if worked_out(each))
    data = {
        "facts": [
            ["考生代码", view.line.code],
            ["抽签序号", str(view.line.number)],
            ["工位", view.station or "—"],
            ["考核时间", f"{plain(template.minutes)} 分钟"],
            ["超时", f"{view.overtime_seconds} 秒" if view.overtime_seconds else "无"],
            ["评分表", f"{template.title} 第 {template.version} 版"],
            *_work(session, view),
        ],
        "questions": [
            f"{one.number}. {one.text}（{one.by_name}）"
            for one in defences.questions(session, view.line.turn)
        ],
        "examiners": [column.name + ("（增请）" if column.second else "") for column in view.columns],
        "tasks": [_task(view, task) for task in template.tasks],
        "totals": [plain(column.score.total) for column in view.columns],
        "counted": list(view.counted),
        "vetoes": list(_vetoes(view, row)),
        "notes": [
            [column.name, column.marks.notes[""]] for column in view.columns if column.marks.notes.get("")
        ],
        "combined": row.detail["combined"],
        "spread": plain(row.spread) if row.spread is not None else "—",
        "score": plain(row.score) if row.score is not None else "—",
        "vetoed": row.vetoed,
        "arbitration": _arbitration(view, row),
        "locks": [[column.name, at.text(column.locked_at), column.head[:16]] for column in view.columns],
        "hands": [
            ["统分人", _name(view, scored.made_by), at.text(scored.made_at)],
            ["考评组长", _name(view, row.confirmed_by), at.text(row.confirmed_at)],
            ["核分人", _name(view, row.checked_by), at.text(row.checked_at)],
        ],
        "template": digest(template),
    }
    return _payload("panel_record", place, RECORDS[place.sitting.component], data, printing)


def note_printed(session: Session, actor: Actor, room_sitting_id: int, paper: str, *, now: datetime) -> None:
    """Puts on the record that a paper of the panel was made; `paper` names it ("report", "turn/12")."""
    stream = audit.sitting_stream(room_sitting_id)
    audit.record(session, stream, actor, "panel_paper_printed", paper, now=now)


# --- parts ----------------------------------------------------------------------------------------------


def _payload(
    document: str, place: AssessmentRoom, title: str, data: dict[str, Any], printing: Printing
) -> dict[str, Any]:
    policy, at = policy_of(place.batch), printing.at
    trial = "（演练）" if place.batch.rehearsal else ""
    head = {
        "title": f"{policy.occupation_name}职业技能等级认定{title}{trial}",
        "occupation": policy.occupation_name,
        "level": policy.level_name,
        "room": place.room.name,
        "place": f"{place.batch.name} · 第 {place.sitting.number} 场 · {place.room.name}",
        "printed": at.text(at.now),
        "hash": content_mark(data),
        "institution": printing.institution,
    }
    return {"document": document, "at": at.now.isoformat(), "head": head, "data": data}


def _report_facts(place: AssessmentRoom, content: dict[str, Any], at: At) -> list[list[str]]:
    policy = policy_of(place.batch)
    return [
        ["批次", place.batch.name],
        ["职业与等级", f"{policy.occupation_name} {policy.level_name}"],
        ["考核内容", content["facts"]["component"]],
        ["考场", place.room.name],
        ["考核时间", at.text(place.sitting.starts_at)],
        ["评分表", content["facts"]["template"]],
    ]


def _warning(found: panel_reports.Shown) -> str:
    if found.altered:
        return "本报告的内容或签名与审计记录不一致，不能使用。"
    if found.stale:
        return "生成本报告以后得分有变化，须重新生成并签名。"
    return ""


def _work(session: Session, view: TurnView) -> list[list[str]]:
    """The title of what was handed in for a review; whose it is, the code alone says."""
    turn = session.get_one(Turn, view.line.turn)
    work = thesis_views.work_of(session, turn.registration_id)
    return [["论文题目", work.title]] if work and work.title else []


def _task(view: TurnView, task: Task) -> dict[str, Any]:
    rows = [
        [
            line.number,
            line.content,
            plain(line.points),
            *(_cell(plain(given), said) for given, said in zip(line.given, line.said, strict=True)),
        ]
        for line in view.items
        if line.task == task.number
    ]
    return {
        "title": f"试题{task.number}　{task.title}",
        "weight": plain(task.weight),
        "full": plain(task.full),
        "rows": rows,
        "points": [plain(column.score.tasks[task.number]) for column in view.columns],
    }


def _cell(given: str, said: str) -> str:
    return f"{given}\n{said}" if said else given


def _vetoes(view: TurnView, row: PanelScore) -> Iterator[list[str]]:
    names = {column.user: column.name for column in view.columns}
    for veto in row.detail.get("vetoes", ()):
        by = "、".join(names.get(user, "") for user in veto["by"])
        word = f"成立，{_EFFECTS.get(veto['effect'], '')}" if veto["holds"] else "不成立"
        yield [view.veto_text(veto["code"]), by, word]


def _arbitration(view: TurnView, row: PanelScore) -> str:
    return "；".join(
        f"{panel_events.outcome_of(said)}，理由：{said['reason']}"
        f"（{_name(view, said['by'])}、{_name(view, said['second'])}签字）"
        for said in (row.detail.get("called"), row.detail.get("arbitration"))
        if said
    )


def _name(view: TurnView, user: int | None) -> str:
    return view.names.get(user or 0, "")
