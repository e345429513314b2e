"""Figures for Prometheus: what one server process counts, and the text of all processes of this machine.

Several workers write into files of one folder (`share`), so whoever is asked answers for all of them.
"""

import os
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest, multiprocess, values

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def share(folder: Path) -> None:
    """Before the first figure: the folder through which the workers of this machine share them, emptied."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in folder.glob("*.db"):
        left.unlink()
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(folder)  # noqa: TID251 - how the library is told
    values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call] # it chose when it was loaded


def ended(process: int) -> None:
    """A worker is gone: its gauges no longer count, what it counted stays counted."""
    multiprocess.mark_process_dead(process)  # type: ignore[no-untyped-call]


class Figures:
    """The figures of one process; made in the worker, once."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.linked = self._sum("examhall_linked_seats", "Seats heard by this server now")
        self.hint = self._most("examhall_load_hint", "How much load slows seats down, 0 to 10")
        self.lag = self._most("examhall_loop_lag_p99_seconds", "Lag of the event loop, p99 of ten minutes")
        self.waiting = self._sum("examhall_saves_waiting", "Callers that wait for the answer store")
        self.jobs = self._sum("examhall_jobs_running", "Child processes at long work")
        self.memory = self._sum("examhall_resident_bytes", "Resident memory of the workers")
        self.disk = self._least("examhall_disk_free_bytes", "Free space where the data folder lies")
        self.clock = self._most("examhall_clock_step_seconds", "Wall clock against the steady clock")
        self.proven = self._least("examhall_clock_proven", "1 while the time is known to be right")
        self.epoch = self._most("examhall_epoch", "Which reign this server belongs to")
        self.fenced = self._most("examhall_fenced", "1 after another server has taken over")
        self.protected = self._least(
            "examhall_standby_protected",
            "1 while the standby has what was acknowledged, -1 without a standby",
        )
        self.leads = self._sum("examhall_leaders", "Workers that do what is done once: 1 among all machines")
        self.records = Counter("examhall_records", "Answer records made durable", registry=self.registry)
        self.commits = Counter("examhall_commits", "Group commits of answers", registry=self.registry)
        self.faults = Counter(
            "examhall_store_faults", "Times the answer store did not confirm", registry=self.registry
        )
        self._counted = (0, 0, 0)

    def count(self, records: int, commits: int, faults: int) -> None:
        """Takes over the totals that this process has counted since its start."""
        before, self._counted = self._counted, (records, commits, faults)
        for counter, now, then in zip(
            (self.records, self.commits, self.faults), self._counted, before, strict=True
        ):
            counter.inc(max(0, now - then))

    def _sum(self, name: str, says: str) -> Gauge:
        return Gauge(name, says, registry=self.registry, multiprocess_mode="livesum")

    def _most(self, name: str, says: str) -> Gauge:
        return Gauge(name, says, registry=self.registry, multiprocess_mode="livemax")

    def _least(self, name: str, says: str) -> Gauge:
        return Gauge(name, says, registry=self.registry, multiprocess_mode="livemin")


def text(figures: Figures) -> bytes:
    """What Prometheus reads: all workers of this machine when they share, else this process."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:  # noqa: TID251 - how the library is told
        return generate_latest(figures.registry)
    everybody = CollectorRegistry()
    multiprocess.MultiProcessCollector(everybody)  # type: ignore[no-untyped-call]
    return generate_latest(everybody)
