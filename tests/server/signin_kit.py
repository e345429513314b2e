"""The sign-in desk for tests: a scene with portraits, codes of tickets, and what the desk's operator does."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from exam_rooms.desk import Face
from exam_rooms.identity import check_character
from exam_rooms.ticket_code import PURPOSE, ticket_text
from proctoring.frames import Frame, portrait
from proctoring.recording import encode
from server.access import Actor
from server.db.rooms import Seat, Workstation
from server.db.signins import SignInRow
from server.db.sittings import Attempt, Batch, Candidate, Registration, RoomSitting, SeatStay
from server.errors import Refused
from server.services import desk
from server.services.batches import policy_of
from server.services.desk import Looked, Place
from server.services.desk_marks import standing
from server.services.rosters import ID_PURPOSE, PHOTO_PURPOSE
from server.services.signed import Signed
from tests.server.delivery_kit import Scene

FACES = Path(__file__).parents[2] / "server/samples/faces"
PICTURE = b"\xff\xd8\xff\xe0live picture of the desk, which nobody may read on the disk"


def pixels(name: str) -> Frame:
    """A sample portrait."""
    return np.asarray(cv2.imread(str(FACES / name)), np.uint8)


def face(name: str, width: int) -> bytes:
    """A sample portrait as a camera would send it: JPEG of that width."""
    full = pixels(name)
    small = cv2.resize(full, (width, round(full.shape[0] * width / full.shape[1])))
    return encode(np.asarray(small, np.uint8))


@dataclass
class Desk:
    """One operator at the desk of the scene's room."""

    scene: Scene
    operator: Actor

    def place(self, seat: str, **told: Any) -> Place:
        return Place(self.scene.room_sitting, self.registration(seat), **told)

    def registration(self, seat: str) -> int:
        return self.scene.attempt(seat).registration_id

    def look(self, seat: str, found: Face | str = Face.MATCH, **told: Any) -> int:
        consent = found not in (Face.DECLINED, Face.UNAVAILABLE)
        picture = PICTURE if consent else None
        similarity = {"match": 0.81, "unsure": 0.45, "mismatch": 0.1}.get(str(found))
        asked = False if found == Face.DECLINED else consent or None
        looked = Looked(asked, Face(found), similarity, {"verify": "v 1"}, picture)
        return self.scene.write(desk.look, self.operator, self.place(seat), replace(looked, **told))

    def passes(self, seat: str, second: Actor | None = None, **place: Any) -> SignInRow:
        signed = Signed(self.operator, "", second)
        return self.scene.write(desk.passed, signed, self.place(seat, **place))

    def doubts(self, seat: str, reason: str = "与照片相貌差异较大") -> SignInRow:
        return self.scene.write(desk.doubt, Signed(self.operator, reason), self.place(seat))

    def decides(self, seat: str, outcome: str, second: Actor | None, reason: str = "户口簿相符") -> SignInRow:
        signed = Signed(self.operator, reason, second)
        return self.scene.write(desk.decide, signed, self.place(seat), outcome)

    def standing(self, seat: str) -> SignInRow | None:
        with self.scene.host.db.read() as session:
            return standing(session, self.registration(seat))


def with_photos(scene: Scene, **photos: str) -> None:
    """Gives candidates the portraits of sample faces: `with_photos(scene, s1="obama.jpg")`."""

    def put(session) -> None:
        for seat, name in photos.items():
            attempt = session.get_one(Attempt, scene.attempts[seat[1:]])
            row = session.get_one(Registration, attempt.registration_id)
            data = portrait((FACES / name).read_bytes())
            row.sealed_photo = scene.host.vault.seal_value(PHOTO_PURPOSE, str(row.id), data)
            row.has_photo = True

    scene.host.db.write(put)


def all_have_photos(scene: Scene) -> None:
    """Everybody has a photo in the roster; its bytes do not matter."""

    def put(session) -> None:
        for attempt_id in scene.attempts.values():
            row = session.get_one(Registration, session.get_one(Attempt, attempt_id).registration_id)
            row.sealed_photo = scene.host.vault.seal_value(PHOTO_PURPOSE, str(row.id), b"\xff\xd8photo")
            row.has_photo = True

    scene.host.db.write(put)


def real_tickets(scene: Scene) -> None:
    """Ticket numbers as rosters have them: letters and digits alone."""

    def put(session) -> None:
        for seat, attempt_id in scene.attempts.items():
            attempt = session.get_one(Attempt, attempt_id)
            ticket = f"26112101000{seat}"
            session.get_one(Registration, attempt.registration_id).ticket = scene.tickets[seat] = ticket

    scene.host.db.write(put)


def change_policy(scene: Scene, **terms: Any) -> None:
    """Other terms in the scene's frozen policy: `late_entry_minutes=30`, `desk=DeskRules()`."""

    def change(session) -> None:
        batch = session.get_one(Batch, 1)
        batch.policy = replace(policy_of(batch), **terms).to_json()

    scene.host.db.write(change)


def more_candidates(scene: Scene, count: int) -> None:
    """Fills the room up to `count` candidates, each at a paired seat, with ticket and ID number of their own."""
    scene.host.db.write(_more, scene, count)


def _more(session, scene: Scene, count: int) -> None:
    sitting = session.get_one(RoomSitting, scene.room_sitting).sitting_id
    vault = scene.host.vault
    for index in range(len(scene.attempts), count):
        mark = vault.index(ID_PURPOSE, id_of(index))
        seat = Seat(room_id=scene.room, number=str(100 + index), row=2, column=index, x=1.2 * index, y=2.0)
        person = Candidate(
            id_index=mark,
            sealed_id=vault.seal_value(ID_PURPOSE, mark, id_of(index).encode()),
            name=f"考生{index}",
            created_at=scene.host.now(),
        )
        session.add_all([seat, person])
        session.flush()
        station = Workstation(
            seat_id=seat.id, public_key=bytes(32), hostname="pc", software="test", paired_at=scene.host.now()
        )
        row = Registration(
            sitting_id=sitting,
            room_id=scene.room,
            candidate_id=person.id,
            ticket=f"2611210100{index:03d}",
            employer="",
        )
        session.add_all([station, row])
        session.flush()
        attempt = Attempt(
            registration_id=row.id,
            room_sitting_id=scene.room_sitting,
            seat_id=seat.id,
            form="A",
            state="assigned",
        )
        session.add(attempt)
        session.flush()
        session.add(SeatStay(attempt_id=attempt.id, seat_id=seat.id, from_at=scene.host.now()))
        scene.seats[seat.number], scene.workstations[seat.number] = seat.id, station.id
        scene.attempts[seat.number], scene.tickets[seat.number] = attempt.id, row.ticket


def id_of(index: int) -> str:
    """A right identity number for each index."""
    digits = f"1101011990031{1000 + index}"
    return digits + check_character(digits)


def code_of(scene: Scene, seat: str) -> str:
    """The text of the QR code on a candidate's ticket."""
    return ticket_text(scene.tickets[seat], lambda text: scene.host.vault.index(PURPOSE, text))


def code(act: Callable[[], object]) -> str:
    """The code with which an act is refused."""
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.code
