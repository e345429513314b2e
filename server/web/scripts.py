"""Written papers for who manages them: scans in, markers named, scripts given out, the register."""

import secrets
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from server.access import Permission
from server.errors import Refused
from server.services import (
    audit,
    roomstate,
    scans,
    script_markers,
    script_objectives,
    script_readings,
    script_register,
    script_room,
)
from server.services.scans import Brought
from server.services.signed import Signed
from server.web.forms import row_numbers, shown_again, text, upload, whole
from server.web.guard import actor, current_host, may, requires
from server.web.pdf import attachment, printed_now
from server.web.prints import number

bp = Blueprint("scripts", __name__)


@bp.get("/scripts")
@requires(Permission.SEE_BATCHES)
def index() -> str:
    """One's own scripts to mark; for who manages scripts, the rooms that wrote on paper; else nothing."""
    marks, manages = may(Permission.MARK_SCRIPTS), may(Permission.MANAGE_SCRIPTS)
    with current_host().db.read() as session:
        return render_template(
            "scripts/index.html",
            mine=script_readings.mine(session, actor()) if marks else (),
            rooms=script_room.rooms(session, actor()) if manages else (),
            marks=marks,
            manages=manages,
        )


@bp.get("/scripts/rooms/<int:room_sitting_id>")
@requires(Permission.MANAGE_SCRIPTS)
def room(room_sitting_id: int) -> str:
    """The scripts of a room: scans, markers, what is marked."""
    with current_host().db.read() as session:
        state = roomstate.load(session, room_sitting_id)
        over = state.row.state in ("ended", "collected", "marked")
        return render_template(
            "scripts/room.html",
            room=state,
            over=over,
            found=script_register.overview(session, actor(), room_sitting_id) if over else None,
            offered=script_markers.candidates(session, room_sitting_id) if over else (),
            named=script_markers.markers(session, room_sitting_id),
            number=number,
            rules={"mean": _("二评平均"), "median": _("三评取中间值"), "mean_of_three": _("三评平均")},
        )


@bp.post("/scripts/rooms/<int:room_sitting_id>/prepare")
@requires(Permission.MANAGE_SCRIPTS)
@shown_again("scripts.room")
def prepare(room_sitting_id: int) -> ResponseReturnValue:
    """Gives every paper its blind code; no scans are needed for it."""
    made = _write(script_room.prepare, actor(), room_sitting_id)
    flash(_("已建立 %(n)s 个密号。", n=made), "good")
    return _back(room_sitting_id)


@bp.post("/scripts/rooms/<int:room_sitting_id>/scans")
@requires(Permission.MANAGE_SCRIPTS)
@shown_again("scripts.room")
def bring(room_sitting_id: int) -> ResponseReturnValue:
    """Takes a file of scans; a child reads it, the page of the job tells when it is stored."""
    host, who, file = current_host(), actor(), upload()
    with host.db.read() as session:
        script_room.managed(session, who, room_sitting_id)
    brought = Brought(file.sha256, len(file.data))

    def done(read: dict[str, Any]) -> None:
        host.db.write(scans.store, who, room_sitting_id, brought, read, now=host.now())

    payload = {"data": file.data, "name": file.name}
    link = url_for("scripts.room", room_sitting_id=room_sitting_id)
    job = host.jobs.start("read_scans", payload, actor=who, link=link, done=done)
    return redirect(url_for("jobs.show", job_id=job))


@bp.post("/scripts/rooms/<int:room_sitting_id>/order")
@requires(Permission.MANAGE_SCRIPTS)
@shown_again("scripts.room")
def order(room_sitting_id: int) -> ResponseReturnValue:
    """Loose pages go to the seats in their order, when they come out even."""
    count = _write(scans.match_in_order, actor(), room_sitting_id, whole("pages_each"))
    flash(_("已按座位顺序归入 %(n)s 页。", n=count), "good")
    return _back(room_sitting_id)


