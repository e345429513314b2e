"""The first page: what waits for whom."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from flask.testing import FlaskClient

from server.access import Actor, Role
from server.db.papers import PaperSet
from server.db.people import CustodianKey
from server.db.rooms import Room
from server.db.sittings import Assignment, Batch, RoomSitting, Sitting
from server.host import Host
from server.services import outlook
from tests.server.case_kit import case_room
from tests.server.conftest import Machine
from tests.server.delivery_kit import make_scene
from tests.server.signin_kit import Desk


def codes(host: Host, who: Actor) -> list[str]:
    with host.db.read() as session:
        return [task.code for task in outlook.tasks(session, who)]


@pytest.mark.parametrize("role", Role)
def test_every_role_has_a_first_page(client_as: Callable[..., FlaskClient], role: Role) -> None:
    page = client_as(role, name="王芳").get("/")
    assert page.status_code == 200
    assert "您好，王芳" in page.text


def test_first_steps_follow_the_permissions(host: Host, person_as: Callable[..., Actor]) -> None:
    assert codes(host, person_as("bank_keeper")) == ["first_bank", "first_blueprint", "first_paper"]
    assert codes(host, person_as("invigilator")) == []


def test_custodian_is_asked_for_a_key_until_there_is_one(host: Host, person_as: Callable[..., Actor]) -> None:
    who = person_as("custodian")
    assert codes(host, who) == ["make_own_key"]
    key = CustodianKey(user_id=who.user_id, public_key=b"p", sealed_private=b"s", created_at=host.now())
    host.db.write(lambda session: session.add(key))
    assert codes(host, who) == []


@pytest.mark.both_stores
def test_duties_show_own_rooms_first_and_forget_the_past(
    host: Host, person_as: Callable[..., Actor], now: datetime
) -> None:
    who = person_as("invigilator")
    rooms = host.db.write(_sittings, who, now)
    with host.db.read() as session:
        duties = outlook.duties(session, who, now=now)
    assert [(duty.room, duty.mine) for duty in duties] == [("103", True), ("102", False)]
    assert len(rooms) == 3


def test_links_lead_to_the_work(
    host: Host, person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient], now: datetime
) -> None:
    who = person_as("invigilator")
    _past, other, mine = host.db.write(_sittings, who, now)
    page = sign_in(who).get("/").text
    assert f'href="/monitor/{mine}"' in page
    assert f'href="/monitor/{other}"' not in page
    assert f'href="/sittings/{other}"' in page


def _sittings(session, who: Actor, now: datetime) -> list[int]:
    batch = Batch(name="b", occupation="baowei", level=3, profile="national", policy={}, created_at=now)
    session.add(batch)
    session.flush()
    made = []
    starts = [("101", -24, "marked"), ("102", 1, "planned"), ("103", 2, "arranged")]
    for number, (name, hours, state) in enumerate(starts, 1):
        room = Room(name=name, created_at=now)
        start = now + timedelta(hours=hours)
        sitting = Sitting(batch_id=batch.id, number=number, starts_at=start, minutes=Decimal(90))
        session.add_all([room, sitting])
        session.flush()
        held = RoomSitting(uid=name, sitting_id=sitting.id, room_id=room.id, state=state)
        session.add(held)
        session.flush()
        made.append(held.id)
    session.add(Assignment(room_sitting_id=made[2], user_id=who.user_id, role="invigilator"))
    return made


def test_papers_wait_for_another_person(host: Host, person_as: Callable[..., Actor], now: datetime) -> None:
    author, other = person_as("bank_keeper"), person_as("bank_keeper")
    host.db.write(_paper, author, now)
    assert "approve_papers" in codes(host, other)
    assert "approve_papers" not in codes(host, author)


def _paper(session, author: Actor, now: datetime) -> None:
    from server.db.bank import Bank, BlueprintRow

    bank = Bank(name="b", occupation="baowei", level=3, wrapped_key=b"", created_at=now)
    plan = BlueprintRow(title="t", occupation="baowei", level=3, text="", created_at=now)
    session.add_all([bank, plan])
    session.flush()
    session.add(
        PaperSet(
            title="p",
            bank_id=bank.id,
            blueprint_id=plan.id,
            seed="1",
            forms=1,
            max_overlap=0,
            state="assembled",
            created_at=now,
            created_by=author.user_id,
        )
    )


def test_the_chief_is_sent_to_the_desk_while_a_doubt_is_open(
    host: Host, person_as: Callable[..., Actor]
) -> None:
    scene = make_scene(host, person_as)
    desk = Desk(scene, scene.invigilator)
    desk.look("1")
    desk.doubts("1")
    with host.db.read() as session:
        waiting = {task.code: task for task in outlook.tasks(session, scene.chief)}
    assert waiting["decide_doubts"] == outlook.Task("decide_doubts", f"/monitor/{scene.room_sitting}/desk", 1)
    assert "decide_doubts" not in codes(host, scene.invigilator)
    desk.decides("1", "refused", scene.chief)
    assert "decide_doubts" not in codes(host, scene.chief)


def test_the_head_is_sent_to_cases_that_wait_for_a_decision(
    host: Host, person_as: Callable[..., Actor], machine: Machine, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    room = case_room(host, person_as, machine)
    case = room.open(room.report("PHONE"))
    room.to_notified(case, "7-5")
    assert codes(host, room.head) == []
    room.to_heard_from_here(case)
    assert codes(host, room.head) == ["decide_cases"]
    assert "1 件违纪处理等待决定" in sign_in(room.head).get("/").text
    assert "decide_cases" not in codes(host, room.scene.invigilator)


def test_what_a_person_reported_stands_in_the_list_of_what_waits(
    host: Host, person_as: Callable[..., Actor], machine: Machine, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    room = case_room(host, person_as, machine)
    room.report("PHONE", note="考生把手机放在腿上")
    shown = sign_in(room.scene.invigilator).get(f"/monitor/{room.scene.room_sitting}/side").text
    assert "考生把手机放在腿上" in shown
