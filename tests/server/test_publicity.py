"""Publicity lists, what holds a result, and when it is final."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.access import SYSTEM, Actor
from server.db.publicity import Objection, PublicityEntry, PublicityList
from server.db.record import AuditEntry
from server.db.sittings import Batch
from server.errors import Forbidden, Refused
from server.host import Host
from server.rules.policy_components import Component
from server.rules.publicity import Stage
from server.services import objections, publicity, publicity_snapshot, publicity_views, publishing
from server.services.filings import opened
from server.services.signed import Signed
from tests.server.conftest import Machine
from tests.server.publicity_kit import SAID, SHANGHAI, Office, office


@pytest.fixture
def machine() -> Machine:
    """The Friday before the holidays of October 2025, ten in the morning in Shanghai."""
    return Machine(wall=datetime(2025, 9, 26, 2, 0, tzinfo=UTC))


@pytest.fixture
def desk(host: Host, person_as: Callable[..., Actor]) -> Office:
    return office(host, person_as)


def to(machine: Machine, *moment: int) -> None:
    """Moves the clocks to a moment of 2025 in Shanghai: month, day, hour."""
    machine.advance(seconds=(datetime(2025, *moment, tzinfo=SHANGHAI) - machine.wall).total_seconds())


@pytest.mark.both_stores
def test_scenario_37_an_objection_holds_one_and_the_rest_become_final_on_day_6(
    desk: Office, machine: Machine
) -> None:
    assert desk.where("甲") is Stage.PROVISIONAL
    desk.publish()
    # days 1 to 3 are Sunday the 28th (worked), Monday, Tuesday; day 4 is the first day after the holidays
    to(machine, 10, 9, 9)
    objection = desk.object_to("甲")
    to(machine, 10, 10, 23)
    assert {name: desk.where(name) for name in "甲乙丙丁"} == {
        "甲": Stage.HELD,
        **dict.fromkeys("乙丙丁", Stage.PUBLICITY),
    }
    to(machine, 10, 11, 0)  # day 6, a Saturday that is worked
    assert {name: desk.where(name) for name in "甲乙丙丁"} == {
        "甲": Stage.HELD,
        **dict.fromkeys("乙丙丁", Stage.FINAL),
    }
    desk.write(objections.decide, desk.signed("查无实据"), objection, "rejected")
    assert desk.where("甲") is Stage.FINAL


def test_a_rejected_objection_within_the_days_lets_them_run(desk: Office, machine: Machine) -> None:
    desk.publish()
    objection = desk.object_to("甲")
    desk.write(objections.decide, desk.signed("查无实据"), objection, "rejected")
    assert desk.where("甲") is Stage.PUBLICITY
    to(machine, 10, 11, 0)
    assert desk.where("甲") is Stage.FINAL


def test_an_upheld_objection_holds_until_a_correction_or_a_second_look(
    desk: Office, machine: Machine
) -> None:
    desk.publish()
    objection = desk.object_to("甲")
    desk.write(objections.decide, desk.signed("属实"), objection, "upheld")
    to(machine, 10, 20, 0)
    assert desk.where("甲") is Stage.HELD
    with pytest.raises(Refused, match="objection_closed"):
        desk.write(objections.decide, desk.signed("属实"), objection, "upheld")
    desk.write(objections.decide, desk.signed("再查无实据"), objection, "rejected")
    assert desk.where("甲") is Stage.FINAL
    with pytest.raises(Refused, match="objection_closed"):
        desk.write(objections.decide, desk.signed("又属实"), objection, "upheld")


def test_objections_come_in_time_about_what_is_public(desk: Office, machine: Machine) -> None:
    with pytest.raises(Refused, match="objection_not_public"):
        desk.object_to("甲")
    desk.publish()
    to(machine, 10, 10, 23)
    desk.object_to("乙")
    to(machine, 10, 11, 0)
    with pytest.raises(Refused, match="objection_too_late"):
        desk.object_to("甲")


def test_two_people_publish_and_decide(desk: Office) -> None:
    for signed in (
        Signed(desk.clerk),
        Signed(desk.clerk, "", desk.clerk),
        Signed(desk.clerk, "", desk.scorer),
    ):
        with pytest.raises(Refused):
            desk.write(publishing.publish, signed, desk.stage.batch, SHANGHAI)
    with pytest.raises(Forbidden):
        desk.write(publishing.publish, Signed(desk.scorer, "", desk.head), desk.stage.batch, SHANGHAI)
    desk.publish()
    objection = desk.object_to("甲")
    with pytest.raises(Refused, match="cosign_missing"):
        desk.write(objections.decide, Signed(desk.clerk, "因"), objection, "rejected")
    with pytest.raises(Refused, match="reason_missing"):
        desk.write(objections.decide, desk.signed(" "), objection, "rejected")
    with pytest.raises(Refused, match="outcome_unknown"):
        desk.write(objections.decide, desk.signed(), objection, "settled")


def test_a_list_is_numbered_sealed_and_hashed(desk: Office) -> None:
    assert desk.publish() == 1
    with desk.host.db.read() as session:
        row = session.scalars(select(PublicityList)).one()
        lines = publicity_snapshot.opened(session, row)
    assert (row.published_on, row.last_on, row.report_due) == (
        date(2025, 9, 26),
        date(2025, 10, 10),
        date(2025, 10, 23),
    )
    assert [(line["name"], line["parts"][0][1], line["overall"]) for line in lines] == [
        ("甲", "85.0", "合格"),
        ("乙", "59.5", "不合格"),
        ("丙", "60.0", "合格"),
        ("丁", "缺考", "缺考"),
    ]
    assert all("*" in line["id_masked"] for line in lines)
    assert len(row.token) == 43 and "甲".encode() not in row.sealed


def test_a_list_that_was_altered_is_noticed(desk: Office) -> None:
    desk.publish()
    desk.host.db.write(lambda session: session.execute(update(PublicityList).values(sha256="0" * 64)))
    with desk.host.db.read() as session, pytest.raises(ValueError, match="hash"):
        publicity_snapshot.opened(session, session.scalars(select(PublicityList)).one())


def test_who_is_on_a_list_is_not_published_twice(desk: Office) -> None:
    desk.publish()
    with pytest.raises(Refused, match="publicity_empty"):
        desk.publish()
    desk.stage.mark("戊", "theory", "70")
    desk.stage.fold(desk.scorer)
    with pytest.raises(Refused, match="publicity_empty"):
        desk.publish()  # nobody has checked it
    desk.fold_check()
    assert desk.publish() == 2
    with desk.host.db.read() as session:
        lists = session.scalars(select(PublicityList).order_by(PublicityList.number)).all()
    assert [row.candidates for row in lists] == [4, 1]


def test_a_make_up_is_published_anew(desk: Office, machine: Machine) -> None:
    desk.publish()
    to(machine, 10, 11, 9)
    assert desk.where("乙") is Stage.FINAL
    desk.stage.sitting("theory again")
    desk.stage.mark("乙", "theory again", "75")
    desk.fold()
    assert desk.where("乙") is Stage.PROVISIONAL
    assert desk.where("甲") is Stage.FINAL
    desk.publish()
    assert desk.where("乙") is Stage.PUBLICITY
    with desk.host.db.read() as session:
        entries = session.scalars(
            select(PublicityEntry).where(PublicityEntry.candidate_id == desk.stage.people["乙"])
        ).all()
    assert [entry.replaced_why for entry in entries] == ["new_result", ""]


def test_a_rehearsal_is_never_published(desk: Office) -> None:
    desk.host.db.write(lambda session: session.execute(update(Batch).values(rehearsal=True)))
    with pytest.raises(Refused, match="publicity_rehearsal"):
        desk.publish()


def test_what_is_final_is_put_on_the_record_once(desk: Office, machine: Machine) -> None:
    desk.publish()
    desk.object_to("甲")

    def look() -> tuple[bool, int]:
        with desk.host.db.read() as session:
            found = publicity.due(session, now=desk.host.now())
        return found, desk.host.db.write(publicity.settle, SYSTEM, now=desk.host.now())

    to(machine, 10, 10, 23)
    assert look() == (False, 0)
    to(machine, 10, 11, 3)
    assert look() == (True, 3)
    assert look() == (False, 0)
    with desk.host.db.read() as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "results_final")).one()
        standing = publicity.standings(session, desk.stage.batch, now=None)
    assert entry.details["candidates"] == 3
    stages = {name: standing[person].stage for name, person in desk.stage.people.items()}
    assert stages == {"甲": Stage.HELD, **dict.fromkeys("乙丙丁", Stage.FINAL)}


def test_what_was_said_stays_sealed_and_off_the_record(desk: Office) -> None:
    desk.publish()
    objection = desk.object_to("甲")
    desk.write(objections.decide, desk.signed("查无实据"), objection, "rejected")

    def words(session: Session) -> tuple[bytes, str]:
        row = session.get_one(Objection, objection)
        assert opened(session, objections.PURPOSE, row.sealed) == SAID
        entries = session.scalars(select(AuditEntry))
        return row.sealed, str([(entry.object, entry.details) for entry in entries])

    with desk.host.db.read() as session:
        sealed, record = words(session)
    for text in (SAID.who, SAID.contact, SAID.text):
        assert text.encode() not in sealed
        assert text not in record


def test_a_list_holds_settled_components_only(host: Host, person_as: Callable[..., Actor]) -> None:
    """Who has failed one component and waits for another has failed already, but is published once, whole."""
    desk = office(host, person_as, {}, (Component.THEORY, Component.PRACTICAL))
    desk.stage.sitting("practical")
    desk.stage.mark("甲", "theory", "50")
    desk.stage.mark("乙", "theory", "50")
    desk.stage.mark("乙", "practical", "80")
    desk.fold()
    assert desk.stage.result("甲", "overall")[0] == "fail"
    desk.publish()
    assert (desk.where("甲"), desk.where("乙")) == (Stage.PROVISIONAL, Stage.PUBLICITY)
    desk.stage.mark("甲", "practical", None)
    desk.fold()
    desk.publish()
    assert desk.where("甲") is Stage.PUBLICITY


def test_what_was_marked_again_after_the_check_is_not_published_as_it_was(desk: Office) -> None:
    desk.stage.change_mark("乙", "theory", "61")
    with desk.host.db.read() as session:
        counted = publicity_views.waiting(session, desk.stage.batch, now=desk.host.now())
    assert counted == (3, 1)
    desk.publish()
    assert desk.where("乙") is Stage.PROVISIONAL
    with pytest.raises(Refused, match="publicity_empty"):
        desk.publish()
    desk.fold()
    assert desk.publish() == 2
    with desk.host.db.read() as session:
        row = session.scalars(select(PublicityList).where(PublicityList.number == 2)).one()
        (line,) = publicity_snapshot.opened(session, row)
    assert (line["name"], line["overall"]) == ("乙", "合格")
