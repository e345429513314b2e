"""The journal: what was said to be saved is there after any crash, and nothing else ever is."""

import base64
import json
import os
import resource
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from client.journal import Journal, dump, unseal_response
from client.journal_file import JournalBroken, JournalFault, build_frame, read
from exam_rooms.protocol import ZERO_HEAD, JournalReply, RecordKind

DEVICE = bytes(range(32))
ATTEMPT_KEY = bytes(reversed(range(32)))
GRANT = JournalReply(7, 1, ZERO_HEAD, base64.b64encode(ATTEMPT_KEY).decode())
TICKS = iter(range(1_000_000))


def stamps() -> tuple[str, int]:
    return "boot-1", next(TICKS)


def fresh(folder: Path, grant: JournalReply = GRANT) -> Journal:
    return Journal.create(folder, DEVICE, grant, stamps)


def reopen(folder: Path, name: str = "7-1.journal", key: bytes = DEVICE) -> Journal:
    return Journal.open(folder / name, key, stamps)


def answers(journal: Journal) -> list[tuple[str, ...]]:
    return [unseal_response(ATTEMPT_KEY, record) for record in journal.records]


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """Four records: OPEN, two answers, a submit."""
    journal = fresh(tmp_path)
    journal.append(RecordKind.ANSWER, "q1", ("A",))
    journal.append(RecordKind.ANSWER, "q2", ("B", "C"))
    journal.append(RecordKind.SUBMIT)
    journal.close()
    return tmp_path / "7-1.journal"


def test_a_new_journal_starts_with_its_parent(tmp_path: Path) -> None:
    journal = fresh(tmp_path, replace(GRANT, parent="ab" * 32))
    (first,) = journal.records
    assert (first.kind, first.seq, first.prev) == (RecordKind.OPEN, 1, "ab" * 32)
    assert journal.head == first.hash == first.digest()
    journal.close()


def test_records_are_chained_and_come_back(filled: Path) -> None:
    journal = Journal.open(filled, DEVICE, stamps)
    records = journal.records
    assert [record.seq for record in records] == [1, 2, 3, 4]
    assert [record.prev for record in records] == [ZERO_HEAD, *(r.hash for r in records[:3])]
    assert all(record.hash == record.digest() for record in records)
    assert answers(journal) == [(), ("A",), ("B", "C"), ()]
    journal.close()


def test_reading_twice_gives_the_same(filled: Path) -> None:
    before = filled.read_bytes()
    first = Journal.open(filled, DEVICE, stamps)
    first_records = first.records
    first.close()
    second = Journal.open(filled, DEVICE, stamps)
    assert second.records == first_records
    second.close()
    assert filled.read_bytes() == before


def test_appending_goes_on_after_a_restart(filled: Path) -> None:
    journal = Journal.open(filled, DEVICE, stamps)
    head = journal.head
    record = journal.append(RecordKind.CLEAR, "q1")
    assert (record.seq, record.prev) == (5, head)
    journal.close()
    again = Journal.open(filled, DEVICE, stamps)
    assert again.records[-1] == record
    again.close()


def test_a_torn_end_is_cut_at_every_byte(filled: Path) -> None:
    """Whatever part of the last record reached the disk, the three before it stand and it is gone."""
    whole = filled.read_bytes()
    contents = read(whole, DEVICE)
    last = len(build_frame(DEVICE, contents.header, 3, contents.records[-1]))
    for cut in range(len(whole) - last, len(whole)):
        filled.write_bytes(whole[:cut])
        journal = Journal.open(filled, DEVICE, stamps)
        assert journal.records == contents.records[:3]
        record = journal.append(RecordKind.ANSWER, "q9", ("D",))
        assert record.seq == 4
        journal.close()
        assert read(filled.read_bytes(), DEVICE).records == (*contents.records[:3], record)


def test_a_page_of_zeros_at_the_end_is_a_torn_end(filled: Path) -> None:
    """After a power cut the file may have its new length and not yet its new bytes."""
    whole = filled.read_bytes()
    contents = read(whole, DEVICE)
    last = len(build_frame(DEVICE, contents.header, 3, contents.records[-1]))
    for kept in (0, 3, 8, 20, last - 17):
        filled.write_bytes(whole[: len(whole) - last + kept] + bytes(last - kept))
        journal = Journal.open(filled, DEVICE, stamps)
        assert journal.records == contents.records[:3]
        journal.close()


