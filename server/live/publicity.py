"""Puts on the record, within a minute, whose results became final; who asks before sees it all the same."""

import logging
import time

from flask_socketio import SocketIO

from server.access import SYSTEM
from server.host import Host
from server.native import under_gevent
from server.services import publicity

log = logging.getLogger(__name__)
PERIOD_SECONDS = 60.0


class Settler:
    """`tick` is one look at the clock; tests call it themselves."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def tick(self) -> int:
        """How many results were put on the record as final."""
        with self.host.db.read() as session:
            if not publicity.due(session, now=self.host.now()):
                return 0
        return self.host.db.write(publicity.settle, SYSTEM, now=self.host.now())

    def run(self) -> None:
        """Looks for ever; a greenlet of the live server."""
        while True:
            try:
                self.tick()
            except Exception:  # the next look tries again
                log.exception("publicity could not be settled")
            time.sleep(PERIOD_SECONDS)


def register(socketio: SocketIO, host: Host) -> Settler:
    """Starts the look on the live server, at once and then every minute."""
    settler = Settler(host)
    if under_gevent():
        socketio.start_background_task(settler.run)
    return settler
