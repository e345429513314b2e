"""What many have to put on record at the same moment goes there in one transaction.

SQLite has one writer, and each transaction has to win the interpreter from a busy event loop many times. When
three thousand seats come back at once and each writes for itself, all wait until their agents give up.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from sqlalchemy.exc import IntegrityError

T = TypeVar("T")
R = TypeVar("R")
MOST = 100
"""Things in one transaction: other writers shall not wait long."""


@dataclass(slots=True, eq=False)
class _Entry(Generic[T, R]):
    thing: T
    done: bool = False
    result: R | None = None
    fault: BaseException | None = None


class SharedWrite(Generic[T, R]):
    """Whoever comes while another writes is written with all who came meanwhile, by the first of them."""

    def __init__(self, write: Callable[[Sequence[T]], Sequence[R]]) -> None:
        """`write`: one transaction for all of these; a result for each, in their order."""
        self._write = write
        self._waiting: deque[_Entry[T, R]] = deque()
        self._writing = threading.RLock()

    def put(self, thing: T) -> R:
        """What `write` gave for it, once it is durable; a fault of that transaction is raised."""
        entry = _Entry[T, R](thing)
        self._waiting.append(entry)
        with self._writing:
            while not entry.done:
                self._next()
        if entry.fault is not None:
            raise entry.fault
        return cast("R", entry.result)

    def _next(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
        try:
            self._settle(batch)
        except IntegrityError:  # another process wrote one of them: it is no fault of the others
            for entry in batch:
                self._alone(entry)
        except BaseException as fault:
            for entry in batch:
                entry.done, entry.fault = True, fault
            if not isinstance(fault, Exception):
                raise

    def _alone(self, entry: _Entry[T, R]) -> None:
        try:
            self._settle([entry])
        except Exception as fault:  # noqa: BLE001 - raised where the entry came from
            entry.done, entry.fault = True, fault

    def _settle(self, batch: Sequence[_Entry[T, R]]) -> None:
        for entry, result in zip(batch, self._write([entry.thing for entry in batch]), strict=True):
            entry.done, entry.result = True, result
