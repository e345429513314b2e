"""Scores of panels for the office: progress, aggregation, arbitration, checking, statistics, papers."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from server.access import Permission
from server.errors import Refused
from server.services import (
    panel_arbitration,
    panel_decisions,
    panel_figures,
    panel_papers,
    panel_reports,
    panel_scores,
    panel_views,
)
from server.services.panel_arbitration import Ruling, Settlement
from server.services.panel_papers import Printing
from server.services.signed import Signed
from server.web.forms import returns_to, row_number, row_numbers, shown_again, text
from server.web.guard import actor, cosigner, current_host, requires
from server.web.panel_words import (
    OUTCOMES,
    arbitration_word,
    drawing,
    points_text,
    reading_text,
    veto_effect,
)
from server.web.pdf import attachment, printed_now

bp = Blueprint("panels", __name__)
for _word in (reading_text, arbitration_word, veto_effect, points_text, drawing):
    bp.add_app_template_global(_word, f"panel_{_word.__name__}")


@bp.get("/panels")
@requires(Permission.SEE_PANELS)
def index() -> str:
    """All rooms that a panel scores."""
    with current_host().db.read() as session:
        return render_template("panels/index.html", lines=panel_views.rooms(session, actor()))


@bp.get("/panels/<int:room_sitting_id>")
@requires(Permission.SEE_PANELS)
def show(room_sitting_id: int) -> str:
    """One room: who has locked, by counts; scores once all have."""
    with current_host().db.read() as session:
        view = panel_views.overview(session, actor(), room_sitting_id)
        report = panel_reports.shown(session, actor(), room_sitting_id)
        return render_template("panels/show.html", view=view, report=report)


@bp.post("/panels/<int:room_sitting_id>/aggregate")
@requires(Permission.AGGREGATE_MARKS)
@returns_to("panels.show")
def aggregate(room_sitting_id: int) -> ResponseReturnValue:
    """Aggregates every turn that is ready; those that are not stay as they are."""
    host = current_host()
    with host.db.read() as session:
        view = panel_views.overview(session, actor(), room_sitting_id)
    ready = [line.turn for line in view.lines if line.ready]
    for turn in ready:
        host.db.write(panel_scores.aggregate, actor(), turn, now=host.now())
    flash(_("已统分 %(count)s 名考生。", count=len(ready)), "good" if ready else "look")
    return redirect(url_for("panels.show", room_sitting_id=room_sitting_id))


@bp.get("/panels/<int:room_sitting_id>/statistics")
@requires(Permission.SEE_PANELS)
def statistics(room_sitting_id: int) -> str:
    """How well the examiners agreed, after the session."""
    with current_host().db.read() as session:
        view = panel_views.overview(session, actor(), room_sitting_id)
        figures = panel_figures.figures(session, actor(), room_sitting_id)
        readings = panel_figures.readings(figures)
        return render_template("panels/statistics.html", view=view, figures=figures, readings=readings)


@bp.get("/panels/<int:room_sitting_id>/report")
@requires(Permission.SEE_PANELS)
def report(room_sitting_id: int) -> str:
    """The panel's report as its members sign it."""
    with current_host().db.read() as session:
        view = panel_views.overview(session, actor(), room_sitting_id)
        found = panel_reports.shown(session, actor(), room_sitting_id)
        return render_template("panels/report.html", view=view, report=found, pdf="panels.report_pdf")


@bp.get("/panels/<int:room_sitting_id>/report.pdf")
@requires(Permission.SEE_PANELS)
def report_pdf(room_sitting_id: int) -> Response:
    """The report on paper."""
    return printed_report(room_sitting_id)


@bp.get("/panels/turns/<int:turn_id>")
@requires(Permission.SEE_PANELS)
def turn(turn_id: int) -> str:
    """One candidate's sheets side by side, and what may be decided about them."""
    with current_host().db.read() as session:
        view = panel_views.turn_view(session, actor(), turn_id)
        examiners = panel_views.more_examiners(session, view)
    outcomes = [(name, _(word)) for name, word in OUTCOMES.items()]
    return render_template("panels/turn.html", view=view, examiners=examiners, outcomes=outcomes)


@bp.post("/panels/turns/<int:turn_id>/aggregate")
@requires(Permission.AGGREGATE_MARKS)
@shown_again("panels.turn")
def aggregate_turn(turn_id: int) -> ResponseReturnValue:
    """Aggregates one turn."""
    return _done(turn_id, _("已统分。"), panel_scores.aggregate)


