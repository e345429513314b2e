"""What a room's camera tells becomes incidents: one for each cause.

Where the seat's own camera tells the same already, that incident is marked and no second one is raised.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from exam_rooms.room_watching import SEAT_KINDS
from proctoring.room_state import RoomNews
from proctoring.room_state import encode as encode_state
from server.db.base import emit
from server.db.room_cameras import RoomCameraFrame, RoomCameraRun
from server.db.sittings import Incident
from server.events import SeatChanged
from server.services.incidents import OPEN, Episode, Place, end_episode, raise_episode
from server.services.room_scene import Scene
from server.services.room_sight import Moments, RoomSight

MOMENTS = ("before", "at")


@dataclass(frozen=True, slots=True)
class Wish:
    """A picture to ask the agent for: the row that waits for it, the look, and the seats that it is about."""

    frame: int
    number: int
    seats: tuple[str, ...]


def tell(
    session: Session, scene: Scene, sight: RoomSight, news: Sequence[RoomNews], *, now: datetime
) -> tuple[Wish, ...]:
    """Puts episodes on the record as they begin and end; which pictures are wanted for those that began."""
    if scene.room_sitting is None:
        return ()
    wishes: list[Wish] = []
    for one in news:
        place = _place(scene, one)
        if place is None:
            continue
        name = episode_name(sight.camera, scene.room_sitting, one)
        if one.closed:
            row = _known(session, scene.room_sitting, one.kind, name)
            if row is not None:
                end_episode(session, row, name, now=min(_moment(one.at), now))
            continue
        same = scene.same.get((str(one.kind), one.seat))
        if same is not None:
            link(session, session.get_one(Incident, same), one.kind)
            continue
        details = _details(sight, one)
        episode = Episode(name, min(_moment(one.since), now), details)
        row = raise_episode(session, place, one.kind, episode, now=now)
        if one.kind in SEAT_KINDS:
            wishes += _wishes(session, scene, sight, (one, row.id), now)
    save(session, scene, sight, now=now)
    return tuple(wishes)


def link(session: Session, row: Incident, kind: IncidentKind) -> None:
    """The room's camera sees what the seat's own camera has told: noted there, no second alert."""
    if row.details.get("room_camera") != str(kind):
        row.details = row.details | {"room_camera": str(kind)}
        if row.seat_id is not None:
            emit(session, SeatChanged(row.room_sitting_id, row.seat_id))


def merge(session: Session, scene: Scene, sight: RoomSight) -> None:
    """The seat's own camera told later what this one had told: its incident goes on, ours ends in it.

    One that a person has taken up already stays.
    """
    if scene.room_sitting is None:
        return
    for (kind, number), same in scene.same.items():
        place = scene.people.get(number)
        if place is None or not sight.tells(kind, number):
            continue
        row = session.scalars(
            select(Incident).where(
                Incident.room_sitting_id == scene.room_sitting,
                Incident.attempt_id == place.attempt,
                Incident.kind == kind,
                Incident.state == "raised",
                Incident.id != same,
            )
        ).first()
        if row is None:
            continue
        link(session, session.get_one(Incident, same), IncidentKind(kind))
        row.details = row.details | {"same_as": same}
        row.state = "cleared"
        emit(session, SeatChanged(row.room_sitting_id, place.seat))


def save(session: Session, scene: Scene, sight: RoomSight, *, now: datetime) -> None:
    """Keeps what the fold remembers, so that a restart of the server goes on from there."""
    if scene.room_sitting is None:
        return
    row = run_of(session, scene.room_sitting, sight.camera)
    if row is None:
        row = RoomCameraRun(room_sitting_id=scene.room_sitting, camera_id=sight.camera, saved_at=now)
        session.add(row)
    row.state, row.saved_at = encode_state(sight.state), now
    row.samples = {sample.seat: [sample.x, sample.y] for sample in sight.sampling.samples}


def run_of(session: Session, room_sitting_id: int, camera_id: int) -> RoomCameraRun | None:
    """What is kept of a camera in a room's sitting."""
    query = select(RoomCameraRun).where(
        RoomCameraRun.room_sitting_id == room_sitting_id, RoomCameraRun.camera_id == camera_id
    )
    return session.scalars(query).first()


