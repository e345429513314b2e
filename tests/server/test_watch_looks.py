"""The look a second at a running room: what it reads while nobody's time can be over, and when it sees all."""

from collections.abc import Callable
from datetime import datetime

import pytest
from flask import Flask
from sqlalchemy import event
from sqlalchemy.orm import Session

from exam_rooms.seats import AttemptState
from server.access import Actor
from server.db.rooms import Room as RoomRow
from server.db.sittings import RoomSitting
from server.events import Events
from server.host import Host
from server.live.rests import LONGEST
from server.services import attempts, roomstate, seat_commands
from server.services.roomstate import RoomState, attempts_of, load
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


def looks(room: Room, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Fills with the rooms that the watch looks at."""
    seen: list[int] = []
    load = roomstate.load

    def noted(session: Session, room_sitting: int) -> RoomState:
        seen.append(room_sitting)
        return load(session, room_sitting)

    monkeypatch.setattr("server.live.watch.roomstate.load", noted)
    room.watch.tick()
    room.watch.tick()  # what the first look has changed was news
    seen.clear()
    return seen


@pytest.mark.dear
def test_a_room_is_left_alone_until_the_next_moment_that_is_known_of_it(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = looks(room, monkeypatch)
    for _ in range(5):
        room.pass_time(seconds=1, beats=("1", "2", "3"))
    assert seen == []
    agent = room.agents["1"]
    agent.answer(1)
    assert agent.send().status_code == 200
    room.watch.tick()
    assert seen == [], "an answer moves no clock"
    room.pass_time(seconds=LONGEST)
    assert seen == [room.id]


def test_news_of_a_room_and_missed_news_end_its_rest(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    seen, host = looks(room, monkeypatch), room.scene.host
    room.scene.write(seat_commands.pause, room.by(), room.whom())
    room.watch.tick()
    assert seen == [room.id]
    room.watch.tick()
    seen.clear()
    host.db._events = Events()  # another process writes, and its word is lost: the row has changed
    room.scene.write(seat_commands.resume, room.by(), room.whom())
    room.watch.tick()
    assert seen == [room.id]
    room.watch._rests.forget_all()
    room.watch.tick()
    assert seen == [room.id] * 2


@pytest.mark.dear
def test_a_seat_is_closed_at_the_same_tick_as_by_a_watch_that_never_rests(room: Room) -> None:
    """The room rests from tick to tick; the second after the grace is over every seat is closed."""
    left = first_grace_over(room)
    room.watch.tick()
    room.machine.advance(seconds=left - 3)
    for _ in range(3):
        room.pass_time(seconds=1)
        assert looked_at(room).count(str(AttemptState.ANSWERING)) == 0  # before the moment none is read
    room.pass_time(seconds=1)
    with room.scene.host.db.read() as session:
        states = {attempt.state for attempt in attempts_of(session, room.id)}
    assert AttemptState.ANSWERING not in states and AttemptState.AUTO_SUBMITTED in states


@pytest.mark.dear
def test_a_tick_over_forty_rooms_at_rest_costs_as_many_statements_as_over_two(room: Room) -> None:
    host, asked = room.scene.host, list[str]()
    event.listen(host.db.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))

    def of_four_ticks() -> list[str]:
        for _ in range(3):
            room.watch.tick()  # whatever is new has been looked at
        asked.clear()
        for _ in range(4):
            room.watch.tick()
        return sorted(each for each in asked if not each.startswith("BEGIN"))

    host.db.write(more_rooms, room.id, 1, now=host.now())
    few = of_four_ticks()
    host.db.write(more_rooms, room.id, 38, now=host.now())
    assert of_four_ticks() == few
    of_rooms = [each for each in few if "room_sittings" in each]
    assert len(of_rooms) <= 4 + 2, "one look a tick at all rooms, and a sign of life every other second"


def more_rooms(session: Session, room_sitting: int, count: int, *, now: datetime) -> None:
    """Rooms that run like this one, without candidates."""
    like, known = session.get_one(RoomSitting, room_sitting), session.query(RoomRow).count()
    for number in range(known, known + count):
        row = RoomRow(name=f"another {number}", created_at=now)
        session.add(row)
        session.flush()
        copy = RoomSitting(sitting_id=like.sitting_id, room_id=row.id, uid=f"copy {number}")
        copy.state, copy.started_at = "running", now
        session.add(copy)


def test_a_pause_of_the_room_does_not_put_off_the_look(room: Room) -> None:
    """Who worked on through a pause is closed before the others: the look must not wait for these."""
    bare = first_grace_over(room)
    room.scene.write(seat_commands.pause, room.by(), room.whom())
    room.pass_time(minutes=5)
    room.scene.write(seat_commands.resume, room.by(), room.whom())
    assert first_grace_over(room) == bare - 300
