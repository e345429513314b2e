"""Signing in to duty: what counts is who is present."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from server.access import Actor, Role
from server.db.record import AuditEntry
from server.db.sittings import RoomSitting
from server.db.staffing import DutySign
from server.errors import Forbidden, Refused
from server.host import Host
from server.services import commands, duties, staffing
from server.services.commands import Start
from server.services.signed import Signed
from tests.server.conftest import Machine
from tests.server.staffing_kit import PEOPLE, Duty, demand, make_duty, planned


@pytest.fixture
def boss(person_as: Callable[..., Actor]) -> Actor:
    return person_as("administrator", name="管理员")


# --- signing duty ---------------------------------------------------------------------------------------


@pytest.fixture
def duty(host: Host, person_as: Callable[..., Actor]) -> Duty:
    return make_duty(host, person_as)


def own(host: Host, who: Actor) -> duties.OwnDuty:
    with host.db.read() as session:
        (found,) = duties.mine(session, who, now=host.now())
    return found


def test_signing_in_and_out_at_the_servers_time(host: Host, duty: Duty, machine: Machine) -> None:
    scene, who = duty.scene, duty.one(Role.INVIGILATOR)
    assert own(host, who).may_sign_in(host.now()) and not own(host, who).here
    scene.write(duties.sign_in, who, scene.room_sitting)
    at = host.now()
    assert (own(host, who).in_at, own(host, who).here) == (at, True)
    with pytest.raises(Refused, match="duty_already_in"):
        scene.write(duties.sign_in, who, scene.room_sitting)
    machine.advance(minutes=5)
    scene.write(duties.sign_out, Signed(who), scene.room_sitting)
    assert own(host, who).out_at == at + timedelta(minutes=5) and not own(host, who).here
    with pytest.raises(Refused, match="duty_not_in"):
        scene.write(duties.sign_out, Signed(who), scene.room_sitting)
    scene.write(duties.sign_in, who, scene.room_sitting)  # comes back
    assert own(host, who).here
    with host.db.read() as session:
        assert len(session.scalars(select(DutySign)).all()) == 2


def test_nobody_signs_in_to_somebody_elses_duty(
    host: Host, duty: Duty, person_as: Callable[..., Actor]
) -> None:
    scene = duty.scene
    with pytest.raises(Refused, match="not_assigned"):
        scene.write(duties.sign_in, person_as("invigilator"), scene.room_sitting)
    with pytest.raises(Forbidden):
        scene.write(duties.sign_in, person_as("auditor"), scene.room_sitting)


@pytest.mark.parametrize(("minutes", "open_"), [(240.01, False), (240, True)])
def test_signing_in_opens_some_hours_before(
    host: Host, person_as: Callable[..., Actor], boss: Actor, minutes: float, open_: bool
) -> None:
    _, (room,) = planned(host, [PEOPLE[:1]], hours=minutes / 60)
    who = person_as("invigilator")
    host.db.write(
        staffing.assign_staff, boss, room.room_sitting, {who.user_id: Role.INVIGILATOR}, now=host.now()
    )
    assert own(host, who).may_sign_in(host.now()) is open_
    if open_:
        host.db.write(duties.sign_in, who, room.room_sitting, now=host.now())
    else:
        with pytest.raises(Refused, match="duty_not_yet"):
            host.db.write(duties.sign_in, who, room.room_sitting, now=host.now())


def test_who_serves_several_rooms_signs_once(
    host: Host, person_as: Callable[..., Actor], boss: Actor
) -> None:
    _, rooms = planned(host, [PEOPLE[:1], PEOPLE[1:]])
    rover = person_as("rover")
    for room in rooms:
        host.db.write(
            staffing.assign_staff, boss, room.room_sitting, {rover.user_id: Role.ROVER}, now=host.now()
        )
    assert host.db.write(duties.sign_in, rover, rooms[1].room_sitting, now=host.now()) == 2
    with host.db.read() as session:
        assert all(staffing.signed_in(session, room.room_sitting) == {rover.user_id} for room in rooms)
    assert host.db.write(duties.sign_out, Signed(rover), rooms[0].room_sitting, now=host.now()) == 2


def test_the_chief_signs_somebody_in_with_a_reason(host: Host, duty: Duty) -> None:
    scene, who = duty.scene, duty.one(Role.INVIGILATOR)
    with pytest.raises(Refused, match="reason_missing"):
        scene.write(duties.sign_in_for, Signed(scene.chief), scene.room_sitting, who.user_id)
    with pytest.raises(Forbidden):
        scene.write(duties.sign_in_for, Signed(scene.staff[1], "r"), scene.room_sitting, who.user_id)
    scene.write(duties.sign_in_for, Signed(scene.chief, "没带手机"), scene.room_sitting, who.user_id)
    with host.db.read() as session:
        line = next(each for each in staffing.lines(session, scene.room_sitting) if each.name == who.name)
        assert line.here and line.in_reason == "没带手机"
        acts = set(session.scalars(select(AuditEntry.act)))
    assert "duty_signed_in_for" in acts


def test_who_is_replaced_does_not_count_as_present(host: Host, duty: Duty, boss: Actor) -> None:
    scene, who = duty.scene, duty.one(Role.INVIGILATOR)
    scene.write(duties.sign_in, who, scene.room_sitting)
    rest = {actor.user_id: Role.INVIGILATOR for actor in scene.staff[1:]}
    scene.write(staffing.assign_staff, boss, scene.room_sitting, rest)
    with host.db.read() as session:
        assert staffing.signed_in(session, scene.room_sitting) == frozenset()


def test_leaving_while_the_room_runs_needs_a_reason(host: Host, duty: Duty, machine: Machine) -> None:
    scene, who = duty.scene, duty.one(Role.INVIGILATOR)
    scene.write(duties.sign_in, who, scene.room_sitting)
    machine.advance(minutes=10)
    scene.start()
    with pytest.raises(Refused, match="reason_missing"):
        scene.write(duties.sign_out, Signed(who), scene.room_sitting)
    scene.write(duties.sign_out, Signed(who, "身体不适"), scene.room_sitting)
    with host.db.read() as session:
        assert "duty_left" in set(session.scalars(select(AuditEntry.act)))
        session.get_one(RoomSitting, scene.room_sitting)


def test_scenario_16_the_ratio_is_counted_on_those_who_signed_in(
    host: Host, duty: Duty, machine: Machine
) -> None:
    """Two are assigned and two are needed; ticking them is not enough where the policy asks to sign in."""
    scene = duty.scene
    demand(host, *("seated", "package", "clock", "time", "staffing", "cameras", "checks"))
    machine.advance(minutes=10)
    everybody = frozenset(actor.user_id or 0 for actor in scene.staff)

    def start() -> None:
        order = Start(everybody, host.clock.anchor, host.presence)
        scene.write(commands.start_room, scene.invigilator, scene.room_sitting, order)

    for present, actor in enumerate([*scene.staff, None]):
        if actor is None:
            break
        with pytest.raises(Refused, match="too_few_invigilators") as refusal:
            start()
        assert refusal.value.params == {"needed": "2", "present": str(present), "candidates": "3"}
        scene.write(duties.sign_in, actor, scene.room_sitting)
    scene.write(duties.sign_out, Signed(scene.staff[0]), scene.room_sitting)
    with pytest.raises(Refused, match="too_few_invigilators"):
        start()
    scene.write(duties.sign_in, scene.staff[0], scene.room_sitting)
    start()
    assert scene.room_row().state == "running"


def test_who_walks_as_a_rover_today_acts_in_no_room(
    host: Host, duty: Duty, boss: Actor, person_as: Callable[..., Actor], machine: Machine
) -> None:
    """The account holds the role of an invigilator too; the duty of this day decides."""
    scene, walker = duty.scene, person_as("invigilator", "rover")
    machine.advance(minutes=10)
    start = Start(frozenset(actor.user_id or 0 for actor in scene.staff), host.clock.anchor, host.presence)
    assigned_here = {actor.user_id: Role.INVIGILATOR for actor in scene.staff}
    for role in (Role.ROVER, Role.INVIGILATOR):
        duties_of_day = {**assigned_here, walker.user_id: role}
        scene.write(staffing.assign_staff, boss, scene.room_sitting, duties_of_day)
        if role is Role.ROVER:
            with pytest.raises(Refused, match="not_on_duty"):
                scene.write(commands.start_room, walker, scene.room_sitting, start)
    scene.write(commands.start_room, walker, scene.room_sitting, start)
    assert scene.room_row().state == "running"


def test_a_rover_counts_as_no_invigilator(host: Host, duty: Duty, machine: Machine) -> None:
    scene = duty.scene
    demand(host, *("seated", "package", "clock", "time", "staffing", "cameras", "checks"))
    machine.advance(minutes=10)
    for actor in (duty.one(Role.ROVER), scene.staff[0], scene.chief):
        scene.write(duties.sign_in, actor, scene.room_sitting)
    with pytest.raises(Refused, match="too_few_invigilators") as refusal:
        scene.write(
            commands.start_room,
            scene.invigilator,
            scene.room_sitting,
            Start(frozenset(), host.clock.anchor, host.presence),
        )
    assert refusal.value.params["present"] == "1"
