"""Calls and announcements on the screens of invigilators."""

from flask import Blueprint, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from server.access import Permission
from server.errors import Refused
from server.messages import N_
from server.services import announcements, calls
from server.services.announcements import Said
from server.services.duty import may_act
from server.web import forms, guard, monitor
from server.web.forms import returns_to
from server.web.guard import actor, current_host, requires

bp = Blueprint("calls", __name__)
REASONS = {
    "": N_("需要帮助"),
    "question": N_("题目显示不清或有疑问"),
    "technical": N_("设备或网络有问题"),
    "unwell": N_("身体不适或需要离座"),
}


@bp.app_template_global("call_text")
def call_text(reason: str) -> str:
    """Why a candidate calls."""
    return str(_(REASONS.get(reason, REASONS[""])))


@bp.app_template_global("acts_in")
def acts_in(room_sitting_id: int) -> bool:
    """Whether acts in this room are open to the signed-in person (`services.duty`)."""
    with current_host().db.read() as session:
        return may_act(session, actor(), room_sitting_id)


@bp.post("/monitor/<int:room_sitting_id>/seats/<int:seat_id>/answer")
@requires(Permission.RUN_ROOM)
def answer(room_sitting_id: int, seat_id: int) -> ResponseReturnValue:
    """Somebody stands at the seat: the hand goes down."""
    host, problem = current_host(), ""
    attempt = monitor.attempt_at(room_sitting_id, seat_id)
    try:
        host.db.write(calls.answer, actor(), attempt, now=host.now())
    except Refused as refusal:
        problem = guard.say(refusal.code, refusal.params)
    if "HX-Request" in request.headers:
        if request.form.get("from") == "drawer":
            return monitor.drawer(room_sitting_id, seat_id, act="answer", problem=problem)
        return monitor.side(room_sitting_id)
    if problem:
        flash(problem, "act")
    return redirect(url_for("monitor.room", room_sitting_id=room_sitting_id))


@bp.get("/monitor/<int:room_sitting_id>/announce")
@requires(Permission.RUN_ROOM)
def announce_dialog(room_sitting_id: int) -> str:
    """What to say to everybody, and what was said before."""
    with current_host().db.read() as session:
        board = monitor.board_of(session, room_sitting_id)
        said = announcements.listing(session, room_sitting_id, announcements.SHOWN_MOST)
    return monitor.dialog("announce", board, said=said, most=announcements.TEXT_MOST)


@bp.post("/monitor/<int:room_sitting_id>/announce")
@requires(Permission.RUN_ROOM)
@returns_to("monitor.room")
def announce(room_sitting_id: int) -> ResponseReturnValue:
    """Shows the words at every seat; a second click says nothing again."""
    host, hall = current_host(), request.form.get("back") == "hall"
    text = request.form.get("text", "").replace("\r", "\n").replace("\n", " ")
    said = Said(text, forms.text("scope") == "sitting", forms.once())
    rooms = host.db.write(announcements.announce, actor(), room_sitting_id, said, now=host.now())
    if not rooms:
        flash(_("这条通知已经发出，没有重复发送。"), "info")
    elif len(rooms) > 1:
        flash(_("通知已发到 %(n)d 个考场。", n=len(rooms)), "good")
    else:
        flash(_("通知已发到本考场的每个座位。"), "good")
    if hall:
        return redirect(url_for("monitor.index"))
    return redirect(url_for("monitor.room", room_sitting_id=room_sitting_id))
