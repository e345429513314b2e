"""What the camera has to tell the server, kept sealed on disk until it is there: news first, then pictures.

A piece of news is a message of the protocol; it names its pictures by SHA-256, and a picture leaves once
every piece of news that names it was taken. Pictures are bounded: when there are too many, those of random
captures go first, then those from before and after an alert. News is small and is never dropped for room.
"""

import json
import logging
import math
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from client.device import write_atomically
from exam_rooms.kiosk_messages import BreachRequest
from exam_rooms.protocol import Route
from exam_rooms.watch_messages import AlertRequest, CaptureRequest, EnrolmentRequest, LookLog
from exam_rooms.wire import canonical, decode, encode
from itembank.sealing import SealBroken, derive, open_sealed, seal

LOG = logging.getLogger("examhall.kiosk")
LIMIT = 48 * 1024 * 1024
"""Bytes of pictures on disk: several sittings in which a seat does nothing but raise alerts."""
PATIENCE = 8
"""Failures in a row after which something lets the others go first."""
Message = EnrolmentRequest | AlertRequest | CaptureRequest | BreachRequest | LookLog
Told = TypeVar("Told", bound=Message)
_KINDS: dict[str, type[Message]] = {
    Route.BREACHES: BreachRequest,
    Route.ALERT: AlertRequest,
    Route.ENROLMENT: EnrolmentRequest,
    Route.CAPTURE: CaptureRequest,
    Route.LOOKS: LookLog,
}
ROUTES = tuple(_KINDS)
_NEWS = re.compile(r"(\d{12})\.news")
_PICTURE = re.compile(r"(\d{12})-([a-z]+)-([0-9a-f]{64})(?:-(\d+))?\.pic")


class Worth(StrEnum):
    """What a picture is for. When there is no room the first of these goes first; the last is sent first."""

    CAPTURE = "capture"
    SIDE = "side"  # before or after an alert
    ENROLMENT = "enrolment"
    ALERT = "alert"  # what an alert is about


