"""Keeps the standby supplied: litestream runs while one is paired, a PostgreSQL one that is gone is let go.

Every change of the protection is put on record.
"""

import logging
import secrets
import shutil
import time

from flask_socketio import SocketIO
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from server.access import SYSTEM
from server.errors import Refused
from server.host import Host
from server.jobs import litestream, promotion
from server.jobs.inbox import write_synced
from server.live.repeating import repeat
from server.rules.shipping import Protection
from server.services import audit, shipping_postgres, standby_pairing
from server.services.shipping import LINEAGE

log = logging.getLogger(__name__)
PERIOD_SECONDS = 1.0
SETTLE_SECONDS = 3.0
"""A state that holds for less is not put on record: a network hiccup is no news."""
_GUARD = {"let_go": shipping_postgres.let_go, "take_back": shipping_postgres.take_back}


class Shipper:
    """`tick` is one look; tests call it themselves."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._child: litestream.Child | None = None
        self._guard = shipping_postgres.Guard(host.settings.standby_wait)
        self._told = "none"
        self._not_before = 0.0
        self._begun = self._complained = False

    def begin(self) -> None:
        """After a takeover the pairing in the stores is the old primary's: nobody follows this server yet."""
        if promotion.was_promoted(self.host.settings):
            self.host.db.write(standby_pairing.retire, SYSTEM, now=self.host.now())
            promotion.tidy(self.host.settings)
        self._begun = True

    def tick(self) -> None:
        """Does what is due now."""
        if not self._begun:
            self.begin()
        if self.host.settings.database_url:
            self._guard_commits()
        else:
            self._keep_child()
        self._tell(self.host.shipping.protection())

    def stop(self) -> None:
        """Ends the child."""
        if self._child is not None:
            litestream.end(self._child)
            self._child = None

    def _keep_child(self) -> None:
        with self.host.db.read() as session:
            wanted = standby_pairing.active(session) is not None
        runs = self._child is not None and self._child.poll() is None
        if self.host.shipping.lost:
            self._begin_anew()
        elif not wanted:
            self.stop()
            self.host.shipping.trouble = ""
        elif runs:
            self._complained, self.host.shipping.trouble = False, ""
            self.settle()
        elif time.monotonic() >= self._not_before:
            self._not_before = time.monotonic() + 2 * PERIOD_SECONDS
            if self._child is not None:
                log.warning("litestream ended with %s and is started again", self._child.returncode)
                self.host.shipping.trouble = "litestream"
            self._start()

    def settle(self) -> None:
        """Asks litestream about logs that were written after the last file: was there a change?"""
        shipping = self.host.shipping
        for store, (have, touched) in shipping.unsure().items():
            if litestream.sync(self.host.settings, shipping.outbox.root, store) == have:
                shipping.outbox.settled(store, touched)

    def _begin_anew(self) -> None:
        """This machine lost what its standby has, with its power perhaps: a number would mean two things."""
        log.error("the standby has more than the outbox: the outbox is begun anew")
        self.stop()
        shutil.rmtree(self.host.shipping.outbox.root.parent, ignore_errors=True)
        self.host.shipping.forget()
        self.host.shipping.lost = False

    def _start(self) -> None:
        outbox = self.host.shipping.outbox
        try:
            outbox.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not outbox.lineage():
                write_synced(outbox.root / LINEAGE, [secrets.token_hex(16).encode()])
            self._child = litestream.replicate(self.host.settings, outbox.root)
        except (Refused, OSError) as fault:  # no program, or a full disk: unprotected, not stopped
            self.host.shipping.trouble = (
                fault.code if isinstance(fault, Refused) else fault.strerror or "disk"
            )
            if not self._complained:
                log.error("shipping cannot begin: %s", fault)
            self._complained = True

    def _guard_commits(self) -> None:
        with self.host.db.read() as session:
            facts = shipping_postgres.look(session)
        act = self._guard.decide(facts, time.monotonic())
        if not act:
            return
        try:
            _GUARD[act](self.host.db.engine)
        except DBAPIError as fault:
            if not self._complained:
                log.error("the database does not let this server %s its standby: %s", act, fault.orig)
            self._complained = True
            return
        log.warning("standby: %s", act)
        self.host.shipping.forget()

    def _tell(self, seen: Protection) -> None:
        if seen.state == self._told or seen.since is None:
            return
        if (self.host.now() - seen.since).total_seconds() < SETTLE_SECONDS:
            return
        self.host.db.write(_note, self.host, self._told, seen)
        self._told = seen.state


def _note(session: Session, host: Host, before: str, seen: Protection) -> None:
    acts = {"protected": "standby_protects", "unprotected": "standby_lost"}
    if seen.state not in acts or (before == "none" and seen.state == "protected" and not seen.peer):
        return
    facts = {"lag_seconds": None if seen.lag_seconds is None else round(seen.lag_seconds, 1)}
    act, now = acts[seen.state], host.now()
    audit.record(session, audit.SYSTEM_STREAM, SYSTEM, act, "standby", now=now, name=seen.peer, **facts)


def register(socketio: SocketIO, host: Host) -> Shipper:
    """Starts the look on the live server."""
    shipper = Shipper(host)
    repeat(socketio, shipper.tick, every=PERIOD_SECONDS, name="shipping", here=host.leads)
    return shipper
