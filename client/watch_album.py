"""Pictures of one attempt: the last ones at hand, and what may still be sent of them."""

import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from client.camera import Shot, encode_jpeg
from client.evidence import Picture, Worth
from exam_rooms.watch_messages import FrameNote, Moment
from exam_rooms.watching import WatchRules

MOST_BYTES = 6 * 1024 * 1024
MARGIN = 5
"""Pictures kept beyond the longest time that a cause may hold before it is told."""


@dataclass(frozen=True, slots=True)
class Print:
    """A picture as it would be sent: JPEG bytes and when it was taken (boot seconds)."""

    boot: float
    data: bytes


class Album:
    """The last pictures in the order in which they were taken, bounded in number and bytes."""

    def __init__(self) -> None:
        self._prints: deque[Print] = deque()
        self._bytes = 0

    def add(self, shot: Shot, rules: WatchRules) -> Print:
        """Takes a picture in. Raises `client.camera.NoPicture`."""
        made = Print(shot.boot, encode_jpeg(shot.frame))
        self._prints.append(made)
        self._bytes += len(made.data)
        longest = max((rule.hold_seconds for rule in rules.episodes), default=0.0)
        most = MARGIN + int(longest / max(rules.sample_seconds, 0.2))
        while len(self._prints) > 1 and (len(self._prints) > most or self._bytes > MOST_BYTES):
            self._bytes -= len(self._prints.popleft().data)
        return made

    def before(self, moment: float) -> Print | None:
        """The newest picture from before a moment (boot seconds)."""
        return next((made for made in reversed(self._prints) if made.boot < moment), None)


@dataclass(frozen=True, slots=True)
class Wish:
    """A picture that a message would like to carry; an absent one is passed over."""

    made: Print | None
    worth: Worth
    moment: Moment | None = None


def chosen(wishes: Sequence[Wish], most: int) -> tuple[tuple[FrameNote, ...], tuple[Picture, ...]]:
    """The first `most` of the wishes that can be met: how they are announced, and what is sent."""
    notes: list[FrameNote] = []
    pictures: list[Picture] = []
    for wish in wishes:
        if wish.made is None or len(notes) >= most:
            continue
        sha256 = hashlib.sha256(wish.made.data).hexdigest()
        moment = str(wish.moment) if wish.moment else ""
        notes.append(FrameNote(sha256, len(wish.made.data), int(wish.made.boot * 1e9), moment))
        pictures.append(Picture(sha256, wish.made.data, wish.worth))
    return tuple(notes), tuple(pictures)
