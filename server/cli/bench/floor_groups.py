"""Group commit of the floor: requests that come at the same time share one."""

import sqlite3
from collections.abc import Callable
from typing import Generic, TypeVar

import gevent
import psycopg
from gevent.event import AsyncResult, Event

R = TypeVar("R")


class Groups(Generic[R]):
    """Concurrent requests share a commit: one greenlet commits whatever waits."""

    def __init__(self, commit: Callable[[list[R]], None]) -> None:
        self._commit = commit
        self._waiting: list[tuple[list[R], AsyncResult[None]]] = []
        self._some = Event()
        gevent.spawn(self._work)

    def append(self, rows: list[R]) -> None:
        """Returns when the rows are durable. Raises what the store raised."""
        done: AsyncResult[None] = AsyncResult()
        self._waiting.append((rows, done))
        self._some.set()
        done.get()

    def _work(self) -> None:
        while True:
            self._some.wait()
            self._some.clear()
            turns, self._waiting = self._waiting, []
            try:
                self._commit([row for rows, _done in turns for row in rows])
            except (psycopg.Error, sqlite3.Error) as fault:
                for _rows, done in turns:
                    done.set_exception(fault)
            else:
                for _rows, done in turns:
                    done.set(None)
