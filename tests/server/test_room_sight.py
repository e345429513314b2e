"""Who may look into a room: its own staff, the sitting's rovers, chiefs, and who sees the ledger; nobody else."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from server.access import Actor, Role
from server.db.record import AuditEntry
from server.db.sittings import Assignment
from server.host import Host
from tests.server.case_kit import CaseRoom, case_room
from tests.server.conftest import Machine
from tests.server.delivery_kit import ID_NUMBERS
from tests.server.desk import page
from tests.server.signin_kit import all_have_photos

QUESTION = "第 12 题题干与选项印错"
JPEG = b"\xff\xd8\xff\xe0 a photo of the room"


@pytest.fixture
def room(host: Host, person_as: Callable[..., Actor], machine: Machine) -> CaseRoom:
    """A running room with a report that quotes a question and has a photo."""
    made = case_room(host, person_as, machine)
    made.report("ITEM_QUERY", "1", JPEG, note=QUESTION)
    all_have_photos(made.scene)
    return made


@pytest.fixture
def on_duty(room: CaseRoom) -> Callable[[Actor, Role], Actor]:
    def assign(who: Actor, role: Role) -> Actor:
        duty = Assignment(room_sitting_id=room.scene.room_sitting, user_id=who.user_id, role=str(role))
        room.host.db.write(lambda session: session.add(duty))
        return who

    return assign


def seen(room: CaseRoom, browser: FlaskClient) -> dict[str, int]:
    """What the pages of the room answer: names, reports and photos of people."""
    number = room.scene.room_sitting
    pages = {
        "record": f"/sittings/{number}/record",
        "paper": f"/monitor/{number}/record.pdf",
        "reports": f"/monitor/{number}/report",
        "photo": f"/monitor/{number}/report-photos/1",
        "desk": f"/monitor/{number}/desk",
        "list": f"/monitor/{number}/desk/people",
        "portrait": f"/monitor/{number}/desk/1/photo",
        "stranger": f"/monitor/{number}/desk/walk-in",
        "case": f"/monitor/{number}/cases/new",
        "monitor": f"/monitor/{number}",
        "list of alerts": f"/monitor/{number}/side",
        "seat": f"/monitor/{number}/seats/{room.scene.seats['1']}",
        "seat photo": f"/monitor/{number}/seats/{room.scene.seats['1']}/photo",
        "alerts": f"/monitor/{number}/incidents",
        "frames": f"/monitor/{number}/incidents/1/frames",
        "cameras": f"/monitor/{number}/cameras",
        "commands": f"/monitor/{number}/commands",
        "commands told": f"/monitor/{number}/commands/state",
        "checks": f"/monitor/{number}/checks",
    }
    return {name: browser.get(path).status_code for name, path in pages.items()}


LOOKS = ("monitor", "list of alerts", "seat", "seat photo", "alerts", "frames", "cameras", "commands")
NAMES = ("record", "paper", "reports", "photo", "desk", "list", "portrait", "stranger", "case", *LOOKS)
NOTHING = dict.fromkeys((*NAMES, "commands told", "checks"), 403)
DESK = ("desk", "list", "portrait", "stranger", "case")


@pytest.mark.parametrize("role", ["invigilator", "custodian", "system_administrator", "rover"])
def test_who_serves_elsewhere_sees_nobody_of_this_room(
    room: CaseRoom, client_as: Callable[..., FlaskClient], role: str
) -> None:
    browser = client_as(role)
    assert seen(room, browser) == NOTHING
    typed = browser.post(f"/monitor/{room.scene.room_sitting}/desk/find", data={"typed": ID_NUMBERS[0]})
    assert typed.status_code == 403
    assert "考生1" not in page(typed)
    again = browser.post(f"/monitor/{room.scene.room_sitting}/desk/1/look", data={"consent": "no"})
    assert again.status_code == 403
    assert "考生1" not in page(again)


@pytest.mark.dear
def test_the_rooms_own_staff_sees_what_its_duty_needs(
    room: CaseRoom,
    sign_in: Callable[[Actor], FlaskClient],
    person_as: Callable[..., Actor],
    on_duty: Callable[[Actor, Role], Actor],
) -> None:
    mine = seen(room, sign_in(room.scene.invigilator))
    assert mine == dict.fromkeys(NOTHING, 200)
    walks = seen(room, sign_in(on_duty(person_as("rover"), Role.ROVER)))
    assert walks == dict.fromkeys(NOTHING, 200) | dict.fromkeys(DESK, 403)


@pytest.mark.parametrize("role", ["auditor", "supervisor", "institution_head", "administrator"])
def test_who_sees_the_ledger_reads_the_record_of_every_room(
    room: CaseRoom, client_as: Callable[..., FlaskClient], role: str
) -> None:
    answer = client_as(role).get(f"/sittings/{room.scene.room_sitting}/record")
    assert answer.status_code == 200
    assert QUESTION in page(answer)


@pytest.mark.dear
def test_a_chief_sees_the_desk_of_every_room_and_looking_alone_is_no_act(
    room: CaseRoom, client_as: Callable[..., FlaskClient]
) -> None:
    assert seen(room, client_as("chief_invigilator")) == dict.fromkeys(NOTHING, 200)
    assert acts(room, "chief_stood_in") == []


@pytest.mark.both_stores
def test_a_look_up_by_id_number_stands_on_the_record_and_not_its_number(
    room: CaseRoom, sign_in: Callable[[Actor], FlaskClient]
) -> None:
    browser = sign_in(room.scene.invigilator)
    find = f"/monitor/{room.scene.room_sitting}/desk/find"
    assert browser.post(find, data={"typed": room.scene.tickets["2"]}).status_code == 200
    assert acts(room, "desk_looked_up") == []
    assert "考生1" in page(browser.post(find, data={"typed": ID_NUMBERS[0]}))
    (row,) = acts(room, "desk_looked_up")
    registration = room.scene.attempt("1").registration_id
    assert (row.actor_id, row.object) == (room.scene.invigilator.user_id, f"registration/{registration}")
    assert ID_NUMBERS[0] not in str(row.details)


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("administrator", 200),
        ("chief_invigilator", 200),
        ("custodian", 403),
        ("invigilator", 403),
        ("rover", 403),
        ("auditor", 403),
    ],
)
def test_the_seating_list_is_for_who_plans_and_for_chiefs_and_who_took_it_is_recorded(
    room: CaseRoom,
    person_as: Callable[..., Actor],
    sign_in: Callable[[Actor], FlaskClient],
    role: str,
    status: int,
) -> None:
    who = person_as(role)
    answer = sign_in(who).get("/batches/1/arrange/1/seating.xlsx")
    assert answer.status_code == status
    taken = [(row.actor_id, row.stream) for row in acts(room, "seating_list_taken")]
    stream = f"sitting/{room.scene.room_sitting}"
    assert taken == ([(who.user_id, stream)] if status == 200 else [])


def acts(room: CaseRoom, act: str) -> list[AuditEntry]:
    with room.host.db.read() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.act == act)))
