"""The rows of long work: written by the job runner, shown on job pages."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.access import Actor
from server.db.record import JobRow
from server.errors import NotFound, Refused

RUNNING = "running"


@dataclass(frozen=True, slots=True)
class JobView:
    """One job for a screen. `percent` 0..100; `link` is the page to go on with."""

    id: int
    kind: str
    state: str
    percent: int
    note: str
    fault: str
    fault_params: dict[str, str]
    link: str
    created_by: int | None

    @property
    def running(self) -> bool:
        """Whether it still works or waits for its turn."""
        return self.state == RUNNING


def create(  # noqa: PLR0913 - the facts of a job
    session: Session, actor: Actor, kind: str, link: str, *, now: datetime, worker: str = ""
) -> int:
    """A new running job's id. `worker`: the process that does it."""
    row = JobRow(kind=kind, state=RUNNING, link=link, created_at=now, created_by=actor.user_id, worker=worker)
    session.add(row)
    session.flush()
    return row.id


def progress(session: Session, job_id: int, share: float, note: str) -> None:
    """Notes how far a running job is (0..1)."""
    running = update(JobRow).where(JobRow.id == job_id, JobRow.state == RUNNING)
    session.execute(running.values(progress=share, note=note[:120]))


def finish(session: Session, job_id: int, state: str, *, now: datetime, fault: Refused | None = None) -> None:
    """Ends a running job as done, failed or cancelled; `fault` tells why."""
    values: dict[str, object] = {"state": state, "finished_at": now}
    if fault is None:
        values["progress"] = 1.0
    else:
        values |= {"fault": fault.code[:64], "fault_params": fault.params}
    session.execute(update(JobRow).where(JobRow.id == job_id, JobRow.state == RUNNING).values(**values))


def fail_leftovers(session: Session, workers: Collection[str] | None = None, *, now: datetime) -> int:
    """Marks jobs of dead processes as failed, of all processes unless they are named; how many there were."""
    left = update(JobRow).where(JobRow.state == RUNNING)
    if workers is not None:
        left = left.where(JobRow.worker.in_(workers))
    done = session.execute(left.values(state="failed", finished_at=now, fault="job_interrupted"))
    return int(done.rowcount)  # type: ignore[attr-defined]


def workers(session: Session) -> set[str]:
    """The processes that do the running jobs."""
    return set(session.scalars(select(JobRow.worker).where(JobRow.state == RUNNING)))


def ask_to_end(session: Session, job_id: int) -> None:
    """Lets the process that does a job know that nobody wants it any more."""
    running = update(JobRow).where(JobRow.id == job_id, JobRow.state == RUNNING)
    session.execute(running.values(unwanted=True))


def unwanted(session: Session, worker: str) -> list[int]:
    """Jobs of a process that somebody asked to end."""
    query = select(JobRow.id).where(
        JobRow.worker == worker, JobRow.state == RUNNING, JobRow.unwanted.is_(True)
    )
    return list(session.scalars(query))


def look(session: Session, job_id: int) -> JobView:
    """One job, or `NotFound`."""
    row = session.get(JobRow, job_id)
    if row is None:
        raise NotFound("job")
    return JobView(
        row.id,
        row.kind,
        row.state,
        round(row.progress * 100),
        row.note,
        row.fault,
        row.fault_params,
        row.link,
        row.created_by,
    )
