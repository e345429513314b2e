"""Power cuts: whatever a disk may legally hold afterwards, every record that was told as saved is there."""

import base64
import errno
import itertools
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client import journal as journal_module
from client.books import Books
from client.device import DataFolder, write_atomically
from client.journal import Journal, unseal_response
from client.journal_file import SECTOR, JournalBroken, JournalFault, read
from client.outbox import Outbox
from exam_rooms.protocol import ZERO_HEAD, JournalReply, Record, RecordKind

DEVICE = bytes(range(32))
ATTEMPT_KEY = bytes(reversed(range(32)))
GRANT = JournalReply(7, 1, ZERO_HEAD, base64.b64encode(ATTEMPT_KEY).decode())
NAME = "7-1.journal"
LONG = "一个很长的回答。" * 60
"""A text whose record covers several sectors."""


def stamps() -> tuple[str, int]:
    return "boot-1", 5


def opened(folder: Path) -> Journal:
    return Journal.open(folder / NAME, DEVICE, stamps)


# What a disk may hold


@dataclass
class Recorder:
    """Stands for `os` in the journal: does what it is told and keeps what a disk was promised."""

    trace: list[tuple[str, int, bytes]] = field(default_factory=list)

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)

    def pwrite(self, descriptor: int, data: bytes, place: int) -> int:
        data = data[: max(200, len(data) * 2 // 3)]  # the system may take less than it is given
        self.trace.append(("write", place, data))
        return os.pwrite(descriptor, data, place)

    def ftruncate(self, descriptor: int, size: int) -> None:
        self.trace.append(("cut", size, b""))
        os.ftruncate(descriptor, size)

    def fdatasync(self, descriptor: int) -> None:
        os.fdatasync(descriptor)
        self.trace.append(("sync", 0, b""))

    fsync = fdatasync


def performed(image: bytes, operation: tuple[str, int, bytes]) -> bytes:
    what, place, data = operation
    if what == "write":
        image = image.ljust(place, b"\0")
        return image[:place] + data + image[place + len(data) :]
    return image[:place] if what == "cut" else image


def crash_images(synced: bytes, pending: list[tuple[str, int, bytes]]) -> Iterator[bytes]:
    """Every file a power cut may leave: one of the lengths, each changed sector old or new."""
    new, lengths = synced, {len(synced)}
    for operation in pending:
        new = performed(new, operation)
        lengths.add(len(new))
    old = synced.ljust(len(new), b"\0")
    new = new.ljust(len(old), b"\0")
    sectors = range(0, len(old), SECTOR)
    changed = [at for at in sectors if old[at : at + SECTOR] != new[at : at + SECTOR]]
    for kept in itertools.product((False, True), repeat=len(changed)):
        image = bytearray(old)
        for at, is_new in zip(changed, kept, strict=True):
            if is_new:
                image[at : at + SECTOR] = new[at : at + SECTOR]
        yield from (bytes(image[:length]) for length in lengths)


def assert_survives(folder: Path, image: bytes, told: list[Record], written: list[Record]) -> None:
    (folder / NAME).write_bytes(image)
    journal = opened(folder)
    try:
        assert len(journal.records) >= len(told)
        assert list(journal.records) == written[: len(journal.records)]
        record = journal.append(RecordKind.ANSWER, "after", ("A",))
        again = read((folder / NAME).read_bytes(), DEVICE)
        assert again.records[-1] == record
    finally:
        journal.close()


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    made = Recorder()
    monkeypatch.setattr(journal_module, "os", made)
    return made


def replayed(folder: Path, start: bytes, ran: "Ran", written: list[Record]) -> int:
    """Cuts the power after every operation of a trace; returns how many images were tried."""
    crash = folder / "crash"
    crash.mkdir()
    synced, told = start, 1
    pending: list[tuple[str, int, bytes]] = []
    seen: set[tuple[bytes, int]] = set()
    for count, operation in enumerate(ran.trace, 1):
        pending.append(operation)
        if operation[0] == "sync":
            for done in pending:
                synced = performed(synced, done)
            pending = []
        told = ran.told_at.get(count, told)
        seen |= {(image, told) for image in crash_images(synced, pending)}
    for image, told in seen:
        assert_survives(crash, image, written[:told], written)
    return len(seen)


@dataclass
class Ran:
    """A trace, and after how many of its operations how many records had been told as saved."""

    trace: list[tuple[str, int, bytes]]
    told_at: dict[int, int]


RESPONSES = [("A",), ("B", "C"), (LONG,), ("D",), (LONG[:150],)]


def appended(folder: Path, responses: list[tuple[str, ...]], recorder: Recorder) -> int:
    """Writes answers, then cuts the power at every moment; returns how many images were tried."""
    journal = Journal.create(folder, DEVICE, GRANT, stamps)
    recorder.trace.clear()
    start, told_at = (folder / NAME).read_bytes(), {}
    for number, response in enumerate(responses):
        journal.append(RecordKind.ANSWER, f"q{number}", response)
        told_at[len(recorder.trace)] = number + 2
    trace, written = list(recorder.trace), list(journal.records)
    journal.close()
    assert [operation[0] for operation in trace].count("sync") == len(responses)
    return replayed(folder, start, Ran(trace, told_at), written)


def test_every_legal_image_after_a_power_cut_holds_every_told_record(
    tmp_path: Path, recorder: Recorder
) -> None:
    assert appended(tmp_path, RESPONSES, recorder) > 80


@settings(max_examples=8, deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=100), min_size=1, max_size=3))
def test_it_holds_for_any_answers(texts: list[str]) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        made = Recorder()
        patch.setattr(journal_module, "os", made)
        appended(Path(folder), [(text or "空",) for text in texts], made)


