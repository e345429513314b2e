"""The look a second at a running room: what it reads while nobody's time can be over, and when it sees all."""

from collections.abc import Callable

import pytest
from flask import Flask

from exam_rooms.seats import AttemptState
from server.access import Actor
from server.host import Host
from server.services import attempts, seat_commands
from server.services.roomstate import load
from tests.server.command_kit import Room, running_room
from tests.server.conftest import Machine

pytestmark = pytest.mark.both_stores


@pytest.fixture
def room(app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine) -> Room:
    return running_room(app, host, person_as, machine)


def looked_at(room: Room) -> list[str]:
    """The states of the attempts that the look reads now."""
    host = room.scene.host
    with host.db.read() as session:
        found = attempts.to_watch(session, load(session, room.id), host.now())
    return sorted(each.state for each in found)


def first_grace_over(room: Room) -> float:
    """Seconds from now."""
    with room.scene.host.db.read() as session:
        return (load(session, room.id).first_grace_over() - room.scene.host.now()).total_seconds()


def test_seats_at_work_are_read_from_the_moment_when_one_may_be_closed(room: Room) -> None:
    at_work = [str(AttemptState.ANSWERING)] * len(room.agents)
    absent = looked_at(room)
    assert at_work and str(AttemptState.ANSWERING) not in absent
    left = first_grace_over(room)
    room.machine.advance(seconds=left)
    assert str(AttemptState.ANSWERING) not in looked_at(room)
    room.machine.advance(seconds=1)
    assert [state for state in looked_at(room) if state == AttemptState.ANSWERING] == at_work
    room.watch.tick()
    assert looked_at(room) == []


def test_a_pause_of_the_room_does_not_put_off_the_look(room: Room) -> None:
    """Who worked on through a pause is closed before the others: the look must not wait for these."""
    bare = first_grace_over(room)
    room.scene.write(seat_commands.pause, room.by(), room.whom())
    room.pass_time(minutes=5)
    room.scene.write(seat_commands.resume, room.by(), room.whom())
    assert first_grace_over(room) == bare - 300
