"""The internal quality supervisor's form: the supervisor writes, chief and administrators read."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from flask_babel import gettext as _

from server.access import Permission
from server.messages import N_
from server.rules.supervision_list import ITEMS, RESULTS, SupervisionPhase
from server.services import plans, staffing, supervision
from server.services.supervision import Correction, Said
from server.web import forms
from server.web.forms import shown_again
from server.web.guard import actor, current_host, requires, say
from server.web.pdf import attachment, printed_now

bp = Blueprint("supervision", __name__)

PHASES: dict[str, str] = {
    SupervisionPhase.BEFORE: N_("考前"),
    SupervisionPhase.DURING: N_("考中"),
    SupervisionPhase.AFTER: N_("考后"),
}
WORDS: dict[str, str] = {"good": N_("符合"), "fault": N_("不符合"), "none": N_("不适用")}


@bp.get("/sittings/<int:room_sitting_id>/supervision")
@requires(Permission.SEE_BATCHES)
def show(room_sitting_id: int) -> str:
    """The form with its checklist, notes and signature."""
    with current_host().db.read() as session:
        sitting_id = staffing.parts(session, room_sitting_id)[1].id
        found = supervision.form(session, actor(), sitting_id)
        plan = plans.room_plan(session, room_sitting_id)
    phases = [
        (_(word), [line for line in found.lines if line.item.phase == phase])
        for phase, word in PHASES.items()
    ]
    return render_template(
        "supervision/show.html",
        plan=plan,
        form=found,
        phases=phases,
        results=[(code, _(WORDS[code])) for code in RESULTS],
        writes=found.written_by(actor()),
    )


@bp.post("/sittings/<int:room_sitting_id>/supervision")
@requires(Permission.SUPERVISE)
@shown_again("supervision.show")
def mark(room_sitting_id: int) -> ResponseReturnValue:
    """Answers to the checklist."""
    answers = {}
    for item in ITEMS:
        result, note = forms.text(f"result-{item.code}", limit=8), forms.text(f"note-{item.code}")
        if result:
            answers[item.code] = (result, note)
    host = current_host()
    count = host.db.write(supervision.mark, actor(), _sitting(room_sitting_id), answers, now=host.now())
    flash(_("已保存 %(n)d 项检查结果。", n=count), "good")
    return redirect(url_for("supervision.show", room_sitting_id=room_sitting_id))


@bp.post("/sittings/<int:room_sitting_id>/supervision/notes")
@requires(Permission.SUPERVISE)
@shown_again("supervision.show")
def note(room_sitting_id: int) -> ResponseReturnValue:
    """A note, or a finding."""
    host = current_host()
    about = forms.whole("room") if request.form.get("room") else None
    said = Said(forms.text("text", limit=supervision.MOST_TEXT), request.form.get("finding") == "1", about)
    host.db.write(supervision.note, actor(), _sitting(room_sitting_id), said, now=host.now())
    flash(_("督导记录已保存。"), "good")
    return redirect(url_for("supervision.show", room_sitting_id=room_sitting_id, _anchor="notes"))


@bp.post("/sittings/<int:room_sitting_id>/supervision/notes/<int:note_id>")
@requires(Permission.SUPERVISE)
@shown_again("supervision.show", note_id=None)
def correct(room_sitting_id: int, note_id: int) -> ResponseReturnValue:
    """How a finding was put right."""
    host = current_host()
    wanted = Correction(note_id, forms.text("correction", limit=supervision.MOST_TEXT))
    host.db.write(supervision.correct, actor(), _sitting(room_sitting_id), wanted, now=host.now())
    flash(_("整改情况已登记。"), "good")
    return redirect(url_for("supervision.show", room_sitting_id=room_sitting_id, _anchor="notes"))


@bp.post("/sittings/<int:room_sitting_id>/supervision/sign")
@requires(Permission.SUPERVISE)
@shown_again("supervision.show")
def sign(room_sitting_id: int) -> ResponseReturnValue:
    """The supervisor's opinion and signature."""
    host, opinion = current_host(), forms.text("opinion", limit=supervision.MOST_OPINION)
    host.db.write(supervision.sign, actor(), _sitting(room_sitting_id), opinion, now=host.now())
    flash(_("督导表已签字。"), "good")
    return redirect(url_for("supervision.show", room_sitting_id=room_sitting_id))


@bp.get("/sittings/<int:room_sitting_id>/supervision.pdf")
@requires(Permission.SEE_BATCHES)
def sheet(room_sitting_id: int) -> ResponseReturnValue:
    """The form on paper, in Chinese whatever the reader's language."""
    host, at = current_host(), printed_now()
    with host.db.read() as session, force_locale("zh_Hans_CN"):
        words = {item.code: item_text(item.code) for item in ITEMS}
        payload = supervision.document(session, actor(), room_sitting_id, words, at=at)
    return attachment(host.jobs.run("document_pdf", payload)["data"], f"supervision-{room_sitting_id}.pdf")


@bp.app_template_global("supervision_item")
def item_text(code: str) -> str:
    """The text of an item."""
    return say(f"supervise_{code}")


@bp.app_template_global("supervision_result")
def result_word(result: str) -> str:
    """The word of an answer."""
    return str(_(WORDS[result])) if result in WORDS else str(_("未检查"))


def _sitting(room_sitting_id: int) -> int:
    with current_host().db.read() as session:
        return staffing.parts(session, room_sitting_id)[1].id
