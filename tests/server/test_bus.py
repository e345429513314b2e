"""The line between server processes when it hangs, when words come late, twice, or from another reign."""

import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from server.bus import bus, redis_channel
from server.bus.bus import ChannelDown
from server.bus.redis_channel import RedisChannel, connect
from server.events import Events, SeatChanged
from tests.server.bus_kit import Open, Wire, met
from tests.server.redis_kit import Impostor, Redis


def test_a_line_that_hangs_holds_up_a_beat_once_and_not_for_every_message() -> None:
    wire = met()
    wire.hangs, mine = 2.0, wire.buses["a"]
    before = wire.now
    for _ in range(20):  # as when a thousand lines are told
        mine.send("lines", [])
        mine.flush()
    mine.beat()
    assert wire.now - before == 2.0
    wire.second("a")
    wire.second("a")
    assert mine.away and "a" in wire.forgotten  # so it is noticed in seconds that nobody hears
    wire.hangs = 0.0
    wire.second()
    wire.second()
    assert not mine.away


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


def test_what_somebody_recorded_of_a_process_is_not_believed_by_one_that_came_later() -> None:
    """Numbers say nothing to a process that is new: it believes who names it."""
    wire = met()
    wire.buses["a"].send("seb", [7, "good"])
    wire.buses["a"].send("facts", [["SeatChanged", 1, 2, 0]])
    wire.second()
    events = Events()
    told: list[object] = []
    heard: list[SeatChanged] = []
    events.subscribe(SeatChanged, heard.append)
    late = wire.add("late", events)
    late.on("seb", lambda _sender, body: told.append(body))
    for recorded in list(wire.said):
        late.receive(recorded)
    assert told == heard == [] and not late.there("a") and not late.there("b")
    assert "late" in wire.forgotten  # whatever it was, nothing kept is sure
    wire.second()
    wire.second()
    assert late.there("a")
    wire.buses["a"].send("seb", [7, "wanted"])
    wire.buses["a"].send("facts", [["SeatChanged", 1, 2, 0]])
    wire.buses["a"].flush()
    assert told == [[7, "wanted"]] and heard == [SeatChanged(1, 2)]


def test_a_huge_message_is_neither_opened_nor_sent_and_the_others_see_that_one_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wire = met()
    monkeypatch.setattr(bus, "MESSAGE_MOST", 1000)
    opened: list[int] = []
    monkeypatch.setattr(Open, "open", lambda _self, blob: (opened.append(len(blob)), blob)[1])  # type: ignore[func-returns-value]
    wire.buses["b"].receive(b"x" * 1001)
    assert opened == [] and wire.forgotten == []
    said = len(wire.said)
    wire.buses["a"].send("seb", "x" * 1000)
    wire.buses["a"].flush()
    assert len(wire.said) == said
    wire.second("a")
    assert wire.forgotten == ["b"]


def test_much_that_waits_becomes_several_messages_in_order() -> None:
    wire = met()
    told: list[int] = []
    wire.buses["b"].on("seb", lambda _sender, body: told.append(body))
    for number in range(1200):
        wire.buses["a"].send("seb", number)
    before = len(wire.said)
    wire.buses["a"].flush()
    assert told == list(range(1200)) and len(wire.said) - before == 3


# What only stands in the place of Redis


@pytest.mark.parametrize(
    "answer", [b":x\r\n", b"*-5\r\n$\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0" * 99]
)
def test_whatever_answers_in_the_place_of_redis_the_listener_goes_on(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, seconds in (("TIMEOUT", 0.1), ("REST", 0.01), ("LOOK_SECONDS", 0.1), ("QUIET_SECONDS", 0.2)):
        monkeypatch.setattr(redis_channel, name, seconds)
    impostor = Impostor(answer)
    channel = RedisChannel(connect(impostor.url), "examhall/test")
    with pytest.raises(ChannelDown):
        channel.publish(b"x")
    heard: list[bytes] = []
    listener = threading.Thread(target=channel.listen, args=(heard.append,))
    listener.start()
    try:
        assert eventually(lambda: impostor.asked > 3)
        assert heard == []
    finally:
        channel.close()
        impostor.close()
        listener.join()


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


def test_one_that_is_given_up_while_its_message_is_heard_is_heard_to_the_end() -> None:
    """Between two parts other greenlets run, and one of them counts the seconds."""
    wire = met()
    mine, other, heard = wire.buses["a"], wire.buses["b"], list[object]()

    def slow(_sender: str, body: object) -> None:
        heard.append(body)
        wire.now += bus.BEHIND_SECONDS + 1
        mine.beat()

    mine.on("lines", slow)
    other.send("lines", 1)
    other.send("lines", 2)
    other.flush()
    assert heard == [1, 2]
    assert "a" in wire.forgotten
