"""All journals of a workstation: which one is written, what survives damage, moves and new pairings."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from client.clock import ClockAnchor
from client.device import DataFolder, FolderInUse
from client.journal_file import JournalFault
from client.running import Running, RunningStore
from exam_rooms.protocol import (
    ZERO_HEAD,
    AnswersReply,
    RecordKind,
)
from exam_rooms.standby_messages import ResumedJournal
from tests.client.books_kit import DEVICE, NOW, STATE, Desk, grant


def test_a_folder_has_one_agent(folder: DataFolder) -> None:
    with pytest.raises(FolderInUse):
        DataFolder(folder.path)


def test_a_restart_knows_every_answer_and_resends_all(desk: Callable[[], Desk]) -> None:
    first = desk()
    first.books.grant(grant(1))
    first.answer("q1", "A")
    first.answer("q2", "B")
    first.answer("q1", "C")
    first.outbox.acknowledge(7, AnswersReply({"1": 4}))
    second = desk()
    assert second.answers == {"q1": ("C",), "q2": ("B",)}
    assert second.outbox.waiting(7) == 4
    assert second.answer("q3", "A").seq == 5


def test_an_attempt_has_no_journal_before_one_is_granted(desk: Callable[[], Desk]) -> None:
    books = desk().books
    assert books.writer(7) is None
    with pytest.raises(JournalFault) as caught:
        books.append(7, RecordKind.ANSWER, "q1", ("A",))
    assert caught.value.code == "journal_not_open"


def test_a_moved_seat_writes_no_more_and_forgets_nothing(desk: Callable[[], Desk]) -> None:
    first = desk()
    first.books.grant(grant(1))
    first.answer("q1", "A")
    first.books.close_writing(7)
    assert first.books.writer(7) is None
    second = desk()
    assert second.books.writer(7) is None
    assert second.outbox.waiting(7) == 2
    head = second.books.newest(7)
    assert head is not None
    second.books.grant(grant(3, head.head, head.records))
    assert second.answer("q1", "B").journal == 3
    assert second.answers == {"q1": ("B",)}


def test_records_from_elsewhere_count_as_the_servers(desk: Callable[[], Desk]) -> None:
    first = desk()
    first.books.grant(grant(1))
    record = first.answer("q1", "A")
    opened = first.books.newest(7)
    assert opened is not None
    second = desk()
    second.books.grant(grant(2, record.hash, opened.records))
    assert second.outbox.waiting(7) == 1  # the new OPEN record alone
    assert second.outbox.is_acknowledged(record)


def test_a_journal_the_server_is_ahead_of_is_not_continued(desk: Callable[[], Desk]) -> None:
    first = desk()
    first.books.grant(grant(1))
    first.outbox.acknowledge(7, AnswersReply({"1": 9}))
    assert first.books.writer(7) is None


def test_a_broken_journal_is_given_up_but_its_sound_part_is_sent(
    desk: Callable[[], Desk], folder: DataFolder
) -> None:
    first = desk()
    first.books.grant(grant(1))
    first.answer("q1", "A")
    first.answer("q2", "B")
    first.books.close()
    path = folder.journals / "7-1.journal"
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(bytes(data))
    second = desk()
    assert second.books.fault == "journal_broken"
    assert second.books.writer(7) is None
    assert (second.outbox.waiting(7), second.answers) == (2, {"q1": ("A",)})
    second.books.grant(grant(2))
    assert second.books.fault == ""
    assert second.answer("q3", "C").journal == 2
    assert path.read_bytes() == bytes(data)  # kept as it is for a closer look


def test_a_broken_newer_journal_does_not_revive_an_older_one(
    desk: Callable[[], Desk], folder: DataFolder
) -> None:
    first = desk()
    first.books.grant(grant(1))
    first.books.grant(grant(2))
    first.books.close()
    (folder.journals / "7-2.journal").write_bytes(b"damaged")
    assert desk().books.writer(7) is None


def test_a_full_disk_is_told_until_an_answer_is_saved(
    desk: Callable[[], Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = desk()
    first.books.grant(grant(1))

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.pwrite", full)
        with pytest.raises(JournalFault):
            first.answer("q1", "A")
        assert first.books.fault == "disk_full"
    first.answer("q1", "A")
    assert first.books.fault == ""


def test_a_new_pairing_writes_unsent_answers_again(desk: Callable[[], Desk]) -> None:
    first = desk()
    first.books.grant(grant(1))
    first.answer("q1", "A")
    first.outbox.acknowledge(7, AnswersReply({"1": 2}))
    first.answer("q2", "B")
    first.answer("q3", "C")
    first.outbox.disown(7, 1)
    assert first.books.writer(7) is None
    first.books.grant(grant(2))
    batch = first.outbox.batch(7)
    assert [(record.journal, record.kind, record.item) for record in batch] == [
        (2, RecordKind.OPEN, ""),
        (2, RecordKind.ANSWER, "q2"),
        (2, RecordKind.ANSWER, "q3"),
    ]
    assert first.outbox.waiting(7) == 3
    assert first.answers == {"q1": ("A",), "q2": ("B",), "q3": ("C",)}


def test_a_settled_attempt_is_let_go(desk: Callable[[], Desk], folder: DataFolder) -> None:
    first = desk()
    first.books.grant(grant(1))
    first.books.remember(Running(7, STATE))
    first.books.settle(8)
    assert first.books.newest(7) is not None  # not everything is acknowledged yet
    first.outbox.acknowledge(7, AnswersReply({"1": 1}))
    first.books.settle(7)
    assert first.books.newest(7) is not None  # the candidate is still here
    first.books.settle(None)
    assert first.books.newest(7) is None
    second = desk()
    assert (second.outbox.waiting(), second.books.latest_running()) == (0, None)
    assert (folder.journals / "7-1.journal").exists()


# The running state


def test_the_running_state_comes_back_sealed(tmp_path: Path) -> None:
    running = Running(7, STATE, ClockAnchor("boot", 5.0, NOW), closed=2, reopened=(1, 4))
    RunningStore(tmp_path, DEVICE).save(running)
    assert RunningStore(tmp_path, DEVICE).load() == {7: running}
    data = (tmp_path / "7.run").read_bytes()
    assert b"c2VjcmV0a2V5" not in data and b"answering" not in data
    assert RunningStore(tmp_path, bytes(32)).load() == {7: Running(7)}


def test_the_key_is_dropped_on_request(tmp_path: Path) -> None:
    bare = Running(7, STATE).without_key()
    assert bare.state is not None and bare.state.paper == replace(STATE.paper, key=None)  # type: ignore[type-var]
    assert Running(7).without_key() == Running(7)


def test_the_state_written_last_is_the_latest(tmp_path: Path) -> None:
    store = RunningStore(tmp_path, DEVICE)
    for number, attempt in enumerate((9, 3, 5)):
        store.save(Running(attempt, STATE))
        os.utime(tmp_path / f"{attempt}.run", ns=(number * 10**9, number * 10**9))
    assert list(store.load()) == [9, 3, 5]


def test_a_damaged_running_file_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "7.run").write_bytes(b"damaged")
    (tmp_path / "x.run").write_bytes(b"")
    assert RunningStore(tmp_path, DEVICE).load() == {7: Running(7)}


def test_a_damaged_device_file_is_told(folder: DataFolder) -> None:
    assert folder.load_device() is None
    for text in ("", "[]", json.dumps({"workstation": 1})):
        (folder.path / "device.json").write_text(text)
        with pytest.raises(ValueError, match=r".*"):
            folder.load_device()


def test_a_settled_journal_of_today_is_shown_to_a_server_of_another_epoch(
    desk: Callable[[], Desk], folder: DataFolder
) -> None:
    """The receipt may be all that the new server lacks the answers for."""
    first = desk()
    first.books.grant(replace(grant(1), proof="cHJvb2Y="))
    record = first.answer("q1", "A")
    first.outbox.acknowledge(7, AnswersReply({"1": 2}))
    first.books.settle(None)
    assert first.outbox.held(200) == ()
    (path,) = folder.journals.glob("*.journal")
    newest = folder.journals / "newest.journal"
    newest.touch()
    os.utime(newest, (0, path.stat().st_mtime + 100))
    first.outbox.rewind()
    first.books.recall(99.0)
    assert first.outbox.held(200) == ()  # of another day
    first.books.recall(101.0)
    (held,) = first.outbox.held(200)
    assert (held.attempt, held.journal, held.seq, held.parent) == (7, 1, 2, ZERO_HEAD)
    assert held.proof == "cHJvb2Y=" and first.outbox.owes(7)
    first.outbox.resume(ResumedJournal(7, 1, 1))
    assert first.outbox.batch(7) == (record,)
    first.books.settle(None)
    assert first.outbox.waiting() == 1  # not let go of while the new server lacks it
    first.outbox.acknowledge(7, AnswersReply({"1": 2}))
    first.books.settle(None)
    assert first.outbox.held(200) == ()
    again = desk()
    assert again.outbox.held(200) == ()
