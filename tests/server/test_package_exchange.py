"""Packages that are replaced or destroyed, what was carried away, and seats that hold one."""

import hashlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.incidents import IncidentKind
from exam_rooms.protocol import SeatState
from itembank.package import ReleaseRequest, open_section, section_key
from itembank.package import release as release_file
from itembank.room_code import secret_of_code
from server.access import Actor
from server.db.papers import EnteredMark, Package
from server.db.rooms import Workstation
from server.db.sittings import Attempt, ComponentResult, RoomSitting
from server.host import Host
from server.services import (
    audit,
    ceremony,
    package_delivery,
    package_destruction,
    package_swap,
    packages,
    seat_state,
    seating,
)
from server.services.agents import Agent
from server.services.incidents import Place, raise_incident
from server.services.signed import Signed
from tests.server import package_kit
from tests.server.package_acts import code_of, entries, issue, refused, swap
from tests.server.package_kit import Vaulted
from tests.server.preparing import unlock


@pytest.fixture
def stage(host: Host, person_as: Callable[..., Actor]) -> Vaulted:
    return package_kit.vaulted(host, person_as)


def destroy(stage: Vaulted, package: int, signed: Signed | None = None) -> None:
    who, key, now = signed or stage.two, stage.host.site.public_key, stage.host.now()
    stage.host.db.write(package_destruction.destroy, who, package, key, now=now)


def mark(stage: Vaulted, at: object) -> None:
    def set_state(session: Session) -> None:
        row = session.get_one(RoomSitting, stage.room)
        row.state, row.started_at, row.marked_at = "marked", at, at

    stage.host.db.write(set_state)


