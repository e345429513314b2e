"""The life of a sealed package through the services: sealed with its spare, proved, carried to a room and opened by its code."""

from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from itembank import version as versions
from itembank.package import ReleaseRequest, read_header
from itembank.room_code import room_code, secret_of_code
from server.access import Actor, Role
from server.db.bank import Bank, BankItem
from server.db.papers import FormItem, PackageCustodian, PaperSet
from server.errors import Forbidden
from server.host import Host
from server.services import (
    ceremony,
    package_delivery,
    package_proofs,
    package_release,
    package_sealing,
    packages,
)
from server.services.signed import Signed
from tests.server import package_kit, preparing
from tests.server.package_acts import code_of, entries, issue, refused, swap
from tests.server.package_kit import Vaulted
from tests.server.preparing import unlock


@pytest.fixture
def stage(host: Host, person_as: Callable[..., Actor]) -> Vaulted:
    return package_kit.vaulted(host, person_as)


class TestSealing:
    @pytest.mark.both_stores
    def test_spare_forms_lie_in_a_package_of_their_own(self, host: Host, stage: Vaulted) -> None:
        main, spare = stage.package(), stage.spare()
        headers = [read_header(row.data, host.site.public_key) for row in (main, spare)]
        assert [header.forms for header in headers] == [("A", "B"), ("C",)]
        assert [header.spare for header in headers] == [False, True]
        assert {header.min_version for header in headers} == {versions.release_line()}
        assert stage.states() == [(False, "sealed"), (True, "sealed")]
        assert set(stage.forms().values()) <= {"A", "B"}
        assert [entry.details["spare"] for entry in entries(host, "package_sealed")] == [False, True]

    def test_sealing_again_supersedes_both(self, stage: Vaulted) -> None:
        stage.seal()
        assert stage.states() == [
            (False, "superseded"),
            (True, "superseded"),
            (False, "sealed"),
            (True, "sealed"),
        ]

    def test_a_set_without_spares_gives_one_package(
        self, host: Host, person_as: Callable[..., Actor]
    ) -> None:
        stage = package_kit.vaulted(host, person_as, forms="AB", spares=0)
        assert stage.states() == [(False, "sealed")]
        assert code_of(swap, stage) == "spare_missing"

    def test_letters_are_counted_as_people_count_them(self, host: Host, stage: Vaulted) -> None:
        def many(session: Session) -> tuple[list[str], list[str]]:
            row = session.get_one(PaperSet, stage.papers)
            model = session.scalars(select(FormItem).limit(1)).one()
            for letter in ("Z", "AA", "AB"):
                copied = {"item_id": model.item_id, "item_uid": model.item_uid, "item_version": 1}
                session.add(FormItem(paper_set_id=row.id, form=letter, number=1, points=1, **copied))
            session.flush()
            row.rules = {"spares": 2}
            return packages.letters(session, row)

        assert host.db.write(many) == (["A", "B", "C", "Z"], ["AA", "AB"])

    def test_a_paper_whose_proof_has_a_gap_is_not_sealed(self, host: Host, stage: Vaulted) -> None:
        gap = {"name": "points", "of": "A", "binding": True, "met": False}
        host.db.write(
            lambda session: setattr(session.get_one(PaperSet, stage.papers), "outcome", {"proof": [[gap]]})
        )
        assert code_of(stage.seal) == "paper_breaks_blueprint"
        host.db.write(
            lambda session: setattr(
                session.get_one(PaperSet, stage.papers), "outcome", {"proof": [[gap | {"binding": False}]]}
            )
        )
        assert stage.seal()

    def test_the_suite_is_the_banks(self, host: Host, stage: Vaulted) -> None:
        host.db.write(lambda session: setattr(session.scalars(select(Bank)).one(), "suite", "gm"))
        stage.seal()
        assert read_header(stage.package().data, host.site.public_key).suite == "gm"
        assert read_header(stage.spare().data, host.site.public_key).suite == "gm"


