"""Cases of violations: the list, one case as a line of steps with its next act, its papers and pictures."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from server.access import Permission
from server.errors import NotFound
from server.messages import N_
from server.rules.violations import CaseAct
from server.services import (
    case_decisions,
    case_documents,
    case_views,
    cases,
    commands,
    incident_views,
    roomstate,
    staff_incidents,
)
from server.services.case_decisions import SERVED_BY, Delivery, Ruling
from server.services.cases import Facts, Opening, Signature
from server.services.duty import need_duty_to_look
from server.services.signed import Signed
from server.web import language
from server.web.acts import act_word
from server.web.forms import moment, row_number, row_numbers, shown_again, text, whole
from server.web.guard import actor, cosigner, current_host, requires
from server.web.incident_reports import jpeg, people

bp = Blueprint("cases", __name__)
OUTCOMES = {
    "none": N_("不影响成绩"),
    "subject": N_("本科目成绩无效"),
    "all": N_("本批次全部科目成绩无效"),
    "upheld": N_("维持原决定"),
    "overturned": N_("撤销原决定"),
}
METHODS = {"in_person": N_("当面送达"), "post": N_("邮寄送达"), "public_notice": N_("公告送达")}
SIGNATURES = {"screen": N_("屏幕签名"), "paper": N_("纸质签名"), "refused": N_("拒签")}
PAPERS = {"violation": N_("违纪违规记录单"), "notice": N_("处理告知书"), "decision": N_("处理决定书")}
STEP_NAMES = {
    "stated": N_("写明事实与证据"),
    "told": N_("当场告知考生"),
    "signed": N_("考生签名或拒签"),
    "confirmed": N_("考点负责人签字"),
    "notified": N_("送达处理告知书"),
    "heard": N_("陈述与申辩"),
    "decided": N_("机构作出决定"),
    "served": N_("送达决定书"),
}


@bp.app_template_global("outcome_word")
def outcome_word(outcome: str) -> str:
    """What a decision or a recheck says."""
    return _(OUTCOMES[outcome]) if outcome in OUTCOMES else ""


@bp.app_template_global("service_word")
def service_word(method: str) -> str:
    """How a paper was served, or a record signed."""
    words = METHODS | SIGNATURES
    return _(words[method]) if method in words else method


@bp.app_template_global("case_step_name")
def case_step_name(name: str) -> str:
    """A step of the procedure."""
    return str(_(STEP_NAMES[name]))


@bp.app_template_global("case_act_word")
def case_act_word(act: str) -> str:
    """An act in a case."""
    return act_word(f"case_{act}")


@bp.app_template_global("local_input")
def local_input(at: datetime) -> str:
    """A moment as a browser's datetime field takes it, on the site's clock."""
    return f"{at.astimezone(_zone()):%Y-%m-%dT%H:%M:%S}"


@bp.app_template_global("iso_clock")
def iso_clock(iso: str) -> str:
    """A moment kept as text, as screens show it."""
    return language.moment(datetime.fromisoformat(iso), zone=_zone())


@bp.get("/cases")
@requires(Permission.SEE_CASES)
def index() -> str:
    """The cases that this person may see; those that wait for this person first. `sitting`: of one room."""
    wanted = request.args.get("sitting", "")
    one = row_number(wanted)
    if wanted and one is None:
        raise NotFound("sitting")
    with current_host().db.read() as session:
        lines = case_views.listing(session, actor(), one)
        room = roomstate.load(session, one) if one is not None else None
        return render_template("cases/index.html", lines=lines, room=room)


@bp.get("/monitor/<int:room_sitting_id>/cases/new")
@requires(Permission.HANDLE_CASES)
def new(room_sitting_id: int) -> str:
    """About whom and on what: `incident` and `person` (an attempt) may be chosen beforehand, or who is at
    `seat` now.
    """
    with current_host().db.read() as session:
        need_duty_to_look(session, actor(), Permission.HANDLE_CASES, room_sitting_id)
        room = roomstate.load(session, room_sitting_id)
        views = incident_views.record(session, room_sitting_id)
        seated, seat = staff_incidents.seats(session, room_sitting_id), request.args.get("seat", "")
        at_seat = next((str(one.attempt) for one in seated if str(one.seat) == seat), "")
        return render_template(
            "cases/new.html",
            room=room,
            people=people(seated),
            views=[v for v in views if v.attempt and v.answered_for and v.state != "dismissed"],
            chosen=request.args.getlist("incident"),
            person=request.args.get("person", at_seat),
        )


@bp.post("/monitor/<int:room_sitting_id>/cases/new")
@requires(Permission.HANDLE_CASES)
@shown_again("cases.new")
def open_case(room_sitting_id: int) -> ResponseReturnValue:
    """Opens a case and goes to it."""
    host = current_host()
    opening = Opening(room_sitting_id, whole("person"), tuple(row_numbers("incident")))
    case_id = host.db.write(cases.open_case, actor(), opening, now=host.now())
    return redirect(url_for("cases.show", case_id=case_id))


@bp.get("/cases/<int:case_id>")
@requires(Permission.SEE_CASES)
def show(case_id: int) -> str:
    """The case as a line of steps; the one next act is open."""
    with current_host().db.read() as session:
        view = case_views.view(session, actor(), case_id)
        attempt = case_views.open_attempt(session, actor(), case_id)
    return render_template(
        "cases/show.html",
        view=view,
        may_end=attempt is not None,
        papers=[(name, _(word)) for name, word in PAPERS.items() if _printable(name, view.line.state)],
        methods=[(name, _(METHODS[name])) for name in SERVED_BY],
        articles=[(article.number, f"{article.number} {article.text}") for article in view.offered],
        outcomes=[(name, outcome_word(name)) for name in view.article.outcomes] if view.article else [],
    )


@bp.get("/cases/<int:case_id>/end")
@requires(Permission.RUN_ROOM)
def end_page(case_id: int) -> str:
    """Asks before the candidate's exam is ended for the case."""
    with current_host().db.read() as session:
        _open_attempt(session, case_id)
        return render_template("cases/end.html", view=case_views.view(session, actor(), case_id))


