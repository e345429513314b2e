"""Reading a bank file from the upload to the report, and the commit: for the web and the command line alike.

Ciphers and hashes of many items work in a native thread outside any transaction; the database is only told.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from itembank.problems import Problem
from server.access import Actor
from server.db.base import Database
from server.jobs.bank import reading_of
from server.jobs.runner import Jobs
from server.native import NativePool
from server.services import import_commit, import_mapping, imports
from server.services.import_commit import Choice
from server.services.signed import Signed

CANCELLED = "job_cancelled"


@dataclass(frozen=True, slots=True)
class Desk:
    """What imports need of their host."""

    db: Database
    jobs: Jobs
    native: NativePool
    now: Callable[[], datetime]


def start_reading(desk: Desk, actor: Actor, import_id: int, link: str) -> int:
    """Begins the job that reads the kept file; its id. `link` is the page to go on with."""
    begun = time.monotonic()
    job_id = desk.jobs.start(
        "read_bank",
        desk.native.call(_payload, desk.db, import_id),
        actor=actor,
        link=link,
        done=lambda result: keep(desk, import_id, result, seconds=time.monotonic() - begun),
        failed=lambda code: give_up(desk, import_id, code),
    )
    desk.db.write(imports.link_job, import_id, job_id)
    return job_id


def keep(desk: Desk, import_id: int, result: Mapping[str, Any], *, seconds: float = 0.0) -> None:
    """Stores what a child answered: the reading, or why the file is refused."""
    if "refused" in result:
        desk.db.write(imports.fail, import_id, Problem.from_json(result["refused"]))
        return
    kept = desk.native.call(_checked, desk.db, import_id, result, seconds)
    desk.db.write(imports.store, import_id, kept)


def give_up(desk: Desk, import_id: int, code: str) -> None:
    """A reading that ended without an answer. One that a person stopped leaves nothing behind."""
    if code == CANCELLED:
        desk.db.write(imports.cancelled, import_id)
    else:
        desk.db.write(imports.fail, import_id, Problem(code))


def take_in(desk: Desk, who: Actor | Signed, import_id: int, choice: Choice) -> int:
    """Adds the items of a checked import to their bank; how many. Raises `Refused`."""
    made = desk.native.call(_prepared, desk.db, import_id, choice)
    return desk.db.write(import_commit.take_in, who, made, now=desk.now())


def report(desk: Desk, import_id: int) -> imports.ImportReport:
    """The import as its screen shows it, opened beside the event loop."""
    return desk.native.call(_report, desk.db, import_id)


def _payload(db: Database, import_id: int) -> dict[str, Any]:
    with db.read() as session:
        return import_mapping.payload(session, import_id)


def _checked(db: Database, import_id: int, result: Mapping[str, Any], seconds: float) -> imports.Kept:
    found = reading_of(result)
    with db.read() as session:
        return imports.checked(session, import_id, found, seconds=round(seconds, 2))


def _prepared(db: Database, import_id: int, choice: Choice) -> import_commit.Prepared:
    with db.read() as session:
        return import_commit.prepare(session, import_id, choice)


def _report(db: Database, import_id: int) -> imports.ImportReport:
    with db.read() as session:
        return imports.report(session, import_id)
