"""Who has no seat in the room where they stand: from the room next door, or from no list at all."""

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from exam_rooms.desk import Face
from exam_rooms.protocol import Step
from exam_rooms.seatmap import SeatKind
from exam_rooms.seats import AttemptState
from server.access import Actor
from server.db.rooms import Room, Seat, Workstation
from server.db.signins import WalkIn
from server.db.sittings import Assignment, Attempt, Registration, RoomSitting, SeatStay
from server.errors import NotFound, Refused
from server.host import Host
from server.rules.policy_desk import DeskRules
from server.rules.tickets import check_digit
from server.services import desk_find, desk_record, desk_walkins
from server.services.desk_walkins import Stranger
from server.services.pairing import free_seats
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import ID_NUMBERS, Scene, make_scene
from tests.server.signin_kit import Desk, all_have_photos, change_policy, code

SPARE = "4"
STRANGER_ID = "110101199003070513"


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    made = make_scene(host, person_as)
    all_have_photos(made)
    return made


@pytest.fixture
def next_door(scene: Scene) -> int:
    """The candidate of seat 1 sits in another room of the same sitting; that room's id in the sitting."""

    def add(session: Session) -> int:
        room = Room(name="第二考场", layout={}, created_at=scene.host.now())
        session.add(room)
        session.flush()
        seat = Seat(room_id=room.id, number="9", row=1, column=1, x=0.0, y=0.0)
        sitting = session.get_one(RoomSitting, scene.room_sitting).sitting_id
        row = RoomSitting(uid="room-sitting-9", sitting_id=sitting, room_id=room.id, state="released")
        session.add_all([seat, row])
        session.flush()
        attempt = session.get_one(Attempt, scene.attempts["1"])
        attempt.room_sitting_id, attempt.seat_id = row.id, seat.id
        session.get_one(Registration, attempt.registration_id).room_id = room.id
        return row.id

    return scene.host.db.write(add)


def signed(scene: Scene, reason: str = "走错考场，已临近开考") -> Signed:
    return Signed(scene.staff[0], reason, scene.chief)


def move(scene: Scene, seat: str = SPARE, by: Signed | None = None) -> int:
    wanted = (scene.attempt("1").registration_id, scene.seats[seat])
    return scene.write(desk_walkins.move_here, by or signed(scene), scene.room_sitting, wanted)


def take_in(scene: Scene, by: Signed | None = None, **changed: object) -> int:
    told = {"name": "名单外甲", "id_number": STRANGER_ID, "employer": "某单位", "seat": scene.seats[SPARE]}
    stranger = Stranger(**{**told, **changed})  # type: ignore[arg-type]
    return scene.write(desk_walkins.take_in, by or signed(scene), scene.room_sitting, stranger)


@pytest.mark.both_stores
def test_a_candidate_of_the_room_next_door_gets_a_spare_seat_here(
    app: Flask, scene: Scene, next_door: int
) -> None:
    with scene.host.db.read() as session:
        typed = scene.tickets["1"]
        person = desk_find.find(session, scene.staff[0], scene.room_sitting, typed, now=scene.host.now())
        assert (person.stage, person.room, person.seat) == ("elsewhere", "第二考场", "9")
        assert free_seats(session, scene.room_sitting)[0][1] == SPARE
    operator = Desk(scene, scene.staff[0])
    assert code(lambda: operator.look("1")) == "desk_other_room"
    version = scene.attempt("1").version
    attempt_id = move(scene)
    attempt = scene.attempt("1")
    assert attempt.id == attempt_id
    assert (attempt.room_sitting_id, attempt.seat_id) == (scene.room_sitting, scene.seats[SPARE])
    assert attempt.state == AttemptState.ASSIGNED
    assert attempt.version > version
    assert attempt.form == "B"  # seat 3 beside it has form A
    with scene.host.db.read() as session:
        registration = session.get_one(Registration, attempt.registration_id)
        assert registration.room_id == scene.room
        stays = session.query(SeatStay).filter_by(attempt_id=attempt.id).order_by(SeatStay.id).all()
        assert [(stay.until_at is None, stay.reason) for stay in stays] == [(False, ""), (True, "desk_moved")]
        (came,) = desk_walkins.walk_ins(session, scene.room_sitting)
        assert (came.kind, came.from_room_sitting_id) == ("moved", next_door)
        assert came.cosigned_by == scene.chief.user_id
        (line,) = desk_record.lines(session, scene.room_sitting)
        both = f"{scene.staff[0].name}、{scene.chief.name}"
        assert line.text == f"由其他考场安排到本考场（{both}）：走错考场，已临近开考"
    operator.look("1", Face.MATCH)
    operator.passes("1")
    agent = TestAgent(app, scene, SPARE)
    agent.open_session()
    assert agent.sign_in("1").status_code == 200
    assert agent.state().step is Step.ADMITTED


