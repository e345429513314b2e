"""The agent of a room's camera over composed pictures: heads where they are, no pixels unasked, never stopped."""

import json
import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from client import room_watch
from client.camera import Camera, Wanted, open_source
from client.clock import boot_seconds
from client.endpoint import parse_endpoint
from client.room_eyes import RoomEyes, part, whole
from client.room_link import FILE, LinkFault, RoomDevice, RoomLink, load_device
from client.room_watch import RoomWatcher, Sense
from client.servers import Servers
from exam_rooms.protocol import EPOCH_HEADER, Challenge, SessionReply
from exam_rooms.room_camera_messages import RoomCameraOrders, RoomCameraReport, WantedPicture
from exam_rooms.room_watching import CPU_SHARE, pace
from exam_rooms.routes import Route
from exam_rooms.standby_messages import EpochReply, Reign, ServerState
from exam_rooms.watch_messages import CameraState
from exam_rooms.wire import decode, encode
from proctoring.frames import Frame, decode_frame
from tests.client.camera_kit import FACES

SIZE = (1280, 720)
PLACES = {"a": (0.2, 0.3), "b": (0.5, 0.32), "c": (0.8, 0.3), "d": (0.3, 0.7), "e": (0.7, 0.72)}
"""Heads of the composed room as shares of the picture."""
FACE = (40, 52)


@pytest.fixture(scope="module")
def eyes() -> RoomEyes:
    return RoomEyes()