@bp.post("/cases/<int:case_id>/end")
@requires(Permission.RUN_ROOM)
@shown_again("cases.end_page")
def end(case_id: int) -> ResponseReturnValue:
    """Ends the exam at the seat, with the chief's signature; the case stands in the record beside it."""
    host, signed = current_host(), Signed(actor(), text("reason"), cosigner(request.form))
    with host.db.read() as session:
        attempt = _open_attempt(session, case_id)
    host.db.write(commands.end_seat, attempt, signed, case=case_id, now=host.now())
    flash(_("考试已终止，答卷已收回。"), "good")
    return redirect(url_for("cases.show", case_id=case_id))


def _open_attempt(session: Session, case_id: int) -> int:
    attempt = case_views.open_attempt(session, actor(), case_id)
    if attempt is None:
        raise NotFound("attempt")
    return attempt


def _printable(name: str, state: str) -> bool:
    return state in {str(each) for each in case_documents.PAPERS[name].states}


@bp.post("/cases/<int:case_id>/room/<act>")
@requires(Permission.HANDLE_CASES)
@shown_again("cases.show", act=None)
def lead(case_id: int, act: str) -> ResponseReturnValue:
    """A step of the room's staff or of the site head."""
    return _done(case_id, act, {**_IN_ROOM, **_EITHER})


@bp.post("/cases/<int:case_id>/institution/<act>")
@requires(Permission.DECIDE_CASES)
@shown_again("cases.show", act=None)
def rule(case_id: int, act: str) -> ResponseReturnValue:
    """A step of the institution."""
    return _done(case_id, act, {**_INSTITUTION, **_EITHER})


Do = Callable[[int], object]


def _done(case_id: int, act: str, known: dict[str, Do]) -> ResponseReturnValue:
    if act not in known:
        raise NotFound("act")
    known[act](case_id)
    flash(_("已登记：%(act)s。", act=case_act_word(act)), "good")
    return redirect(url_for("cases.show", case_id=case_id))


def _write(act: Callable[..., object], *args: object) -> None:
    host = current_host()
    host.db.write(act, *args, now=host.now())


def _state(case_id: int) -> None:
    facts = Facts(
        text("facts", limit=cases.FACTS_MOST),
        moment("happened_at"),
        text("article", limit=40),
        text("handling", limit=cases.HANDLING_MOST),
    )
    _write(cases.state_facts, actor(), case_id, facts)


