"""From bank to released package through the services, on both stores; and every refusal on the way."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from itembank.problems import InputRefused
from server.access import Actor, Role
from server.db.bank import BankItem
from server.db.papers import FormItem, Package, PaperSet
from server.db.record import AuditEntry
from server.db.rooms import Seat, Workstation
from server.db.sittings import Attempt, Candidate, Registration
from server.errors import Forbidden, Refused
from server.host import Host
from server.services import (
    arrangement,
    assembly_runs,
    banks,
    batches,
    items,
    package_release,
    package_sealing,
    packages,
    pairing,
    papers,
    rosters,
    seating,
)
from server.services.signed import Signed
from tests.server import preparing

HEADER = (
    "题库名称,ID,序号,认定点代码,题型代码,题号,试题（题干）,试题（选项A）,试题（选项B）,试题（选项C）,试题（选项D）,"
    "试题（选项E）,【图】及位置,正确答案,难度代码,一致性代码,解析\n"
)
GOOD = "示例,B-A-A-001-001,1,A-A-001,B,1,单位内部治安保卫工作的方针是,甲,乙,丙,丁,,,A,3,3,\n"
BAD = "示例,B-A-A-001-002,2,A-A-001,B,2,另一道题,甲,乙,,,,,E,3,3,\n"


@pytest.fixture
def people(person_as: Callable[..., Actor]) -> preparing.Crew:
    return preparing.crew(person_as)


def count(host: Host, table: type) -> int:
    with host.db.read() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def begin(host: Host, who: Actor, text: str) -> tuple[int, int]:
    bank_id = host.db.write(banks.create, who, banks.new_bank("题库", "baowei", 3), now=host.now())
    return bank_id, preparing.dry_run(host, who, bank_id, text.encode(), "a.csv")


@pytest.mark.dear
@pytest.mark.both_stores
def test_the_whole_way_to_a_released_package(host: Host, machine, person_as: Callable[..., Actor]) -> None:
    stage = preparing.staged(host, person_as)
    machine.advance(minutes=1)
    preparing.release(host, stage)
    with host.db.read() as session:
        package = session.scalars(select(Package)).one()
        key = packages.content_key(session, package)
        attempts = session.scalars(select(Attempt)).all()
        assert package.state == "released"
        assert len(key) == 32
        assert {attempt.form for attempt in attempts} <= {"A", "B", "C", "D"}
        assert (
            len({attempt.seat_id for attempt in attempts})
            == len(attempts)
            == session.scalar(select(func.count()).select_from(Registration))
        )


def test_reading_an_item_is_in_the_audit_chain(host: Host, people: preparing.Crew) -> None:
    _bank_id, import_id = begin(host, people.administrator, HEADER + GOOD)
    preparing.take_in(host, people.administrator, import_id)
    with host.db.read() as session:
        item_id = session.scalars(select(BankItem.id)).one()
    body = host.db.write(items.read, people.keeper, item_id, now=host.now()).body
    assert body.stem == "单位内部治安保卫工作的方针是"
    with host.db.read() as session:
        assert "item_read" in session.scalars(select(AuditEntry.act)).all()
    with pytest.raises(Forbidden):
        host.db.write(items.read, people.administrator, item_id, now=host.now())


@pytest.mark.dear
def test_the_one_who_assembled_cannot_approve(host: Host, people: preparing.Crew) -> None:
    bank_id = preparing.bank(host, people.administrator)
    blueprint_id = preparing.blueprint(host, people.administrator)
    papers_id = preparing.paper_set(host, people, bank_id, blueprint_id)
    plan = assembly_runs.AssemblyPlan("另一套", bank_id, blueprint_id, 2, 30, "9")
    second = host.db.write(assembly_runs.begin, people.administrator, plan, now=host.now())
    with pytest.raises(Refused) as caught:
        host.db.write(papers.approve, people.administrator, second, now=host.now())
    assert caught.value.code == "papers_not_assembled"
    with host.db.read() as session:
        payload = assembly_runs.job_payload(session, second)
    host.db.write(assembly_runs.store_outcome, second, preparing.assemble(payload, lambda *_: None))
    with pytest.raises(Refused) as caught:
        host.db.write(papers.approve, people.administrator, second, now=host.now())
    assert caught.value.code == "approver_must_differ"
    host.db.write(papers.approve, people.approver, second, now=host.now())
    with host.db.read() as session:
        assert session.get_one(PaperSet, papers_id).approved_by == people.approver.user_id
        assert papers.unmet(session.get_one(PaperSet, second)) == []


def test_the_same_seed_and_pool_rebuild_the_same_forms(host: Host, people: preparing.Crew) -> None:
    bank_id = preparing.bank(host, people.administrator)
    blueprint_id = preparing.blueprint(host, people.administrator)
    plan = assembly_runs.AssemblyPlan("一", bank_id, blueprint_id, 2, 30, "11")
    ids = [
        host.db.write(assembly_runs.begin, people.administrator, replace(plan), now=host.now())
        for _ in range(2)
    ]
    for paper_set_id in ids:
        with host.db.read() as session:
            payload = assembly_runs.job_payload(session, paper_set_id)
        host.db.write(assembly_runs.store_outcome, paper_set_id, preparing.assemble(payload, lambda *_: None))
    with host.db.read() as session:
        rows = [
            session.execute(
                select(FormItem.form, FormItem.number, FormItem.item_uid)
                .where(FormItem.paper_set_id == paper_set_id)
                .order_by(FormItem.form, FormItem.number)
            ).all()
            for paper_set_id in ids
        ]
        snapshots = {session.get_one(PaperSet, each).snapshot for each in ids}
    assert rows[0] == rows[1]
    assert len(rows[0]) == 200
    assert len(snapshots) == 1


def test_scenario_1_a_level_the_occupation_lacks_is_refused_and_level_3_freezes_its_policy(
    host: Host, people: preparing.Crew
) -> None:
    """Scenario 1: a batch of 保卫管理员 level 4 is refused, R09 named; level 3 comes with its policy."""
    plan = batches.BatchPlan("第 4 批", "baowei", 4)
    with pytest.raises(InputRefused) as caught:
        host.db.write(batches.create, people.administrator, plan, now=host.now())
    (problem,) = caught.value.problems
    assert (problem.code, problem.params["rule"]) == ("level_not_in_occupation", "R09")
    batch_id = host.db.write(batches.create, people.administrator, replace(plan, level=3), now=host.now())
    with host.db.read() as session:
        from server.db.sittings import Batch

        policy = batches.policy_of(session.get_one(Batch, batch_id))
    assert (policy.scale.max, policy.scale.pass_mark, policy.terms_of("theory").min_minutes) == (100, 60, 90)


@pytest.mark.parametrize(
    ("minutes", "allowed"), [("89", False), ("89.99", False), ("90", True), ("120", True)]
)
def test_theory_is_not_shorter_than_the_policy_says(
    host: Host, people: preparing.Crew, minutes: str, allowed: bool
) -> None:
    who = people.administrator
    batch_id = host.db.write(batches.create, who, batches.BatchPlan("批", "baowei", 3), now=host.now())
    room_id = preparing.room(host, who)
    plan = batches.SittingPlan(host.now() + timedelta(hours=2), Decimal(minutes), (room_id,))
    if allowed:
        assert host.db.write(batches.add_sitting, who, batch_id, plan, now=host.now())
        return
    with pytest.raises(InputRefused) as caught:
        host.db.write(batches.add_sitting, who, batch_id, plan, now=host.now())
    assert caught.value.problems[0].params["rule"] == "R03"


def test_a_rehearsal_may_be_short(host: Host, people: preparing.Crew) -> None:
    who = people.administrator
    plan = batches.BatchPlan("演练", "baowei", 3, "rehearsal")
    batch_id = host.db.write(batches.create, who, plan, now=host.now())
    sitting = batches.SittingPlan(
        host.now() + timedelta(minutes=1), Decimal("0.5"), (preparing.room(host, who),)
    )
    assert host.db.write(batches.add_sitting, who, batch_id, sitting, now=host.now())


class TestRelease:
    """R20 and design D6: two persons, two roles, inside the window, for this room."""

    @pytest.fixture
    def stage(self, host: Host, person_as: Callable[..., Actor]) -> preparing.Staged:
        return preparing.staged(host, person_as)

    def refused(self, host: Host, stage: preparing.Staged, first: Actor, second: Actor) -> str:
        holders = (preparing.unlock(host, first), preparing.unlock(host, second))
        with pytest.raises(Refused) as caught:
            host.db.write(
                package_release.open_package,
                stage.room_sitting,
                holders,
                host.site.public_key,
                now=host.now(),
            )
        return caught.value.code

    def test_too_early_by_a_second(self, host: Host, machine, person_as: Callable[..., Actor]) -> None:
        stage = preparing.staged(host, person_as)
        machine.advance(minutes=-31, seconds=1)
        machine.wall -= timedelta(seconds=2)
        machine.boot_ns -= 2_000_000_000
        crew = stage.crew
        assert self.refused(host, stage, crew.chief, crew.custodian) == "release_too_early"
        machine.advance(minutes=2)
        preparing.release(host, stage)

    def test_one_person_twice(self, host: Host, stage: preparing.Staged) -> None:
        assert self.refused(host, stage, stage.crew.chief, stage.crew.chief) == "release_same_person"

    @pytest.mark.dear
    def test_two_of_one_role(
        self, host: Host, stage: preparing.Staged, person_as: Callable[..., Actor]
    ) -> None:
        other = person_as("chief_invigilator")
        preparing.give_keys(host, other)
        custodians = {
            stage.crew.chief.user_id: Role.CHIEF_INVIGILATOR,
            other.user_id: Role.CHIEF_INVIGILATOR,
            stage.crew.custodian.user_id: Role.CUSTODIAN,
        }
        key = host.site.signing_key.private_bytes_raw()
        who = Signed(stage.crew.administrator, cosigner=stage.crew.chief)
        host.db.write(package_sealing.seal, who, stage.room_sitting, custodians, key, now=host.now())
        assert self.refused(host, stage, stage.crew.chief, other) == "release_same_role"

    def test_somebody_who_holds_no_share(
        self, host: Host, stage: preparing.Staged, person_as: Callable[..., Actor]
    ) -> None:
        stranger = person_as("custodian")
        preparing.give_keys(host, stranger)
        assert self.refused(host, stage, stage.crew.chief, stranger) == "release_wrong_share"

    @pytest.mark.dear
    def test_another_rooms_package(self, host: Host, stage: preparing.Staged) -> None:
        room_id = preparing.room(host, stage.crew.administrator, "第二考场")
        other = preparing.sitting(host, stage.crew.administrator, stage.batch, room_id, stage.papers)
        preparing.roster(host, stage.crew.administrator, other)
        host.db.write(seating.draw, stage.crew.administrator, other, seed="x", now=host.now())
        preparing.seal(host, stage.crew, other)

        def exchange(session) -> None:
            first, second = session.scalars(select(Package).order_by(Package.id)).all()
            data, secret, uid = first.data, first.sealed_release_secret, first.uid
            first.uid = "moved-away"
            session.flush()
            second.data, second.sealed_release_secret, second.uid = data, secret, uid

        host.db.write(exchange)
        stage.room_sitting = other
        assert self.refused(host, stage, stage.crew.chief, stage.crew.custodian) == "release_wrong_room"

    def test_released_once(self, host: Host, stage: preparing.Staged) -> None:
        preparing.release(host, stage)
        code = self.refused(host, stage, stage.crew.chief, stage.crew.custodian)
        assert code == "package_already_released"

    def test_a_package_needs_custodians_of_two_roles(self, host: Host, stage: preparing.Staged) -> None:
        key, who = host.site.signing_key.private_bytes_raw(), stage.crew.administrator
        with pytest.raises(Refused) as caught:
            one = {stage.crew.chief.user_id: Role.CHIEF_INVIGILATOR}
            host.db.write(package_sealing.seal, who, stage.room_sitting, one, key, now=host.now())
        assert caught.value.code == "custodians_of_two_roles"


@pytest.mark.dear
def test_a_double_registration_is_refused_and_nothing_of_the_file_stays(
    host: Host, people: preparing.Crew, person_as: Callable[..., Actor]
) -> None:
    stage = preparing.staged(host, person_as)
    room_id = preparing.room(host, stage.crew.administrator, "第二考场")
    other = preparing.sitting(host, stage.crew.administrator, stage.batch, room_id, stage.papers)
    preparing.roster(host, stage.crew.administrator, other)
    before = count(host, Registration), count(host, Candidate)
    with pytest.raises(Refused) as caught:
        preparing.roster(host, stage.crew.administrator, other)
    assert caught.value.code == "already_registered"
    assert (count(host, Registration), count(host, Candidate)) == before


def test_the_same_seed_draws_the_same_seats_and_a_draw_after_the_lock_is_refused(
    host: Host, person_as: Callable[..., Actor]
) -> None:
    stage = preparing.staged(host, person_as)
    room_id = preparing.room(host, stage.crew.administrator, "第二考场")
    other = preparing.sitting(host, stage.crew.administrator, stage.batch, room_id, stage.papers)
    preparing.roster(host, stage.crew.administrator, other)
    host.db.write(seating.draw, stage.crew.administrator, other, seed="draw", now=host.now())
    with host.db.read() as session:
        maps = []
        for room_sitting in (stage.room_sitting, other):
            rows = session.execute(
                select(Candidate.name, Seat.number, Attempt.form)
                .join(Registration, Registration.candidate_id == Candidate.id)
                .join(Attempt, Attempt.registration_id == Registration.id)
                .join(Seat, Seat.id == Attempt.seat_id)
                .where(Attempt.room_sitting_id == room_sitting)
            )
            maps.append({name: seat for name, seat, _form in rows})
    assert len(maps[0]) == len(maps[1]) > 0
    signed = Signed(stage.crew.administrator, "样例考场", stage.crew.chief)
    host.db.write(arrangement.lock, signed, other, now=host.now())
    with pytest.raises(Refused) as caught:
        host.db.write(seating.draw, stage.crew.administrator, other, seed="again", now=host.now())
    assert caught.value.code == "draw_locked"


def test_a_pairing_code_works_once_and_a_new_pairing_retires_the_old_machine(
    host: Host, people: preparing.Crew
) -> None:
    from exam_rooms.pairing import decode_code

    room_id = preparing.room(host, people.administrator)
    with host.db.read() as session:
        seat = session.scalars(select(Seat.id).where(Seat.room_id == room_id)).first()
    agent = pairing.AgentKey(b"k" * 32, "pc-01", "0.1")

    def code() -> bytes:
        text = host.db.write(
            pairing.issue_code, Signed(people.invigilator), seat, host.site.ca_fingerprint, now=host.now()
        )
        secret, fingerprint = decode_code(text)
        assert fingerprint == host.site.ca_fingerprint
        return secret

    first = code()
    host.db.write(pairing.pair, first, agent, now=host.now())
    with pytest.raises(Refused) as caught:
        host.db.write(pairing.pair, first, agent, now=host.now())
    assert caught.value.code == "pairing_code_invalid"
    old, new = code(), code()
    with pytest.raises(Refused):
        host.db.write(pairing.pair, old, agent, now=host.now())
    host.db.write(pairing.pair, new, replace(agent, hostname="pc-02"), now=host.now())
    with host.db.read() as session:
        rows = session.scalars(select(Workstation).order_by(Workstation.id)).all()
    assert [(row.hostname, row.active) for row in rows] == [("pc-01", False), ("pc-02", True)]


@pytest.mark.parametrize(("minutes", "allowed"), [(29, True), (30, False), (31, False)])
def test_a_pairing_code_dies_after_half_an_hour(
    host: Host, machine, people: preparing.Crew, minutes: int, allowed: bool
) -> None:
    from exam_rooms.pairing import decode_code

    room_id = preparing.room(host, people.administrator)
    with host.db.read() as session:
        seat = session.scalars(select(Seat.id).where(Seat.room_id == room_id)).first()
    text = host.db.write(
        pairing.issue_code, Signed(people.chief), seat, host.site.ca_fingerprint, now=host.now()
    )
    machine.advance(minutes=minutes)
    agent = pairing.AgentKey(b"k" * 32, "pc-01", "0.1")
    if allowed:
        assert host.db.write(pairing.pair, decode_code(text)[0], agent, now=host.now()).seat
        return
    with pytest.raises(Refused):
        host.db.write(pairing.pair, decode_code(text)[0], agent, now=host.now())


def test_photos_are_matched_by_ticket_and_sealed(host: Host, person_as: Callable[..., Actor]) -> None:
    stage = preparing.staged(host, person_as)
    with host.db.read() as session:
        row = rosters.roster(session, stage.room_sitting)[0]
    photos = {row.ticket: b"\xff\xd8 picture", "nobody": b"\xff\xd8 other"}
    unmatched = host.db.write(
        rosters.store_photos, stage.crew.administrator, stage.room_sitting, photos, now=host.now()
    )
    assert unmatched == ["nobody"]
    with host.db.read() as session:
        registration = session.get_one(Registration, row.registration)
        assert rosters.photo_of(session, registration) == b"\xff\xd8 picture"
        assert b"picture" not in registration.sealed_photo
