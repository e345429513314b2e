"""What a rehearsal found: one JSON line, and whether it may count as passed."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`acknowledged`: answers that candidates saw as saved at the server; `recorded`: answers the store
    holds; `lost`, `chain_errors`: by the counting process, from the agents' journals. Times in ms.
    """

    seats: int
    entered: int
    acknowledged: int
    recorded: int
    lost: int
    chain_errors: int
    submitted: int
    absent: int
    incidents: Mapping[str, int]
    monitor_delay_ms: Mapping[str, float]
    loop_lag_ms: Mapping[str, float]
    server_cpu_ms_per_answer: float
    marked: int

    def faults(self) -> list[str]:
        """Everything that keeps the rehearsal from passing, as short sentences; empty when it passed."""
        checks = {
            f"{self.seats - self.absent - self.entered} did not enter": self.entered + self.absent
            == self.seats,
            "nobody entered": self.entered > 0,
            f"{self.lost} records lost": self.lost == 0,
            f"{self.chain_errors} chain errors": self.chain_errors == 0,
            f"{self.acknowledged - self.recorded} acknowledged answers missing": self.recorded
            >= self.acknowledged,
            f"{self.entered - self.submitted} not submitted": self.submitted == self.entered,
            f"{self.entered - self.marked} not marked": self.marked == self.entered,
        }
        return [fault for fault, good in checks.items() if not good]

    def to_json(self) -> dict[str, Any]:
        """The line's fields, in order."""
        return asdict(self)
