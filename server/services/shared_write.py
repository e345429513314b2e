"""What many have to put on record at the same moment goes there in one transaction.

SQLite has one writer, and each transaction costs a wait for the disk and turns of a busy event loop. When
three thousand seats come back at once and each writes for itself, all wait until their agents give up.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from sqlalchemy.exc import InterfaceError, OperationalError

from server.errors import Refused

T = TypeVar("T")
R = TypeVar("R")
MOST = 50
"""Things in one transaction: neither other writers nor the event loop shall wait long."""


_OF_ALL = (OperationalError, InterfaceError, Refused)
"""The store is away or full, or this server was replaced: to try each alone would only take long."""


@dataclass(slots=True, eq=False)
class _Entry(Generic[T, R]):
    thing: T
    done: bool = False
    result: R | None = None
    fault: Exception | None = None

    def end(self, result: R | None, fault: Exception | None = None) -> None:
        self.done, self.result, self.fault = True, result, fault


class NotWritten(Exception):
    """Whoever wrote it with others was stopped meanwhile: nobody knows whether it is on record."""


class SharedWrite(Generic[T, R]):
    """Whoever comes while another writes is written with all who came meanwhile, by the first of them."""

    def __init__(self, write: Callable[[Sequence[T]], Sequence[R]]) -> None:
        """`write`: one transaction for all of these; a result for each, in their order."""
        self._write = write
        self._waiting: deque[_Entry[T, R]] = deque()
        self._writing = threading.RLock()

    def put(self, thing: T) -> R:
        """What `write` gave for it, once it is durable. Raises what the store said, and `NotWritten`."""
        entry = _Entry[T, R](thing)
        self._waiting.append(entry)
        try:
            with self._writing:
                while not entry.done:
                    self._next()
        finally:
            if not entry.done and entry in self._waiting:  # stopped while it waited: nobody wants it any more
                self._waiting.remove(entry)
        if entry.fault is not None:
            raise entry.fault
        return cast("R", entry.result)

    def _next(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
        try:
            self._settle(batch)
        finally:
            for entry in batch:
                if not entry.done:
                    entry.end(None, NotWritten())

    def _settle(self, batch: Sequence[_Entry[T, R]]) -> None:
        """A fault of the store meets all of them; what one of them is the cause of meets that one alone."""
        try:
            results = self._write([entry.thing for entry in batch])
        except Exception as fault:  # noqa: BLE001 - raised where each entry came from
            if len(batch) == 1 or isinstance(fault, _OF_ALL):
                for entry in batch:
                    entry.end(None, fault)
            else:
                for entry in batch:
                    self._settle([entry])
        else:
            for entry, result in zip(batch, results, strict=True):
                entry.end(result)
