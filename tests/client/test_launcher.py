"""The launcher's decisions, with processes that only say whether they run."""

import threading
from collections.abc import Callable

import pytest

from client import launcher as module
from client.launcher import HANG_SECONDS, START_SECONDS, Launcher, Surroundings
from client.lockdown import LockdownFault
from client.pulse import Pulse
from exam_rooms.incidents import IncidentKind
from exam_rooms.kiosk_messages import KioskReport, Lockdown


class Machine:
    """Processes, clock, page and files of one kiosk."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.calls: list[str] = []
        self.browser = self.manager = False
        self.holds = True
        self.codes: tuple[str, ...] = ()
        self.fault = ""
        self.screens = 1
        self.reports: list[KioskReport] = []
        self.notices: list[tuple[IncidentKind, str, bool]] = []
        self.pulse = Pulse(lambda: self.now)
        around = Surroundings(
            lambda: f"url{len(self.calls)}", self.pulse, lambda: self.now, lambda: self.codes
        )
        self.launcher = Launcher(self, around)
        self.launcher.tell(self.reports.append, self._noticed)

    def _noticed(self, kind: IncidentKind, detail: str = "", *, ended: bool = False) -> None:
        self.notices.append((kind, detail, ended))

    def prepare(self) -> None:
        if self.fault:
            raise LockdownFault(self.fault)

    def start_manager(self) -> None:
        self.manager = True
        self.calls.append("manager")

    def start_browser(self, url: str) -> None:
        self.browser = True
        self.calls.append(url)

    def manager_runs(self) -> bool:
        return self.manager

    def manager_holds(self) -> bool:
        return self.manager and self.holds

    def browser_runs(self) -> bool:
        return self.browser

    def end_browser(self) -> None:
        self.browser = False
        self.calls.append("end")

    def one_screen(self) -> int:
        return self.screens

    def close(self) -> None:
        self.browser = self.manager = False
        self.calls.append("close")

    def beat(self) -> None:
        with self.pulse.beat():
            pass

    def pass_time(self, seconds: float, *, beating: bool = True) -> None:
        until = self.now + seconds
        while self.now < until:
            self.now += 0.5
            if beating:
                self.beat()
            self.launcher.step()


@pytest.fixture
def kiosk() -> Machine:
    made = Machine()
    made.launcher.start()
    made.beat()
    return made


def test_a_closed_kiosk_says_so(kiosk: Machine) -> None:
    assert kiosk.reports[-1] == KioskReport(Lockdown.LOCKED, (), 1, 0)
    kiosk.pass_time(120)
    assert kiosk.calls == ["manager", "url1"]
    assert kiosk.notices == []


def test_a_browser_that_ended_is_started_again_with_a_fresh_address(kiosk: Machine) -> None:
    kiosk.pass_time(120)
    kiosk.browser = False
    kiosk.launcher.step()
    assert kiosk.browser and kiosk.calls[-2:] == ["end", "url3"]
    assert kiosk.reports[-1].browser == 1
    assert kiosk.notices == [(IncidentKind.BROWSER_RESTARTED, "ended", False)]


@pytest.mark.parametrize(("silent", "restarts"), [(HANG_SECONDS - 1, 0), (HANG_SECONDS + 1, 1)])
def test_a_page_that_asks_no_more_hangs(kiosk: Machine, silent: float, restarts: int) -> None:
    kiosk.pass_time(120)
    kiosk.pass_time(silent, beating=False)
    assert kiosk.reports[-1].browser == restarts


def test_a_page_that_waits_for_the_agent_does_not_hang(kiosk: Machine) -> None:
    with kiosk.pulse.beat():
        kiosk.pass_time(60, beating=False)
    assert kiosk.reports[-1].browser == 0


@pytest.mark.parametrize(("seconds", "restarts"), [(START_SECONDS - 1, 0), (START_SECONDS + 1, 1)])
def test_a_browser_has_time_to_start(seconds: float, restarts: int) -> None:
    slow = Machine()
    slow.launcher.start()
    slow.pass_time(seconds, beating=False)
    assert slow.reports[-1].browser == restarts


def test_a_browser_that_fails_over_and_over_is_tried_ever_less_often(kiosk: Machine) -> None:
    for _ in range(200):
        kiosk.browser = False
        kiosk.now += 0.5
        kiosk.launcher.step()
    assert 8 <= kiosk.reports[-1].browser <= 20
    assert kiosk.reports[-1].lockdown is Lockdown.LOCKED


def test_a_window_manager_that_ended_is_started_again(kiosk: Machine) -> None:
    kiosk.manager = False
    kiosk.pass_time(1)
    assert kiosk.manager


def test_a_window_manager_that_cannot_take_the_display_leaves_the_kiosk_open(kiosk: Machine) -> None:
    kiosk.holds = False
    kiosk.pass_time(4)
    assert kiosk.reports[-1] == KioskReport(Lockdown.OPEN, ("window_manager_out",), 1, 0)
    for _ in range(200):
        kiosk.manager = False
        kiosk.now += 0.5
        kiosk.beat()
        kiosk.launcher.step()
    assert 8 <= kiosk.calls.count("manager") <= 20  # not twice a second for ever
    kiosk.holds = True
    kiosk.pass_time(20)
    assert kiosk.reports[-1] == KioskReport(Lockdown.LOCKED, (), 1, 0)
    assert [(detail, ended) for _kind, detail, ended in kiosk.notices] == [
        *(("window_manager_out", False), ("window_manager_out", True))
    ]


def test_a_fault_of_any_kind_does_not_end_the_thread_that_holds_the_browser(
    kiosk: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> int:
        raise ValueError

    monkeypatch.setattr(kiosk, "one_screen", broken)
    kiosk.pass_time(10)
    assert kiosk.browser and kiosk.reports[-1].lockdown is Lockdown.LOCKED


def test_what_opens_and_closes_is_told_once_each(kiosk: Machine) -> None:
    kiosk.codes = ("policy_differs",)
    kiosk.pass_time(30)
    assert kiosk.reports[-1] == KioskReport(Lockdown.OPEN, ("policy_differs",), 1, 0)
    kiosk.codes, kiosk.screens = (), 2
    kiosk.pass_time(30)
    assert kiosk.reports[-1] == KioskReport(Lockdown.LOCKED, (), 2, 0)
    assert kiosk.notices == [
        (IncidentKind.KIOSK_OPEN, "policy_differs", False),
        (IncidentKind.KIOSK_OPEN, "policy_differs", True),
    ]


def test_a_server_that_comes_late_is_told_what_is_open() -> None:
    machine = Machine()
    machine.codes = ("xorg_missing",)
    machine.launcher.start()
    heard: list[KioskReport] = []
    notices: list[str] = []

    def noticed(kind: IncidentKind, detail: str = "", *, ended: bool = False) -> None:
        notices.append(detail)

    machine.launcher.tell(heard.append, noticed)
    machine.beat()
    machine.launcher.step()
    assert heard[0].open == ("xorg_missing",) and notices == ["xorg_missing"]


def test_a_machine_that_cannot_lock_says_why_and_is_tried_again() -> None:
    machine = Machine()
    machine.fault = "home_unusable"
    machine.launcher.start()
    assert machine.reports[-1] == KioskReport(Lockdown.OPEN, ("home_unusable",), 0, 0)
    machine.now += 0.25
    machine.launcher.step()
    assert machine.calls == []
    machine.fault = ""
    machine.pass_time(1)
    assert machine.browser and machine.reports[-1].lockdown is Lockdown.LOCKED


@pytest.mark.parametrize(
    ("why", "notices"), [("order", []), ("pin", [(IncidentKind.KIOSK_OPEN, "left_by_pin", False)])]
)
def test_leaving_ends_everything_and_only_an_order_needs_no_notice(
    kiosk: Machine, why: str, notices: list[object]
) -> None:
    kiosk.launcher.leave(why)
    kiosk.launcher.step()
    kiosk.launcher.step()
    assert kiosk.launcher.left.is_set() and not kiosk.browser and not kiosk.manager
    assert kiosk.reports[-1] == KioskReport(Lockdown.NONE, (f"left_by_{why}",), 1, 0)
    assert kiosk.notices == notices and kiosk.calls.count("close") == 1


def test_its_thread_ends_when_the_kiosk_is_left(kiosk: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    run: Callable[[threading.Event], None] = kiosk.launcher.run
    thread = threading.Thread(target=run, args=(threading.Event(),))
    thread.start()
    kiosk.launcher.leave("order")
    thread.join(60)
    assert not thread.is_alive()
