"""A template of score sheets is sealed like papers: nobody who scores meets it before its room's release."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from itembank.package import read_header
from server.access import Actor
from server.db.papers import Package
from server.db.record import AuditEntry
from server.db.sittings import RoomSitting
from server.errors import Refused
from server.host import Host
from server.services import (
    package_destruction,
    package_swap,
    packages,
    sheet_templates,
    sitting_templates,
)
from server.services.signed import Signed
from server.services.template_release import is_released
from tests.server.assessing_kit import sheet_template
from tests.server.template_kit import Keyed, keyed_stage


@pytest.fixture
def stage(host: Host, person_as: Callable[..., Actor]) -> Keyed:
    return keyed_stage(host, person_as)


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(Refused) as caught:
        act()
    return caught.value.code


@pytest.mark.both_stores
def test_two_custodians_open_it_in_the_window_and_the_record_says_who(stage: Keyed, machine) -> None:
    stage.seal()
    assert refused(lambda: stage.template_released()) == "template_not_released"
    machine.advance(minutes=2)
    stage.release()
    assert stage.template_released() == sheet_template()
    with stage.host.db.read() as session:
        assert is_released(session, stage.room_sitting)
        row = session.get_one(RoomSitting, stage.room_sitting)
        package = packages.current(session, stage.room_sitting)
        acts = select(AuditEntry).where(AuditEntry.act == "package_released")
        (entry,) = session.scalars(acts)
    assert row.state == "released"
    assert package is not None
    assert (package.paper_set_id, package.template_id) == (None, stage.template)
    assert entry.details["persons"] == [stage.chief.name, stage.custodian.name]


def test_the_package_holds_one_sealed_section_and_no_word_of_it_in_clear(stage: Keyed) -> None:
    stage.seal()
    with stage.host.db.read() as session:
        package = packages.needed(session, stage.room_sitting)
        header = read_header(package.data, stage.host.site.public_key)
        assert [place.name for place in header.sections] == ["sheet/A"]
        assert "灭火器".encode() not in package.data
        assert packages.spare_of(session, stage.room_sitting) is None
        assert packages.seat_forms(session, stage.room_sitting) == {}


def test_61_minutes_before_with_one_key_or_by_one_role_it_stays_closed(stage: Keyed, machine) -> None:
    stage.seal()
    machine.advance(minutes=1)
    assert refused(lambda: stage.release()) == "release_too_early"
    machine.advance(minutes=1)
    assert refused(lambda: stage.release(stage.chief, stage.chief)) == "release_same_person"
    assert refused(lambda: stage.template_released()) == "template_not_released"
    stage.release()
    assert refused(lambda: stage.release()) == "package_already_released"


def test_it_opens_after_the_order_was_drawn(stage: Keyed, machine) -> None:
    stage.seal()
    machine.advance(minutes=2)
    stage.change(state="planned")
    assert refused(lambda: stage.release()) == "order_not_drawn"


def test_only_an_approved_template_is_sealed(stage: Keyed) -> None:
    stage.change(template_id=None)
    assert refused(lambda: stage.seal()) == "template_missing"
    fresh = stage.write(sheet_templates.store, stage.keeper, stage.bank, sheet_template())
    stage.change(template_id=fresh)
    assert refused(lambda: stage.seal()) == "template_not_approved"


def test_a_package_of_another_template_is_not_opened(stage: Keyed, machine) -> None:
    stage.seal()
    fresh = stage.write(sheet_templates.store, stage.keeper, stage.bank, sheet_template())
    stage.change(template_id=fresh)
    machine.advance(minutes=2)
    assert refused(lambda: stage.release()) == "package_of_other_papers"


def test_another_template_for_the_sitting_voids_what_was_sealed(stage: Keyed) -> None:
    package = stage.seal()
    who = stage.keeper
    other = stage.write(sheet_templates.store, who, stage.bank, sheet_template())
    with stage.host.db.read() as session:
        seen = sheet_templates.get(session, other).sha256
    stage.write(sheet_templates.approve, Actor(None, "另一人", who.roles), other, seen=seen)
    stage.write(sitting_templates.choose_template, stage.administrator, stage.sitting, other)
    with stage.host.db.read() as session:
        assert session.get_one(Package, package).state == "superseded"
    stage.seal()


def test_sealed_again_the_older_package_is_superseded(stage: Keyed) -> None:
    first, second = stage.seal(), stage.seal()
    with stage.host.db.read() as session:
        assert session.get_one(Package, first).state == "superseded"
        assert packages.needed(session, stage.room_sitting).id == second


def test_there_is_no_spare_template_to_swap_in(stage: Keyed) -> None:
    stage.seal()
    signed = Signed(stage.administrator, "疑似泄露", stage.chief)
    assert refused(lambda: stage.write(package_swap.swap_room, signed, stage.room_sitting)) == "spare_missing"


def test_after_its_destruction_what_was_assessed_can_still_be_replayed(stage: Keyed, machine) -> None:
    package = stage.seal()
    machine.advance(minutes=2)
    stage.release()
    stage.change(state="marked", marked_at=stage.host.now())
    machine.advance(days=365 * 11)
    signed = Signed(stage.administrator, "到期", stage.chief)
    stage.write(package_destruction.destroy, signed, package, stage.host.site.public_key)
    assert stage.template_released() == sheet_template()
