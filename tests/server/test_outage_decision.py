"""An outage beyond the policy's minutes: noticed, decided by a higher office, gone on or held again."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.protocol import Route, SignInRequest, Step
from server.access import Actor
from server.db.commands import OutageRow
from server.db.papers import Package, PaperSet
from server.db.rooms import Room as HallRoom
from server.db.rooms import Seat
from server.db.sittings import Assignment, Attempt, LinkGapRow, Registration, RoomSitting, Sitting
from server.errors import Refused
from server.host import Host
from server.services import audit, collection, commands, marks, outage_decision, seat_commands, used_papers
from server.services.rescheduling import Again
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent
from tests.server.command_kit import Room, running_room
from tests.server.conftest import Machine
from tests.server.delivery_kit import ID_NUMBERS

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def room(app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine) -> Room:
    return running_room(app, host, person_as, machine)


def refused(room: Room, code: str, act: Callable[..., Any], *args: object) -> None:
    with pytest.raises(Refused) as caught:
        room.scene.write(act, *args)
    assert caught.value.code == code


def outages(room: Room) -> list[OutageRow]:
    with room.scene.host.db.read() as session:
        return list(session.scalars(select(OutageRow)))


def paused_for(room: Room, minutes: float) -> None:
    room.scene.write(seat_commands.pause, room.by(), room.whom())
    room.pass_time(minutes=minutes)


@pytest.mark.parametrize(("seconds", "noticed"), [(50 * 60, 0), (50 * 60 + 1, 1)])
def test_a_pause_of_more_than_the_policys_minutes_forces_a_decision(
    room: Room, seconds: int, noticed: int
) -> None:
    paused_for(room, seconds / 60)
    assert len(outages(room)) == noticed
    room.watch.tick()
    assert len(outages(room)) == noticed  # once


@pytest.mark.parametrize(("away", "noticed"), [(("1",), 0), (("1", "2"), 1)])
def test_a_room_is_out_when_half_of_its_seats_have_no_link(
    room: Room, away: tuple[str, ...], noticed: int
) -> None:
    here = tuple(number for number in ("1", "2", "3") if number not in away)
    room.pass_time(minutes=1, beats=("1", "2", "3"))
    room.pass_time(minutes=5, beats=here)  # the silence is noticed
    room.pass_time(minutes=44, beats=here)
    assert outages(room) == []
    room.pass_time(minutes=1, seconds=2, beats=here)
    assert len(outages(room)) == noticed


@pytest.mark.dear
@pytest.mark.both_stores
def test_until_it_is_decided_the_room_may_only_be_paused_and_spoken_to(
    room: Room, person_as: Callable[..., Actor]
) -> None:
    scene, office = room.scene, person_as("administrator")
    began = scene.host.now() - timedelta(minutes=0)
    scene.write(outage_decision.tell, room.chief("停电，无法恢复"), room.id, began)
    refused(room, "outage_known", outage_decision.tell, room.chief(), room.id, began)
    assert scene.write(seat_commands.pause, room.chief(), room.whom()) == 3
    assert scene.write(seat_commands.message, room.chief(), room.whom("1"), "请等候") == 1
    refused(room, "outage_undecided", seat_commands.resume, room.chief(), room.whom())
    refused(room, "outage_undecided", commands.add_time, commands.Credit(room.id), 5, scene.signed())
    refused(room, "outage_undecided", commands.end_room, room.id, scene.signed())
    refused(room, "office_missing", outage_decision.go_on, room.chief("x", scene.invigilator), room.id)
    refused(room, "cosign_missing", outage_decision.go_on, room.chief("x"), room.id)
    refused(room, "reason_missing", outage_decision.go_on, room.chief("", office), room.id)
    scene.write(outage_decision.go_on, room.chief("供电恢复", office), room.id)
    refused(room, "no_outage", outage_decision.go_on, room.chief("x", office), room.id)
    assert scene.write(seat_commands.resume, room.chief(), room.whom()) == 3
    (row,) = outages(room)
    assert (row.decision, row.decided_by, row.cosigned_by) == (
        "continue",
        scene.chief.user_id,
        office.user_id,
    )


def test_a_pause_that_goes_on_after_the_decision_is_not_noticed_again(
    room: Room, person_as: Callable[..., Actor]
) -> None:
    paused_for(room, 51)
    room.scene.write(outage_decision.go_on, room.chief("x", person_as("institution_head")), room.id)
    room.pass_time(minutes=5)
    assert len(outages(room)) == 1


@pytest.mark.dear
@pytest.mark.both_stores
def test_scenario_23_an_outage_is_rescheduled(room: Room, person_as: Callable[..., Actor]) -> None:
    scene, office = room.scene, person_as("administrator")
    record = room.agents["1"].answer(1)
    room.agents["1"].sent(record)
    paused_for(room, 51)
    again = Again(scene.starts_at + timedelta(days=7), ZONE)
    signed = room.chief("停电超过五十分钟", office)
    sitting_id = scene.write(outage_decision.reschedule, signed, room.id, again)
    row = scene.room_row()
    assert (row.state, row.end_reason, row.paused_at) == ("ended", "rescheduled", None)
    assert row.void_at == scene.host.now()
    assert room.state("1").step is Step.ENDED
    # What was answered is kept, sealed, and never marked.
    assert room.scene.host.answers.events(scene.attempts["1"])[-1].record.hash == record.hash
    with scene.host.db.read() as session, pytest.raises(Refused) as caught:
        marks.work(session, scene.chief, scene.host.answers, room.id)
    assert caught.value.code == "room_void"
    with scene.host.db.read() as session:
        sitting = session.get_one(Sitting, sitting_id)
        old = session.scalars(select(Registration).where(Registration.sitting_id != sitting_id)).all()
        new = session.scalars(select(Registration).where(Registration.sitting_id == sitting_id)).all()
        rooms = session.scalars(select(RoomSitting).where(RoomSitting.sitting_id == sitting_id)).all()
        lines = audit.page(session, stream=audit.sitting_stream(room.id), act="outage_rescheduled")
    assert sitting.replaces_id == 1 and sitting.paper_set_id is None
    assert [one.state for one in rooms] == ["planned"]
    assert {each.candidate_id for each in new} == {each.candidate_id for each in old}
    assert {each.ticket for each in new}.isdisjoint(each.ticket for each in old)
    assert all(each.void_at is not None for each in old) and all(each.void_at is None for each in new)
    assert len(lines) == 1
    refused(room, "room_not_running", seat_commands.pause, room.chief(), room.whom())


@pytest.mark.dear
def test_a_room_that_is_held_again_on_the_same_day_leaves_the_broken_off_sitting(
    room: Room, person_as: Callable[..., Actor]
) -> None:
    scene, office = room.scene, person_as("administrator")
    for number in "12":
        room.agents[number].sent(room.agents[number].answer(1))
    late = room.agents["3"].answer(1)
    paused_for(room, 51)
    again = Again(scene.host.now() + timedelta(hours=4), ZONE)
    sitting_id = scene.write(
        outage_decision.reschedule, room.chief("停电超过五十分钟", office), room.id, again
    )

    def arrange(session: Session) -> tuple[int, str]:
        row = session.scalars(select(RoomSitting).where(RoomSitting.sitting_id == sitting_id)).one()
        first = session.scalars(select(Registration).where(Registration.sitting_id == sitting_id)).first()
        assert first is not None
        row.state = "released"
        session.add(
            Attempt(
                registration_id=first.id,
                room_sitting_id=row.id,
                seat_id=scene.seats["1"],
                form="A",
                state="assigned",
            )
        )
        return row.id, first.ticket

    held, ticket = scene.host.db.write(arrange)
    room.machine.advance(hours=3, minutes=40)
    room.watch.tick()
    with scene.host.db.read() as session:
        assert collection.left_before(session, held) == ["1", "2", "3"]  # none was heard since
    shown = room.state("1").sitting
    assert shown is not None and shown.starts_at == again.starts_at
    asked = SignInRequest(ticket, ID_NUMBERS[0])
    assert room.agents["1"].post(Route.SIGN_IN, asked).status_code == 200
    room.agents["3"].sent(late)  # records of before are taken all the same
    assert scene.host.answers.events(scene.attempts["3"])[-1].record.hash == late.hash


def test_an_outage_is_decided_once_and_the_new_sitting_is_the_next_in_number(
    room: Room, person_as: Callable[..., Actor]
) -> None:
    office = person_as("administrator")
    again = Again(room.scene.starts_at + timedelta(days=7), ZONE)
    room.scene.write(outage_decision.tell, room.chief(), room.id, room.scene.host.now())
    first = room.scene.write(outage_decision.reschedule, room.chief("x", office), room.id, again)
    with room.scene.host.db.read() as session:
        assert session.get_one(Sitting, first).number == 2
    busy = Signed(room.scene.chief, "x", office)
    refused(room, "no_outage", outage_decision.reschedule, busy, room.id, again)


def second_room(room: Room) -> int:
    """A further room of the same sitting, in which candidate 3 sits; its id in the sitting."""

    def add(session: Session) -> int:
        first = session.get_one(RoomSitting, room.id)
        hall = HallRoom(name="第二考场", created_at=room.scene.host.now())
        hall.seats = [Seat(number="1", row=1, column=1, x=1.0, y=1.0)]
        session.add(hall)
        session.flush()
        row = RoomSitting(uid="second", sitting_id=first.sitting_id, room_id=hall.id, state="running")
        row.started_at = first.started_at
        session.add(row)
        session.flush()
        session.add(
            Assignment(room_sitting_id=row.id, user_id=room.scene.chief.user_id, role="chief_invigilator")
        )
        attempt = session.get_one(Attempt, room.scene.attempts["3"])
        attempt.room_sitting_id, attempt.seat_id, attempt.workstation_id = row.id, hall.seats[0].id, None
        session.get_one(Registration, attempt.registration_id).room_id = hall.id
        return row.id

    return int(room.scene.host.db.write(add))


@pytest.mark.dear
@pytest.mark.both_stores
def test_two_rooms_of_a_sitting_that_are_held_again_at_one_time_share_the_new_sitting(
    room: Room, person_as: Callable[..., Actor]
) -> None:
    scene, office, other = room.scene, person_as("administrator"), second_room(room)
    again = Again(scene.starts_at + timedelta(days=7), ZONE)
    held = []
    for each in (room.id, other):
        scene.write(outage_decision.tell, room.chief(), each, scene.host.now())
        held.append(scene.write(outage_decision.reschedule, room.chief("x", office), each, again))
    assert held[0] == held[1]
    with scene.host.db.read() as session:
        sittings = session.scalars(select(Sitting).order_by(Sitting.id)).all()
        rooms = session.scalars(select(RoomSitting).where(RoomSitting.sitting_id == held[0])).all()
        new = session.scalars(select(Registration).where(Registration.sitting_id == held[0])).all()
        planned = audit.page(session, act="sitting_planned")
    assert [(one.number, one.replaces_id) for one in sittings] == [(1, None), (2, 1)]
    assert {row.room_id for row in rooms} == {scene.room, max(row.room_id for row in rooms)}
    assert len(rooms) == 2 and {row.state for row in rooms} == {"planned"}
    assert sorted(row.room_id for row in new) == sorted(
        [scene.room, scene.room, max(r.room_id for r in rooms)]
    )
    assert len({row.ticket for row in new}) == 3
    # Nothing on the record names a sitting that there is not.
    assert {entry.object for entry in planned} == {f"sitting/{held[0]}"}


def test_rooms_that_are_held_again_at_different_times_get_sittings_of_their_own(
    room: Room, person_as: Callable[..., Actor]
) -> None:
    scene, office, other = room.scene, person_as("administrator"), second_room(room)
    held = []
    for days, each in ((7, room.id), (8, other)):
        again = Again(scene.starts_at + timedelta(days=days), ZONE)
        scene.write(outage_decision.tell, room.chief(), each, scene.host.now())
        held.append(scene.write(outage_decision.reschedule, room.chief("x", office), each, again))
    assert len(set(held)) == 2


def test_a_sitting_held_again_takes_no_paper_that_was_seen(
    room: Room, person_as: Callable[..., Actor]
) -> None:
    again = Again(room.scene.starts_at + timedelta(days=7), ZONE)
    room.scene.write(outage_decision.tell, room.chief(), room.id, room.scene.host.now())
    office = person_as("administrator")
    new = room.scene.write(outage_decision.reschedule, room.chief("x", office), room.id, again)
    with room.scene.host.db.read() as session:
        sitting, papers = session.get_one(Sitting, new), session.get_one(PaperSet, 1)
        used = session.scalars(select(Package)).one()
        with pytest.raises(Refused) as caught:
            used_papers.need_unused(session, sitting, papers)
        assert caught.value.code == "papers_used_before"
        with pytest.raises(Refused) as caught:
            used_papers.need_unseen(session, sitting, used)
        assert caught.value.code == "spare_needed"
        used_papers.need_unseen(session, sitting, Package(paper_set_id=1, spare=True))
        used_papers.need_unused(session, session.get_one(Sitting, 1), papers)


def test_a_candidate_who_works_at_another_seat_is_not_without_link(
    app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine
) -> None:
    room = running_room(app, host, person_as, machine, candidates=1)
    scene = room.scene
    room.pass_time(minutes=1, beats=("1",))
    room.pass_time(minutes=3)
    scene.write(commands.move_seat, scene.attempts["1"], scene.seats["2"], scene.signed())
    scene.attempts["2"] = scene.attempts["1"]
    spare = room.agents["2"] = TestAgent(app, scene, "2")
    spare.open_session()
    spare.state()
    assert spare.open_journal(scene.attempts["1"]).status_code == 200
    spare.sent()
    with scene.host.db.read() as session:
        (gap,) = session.scalars(select(LinkGapRow))
    assert gap.back_at == scene.host.now()  # it ended where the candidate went on

    def of_before(session: Session) -> None:
        session.get_one(LinkGapRow, gap.id).back_at = None

    scene.host.db.write(of_before)
    for _ in range(5):
        room.pass_time(minutes=11, beats=("2",))
    assert outages(room) == []
