"""One picture on demand: an invigilator asks, the seat's agent sends, both forget. In memory only.

The live process has one event loop, so no lock is needed. Of several processes one is asked, another is sent
the picture, and a third may be asked for it: all of them know the question and the answer.
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

    def __init__(
        self,
        tell: Callable[[LookWanted], None],
        pass_on: Callable[[int, str, bytes], None] = lambda _workstation, _ref, _data: None,
    ) -> None:
        self._tell = tell
        self._pass_on = pass_on
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

    def wanted(self, fact: LookWanted, now: datetime) -> None:
        """Somebody asked, here or at another process."""
        self._looks.setdefault(fact.ref, _Look(fact.workstation, now))

    def came(self, workstation: int, ref: str, data: bytes, now: datetime) -> None:
        """Another process was sent the answer."""
        self._looks[ref] = _Look(workstation, now, data)

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
        self._pass_on(workstation, ref, data)

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
