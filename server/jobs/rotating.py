"""Drives bank rotations: step after step, beside everything else, in a thread or at the command line.

No child process: a child would need the keys. A step takes milliseconds and is done in a native thread.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sqlalchemy.orm import Session

from server.db.base import Database
from server.native import NativePool
from server.services import rotation
from server.services.sittings_now import running_rooms

log = logging.getLogger(__name__)
T = TypeVar("T")
PAUSE_SECONDS = 0.02
"""Between two steps: whoever waits for the writer comes first."""
SITTING_SECONDS = 30.0
"""How long the work rests while a room is in its sitting before it looks again."""
OLDER_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Desk:
    """What the work needs of its host. `pause(seconds)` lets others run.

    `alone_at(name)`: whether no other server process is at it; held as long as the work lasts.
    """

    db: Database
    native: NativePool
    now: Callable[[], datetime]
    pause: Callable[[float], None] = time.sleep
    alone_at: Callable[[str], AbstractContextManager[bool]] = lambda _name: nullcontext(True)


def begin_thread(desk: Desk, rotation_id: int) -> threading.Thread:
    """Goes on with a rotation beside the caller; a fault is logged and the next start goes on."""
    thread = threading.Thread(target=_guarded, args=(desk, rotation_id), daemon=True)
    thread.start()
    return thread


def resume(desk: Desk) -> list[threading.Thread]:
    """Goes on with every rotation that a dead process left; called once when a server starts."""
    with desk.db.read() as session:
        return [begin_thread(desk, rotation_id) for rotation_id in rotation.unfinished(session)]


def rotate(desk: Desk, rotation_id: int, told: Callable[[int], None] = lambda _rows: None) -> None:
    """Does all steps and rounds and closes the rotation. `told(rows)` after each step."""
    _let_older_end(desk)
    over = False
    while not over:
        _rest(desk)
        step = _read(desk, lambda session: rotation.next_step(session, rotation_id))
        if step is None:
            over = desk.db.write(rotation.end_round, rotation_id, now=desk.now())
            continue
        desk.db.write(rotation.store, desk.native.call(rotation.reseal, desk.db.vault, step))
        told(len(step.rows))
        desk.pause(PAUSE_SECONDS)


def _let_older_end(desk: Desk) -> None:
    """Waits until nobody is left who read the bank's key before it became a ring."""
    moment = _read(desk, rotation.clock)
    while _read(desk, lambda session: rotation.waits_for(session, moment)):
        desk.pause(OLDER_SECONDS)


def _rest(desk: Desk) -> None:
    while _read(desk, running_rooms):
        desk.pause(SITTING_SECONDS)


def _read(desk: Desk, look: Callable[[Session], T]) -> T:
    with desk.db.read() as session:
        return look(session)


def _guarded(desk: Desk, rotation_id: int) -> None:
    try:
        with desk.alone_at(f"rotation/{rotation_id}") as alone:
            if alone:
                rotate(desk, rotation_id)
    except Exception:
        log.exception("rotation %s stopped; it goes on at the next start", rotation_id)
        raise
