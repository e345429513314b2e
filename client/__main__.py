"""`python -m client`: the seat agent of one workstation."""

import argparse
import http.client
import logging
import os
import random
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import cycle
from typing import TYPE_CHECKING, Protocol

from client import rescue, room_watch
from client.agent import Agent, Parts
from client.aging import drop_aged
from client.board import Board
from client.books import Books
from client.bringing import Bringer
from client.camera_given import given_camera
from client.clock import ServerClock, boot_seconds, read_boot_id
from client.device import DataFolder, Device, disk_code
from client.endpoint import Endpoint, parse_endpoint, trusting
from client.evidence import Evidence
from client.exchange import Credentials, Pace
from client.journal import system_stamps
from client.link import Link
from client.local import LocalServer
from client.lockdown_policy import PAGE_PORT
from client.notes import Pad
from client.options import make_parser as _parser
from client.outbox import Outbox
from client.page import Page
from client.page_signs import PageSigns
from client.pair import Applicant, PairingRefused, code_hash, new_private_key, pair
from client.paper import Shelf
from client.pin import PinGate
from client.place_given import NoPlace, given_place
from client.release import ReleaseAct
from client.rescue_act import RescueAct
from client.seat import Seat, Surroundings
from client.seat_log import FILE as SEAT_LOG
from client.seat_log import SeatLog
from client.seb import SebDesk
from client.selfcheck import SelfCheck, Workplace
from client.selfcheck_rules import ScreenView
from client.servers import Servers, servers_of
from client.transport import Transport
from client.warden import Premises, Warden, WardenMemory
from client.warden_signs import screens, screens_plugged
from client.watch_memory import WatchStore
from exam_rooms.kiosk_messages import SEB_PORT, KioskReport, Lockdown
from exam_rooms.watch_messages import CameraReport, CameraState

if TYPE_CHECKING:
    from client.kiosk_mode import KioskMode
    from client.watch import Watcher

LOG = logging.getLogger("examhall.kiosk")
SUPERVISION_SECONDS = 2.0


class Worker(Protocol):
    """Something with a thread of its own; `start` starts what does not run."""

    def start(self) -> None: ...


