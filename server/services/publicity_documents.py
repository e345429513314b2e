"""Papers after the marks: a publicity list as PDF and workbook, the answer to a recheck request.

What is printed is Chinese whatever language the screens speak.
"""

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from server.access import Actor
from server.errors import Refused
from server.rules.policy_components import COMPONENT_WORDS
from server.services import publicity_views, rechecks
from server.services.correction_views import RecheckView, recheck
from server.services.paper_prints import content_mark
from server.services.publicity_views import REPLACED, Line, ListPage, batch_of
from server.services.rechecks import GROUNDS, OUTCOMES
from server.services.result_documents import STAGE_WORDS, Press

LIST_TITLE, LETTER_TITLE = "职业技能等级认定评价结果公示名单", "成绩复核回执"
LINE_WORDS = {**STAGE_WORDS, REPLACED: "已更正，见后续名单"}
GROUND_WORDS = dict(zip(GROUNDS, ("漏评、漏加", "合计有误", "评分标准"), strict=True))
OUTCOME_WORDS = dict(
    zip(OUTCOMES, ("复核无误，维持原成绩", "发现差错，按程序更正", "不属于复核范围"), strict=True)
)
SUM_WORDS = {"paper": "答卷各题得分之和", "panel": "考评组评分合成", "result": "科目成绩"}


def list_pdf(session: Session, actor: Actor, place: tuple[int, int], press: Press) -> dict[str, Any]:
    """The payload of the typesetting job for one list; `place`: batch and number of the list."""
    found = publicity_views.page(session, actor, *place, now=press.at.now)
    view = found.view
    data = {
        "number": str(view.number),
        "facts": [
            ["批次", found.batch],
            ["职业等级", f"{found.occupation} · {found.level}"],
            ["公示期", f"{view.published_on} 至 {view.last_on}（工作日）"],
            ["人数", f"{view.candidates} 人"],
        ],
        "columns": list(found.columns),
        "rows": _rows(found),
        "sha256": view.sha256,
        "published_by": f"{view.published_by}、{view.cosigned_by}",
    }
    return _payload("publicity", LIST_TITLE, found.batch, data, press)


def list_workbook(session: Session, actor: Actor, place: tuple[int, int], *, now: datetime) -> dict[str, Any]:
    """The payload of the workbook job for one list, with where each line stands now."""
    found = publicity_views.page(session, actor, *place, now=now)
    keys = ["number", "ticket", "id_masked", "name", *(f"part{n}" for n in range(len(found.columns)))]
    titles = ["序号", "准考证号", "证件号码", "姓名", *found.columns]
    rows = [
        dict(zip([*keys, "overall"], row, strict=True)) | {"stage": LINE_WORDS[line.stage]}
        for row, line in zip(_rows(found), found.lines, strict=True)
    ]
    return {
        "sheet": "公示名单",
        "head": [LIST_TITLE, f"{found.batch} · {found.occupation} · {found.level}"],
        "columns": [list(pair) for pair in zip(keys, titles, strict=True)]
        + [["overall", "评价结果"], ["stage", "状态"]],
        "rows": rows,
        "numeric": keys[4:],
    }


def _rows(found: ListPage) -> list[list[str]]:
    return [[str(number), *_cells(line)] for number, line in enumerate(found.lines, 1)]


def _cells(line: Line) -> list[str]:
    parts = (text for _part, text in line.parts)
    return [line.ticket, line.id_masked, line.name, *parts, line.overall]


def letter(session: Session, actor: Actor, recheck_id: int, press: Press) -> dict[str, Any]:
    """The payload for the answer to a request. Refused before there is one (recheck_open)."""
    view = recheck(session, actor, recheck_id, press.at.zone, now=press.at.now)
    if view.answered_at is None:
        raise Refused("recheck_not_answered")
    row = rechecks.get(session, recheck_id)
    batch = batch_of(session, row.batch_id)
    return _payload("recheck", LETTER_TITLE, batch.name, _letter(view, press), press)


def _letter(view: RecheckView, press: Press) -> dict[str, Any]:
    line = view.line
    return {
        "number": str(line.id),
        "facts": [
            ["姓名", line.person.name],
            ["准考证号", line.person.ticket],
            ["科目", COMPONENT_WORDS[line.component]],
            ["申请事项", GROUND_WORDS[line.grounds]],
            ["受理时间", press.at.text(line.received_at)],
            ["答复期限", str(line.due_on)],
        ],
        "sums": [[SUM_WORDS[each.what], each.ticket, each.stored, each.again or "—"] for each in view.sums],
        "outcome": OUTCOME_WORDS[line.outcome],
        "answer": view.answer,
        "answered_at": press.at.text(view.answered_at),
        "answered_by": f"{view.answered_by}、{view.cosigned_by}",
    }


def _payload(document: str, title: str, place: str, data: dict[str, Any], press: Press) -> dict[str, Any]:
    head = {
        "title": title,
        "place": place,
        "printed": press.at.text(press.at.now),
        "hash": content_mark(data),
        "institution": press.institution,
    }
    return {"document": document, "at": press.at.now.isoformat(), "head": head, "data": data}
