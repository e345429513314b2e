"""A room whose hints are looked at one after the other: what muting and the report of cameras are tried on."""

import secrets
from dataclasses import replace
from typing import Any

from exam_rooms.protocol import Route
from server.db.sittings import Batch, Incident
from server.rules.policy import LevelPolicy
from server.rules.policy_targets import TargetRules
from server.services import incidents
from server.services.incidents import Handling
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene
from tests.server.smart_kit import CameraAgent

HINT = "PHONE_HINT"


def aim(scene: Scene, **changed: Any) -> None:
    """Gives the batch targets of its own: a hint may be wrong half the time, judged after three."""
    targets = TargetRules(mute=True, least_reviewed=3, false_alarms={HINT: 0.3, "FACE_MISMATCH": 0.3})

    def freeze(session) -> None:
        batch = session.get_one(Batch, 1)
        policy = LevelPolicy.from_json(batch.policy)
        batch.policy = replace(policy, targets=replace(targets, **changed)).to_json()

    scene.host.db.write(freeze)


def flag(agent: CameraAgent, machine: Machine, kind: str = HINT) -> Incident:
    """One episode from its beginning to its end, long after the one before; its incident."""
    machine.advance(minutes=3)
    name = secrets.token_hex(8)
    told = {"episode": name, "kind": kind, "scores": {"score": 0.4}}
    agent.taken(Route.ALERT, agent.alert(**told))
    machine.advance(seconds=5)
    agent.taken(Route.ALERT, agent.alert(closed=True, since_ns=agent.boot_ns(), **told))
    with agent.scene.host.db.read() as session:
        rows = session.query(Incident).order_by(Incident.id.desc())
        return next(row for row in rows if name in row.details["episodes"])


def judge(scene: Scene, row: Incident, outcome: str = "dismissed") -> None:
    """An invigilator says what it was."""
    note = "是文具盒" if outcome == "dismissed" else ""
    scene.write(incidents.handle, scene.invigilator, row.id, Handling(outcome, note))


def wrong_often(scene: Scene, agent: CameraAgent, machine: Machine, times: int = 3) -> None:
    """So many hints in a row that turn out to be nothing."""
    for _ in range(times):
        judge(scene, flag(agent, machine))