def test_what_a_full_disk_left_is_never_mixed_with_the_next_record(
    tmp_path: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal.create(tmp_path, DEVICE, GRANT, stamps)
    journal.append(RecordKind.ANSWER, "q1", ("A",))
    recorder.trace.clear()
    start = (tmp_path / NAME).read_bytes()
    true = Recorder.pwrite

    def full(self: Recorder, descriptor: int, data: bytes, place: int) -> int:
        if any(what == "write" for what, _place, _data in self.trace):
            raise OSError(errno.ENOSPC, "No space left on device")
        return true(self, descriptor, data, place)

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "pwrite", full)
        with pytest.raises(JournalFault, match="disk_full"):
            journal.append(RecordKind.ANSWER, "q2", (LONG,))
    journal.append(RecordKind.ANSWER, "q3", (LONG[:300],))
    trace, written = list(recorder.trace), list(journal.records)
    journal.close()
    assert [operation[0] for operation in trace[:4]] == ["write", "cut", "sync", "write"]
    assert replayed(tmp_path, start, Ran(trace, {1: 2, len(trace): 3}), written) > 5


@pytest.mark.dear
def test_the_file_cut_at_every_byte_is_a_prefix_that_goes_on(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path, DEVICE, GRANT, stamps)
    ends = [(tmp_path / NAME).stat().st_size]
    for number, response in enumerate(RESPONSES[:3]):
        journal.append(RecordKind.ANSWER, f"q{number}", response)
        ends.append((tmp_path / NAME).stat().st_size)
    written = list(journal.records)
    journal.close()
    whole = (tmp_path / NAME).read_bytes()
    for cut in range(ends[0], len(whole) + 1):
        told = [record for record, end in zip(written, ends, strict=True) if end <= cut]
        kept = read(whole[:cut], DEVICE).records
        assert list(kept) == told  # never half a record
        if cut % 29 == 0 or cut in ends:
            assert_survives(tmp_path, whole[:cut], told, written)


