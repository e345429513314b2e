"""The marker's desk: a script under its blind code, its pages, and points for each question."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from server.access import Permission
from server.services import scans, script_readings
from server.services.scans import Where
from server.services.script_readings import Given
from server.web.forms import shown_again, text
from server.web.guard import actor, current_host, requires
from server.web.prints import number
from server.web.scripts import picture

bp = Blueprint("script_marking", __name__)
PREFIX = "points-"


@bp.get("/scripts/readings/<int:reading_id>")
@requires(Permission.MARK_SCRIPTS)
def show(reading_id: int) -> str:
    """One script for its marker."""
    host = current_host()
    desk = host.db.write(script_readings.desk, actor(), reading_id, now=host.now())
    return render_template("scripts/desk.html", desk=desk, number=number, prefix=PREFIX)


@bp.get("/scripts/readings/<int:reading_id>/pages/<int:place>/<part>.jpg")
@requires(Permission.MARK_SCRIPTS)
def strip(reading_id: int, place: int, part: str) -> Response:
    """A strip of one of its pages, for its marker; on the record."""
    host = current_host()
    return picture(host.db.write(scans.marked_strip, actor(), Where(reading_id, place, part), now=host.now()))


@bp.post("/scripts/readings/<int:reading_id>")
@requires(Permission.MARK_SCRIPTS)
@shown_again("script_marking.show")
def mark(reading_id: int) -> ResponseReturnValue:
    """Keeps a draft, or hands the marks in for good."""
    host = current_host()
    points = {
        name.removeprefix(PREFIX): value.strip()[:10]
        for name, value in request.form.items()
        if name.startswith(PREFIX)
    }
    given = Given(points, text("note"))
    if request.form.get("act") != "hand_in":
        host.db.write(script_readings.save, actor(), reading_id, given, now=host.now())
        flash(_("草稿已保存，还没有提交。"), "info")
        return redirect(url_for("script_marking.show", reading_id=reading_id))
    host.db.write(script_readings.hand_in, actor(), reading_id, given, now=host.now())
    flash(_("评分已提交。"), "good")
    with host.db.read() as session:
        left = [one.reading for one in script_readings.mine(session, actor()) if one.open]
    if left:
        return redirect(url_for("script_marking.show", reading_id=left[0]))
    return redirect(url_for("scripts.index"))
