"""The draw over rooms on a real store: scenario 8, rooms by need, new draws, the lock, what is refused."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from exam_rooms.draw_parts import Rules
from exam_rooms.seatmap import neighbour_table
from server.access import Actor
from server.db.arrangements import ArrangementRow
from server.db.rooms import Room, Seat
from server.db.sittings import Attempt, Registration, RoomSitting, SeatStay
from server.errors import Refused
from server.host import Host
from server.jobs.arranging import arrange_seats
from server.services import arrangement, arrangement_views, seating, sitting_rosters
from server.services.arrangement_question import Choice
from server.services.rooms import map_of
from tests.server import arrangement_kit
from tests.server.arrangement_kit import BOTH, SEVEN, Centre, refused, small_centre
from tests.server.desk import counts


@pytest.fixture
def small(host: Host, person_as: Callable[..., Actor]) -> Centre:
    return small_centre(host, person_as)


def colleagues(session: Session) -> set[tuple[int, frozenset[str]]]:
    """Neighbours of one employer in every room, from the stored rows alone."""
    query = (
        select(Seat.room_id, Seat.number, Registration.employer)
        .join(Attempt, Attempt.seat_id == Seat.id)
        .join(Registration, Registration.id == Attempt.registration_id)
    )
    at = {(room, number): employer for room, number, employer in session.execute(query)}
    found = set()
    for room in session.scalars(select(Room)):
        for number, around in neighbour_table(map_of(room)).items():
            mine = at.get((room.id, number))
            for other in (each for numbers in around.values() for each in numbers):
                if mine and at.get((room.id, other)) == mine:
                    found.add((room.id, frozenset({number, other})))
    return found


@pytest.mark.dear
@pytest.mark.both_stores
def test_scenario_08_seven_rooms_two_occupations_nine_employers(
    host: Host, person_as: Callable[..., Actor]
) -> None:
    made = arrangement_kit.centre(host, person_as, BOTH, SEVEN)
    rooms = tuple(made.rooms.values())
    number = made.arrange(seed="2026-11-21", rooms=rooms)
    first = made.map()
    assert len(first) == 187 and len({(room, seat) for room, seat, _form in first.values()}) == 187
    with host.db.read() as session:
        rows = session.scalars(select(RoomSitting)).all()
        assert Counter(row.sitting_id for row in rows) == {
            made.sittings["baoanyuan"]: 4,
            made.sittings["baowei"]: 3,
        }
        assert {row.state for row in rows} == {"arranged"}
        assert {row.seating_seed for row in rows} == {"2026-11-21"}
        told = {
            (row.room_id, frozenset(note["seats"]))
            for row in rows
            for note in row.seating_notes
            if note["kind"] == "employer"
        }
        assert colleagues(session) == told == set()
        for registration, row in session.execute(
            select(Registration, RoomSitting)
            .join(Attempt, Attempt.registration_id == Registration.id)
            .join(RoomSitting, RoomSitting.id == Attempt.room_sitting_id)
        ):
            assert (registration.room_id, registration.sitting_id) == (row.room_id, row.sitting_id)
        proof = session.get_one(ArrangementRow, number)
    again = made.arrange(seed="2026-11-21", rooms=rooms)
    assert made.map() == first, "the same seed gives the same map"
    with host.db.read() as session:
        assert session.get_one(ArrangementRow, again).inputs_hash == proof.inputs_hash
        assert session.get_one(ArrangementRow, again).result_hash == proof.result_hash
    made.arrange(seed="another", rooms=rooms)
    assert made.map() != first and made.map().keys() == first.keys(), "ticket numbers stay"
    locked = made.row("第三考场")
    host.db.write(arrangement.lock, made.signed(), locked.id, now=host.now())
    before = made.map()
    refusal = refused(lambda: made.arrange(seed="2026-11-21", rooms=rooms))
    assert (refusal.code, refusal.params["room"]) == ("draw_locked", "第三考场")
    assert made.map() == before


def test_exceptions_are_told_by_name_and_ticket(host: Host, person_as: Callable[..., Actor]) -> None:
    made = arrangement_kit.centre(host, person_as, {"baoanyuan": 6}, {"小考场": 6}, employers=1)
    made.arrange()
    with host.db.read() as session:
        shown = arrangement_views.page(session, made.sittings["baoanyuan"])
    (result,) = shown.results
    assert (result.candidates, result.employers, result.seats) == (6, 1, 6)
    assert {note.kind for note in result.exceptions} >= {"employer"}
    note = next(note for note in result.exceptions if note.kind == "employer")
    assert note.shared == "1 号保安公司" and len(note.seats) == 2
    seats = {seat: ticket for ticket, (_room, seat, _form) in made.map().items()}
    assert [person.split("（")[1].rstrip("）") for person in note.people] == [seats[s] for s in note.seats]
    assert all(person.startswith("演练考生") for person in note.people)


@pytest.mark.dear
def test_a_new_draw_leaves_nothing_of_the_old_one(small: Centre) -> None:
    host = small.host
    tables = (Registration, Attempt, SeatStay)
    before = counts(host, *tables)
    small.arrange(seed="t", rooms=(small.rooms["第一考场"], small.rooms["第二考场"]))
    assert counts(host, *tables) == before
    small.arrange(seed="t", rules=Rules(even=False), rooms=tuple(small.rooms.values()))
    assert Counter(room for room, _seat, _form in small.map().values()) == {
        small.rooms["第一考场"]: 30,
        small.rooms["第二考场"]: 10,
    }
    empty = small.row("小考场")
    assert (empty.state, empty.seating_seed, empty.arranged_at, empty.arrangement_id) == (
        "planned",
        "",
        None,
        None,
    )


def test_people_of_rooms_that_were_not_chosen_stay_where_they_are(small: Centre) -> None:
    before = small.map()
    room = small.rooms["第二考场"]
    small.arrange(seed="u", rooms=(room,))
    after = small.map()
    assert {t: p for t, p in before.items() if p[0] != room} == {
        t: p for t, p in after.items() if p[0] != room
    }
    assert {t for t, p in before.items() if p[0] == room} == {t for t, p in after.items() if p[0] == room}
    assert before != after


@pytest.mark.dear
def test_one_room_drawn_anew_on_its_own_page(small: Centre) -> None:
    row, before = small.row("第一考场"), small.map()
    act = seating.draw
    assert small.host.db.write(act, small.administrator, row.id, seed="x", now=small.host.now()) == "x"
    after = small.map()
    assert {t for t, p in before.items() if p[0] == row.room_id} == {
        t for t, p in after.items() if p[0] == row.room_id
    }
    assert after != before
    small.arrange(rooms=tuple(small.rooms.values()))
    assert small.map() == before, "the whole draw still moves people between rooms"


def test_a_candidate_gets_another_seat_than_in_an_earlier_sitting(
    host: Host, person_as: Callable[..., Actor]
) -> None:
    made = arrangement_kit.centre(host, person_as, {"baoanyuan": 3}, {"小考场": 6})
    made.arrange(seed="same")
    sat = {name: place[1] for name, place in zip("abc", sorted(made.map().values()), strict=True)}
    later = made.starts_at + timedelta(hours=20)
    second = replace(made, sittings=dict(made.sittings), starts_at=later)
    _again(second)
    second.arrange("baowei", seed="same")
    with host.db.read() as session:
        query = (
            select(Registration.candidate_id, Seat.number)
            .join(Attempt, Attempt.registration_id == Registration.id)
            .join(Seat, Seat.id == Attempt.seat_id)
        )
        seats: dict[int, list[str]] = {}
        for candidate, number in session.execute(query):
            seats.setdefault(candidate, []).append(number)
    assert len(sat) == len(seats) == 3
    assert all(len(set(mine)) == len(mine) == 2 for mine in seats.values())


def _again(made: Centre) -> None:
    """The same people in a later sitting of the same room, for another occupation."""
    host = made.host
    arrangement_kit._sitting(made, "baowei", tuple(made.rooms.values()))
    entries = arrangement_kit.people("baoanyuan", 3, 9)
    act = sitting_rosters.store_roster
    host.db.write(act, made.administrator, made.sittings["baowei"], entries, now=host.now())


@pytest.mark.dear
def test_scenario_32_the_own_room_of_a_roster_is_given_by_the_draw(
    host: Host, person_as: Callable[..., Actor]
) -> None:
    made = arrangement_kit.centre(
        host, person_as, {"baoanyuan": 20}, {"第一考场": 30, "小考场": 6, "单间": 1}
    )
    (one,) = arrangement_kit.people("baoanyuan", 1, 9, skip=20)
    own = replace(one, own_room=True, large_print=True, approval="2026-7")
    act = sitting_rosters.store_roster
    host.db.write(act, made.administrator, made.sittings["baoanyuan"], [own], now=host.now())
    made.arrange(rooms=tuple(made.rooms.values()))
    alone = [ticket for ticket, place in made.map().items() if place[0] == made.rooms["单间"]]
    with host.db.read() as session:
        rows = session.scalars(select(Registration).where(Registration.ticket.in_(alone))).all()
    assert [row.own_room for row in rows] == [True]


@pytest.mark.dear
def test_a_withdrawn_draw_lets_the_roster_grow(small: Centre) -> None:
    host, sitting = small.host, small.sittings["baoanyuan"]
    more = arrangement_kit.people("baoanyuan", 5, 9, skip=40)
    act = sitting_rosters.store_roster

    def grow() -> int:
        return host.db.write(act, small.administrator, sitting, more, now=host.now())

    tickets = set(small.map())
    assert refused(grow).code == "sitting_already_arranged"
    assert host.db.write(arrangement.withdraw, small.administrator, sitting, now=host.now()) == 3
    assert small.map() == {}
    assert grow() == 5
    small.arrange(rooms=tuple(small.rooms.values()))
    assert len(small.map()) == 45 and tickets < set(small.map())
    host.db.write(arrangement.withdraw, small.administrator, sitting, now=host.now())
    with pytest.raises(Refused) as caught:
        host.db.write(arrangement.withdraw, small.administrator, sitting, now=host.now())
    assert caught.value.code == "seats_not_drawn"


@pytest.mark.dear
def test_what_a_child_drew_is_stored_only_while_its_question_holds(small: Centre) -> None:
    host, sittings = small.host, list(small.sittings.values())
    choice = Choice(rooms=tuple(small.rooms.values()))
    with host.db.read() as session:
        asked = arrangement.prepare(session, small.administrator, sittings, choice, seed="child")
    mark = asked.pop("mark")
    result = arrange_seats(asked, lambda *_: None)

    def store() -> int:
        act = arrangement.take_in
        return host.db.write(act, small.administrator, sittings, choice, mark, result, now=host.now())

    store()
    drawn = small.map()
    small.arrange(seed="child", rooms=choice.rooms)
    assert small.map() == drawn, "here or in a child, the map is the same"

    def rename(session: Session) -> None:
        session.scalars(select(Registration)).first().employer = "新单位"

    host.db.write(rename)
    assert refused(store).code == "arrange_inputs_changed"


def test_rooms_stay_with_a_sitting_once_something_depends_on_them(
    host: Host, person_as: Callable[..., Actor]
) -> None:
    made = arrangement_kit.centre(
        host, person_as, {"baoanyuan": 30, "baowei": 6}, {"小考场": 6, "第一考场": 30, "第二考场": 30}
    )
    made.arrange(rooms=tuple(made.rooms.values()), rules=Rules(even=False))
    with host.db.read() as session:
        by_need = {row.room_id: row.sitting_id for row in session.scalars(select(RoomSitting))}
    assert by_need[made.rooms["小考场"]] == made.sittings["baoanyuan"], "planned for them, and never needed"
    busy = host.db.write(_plan_elsewhere, made)
    assert refused(lambda: made.arrange(rooms=(*made.rooms.values(), busy))).code == "room_busy"


def _plan_elsewhere(session: Session, made: Centre) -> int:
    """A further room that a sitting of another start holds at the time."""
    from server.db.sittings import Sitting

    first = session.get_one(Sitting, made.sittings["baoanyuan"])
    room = Room(name="别处", layout={}, created_at=made.host.now())
    later = Sitting(
        batch_id=first.batch_id,
        number=9,
        starts_at=first.starts_at + timedelta(minutes=60),
        minutes=first.minutes,
    )
    session.add_all([room, later])
    session.flush()
    session.add(RoomSitting(uid="later", sitting_id=later.id, room_id=room.id))
    session.flush()
    return room.id


@pytest.mark.dear
def test_sittings_of_different_starts_are_not_drawn_together(small: Centre) -> None:
    _plan_elsewhere_id = small.host.db.write(_plan_elsewhere, small)
    assert _plan_elsewhere_id
    act = arrangement.arrange
    both = [small.sittings["baoanyuan"], small.sittings["baoanyuan"] + 1]
    refusal = refused(lambda: small.host.db.write(act, small.administrator, both, now=small.host.now()))
    assert refusal.code == "arrange_other_start"
    assert refused(lambda: small.host.db.write(act, small.administrator, [], now=small.host.now())).code == (
        "arrange_nothing_chosen"
    )