class TestVersions:
    def test_an_older_server_does_not_open_a_newer_package(
        self, stage: Vaulted, machine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        machine.advance(hours=20)
        older = partial(ReleaseRequest, version="0.0.9")
        monkeypatch.setattr(package_release, "ReleaseRequest", older)
        refusal = refused(stage.open)
        assert refusal.code == "release_older_version"
        assert refusal.params["needed"] == versions.release_line()


class TestProofs:
    def prove(self, stage: Vaulted, who: Actor) -> package_proofs.Outcome:
        holder, key = unlock(stage.host, who), stage.host.site.public_key
        return stage.host.db.write(package_proofs.prove, holder, key, now=stage.host.now())

    def warning(self, stage: Vaulted) -> str:
        with stage.host.db.read() as session:
            return package_proofs.warning(session, stage.room, now=stage.host.now())

    @pytest.mark.both_stores
    def test_a_proof_is_noted_for_every_package_and_opens_no_paper(self, host: Host, stage: Vaulted) -> None:
        assert self.warning(stage) == "proof_missing"
        assert self.prove(stage, stage.crew.custodian) == package_proofs.Outcome(2, ())
        assert self.warning(stage) == "proof_of_one_role"
        self.prove(stage, stage.crew.chief)
        assert self.warning(stage) == ""
        package = stage.package()
        assert (package.state, package.sealed_content_key) == ("sealed", None)
        with host.db.read() as session:
            rows = session.scalars(select(PackageCustodian)).all()
        proved = {(row.package_id, row.role) for row in rows if row.proved_at == host.now()}
        assert {role for _package, role in proved} == {"custodian", "chief_invigilator"}
        assert len(proved) == 4
        assert len(entries(host, "share_proved")) == 4

    @pytest.mark.parametrize(("hours", "warned"), [(48, ""), (48.01, "proof_missing")])
    def test_a_proof_counts_for_48_hours(self, stage: Vaulted, machine, hours: float, warned: str) -> None:
        for who in (stage.crew.chief, stage.crew.custodian):
            self.prove(stage, who)
        machine.advance(hours=hours)
        assert self.warning(stage) == warned

    def test_a_share_sealed_for_a_former_key_is_named_and_noted(self, host: Host, stage: Vaulted) -> None:
        preparing.give_keys(host, stage.crew.custodian)
        assert self.prove(stage, stage.crew.custodian) == package_proofs.Outcome(0, ("第1考场",))
        assert len(entries(host, "share_not_opened")) == 2
        assert self.warning(stage) == "proof_missing"

    def test_who_holds_nothing_has_nothing_to_prove(
        self, host: Host, stage: Vaulted, person_as: Callable[..., Actor]
    ) -> None:
        stranger = person_as("custodian")
        preparing.give_keys(host, stranger)
        assert code_of(self.prove, stage, stranger) == "no_share_held"

    def test_a_rotten_package_is_no_proof(self, stage: Vaulted) -> None:
        package = stage.package()
        stage.change(package.id, data=package.data[:-1])
        assert code_of(self.prove, stage, stage.crew.chief) == "package_damaged"

    def test_the_register_says_what_a_sitting_lacks(self, host: Host, stage: Vaulted, machine) -> None:
        def missing() -> tuple[str, ...]:
            with host.db.read() as session:
                (room,) = ceremony.rooms_ahead(session, now=host.now())
            return room.missing

        assert missing() == ("delivery", "proof")
        self.prove(stage, stage.crew.chief)
        assert missing() == ("delivery", "proof_roles")
        self.prove(stage, stage.crew.administrator)
        where = (host.site.public_key, host.presence)
        host.db.write(package_delivery.check, stage.crew.chief, stage.package().id, where, now=host.now())
        assert missing() == ()
        machine.advance(hours=20)
        assert missing() == ("release",)
        preparing.give_keys(host, stage.crew.custodian)
        assert missing() == ("custodians_key", "release")
        with host.db.read() as session:
            holders = {line.username: line for line in ceremony.holders(session, now=host.now())}
        assert holders[stage.crew.chief.name].fresh == holders[stage.crew.chief.name].shares == 2
        assert holders[stage.crew.approver.name].key_made_at is None


def test_two_custodians_where_the_policy_foresees_three_lack_a_deputy(host: Host, stage: Vaulted) -> None:
    pair = {
        stage.crew.chief.user_id: Role.CHIEF_INVIGILATOR,
        stage.crew.custodian.user_id: Role.CUSTODIAN,
    }
    by, key = Signed(stage.crew.administrator, cosigner=stage.crew.chief), host.site.signing_key
    act = package_sealing.seal
    host.db.write(act, by, stage.room, pair, key.private_bytes_raw(), now=host.now())
    with host.db.read() as session:
        (room,) = ceremony.rooms_ahead(session, now=host.now())
    assert "deputy" in room.missing


@pytest.mark.parametrize("status", ["suspended", "retired"])
def test_a_form_with_an_item_that_was_stopped_is_not_sealed(host: Host, stage: Vaulted, status: str) -> None:
    def stop(session: Session) -> None:
        item_id = session.scalars(select(FormItem.item_id).where(FormItem.form == "A")).first()
        session.get_one(BankItem, item_id).status = status

    host.db.write(stop)
    assert code_of(stage.seal) == "paper_has_suspended_items"


class TestDelivery:
    def test_each_seat_says_what_it_holds(self, host: Host, stage: Vaulted) -> None:
        with host.db.read() as session:
            found = package_delivery.seats(session, host.presence, stage.room)
        assert package_delivery.count(found)["unpaired"] == 3

    def test_a_sound_package_is_noted_and_a_changed_byte_is_not(self, host: Host, stage: Vaulted) -> None:
        package, where = stage.package(), (host.site.public_key, host.presence)

        def check() -> object:
            return host.db.write(
                package_delivery.check, stage.crew.custodian, package.id, where, now=host.now()
            )

        assert check()
        assert stage.package().delivery_checked_at == host.now()
        assert entries(host, "package_checked")[0].details["of"] == 3
        data = bytearray(package.data)
        data[len(data) // 2] ^= 1
        stage.change(package.id, data=bytes(data))
        assert code_of(check) == "package_damaged"
        with pytest.raises(Forbidden):
            host.db.write(package_delivery.check, stage.crew.invigilator, package.id, where, now=host.now())


class TestRoomCode:
    @pytest.fixture
    def open_window(self, stage: Vaulted, machine) -> Vaulted:
        machine.advance(hours=20)
        return stage

    def test_scenario_14_a_minute_early_one_key_and_another_room_are_refused(
        self, host: Host, person_as: Callable[..., Actor], machine
    ) -> None:
        stage = package_kit.vaulted(host, person_as, rooms=2)
        crew = stage.crew
        machine.advance(hours=19, minutes=59)
        assert code_of(stage.open) == "release_too_early"
        assert code_of(issue, stage) == "room_code_too_early"
        machine.advance(minutes=1)
        assert code_of(stage.open, crew.chief, crew.chief) == "release_same_person"
        code = issue(stage)
        assert code_of(stage.open, room=stage.rooms[1], code=code) == "release_wrong_code"
        stage.open(code=code)
        (entry,) = entries(host, "package_released")
        assert entry.details == {"persons": [crew.chief.name, crew.custodian.name], "by_code": True}
        assert stage.row().state == "released"

    @pytest.mark.both_stores
    def test_a_server_without_the_secret_opens_with_the_code(self, open_window: Vaulted) -> None:
        stage = open_window
        code = issue(stage)
        stage.change(stage.package().id, sealed_release_secret=b"")
        assert code_of(stage.open) == "room_code_needed"
        assert (
            code_of(issue, stage, Signed(stage.crew.administrator, "x", stage.crew.chief))
            == "room_code_not_here"
        )
        stage.open(code=f" {code.lower().replace('0', 'o').replace('-', ' ')} ")
        assert stage.package().state == "released"

    def test_a_mistyped_code_says_where(self, open_window: Vaulted) -> None:
        stage = open_window
        code = list(issue(stage))
        code[6] = "7" if code[6] != "7" else "8"
        refusal = refused(stage.open, code="".join(code))
        assert (refusal.code, refusal.params["group"]) == ("room_code_group", "2")
        assert stage.row().state == "arranged"

    def test_another_code_does_not_open(self, open_window: Vaulted) -> None:
        assert code_of(open_window.open, code=room_code(bytes(16))) == "release_wrong_code"

    def test_it_is_issued_once_and_again_only_with_a_reason(self, host: Host, open_window: Vaulted) -> None:
        stage, crew = open_window, open_window.crew
        code = issue(stage)
        assert code_of(issue, stage) == "room_code_again"
        assert issue(stage, Signed(crew.administrator, "纸条遗失", crew.chief)) == code
        told = [entry.details for entry in entries(host, "room_code_issued")]
        assert [each["times"] for each in told] == [1, 2]
        assert told[1]["reason"] == "纸条遗失"
        assert all(code not in str(each) and code.replace("-", "") not in str(each) for each in told)
        assert secret_of_code(code) not in str(stage.package().code_issued).encode()

    def test_two_people_issue_it(self, open_window: Vaulted, person_as: Callable[..., Actor]) -> None:
        stage, crew = open_window, open_window.crew
        keepers = person_as("custodian"), person_as("custodian")
        assert code_of(issue, stage, Signed(crew.administrator)) == "cosign_missing"
        assert code_of(issue, stage, Signed(crew.chief, "", crew.chief)) == "cosign_same_person"
        assert code_of(issue, stage, Signed(keepers[0], "", keepers[1])) == "cosign_without_chief"
        assert code_of(issue, stage, Signed(crew.chief, "", crew.invigilator)) == "cosign_not_allowed"
        assert code_of(issue, stage, Signed(crew.invigilator, "", crew.chief)) == "forbidden"

    def test_an_open_package_needs_no_code(self, open_window: Vaulted) -> None:
        open_window.open()
        assert code_of(issue, open_window) == "package_already_released"
