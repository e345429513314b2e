"""A room's camera paired, looked through and calibrated, by mouse, keys and numbers, in a real Chromium.

The picture comes from the real agent over a real connection, out of a composed room.
"""

import argparse
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from client import room_watch
from client.camera import Camera, Wanted, open_source
from client.clock import boot_seconds
from client.device import DataFolder
from client.endpoint import parse_endpoint
from client.room_eyes import RoomEyes
from client.room_link import RoomLink
from client.room_watch import RoomWatcher, Sense
from proctoring.room_simulation import Hall, picture
from server.access import Role
from server.cli.rehearse.crew import Names, hire
from server.cli.rehearse.hall import private_hall
from server.db.rooms import Seat
from tests.client.test_room_watch import portrait
from tests.system.axe import violations
from tests.system.bank_walk import SIDEWAYS, Desk
from tests.system.chromium import chromium
from tests.system.screens import PASSWORD

pytestmark = [pytest.mark.system, pytest.mark.long]  # a long walk: `make test-long`
COLUMNS, ROWS = 4, 3
PLAN = "考场,座位号,排,列,横坐标,纵坐标"
VIEW = Hall("walk", 1, 1, 1.0, 1.0, (2.5, -1.2), (2.5, 3.2))


@pytest.fixture
def desk() -> Iterator[Desk]:
    with ExitStack() as stack:
        hall = stack.enter_context(private_hall(tls=False))
        crew = hire(hall.host, Names("demo-", "示例", PASSWORD), invigilators=1)
        hall.serve()
        yield Desk(hall, crew, stack.enter_context(chromium()))


def furnished(desk: Desk) -> dict[str, tuple[float, float]]:
    """A room of three rows of four; where its seats stand."""
    host = desk.hall.host
    rows = [
        {"number": f"{row * COLUMNS + column + 1:02d}", "row": row + 1, "column": column + 1}
        | {"x": 0.7 + 1.2 * column, "y": 1.8 + 1.2 * row}
        for row in range(ROWS)
        for column in range(COLUMNS)
    ]

    def store(session) -> int:
        from server.db.rooms import Room

        room = Room(name="摄像考场", kind="smart", created_at=host.now())
        session.add(room)
        session.flush()
        session.add_all(Seat(room_id=room.id, kind="normal", **row) for row in rows)
        return int(room.id)

    desk.room = host.db.write(store)
    return {str(row["number"]): (float(row["x"]), float(row["y"])) for row in rows}


