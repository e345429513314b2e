"""Whether this server can do its work now: what a proxy asks before it sends anybody here.

A part that fails is named by a code; nobody learns more from outside. What is known of the standby is for
people who may see the server's health: a server without one works all the same, so it is never what is wrong.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from server.db.answers import AnswerStore
from server.db.base import Database
from server.epoch import Epoch
from server.services.shipping import Shipping

KEPT_SECONDS = 1.0
"""For so long an answer holds: a thousand askers cost one look."""


@dataclass(frozen=True, slots=True)
class Ready:
    """`wrong`: codes of what does not work; none when everything does."""

    wrong: tuple[str, ...]

    @property
    def well(self) -> bool:
        """Whether requests may come."""
        return not self.wrong


@dataclass(frozen=True, slots=True)
class StandbyTold:
    """What is known of the standby. `state`: none | protected | unprotected | fenced (it has taken over).

    `behind_seconds` is None when nobody knows, `since` when the state began; `trouble`: what keeps this
    server from shipping, "" for nothing.
    """

    state: str
    peer: str = ""
    behind_seconds: float | None = None
    since: datetime | None = None
    trouble: str = ""

    @property
    def paired(self) -> bool:
        """Whether there is one."""
        return self.state in {"protected", "unprotected"}

    def plain(self) -> dict[str, object]:
        """The same for JSON."""
        return {**asdict(self), "paired": self.paired, "since": self.since and self.since.isoformat()}


def standby_told(epoch: Epoch, shipping: Shipping) -> StandbyTold:
    """What the administrator is told of the standby now."""
    if epoch.fenced:
        return StandbyTold("fenced")
    seen = shipping.protection()
    lag = None if seen.lag_seconds is None else round(seen.lag_seconds, 1)
    return StandbyTold(
        seen.state, seen.peer, lag, seen.since, shipping.trouble if seen.state != "none" else ""
    )


class Readiness:
    """Looks at the parts, at most once a second. `clock`: monotonic seconds."""

    def __init__(
        self, db: Database, answers: AnswerStore, epoch: Epoch, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._db = db
        self._store = answers
        self._epoch = epoch
        self._clock = clock
        self._seen: Ready | None = None
        self._until = 0.0

    def look(self) -> Ready:
        """What is wrong now, or was within the last second."""
        moment = self._clock()
        if self._seen is None or moment >= self._until:
            self._seen = Ready(tuple(self._wrong()))
            self._until = self._clock() + KEPT_SECONDS
        return self._seen

    def _wrong(self) -> list[str]:
        checks = {"database": self._database, "answers": self._answers}
        wrong = [code for code, works in checks.items() if not works()]
        return [*wrong, "fenced"] if self._epoch.fenced else wrong

    def _database(self) -> bool:
        try:
            with self._db.read() as session:
                session.execute(text("SELECT 1"))
        except SQLAlchemyError:
            return False
        return True

    def _answers(self) -> bool:
        try:
            self._store.newest([])
        except SQLAlchemyError:
            return False
        return True
