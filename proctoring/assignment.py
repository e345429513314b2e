"""Who sits where, one to one: the cheapest way to give heads to seats, none dearer than a gate.

The Hungarian method in NumPy alone. Only pairs within the gate count, so a room falls apart into small
groups of heads and seats that have nothing to do with each other, and each is solved by itself.
"""

import numpy as np
from numpy.typing import NDArray

Costs = NDArray[np.float64]


def assign(costs: Costs, gate: float) -> dict[int, int]:
    """Row -> column for a matrix of costs (rows x columns), each column at most once.

    Among all ways to pair rows with columns at costs below `gate`, the one with the least sum, where a row
    without a column costs `gate`. Rows that are not in the answer found none. Costs that are not finite
    are as good as infinite. Raises ValueError for a matrix of other than two dimensions or a gate <= 0.
    """
    if costs.ndim != 2 or gate <= 0:
        raise ValueError(f"costs of {costs.ndim} dimensions, gate {gate}")
    open_pairs = np.nan_to_num(costs, nan=np.inf) < gate
    pairs: dict[int, int] = {}
    for rows, columns in _groups(open_pairs):
        part = np.where(open_pairs[np.ix_(rows, columns)], costs[np.ix_(rows, columns)], gate)
        for row, column in _cheapest(part):
            if open_pairs[rows[row], columns[column]]:
                pairs[int(rows[row])] = int(columns[column])
    return pairs


def _groups(open_pairs: NDArray[np.bool_]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Rows and columns that hang together by pairs within the gate; those without any are left out."""
    waiting: NDArray[np.bool_] = np.asarray(open_pairs.any(axis=1))
    groups = []
    while waiting.any():
        rows = np.zeros_like(waiting)
        rows[int(np.argmax(waiting))] = True
        while True:
            columns = open_pairs[rows].any(axis=0)
            wider = open_pairs[:, columns].any(axis=1)
            if (wider == rows).all():
                break
            rows = np.asarray(wider)
        waiting[rows] = False
        groups.append((np.flatnonzero(rows), np.flatnonzero(columns)))
    return groups


def _cheapest(costs: Costs) -> list[tuple[int, int]]:
    """Pairs (row, column) of least sum, as many as the shorter side has (shortest augmenting paths)."""
    turned = costs.shape[0] > costs.shape[1]
    matrix = costs.T if turned else costs
    rows, columns = matrix.shape
    row_price, column_price = np.zeros(rows + 1), np.zeros(columns + 1)
    owner = np.full(columns + 1, rows)  # the last place stands for "nobody", and for the root of a path
    for row in range(rows):
        owner[columns] = row
        _augment(matrix, row_price, column_price, owner)
    found = [(int(owner[column]), column) for column in range(columns) if owner[column] < rows]
    return [(column, row) for row, column in found] if turned else found


def _augment(matrix: Costs, row_price: Costs, column_price: Costs, owner: NDArray[np.int64]) -> None:
    """Gives the row at the root a column, moving others along the cheapest path."""
    rows, columns = matrix.shape
    least = np.full(columns, np.inf)
    came_from = np.full(columns, columns)
    done = np.zeros(columns + 1, bool)
    at = columns
    while owner[at] != rows:
        done[at] = True
        row = int(owner[at])
        free = ~done[:columns]
        slack = matrix[row] - row_price[row] - column_price[:columns]
        better = free & (slack < least)
        least[better], came_from[better] = slack[better], at
        nearest = int(np.argmin(np.where(free, least, np.inf)))
        step = least[nearest]
        row_price[owner[done]] += step
        column_price[done] -= step
        least[free] -= step
        at = nearest
    while at != columns:
        before = int(came_from[at])
        owner[at] = owner[before]
        at = before
