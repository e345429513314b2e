"""Conducts a staged sitting from the opening of the package to the read result list."""

import functools
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import func, select

from exam_rooms.seats import COLLECTED
from server.cli.rehearse.acts import Shift
from server.cli.rehearse.crew import Crew
from server.cli.rehearse.findings import CameraFindings, camera_findings, enrolled_seats, incident_seats
from server.cli.rehearse.fleet import (
    Agent,
    FleetFault,
    Process,
    counted,
    start_agents,
    start_candidates,
)
from server.cli.rehearse.hall import Hall
from server.cli.rehearse.report import Report
from server.cli.rehearse.staff import StaffRefused
from server.cli.rehearse.stage import Entrant, Stage, policy
from server.cli.rehearse.staging import Director, consents
from server.cli.rehearse.watch import Monitor
from server.cli.words import _
from server.db.sittings import Attempt, ComponentResult, Incident, RoomSitting
from server.services import check_gate, collection
from server.services.check_gate import CheckTally

LOOK_SECONDS = 0.2
ENTRY_SECONDS = 120.0
"""How long candidates may take from the agents being up to waiting for the start."""
CHECK_SECONDS = 60.0
"""How long the self-checks of all seats may take, beside agents that are still starting."""
CLOSING_SECONDS = 120.0
"""How long collecting and marking may take after the time is over."""
ENROLMENT_SECONDS = 90.0
"""How long cameras may take to enrol everybody before the start; later they do it while answers come in."""
EVIDENCE_SECONDS = 60.0
"""How long the last pictures and their second look may take after the sitting."""
HERE = ("identified", "admitted", "confirmed", "ready", "answering")
"""States of candidates who are at their seats and not done."""


