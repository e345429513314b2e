"""A seat that makes its self-check through the agent's own code, for tests of the server's side."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from sqlalchemy.orm import Session

from client import canary
from client.journal import system_stamps
from exam_rooms.kiosk_messages import CheckName, CheckPlan, CheckReport, CheckResult, Verdict
from exam_rooms.protocol import Route
from server.db.sittings import Batch
from server.services import seat_checks
from tests.server.agent_kit import TestAgent
from tests.server.delivery_kit import Scene

Change = Callable[[CheckReport], CheckReport]


def require_checks(scene: Scene, **rules: object) -> None:
    """The room's batch asks for checks as the national policy does."""

    def change(session: Session) -> None:
        row = session.get_one(Batch, 1)
        row.policy = row.policy | {"checks": {**row.policy["checks"], "required": True, **rules}}

    scene.host.db.write(change)


def open_checks(scene: Scene) -> None:
    """What the opening of the package does: the room has its canary paper, every seat is asked."""
    scene.write(seat_checks.prepare, scene.room_sitting)


def honest(plan: CheckPlan, agent: TestAgent, folder: Path) -> CheckReport:
    """The report of a sound seat; its canary paper is sat by the agent's code."""
    desk = canary.Desk(_empty(folder, plan, agent), agent.scene.host.site.public_key, system_stamps())
    sat = canary.sit(plan, desk)
    found = {
        CheckName.PACKAGE: plan.package_sha256[:12],
        CheckName.VERSION: plan.version,
        CheckName.LABEL: agent.seat,
    }
    names = [name for name in CheckName if plan.camera or name not in ("camera", "light")]
    results = tuple(CheckResult(str(name), Verdict.GOOD, found.get(name, "")) for name in names)
    return CheckReport(plan.ref, results, sat.answers, sat.shown)


def _empty(folder: Path, plan: CheckPlan, agent: TestAgent) -> Path:
    made = folder / f"{agent.seat}-{plan.ref[:8]}"
    made.mkdir()
    return made


def report(agent: TestAgent, folder: Path, change: Change = lambda made: made) -> int:
    """Makes the round that is asked for now and posts it, changed or not; the HTTP status."""
    plan = agent.state().check
    assert plan is not None
    return agent.post(Route.CHECK, change(honest(plan, agent, folder))).status_code


def saying(name: str, verdict: Verdict, found: str = "") -> Change:
    """A report in which one check says something else."""

    def change(made: CheckReport) -> CheckReport:
        results = tuple(
            CheckResult(name, verdict, found or result.found) if result.name == name else result
            for result in made.results
        )
        return replace(made, results=results)

    return change


def without(name: str) -> Change:
    """A report of an agent that does not know one check."""
    return lambda made: replace(made, results=tuple(r for r in made.results if r.name != name))


def other_map(made: CheckReport) -> CheckReport:
    """A seat that showed something else."""
    return replace(made, canary_map=hashlib.sha256(b"another order").hexdigest())


def torn(made: CheckReport) -> CheckReport:
    """A canary journal with a record missing in the middle."""
    return replace(made, canary_answers=(*made.canary_answers[:3], *made.canary_answers[4:]))


def garbled(made: CheckReport) -> CheckReport:
    """A record that is none."""
    return replace(made, canary_answers=(base64.b64encode(b"{}").decode(), *made.canary_answers[1:]))
