"""Cameras on the screens of invigilators: pictures, looks, warnings, camera check, record of incidents."""

from collections.abc import Sequence

from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from server.access import Permission
from server.db.watching import EvidenceFrame
from server.errors import NotFound, Refused
from server.messages import N_
from server.services import (
    announcements,
    cameras,
    captures,
    enrolments,
    evidence,
    incident_views,
    monitoring,
    warnings,
)
from server.services.delivery import delivery_of
from server.services.incident_views import IncidentView
from server.services.signed import Signed
from server.web import forms, guard, monitor
from server.web.forms import returns_to
from server.web.guard import actor, current_host, requires

bp = Blueprint("watching", __name__)
LOOK_SECONDS = 8
"""How long a page waits for a picture that it asked for."""
SENTENCES: tuple[tuple[str, str], ...] = (
    # what it fits best -> the words; the candidate reads them in Chinese, the language of the exam
    ("NO_FACE", N_("请回到座位，面向屏幕作答。")),
    ("MULTI_FACE", N_("请独立作答，不要与他人交谈。")),
    ("CAMERA_COVERED", N_("请移开遮挡摄像头的物品。")),
    ("DARK", N_("请保持面部光线充足，不要遮挡灯光。")),
    ("", N_("请收起与考试无关的物品。")),
    ("", N_("请保持安静，遵守考场规则。")),
)


# --- pictures ----------------------------------------------------------------------------------------


@bp.get("/monitor/<int:room_sitting_id>/frames/<int:frame_id>")
@requires(Permission.MONITOR_ROOM)
def frame(room_sitting_id: int, frame_id: int) -> Response:
    """A picture of an incident, a capture or an enrolment; who has seen it stands on the record."""
    host, who = current_host(), actor()
    with host.db.read() as session:
        row = session.get(EvidenceFrame, frame_id)
        if row is None or row.room_sitting_id != room_sitting_id:
            raise NotFound("picture")
        monitor.check_room(session, room_sitting_id)
        data = evidence.picture(session, host.evidence, who, frame_id)
    host.db.write(evidence.note_viewed, who, frame_id, now=host.now())
    return _jpeg(data)


@bp.get("/monitor/<int:room_sitting_id>/incidents/<int:incident_id>/frames")
@requires(Permission.MONITOR_ROOM)
def strip(room_sitting_id: int, incident_id: int) -> str:
    """The pictures of one incident as a fragment."""
    with current_host().db.read() as session:
        monitor.check_room(session, room_sitting_id)
        view = _incident(session, room_sitting_id, incident_id)
    return render_template("monitor/strip.html", view=view, room_sitting=room_sitting_id)


# --- looking: a small picture on demand ----------------------------------------------------------------


@bp.post("/monitor/<int:room_sitting_id>/looks")
@requires(Permission.MONITOR_ROOM)
def look(room_sitting_id: int) -> Response:
    """Asks the cameras of some seats (`seat`, repeated) for a picture: {looks: [{seat, ref | problem}]}."""
    host = current_host()
    seats = forms.row_numbers("seat")
    with host.db.read() as session:
        monitor.check_room(session, room_sitting_id)
        asked = cameras.looked_at(session, host.presence, room_sitting_id, seats)
    reached = [each for each in asked if not each.refusal]
    if reached:
        noted = [each.seat for each in reached]
        host.db.write(cameras.note_looks, actor(), room_sitting_id, noted, now=host.now())
    response: Response = jsonify(looks=[_asked(each) for each in asked], seconds=LOOK_SECONDS)
    return response


def _asked(each: cameras.Asked) -> dict[str, object]:
    if each.refusal or each.workstation is None:
        return {"seat": each.seat, "problem": guard.say(each.refusal)}
    host = current_host()
    return {"seat": each.seat, "ref": delivery_of(host).looks.ask(each.workstation, host.now())}


@bp.get("/monitor/<int:room_sitting_id>/looks/<ref>")
@requires(Permission.MONITOR_ROOM)
def looked(room_sitting_id: int, ref: str) -> ResponseReturnValue:
    """The picture asked for: 200 with it, 202 while it has not come, 404 when the camera gives none."""
    host = current_host()
    with host.db.read() as session:
        monitor.check_room(session, room_sitting_id)
    data = delivery_of(host).looks.get(ref, host.now())
    if data is None:
        return jsonify(state="waiting"), 202
    if not data:
        raise Refused("look_without_picture", 404)
    return _jpeg(data)


def _jpeg(data: bytes) -> Response:
    response = Response(data, mimetype="image/jpeg")
    response.headers["Cache-Control"] = "no-store"
    return response


# --- acts on a candidate -------------------------------------------------------------------------------


@bp.get("/monitor/<int:room_sitting_id>/seats/<int:seat_id>/warn")
@requires(Permission.RUN_ROOM)
def warn_dialog(room_sitting_id: int, seat_id: int) -> str:
    """What to tell the candidate; the sentence that fits the incident comes first."""
    host = current_host()
    wanted = forms.row_number(request.args.get("incident", ""))
    with host.db.read() as session:
        board = monitor.board_of(session, room_sitting_id)
        cards = monitoring.seat_cards(session, host.answers, host.presence, room_sitting_id, {seat_id})
        incident = _incident(session, room_sitting_id, wanted) if wanted is not None else None
    if not cards or cards[0].attempt is None:
        raise NotFound("attempt")
    return monitor.dialog(
        "warn",
        board,
        card=cards[0],
        incident=incident,
        sentences=_sentences(incident.kind if incident else ""),
    )


