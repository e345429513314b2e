"""Results on paper: the summary table (评价结果汇总表), result slips (成绩单), the summary as a workbook.

What is printed is Chinese whatever language the screens speak.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from server.access import Actor, Permission
from server.db.sittings import Batch
from server.errors import NotFound, Refused
from server.rules.policy import LevelPolicy
from server.rules.policy_components import COMPONENT_WORDS
from server.services import batch_results, publicity
from server.services.batches import policy_of
from server.services.paper_prints import content_mark
from server.services.printed_at import At
from server.services.result_lines import ResultLine
from server.services.signed import need


@dataclass(frozen=True, slots=True)
class Press:
    """When and by which institution something is printed."""

    at: At
    institution: str = ""


SUMMARY_TITLE, SLIP_TITLE = "职业技能等级认定评价结果汇总表", "职业技能等级认定成绩单"
STAGE_WORDS = {
    "provisional": "未公示",
    "publicity": "公示中",
    "held": "公示异议处理中",
    "final": "已生效",
}


def summary(session: Session, actor: Actor, batch_id: int, press: Press) -> dict[str, Any]:
    """The payload of the typesetting job for the summary of a batch."""
    batch, policy, lines = _known(session, actor, batch_id)
    data = {
        "facts": _facts(batch, policy, lines),
        "components": [COMPONENT_WORDS[str(each)] for each in policy.required],
        "rows": [[line.ticket, line.id_masked, line.name, *_texts(line), line.overall] for line in lines],
    }
    return _payload("result_summary", SUMMARY_TITLE, batch, data, press)


def slips(
    session: Session, actor: Actor, batch_id: int, press: Press, *, candidate: int | None = None
) -> dict[str, Any]:
    """The payload for the result slips of all candidates, or of one."""
    batch, policy, lines = _known(session, actor, batch_id)
    wanted = [line for line in lines if candidate in (None, line.candidate_id)]
    if not wanted:
        raise NotFound("candidate")
    return slips_of(session, batch, policy, wanted, press)


def slips_of(
    session: Session,
    batch: Batch,
    policy: LevelPolicy,
    lines: Sequence[ResultLine],
    press: Press,
) -> dict[str, Any]:
    """The same for these lines; whether they may be printed was looked at elsewhere."""
    standings = publicity.standings(session, batch.id, now=press.at.now)
    stages = {candidate: str(standing.stage) for candidate, standing in standings.items()}
    data = {"slips": [_slip(policy, line, stages.get(line.candidate_id, "provisional")) for line in lines]}
    return _payload("result_slip", SLIP_TITLE, batch, data, press)


def workbook(session: Session, actor: Actor, batch_id: int) -> dict[str, Any]:
    """The payload of the workbook job for the summary of a batch."""
    batch, policy, lines = _known(session, actor, batch_id)
    components = [str(each) for each in policy.required]
    columns = [["number", "序号"], ["ticket", "准考证号"], ["id_masked", "证件号码"], ["name", "姓名"]]
    columns += [["employer", "单位"]]
    columns += [[each, COMPONENT_WORDS[each]] for each in components] + [["overall", "评价结果"]]
    rows = [
        {
            "number": str(number),
            "ticket": line.ticket,
            "id_masked": line.id_masked,
            "name": line.name,
            "employer": line.employer,
            **dict(zip(components, _texts(line), strict=True)),
            "overall": line.overall,
        }
        for number, line in enumerate(lines, 1)
    ]
    title = [SUMMARY_TITLE, f"{batch.name} · {policy.occupation_name} · {policy.level_name}"]
    return {"sheet": "评价结果", "head": title, "columns": columns, "rows": rows, "numeric": components}


def _known(session: Session, actor: Actor, batch_id: int) -> tuple[Batch, LevelPolicy, list[ResultLine]]:
    need(actor, Permission.SEE_RESULTS)
    batch = session.get(Batch, batch_id)
    if batch is None:
        raise NotFound("batch")
    if batch.rehearsal:
        raise Refused("rehearsal_no_results")
    return batch, policy_of(batch), batch_results.lines(session, batch_id)


def _payload(document: str, title: str, batch: Batch, data: dict[str, Any], press: Press) -> dict[str, Any]:
    at = press.at
    head = {
        "title": title,
        "place": batch.name,
        "printed": _moment(at.now, at.zone),
        "hash": content_mark(data),
        "institution": press.institution,
    }
    return {"document": document, "at": at.now.isoformat(), "head": head, "data": data}


def _facts(batch: Batch, policy: LevelPolicy, lines: Sequence[ResultLine]) -> list[list[str]]:
    counts = {
        word: sum(line.overall == word for line in lines)
        for word in ("合格", "不合格", "缺考", "无效", "待定")
    }
    told = "，".join(f"{word} {count} 人" for word, count in counts.items() if count)
    return [
        ["批次", batch.name],
        ["职业", f"{policy.occupation_name}（{policy.occupation_code}）"],
        ["等级", policy.level_name],
        ["人数", f"{len(lines)} 人" + (f"：{told}" if told else "")],
    ]


def _slip(policy: LevelPolicy, line: ResultLine, stage: str) -> dict[str, Any]:
    return {
        "facts": [
            ["姓名", line.name],
            ["证件号码", line.id_masked],
            ["准考证号", line.ticket or "—"],
            ["单位", line.employer or "—"],
            ["职业", f"{policy.occupation_name}（{policy.occupation_code}）"],
            ["等级", policy.level_name],
        ],
        "parts": [
            [COMPONENT_WORDS[cell.component], cell.text, cell.word, _pass_mark(policy, cell.component)]
            for cell in line.parts
        ],
        "overall": line.overall,
        "stage": STAGE_WORDS[stage],
    }


def _pass_mark(policy: LevelPolicy, component: str) -> str:
    scale = policy.terms_of(component).scale
    word = "及以上" if scale.inclusive else "以上（不含）"
    return f"{scale.pass_mark:f} 分{word}（满分 {scale.max:f}）"


def _texts(line: ResultLine) -> list[str]:
    return [cell.text for cell in line.parts]


def _moment(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
