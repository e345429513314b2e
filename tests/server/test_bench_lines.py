"""The load driver's connections against a small real server: paces, whole replies, cut lines."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from server.cli.bench.floor_token import holder, token_of
from server.cli.bench.lines import Group, Line, Race

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
Answer = Callable[[socket.socket, int], bool]


def plain(line: socket.socket, _number: int) -> bool:
    line.sendall(REPLY)
    return True


def in_pieces(line: socket.socket, _number: int) -> bool:
    for byte in REPLY:
        line.sendall(bytes([byte]))
    return True


def refusing(line: socket.socket, _number: int) -> bool:
    line.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
    return True


def cutting(line: socket.socket, number: int) -> bool:
    if number == 2:
        return False
    return plain(line, number)


@contextmanager
def serving(answer: Answer) -> Iterator[tuple[str, int]]:
    """Answers every request of every connection; the number counts over all of them."""
    counted = iter(range(1, 1_000_000))

    def talk(line: socket.socket) -> None:
        got = b""
        with line, suppress(OSError):  # the driver has gone
            while part := line.recv(65536):
                got += part
                while b"\r\n\r\n" in got:
                    got = got.split(b"\r\n\r\n", 1)[1]
                    if not answer(line, next(counted)):
                        return

    def listen() -> None:
        while True:
            try:
                line, _address = door.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(line,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(target=listen, daemon=True).start()
        yield door.getsockname()


def group(address: tuple[str, int], lines: int, jobs: int, rate: float = 0.0) -> Group:
    return Group([Line(address, None, [ASK] * jobs) for _ in range(lines)], rate)


@pytest.mark.parametrize("answer", [plain, in_pieces])
def test_a_closed_loop_sends_all_it_has(answer: Answer) -> None:
    with serving(answer) as address:
        found = group(address, 3, 5)
        Race([found]).run_out()
    assert found.statuses == {200: 15}
    assert len(found.ms) == 15
    assert all(ms > 0 for ms in found.ms)


def test_a_pace_is_kept_and_the_span_ends_it() -> None:
    with serving(plain) as address:
        found, race_began = group(address, 4, 1000, rate=100.0), time.monotonic()
        race = Race([found])
        race.run(0.5)
    assert 0.5 <= race.seconds <= time.monotonic() - race_began
    assert 20 <= found.statuses[200] <= 51


def test_all_send_together_and_again_after_the_pause() -> None:
    with serving(plain) as address:
        found = group(address, 5, 100)
        found.burst_pause = 0.2
        Race([found]).run(0.7)
    assert found.statuses[200] % 5 == 0
    assert 5 < found.statuses[200] <= 20


def test_a_line_with_nothing_left_ends_the_race() -> None:
    with serving(plain) as address:
        found = group(address, 1, 3)
        race = Race([found])
        race.run(30.0)
    assert race.seconds < 5
    assert found.statuses == {200: 3}


def test_waiting_counts_from_when_a_request_was_due() -> None:
    def slow(line: socket.socket, number: int) -> bool:
        time.sleep(0.05)
        return plain(line, number)

    with serving(slow) as address:
        found = group(address, 1, 100, rate=100.0)
        Race([found]).run(0.4)
    assert max(found.ms) > 150  # ten a second too many: the queue shows


def test_refusals_and_cut_lines_are_told_apart_and_the_race_goes_on() -> None:
    with serving(refusing) as address:
        found = group(address, 1, 4)
        Race([found]).run_out()
    assert found.statuses == {503: 4}
    with serving(cutting) as address:
        found = group(address, 1, 4)
        Race([found]).run_out()
    assert found.statuses == {200: 3, 0: 1}


def test_only_good_replies_are_heard() -> None:
    heard: list[bytes] = []
    with serving(plain) as address:
        Race([Group([Line(address, None, [ASK] * 2, heard.append)])]).run_out()
    with serving(refusing) as address:
        Race([Group([Line(address, None, [ASK], heard.append)])]).run_out()
    assert heard == [b"{}", b"{}"]


def test_a_token_of_the_floor_names_its_holder_and_cannot_be_made_up() -> None:
    token = token_of(b"secret", 17)
    assert holder(b"secret", token) == 17
    assert holder(b"other", token) == 0
    assert holder(b"secret", token_of(b"other", 17)) == 0