def _sentences(kind: str) -> list[tuple[str, str]]:
    """The words for the candidate, each with what they mean for the reader, best ones first."""
    ranked = sorted(SENTENCES, key=lambda entry: not kind or entry[0] != kind)
    return [(text, _(text)) for _kind, text in ranked]


@bp.post("/monitor/<int:room_sitting_id>/seats/<int:seat_id>/warn")
@requires(Permission.RUN_ROOM)
def warn(room_sitting_id: int, seat_id: int) -> ResponseReturnValue:
    """Shows the words on the candidate's screen."""
    host = current_host()
    incident = forms.row_number(request.form.get("incident", ""))
    attempt = monitor.attempt_at(room_sitting_id, seat_id)
    problem = ""
    try:
        text = forms.text("text") or forms.text("preset")
        host.db.write(warnings.give, actor(), attempt, text, incident_id=incident, now=host.now())
    except Refused as refusal:
        problem = guard.say(refusal.code, refusal.params)
    return _back(room_sitting_id, seat_id, "warn", problem)


@bp.post("/monitor/<int:room_sitting_id>/seats/<int:seat_id>/enrol")
@requires(Permission.RUN_ROOM)
def enrol_again(room_sitting_id: int, seat_id: int) -> ResponseReturnValue:
    """Asks the seat for a new enrolment."""
    host, problem = current_host(), ""
    attempt = monitor.attempt_at(room_sitting_id, seat_id)
    try:
        host.db.write(enrolments.again, actor(), attempt, now=host.now())
    except Refused as refusal:
        problem = guard.say(refusal.code, refusal.params)
    return _back(room_sitting_id, seat_id, "enrol", problem)


def _back(room_sitting_id: int, seat_id: int, act: str, problem: str) -> ResponseReturnValue:
    if "HX-Request" in request.headers:
        return monitor.drawer(room_sitting_id, seat_id, act=act, problem=problem)
    if problem:
        flash(problem, "act")
    return redirect(url_for("monitor.room", room_sitting_id=room_sitting_id))


@bp.get("/monitor/<int:room_sitting_id>/incidents/<int:incident_id>/dismiss")
@requires(Permission.RUN_ROOM)
def dismiss_dialog(room_sitting_id: int, incident_id: int) -> str:
    """Why an alert was none."""
    with current_host().db.read() as session:
        board = monitor.board_of(session, room_sitting_id)
        view = _incident(session, room_sitting_id, incident_id)
    return monitor.dialog("dismiss", board, view=view)


# --- the record ------------------------------------------------------------------------------------------


@bp.get("/monitor/<int:room_sitting_id>/incidents")
@requires(Permission.MONITOR_ROOM)
def record(room_sitting_id: int) -> str:
    """Every incident of the sitting, what was made of it, warnings and random captures; for the files."""
    seat = request.args.get("seat", "")[:8]
    with current_host().db.read() as session:
        board = monitor.board_of(session, room_sitting_id)
        taken = captures.listing(session, room_sitting_id)
        return render_template(
            "monitor/record.html",
            board=board,
            seat=seat,
            seats=incident_views.seats_of(session, room_sitting_id),
            views=incident_views.record(session, room_sitting_id, seat),
            said=[] if seat else announcements.listing(session, room_sitting_id)[::-1],
            loose=_of_seat(incident_views.loose_warnings(session, room_sitting_id), seat),
            captures=[line for line in taken if seat in ("", line.seat)],
            frames=incident_views.capture_frames(session, room_sitting_id),
            printing="print" in request.args,
        )


def _of_seat(found: Sequence[tuple[str, incident_views.WarningLine]], seat: str) -> list[object]:
    return [(number, line) for number, line in found if seat in ("", number)]


# --- the camera check --------------------------------------------------------------------------------------


@bp.get("/monitor/<int:room_sitting_id>/cameras")
@requires(Permission.MONITOR_ROOM)
def cameras_page(room_sitting_id: int) -> str:
    """Which camera stands at which seat, wrong ones first, with a picture of each on demand."""
    return _cameras("monitor/cameras.html", room_sitting_id)


@bp.get("/monitor/<int:room_sitting_id>/cameras/states")
@requires(Permission.MONITOR_ROOM)
def camera_states(room_sitting_id: int) -> str:
    """The states of the camera check again, as a fragment: the pictures on the page stay."""
    return _cameras("monitor/camera_states.html", room_sitting_id)


def _cameras(template: str, room_sitting_id: int) -> str:
    host = current_host()
    with host.db.read() as session:
        lines = cameras.check(session, host.presence, room_sitting_id)
        return render_template(
            template,
            board=monitor.board_of(session, room_sitting_id),
            lines=lines,
            wrong=cameras.wrong(lines),
            overruled=cameras.overruled(session, room_sitting_id),
            at_once=cameras.AT_ONCE,
        )


@bp.post("/monitor/<int:room_sitting_id>/cameras/overrule")
@requires(Permission.COSIGN)
@returns_to("watching.cameras_page")
def overrule(room_sitting_id: int) -> ResponseReturnValue:
    """The chief lets the room start with the cameras that are wrong now."""
    host = current_host()
    signed = Signed(actor(), forms.text("reason"))
    count = host.db.write(cameras.overrule, host.presence, signed, room_sitting_id, now=host.now())
    flash(_("已放行 %(n)d 个不符的摄像头。", n=count), "good")
    return redirect(url_for("watching.cameras_page", room_sitting_id=room_sitting_id))


def _incident(session: Session, room_sitting_id: int, incident_id: int) -> IncidentView:
    view = incident_views.one(session, room_sitting_id, incident_id)
    if view is None:
        raise NotFound("incident")
    return view
