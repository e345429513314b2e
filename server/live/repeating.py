"""Work of the live server that comes again and again: one greenlet for each, which nothing may end."""

import logging
import time
from collections.abc import Callable

from flask_socketio import SocketIO

from server.native import under_gevent

log = logging.getLogger(__name__)


def repeat(
    socketio: SocketIO,
    tick: Callable[[], object],
    *,
    every: float,
    name: str,
    first: Callable[[], object] | None = None,
) -> None:
    """Calls `tick` every so many seconds for ever on the live server; elsewhere callers tick themselves.

    What a call raises is logged under `name`, and the next one tries again. `first` is called once before.
    """

    def run() -> None:
        if first is not None:
            first()
        while True:
            time.sleep(every)
            try:
                tick()
            except Exception:
                log.exception("%s failed", name)

    if under_gevent():
        socketio.start_background_task(run)
