"""Asks the servers of an installation who they are: one that takes over is found, one that was replaced told.

It has connections of its own, so that no question waits behind an answer. `client.servers` decides.
"""

import http.client
import json
import ssl
import threading
from collections.abc import Callable

from client.board import Board
from client.caller import Caller
from client.endpoint import parse_endpoint
from client.exchange import Ask, Event, Request
from client.link import Link
from client.servers import Question
from exam_rooms.protocol import EPOCH_HEADER, VERSION, VERSION_HEADER, Route
from exam_rooms.standby_messages import EpochReply
from exam_rooms.wire import decode

PATIENCE = 3.0
"""Seconds that a question may take."""
LONGEST_WAIT = 1.0


class Scout:
    """A driver of its own beside the link's lanes. `went` is told, under the lock, of a change of server."""

    def __init__(
        self,
        link: Link,
        board: Board,
        context: ssl.SSLContext | None,
        went: Callable[[list[Event]], None],
    ) -> None:
        self._link = link
        self._board = board
        self._context = context
        self._went = went
        self._callers: dict[str, Caller] = {}
        self._token = ""

    def run(self, stopping: threading.Event) -> None:
        """Asks until `stopping` is set."""
        try:
            while not stopping.is_set():
                stopping.wait(self.look())
        finally:
            for caller in self._callers.values():
                caller.close()
            self._callers.clear()

    def look(self) -> float:
        """Asks whoever is to be asked now; seconds until the next look."""
        with self._board.lock:
            now = self._board.boot()
            question = self._link.servers.question(now)
            if not isinstance(question, Question):
                return max(0.05, min(question - now, LONGEST_WAIT))
            request = self._request(question, now)
        word = self._asked(question.address, request)
        if word is None:
            return 0.05
        with self._board.lock:
            now, before = self._board.boot(), self._link.servers.reign
            if self._link.servers.told(question.address, word, now):
                higher = before.number > 0 and self._link.servers.reign > before
                self._went(self._link.moved(now, anew=higher))
        return 0.05

    def _request(self, question: Question, now: float) -> Request:
        """With our token, the last one while the link fetches another: strangers are not believed."""
        headers = {VERSION_HEADER: str(VERSION), EPOCH_HEADER: str(self._link.servers.reign)}
        self._token = self._link.token or self._token
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        method, path = ("POST", Route.PRIMARY_GONE) if question.gone else ("GET", Route.EPOCH)
        return Request(Ask.EPOCH, method, path, headers, now, timeout=PATIENCE)

    def _asked(self, address: str, request: Request) -> EpochReply | None:
        caller = self._callers.get(address)
        if caller is None:
            caller = self._callers[address] = Caller(parse_endpoint(address), self._context, PATIENCE)
        return asked(caller, request)


def asked(caller: Caller, request: Request) -> EpochReply | None:
    """What a server says of itself; None without a good answer."""
    try:
        reply = caller.call(request)
        return decode(EpochReply, json.loads(reply.body)) if reply.status < 300 else None
    except (OSError, http.client.HTTPException, ValueError):
        caller.close()
        return None
