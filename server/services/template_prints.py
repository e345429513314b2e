"""A template on paper: the notices of preparation before the day, blank score sheets after the release.

What is printed is Chinese whatever language the screens speak. Notices tell no task, so whoever plans may
print those of an approved template; sheets of a room are made of what its custodians released, nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank.sheet_template import OvertimeStep, Supply, Template, digest, plain
from server.access import Actor, Permission
from server.db.assessing import SheetTemplate, Station, Turn
from server.db.bank import Bank
from server.errors import Refused
from server.services import audit, duty, panels, sheet_templates, turns
from server.services.paper_prints import content_mark, head
from server.services.roomstate import load
from server.services.signed import need
from server.services.template_release import released_template

SIDES = ("site", "candidate")
COPIES_MOST = 300
EFFECTS = {"item_zero": "项目零分", "task_zero": "试题零分", "fail": "不合格"}
_COMPONENTS = {"practical": "技能考核", "review": "综合评审"}
_MARK = 16  # digits of a hash that stand on paper


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page of a template outside a room says: its clock, and the institution."""

    zone: ZoneInfo
    institution: str = ""


def notice(  # noqa: PLR0913 - which part of which template, and for whom
    session: Session, actor: Actor, template_id: int, side: str, frame: Frame, *, now: datetime
) -> dict[str, Any]:
    """The payload of one part of the notice, "site" or "candidate"; `Refused` for a template in draft."""
    need(actor, Permission.SEE_TEMPLATES)
    row = sheet_templates.get(session, template_id)
    if row.state != "approved":
        raise Refused("template_not_approved", title=row.title)
    if side not in SIDES:
        raise Refused("bad_request", 400)
    template = sheet_templates.opened(session, row)
    site = side == "site"
    rows = template.notice.site if site else template.notice.candidate
    data = {
        "title": row.title,
        "facts": [["考核时间", f"{plain(row.minutes)} 分钟"], ["评分表版本", f"第 {row.version} 版"]],
        "text": template.notice.site_text if site else template.notice.candidate_text,
        "rows": [_supply(each) for each in rows],
        "sha256": row.sha256[:_MARK],
        "site": site,
    }
    title = f"{_COMPONENTS[row.component]}准备通知单（{'考场' if site else '考生'}）"
    first = _head(session, row, data, frame, now)
    return _payload("sheet_notice", {**first, "title": title}, data, now)


def draft_sheet(
    session: Session, actor: Actor, template_id: int, frame: Frame, *, now: datetime
) -> dict[str, Any]:
    """The payload of one blank sheet without a candidate, for those who write or approve templates."""
    template = sheet_templates.content(session, actor, template_id, now=now)
    row = sheet_templates.get(session, template_id)
    data = {"template": _template(template), "copies": [_copy("", "", "", "")]}
    return _payload("score_sheet", _head(session, row, data, frame, now), data, now)


def room_sheets(
    session: Session, actor: Actor, room_sitting_id: int, frame: Frame, *, now: datetime
) -> dict[str, Any]:
    """The payload of a room's blank sheets: one for each examiner and candidate; one without a draw.

    Raises `Forbidden`, `Refused`: not_on_duty, template_not_released, copies_out_of_range.
    """
    duty.need_duty_to_look(session, actor, Permission.RUN_ASSESSMENT, room_sitting_id)
    template = released_template(session, room_sitting_id)
    seats, drawn = panels.panel(session, room_sitting_id), turns.turns_of(session, room_sitting_id)
    stations = _stations(session, drawn)
    copies = [
        _copy(turn.code, str(turn.number), stations.get(turn.station_id or 0, ""), seat.name)
        for seat in seats
        for turn in drawn
    ] or [_copy("", "", "", "")]
    if len(copies) > COPIES_MOST:
        raise Refused("copies_out_of_range", 422, field="spares", limit=COPIES_MOST)
    room = load(session, room_sitting_id)
    data = {"template": _template(template), "copies": copies}
    said = head(room, content_mark(data), now=now, zone=frame.zone)
    title = f"{room.policy.occupation_name}{_COMPONENTS[template.component]}评分记录表"
    first = {**said, "title": title, "institution": frame.institution}
    return _payload("score_sheet", first, data, now)


def note_printed(
    session: Session, actor: Actor, room_sitting_id: int, payload: Mapping[str, Any], *, now: datetime
) -> None:
    """Puts on the room's record that blank sheets were made, how many and of which content."""
    stream = audit.sitting_stream(room_sitting_id)
    told = {"copies": len(payload["data"]["copies"]), "mark": payload["head"]["hash"]}
    audit.record(session, stream, actor, "template_printed", stream, now=now, **told)


def _payload(document: str, first: dict[str, str], data: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {"document": document, "at": now.isoformat(), "head": first, "data": data}


def _head(
    session: Session, row: SheetTemplate, data: dict[str, Any], frame: Frame, now: datetime
) -> dict[str, str]:
    return {
        "title": f"{_COMPONENTS[row.component]}评分记录表",
        "place": session.get_one(Bank, row.bank_id).name,
        "printed": f"{now.astimezone(frame.zone):%Y-%m-%d %H:%M}",
        "hash": content_mark(data),
        "institution": frame.institution,
    }


def _template(template: Template) -> dict[str, Any]:
    plainly: dict[str, Any] = template.to_json()
    for task, source in zip(plainly["tasks"], template.tasks, strict=True):
        task["overtime"] = [_step(step) for step in source.overtime]
        task["vetoes"] = [{**veto, "effect": _effect(veto)} for veto in task["vetoes"]]
        for item in task["items"]:
            item["deductions"] = [{**each, "most": each["most"] or ""} for each in item["deductions"]]
    return {**plainly, "version": str(template.version), "sha256": digest(template)[:_MARK]}


def _effect(veto: Mapping[str, str]) -> str:
    word = EFFECTS[veto["effect"]]
    return f"{word}（{veto['item']}）" if veto["item"] else word


def _step(step: OvertimeStep) -> str:
    lost = f"扣 {plain(step.points)} 分" if step.points else ""
    stop = "停止操作" if step.stop else ""
    return f"超时 {step.from_seconds} 秒起{'，'.join(filter(None, (lost, stop)))}"


def _supply(row: Supply) -> dict[str, str]:
    return {"name": row.name, "spec": row.spec, "unit": row.unit, "count": row.count, "note": row.note}


def _copy(code: str, number: str, station: str, examiner: str) -> dict[str, str]:
    return {"code": code, "number": number, "station": station, "examiner": examiner}


def _stations(session: Session, drawn: list[Turn]) -> dict[int, str]:
    wanted = {turn.station_id for turn in drawn if turn.station_id}
    rows = session.execute(select(Station.id, Station.number).where(Station.id.in_(wanted)))
    return {station: name for station, name in rows}  # noqa: C416 - rows are no pairs to mypy
