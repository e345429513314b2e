"""One picture on demand: an invigilator asks, the seat's agent sends, both forget. In memory only.

The live process has one event loop, so no lock is needed.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from server.errors import NotFound, Refused
from server.events import LookWanted
from server.services.evidence import JPEG

LIFE = timedelta(seconds=20)
LOOK_MOST = 128 << 10
"""Bytes of the largest picture that an agent may send for a look."""


@dataclass(slots=True)
class _Look:
    workstation: int
    asked_at: datetime
    data: bytes | None = None  # None: nothing came yet; b"": the camera gives no picture


class Looks:
    """What was asked of which camera in the last seconds; `tell` passes the question on to the agent."""

    def __init__(self, tell: Callable[[LookWanted], None]) -> None:
        self._tell = tell
        self._looks: dict[str, _Look] = {}

    def ask(self, workstation: int, now: datetime) -> str:
        """Asks a workstation for a picture; the ref. While one question is open no second is asked.

        Whoever lets a person ask puts that on the record first.
        """
        self._forget(now)
        for ref, look in self._looks.items():
            if look.workstation == workstation and look.data is None:
                return ref
        ref = secrets.token_urlsafe(12)
        self._looks[ref] = _Look(workstation, now)
        self._tell(LookWanted(workstation, ref))
        return ref

    def put(self, workstation: int, ref: str, data: bytes, now: datetime) -> None:
        """The agent's answer: a small JPEG, or nothing when its camera gives no picture.

        Sent again the newer one counts. Refused when nobody asked this workstation, or no longer waits, and
        for anything but a small JPEG.
        """
        self._forget(now)
        look = self._looks.get(ref)
        if look is None or look.workstation != workstation:
            raise Refused("look_not_wanted", 404)
        if len(data) > LOOK_MOST:
            raise Refused("frame_too_large", 413, limit_kb=LOOK_MOST >> 10)
        if data and not data.startswith(JPEG):
            raise Refused("frame_not_jpeg", 422)
        look.data = data

    def get(self, ref: str, now: datetime) -> bytes | None:
        """The picture; b"" when the camera gives none; None while the seat has not answered.

        Raises `NotFound` when nobody asked, or the answer has been forgotten.
        """
        self._forget(now)
        if ref not in self._looks:
            raise NotFound("picture")
        return self._looks[ref].data

    def _forget(self, now: datetime) -> None:
        for ref in [ref for ref, look in self._looks.items() if now - look.asked_at > LIFE]:
            del self._looks[ref]
