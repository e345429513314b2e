"""What happened around the scores of a room, as lines of the panel's report: arbitrations, vetoes, changes of
the panel, records that did not count. Chinese, for that is what is printed; nobody's name but the staff's.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from server.db.assessing import PanelScore
from server.db.record import AuditEntry
from server.services import audit, panel_decisions, panel_scores, staff
from server.services.panel_views import Overview, TurnLine

_PANEL = {
    "panel_member_replaced": "考评员{person}由{successor}替换",
    "panel_member_removed": "考评员{person}退出考评组",
    "panel_leader_named": "改由{person}担任考评组长",
    "panel_replaced_in_turn": "序号 {number}：考评员{person}由{successor}替换（{cosigned_by}复核）",
}
_OUTCOMES = {
    panel_decisions.KEEP: "维持合成分",
    panel_decisions.SCORE: "记为 {score} 分",
    panel_decisions.SECOND: "增请两名考评员评分，取全部评分的中位数",
}
_EFFECTS = {"item_zero": "该项计零分", "task_zero": "该题计零分", "fail": "不合格"}


def events(session: Session, whole: Overview) -> Iterator[str]:
    """Every line: changes of the panel first, then the turns in their order.

    Vetoes by their codes alone: what they say is sealed with the template.
    """
    yield from _changes(session, whole.place.row.id)
    for line in whole.lines:
        rows = panel_scores.history(session, line.turn)
        names = staff.names(session, panel_scores.hands(rows))
        place = f"序号 {line.number}（{line.code}）"
        told = [*_decisions(rows, names), *_rulings(rows, names), *_vetoes(line), *_uncounted(line)]
        yield from (f"{place}：{text}" for text in told)


def outcome_of(said: Mapping[str, Any]) -> str:
    """What an arbitration came to, as papers tell it."""
    return _OUTCOMES[said["outcome"]].format(score=said.get("score", ""))


def _changes(session: Session, room_sitting_id: int) -> Iterator[str]:
    stream = audit.sitting_stream(room_sitting_id)
    query = select(AuditEntry).where(AuditEntry.stream == stream, AuditEntry.act.in_(_PANEL))
    for entry in session.scalars(query.order_by(AuditEntry.seq)):
        told = dict.fromkeys(("person", "successor", "number", "cosigned_by"), "") | entry.details
        reason = entry.details.get("reason", "")
        yield _PANEL[entry.act].format(**told) + (f"，原因：{reason}" if reason else "")


def _decisions(rows: list[PanelScore], names: Mapping[int, str]) -> list[str]:
    """Each decision once, by its first revision: later ones carry it along."""
    found: dict[tuple[str, str], str] = {}
    for row in rows:
        for kind in ("returned", "called", "arbitration"):
            said = row.detail.get(kind)
            if said:
                found.setdefault((kind, said["at"]), _decision(kind, said, names, row))
    return list(found.values())


def _rulings(rows: list[PanelScore], names: Mapping[int, str]) -> Iterator[str]:
    rulings = ((code, said) for row in rows for code, said in row.detail.get("rulings", {}).items())
    given = {(code, said["revision"]): said for code, said in rulings}
    for (code, _revision), ruling in given.items():
        word, by = "成立" if ruling["holds"] else "不成立", names.get(ruling["by"], "")
        yield f"否定项 {code} 经督导员{by}认定{word}，理由：{ruling['reason']}"


def _vetoes(line: TurnLine) -> Iterator[str]:
    for veto in line.row.detail.get("vetoes", ()) if line.row is not None else ():
        if veto["holds"]:
            count, effect = len(veto["by"]), _EFFECTS.get(veto["effect"], "")
            yield f"否定项 {veto['code']} 成立（{count} 名考评员标记），{effect}"


def _uncounted(line: TurnLine) -> Iterator[str]:
    if line.forks:
        yield f"有 {line.forks} 条评分记录与已收到的记录冲突，两者都已保存，冲突的没有计入"
    if line.late:
        yield f"有 {line.late} 条评分记录在锁定后到达，已保存，没有计入"


def _decision(kind: str, said: Mapping[str, Any], names: Mapping[int, str], row: PanelScore) -> str:
    by = names.get(said["by"], "")
    if kind == "returned":
        return f"{by}要求仲裁，理由：{said['reason']}"
    second, outcome = names.get(said.get("second") or 0, ""), outcome_of(said)
    spread = f"极差 {row.spread.normalize():f} 分，" if row.spread is not None else ""
    return f"仲裁：{spread}{outcome}（{by}、{second}签字），理由：{said['reason']}"
