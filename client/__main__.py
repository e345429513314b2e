"""`python -m client`: the seat agent of one workstation."""

import argparse
import http.client
import logging
import random
import signal
import socket
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from client.agent import Agent, Parts
from client.board import Board
from client.books import Books
from client.camera_name import SourceKind, camera_name, source_kind
from client.clock import ServerClock, boot_seconds, read_boot_id
from client.device import DataFolder, Device, FolderInUse
from client.endpoint import BadAddress, Endpoint, parse_endpoint, trusting
from client.evidence import Evidence
from client.exchange import Credentials, Pace
from client.journal import system_stamps
from client.link import Link
from client.local import LocalServer
from client.outbox import Outbox
from client.page import Page
from client.pair import Applicant, PairingRefused, code_hash, new_private_key, pair
from client.paper import Shelf
from client.seat import Seat, Surroundings
from client.transport import Transport
from client.watch_memory import WatchStore
from exam_rooms.watch_messages import CameraReport, CameraState
from itembank.version import VERSION

if TYPE_CHECKING:
    from client.watch import Watcher

LOG = logging.getLogger("examhall.kiosk")
SUPERVISION_SECONDS = 2.0
EXIT_USAGE, EXIT_IN_USE = 2, 3


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

    def run(self) -> None:
        """Serves until `stopping` is set."""
        local = LocalServer(self._page, self._folder.launch_file, self._arguments.port)
        local.run()
        try:
            if not self._arguments.no_browser:
                _open_browser(local.launch.url)
            device = self._device()
            if device is not None:
                self._work(device)
        finally:
            local.shutdown()
            local.server_close()

    def _device(self) -> Device | None:
        """The pairing in force, made now if there is a new code; None when told to stop before."""
        known = self._folder.load_device()
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
        private_key = new_private_key()
        me = Applicant(private_key, socket.gethostname(), self._arguments.software_version)
        pace = Pace(random.SystemRandom())
        while not self.stopping.is_set():
            try:
                device = pair(self._endpoint, code, me, known.journal_secret if known else None)
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
                self._folder.save_device(device)
                LOG.info("paired with seat %s of %s", device.seat, device.room)
                return device
        return None

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
        link = Link(me, self._outbox, rng, evidence)
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
        agent.wake_up()
        self._page.agent = agent
        context = trusting(device.ca_pem) if self._endpoint.secure else None
        transport = Transport(link, self._board, self._endpoint, context, agent.handle)
        watcher = self._watcher(agent, evidence, device)
        try:
            self._start(transport, watcher)
            while not self.stopping.wait(SUPERVISION_SECONDS):
                self._start(transport, watcher)
        finally:
            if watcher is not None:
                watcher.stop()
            transport.stop()
            agent.close()

    def _start(self, transport: Transport, watcher: "Watcher | None") -> None:
        transport.start()
        if watcher is not None:
            watcher.start()

    def _watcher(self, agent: Agent, evidence: Evidence, device: Device) -> "Watcher | None":
        """Whoever looks at the camera, None without one or without what it takes to look.

        OpenCV and NumPy are loaded here and nowhere earlier: a seat without a camera needs neither.
        """
        source = self._arguments.camera
        if not source:
            return None
        given = self._arguments.camera_id

        def name() -> str:
            return given or camera_name(source)

        try:
            from client.camera import Camera, open_source
            from client.watch import Watched, Watcher
            from client.watch_attempt import Desk
        except ImportError as fault:
            LOG.error("camera: %s", type(fault).__name__)
            agent.camera_says(CameraReport(CameraState.UNAVAILABLE, name(), unavailable=("detect", "verify")))
            return None
        store = WatchStore(self._folder.evidence, device.journal_secret)
        live = source_kind(source) is SourceKind.DEVICE
        desk = Desk(evidence, store, self._boot_id, live)
        watched = Watched(Camera(open_source(source), boot_seconds, name), boot_seconds)
        return Watcher(agent, watched, desk)


def main(arguments: list[str] | None = None) -> int:
    """Runs the agent; 0 after a signal to stop, 2 for wrong arguments, 3 when the folder is in use."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=given.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s")
    for chatty in ("engineio.client", "socketio.client"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    try:
        endpoint = parse_endpoint(given.server)
        folder = DataFolder(given.data)
    except BadAddress as fault:
        sys.stderr.write(f"--server: {fault}\n")
        return EXIT_USAGE
    except FolderInUse:
        sys.stderr.write(f"{given.data}: another agent uses this folder\n")
        return EXIT_IN_USE
    kiosk = Kiosk(given, folder, endpoint)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: kiosk.stopping.set())
    try:
        kiosk.run()
    finally:
        folder.close()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m client", description="Seat agent of one workstation.")
    parser.add_argument("--data", type=Path, required=True, help="folder for keys, journals and packages")
    parser.add_argument("--server", required=True, help="address of the room server")
    parser.add_argument("--pair", metavar="CODE", help="pairing code shown at the monitor")
    parser.add_argument("--port", type=int, default=0, help="port of the page on 127.0.0.1, 0: a free one")
    parser.add_argument("--software-version", default=VERSION, help="version told to the server")
    parser.add_argument(
        "--camera", metavar="SOURCE", help="0, /dev/video2, a video, a/%%03d.jpg or a picture"
    )
    parser.add_argument("--camera-id", metavar="TEXT", help="the camera's name in the plan of the room")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    return parser


def _open_browser(url: str) -> None:
    import webbrowser

    webbrowser.open(url)


if __name__ == "__main__":
    raise SystemExit(main())
