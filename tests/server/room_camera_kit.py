"""A room camera for the tests: speaks the protocol through the application's routes, sees who sits where."""

import base64

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask
from werkzeug.test import TestResponse

from exam_rooms import protocol as p
from exam_rooms.pairing import decode_code, spell
from exam_rooms.protocol import session_message
from exam_rooms.room_camera_messages import (
    HeadNote,
    RoomCameraOrders,
    RoomCameraReport,
    RoomPairReply,
)
from exam_rooms.routes import Route
from exam_rooms.watch_messages import CameraState
from exam_rooms.wire import decode, encode
from proctoring.calibration import Sample
from proctoring.room_simulation import Hall, picture
from server.access import Actor
from server.db.rooms import Seat
from server.services import room_calibrations, room_cameras
from server.services.delivery import delivery_of
from server.services.room_calibrations import Picture
from server.services.room_sight import RoomSight
from server.services.signed import Signed
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene

SECONDS = 3
HEAD = 1.2


def hall_of(scene: Scene) -> Hall:
    """A camera before the scene's room, high enough to see every seat."""
    places = placed(scene)
    middle = sum(x for x, _ in places.values()) / len(places)
    back = max(y for _, y in places.values())
    return Hall("scene", 1, 1, 1.0, 1.0, (middle, -3.0), (middle, back / 2 + 1.0))


def placed(scene: Scene) -> dict[str, tuple[float, float]]:
    with scene.host.db.read() as session:
        return {seat.number: (seat.x, seat.y) for seat in session.query(Seat).filter_by(room_id=scene.room)}


class RoomAgent:
    """The agent of a room's camera, paired and with a token."""

    def __init__(self, app: Flask, scene: Scene, machine: Machine) -> None:
        self.app, self.scene, self.machine = app, scene, machine
        self.client = app.test_client()
        self.key = Ed25519PrivateKey.generate()
        self.camera, self.token, self.number = 0, "", 0
        self.hall, self.places = hall_of(scene), placed(scene)

    def pair(self, who: Actor, reason: str = "set up") -> RoomPairReply:
        host = self.scene.host
        signed, print_ = Signed(who, reason), host.site.ca_fingerprint
        code = host.db.write(room_cameras.issue_code, signed, self.scene.room, print_, now=host.now())
        answer = self.ask(code)
        assert answer.status_code == 200, answer.text
        reply = decode(RoomPairReply, answer.get_json())
        self.camera = reply.camera
        self.open()
        return reply

    def ask(self, code: str, route: str = Route.ROOM_PAIR) -> TestResponse:
        secret, _print = decode_code(code)
        public = base64.b64encode(self.key.public_key().public_bytes_raw()).decode()
        asked = p.PairRequest(spell(secret), public, "camera-pc", "1.0")
        return self.client.post(route, json=encode(asked))

    def open(self, challenge: str = Route.ROOM_CHALLENGE, route: str = Route.ROOM_SESSION) -> TestResponse:
        nonce = self.client.post(challenge).get_json()["nonce"]
        signature = base64.b64encode(self.key.sign(session_message(self.camera, nonce))).decode()
        asked = p.SessionRequest(self.camera, nonce, signature, "test")
        answer = self.client.post(route, json=encode(asked))
        if answer.status_code == 200:
            self.token = decode(p.SessionReply, answer.get_json()).token
        return answer

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", p.VERSION_HEADER: str(p.VERSION)}

    def head(self, seat: str, across: float = 0.0, along: float = 0.0) -> tuple[float, float]:
        """Where the picture shows the head of somebody at a seat."""
        x, y = self.places[seat]
        point = picture(self.hall, np.array([[x + across, y + along, HEAD]]))[0]
        return float(point[0]), float(point[1])

    def samples(self, seats: str) -> list[Sample]:
        return [Sample(seat, *self.head(seat)) for seat in seats]

    def calibrate(self, who: Actor, seats: str) -> None:
        host = self.scene.host
        given = self.samples(seats), Picture(1280, 720, "CAM-ROOM")
        host.db.write(room_calibrations.calibrate, Signed(who), self.scene.room, given, now=host.now())

    def report(self, heads: list[tuple[float, float]], blind: str = "", **more: object) -> TestResponse:
        """One look, three seconds after the last one."""
        self.machine.advance(seconds=SECONDS)
        self.number += 1
        told = RoomCameraReport(
            boot_id="room-boot",
            boot_ns=self.machine.boot_ns,
            number=self.number,
            state=CameraState.LIVE,
            identity="CAM-ROOM",
            blind=blind,
            width=1280,
            height=720,
            heads=tuple(HeadNote(x, y, 0.02, 0.9) for x, y in heads),
            models={"detect": "detector 1"},
            **more,  # type: ignore[arg-type]
        )
        return self.client.post(Route.ROOM_REPORT, json=encode(told), headers=self.headers())

    def sees(
        self, seats: str, more: tuple[tuple[float, float], ...] = (), looks: int = 1
    ) -> RoomCameraOrders:
        """Looks at people sitting at these seats, several times."""
        for _ in range(looks):
            answer = self.report([*(self.head(seat) for seat in seats), *more])
            assert answer.status_code == 200, answer.text
        return decode(RoomCameraOrders, answer.get_json())

    def send(self, ref: str, data: bytes) -> TestResponse:
        where = f"{Route.ROOM_PICTURE}?ref={ref}"
        return self.client.post(where, data=data, headers=self.headers(), content_type="image/jpeg")

    @property
    def sight(self) -> RoomSight:
        return delivery_of(self.scene.host).room_cameras.sight(self.camera, self.scene.room)