_ORDER = {str(worth): place for place, worth in enumerate(Worth)}


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG to be sent, named by the SHA-256 (hex) of its bytes."""

    sha256: str
    data: bytes
    worth: Worth


@dataclass(slots=True)
class News:
    """A message that waits: `number` is its place in the queue, `frames` the pictures that it announces."""

    number: int
    route: str
    message: Message
    frames: tuple[str, ...]
    failures: int = 0

    @property
    def name(self) -> str:
        """Of its file."""
        return f"{self.number:012d}.news"


@dataclass(slots=True)
class _Stored:
    """A picture on disk; `size` is that of its file, `attempt` 0 when nobody said whom it shows."""

    number: int
    worth: str
    sha256: str
    size: int
    attempt: int = 0
    failures: int = 0

    @property
    def name(self) -> str:
        whose = f"-{self.attempt}" if self.attempt else ""
        return f"{self.number:012d}-{self.worth}-{self.sha256}{whose}.pic"


class Lost(OSError):
    """A picture that cannot be read back; it is not offered again."""


class Evidence:
    """The queue. Every method may be called from any thread; only `put` and `load` wait for the disk.

    `dropped` counts what had no room or could not be read, `refused` what the server does not take.
    """

    def __init__(self, folder: Path, device_key: bytes, limit: int = LIMIT) -> None:
        """Reads what an earlier process left; of a disk that gives nothing or takes nothing, what it can."""
        self._folder = folder
        self._key = derive(device_key, "evidence")
        self._limit = limit
        self._lock = threading.Lock()
        self._news: dict[int, News] = {}
        self._pictures: dict[str, _Stored] = {}
        self._coming: tuple[str, ...] = ()
        self._last = 0
        self._silent: int | None = None
        self.dropped = 0
        self.refused = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._read_back()
        except OSError as fault:
            LOG.error("evidence: %s", fault.strerror)

    def _read_back(self) -> None:
        for path in sorted(self._folder.iterdir()):
            if path.suffix == ".part":
                _take_away(path)  # a crash while it was written: nobody was told of it
            elif match := _NEWS.fullmatch(path.name):
                self._read_news(path, int(match[1]))
            elif (match := _PICTURE.fullmatch(path.name)) and match[2] in _ORDER:
                size, attempt = path.stat().st_size, int(match[4] or 0)
                stored = _Stored(int(match[1]), match[2], match[3], size, attempt)
                self._pictures[stored.sha256] = stored
                self._last = max(self._last, stored.number)

    def _read_news(self, path: Path, number: int) -> None:
        self._last = max(self._last, number)
        try:
            kept = json.loads(self._open(path))
            message = decode(_KINDS[kept["route"]], kept["message"])
            self._news[number] = News(number, str(kept["route"]), message, announced(message))
        except (SealBroken, ValueError, KeyError, TypeError, OSError) as fault:
            self.dropped += 1
            LOG.warning("evidence: news unreadable: %s", type(fault).__name__)
            path.unlink(missing_ok=True)

    # What watcher and warden bring

    def put(self, message: Message, pictures: Sequence[Picture] = ()) -> None:
        """Queues a message and the pictures it announces; on disk when this returns.

        Messages with pictures all come from one thread.
        A full disk costs pictures, not news: that is then kept in memory alone. What a camera tells of a
        candidate who does not agree is not taken (`silence`).
        """
        if self._is_silent(message):
            return
        route = next(route for route, kind in _KINDS.items() if isinstance(message, kind))
        frames = announced(message)
        with self._lock:
            self._coming += frames
        for picture in pictures:
            self._keep(picture, message.attempt)
        news = News(self._next_number(), route, message, frames)
        self._write(news.name, canonical({"route": route, "message": encode(message)}))
        with self._lock:
            self._news[news.number] = news
            self._coming = () if frames else self._coming
            if self._is_silent(message):  # taken back while it was written
                self._hush()

    def silence(self, attempt: int | None) -> None:
        """The candidate of this attempt does not agree to be looked at (any more): whatever a camera told of
        them and has not left is gone, and nothing more is taken. None: nobody here has refused.
        """
        with self._lock:
            self._silent = attempt
            if attempt is not None:
                self._hush()

    def drop_aged(self, kept_since: Callable[[int], float]) -> int:
        """Drops what a camera told of an attempt and was written before `kept_since` of it (seconds of the
        epoch); how many files. Raises OSError.
        """
        with self._lock:
            told = [news for news in self._news.values() if not isinstance(news.message, BreachRequest)]
            aged = [news for news in told if self._written(news.name) < kept_since(news.message.attempt)]
            for news in aged:
                self._forget(news.number, keep=set())
            pictures = [
                one for one in self._pictures.values() if self._written(one.name) < kept_since(one.attempt)
            ]
            for one in pictures:
                self._remove(one.sha256)
        return len(aged) + len(pictures)

    def _written(self, name: str) -> float:
        """When a file was written; what is in memory alone is of now."""
        try:
            return (self._folder / name).stat().st_mtime
        except FileNotFoundError:
            return math.inf

    def _is_silent(self, message: Message) -> bool:
        return message.attempt == self._silent and not isinstance(message, BreachRequest)

    def _hush(self) -> None:
        for number in [number for number, news in self._news.items() if self._is_silent(news.message)]:
            self._forget(number, keep=set())
        for sha256 in [one.sha256 for one in self._pictures.values() if one.attempt == self._silent]:
            self._remove(sha256)

    def _keep(self, picture: Picture, attempt: int) -> None:
        with self._lock:
            if picture.sha256 in self._pictures:
                return
        number, size = self._next_number(), len(picture.data)
        stored = _Stored(number, str(picture.worth), picture.sha256, size, attempt)
        if not self._write(stored.name, picture.data):
            self.dropped += 1
            return
        with self._lock:
            self._pictures[stored.sha256] = stored
            self._make_room()

    def _make_room(self) -> None:
        size = sum(stored.size for stored in self._pictures.values())
        for stored in sorted(self._pictures.values(), key=lambda one: (_ORDER[one.worth], one.number)):
            if size <= self._limit:
                break
            size -= stored.size
            self.dropped += 1
            self._remove(stored.sha256)

    def _next_number(self) -> int:
        with self._lock:
            self._last += 1
            return self._last

    def _write(self, name: str, data: bytes) -> bool:
        try:
            write_atomically(self._folder / name, seal(self._key, data, name.encode()))
        except OSError as fault:
            LOG.warning("evidence not kept: %s", fault.strerror)
            return False
        return True

    def _open(self, path: Path) -> bytes:
        return open_sealed(self._key, path.read_bytes(), path.name.encode())

    def pending(self, kind: type[Message], attempt: int) -> bool:
        """Whether news of a kind about an attempt still waits for the server's word."""
        return bool(self.about(kind, attempt))

    def about(self, kind: type[Told], attempt: int) -> tuple[Told, ...]:
        """The messages of a kind about an attempt that wait for the server's word, the oldest first."""
        with self._lock:
            waiting = [news.message for _, news in sorted(self._news.items())]
        return tuple(one for one in waiting if isinstance(one, kind) and one.attempt == attempt)

    def waiting(self) -> tuple[int, int]:
        """How many pieces of news and how many pictures are not at the server."""
        with self._lock:
            return len(self._news), len(self._pictures)

    # What the link takes

    def next_news(self, route: str) -> News | None:
        """The piece of news of a route to send next."""
        with self._lock:
            found = [news for news in self._news.values() if news.route == route]
        return min(found, key=lambda news: (news.failures // PATIENCE, news.number), default=None)

    def news_taken(self, number: int, wanted: Iterable[str]) -> None:
        """The server has a piece of news and lacks these of its pictures; it does not need the others."""
        with self._lock:
            self._forget(number, keep=set(wanted))

    def refuse(self, ref: object) -> None:
        """The server does not take a piece of news (number) or a picture (SHA-256): it goes.

        The pictures of such news go with it.
        """
        with self._lock:
            self.refused += 1
            if isinstance(ref, int):
                self._forget(ref, keep=set())
            else:
                self._remove(str(ref))

    def failed(self, ref: object) -> None:
        """The server stumbled over a piece of news or a picture: it stays for another try."""
        with self._lock:
            stumbled = self._news.get(ref) if isinstance(ref, int) else self._pictures.get(str(ref))
            if stumbled is not None:
                stumbled.failures += 1

    def _forget(self, number: int, keep: set[str]) -> None:
        news = self._news.pop(number, None)
        if news is None:
            return
        _take_away(self._folder / news.name)
        named = self._named()
        for sha256 in news.frames:
            if sha256 not in keep and sha256 not in named:
                self._remove(sha256)

    def _named(self) -> set[str]:
        """Pictures that a piece of news names which the server has not taken yet."""
        return {sha256 for news in self._news.values() for sha256 in news.frames} | set(self._coming)

    def next_picture(self) -> str | None:
        """The picture (SHA-256) to send next: one that the server knows of, alerts first."""
        with self._lock:
            named = self._named()
            free = [stored for stored in self._pictures.values() if stored.sha256 not in named]
            best = min(free, key=_urgency, default=None)
        return best.sha256 if best else None

    def load(self, sha256: str) -> bytes:
        """A picture's bytes. Raises `Lost`; the picture is given up then."""
        stored = self._pictures.get(sha256)
        try:
            if stored is None:
                raise Lost("dropped meanwhile")
            return self._open(self._folder / stored.name)
        except (SealBroken, OSError) as fault:
            with self._lock:
                self.dropped += 1
                self._remove(sha256)
            raise Lost("unreadable") from fault

    def picture_taken(self, sha256: str) -> None:
        """The server has a picture. One that is news again meanwhile stays: it may be wanted once more."""
        with self._lock:
            if sha256 not in self._named():
                self._remove(sha256)

    def _remove(self, sha256: str) -> None:
        stored = self._pictures.pop(sha256, None)
        if stored is not None:
            _take_away(self._folder / stored.name)


def announced(message: Message) -> tuple[str, ...]:
    """The pictures that a message names."""
    if isinstance(message, BreachRequest | LookLog):
        return ()
    if isinstance(message, CaptureRequest):
        return (message.frame.sha256,) if message.frame else ()
    return tuple(frame.sha256 for frame in message.frames)


def _take_away(path: Path) -> None:
    """A file that a read-only disk keeps is offered again after a restart; the server knows it by then."""
    try:
        path.unlink(missing_ok=True)
    except OSError as fault:
        LOG.warning("evidence stays on the disk: %s", fault.strerror)


def _urgency(stored: _Stored) -> tuple[int, int, int]:
    return stored.failures // PATIENCE, -_ORDER[stored.worth], stored.number
