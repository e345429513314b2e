"""Work of the live server that comes again and again: one greenlet for each, which nothing may end."""

import logging
import time
from collections.abc import Callable

from flask_socketio import SocketIO

from server.native import under_gevent

log = logging.getLogger(__name__)


def repeat(  # noqa: PLR0913 - how, named one by one
    socketio: SocketIO,
    tick: Callable[[], object],
    *,
    every: float,
    name: str,
    here: Callable[[], bool] = lambda: True,
    at_once: bool = False,
) -> None:
    """Calls `tick` every so many seconds for ever on the live server; elsewhere callers tick themselves.

    What a call raises is logged under `name`, and the next one tries again. `here` says whether this process
    does it: of several only the leader does most. `at_once`: the first call comes before the first wait.
    """

    def run() -> None:
        wait = 0.0 if at_once else every
        while True:
            time.sleep(wait)
            wait = every
            try:
                if here():
                    tick()
            except Exception:
                log.exception("%s failed", name)

    if under_gevent():
        socketio.start_background_task(run)
