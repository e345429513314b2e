"""Pictures and the news that name them, for the tests of evidence at a seat."""

import hashlib

from client.evidence import Picture, Worth
from exam_rooms.watch_messages import AlertRequest, CaptureRequest, EnrolmentRequest, FrameNote

KEY = bytes(range(32))


def picture(text: str, worth: Worth = Worth.ALERT, size: int = 100) -> Picture:
    data = b"\xff\xd8\xff" + text.encode().ljust(size, b".")
    return Picture(hashlib.sha256(data).hexdigest(), data, worth)


def note(made: Picture) -> FrameNote:
    return FrameNote(made.sha256, len(made.data), 5)


def alert(*pictures: Picture, episode: str = "e1", attempt: int = 7) -> AlertRequest:
    return AlertRequest(attempt, episode, "NO_FACE", "b", 1, 2, frames=tuple(map(note, pictures)))


def capture(made: Picture | None, number: int = 0) -> CaptureRequest:
    return CaptureRequest(7, number, "b", 1, frame=note(made) if made else None)


def enrolment(*pictures: Picture) -> EnrolmentRequest:
    return EnrolmentRequest(7, "dGVtcGxhdGU=", "match", 3, 0.9, "b", 1, frames=tuple(map(note, pictures)))
