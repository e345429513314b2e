"""Comprehensive reviews: works handed in, the schedule, and one page for each candidate's turn."""

from decimal import Decimal
from typing import Any
from urllib.parse import quote

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from server.access import Permission
from server.errors import NotFound
from server.messages import N_
from server.rules.policy_components import Component, Method
from server.services import (
    assessment_room,
    assessments,
    defence_documents,
    defences,
    sheets,
    theses,
    thesis_views,
    turns,
)
from server.services.defence_documents import Wish
from server.services.defences import Asked, Plan
from server.services.signed import Signed
from server.services.theses import Handed, Similarity
from server.web.forms import decimal, moment, shown_again, text, upload, whole
from server.web.guard import actor, cosigner, current_host, may, requires
from server.web.pdf import attachment, printed_now

bp = Blueprint("reviews", __name__)
KINDS: dict[str, str] = {
    "thesis": N_("论文"),
    "summary": N_("工作总结"),
    "achievement": N_("业绩材料"),
    "certificate": N_("证明材料"),
    "other": N_("其他材料"),
}
WAITS: dict[str, str] = {"late": N_("逾期"), "short": N_("字数不足")}
_SHOWN_INSIDE = frozenset({"application/pdf", "image/jpeg", "image/png"})


@bp.app_template_global("work_kind")
def work_kind(kind: str) -> str:
    """A kind of what is handed in."""
    return _(KINDS[kind]) if kind in KINDS else kind


@bp.app_template_global("work_waits")
def work_waits(why: str) -> str:
    """Why a version does not count by itself."""
    return _(WAITS[why]) if why in WAITS else why


@bp.app_template_global("turn_word")
def turn_word(method: str, state: str) -> str:
    """A candidate's state before a panel as `STATES` names it: a thesis is defended, not performed."""
    kind = method if method in (Method.DEFENCE, Method.MATERIALS) else "turn"
    return f"{kind}_{state}"


@bp.get("/reviews")
@requires(Permission.SEE_BATCHES)
def index() -> str:
    """The rooms of reviews that are for this person: all for who manages them, one's own for a panel and who
    runs a room; nothing for everybody else.
    """
    host = current_host()
    with host.db.read() as session:
        rows = [
            line
            for line in assessments.lines(session, now=host.now())
            if line.component == Component.REVIEW and defences.may_see(session, actor(), line.id)
        ]
    return render_template("reviews/index.html", rows=rows)


@bp.get("/reviews/<int:room_sitting_id>")
@requires(Permission.SEE_BATCHES)
def room(room_sitting_id: int) -> str:
    """The works of a room: with names for who manages reviews, by blind code for its panel."""
    with current_host().db.read() as session:
        place = assessment_room.load(session, room_sitting_id)
        if place.sitting.component != Component.REVIEW:
            raise NotFound("sitting")
        member = assessment_room.on_panel(session, actor(), room_sitting_id)
        return render_template(
            "reviews/room.html",
            place=place,
            lines=thesis_views.works(session, actor(), room_sitting_id),
            due=theses.due(session, place.sitting.id),
            manages=may(Permission.MANAGE_REVIEWS) and not member,
            member=member,
            drawn=bool(turns.turns_of(session, room_sitting_id)),
        )


@bp.get("/reviews/<int:room_sitting_id>/works/<int:registration_id>")
@requires(Permission.MANAGE_REVIEWS)
def work(room_sitting_id: int, registration_id: int) -> str:
    """One candidate's work: versions, title, similarity."""
    with current_host().db.read() as session:
        place = theses.managed(session, actor(), room_sitting_id)
        found = thesis_views.works(session, actor(), room_sitting_id)
        line = next((each for each in found if each.registration == registration_id), None)
        if line is None:
            raise NotFound("registration")
        return render_template(
            "reviews/work.html",
            place=place,
            line=line,
            kinds=[(name, _(word)) for name, word in KINDS.items()],
            due=theses.due(session, place.sitting.id),
        )


