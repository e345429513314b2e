"""What one process remembers of a room camera, as it tells the others: whoever is spoken to next goes on."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from exam_rooms.room_camera_messages import RoomCameraReport, WantedPicture
from exam_rooms.wire import decode, encode
from proctoring.room_samples import Sampling, Sitter
from proctoring.room_state import RoomState
from proctoring.roomview import Placed
from server.services.room_sight import RoomSight

Tell = Callable[[str, Any], None]
SIGHT, ASK, STILL, TAKEN, MARKS = "sight", "ask", "still", "taken", "marks"
"""What is told: all that is remembered, a picture that is asked for, one that came, one that is no longer
wanted, and how a room's seats are seen.
"""


@dataclass(frozen=True, slots=True)
class SightNews:
    """A camera's `RoomSight`, without the pictures; `view`: the calibration that its places belong to."""

    camera: int
    room: int
    by: str
    heard_at: datetime | None
    report: RoomCameraReport | None
    room_sitting: int | None
    why: str
    state: RoomState
    sitters: tuple[Sitter, ...]
    admitted: tuple[str, ...]
    last: float
    placed: tuple[Any, ...]
    looks: tuple[Any, ...]
    saved_at: datetime | None
    seconds: float
    merged: tuple[int, ...]
    view: int | None


def news_of(sight: RoomSight) -> dict[str, Any]:
    """What the others are told of a camera."""
    sampling = sight.sampling
    return encode(
        SightNews(
            sight.camera,
            sight.room,
            sight.by,
            sight.heard_at,
            sight.report,
            sight.room_sitting,
            sight.why,
            sight.state,
            sampling.sitters,
            tuple(sorted(sampling.admitted)),
            sampling.last,
            tuple((one.at, one.seat, one.off, one.second) for one in sight.placed),
            tuple(sight.looks),
            sight.saved_at,
            sight.seconds,
            tuple(sorted(sight.merged)),
            sight.view[0] if sight.view else None,
        )
    )


def read(body: object) -> SightNews:
    """The inverse of `news_of`. Raises `WireError`."""
    return decode(SightNews, body)


def take_over(sight: RoomSight, news: SightNews) -> bool:
    """Goes on from what another process remembers, unless this one has heard the camera later."""
    if sight.heard_at is not None and (news.heard_at is None or news.heard_at < sight.heard_at):
        return False
    sight.by, sight.heard_at, sight.report = news.by, news.heard_at, news.report
    sight.room_sitting, sight.why, sight.state = news.room_sitting, news.why, news.state
    sight.sampling = Sampling(news.sitters, frozenset(news.admitted), news.last)
    sight.placed = tuple(
        Placed(None if at is None else (at[0], at[1]), seat, (off[0], off[1]), second)
        for at, seat, off, second in news.placed
    )
    sight.looks.clear()
    sight.looks.extend((number, at) for number, at in news.looks)
    sight.saved_at, sight.seconds, sight.merged = news.saved_at, news.seconds, set(news.merged)
    return True


def ask_of(sight: RoomSight, wanted: WantedPicture, *, still: bool) -> list[Any]:
    """What the others are told of a picture that is asked for."""
    return [sight.camera, sight.room, encode(wanted), still]


def wanted_of(body: Mapping[str, Any]) -> WantedPicture:
    """The inverse, of the picture."""
    return decode(WantedPicture, body)


def still_of(camera: int, ref: str, data: bytes) -> list[Any]:
    """What the others are told of a picture that came."""
    return [camera, ref, base64.b64encode(data).decode()]


def picture_of(text: str) -> bytes:
    """The inverse, of the picture."""
    return base64.b64decode(text)
