"""The launcher of a locked seat on a display of its own: crash, hang, another window manager, and the two ways to leave.

Browser and window manager belong to an unprivileged user; the machine's own policies stay untouched, the
kiosk sees its files in a private mount namespace.
"""

import base64
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from client import lockdown
from client.lockdown_leftovers import leftovers
from client.lockdown_system import Plan
from client.workstation import install
from exam_rooms.kiosk_messages import KioskOrder, KioskPlan, KioskReport, Lockdown, order_message
from exam_rooms.pins import hashed_pin
from tests.client.fake_room import FakeRoom
from tests.system.kiosk_kit import (
    Layers,
    Log,
    Opening,
    Screen,
    Seat,
    display,
    need_private_mounts,
    private_mounts,
    processes_below,
    running_room,
    wait_until,
)
from tests.unprivileged import user_and_prefix

ROOT = Path(__file__).parents[2]
FULL = Layers()
pytestmark = [pytest.mark.system, pytest.mark.walk]


@pytest.fixture(scope="module", autouse=True)
def _mounts() -> None:
    need_private_mounts()


@pytest.fixture
def room() -> Iterator[FakeRoom]:
    with running_room() as made:
        yield made


class LockedSeat:
    """`python -m client --kiosk` as a process of its own, on a machine that is set up as it should be."""

    def __init__(self, folder: Path, room: FakeRoom, display_name: str) -> None:
        self.room, self.screen = room, Screen(display_name, Log())
        port = free_port()
        install(Plan(f"http://127.0.0.1:{port}"), folder / "root")
        over = private_mounts('mount -t overlay etc -o lowerdir="$0":/etc /etc', str(folder / "root/etc"))
        user, _ = user_and_prefix()
        agent = [sys.executable, "-m", "client", "--kiosk", "--kiosk-user", user, "--shared-machine"]
        options = ["--data", str(folder / "seat"), "--server", room.url, "--pair", room.code]
        self._log = (folder / "log").open("wb")
        self._command = ["env", f"DISPLAY={display_name}", *over, *agent, *options, "--port", str(port)]
        self.process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, cwd=ROOT, stdout=self._log, stderr=self._log)

    def kill_and_start_again(self) -> None:
        """As a crash, and the session's loop: the agent hears nothing of its end."""
        self.process.kill()
        self.process.wait(60)
        self.process = self._started()

    def report(self) -> KioskReport:
        return self.room.status[-1].kiosk if self.room.status else KioskReport()

    def until(self, ready: Callable[[KioskReport], bool], seconds: float = 90.0) -> KioskReport:
        try:
            wait_until(lambda: ready(self.report()), seconds, "kiosk report")
        except AssertionError as fault:
            log = Path(self._log.name).read_text()[-2000:]
            raise AssertionError(f"{fault}; last {self.report()}\n{log}") from None
        return self.report()

    def browser(self) -> int:
        """The browser's main process, 0 when there is none."""
        for pid in processes_below(self.process.pid):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") if alive(pid) else []
            main = b"--kiosk" in words and not any(word.startswith(b"--type=") for word in words)
            if main and b"chromium" in words[0]:
                return pid
        return 0

    def running_browser(self) -> int:
        """The same once there is one, never 0: a signal to 0 reaches the tests' own process group."""
        wait_until(self.browser, 60, "a browser")
        running = self.browser()
        assert running, "the browser went away again"
        return running

    def exam_windows(self) -> list[str]:
        return self.screen.xdotool("search", "--onlyvisible", "--name", "示例考试").split()

    def window(self) -> str:
        return self.screen.xdotool("getactivewindow", "getwindowname")

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(60)
        self._log.close()


VEILED = 0.85
"""What is left of the light of the display when the page lies under a dialog."""


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}/cmdline").exists()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def locked_seat(room: FakeRoom) -> Iterator[LockedSeat]:
    with tempfile.TemporaryDirectory(prefix="eh-locked-") as folder, display() as name:
        seat = LockedSeat(Path(folder), room, name)
        try:
            seat.until(lambda report: report.lockdown is Lockdown.LOCKED)
            wait_until(lambda: "示例考试" in seat.window(), 60, "the exam's window")
            yield seat
        finally:
            seat.close()


def test_a_browser_that_is_killed_or_hangs_comes_back_and_the_pin_opens_the_kiosk(room: FakeRoom) -> None:
    room.show(kiosk=KioskPlan(pin=hashed_pin("p1", "12345678", b"salt of the test")))
    with locked_seat(room) as seat:
        user = seat.browser()
        assert Path(f"/proc/{user}").stat().st_uid != 0
        assert seat.report().screens == 1
        os.kill(seat.running_browser(), signal.SIGKILL)
        seat.until(lambda report: report.browser == 1)
        wait_until(lambda: "示例考试" in seat.window(), 60, "the page after the crash")
        time.sleep(1.0)  # the page asks the agent again
        hung = seat.running_browser()
        os.killpg(hung, signal.SIGSTOP)
        seat.until(lambda report: report.browser == 2)
        wait_until(lambda: seat.browser() not in (0, hung), 60, "another browser")
        wait_until(lambda: "示例考试" in seat.window(), 60, "the page after the hang")
        ask_to_leave(seat)
        type_pin(seat, "87654321")
        wait_until(lambda: ("KIOSK_OPEN", "pin_wrong") in told(room), 60, "a word of the wrong PIN")
        time.sleep(1.0)
        assert seat.process.poll() is None and seat.browser()
        type_pin(seat, "1234 5678")
        assert seat.process.wait(90) == 0
        assert seat.report() == KioskReport(Lockdown.NONE, ("left_by_pin",), 1, 2)
    assert told(room) == [
        ("BROWSER_RESTARTED", "ended"),
        ("BROWSER_RESTARTED", "hung"),
        ("KIOSK_OPEN", "pin_wrong"),
        ("KIOSK_OPEN", "left_by_pin"),
    ]


