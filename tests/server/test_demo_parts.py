"""What the demo and the rehearsal are made of, short of their processes."""

import time
from decimal import Decimal

import pytest

from exam_rooms.identity import IdNumber, check_id_number
from exam_rooms.seatmap import RoomKind, SeatKind, smallest_gap
from server.access import SYSTEM, Permission, Role
from server.cli.demo import (
    PEOPLE,
    ROLES,
    ROOM_FILE,
    ROOM_SEATS,
    VISITOR,
    _row,
    demo_people,
    draw_portraits,
    judged,
)
from server.cli.rehearse.crew import Member, Names, dismiss, hire
from server.cli.rehearse.panel_stage import stage_panel
from server.cli.rehearse.report import Report
from server.cli.rehearse.stage import (
    Wish,
    fictional_people,
    made_room,
    policy,
    room_of_file,
    staff_needed,
    stage_sitting,
)
from server.cli.rehearse.watch import percentile
from server.db.sittings import RoomSitting
from server.host import Host
from server.services import custody, packages, pairing, passwords, plans, rosters, staff, turns
from server.services.template_release import released_template


def test_fictional_people_pass_the_roster_rules_and_stay_the_same() -> None:
    people = fictional_people(120)
    assert all(isinstance(check_id_number(entry.id_number), IdNumber) for entry in people)
    assert all(entry.id_number.startswith("110000") for entry in people)  # an area code nobody has
    assert len({entry.id_number for entry in people}) == len({entry.name for entry in people}) == 120
    assert fictional_people(5) == people[:5]


def test_the_demo_has_a_name_for_every_seat_of_its_room() -> None:
    people = demo_people(ROOM_SEATS - 1)
    assert len(PEOPLE) >= ROOM_SEATS - 1
    assert len({entry.name for entry in people}) == ROOM_SEATS
    assert people[-1].name == VISITOR


def test_every_line_of_the_accounts_keeps_its_columns() -> None:
    member = Member(SYSTEM, Role.ROVER, "demo-7", "secret")
    places = {len(_row(member, name, "http://x").encode("gbk")) for name, _path in ROLES.values()}
    assert len(places) == 1
    assert all(" http://x" in _row(member, name, "http://x") for name, _path in ROLES.values())


@pytest.mark.parametrize(("seats", "spare"), [(1, 1), (8, 1), (10, 1), (11, 2), (24, 3), (60, 6)])
def test_a_made_room_has_its_seats_far_enough_apart(seats: int, spare: int) -> None:
    room = made_room("演练", seats)
    kinds = [seat.kind for seat in room.seats]
    assert (kinds.count(SeatKind.NORMAL), kinds.count(SeatKind.SPARE)) == (seats, spare)
    assert len({seat.number for seat in room.seats}) == seats + spare
    assert (room.kind, room.cameras) == (RoomKind.STANDARD, ())
    assert seats + spare == 1 or smallest_gap(room) >= 0.8


def test_a_made_smart_room_has_a_camera_of_its_own_at_every_seat() -> None:
    room = made_room("演练", 11, RoomKind.SMART)
    assert room.kind is RoomKind.SMART
    assert len(set(room.cameras)) == len(room.seats) == 13
    assert all(seat.camera == f"CAM-{seat.number}" for seat in room.seats)


@pytest.mark.dear
def test_the_crew_can_do_its_work_and_is_dismissed(host: Host) -> None:
    crew = hire(host, Names("reh-1-", "演练"), invigilators=staff_needed(31))
    assert len(crew.all(Role.INVIGILATOR)) == 3
    holders = [member for member in crew.members if member.passphrase]
    assert len(holders) == len({member.role for member in holders}) == 3  # two of three, of different roles
    assert all(member.actor.can(Permission.HOLD_KEY) for member in holders)
    assert len({member.password for member in crew.members}) == len(crew.members)
    dismiss(host, crew)
    with host.db.read() as session:
        for member in crew.members:
            account = staff.find_account(session, member.username)
            assert account is not None
            last = (
                member.role is Role.ADMINISTRATOR
            )  # nobody else is there: the account only loses its password
            assert account.active == last
            assert not (account.active and passwords.matches(account.password, member.password))
        assert not custody.witness_needed(session, None)  # the site's first key holders are still to come


