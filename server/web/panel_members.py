"""Scores of panels for their members, after the session: the leader confirms and reports, everybody signs."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from server.access import Permission
from server.services import panel_figures, panel_reports, panel_scores, panel_views, sheet_photos
from server.services.panel_sight import need_member_or_staff
from server.web.forms import row_number, row_numbers, shown_again, text
from server.web.guard import actor, check_credentials, current_host, requires
from server.web.incident_reports import jpeg
from server.web.panels import printed_report

bp = Blueprint("panel_members", __name__)


@bp.get("/panels/own")
@requires(Permission.SCORE_SHEETS)
def index() -> str:
    """The rooms on whose panel this person sits."""
    with current_host().db.read() as session:
        return render_template("panels/own.html", lines=panel_views.own_rooms(session, actor()))


@bp.get("/panels/own/<int:room_sitting_id>")
@requires(Permission.SCORE_SHEETS)
def show(room_sitting_id: int) -> str:
    """The leader's table of scores, and for every member the report."""
    with current_host().db.read() as session:
        seen = need_member_or_staff(session, actor(), room_sitting_id)
        report = panel_reports.shown(session, actor(), room_sitting_id)
        view = panel_views.of_room(session, seen)
        figures = panel_figures.of_room(session, seen) if seen.leader else None
        readings = panel_figures.readings(figures) if figures else []
        return render_template(
            "panels/member.html", view=view, report=report, readings=readings, pdf="panel_members.report_pdf"
        )


@bp.post("/panels/own/<int:room_sitting_id>/confirm")
@requires(Permission.SCORE_SHEETS)
@shown_again("panel_members.show")
def confirm(room_sitting_id: int) -> ResponseReturnValue:
    """The leader confirms the scores that are ticked."""
    host, chosen = current_host(), row_numbers("turn")
    for turn in chosen:
        seen = row_number(request.form.get(f"revision-{turn}", ""))
        host.db.write(panel_scores.confirm, actor(), turn, seen, now=host.now())
    flash(_("已确认 %(count)s 名考生的得分。", count=len(chosen)), "good" if chosen else "look")
    return _back(room_sitting_id)


@bp.get("/panels/own/turns/<int:turn_id>")
@requires(Permission.SCORE_SHEETS)
def turn(turn_id: int) -> str:
    """One candidate's sheets side by side, for the leader."""
    with current_host().db.read() as session:
        view = panel_views.turn_view(session, actor(), turn_id)
    return render_template("panels/turn.html", view=view, examiners=[], outcomes=[])


@bp.get("/panels/own/photos/<int:photo_id>")
@requires(Permission.SCORE_SHEETS)
def photo(photo_id: int) -> Response:
    """A photo of a sheet, for the leader."""
    host = current_host()
    return jpeg(host.db.write(sheet_photos.view, actor(), photo_id, now=host.now()))


@bp.post("/panels/own/turns/<int:turn_id>/return")
@requires(Permission.SCORE_SHEETS)
@shown_again("panel_members.turn")
def send_back(turn_id: int) -> ResponseReturnValue:
    """The leader asks for an arbitration."""
    host = current_host()
    reason = text("reason", limit=panel_scores.REASON_MOST)
    host.db.write(panel_scores.send_back, actor(), turn_id, reason, now=host.now())
    flash(_("已退回仲裁。"), "good")
    return redirect(url_for("panel_members.turn", turn_id=turn_id))


@bp.post("/panels/own/<int:room_sitting_id>/report")
@requires(Permission.SCORE_SHEETS)
@shown_again("panel_members.show")
def make_report(room_sitting_id: int) -> ResponseReturnValue:
    """The leader makes the report, or a new one after a change."""
    host = current_host()
    lines = request.form.get("opinion", "").splitlines()
    opinion = "\n".join("".join(filter(str.isprintable, line)).strip() for line in lines)
    host.db.write(panel_reports.make, actor(), room_sitting_id, opinion, now=host.now())
    flash(_("考评报告已生成，请全体考评员阅读后签名。"), "good")
    return _back(room_sitting_id)


@bp.post("/panels/own/<int:room_sitting_id>/sign")
@requires(Permission.SCORE_SHEETS)
@shown_again("panel_members.show")
def sign(room_sitting_id: int) -> ResponseReturnValue:
    """A member signs with the own account and password, on whosever screen."""
    host = current_host()
    username, password = request.form.get("cosign_username", ""), request.form.get("cosign_password", "")
    signer = check_credentials(username, password, field="cosign_username").actor
    digest = text("digest", limit=64)
    host.db.write(panel_reports.sign, signer, room_sitting_id, digest, now=host.now())
    flash(_("%(name)s 已签名。", name=signer.name), "good")
    return _back(room_sitting_id)


@bp.get("/panels/own/<int:room_sitting_id>/report.pdf")
@requires(Permission.SCORE_SHEETS)
def report_pdf(room_sitting_id: int) -> Response:
    """The report on paper, for members."""
    return printed_report(room_sitting_id)


def _back(room_sitting_id: int) -> ResponseReturnValue:
    return redirect(url_for("panel_members.show", room_sitting_id=room_sitting_id))
