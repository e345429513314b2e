"""The cameras of a smart room: how each does in one word, whether it is the right one, who starts without.

A camera is wrong when it is not the one that belongs to the seat, or belongs to another seat of the room.
A wrong one keeps the room from starting until it is put right or the chief overrules it with a reason
(scenario 15). One that is missing or gives no picture keeps nobody from starting; it is shown.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.seats import AttemptState
from exam_rooms.watch_messages import CameraReport, CameraState
from server.access import Actor, Permission
from server.db.base import TO_CHANGE
from server.db.rooms import Room, Seat
from server.db.sittings import Attempt, Candidate, Registration, RoomSitting
from server.errors import NotFound, Refused
from server.presence import Presence
from server.services import audit
from server.services.duty import need_duty
from server.services.pairing import active_workstations
from server.services.signed import Signed, need, need_reason, note_room

SMART = "smart"
DETECT, VERIFY = "detect", "verify"
AT_ONCE = 6
"""Seats that one request may ask pictures of: a room is looked at in small groups."""


class CameraWord(StrEnum):
    """How a seat's camera does; every one of them has its own sign and its own words."""

    NOT_USED = ""  # not a smart room
    NONE = "none"
    OPENING = "opening"
    LIVE = "live"  # gives pictures, nothing is looked for
    ENROLLING = "enrolling"
    WATCHING = "watching"
    NO_IDENTITY = "no_identity"  # presence is watched, the face is not compared
    MANUAL = "manual"  # no consent: people check
    LOST = "lost"
    STALLED = "stalled"  # it is there, and gives no new pictures
    UNAVAILABLE = "unavailable"
    WRONG = "wrong"


BROKEN = frozenset(
    {CameraWord.NONE, CameraWord.LOST, CameraWord.STALLED, CameraWord.UNAVAILABLE, CameraWord.WRONG}
)
"""Words of a camera that does not do its work."""


@dataclass(frozen=True, slots=True)
class CameraSeat:
    """What decides about a camera beside its own report. `state` is the attempt's, "" for a free seat."""

    smart: bool = True
    linked: bool = True
    misplaced: bool = False
    state: str = ""
    consent: bool | None = None
    enrolled: bool = False


@dataclass(frozen=True, slots=True)
class CameraLine:
    """One seat of the camera check. `state` is a `CameraWord` that looks at the camera alone.

    `expected`: the camera of the seat ("": any), `found`: what its workstation reports; `owner`: number of
    the seat that the found one belongs to; `overruled`: the chief lets the room start with it. `report`: what
    the workstation says of its pictures' size and of how often they came again.
    """

    seat: int
    number: str
    name: str
    expected: str
    found: str
    state: str
    owner: str = ""
    manual: bool = False
    overruled: bool = False
    unavailable: tuple[str, ...] = ()
    report: CameraReport = field(default_factory=CameraReport)


def camera_word(place: CameraSeat, report: CameraReport) -> CameraWord:
    """One word for a seat's camera. Without consent nothing is said about it: people check there."""
    if not place.smart:
        return CameraWord.NOT_USED
    if place.consent is False:
        return CameraWord.MANUAL
    if report.state is CameraState.NONE:
        return CameraWord.NONE
    if not place.linked:
        return CameraWord.LOST
    if place.misplaced:
        return CameraWord.WRONG
    if report.state is not CameraState.LIVE:
        return CameraWord(str(report.state))
    return _working(place, report)


def _working(place: CameraSeat, report: CameraReport) -> CameraWord:
    if DETECT in report.unavailable:
        return CameraWord.UNAVAILABLE
    if VERIFY in report.unavailable:
        return CameraWord.NO_IDENTITY
    answering = place.state == AttemptState.ANSWERING
    if report.checks == "watch" or (report.checks == "enrol" and answering):
        return CameraWord.WATCHING if place.enrolled else CameraWord.NO_IDENTITY
    return CameraWord.ENROLLING if report.checks == "enrol" else CameraWord.LIVE


def misplaced(seat: Seat, report: CameraReport, owners: Mapping[str, str]) -> bool:
    """Whether a reported camera is not the seat's own; one that cannot say which it is counts as such.

    `owners`: camera -> number of the seat it belongs to, of the whole room.
    """
    if not report.identity:
        return bool(seat.camera) and report.state is CameraState.LIVE
    if seat.camera:
        return report.identity != seat.camera
    return owners.get(report.identity, seat.number) != seat.number


def owners_of(seats: Iterable[Seat]) -> dict[str, str]:
    """Camera -> number of the seat that it belongs to."""
    return {seat.camera: seat.number for seat in seats if seat.camera}


def check(session: Session, presence: Presence, room_sitting_id: int) -> tuple[CameraLine, ...]:
    """Every seat's camera, wrong ones first, then in the order of the plan; empty in other rooms."""
    row = _row(session, room_sitting_id)
    room = session.get_one(Room, row.room_id)
    if room.kind != SMART:
        return ()
    owners = owners_of(room.seats)
    stations = active_workstations(session, room.id)
    people = _people(session, room_sitting_id)
    accepted = (row.cameras_overruled or {}).get("cameras", {})
    lines = []
    for seat in room.seats:
        station = stations.get(seat.id)
        seen = presence.of(station.id if station else None)
        report = seen.camera
        name, consent = people.get(seat.id, ("", None))
        place = CameraSeat(linked=seen.linked, misplaced=misplaced(seat, report, owners))
        alone = replace(report, checks="")  # whether it follows its plan is a matter of the candidate
        lines.append(
            CameraLine(
                seat=seat.id,
                number=seat.number,
                name=name,
                expected=seat.camera,
                found=report.identity,
                state=camera_word(place, alone),
                owner=owners.get(report.identity, "") if place.misplaced else "",
                manual=consent is False,
                overruled=accepted.get(seat.number) == report.identity,
                unavailable=report.unavailable,
                report=report,
            )
        )
    return tuple(sorted(lines, key=lambda line: line.state != CameraWord.WRONG))


