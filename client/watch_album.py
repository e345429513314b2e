"""Pictures of one attempt: the last ones at hand, and what may still be sent of them."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from client.camera import NoPicture, Shot, encode_jpeg
from client.evidence import Picture, Worth
from exam_rooms.watch_messages import FrameNote, Moment


class Print:
    """A picture as it would be sent, and when it was taken (boot seconds). It is encoded when somebody wants
    it: of hundreds of looks one is ever sent.
    """

    def __init__(self, boot: float, data: bytes = b"", shot: Shot | None = None) -> None:
        self.boot = boot
        self._data = data
        self._shot = shot

    @property
    def data(self) -> bytes:
        """JPEG bytes. Raises `client.camera.NoPicture`."""
        if self._shot is not None:
            self._data, self._shot = encode_jpeg(self._shot.frame), None
        return self._data


class Album:
    """The newest picture, and those from just before something began that is not told yet."""

    def __init__(self) -> None:
        self._prints: list[Print] = []

    def __len__(self) -> int:
        return len(self._prints)

    def add(self, shot: Shot) -> Print:
        """Takes a picture in."""
        made = Print(round(shot.boot, 3), shot=shot)
        self._prints.append(made)
        return made

    def keep(self, moments: Iterable[float]) -> None:
        """Lets go of all that is neither the newest nor the newest from before one of the moments."""
        wanted = {id(made) for moment in moments if (made := self.before(moment)) is not None}
        self._prints = [made for made in self._prints[:-1] if id(made) in wanted] + self._prints[-1:]

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
        data = _data(wish.made) if len(notes) < most else b""
        if wish.made is None or not data:
            continue
        sha256 = hashlib.sha256(data).hexdigest()
        moment = str(wish.moment) if wish.moment else ""
        notes.append(FrameNote(sha256, len(data), int(wish.made.boot * 1e9), moment))
        pictures.append(Picture(sha256, data, wish.worth))
    return tuple(notes), tuple(pictures)


def _data(made: Print | None) -> bytes:
    """Its bytes; empty for a picture that cannot be encoded: the news leaves all the same."""
    try:
        return b"" if made is None else made.data
    except NoPicture:
        return b""
