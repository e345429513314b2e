"""What a standby answers while it follows: who it is, that it follows, and whose reports it counts.

Nothing is acknowledged here: every other route says `standby` (503). A WSGI application without Flask.
"""

import json
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from exam_rooms.protocol import EPOCH_HEADER, Route
from exam_rooms.standby_messages import FIRST, EpochReply, Reign, ServerState, reign_of
from exam_rooms.wire import encode
from server.cli.standby.copy import Copy, Knowledge
from server.epoch import holds
from server.errors import Refused, fill, sentence
from server.jobs.following import Following
from server.rules.shipping import PROTECTED_SECONDS
from server.rules.takeover import Votes
from server.services.agents import AgentDoor
from server.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_EPOCH_KEY = "HTTP_" + EPOCH_HEADER.upper().replace("-", "_")
_JSON = ("Content-Type", "application/json")


class Lookout:
    """The standby's ears. `look` is to be called every few seconds; `carried`: the seats have decided."""

    def __init__(
        self, settings: Settings, copy: Copy, status: Callable[[], Following], now: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._copy = copy
        self._status = status
        self._now = now
        self._door: AgentDoor | None = None
        self._known: Knowledge | None = None
        self.votes = Votes()
        self.heard = 0
        """The highest epoch that a paired workstation told of, with the proof of the server it met."""

    def look(self) -> bool:
        """Looks at the copy again; false while there is nothing in it."""
        found = self._copy.look(self._now())
        if found is None:
            return self._known is not None
        if self._known is None or found.token_key != self._known.token_key:
            self._door = AgentDoor(self._copy, found.token_key)
        elif self._door is not None:
            self._door.forget()
        self._known = found
        return True

    @property
    def epoch(self) -> int:
        """The epoch of the server that is followed."""
        return self._reign.number

    @property
    def _reign(self) -> Reign:
        return self._known.reign if self._known else FIRST

    def carried(self) -> bool:
        """Whether half of the seats of the running rooms report their server gone."""
        return self._known is not None and self.votes.carried(self._known.electorate, time.monotonic())

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """One request."""
        path = environ["PATH_INFO"]
        if path in (Route.EPOCH, Route.PRIMARY_GONE):
            self._listen(environ, gone=path == Route.PRIMARY_GONE and environ["REQUEST_METHOD"] == "POST")
            of, peers = self._reign, self._settings.peers
            word = EpochReply(of.number, ServerState.STANDBY, peers, of.since, of.proof)
            return self._say(start_response, "200 OK", encode(word))
        if path == "/health":
            return self._say(start_response, "200 OK", self.health())
        return self._say(start_response, "503 Service Unavailable", self._refusal())

    def health(self) -> dict[str, object]:
        """How far behind the server it is (seconds; None before its first word), and what is wrong."""
        status = self._status()
        behind = status.behind_now(time.monotonic())
        told: dict[str, object] = {"status": "standby", "epoch": self.epoch, "behind_seconds": behind}
        ready = behind is not None and behind <= PROTECTED_SECONDS and not status.fault
        return {
            **told,
            "caught_up": ready,
            "fault": status.fault,
            "pictures": status.pictures,
            "seats": self._counted(),
        }

    def _counted(self) -> dict[str, int]:
        if self._known is None:
            return {"paired": 0, "report_gone": 0}
        seats = self._known.electorate
        return {"paired": len(seats), "report_gone": self.votes.count(seats, time.monotonic())}

    def _listen(self, environ: "WSGIEnvironment", *, gone: bool) -> None:
        """What the paired workstation tells whose token comes with it: an epoch, and that its server is gone.

        Nobody else is believed, and no epoch without proof: one made up would use up the numbers of journals.
        """
        scheme, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if self._door is None or self._known is None or scheme != "Bearer":
            return
        try:
            agent = self._door.admit(token, self._now())
        except Refused:
            return
        told = reign_of(str(environ.get(_EPOCH_KEY, "")))
        if told.number > self.heard and holds(self._known.token_key, told):
            self.heard = told.number
        if gone:
            self.votes.gone(agent.workstation, time.monotonic())

    def _refusal(self) -> dict[str, object]:
        return {"code": "standby", "params": {}, "message": fill(sentence("standby"), {})}

    def _say(self, start_response: "StartResponse", status: str, body: object) -> Iterable[bytes]:
        data = json.dumps(body).encode()
        headers = [_JSON, ("Content-Length", str(len(data))), (EPOCH_HEADER, str(self._reign))]
        start_response(status, [*headers, ("Cache-Control", "no-store")])
        return (data,)
