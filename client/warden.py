"""The warden: looks after the workstation while somebody works at it, and tells of breaches.

It decides nothing: what is told becomes an incident that people look at, and the server says what covers the
paper. Notes go into the queue of evidence, so that an unplugged network delays them and loses none. Nothing
here may cost an answer: a fault in looking ends in a line of the log.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from client import warden_signs as signs
from client.agent import Agent
from client.breach_ledger import Cause, Ledger
from client.clock import boot_seconds
from client.device import write_atomically
from client.evidence import Evidence
from client.warden_signs import Clocks, UsbDevice
from exam_rooms.incidents import IncidentKind
from exam_rooms.kiosk_messages import BreachNote, BreachRequest, KioskPlan
from exam_rooms.protocol import SeatState, Step
from exam_rooms.wire import canonical, decode, encode
from itembank.sealing import SealBroken, derive, open_sealed, seal

LOG = logging.getLogger("examhall.kiosk")
PACE_SECONDS = 0.5
MEMORY_FILE = "warden.state"
WORKING = (Step.IDENTIFIED, Step.ADMITTED, Step.CONFIRMED, Step.READY, Step.ANSWERING)
"""Steps in which a candidate sits before the workstation."""
_TOLD_BY_OTHERS = frozenset({IncidentKind.FOCUS_LOST, IncidentKind.KIOSK_OPEN})


def system_clocks() -> Clocks:
    """This machine's clocks; the wall clock is only compared, never told as a time."""
    return Clocks(time.time(), boot_seconds(), time.monotonic())


@dataclass(frozen=True, slots=True)
class Premises:
    """What the warden looks at: the file system below `root`, the clocks, this start of the machine.

    `shared`: several agents run on this machine (a rehearsal), so its devices and programs say nothing about
    one seat.
    """

    boot_id: str
    root: Path = Path("/")
    clocks: Callable[[], Clocks] = system_clocks
    shared: bool = False


@dataclass(frozen=True, slots=True)
class _Remembered:
    """What a restarted agent must know: whom it looked after, in which boot, what it told, what was usual."""

    boot_id: str = ""
    attempt: int | None = None
    open: tuple[Cause, ...] = ()
    devices: tuple[UsbDevice, ...] = ()


class WardenMemory:
    """The warden's sealed file."""

    def __init__(self, folder: Path, device_key: bytes) -> None:
        self._path = folder / MEMORY_FILE
        self._key = derive(device_key, "warden")

    def load(self) -> _Remembered:
        """What an earlier process knew; nothing when there is no file or it cannot be read."""
        try:
            data = open_sealed(self._key, self._path.read_bytes(), MEMORY_FILE.encode())
            return decode(_Remembered, json.loads(data))
        except FileNotFoundError:
            return _Remembered()
        except (SealBroken, ValueError, OSError) as fault:
            LOG.warning("memory of the warden unreadable: %s", type(fault).__name__)
            return _Remembered()

    def save(self, known: _Remembered) -> None:
        """Keeps it; a full disk is noted, not raised."""
        try:
            write_atomically(self._path, seal(self._key, canonical(encode(known)), MEMORY_FILE.encode()))
        except OSError as fault:
            LOG.warning("memory of the warden not kept: %s", fault.strerror)


