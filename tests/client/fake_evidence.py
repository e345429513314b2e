"""What the room server for agents under test takes from a seat's camera and its guards."""

import hashlib
from collections.abc import Callable
from typing import Any

from exam_rooms import protocol as p
from exam_rooms.kiosk_messages import (
    BreachNote,
    BreachRequest,
    SeatRelease,
)
from exam_rooms.protocol import Route
from exam_rooms.watch_messages import (
    AlertRequest,
    CaptureRequest,
    EnrolmentRequest,
    FrameNote,
    Taken,
)
from exam_rooms.wire import decode


class FakeEvidence:
    """What the camera of the seat told: messages as they came, pictures that were announced, looks."""

    def __init__(self) -> None:
        self.alerts: list[AlertRequest] = []
        self.enrolments: list[EnrolmentRequest] = []
        self.captures: list[CaptureRequest] = []
        self.breaches: list[BreachNote] = []
        self.releases: list[SeatRelease] = []
        self.announced: dict[str, FrameNote] = {}
        self.pictures: dict[str, bytes] = {}
        self.looks: dict[str, bytes] = {}
        self.order: list[str] = []
        self.hint = 0
        self.routes: dict[str, Callable[[object], object]] = {
            Route.ALERT: lambda data: self._take(decode(AlertRequest, data), self.alerts),
            Route.ENROLMENT: lambda data: self._take(decode(EnrolmentRequest, data), self.enrolments),
            Route.BREACHES: lambda data: self._take_breaches(decode(BreachRequest, data)),
            Route.CAPTURE: lambda data: self._take(decode(CaptureRequest, data), self.captures),
        }

    def _take(self, message: Any, kept: list[Any]) -> Taken:
        kept.append(message)
        self.order.append(type(message).__name__)
        frames = (message.frame,) if isinstance(message, CaptureRequest) else message.frames
        notes = [frame for frame in frames if frame is not None]
        self.announced |= {note.sha256: note for note in notes}
        return Taken(tuple(note.sha256 for note in notes if note.sha256 not in self.pictures), self.hint)

    def _take_breaches(self, message: BreachRequest) -> Taken:
        known = {(note.ref, note.ended) for note in self.breaches}
        self.breaches += [note for note in message.notes if (note.ref, note.ended) not in known]
        if message.release is not None and message.release not in self.releases:
            self.releases.append(message.release)
        return Taken(hint=self.hint)

    def take_body(self, path: str, query: dict[str, str], body: bytes) -> object:
        if path == Route.LOOK:
            self.looks[query["ref"]] = body
            return Taken()
        note = self.announced.get(query["sha256"])
        if note is None or hashlib.sha256(body).hexdigest() != note.sha256 or len(body) != note.size:
            return p.ErrorReply("frame_not_announced", {})
        self.pictures[note.sha256] = body
        self.order.append("picture")
        return Taken(hint=self.hint)
