"""A look every few seconds at room cameras that say nothing: who cannot see must not seem to see nobody."""

from flask_socketio import SocketIO

from server.host import Host
from server.live.repeating import repeat
from server.services.delivery import delivery_of
from server.services.room_watch import RoomWatch

PERIOD_SECONDS = 5.0


def register(socketio: SocketIO, host: Host) -> RoomWatch:
    """Starts the look on the live server."""
    watch = delivery_of(host).room_cameras
    repeat(socketio, lambda: watch.tick(now=host.now()), every=PERIOD_SECONDS, name="room cameras")
    return watch
