"""What the candidate's page tells of itself: it is not in front any more, or there are two of it."""

import select
import socket
from collections.abc import Mapping
from typing import Protocol

from client.seat import PageRefused
from exam_rooms.incidents import IncidentKind

_KINDS = {"focus_lost": IncidentKind.FOCUS_LOST, "second_page": IncidentKind.SECOND_PAGE}


class Noticing(Protocol):
    """Who is told (`client.warden.Warden`)."""

    def noticed(self, kind: IncidentKind, detail: str = "", *, ended: bool = False) -> None: ...


class PageSigns:
    """The act `/api/sign`, and pages that ask beside the one in charge."""

    def __init__(self, warden: Noticing) -> None:
        self._warden = warden

    def take_act(self, body: Mapping[str, object]) -> None:
        """`kind`: "focus_lost" or "second_page"; `ended`: it is in front again. Raises `PageRefused`."""
        kind, ended = _KINDS.get(str(body.get("kind"))), body.get("ended", False)
        if kind is None or not isinstance(ended, bool):
            raise PageRefused("bad_request", 400, {"field": "kind" if kind is None else "ended"})
        self._warden.noticed(kind, ended=ended)

    def second_page(self) -> None:
        """Another page asked for the view while one was there."""
        self._warden.noticed(IncidentKind.SECOND_PAGE)


class Viewers:
    """Connections on which a page waits for the view now. A page has one; a closed one counts no more.

    Used under the board's lock.
    """

    def __init__(self) -> None:
        self._waiting: set[socket.socket] = set()

    def arrived(self, connection: socket.socket) -> bool:
        """A page asks for the view; true when another one is waiting."""
        others = any(_is_open(one) for one in self._waiting if one is not connection)
        self._waiting.add(connection)
        return others

    def left(self, connection: socket.socket) -> None:
        """Its view was given, or it went away."""
        self._waiting.discard(connection)

    def any(self) -> bool:
        """Whether a page waits now."""
        return any(_is_open(one) for one in self._waiting)


def _is_open(connection: socket.socket) -> bool:
    """Whether the other side still holds a connection on which it has nothing to say.

    By what every system has: a closed one can be read and gives nothing. Its own thread reads nothing
    meanwhile, it waits for the view.
    """
    try:
        told, _, _ = select.select([connection], [], [], 0)
        return not told or connection.recv(1, socket.MSG_PEEK) != b""
    except (OSError, ValueError):
        return False