def portrait(name: str) -> Frame:
    """A face with some hair and neck, as large as in a room's picture."""
    from client.room_eyes import faces

    own = RoomEyes()
    picture = np.asarray(cv2.imread(str(FACES / name)), np.uint8)
    left, top, wide, high = faces.find(own._net, own._card, picture, 640)[0].box
    around = picture[
        max(0, int(top - 0.5 * high)) : int(top + 1.5 * high),
        max(0, int(left - 0.5 * wide)) : int(left + 1.5 * wide),
    ]
    return np.asarray(cv2.resize(around, (2 * FACE[0], 2 * FACE[1]), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.fixture(scope="module")
def room() -> Frame:
    """Five people at known places before a wall."""
    drawn = np.random.default_rng(1)
    picture = np.clip(drawn.normal(150, 6, (SIZE[1], SIZE[0], 3)), 0, 255).astype(np.uint8)
    cv2.line(picture, (0, 500), (1280, 480), (90, 80, 70), 6)
    people = [portrait("obama.jpg"), portrait("biden.jpg"), portrait("astronaut.png")]
    for number, (x, y) in enumerate(PLACES.values()):
        head = people[number % 3]
        high, wide = head.shape[:2]
        left, top = int(x * SIZE[0] - wide / 2), int(y * SIZE[1] - high / 2)
        picture[top : top + high, left : left + wide] = head
    return picture


def nearest(heads: tuple[Any, ...], place: tuple[float, float]) -> float:
    return min(np.hypot(head.x - place[0], head.y - place[1]) for head in heads)


@pytest.mark.dear
def test_heads_are_found_where_they_were_pasted(eyes: RoomEyes, room: Frame) -> None:
    glance = eyes.look(room)
    assert len(glance.heads) == len(PLACES)
    assert all(nearest(glance.heads, place) < 0.02 for place in PLACES.values())
    assert glance.blind == ""
    assert 0 < glance.cost < 3


@pytest.mark.dear
def test_who_cannot_see_says_so_and_does_not_see_an_empty_room(eyes: RoomEyes, room: Frame) -> None:
    covered = np.full_like(room, 150)
    night = (room * 0.04).astype(np.uint8)
    night[:, ::40] = 60  # light through the blinds
    assert [(one.heads, one.blind) for one in map(eyes.look, (covered, night))] == [
        ((), "covered"),
        ((), "dark"),
    ]


def test_without_a_detector_every_look_is_unavailable(tmp_path: Path, room: Frame) -> None:
    blind = RoomEyes.__new__(RoomEyes)
    blind.unavailable, blind.models = ("detect",), {}
    assert blind.look(room).blind == "unavailable"


def test_the_part_that_is_asked_for_is_cut_out(room: Frame) -> None:
    kept = whole(room)
    cut = decode_frame(part(kept, WantedPicture("x", 1, 0.1, 0.2, 0.2, 0.25)))
    assert cut.shape[:2] == (180, 256)
    assert np.abs(cut.astype(int) - room[144:324, 128:384].astype(int)).mean() < 12
    assert part(kept, WantedPicture("x", 1, 0.999, 0.999, 0.0001, 0.0001)) == b""
    assert part(b"no picture", WantedPicture("x")) == b""


@pytest.mark.parametrize(
    ("seconds", "cost", "hint", "pause"),
    [
        (3.0, 0.1, 0, 3.0),
        (3.0, 1.5, 0, 1.5 / CPU_SHARE),
        (3.0, 90.0, 0, 15.0),
        (3.0, 0.1, 10, 6.0),
        (0.0, 0, 0, 1.0),
    ],
)
def test_a_slow_machine_looks_seldomer(seconds: float, cost: float, hint: int, pause: float) -> None:
    assert pace(seconds, cost, hint) == pytest.approx(pause)


# --- against a server that keeps what it is told -----------------------------------------------------------


class Keeper:
    """A server of the protocol's few routes for one camera, with real requests over a real socket."""

    def __init__(self) -> None:
        self.reports: list[RoomCameraReport] = []
        self.pictures: dict[str, bytes] = {}
        self.wanted: tuple[WantedPicture, ...] = ()
        self.refused: set[str] = set()
        self.tokens = 0
        self.forget = False
        self.epoch = 1
        keeper = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                data = json.dumps(encode(EpochReply(keeper.epoch, ServerState.ACTIVE))).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, answer = keeper.take(self.path, body, self.headers.get("Authorization", ""))
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.send_header(EPOCH_HEADER, str(keeper.epoch))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path: str, body: bytes, token: str) -> tuple[int, dict[str, Any]]:
        route, _, query = path.partition("?ref=")
        if route == Route.ROOM_CHALLENGE:
            return 200, encode(Challenge("nonce"))
        if route == Route.ROOM_SESSION:
            self.tokens += 1
            self.forget = False
            from datetime import UTC, datetime

            now = datetime(2026, 11, 21, tzinfo=UTC)
            return 200, encode(SessionReply(f"token{self.tokens}", now, now))
        if self.forget or token != f"Bearer token{self.tokens}":
            return 401, {"code": "token_expired", "params": {}, "message": ""}
        if route == Route.ROOM_REPORT:
            self.reports.append(decode(RoomCameraReport, json.loads(body)))
            return 200, encode(RoomCameraOrders(2.0, True, self.wanted))
        if query in self.refused:
            return 413, {"code": "frame_too_large", "params": {}, "message": ""}
        self.pictures[query] = body
        return 200, {"wanted": [], "hint": 0}


@pytest.fixture
def keeper() -> Any:
    found = Keeper()
    yield found
    found.server.shutdown()
    found.server.server_close()


def watcher(keeper: Keeper, source: str, eyes: RoomEyes) -> RoomWatcher:
    endpoint = parse_endpoint(f"http://127.0.0.1:{keeper.server.server_port}")
    device = RoomDevice(1, "room", endpoint.url, "A" * 43 + "=", "", "hash")
    camera = Camera(open_source(source, Wanted(long_side=1920)), boot_seconds, lambda: "CAM-ROOM")
    sense = Sense(camera, eyes, boot_seconds, "boot")
    return RoomWatcher(sense, RoomLink(device, endpoint, "1.0"))


def shown(found: RoomWatcher) -> None:
    """Waits for the camera's first picture."""
    camera = found._sense.camera
    camera.start()
    for _ in range(200):
        if camera.latest(boot_seconds()) is not None:
            return
        threading.Event().wait(0.02)
    raise AssertionError("no picture")


def test_a_camera_goes_to_the_server_that_took_over_and_takes_no_word_of_the_former(keeper: Keeper) -> None:
    other = Keeper()
    try:
        other.epoch = 2
        here, there = (f"http://127.0.0.1:{one.server.server_port}" for one in (keeper, other))
        device = RoomDevice(1, "room", here, "A" * 43 + "=", "", "hash")
        servers = Servers((here, there), random.Random(1), reign=Reign(1))
        link = RoomLink(device, parse_endpoint(here), "1.0", servers)
        report = RoomCameraReport("boot", 0, 1, CameraState.LIVE)
        for _ in range(4):
            link.report(report)
        assert (servers.current, servers.epoch) == (there, 2)
        assert len(keeper.reports) + len(other.reports) == 4 and other.reports
        servers.current = here
        with pytest.raises(LinkFault, match="no_link"):
            link.report(report)
    finally:
        other.server.shutdown()
        other.server.server_close()


@pytest.mark.dear
def test_heads_travel_and_pictures_only_when_asked_for(
    keeper: Keeper, room: Frame, eyes: RoomEyes, tmp_path: Path
) -> None:
    path = tmp_path / "room.png"
    cv2.imwrite(str(path), room)
    found = watcher(keeper, str(path), eyes)
    try:
        shown(found)
        assert 1.0 <= found.tick() <= 15.0
        (told,) = keeper.reports
        assert (told.width, told.height, told.identity) == (1280, 720, "CAM-ROOM")
        assert len(told.heads) == len(PLACES)
        assert told.models
        assert keeper.pictures == {}
        keeper.wanted = (
            WantedPicture("frame-7", told.number, 0.1, 0.1, 0.3, 0.4),
            WantedPicture("frame-8", 99),
        )
        found.tick()
        assert decode_frame(keeper.pictures["frame-7"]).shape[1] == 384
        assert keeper.pictures["frame-8"] == b"", "not in the album: said so"
        keeper.refused, keeper.pictures = {"frame-7"}, {}
        found.tick()
        assert set(keeper.pictures) == {"frame-8"}, "a refused picture keeps none of the others back"
        keeper.wanted, keeper.forget = (), True
        found.tick()
        assert len(keeper.reports) == 4, "a new token was fetched"
    finally:
        found._sense.camera.stop()


def test_numbers_of_another_start_name_no_picture_of_this_one(keeper: Keeper, eyes: RoomEyes) -> None:
    numbers = set()
    for _ in range(3):
        found = watcher(keeper, "none.png", eyes)
        found.tick()
        numbers.add(keeper.reports[-1].number)
    assert len(numbers) == 3


def test_without_a_picture_or_a_server_the_agent_goes_on(
    keeper: Keeper, eyes: RoomEyes, tmp_path: Path
) -> None:
    found = watcher(keeper, str(tmp_path / "none.png"), eyes)
    found.tick()
    assert keeper.reports[-1].blind == "lost"
    keeper.server.shutdown()
    keeper.server.server_close()
    assert found.tick() > 0
    found._sense.camera.stop()


def test_the_options_name_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--watch-room", "--data", str(tmp_path)]
    assert room_watch.main([*common, "--server", "http://127.0.0.1:1"]) == 2
    assert room_watch.main([*common, "--server", "http://10.0.0.1", "--camera", "0"]) == 2
    assert room_watch.main([*common, "--server", "http://127.0.0.1:1", "--camera", "x.png"]) == 1
    assert "--pair" in capsys.readouterr().err
    assert load_device(tmp_path) is None
    assert not (tmp_path / FILE).exists()
