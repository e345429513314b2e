"""A small linear or mixed-integer program, solved by HiGHS on one thread, silently and repeatably."""

from collections.abc import Iterable
from dataclasses import dataclass

import highspy
import numpy as np

NODE_LIMIT = 4000  # branch-and-bound nodes: a limit that, unlike time, is the same on every machine
INFINITY = float(highspy.kHighsInf)
_USABLE = (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kSolutionLimit)


@dataclass(frozen=True, slots=True)
class Solution:
    """Values by column, the objective and the proven lower bound of the objective."""

    values: tuple[float, ...]
    objective: float
    bound: float


class Program:
    """Columns with 0 <= x <= upper and rows low <= a.x <= high; minimises the cost."""

    def __init__(self) -> None:
        self._costs: list[float] = []
        self._uppers: list[float] = []
        self._whole: list[bool] = []
        self._rows: list[tuple[float, float]] = []
        self._starts = [0]
        self._indices: list[int] = []
        self._values: list[float] = []

    def column(self, cost: float, upper: float = 1.0, *, whole: bool = False) -> int:
        """Add a column, whole-numbered or continuous; returns its number."""
        self._costs.append(cost)
        self._uppers.append(upper)
        self._whole.append(whole)
        return len(self._costs) - 1

    def row(self, low: float, high: float, entries: Iterable[tuple[int, float]]) -> None:
        """Add low <= sum(factor * column) <= high; entries are (column, factor), each column once."""
        for column, factor in entries:
            self._indices.append(column)
            self._values.append(factor)
        self._starts.append(len(self._indices))
        self._rows.append((low, high))

    def solve(self, *, gap: float = 0.0, seed: int = 0) -> Solution | None:
        """The best values within a relative gap; None when none exist or `NODE_LIMIT` nodes found none."""
        solver = highspy.Highs()
        options: dict[str, bool | int | float | str] = {
            "output_flag": False,
            "threads": 1,
            "parallel": "off",
            "random_seed": seed % 2_147_483_647,
            "mip_rel_gap": gap,
            "mip_max_nodes": NODE_LIMIT,
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
        bound = info.mip_dual_bound if any(self._whole) else info.objective_function_value
        return Solution(tuple(solver.getSolution().col_value), info.objective_function_value, bound)

    def _model(self) -> highspy.HighsLp:
        model = highspy.HighsLp()
        model.num_col_ = len(self._costs)
        model.num_row_ = len(self._rows)
        model.col_cost_ = np.array(self._costs, dtype=np.float64)
        model.col_lower_ = np.zeros(len(self._costs), dtype=np.float64)
        model.col_upper_ = np.array(self._uppers, dtype=np.float64)
        model.row_lower_ = np.array([low for low, _ in self._rows], dtype=np.float64)
        model.row_upper_ = np.array([high for _, high in self._rows], dtype=np.float64)
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        model.a_matrix_.start_ = np.array(self._starts, dtype=np.int32)
        model.a_matrix_.index_ = np.array(self._indices, dtype=np.int32)
        model.a_matrix_.value_ = np.array(self._values, dtype=np.float64)
        if any(self._whole):
            kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
            model.integrality_ = [kinds[whole] for whole in self._whole]
        return model
