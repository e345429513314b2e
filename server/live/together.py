"""Makes this process one of several: lines, presence and proofs go to the others and come in from them.

Once a second everybody tells what was heard. While nobody can be reached the database says which seats speak
elsewhere, so no seat counts as lost only because its words came to another process.
"""

import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from itertools import islice
from typing import Any

from flask_socketio import SocketIO

from exam_rooms.incidents import IncidentKind
from server.bus.bus import BEAT_SECONDS, HELLO
from server.bus.redis_channel import RedisChannel, connect
from server.events import PresenceChanged
from server.host import Host, site_mark
from server.live.loop_share import LoopShare
from server.native import under_gevent
from server.services import seat_words
from server.services.delivery import SEB, Delivery, delivery_of
from server.services.incidents import Place, raise_incident
from server.services.line_packing import pack, unpack
from server.services.lines import LineNews
from server.services.sittings_now import running_rooms

log = logging.getLogger(__name__)
LINES = "lines"
CHUNK = 50
"""Lines in one message: some milliseconds for who hears them, then others may run."""
ASK_SECONDS = 2.0
"""Between two questions, and two answers, after everything that others know."""
SKEW_MOST = 2.0
"""Seconds by which the clocks of two machines may differ before people are told."""
_WORDS_SINCE = timedelta(seconds=5)


