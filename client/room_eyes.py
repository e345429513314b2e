"""What a room camera's agent sees in one picture: heads, and whether it could see at all. No identities."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from client.camera_picture import NoPicture, encode_jpeg
from exam_rooms.room_camera_messages import HeadNote, WantedPicture
from proctoring import faces
from proctoring.frames import Frame, FrameFault, decode_frame, quality
from proctoring.models import ModelUnavailable, card, open_net, places
from proctoring.observe import one_core
from proctoring.quality import Verdict

DETECT = "detect"
LONG_SIDE = 1280
"""Pixels of the picture's long side while looking: a face of 12 pixels is found then."""
SCORE = 0.5
"""From which a head counts: far rows have small faces, and a false one is somebody on the way at most."""
HEADS_MOST = 150
PICTURE_WIDTH = 1280


@dataclass(frozen=True, slots=True)
class RoomGlance:
    """One look. `blind`: why nobody could be seen; `cost`: seconds of processor time."""

    heads: tuple[HeadNote, ...] = ()
    blind: str = ""
    cost: float = 0.0


class RoomEyes:
    """The detector of one thread. Without a usable model every look is blind, and says so."""

    def __init__(self, models: str = "") -> None:
        """`models`: folder of installed networks, "" for the usual one."""
        one_core()
        self._folder = places(Path(models) if models else None)
        self.models: Mapping[str, str] = {}
        self.unavailable: tuple[str, ...] = ()
        try:
            self._net = open_net(DETECT, self._folder)
            usual = card(DETECT, self._folder)
            score = min(SCORE, usual.thresholds["score"])
            self._card = replace(usual, thresholds={**usual.thresholds, "score": score})
            self.models = {DETECT: f"{self._card.name} {self._card.version}"}
        except ModelUnavailable:
            self.unavailable = (DETECT,)

    def look(self, frame: Frame) -> RoomGlance:
        """The heads of a picture. In the dark some are found and some are not: nobody is missed there, nor
        in any other poor picture in which nobody is found.
        """
        began = time.thread_time()
        if self.unavailable:
            return RoomGlance(blind="unavailable")
        found = faces.find(self._net, self._card, frame, LONG_SIDE)
        verdict = quality(frame).verdict
        if verdict in (Verdict.DARK, Verdict.COVERED) or (not found and verdict is not Verdict.GOOD):
            return RoomGlance(blind=str(verdict), cost=time.thread_time() - began)
        height, width = frame.shape[:2]
        heads = tuple(
            HeadNote(
                round(_share((left + wide / 2) / width), 4),
                round(_share((top + high / 2) / height), 4),
                round(_share(wide / width), 4),
                round(_share(face.score), 3),
            )
            for face in found[:HEADS_MOST]
            for left, top, wide, high in (face.box,)
        )
        return RoomGlance(heads, cost=time.thread_time() - began)


def whole(frame: Frame) -> bytes:
    """A picture as it is kept for a while. Raises `NoPicture`."""
    return encode_jpeg(frame, PICTURE_WIDTH)


def part(data: bytes, wanted: WantedPicture) -> bytes:
    """The part of a kept picture that is asked for, b"" when nothing is left of it."""
    try:
        frame = decode_frame(data)
        height, width = frame.shape[:2]
        left, top = int(wanted.left * width), int(wanted.top * height)
        right, bottom = int((wanted.left + wanted.width) * width), int((wanted.top + wanted.height) * height)
        cut = frame[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
        return encode_jpeg(cut.copy()) if cut.size else b""
    except (FrameFault, NoPicture):
        return b""


def _share(value: float) -> float:
    return min(1.0, max(0.0, float(value)))