@bp.post("/panels/turns/<int:turn_id>/arbitrate")
@requires(Permission.AGGREGATE_MARKS)
@shown_again("panels.turn")
def arbitrate(turn_id: int) -> ResponseReturnValue:
    """Settles an arbitration; a supervisor signs beside."""
    host = current_host()
    outcome = text("outcome", limit=12)
    settlement = Settlement(
        outcome, _score() if outcome == panel_decisions.SCORE else None, tuple(row_numbers("examiners"))
    )
    reason = text("reason", limit=panel_scores.REASON_MOST)
    signed = Signed(actor(), reason, cosigner(request.form, Permission.SUPERVISE))
    host.db.write(panel_arbitration.arbitrate, signed, turn_id, settlement, now=host.now())
    flash(_("仲裁已登记，原评分表保持不变。"), "good")
    if outcome == panel_decisions.SECOND:
        return _to_room(turn_id)
    return redirect(url_for("panels.turn", turn_id=turn_id))


@bp.post("/panels/turns/<int:turn_id>/veto")
@requires(Permission.SUPERVISE)
@shown_again("panels.turn")
def rule_veto(turn_id: int) -> ResponseReturnValue:
    """The supervisor decides on a veto that a minority marked."""
    word = text("holds", limit=4)
    if word not in ("yes", "no"):
        raise Refused("panel_outcome_unknown", 422, field="holds")
    ruling = Ruling(text("code", limit=16), word == "yes", text("reason", limit=panel_scores.REASON_MOST))
    return _done(turn_id, _("否定项认定已登记。"), panel_arbitration.rule_veto, ruling)


@bp.post("/panels/turns/<int:turn_id>/check")
@requires(Permission.CHECK_MARKS)
@shown_again("panels.turn")
def check(turn_id: int) -> ResponseReturnValue:
    """The mark checker found the score right."""
    return _done(turn_id, _("已核分。"), panel_scores.check, row_number(request.form.get("revision", "")))


@bp.post("/panels/turns/<int:turn_id>/return")
@requires(Permission.CHECK_MARKS)
@shown_again("panels.turn")
def send_back(turn_id: int) -> ResponseReturnValue:
    """The mark checker asks for an arbitration."""
    reason = text("reason", limit=panel_scores.REASON_MOST)
    return _done(turn_id, _("已退回仲裁。"), panel_scores.send_back, reason)


@bp.get("/panels/turns/<int:turn_id>/record.pdf")
@requires(Permission.SEE_PANELS)
def record_pdf(turn_id: int) -> Response:
    """One candidate's record of all sheets on paper, under the blind code."""
    host = current_host()
    printing = Printing(printed_now(), host.settings.institution)
    with host.db.read() as session:
        payload = panel_papers.record(session, actor(), turn_id, printing)
        line = panel_views.turn_view(session, actor(), turn_id)
    pdf = host.jobs.run("document_pdf", payload)["data"]
    room, paper = line.overview.place.row.id, f"turn/{turn_id}"
    host.db.write(panel_papers.note_printed, actor(), room, paper, now=host.now())
    return attachment(pdf, _("评分记录表-%(code)s.pdf", code=line.line.code))


def printed_report(room_sitting_id: int) -> Response:
    """The report's PDF for whoever may read the report; on the record."""
    host = current_host()
    printing = Printing(printed_now(), host.settings.institution)
    with host.db.read() as session:
        payload = panel_papers.report(session, actor(), room_sitting_id, printing)
    pdf = host.jobs.run("document_pdf", payload)["data"]
    host.db.write(panel_papers.note_printed, actor(), room_sitting_id, "report", now=host.now())
    return attachment(pdf, _("考评报告-%(number)s.pdf", number=room_sitting_id))


def _done(turn_id: int, said: str, act: Callable[..., object], *args: object) -> ResponseReturnValue:
    host = current_host()
    host.db.write(act, actor(), turn_id, *args, now=host.now())
    flash(said, "good")
    return redirect(url_for("panels.turn", turn_id=turn_id))


def _to_room(turn_id: int) -> ResponseReturnValue:
    with current_host().db.read() as session:
        room = panel_scores.room_of(session, turn_id)
    return redirect(url_for("panels.show", room_sitting_id=room))


def _score() -> Decimal:
    said = text("score", limit=8)
    try:
        value = Decimal(said)
    except InvalidOperation as fault:
        raise Refused("field_not_a_number", 422, field="score", value=said) from fault
    if not value.is_finite():
        raise Refused("field_not_a_number", 422, field="score", value=said)
    return value
