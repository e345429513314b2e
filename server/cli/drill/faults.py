"""What goes wrong at one seat; faults of different seats overlap.

Each fault is a context manager: it holds inside the block and is healed behind it. Answers are given by the
caller before, inside and after.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from server.cli.drill.desk import Desk
from server.cli.drill.place import Place
from server.cli.drill.wire import State


class Yard(Protocol):
    """What belongs to the whole room."""

    shared: threading.Lock
    """Held by whoever moves a candidate or breaks what the whole room needs."""
    spare: Place

    def move(self, desk: Desk, to: Place) -> None:
        """The invigilator lets the candidate go on at another seat."""


Fault = Callable[[Desk, Yard], AbstractContextManager[None]]


@contextmanager
def agent_kill(desk: Desk, yard: Yard) -> Iterator[None]:
    """The workstation's agent dies; no answer can be given before it is back."""
    desk.place.kill()
    yield
    desk.place.rise()


@contextmanager
def page_kill(desk: Desk, yard: Yard) -> Iterator[None]:
    """The browser dies between two answers and is opened anew."""
    desk.close_page()
    yield
    desk.close_page()


@contextmanager
def _wire(desk: Desk, state: State, seconds: tuple[float, float]) -> Iterator[None]:
    wire = desk.place.wire
    wire.be(state)
    try:
        yield
        time.sleep(desk.rng.uniform(*seconds))
    finally:
        wire.be(State.WHOLE)


def link_cut(desk: Desk, yard: Yard) -> AbstractContextManager[None]:
    """No line to the server."""
    return _wire(desk, State.CUT, (0.5, 3.0))


def link_slow(desk: Desk, yard: Yard) -> AbstractContextManager[None]:
    """A line of 16 KB/s."""
    return _wire(desk, State.SLOW, (1.0, 2.5))


def link_lossy(desk: Desk, yard: Yard) -> AbstractContextManager[None]:
    """Connections are reset at random, often with half of a request or of a reply on its way."""
    return _wire(desk, State.LOSSY, (1.0, 2.5))


def replies_lost(desk: Desk, yard: Yard) -> AbstractContextManager[None]:
    """What is sent arrives and is stored; the seat never hears of it and sends it again."""
    return _wire(desk, State.DEAF, (0.8, 2.0))


@contextmanager
def disk_full(desk: Desk, yard: Yard) -> Iterator[None]:
    """No room on the workstation's disk."""
    desk.place.fill_disk()
    try:
        yield
    finally:
        desk.place.free_disk()


@contextmanager
def read_only(desk: Desk, yard: Yard) -> Iterator[None]:
    """The workstation's disk turns read-only under the running agent; a restart of the machine heals it."""
    desk.place.stop_disk()
    try:
        yield
    finally:
        desk.place.replace_disk()


@contextmanager
def seat_move(desk: Desk, yard: Yard) -> Iterator[None]:
    """The line is cut, answers stay on the old machine, the candidate goes on at the spare seat.

    The old machine's line comes back afterwards.
    """
    old, spare = desk.place, yard.spare
    old.wire.be(State.CUT)
    try:
        yield
        yard.move(desk, spare)
        yard.spare = old
    finally:
        old.wire.be(State.WHOLE)


SEAT_FAULTS: dict[str, Fault] = {
    "agent_kill": agent_kill,
    "page_kill": page_kill,
    "link_cut": link_cut,
    "link_slow": link_slow,
    "link_lossy": link_lossy,
    "replies_lost": replies_lost,
    "disk_full": disk_full,
    "read_only": read_only,
    "seat_move": seat_move,
}
"""By the name that the report uses."""
UNTIL_REFUSED = frozenset({"disk_full", "read_only"})
"""Faults under which the candidate answers until the page says that nothing is saved."""
ALONE = frozenset({"seat_move"})
"""Faults during which nothing else may happen to the whole room: a person acts at the server."""
