"""`examhall kiosk --watch-room`: the agent of a camera that sees a whole room.

It is paired with the room, not with a seat. Every few seconds it looks for heads in the newest picture and
sends where they are; pictures leave it only when the server asks: for a calibration, or the part around a
seat that an incident is about. The last few minutes of pictures lie in its memory for that, nowhere else.
"""

import argparse
import http.client
import logging
import random
import secrets
import signal
import socket
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from client.camera_given import GivenCamera, add_options, given_camera
from client.clock import boot_seconds, read_boot_id
from client.device import DataFolder
from client.endpoint import Endpoint
from client.exchange import Pace
from client.pair import Applicant, PairingRefused, code_hash, new_private_key
from client.place_given import EXIT_USAGE, NoPlace, given_place
from client.room_link import LinkFault, RoomDevice, RoomLink, load_device, pair
from client.servers import servers_of
from exam_rooms.room_camera_messages import RoomCameraOrders, RoomCameraReport, WantedPicture
from exam_rooms.room_watching import pace
from exam_rooms.watch_messages import CameraState
from itembank.version import VERSION

if TYPE_CHECKING:
    from client.camera import Camera
    from client.room_eyes import RoomEyes

LOG = logging.getLogger("examhall.kiosk")
OPTION = "--watch-room"
USUAL_SIZE = (1280, 720)
LONGEST_SIDE = 1920
KEPT = 60
"""Pictures in memory: some three minutes, 10 MB."""
SECONDS = 3.0
EXIT_REFUSED = 1


@dataclass(frozen=True, slots=True)
class Sense:
    """What looks: the camera and the detector, and the boot clock in seconds."""

    camera: "Camera"
    eyes: "RoomEyes"
    boot: Callable[[], float]
    boot_id: str


class RoomWatcher:
    """Looks and tells until it is stopped."""

    def __init__(self, sense: Sense, link: RoomLink) -> None:
        self.stopping = threading.Event()
        self._sense = sense
        self._link = link
        self._album: OrderedDict[int, bytes] = OrderedDict()
        # Numbers of an earlier start name no picture of this one: such a picture is gone, not another.
        self._number = secrets.randbelow(1 << 40)
        self._told = ""

    def run(self) -> None:
        """One look after the other."""
        self._sense.camera.start()
        try:
            while not self.stopping.is_set():
                self.stopping.wait(self.tick())
        finally:
            self._sense.camera.stop()

    def tick(self) -> float:
        """Looks once and does what the server asks; the seconds until the next look."""
        told = RoomCameraReport(
            self._sense.boot_id, 0, self._number, CameraState.UNAVAILABLE, blind="unavailable"
        )
        orders = RoomCameraOrders(SECONDS)
        try:
            told = self._look()
            orders = self._link.report(told)
            self._told = ""
            for wanted in orders.wanted:
                self._send(wanted)
        except LinkFault as fault:
            self._say(fault.code)
        except Exception as fault:  # noqa: BLE001 - whatever a picture holds, the camera goes on
            self._say(type(fault).__name__)
        return pace(orders.sample_seconds, told.cost_ms / 1000, orders.hint)

    def _send(self, wanted: WantedPicture) -> None:
        """One that is refused keeps none of the others back."""
        try:
            self._link.picture(wanted.ref, self._picture(wanted))
        except LinkFault as fault:
            if fault.code == "no_link":
                raise
            self._say(fault.code)

    def _look(self) -> RoomCameraReport:
        """The newest picture's heads; the picture goes into the album."""
        from client.room_eyes import whole

        sense = self._sense
        now, camera, eyes = sense.boot(), sense.camera, sense.eyes
        shot, state = camera.latest(now), camera.state(now)
        self._number += 1
        if shot is None:
            blind = "lost"
            return RoomCameraReport(
                sense.boot_id, int(now * 1e9), self._number, state, camera.identity, blind
            )
        glance = eyes.look(shot.frame)
        self._album[self._number] = whole(shot.frame)
        while len(self._album) > KEPT:
            self._album.popitem(last=False)
        height, width = shot.frame.shape[:2]
        return RoomCameraReport(
            boot_id=sense.boot_id,
            boot_ns=int(shot.boot * 1e9),
            number=self._number,
            state=state,
            identity=camera.identity,
            blind=glance.blind,
            width=int(width),
            height=int(height),
            heads=glance.heads,
            unavailable=eyes.unavailable,
            models=dict(eyes.models),
            cost_ms=round(1000 * glance.cost, 1),
        )

    def _picture(self, wanted: WantedPicture) -> bytes:
        """A picture that is asked for: of a look in the album, or the newest; b"" when it is gone."""
        from client.room_eyes import part

        number = wanted.number or self._number
        data = self._album.get(number, b"")
        return part(data, wanted) if data else b""

    def _say(self, word: str) -> None:
        """Into the log by a word, once until something works again."""
        if word != self._told:
            self._told = word
            LOG.warning("room camera: %s", word)