class TestSwap:
    @pytest.mark.dear
    @pytest.mark.both_stores
    def test_scenario_23_after_a_broken_off_sitting_the_candidates_get_the_spare_paper(
        self, host: Host, stage: Vaulted, machine
    ) -> None:
        """A long outage ends the sitting; a new one with new tickets is held with the spare paper."""
        crew = stage.crew
        machine.advance(hours=20)
        stage.open()

        def broken_off(session: Session) -> None:
            row = session.get_one(RoomSitting, stage.room)
            row.state, row.started_at, row.ended_at, row.end_reason = "ended", host.now(), host.now(), "断网"

        host.db.write(broken_off)
        assert code_of(swap, stage) == "swap_after_start"
        old = stage.package(), stage.forms()
        place = stage.row().room_id
        machine.advance(hours=2)
        _sitting, (second,) = package_kit.sit(host, crew.administrator, stage.batch, stage.papers, (place,))
        package_kit.enrol(host, crew.administrator, second)
        stage.seal(second)
        before = stage.forms(second)
        swapped = swap(stage, room=second)
        assert stage.states(second) == [(False, "superseded"), (True, "sealed")]
        assert stage.package(second).id == swapped
        assert set(before.values()) == {"A", "B"}
        assert set(stage.forms(second).values()) == {"C"}
        machine.advance(hours=20)
        stage.open(room=second)
        with host.db.read() as session:
            row = packages.needed(session, second)
            key = section_key(packages.content_key(session, row), "paper/C")
            assert open_section(row.data, "paper/C", key)["form"] == "C"
        assert (stage.package().id, stage.package().state, stage.forms()) == (old[0].id, "released", old[1])
        (entry,) = entries(host, "package_swapped")
        assert entry.details["reason"] == "卷面疑似泄露"
        assert (entry.actor, entry.details["cosigned_by"]) == (crew.administrator.name, crew.chief.name)

    def test_seats_fetch_the_main_package_until_the_spare_one_is_swapped_in(
        self, host: Host, stage: Vaulted
    ) -> None:
        def fetched(room: int) -> str:
            with host.db.read() as session:
                found = packages.sealed_bytes(session, room)
            assert found is not None
            assert hashlib.sha256(found[0]).hexdigest() == found[1]
            return found[1]

        main = stage.package().sha256
        assert fetched(stage.room) == main
        swap(stage)
        assert fetched(stage.room) == stage.package().sha256 != main
        with host.db.read() as session:
            assert packages.sealed_bytes(session, stage.room + 1) is None

    def test_a_swap_before_the_start_closes_an_open_room_again(self, stage: Vaulted, machine) -> None:
        machine.advance(hours=20)
        stage.open()
        main, version = stage.package(), stage.row().version
        swap(stage)
        row = stage.row()
        assert (row.state, row.version > version) == ("arranged", True)
        with stage.host.db.read() as session:
            old = session.get_one(Package, main.id)
            assert (old.state, old.sealed_content_key, old.data is not None) == ("superseded", None, True)
        stage.open()
        assert stage.package().spare
        assert code_of(swap, stage) == "package_swapped_in"
        assert code_of(stage.seal) == "package_already_released"

    def test_spare_forms_follow_the_forms_they_stand_for(
        self, host: Host, person_as: Callable[..., Actor]
    ) -> None:
        stage = package_kit.vaulted(host, person_as, forms="ABCDE", spares=2)
        before = stage.forms()
        swap(stage)
        expected = {"A": "D", "B": "E", "C": "D"}
        assert stage.forms() == {seat: expected[form] for seat, form in before.items()}

    def test_seats_drawn_after_the_swap_get_spare_forms(self, host: Host, stage: Vaulted) -> None:
        who, place = stage.crew.administrator, stage.row().room_id
        _sitting, (later,) = package_kit.sit(host, who, stage.batch, stage.papers, (place,), days=3)
        package_kit.enrol(host, who, later, draw=False)
        stage.seal(later)
        swap(stage, room=later)
        host.db.write(seating.draw, who, later, seed="draw", now=host.now())
        assert set(stage.forms(later).values()) == {"C"}

    @pytest.mark.dear
    def test_every_room_of_a_sitting_or_none(self, host: Host, person_as: Callable[..., Actor]) -> None:
        stage = package_kit.vaulted(host, person_as, rooms=2)

        def everywhere() -> list[int]:
            return host.db.write(package_swap.swap_sitting, stage.two, stage.sitting, now=host.now())

        host.db.write(
            lambda session: setattr(session.get_one(RoomSitting, stage.rooms[1]), "started_at", host.now())
        )
        refusal = refused(everywhere)
        assert (refusal.code, refusal.params["room"]) == ("swap_after_start", "第2考场")
        assert stage.states() == [(False, "sealed"), (True, "sealed")]
        host.db.write(
            lambda session: setattr(session.get_one(RoomSitting, stage.rooms[1]), "started_at", None)
        )
        assert len(everywhere()) == 2
        assert {stage.package(room).spare for room in stage.rooms} == {True}
        assert code_of(everywhere) == "package_swapped_in"

    def test_a_swapped_in_paper_is_not_sealed_over(self, stage: Vaulted) -> None:
        swap(stage)
        assert code_of(stage.seal) == "package_swapped_in"

    def test_two_people_and_a_reason(self, stage: Vaulted) -> None:
        crew = stage.crew
        assert code_of(swap, stage, Signed(crew.chief, " ", crew.administrator)) == "reason_missing"
        assert code_of(swap, stage, Signed(crew.chief, "x")) == "cosign_missing"
        assert code_of(swap, stage, Signed(crew.chief, "x", crew.chief)) == "cosign_same_person"
        assert code_of(swap, stage, Signed(crew.custodian, "x", crew.second)) == "cosign_not_allowed"
        assert stage.states() == [(False, "sealed"), (True, "sealed")]


