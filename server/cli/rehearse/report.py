"""What a rehearsal found: one JSON line, and whether it may count as passed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from server.cli.rehearse.findings import WATCH_KINDS

ALERT_MS = 10_000.0
"""An alert that comes later has failed. How soon they come is printed: busy machines say little of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`acknowledged`: answers that candidates saw as saved at the server; `recorded`: answers the store
    holds; `lost`, `chain_errors`: by the counting process, from the agents' journals. Times in ms.

    Of cameras: how many there are, `staged` and `incident_seats` by incident kind, the time from an agent's
    decision to the monitor, random pictures, and what was kept of people who refused (`unconsented`).
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
    cameras: int = 0
    staged: Mapping[str, Sequence[str]] = field(default_factory=dict)
    incident_seats: Mapping[str, Sequence[str]] = field(default_factory=dict)
    alert_delay_ms: Mapping[str, float] = field(default_factory=dict)
    captures: Mapping[str, int] = field(default_factory=dict)
    frames_stored: int = 0
    frames_waiting: int = 0
    unconsented: int = 0

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
        return [fault for fault, good in checks.items() if not good] + list(self._camera_faults())

    def _camera_faults(self) -> Iterator[str]:
        """Incidents at exactly the seats that staged them, told in time; no capture or picture lost."""
        for kind in map(str, WATCH_KINDS):
            found, wanted = sorted(self.incident_seats.get(kind, ())), sorted(self.staged.get(kind, ()))
            if found != wanted:
                raised, staged = (", ".join(seats) or "none" for seats in (found, wanted))
                yield f"{kind} raised at seats: {raised}; staged at: {staged}"
        slowest = self.alert_delay_ms.get("p99", 0.0)
        if self.staged and not 0 < slowest <= ALERT_MS:
            yield f"alerts took {slowest} ms to the monitor"
        counts = {
            "captures missed": self.captures.get("missed", 0),
            "captures not looked at again": self.captures.get("due", 0) + self.captures.get("failed", 0),
            "captures on which the server disagrees": self.captures.get("disagree", 0),
            "pictures announced and not stored": self.frames_waiting,
            "records of people who refused": self.unconsented,
        }
        yield from (f"{count} {what}" for what, count in counts.items() if count)

    def to_json(self) -> dict[str, Any]:
        """The line's fields, in order."""
        return asdict(self)
