"""Deletes what is past its time once a day, in a quiet hour, never while a room of this server is at work.

A server that is switched off at night does it at another hour, two days after the last time at the latest.
"""

import logging
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from flask_socketio import SocketIO

from server.access import SYSTEM
from server.host import Host
from server.live.repeating import repeat
from server.services import retention

log = logging.getLogger(__name__)
PERIOD_SECONDS = 60.0
LATEST = timedelta(hours=48)


def is_due(now: datetime, last: datetime, *, hour: int, zone: ZoneInfo) -> bool:
    """Whether it is time: in the quiet hour (0-23, in `zone`) of a day without a purge, or `LATEST` later."""
    here, before = now.astimezone(zone), last.astimezone(zone)
    return now - last >= LATEST or (here.hour == hour and here.date() > before.date())


class Keeper:
    """`tick` is one look at the clock; tests call it themselves."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._since = host.now()

    def tick(self) -> retention.Purged | None:
        """Purges when it is due; what was emptied, None when nothing was done."""
        now, settings = self.host.now(), self.host.settings
        with self.host.db.read() as session:
            if retention.at_work(session, now=now):
                return None
            last = retention.last_purge(session)
            # A server that is started anew every morning is no younger for it.
            since = (last.at if last else retention.first_day(session)) or self._since
        if not is_due(now, since, hour=settings.purge_hour, zone=ZoneInfo(settings.timezone)):
            return None
        purged = self.host.db.write(retention.purge, SYSTEM, now=now)
        for name in purged.names:
            self.host.native.call(self.host.evidence.delete, name)
        return purged


def register(socketio: SocketIO, host: Host) -> Keeper:
    """Starts the daily purge on the live server."""
    keeper = Keeper(host)
    repeat(socketio, keeper.tick, every=PERIOD_SECONDS, name="purge", here=host.leads)
    return keeper