@bp.post("/reviews/<int:room_sitting_id>/due")
@requires(Permission.MANAGE_REVIEWS)
@shown_again("reviews.room")
def due(room_sitting_id: int) -> ResponseReturnValue:
    """Until when works are handed in."""
    _write(theses.set_due, actor(), room_sitting_id, moment("due_at"))
    flash(_("截止时间已保存。"), "good")
    return redirect(url_for("reviews.room", room_sitting_id=room_sitting_id))


@bp.post("/reviews/<int:room_sitting_id>/schedule")
@requires(Permission.MANAGE_REVIEWS)
@shown_again("reviews.room")
def schedule(room_sitting_id: int) -> ResponseReturnValue:
    """Plans a time for everybody who waits, in the drawn order."""
    plan = Plan(moment("first_at"), whole("minutes_each"), whole("pause"))
    count = _write(defences.schedule, actor(), room_sitting_id, plan)
    flash(_("已安排 %(n)s 位考生的时间。", n=count), "good")
    return redirect(url_for("reviews.room", room_sitting_id=room_sitting_id))


@bp.post("/reviews/<int:room_sitting_id>/works/<int:registration_id>/files")
@requires(Permission.MANAGE_REVIEWS)
@shown_again("reviews.work")
def hand_in(room_sitting_id: int, registration_id: int) -> ResponseReturnValue:
    """Takes a file; it is opened in the limited child alone."""
    file, kind = upload(), text("kind", limit=16)
    theses.check_upload(kind, file.data)
    found = current_host().jobs.run("read_work", {"data": file.data})
    handed = Handed(kind, file.data, found["mime"], found["pages"], found["characters"])
    _write(theses.add, actor(), registration_id, handed)
    flash(_("文件已密封保存。"), "good")
    return _to_work(room_sitting_id, registration_id)


@bp.post("/reviews/<int:room_sitting_id>/works/<int:registration_id>/title")
@requires(Permission.MANAGE_REVIEWS)
@shown_again("reviews.work")
def title(room_sitting_id: int, registration_id: int) -> ResponseReturnValue:
    """The title of the work."""
    _write(theses.describe, actor(), registration_id, text("title"))
    flash(_("题目已保存。"), "good")
    return _to_work(room_sitting_id, registration_id)


@bp.post("/reviews/<int:room_sitting_id>/works/<int:registration_id>/similarity")
@requires(Permission.MANAGE_REVIEWS)
@shown_again("reviews.work")
def similarity(room_sitting_id: int, registration_id: int) -> ResponseReturnValue:
    """What a similarity report said, as somebody read it."""
    percent: Decimal = decimal("percent")
    found = Similarity(percent, text("source", limit=80), text("sha256", limit=64))
    _write(theses.note_similarity, actor(), registration_id, found)
    flash(_("查重结果已登记。"), "good")
    return _to_work(room_sitting_id, registration_id)


@bp.post("/reviews/<int:room_sitting_id>/works/<int:registration_id>/files/<int:file_id>/<act>")
@requires(Permission.MANAGE_REVIEWS)
@shown_again("reviews.work", file_id=None, act=None)
def file_act(room_sitting_id: int, registration_id: int, file_id: int, act: str) -> ResponseReturnValue:
    """A late or short version is accepted (accept), a version is withdrawn (withdraw)."""
    acts = {"accept": theses.accept, "withdraw": theses.withdraw}
    if act not in acts:
        raise NotFound("act")
    _write(acts[act], Signed(actor(), text("reason")), file_id)
    flash(_("已登记。"), "good")
    return _to_work(room_sitting_id, registration_id)


@bp.get("/reviews/files/<int:file_id>")
@requires(Permission.SEE_BATCHES)
def read(file_id: int) -> Response:
    """A file for who manages reviews or the candidate's panel; shown where a browser can, on the record."""
    host = current_host()
    opened = host.db.write(thesis_views.read, actor(), file_id, now=host.now())
    inside = opened.mime in _SHOWN_INSIDE and "download" not in request.args
    response = Response(opened.data, mimetype=opened.mime)
    way = "inline" if inside else "attachment"
    response.headers["Content-Disposition"] = f"{way}; filename*=UTF-8''{quote(opened.name)}"
    response.headers["Cache-Control"] = "private, no-store"
    return response


