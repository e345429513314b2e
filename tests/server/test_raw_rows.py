"""The rows of a few rooms of a sitting that has many: nothing of the others is read."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from server.access import Actor
from server.db.base import Base
from server.db.rooms import Room
from server.db.sittings import Candidate, Registration, RoomSitting
from server.host import Host
from server.services.dossier_tables import raw_rows
from tests.server.delivery_kit import Scene, make_scene

OTHERS, PHOTO = 200, 100_000
"""Candidates of other rooms, and the bytes of a photo."""


def crowd(scene: Scene) -> tuple[int, int]:
    """Many in another room; one who was drawn into ours and has no seat. The sitting, and that one."""
    now = scene.host.now()

    def arrive(session: Any) -> tuple[int, int]:
        sitting = session.get_one(RoomSitting, scene.room_sitting).sitting_id
        other = Room(name="another room", layout={}, created_at=now)
        session.add(other)
        session.flush()
        places = [other.id] * OTHERS + [scene.room]
        people = [
            Candidate(id_index=f"i{number}", sealed_id=b"", name="x", created_at=now)
            for number in range(len(places))
        ]
        session.add_all(people)
        session.flush()
        rows = [
            Registration(sitting_id=sitting, candidate_id=one.id, ticket=f"t{one.id}", room_id=place)
            for one, place in zip(people, places, strict=True)
        ]
        for row in rows:
            row.sealed_photo, row.has_photo = bytes(PHOTO), True
        session.add_all(rows)
        session.flush()
        return sitting, rows[-1].id

    found: tuple[int, int] = scene.host.db.write(arrive)
    return found


@pytest.mark.dear
def test_a_room_is_read_without_the_photos_of_the_whole_sitting(
    host: Host, person_as: Callable[..., Actor]
) -> None:
    scene = make_scene(host, person_as)
    with host.db.read() as session:  # what is made once, at the first look, is no part of it
        sitting = session.get_one(RoomSitting, scene.room_sitting).sitting_id
        seated = {
            row["id"]
            for row in raw_rows(session, Base.metadata, sitting, [scene.room_sitting])["registrations"]
        }
    sitting, drawn = crowd(scene)
    with host.db.read() as session:
        tracemalloc.start()
        try:
            found = raw_rows(session, Base.metadata, sitting, [scene.room_sitting])
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    numbers = [row["id"] for row in found["registrations"]]
    assert set(numbers) == seated | {drawn} and numbers == sorted(numbers) and len(seated) == 3
    assert most < OTHERS * PHOTO / 4
