"""Recheck requests of a batch: the list with its clocks, one request with the sums, the answer on paper."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from server.access import Permission
from server.errors import NotFound
from server.messages import N_
from server.services import correction_views, publicity_documents, publicity_views, rechecks
from server.services.batches import policy_of
from server.services.rechecks import MOST_ANSWER, Answer, Request
from server.services.signed import Signed
from server.web.batch_results import component_word
from server.web.forms import shown_again, text
from server.web.guard import actor, cosigner, current_host, requires
from server.web.publicity import choices, filing, press, printed, zone

bp = Blueprint("rechecks", __name__)
GROUNDS = {
    rechecks.OMISSION: N_("漏评、漏加"),
    rechecks.SUM: N_("合计有误"),
    rechecks.STANDARD: N_("对评分标准有异议"),
}
OUTCOMES = {
    rechecks.UNCHANGED: N_("复核无误，维持原成绩"),
    rechecks.FOUND: N_("发现差错，需要更正"),
    rechecks.OUT_OF_SCOPE: N_("不属于复核范围"),
}
DUE = {
    correction_views.OPEN: ("info", N_("待答复")),
    correction_views.DUE: ("look", N_("今天到期")),
    correction_views.OVERDUE: ("act", N_("已超期")),
    "": ("good", N_("已答复")),
}
SUMS = {"paper": N_("答卷各题得分之和"), "panel": N_("考评组评分合成"), "result": N_("科目成绩")}


@bp.app_template_global("recheck_word")
def recheck_word(word: str) -> str:
    """Grounds, outcome or kind of a sum."""
    words = GROUNDS | OUTCOMES | SUMS
    return str(_(words[word])) if word in words else word


@bp.app_template_global("due_badge")
def due_badge(due: str) -> tuple[str, str]:
    """Colour class and word of a request's clock."""
    colour, word = DUE[due]
    return colour, _(word)


@bp.get("/results/batches/<int:batch_id>/rechecks")
@requires(Permission.HANDLE_RECHECKS)
def index(batch_id: int) -> str:
    """The requests, those that are due first, and the form for a new one."""
    host = current_host()
    with host.db.read() as session:
        batch = publicity_views.batch_of(session, batch_id)
        people = list(publicity_views.people(session, batch_id).values())
        lines = correction_views.rechecks_of(session, actor(), batch_id, zone(), now=host.now())
    required = [str(each) for each in policy_of(batch).required]
    return render_template(
        "publicity/rechecks.html",
        batch=batch,
        lines=lines,
        people=choices(people),
        components=[("", _("请选择")), *((name, component_word(name)) for name in required)],
        grounds=[("", _("请选择")), *((name, _(word)) for name, word in GROUNDS.items())],
    )


@bp.post("/results/batches/<int:batch_id>/rechecks")
@requires(Permission.HANDLE_RECHECKS)
@shown_again("rechecks.index")
def receive(batch_id: int) -> ResponseReturnValue:
    """Takes a request."""
    host = current_host()
    asked = Request(filing(batch_id), text("component", limit=16), text("grounds", limit=12))
    recheck_id = host.db.write(rechecks.receive, actor(), asked, zone(), now=host.now())
    flash(_("复核申请已受理。"), "good")
    return redirect(url_for("rechecks.show", batch_id=batch_id, recheck_id=recheck_id))


@bp.get("/results/batches/<int:batch_id>/rechecks/<int:recheck_id>")
@requires(Permission.HANDLE_RECHECKS)
def show(batch_id: int, recheck_id: int) -> str:
    """One request: what was said, the sums beside what is stored, the answer."""
    host = current_host()
    with host.db.read() as session:
        batch = publicity_views.batch_of(session, batch_id)
        if rechecks.get(session, recheck_id).batch_id != batch_id:
            raise NotFound("recheck")
        view = correction_views.recheck(session, actor(), recheck_id, zone(), now=host.now())
    possible = [rechecks.OUT_OF_SCOPE] if view.line.grounds == rechecks.STANDARD else list(OUTCOMES)[:2]
    return render_template(
        "publicity/recheck.html",
        batch=batch,
        view=view,
        outcomes=[("", _("请选择")), *((name, _(OUTCOMES[name])) for name in possible)],
        most=MOST_ANSWER,
    )


@bp.post("/results/batches/<int:batch_id>/rechecks/<int:recheck_id>")
@requires(Permission.HANDLE_RECHECKS)
@shown_again("rechecks.show")
def answer(batch_id: int, recheck_id: int) -> ResponseReturnValue:
    """Two people answer."""
    host = current_host()
    signed = Signed(actor(), cosigner=cosigner(request.form, Permission.HANDLE_RECHECKS))
    given = Answer(text("outcome", limit=12), text("answer", limit=MOST_ANSWER))
    host.db.write(rechecks.answer, signed, recheck_id, given, now=host.now())
    flash(_("复核已答复，可以打印回执。"), "good")
    return redirect(url_for("rechecks.show", batch_id=batch_id, recheck_id=recheck_id))


@bp.get("/results/rechecks/<int:recheck_id>.pdf")
@requires(Permission.HANDLE_RECHECKS)
def letter(recheck_id: int) -> Response:
    """The answer on paper."""
    with current_host().db.read() as session:
        payload = publicity_documents.letter(session, actor(), recheck_id, press())
    return printed(payload, f"复核回执-{recheck_id}")
