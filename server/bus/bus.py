"""One process among several: what it tells the others, what it hears, and what it does when it cannot hear.

Messages are numbered by their sender. A number that is missing, a sender that says nothing for three seconds
(it may have ended between a commit and its news), or a broken line means: whatever is kept in memory may be
old, forget it. While nobody can be heard at all, everything is forgotten once a second, and work goes on.
Messages are sealed: who can read the line learns nothing, and cannot say anything either. Who recorded some
cannot say them again: numbers only rise, and of a process that is new to this one only signs of life
are believed before a beat of it names this one; facts make it look anew until then.
"""

import json
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from server.bus.facts import HERE_ONLY, UnknownFact, pack, unpack
from server.events import Events, Fact, SeatChanged

log = logging.getLogger(__name__)
BEAT_SECONDS = 1.0
SILENT_SECONDS = 3.0
"""Without a word for so long a process is taken for ended, and the line for broken."""
BEHIND_SECONDS = 30.0
"""For so long a process that is still busy with what it heard does not take the line for broken: its own
words may lie unread. A starved one that did forgot everything once a second and was starved by that.
"""
SLOW_SECONDS = 0.1
"""For so long news of answers and heartbeats are gathered: only monitors show them."""
SLOW_MOST = 5_000
WAITING_MOST = 20_000
"""Messages kept while the line is slow; beyond that they are dropped and the others forget everything."""
REST_SECONDS = 1.0
"""After a message that could not be sent none is tried for so long: each try may take seconds."""
PARTS_MOST = 500
"""Of so many parts one message is made at most."""
MESSAGE_MOST = 8 << 20
"""Bytes of the longest message that is sent, or opened."""
_SKEWS_KEPT = 30
_GONE_KEPT = 1_000
_SENT_KEPT = 10_000
_FACTS, _BEAT, HELLO = "facts", "beat", "hello"
_OF_STRANGERS = (_BEAT, HELLO)


class ChannelDown(Exception):
    """Nothing can be sent now."""


class Channel(Protocol):
    """A way to all processes, this one among them."""

    def publish(self, data: bytes) -> None:
        """Sends to everybody. Raises `ChannelDown`."""
        ...