def end_all(session: Session, room_sitting_id: int, camera_id: int, *, now: datetime) -> None:
    """Nobody watches this sitting any more: what its room camera still holds for open is over."""
    kinds = [str(kind) for kind in IncidentKind if kind in _OURS]
    query = select(Incident).where(
        Incident.room_sitting_id == room_sitting_id, Incident.kind.in_(kinds), Incident.state.in_(OPEN)
    )
    for row in session.scalars(query):
        for name, state in row.details.get("episodes", {}).items():
            if state == "open":
                end_episode(session, row, name, now=now)
    run = run_of(session, room_sitting_id, camera_id)
    if run is not None:
        run.state = {}


_OURS = frozenset({*SEAT_KINDS, IncidentKind.ROOM_CAMERA_LOST, IncidentKind.ROOM_CAMERA_MOVED})


def episode_name(camera: int, room_sitting: int, news: RoomNews) -> str:
    """An episode's name: the same for its beginning, its end and whatever is sent again."""
    text = f"{camera}|{room_sitting}|{news.kind}|{news.seat}|{news.since:.3f}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _known(session: Session, room_sitting: int, kind: IncidentKind, name: str) -> Incident | None:
    query = select(Incident).where(Incident.room_sitting_id == room_sitting, Incident.kind == str(kind))
    for row in session.scalars(query.order_by(Incident.id.desc())):
        if name in row.details.get("episodes", {}):
            return row
    return None


def _place(scene: Scene, news: RoomNews) -> Place | None:
    """None for the beginning of something at a seat where nobody sits any more."""
    assert scene.room_sitting is not None
    if not news.seat:
        return Place(scene.room_sitting)
    who = scene.people.get(news.seat)
    if who is not None:
        return Place(scene.room_sitting, who.seat, who.attempt)
    return Place(scene.room_sitting, scene.seats.get(news.seat)) if news.closed else None


def _details(sight: RoomSight, news: RoomNews) -> dict[str, Any]:
    details: dict[str, Any] = {"models": dict(sight.models), "by": "room_camera"}
    if news.other:
        details["other"] = news.other
    if news.why:
        details["why"] = news.why
    if news.seat:
        details["scores"] = {"seen_share": round(sight.state.seat(news.seat).seen, 2)}
    return details


def _wishes(
    session: Session, scene: Scene, sight: RoomSight, told: tuple[RoomNews, int], now: datetime
) -> list[Wish]:
    """Rows for the pictures of a new incident: from before its cause, and of the look that told it."""
    news, incident = told
    assert scene.room_sitting is not None
    if session.scalar(select(RoomCameraFrame.id).where(RoomCameraFrame.incident_id == incident).limit(2)):
        return []
    looks: Moments = sight.looks
    found = {"before": _last_before(looks, news.since), "at": looks[-1] if looks else None}
    wishes = []
    for moment in MOMENTS[-scene.rules.frames :] if scene.rules.frames else ():
        look = found[moment]
        if look is None:
            continue
        row = RoomCameraFrame(
            room_sitting_id=scene.room_sitting,
            incident_id=incident,
            camera_id=sight.camera,
            moment=moment,
            taken_at=_moment(look[1]),
            keep_until=now + timedelta(days=scene.rules.keep_days),
        )
        session.add(row)
        session.flush()
        wishes.append(Wish(row.id, look[0], tuple(seat for seat in (news.seat, news.other) if seat)))
    return wishes


def _last_before(looks: Moments, since: float) -> tuple[int, float] | None:
    earlier = [look for look in looks if look[1] < since]
    return earlier[-1] if earlier else None


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
