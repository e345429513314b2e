"""Long work of several processes: what was asked of another one ends, what a dead one left is taken up."""

import logging

from flask_socketio import SocketIO

from server.host import Host
from server.jobs import rotating
from server.live.repeating import repeat
from server.services import seat_words

PERIOD_SECONDS = 1.0
SWEEP_SECONDS = 10.0
log = logging.getLogger(__name__)


def sweep(host: Host) -> None:
    """What dead processes left: their jobs have failed, their rotations of keys go on here."""
    host.jobs.sweep_dead()
    host.db.write(seat_words.clear, now=host.now())
    rotating.resume(rotating.Desk(host.db, host.native, host.now, alone_at=host.membership.alone_at))


def register(socketio: SocketIO, host: Host) -> None:
    """Starts both looks on the live server, when there may be several processes."""
    if host.settings.redis:
        repeat(socketio, host.jobs.end_unwanted, every=PERIOD_SECONDS, name="jobs")
        repeat(socketio, lambda: sweep(host), every=SWEEP_SECONDS, name="sweep", here=host.leads)
