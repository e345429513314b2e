"""A room with cameras for the tests, and a workstation that speaks of its camera."""

import base64
import hashlib
import math
import struct
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from exam_rooms import protocol as p
from exam_rooms import watch_messages as w
from exam_rooms.protocol import Route
from exam_rooms.seats import AttemptState
from exam_rooms.watching import ObservationNote, WatchRules
from exam_rooms.wire import decode
from server.db.rooms import Room
from server.db.sittings import Attempt
from server.services import commands, roomstate
from server.services.agents import Agent
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene
from tests.server.kept_stage import further

BOOT_ID = "b00t0000-0000-4000-8000-000000000000"
DIMS = 128


def equip(scene: Scene) -> Scene:
    """Makes the scene's room a smart one."""

    def smart(session) -> None:
        session.get_one(Room, scene.room).kind = "smart"

    further(scene.host, "smart", lambda: scene.host.db.write(smart))
    return scene


def rules(scene: Scene) -> WatchRules:
    with scene.host.db.read() as session:
        found = roomstate.load(session, scene.room_sitting).policy.watching
    assert found is not None
    return found


def agent_of(scene: Scene, seat: str) -> Agent:
    """The workstation of a seat as services see it."""
    return Agent(scene.workstations[seat], scene.seats[seat], scene.room, b"")


def jpeg(mark: int = 0, size: int = 2000) -> bytes:
    """Bytes that begin like a JPEG; nobody decodes them here."""
    head = b"\xff\xd8\xff\xe0" + mark.to_bytes(4, "big")
    return head + bytes((mark + place) % 251 for place in range(size - len(head)))


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def vector(mark: int = 0) -> str:
    """A face vector of length 1, as it travels."""
    values = [math.sin(1 + mark + place) for place in range(DIMS)]
    norm = math.sqrt(sum(value * value for value in values))
    return base64.b64encode(struct.pack(f"<{DIMS}f", *(value / norm for value in values))).decode()


def note(**changed: Any) -> ObservationNote:
    good = {"faces": 1, "persons": 1, "brightness": 120.0, "sharpness": 90.0, "quality": "good"}
    return ObservationNote(**{**good, **changed})


def begun(scene: Scene, machine: Machine, seats: str, refusing: str = "") -> None:
    """Ten minutes on, the room works on its papers at these seats, whose machines were not heard yet."""

    def ready(session) -> None:
        for seat in seats:
            attempt = session.get_one(Attempt, scene.attempts[seat])
            attempt.state, attempt.face_consent = str(AttemptState.READY), seat not in refusing
            attempt.workstation_id, attempt.accepted_at = scene.workstations[seat], scene.host.now()

    def prepare() -> None:
        scene.host.db.write(ready)
        machine.advance(minutes=10)
        scene.start()

    before = scene.host.now()
    further(scene.host, ("begun", seats, refusing, machine.boot_ns, machine.boot_id), prepare)
    if scene.host.now() == before:
        machine.advance(minutes=10)


def answering(
    app: Flask, scene: Scene, machine: Machine, seats: str = "12", refusing: str = ""
) -> list["CameraAgent"]:
    """Workstations before the paper of a room that has just started; `refusing`: seats without consent.

    The way to the waiting screen is left out (`CameraAgent.wait` goes it): its rows are written at once.
    """
    begun(scene, machine, seats, refusing)
    agents = [CameraAgent(app, scene, seat) for seat in seats]
    for agent in agents:
        agent.open_session()
        agent.attempt = scene.attempts[agent.seat]
        agent.beat()  # tells the clock of its boot
    return agents


class CameraAgent(TestAgent):
    """A workstation with a camera; every message has sensible values unless told otherwise."""

    __test__ = False

    def __init__(self, app: Flask, scene: Scene, seat: str) -> None:
        super().__init__(app, scene, seat)
        self.boot_id = BOOT_ID

    def boot_ns(self) -> int:
        return self.scene.host.clock._look().boot_ns

    def wait(self, *, consent: bool = True) -> None:
        """At the waiting screen, with a decision about face comparison."""
        self.open_session()
        assert self.sign_in().status_code == 200
        self.scene.write(commands.admit, self.scene.invigilator, self.scene.attempts[self.seat])
        assert self.post(Route.CONFIRM, p.ConfirmRequest(True)).status_code == 200
        assert self.post(Route.ACCEPT, p.AcceptRequest("2026-11", consent)).status_code == 200
        self.attempt = self.scene.attempts[self.seat]

    def frame(self, data: bytes, moment: str = "") -> w.FrameNote:
        return w.FrameNote(sha(data), len(data), self.boot_ns(), moment)

    def alert(self, **changed: Any) -> w.AlertRequest:
        now = self.boot_ns()
        told: dict[str, Any] = {
            "attempt": self.attempt,
            "episode": "0123456789abcdef",
            "kind": "NO_FACE",
            "boot_id": BOOT_ID,
            "since_ns": now - 8_000_000_000,
            "boot_ns": now,
            "scores": {"persons": 0.0},
            "models": {"detect": "detector 1"},
        }
        return w.AlertRequest(**{**told, **changed})

    def enrolment(self, mark: int = 0, **changed: Any) -> w.EnrolmentRequest:
        told: dict[str, Any] = {
            "attempt": self.attempt,
            "template": vector(mark),
            "likeness": "match",
            "count": 5,
            "spread": 0.9,
            "boot_id": BOOT_ID,
            "boot_ns": self.boot_ns(),
            "similarity": 0.8,
        }
        return w.EnrolmentRequest(**{**told, **changed})

    def capture(self, number: int = 0, **changed: Any) -> w.CaptureRequest:
        told = {"attempt": self.attempt, "number": number, "boot_id": BOOT_ID, "boot_ns": self.boot_ns()}
        return w.CaptureRequest(**{**told, **changed})

    def picture(self, data: bytes, sha256: str = "") -> TestResponse:
        """Sends one picture as the body."""
        where = f"{Route.FRAMES}?sha256={sha256 or sha(data)}"
        return self.client.post(where, data=data, headers=self._headers(), content_type="image/jpeg")

    def look(self, ref: str, data: bytes) -> TestResponse:
        where = f"{Route.LOOK}?ref={ref}"
        return self.client.post(where, data=data, headers=self._headers(), content_type="image/jpeg")

    def taken(self, route: str, message: object) -> w.Taken:
        answer = self.post(route, message)
        assert answer.status_code == 200, answer.text
        return decode(w.Taken, answer.get_json())

    def refused(self, route: str, message: object) -> tuple[int, str]:
        answer = self.post(route, message)
        return answer.status_code, answer.get_json()["code"]
