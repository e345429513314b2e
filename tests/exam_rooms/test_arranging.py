"""The draw over rooms: its laws, its rules one by one, and scenario 8."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exam_rooms.arranging import draw
from exam_rooms.draw_parts import Entrant, Hall, Outcome, Question, Rules
from exam_rooms.seating import SeatingRefused
from exam_rooms.seatmap import RoomMap, SeatKind, neighbour_table
from tests.exam_rooms.rooms_for_tests import grid, standard

FORMS = {"guard": ["A", "B", "C", "D"], "manager": ["A", "B", "C", "D"]}


def people(count: int, sitting: str = "guard", *, employers: int = 0) -> tuple[Entrant, ...]:
    return tuple(
        Entrant(
            f"{sitting}-{number:03d}",
            sitting,
            f"e{number % employers}" if employers else "",
            f"2026{sitting[0]}{number:04d}",
        )
        for number in range(count)
    )


def halls(*plans: RoomMap, sitting: str | None = None) -> tuple[Hall, ...]:
    return tuple(Hall(f"room {number}", plan, sitting) for number, plan in enumerate(plans, 1))


def question(entrants: tuple[Entrant, ...], rooms: tuple[Hall, ...], **rules: bool) -> Question:
    return Question(entrants, rooms, FORMS, Rules(**rules))


def filled(outcome: Outcome) -> dict[str, int]:
    return dict(Counter(place.room for place in outcome.seated.values()))


def colleagues(asked: Question, outcome: Outcome) -> set[tuple[str, frozenset[str]]]:
    """Neighbours of one employer, counted here from the plans alone."""
    employer = {entrant.ref: entrant.employer for entrant in asked.entrants}
    at = {(place.room, place.seat): ref for ref, place in outcome.seated.items()}
    found = set()
    for hall in asked.halls:
        for number, around in neighbour_table(hall.plan).items():
            for other in (number for numbers in around.values() for number in numbers):
                one, two = at.get((hall.ref, number)), at.get((hall.ref, other))
                if one and two and employer[one] and employer[one] == employer[two]:
                    found.add((hall.ref, frozenset({number, other})))
    return found


def reported(outcome: Outcome, kind: str) -> set[tuple[str, frozenset[str]]]:
    return {(note.room, frozenset(note.seats)) for note in outcome.notes if note.kind == kind}


def test_scenario_08_187_candidates_of_two_occupations_and_nine_employers_in_seven_rooms() -> None:
    entrants = people(112, "guard", employers=9) + people(75, "manager", employers=9)
    asked = question(entrants, halls(*[standard()] * 7))
    outcome = draw(asked, "2026-11-21")
    assert len(outcome.seated) == 187
    assert len({(place.room, place.seat) for place in outcome.seated.values()}) == 187
    for ref, place in outcome.seated.items():
        assert outcome.rooms[place.room] == ref.split("-")[0], "one occupation a room"
    assert Counter(outcome.rooms.values()) == {"guard": 4, "manager": 3}
    assert colleagues(asked, outcome) == reported(outcome, "employer") == set()
    assert draw(asked, "2026-11-21").to_json() == outcome.to_json()
    assert draw(asked, "2026-11-22").to_json() != outcome.to_json()


def test_exceptions_name_both_people_the_seats_and_the_employer() -> None:
    asked = question(people(4, employers=1), halls(grid(2, 2)))
    outcome = draw(asked, "s")
    assert len(outcome.notes) == 6
    assert colleagues(asked, outcome) == reported(outcome, "employer")
    for note in outcome.notes:
        assert [outcome.seated[ref].seat for ref in note.refs] == list(note.seats)
        assert (note.room, note.shared) == ("room 1", "e0")


@pytest.mark.dear
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_laws_of_every_draw_whatever_the_order_of_the_input(data: st.DataObject) -> None:
    rules = {name: data.draw(st.booleans(), name) for name in Rules().to_json()}
    guards = data.draw(st.integers(0, 30), "guards")
    managers = data.draw(st.integers(0 if guards else 1, 20), "managers")
    entrants = people(guards, employers=4) + people(managers, "manager", employers=3)
    entrants = tuple(
        replace(each, apart=number % 7 == 0, alone=number % 19 == 3) for number, each in enumerate(entrants)
    )
    asked = question(entrants, halls(standard(), grid(3, 4), grid(4, 5), standard()), **rules)
    outcome = draw(asked, "seed")
    assert set(outcome.seated) == {each.ref for each in entrants}
    assert len({(place.room, place.seat) for place in outcome.seated.values()}) == len(entrants)
    assert set(filled(outcome)) == set(outcome.rooms)
    normal = {hall.ref: {seat.number for seat in hall.plan.normal} for hall in asked.halls}
    for each in entrants:
        place = outcome.seated[each.ref]
        assert place.seat in normal[place.room]
        assert outcome.rooms[place.room] == each.sitting
    if rules["employers_apart"]:
        assert colleagues(asked, outcome) == reported(outcome, "employer")
    mixed = replace(asked, entrants=tuple(data.draw(st.permutations(entrants))))
    plain = json.loads(json.dumps(mixed.to_json()))
    assert draw(mixed, "seed").to_json() == outcome.to_json()
    assert draw(Question.from_json(plain), "seed").to_json() == outcome.to_json(), "as a child does it"
    assert Outcome.from_json(json.loads(json.dumps(outcome.to_json()))) == outcome


@pytest.mark.parametrize(
    ("count", "even", "expected"),
    [
        (45, True, {"room 1": 15, "room 2": 15, "room 3": 15}),
        (45, False, {"room 1": 30, "room 2": 15}),
        (90, True, {"room 1": 30, "room 2": 30, "room 3": 30}),
        (31, False, {"room 1": 30, "room 2": 1}),
        (1, True, {"room 1": 1}),
    ],
)
def test_rooms_are_filled_evenly_or_one_after_the_other(
    count: int, even: bool, expected: dict[str, int]
) -> None:
    assert filled(draw(question(people(count), halls(*[standard()] * 3), even=even), "s")) == expected


def test_tickets_run_on_from_room_to_room_when_asked_for() -> None:
    entrants = people(50, employers=5)
    outcome = draw(question(entrants, halls(standard(), standard()), by_ticket=True), "s")
    tickets = {each.ref: each.ticket for each in entrants}
    first, second = (
        [tickets[ref] for ref, place in outcome.seated.items() if place.room == room]
        for room in ("room 1", "room 2")
    )
    assert max(first) < min(second)


def test_colleagues_are_spread_over_rooms_by_their_size() -> None:
    entrants = people(80, employers=8)
    outcome = draw(question(entrants, halls(*[standard()] * 4)), "s")
    for employer in {each.employer for each in entrants}:
        mine = [outcome.seated[each.ref].room for each in entrants if each.employer == employer]
        assert set(Counter(mine).values()) <= {2, 3}


def test_scenario_32_own_room_and_accommodations_get_the_smallest_rooms_that_fit() -> None:
    entrants = list(people(40))
    entrants[3] = replace(entrants[3], alone=True, apart=True)
    entrants[5], entrants[6] = (replace(each, apart=True) for each in entrants[5:7])
    outcome = draw(question(tuple(entrants), halls(standard(), grid(1, 1), grid(2, 3), standard())), "s")
    rooms = {ref: place.room for ref, place in outcome.seated.items()}
    assert [ref for ref, room in rooms.items() if room == "room 2"] == ["guard-003"]
    assert {ref for ref, room in rooms.items() if room == "room 3"} == {"guard-005", "guard-006"}
    assert not [note for note in outcome.notes if note.kind.endswith("room")]


def test_accommodations_that_rooms_do_not_allow_are_noted_and_seated_all_the_same() -> None:
    entrants = list(people(12))
    entrants[0] = replace(entrants[0], alone=True)
    entrants[1] = replace(entrants[1], apart=True)
    outcome = draw(question(tuple(entrants), halls(grid(3, 4))), "s")
    notes = {(note.kind, note.refs) for note in outcome.notes if note.kind.endswith("room")}
    assert notes == {("own_room", ("guard-000",)), ("accommodation_room", ("guard-000", "guard-001"))}
    assert len(outcome.seated) == 12
    left_out = draw(question(tuple(entrants), halls(grid(3, 4)), accommodations_apart=False), "s")
    assert not [note for note in left_out.notes if note.kind.endswith("room")]


def test_nobody_sits_where_he_sat_before_while_another_seat_is_free_of_it() -> None:
    sat = {("room 1", f"{row}-{column}") for row in (1, 2, 3) for column in (1, 2)}
    entrants = tuple(replace(each, sat_at=frozenset(sat)) for each in people(6))
    outcome = draw(question(entrants, halls(grid(3, 4))), "s")
    assert not {(place.room, place.seat) for place in outcome.seated.values()} & sat
    full = draw(
        question(tuple(replace(each, sat_at=frozenset(sat)) for each in people(8)), halls(grid(3, 4))), "s"
    )
    again = [note for note in full.notes if note.kind == "sat_before"]
    assert len(again) == 2
    assert all((note.room, note.seats[0]) in sat and len(note.refs) == 1 for note in again)


def test_who_has_a_room_by_the_roster_keeps_it() -> None:
    entrants = tuple(
        replace(each, room="room 2") if number < 5 else each for number, each in enumerate(people(40))
    )
    outcome = draw(question(entrants, halls(standard(), standard())), "s")
    assert {outcome.seated[each.ref].room for each in entrants[:5]} == {"room 2"}
    assert filled(outcome) == {"room 1": 20, "room 2": 20}


def test_seats_out_of_order_and_spare_ones_stay_free() -> None:
    plan = grid(2, 5)
    kinds = [SeatKind.SPARE, SeatKind.BROKEN, *[SeatKind.NORMAL] * 8]
    seats = tuple(replace(seat, kind=kind) for seat, kind in zip(plan.seats, kinds, strict=True))
    outcome = draw(question(people(8), halls(replace(plan, seats=seats))), "s")
    assert {place.seat for place in outcome.seated.values()} == {seat.number for seat in seats[2:]}
    with pytest.raises(SeatingRefused) as caught:
        draw(question(people(9), halls(replace(plan, seats=seats))), "s")
    assert (caught.value.code, caught.value.params["seats"]) == ("too_many_people", 8)


@pytest.mark.parametrize(
    ("needs", "sizes", "fits"),
    [
        ((6, 6), (6, 6), True),
        ((7, 5), (6, 6), False),
        ((10, 9), (5, 5, 4, 3, 2), True),  # 5+5 and 4+3+2: the larger need first is the way
        ((8, 11), (6, 5, 5, 3), True),  # 5+3 and 6+5
        ((12, 8), (6, 5, 5, 4), False),
        ((9, 9), (5, 5, 4, 4), True),
        ((10, 8), (6, 4, 4, 4), True),  # 6+4 and 4+4
    ],
)
def test_rooms_are_divided_whenever_that_is_possible(
    needs: tuple[int, int], sizes: tuple[int, ...], fits: bool
) -> None:
    asked = question(
        people(needs[0]) + people(needs[1], "manager"), halls(*(grid(1, size) for size in sizes))
    )
    if fits:
        assert len(draw(asked, "s").seated) == sum(needs)
        return
    with pytest.raises(SeatingRefused) as caught:
        draw(asked, "s")
    assert caught.value.code == "rooms_not_enough"


@given(sizes=st.lists(st.integers(1, 6), min_size=2, max_size=6), cut=st.data())
@settings(max_examples=40, deadline=None)
def test_a_division_that_exists_is_found(sizes: list[int], cut: st.DataObject) -> None:
    sides = [cut.draw(st.sampled_from(["guard", "manager"])) for _ in sizes]
    needs = {side: sum(n for n, s in zip(sizes, sides, strict=True) if s == side) for side in set(sides)}
    entrants = tuple(each for side in sorted(needs) for each in people(needs[side], side))
    outcome = draw(question(entrants, halls(*(grid(1, size) for size in sizes))), "s")
    assert len(outcome.seated) == len(entrants)


@pytest.mark.parametrize(
    ("entrants", "rooms", "code"),
    [
        ((), halls(grid(1, 2)), "nobody"),
        (people(2) + people(1), halls(grid(1, 5)), "double_person"),
        ((replace(people(1)[0], room="room 9"),), halls(grid(1, 5)), "room_unknown"),
        (
            (replace(people(1)[0], room="room 1"), replace(people(1, "manager")[0], room="room 1")),
            halls(grid(1, 5), grid(1, 5)),
            "room_unknown",
        ),
        (
            tuple(replace(each, room="room 1") for each in people(3)),
            halls(grid(1, 2), grid(1, 9)),
            "too_many_people",
        ),
        (people(1), halls(grid(1, 5), sitting="manager"), "too_many_people"),
    ],
)
def test_what_no_draw_can_do_is_refused(
    entrants: tuple[Entrant, ...], rooms: tuple[Hall, ...], code: str
) -> None:
    with pytest.raises(SeatingRefused) as caught:
        draw(question(entrants, rooms), "s")
    assert caught.value.code == code
