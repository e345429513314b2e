"""Heads on the seat map, one look at a time, and the figures of whole simulated rooms."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proctoring.room_simulation import HALLS, measure
from proctoring.roomview import GATE, place
from tests.proctoring.room_kit import HALL, SEATS, head, seen_at, true_view

VIEW = true_view()
REACHED = {"6x5 front": 0.974, "6x5 corner": 0.963, "6x5 tight corner": 0.935, "5x8 front": 0.960}


def seats_of(heads: list[tuple[float, float]]) -> list[str]:
    return [one.seat for one in place(VIEW, heads, {})]


def test_everybody_who_sits_still_is_put_on_the_own_seat() -> None:
    assert seats_of([head(seat, 0.2, -0.15) for seat in SEATS]) == list(SEATS)
    assert set(SEATS) == VIEW.in_view


@pytest.mark.parametrize(("across", "seat"), [(0.0, SEATS[0]), (-0.85, SEATS[0]), (-0.95, "")])
def test_a_head_beyond_the_gate_belongs_to_nobody(across: float, seat: str) -> None:
    assert seats_of([head(SEATS[0], across)]) == [seat]
    assert 0.85 < GATE * VIEW.pitch < 0.95


def test_along_the_line_of_sight_the_gate_is_longer() -> None:
    back = SEATS[-1]
    assert seats_of([head(back, 0.0, 1.0), head(back, 1.0, 0.0)]) == [back, ""]


def test_a_second_head_close_by_is_told_as_second_and_one_in_the_aisle_is_not() -> None:
    everybody = [head(seat) for seat in SEATS]
    found = place(VIEW, [*everybody, head(SEATS[5], 0.35)], {})
    assert [(one.seat, one.second) for one in found[-1:]] == [(SEATS[5], True)]
    assert sum(one.second for one in found) == 1
    found = place(VIEW, [head(SEATS[3]), head(SEATS[3], 0.7)], {})
    assert [(one.seat, one.second) for one in found] == [(SEATS[3], False), ("", False)]


def test_a_learned_offset_moves_a_seat() -> None:
    aside = head(SEATS[0], -0.95)
    assert place(VIEW, [aside], {SEATS[0]: (-0.3, 0.0)})[0].seat == SEATS[0]


def test_a_standing_person_between_rows_sits_nowhere() -> None:
    x, y = HALL.places[SEATS[3]]
    assert seats_of([seen_at(HALL, x + 0.9, y + 0.4, 1.65)]) == [""]


def test_no_heads_and_no_horizon_are_no_fault() -> None:
    assert place(VIEW, [], {}) == ()
    assert place(VIEW, [(0.5, -5.0)], {})[0].seat == ""


@settings(max_examples=40, deadline=None)
@given(st.permutations(SEATS), st.lists(st.floats(-0.25, 0.25), min_size=24, max_size=24))
def test_whatever_order_heads_come_in_each_finds_the_same_seat(order: list[str], leans: list[float]) -> None:
    shifts = {seat: (leans[2 * place], leans[2 * place + 1]) for place, seat in enumerate(SEATS)}
    assert seats_of([head(seat, *shifts[seat]) for seat in order]) == list(order)


@pytest.mark.dear
@pytest.mark.parametrize("hall", HALLS, ids=lambda hall: hall.name)
def test_simulated_rooms_reach_their_figures(hall: object) -> None:
    score = measure(hall, looks=80, seed=2)  # type: ignore[arg-type]
    assert score.shares["plane_with_offset"] >= REACHED[score.hall]
    assert score.shares["plane_with_offset"] > score.shares["nearest"] > 0.8
    assert score.shares["floor"] < 0.05
    assert score.wrong["plane"] < score.wrong["nearest"] / 2
