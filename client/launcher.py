"""Keeps the candidate inside the page: starts window manager and browser, watches them, starts them again.

A browser that ended or whose page asks the agent no more is started again in the same profile. The processes
themselves are `client.lockdown`; here is when.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from client.pulse import Pulse
from exam_rooms.incidents import IncidentKind
from exam_rooms.kiosk_messages import KioskReport, Lockdown

LOG = logging.getLogger("examhall.kiosk")
LOOK_SECONDS = 0.5
CHECK_SECONDS = 3.0
"""How often files and displays are looked at."""
POLL_SECONDS = 4.0
"""How long a poll of the kiosk's page waits at most; its next one follows at once."""
HANG_SECONDS = 8.0
"""A page that was heard before and asks no more for so long hangs."""
START_SECONDS = 30.0
"""A browser whose page was not heard so long after its start hangs."""
STEADY_SECONDS = 60.0
"""A browser that ran so long is started again at once; one that fails over and over waits ever longer."""
LONGEST_WAIT = 10.0


class Doing(Protocol):
    """What the launcher needs of `client.lockdown.Processes`."""

    def prepare(self) -> None: ...
    def start_manager(self) -> None: ...
    def start_browser(self, url: str) -> None: ...
    def manager_runs(self) -> bool: ...
    def manager_holds(self) -> bool: ...
    def browser_runs(self) -> bool: ...
    def end_browser(self) -> None: ...
    def one_screen(self) -> int: ...
    def close(self) -> None: ...


class Notices(Protocol):
    """How a breach is told (`client.warden.Warden.noticed`)."""

    def __call__(self, kind: IncidentKind, detail: str = "", *, ended: bool = False) -> None: ...


