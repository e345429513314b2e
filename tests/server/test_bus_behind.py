"""A server process that is behind with hearing the others: who counts as silent, and when the line as broken."""

from collections.abc import Callable

from server.bus import bus
from tests.server.bus_kit import Wire, met


def busy(wire: Wire, meanwhile: Callable[[], object]) -> list[bytes]:
    """While "a" is in the middle of a message nothing else comes to anybody; what lies unread then."""
    wire.kept = []
    wire.buses["b"].send("lines", [])
    wire.buses["b"].flush()
    (message,), wire.kept = wire.kept, []
    wire.buses["a"].on("lines", lambda _sender, _body: meanwhile())
    wire.buses["a"].receive(message)
    unread, wire.kept = wire.kept, []
    return unread


def test_who_is_behind_with_hearing_takes_nobody_for_silent_who_spoke_meanwhile() -> None:
    """Ten seconds in one message: what the others said, and its own words, lie unread."""
    wire = met()
    mine = wire.buses["a"]
    seen: list[tuple[list[str], bool]] = []

    def slow() -> None:
        for _ in range(10):
            wire.second()
            seen.append((mine.heard(), mine.away))

    for message in busy(wire, slow):
        mine.receive(message)
        mine.beat()  # in the middle of them
    assert seen == [(["b"], False)] * 10
    assert (mine.heard(), mine.away) == (["b"], False)
    assert "a" not in wire.forgotten


def test_who_is_behind_with_hearing_still_notices_one_that_has_ended() -> None:
    """Its own words come back, and nothing of the other's stood between them."""
    wire = met()
    mine = wire.buses["a"]
    heard: list[list[str]] = []

    def slow() -> None:
        for _ in range(10):
            wire.second("a")
        heard.append(mine.heard())

    for message in busy(wire, slow):
        mine.receive(message)
    mine.beat()
    assert heard == [["b"]]
    assert (mine.heard(), mine.away) == ([], False)
    assert "a" in wire.forgotten


def test_who_is_busy_for_ever_takes_the_line_for_broken_in_the_end() -> None:
    wire = met()
    mine = wire.buses["a"]
    seen: list[tuple[list[str], bool]] = []

    def stuck() -> None:
        for seconds in (bus.BEHIND_SECONDS, 1):
            wire.now += seconds
            mine.beat()
            seen.append((mine.heard(), mine.away))

    busy(wire, stuck)
    assert seen == [(["b"], False), ([], True)]
    assert "a" in wire.forgotten


def test_after_a_message_silence_counts_again() -> None:
    wire = met()
    mine = wire.buses["a"]
    wire.buses["b"].send("lines", [])
    wire.buses["b"].flush()
    wire.kept = []
    wire.now += bus.SILENT_SECONDS + 1
    mine.beat()
    assert mine.heard() == []
    assert mine.away