def test_damage_before_the_end_is_never_cut_away(filled: Path) -> None:
    """A flipped bit anywhere must not make saved answers disappear silently."""
    whole = filled.read_bytes()
    contents = read(whole, DEVICE)
    start = contents.header.size
    for place in range(start, len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        with pytest.raises(JournalBroken) as caught:
            read(bytes(damaged), DEVICE)
        saved = caught.value.records
        assert saved == contents.records[: len(saved)]
        assert len(saved) < 4
    assert len(saved) == 3  # damage in the last record leaves the three before it readable


def test_a_damaged_header_is_refused(filled: Path) -> None:
    whole = filled.read_bytes()
    size = read(whole, DEVICE).header.size
    for place in range(size):
        damaged = bytearray(whole)
        damaged[place] ^= 0x01
        with pytest.raises(JournalFault):
            read(bytes(damaged), DEVICE)


def test_frames_cannot_be_swapped_dropped_or_repeated(filled: Path) -> None:
    whole = filled.read_bytes()
    contents = read(whole, DEVICE)
    sizes = [len(build_frame(DEVICE, contents.header, n, r)) for n, r in enumerate(contents.records)]
    start = contents.header.size
    frames = []
    for size in sizes:
        frames.append(whole[start : start + size])
        start += size
    head = whole[: contents.header.size]
    for order in ([0, 2, 1, 3], [0, 2, 3], [0, 1, 1, 2, 3], [1, 2, 3]):
        with pytest.raises(JournalBroken):
            read(head + b"".join(frames[n] for n in order), DEVICE)


def test_a_wrong_device_key_opens_nothing(filled: Path) -> None:
    before = filled.read_bytes()
    with pytest.raises(JournalFault) as caught:
        Journal.open(filled, bytes(32), stamps)
    assert caught.value.code == "wrong_device_key"
    assert filled.read_bytes() == before


def test_the_file_shows_neither_answers_nor_items(tmp_path: Path) -> None:
    journal = fresh(tmp_path)
    journal.append(RecordKind.ANSWER, "item-of-the-paper", ("SECRETKEY",))
    journal.close()
    data = (tmp_path / "7-1.journal").read_bytes()
    for secret in (b"item-of-the-paper", b"SECRETKEY", b"answer", ATTEMPT_KEY, GRANT.key.encode()):
        assert secret not in data
    assert (tmp_path / "7-1.journal").stat().st_mode & 0o077 == 0


def test_a_body_opens_only_in_its_place(tmp_path: Path) -> None:
    journal = fresh(tmp_path)
    record = journal.append(RecordKind.ANSWER, "q1", ("A",))
    with pytest.raises(JournalBroken):
        unseal_response(ATTEMPT_KEY, replace(record, seq=3))
    with pytest.raises(JournalBroken):
        unseal_response(bytes(32), record)
    journal.close()


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    journal = fresh(tmp_path)
    with pytest.raises(JournalFault) as caught:
        reopen(tmp_path)
    assert caught.value.code == "journal_in_use"
    journal.append(RecordKind.ANSWER, "q1", ("A",))
    journal.close()
    again = reopen(tmp_path)
    assert again.seq == 2
    again.close()


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    journal = fresh(tmp_path)
    script = (
        "import sys; from pathlib import Path; from client.journal import *;"
        "from client.journal_file import JournalFault\n"
        "try: Journal.open(Path(sys.argv[1]), bytes(range(32)), lambda: ('b', 1))\n"
        "except JournalFault as fault: print(fault.code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "7-1.journal")], capture_output=True, text=True
    )
    assert done.stdout.strip() == "journal_in_use"
    journal.close()


def test_a_journal_is_never_made_twice(tmp_path: Path) -> None:
    fresh(tmp_path).close()
    with pytest.raises(JournalFault) as caught:
        fresh(tmp_path)
    assert caught.value.code == "journal_exists"


def test_earlier_records_are_kept_for_a_restart(tmp_path: Path, filled: Path) -> None:
    first = Journal.open(filled, DEVICE, stamps)
    folder = tmp_path / "other"
    folder.mkdir()
    grant = JournalReply(7, 2, first.head, GRANT.key, first.records)
    second = fresh(folder, grant)
    second.append(RecordKind.ANSWER, "q3", ("A",))
    second.close()
    again = reopen(folder, "7-2.journal")
    assert again.earlier == first.records
    assert [record.journal for record in again.records] == [2, 2]
    assert again.records[0].prev == first.head
    first.close()
    again.close()


# Crashes

WRITER = """
import base64, sys, time
from pathlib import Path
from client.journal import Journal
from exam_rooms.protocol import JournalReply, RecordKind, ZERO_HEAD
key = base64.b64encode(bytes(reversed(range(32)))).decode()
journal = Journal.create(Path(sys.argv[1]), bytes(range(32)), JournalReply(7, 1, ZERO_HEAD, key),
                         lambda: ("b", time.monotonic_ns()))
while True:
    record = journal.append(RecordKind.ANSWER, f"q{journal.seq}", ("A",))
    sys.stdout.write(f"{record.seq} {record.hash}\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("after", [1, 7, 40])
def test_kill_9_in_the_middle_of_appending_loses_nothing_told(tmp_path: Path, after: int) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    told = [writer.stdout.readline().split() for _ in range(after)]
    os.kill(writer.pid, signal.SIGKILL)
    rest = writer.stdout.read().splitlines()
    writer.stdout.close()
    writer.wait()
    told += [line.split() for line in rest if len(line.split()) == 2 and len(line.split()[1]) == 64]
    journal = reopen(tmp_path)
    kept = {str(record.seq): record.hash for record in journal.records}
    assert all(kept[seq] == digest for seq, digest in told)
    assert len(kept) - 1 - len(told) <= 1  # at most the one whose word was still under way
    journal.append(RecordKind.ANSWER, "after", ("B",))
    journal.close()


def limit_file_size(size: int) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@pytest.fixture
def small_disk() -> object:
    """Sets the largest file size of this process; a write beyond it fails part way, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.getsignal(signal.SIGXFSZ)
    yield limit_file_size
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_is_said_and_harms_nothing(tmp_path: Path, small_disk: object) -> None:
    journal = fresh(tmp_path)
    journal.append(RecordKind.ANSWER, "q1", ("A",))
    size = (tmp_path / "7-1.journal").stat().st_size
    small_disk(size + 100)  # type: ignore[operator]
    for _ in range(2):
        with pytest.raises(JournalFault) as caught:
            journal.append(RecordKind.ANSWER, "q2", ("B",))
        assert caught.value.code == "disk_full"
        assert (tmp_path / "7-1.journal").stat().st_size == size
    assert journal.seq == 2
    small_disk(10_000_000)  # type: ignore[operator]
    journal.append(RecordKind.ANSWER, "q2", ("B",))
    journal.close()
    again = reopen(tmp_path)
    assert answers(again) == [(), ("A",), ("B",)]
    again.close()


def test_a_full_disk_at_the_start_leaves_no_half_journal(tmp_path: Path, small_disk: object) -> None:
    small_disk(100)  # type: ignore[operator]
    with pytest.raises(JournalFault) as caught:
        fresh(tmp_path)
    assert caught.value.code == "disk_full"
    assert list(tmp_path.iterdir()) == []


def test_a_failed_flush_is_said_and_the_record_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = fresh(tmp_path)

    def broken(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", broken)
        with pytest.raises(JournalFault) as caught:
            journal.append(RecordKind.ANSWER, "q1", ("A",))
    assert caught.value.code == "disk_error"
    journal.append(RecordKind.ANSWER, "q2", ("B",))
    journal.close()
    again = reopen(tmp_path)
    assert [record.item for record in again.records] == ["", "q2"]
    again.close()


def test_every_record_is_flushed_before_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[int] = []
    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", lambda fd: (real(fd), flushed.append(os.fstat(fd).st_size))[0])
    journal = fresh(tmp_path)
    for number in range(5):
        journal.append(RecordKind.ANSWER, f"q{number}", ("A",))
        assert flushed[-1] == (tmp_path / "7-1.journal").stat().st_size
    assert len(flushed) == 5
    journal.close()


# Dump


def device_file(folder: Path) -> Path:
    (folder / "journals").mkdir()
    key = base64.b64encode(DEVICE).decode()
    (folder / "device.json").write_text(json.dumps({"journal_key": key}))
    return folder / "journals"


def test_dump_lists_every_record_beside_a_running_agent(tmp_path: Path) -> None:
    journal = fresh(device_file(tmp_path))
    journal.append(RecordKind.ANSWER, "q1", ("A",))
    done = subprocess.run(
        [sys.executable, "-m", "client.journal", "dump", str(tmp_path)], capture_output=True, text=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["seq"], line["kind"], line["item"]) for line in lines] == [
        (1, "open", ""),
        (2, "answer", "q1"),
    ]
    assert [line["hash"] for line in lines] == [record.hash for record in journal.records]
    assert set(lines[0]) == {"attempt", "journal", "seq", "hash", "prev", "kind", "item"}
    assert done.returncode == 0
    journal.close()


def test_dump_names_what_it_cannot_read(tmp_path: Path) -> None:
    folder = device_file(tmp_path)
    journal = fresh(folder)
    journal.append(RecordKind.ANSWER, "q1", ("A",))
    journal.close()
    path = folder / "7-1.journal"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    (folder / "8-1.journal").write_bytes(b"something else")
    lines = list(dump(tmp_path))
    assert [line.get("why") for line in lines] == ["journal_broken", None, "journal_broken"]
    assert lines[1]["kind"] == "open"
    assert next(dump(tmp_path / "nowhere"))["why"] == "FileNotFoundError"
