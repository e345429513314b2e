"""One to one, nothing dearer than the gate, and the least sum of all such ways."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proctoring.assignment import assign

GATE = 10.0
matrices = st.tuples(st.integers(0, 5), st.integers(1, 5)).flatmap(
    lambda shape: st.lists(
        st.lists(st.integers(0, 14), min_size=shape[1], max_size=shape[1]),
        min_size=shape[0],
        max_size=shape[0],
    ).map(lambda rows: np.array(rows, float).reshape(shape))
)


def cost_of(pairs: dict[int, int], costs: np.ndarray) -> float:
    return sum(costs[row, pairs[row]] if row in pairs else GATE for row in range(len(costs)))


def best_by_trying(costs: np.ndarray) -> float:
    """Every way there is: a row takes a column or none."""
    rows, columns = costs.shape
    wide = np.concatenate([np.minimum(costs, GATE), np.full((rows, rows), GATE)], axis=1)
    ways = permutations(range(columns + rows), rows)
    return min(sum(wide[row, column] for row, column in enumerate(way)) for way in ways)


@pytest.mark.dear
@settings(max_examples=150, deadline=None)
@given(matrices)
def test_the_sum_is_the_least_of_all_ways(costs: np.ndarray) -> None:
    pairs = assign(costs, GATE)
    assert len(set(pairs.values())) == len(pairs)
    assert all(costs[row, column] < GATE for row, column in pairs.items())
    assert cost_of(pairs, costs) == pytest.approx(best_by_trying(costs))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40))
def test_the_order_of_heads_and_seats_does_not_matter(seed: int, rows: int, columns: int) -> None:
    drawn = np.random.default_rng(seed)
    costs = drawn.uniform(0, 25, (rows, columns))
    by_row, by_column = drawn.permutation(rows), drawn.permutation(columns)
    turned = assign(costs[np.ix_(by_row, by_column)], GATE)
    assert {int(by_row[row]): int(by_column[column]) for row, column in turned.items()} == assign(costs, GATE)


def test_two_heads_nearest_to_one_seat_get_one_each() -> None:
    costs = np.array([[1.0, 3.0], [1.5, 9.0]])
    assert assign(costs, GATE) == {0: 1, 1: 0}


def test_what_lies_at_the_gate_or_nowhere_stays_without_a_seat() -> None:
    assert assign(np.array([[GATE, np.nan, np.inf], [9.99, 50, 50]]), GATE) == {1: 0}
    assert assign(np.zeros((0, 3)), GATE) == {}


@pytest.mark.parametrize(("costs", "gate"), [(np.zeros(3), 1.0), (np.zeros((2, 2)), 0.0)])
def test_nonsense_is_an_error(costs: np.ndarray, gate: float) -> None:
    with pytest.raises(ValueError, match="gate"):
        assign(costs, gate)
