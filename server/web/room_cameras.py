"""A room's camera on screen: pairing, the picture of now, calibration by clicks, where heads are."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from flask import Blueprint, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from exam_rooms.drawing import drawing
from proctoring.calibration import Calibration, Sample
from proctoring.roomview import place
from server.access import Permission
from server.db.room_cameras import RoomCameraCalibration
from server.db.rooms import Room
from server.errors import NotFound, Refused
from server.services import room_calibrations, room_cameras, room_frames, rooms
from server.services.delivery import delivery_of
from server.services.room_calibrations import Picture
from server.services.room_sight import RoomSight
from server.services.signed import Signed
from server.services.sittings_now import open_sitting
from server.web import forms, monitor
from server.web.camera_words import room_blind_text, room_map_text, room_seat_text
from server.web.forms import shown_again, text
from server.web.guard import actor, current_host, requires

bp = Blueprint("room_cameras", __name__)
WAIT_SECONDS = 12
"""How long a page waits for a picture: the agent asks for orders at every look."""
UNITS = 1000
"""The overlay's drawing is so many units wide and high, whatever the picture's form."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A place in the picture, in units of the overlay; `word` as in `RoomSight.mark`."""

    number: str
    x: float
    y: float
    word: str = ""


@bp.get("/rooms/<int:room_id>/camera")
@requires(Permission.PAIR_WORKSTATIONS)
def show(room_id: int) -> str:
    """The camera of a room: its machine, its calibration, its picture when one was asked for (`still`)."""
    return _page(room_id, "")


def _page(room_id: int, code: str) -> str:
    host = current_host()
    with host.db.read() as session:
        room = room_cameras.visible(session, Signed(actor()), room_id, now=host.now())
        camera = room_cameras.camera_of(session, room_id)
        row = room_calibrations.newest(session, camera.id) if camera else None
        sight = delivery_of(host).room_cameras.sight(camera.id, room_id) if camera else None
        heads = _heads(row, sight)
        words = _words(row, sight, heads)
        return render_template(
            "rooms/camera.html",
            room=rooms.get(session, room_id),
            plan=drawing(rooms.map_of(rooms.get(session, room_id))),
            camera=camera,
            calibration=row,
            sight=sight,
            why=_why(session, room, row, sight),
            code=code,
            still=request.args.get("still", "")[:40],
            under_way=open_sitting(session, room_id, host.now()),
            seats_seen=_dots(row, words),
            heads_seen=heads,
            words=words,
            given=_given(row),
            wait_seconds=WAIT_SECONDS,
            units=UNITS,
        )


def _why(session: Session, room: Room, row: RoomCameraCalibration | None, sight: RoomSight | None) -> str:
    picture = sight.picture if sight is not None else Picture()
    return room_calibrations.why_not(row, room_calibrations.places_of(session, room.id), picture)


def _words(row: RoomCameraCalibration | None, sight: RoomSight | None, heads: list[Dot]) -> dict[str, str]:
    """Seat number -> how it is seen: by the votes while a sitting is watched, else in the last look alone."""
    if row is None or sight is None or sight.report is None:
        return {}
    view = room_calibrations.view_of(row)
    if sight.room_sitting is not None:
        return {seat: sight.mark(seat) for seat in view.seats}
    if sight.report.blind:
        return dict.fromkeys(view.seats, "unavailable")
    taken = {head.number for head in heads}
    seen = {seat: "taken" if seat in taken else "empty" for seat in view.in_view}
    return {seat: seen.get(seat, "unseen") for seat in view.seats}


def _dots(row: RoomCameraCalibration | None, words: Mapping[str, str]) -> list[Dot]:
    """The seats of a calibrated view, where their heads belong."""
    if row is None:
        return []
    view = room_calibrations.view_of(row)
    return [
        Dot(seat, float(x) * UNITS, float(y) * UNITS, words.get(seat, ""))
        for seat, (x, y) in zip(view.seats, view.points, strict=True)
        if seat in view.in_view and np.isfinite((x, y)).all()
    ]


def _heads(row: RoomCameraCalibration | None, sight: RoomSight | None) -> list[Dot]:
    """The heads of the last look, each with the seat that the calibration in force gives it."""
    if sight is None or sight.report is None:
        return []
    heads = [(head.x, head.y) for head in sight.report.heads]
    offsets = {seen.seat: (seen.dx, seen.dy) for seen in sight.state.seats}
    placed = place(room_calibrations.view_of(row), heads, offsets) if row is not None else ()
    seats = [one.seat for one in placed] or [""] * len(heads)
    return [Dot(seat, x * UNITS, y * UNITS) for seat, (x, y) in zip(seats, heads, strict=True)]


def _given(row: RoomCameraCalibration | None) -> Mapping[str, tuple[str, str]]:
    """What the last calibration was made of, in per cent, for the fields."""
    samples = row.samples if row is not None else {}
    return {seat: (f"{100 * x:.2f}", f"{100 * y:.2f}") for seat, (x, y) in samples.items()}


# --- the machine ---------------------------------------------------------------------------------------


