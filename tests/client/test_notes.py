"""The candidate's own notes: kept through a restart, sealed, bounded, and gone with the attempt."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from client.board import Board
from client.clock import ServerClock
from client.notes import NOTE_LIMIT, Notes, Pad, noted
from client.outbox import Outbox
from client.paper import Paper
from client.responses import ItemRule
from client.seat import PageRefused, Seat, Surroundings
from exam_rooms.protocol import RecordKind, SeatState, Step
from tests.client.test_seat import NOON, STATE, write

KEY = b"k" * 32
PAPER = Paper(b"{}", {name: ItemRule("single", frozenset("ABCD")) for name in ("q1", "q2")})


class Desk:
    """A seat with a pad, as the agent joins them."""

    def __init__(self, folder: Path) -> None:
        clock = ServerClock("b")
        clock.observe(NOON, sent=0.0, received=0.0)
        self.seat = Seat(clock, Outbox())
        self.seat.around = Surroundings(paired=True, link_up=True)
        self.pad = Pad(Board(self.seat, lambda: 1.0), folder, KEY)

    def take(self, state: SeatState) -> "Desk":
        self.seat.take(state)
        if state.step is Step.ANSWERING:
            self.seat.open_paper(PAPER)
        self.pad.take_state(state)
        return self

    def notes(self) -> Any:
        return self.seat.view(1.0)["notes"]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    return Desk(tmp_path).take(STATE)


def test_notes_survive_a_restart(desk: Desk, tmp_path: Path) -> None:
    desk.pad.take_act({"item": "q1", "struck": ["B", "D"], "note": "先看图"})
    desk.pad.take_act({"item": "q2"})
    desk.pad.take_act({"read": 4})
    again = Desk(tmp_path).take(STATE)
    assert again.notes() == {
        **{"item": "q2", "struck": {"q1": ["B", "D"]}, "texts": {"q1": "先看图"}},
        "read": 4,
    }
    assert again.seat.view(1.0)["resume"] == "q2"


def test_the_file_is_sealed(desk: Desk, tmp_path: Path) -> None:
    desk.pad.take_act({"item": "q1", "note": "a plain note"})
    (file,) = tmp_path.iterdir()
    assert b"plain" not in file.read_bytes()


def test_a_file_that_cannot_be_read_is_an_empty_pad(desk: Desk, tmp_path: Path) -> None:
    desk.pad.take_act({"item": "q1", "note": "x"})
    (tmp_path / "7.notes").write_bytes(b"damaged")
    assert Desk(tmp_path).take(STATE).notes()["texts"] == {}


@pytest.mark.parametrize("step", [Step.SUBMITTED, Step.TIME_OVER, Step.ENDED])
def test_notes_go_when_the_seat_is_collected_and_not_before(desk: Desk, tmp_path: Path, step: Step) -> None:
    desk.pad.take_act({"item": "q1", "note": "x"})
    desk.take(replace(STATE, step=step))
    assert desk.notes()["texts"] == {"q1": "x"}
    desk.take(replace(STATE, step=step, collect=True))
    assert desk.notes()["texts"] == {} and list(tmp_path.iterdir()) == []


def test_the_next_candidate_finds_nothing(desk: Desk, tmp_path: Path) -> None:
    desk.pad.take_act({"item": "q1", "note": "x"})
    desk.take(replace(STATE, attempt=None, step=Step.SIGN_IN))
    desk.take(replace(STATE, attempt=8))
    assert desk.notes()["texts"] == {} and list(tmp_path.iterdir()) == []


def test_an_empty_state_between_keeps_them(desk: Desk) -> None:
    desk.pad.take_act({"item": "q1", "note": "x"})
    desk.take(replace(STATE, attempt=None, step=Step.UNASSIGNED))
    assert desk.take(STATE).notes()["texts"] == {"q1": "x"}


def test_where_to_go_on_without_notes_is_what_was_answered_last(desk: Desk) -> None:
    for seq, item in enumerate(("q1", "q2", "q1"), 1):
        write(desk.seat, seq, RecordKind.ANSWER, item, ("A",))
    assert desk.seat.view(1.0)["resume"] == "q1"
    desk.pad.take_act({"item": "q2"})
    assert desk.seat.view(1.0)["resume"] == "q2"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"item": "q9"}, "bad_response"),
        ({"item": "q1", "struck": "AB"}, "bad_request"),
        ({"item": "q1", "struck": ["A"] * 27}, "bad_request"),
        ({"item": "q1", "struck": [1]}, "bad_request"),
        ({"item": "q1", "note": "x" * (NOTE_LIMIT + 1)}, "bad_request"),
        ({"item": "q1", "note": "\0"}, "bad_request"),
        ({"read": True}, "bad_request"),
        ({"read": -1}, "bad_request"),
    ],
)
def test_what_does_not_fit_is_refused(desk: Desk, body: dict[str, object], code: str) -> None:
    with pytest.raises(PageRefused) as caught:
        desk.pad.take_act(body)
    assert caught.value.code == code
    assert desk.notes() == {"item": "", "struck": {}, "texts": {}, "read": 0}


def test_a_closed_paper_takes_no_note_but_announcements_can_be_read(desk: Desk) -> None:
    desk.take(replace(STATE, step=Step.READY))
    with pytest.raises(PageRefused):
        desk.pad.take_act({"item": "q1", "note": "x"})
    desk.pad.take_act({"read": 2})
    assert desk.notes()["read"] == 2


def test_a_full_disk_loses_no_act(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("client.notes.write_atomically", full)
    desk.pad.take_act({"item": "q1", "note": "x"})
    assert desk.notes()["texts"] == {"q1": "x"}


def test_blank_notes_and_repeated_keys_are_not_kept() -> None:
    made = noted(Notes(), {"item": "q1", "struck": ["A", "A"], "note": " \n"})
    assert made == Notes("q1", {"q1": ("A",)})
    assert noted(made, {"item": "q1", "struck": []}) == Notes("q1")


def test_reading_never_goes_back() -> None:
    assert noted(Notes(read=5), {"read": 3}).read == 5


def test_a_disk_that_lets_nothing_go_stops_nobody(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stuck(path: Path, missing_ok: bool = False) -> None:
        raise OSError(30, "Read-only file system")

    desk.pad.take_act({"item": "q1", "note": "x"})
    monkeypatch.setattr(Path, "unlink", stuck)
    desk.take(replace(STATE, attempt=8))
    assert desk.notes()["texts"] == {}
    assert len(list(tmp_path.iterdir())) == 1
