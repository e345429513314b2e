"""A room that wrote on paper: printed answer sheets as scans, markers, and readings handed in."""

import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import cv2
import numpy as np
from sqlalchemy import select

from itembank.items import Criterion, Item, ItemBody, ItemFacts, ItemKind, Option
from server.access import Actor
from server.db.record import AuditEntry
from server.db.scripts import Script, ScriptReading
from server.db.sittings import RoomSitting
from server.host import Host
from server.jobs.documents import document_pdf
from server.jobs.scans import read_scans
from server.services import paper_prints, scans, script_markers, script_readings, script_room
from server.services.paper_prints import ALL_FORMS, PrintOrder
from server.services.scans import Brought, Stored
from server.services.script_readings import Given
from server.services.signed import Signed
from tests.server.conftest import Machine
from tests.server.delivery_kit import Content, Scene, make_scene

ZONE = ZoneInfo("Asia/Shanghai")
CHOICES, ESSAYS = 3, 2
POINTS: Mapping[ItemKind, Decimal] = {ItemKind.SINGLE: Decimal(20), ItemKind.ESSAY: Decimal(20)}


def content() -> Content:
    """Three single choices and two questions that examiners mark, 20 points each."""
    items = [_choice(number) for number in range(1, CHOICES + 1)]
    return Content([*items, *(_essay(number) for number in range(CHOICES + 1, CHOICES + ESSAYS + 1))], POINTS)


def _choice(number: int) -> Item:
    options = tuple(Option(key, f"选项{key}") for key in "ABCD")
    facts = ItemFacts(f"item-{number}", "A-A-A-001", ItemKind.SINGLE, 3, None, "", False)
    return Item(facts, ItemBody(stem=f"第 {number} 题", options=options, answer=("A",)))


def _essay(number: int) -> Item:
    facts = ItemFacts(f"item-{number}", "A-A-A-001", ItemKind.ESSAY, 3, None, "", False)
    criteria = (Criterion("要点一", Decimal(12)), Criterion("要点二", Decimal(8)))
    return Item(facts, ItemBody(stem=f"简述第 {number} 个要点", criteria=criteria))


@dataclass
class PaperRoom:
    """The room after the writing: three scripts to come, three markers, and who manages the scripts."""

    scene: Scene
    markers: tuple[Actor, ...]
    keepers: Signed
    manager: Actor

    @property
    def host(self) -> Host:
        return self.scene.host

    @property
    def room(self) -> int:
        return self.scene.room_sitting

    def sheets(self, *seats: str) -> bytes:
        """Printed answer sheets of these seats (none: of all), on A3, as two keepers get them."""
        order = PrintOrder(
            self.room, ALL_FORMS, document="sheet", purpose="last_resort", seats=seats, size="A3"
        )
        now = self.host.now()
        with self.host.db.read() as session:
            payload = paper_prints.work(session, self.keepers, order, now=now, zone=ZONE)
        pdf: bytes = document_pdf(payload, lambda *_: None)["data"]
        first = paper_prints.first_number(payload)
        self.scene.write(paper_prints.print_form, self.keepers, order, pdf, first=first)
        return pdf

    def sheets_before_the_end(self, *seats: str) -> bytes:
        """The same for a room that has ended already."""
        self._set("released")
        pdf = self.sheets(*seats)
        self.end()
        return pdf

    def end(self, state: str = "collected") -> None:
        """The writing is over."""
        self._set(state)

    def _set(self, state: str) -> None:
        def change(session: Any) -> None:
            session.get_one(RoomSitting, self.room).state = state

        self.host.db.write(change)

    def store(self, read: Mapping[str, Any], sha256: str = "a" * 64) -> Stored:
        stored: Stored = self.scene.write(scans.store, self.manager, self.room, Brought(sha256, 1000), read)
        return stored

    def allot(self, *markers: Actor, seed: str = "seed") -> int:
        people = [marker.user_id for marker in markers or self.markers]
        self.scene.write(script_room.prepare, self.manager, self.room)
        self.scene.write(script_markers.name, self.manager, self.room, people)
        count: int = self.scene.write(script_markers.allot, self.manager, self.room, seed)
        return count

    def scripts(self) -> dict[str, Script]:
        """The scripts by seat."""
        with self.host.db.read() as session:
            rows = {row.attempt_id: row for row in session.scalars(select(Script))}
        return {seat: rows[attempt] for seat, attempt in self.scene.attempts.items() if attempt in rows}

    def readings(self, seat: str) -> list[ScriptReading]:
        """Who marks the script of a seat, in the order of their turns; those taken back left out."""
        with self.host.db.read() as session:
            return script_room.active_readings(session, self.scripts()[seat].id)

    def marker(self, reading: ScriptReading) -> Actor:
        return next(marker for marker in self.markers if marker.user_id == reading.user_id)

    def hand_in(self, reading: ScriptReading, **points: str) -> None:
        """`objective`, `four` and `five` are the points; the last two of the questions 4 and 5."""
        places = {"objective": script_room.OBJECTIVE, "four": "item-4", "five": "item-5"}
        given = Given({places[name]: value for name, value in points.items()})
        self.scene.write(script_readings.hand_in, self.marker(reading), reading.id, given)


def page_image(text: str = "", fill: int = 255) -> bytes:
    """A page of A4 at 100 points an inch with `text` in the middle, as PNG."""
    pixels = np.full((1169, 827, 3), fill, np.uint8)
    cv2.putText(pixels, text, (60, 600), cv2.FONT_HERSHEY_SIMPLEX, 2, (0, 0, 0), 3)
    data: bytes = cv2.imencode(".png", pixels)[1].tobytes()
    return data


def zipped(*pages: bytes) -> bytes:
    """Pictures in one archive, in their order."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, data in enumerate(pages):
            archive.writestr(f"scan-{number:03}.png", data)
    return buffer.getvalue()


@cache
def loose_pages(count: int) -> dict[str, Any]:
    """What the job makes of pages without a code."""
    images = zipped(*(page_image(str(number)) for number in range(count)))
    return read_scans({"data": images, "name": "x.zip"}, lambda *_: None)


def make_paper_room(host: Host, person_as: Callable[..., Actor], machine: Machine) -> PaperRoom:
    """Three candidates at seats 1 to 3 with forms A, B, A; nothing is printed yet."""
    scene = make_scene(host, person_as, content=content())
    markers = tuple(person_as("examiner", name=f"评卷人{word}") for word in "甲乙丙丁")
    keepers = Signed(scene.chief, "考试机全部断电", person_as("custodian"))
    machine.advance(seconds=timedelta(minutes=1).total_seconds())
    return PaperRoom(scene, markers, keepers, person_as("administrator"))


def acts(room: PaperRoom) -> list[str]:
    with room.host.db.read() as session:
        return list(session.scalars(select(AuditEntry.act).order_by(AuditEntry.id)))
