"""A large room in the middle of its sitting, written into the stores before its server starts.

Nobody has to sit at 240 machines: attempts, answers, incidents and pictures are what agents would have left.
"""

import base64
import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import cv2
import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from client.light_journal import LightJournal
from client.outbox import Outbox
from exam_rooms.incidents import IncidentKind
from exam_rooms.protocol import ZERO_HEAD, JournalReply
from exam_rooms.seats import AttemptState
from server.cli.bench.crowd import paired
from server.cli.bench.halls import MINUTES, items_of, wide_room
from server.cli.bench.halls import BenchRoom as Room
from server.cli.rehearse.crew import Names, hire
from server.cli.rehearse.hall import Hall, private_hall
from server.cli.rehearse.stage import Wish, fictional_people, stage_sitting
from server.cli.rehearse.telling import tell
from server.db.answer_tables import Received
from server.db.evidence_store import frame_name
from server.db.rooms import Workstation
from server.db.sittings import Attempt, Incident, RoomSitting, Sitting
from server.db.watching import EvidenceFrame
from server.services import evidence, incidents
from server.services.steady import keep_anchor
from tests.system.screens import PASSWORD

BEGUN = timedelta(minutes=38)
WORST, LOST, FOCUS, HAND, ABSENT = "137", "052", "201", "088", ("013", "014", "119", "226")


@dataclass(frozen=True)
class Large:
    """A hall whose server runs, and its rooms."""

    hall: Hall
    rooms: list[Room]

    def seat(self, number: str, room: int = 0) -> int:
        return self.rooms[room].stage.seats[number]


@contextmanager
def large_rooms(*sizes: int) -> Iterator[Large]:
    """Rooms of these sizes that have been answering for a while; the first one has three incidents."""
    with private_hall(tls=False) as hall:
        people = fictional_people(sum(sizes), named="示例考生")
        rooms = [_room(hall, number, people, sizes) for number in range(len(sizes))]
        for room in rooms:
            _begin(hall, room)
        _happen(hall, rooms[0])
        hall.serve()
        yield Large(hall, rooms)


def _room(hall: Hall, number: int, people: tuple, sizes: tuple[int, ...]) -> Room:
    first, size = sum(sizes[:number]), sizes[number]
    crew = hire(hall.host, Names(f"demo{number}-", "示例", PASSWORD), invigilators=2)
    place = wide_room(f"第{'一二三四'[number]}考场", size, 20 if size > 100 else 10)
    batch = f"示例批次{number + 1}"
    wish = Wish(batch, people[first : first + size], MINUTES, "7", timedelta(minutes=10), place)
    stage = stage_sitting(hall.host, crew, wish, told=tell)
    return Room(crew, stage, first, paired(hall.host, stage))


def _begin(hall: Hall, room: Room) -> None:
    host, begun = hall.host, hall.host.now() - BEGUN

    def store(session: Session) -> list[tuple[int, int, int]]:
        row = session.get_one(RoomSitting, room.stage.room_sitting)
        row.state, row.started_at = "running", begun
        session.get_one(Sitting, row.sitting_id).starts_at = begun
        keep_anchor(
            session, host.clock.anchor
        )  # as the start command does: the server's clock goes on from it
        numbers = {seat: number for number, seat in room.stage.seats.items()}
        stations = dict(session.execute(select(Workstation.seat_id, Workstation.id)).all())
        found = []
        for attempt in session.scalars(select(Attempt).where(Attempt.room_sitting_id == row.id)):
            away = numbers[attempt.seat_id] in ABSENT
            attempt.state = AttemptState.ABSENT if away else AttemptState.ANSWERING
            if not away:
                attempt.identified_at = attempt.confirmed_at = attempt.accepted_at = begun
                attempt.answering_at, attempt.workstation_id = begun, stations[attempt.seat_id]
                found.append((attempt.id, attempt.seat_id, stations[attempt.seat_id]))
        return found

    items = items_of(host, [room])
    entries = []
    for attempt, seat, station in host.db.write(store):
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        outbox = Outbox()
        journal = LightJournal(JournalReply(attempt, 1, ZERO_HEAD, key), items[station], outbox)
        for _answer in range(3 if seat % 41 == 0 else 14 + (seat * 7) % 11):
            journal.answer()
        came = int(begun.timestamp() * 1e9)
        entries += [Received(record, came, station, "") for record in outbox.batch(attempt)]
    host.answers.append(entries)


def _happen(hall: Hall, room: Room) -> None:
    now = hall.host.now()
    happened = [
        (LOST, IncidentKind.LINK_LOST, timedelta(minutes=9)),
        (FOCUS, IncidentKind.FOCUS_LOST, timedelta(minutes=2)),
        (WORST, IncidentKind.MULTI_FACE, timedelta(minutes=4)),
        (HAND, IncidentKind.HAND_RAISED, timedelta(minutes=1)),
    ]
    for number, kind, ago in happened:
        hall.host.db.write(_incident, room, number, kind, now=now - ago)
    hall.host.db.write(_pictures, hall, room, now - timedelta(minutes=4))


def _incident(session: Session, room: Room, number: str, kind: IncidentKind, *, now: datetime) -> None:
    seat = room.stage.seats[number]
    attempt = session.scalar(select(Attempt).where(Attempt.seat_id == seat))
    place = incidents.Place(room.stage.room_sitting, seat, attempt.id)
    if kind is IncidentKind.HAND_RAISED:
        attempt.hand_raised_at, attempt.hand_reason = now, "question"
        incidents.raise_incident(session, place, kind, now=now, reason="question")
    else:
        incidents.raise_incident(session, place, kind, now=now)


def _pictures(session: Session, hall: Hall, room: Room, at: datetime) -> None:
    incident = session.scalar(select(Incident).where(Incident.kind == str(IncidentKind.MULTI_FACE)))
    station = session.scalar(select(Workstation.id).where(Workstation.seat_id == incident.seat_id))
    for place, moment in enumerate(("before", "at", "after")):
        data = _drawn(2 if moment != "before" else 1)
        sha256 = hashlib.sha256(data).hexdigest()
        taken = at + timedelta(seconds=4 * (place - 1))
        row = EvidenceFrame(
            room_sitting_id=incident.room_sitting_id,
            attempt_id=incident.attempt_id,
            seat_id=incident.seat_id,
            workstation_id=station,
            purpose="alert",
            incident_id=incident.id,
            moment=moment,
            sha256=sha256,
            size=len(data),
            taken_at=taken,
            announced_at=taken,
            stored_at=taken,
            keep_until=at + timedelta(days=180),
        )
        session.add(row)
        session.flush()
        row.file = frame_name(row.id, sha256)
        evidence.keep(hall.host.vault, hall.host.evidence, row.file, data)


def _drawn(people: int) -> bytes:
    """Somebody at a desk as a drawing: nobody's face."""
    picture = np.full((240, 320, 3), 205, np.uint8)
    cv2.rectangle(picture, (0, 190), (320, 240), (120, 140, 160), -1)
    for place in range(people):
        x = 130 + 110 * place
        cv2.ellipse(picture, (x, 185), (58, 60), 0, 180, 360, (110, 80, 60), -1)
        cv2.circle(picture, (x, 95), 34, (150, 180, 215), -1)
        cv2.ellipse(picture, (x, 84), (36, 28), 0, 180, 360, (50, 45, 40), -1)
    return cv2.imencode(".jpg", picture)[1].tobytes()