class Kiosk:
    """The process: page first, then pairing if needed, then the agent until it is told to stop."""

    def __init__(self, arguments: argparse.Namespace, folder: DataFolder, endpoint: Endpoint) -> None:
        self.stopping = threading.Event()
        self._arguments = arguments
        self._folder = folder
        self._endpoint = endpoint
        self._boot_id = read_boot_id()
        self._outbox = Outbox()
        self._seat = Seat(ServerClock(self._boot_id), self._outbox)
        self._board = Board(self._seat, boot_seconds)
        self._page = Page(self._board)
        self._seb = SebDesk(self._board)
        self._page.opened = self._seb.opened
        self._kiosk: KioskMode | None = None
        self._kiosk_fault = ""
        self._kept_servers: tuple[str, ...] = ()
        self._page_seen: Callable[[], float | None] = lambda: None
        self.premises = Premises(self._boot_id, shared=arguments.shared_machine)

    def run(self) -> None:
        """Serves until `stopping` is set."""
        local = LocalServer(self._page, self._folder.launch_file, _port(self._arguments))
        local.launch.free = self._arguments.seb
        self._page_seen = local.pulse.last_seen
        local.run()
        try:
            if self._arguments.kiosk:
                self._launch(local)
            elif not (self._arguments.no_browser or self._arguments.seb):
                _open_browser(local.launch.url)
            device = self._device()
            if device is not None:
                self._work(device)
        finally:
            if self._kiosk is not None:
                self._kiosk.close()
            local.shutdown()
            local.server_close()

    def _launch(self, local: LocalServer) -> None:
        """The page in a locked browser; a machine that cannot do it says why, the agent works on.

        What locks a screen is loaded here and nowhere earlier: it is Linux's own.
        """
        from client.kiosk_mode import Given, KioskMode
        from client.lockdown import LockdownFault

        given = Given(self._folder.path, self._arguments.kiosk_user, os.environ)  # noqa: TID251
        try:
            self._kiosk = KioskMode(given, local, self._outbox, self.stopping)
        except LockdownFault as fault:
            LOG.error("kiosk: %s", fault.code)
            self._kiosk_fault = fault.code
            return
        self._kiosk.start()

    def _device(self) -> Device | None:
        """The pairing in force, made now if there is a new code; None when told to stop before."""
        try:
            known = self._folder.load_device()
        except OSError as fault:
            self._unreadable(fault)
            return None
        code = self._arguments.pair
        if known is not None and (not code or code_hash(code) == known.code_hash):
            return known
        if not code:
            self._say("seat_not_paired")
            self.stopping.wait()
            return None
        return self._pair(code, known)

    def _pair(self, code: str, known: Device | None) -> Device | None:
        """Tries until the server answered; a refusal is shown and final, an earlier pairing goes on."""
        if not self._disk_takes(known):
            return known
        private_key = new_private_key()
        me = Applicant(private_key, socket.gethostname(), self._arguments.software_version)
        pace = Pace(random.SystemRandom())
        turns = cycle([parse_endpoint(address) for address in self._arguments.server])
        while not self.stopping.is_set():
            try:
                device = pair(next(turns), code, me, known.journal_secret if known else None)
            except PairingRefused as refused:
                LOG.error("pairing refused: %s", refused.code)
                if known is not None:
                    return known
                self._say(refused.code)
                self.stopping.wait()
            except (OSError, http.client.HTTPException) as fault:
                LOG.warning("pairing: %s", type(fault).__name__)
                self._say("no_link")
                pace.failed(boot_seconds())
                self.stopping.wait(pace.ready_at - boot_seconds())
            else:
                device = device.after(known)
                self._folder.save_device(device)
                LOG.info("paired with seat %s of %s", device.seat, device.room)
                return device
        return None

    def _unreadable(self, fault: OSError) -> None:
        """The seat's key cannot be read: nothing can be told but to the person in front of the page."""
        LOG.error("pairing unreadable: %s", fault.strerror)
        self._say(disk_code(fault))
        self.stopping.wait()

    def _disk_takes(self, known: Device | None) -> bool:
        """Whether a new pairing could be kept. Without an earlier one it waits for that, and says so."""
        while (fault := self._folder.fault()) and not self.stopping.is_set():
            self._say(fault)
            if known is not None:
                return False
            self.stopping.wait(SUPERVISION_SECONDS)
        return not self.stopping.is_set()

    def _say(self, code: str) -> None:
        with self._board.lock:
            self._seat.around = replace(self._seat.around, fault=code)
            self._board.refresh()

    def _work(self, device: Device) -> None:
        with self._board.lock:
            self._seat.around = Surroundings(paired=True)
        rng = random.SystemRandom()
        me = Credentials(device.workstation, device.sign, self._arguments.software_version)
        evidence = Evidence(self._folder.evidence, device.journal_secret)
        link = Link(me, self._outbox, rng, evidence, self._servers(device, rng))
        parts = Parts(
            board=self._board,
            books=Books(self._folder, device.journal_secret, self._outbox, system_stamps()),
            link=link,
            outbox=self._outbox,
            shelf=Shelf(self._folder.packages, device.site_public_key),
            site_key=device.site_public_key,
            boot_id=self._boot_id,
        )
        agent = Agent(parts)
        pad = Pad(self._board, self._folder.journals, device.journal_secret)
        agent.listeners.append(pad.take_state)
        bringer = Bringer.of(self._outbox, link.bulk, self._folder.journals, device)
        agent.listeners.append(bringer.take_state)
        agent.listeners.append(lambda _state: self._keep_servers(device, link.servers))
        warden = self._warden(agent, evidence, device)
        gate = PinGate(warden.pin_wrong)
        agent.listeners.append(gate.take_state)
        carry = RescueAct(agent, self._folder.journals, device, gate)
        self._page.acts = {**self._page.acts, "/api/notes": pad.take_act, "/api/seb": self._seb.take_act}
        release = ReleaseAct(agent, evidence, gate, self._boot_id)
        by_pin = {"/api/rescue": carry.take_act, "/api/release": release.take_act}
        self._page.acts = {**self._page.acts, **by_pin}
        if self._kiosk is not None:
            self._kiosk.paired(agent, device, gate, warden.noticed)
        elif self._kiosk_fault:
            agent.kiosk_says(KioskReport(Lockdown.OPEN, (self._kiosk_fault,)))
        self._drop_aged(parts.books, evidence, device)
        agent.wake_up()
        self._seb.join(agent, before_the_page=self._arguments.seb)
        self._page.agent = agent
        context = trusting(device.ca_pem) if self._endpoint.secure else None
        transport = Transport(link, self._board, self._endpoint, context, agent.handle)
        watcher = self._watcher(agent, evidence, device)
        checks = self._self_check(agent, device, watcher)
        seat_log = SeatLog(agent, evidence, self._folder.evidence / SEAT_LOG, self._page_seen)
        every = (transport, warden, watcher, checks, seat_log)
        workers = [worker for worker in every if worker is not None]
        if fault := self._folder.fault():
            agent.disk_says(fault)
        try:
            _start(workers)
            while not self.stopping.wait(SUPERVISION_SECONDS):
                _start(workers)
                fault = fault and self._disk_again(agent, fault)
        finally:
            checks.stop()
            seat_log.stop()
            warden.stop()
            if watcher is not None:
                watcher.stop()
            transport.stop()
            agent.close()

    def _servers(self, device: Device, rng: random.Random) -> Servers:
        """Where to look for the server: at an address that is new on the command line, then where it was."""
        given = [parse_endpoint(address).url for address in self._arguments.server]
        fresh = [address for address in given if address not in device.servers]
        return servers_of(self._folder, [*fresh, *device.servers], rng)

    def _keep_servers(self, device: Device, servers: Servers) -> None:
        """What was learned of the servers outlives a restart."""
        wanted = tuple(dict.fromkeys((servers.current, *servers.addresses)))
        if wanted == self._kept_servers:
            return
        self._kept_servers = wanted
        try:
            self._folder.keep_servers(device, wanted)
        except (OSError, ValueError) as fault:
            LOG.warning("servers not kept: %s", type(fault).__name__)

    def _drop_aged(self, books: Books, evidence: Evidence, device: Device) -> None:
        store = WatchStore(self._folder.evidence, device.journal_secret)
        drop_aged(books, evidence, store, datetime.now(UTC).timestamp())

    def _disk_again(self, agent: Agent, before: str) -> str:
        """How a disk is that took nothing; once it takes something the journals show how it goes on."""
        fault = self._folder.fault()
        if fault != before:
            agent.disk_says(fault)
        return fault

    def _self_check(self, agent: Agent, device: Device, watcher: "Watcher | None") -> SelfCheck:
        """What looks over the workstation before the bell, when the server asks for it."""
        place = Workplace(
            folder=self._folder,
            device=device,
            software=self._arguments.software_version,
            clock=self._seat.clock,
            stamps=system_stamps(),
            wall=lambda: datetime.now(UTC),
            light=watcher.light if watcher is not None else str,
            screens=self._screens,
        )
        return SelfCheck(agent, place)

    def _screens(self) -> ScreenView:
        """Displays of this machine; of a shared one they say nothing about a seat."""
        root = self.premises.root
        return ScreenView() if self.premises.shared else ScreenView(screens(root), screens_plugged(root))

    def _warden(self, agent: Agent, evidence: Evidence, device: Device) -> Warden:
        """Whoever looks after the workstation; the page's own signs come to it too."""
        memory = WardenMemory(self._folder.evidence, device.journal_secret)
        warden = Warden(agent, evidence, memory, self.premises)
        signs = PageSigns(warden)
        self._page.acts = {**self._page.acts, "/api/sign": signs.take_act}
        self._page.second_page = signs.second_page
        return warden

    def _watcher(self, agent: Agent, evidence: Evidence, device: Device) -> "Watcher | None":
        """Whoever looks at the camera, None without one or without what it takes to look.

        OpenCV and NumPy are loaded here and nowhere earlier: a seat without a camera needs neither.
        """
        given = given_camera(self._arguments)
        if not given.source:
            return None
        try:
            from client.camera import Camera, Wanted, open_source
            from client.watch import Watched, Watcher
            from client.watch_attempt import Desk
        except ImportError as fault:
            LOG.error("camera: %s", type(fault).__name__)
            missing = ("detect", "verify")
            agent.camera_says(CameraReport(CameraState.UNAVAILABLE, given.name(), unavailable=missing))
            return None
        store = WatchStore(self._folder.evidence, device.journal_secret)
        desk = Desk(evidence, store, self._boot_id, given.live, agent.challenge)
        camera = Camera(open_source(given.source, Wanted(given.size)), boot_seconds, given.name)
        watched = Watched(camera, boot_seconds, self._arguments.models)
        return Watcher(agent, watched, desk)


def main(arguments: list[str] | None = None, make: type[Kiosk] = Kiosk) -> int:
    """Runs the agent; 0 after a signal to stop, 2 for wrong arguments, 3 when the folder is in use."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if any(argument.split("=")[0] == "--rescue" for argument in arguments):
        return rescue.main(arguments)
    if room_watch.OPTION in arguments:
        return room_watch.main(arguments)
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=given.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s")
    for chatty in ("engineio.client", "socketio.client"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    try:
        endpoints, folder = given_place(given)
    except NoPlace as fault:
        sys.stderr.write(f"{fault}\n")
        return fault.status
    kiosk = make(given, folder, endpoints[0])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: kiosk.stopping.set())
    try:
        kiosk.run()
    finally:
        folder.close()
    return 0


def _start(workers: Iterable[Worker]) -> None:
    for worker in workers:
        worker.start()


def _port(arguments: argparse.Namespace) -> int:
    if arguments.port is not None:
        return int(arguments.port)
    return PAGE_PORT if arguments.kiosk else SEB_PORT if arguments.seb else 0


def _open_browser(url: str) -> None:
    import webbrowser

    webbrowser.open(url)


if __name__ == "__main__":
    raise SystemExit(main())
