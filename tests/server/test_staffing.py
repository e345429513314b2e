"""Who may be put on duty by hand, and the draw."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from server.access import Actor, Role
from server.db.record import AuditEntry
from server.db.sittings import Assignment
from server.db.staffing import StaffRecusal
from server.errors import Forbidden, NotFound, Refused
from server.host import Host
from server.services import duties, staff_draws, staff_profiles, staffing
from server.services.staff_profiles import Link, Profile
from tests.server.delivery_kit import ID_NUMBERS
from tests.server.staffing_kit import PEOPLE, Duty, make_duty, planned


@pytest.fixture
def boss(person_as: Callable[..., Actor]) -> Actor:
    return person_as("administrator", name="管理员")


def link(host: Host, boss: Actor, who: Actor, **wanted: str) -> int:
    return host.db.write(
        staff_profiles.add_link, boss, who.user_id, Link(wanted.pop("kind", "kin"), **wanted), now=host.now()
    )


def assigned(host: Host, room_sitting: int) -> dict[int, str]:
    with host.db.read() as session:
        rows = session.scalars(select(Assignment).where(Assignment.room_sitting_id == room_sitting))
        return {row.user_id: row.role for row in rows}


# --- named by hand --------------------------------------------------------------------------------------


@pytest.mark.both_stores
def test_who_stands_back_for_a_candidate_is_refused_by_name(
    host: Host, person_as: Callable[..., Actor], boss: Actor
) -> None:
    scene = make_duty(host, person_as).scene
    uncle = person_as("invigilator", name="张叔")
    link(host, boss, uncle, id_number=ID_NUMBERS[1])
    with pytest.raises(Refused, match="duty_recused") as refusal:
        scene.write(staffing.assign_staff, boss, scene.room_sitting, {uncle.user_id: Role.INVIGILATOR})
    assert refusal.value.params == {"name": "张叔", "candidates": "考生2"}


def test_who_stands_back_for_an_employer_is_refused(
    host: Host, person_as: Callable[..., Actor], boss: Actor
) -> None:
    scene = make_duty(host, person_as).scene
    manager = person_as("invigilator")
    number = link(host, boss, manager, kind="superior", employer="某 公司")
    order = (staffing.assign_staff, boss, scene.room_sitting, {manager.user_id: Role.INVIGILATOR})
    with pytest.raises(Refused, match="duty_recused"):
        scene.write(*order)
    scene.write(staff_profiles.remove_link, boss, manager.user_id, number)
    scene.write(*order)
    assert assigned(host, scene.room_sitting)[manager.user_id] == "invigilator"


def test_the_number_of_a_link_is_kept_as_an_index_alone(
    host: Host, person_as: Callable[..., Actor], boss: Actor
) -> None:
    make_duty(host, person_as)
    who = person_as("invigilator")
    link(host, boss, who, id_number=f" {ID_NUMBERS[0].lower()} ", note="侄子")
    with host.db.read() as session:
        (row,) = session.scalars(select(StaffRecusal)).all()
        assert ID_NUMBERS[0] not in str(vars(row)) and row.candidate_index
        entries = session.scalars(select(AuditEntry).where(AuditEntry.act == "recusal_added")).all()
        assert ID_NUMBERS[0] not in str([entry.details for entry in entries])
        (shown,) = staff_profiles.links(session, who.user_id or 0)
    assert (shown.candidate, shown.by_number, shown.note) == ("考生1", True, "侄子")
    with pytest.raises(Refused, match="recusal_known"):
        link(host, boss, who, id_number=ID_NUMBERS[0])


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({}, "recusal_of_nobody"),
        ({"id_number": ID_NUMBERS[0], "employer": "某公司"}, "recusal_of_nobody"),
        ({"id_number": "110101199003070119"}, "recusal_id_number"),
        ({"kind": "friend", "employer": "某公司"}, "recusal_kind_unknown"),
    ],
)
def test_a_link_names_one_candidate_or_one_employer(
    host: Host, person_as: Callable[..., Actor], boss: Actor, wanted: dict[str, str], code: str
) -> None:
    with pytest.raises(Refused, match=code):
        link(host, boss, person_as("invigilator"), **wanted)


@pytest.mark.parametrize(("days", "fits"), [(-1, False), (0, True), (1, True)])
def test_a_card_that_ends_before_the_day_bars_from_duty(
    host: Host, person_as: Callable[..., Actor], boss: Actor, days: int, fits: bool
) -> None:
    scene = make_duty(host, person_as).scene
    who = person_as("invigilator")
    last_day = scene.starts_at.date() + timedelta(days=days)
    profile = Profile("某部", "K-1", "invigilator", last_day)
    scene.write(staff_profiles.set_profile, boss, who.user_id, profile)
    order = (staffing.assign_staff, boss, scene.room_sitting, {who.user_id: Role.INVIGILATOR})
    if fits:
        scene.write(*order)
        return
    with pytest.raises(Refused, match="duty_card_expired"):
        scene.write(*order)


@pytest.mark.parametrize(
    ("hours", "free"), [(2.0, False), (0.6, False), (3.49, False), (3.5, True), (0.5, True)]
)
def test_nobody_is_in_two_sittings_at_a_time(
    host: Host, person_as: Callable[..., Actor], boss: Actor, hours: float, free: bool
) -> None:
    """One sitting lasts from 2:00 to 3:30 after now; the other one begins at `hours`, 90 minutes too."""
    _, (first,) = planned(host, [PEOPLE[:1]], hours=2.0, batch="一")
    _, (other,) = planned(host, [PEOPLE[1:]], hours=hours, batch="二")
    who = person_as("invigilator", name="赵")
    duty = {who.user_id: Role.INVIGILATOR}
    host.db.write(staffing.assign_staff, boss, first.room_sitting, duty, now=host.now())
    if free:
        host.db.write(staffing.assign_staff, boss, other.room_sitting, duty, now=host.now())
        return
    with pytest.raises(Refused, match="duty_elsewhere") as refusal:
        host.db.write(staffing.assign_staff, boss, other.room_sitting, duty, now=host.now())
    assert refusal.value.params["name"] == "赵"


def test_a_rover_serves_several_rooms_and_an_invigilator_one(
    host: Host, person_as: Callable[..., Actor], boss: Actor
) -> None:
    _, rooms = planned(host, [PEOPLE[:1], PEOPLE[1:]])
    rover, invigilator = person_as("rover", "invigilator"), person_as("invigilator")
    both = {rover.user_id: Role.ROVER, invigilator.user_id: Role.INVIGILATOR}
    host.db.write(staffing.assign_staff, boss, rooms[0].room_sitting, both, now=host.now())
    host.db.write(
        staffing.assign_staff, boss, rooms[1].room_sitting, {rover.user_id: Role.ROVER}, now=host.now()
    )
    for who in (invigilator, rover):
        with pytest.raises(Refused, match="duty_elsewhere"):
            host.db.write(
                staffing.assign_staff,
                boss,
                rooms[1].room_sitting,
                {who.user_id: Role.INVIGILATOR},
                now=host.now(),
            )


def test_a_role_of_duty_must_be_held_and_the_supervisor_serves_apart(
    host: Host, person_as: Callable[..., Actor], boss: Actor
) -> None:
    duty = make_duty(host, person_as)
    scene, supervisor = duty.scene, duty.one(Role.SUPERVISOR)
    sitting = scene.room_row().sitting_id
    scene.write(staffing.name_supervisor, boss, sitting, supervisor.user_id)
    with host.db.read() as session:
        assert staffing.supervisor_of(session, sitting) == (supervisor.user_id, supervisor.name)
    with pytest.raises(Refused, match="duty_without_role"):
        scene.write(staffing.assign_staff, boss, scene.room_sitting, {boss.user_id: Role.INVIGILATOR})
    with pytest.raises(Refused, match="duty_without_role"):  # a supervisor is not given room by room
        scene.write(staffing.assign_staff, boss, scene.room_sitting, {supervisor.user_id: Role.SUPERVISOR})
    both = person_as("supervisor", "invigilator")
    scene.write(staffing.assign_staff, boss, scene.room_sitting, {both.user_id: Role.INVIGILATOR})
    assert assigned(host, scene.room_sitting) == {
        supervisor.user_id: "supervisor",
        both.user_id: "invigilator",
    }
    with pytest.raises(Refused, match="supervisor_on_duty"):
        scene.write(staffing.name_supervisor, boss, sitting, both.user_id)
    scene.write(staffing.name_supervisor, boss, sitting, None)
    with host.db.read() as session:
        assert staffing.supervisor_of(session, sitting) is None


def test_the_record_names_who_came_and_who_went(
    host: Host, person_as: Callable[..., Actor], boss: Actor
) -> None:
    scene = make_duty(host, person_as).scene
    before = assigned(host, scene.room_sitting)
    guard = person_as("invigilator", "rover", name="新来的")
    stays = scene.staff[0]
    duties = {guard.user_id: Role.ROVER, stays.user_id: Role.INVIGILATOR}
    scene.write(staffing.assign_staff, boss, scene.room_sitting, duties)
    scene.write(staffing.assign_staff, boss, scene.room_sitting, {guard.user_id: Role.INVIGILATOR})
    supervisor = person_as("supervisor", name="督导")
    scene.write(staffing.name_supervisor, boss, 1, supervisor.user_id)
    first, second, third = recorded(host, "staff_assigned", "supervisor_named")[-3:]
    assert first["added"] == [f"rover 新来的 ({guard.user_id})"]
    gone = [user for user, role in before.items() if user != stays.user_id and role != "supervisor"]
    assert [line.rpartition("(")[2] for line in first["removed"]] == [f"{user})" for user in sorted(gone)]
    assert second["added"] == [f"invigilator 新来的 ({guard.user_id})"]
    assert second["removed"] == [
        f"invigilator {stays.name} ({stays.user_id})",
        f"rover 新来的 ({guard.user_id})",
    ]
    assert (third["supervisor"], third["user"]) == ("督导", supervisor.user_id)


def test_a_draw_names_everybody_whom_it_puts_on_duty_and_takes_off(
    host: Host, person_as: Callable[..., Actor], boss: Actor
) -> None:
    sitting, (room,) = planned(host, [PEOPLE])
    hire(person_as, invigilator=4, rover=1, chief_invigilator=1, system_administrator=1, supervisor=1)
    told = []
    for seed in ("one", "two"):
        host.db.write(staff_draws.draw, boss, sitting, seed=seed, now=host.now())
        told.append(set(assigned(host, room.room_sitting)))
    first, second = recorded(host, "staff_drawn")
    numbers = [{int(line[:-1].rpartition("(")[2]) for line in row["added"]} for row in (first, second)]
    assert (numbers, first["removed"]) == ([told[0], told[1] - told[0]], [])
    assert len(second["removed"]) == len(told[0] - told[1])


def recorded(host: Host, *acts: str) -> list[dict[str, object]]:
    with host.db.read() as session:
        query = select(AuditEntry).where(AuditEntry.act.in_(acts)).order_by(AuditEntry.id)
        return [row.details for row in session.scalars(query)]


def test_only_chief_and_administrator_staff_a_room(host: Host, person_as: Callable[..., Actor]) -> None:
    scene = make_duty(host, person_as).scene
    for role in ("invigilator", "rover", "supervisor", "system_administrator", "auditor"):
        with pytest.raises(Forbidden):
            scene.write(staffing.assign_staff, person_as(role), scene.room_sitting, {})


# --- the draw -------------------------------------------------------------------------------------------


def hire(person_as: Callable[..., Actor], **counts: int) -> dict[str, list[Actor]]:
    return {role: [person_as(role) for _ in range(count)] for role, count in counts.items()}


@pytest.mark.dear
@pytest.mark.both_stores
def test_a_draw_fills_every_room_and_its_seed_replays_it(
    host: Host, person_as: Callable[..., Actor], boss: Actor
) -> None:
    sitting, rooms = planned(host, [PEOPLE[:1], PEOPLE[1:]])
    hire(person_as, invigilator=8, rover=2, chief_invigilator=2, system_administrator=2, supervisor=2)
    drawn = host.db.write(staff_draws.draw, boss, sitting, seed="seed", now=host.now())
    assert drawn.shortages == ()
    first = [assigned(host, room.room_sitting) for room in rooms]
    for room in first:
        assert sorted(room.values()) == sorted(
            ["chief_invigilator", "system_administrator", "supervisor", "rover", "invigilator", "invigilator"]
        )
    shared = set(first[0]) & set(first[1])
    assert {first[0][user] for user in shared} == {
        "chief_invigilator",
        "system_administrator",
        "supervisor",
        "rover",
    }
    again = host.db.write(staff_draws.draw, boss, sitting, seed="seed", now=host.now())
    assert (again.inputs, [assigned(host, room.room_sitting) for room in rooms]) == (drawn.inputs, first)
    others = []
    for seed in "abcdef":
        host.db.write(staff_draws.draw, boss, sitting, seed=seed, now=host.now())
        others.append([assigned(host, room.room_sitting) for room in rooms])
    assert any(other != first for other in others)


def test_a_draw_keeps_people_from_rooms_of_their_own(
    host: Host, person_as: Callable[..., Actor], boss: Actor
) -> None:
    """With four invigilators for two rooms and two that stand back, there is one way."""
    sitting, rooms = planned(host, [PEOPLE[:1], PEOPLE[1:]])
    staff = hire(person_as, invigilator=4)["invigilator"]
    for who in staff[:2]:
        link(host, boss, who, kind="superior", employer="甲公司")
    for seed in "abc":
        drawn = host.db.write(staff_draws.draw, boss, sitting, seed=seed, now=host.now())
        here = {user for user, role in assigned(host, rooms[1].room_sitting).items() if role == "invigilator"}
        assert here == {who.user_id for who in staff[:2]}
        missing = {(each.role, each.count) for each in drawn.shortages}
        assert missing == {
            ("chief_invigilator", 1),
            ("system_administrator", 1),
            ("supervisor", 1),
            ("rover", 1),
        }


def test_a_shortage_is_named_by_room_and_role(
    host: Host, person_as: Callable[..., Actor], boss: Actor
) -> None:
    sitting, _rooms = planned(host, [PEOPLE[:1], PEOPLE[1:]], batch="缺")
    hire(person_as, invigilator=3, rover=1, chief_invigilator=1, system_administrator=1, supervisor=1)
    drawn = host.db.write(staff_draws.draw, boss, sitting, seed="s", now=host.now())
    (missing,) = drawn.shortages
    assert (missing.role, missing.rooms, missing.count) == ("invigilator", ("缺2.0考场2",), 1)


def test_a_draw_takes_nobody_who_is_busy_closed_or_out_of_date(
    host: Host, person_as: Callable[..., Actor], boss: Actor
) -> None:
    from server.services import staff

    other, (elsewhere,) = planned(host, [PEOPLE[:1]], hours=2.5, batch="别处")
    sitting, (room,) = planned(host, [PEOPLE[1:]], hours=2.0, batch="此处")
    busy, closed, expired, one, two = hire(person_as, invigilator=5)["invigilator"]
    host.db.write(
        staffing.assign_staff,
        boss,
        elsewhere.room_sitting,
        {busy.user_id: Role.INVIGILATOR},
        now=host.now(),
    )
    host.db.write(staff.set_active, boss, closed.user_id, False, now=host.now())
    past = Profile(valid_to=date(2020, 1, 1))
    host.db.write(staff_profiles.set_profile, boss, expired.user_id, past, now=host.now())
    host.db.write(staff_draws.draw, boss, sitting, seed="s", now=host.now())
    assert set(assigned(host, room.room_sitting)) == {one.user_id, two.user_id}
    assert other


def test_a_draw_is_over_once_duty_has_begun(host: Host, person_as: Callable[..., Actor], boss: Actor) -> None:
    duty = make_duty(host, person_as)
    scene = duty.scene
    scene.write(duties.sign_in, duty.one(Role.INVIGILATOR), scene.room_sitting)
    with pytest.raises(Refused, match="duty_begun"):
        scene.write(staff_draws.draw, boss, scene.room_row().sitting_id)
    with pytest.raises(NotFound):
        scene.write(staff_draws.draw, boss, 999)


# --- signing duty ---------------------------------------------------------------------------------------


@pytest.fixture
def duty(host: Host, person_as: Callable[..., Actor]) -> Duty:
    return make_duty(host, person_as)
