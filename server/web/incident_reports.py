"""What staff saw: the form at the seat and in the room, photos, and the way back of somebody who left."""

from collections.abc import Iterable

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from exam_rooms.catalogue import CATALOGUE, FirstAction
from exam_rooms.incidents import LEAVES
from server.access import Permission
from server.errors import NotFound, Refused
from server.messages import N_
from server.services import case_views, incident_views, staff_incidents
from server.services.duty import need_room_sight
from server.services.incident_views import IncidentView
from server.services.staff_incidents import Return, Seated, Sighting
from server.web import monitor
from server.web.camera_words import incident_text
from server.web.forms import moment, returns_to, shown_again, text, whole
from server.web.guard import actor, current_host, requires

bp = Blueprint("incident_reports", __name__)
FIRST_ACTIONS: dict[str, str] = {
    FirstAction.LOOK: N_("先查看，再提醒"),
    FirstAction.GO: N_("到座位查看"),
    FirstAction.CHECK_ID: N_("由两名工作人员再次核验身份"),
    FirstAction.FIX_CAMERA: N_("处理摄像头"),
    FirstAction.WARN: N_("警告考生，要求停止"),
    FirstAction.SECURE: N_("制止并保全证据"),
    FirstAction.REPAIR: N_("按技术故障处理，记录时间"),
    FirstAction.NOTE: N_("仅记录"),
}
CHECKS = {"face": N_("人脸比对一致"), "document": N_("核对证件")}


@bp.app_template_global("first_action")
def first_action(kind: str) -> str:
    """What to do first about a kind of incident."""
    entry = next((entry for known, entry in CATALOGUE.items() if known == kind), None)
    return _(FIRST_ACTIONS[entry.first]) if entry else ""


@bp.app_template_global("back_check_word")
def check_word(check: str) -> str:
    """How identity was checked when somebody came back."""
    return _(CHECKS[check]) if check in CHECKS else check


@bp.get("/monitor/<int:room_sitting_id>/report")
@requires(Permission.REPORT_INCIDENTS)
def form(room_sitting_id: int) -> str:
    """The form; `seat` (an id) and `kind` may be chosen beforehand. Below it who is away now."""
    with current_host().db.read() as session:
        board = monitor.board_of(session, room_sitting_id)
        return render_template(
            "incidents/report.html",
            board=board,
            kinds=[(str(kind), incident_text(kind)) for kind in staff_incidents.kinds()],
            leaves=[incident_text(kind) for kind in staff_incidents.kinds() if kind in LEAVES],
            seats=staff_incidents.seats(session, room_sitting_id),
            shared=people(staff_incidents.shared_seats(session, room_sitting_id)),
            most=staff_incidents.photos_most(session, room_sitting_id),
            away=_away(session, room_sitting_id),
            seat=request.args.get("seat", ""),
            kind=request.args.get("kind", ""),
            checks=[(name, _(word)) for name, word in CHECKS.items()],
            reported=_reported(session, room_sitting_id),
        )


@bp.post("/monitor/<int:room_sitting_id>/report")
@requires(Permission.REPORT_INCIDENTS)
@shown_again("incident_reports.form")
def make(room_sitting_id: int) -> ResponseReturnValue:
    """Puts it on the list; photos are re-encoded in a child before they are kept."""
    host = current_host()
    sighting = Sighting(
        room_sitting=room_sitting_id,
        kind=text("kind", limit=32),
        seat=whole("seat") if request.form.get("seat") else None,
        seen_at=moment("seen_at") if request.form.get("seen_at") else host.now(),
        note=text("note", limit=staff_incidents.NOTE_MOST),
        witnesses=_names(text("witnesses")),
        escort=text("escort", limit=64),
        attempt=whole("person") if request.form.get("person") else None,
    )
    uploads = [file.read() for file in request.files.getlist("photos") if file.filename]
    with host.db.read() as session:
        if len(uploads) > staff_incidents.photos_most(session, room_sitting_id):
            raise Refused("report_photos_too_many", 422, field="photos")
    photos = _encoded([data for data in uploads if data])
    host.db.write(staff_incidents.report, actor(), sighting, photos, now=host.now())
    flash(_("已记录。"), "good")
    return redirect(url_for("incident_reports.form", room_sitting_id=room_sitting_id))


@bp.post("/monitor/<int:room_sitting_id>/leaves/<int:incident_id>/back")
@requires(Permission.RUN_ROOM)
@returns_to("incident_reports.form", incident_id=None)
def back(room_sitting_id: int, incident_id: int) -> ResponseReturnValue:
    """The candidate is back, and who it is was checked."""
    host = current_host()
    returned = Return(text("check", limit=12), text("note"))
    host.db.write(staff_incidents.back, actor(), incident_id, returned, now=host.now())
    flash(_("已登记返回。"), "good")
    return redirect(url_for("incident_reports.form", room_sitting_id=room_sitting_id))


@bp.get("/monitor/<int:room_sitting_id>/report-photos/<int:photo_id>")
@requires(Permission.MONITOR_ROOM)
def photo(room_sitting_id: int, photo_id: int) -> Response:
    """A photo that came with a report; who has seen it stands on the record."""
    host = current_host()
    with host.db.read() as session:
        if staff_incidents.room_of_photo(session, photo_id) != room_sitting_id:
            raise NotFound("picture")
        need_room_sight(session, actor(), room_sitting_id)
        data = staff_incidents.photo(session, photo_id)
    host.db.write(staff_incidents.note_photo_viewed, actor(), photo_id, now=host.now())
    return jpeg(data)


def people(seated: Iterable[Seated]) -> list[tuple[int, str]]:
    """Candidates to choose from: attempt, seat and name."""
    return [(one.attempt, f"{one.number} · {one.name}") for one in seated]


def jpeg(data: bytes) -> Response:
    """A picture that no cache keeps."""
    response = Response(data, mimetype="image/jpeg")
    response.headers["Cache-Control"] = "no-store"
    return response


def _encoded(uploads: list[bytes]) -> list[bytes]:
    if not uploads:
        return []
    result = current_host().jobs.run("read_report_photos", {str(n): data for n, data in enumerate(uploads)})
    return [result[str(number)] for number in range(len(uploads))]


def _names(given: str) -> tuple[str, ...]:
    for mark in "，,；;":
        given = given.replace(mark, "、")
    return tuple(name.strip() for name in given.split("、") if name.strip())


def _away(session: Session, room_sitting_id: int) -> list[IncidentView]:
    leaves = staff_incidents.away(session, room_sitting_id).values()
    found = [incident_views.one(session, room_sitting_id, kept.incident_id) for kept in leaves]
    return [view for view in found if view is not None]


def _reported(session: Session, room_sitting_id: int) -> list[tuple[IncidentView, int | None]]:
    """What people reported in this room, the latest first, each with the case that rests on it."""
    views = [view for view in incident_views.record(session, room_sitting_id) if view.report is not None]
    cases = case_views.of_incidents(session, [view.id for view in views])
    return [(view, cases.get(view.id)) for view in reversed(views)]
