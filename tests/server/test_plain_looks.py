"""What seats ask for is read by plain statements, and says what the ORM would say."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from decimal import Decimal

import pytest
from flask import Flask
from sqlalchemy import event, select
from sqlalchemy.orm import ORMExecuteState, Session

from exam_rooms.protocol import Route
from server.access import Actor
from server.db.commands import SeatCommand
from server.db.sittings import Attempt, Candidate, Registration
from server.db.watching import Enrolment
from server.host import Host
from server.rules.accommodation import Extra
from server.services import commands, roomstate, seat_commands
from server.services.accommodations import Granted, put
from server.services.commands import Credit
from server.services.delivery import delivery_of
from server.services.enrolments import current_of, seen_of
from server.services.plain_rows import AttemptRow, CandidateRow, RegistrationRow, columns_of, cut
from server.services.roomstate import RoomTimes
from server.services.seat_commands import Whom
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.smart_kit import agent_of, answering, equip

pytestmark = pytest.mark.both_stores


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return equip(make_scene(host, person_as))


@contextmanager
def orm_statements() -> Iterator[list[str]]:
    told: list[str] = []

    def note(state: ORMExecuteState) -> None:
        told.append(str(state.statement))

    event.listen(Session, "do_orm_execute", note)
    try:
        yield told
    finally:
        event.remove(Session, "do_orm_execute", note)


def test_the_state_of_a_seat_at_its_paper_needs_no_orm(app: Flask, scene: Scene, machine: Machine) -> None:
    first, second = answering(app, scene, machine, "12")
    for agent in (first, second):
        agent.taken(Route.ENROLMENT, agent.enrolment())
        agent.state()  # what the room's seats have in common is known from here on
    delivery, here = delivery_of(scene.host), agent_of(scene, "1")
    delivery.views.forget_seat(scene.seats["1"])
    with orm_statements() as told:
        state = delivery.state(here, scene.host.now())
    assert state.paper is not None and state.paper.key is not None
    assert state.watch is not None and state.watch.template
    assert told == []
    with orm_statements() as told, scene.host.db.read() as session:
        session.get_one(Attempt, scene.attempts["1"])
    assert len(told) == 1  # the count sees what there is to see


def test_a_start_takes_as_many_statements_for_two_seats_as_for_one(
    scene: Scene, machine: Machine, host: Host
) -> None:
    def ready(session: Session) -> None:
        for seat in "12":
            session.get_one(Attempt, scene.attempts[seat]).state = "ready"

    told: list[str] = []

    def note(_c: object, _u: object, statement: str, _p: object, _x: object, many: bool) -> None:
        told.append(("many " if many and "VALUES" not in statement else "") + statement)

    host.db.write(ready)
    machine.advance(minutes=10)
    event.listen(host.db.engine, "before_cursor_execute", note)
    try:
        scene.start()
    finally:
        event.remove(host.db.engine, "before_cursor_execute", note)
    assert [one[:20] for one in told if "UPDATE attempts" in one] == ["UPDATE attempts SET "]
    (kept,) = [one for one in told if "INTO seat_commands" in one]
    assert len(re.findall(r"\), ?\(", kept)) == 1  # two rows in one
    for seat in "12":
        attempt = scene.attempt(seat)
        assert (attempt.state, attempt.answering_at) == ("answering", host.now())
    with host.db.read() as session:
        assert session.query(SeatCommand).count() == 2


def test_a_room_that_is_only_read_is_the_one_that_is_changed(
    app: Flask, scene: Scene, machine: Machine
) -> None:
    granted = Granted(Extra(Decimal(25)), large_print=True, note="医院证明")
    scene.host.db.write(
        lambda session: put(session.get_one(Registration, scene.attempt("2").registration_id), granted)
    )
    answering(app, scene, machine, "12")
    scene.write(commands.add_time, Credit(scene.room_sitting), Decimal(5), scene.signed())
    scene.write(seat_commands.pause, scene.signed(), Whom(scene.room_sitting))
    with scene.host.db.read() as session:
        whole, seen = (ask(session, scene.room_sitting) for ask in (roomstate.load, roomstate.see))
        assert seen.extras and seen.pauses.room and seen.clock.credits_minutes == 5
        for one in fields(RoomTimes):
            assert getattr(seen, one.name) == getattr(whole, one.name)
        for part in ("row", "sitting", "batch", "room"):
            plain, row = getattr(seen, part), getattr(whole, part)
            assert plain._asdict() == {name: getattr(row, name) for name in plain._fields}


def test_rows_hold_what_the_tables_hold(app: Flask, scene: Scene, machine: Machine) -> None:
    (agent,) = answering(app, scene, machine, "1")
    agent.taken(Route.ENROLMENT, agent.enrolment())
    kinds = {AttemptRow: Attempt, RegistrationRow: Registration, CandidateRow: Candidate}
    columns = [column for kind, table in kinds.items() for column in columns_of(kind, table)]
    people = Registration.candidate_id == Candidate.id, Attempt.registration_id == Registration.id
    with scene.host.db.read() as session:
        found = session.connection().execute(
            select(*columns, Attempt.id).where(*people, Attempt.id == agent.attempt)
        )
        rows, rest = cut(found.one(), *kinds)
        objects = session.execute(select(*kinds.values()).where(*people, Attempt.id == agent.attempt)).one()
        seen, whole = (ask(session, [agent.attempt])[agent.attempt] for ask in (seen_of, current_of))
    assert list(rest) == [agent.attempt]
    assert isinstance(whole, Enrolment)
    for row, one in zip([*rows, seen], [*objects, whole], strict=True):
        assert row._asdict() == {name: getattr(one, name) for name in row._fields}