def _sign(case_id: int) -> None:
    drawn = request.form.get("strokes", "")
    signature = Signature(text("method", limit=8), drawn, text("statement", limit=cases.TEXT_MOST))
    _write(cases.sign, actor(), case_id, signature)


def _refuse(case_id: int) -> None:
    signed = Signed(actor(), cosigner=cosigner(request.form, Permission.HANDLE_CASES))
    _write(cases.refuse_signature, signed, case_id, text("statement", limit=cases.TEXT_MOST))


def _said(act: Callable[..., object], field: str) -> Do:
    return lambda case_id: _write(act, actor(), case_id, text(field, limit=cases.TEXT_MOST))


def _alone(act: Callable[..., object]) -> Do:
    return lambda case_id: _write(act, actor(), case_id)


def _delivered(act: Callable[..., object]) -> Do:
    return lambda case_id: _write(
        act, actor(), case_id, Delivery(text("method", limit=16), text("note"), _zone())
    )


def _ruled(act: Callable[..., object]) -> Do:
    return lambda case_id: _write(
        act, actor(), case_id, Ruling(text("outcome", limit=12), text("reason", limit=cases.TEXT_MOST))
    )


_IN_ROOM: dict[str, Do] = {
    CaseAct.STATE: _state,
    CaseAct.TELL: _said(cases.tell, "note"),
    CaseAct.SIGN: _sign,
    CaseAct.REFUSE: _refuse,
    CaseAct.CONFIRM: _said(cases.confirm, "opinion"),
    CaseAct.NOTIFY: _delivered(case_decisions.notify),
    CaseAct.WITHDRAW: _said(cases.withdraw, "reason"),
}
_EITHER: dict[str, Do] = {
    CaseAct.HEAR: _said(case_decisions.hear, "statement"),
    CaseAct.WAIVE: _said(case_decisions.waive, "note"),
    CaseAct.LAPSE: _alone(case_decisions.lapse),
    CaseAct.SERVE: _delivered(case_decisions.serve),
    CaseAct.ASK_RECHECK: _said(case_decisions.ask_recheck, "grounds"),
    CaseAct.CLOSE: _alone(case_decisions.close),
}
_INSTITUTION: dict[str, Do] = {
    CaseAct.DECIDE: _ruled(case_decisions.decide),
    "recheck": _ruled(case_decisions.answer_recheck),
    CaseAct.DROP: _said(case_decisions.drop, "reason"),
}


@bp.get("/cases/<int:case_id>/<document>.pdf")
@requires(Permission.SEE_CASES)
def paper(case_id: int, document: str) -> Response:
    """A paper of the case to sign or to serve."""
    host = current_host()
    asked = case_documents.Asked(case_id, document, _zone(), host.settings.institution)
    with host.db.read() as session:
        payload = case_documents.document(session, actor(), asked, now=host.now())
    pdf = host.jobs.run("document_pdf", payload)["data"]
    host.db.write(case_documents.note_printed, actor(), asked, now=host.now())
    response = Response(pdf, mimetype="application/pdf")
    response.headers["Content-Disposition"] = f"attachment; filename={document}-{case_id}.pdf"
    return response


@bp.get("/cases/<int:case_id>/frames/<int:frame_id>")
@requires(Permission.SEE_CASES)
def frame(case_id: int, frame_id: int) -> Response:
    """A picture that the case rests on; who has seen it stands on the record."""
    host = current_host()
    with host.db.read() as session:
        data = case_views.frame(session, host.evidence, actor(), case_id, frame_id)
    host.db.write(case_views.note_frame_viewed, actor(), case_id, frame_id, now=host.now())
    return jpeg(data)


@bp.get("/cases/<int:case_id>/photos/<int:photo_id>")
@requires(Permission.SEE_CASES)
def photo(case_id: int, photo_id: int) -> Response:
    """A photo of a report that the case rests on."""
    host = current_host()
    with host.db.read() as session:
        data = case_views.photo(session, actor(), case_id, photo_id)
    host.db.write(staff_incidents.note_photo_viewed, actor(), photo_id, now=host.now())
    return jpeg(data)


def _zone() -> ZoneInfo:
    return ZoneInfo(current_host().settings.timezone)