def shares(places: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Where the picture shows the heads of people at these seats."""
    points = picture(VIEW, np.array([[x, y, 1.2] for x, y in places.values()]))
    return {seat: (float(x), float(y)) for seat, (x, y) in zip(places, points, strict=True)}


def compose(path: Path, heads: dict[str, tuple[float, float]]) -> None:
    drawn = np.random.default_rng(3)
    room = np.clip(drawn.normal(160, 5, (720, 1280, 3)), 0, 255).astype(np.uint8)
    cv2.rectangle(room, (0, 600), (1280, 720), (120, 110, 100), -1)
    people = [portrait("obama.jpg"), portrait("biden.jpg"), portrait("astronaut.png")]
    for number, (x, y) in enumerate(heads.values()):
        face = people[number % 3]
        high, wide = face.shape[:2]
        left, top = int(x * 1280 - wide / 2), int(y * 720 - high / 2)
        room[top : top + high, left : left + wide] = face
    cv2.imwrite(str(path), room)


def agent(desk: Desk, folder: Path, code: str) -> RoomWatcher:
    """The real agent, in this process: paired with the code that the page shows."""
    endpoint = parse_endpoint(desk.address)
    given = argparse.Namespace(pair=code)
    kept = DataFolder(folder / "camera")
    device = room_watch._device(given, endpoint, kept, threading.Event())
    kept.close()
    assert device is not None
    camera = Camera(
        open_source(str(folder / "room.png"), Wanted(long_side=1920)), boot_seconds, lambda: "CAM-9"
    )
    watcher = RoomWatcher(Sense(camera, RoomEyes(), boot_seconds, "boot"), RoomLink(device, endpoint, "1"))
    threading.Thread(target=watcher.run, daemon=True).start()
    return watcher


def test_a_room_camera_is_paired_looked_through_and_calibrated(desk: Desk, tmp_path: Path) -> None:
    places = furnished(desk)
    heads = shares(places)
    compose(tmp_path / "room.png", heads)
    page = desk.page(Role.ADMINISTRATOR)
    desk.open(page, f"/rooms/{desk.room}")
    page.click("main >> text=考场摄像头")
    expect(page.locator("main")).to_contain_text("这个考场没有考场摄像头")
    page.locator("main button", has_text="生成配对码").click()
    code = page.locator(".pairing-code").inner_text()
    watcher = agent(desk, tmp_path, code)
    try:
        look(desk, page)
        mark(page, heads)
        page.click("text=保存标定")
        expect(page.locator("main")).to_contain_text("采用 6 个座位")
        expect(page.locator("main")).to_contain_text("人工标定")
        look(desk, page)
        expect(page.locator(".seen-seat")).to_have_count(12)
        expect(page.locator(".seen-head")).to_have_count(12, timeout=60_000)
        assert page.locator('.seen-head[data-seat=""]').count() == 0, "every head has its seat"
        desk.look(page, "room-camera")
        assert page.evaluate(SIDEWAYS) == 0
        assert violations(page) == []
        spoil(page)
    finally:
        watcher.stopping.set()
    assert desk.faults == []


def look(desk: Desk, page: Page) -> None:
    """Asks for the picture of now and waits for it."""
    desk.open(page, f"/rooms/{desk.room}/camera")
    page.locator("main button", has_text="取一张画面").click()
    expect(page.locator(".room-picture[data-shown]")).to_be_visible(timeout=60_000)


def mark(page: Page, heads: dict[str, tuple[float, float]]) -> None:
    """Three seats by mouse, one by the keys alone, two by numbers."""
    image = page.locator("[data-image]")
    for seat in ("01", "04", "09"):
        page.locator(f'tr[data-number="{seat}"] [data-choose]').check()
        box = image.bounding_box()
        assert box is not None
        x, y = heads[seat]
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    by_keys(page, "12", heads["12"])
    for seat in ("06", "07"):
        x, y = heads[seat]
        fields = page.locator(f'tr[data-number="{seat}"] .percent')
        fields.nth(0).fill(f"{100 * x:.2f}")
        fields.nth(1).fill(f"{100 * y:.2f}")
    expect(page.locator(".room-point")).to_have_count(6)


def by_keys(page: Page, seat: str, head: tuple[float, float]) -> None:
    """A seat that is chosen gets its point in the middle; arrow keys move it."""
    page.locator(f'tr[data-number="{seat}"] [data-choose]').focus()
    page.keyboard.press("Space")
    point = page.locator(f'.room-point:has-text("{seat}")')
    point.focus()
    for share, keys in ((head[0], ("ArrowRight", "ArrowLeft")), (head[1], ("ArrowDown", "ArrowUp"))):
        way = keys[0] if share > 0.5 else keys[1]
        for _ in range(int(abs(100 * share - 50))):
            page.keyboard.press(f"Shift+{way}")
    fields = page.locator(f'tr[data-number="{seat}"] .percent')
    assert abs(float(fields.nth(0).input_value()) - 100 * head[0]) <= 1
    assert abs(float(fields.nth(1).input_value()) - 100 * head[1]) <= 1


def spoil(page: Page) -> None:
    """Two seats mixed up: refused with words, and what was marked is still there."""
    one, other = page.locator('tr[data-number="01"] .percent'), page.locator('tr[data-number="04"] .percent')
    page.click("text=全部清除")
    expect(page.locator(".room-point")).to_have_count(0)
    corners = {"01": ("20", "60"), "04": ("80", "60"), "09": ("80", "20"), "12": ("20", "20")}
    for seat, values in corners.items():
        for number, value in enumerate(values):
            page.locator(f'tr[data-number="{seat}"] .percent').nth(number).fill(value)
    page.click("text=保存标定")
    expect(page.locator(".alert.act")).to_contain_text("标反了")
    assert (one.nth(0).input_value(), other.nth(0).input_value()) == ("20", "80")
