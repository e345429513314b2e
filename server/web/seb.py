"""Rooms behind Safe Exam Browser: settings made here or brought along, their key, their file."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from exam_rooms.kiosk_messages import SEB_PORT
from server.access import Permission
from server.jobs.seb import uploaded_from_json
from server.rules.seb.safe_settings import SebPlan, start_url
from server.rules.seb.uploaded import exam_keys
from server.services import rooms, seb
from server.services.signed import Signed
from server.services.sittings_now import open_sitting
from server.web.forms import shown_again, text, upload, whole
from server.web.guard import actor, current_host, requires, say

bp = Blueprint("seb", __name__)
KEYS_TEXT_MOST = 2000


@bp.get("/rooms/<int:room_id>/seb")
@requires(Permission.MANAGE_ROOMS)
def show(room_id: int) -> str:
    """What stands for a room, and the forms that change it."""
    host = current_host()
    with host.db.read() as session:
        setup = seb.setup_of(session, room_id)
        return render_template(
            "rooms/seb.html",
            room=rooms.get(session, room_id),
            setup=setup,
            start_url=start_url(setup.port if setup else SEB_PORT),
            default_port=SEB_PORT,
            under_way=open_sitting(session, room_id, host.now()),
        )


@bp.post("/rooms/<int:room_id>/seb/make")
@requires(Permission.MANAGE_ROOMS)
@shown_again("seb.show")
def make(room_id: int) -> ResponseReturnValue:
    """Settings with safe values."""
    plan = SebPlan(whole("port"), request.form.get("quit_password", ""))
    host = current_host()
    host.db.write(seb.make, _signed(), room_id, plan, now=host.now())
    flash(_("已生成 SEB 配置。请下载配置文件，发到本考场的每台考试机。"), "good")
    return _back(room_id)


@bp.post("/rooms/<int:room_id>/seb/take")
@requires(Permission.MANAGE_ROOMS)
@shown_again("seb.show")
def take(room_id: int) -> ResponseReturnValue:
    """The institution's own file."""
    host, file = current_host(), upload()
    payload = {
        "data": file.data,
        "password": request.form.get("password", "")[:200],
        "shown_key": text("config_key"),
    }
    own = uploaded_from_json(host.jobs.run("read_seb", payload))
    host.db.write(seb.take, _signed(), room_id, own, now=host.now())
    flash(_("已采用上传的 SEB 配置。"), "good")
    if own.doubts and not payload["shown_key"]:
        keys = "、".join(own.doubts[:5])
        flash(say("seb_key_doubtful", {"keys": keys}), "look")
    return _back(room_id)


@bp.post("/rooms/<int:room_id>/seb/keys")
@requires(Permission.MANAGE_ROOMS)
@shown_again("seb.show")
def keys(room_id: int) -> ResponseReturnValue:
    """Browser Exam Keys to compare with as well."""
    pasted = exam_keys(request.form.get("exam_keys", "")[:KEYS_TEXT_MOST])
    host = current_host()
    host.db.write(seb.set_exam_keys, _signed(), room_id, pasted, now=host.now())
    flash(_("已保存 %(n)d 个浏览器考试密钥。", n=len(pasted)), "good")
    return _back(room_id)


@bp.post("/rooms/<int:room_id>/seb/file")
@requires(Permission.MANAGE_ROOMS)
@shown_again("seb.show")
def file(room_id: int) -> ResponseReturnValue:
    """The settings file for the workstations."""
    host, password = current_host(), request.form.get("file_password", "")
    data = host.db.write(seb.file_for, actor(), room_id, password, now=host.now())
    answer = Response(data, mimetype="application/seb")
    answer.headers["Content-Disposition"] = f'attachment; filename="room-{room_id}.seb"'
    return answer


@bp.post("/rooms/<int:room_id>/seb/drop")
@requires(Permission.MANAGE_ROOMS)
@shown_again("seb.show")
def drop(room_id: int) -> ResponseReturnValue:
    """The room is one of our own launcher again."""
    host = current_host()
    host.db.write(seb.drop, _signed(), room_id, now=host.now())
    flash(_("本考场不再使用 SEB。"), "info")
    return _back(room_id)


def _signed() -> Signed:
    return Signed(actor(), text("reason"))


def _back(room_id: int) -> ResponseReturnValue:
    return redirect(url_for("seb.show", room_id=room_id))
