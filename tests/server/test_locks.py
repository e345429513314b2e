"""Who waits for whom on PostgreSQL: nobody in a ring, and one fault takes nothing else along."""

import threading
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from exam_rooms.kiosk_messages import CommandNote
from server.access import Actor
from server.db.commands import SeatCommand
from server.db.sittings import Incident
from server.host import Host
from server.live.watch import Watch
from server.services import command_log, seat_commands
from server.services.incidents import Place, raise_incident
from server.services.roomstate import attempts_of, load, locked_attempt
from tests.server.command_kit import running_room
from tests.server.conftest import Machine
from tests.server.delivery_kit import make_scene


@pytest.mark.on_postgresql
def test_a_seat_reports_while_its_room_is_being_commanded(
    host: Host, person_as: Callable[..., Actor]
) -> None:
    scene = make_scene(host, person_as)
    place = Place(scene.room_sitting, scene.seats["1"], scene.attempts["1"])

    def command(session: Session) -> int:
        load(session, scene.room_sitting, lock=True)
        attempts_of(session, scene.room_sitting, lock=True)
        other = threading.Thread(target=lambda: scene.write(raise_incident, place, IncidentKind.LINK_LOST))
        other.start()
        other.join(60)
        assert not other.is_alive()
        return session.scalar(select(func.count()).select_from(Incident)) or 0

    assert host.db.write(command) == 1


@pytest.mark.on_postgresql
def test_who_is_taken_out_of_a_ring_of_waiting_writers_does_its_act_again(
    host: Host, person_as: Callable[..., Actor]
) -> None:
    scene = make_scene(host, person_as)
    ready, passed = threading.Barrier(2), threading.Event()
    tried: list[str] = []

    def crossed(session: Session, first: str, second: str) -> None:
        again = first in tried
        tried.append(first)
        if again:
            assert passed.wait(60)  # else both might meet once more
        locked_attempt(session, scene.attempts[first]).version += 1
        session.flush()
        if not again:
            ready.wait(60)
        locked_attempt(session, scene.attempts[second]).version += 1

    def write(first: str, second: str) -> None:
        host.db.write(crossed, first, second)
        passed.set()

    before = scene.attempt("1").version, scene.attempt("2").version
    other = threading.Thread(target=write, args=("2", "1"))
    other.start()
    write("1", "2")
    other.join(60)
    assert sorted(tried) in (["1", "1", "2"], ["1", "2", "2"])
    assert (scene.attempt("1").version, scene.attempt("2").version) == (before[0] + 2, before[1] + 2)


def test_a_confirmation_that_cannot_be_written_takes_no_other_along(
    app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = running_room(app, host, person_as, machine)
    room.scene.write(seat_commands.pause, room.by(), room.whom())
    orders = {number: room.state(number).commands for number in room.agents}
    broken, write = room.scene.seats["2"], command_log.confirm

    def confirm(session: Session, told: list[command_log.Confirmation], **named: object) -> int:
        if any(each.agent.seat == broken for each in told):
            raise OperationalError("UPDATE", {}, Exception("disk"))
        return write(session, told, **named)

    def beat(number: str) -> None:
        boot = machine.boot_ns
        notes = tuple(CommandNote(order.command, boot, boot, 0) for order in orders[number])
        room.agents[number].beat(commands=notes)

    def done() -> set[int]:
        with host.db.read() as session:
            query = select(SeatCommand.seat_id).where(SeatCommand.kind == "pause")
            return set(session.scalars(query.where(SeatCommand.done_at.is_not(None))))

    monkeypatch.setattr(command_log, "confirm", confirm)
    for number in room.agents:
        beat(number)
    with pytest.raises(ExceptionGroup):
        room.watch.tick()
    assert done() == {room.scene.seats["1"], room.scene.seats["3"]}
    monkeypatch.setattr(command_log, "confirm", write)
    beat("2")
    room.watch.tick()
    assert done() == {room.scene.seats[number] for number in room.agents}


def test_a_fault_of_one_duty_stops_no_clock(
    app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = running_room(app, host, person_as, machine)
    machine.advance(hours=3)
    watch = Watch(host)

    def fails(_now: object) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    monkeypatch.setattr(watch.delivery.links, "check", fails)
    with pytest.raises(ExceptionGroup):
        watch.tick()
    assert room.scene.attempt("1").state == "auto_submitted"