class Warden:
    """Looks after one workstation. `noticed` may be called from any thread, also under the agent's lock."""

    def __init__(self, agent: Agent, evidence: Evidence, memory: WardenMemory, premises: Premises) -> None:
        self._agent = agent
        self._evidence = evidence
        self._memory = memory
        self._premises = premises
        self._lock = threading.Lock()
        self._ledger = Ledger(premises.boot_id)
        self._known = memory.load()
        self._saved = self._known
        self._state: SeatState | None = None
        self._attempt: int | None = None
        self._before: Clocks | None = None
        self._seen: dict[IncidentKind, frozenset[str]] = {}
        self._usual: frozenset[UsbDevice] | None = None
        self._fault = ""
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        agent.listeners.append(self._heard)

    def start(self) -> None:
        """Starts the thread, or starts it again when it died of a fault."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="warden", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends the thread. What was told stays open: a restarted agent goes on with it."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(2.0)

    def noticed(self, kind: IncidentKind, detail: str = "", *, ended: bool = False) -> None:
        """Something that somebody else saw: the launcher, the page. `detail`: a short name, no content.

        `ended`: the cause, told before with the same words, is gone.
        """
        now = _ns(self._premises.clocks())
        with self._lock:
            self._note(kind, detail, now, ended=ended)
            told = self._send(now)
        if told:
            self._agent.evidence_waits()

    def pin_wrong(self) -> None:
        """Somebody typed a wrong PIN at this seat: told at once, and over with the telling."""
        self.noticed(IncidentKind.KIOSK_OPEN, "pin_wrong")
        self.noticed(IncidentKind.KIOSK_OPEN, "pin_wrong", ended=True)

    def look(self) -> None:
        """One look at everything."""
        clocks = self._premises.clocks()
        now = _ns(clocks)
        with self._lock:
            self._turn_to(now)
            self._compare(clocks, now)
            if not self._premises.shared:
                self._inspect(now)
            told = self._send(now)
        if told:
            self._agent.evidence_waits()

    def _heard(self, state: SeatState) -> None:
        self._state = state

    def _run(self) -> None:
        while not self._stopping.wait(PACE_SECONDS):
            try:
                self.look()
                self._fault = ""
            except Exception as fault:  # noqa: BLE001 - a fault in looking must never reach the answers
                word = type(fault).__name__
                if word != self._fault:
                    self._fault = word
                    LOG.error("warden: %s", word)

    # Whom it looks after

    def _plan(self) -> KioskPlan:
        return self._state.kiosk if self._state is not None else KioskPlan()

    def _turn_to(self, now: int) -> None:
        """Follows the candidates of this seat: what is told belongs to the one who sits there."""
        state = self._state
        attempt = state.attempt if state is not None and state.step in WORKING else None
        if attempt == self._attempt or state is None:
            return
        if self._attempt is not None:
            self._ledger.rest(now)
            self._put(self._ledger.take_ended())
        self._attempt, self._usual = attempt, None
        if attempt is not None and attempt == self._known.attempt:
            self._take_up(now)
        self._known = _Remembered()
        self._remember()

    def _take_up(self, now: int) -> None:
        """An earlier process looked after the same candidate: it ended, or the whole machine did."""
        same_boot = self._known.boot_id == self._premises.boot_id
        happened = IncidentKind.AGENT_RESTARTED if same_boot else IncidentKind.SEAT_REBOOTED
        self._ledger.noticed(happened, "", now)
        self._usual = frozenset(self._known.devices)
        self._ledger.resume(self._known.open)
        for cause in self._known.open:
            if cause.kind in _TOLD_BY_OTHERS or self._premises.shared:
                self._ledger.gone(cause.kind, cause.detail, now, self._plan().grace)
            else:
                self._seen[cause.kind] = self._seen.get(cause.kind, frozenset()) | {cause.detail}

    # What it looks at

    def _compare(self, clocks: Clocks, now: int) -> None:
        before, self._before = self._before, clocks
        if before is None or self._attempt is None:
            return
        asleep, moved = signs.slept(before, clocks), signs.wall_step(before, clocks)
        if asleep:
            self._ledger.noticed(IncidentKind.SEAT_SUSPENDED, f"{asleep:.0f} s", now)
        if moved:
            self._ledger.noticed(IncidentKind.SEAT_CLOCK_STEP, f"{moved:+.0f} s", now)

    def _inspect(self, now: int) -> None:
        """The machine itself; nothing is looked at while nobody sits there."""
        if self._attempt is None:
            return
        root, plan = self._premises.root, self._plan()
        plugged = signs.usb_devices(root)
        if self._usual is None:  # at sign-in the keyboard belongs there, a storage device never does
            self._usual = frozenset(device for device in plugged if device.use != signs.STORAGE)
            self._see(IncidentKind.VIRTUAL_MACHINE, filter(None, [signs.machine(root)]), now)
        self._usual &= plugged
        self._see(IncidentKind.USB_DEVICE, (device.name for device in plugged - self._usual), now)
        kiosk = self._agent.kiosk
        # X begins with a picture on every display; the launcher's first look leaves one of them.
        count = 0 if "starting" in kiosk.open else max(signs.screens(root), kiosk.screens)
        self._see(IncidentKind.SECOND_SCREEN, [str(count)] if count > 1 else [], now)
        if plan.forbidden:
            found = signs.forbidden(signs.programs(root), plan.forbidden)
            self._see(IncidentKind.FORBIDDEN_PROCESS, found, now)

    def _see(self, kind: IncidentKind, names: Iterable[str], now: int) -> None:
        """What holds of a kind now, by name: new ones begin, others are over."""
        holds, before = frozenset(names), self._seen.get(kind, frozenset())
        for name in sorted(before - holds):
            self._note(kind, name, now, ended=True)
        for name in sorted(holds - before):
            self._note(kind, name, now)
        self._seen[kind] = holds

    # What it tells

    def _note(self, kind: IncidentKind, detail: str, now: int, *, ended: bool = False) -> None:
        if ended:
            self._ledger.gone(kind, detail, now, self._plan().grace)
        elif self._attempt is not None or kind in _TOLD_BY_OTHERS:
            self._ledger.noticed(kind, detail, now)

    def _send(self, now: int) -> bool:
        """Puts what is to be told into the queue; while nobody sits there it waits."""
        if self._attempt is None:
            return False
        notes = self._ledger.take(now, self._plan().grace)
        self._put(notes)
        self._remember()
        return bool(notes)

    def _put(self, notes: Iterable[BreachNote]) -> None:
        for note in notes:
            assert self._attempt is not None
            self._evidence.put(BreachRequest(self._attempt, (note,)))

    def _remember(self) -> None:
        devices = tuple(sorted(self._usual or ()))
        known = _Remembered(self._premises.boot_id, self._attempt, self._ledger.open, devices)
        if known != self._saved:
            self._saved = known
            self._memory.save(known)


def _ns(clocks: Clocks) -> int:
    return int(clocks.boot * 1e9)