class TestDestruction:
    @pytest.mark.both_stores
    def test_keys_secret_and_bytes_go_and_the_record_stays(self, host: Host, stage: Vaulted, machine) -> None:
        machine.advance(hours=20)
        stage.open()
        package = stage.package()
        sealed = package.data
        mark(stage, host.now())
        machine.advance(days=1827)
        destroy(stage, package.id)
        with host.db.read() as session:
            row = session.get_one(Package, package.id)
            assert (row.state, row.data, row.sealed_release_secret, row.sealed_content_key) == (
                "destroyed",
                b"",
                b"",
                None,
            )
            assert (row.sha256, row.size) == (package.sha256, len(sealed))
            assert row.destroyed is not None
            assert row.destroyed["header"]["forms"] == ["A", "B"]
            assert code_of(packages.needed, session, stage.room) == "package_destroyed"
            assert code_of(packages.content_key, session, row) == "package_destroyed"
        (entry,) = entries(host, "package_destroyed")
        assert entry.details["sha256"] == package.sha256
        assert entry.details["cosigned_by"] == stage.crew.chief.name
        assert code_of(destroy, stage, package.id) == "package_destroyed"

    @pytest.mark.parametrize(("seconds", "code"), [(-1, "destroy_too_early"), (0, ""), (1, "")])
    def test_the_retention_date_is_an_edge(
        self, host: Host, stage: Vaulted, machine, seconds: int, code: str
    ) -> None:
        mark(stage, host.now())
        machine.advance(days=1827, seconds=seconds)
        package = stage.package().id
        if code:
            assert code_of(destroy, stage, package) == code
        else:
            destroy(stage, package)

    @pytest.mark.parametrize("state", ["released", "running", "ended", "collected"])
    def test_what_is_still_needed_is_not_destroyed(
        self, host: Host, stage: Vaulted, machine, state: str
    ) -> None:
        host.db.write(lambda session: setattr(session.get_one(RoomSitting, stage.room), "state", state))
        machine.advance(days=4000)
        assert code_of(destroy, stage, stage.package().id) == "destroy_before_marking"

    def test_two_people_and_a_reason(self, stage: Vaulted, machine) -> None:
        machine.advance(days=4000)
        crew, package = stage.crew, stage.package().id
        assert code_of(destroy, stage, package, Signed(crew.chief, "", crew.custodian)) == "reason_missing"
        assert code_of(destroy, stage, package, Signed(crew.chief, "到期")) == "cosign_missing"
        assert code_of(destroy, stage, 999) == "not_found"

    @pytest.mark.parametrize(
        "left", ["pending", "unconfirmed", "confirmed_since", "arrived", "differed", "confirmed", "before"]
    )
    def test_what_may_have_to_be_marked_again_keeps_its_package(
        self, host: Host, stage: Vaulted, machine, left: str
    ) -> None:
        now, later = host.now(), host.now() + timedelta(days=1)

        def leave(session: Session) -> None:
            attempt = session.scalars(select(Attempt).where(Attempt.room_sitting_id == stage.room)).first()
            assert attempt is not None
            if left == "pending":
                person = {"registration_id": attempt.registration_id, "attempt_id": attempt.id}
                row = {"room_sitting_id": stage.room, "component": "theory", "status": left}
                session.add(ComponentResult(**row, **person, marked_at=now))
            elif left in ("arrived", "before"):
                place = Place(stage.room, attempt.seat_id, attempt.id)
                at = later if left == "arrived" else now
                raise_incident(session, place, IncidentKind.LATE_RECORDS, now=at, records="1")
            else:
                entered = EnteredMark(attempt_id=attempt.id, points=1, most=2, entered_at=now)
                entered.confirmed_at = {"confirmed_since": later, "confirmed": now}.get(left)
                entered.replaced_at = now if left == "differed" else None
                session.add(entered)

        mark(stage, now)
        host.db.write(leave)
        machine.advance(days=4000)
        package = stage.package().id
        if left in ("differed", "confirmed", "before"):
            destroy(stage, package)
        else:
            assert code_of(destroy, stage, package) == "destroy_before_marking"

    def test_a_damaged_package_can_be_destroyed_as_well(self, stage: Vaulted, machine) -> None:
        machine.advance(days=4000)
        package = stage.package()
        stage.change(package.id, data=b"rotten")
        destroy(stage, package.id)
        with stage.host.db.read() as session:
            row = session.get_one(Package, package.id)
            assert row.destroyed is not None
            assert row.destroyed["header"] == {"package": package.uid, "damaged": True}


