"""Drills in earnest: the wire between seat and server, agents that are forked, and every kind of fault."""

import json
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

import pytest

from server.cli.drill.faults import SEAT_FAULTS
from server.cli.drill.nursery import Nursery
from server.cli.drill.room_faults import ROOM_FAULTS
from server.cli.drill.schedule import Kinds, schedule
from server.cli.drill.telling import ANSWERS, kinds_of
from server.cli.drill.wire import State, Wire
from server.cli.rehearse.fleet import Fleet, await_

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def echo() -> Iterator[tuple[int, list[bytes]]]:
    """A port that gives back what it gets in capitals, and what it has heard."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def serve(line: socket.socket) -> None:
        try:
            while data := line.recv(1 << 16):
                heard.append(data)
                line.sendall(data.upper())
        except OSError:
            pass
        line.close()

    def accept() -> None:
        while True:
            try:
                line, _address = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(line,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield int(listener.getsockname()[1]), heard
    listener.close()


@pytest.fixture
def wire(echo: tuple[int, list[bytes]]) -> Iterator[Wire]:
    made = Wire(("127.0.0.1", echo[0]), "seed")
    yield made
    made.close()


def connected(wire: Wire) -> socket.socket:
    return socket.create_connection(("127.0.0.1", wire.port), timeout=60)


def test_a_wire_passes_on_cuts_and_loses_replies(wire: Wire, echo: tuple[int, list[bytes]]) -> None:
    with connected(wire) as near:
        near.sendall(b"one")
        assert near.recv(10) == b"ONE"
        wire.be(State.DEAF)
        near.sendall(b"two")
        near.settimeout(0.3)
        with pytest.raises(TimeoutError):
            near.recv(10)
        assert echo[1][-1] == b"two"
        wire.be(State.WHOLE)
        near.settimeout(60)
        assert near.recv(10) == b""  # a stream with a hole in it is ended
    wire.be(State.CUT)
    with connected(wire) as near:
        assert near.recv(10) == b""


def test_a_lossy_wire_resets_some_connections_and_never_bends_what_it_carries(wire: Wire) -> None:
    wire.be(State.LOSSY)
    sent, whole, torn, turn = b"a message of some length", 0, 0, 0
    while whole < 20 or torn < 5:  # some 60 connections, by chance; never hundreds
        turn += 1
        assert turn < 1000
        with connected(wire) as near:
            try:
                near.sendall(sent)
                reply = near.recv(100)
            except ConnectionError:
                torn += 1
                continue
        whole += reply == sent.upper()
        assert sent.upper().startswith(reply)
    wire.be(State.WHOLE)
    with connected(wire) as near:
        near.sendall(sent)
        assert near.recv(100) == sent.upper()


@pytest.mark.system
@pytest.mark.walk
def test_agents_of_one_nursery_are_processes_of_their_own_and_end_with_it(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        nursery = Nursery(fleet)
        made = {}
        for name in ("one", "two"):
            arguments = ("--data", str(tmp_path / name), "--server", "https://127.0.0.1:1", "--no-browser")
            made[name] = nursery.start(name, (*arguments, "--shared-machine"))
        await_(lambda: all((tmp_path / name / "launch").exists() for name in made), 60)
        assert made["one"].pid != made["two"].pid
        made["one"].kill()
        assert not made["one"].running
        assert made["two"].running
        wrong = nursery.start("wrong", ("--data", str(tmp_path / "two"), "--server", "https://127.0.0.1:1"))
        await_(lambda: not wrong.running, 60)
        assert "another agent uses this folder" in wrong.tail()
    end = time.monotonic() + 30
    while made["two"].running and time.monotonic() < end:
        time.sleep(0.05)
    assert not made["two"].running


def drill(*wish: str) -> dict[str, object]:
    command = [sys.executable, "-c", "from server.cli import main; main()", "drill", *wish, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def seed_of(wanted: set[str], rounds: int, kinds: Kinds, *, without: str) -> str:
    """A seed whose drill has these faults among so many, and one not at all."""
    drawn = ((seed, set(schedule(rounds, seed, kinds))) for seed in map(str, count()))
    return next(seed for seed, found in drawn if wanted <= found and without not in found)


def assert_nothing_lost(found: dict[str, object], tried: Iterable[str]) -> None:
    assert found["lost"] == found["doubled"] == found["chain_errors"] == found["untold"] == 0
    by_fault = found["by_fault"]
    assert isinstance(by_fault, dict)
    for name in tried:
        fault = by_fault[name]
        assert fault["tried"] == fault["survived"] > 0, name
        assert fault["seconds"] is None or 0 <= fault["seconds"]["p50"] <= fault["seconds"]["max"]
    acknowledged = found["acknowledged"]
    assert isinstance(acknowledged, int)
    assert acknowledged >= sum(fault["acknowledged"] for fault in by_fault.values()) > 0


@pytest.mark.system
@pytest.mark.walk
def test_no_answer_is_lost_when_machines_lines_and_disks_fail(tmp_path: Path) -> None:
    kinds, rounds = kinds_of("sqlite", 1), 12
    wanted = {"server_kill", "agent_kill", "link_lossy", "replies_lost", "disk_full", "server_disk_full"}
    seed, file = seed_of(wanted, rounds, kinds, without="restart_storm"), tmp_path / "sums.json"
    found = drill("faults", "--rounds", str(rounds), "--seats", "3", "--seed", seed, "--append", str(file))
    assert_nothing_lost(found, schedule(rounds, seed, kinds))
    assert (found["store"], found["rounds"]) == ("sqlite", rounds)
    refused, incidents, summed = found["refused"], found["incidents"], found["sum"]
    assert isinstance(refused, dict) and isinstance(incidents, dict) and isinstance(summed, dict)
    assert refused["disk_full"] > 0
    assert incidents["JOURNAL_FAILED"] > 0
    assert (summed["runs"], summed["rounds"], summed["by_fault"]) == (1, rounds, found["by_fault"])


@pytest.mark.long
@pytest.mark.parametrize(("kept_in", "workers"), [("sqlite", 1), ("postgres", 2)])
def test_no_answer_is_lost_in_a_hundred_rounds_of_every_fault(kept_in: str, workers: int) -> None:
    seed = str(random.Random(kept_in).random())
    wish = ("--rounds", "100", "--seats", "16", "--store", kept_in, "--workers", str(workers))
    found = drill("faults", *wish, "--seed", seed)
    assert_nothing_lost(found, kinds_of(kept_in, workers).every)
    assert found["workers"] == workers


@pytest.mark.long
@pytest.mark.parametrize(("kept_in", "workers"), [("sqlite", 1), ("postgres", 2)])
def test_no_answer_is_lost_when_a_standby_takes_over(kept_in: str, workers: int) -> None:
    wish = ("--rounds", "1", "--seats", "2", "--store", kept_in, "--workers", str(workers))
    assert_nothing_lost(drill("faults", *wish, "--takeovers", "1"), ["takeover"])


@pytest.mark.long
def test_no_answer_is_lost_in_a_drill_of_answers() -> None:
    found = drill("answers", "--rounds", "60", "--seats", "8", "--seed", "answers")
    assert_nothing_lost(found, ANSWERS.every)
    by_fault = found["by_fault"]
    assert isinstance(by_fault, dict)
    assert set(by_fault) == set(ANSWERS.every) < set(SEAT_FAULTS) | set(ROOM_FAULTS)
