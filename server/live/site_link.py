"""The link between site and authority while there is one, never in the way of an exam.

At a site with an authority's address: once a minute, slower while nobody answers, in small steps. At the
authority: what came whole is taken in, one file after the other, opened and checked by a child process.
"""

import base64
import json
import logging
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask_socketio import SocketIO
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.access import SYSTEM
from server.db.sites import SiteFile
from server.errors import Refused
from server.host import Host
from server.jobs.site_desk import desk_of
from server.live.authority_line import Line, LinkDown
from server.live.repeating import repeat
from server.rules.site_file import PICTURES, RESULTS, FileBroken, read_head
from server.services import (
    exam_sites,
    retention,
    site_exchange,
    site_files,
    site_pictures,
    site_results,
    site_taking,
    site_wall,
)

log = logging.getLogger(__name__)
PERIOD_SECONDS = 60.0
TAKE_SECONDS = 5.0
SLOWEST = 16
"""Periods between two tries while nobody answers: doubled from one up to this."""


@dataclass(frozen=True, slots=True)
class Done:
    """What one exchange did: dispatches that came whole, parts in and out, results that were taken there."""

    dispatches: int = 0
    parts_in: int = 0
    parts_out: int = 0
    results: int = 0


class Link:
    """One site's line to its authority."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._wait = 0
        self._pause = 1

    def tick(self) -> None:
        """One try when it is due; a failed one makes the next ones rarer."""
        if self._wait > 0:
            self._wait -= 1
            return
        try:
            self.exchange()
            self._pause = 1
        except LinkDown as fault:
            log.info("no link to the authority: %s", fault)
            self._wait, self._pause = self._pause, min(SLOWEST, 2 * self._pause)

    def exchange(self, *, take: bool = True) -> Done:
        """Everything that waits on either side goes over. Raises `LinkDown`, `Refused`."""
        host = self.host
        with host.db.read() as session:
            authority = exam_sites.authority_of(session)
            pictures = [] if retention.at_work(session, now=host.now()) else site_pictures.due(session)
        for about in pictures:
            site_exchange.make_pictures(desk_of(host), SYSTEM, about)
        with host.db.read() as session:
            said, rows = site_wall.report(session), _outgoing(session)
        address = host.settings.authority
        if not address:
            raise Refused("authority_address_missing", 422)
        line = Line((address, authority.ca_pem), (authority.code, host.site.signing_key), host.now)
        try:
            done = self._exchanged(line, said, rows)
        finally:
            line.close()
        if take:
            site_taking.take_waiting(desk_of(host))
        return done

    def _exchanged(self, line: Line, said: dict[str, Any], rows: list[SiteFile]) -> Done:
        offers = {row.uid: row for row in rows}
        asked = {"report": said, "offers": [base64.b64encode(row.head).decode() for row in rows]}
        answer = json.loads(line.ask("POST", "/site-link/exchange", json.dumps(asked).encode()))
        done = Done()
        for file in answer["files"]:
            try:
                done = self._fetch(line, base64.b64decode(file["head"]), done)
            except Refused as refusal:  # one file that is not for us holds up no other, nor the results
                log.warning("a dispatch was not fetched: %s", refusal.code)
        for offer in answer["offers"]:
            if offer["uid"] in offers:
                done = self._send(line, offers[offer["uid"]], offer, done)
        return done

    def _fetch(self, line: Line, raw: bytes, done: Done) -> Done:
        try:
            head = read_head(raw)
        except FileBroken as fault:
            raise site_files.broken(fault) from fault
        came = site_exchange.receive_head(desk_of(self.host), head)
        for number in came.missing:
            data = line.ask("GET", f"/site-link/files/{head.uid}/{number}")
            self.host.db.write(site_files.put_part, came.id, number, data)
            done = replace(done, parts_in=done.parts_in + 1)
        return replace(done, dispatches=done.dispatches + bool(came.missing))

    def _send(self, line: Line, row: SiteFile, offer: dict[str, Any], done: Done) -> Done:
        for number in offer["missing"]:
            with self.host.db.read() as session:
                data = site_files.part(session, row.id, int(number))
            line.ask("POST", f"/site-link/files/{row.uid}/{number}", data)
            done = replace(done, parts_out=done.parts_out + 1)
        if offer["state"] == site_files.TAKEN:
            self.host.db.write(_confirmed, row.id, now=self.host.now())
            return replace(done, results=done.results + 1)
        return done


def _outgoing(session: Session) -> list[SiteFile]:
    query = select(SiteFile).where(
        SiteFile.incoming.is_(False),
        SiteFile.kind.in_((RESULTS, PICTURES)),
        SiteFile.state == site_files.MADE,
    )
    return list(session.scalars(query.order_by(SiteFile.id)))


def _confirmed(session: Session, file_id: int, *, now: datetime) -> None:
    row = site_files.get(session, file_id, lock=True)
    row.state, row.done_at = site_files.CONFIRMED, now
    if row.kind == RESULTS:
        site_results.note_returned(session, row.about, now=now)


class Taker:
    """At the authority: takes in what came whole."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def tick(self) -> None:
        """One look; nothing is opened when nothing waits."""
        with self.host.db.read() as session:
            if not site_files.waiting(session):
                return
        site_taking.take_waiting(desk_of(self.host))


def register(socketio: SocketIO, host: Host) -> Link:
    """Starts the site's link when it has an address, and the taking in where files may come."""
    link = Link(host)
    if host.settings.authority:
        repeat(socketio, link.tick, every=PERIOD_SECONDS, name="site link", here=host.leads)
    elif host.settings.role != "site":
        repeat(socketio, Taker(host).tick, every=TAKE_SECONDS, name="site results", here=host.leads)
    return link