class Play:
    """One sitting. Use it as a context manager: the monitor is closed with it, an open room is ended."""

    def __init__(self, hall: Hall, crew: Crew, staged: Stage, *, told: Callable[[str], None]) -> None:
        self.hall = hall
        self.stage = staged
        self.told = told
        self.shift = Shift(hall.address, crew, staged.room_sitting)
        self.monitor = Monitor(self.shift.invigilator, staged.room_sitting, hall.ca_file)
        self.agents: dict[str, Agent] = {}
        self.simulated: tuple[Entrant, ...] = staged.entrants
        self.candidates: Process | None = None
        self.admits: Callable[[Mapping[str, Any]], bool] = lambda _card: True
        self.director: Director | None = None
        self.camera_of: Callable[[str], Sequence[str]] = lambda _seat: ()
        """The arguments by which the agent at a seat knows its camera."""
        self._began: float | None = None
        self._fault = ""
        self._cpu_before = 0.0
        self._health: dict[str, Any] = {}

    def __enter__(self) -> "Play":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if not self.hall.variables and self.room_state() in ("released", "running"):
                self.shift.end()  # a server that goes on must not keep an open room
        except (StaffRefused, OSError) as fault:
            self.told(str(fault))
        finally:
            self.monitor.close()

    # --- before the start

    def direct(self, director: Director | None) -> None:
        """Who has a recorded camera, and what happens in front of it; before agents start."""
        self.director = director
        if director is not None:
            self.camera_of = director.cameras.arguments

    def prepare(self) -> None:
        """Staff sign in, the monitor opens, two custodians release the package."""
        self.shift.sign_in()
        self.monitor.connect()
        self.shift.release()
        self.told(_("试卷包已由两名保管人启封"))

    def seat_everybody(self) -> None:
        """Agents start and pair, candidates sign in, invigilators admit, until all wait for the start."""
        self.start_agents([entrant.seat for entrant in self.simulated])
        self.enter()

    def enter(self) -> None:
        """The simulated candidates sign in at their agents and are admitted, until all wait for the start."""
        self.candidates = start_candidates(self.hall.fleet, self.candidates_plan(self.simulated))
        self._until(self._all_wait, ENTRY_SECONDS, _("考生没有全部进入候考"))
        self.told(_("%(n)d 名考生已进入候考", n=len(self.simulated)))

    def start_agents(self, seats: list[str]) -> None:
        """Starts the agents of these seats, a few at a time."""
        codes = {seat: self.stage.codes[seat] for seat in seats}
        told = functools.partial(self._tell_agents, len(seats))
        fleet, address = self.hall.fleet, self.hall.address
        self.agents |= start_agents(fleet, address, codes, extra=self.camera_of, told=told)

    def _tell_agents(self, of: int, count: int) -> None:
        if count % 6 == 0 or count == of:
            self.told(_("考试机 %(n)d/%(of)d", n=count, of=of))

    def candidates_plan(self, entrants: Sequence[Entrant]) -> dict[str, Any]:
        """What the simulated candidates of these entrants are told; their agents are up."""
        seats = [
            {
                "launch_file": str(self.agents[entrant.seat].launch_file),
                "ticket": entrant.ticket,
                "id_number": entrant.id_number,
                "consent": consents(number),
                "seed": number,
                "pace_seconds": None,
                "correct": None,
            }
            for number, entrant in enumerate(entrants, 1)
        ]
        return {"seats": seats, "until": "receipt"}

    def tend(self) -> None:
        """One look at the monitor: whoever signed in is admitted."""
        for card in self.monitor.in_state("identified"):
            if self.admits(card):
                self.tolerant(self.shift.admit, int(card["seat"]))

    def tolerant(self, act: Callable[..., None], *about: int) -> None:
        """An act that the next look repeats: a card may be older than the record, a server may be away.

        What is refused once was such a card and is no news; refused again it is told.
        """
        try:
            act(*about)
        except (StaffRefused, OSError) as fault:
            again, self._fault = str(fault) == self._fault, str(fault)
            if again:
                self.told(_("没有办成，稍后再试：%(fault)s", fault=fault))
            time.sleep(LOOK_SECONDS)
        else:
            self._fault = ""

    def _all_wait(self) -> bool:
        seats = {entrant.seat for entrant in self.simulated}
        waiting = {card["number"] for card in self.monitor.in_state("ready", "answering")}
        return seats <= waiting

    def await_enrolments(self) -> None:
        """Waits until every camera has enrolled its candidate, but no longer than it may take."""
        end = time.monotonic() + ENROLMENT_SECONDS
        while lacking := self.unenrolled():
            if time.monotonic() > end:
                self.told(_("仍未采集：%(seats)s", seats="、".join(sorted(lacking))))
                return
            self._look_after_candidates()
            time.sleep(LOOK_SECONDS)
        if self.director:
            self.told(_("人脸采集完成：%(n)d 人", n=len(self.director.enrolling)))

    def unenrolled(self) -> set[str]:
        """Seats whose candidate agreed to face comparison and is not enrolled yet."""
        if self.director is None:
            return set()
        with self.hall.host.db.read() as session:
            return set(self.director.enrolling) - enrolled_seats(session, self.stage.room_sitting)

    # --- the sitting

    def await_checks(self) -> None:
        """Waits until every used seat has passed its self-check, but no longer than that may take; the start
        says what is left.
        """
        end = time.monotonic() + CHECK_SECONDS
        while (tally := self._checks()).blocked and time.monotonic() < end:
            self._look_after_candidates()
            self.tend()
            time.sleep(LOOK_SECONDS)
        self.told(_("座位自检通过 %(n)d/%(of)d", n=tally.passed, of=tally.used))

    def _checks(self) -> CheckTally:
        with self.hall.host.db.read() as session:
            return check_gate.tally_of(session, self.stage.room_sitting, now=self.hall.host.now())

    def start(self) -> None:
        """The room starts, once its seats have passed their self-checks."""
        self.await_checks()
        self.shift.mark_health()
        self._cpu_before = float(str(self.shift.health()["cpu_seconds"]))
        self.shift.start()
        self.told(_("开考"))

    def run(self, *, until: Callable[[], bool] | None = None) -> None:
        """Lets time pass until it is over for every seat, or until `until()`."""
        told_at = time.monotonic()
        while not (until() if until else self.over()):
            self._look_after_candidates()
            self.tend()
            self._direct()
            if time.monotonic() - told_at > 15:
                told_at = time.monotonic()
                self.told(self._progress())
            time.sleep(LOOK_SECONDS)

    def _look_after_candidates(self) -> None:
        process = self.candidates
        if process is not None and not process.running and process.child.returncode not in (0, 1):
            raise FleetFault(f"candidates: {process.child.returncode}\n{process.tail()}")

    def _direct(self) -> None:
        """Scenes follow the time since the start, whoever started the room."""
        if self.director is None:
            return
        if self._began is None and self.monitor.board.get("state") == "running":
            self._began = time.monotonic()
        if self._began is not None:
            self.director.tick(time.monotonic() - self._began)

    def over(self) -> bool:
        """Whether the time is over for every seat."""
        board = self.monitor.board
        if board.get("state") in ("ended", "collected", "marked"):
            return True
        return board.get("phase") == "over" and not self.monitor.in_state(*HERE)

    def _progress(self) -> str:
        cards = self.monitor.cards()
        done, total = sum(card["answered"] for card in cards), sum(card["total"] for card in cards)
        counts = self.monitor.board.get("counts", {})
        return _(
            "作答 %(done)d/%(total)d，答题中 %(answering)s，已交卷 %(submitted)s",
            done=done,
            total=total,
            answering=counts.get("answering", "?"),
            submitted=counts.get("submitted", "?"),
        )

    # --- after it

    def finish(self) -> None:
        """Ends the room, waits until everything is collected, has it marked and reads the results."""
        end = time.monotonic() + CLOSING_SECONDS
        while (state := self.room_state()) != "marked":
            if time.monotonic() > end:
                raise FleetFault(_("没有收齐：%(left)s", left=self._left()))
            if state == "running":
                self.tolerant(self.shift.end)
            elif state == "collected":
                self._health = self.shift.health()
                self.tolerant(self.shift.settle_merges)
                self.tolerant(self.shift.mark)
            time.sleep(LOOK_SECONDS)
        self.shift.read_results()
        self.told(_("已收卷、评分"))
        end = time.monotonic() + EVIDENCE_SECONDS
        while not self._camera_findings().settled and time.monotonic() < end:
            time.sleep(5 * LOOK_SECONDS)

    def room_state(self) -> str:
        """The state of the room in the record."""
        with self.hall.host.db.read() as session:
            return session.get_one(RoomSitting, self.stage.room_sitting).state

    def _left(self) -> str:
        with self.hall.host.db.read() as session:
            numbers = collection.tally(session, self.stage.room_sitting)
        return f"{numbers.open} open, " + ", ".join(seat for _attempt, seat in numbers.missing)

    def report(self) -> Report:
        """Counts everything; the simulated candidates are waited for."""
        seen = self._candidates_report()
        with self.hall.host.db.read() as session:
            here = Attempt.room_sitting_id == self.stage.room_sitting
            attempts = list(session.scalars(select(Attempt).where(here)))
            where = incident_seats(session, self.stage.room_sitting)
            incidents = Counter(
                session.scalars(
                    select(Incident.kind).where(Incident.room_sitting_id == self.stage.room_sitting)
                )
            )
            tally = collection.tally(session, self.stage.room_sitting)
            marked = session.scalar(
                select(func.count())
                .select_from(ComponentResult)
                .where(ComponentResult.room_sitting_id == self.stage.room_sitting)
                .where(ComponentResult.status == "scored")
            )
        count = counted(self.hall.fleet, self._counting_plan([attempt.id for attempt in attempts]))
        entered = [attempt for attempt in attempts if attempt.answering_at is not None]
        return Report(
            seats=len(attempts),
            entered=len(entered),
            acknowledged=int(seen["acknowledged"]),
            recorded=int(count["recorded"]),
            lost=int(count["lost"]),
            chain_errors=int(count["chain_errors"]),
            submitted=sum(attempt.state in COLLECTED for attempt in entered),
            absent=tally.absent,
            incidents=dict(incidents),
            monitor_delay_ms=self.monitor.delays(),
            loop_lag_ms=self._lag(),
            server_cpu_ms_per_answer=self._cpu_per_answer(int(count["recorded"])),
            marked=marked or 0,
            incident_seats=where,
            **self._of_cameras(),
        )

    def _of_cameras(self) -> dict[str, Any]:
        """The report's fields about cameras, but for the incidents."""
        found = self._camera_findings()
        return {
            "cameras": len(self.director.cameras) if self.director else 0,
            "staged": self.director.staged if self.director else {},
            "alert_delay_ms": self.monitor.alert_delays(),
            **asdict(found),
        }

    def _camera_findings(self) -> CameraFindings:
        rules = policy().watching
        assert rules is not None  # the profile of rehearsals has them
        seats = sorted(self.director.enrolling) if self.director else []
        with self.hall.host.db.read() as session:
            return camera_findings(session, self.stage.room_sitting, rules, seats)

    def _candidates_report(self) -> dict[str, Any]:
        if self.candidates is None:
            return {"acknowledged": 0}
        self.candidates.child.wait(timeout=CLOSING_SECONDS)
        found: dict[str, Any] = json.loads(self.candidates.tail_line())
        for error in found["errors"]:
            self.told(_("模拟考生：%(error)s", error=error))
        return found

    def _counting_plan(self, attempts: list[int]) -> dict[str, Any]:
        return {
            "answers_url": self.hall.host.settings.answers_url,
            "attempts": attempts,
            "folders": [str(agent.folder) for agent in self.agents.values()],
        }

    def _lag(self) -> dict[str, float]:
        lag = self._health.get("loop_lag_ms_since_mark", {})
        return {name: float(lag.get(name, 0.0)) for name in ("p50", "p99", "max")}

    def _cpu_per_answer(self, answers: int) -> float:
        spent = float(self._health.get("cpu_seconds", 0.0)) - self._cpu_before
        return round(1000 * spent / answers, 2) if answers else 0.0

    def _until(self, done: Callable[[], bool], seconds: float, otherwise: str) -> None:
        end = time.monotonic() + seconds
        while not done():
            self._look_after_candidates()
            self.tend()
            if time.monotonic() > end:
                raise FleetFault(otherwise)
            time.sleep(LOOK_SECONDS)
