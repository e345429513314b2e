"""The supervisor's form: written by one person, read by few, closed by a signature."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from server.access import Actor, Role
from server.db.record import AuditEntry
from server.errors import Forbidden, NotFound, Refused
from server.host import Host
from server.messages import MESSAGES
from server.rules.supervision_list import ITEMS
from server.services import staffing, supervision
from server.services.supervision import Correction, Said
from tests.server.staffing_kit import Duty, make_duty


@pytest.fixture
def duty(host: Host, person_as: Callable[..., Actor]) -> Duty:
    made = make_duty(host, person_as)
    boss, who = made.one(Role.ADMINISTRATOR), made.one(Role.SUPERVISOR)
    made.scene.write(staffing.name_supervisor, boss, made.scene.room_row().sitting_id, who.user_id)
    return made


def sitting(duty: Duty) -> int:
    return duty.scene.room_row().sitting_id


def form(duty: Duty, who: Actor) -> supervision.Form:
    with duty.scene.host.db.read() as session:
        return supervision.form(session, who, sitting(duty))


ALL = {item.code: ("good", "") for item in ITEMS}


def test_every_item_has_its_words() -> None:
    assert {f"supervise_{item.code}" for item in ITEMS} <= set(MESSAGES)
    assert len({item.code for item in ITEMS}) == len(ITEMS)


@pytest.mark.both_stores
def test_the_newest_answer_counts_and_all_stay_on_the_record(duty: Duty) -> None:
    who, scene = duty.one(Role.SUPERVISOR), duty.scene
    first = ITEMS[0].code
    assert scene.write(supervision.mark, who, sitting(duty), {first: ("fault", "缺一人")}) == 1
    assert scene.write(supervision.mark, who, sitting(duty), {first: ("fault", "缺一人")}) == 0
    assert scene.write(supervision.mark, who, sitting(duty), {first: ("good", "")}) == 1
    assert form(duty, who).lines[0].result == "good"
    with scene.host.db.read() as session:
        acts = session.scalars(select(AuditEntry).where(AuditEntry.act == "supervision_marked")).all()
    assert [entry.details["items"] for entry in acts] == [[f"{first} fault"], [f"{first} good"]]


def test_only_known_items_and_answers(duty: Duty) -> None:
    for answers in ({"tea": ("good", "")}, {ITEMS[0].code: ("maybe", "")}):
        with pytest.raises(Refused, match="supervision_unknown"):
            duty.scene.write(supervision.mark, duty.one(Role.SUPERVISOR), sitting(duty), answers)


def test_a_finding_is_put_right_once_and_a_note_never(duty: Duty) -> None:
    who, scene = duty.one(Role.SUPERVISOR), duty.scene
    found = Said("3 号门未上锁", finding=True, room_sitting=scene.room_sitting)
    finding = scene.write(supervision.note, who, sitting(duty), found)
    note = scene.write(supervision.note, who, sitting(duty), Said("秩序良好"))
    with pytest.raises(NotFound):
        scene.write(supervision.correct, who, sitting(duty), Correction(note, "x"))
    scene.write(supervision.correct, who, sitting(duty), Correction(finding, "已上锁"))
    with pytest.raises(Refused, match="finding_corrected"):
        scene.write(supervision.correct, who, sitting(duty), Correction(finding, "又改"))
    shown = form(duty, scene.chief).notes
    assert [(each.room, each.finding, each.correction) for each in shown] == [
        ("第一考场", True, "已上锁"),
        ("", False, ""),
    ]
    with scene.host.db.read() as session:
        details = [entry.details for entry in session.scalars(select(AuditEntry))]
    assert "上锁" not in str(details)  # what is noted stands in the form, not in the record


def test_nobody_else_writes(duty: Duty) -> None:
    for role in (Role.CHIEF_INVIGILATOR, Role.INVIGILATOR, Role.ROVER, Role.ADMINISTRATOR):
        with pytest.raises(Forbidden):
            duty.scene.write(supervision.note, duty.one(role), sitting(duty), Said("x"))


def test_a_supervisor_of_another_sitting_reads_and_does_not_write(
    duty: Duty, person_as: Callable[..., Actor]
) -> None:
    other = person_as("supervisor")
    assert not form(duty, other).written_by(other)
    with pytest.raises(Refused, match="supervision_not_yours"):
        duty.scene.write(supervision.mark, other, sitting(duty), ALL)


def test_who_does_not_answer_for_the_sitting_does_not_read_it(duty: Duty) -> None:
    for role in (Role.INVIGILATOR, Role.ROVER, Role.SYSTEM_ADMINISTRATOR):
        with pytest.raises(Forbidden):
            form(duty, duty.one(role))


def test_a_signature_closes_the_form(duty: Duty) -> None:
    who, scene = duty.one(Role.SUPERVISOR), duty.scene
    with pytest.raises(Refused, match="supervision_open_items") as refusal:
        scene.write(supervision.sign, who, sitting(duty), "良好")
    assert refusal.value.params["count"] == str(len(ITEMS))
    scene.write(supervision.mark, who, sitting(duty), ALL)
    with pytest.raises(Refused, match="opinion_missing"):
        scene.write(supervision.sign, who, sitting(duty), "  ")
    assert form(duty, who).written_by(who)
    scene.write(supervision.sign, who, sitting(duty), "组织良好")
    signed = form(duty, who).signed
    assert signed is not None and (signed.by, signed.opinion, len(signed.mark)) == (who.name, "组织良好", 16)
    assert not form(duty, who).written_by(who)
    for act in (
        lambda: scene.write(supervision.note, who, sitting(duty), Said("x")),
        lambda: scene.write(supervision.mark, who, sitting(duty), ALL),
        lambda: scene.write(supervision.sign, who, sitting(duty), "y"),
    ):
        with pytest.raises(Refused, match="supervision_signed"):
            act()