@bp.get("/reviews/turns/<int:turn_id>")
@requires(Permission.SEE_BATCHES)
def turn(turn_id: int) -> str:
    """One candidate before the panel: the work, questions, minutes."""
    host = current_host()
    with host.db.read() as session:
        view = defences.view(session, actor(), turn_id, now=host.now())
        return render_template(
            "reviews/turn.html",
            view=view,
            locked=sheets.locked(session, view.turn),
            manages=may(Permission.MANAGE_REVIEWS) and not view.member,
            members=[(seat.user_id, seat.name) for seat in view.panel if seat.user_id in view.turn.panel],
            notes="reviews.note" if view.member else "reviews.note_down",
        )


@bp.post("/reviews/turns/<int:turn_id>/questions")
@requires(Permission.SCORE_SHEETS)
@shown_again("reviews.turn")
def note(turn_id: int) -> ResponseReturnValue:
    """A member of the panel notes a question."""
    return _noted(turn_id)


@bp.post("/reviews/turns/<int:turn_id>/minutes")
@requires(Permission.RUN_ASSESSMENT)
@shown_again("reviews.turn")
def note_down(turn_id: int) -> ResponseReturnValue:
    """Who runs the room notes a question."""
    return _noted(turn_id)


@bp.post("/reviews/turns/<int:turn_id>/short")
@requires(Permission.SCORE_SHEETS)
@shown_again("reviews.turn")
def short(turn_id: int) -> ResponseReturnValue:
    """The leader and another member let the defence end before the policy's minutes."""
    signed = Signed(actor(), text("reason"), cosigner(request.form, Permission.SCORE_SHEETS))
    _write(defences.allow_short, signed, turn_id)
    flash(_("已登记，可以结束答辩。"), "good")
    return redirect(url_for("reviews.turn", turn_id=turn_id))


@bp.get("/reviews/<int:room_sitting_id>/schedule.pdf")
@requires(Permission.MANAGE_REVIEWS)
def schedule_pdf(room_sitting_id: int) -> Response:
    """The list of candidates by code with their times."""
    return _pdf("schedule", room_sitting_id, room_sitting_id)


@bp.get("/reviews/turns/<int:turn_id>/<document>.pdf")
@requires(Permission.SEE_BATCHES)
def turn_pdf(turn_id: int, document: str) -> Response:
    """The minutes of a turn (minutes), or its score table once all sheets are locked (score)."""
    with current_host().db.read() as session:
        found, _place = assessment_room.turn_and_room(session, turn_id)
    if document not in ("minutes", "score"):
        raise NotFound("page")
    return _pdf(document, turn_id, found.room_sitting_id)


def _noted(turn_id: int) -> ResponseReturnValue:
    asked = Asked(whole("by"), text("question", limit=500), text("answer", limit=1000))
    replaced = request.form.get("replaces", "")
    if replaced:
        _write(defences.change, actor(), whole("replaces"), asked)
    else:
        _write(defences.ask, actor(), turn_id, asked)
    flash(_("提问已记录。"), "good")
    return redirect(url_for("reviews.turn", turn_id=turn_id))


def _pdf(document: str, row: int, room_sitting_id: int) -> Response:
    host, at = current_host(), printed_now()
    made = {
        "schedule": defence_documents.schedule,
        "minutes": defence_documents.minutes,
        "score": defence_documents.score_table,
    }[document]
    wish = Wish(document, row, at.zone, host.settings.institution)
    with host.db.read() as session:
        payload = made(session, actor(), wish, now=at.now)
    data = host.jobs.run("document_pdf", payload)["data"]
    _write(defence_documents.note_printed, actor(), wish, room_sitting_id)
    return attachment(data, f"review-{document}-{row}.pdf")


def _write(act: Any, *args: object) -> Any:  # noqa: ANN401 - what the act answers
    host = current_host()
    return host.db.write(act, *args, now=host.now())


def _to_work(room_sitting_id: int, registration_id: int) -> ResponseReturnValue:
    return redirect(url_for("reviews.work", room_sitting_id=room_sitting_id, registration_id=registration_id))
