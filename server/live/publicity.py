"""Puts on the record, within a minute, whose results became final; who asks before sees it all the same."""

from flask_socketio import SocketIO

from server.access import SYSTEM
from server.host import Host
from server.live.repeating import repeat
from server.services import publicity

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


def register(socketio: SocketIO, host: Host) -> Settler:
    """Starts the look on the live server, at once and then every minute."""
    settler = Settler(host)
    repeat(socketio, settler.tick, every=PERIOD_SECONDS, name="publicity", here=host.leads, at_once=True)
    return settler