class Sealer(Protocol):
    """Seals and opens what goes over the line; `open` raises any exception for what is not ours."""

    def seal(self, data: bytes) -> bytes: ...
    def open(self, blob: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Worker:
    """One process: its own name, and the machine (the id of its boot) that it runs on."""

    id: str
    machine: str = ""


@dataclass(slots=True)
class Peer:
    """Another process, as far as it was heard. `heard`: monotonic seconds; `about`: what its beat said.

    `met`: it has named this process, so it lives at the same time and is no record of one that did.
    """

    worker: Worker
    number: int
    heard: float
    met: bool = False
    skews: deque[float] = field(default_factory=lambda: deque(maxlen=_SKEWS_KEPT))
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def skew(self) -> float:
        """Seconds by which its clock is ahead of ours; the way of a message only makes it look late."""
        return max(self.skews, default=0.0)

    @property
    def skew_known(self) -> bool:
        """Whether enough was heard to judge its clock."""
        return len(self.skews) == _SKEWS_KEPT


class Bus:
    """Without a channel it says nothing and hears nobody: one process is the whole server.

    `now` is the server's clock in seconds, `clock` monotonic seconds.
    """

    def __init__(
        self,
        worker: Worker,
        sealer: Sealer,
        *,
        now: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.worker = worker
        self.peers: dict[str, Peer] = {}
        self.about: Callable[[], dict[str, Any]] = dict
        """What this process says of itself in every beat."""
        self.wake = threading.Event()
        self._sealer = sealer
        self._now = now
        self.clock = clock
        self._channel: Channel | None = None
        self._number = 0
        self._echoed = clock()
        self._heard_until = clock()
        self._sent: deque[tuple[int, float]] = deque(maxlen=_SENT_KEPT)
        """Our own words that have not come back yet, and when they left."""
        self._hears_since: float | None = None
        """Since when it has been busy with one message."""
        self._away = False
        self._rests_until = 0.0
        self._last: OrderedDict[str, tuple[int, bool]] = OrderedDict()
        """The last message of processes that are not heard any more, and whether they were met."""
        self._waiting: deque[tuple[str, Any]] = deque()
        self._slow: dict[tuple[int, int], SeatChanged] = {}
        self._slow_since = 0.0
        self._listeners: dict[str, list[Callable[[str, Any], None]]] = {}
        self._lost: list[Callable[[], None]] = []
        self._gone: list[Callable[[str], None]] = []
        self._events: Events | None = None
        self._sending = threading.Lock()

    @property
    def alone(self) -> bool:
        """Whether this process is the whole server."""
        return self._channel is None

    @property
    def away(self) -> bool:
        """Whether the others cannot be heard now."""
        return self._away

    def join(self, channel: Channel, events: Events) -> None:
        """From now on facts of `events` go to the others, and theirs come here."""
        self._channel, self._events, self._echoed = channel, events, self.clock()
        events.relay = self._relay

    def on(self, topic: str, listener: Callable[[str, Any], None]) -> None:
        """Calls `listener(sender, body)` for what others say under `topic`."""
        self._listeners.setdefault(topic, []).append(listener)

    def on_lost(self, listener: Callable[[], None]) -> None:
        """Calls `listener` whenever something may have been missed."""
        self._lost.append(listener)

    def on_gone(self, listener: Callable[[str], None]) -> None:
        """Calls `listener` with a process that is not heard any more."""
        self._gone.append(listener)

    def there(self, worker: str) -> bool:
        """Whether a process that was met was heard within the last seconds; this one always is."""
        return worker == self.worker.id or (worker in self.peers and self.peers[worker].met)

    def heard(self) -> list[str]:
        """Who was heard within the last seconds."""
        return sorted(self.peers)

    def first_of_machine(self) -> bool:
        """Whether no other process of this machine comes before this one."""
        machine = self.worker.machine
        mine = (peer.worker.id for peer in self.peers.values() if peer.met and peer.worker.machine == machine)
        return all(self.worker.id < other for other in mine)

    def clock_moved(self) -> None:
        """Our clock was set right: what was heard of others' clocks before says nothing."""
        for peer in self.peers.values():
            peer.skews.clear()

    def sign_of_life(self) -> dict[str, Any]:
        """What a beat says: who is heard, and what this process says of itself."""
        return {"hears": self.heard(), **self.about()}

    # --- telling -------------------------------------------------------------------------------------

    def send(self, topic: str, body: object) -> None:
        """Tells the others, soon; nothing is told when this process is alone."""
        if self._channel is None:
            return
        if len(self._waiting) >= WAITING_MOST:
            self._waiting.clear()
            self._number += 1  # the others see that something is missing
        self._waiting.append((topic, body))
        self.wake.set()

    def _relay(self, facts: Sequence[Fact]) -> None:
        packed = []
        for fact in facts:
            if isinstance(fact, SeatChanged) and fact.changed_ns:
                self._later(fact)
            elif not isinstance(fact, HERE_ONLY):
                packed.append(pack(fact))
        if packed:
            self.send(_FACTS, packed)

    def _later(self, fact: SeatChanged) -> None:
        if not self._slow:
            self._slow_since = self.clock()
        if len(self._slow) < SLOW_MOST:
            self._slow.setdefault((fact.room_sitting, fact.seat), fact)
        self.wake.set()

    def due(self) -> float:
        """Seconds until what is gathered is to be sent; 0 when something waits."""
        if self._waiting:
            return 0.0
        if self._slow:
            return max(0.0, self._slow_since + SLOW_SECONDS - self.clock())
        return BEAT_SECONDS

    def flush(self) -> None:
        """Sends what waits."""
        if self._channel is None:
            return
        with self._sending:
            if self._slow and self.clock() - self._slow_since >= SLOW_SECONDS:
                slow, self._slow = self._slow, {}
                self._waiting.append((_FACTS, [pack(fact) for fact in slow.values()]))
            while self._waiting:
                count = min(PARTS_MOST, len(self._waiting))
                self._publish([self._waiting.popleft() for _ in range(count)])

    def beat(self) -> None:
        """Once a second: a sign of life; who has fallen silent; whether the line holds."""
        if self._channel is None:
            return
        self.send(_BEAT, self.sign_of_life())
        self.flush()
        if self._silences() or self._away:
            self._forget()

    def _is_behind(self) -> bool:
        since = self._hears_since
        return since is not None and self.clock() - since <= BEHIND_SECONDS

    def _silences(self) -> bool:
        """Gives up who has fallen silent; true when something may have been missed by that.

        What was said up to the moment of our own word that came back last has been heard.
        """
        moment, missed = self.clock(), False
        if moment - self._echoed > SILENT_SECONDS and not self._away and not self._is_behind():
            log.warning("the other server processes cannot be reached; this one goes on alone")
            self._away = True
        heard_until = moment if self._away else self._heard_until
        for peer in list(self.peers.values()):
            if heard_until - peer.heard > SILENT_SECONDS:
                self._leave(peer)
                missed = True
                for listener in self._gone:
                    listener(peer.worker.id)
        return missed

    def _publish(self, parts: Sequence[tuple[str, Any]]) -> None:
        assert self._channel is not None
        self._number += 1  # whoever misses it sees that; `beat` notices the line
        self._sent.append((self._number, self.clock()))
        if self.clock() < self._rests_until:
            return
        message = [self.worker.id, self.worker.machine, self._number, self._now(), parts]
        sealed = self._sealer.seal(json.dumps(message, separators=(",", ":")).encode())
        if len(sealed) > MESSAGE_MOST:
            log.warning("a message of %d bytes was not sent", len(sealed))
            return
        try:
            self._channel.publish(sealed)
        except ChannelDown:
            self._rests_until = self.clock() + REST_SECONDS

    # --- hearing -------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> None:
        """Something came over the line."""
        before = self._hears_since
        self._hears_since = self.clock() if before is None else before
        try:
            self._receive(data)
        finally:
            self._hears_since = before

    def _receive(self, data: bytes) -> None:
        if len(data) > MESSAGE_MOST:
            log.warning("a message of %d bytes was passed over", len(data))
            return
        try:
            sender, machine, number, told_at, parts = json.loads(self._sealer.open(data))
        except Exception:  # noqa: BLE001 - not ours: another installation's line, or somebody else's words
            log.warning("a message that is not ours was passed over")
            return
        if sender == self.worker.id:
            self._echo(number)
            return
        before, met = self._known(sender)
        if number <= before:
            log.warning("a message that was heard before was passed over")
            return
        peer = self._note(Worker(sender, machine), number, told_at, met=met)
        if number != before + 1:
            self._forget()
        for topic, body in parts:
            self._hear(peer, topic, body)

    def _echo(self, number: int) -> None:
        """Our own word came back: the line holds."""
        self._echoed = self.clock()
        while self._sent and self._sent[0][0] <= number:
            self._heard_until = self._sent.popleft()[1]
        if self._away:
            log.info("the other server processes can be reached again")
            self._away = False
            self._forget()

    def _known(self, worker: str) -> tuple[int, bool]:
        """The last message of a process, 0 of one that never was heard; and whether it was met."""
        peer = self.peers.get(worker)
        return self._last.get(worker, (0, False)) if peer is None else (peer.number, peer.met)

    def _note(self, worker: Worker, number: int, told_at: float, *, met: bool) -> Peer:
        moment = self.clock()
        peer = self.peers.setdefault(worker.id, Peer(worker, number, moment, met))
        peer.number, peer.heard = number, moment
        peer.skews.append(told_at - self._now())
        self._last.pop(worker.id, None)
        return peer

    def _leave(self, peer: Peer) -> None:
        """Should it speak again it was only slow: its number says whether anything was missed."""
        del self.peers[peer.worker.id]
        self._last[peer.worker.id] = peer.number, peer.met
        while len(self._last) > _GONE_KEPT:
            self._last.popitem(last=False)

    def _hear(self, peer: Peer, topic: str, body: Any) -> None:  # noqa: ANN401
        """One part of a message; between two of them the sender may have been given up."""
        if topic == _BEAT:
            peer.about = body
            peer.met = peer.met or self.worker.id in body.get("hears", ())
        if not peer.met and topic not in _OF_STRANGERS:
            self._forget()  # it may be true, and whatever it is about can be looked up
            return
        if topic == _FACTS:
            self._deliver(body)
            return
        for listener in self._listeners.get(topic, ()):
            try:
                listener(peer.worker.id, body)
            except Exception:  # one listener must not hide it from others
                log.exception("listener failed for %s", topic)

    def _deliver(self, packed: Sequence[Sequence[Any]]) -> None:
        assert self._events is not None
        try:
            self._events.deliver([unpack(each) for each in packed])
        except UnknownFact:
            self._forget()  # a newer server's word: whatever it means, nothing kept is sure

    def _forget(self) -> None:
        for listener in self._lost:
            try:
                listener()
            except Exception:
                log.exception("something could not be forgotten")
