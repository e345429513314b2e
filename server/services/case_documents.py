"""The papers of a case: the record to sign on the spot, the notice, the decision.

What is printed is Chinese whatever language the screens speak.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from server.access import Actor
from server.db.cases import Case
from server.db.sittings import Incident
from server.errors import Refused, fill, sentence
from server.rules.violations import CaseAct, CaseState
from server.services import audit, case_views
from server.services.case_file import rules_of
from server.services.case_views import CaseView, StepLine
from server.services.paper_prints import content_mark, head
from server.services.roomstate import load

SCOPE_WORDS = {"": "", "none": "不影响成绩", "subject": "本科目成绩无效", "all": "本批次全部科目成绩无效"}
_MOMENTS = {"before": "之前", "at": "当时", "after": "之后"}
_BOX = (320, 120)
"""The field in which signatures are drawn, in its own units."""


@dataclass(frozen=True, slots=True)
class Paper:
    """When a document may be printed: not before the case reached one of these states."""

    title: str
    body: Callable[["Sheet"], dict[str, Any]]
    states: frozenset[CaseState]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which document of which case, on which clock, and the institution as documents name it."""

    case: int
    document: str
    zone: ZoneInfo
    institution: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a document is made of."""

    session: Session
    case: Case
    view: CaseView
    zone: ZoneInfo

    def moment(self, at: datetime | None) -> str:
        """A time as papers show it."""
        return f"{at.astimezone(self.zone):%Y-%m-%d %H:%M:%S}" if at else ""

    def step(self, *acts: CaseAct) -> StepLine | None:
        """The last act of one of these kinds."""
        lines = [line for stage in self.view.stages for line in stage.lines] + list(self.view.ending)
        return next((line for line in reversed(lines) if line.act in acts), None)


def document(session: Session, actor: Actor, asked: Asked, *, now: datetime) -> dict[str, Any]:
    """The payload of the typesetting job. Refused before there is something to print."""
    view = case_views.view(session, actor, asked.case)
    paper = PAPERS.get(asked.document)
    if paper is None or CaseState(view.line.state) not in paper.states:
        raise Refused("case_paper_not_yet", 409)
    case = session.get_one(Case, asked.case)
    sheet = Sheet(session, case, view, asked.zone)
    room = load(session, case.room_sitting_id)
    data = {"number": str(case.id), "person": _person(sheet, room.room.name), **paper.body(sheet)}
    first = head(room, content_mark(data), now=now, zone=asked.zone)
    return {
        "document": asked.document,
        "at": now.isoformat(),
        "head": {**first, "institution": asked.institution},
        "data": data,
    }


def note_printed(session: Session, actor: Actor, asked: Asked, *, now: datetime) -> None:
    """Puts on the record that a paper of a case was made."""
    case = session.get_one(Case, asked.case)
    stream = audit.sitting_stream(case.room_sitting_id)
    audit.record(session, stream, actor, "case_printed", f"case/{case.id}", now=now, document=asked.document)


def _person(sheet: Sheet, room: str) -> list[list[str]]:
    line = sheet.view.line
    return [
        ["姓名", line.name],
        ["证件号码", sheet.view.id_masked],
        ["准考证号", line.ticket],
        ["单位", sheet.view.employer or "—"],
        ["考场与座位", f"{room} {line.seat} 号"],
        ["时间", sheet.moment(line.happened_at)],
    ]


def _violation(sheet: Sheet) -> dict[str, Any]:
    told, ended = sheet.step(CaseAct.TELL), sheet.step(CaseAct.SIGN, CaseAct.REFUSE)
    confirmed, stated = sheet.step(CaseAct.CONFIRM), sheet.step(CaseAct.STATE)
    refused = ended is not None and ended.act == CaseAct.REFUSE
    return _facts(sheet) | {
        "handling": sheet.view.handling or "无",
        "evidence": [_evidence(sheet, line) for line in sheet.view.evidence if line["what"] != "warning"],
        "warnings": [
            {"at": _local(sheet, line["at"]), "text": line["text"], "by": line["by"]}
            for line in sheet.view.evidence
            if line["what"] == "warning"
        ],
        "recorder": stated.by if stated else "",
        "told": f"{sheet.moment(told.at)} 由 {told.by} 当场告知" if told else "",
        "statement": str(ended.data.get("statement", "")) if ended else "",
        "refused": "拒签" if refused else "",
        "refused_by": f"{ended.by}、{ended.cosigned_by}" if refused and ended else "",
        "signature": _drawn(ended),
        "signed_at": sheet.moment(ended.at) if ended else "",
        "site_head": confirmed.by if confirmed else "",
        "site_head_at": sheet.moment(confirmed.at) if confirmed else "",
        "opinion": str(confirmed.data.get("opinion", "")) if confirmed else "",
    }


def _notice(sheet: Sheet) -> dict[str, Any]:
    rules = rules_of(sheet.session, sheet.case.batch_id)
    article = sheet.view.article
    return _facts(sheet) | {
        "consequence": SCOPE_WORDS[article.scope] if article else "",
        "register": _register(sheet),
        "days": str(rules.statement_days),
        "reason": _summary(sheet),
    }


def _decision(sheet: Sheet) -> dict[str, Any]:
    rules = rules_of(sheet.session, sheet.case.batch_id)
    decided = sheet.step(CaseAct.DECIDE)
    outcome = str(decided.data["outcome"]) if decided else ""
    return _facts(sheet) | {
        "heard": _heard(sheet),
        "outcome": SCOPE_WORDS[outcome],
        "reason": str(decided.data["reason"]) if decided else "",
        "register": _register(sheet) if sheet.view.registered else "",
        "decided_by": decided.by if decided else "",
        "decided_at": sheet.moment(decided.at) if decided else "",
        "days": str(rules.recheck_days),
    }


def _facts(sheet: Sheet) -> dict[str, Any]:
    article = sheet.view.article
    return {
        "facts": sheet.view.facts,
        "basis": sheet.view.basis,
        "article": article.number if article else "",
        "article_text": article.text if article else "",
    }


def _summary(sheet: Sheet) -> str:
    count = len([line for line in sheet.view.evidence if line["what"] != "warning"])
    warned = any(line["what"] == "warning" for line in sheet.view.evidence)
    return f"现场工作人员记录，证据 {count} 项" + ("，事前已警告" if warned else "") + "。"


def _register(sheet: Sheet) -> str:
    article = sheet.view.article
    if article is None or not (article.permanent or article.record_years):
        return ""
    term = "长期记录" if article.permanent else f"记录 {article.record_years} 年"
    return f"违纪违规记录：{term}" + ("，记录期间不发放证书" if article.bars_certificate else "")


def _heard(sheet: Sheet) -> str:
    heard = {str(act) for act in (CaseAct.HEAR, CaseAct.WAIVE, CaseAct.LAPSE)}
    lines = [line for stage in sheet.view.stages for line in stage.lines if line.act in heard]
    return "\n".join(_heard_once(sheet, line) for line in lines)


def _heard_once(sheet: Sheet, line: StepLine) -> str:
    if line.act == CaseAct.HEAR:
        return f"{sheet.moment(line.at)} 收到当事人陈述：{line.data['statement']}"
    return "当事人书面放弃陈述、申辩。" if line.act == CaseAct.WAIVE else "期限届满，当事人未陈述、申辩。"


def _evidence(sheet: Sheet, line: Mapping[str, Any]) -> dict[str, str]:
    if line["what"] == "incident":
        text = _sentence_of(sheet, line)
    elif line["what"] == "photo":
        text = f"现场照片第 {line['moment']} 张"
    else:
        text = f"摄像头画面 {line['id']}（{_MOMENTS.get(line['moment'], '画面')}）"
    return {"at": _local(sheet, line["at"]), "text": text, "hash": str(line.get("sha256", ""))}


def _sentence_of(sheet: Sheet, line: Mapping[str, Any]) -> str:
    row = sheet.session.get_one(Incident, line["id"])
    params = {name: value for name, value in row.details.items() if isinstance(value, str)}
    words = fill(sentence(f"incident_{line['kind'].lower()}"), params | {"seat": sheet.view.line.seat})
    source = "现场记录" if line["source"] == "staff" else "程序提示，经人核实记录"
    people = "、".join([line["by"], *line["witnesses"]])
    said = f"：{line['text']}" if line["text"] else ""
    return f"{words}（{source}，{people}）{said}"


def _local(sheet: Sheet, iso: str) -> str:
    return sheet.moment(datetime.fromisoformat(iso))


def _drawn(line: StepLine | None) -> str:
    """A drawn signature as SVG; numbers alone go into it."""
    strokes = line.data.get("strokes", []) if line else []
    if not strokes:
        return ""
    paths = "".join(
        f'<polyline points="{" ".join(f"{int(x)},{int(y)}" for x, y in stroke)}"/>' for stroke in strokes
    )
    width, height = _BOX
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
        f'<g fill="none" stroke="black" stroke-width="2" stroke-linecap="round">{paths}</g></svg>'
    )


_ALL = frozenset(CaseState)
_WRITTEN = _ALL - {CaseState.OPENED}
_SIGNED = _WRITTEN - {CaseState.STATED, CaseState.TOLD, CaseState.SIGNED}
_DECIDED = frozenset({CaseState.DECIDED, CaseState.SERVED, CaseState.RECHECK, CaseState.CLOSED})
PAPERS: Mapping[str, Paper] = {
    "violation": Paper("违纪违规记录单", _violation, _WRITTEN),
    "notice": Paper("处理告知书", _notice, _SIGNED),
    "decision": Paper("处理决定书", _decision, _DECIDED),
}
"""Document -> its title, content and from when on it exists."""
