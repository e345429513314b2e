"""A look every few seconds at room cameras that say nothing: who cannot see must not seem to see nobody."""

import logging
import time

from flask_socketio import SocketIO

from server.host import Host
from server.native import under_gevent
from server.services.delivery import delivery_of
from server.services.room_watch import RoomWatch

log = logging.getLogger(__name__)
PERIOD_SECONDS = 5.0


def _run(host: Host, watch: RoomWatch) -> None:
    while True:
        time.sleep(PERIOD_SECONDS)
        try:
            watch.tick(now=host.now())
        except Exception:  # the next look tries again
            log.exception("room cameras failed")


def register(socketio: SocketIO, host: Host) -> RoomWatch:
    """Starts the look on the live server."""
    watch = delivery_of(host).room_cameras
    if under_gevent():
        socketio.start_background_task(_run, host, watch)
    return watch