@bp.post("/scripts/rooms/<int:room_sitting_id>/pages/<int:page_id>/<act>")
@requires(Permission.MANAGE_SCRIPTS)
@shown_again("scripts.room", page_id=None, act=None)
def page_act(room_sitting_id: int, page_id: int, act: str) -> ResponseReturnValue:
    """A page is joined to a seat's script (match), taken off it (loosen), nobody's work (aside), or loose
    again after that (recall).
    """
    if act == "match":
        _write(scans.match, actor(), page_id, text("seat", limit=8))
    elif act == "loosen":
        _write(scans.loosen, actor(), page_id)
    elif act == "aside":
        _write(scans.set_aside, actor(), page_id)
    elif act == "recall":
        _write(scans.recall, actor(), page_id)
    else:
        raise Refused("page_missing", 404)
    flash(_("扫描页已更改。"), "good")
    return _back(room_sitting_id)


@bp.post("/scripts/rooms/<int:room_sitting_id>/markers")
@requires(Permission.MANAGE_SCRIPTS)
@shown_again("scripts.room")
def markers(room_sitting_id: int) -> ResponseReturnValue:
    """Names people who mark the room's scripts."""
    _write(script_markers.name, actor(), room_sitting_id, row_numbers("markers"))
    flash(_("已指定评卷人。"), "good")
    return _back(room_sitting_id)


@bp.post("/scripts/rooms/<int:room_sitting_id>/allot")
@requires(Permission.MANAGE_SCRIPTS)
@shown_again("scripts.room")
def allot(room_sitting_id: int) -> ResponseReturnValue:
    """Gives out every script that lacks markers, by a drawn seed that stands on the record."""
    count = _write(script_markers.allot, actor(), room_sitting_id, secrets.token_hex(8))
    flash(_("已分配 %(n)s 份评阅任务。", n=count), "good")
    return _back(room_sitting_id)


@bp.post("/scripts/rooms/<int:room_sitting_id>/scripts/<int:script_id>/<act>")
@requires(Permission.MANAGE_SCRIPTS)
@shown_again("scripts.room", script_id=None, act=None)
def script_act(room_sitting_id: int, script_id: int, act: str) -> ResponseReturnValue:
    """A script is left out (out), taken in again (in), or its keyed answers are typed (typed)."""
    if act == "out":
        _write(script_room.leave_out, Signed(actor(), text("reason")), script_id)
    elif act == "in":
        _write(script_room.take_in, actor(), script_id)
    elif act == "typed":
        typed = request.form.get("typed", "")
        if not _write(script_objectives.type_in, actor(), script_id, typed):
            raise Refused("script_typing_differs", 422, field="typed")
    else:
        raise Refused("page_missing", 404)
    flash(_("已保存。"), "good")
    return _back(room_sitting_id)


@bp.post("/scripts/rooms/<int:room_sitting_id>/readings/<int:reading_id>/back")
@requires(Permission.MANAGE_SCRIPTS)
@shown_again("scripts.room", reading_id=None)
def take_back(room_sitting_id: int, reading_id: int) -> ResponseReturnValue:
    """Takes a script from a marker who has not handed it in."""
    _write(script_markers.take_back, Signed(actor(), text("reason")), reading_id)
    flash(_("已收回，可重新分配。"), "good")
    return _back(room_sitting_id)


@bp.get("/scripts/rooms/<int:room_sitting_id>/register.pdf")
@requires(Permission.MANAGE_SCRIPTS)
def register_pdf(room_sitting_id: int) -> Response:
    """The marking register to sign."""
    host, at = current_host(), printed_now()
    with host.db.read() as session:
        payload = script_register.document(session, actor(), room_sitting_id, now=at.now, zone=at.zone)
    data = host.jobs.run("document_pdf", payload)["data"]
    stream = audit.sitting_stream(room_sitting_id)
    _write(audit.record, stream, actor(), "script_register_printed", stream)
    return attachment(data, f"script-register-{room_sitting_id}.pdf")


@bp.get("/scripts/pages/<int:page_id>/<part>.jpg")
@requires(Permission.MANAGE_SCRIPTS)
def strip(page_id: int, part: str) -> Response:
    """A strip of a scanned page, for who manages the scripts; on the record."""
    return picture(_write(scans.strip, actor(), page_id, part))


def picture(data: bytes) -> Response:
    """A strip as an answer that nobody keeps."""
    response = Response(data, mimetype="image/jpeg")
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _write(act: Any, *args: object) -> Any:  # noqa: ANN401 - what the act answers
    host = current_host()
    return host.db.write(act, *args, now=host.now())


def _back(room_sitting_id: int) -> ResponseReturnValue:
    return redirect(url_for("scripts.room", room_sitting_id=room_sitting_id))
