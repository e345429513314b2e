"""The seat's self-check before the bell: measures when the server asks for a round, and reports until heard.

It works in a thread of its own, outside of the agent's lock. A package that is still on its way and a camera
that is still being opened are waited for, but not for ever.
"""

import base64
import logging
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from client import selfcheck_rules as rules
from client.agent import Agent
from client.canary import Desk, Sat, sit
from client.clock import ServerClock
from client.device import DataFolder, Device
from client.journal import Stamps, disk_fault
from client.machine import os
from client.seat import PageRefused
from client.selfcheck_rules import ClockView, DiskProbe, ScreenView
from exam_rooms.kiosk_messages import CheckName, CheckPlan, CheckReport, CheckResult, Verdict
from exam_rooms.protocol import Route, SeatState, StatusRequest
from exam_rooms.watch_messages import CameraState

LOG = logging.getLogger("examhall.kiosk")
FOLDER = "selfcheck"
PATIENCE = 20.0
"""Seconds that a package or a camera may take until the check goes on without it."""
LOOK_AGAIN = 0.3
SEND_AGAIN = 2.0
PROBE_BYTES = 4096
MIB = 1 << 20
FINAL = frozenset({"check_outdated", "message_malformed", "message_too_large", "not_found"})
"""Refusals after which a report is not sent again: another round is on, or none will ever take it."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """What is measured at this workstation. `wall`: the machine's own clock (aware); `light`: what the
    newest picture's light is called, "" without a camera; `screens`: what the kernel knows of displays.
    """

    folder: DataFolder
    device: Device
    software: str
    clock: ServerClock
    stamps: Stamps
    wall: Callable[[], datetime]
    light: Callable[[], str]
    screens: Callable[[], ScreenView] = ScreenView


class SelfCheck:
    """Makes each round that the server asks for once. `heard` is called under the agent's lock."""

    def __init__(self, agent: Agent, workplace: Workplace, patience: float = PATIENCE) -> None:
        self._agent = agent
        self._place = workplace
        self._patience = patience
        self._plan: CheckPlan | None = None
        self._seat = ""
        self._done = ""
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        agent.listeners.append(self.heard)

    def heard(self, state: SeatState) -> None:
        """Takes the round in force from a state of the seat; None ends what is under way."""
        self._plan, self._seat = state.check, state.seat
        if state.check is not None and state.check.ref != self._done:
            self._wake.set()

    def start(self) -> None:
        """Starts the thread unless it runs."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="selfcheck", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends the thread."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(2.0)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait()
            self._wake.clear()
            plan = self._plan
            if plan is not None and plan.ref != self._done:
                self._round(plan)

    def _round(self, plan: CheckPlan) -> None:
        self._await(plan)
        if not self._wanted(plan):
            return
        report = self.check(plan)
        bad = [result.name for result in report.results if result.verdict is Verdict.BAD]
        if bad:
            LOG.warning("self-check: %s", ", ".join(bad))
        self._deliver(plan, report)

    def _wanted(self, plan: CheckPlan) -> bool:
        now = self._plan
        return not self._stopping.is_set() and now is not None and now.ref == plan.ref

    def _await(self, plan: CheckPlan) -> None:
        """Until package and camera are there, as long as there is patience and the round is wanted."""
        end = time.monotonic() + self._patience
        while self._wanted(plan) and time.monotonic() < end and self._unready(plan):
            self._stopping.wait(LOOK_AGAIN)

    def _unready(self, plan: CheckPlan) -> bool:
        status = self._agent.status()
        opening = plan.camera and status.camera.state is CameraState.OPENING
        return opening or status.package_sha256 != plan.package_sha256

    def _deliver(self, plan: CheckPlan, report: CheckReport) -> None:
        """Sends until the server has it or another round is on."""
        while self._wanted(plan):
            try:
                self._agent.ask_server(Route.CHECK, report)
            except PageRefused as refused:
                if refused.code not in FINAL:
                    self._stopping.wait(SEND_AGAIN)
                    continue
                LOG.warning("self-check refused: %s", refused.code)
            self._done = plan.ref
            return

    # What is measured

    def check(self, plan: CheckPlan) -> CheckReport:
        """Measures everything once, now."""
        place, status = self._place, self._agent.status()
        sat = self._canary(plan)
        results = [
            rules.package(status.package_sha256, plan),
            rules.version(place.software, plan.version),
            rules.journal(_journal(status, probe(place.folder.journals))),
            rules.space(free_mb(place.folder.path), plan),
            rules.device_key(key_works(place.folder, place.device)),
            rules.clock(self._clock(), plan),
            rules.wall(place.wall(), self._server_time()),
            rules.label(self._seat, place.device.seat),
            rules.lockdown(status.kiosk, plan),
            rules.screens(self._screens(status)),
            *(self._camera(status) if plan.camera else ()),
            rules.canary(sat.fault),
        ]
        return CheckReport(plan.ref, tuple(results), sat.answers, sat.shown)

    def _camera(self, status: StatusRequest) -> tuple[CheckResult, CheckResult]:
        """A candidate who refused face comparison is not looked at: people check there (R38)."""
        watch = self._agent.brief().plan
        if watch is not None and watch.manual:
            manual = CheckResult(CheckName.CAMERA, Verdict.GOOD, "manual")
            return manual, rules.light("manual")
        return rules.camera(status.camera), rules.light(self._place.light())

    def _screens(self, status: StatusRequest) -> ScreenView:
        """The kernel's word and the launcher's: either may know of a display that the other does not."""
        seen = self._place.screens()
        return ScreenView(max(seen.lit, status.kiosk.screens), seen.plugged)

    def _canary(self, plan: CheckPlan) -> Sat:
        folder = self._place.folder.path / FOLDER
        try:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
        except OSError as fault:
            return Sat(fault=disk_fault(fault).code)
        try:
            desk = Desk(folder, self._place.device.site_public_key, self._place.stamps, self._place.software)
            return sit(plan, desk)
        except Exception as fault:  # noqa: BLE001 - whatever fails here fails a candidate too: say so
            LOG.error("canary paper: %s", type(fault).__name__)
            return Sat(fault="failed")
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _clock(self) -> ClockView:
        with self._agent.board.lock:
            return ClockView(self._place.clock.uncertainty, self._place.clock.spread)

    def _server_time(self) -> datetime | None:
        with self._agent.board.lock:
            return self._place.clock.now(self._agent.board.boot())


def _journal(status: StatusRequest, probed: DiskProbe) -> DiskProbe:
    """A journal that cannot be written already says more than a probe."""
    return DiskProbe(fault=status.journal_fault) if status.journal_fault else probed


def probe(folder: Path) -> DiskProbe:
    """Writes a record's worth of bytes as a journal does, reads it back and removes it."""
    path, data = folder / "probe", os.urandom(PROBE_BYTES)
    began = time.monotonic()
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            written = os.pwrite(descriptor, data, 0)
            os.fsync(descriptor)
            same = written == PROBE_BYTES and os.pread(descriptor, PROBE_BYTES, 0) == data
        finally:
            os.close(descriptor)
            path.unlink(missing_ok=True)
    except OSError as fault:
        return DiskProbe(fault=disk_fault(fault).code)
    return DiskProbe(1000 * (time.monotonic() - began), "" if same else "disk_error")


def free_mb(folder: Path) -> float | None:
    """MiB that this user may still write on the folder's disk; None when the disk does not say."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_bavail * found.f_frsize / MIB


def key_works(folder: DataFolder, device: Device) -> bool:
    """Whether the pairing on the disk is the one in use, and its key signs."""
    try:
        kept = folder.load_device()
        if kept is None or kept.private_key != device.private_key:
            return False
        message = os.urandom(32)
        public = Ed25519PrivateKey.from_private_bytes(base64.b64decode(device.private_key)).public_key()
        public.verify(kept.sign(message), message)
    except (OSError, ValueError, InvalidSignature):
        return False
    return True
