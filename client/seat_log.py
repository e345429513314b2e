"""The seat's own log of time in which nobody could work although it went on: evidence, never a credit.

Somebody can work while the agent runs, the paper is open and the candidate's page asks for it. From the last
moment of which that was known to the first one after, the time was lost; why, the boots and processes tell. A
pause, a cover or a hand-in is no loss.
"""

import json
import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from client.agent import Agent
from client.evidence import Evidence
from exam_rooms.kiosk_messages import BreachRequest, LossKind, LossNote
from exam_rooms.wire import canonical, decode, encode

LOG = logging.getLogger("examhall.kiosk")
PACE_SECONDS = 1.0
LEAST_SECONDS = 5.0
"""A shorter absence of the page is a hiccup."""
KEEP_SECONDS = 2.0
FILE = "seat.log"


@dataclass(frozen=True, slots=True)
class Mark:
    """The last moment at which an attempt could be worked at; `at_ns` on the boot clock of `boot_id`."""

    attempt: int
    boot_id: str
    process: str
    at_ns: int


class SeatLog:
    """Watches one seat. `page_seen`: boot seconds at which the page was heard last, None: never."""

    def __init__(
        self, agent: Agent, evidence: Evidence, file: Path, page_seen: Callable[[], float | None]
    ) -> None:
        self._agent = agent
        self._evidence = evidence
        self._file = file
        self._page_seen = page_seen
        self._process = secrets.token_hex(8)
        self._mark = _read(file)
        self._kept_ns = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts the thread, or starts it again when it died of a fault."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="seat-log", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Ends it."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(2.0)

    def look(self) -> LossNote | None:
        """One look; the loss that has just ended, if there is one."""
        boot_id, boot, attempt, wanted, opened = self._agent.working()
        if attempt is None:
            self._mark = None
            return None
        seen = self._page_seen()
        able = opened and seen is not None and boot - seen < LEAST_SECONDS
        if wanted and not able:
            return None
        known = seen if wanted and seen is not None else boot  # up to there somebody could work
        here = Mark(attempt, boot_id, self._process, int(known * 1e9))
        before, self._mark = self._mark, here
        loss = self._lost(before, here) if wanted else None
        if here.at_ns - self._kept_ns >= KEEP_SECONDS * 1e9 or loss is not None:
            self._keep(here)
        return loss

    def _lost(self, before: Mark | None, here: Mark) -> LossNote | None:
        if before is None or before.attempt != here.attempt:
            return None
        if before.boot_id != here.boot_id:
            kind = LossKind.MACHINE_OFF
        elif here.at_ns - before.at_ns < LEAST_SECONDS * 1e9:
            return None
        else:
            kind = LossKind.PAGE_GONE if before.process == here.process else LossKind.AGENT_OFF
        ends = (before.boot_id, before.at_ns, here.boot_id, here.at_ns)
        note = LossNote(secrets.token_hex(16), str(kind), *ends)
        self._evidence.put(BreachRequest(here.attempt, (), losses=(note,)))
        self._agent.evidence_waits()
        return note

    def _keep(self, mark: Mark) -> None:
        """Written without a flush: a power cut may cost the last seconds, and the server has its own word."""
        self._kept_ns = mark.at_ns
        draft = self._file.with_suffix(".new")
        try:
            draft.write_bytes(canonical(encode(mark)))
            draft.replace(self._file)
        except OSError as fault:
            LOG.warning("seat log not kept: %s", fault.strerror)

    def _run(self) -> None:
        while not self._stopping.wait(PACE_SECONDS):
            try:
                self.look()
            except Exception as fault:  # noqa: BLE001 - nothing here may cost an answer
                LOG.error("seat log: %s", type(fault).__name__)


def _read(file: Path) -> Mark | None:
    try:
        mark = decode(Mark, json.loads(file.read_bytes()))
    except (OSError, ValueError):
        return None
    return replace(mark, at_ns=max(0, mark.at_ns))
