"""Whether this server can do its work now: what a proxy asks before it sends anybody here.

A part that fails is named by a code; nobody learns more from outside.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from server.db.answers import AnswerStore
from server.db.base import Database
from server.epoch import Epoch

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
