"""The other servers of this installation, as seats are told of them: what the settings name, else the paired
standby at the address that it gave.
"""

import time
import weakref
from typing import Protocol

from server.db.base import Database
from server.events import Events
from server.services import standby_pairing
from server.settings import Settings

KEPT_SECONDS = 5.0


class Parts(Protocol):
    """What a host has of what is needed here."""

    @property
    def db(self) -> Database: ...
    @property
    def events(self) -> Events: ...
    @property
    def settings(self) -> Settings: ...


class Peers:
    """Addresses, looked up at most once in a few seconds: every seat asks once a minute."""

    def __init__(self, parts: Parts) -> None:
        self._db = parts.db
        self._named = parts.settings.peers
        self._found: tuple[str, ...] = ()
        self._until = 0.0

    def addresses(self) -> tuple[str, ...]:
        """The other servers, in the order to try them."""
        moment = time.monotonic()
        if self._named:
            return self._named
        if moment >= self._until:
            with self._db.read() as session:
                standby = standby_pairing.active(session)
            self._found = (standby.address,) if standby is not None and standby.address else ()
            self._until = moment + KEPT_SECONDS
        return self._found


_OPEN: "weakref.WeakKeyDictionary[Events, Peers]" = weakref.WeakKeyDictionary()


def peers_of(parts: Parts) -> Peers:
    """The one of a host; made at first use."""
    found = _OPEN.get(parts.events)
    if found is None:
        found = _OPEN[parts.events] = Peers(parts)
    return found