def wrong(lines: Iterable[CameraLine]) -> list[CameraLine]:
    """The wrong cameras that nobody has overruled."""
    return [line for line in lines if line.state == CameraWord.WRONG and not line.overruled]


def gate(session: Session, presence: Presence, room_sitting_id: int) -> None:
    """Raises `Refused` (`cameras_wrong`, with the seats) while a wrong camera is not overruled."""
    found = wrong(check(session, presence, room_sitting_id))
    if found:
        raise Refused("cameras_wrong", seats=_numbers(found))


def overrule(
    session: Session, presence: Presence, signed: Signed, room_sitting_id: int, *, now: datetime
) -> int:
    """The chief lets the room start with the cameras that are wrong now; returns how many.

    It holds for these cameras at these seats: another one that turns up wrong later blocks again.
    """
    need(signed.actor, Permission.COSIGN)
    need_reason(signed)
    row = session.get(RoomSitting, room_sitting_id, with_for_update=TO_CHANGE)
    if row is None:
        raise NotFound("sitting")
    need_duty(session, signed.actor, Permission.COSIGN, row.id, now=now)
    if row.started_at is not None:
        raise Refused("room_already_started")
    found = wrong(check(session, presence, room_sitting_id))
    if not found:
        raise Refused("no_camera_wrong")
    before = (row.cameras_overruled or {}).get("cameras", {})
    row.cameras_overruled = {
        "by": signed.actor.name,
        "at": now.isoformat(),
        "reason": signed.why()["reason"],
        "cameras": before | {line.number: line.found for line in found},
    }
    seats = _numbers(found)
    cameras = [line.found for line in found]
    note_room(session, row.id, signed, "cameras_overruled", now, seats=seats, cameras=cameras)
    return len(found)


@dataclass(frozen=True, slots=True)
class Overruled:
    """Who lets a room start although cameras are wrong, when and why; `seats`: their numbers."""

    by: str
    at: datetime
    reason: str
    seats: tuple[str, ...]


def overruled(session: Session, room_sitting_id: int) -> Overruled | None:
    """The last overruling of a room's sitting."""
    found = _row(session, room_sitting_id).cameras_overruled
    if not found:
        return None
    at = datetime.fromisoformat(found["at"])
    return Overruled(found["by"], at, found["reason"], tuple(found["cameras"]))


# --- looking: one small picture on demand, kept nowhere ------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """A seat that is asked for a picture; `refusal` is a code when it is not."""

    seat: int
    workstation: int | None = None
    refusal: str = ""


def looked_at(
    session: Session, presence: Presence, room_sitting_id: int, seats: Collection[int]
) -> list[Asked]:
    """Which of these seats can be asked for a picture now, and why others cannot.

    `no_face_consent`: the candidate did not consent, or has signed in and was not asked yet: nothing is
    looked at there (R38). A seat where nobody has signed in is looked at for its camera's sake.
    """
    row = _row(session, room_sitting_id)
    room = session.get_one(Room, row.room_id)
    known = {seat.id for seat in room.seats}
    stations = active_workstations(session, room.id)
    shut = _shut(session, room_sitting_id)
    asked = []
    for seat in list(dict.fromkeys(seats))[:AT_ONCE]:
        if seat not in known:
            raise NotFound("seat")
        station = stations.get(seat)
        refusal = ""
        if room.kind != SMART:
            refusal = "room_without_cameras"
        elif seat in shut:
            refusal = "no_face_consent"
        elif station is None or not presence.of(station.id).linked:
            refusal = "seat_not_linked"
        asked.append(Asked(seat, station.id if station else None, refusal))
    return asked


def note_looks(
    session: Session,
    actor: Actor,
    room_sitting_id: int,
    seats: Sequence[int],
    *,
    now: datetime,
) -> None:
    """Puts on the record who looks at which seats; the pictures are asked for once that is committed."""
    need(actor, Permission.MONITOR_ROOM)
    numbers = session.scalars(select(Seat.number).where(Seat.id.in_(seats)).order_by(Seat.id))
    stream = audit.sitting_stream(room_sitting_id)
    audit.record(session, stream, actor, "seat_looked_at", stream, now=now, seats="、".join(numbers))


def _row(session: Session, room_sitting_id: int) -> RoomSitting:
    row = session.get(RoomSitting, room_sitting_id)
    if row is None:
        raise NotFound("sitting")
    return row


def _people(session: Session, room_sitting_id: int) -> dict[int, tuple[str, bool | None]]:
    """Seat id -> name and consent of who sits there."""
    query = (
        select(Attempt.seat_id, Candidate.name, Attempt.face_consent)
        .join(Registration, Registration.id == Attempt.registration_id)
        .join(Candidate, Candidate.id == Registration.candidate_id)
        .where(Attempt.room_sitting_id == room_sitting_id)
    )
    return {seat: (name, consent) for seat, name, consent in session.execute(query)}


def _shut(session: Session, room_sitting_id: int) -> frozenset[int]:
    """Seats of people who refused, or who sit there and have not agreed yet."""
    nobody = (str(AttemptState.ASSIGNED), str(AttemptState.ABSENT))
    query = select(Attempt.seat_id).where(
        Attempt.room_sitting_id == room_sitting_id,
        Attempt.face_consent.is_(False) | (Attempt.face_consent.is_(None) & Attempt.state.not_in(nobody)),
    )
    return frozenset(session.scalars(query))


def _numbers(lines: Iterable[CameraLine]) -> str:
    return "、".join(line.number for line in lines)