def main(arguments: list[str]) -> int:
    """Runs the agent; 0 when told to stop, 1 when pairing is refused, 2 for wrong arguments, 3 in use."""
    given = _parser().parse_args(arguments)
    logging.basicConfig(level=given.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s")
    camera = given_camera(given)
    if not camera.source:
        sys.stderr.write("--watch-room needs --camera\n")
        return EXIT_USAGE
    try:
        (endpoint, *others), folder = given_place(given)
    except NoPlace as fault:
        sys.stderr.write(f"{fault}\n")
        return fault.status
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        device = _device(given, endpoint, folder, stopping)
        if device is None:
            return EXIT_REFUSED
        known = [one.url for one in (endpoint, *others)]
        servers = servers_of(folder, known, random.SystemRandom())
        return _work(given, camera, RoomLink(device, endpoint, VERSION, servers), stopping)
    finally:
        folder.close()


def _work(given: argparse.Namespace, camera: GivenCamera, link: RoomLink, stopping: threading.Event) -> int:
    """OpenCV and NumPy are loaded here and nowhere earlier, as in the agent of a seat."""
    from client.camera import Camera, Wanted, open_source
    from client.room_eyes import RoomEyes

    wanted = Wanted(camera.size or USUAL_SIZE, long_side=LONGEST_SIDE)
    shutter = Camera(open_source(camera.source, wanted), boot_seconds, camera.name)
    watcher = RoomWatcher(Sense(shutter, RoomEyes(given.models), boot_seconds, read_boot_id()), link)
    watcher.stopping = stopping
    watcher.run()
    return 0


def _device(
    given: argparse.Namespace, endpoint: Endpoint, folder: DataFolder, stopping: threading.Event
) -> RoomDevice | None:
    """The pairing in force, made now if there is a new code; None when it is refused, or told to stop."""
    known = load_device(folder.path)
    if known is not None and (not given.pair or code_hash(given.pair) == known.code_hash):
        return known
    if not given.pair:
        sys.stderr.write("this machine is no room's camera yet: --pair CODE\n")
        return None
    me = Applicant(new_private_key(), socket.gethostname(), VERSION)
    pace = Pace(random.SystemRandom())
    while not stopping.is_set():
        try:
            return pair(endpoint, given.pair, me, folder.path)
        except PairingRefused as refused:
            LOG.error("pairing refused: %s", refused.code)
            return known
        except (OSError, http.client.HTTPException) as fault:
            LOG.warning("pairing: %s", type(fault).__name__)
            pace.failed(boot_seconds())
            stopping.wait(pace.ready_at - boot_seconds())
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="examhall kiosk --watch-room", description="Camera of a whole room."
    )
    parser.add_argument(OPTION, action="store_true", required=True, help="watch a room, not a seat")
    parser.add_argument("--data", type=Path, required=True, help="folder for the pairing")
    server = "address of the room server; again for its standby"
    parser.add_argument("--server", required=True, action="append", help=server)
    parser.add_argument("--pair", metavar="CODE", help="pairing code shown on the page of the room's camera")
    parser.add_argument("--models", metavar="DIR", default="", help="folder of installed camera models")
    parser.add_argument("--log-level", default="info", choices=["debug", "info", "warning", "error"])
    add_options(parser)
    return parser