@pytest.mark.dear
def test_the_stage_is_ready_to_be_released(host: Host) -> None:
    crew = hire(host, Names("", "演示", "demo-password"), invigilators=2)
    told: list[str] = []
    wish = Wish("演示", demo_people(4), Decimal("1.5"), "seed", room=room_of_file(host, ROOM_FILE))
    staged = stage_sitting(host, crew, wish, told=told.append)
    assert told
    assert len(staged.seats) == ROOM_SEATS + 3
    assert set(staged.codes) == set(staged.seats)
    assert len(staged.spare_seats()) == ROOM_SEATS + 3 - 5
    assert set(staged.cameras) == set(staged.seats)
    assert staged.cameras["07"] == "CAM-07"
    with host.db.read() as session:
        plan = plans.room_plan(session, staged.room_sitting)
        package = packages.current(session, staged.room_sitting)
        seated = {row.ticket: row.seat for row in rosters.roster(session, staged.room_sitting)}
        assert pairing.active_workstations(session, staged.room) == {}
    assert package is not None
    assert (plan.state, package.state, plan.rehearsal) == ("arranged", "sealed", True)
    assert {entrant.ticket: entrant.seat for entrant in staged.entrants} == seated
    again = stage_sitting(host, crew, Wish("再次", demo_people(4), Decimal(1), "seed"), told=told.append)
    assert [entrant.id_number for entrant in again.entrants] == [
        entrant.id_number for entrant in staged.entrants
    ]


@pytest.mark.dear
def test_drawn_portraits_pass_the_photo_import(host: Host) -> None:
    crew = hire(host, Names("", "演示", "demo-password"), invigilators=2)
    staged = stage_sitting(
        host, crew, Wish("演示", demo_people(3), Decimal(1), "seed"), told=lambda _step: None
    )
    draw_portraits(host, crew, staged)
    with host.db.read() as session:
        assert all(row.has_photo for row in rosters.roster(session, staged.room_sitting))


def test_rehearsals_are_held_under_the_rehearsal_profile() -> None:
    assert policy().rehearsal
    assert policy().terms_of("theory").min_minutes == 0
    assert policy().release.custodians == 3
    assert policy().watching is not None


GOOD = Report(
    seats=3,
    entered=2,
    acknowledged=10,
    recorded=10,
    lost=0,
    chain_errors=0,
    submitted=2,
    absent=1,
    incidents={},
    monitor_delay_ms={"p50": 1.0, "p99": 2.0},
    loop_lag_ms={"p50": 1.0, "p99": 2.0, "max": 3.0},
    server_cpu_ms_per_answer=1.0,
    marked=2,
)


def report(**changes: object) -> Report:
    return Report(**{**GOOD.to_json(), **changes})


def test_a_good_report_has_no_fault() -> None:
    assert GOOD.faults() == []
    assert report(recorded=11).faults() == []  # an answer whose acknowledgement nobody saw any more
    assert list(GOOD.to_json())[:6] == [
        "seats",
        "entered",
        "acknowledged",
        "recorded",
        "lost",
        "chain_errors",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"lost": 1},
        {"chain_errors": 1},
        {"recorded": 9},
        {"submitted": 1},
        {"marked": 1},
        {"absent": 0},
        {"entered": 0, "submitted": 0, "marked": 0, "absent": 3},
    ],
)
def test_a_report_with_one_thing_wrong_does_not_pass(changes: dict[str, int]) -> None:
    assert len(report(**changes).faults()) == 1


WATCHED = report(
    cameras=3,
    staged={"NO_FACE": ["03"], "MULTI_FACE": ["05"]},
    incident_seats={"LINK_LOST": ["01"], "MULTI_FACE": ["05"], "NO_FACE": ["03"]},
    alert_delay_ms={"p50": 80.0, "p99": 10_000.0, "max": 10_000.0},
    captures={"taken": 4, "missed": 0, "rechecked": 2, "disagree": 0, "failed": 0, "due": 0},
    frames_stored=20,
)


