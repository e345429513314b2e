"""A small linear or mixed-integer program, solved by HiGHS on one thread, silently and repeatably.

Columns and rows come in blocks of NumPy arrays: a pool of 16,000 items is one block of columns and a handful
of blocks of rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import highspy
import numpy as np
from numpy.typing import ArrayLike, NDArray

NODE_LIMIT = 400  # branch-and-bound nodes: a limit that, unlike time, is the same on every machine
INFINITY = float(highspy.kHighsInf)
_USABLE = (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kSolutionLimit)

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Solution:
    """Values by column, the objective and its proven lower bound.

    `prices`: by row, what one unit more of its range would change the objective (linear programs only).
    """

    values: Floats
    objective: float
    bound: float
    prices: Floats


@dataclass(frozen=True, slots=True)
class Entries:
    """Factors of a block of rows: `rows` counts from the block's first, `columns` from the program's."""

    rows: Ints
    columns: Ints
    values: Floats


@dataclass(frozen=True, slots=True)
class _Block:
    low: Floats
    high: Floats
    entries: Entries


class Program:
    """Columns with lower <= x <= upper and rows low <= a.x <= high; minimises the cost."""

    def __init__(self) -> None:
        self._costs: list[Floats] = []
        self._lowers: list[Floats] = []
        self._uppers: list[Floats] = []
        self._whole: list[NDArray[np.bool_]] = []
        self._blocks: list[_Block] = []
        self._width = 0

    @property
    def width(self) -> int:
        """Columns so far."""
        return self._width

    def columns(
        self, costs: ArrayLike, upper: ArrayLike = 1.0, *, lower: ArrayLike = 0.0, whole: bool = False
    ) -> Ints:
        """Add columns, whole-numbered or continuous; returns their numbers."""
        cost = np.atleast_1d(np.asarray(costs, dtype=np.float64))
        n = len(cost)
        self._costs.append(cost)
        self._lowers.append(np.broadcast_to(np.asarray(lower, dtype=np.float64), n))
        self._uppers.append(np.broadcast_to(np.asarray(upper, dtype=np.float64), n))
        self._whole.append(np.full(n, whole))
        self._width += n
        return np.arange(self._width - n, self._width)

    def rows(self, low: ArrayLike, high: ArrayLike, entries: Entries) -> None:
        """Add a block of rows low <= sum(value * column) <= high; each (row, column) at most once."""
        lows = np.atleast_1d(np.asarray(low, dtype=np.float64))
        highs = np.atleast_1d(np.asarray(high, dtype=np.float64))
        self._blocks.append(_Block(lows, highs, entries))

    def row(self, low: float, high: float, entries: Iterable[tuple[int, float]]) -> None:
        """Add one row from (column, factor) pairs."""
        pairs = list(entries)
        columns = np.array([column for column, _ in pairs], dtype=np.int64)
        values = np.array([factor for _, factor in pairs], dtype=np.float64)
        self.rows(low, high, Entries(np.zeros(len(pairs), dtype=np.int64), columns, values))

    def elastic(self, prices: Floats) -> tuple[Ints, Ints]:
        """Let every row be missed at its price a unit: (columns that fill below, columns that take above)."""
        below, above = self.columns(prices, INFINITY), self.columns(prices, INFINITY)
        at = 0
        for i, block in enumerate(self._blocks):
            rows = np.arange(len(block.low))
            old = block.entries
            ones = np.ones(len(rows))
            entries = Entries(
                np.concatenate([old.rows, rows, rows]),
                np.concatenate([old.columns, below[at + rows], above[at + rows]]),
                np.concatenate([old.values, ones, -ones]),
            )
            self._blocks[i] = _Block(block.low, block.high, entries)
            at += len(rows)
        return below, above

    def solve(self, *, gap: float = 0.0, seed: int = 0, nodes: int = NODE_LIMIT) -> Solution | None:
        """The best values within a relative gap; None when none exist or `nodes` nodes found none."""
        solver = highspy.Highs()
        options: dict[str, bool | int | float | str] = {
            "output_flag": False,
            "threads": 1,
            "parallel": "off",
            "random_seed": seed % 2_147_483_647,
            "mip_rel_gap": gap,
            "mip_max_nodes": nodes,
        }
        for name, value in options.items():
            solver.setOptionValue(name, value)
        solver.passModel(self._model())
        solver.run()
        info = solver.getInfo()
        if solver.getModelStatus() not in _USABLE:
            return None
        if info.primal_solution_status != int(highspy.SolutionStatus.kSolutionStatusFeasible):
            return None
        whole = any(block.any() for block in self._whole)
        bound = info.mip_dual_bound if whole else info.objective_function_value
        found = solver.getSolution()
        values = np.array(found.col_value, dtype=np.float64)
        prices = np.array([] if whole else found.row_dual, dtype=np.float64)
        return Solution(values, info.objective_function_value, bound, prices)

    def _model(self) -> highspy.HighsLp:
        model = highspy.HighsLp()
        model.num_col_ = self._width
        model.col_cost_ = _joined(self._costs)
        model.col_lower_ = _joined(self._lowers)
        model.col_upper_ = _joined(self._uppers)
        model.row_lower_ = _joined([block.low for block in self._blocks])
        model.row_upper_ = _joined([block.high for block in self._blocks])
        model.num_row_ = len(model.row_lower_)
        starts, columns, values = self._matrix()
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = starts
        model.a_matrix_.index_ = columns
        model.a_matrix_.value_ = values
        whole = np.concatenate(self._whole) if self._whole else np.zeros(0, dtype=bool)
        if whole.any():
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            model.integrality_ = [kinds[each] for each in whole.tolist()]
        return model

    def _matrix(self) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats]:
        """Row starts, column numbers and factors, row by row."""
        if not self._blocks:
            return np.zeros(1, dtype=np.int32), np.zeros(0, dtype=np.int32), np.zeros(0)
        firsts = np.cumsum([0, *(len(block.low) for block in self._blocks)])
        parts = [block.entries for block in self._blocks]
        rows = np.concatenate([part.rows + first for part, first in zip(parts, firsts, strict=False)])
        order = np.argsort(rows, kind="stable")
        counts = np.bincount(rows, minlength=int(firsts[-1]))
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        columns = np.concatenate([part.columns for part in parts])[order].astype(np.int32)
        return starts, columns, np.concatenate([part.values for part in parts])[order]


def _joined(parts: list[Floats]) -> Floats:
    return np.concatenate(parts) if parts else np.zeros(0)
