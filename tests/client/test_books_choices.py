"""What the page chose and the journal wrote: repetitions, other seats, a disk that fails."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from client.candidate_acts import CandidateActs
from client.device import DataFolder
from client.running import Running, RunningStore
from client.seat import PageRefused
from client.sheet import Sheet
from exam_rooms.protocol import AnswersReply
from tests.client.books_kit import Desk, grant


def test_a_choice_from_an_earlier_seat_is_written_again_when_it_is_made_here(
    desk: Callable[[], Desk], tmp_path: Path
) -> None:
    """The earlier seat may still hold B, C and D, which come later: without a record of its own A is lost."""
    first = desk()
    first.books.grant(grant(1))
    record = first.answer("q1", "A")
    opened = first.books.newest(7)
    assert opened is not None
    Acts(first).answer("q1", ("A",))
    assert written(first, 1) == ["", "q1"]
    elsewhere = DataFolder(tmp_path / "elsewhere")
    second = Desk(elsewhere)
    second.books.grant(grant(2, record.hash, opened.records))
    assert second.answers == {"q1": ("A",)}
    for choice, so_far in ((("A",), 1), (("A",), 1), (("B",), 2), (("A",), 3)):
        Acts(second).answer("q1", choice)
        assert written(second, 2) == ["", *["q1"] * so_far]
    second.books.close()
    elsewhere.close()


def written(desk: Desk, journal: int) -> list[str]:
    """The items of the records of a journal."""
    return [entry.record.item for entry in desk.books.entries(7) if entry.record.journal == journal]


class Acts(CandidateActs):
    """What the page asks of the agent, at an open paper."""

    def __init__(self, desk: Desk) -> None:
        self.sheet = Sheet(desk.books.entries(7))
        self.board = self  # type: ignore[assignment]
        self.lock = threading.RLock()
        super().__init__(self, desk.books)  # type: ignore[arg-type]

    def boot(self) -> float:
        return 0.0

    def check_answer(
        self, _item: str, response: tuple[str, ...], _boot: float
    ) -> tuple[int, tuple[str, ...]]:
        return 7, response

    def check_item(self, _item: str, _boot: float) -> int:
        return 7

    def _settle(self) -> None:
        """Nothing else is there to be decided."""


def test_back_at_an_earlier_seat_nothing_counts_as_saved_before_the_new_journal_is_there(
    desk: Callable[[], Desk],
) -> None:
    """The candidate answered A here, then B elsewhere, came back, and chooses A once more while the server is
    away: this seat knows its own A alone.
    """
    here = desk()
    here.books.grant(grant(1))
    first = here.answer("q1", "A")
    opened = here.books.newest(7)
    assert opened is not None
    here.books.close_writing(7)
    with pytest.raises(PageRefused) as caught:
        Acts(here).answer("q1", ("A",))
    assert caught.value.code == "journal_not_open"
    here.books.grant(grant(3, first.hash, opened.records))
    Acts(here).answer("q2", ("B",))
    Acts(here).answer("q2", ("B",))  # the page repeats what it was not told of
    assert written(here, 3) == ["", "q2"]
    Acts(here).answer("q1", ("A",))  # journal 2 lies elsewhere, and nobody here has heard of the B in it
    Acts(here).answer("q1", ("A",))
    assert written(here, 3) == ["", "q2", "q1"]


def test_a_mark_is_written_again_where_another_seat_may_have_taken_it_away(desk: Callable[[], Desk]) -> None:
    here = desk()
    here.books.grant(grant(1))
    Acts(here).mark("q1", True)
    Acts(here).mark("q1", True)
    assert written(here, 1) == ["", "q1"]
    opened = here.books.newest(7)
    assert opened is not None
    here.books.close_writing(7)
    here.books.grant(grant(3, opened.head, opened.records))
    for marked, kinds in ((True, ["mark"]), (True, ["mark"]), (False, ["mark", "unmark"])):
        Acts(here).mark("q1", marked)
        assert [entry.record.kind for entry in here.books.entries(7)][3:] == kinds


@pytest.mark.parametrize("damage", ["none", "broken", "unread"])
def test_a_repetition_is_known_as_one_after_a_new_journal_at_the_same_seat(
    desk: Callable[[], Desk], folder: DataFolder, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = desk()
    first.books.grant(grant(1))
    first.answer("q1", "A")
    known = [entry.record for entry in first.books.entries(7)]
    path = folder.journals / "7-1.journal"
    if damage == "broken":
        path.write_bytes(path.read_bytes() + b"more than nothing, and no frame " * 3)
    with monkeypatch.context() as patched:
        if damage == "unread":
            patched.setattr("client.journal.os", _HalfRead())
        again = desk()
    again.books.grant(grant(2, known[-1].hash, tuple(known)))
    Acts(again).answer("q1", ("A",))
    assert written(again, 2) == ([""] if damage != "unread" else ["", "q1"])


def _no_room(_store: RunningStore, _running: Running) -> None:
    raise OSError(errno.ENOSPC, "no room")


def test_what_is_remembered_is_kept_as_soon_as_the_disk_takes_it_again(
    desk: Callable[[], Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without that a restart would take the attempt for settled, and its journal would never be sent."""
    first = desk()
    first.books.grant(grant(1))
    first.books.remember(Running(7, settled=True))
    with monkeypatch.context() as patched:
        patched.setattr(RunningStore, "save", _no_room)
        first.books.remember(Running(7, settled=False))
    assert desk().outbox.waiting() == 0
    second = desk()
    with monkeypatch.context() as patched:
        patched.setattr(RunningStore, "save", _no_room)
        second.books.remember(Running(7, settled=False))
    second.books.grant(grant(2))
    second.answer("q1", "A")
    assert desk().outbox.waiting() == 3