def test_moving_here_needs_the_chief_a_reason_and_a_seat_that_is_free(scene: Scene, next_door: int) -> None:
    second = Signed(scene.staff[0], "走错考场", scene.staff[1])
    with pytest.raises(Refused, match="forbidden"):
        move(scene, by=second)
    assert code(lambda: move(scene, by=signed(scene, " "))) == "reason_missing"
    assert code(lambda: move(scene, "2")) == "seat_taken"
    with pytest.raises(NotFound):
        wanted = (scene.attempt("1").registration_id, 9999)
        scene.write(desk_walkins.move_here, signed(scene), scene.room_sitting, wanted)
    assert scene.attempt("1").room_sitting_id == next_door


def test_who_has_begun_next_door_is_not_moved(scene: Scene, next_door: int) -> None:
    def identified(session: Session) -> None:
        session.get_one(Attempt, scene.attempts["1"]).state = "identified"

    scene.host.db.write(identified)
    assert code(lambda: move(scene)) == "desk_started_elsewhere"


def test_nobody_is_moved_from_one_sitting_to_another(scene: Scene) -> None:
    wanted = (scene.attempt("1").registration_id, scene.seats[SPARE])
    here = lambda: scene.write(desk_walkins.move_here, signed(scene), scene.room_sitting, wanted)  # noqa: E731
    assert code(here) == "desk_here_already"


@pytest.mark.both_stores
def test_somebody_of_no_list_gets_a_ticket_a_seat_and_signs_in_by_id_number(scene: Scene) -> None:
    registration = take_in(scene)
    with scene.host.db.read() as session:
        row = session.get_one(Registration, registration)
        assert check_digit(row.ticket[:-1]) == row.ticket[-1]
        assert row.ticket.startswith("261121")
        person = desk_find.find(
            session, scene.staff[0], scene.room_sitting, STRANGER_ID, now=scene.host.now()
        )
        assert (person.stage, person.seat, person.name) == ("confirm", SPARE, "名单外甲")
        assert person.face is Face.NO_PHOTO  # no photo in any roster: two people look
        came = session.query(WalkIn).one()
        assert (came.kind, came.reason) == ("unlisted", "走错考场，已临近开考")
        stays = session.query(SeatStay).filter_by(reason="desk_unlisted").count()
        assert stays == 1
    assert code(lambda: take_in(scene)) == "seat_taken"


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({"id_number": ""}, "desk_id_missing"),
        ({"id_number": "110101900307109"}, "desk_id_15_digits"),
        ({"id_number": "110101199003071091"}, "desk_id_check_digit"),
        ({"id_number": "11010119900230109X"}, "desk_id_birth_date"),
        ({"name": "  "}, "desk_name_missing"),
        ({"id_number": ID_NUMBERS[0], "name": "考生1"}, "already_registered"),
        ({"id_number": ID_NUMBERS[0]}, "name_differs_from_record"),
    ],
)
def test_what_is_entered_of_a_stranger_is_checked(scene: Scene, changed: dict, refused: str) -> None:
    assert code(lambda: take_in(scene, **changed)) == refused
    with scene.host.db.read() as session:
        assert session.query(Registration).count() == 3


def test_a_stranger_comes_in_by_policy_the_chief_and_an_open_door(scene: Scene, machine: Machine) -> None:
    with pytest.raises(Refused, match="forbidden"):
        take_in(scene, Signed(scene.staff[0], "r", scene.staff[1]))
    machine.advance(minutes=10)
    scene.start()
    machine.advance(minutes=15, seconds=1)
    assert code(lambda: take_in(scene)) == "late_entry_closed"
    machine.advance(minutes=-1)
    change_policy(scene, desk=DeskRules(compare=True, walk_ins=False))
    assert code(lambda: take_in(scene)) == "desk_no_walk_ins"
    change_policy(scene, desk=DeskRules(compare=True, walk_ins=True))
    take_in(scene)


def test_a_seat_without_a_workstation_is_given_to_nobody(scene: Scene) -> None:
    def release(session: Session) -> None:
        session.get_one(Workstation, scene.workstations[SPARE]).active = False

    scene.host.db.write(release)
    assert code(lambda: take_in(scene)) == "seat_not_paired"
    with scene.host.db.read() as session:
        assert free_seats(session, scene.room_sitting) == ()


def test_a_seat_out_of_order_is_given_to_nobody(scene: Scene) -> None:
    def broken(session: Session) -> None:
        session.get_one(Seat, scene.seats[SPARE]).kind = str(SeatKind.BROKEN)

    scene.host.db.write(broken)
    with pytest.raises(Refused):
        take_in(scene)
    with scene.host.db.read() as session:
        assert free_seats(session, scene.room_sitting) == ()


def test_an_invigilator_of_another_room_takes_nobody_in(
    scene: Scene, person_as: Callable[..., Actor]
) -> None:
    stranger = person_as("invigilator")
    assert code(lambda: take_in(scene, Signed(stranger, "r", scene.chief))) == "not_on_duty"
    with scene.host.db.read() as session:
        assert session.query(Assignment).filter_by(user_id=stranger.user_id).count() == 0
