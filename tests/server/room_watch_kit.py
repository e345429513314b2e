"""A room of three by three seats with a calibrated room camera, and what its tests ask of it."""

from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask import Flask

from server.access import Actor
from server.db.rooms import Seat
from server.host import Host
from tests.server import delivery_kit
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.kept_stage import further
from tests.server.room_camera_kit import RoomAgent
from tests.server.smart_kit import begun, equip

SEATED = "12345678"
SPARE = "9"
MORE_NUMBERS = ("110101199003070329", "110101199003070337", "110101199003070345", "110101199003070353")
HOLD = 17
"""Looks after which whatever was there from the first on has been told."""


def three_by_three(host: Host, person_as: Callable[..., Actor], monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A smart room of three by three seats, eight candidates and a spare seat."""
    monkeypatch.setattr(delivery_kit, "ID_NUMBERS", (*delivery_kit.ID_NUMBERS, *MORE_NUMBERS))
    made = make_scene(host, person_as, candidates=8)

    def in_rows(session) -> None:
        for number, seat in made.seats.items():
            row = session.get_one(Seat, seat)
            place = int(number) - 1
            row.x, row.y = 1.2 * (place % 3), 1.5 + 1.2 * (place // 3)

    def prepare() -> None:
        equip(made)
        host.db.write(in_rows)

    further(host, "in rows of three", prepare)
    return made


def calibrated(app: Flask, scene: Scene, machine: Machine) -> RoomAgent:
    """A paired camera, calibrated by the corners and two more seats."""
    agent = RoomAgent(app, scene, machine)

    def prepare() -> tuple[int, bytes]:
        agent.pair(scene.chief, "set up")
        agent.calibrate(scene.chief, "1379" + "26")
        return agent.camera, agent.key.private_bytes_raw()

    agent.camera, key = further(scene.host, "room camera", prepare)
    agent.key = Ed25519PrivateKey.from_private_bytes(key)
    agent.open()
    return agent


def started(scene: Scene, machine: Machine, refusing: str = "") -> None:
    """The room works on its papers; no machine of a seat is there."""
    begun(scene, machine, SEATED, refusing)


def wanted(scene: Scene, machine: Machine, camera: RoomAgent) -> dict[str, int]:
    """After an alert: which pictures the server asks for, and of which look."""
    started(scene, machine)
    camera.sees(SEATED, looks=6)
    orders = camera.sees("1235678", looks=HOLD)
    return {each.ref: each.number for each in orders.wanted}
