"""An agent whose disk takes nothing from the start: it serves its page, links up, and says so on both sides."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from client.device import DataFolder, FolderInUse, disk_code
from tests.client.conftest import ROOT, AgentProcess, PageClient
from tests.client.fake_room import ID_NUMBER, TICKET, FakeRoom

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("mount") is None, reason="mounting a disk takes root's rights"
    ),
]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own for the agent's folder."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def lock(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


def unlock(disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)


def fill(disk: Path) -> None:
    with pytest.raises(OSError), (disk / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


def empty(disk: Path) -> None:
    (disk / "filler").unlink()


Spoil = Callable[[Path], None]
WAYS = pytest.mark.parametrize(
    ("spoil", "mend", "code"), [(lock, unlock, "read_only"), (fill, empty, "disk_full")], ids=["ro", "full"]
)


@contextmanager
def started(folder: Path, room: FakeRoom, *more: str) -> Iterator[PageClient]:
    """An agent whose page Safe Exam Browser opens, so that no file has to be written first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = ["--data", str(folder), "--server", room.url, "--seb", "--port", str(port), *more]
    process = subprocess.Popen([sys.executable, "-m", "client", *arguments], cwd=ROOT)
    try:
        page = PageClient(f"http://127.0.0.1:{port}/")
        page.headers["Origin"] = f"http://127.0.0.1:{port}"
        end = time.monotonic() + 60
        while True:
            try:
                page.launch()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < end
                page.close()
                time.sleep(0.1)
        yield page
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(60)


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@WAYS
def test_a_paired_seat_tells_the_candidate_and_the_monitor_and_recovers(
    room: FakeRoom, disk: Path, spoil: Spoil, mend: Spoil, code: str
) -> None:
    paired = AgentProcess(disk / "seat", room.url, room.code)
    paired.page.until(lambda view: view["step"] == "sign_in")
    paired.stop()
    spoil(disk)
    with started(disk / "seat", room) as page:
        view = page.until(lambda view: view["step"] == "sign_in")
        assert (view["fault"], view["saving"], view["link"]["up"]) == (code, "unsaved", True)
        until(lambda: room.status[-1].journal_fault == code)
        mend(disk)
        page.until(lambda view: not view["fault"])
        until(lambda: room.status[-1].journal_fault == "")
        assert page.call("/api/sign-in", {"ticket": TICKET, "id_number": ID_NUMBER})[0] == 200
        room.start()
        page.until(lambda view: view["step"] == "answering" and view["paper"] == "open")
        assert page.call("/api/answer", {"item": "q0", "response": ["A"]})[0] == 200
        until(lambda: room.answers() == {"q0": ("A",)})


@WAYS
def test_answers_that_lie_on_such_a_disk_are_shown_and_sent(
    room: FakeRoom, disk: Path, spoil: Spoil, mend: Spoil, code: str
) -> None:
    agent = AgentProcess(disk / "seat", room.url, room.code)
    agent.page.until(lambda view: view["step"] == "sign_in" and view["link"]["up"])
    assert agent.page.call("/api/sign-in", {"ticket": TICKET, "id_number": ID_NUMBER})[0] == 200
    room.start()
    agent.page.until(lambda view: view["step"] == "answering" and view["paper"] == "open")
    room.down = True
    assert agent.page.call("/api/answer", {"item": "q0", "response": ["B"]})[0] == 200
    agent.kill()
    spoil(disk)
    room.down = False
    with started(disk / "seat", room) as page:
        until(lambda: room.answers() == {"q0": ("B",)})
        view = page.until(lambda view: view["link"]["up"])
        assert (view["answers"], view["fault"]) == ({"q0": ["B"]}, code)
        mend(disk)
        page.until(lambda view: page.call("/api/answer", {"item": "q1", "response": ["A"]})[0] == 200)
        page.until(lambda view: not view["fault"] and view["saving"] == "server")
        assert room.answers() == {"q0": ("B",), "q1": ("A",)}


@WAYS
def test_a_new_machine_waits_with_its_pairing_until_it_can_be_kept(
    room: FakeRoom, disk: Path, spoil: Spoil, mend: Spoil, code: str
) -> None:
    spoil(disk)
    with started(disk / "seat", room, "--pair", str(room.code)) as page:
        view = page.until(lambda view: bool(view["fault"]))
        assert (view["step"], view["fault"]) == ("unpaired", code)
        mend(disk)
        page.until(lambda view: view["step"] == "sign_in")
    assert (disk / "seat" / "device.json").exists()


def test_a_read_only_folder_still_has_one_agent_alone(disk: Path) -> None:
    DataFolder(disk / "seat").close()
    lock(disk)
    first = DataFolder(disk / "seat")
    assert first.fault() == "read_only"
    with pytest.raises(FolderInUse):
        DataFolder(disk / "seat")
    first.close()


def test_a_sound_folder_has_no_fault_and_keeps_nothing_of_the_trial(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "seat")
    before = sorted(path.name for path in folder.path.iterdir())
    assert folder.fault() == ""
    assert sorted(path.name for path in folder.path.iterdir()) == before
    folder.close()
    assert disk_code(OSError(5, "Input/output error")) == "disk_error"
