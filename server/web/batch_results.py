"""Results of batches: the list, one batch, one person with every revision, the papers made of them."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from server.access import Permission
from server.messages import N_
from server.rules.results import Ground, score_text
from server.services import batch_results, result_documents, result_views
from server.services.result_documents import Press
from server.services.result_views import FILTERS
from server.web.forms import returns_to
from server.web.guard import actor, current_host, requires
from server.web.pdf import attachment, printed_now
from server.web.results import XLSX

bp = Blueprint("batch_results", __name__)
COMPONENTS = {
    "theory": N_("理论知识考试"),
    "practical": N_("技能考核"),
    "review": N_("综合评审"),
    "overall": N_("评价结果"),
}
STATUSES = {
    # status -> (colour class of the badge, word)
    "pass": ("good", N_("合格")),
    "fail": ("act", N_("不合格")),
    "exempt": ("info", N_("免试")),
    "absent": ("off", N_("缺考")),
    "void": ("act", N_("无效")),
    "pending": ("look", N_("待定")),
}
STAGES = {
    "provisional": ("off", N_("未公示")),
    "publicity": ("info", N_("公示中")),
    "held": ("look", N_("有异议")),
    "final": ("good", N_("已生效")),
}
GROUNDS = {
    Ground.MARKS: N_("考场评分"),
    Ground.PANEL: N_("考评组评分"),
    Ground.ABSENCE: N_("没有到场"),
    Ground.EXEMPTION: N_("免试决定"),
    Ground.CASE: N_("违纪处理决定"),
    Ground.CORRECTION: N_("更正决定"),
    Ground.COMPONENTS: N_("由各科目得出"),
    Ground.WAITING: N_("还没有依据"),
}
FILTER_NAMES = {
    "all": N_("全部"),
    "pass": N_("合格"),
    "fail": N_("不合格、缺考或无效"),
    "pending": N_("待定"),
    "stale": N_("与依据不一致"),
    "unchecked": N_("待核对"),
    "held": N_("有异议"),
}


@bp.app_template_global("component_word")
def component_word(component: str) -> str:
    """A component, or the whole."""
    return str(_(COMPONENTS[component])) if component in COMPONENTS else component


@bp.app_template_global("result_badge")
def result_badge(status: str) -> tuple[str, str]:
    """The colour class and the word of a result's status."""
    colour, word = STATUSES[status]
    return colour, str(_(word))


@bp.app_template_global("stage_badge")
def stage_badge(stage: str) -> tuple[str, str]:
    """The same for the stage of publicity."""
    colour, word = STAGES[stage]
    return colour, str(_(word))


@bp.app_template_global("ground_word")
def ground_word(kind: str) -> str:
    """What a result rests on."""
    return str(_(GROUNDS[Ground(kind)]))


bp.add_app_template_filter(score_text, "score_text")


@bp.get("/results/batches")
@requires(Permission.SEE_RESULTS)
def index() -> str:
    """All batches that have results."""
    with current_host().db.read() as session:
        return render_template("results/batches.html", lines=result_views.batches(session, actor()))


@bp.get("/results/batches/<int:batch_id>")
@requires(Permission.SEE_RESULTS)
def show(batch_id: int) -> str:
    """Everybody's results, `show` one of the filters."""
    host, wanted = current_host(), request.args.get("show", "all")
    with host.db.read() as session:
        view = result_views.view(session, actor(), batch_id, now=host.now())
    return render_template(
        "results/batch.html",
        view=view,
        rows=view.filtered(wanted),
        wanted=wanted if wanted in FILTERS else "all",
        filters={name: str(_(FILTER_NAMES[name])) for name in FILTERS},
    )


@bp.get("/results/batches/<int:batch_id>/candidates/<int:candidate_id>")
@requires(Permission.SEE_RESULTS)
def person(batch_id: int, candidate_id: int) -> str:
    """One candidate: results in force and every one before them, with reasons."""
    host = current_host()
    with host.db.read() as session:
        view = result_views.person(session, actor(), batch_id, candidate_id, now=host.now())
    return render_template("results/person.html", view=view)


@bp.post("/results/batches/<int:batch_id>/fold")
@requires(Permission.FOLD_RESULTS)
@returns_to("batch_results.show")
def fold(batch_id: int) -> ResponseReturnValue:
    """统分: stores what follows from marks, exemptions and decisions."""
    host = current_host()
    done = host.db.write(batch_results.fold, actor(), batch_id, now=host.now())
    flash(_("已汇总：%(n)d 名考生的成绩有变化。", n=done.changed), "good")
    if done.held:
        told = _("另有 %(n)d 名考生的成绩已公示，与现有依据不一致，须通过更正处理。", n=len(done.held))
        flash(told, "act")
    return redirect(url_for("batch_results.show", batch_id=batch_id))


@bp.post("/results/batches/<int:batch_id>/check")
@requires(Permission.CHECK_MARKS)
@returns_to("batch_results.show")
def check(batch_id: int) -> ResponseReturnValue:
    """核分: another person has compared what was folded."""
    host = current_host()
    count = host.db.write(batch_results.check, actor(), batch_id, now=host.now())
    flash(_("已核对 %(n)d 项成绩。", n=count), "good")
    return redirect(url_for("batch_results.show", batch_id=batch_id))


@bp.get("/results/batches/<int:batch_id>/summary.xlsx")
@requires(Permission.SEE_RESULTS)
def workbook(batch_id: int) -> Response:
    """The summary as a workbook."""
    host = current_host()
    with host.db.read() as session:
        payload = result_documents.workbook(session, actor(), batch_id)
    data = host.jobs.run("results_xlsx", payload)["data"]
    return attachment(data, f"评价结果汇总表-{batch_id}.xlsx", XLSX)


@bp.get("/results/batches/<int:batch_id>/summary.pdf")
@requires(Permission.SEE_RESULTS)
def summary(batch_id: int) -> Response:
    """The summary to be signed."""
    host = current_host()
    with host.db.read() as session:
        payload = result_documents.summary(session, actor(), batch_id, _press())
    return attachment(host.jobs.run("document_pdf", payload)["data"], f"评价结果汇总表-{batch_id}.pdf")


@bp.get("/results/batches/<int:batch_id>/slips.pdf")
@requires(Permission.SEE_RESULTS)
def slips(batch_id: int) -> Response:
    """Result slips of everybody."""
    return _slips(batch_id, None)


@bp.get("/results/batches/<int:batch_id>/candidates/<int:candidate_id>/slip.pdf")
@requires(Permission.SEE_RESULTS)
def slip(batch_id: int, candidate_id: int) -> Response:
    """One candidate's result slip."""
    return _slips(batch_id, candidate_id)


def _slips(batch_id: int, candidate: int | None) -> Response:
    host = current_host()
    with host.db.read() as session:
        payload = result_documents.slips(session, actor(), batch_id, _press(), candidate=candidate)
    name = f"成绩单-{batch_id}.pdf" if candidate is None else f"成绩单-{batch_id}-{candidate}.pdf"
    return attachment(host.jobs.run("document_pdf", payload)["data"], name)


def _press() -> Press:
    return Press(printed_now(), current_host().settings.institution)
