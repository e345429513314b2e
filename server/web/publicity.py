"""Publicity of a batch's results: its lists, the public page of one, objections."""

from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from server.access import Permission
from server.messages import N_
from server.rules.publicity import Stage
from server.services import objections, publicity_documents, publicity_views, publishing
from server.services.filings import MOST_TEXT, MOST_WHO, Filing, Said
from server.services.publicity_views import REPLACED
from server.services.result_documents import Press
from server.services.signed import Signed
from server.web.forms import shown_again, text, whole
from server.web.guard import actor, cosigner, current_host, requires
from server.web.pdf import attachment, printed_now
from server.web.results import XLSX

bp = Blueprint("publicity", __name__)
STAGES: dict[str, tuple[str, str]] = {
    Stage.PROVISIONAL: ("off", N_("未公示")),
    Stage.PUBLICITY: ("info", N_("公示中")),
    Stage.HELD: ("look", N_("暂缓：异议处理中")),
    Stage.FINAL: ("good", N_("已生效")),
    REPLACED: ("off", N_("已更正，见后续名单")),
}
OBJECTION_STATES: dict[str, tuple[str, str]] = {
    "open": ("look", N_("待处理")),
    objections.UPHELD: ("look", N_("成立，待更正")),
    objections.REJECTED: ("off", N_("不成立")),
    "settled": ("good", N_("已更正")),
}


@bp.app_template_global("line_badge")
def line_badge(stage: str) -> tuple[str, str]:
    """Colour class and word of where a result stands."""
    state, word = STAGES[stage]
    return state, _(word)


@bp.app_template_global("objection_badge")
def objection_badge(state: str) -> tuple[str, str]:
    """Colour class and word of an objection's state."""
    colour, word = OBJECTION_STATES[state]
    return colour, _(word)


def zone() -> ZoneInfo:
    """Where working days begin."""
    return ZoneInfo(current_host().settings.timezone)


def press() -> Press:
    """When and by which institution a paper of this request is printed."""
    return Press(printed_now(), current_host().settings.institution)


def printed(payload: dict[str, Any], name: str) -> Response:
    """A document set by the job, under its name."""
    return attachment(current_host().jobs.run("document_pdf", payload)["data"], f"{name}.pdf")


@bp.get("/results/batches/<int:batch_id>/publicity")
@requires(Permission.SEE_RESULTS)
def index(batch_id: int) -> str:
    """The lists of a batch and who could be published now."""
    host, now = current_host(), current_host().now()
    with host.db.read() as session:
        batch = publicity_views.batch_of(session, batch_id)
        return render_template(
            "publicity/index.html",
            batch=batch,
            lists=publicity_views.lists(session, actor(), batch_id, now=now),
            waiting=(0, 0) if batch.rehearsal else publicity_views.waiting(session, batch_id, now=now),
        )


@bp.post("/results/batches/<int:batch_id>/publicity")
@requires(Permission.PUBLISH_RESULTS)
@shown_again("publicity.index")
def publish(batch_id: int) -> ResponseReturnValue:
    """Publishes everybody who can be, with the second person's signature."""
    host = current_host()
    signed = Signed(actor(), cosigner=cosigner(request.form, Permission.PUBLISH_RESULTS))
    number = host.db.write(publishing.publish, signed, batch_id, zone(), now=host.now())
    flash(_("第 %(n)d 号公示名单已公布。", n=number), "good")
    return redirect(url_for("publicity.show", batch_id=batch_id, number=number))


@bp.get("/results/batches/<int:batch_id>/publicity/<int:number>")
@requires(Permission.SEE_RESULTS)
def show(batch_id: int, number: int) -> str:
    """One list and where each of its lines stands."""
    host = current_host()
    with host.db.read() as session:
        batch = publicity_views.batch_of(session, batch_id)
        found = publicity_views.page(session, actor(), batch_id, number, now=host.now())
    return render_template("publicity/show.html", batch=batch, found=found)


@bp.get("/results/batches/<int:batch_id>/publicity/<int:number>.pdf")
@requires(Permission.SEE_RESULTS)
def list_pdf(batch_id: int, number: int) -> Response:
    """The list as it was published, on paper."""
    with current_host().db.read() as session:
        payload = publicity_documents.list_pdf(session, actor(), (batch_id, number), press())
    return printed(payload, f"公示名单-{batch_id}-{number}")


@bp.get("/results/batches/<int:batch_id>/publicity/<int:number>.xlsx")
@requires(Permission.SEE_RESULTS)
def list_workbook(batch_id: int, number: int) -> Response:
    """The list as a workbook; text cells, no formulas."""
    host = current_host()
    with host.db.read() as session:
        place = batch_id, number
        payload = publicity_documents.list_workbook(session, actor(), place, now=host.now())
    data = host.jobs.run("results_xlsx", payload)["data"]
    return attachment(data, f"公示名单-{batch_id}-{number}.xlsx", XLSX)


@bp.get("/publicity/<token>")
def public(token: str) -> Response:
    """The list for whoever has its address; nobody keeps or indexes it."""
    host = current_host()
    with host.db.read() as session:
        found = publicity_views.public(session, token, zone(), now=host.now())
    response = make_response(
        render_template("publicity/public.html", found=found, institution=host.settings.institution)
    )
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@bp.get("/results/batches/<int:batch_id>/objections")
@requires(Permission.PUBLISH_RESULTS)
def objection_list(batch_id: int) -> str:
    """The objections of a batch; `person` may be chosen beforehand."""
    host = current_host()
    with host.db.read() as session:
        batch = publicity_views.batch_of(session, batch_id)
        lines = publicity_views.objections(session, actor(), batch_id)
        public_now = publicity_views.objectable(session, batch_id, now=host.now())
    return render_template("publicity/objections.html", batch=batch, lines=lines, people=choices(public_now))


def choices(people: list[publicity_views.Person]) -> list[tuple[str, str]]:
    """Candidates as a form offers them."""
    return [("", _("请选择")), *((str(each.id), f"{each.ticket} {each.name}") for each in people)]


def filing(batch_id: int) -> Filing:
    """What a form says that somebody brought in."""
    said = Said(text("who", limit=MOST_WHO), text("contact", limit=MOST_WHO), text("text", limit=MOST_TEXT))
    return Filing(batch_id, whole("person"), said)


@bp.post("/results/batches/<int:batch_id>/objections")
@requires(Permission.PUBLISH_RESULTS)
@shown_again("publicity.objection_list")
def receive_objection(batch_id: int) -> ResponseReturnValue:
    """Puts an objection on file."""
    host = current_host()
    host.db.write(objections.receive, actor(), filing(batch_id), now=host.now())
    flash(_("异议已登记，该考生的结果暂缓生效。"), "good")
    return redirect(url_for("publicity.objection_list", batch_id=batch_id))


@bp.post("/results/batches/<int:batch_id>/objections/<int:objection_id>")
@requires(Permission.PUBLISH_RESULTS)
@shown_again("publicity.objection_list", objection_id=None)
def decide_objection(batch_id: int, objection_id: int) -> ResponseReturnValue:
    """Two people decide it."""
    host = current_host()
    second = cosigner(request.form, Permission.PUBLISH_RESULTS)
    signed = Signed(actor(), text("reason", limit=400), second)
    host.db.write(objections.decide, signed, objection_id, text("outcome", limit=12), now=host.now())
    flash(_("异议的处理结果已登记。"), "good")
    return redirect(url_for("publicity.objection_list", batch_id=batch_id))