def told(room: FakeRoom) -> list[tuple[str, str]]:
    return [(note.kind, note.detail) for note in room.evidence.breaches if not note.ended]


def ask_to_leave(seat: LockedSeat) -> None:
    """Five clicks on the exam's name, until the page lies under the veil of the dialog."""
    time.sleep(1.5)  # the page is painted
    bright = float(seat.screen.picture().mean())

    def veiled() -> bool:
        seat.screen.xdotool("mousemove", "50", "28", "click", "--repeat", "5", "--delay", "120", "1")
        until = time.monotonic() + 5
        while (
            not (dark := float(seat.screen.picture().mean()) < VEILED * bright) and time.monotonic() < until
        ):
            time.sleep(0.2)
        return dark

    wait_until(veiled, 60, "the dialog that asks for the PIN")
    time.sleep(0.5)  # its field has the focus


def type_pin(seat: LockedSeat, pin: str) -> None:
    """As an invigilator does: the PIN, Enter."""
    seat.screen.xdotool("type", "--delay", "20", pin)
    seat.screen.xdotool("key", "Return")


def test_a_killed_agent_leaves_no_second_browser_behind_and_the_attempt_goes_on(room: FakeRoom) -> None:
    with locked_seat(room) as seat:
        answer_by_key(seat, "a")
        first = processes_below(seat.process.pid)
        profile = profile_of(seat.browser())
        home = Path(profile).parent
        mark = len(room.status)
        seat.kill_and_start_again()
        seat.until(lambda report: len(room.status) > mark and report.lockdown is Lockdown.LOCKED)
        wait_until(lambda: "示例考试" in seat.window(), 60, "the page after the crash")
        assert not [pid for pid in first if alive(pid)]
        of_home = leftovers(home, home.stat().st_uid)
        mains = [pid for pid in of_home if b"--kiosk" in words(pid) and not types(pid)]
        assert mains == [seat.browser()] and profile_of(mains[0]) == profile
        assert len([pid for pid in of_home if words(pid)[0].endswith(b"openbox")]) == 1
        assert len(seat.exam_windows()) == 1
        answer_by_key(seat, "b")
        assert seat.report() == KioskReport(Lockdown.LOCKED, (), 1, 0)


def answer_by_key(seat: LockedSeat, key: str) -> None:
    """Presses a key until the room has another answer; one that came before the paper is pressed once more."""
    before = seat.room.answers()

    def kept() -> bool:
        seat.screen.key(key)
        time.sleep(0.3)
        return seat.room.answers() != before

    wait_until(kept, 60, "an answer")


def words(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0") if alive(pid) else [b""]


def types(pid: int) -> list[bytes]:
    """What kind of Chromium's helpers it is; empty for the browser itself."""
    return [word for word in words(pid) if word.startswith(b"--type=")]


def profile_of(browser: int) -> str:
    start = b"--user-data-dir="
    return next(word.removeprefix(start).decode() for word in words(browser) if word.startswith(start))


def test_another_window_manager_has_to_give_way_and_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lockdown, "READY_SECONDS", 0.5)
    with display() as name:
        environ = {"DISPLAY": name, "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        at_work = tmp_path / "at-work"  # stopped in its own start it would never hear that it has to go
        other = subprocess.Popen(["openbox", "--startup", f"touch {at_work}"], env=environ)
        wait_until(at_work.exists, 60, "the other window manager")
        other.send_signal(signal.SIGSTOP)  # it does not give way
        seat = Seat(Screen(name, Log()), FULL, (), Opening(str, paper=False))
        try:
            seat.processes.prepare()
            seat.processes.start_manager()
            assert seat.processes.manager_runs() and not seat.processes.manager_holds()
            other.send_signal(signal.SIGCONT)
            wait_until(lambda: _holds(seat), 60, "the display")
            other.wait(60)
        finally:
            other.kill()
            seat.close()


def _holds(seat: Seat) -> bool:
    """Whether the window manager has the display; one that gave up after 15 s is started again, as always."""
    if not seat.processes.manager_runs():
        seat.processes.start_manager()
    return seat.processes.manager_holds()


def test_a_signed_order_ends_the_kiosk_once_and_a_forged_one_does_nothing(room: FakeRoom) -> None:
    with locked_seat(room) as seat:
        order = signed(room, "n1")
        forged = replace(order, nonce="n0")
        room.show(kiosk=KioskPlan(order=forged))
        time.sleep(1.5)
        assert seat.report().lockdown is Lockdown.LOCKED and seat.browser()
        room.show(kiosk=KioskPlan(order=order))
        assert seat.process.wait(90) == 0
        assert seat.report().open == ("left_by_order",)
        assert not processes_of(seat)
    assert room.evidence.breaches == []


def signed(room: FakeRoom, nonce: str) -> KioskOrder:
    bare = KioskOrder("quit", 1, datetime.now(UTC), nonce, "")
    return replace(bare, signature=base64.b64encode(room.site_key.sign(order_message(bare))).decode())


def processes_of(seat: LockedSeat) -> list[int]:
    return [pid for pid in processes_below(seat.process.pid) if alive(pid)]
