"""Texts for examiners: read without a name, marked by one person, confirmed by another."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from server.access import Permission
from server.errors import Refused
from server.services import entered_marks, essays, roomstate
from server.services.entered_marks import Entry
from server.web.forms import decimal, shown_again, text, whole
from server.web.guard import actor, current_host, requires

bp = Blueprint("essays", __name__)


@bp.get("/results/<int:room_sitting_id>/essays")
@requires(Permission.MARK_RESULTS)
def show(room_sitting_id: int) -> str:
    """Every text of the room, question by question."""
    host = current_host()
    found = host.db.write(essays.read, actor(), room_sitting_id, now=host.now())
    with host.db.read() as session:
        room = roomstate.load(session, room_sitting_id)
        return render_template(
            "results/essays.html",
            room=room,
            texts=found,
            waiting=entered_marks.not_counted_yet(session, room),
            number=lambda value: f"{value.normalize():f}" if value else "0",
        )


@bp.post("/results/<int:room_sitting_id>/essays")
@requires(Permission.MARK_RESULTS)
@shown_again("essays.show")
def enter(room_sitting_id: int) -> ResponseReturnValue:
    """The first examiner's points."""
    host = current_host()
    item = text("item", limit=80)
    if not item:  # a whole paper is entered on the page of the papers
        raise Refused("mark_of_no_essay", 422, field="item")
    entry = Entry(whole("attempt"), decimal("points"), item, text("note"), text("seen"))
    host.db.write(entered_marks.enter, actor(), host.answers, entry, now=host.now())
    flash(_("评分已登记，等待另一人确认。"), "good")
    return redirect(url_for("essays.show", room_sitting_id=room_sitting_id))


@bp.post("/results/<int:room_sitting_id>/essays/<int:mark_id>/confirm")
@requires(Permission.MARK_RESULTS)
@shown_again("essays.show", mark_id=None)
def confirm(room_sitting_id: int, mark_id: int) -> ResponseReturnValue:
    """The second examiner's points, given without seeing the first's."""
    host = current_host()
    if not host.db.write(entered_marks.confirm, actor(), mark_id, decimal("points"), now=host.now()):
        raise Refused("mark_differs", 422, field="points")
    flash(_("评分已确认。"), "good")
    return redirect(url_for("essays.show", room_sitting_id=room_sitting_id))
