"""Starts long work in child processes, follows it, and ends it when asked (design D19)."""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from server.access import Actor
from server.db.base import Database
from server.db.membership import Membership
from server.errors import Refused
from server.jobs.pipe import read_message, write_message
from server.jobs.tasks import LOOKS, PATIENCE, ROOM
from server.services import joblist
from server.settings import Settings

log = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 2
PROGRESS_EVERY_SECONDS = 0.5
_SIGNALS = {-24: "job_too_long", -9: "job_too_long", -6: "job_crashed", -11: "job_crashed"}

Done = Callable[[dict[str, Any]], object]
Failed = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Work:
    """What to do and whom to tell: a kind of `server.jobs.tasks`, its payload, two callbacks."""

    kind: str
    payload: dict[str, Any]
    done: Done
    failed: Failed


class Jobs:
    """The children of this process. Callbacks run beside the request, in their own thread or greenlet."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        now: Callable[[], datetime],
        membership: Membership | None = None,
    ) -> None:
        self._db = db
        self._settings = settings
        self._now = now
        self._membership = membership or Membership(db.engine, "")
        self._room = threading.BoundedSemaphore(max(1, AT_ONCE // settings.workers))
        self._doubted: set[str] = set()
        """Processes that were not there at the last sweep."""
        self._children: dict[int, subprocess.Popen[bytes]] = {}
        self._followers: dict[int, threading.Thread] = {}
        self._cancelled: set[int] = set()

    def start(  # noqa: PLR0913 - the six facts of a job
        self,
        kind: str,
        payload: dict[str, Any],
        *,
        actor: Actor,
        link: str,
        done: Done,
        failed: Failed = lambda _code: None,
    ) -> int:
        """Begins a job and returns its id at once. `done(result)` runs before the job counts as done."""
        self._membership.hold()
        worker = self._membership.worker
        job_id = self._db.write(joblist.create, actor, kind, link, now=self._now(), worker=worker)
        work = Work(kind, payload, done, failed)
        thread = threading.Thread(target=self._follow, args=(job_id, work), daemon=True)
        self._followers[job_id] = thread
        thread.start()
        return job_id

    def run(self, kind: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Does a job and waits for it; raises `Refused` with its problem."""
        with self._spawn(kind) as child:
            return self._converse(child, self._told(kind, payload), lambda _share, _note: None)

    def cancel(self, job_id: int) -> None:
        """Ends a job's child; the job counts as cancelled and nothing of it is stored."""
        if job_id not in self._followers:
            self._db.write(joblist.ask_to_end, job_id)  # another process does it, if anybody
            return
        self._cancelled.add(job_id)
        child = self._children.get(job_id)
        if child is not None:
            child.kill()

    def running(self) -> int:
        """How many children of this process are at work."""
        return len(self._children)

    def wait(self, job_id: int, timeout: float = 60.0) -> None:
        """Returns when the job has ended, or after `timeout` seconds."""
        follower = self._followers.get(job_id)
        if follower is not None:
            follower.join(timeout)

    def sweep(self) -> None:
        """Marks what a dead server left running; called at start by a process that is alone."""
        self._db.write(joblist.fail_leftovers, now=self._now())

    def sweep_dead(self) -> None:
        """Marks what processes left running that were not there at two sweeps; the leader's, now and then."""
        with self._db.read() as session:
            named = joblist.workers(session)
        gone = {worker for worker in named if not self._membership.there(worker)}
        dead, self._doubted = gone & self._doubted, gone
        if dead:
            self._db.write(joblist.fail_leftovers, dead, now=self._now())

    def end_unwanted(self) -> None:
        """Ends what somebody asked another process to end; looks only while there are jobs here."""
        if not self._followers:
            return
        with self._db.read() as session:
            unwanted = joblist.unwanted(session, self._membership.worker)
        for job_id in unwanted:
            self.cancel(job_id)

    def stop(self) -> None:
        """Ends all children."""
        for job_id in list(self._followers):
            self.cancel(job_id)

    def _follow(self, job_id: int, work: Work) -> None:
        try:
            with self._room:
                result = self._child_of(job_id, work)
            work.done(result)
            self._db.write(joblist.finish, job_id, "done", now=self._now())
        except Refused as refusal:
            self._ended_badly(job_id, work, refusal)
        except Exception:
            log.exception("job %s (%s) could not be stored", job_id, work.kind)
            self._ended_badly(job_id, work, Refused("job_failed"))
            raise
        finally:
            self._children.pop(job_id, None)
            self._followers.pop(job_id, None)
            self._cancelled.discard(job_id)

    def _child_of(self, job_id: int, work: Work) -> dict[str, Any]:
        if job_id in self._cancelled:
            raise Refused("job_cancelled")
        throttle = _Throttle(lambda share, note: self._db.write(joblist.progress, job_id, share, note))
        with self._spawn(work.kind) as child:
            self._children[job_id] = child
            if job_id in self._cancelled:  # asked for while the child was starting
                child.kill()
            result = self._converse(child, self._told(work.kind, work.payload), throttle.report)
        if job_id in self._cancelled:
            raise Refused("job_cancelled")
        return result

    def _ended_badly(self, job_id: int, work: Work, refusal: Refused) -> None:
        cancelled = job_id in self._cancelled
        fault = Refused("job_cancelled") if cancelled else refusal
        state = "cancelled" if cancelled else "failed"
        work.failed(fault.code)
        self._db.write(joblist.finish, job_id, state, now=self._now(), fault=fault)

    def _spawn(self, kind: str) -> subprocess.Popen[bytes]:
        seconds = self._settings.job_cpu * PATIENCE.get(kind, 1)
        limits = [str(self._settings.job_memory * ROOM.get(kind, 1)), str(seconds)]
        # Its own small environment: no database URL or other secret is handed down.
        env = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "PYTHONUTF8": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "RAYON_NUM_THREADS": "1",  # threads of the typesetter that wait cost more than they win
        }
        return subprocess.Popen(
            [sys.executable, "-m", "server.jobs.child", kind, *limits],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            cwd="/",
        )

    def _told(self, kind: str, payload: dict[str, Any]) -> dict[str, Any]:
        return payload | {"models": str(self._settings.models)} if kind in LOOKS else payload

    def _converse(
        self, child: subprocess.Popen[bytes], payload: dict[str, Any], report: Callable[[float, str], None]
    ) -> dict[str, Any]:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            write_message(child.stdin, "payload", payload)
            while (message := read_message(child.stdout)) is not None:
                kind, body = message
                if kind == "progress":
                    report(body["share"], body["note"])
                elif kind == "result":
                    return body
                else:
                    raise Refused(body["code"], **body["params"])
        except BrokenPipeError:
            log.warning("the child of a job went away while reading")
        finally:
            with suppress(BrokenPipeError):  # closing writes what a child that is gone had not read
                child.stdin.close()
        raise Refused(_SIGNALS.get(child.wait(), "job_crashed"))


class _Throttle:
    """Passes on a progress report at most twice a second: the row is for eyes."""

    def __init__(self, write: Callable[[float, str], None]) -> None:
        self._write = write
        self._last = 0.0

    def report(self, share: float, note: str) -> None:
        if time.monotonic() - self._last >= PROGRESS_EVERY_SECONDS:
            self._last = time.monotonic()
            self._write(share, note)
