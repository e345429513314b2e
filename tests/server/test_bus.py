"""The line between server processes when it hangs, when words come late, twice, or from another reign."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from server.bus import redis_channel
from server.bus.bus import Bus, ChannelDown, Worker
from server.bus.redis_channel import RedisChannel, connect
from server.events import Events, SeatChanged
from tests.server.redis_kit import Redis


class Open:
    """Seals nothing: the tests read what is said."""

    def seal(self, data: bytes) -> bytes:
        return data

    def open(self, blob: bytes) -> bytes:
        return blob


@dataclass
class Wire:
    """A line in memory with a clock; `hangs`: seconds until a try to send fails."""

    now: float = 100.0
    hangs: float = 0.0
    kept: list[bytes] | None = None
    said: list[bytes] = field(default_factory=list)
    buses: dict[str, Bus] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)

    def publish(self, data: bytes) -> None:
        if self.hangs:
            self.now += self.hangs
            raise ChannelDown
        self.said.append(data)
        if self.kept is not None:
            self.kept.append(data)
            return
        for bus in self.buses.values():
            bus.receive(data)

    def add(self, name: str, events: Events | None = None) -> Bus:
        bus = Bus(Worker(name), Open(), now=lambda: 1_000.0 + self.now, clock=lambda: self.now)
        bus.on_lost(lambda: self.forgotten.append(name))
        bus.join(self, events or Events())
        self.buses[name] = bus
        return bus

    def second(self, *names: str) -> None:
        self.now += 1
        for name in names or tuple(self.buses):
            self.buses[name].beat()


def met() -> Wire:
    wire = Wire()
    wire.add("a")
    wire.add("b")
    wire.second()
    wire.second()
    wire.forgotten.clear()
    return wire


def test_a_line_that_hangs_holds_up_a_beat_once_and_not_for_every_message() -> None:
    wire = met()
    wire.hangs, bus = 2.0, wire.buses["a"]
    before = wire.now
    for _ in range(20):  # as when a thousand lines are told
        bus.send("lines", [])
        bus.flush()
    bus.beat()
    assert wire.now - before == 2.0
    wire.second("a")
    wire.second("a")
    assert bus.away and "a" in wire.forgotten  # so it is noticed in seconds that nobody hears
    wire.hangs = 0.0
    wire.second()
    wire.second()
    assert not bus.away


def test_one_whose_beats_are_late_makes_the_others_forget_once_and_not_again_when_it_speaks() -> None:
    wire = met()
    for _ in range(5):
        wire.second("b")
    assert wire.forgotten == ["b"] and not wire.buses["b"].there("a")
    wire.forgotten.clear()
    wire.buses["a"].beat()  # it was only slow: nothing of what it said is missing
    assert wire.buses["b"].there("a") and "b" not in wire.forgotten


def test_one_that_said_something_meanwhile_that_was_missed_makes_the_others_forget_again() -> None:
    wire = met()
    slow = wire.buses.pop("b")
    wire.second("a")  # unheard
    wire.buses["b"] = slow
    for _ in range(5):
        wire.second("b")
    wire.forgotten.clear()
    wire.buses["a"].beat()
    assert "b" in wire.forgotten


@pytest.mark.parametrize("gone", [False, True])
def test_a_message_that_was_heard_before_is_not_heard_again(gone: bool) -> None:
    wire = met()
    told: list[object] = []
    wire.buses["b"].on("seb", lambda _sender, body: told.append(body))
    wire.buses["a"].send("seb", [7, "good"])
    wire.buses["a"].flush()
    recorded = wire.said[-1]
    for _ in range(5 * gone):
        wire.second("b")
    wire.buses["b"].receive(recorded)
    assert told == [[7, "good"]]
    assert wire.buses["b"].there("a") is not gone  # and it is no sign of life


def test_facts_of_one_that_was_taken_for_gone_are_heard() -> None:
    events = Events()
    heard: list[SeatChanged] = []
    events.subscribe(SeatChanged, heard.append)
    wire = Wire()
    wire.add("a")
    wire.add("b", events)
    wire.second()
    for _ in range(5):
        wire.second("b")
    wire.buses["a"].send("facts", [["SeatChanged", 1, 2, 0]])
    wire.buses["a"].flush()
    assert heard == [SeatChanged(1, 2)]


def test_a_beat_names_who_is_heard() -> None:
    """So a process that begins knows a beat made after its start from one that somebody recorded before."""
    wire = met()
    about = {}
    wire.buses["b"].on("beat", lambda sender, body: about.update({sender: body}))
    wire.buses["a"].about = lambda: {"hears": wire.buses["a"].heard()}
    wire.second("a")
    assert about["a"]["hears"] == ["b"]
    assert json.loads(wire.said[-1])[0] == "a"


# A connection that is only half there


class HalfOpen:
    """Stands between; after `cut` old connections are silent for ever, and new ones work."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._reign = 0
        self._all: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._reign += 1

    def close(self) -> None:
        for each in [self._listener, *self._all]:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                inside, _ = self._listener.accept()
            except OSError:
                return
            outside = socket.socket(socket.AF_UNIX)
            outside.connect(self._target)
            self._all += [inside, outside]
            for pair in ((inside, outside), (outside, inside)):
                threading.Thread(target=self._pump, args=(*pair, self._reign), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, reign: int) -> None:
        try:
            while data := source.recv(65536):
                if reign == self._reign:
                    sink.sendall(data)
        except OSError:
            pass


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    server = Redis(tmp_path_factory.mktemp("r"))
    yield server
    server.kill()


@pytest.fixture
def between(redis: Redis) -> Iterator[HalfOpen]:
    made = HalfOpen(str(redis.socket))
    yield made
    made.close()


def test_a_listener_whose_connection_is_only_half_there_listens_anew(
    between: HalfOpen, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Redis machine that lost its power sends no end: nobody would hear anything for hours."""
    monkeypatch.setattr(redis_channel, "QUIET_SECONDS", 0.5)
    monkeypatch.setattr(redis_channel, "LOOK_SECONDS", 0.1)
    channel = RedisChannel(connect(f"redis://127.0.0.1:{between.port}"), "examhall/test")
    heard: list[bytes] = []
    listener = threading.Thread(target=channel.listen, args=(heard.append,))
    listener.start()
    try:
        said = RedisChannel(connect(redis.url), "examhall/test")
        assert eventually(lambda: (said.publish(b"before"), b"before" in heard)[1])  # type: ignore[func-returns-value]
        between.cut()
        assert eventually(lambda: (said.publish(b"after"), b"after" in heard)[1])  # type: ignore[func-returns-value]
    finally:
        channel.close()
        listener.join()


def eventually(holds: Callable[[], bool]) -> bool:
    over = threading.Event()
    return any(holds() or over.wait(0.05) for _ in range(200))
