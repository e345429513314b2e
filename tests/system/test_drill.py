"""The drill of lost answers: its counting by itself, and a short drill with every kind of fault."""

import json
import random
import subprocess
import sys
from collections.abc import Iterable, Set
from itertools import count, islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.cli.drill.answers import schedule
from server.cli.drill.choices import LEAST, responses
from server.cli.drill.faults import FAULTS
from server.cli.drill.ledger import Given, Ledger, aligned
from server.cli.drill.wire import State, Wire

QUESTION = (7, "q1")


def told(*responses: str, unsure: str = "") -> list[Given]:
    return [Given((one,), "fault", one not in unsure) for one in responses]


def stored(text: str) -> list[tuple[str, ...]]:
    return [(one,) for one in text]


@pytest.mark.parametrize(
    ("given_", "unsure", "found", "lost", "doubled"),
    [
        ("ABC", "", "ABC", 0, 0),
        ("ABC", "B", "AC", 0, 0),  # nobody said that B was saved
        ("ABC", "B", "ABC", 0, 0),  # and it may be there all the same
        ("ABC", "", "AC", 1, 0),
        ("ABC", "", "AB", 1, 0),
        ("ABC", "", "", 3, 0),
        ("ABC", "", "ABBC", 0, 1),
        ("ABC", "", "ABCC", 0, 1),
        ("ABA", "", "ABA", 0, 0),
        ("ABA", "", "AB", 1, 0),
        ("AB", "", "BA", 1, 1),  # the order is part of what a candidate chose
        ("", "", "A", 0, 1),
    ],
)
def test_answers_are_laid_beside_what_was_told(
    given_: str, unsure: str, found: str, lost: int, doubled: int
) -> None:
    gone, extra = aligned(told(*given_, unsure=unsure), stored(found))
    assert (len(gone), len(extra)) == (lost, doubled)


@given(st.text("ABCD", max_size=12), st.data())
def test_whatever_was_never_confirmed_may_be_missing_and_nothing_else(
    choices: str, data: st.DataObject
) -> None:
    sure = data.draw(st.lists(st.booleans(), min_size=len(choices), max_size=len(choices)))
    kept = data.draw(st.lists(st.booleans(), min_size=len(choices), max_size=len(choices)))
    given_ = [Given((one,), "", is_sure) for one, is_sure in zip(choices, sure, strict=True)]
    found = [(o,) for o, is_sure, is_kept in zip(choices, sure, kept, strict=True) if is_sure or is_kept]
    assert aligned(given_, found) == ([], [])


def test_the_ledger_counts_by_fault_and_a_repetition_once() -> None:
    ledger = Ledger()
    first = ledger.give(QUESTION, ("A",), "link_cut")
    assert ledger.give(QUESTION, ("A",), "agent_kill") is first
    first.acknowledged = True
    ledger.give(QUESTION, ("B",), "disk_full").acknowledged = True
    tallies = ledger.judge({QUESTION: [("A",)]})
    assert (tallies["link_cut"].acknowledged, tallies["link_cut"].lost) == (1, 0)
    assert (tallies["disk_full"].acknowledged, tallies["disk_full"].lost) == (1, 1)
    strange = ledger.judge({QUESTION: [("A",), ("B",)], (8, "q9"): [("C",)]})
    assert sum(tally.doubled for tally in strange.values()) == 1


def test_every_kind_of_fault_comes_before_one_comes_again() -> None:
    rounds = schedule(25, "seed")
    assert len(rounds) == 25
    assert set(rounds[: len(FAULTS)]) == set(rounds[len(FAULTS) : 2 * len(FAULTS)]) == set(FAULTS)
    assert schedule(25, "seed") == rounds != schedule(25, "other")


@pytest.mark.parametrize("kind", ["single", "multiple", "essay"])
def test_a_choice_does_not_come_back_soon(kind: str) -> None:
    item = {"kind": kind, "options": [{"key": key} for key in "ABCD"]}
    choices = responses(item)
    assert choices is not None
    drawn = list(islice(choices, 30))
    assert all(len(set(drawn[start : start + LEAST])) == LEAST for start in range(26))
    assert responses({"kind": "judge", "options": [{"key": key} for key in "AB"]}) is None


def test_a_wire_passes_on_cuts_and_loses_replies() -> None:
    import socket
    import threading

    listener = socket.create_server(("127.0.0.1", 0))
    heard: list[bytes] = []

    def echo() -> None:
        while True:
            try:
                line, _address = listener.accept()
            except OSError:
                return
            while data := line.recv(1024):
                heard.append(data)
                line.sendall(data.upper())
            line.close()

    threading.Thread(target=echo, daemon=True).start()
    wire = Wire(("127.0.0.1", int(listener.getsockname()[1])))
    try:
        with socket.create_connection(("127.0.0.1", wire.port), timeout=60) as near:
            near.sendall(b"one")
            assert near.recv(10) == b"ONE"
            wire.be(State.DEAF)
            near.sendall(b"two")
            near.settimeout(0.3)
            with pytest.raises(TimeoutError):
                near.recv(10)
            assert heard[-1] == b"two"
            wire.be(State.WHOLE)
            near.settimeout(60)
            assert near.recv(10) == b""  # a stream with a hole in it is ended
        wire.be(State.CUT)
        with socket.create_connection(("127.0.0.1", wire.port), timeout=60) as near:
            assert near.recv(10) == b""
    finally:
        wire.close()
        listener.close()


def drill(rounds: int, seats: int, seed: str) -> dict[str, object]:
    command = ["-c", "from server.cli import main; main()", "drill", "answers"]
    wish = ["--rounds", str(rounds), "--seats", str(seats), "--seed", seed]
    done = subprocess.run(
        [sys.executable, *command, *wish, "--json"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def seed_of(faults: Set[str]) -> str:
    """A seed whose drill begins with these faults, each once."""
    return next(seed for seed in map(str, count()) if set(schedule(len(faults), seed)) == faults)


def assert_nothing_lost(found: dict[str, object], faults: Iterable[str]) -> None:
    assert found["lost"] == found["doubled"] == found["chain_errors"] == found["untold"] == 0
    by_fault = found["by_fault"]
    assert isinstance(by_fault, dict)
    assert all(by_fault[name]["rounds"] > 0 for name in faults)
    assert all(by_fault[name]["acknowledged"] > 0 for name in faults)
    refused, incidents = found["refused"], found["incidents"]
    assert isinstance(refused, dict) and isinstance(incidents, dict)
    assert refused["disk_full"] > 0
    assert incidents["JOURNAL_FAILED"] > 0


@pytest.mark.system
def test_no_answer_is_lost_when_machines_lines_and_disks_fail() -> None:
    faults = {"server_kill", "agent_kill", "link_cut", "replies_lost", "disk_full"}
    assert_nothing_lost(drill(rounds=len(faults), seats=3, seed=seed_of(faults)), faults)


@pytest.mark.long
def test_no_answer_is_lost_in_two_hundred_rounds_of_every_fault() -> None:
    found = drill(rounds=200, seats=8, seed=str(random.Random(200).random()))
    assert_nothing_lost(found, FAULTS)
    acknowledged = found["acknowledged"]
    assert isinstance(acknowledged, int) and acknowledged > 800