def test_a_package_that_was_carried_away_is_on_the_record_and_opens_with_the_code_alone(
    host: Host, stage: Vaulted, machine
) -> None:
    package = stage.package()
    name, data = host.db.write(package_delivery.take_out, stage.crew.custodian, package.id, now=host.now())
    assert (name, data) == (f"{package.uid}.expkg", package.data)
    assert entries(host, "package_taken_out")[0].details["sha256"] == package.sha256
    machine.advance(hours=20)
    secret = secret_of_code(issue(stage))
    shares = tuple(unlock(host, who).share for who in (stage.crew.chief, stage.crew.custodian))
    asked = ReleaseRequest((shares[0], shares[1]), secret, stage.row().uid, host.now())
    assert release_file(data, host.site.public_key, asked)


def test_the_register_hands_out_ones_own_key_still_sealed(host: Host, stage: Vaulted) -> None:
    text = host.db.write(ceremony.take_key, stage.crew.custodian, now=host.now())
    assert str(stage.crew.custodian.user_id) in text.decode()
    assert entries(host, "custodian_key_taken_out")[0].object == f"user/{stage.crew.custodian.name}"
    assert (
        code_of(host.db.write, ceremony.take_key, stage.crew.approver, now=host.now())
        == "custodian_without_key"
    )


def test_the_chain_of_the_sitting_holds_after_all_of_it(host: Host, stage: Vaulted, machine) -> None:
    machine.advance(hours=20)
    issue(stage)
    swap(stage)
    stage.open()
    with host.db.read() as session:
        verdict = audit.verify(session, audit.sitting_stream(stage.room))
    assert (verdict.breaks, verdict.entries > 5) == ((), True)


class TestSeats:
    def state(self, stage: Vaulted, agent: Agent) -> SeatState:
        with stage.host.db.read() as session:
            return seat_state.build(session, agent, now=stage.host.now(), demo=False).state

    @pytest.fixture
    def agent(self, host: Host, stage: Vaulted) -> Agent:
        (seat, *_others) = stage.forms()

        def paired(session: Session) -> Agent:
            row = Workstation(
                seat_id=seat, public_key=b"k" * 32, hostname="pc", software="0.1.0", paired_at=host.now()
            )
            session.add(row)
            session.flush()
            return Agent(row.id, seat, stage.row().room_id, b"k")

        return host.db.write(paired)

    def test_a_seat_hears_of_the_spare_paper_and_of_a_destroyed_one(
        self, stage: Vaulted, agent: Agent, machine
    ) -> None:
        first = self.state(stage, agent)
        assert first.paper is not None
        assert first.paper.sha256 == stage.package().sha256
        swap(stage)
        second = self.state(stage, agent)
        assert second.paper is not None
        assert (second.paper.form, second.paper.sha256) == ("C", stage.package().sha256)
        assert second.version > first.version
        mark(stage, stage.host.now())
        machine.advance(days=1827)
        destroy(stage, stage.package().id)
        assert self.state(stage, agent).paper is None

    def test_the_delivery_page_knows_what_a_seats_heartbeat_said(
        self, host: Host, stage: Vaulted, agent: Agent
    ) -> None:
        def states() -> dict[str, int]:
            with host.db.read() as session:
                return package_delivery.count(package_delivery.seats(session, host.presence, stage.room))

        assert (states()["unknown"], states()["unpaired"]) == (1, 2)
        host.presence.link(agent.workstation, True, host.now())
        assert states()["none"] == 1
        host.presence.report(agent.workstation, package_sha256=stage.package().sha256)
        assert states()["here"] == 1
        swap(stage)
        assert (states()["here"], states()["other"]) == (0, 1)