def watched(**changes: object) -> Report:
    return Report(**{**WATCHED.to_json(), **changes})


def test_a_smart_room_passes_with_its_incidents_exactly_where_they_were_staged() -> None:
    assert WATCHED.faults() == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"incident_seats": {"MULTI_FACE": ["05"]}}, "NO_FACE raised at seats: none; staged at: 03"),
        (
            {"incident_seats": {"MULTI_FACE": ["05"], "NO_FACE": ["03", "04"]}},
            "NO_FACE raised at seats: 03, 04; staged at: 03",
        ),
        (
            {"incident_seats": {"MULTI_FACE": ["06"], "NO_FACE": ["03"]}},
            "MULTI_FACE raised at seats: 06; staged at: 05",
        ),
        (
            {"incident_seats": WATCHED.incident_seats | {"DARK": ["01"]}},
            "DARK raised at seats: 01; staged at: none",
        ),
        (
            {"incident_seats": WATCHED.incident_seats | {"AGENT_DISAGREES": ["01"]}},
            "AGENT_DISAGREES raised at seats: 01; staged at: none",
        ),
        (
            {"incident_seats": WATCHED.incident_seats | {"ENROLMENT_DOUBT": ["02"]}},
            "ENROLMENT_DOUBT raised at seats: 02; staged at: none",
        ),
        ({"alert_delay_ms": {"p99": 10_000.1}}, "alerts took 10000.1 ms to the monitor"),
        ({"alert_delay_ms": {"p99": 0.0}}, "alerts took 0.0 ms to the monitor"),
        ({"captures": {"taken": 3, "missed": 1}}, "1 captures missed"),
        ({"captures": {"taken": 4, "due": 1, "failed": 1}}, "2 captures not looked at again"),
        ({"captures": {"taken": 4, "disagree": 1}}, "1 captures on which the server disagrees"),
        ({"frames_waiting": 2}, "2 pictures announced and not stored"),
        ({"unconsented": 1}, "1 records of people who refused"),
    ],
)
def test_one_thing_wrong_with_the_cameras_is_named(changes: dict[str, object], fault: str) -> None:
    assert watched(**changes).faults() == [fault]


def test_without_staged_scenes_no_alert_is_waited_for() -> None:
    assert watched(staged={}, incident_seats={}, alert_delay_ms={"p99": 0.0}).faults() == []


def test_what_a_visitors_own_camera_saw_is_not_held_against_the_demo() -> None:
    walked = watched(incident_seats=WATCHED.incident_seats | {"DARK": ["09"], "NO_FACE": ["03", "09"]})
    assert len(walked.faults()) == 2
    assert judged(walked, "09").faults() == []
    assert len(judged(walked, "08").faults()) == 2


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [((), 0.99, 0.0), ((5.0,), 0.5, 5.0), ((1.0, 2.0, 3.0, 4.0), 0.5, 2.0), (tuple(range(1, 101)), 0.99, 99)],
)
def test_percentiles_take_the_nearest_rank(values: tuple[float, ...], share: float, expected: float) -> None:
    assert percentile(values, share) == expected


@pytest.mark.dear
def test_the_demo_has_a_practical_assessment_that_is_under_way(host: Host) -> None:
    names = Names("demo-", "示例", "a long enough password")
    crew = hire(host, names, invigilators=2)
    stage_sitting(host, crew, Wish("示例场次", fictional_people(4), Decimal(40), "7"), told=lambda _: None)
    began = time.monotonic()
    staged = stage_panel(host, crew, names, "示例技能考核", seed="7")
    assert time.monotonic() - began < 10  # a second or so; the machine may be busy
    assert len(staged.crew.all(Role.EXAMINER)) == 3
    with host.db.read() as session:
        found = turns.turns_of(session, staged.room_sitting)
        assert released_template(session, staged.room_sitting).sample
        assert session.get_one(RoomSitting, staged.room_sitting).state == "running"
    assert [turn.state for turn in found] == ["waiting"] * 6
