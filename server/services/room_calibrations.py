"""Calibrations of room cameras, by clicks or by themselves: kept with their residual and who made them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from proctoring.calibration import Calibration, CalibrationRefused, Sample, fit, pitch_of
from proctoring.roomview import RoomView
from server.access import SYSTEM
from server.db.room_cameras import RoomCamera, RoomCameraCalibration
from server.db.rooms import Room, Seat
from server.errors import NotFound, Refused
from server.services.room_cameras import camera_of, note, visible
from server.services.signed import Signed

ASPECT = 0.02
"""By this share of itself a picture's form may differ from that of the calibration: sizes may change."""
Places = dict[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Picture:
    """Of which camera a picture is, and its size in pixels; 0: there is none."""

    width: int = 0
    height: int = 0
    identity: str = ""


def places_of(session: Session, room_id: int) -> Places:
    """Where the seats of a room stand, by number, in metres; those out of order too, they are on the plan."""
    rows = session.execute(select(Seat.number, Seat.x, Seat.y).where(Seat.room_id == room_id))
    return {number: (x, y) for number, x, y in rows}


def newest(session: Session, camera_id: int) -> RoomCameraCalibration | None:
    """The calibration that counts."""
    query = select(RoomCameraCalibration).where(RoomCameraCalibration.camera_id == camera_id)
    return session.scalars(query.order_by(RoomCameraCalibration.id.desc())).first()


def why_not(row: RoomCameraCalibration | None, places: Places, picture: Picture) -> str:
    """Why a calibration cannot be used: a code, "" when it can."""
    if row is None:
        return "not_calibrated"
    if {seat: tuple(place) for seat, place in row.places.items()} != places:
        return "plan_changed_since"
    if picture.identity and row.identity and picture.identity != row.identity:
        return "camera_changed"
    if picture.height and row.height:
        before, now = row.width / row.height, picture.width / picture.height
        if abs(now - before) > ASPECT * before:
            return "picture_changed"
    return ""


def view_of(row: RoomCameraCalibration) -> RoomView:
    """The calibrated view."""
    places = {seat: (float(x), float(y)) for seat, (x, y) in row.places.items()}
    aspect = row.width / row.height if row.height else 16 / 9
    return RoomView(calibration_of(row), places, aspect)


def calibration_of(row: RoomCameraCalibration) -> Calibration:
    """The numbers of a stored calibration."""
    left_out = tuple(row.left_out)
    used = tuple(seat for seat in row.samples if seat not in left_out)
    return Calibration(tuple(float(number) for number in row.matrix), row.residual, used, left_out)


def tried(session: Session, room_id: int, samples: Sequence[Sample]) -> Calibration:
    """What would come of some samples. Raises `Refused` with the reason."""
    places = places_of(session, room_id)
    try:
        return fit(samples, places, pitch_of(list(places.values())))
    except CalibrationRefused as fault:
        raise Refused(fault.code, 422, field="samples", **fault.params) from fault


def calibrate(
    session: Session, signed: Signed, room_id: int, given: tuple[Sequence[Sample], Picture], *, now: datetime
) -> RoomCameraCalibration:
    """Keeps the calibration that somebody clicked; it counts at once. Raises `Refused` for a bad fit.

    `given`: the samples, and the picture that they were clicked in.
    """
    room = visible(session, signed, room_id, now=now)
    camera = camera_of(session, room_id)
    if camera is None:
        raise Refused("room_camera_missing", room=room.name)
    samples, picture = given
    found = tried(session, room_id, samples)
    row = _kept(session, camera, (found, samples, picture), now)
    row.how, row.made_by = "clicked", signed.actor.user_id
    session.flush()
    note(session, signed, room, "room_camera_calibrated", now, **_facts(row))
    return row


def accept(
    session: Session,
    camera_id: int,
    given: tuple[Calibration, Sequence[Sample], Picture],
    *,
    now: datetime,
) -> RoomCameraCalibration:
    """Keeps a calibration that came of sign-ins; one that somebody clicked meanwhile stays."""
    camera = session.get(RoomCamera, camera_id, with_for_update=True)
    if camera is None or not camera.active:
        raise NotFound("room_camera")
    row = _kept(session, camera, given, now)
    row.how = "automatic"
    session.flush()
    room = session.get_one(Room, camera.room_id)
    note(session, Signed(SYSTEM), room, "room_camera_calibrated", now, **_facts(row))
    return row


def _kept(
    session: Session,
    camera: RoomCamera,
    given: tuple[Calibration, Sequence[Sample], Picture],
    now: datetime,
) -> RoomCameraCalibration:
    found, samples, picture = given
    row = RoomCameraCalibration(
        camera_id=camera.id,
        identity=picture.identity[:64],
        width=picture.width,
        height=picture.height,
        matrix=list(found.matrix),
        residual=found.residual,
        samples={sample.seat: [sample.x, sample.y] for sample in samples},
        places={seat: list(place) for seat, place in places_of(session, camera.room_id).items()},
        left_out=list(found.left_out),
        how="clicked",
        made_at=now,
    )
    session.add(row)
    return row


def _facts(row: RoomCameraCalibration) -> Mapping[str, object]:
    return {
        "calibration": row.id,
        "how": row.how,
        "samples": len(row.samples),
        "left_out": len(row.left_out),
        "residual_cm": round(100 * row.residual),
    }
