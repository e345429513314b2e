"""Go or no go: each gate red, put right, overruled; a start is refused until none is red."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.access import Actor, Role
from server.db.papers import Package
from server.db.record import AuditEntry
from server.db.rooms import Seat
from server.db.sittings import Attempt, Batch, Registration, RoomSitting, Sitting
from server.db.staffing import GateOverrule
from server.errors import Forbidden, Refused
from server.host import Host
from server.messages import MESSAGES
from server.rules.policy import LevelPolicy
from server.rules.policy_gates import BEFORE, NEVER_OVERRULED, OWN_PAGE, GateName, GateRules, read_gates
from server.services import duties, gates, staff_profiles, staffing
from server.services.signed import Signed
from server.services.staff_profiles import Link
from tests.server import check_kit
from tests.server.conftest import Machine
from tests.server.delivery_kit import ID_NUMBERS
from tests.server.gate_kit import change, overrule, sign_site, signed_in, standing, start
from tests.server.staffing_kit import GATES, Duty, demand, make_duty


@pytest.fixture
def duty(host: Host, person_as: Callable[..., Actor], machine: Machine) -> Duty:
    """A released room at its planned start."""
    made = make_duty(host, person_as)
    machine.advance(minutes=10)
    return made


# --- red, then green ------------------------------------------------------------------------------------


def _row(duty: Duty) -> int:
    return duty.scene.room_sitting


def _sitting(duty: Duty) -> int:
    return duty.scene.room_row().sitting_id


def _expect_link(duty: Duty, *, there: bool) -> None:
    who, boss, scene = duty.one(Role.INVIGILATOR), duty.one(Role.ADMINISTRATOR), duty.scene
    if there:
        link = Link("kin", id_number=ID_NUMBERS[0])
        scene.write(staff_profiles.add_link, boss, who.user_id, link)
        return
    with scene.host.db.read() as session:
        (link_view,) = staff_profiles.links(session, who.user_id or 0)
    scene.write(staff_profiles.remove_link, boss, who.user_id, link_view.id)


def _supervisor(duty: Duty, who: Actor | None) -> None:
    boss = duty.one(Role.ADMINISTRATOR)
    duty.scene.write(staffing.name_supervisor, boss, _sitting(duty), who.user_id if who else None)


def _papers(duty: Duty, number: int | None) -> None:
    change(duty, Sitting, _sitting(duty), paper_set_id=number)


def _pending(duty: Duty, *, required: bool) -> None:
    def put(session: Session) -> None:
        batch = session.get_one(Batch, 1)
        policy = LevelPolicy.from_json(batch.policy)
        batch.policy = replace(policy, checks=replace(policy.checks, required=required)).to_json()

    duty.scene.host.db.write(put)


Step = Callable[[Duty], object]
CASES: dict[GateName, tuple[Step, str, Step]] = {
    # gate -> what makes it red, the code it then tells, what puts it right
    GateName.PAPERS: (lambda d: _papers(d, None), "gate_no_papers", lambda d: _papers(d, 1)),
    GateName.SEATED: (
        lambda d: change(d, RoomSitting, _row(d), state="planned"),
        "seats_not_drawn",
        lambda d: change(d, RoomSitting, _row(d), state="released"),
    ),
    GateName.LOCKED: (
        lambda d: None,
        "gate_not_locked",
        lambda d: change(d, RoomSitting, _row(d), locked_at=d.scene.host.now()),
    ),
    GateName.ROOM: (
        lambda d: change(d, Seat, d.scene.seats["2"], x=0.5),
        "gate_room_findings",
        lambda d: change(d, Seat, d.scene.seats["2"], x=1.2),
    ),
    GateName.RECUSAL: (
        lambda d: _expect_link(d, there=True),
        "gate_recused",
        lambda d: _expect_link(d, there=False),
    ),
    GateName.SUPERVISOR: (
        lambda d: None,
        "gate_no_supervisor",
        lambda d: _supervisor(d, d.one(Role.SUPERVISOR)),
    ),
    GateName.SITE_CHECK: (lambda d: None, "gate_site_unsigned", lambda d: sign_site(d, "尚未自检")),
    GateName.PACKAGE: (
        lambda d: change(d, Package, 1, state="sealed"),
        "package_not_released",
        lambda d: change(d, Package, 1, state="released"),
    ),
    GateName.TIME: (
        lambda d: change(d, Sitting, _sitting(d), starts_at=d.scene.host.now() + timedelta(seconds=1)),
        "too_early_to_start",
        lambda d: change(d, Sitting, _sitting(d), starts_at=d.scene.host.now()),
    ),
    GateName.STAFFING: (lambda d: None, "too_few_invigilators", lambda d: signed_in(d, *d.scene.staff)),
    GateName.CHIEF: (lambda d: None, "gate_chief_away", lambda d: signed_in(d, d.scene.chief)),
    GateName.CHECKS: (
        lambda d: _pending(d, required=True),
        "seats_not_checked",
        lambda d: _pending(d, required=False),
    ),
}


def test_each_gate_is_red_until_it_is_put_right(duty: Duty) -> None:
    for name, (broken, code, mended) in CASES.items():
        demand(duty.scene.host, name)
        broken(duty)
        gate = standing(duty)[name]
        assert (name, gate.state, gate.code) == (name, "red", code)
        assert code in MESSAGES
        with pytest.raises(Refused):
            start(duty)
        assert duty.scene.room_row().started_at is None
        mended(duty)
        assert (name, standing(duty)[name].state) == (name, "green")


def test_the_clock_must_be_proven(duty: Duty) -> None:
    demand(duty.scene.host, GateName.CLOCK)
    assert standing(duty)[GateName.CLOCK].state == "green"
    assert standing(duty, proven=False)[GateName.CLOCK].code == "clock_unproven"
    with pytest.raises(Refused, match="clock_unproven"):
        start(duty, proven=False)


def test_a_room_with_every_gate_of_the_national_policy_starts_once_all_are_put_right(duty: Duty) -> None:
    demand(duty.scene.host)
    red = {name for name, gate in standing(duty).items() if gate.state == "red"}
    assert red == {"locked", "supervisor", "site_check", "staffing", "chief"}
    assert list(standing(duty)) == [str(name) for name in GateName]
    for name in sorted(red):
        with pytest.raises(Refused):
            start(duty)
        CASES[GateName(name)][2](duty)
    start(duty)
    assert duty.scene.room_row().state == "running"
    with duty.scene.host.db.read() as session:
        stood = gates.stood(session, duty.scene.room_sitting)
    assert stood is not None and {gate.state for gate in stood[1]} == {"green"}


def test_a_candidate_without_a_seat_is_counted(duty: Duty) -> None:
    demand(duty.scene.host, GateName.SEATED)

    def drop(session: Session) -> None:
        from sqlalchemy import delete

        from server.db.sittings import SeatStay

        attempt = duty.scene.attempts["3"]
        session.execute(delete(SeatStay).where(SeatStay.attempt_id == attempt))
        session.execute(delete(Attempt).where(Attempt.id == attempt))

    duty.scene.host.db.write(drop)
    gate = standing(duty)[GateName.SEATED]
    tickets = duty.scene.tickets
    assert (gate.state, gate.code, gate.params["tickets"]) == ("red", "gate_without_seat", tickets["3"])

    def swap(session: Session) -> None:  # another person, the same number of people
        session.execute(
            update(Attempt).where(Attempt.id == duty.scene.attempts["2"]).values(registration_id=one)
        )

    with duty.scene.host.db.read() as session:
        one = session.scalar(select(Registration.id).where(Registration.ticket == tickets["3"]))
    duty.scene.host.db.write(swap)
    other = standing(duty)[GateName.SEATED]
    assert (other.params["count"], other.params["tickets"]) == ("1", tickets["2"])
    assert other.finding != gate.finding


# --- overruled ------------------------------------------------------------------------------------------

LENIENT = [name for name in CASES if name not in NEVER_OVERRULED | OWN_PAGE | {GateName.SEATED}]


@pytest.mark.dear
def test_the_chief_overrules_a_gate_with_a_reason_and_where_asked_a_second_person(duty: Duty) -> None:
    assert {GateName.LOCKED, GateName.ROOM, GateName.STAFFING} < set(LENIENT)
    for done, name in enumerate(LENIENT, 1):
        demand(duty.scene.host, name)
        CASES[name][0](duty)
        _overruled(duty, name)
        with duty.scene.host.db.read() as session:
            acts = session.scalars(select(AuditEntry).where(AuditEntry.act == "gate_overruled")).all()
        assert [entry.details["reason"] for entry in acts] == ["应急"] * done
        assert acts[-1].details["gate"] == name


def _overruled(duty: Duty, name: GateName) -> None:
    chief, second = duty.scene.chief, duty.one(Role.SUPERVISOR)
    with pytest.raises(Refused, match="reason_missing"):
        overrule(duty, name, Signed(chief, " ", second))
    signed = Signed(chief, "应急")
    if name in GATES.two_persons:
        for cosigner in (None, chief):
            with pytest.raises(Refused, match="cosign"):
                overrule(duty, name, Signed(chief, "应急", cosigner))
        with pytest.raises(Forbidden):
            overrule(duty, name, Signed(chief, "应急", duty.scene.invigilator))
        signed = Signed(chief, "应急", second)
    overrule(duty, name, signed)
    gate = standing(duty)[name]
    assert (gate.state, gate.by, gate.reason) == ("overruled", chief.name, "应急")
    assert gate.cosigned_by == (second.name if name in GATES.two_persons else "")
    with pytest.raises(Refused, match="gate_not_red"):
        overrule(duty, name, signed)


def test_nobody_overrules_what_a_start_cannot_do_without(duty: Duty) -> None:
    signed = Signed(duty.scene.chief, "应急", duty.one(Role.SUPERVISOR))
    for name in (each for each in CASES if each in NEVER_OVERRULED | OWN_PAGE | {GateName.SEATED}):
        demand(duty.scene.host, name)
        CASES[name][0](duty)
        assert not standing(duty)[name].overrulable
        with pytest.raises(Refused, match="gate_never_overruled"):
            overrule(duty, name, signed)
        CASES[name][2](duty)


def test_an_overruling_is_bound_to_its_finding(duty: Duty) -> None:
    demand(duty.scene.host, GateName.STAFFING)
    signed = Signed(duty.scene.chief, "只来了一名", duty.one(Role.ADMINISTRATOR))
    signed_in(duty, duty.scene.staff[0])
    read = standing(duty)[GateName.STAFFING].finding
    duty.scene.write(duties.sign_out, Signed(duty.scene.staff[0]), duty.scene.room_sitting)
    with pytest.raises(Refused, match="gate_changed"):
        overrule(duty, GateName.STAFFING, signed, read)
    signed_in(duty, duty.scene.staff[0])
    overrule(duty, GateName.STAFFING, signed, read)
    assert standing(duty)[GateName.STAFFING].state == "overruled"
    duty.scene.write(duties.sign_out, Signed(duty.scene.staff[0]), duty.scene.room_sitting)
    assert standing(duty)[GateName.STAFFING].state == "red"  # now nobody is there
    with pytest.raises(Refused, match="gate_changed"):
        overrule(duty, GateName.STAFFING, signed, read)


def test_what_was_overruled_is_kept_with_the_start(duty: Duty) -> None:
    demand(duty.scene.host, GateName.LOCKED, *BEFORE)
    signed_in(duty, *duty.scene.staff)
    with pytest.raises(Refused, match="gate_not_locked"):
        start(duty)
    overrule(duty, GateName.LOCKED, Signed(duty.scene.chief, "座次已核对"))
    start(duty)
    with duty.scene.host.db.read() as session:
        stood = gates.stood(session, duty.scene.room_sitting)
        assert len(session.scalars(select(GateOverrule)).all()) == 1
    assert stood is not None
    locked = next(gate for gate in stood[1] if gate.name == "locked")
    assert (locked.state, locked.by, locked.reason) == ("overruled", duty.scene.chief.name, "座次已核对")
    with pytest.raises(Refused, match="room_already_started"):
        overrule(duty, GateName.LOCKED, Signed(duty.scene.chief, "r"), "x")


def test_only_a_chief_overrules(duty: Duty) -> None:
    demand(duty.scene.host, GateName.LOCKED)
    for role in (
        Role.INVIGILATOR,
        Role.ROVER,
        Role.SUPERVISOR,
        Role.SYSTEM_ADMINISTRATOR,
        Role.ADMINISTRATOR,
    ):
        with pytest.raises(Forbidden):
            overrule(duty, GateName.LOCKED, Signed(duty.one(role), "r", duty.scene.chief))


def test_seats_overruled_on_their_own_page_show_as_overruled(duty: Duty) -> None:
    from server.services import check_gate

    demand(duty.scene.host, GateName.CHECKS)
    check_kit.require_checks(duty.scene)
    check_kit.open_checks(duty.scene)
    scene = duty.scene
    assert standing(duty)[GateName.CHECKS].state == "red"
    with scene.host.db.read() as session:
        lines = check_gate.lines(session, scene.room_sitting, now=scene.host.now())
    seats = {line.seat: line.finding for line in lines if line.overrulable}
    scene.write(check_gate.overrule, Signed(scene.chief, "已人工检查"), scene.room_sitting, seats)
    gate = standing(duty)[GateName.CHECKS]
    assert (gate.state, gate.by, gate.reason) == ("overruled", scene.chief.name, "已人工检查")
    assert gate.params["seats"] == "1、2、3"


# --- the policy -----------------------------------------------------------------------------------------


def test_a_batch_frozen_before_demands_what_a_start_demanded_then(duty: Duty) -> None:
    def old(session: Session) -> None:
        batch = session.get_one(Batch, 1)
        batch.policy = {name: value for name, value in batch.policy.items() if name != "gates"}

    duty.scene.host.db.write(old)
    assert list(standing(duty)) == [str(name) for name in BEFORE]
    start(duty)  # two are ticked, nobody has signed in
    assert duty.scene.room_row().state == "running"


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"demanded": ["seated"]}, "gates.demanded.package"),
        ({"demanded": [*map(str, BEFORE), "tea"]}, "gates.demanded[7]"),
        ({"two_persons": ["package"]}, "gates.two_persons"),
        ({"duty_sign_in": "perhaps"}, "gates.duty_sign_in"),
        ({"rooms_per_rover": 0}, "gates.rooms_per_rover"),
        ({"tea": 1}, "gates.tea"),
    ],
)
def test_faults_of_the_policy_are_named(changed: dict[str, object], place: str) -> None:
    from itembank.blueprint_reading import Reader

    good = {
        "demanded": [str(name) for name in BEFORE],
        "two_persons": ["staffing"],
        "duty_sign_in": True,
        "sign_in_opens_minutes": 60,
        "rooms_per_rover": 4,
        "rooms_per_system_administrator": 1,
    }
    read = Reader()
    assert read_gates(read, good).two_persons == (GateName.STAFFING,) and not read.problems
    read_gates(read, good | changed)
    assert place in {problem.place for problem in read.problems}


def test_without_a_word_on_gates_a_policy_demands_what_it_always_did() -> None:
    from itembank.blueprint_reading import Reader

    assert read_gates(Reader(), None) == GateRules()
