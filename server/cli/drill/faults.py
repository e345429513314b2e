"""What goes wrong in a drill, one kind at a time at one seat (a dead server is everybody's).

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

SERVER_AWAY = 1.0
"""Seconds a killed server stays away, on top of its start."""


class Yard(Protocol):
    """What belongs to the whole room."""

    shared: threading.Lock
    """Held by whoever moves a candidate, the server or its clock."""
    spare: Place

    def kill_server(self) -> None:
        """kill -9."""

    def start_server(self) -> None:
        """Up again when this returns."""

    def jump(self, seconds: float) -> None:
        """Sets the server's wall clock that far from the true time."""

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
def server_kill(desk: Desk, yard: Yard) -> Iterator[None]:
    """The server's process group is killed and started again."""
    with yard.shared:
        yard.kill_server()
        try:
            yield
            time.sleep(desk.rng.uniform(0.2, SERVER_AWAY))
        finally:
            yard.start_server()


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


def replies_lost(desk: Desk, yard: Yard) -> AbstractContextManager[None]:
    """What is sent arrives and is stored; the seat never hears of it and sends it again."""
    return _wire(desk, State.DEAF, (0.8, 2.0))


@contextmanager
def clock_jump(desk: Desk, yard: Yard) -> Iterator[None]:
    """The server's wall clock stands up to an hour wrong."""
    with yard.shared:
        yard.jump(desk.rng.choice((-1, 1)) * desk.rng.uniform(3, 3600))
        try:
            yield
            time.sleep(0.5)
        finally:
            yard.jump(0.0)


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
    with yard.shared:
        old, spare = desk.place, yard.spare
        old.wire.be(State.CUT)
        try:
            yield
            yard.move(desk, spare)
            yard.spare = old
        finally:
            old.wire.be(State.WHOLE)


FAULTS: dict[str, Fault] = {
    "agent_kill": agent_kill,
    "page_kill": page_kill,
    "server_kill": server_kill,
    "link_cut": link_cut,
    "link_slow": link_slow,
    "replies_lost": replies_lost,
    "clock_jump": clock_jump,
    "disk_full": disk_full,
    "read_only": read_only,
    "seat_move": seat_move,
}
"""By the name that the report uses."""
UNTIL_REFUSED = frozenset({"disk_full", "read_only"})
"""Faults under which the candidate answers until the page says that nothing is saved."""