def test_a_disk_that_stops_reading_cuts_nothing_off(
    desk: Callable[[], Desk], folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = desk()
    first.books.grant(grant(1))
    first.answer("q1", "A")
    path = folder.journals / "7-1.journal"
    before = path.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("client.journal.os", _HalfRead())
        assert desk().books.fault == "disk_error"
    assert path.read_bytes() == before
    assert desk().answers == {"q1": ("A",)}


class _HalfRead:
    """The system's calls, but a disk that reads only the first half."""

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)

    @staticmethod
    def pread(descriptor: int, length: int, place: int) -> bytes:
        size = os.fstat(descriptor).st_size
        return os.pread(descriptor, max(0, min(length, size // 2 - place)), place)


def test_what_was_written_here_stays_known_as_such(desk: Callable[[], Desk]) -> None:
    """A new journal brings the records of the one before, which this seat wrote itself."""
    first = desk()
    first.books.grant(grant(1))
    record = first.answer("q1", "A")
    opened = first.books.newest(7)
    assert opened is not None
    first.books.grant(grant(2, record.hash, opened.records))
    Acts(first).answer("q1", ("A",))
    assert written(first, 2) == [""]
    again = desk()
    Acts(again).answer("q1", ("A",))
    assert written(again, 2) == [""]


def test_a_journal_that_nobody_could_look_into_counts_as_waiting(
    desk: Callable[[], Desk], folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = desk()
    first.books.grant(grant(1))
    first.answer("q1", "A")
    assert first.books.unread(7) == []
    with monkeypatch.context() as patched:
        patched.setattr("client.journal.os", _HalfRead())
        blind = desk()
    assert (blind.books.unread(7), blind.books.unread(None)) == (["disk_error"], ["disk_error"])
    blind.books.grant(grant(2))
    blind.outbox.acknowledge(7, AnswersReply({"2": 1}))
    blind.books.settle(None)
    assert blind.books.unread(7) == ["disk_error"]
    seeing = desk()  # the attempt was not taken for settled: what lies in its first journal is sent
    assert (seeing.books.unread(7), seeing.outbox.waiting(7)) == ([], 3)


def test_a_journal_under_another_key_counts_as_waiting_for_the_attempt_at_this_seat_alone(
    desk: Callable[[], Desk], folder: DataFolder
) -> None:
    desk().books.grant(grant(1))
    desk().books.close()
    other = Desk(folder, b"k" * 32)
    assert (other.books.unread(7), other.books.unread(8)) == (["wrong_device_key"], [])