@bp.post("/rooms/<int:room_id>/camera/code")
@requires(Permission.PAIR_WORKSTATIONS)
@shown_again("room_cameras.show")
def issue_code(room_id: int) -> ResponseReturnValue:
    """A one-time code for the camera; it is shown once, on this page."""
    host = current_host()
    signed, fingerprint = Signed(actor(), text("reason")), host.site.ca_fingerprint
    return _page(
        room_id, host.db.write(room_cameras.issue_code, signed, room_id, fingerprint, now=host.now())
    )


@bp.post("/rooms/<int:room_id>/camera/release")
@requires(Permission.PAIR_WORKSTATIONS)
@shown_again("room_cameras.show")
def release(room_id: int) -> ResponseReturnValue:
    """Takes the camera away from the room."""
    host = current_host()
    host.db.write(room_cameras.release, Signed(actor(), text("reason")), room_id, now=host.now())
    flash(_("已解除配对。"), "info")
    return redirect(url_for("room_cameras.show", room_id=room_id))


# --- the picture of now ----------------------------------------------------------------------------------


@bp.post("/rooms/<int:room_id>/camera/still")
@requires(Permission.PAIR_WORKSTATIONS)
@shown_again("room_cameras.show")
def ask_still(room_id: int) -> ResponseReturnValue:
    """Asks the camera for a picture; who looks stands on the record."""
    host = current_host()
    camera = host.db.write(room_cameras.note_look, Signed(actor()), room_id, now=host.now())
    ref = delivery_of(host).room_cameras.ask_still(camera, room_id)
    return redirect(url_for("room_cameras.show", room_id=room_id, still=ref))


@bp.get("/rooms/<int:room_id>/camera/still/<ref>")
@requires(Permission.PAIR_WORKSTATIONS)
def still(room_id: int, ref: str) -> ResponseReturnValue:
    """The picture asked for: 200 with it, 202 while it has not come, 404 when the camera gives none."""
    host = current_host()
    with host.db.read() as session:
        room_cameras.visible(session, Signed(actor()), room_id, now=host.now())
        camera = room_cameras.camera_of(session, room_id)
    if camera is None:
        raise NotFound("room_camera")
    data = delivery_of(host).room_cameras.still(camera.id, ref)
    if data is None:
        return jsonify(state="waiting"), 202
    if not data:
        raise Refused("look_without_picture", 404)
    return _jpeg(data)


# --- calibration -----------------------------------------------------------------------------------------


@bp.post("/rooms/<int:room_id>/camera/calibrate")
@requires(Permission.PAIR_WORKSTATIONS)
@shown_again("room_cameras.show")
def calibrate(room_id: int) -> ResponseReturnValue:
    """Keeps what was marked: `x-SEAT` and `y-SEAT` in per cent of the picture, empty ones left out."""
    host = current_host()
    with host.db.read() as session:
        camera = room_cameras.camera_of(session, room_id)
        numbers = [(seat.id, seat.number) for seat in rooms.get(session, room_id).seats]
    samples = [sample for seat, number in numbers if (sample := _sample(seat, number)) is not None]
    sight = delivery_of(host).room_cameras.sight(camera.id, room_id) if camera else None
    picture = sight.picture if sight is not None else Picture()
    given = samples, picture
    row = host.db.write(room_calibrations.calibrate, Signed(actor()), room_id, given, now=host.now())
    _told(room_calibrations.calibration_of(row))
    return redirect(url_for("room_cameras.show", room_id=room_id))


def _sample(seat: int, number: str) -> Sample | None:
    x, y = f"x-{seat}", f"y-{seat}"
    if not request.form.get(x, "").strip() and not request.form.get(y, "").strip():
        return None
    across, below = forms.decimal(x), forms.decimal(y)
    if not (0 <= across <= 100 and 0 <= below <= 100):
        raise Refused("calibration_outside", 422, field=x, seat=number)
    return Sample(number, float(across / Decimal(100)), float(below / Decimal(100)))


def _told(found: Calibration) -> None:
    flash(
        _(
            "标定已保存：采用 %(used)s 个座位，平均误差 %(cm)s 厘米。",
            used=len(found.used),
            cm=round(100 * found.residual),
        ),
        "good",
    )
    if found.left_out:
        flash(_("%(seats)s 号座位的点与其余的点不符，没有采用。", seats="、".join(found.left_out)), "look")
    if not found.proven:
        flash(_("只有 4 个点时误差总是 0，不能说明标定是否准确；再标 2 个座位即可核对。"), "look")


# --- pictures of incidents --------------------------------------------------------------------------------


@bp.get("/monitor/<int:room_sitting_id>/room-frames/<int:frame_id>")
@requires(Permission.MONITOR_ROOM)
def frame(room_sitting_id: int, frame_id: int) -> Response:
    """A picture of an incident; who has seen it stands on the record."""
    host, who = current_host(), actor()
    with host.db.read() as session:
        monitor.check_room(session, room_sitting_id)
        data = room_frames.picture(session, host.evidence, who, (room_sitting_id, frame_id))
    host.db.write(room_frames.note_viewed, who, (room_sitting_id, frame_id), now=host.now())
    return _jpeg(data)


def _jpeg(data: bytes) -> Response:
    response = Response(data, mimetype="image/jpeg")
    response.headers["Cache-Control"] = "no-store"
    return response


bp.add_app_template_global(room_seat_text, "room_seat_text")
bp.add_app_template_global(room_map_text, "room_map_text")
bp.add_app_template_global(room_blind_text, "room_blind_text")