def test_a_lost_sector_in_front_of_other_records_is_damage_and_no_torn_end(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path, DEVICE, GRANT, stamps)
    for number in range(12):
        journal.append(RecordKind.ANSWER, f"q{number}", ("A",))
    journal.close()
    whole = (tmp_path / NAME).read_bytes()
    first = read(whole, DEVICE).header.size // SECTOR + 1
    for sector in range(first, len(whole) // SECTOR - 3):
        image = whole[: sector * SECTOR] + bytes(SECTOR) + whole[(sector + 1) * SECTOR :]
        with pytest.raises(JournalBroken):
            read(image, DEVICE)


# Names


def test_a_new_journal_is_durable_by_content_and_by_name_before_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    true_fsync, true_replace = os.fsync, Path.replace

    def fsync(descriptor: int) -> None:
        true_fsync(descriptor)
        done.append("sync " + Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)

    def renamed(self: Path, target: Path) -> Path:
        done.append(f"rename {self.name} {target.name}")
        return true_replace(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", renamed)
    write_atomically(tmp_path / NAME, b"content")
    folder = tmp_path.name
    assert done == [f"sync {NAME}.part", f"rename {NAME}.part {NAME}", f"sync {folder}"]


def test_the_folder_of_the_journals_outlives_a_power_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    true = os.fsync

    def fsync(descriptor: int) -> None:
        true(descriptor)
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))

    monkeypatch.setattr(os, "fsync", fsync)
    folder = DataFolder(tmp_path / "seat")
    folder.close()
    assert {tmp_path, tmp_path / "seat"} <= set(synced)


# Real disks


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A tmpfs of 64 KB; without root's rights it cannot be made."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[tuple[Path, Callable[[], None], Callable[[], None]]]:
    """A folder, and how to fill its disk and to free it again."""
    import resource
    import signal

    folder = tmp_path / "disk"
    if os.geteuid() == 0:
        with small_disk(folder):
            filler = folder / "filler"

            def fill() -> None:
                with pytest.raises(OSError), filler.open("wb", buffering=0) as file:
                    while True:
                        file.write(bytes(4096))

            yield folder, fill, filler.unlink
        return
    folder.mkdir()
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield (
        folder,
        lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1, before[1])),
        lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before),
    )
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_is_full_for_real_is_told_and_forgiven(
    disk: tuple[Path, Callable[[], None], Callable[[], None]],
) -> None:
    folder, fill, free = disk
    outbox = Outbox()
    data = DataFolder(folder / "seat")
    books = Books(data, DEVICE, outbox, stamps)
    books.grant(GRANT)
    books.append(7, RecordKind.ANSWER, "q0", ("A",))
    fill()
    saved = 1
    with pytest.raises(JournalFault, match="disk_full"):
        for _ in range(40):  # the last page takes some more
            books.append(7, RecordKind.ANSWER, f"q{saved}", (LONG,))
            saved += 1
    assert books.fault == "disk_full"
    free()
    books.append(7, RecordKind.ANSWER, "after", ("B",))
    assert books.fault == ""
    books.close()
    journal = opened(data.journals)
    kept = [unseal_response(ATTEMPT_KEY, record) for record in journal.records]
    assert kept == [(), ("A",), *[(LONG,)] * (saved - 1), ("B",)]
    journal.close()
    data.close()


@pytest.mark.skipif(shutil.which("mount") is None, reason="no mount")
def test_a_read_only_disk_refuses_and_harms_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    if os.geteuid() != 0:
        folder.mkdir()
        journal = Journal.create(folder, DEVICE, GRANT, stamps)
        journal.close()
        (folder / NAME).chmod(0o400)
        with pytest.raises(JournalFault):
            opened(folder)
        return
    with small_disk(folder):
        journal = Journal.create(folder, DEVICE, GRANT, stamps)
        journal.close()
        before = (folder / NAME).read_bytes()
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        with pytest.raises(JournalFault, match="read_only"):
            opened(folder)
        with pytest.raises(JournalFault, match="read_only"):
            Journal.create(folder, DEVICE, JournalReply(7, 2, ZERO_HEAD, GRANT.key), stamps)
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True)
        assert (folder / NAME).read_bytes() == before
        again = opened(folder)
        again.append(RecordKind.ANSWER, "q1", ("A",))
        again.close()
