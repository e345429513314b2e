"""A server that ships, on a real port, and its standby: both in this process, litestream beside it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from flask import Flask
from sqlalchemy.orm import Session
from werkzeug.serving import BaseWSGIServer, make_server

from server.access import SYSTEM, Actor, Role
from server.host import Host
from server.jobs.following import Follower, follow
from server.jobs.inbox import Inbox
from server.jobs.primary import Pairing, pair, save_pairing
from server.live.shipping import Shipper
from server.services import audit, standby_pairing
from server.services.shipping import STORES
from server.settings import Settings

ADMIN = Actor(None, "console/test", frozenset({Role.ADMINISTRATOR}))
PATIENCE = 60.0
ADDRESS = "https://10.0.0.3:8443"


@dataclass
class Couple:
    """The primary (`host`, `shipper`, at `url`) and the standby's settings."""

    host: Host
    shipper: Shipper
    url: str
    standby: Settings

    @property
    def inbox(self) -> Inbox:
        return Inbox(self.standby)

    def code(self) -> str:
        host = self.host
        return host.db.write(standby_pairing.issue_code, ADMIN, host.site.ca_fingerprint, now=host.now())

    def pair(self) -> Pairing:
        pairing = pair(self.url, self.code(), ADDRESS)
        save_pairing(self.standby, pairing)
        return pairing

    def ship(self) -> None:
        """litestream runs and has begun."""
        self.shipper.tick()
        until(lambda: all(self.host.shipping.outbox.after(store, 0) for store in STORES))

    def note(self, count: int = 1) -> None:
        """Changes that can be counted in the audit record."""
        for number in range(count):
            self.host.db.write(_noted, number, self.host)

    @contextmanager
    def following(self) -> Iterator[Follower]:
        follower = follow(self.standby)
        try:
            yield follower
        finally:
            follower.stop()

    def arrived(self, follower: Follower) -> None:
        """Waits until the standby has all that was committed before this call."""

        def there() -> bool:
            self.shipper.settle()
            return bool(follower.status().have) and self.host.shipping.behind(follower.status().have) == 0

        until(there)


def _noted(session: Session, number: int, host: Host) -> None:
    audit.record(session, audit.SYSTEM_STREAM, SYSTEM, "backup_made", f"note/{number}", now=host.now())


def until(done: Callable[[], bool]) -> None:
    """Waits for something that must come."""
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


@contextmanager
def coupled(app: Flask, host: Host, folder: Path) -> Iterator[Couple]:
    """The application on a port of its own; what was started is ended."""
    server: BaseWSGIServer = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    shipper = Shipper(host)
    standby = replace(host.settings, data=folder / "standby-data")
    try:
        yield Couple(host, shipper, f"http://127.0.0.1:{server.port}", standby)
    finally:
        shipper.stop()
        server.shutdown()
        thread.join()