class Together:
    """One process of several; `tick` once a second, tests call it themselves."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.bus = host.bus
        self.delivery: Delivery = delivery_of(host)
        self._asked = self._answered = self.bus.clock() - ASK_SECONDS
        self._waits = False
        """Whether somebody asked for everything and was not answered yet."""
        self._hearing, self._telling = LoopShare(), LoopShare()
        self._there: dict[str, bool] = {}
        self._leads = self._skew_told = False
        links = self.delivery.links
        links.orphaned = lambda worker: self._leads and self._is_gone(worker)
        cameras = self.delivery.room_cameras
        cameras.orphaned = lambda worker: self._does_once() and (not worker or self._is_gone(worker))
        links.is_gone = self._is_gone
        self.bus.about = self._about
        self.bus.on(LINES, self._lines_came)
        self.bus.on(HELLO, self._asked_for_all)
        self.bus.on("beat", self._beat_came)
        self.bus.on_lost(self._ask)
        # Somebody may have come too late to hear it from the process itself.
        self.bus.on_gone(lambda worker: self._tell(self.delivery.links.news_of(worker)))

    def tick(self) -> None:
        """Tells what was heard in the last second, and looks who is there."""
        if self.bus.alone:
            return
        self._there.clear()
        self._leads = self.host.leads()
        self.bus.beat()  # before all else, which may take its time
        self._tell(self.delivery.links.news())
        if self._waits and self.bus.clock() - self._answered >= ASK_SECONDS:
            self._answer()
        self._compare_clocks()
        if self.bus.away:
            self._by_database()

    def _does_once(self) -> bool:
        return self._leads or self.bus.alone

    def leads(self) -> bool:
        """Whether this process was the leader at the last tick."""
        return self._leads

    # --- lines ---------------------------------------------------------------------------------------

    def _tell(self, news: Sequence[LineNews]) -> None:
        entries = iter(news)
        began = time.monotonic()
        while chunk := [pack(each) for each in islice(entries, CHUNK)]:
            self.bus.send(LINES, chunk)
            self.bus.flush()
            self._telling.worked(time.monotonic() - began)
            began = time.monotonic()

    def _lines_came(self, _sender: str, entries: Sequence[Any]) -> None:
        began, now, changed = time.monotonic(), self.host.now(), []
        for entry in entries:
            news = unpack(entry)
            if self.delivery.links.take_over(news, now):
                changed.append(PresenceChanged(news.seat))
        self.host.events.deliver(changed)
        self._hearing.worked(time.monotonic() - began)

    def _ask(self) -> None:
        """Something was missed: everybody is asked for what they know."""
        if not self.bus.away and self.bus.clock() - self._asked >= ASK_SECONDS:
            self._asked = self.bus.clock()
            self.bus.send(HELLO, None)

    def _asked_for_all(self, _sender: str, _body: object) -> None:
        self._waits = True  # the next tick answers: whoever listens here has others to hear

    def _answer(self) -> None:
        self._waits, self._answered = False, self.bus.clock()
        self.bus.send("beat", self.bus.sign_of_life())  # who asks believes nothing of one that has not met it
        self._tell(self.delivery.links.all_news())
        self.delivery.room_cameras.tell_all()
        for workstation, state in self.delivery.seb.states().items():
            self.bus.send(SEB, [workstation, state])

    def _is_gone(self, worker: str) -> bool:
        """Whether a process is gone: nobody hears it, and nothing else says that it is there."""
        if self.bus.there(worker):
            return False
        if not self.bus.away and worker not in self.bus.peers:
            return True
        if worker not in self._there:
            self._there[worker] = self.host.membership.there(worker)
        return not self._there[worker]

    def _by_database(self) -> None:
        now, links, worker = self.host.now(), self.delivery.links, self.bus.worker.id
        words = links.words(now - _WORDS_SINCE)
        self.host.db.write(seat_words.tell, worker, words, now=now)
        with self.host.db.read() as session:
            told = seat_words.told(session, worker, now - _WORDS_SINCE)
        for workstation, by, heard_at in told:
            links.heard_elsewhere(workstation, heard_at, by, now)

    # --- clocks and ends -----------------------------------------------------------------------------

    def _about(self) -> dict[str, Any]:
        return {
            "leads": self._leads,
            "epoch": self.host.epoch.number,
            "proven": self.host.clock.proven,
            "fenced": self.host.epoch.fenced,
            "linked": self.host.presence.linked_count(),
            "hint": self.host.hint(),
        }

    def _beat_came(self, sender: str, about: dict[str, Any]) -> None:
        epoch = self.host.epoch
        if about.get("fenced") and about.get("epoch") == epoch.number:
            epoch.fenced = True
        clock, peer = self.host.clock, self.bus.peers[sender]
        # Its beat names this process, so it was made just now: an old one would turn the clock back.
        knows_us = self.bus.worker.id in about.get("hears", ())
        if about.get("proven") and not clock.proven and knows_us:
            self._settle(peer.skew)

    def _settle(self, ahead: float) -> None:
        """Another process knows what time it is."""
        clock = self.host.clock
        clock.settle(clock.now() + timedelta(seconds=ahead))
        self.bus.clock_moved()
        self.delivery.links.settled()

    def _compare_clocks(self) -> None:
        """This machine's clock is not the leader's: told once in every running room."""
        peers = self.bus.peers.values()
        leader = next((peer for peer in peers if peer.met and peer.about.get("leads")), None)
        apart = leader is not None and leader.worker.machine != self.bus.worker.machine and leader.skew_known
        if leader is None or not apart or abs(leader.skew) <= SKEW_MOST:
            self._skew_told &= leader is None
            return
        if self._skew_told or not self.bus.first_of_machine():
            return
        self._skew_told = True
        with self.host.db.read() as session:
            rooms = running_rooms(session)
        for room in rooms:
            kind, seconds = IncidentKind.CLOCK_STEP, f"{-leader.skew:+.1f}"
            self.host.db.write(raise_incident, Place(room), kind, now=self.host.now(), seconds=seconds)

    # --- greenlets of the live server ------------------------------------------------------------------

    def run_ticks(self) -> None:
        """Once a second for ever."""
        while True:
            time.sleep(BEAT_SECONDS)
            try:
                self.tick()
            except Exception:  # the next second tries again
                log.exception("could not tell the other processes")

    def run_sender(self) -> None:
        """Sends what waits, for ever."""
        while True:
            self.bus.wake.wait(self.bus.due())
            self.bus.wake.clear()
            try:
                self.bus.flush()
            except Exception:
                log.exception("could not tell the other processes")


def line_of(host: Host) -> str:
    """The channel of this installation's processes. A reign has its own: after a takeover the one that was
    replaced may still use the same Redis, and it speaks of another database.
    """
    return f"examhall/{site_mark(host.site)}/{host.epoch.number}.{host.epoch.reign.since}"


def register(socketio: SocketIO, host: Host) -> Together:
    """Joins the other processes, on the live server and when there may be some."""
    together = Together(host)
    if under_gevent() and host.settings.redis:
        channel = RedisChannel(connect(host.settings.redis), line_of(host))
        host.bus.join(channel, host.events)
        socketio.start_background_task(channel.listen, host.bus.receive)
        socketio.start_background_task(together.run_sender)
        socketio.start_background_task(together.run_ticks)
    return together