@dataclass(slots=True)
class Tries:
    """When what fell is started again: soon after it ran steadily, ever later when it fails over and over.

    `started`, `again_at`: on the boot clock in seconds; `started` is 0.0 while it does not run.
    """

    started: float = 0.0
    again_at: float = 0.0
    _failures: int = 0

    def fell(self, now: float) -> None:
        """It ended, or did not even start."""
        self._failures = 0 if now - self.started > STEADY_SECONDS else self._failures + 1
        self.started = 0.0
        self.again_at = now + min(0.25 * (2**self._failures - 1), LONGEST_WAIT)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the launcher asks: the address with a fresh nonce, the pulse, the boot clock, open files."""

    url: Callable[[], str]
    pulse: Pulse
    boot: Callable[[], float]
    openings: Callable[[], tuple[str, ...]]


class Launcher:
    """One kiosk. `step` is called again and again by one thread; `leave` by any."""

    def __init__(self, processes: Doing, around: Surroundings) -> None:
        self._processes = processes
        self._around = around
        self._report = KioskReport(Lockdown.OPEN, ("starting",))
        self._whole, self._manager, self._browser = Tries(), Tries(), Tries()
        self._prepared = False
        self._checked: float | None = None
        self._told: frozenset[str] = frozenset()
        self._leaving = threading.Event()
        self._why = ""
        self._says: Callable[[KioskReport], None] = lambda report: None
        self.noticed: Notices = _nobody
        self.left = threading.Event()

    @property
    def report(self) -> KioskReport:
        """What is told to the server."""
        return self._report

    def start(self) -> None:
        """The processes for the first time. A fault is told, not raised: `step` tries again."""
        self._whole.started = self._around.boot()
        try:
            self._processes.prepare()
            self._prepared = True
            self._start_manager()
            self._check()
            self._start_browser()
        except Exception as fault:  # noqa: BLE001 - a thread that ends takes the browser with it
            code = getattr(fault, "code", "kiosk_failed")
            LOG.error("kiosk: %s", code)
            self._tell(replace(self._report, lockdown=Lockdown.OPEN, open=(code,)))
            self._whole.fell(self._around.boot())

    def leave(self, why: str) -> None:
        """Ends the kiosk soon; `why`: "pin" or "order"."""
        self._why = why
        self._leaving.set()

    def run(self, stopping: threading.Event) -> None:
        """Until told to stop, or left. The processes end with it: they are tied to the thread they are of."""
        try:
            self.start()
            while not stopping.is_set() and not self.left.is_set():
                self._leaving.wait(LOOK_SECONDS)
                self.step()
        finally:
            self._processes.close()

    def step(self) -> None:
        """One look at everything."""
        if self._leaving.is_set():
            self._leave()
            return
        if not self._prepared:
            if self._around.boot() >= self._whole.again_at:
                self.start()
            return
        try:
            self._look_at_manager()
            self._look_at_browser()
            self._check()
        except Exception as fault:  # noqa: BLE001 - a thread that ends takes the browser with it
            LOG.error("kiosk: %s", type(fault).__name__)

    def close(self) -> None:
        """Ends the processes."""
        self._processes.close()

    def _leave(self) -> None:
        if self.left.is_set():
            return
        LOG.warning("kiosk left: %s", self._why)
        self._processes.close()
        how = f"left_by_{self._why}"
        self._tell(replace(self._report, lockdown=Lockdown.NONE, open=(how,)))
        if self._why != "order":  # what the server ordered is on its record already
            self.noticed(IncidentKind.KIOSK_OPEN, how)
        self.left.set()

    def _look_at_manager(self) -> None:
        if self._processes.manager_runs():
            return
        now = self._around.boot()
        if self._manager.started:
            self._manager.fell(now)
        if now >= self._manager.again_at:
            self._start_manager()

    def _start_manager(self) -> None:
        self._manager.started = self._around.boot()
        self._processes.start_manager()

    def _look_at_browser(self) -> None:
        now = self._around.boot()
        if self._processes.browser_runs():
            if not self._hangs(now):
                return
            self._fell("hung", now)
        elif self._browser.started:
            self._fell("ended", now)
        if now >= self._browser.again_at:
            self._start_browser()

    def _hangs(self, now: float) -> bool:
        seen = self._around.pulse.last_seen()
        if seen is None or seen < self._browser.started:
            return now - self._browser.started > START_SECONDS
        return now - seen > HANG_SECONDS

    def _fell(self, how: str, now: float) -> None:
        """The browser ended or hangs: it is taken away, and the moment of its next start is set."""
        LOG.warning("browser %s", how)
        self._processes.end_browser()
        self._browser.fell(now)
        self._tell(replace(self._report, browser=self._report.browser + 1))
        self.noticed(IncidentKind.BROWSER_RESTARTED, how)

    def _start_browser(self) -> None:
        self._browser.started = self._around.boot()
        self._processes.start_browser(self._around.url())

    def _check(self) -> None:
        now = self._around.boot()
        if self._checked is not None and now - self._checked < CHECK_SECONDS:
            return
        self._checked = now
        screens = self._processes.one_screen()
        held = self._processes.manager_holds()
        codes = (*self._around.openings(), *(() if held else ("window_manager_out",)))
        state = Lockdown.OPEN if codes else Lockdown.LOCKED
        self._tell(replace(self._report, lockdown=state, open=codes, screens=screens))
        now_open = frozenset(codes)
        for code in sorted(now_open - self._told):
            self.noticed(IncidentKind.KIOSK_OPEN, code)
        for code in sorted(self._told - now_open):
            self.noticed(IncidentKind.KIOSK_OPEN, code, ended=True)
        self._told = now_open

    def _tell(self, report: KioskReport) -> None:
        if report != self._report:
            self._report = report
            self._says(report)

    def tell(self, says: Callable[[KioskReport], None], noticed: Notices) -> None:
        """From now on the server hears of everything; what is open already is told with the next look."""
        self._says, self.noticed = says, noticed
        self._told, self._checked = frozenset(), None
        says(self._report)


def _nobody(kind: IncidentKind, detail: str = "", *, ended: bool = False) -> None:
    """Before the pairing there is nobody to tell."""
