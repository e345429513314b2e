"""A seat's course through a sitting: a table of everything, and a picture of it to go through."""

from flask import Blueprint, render_template
from flask_babel import gettext as _

from server.access import Permission
from server.messages import N_
from server.services import replay, roomstate
from server.services.replay import Event
from server.web.acts import act_word
from server.web.camera_words import incident_text
from server.web.commands import command_word
from server.web.guard import actor, current_host, requires

bp = Blueprint("replay", __name__)
TRACKS = {
    "answers": N_("作答记录"),
    "link": N_("网络"),
    "incidents": N_("告警"),
    "frames": N_("画面"),
    "acts": N_("操作与指令"),
}
_ANSWERS = {
    "open": N_("打开作答记录"),
    "answer": N_("写下答案"),
    "clear": N_("清除作答"),
    "mark": N_("标记"),
    "submit": N_("已交卷"),
}
_FRAMES = {"enrolment": N_("采集人脸"), "alert": N_("告警画面"), "capture": N_("随机抓拍")}


@bp.get("/monitor/<int:room_sitting_id>/seats/<int:seat_id>/replay")
@requires(Permission.SEE_LEDGER)
def show(room_sitting_id: int, seat_id: int) -> str:
    """Everything that happened at one seat, in the order of time."""
    host = current_host()
    with host.db.read() as session:
        return render_template(
            "replay/show.html",
            room=roomstate.load(session, room_sitting_id),
            course=replay.course(session, actor(), host.answers, (room_sitting_id, seat_id)),
            tracks=[(name, _(word)) for name, word in TRACKS.items()],
            said=said,
            zone=host.settings.timezone,
        )


def said(event: Event) -> str:
    """What happened, in the reader's language."""
    if event.track == "answers":
        word = _(_ANSWERS[event.kind])
        return _("第 %(n)s 题：%(what)s", n=event.number, what=word) if event.number else str(word)
    if event.track == "link":
        return str(_("网络断开"))
    if event.track == "incidents":
        return incident_text(event.kind)
    if event.track == "frames":
        return str(_(_FRAMES.get(event.kind, event.kind)))
    if event.kind == replay.COMMAND:
        return str(_("指令：%(what)s", what=command_word(str(event.details["command"]))))
    return str(_("暂停，时间停止")) if event.kind == replay.PAUSE else str(act_word(event.kind))
