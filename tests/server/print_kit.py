"""Orders for printed papers, and what the register says of them."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from server.db.record import AuditEntry
from server.live.watch import Watch
from server.services import commands, paper_prints
from server.services.commands import Signed as Command
from server.services.paper_prints import PrintOrder
from server.services.signed import Signed
from tests.server.agent_kit import TestAgent
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene

ZONE = ZoneInfo("Asia/Shanghai")


def order(scene: Scene, **changes: Any) -> PrintOrder:
    return replace(PrintOrder(scene.room_sitting, "A", spares=1), **changes)


def work(scene: Scene, signed: Signed, asked: PrintOrder) -> dict[str, Any]:
    with scene.host.db.read() as session:
        return paper_prints.work(session, signed, asked, now=scene.host.now(), zone=ZONE)


def ended(scene: Scene, machine: Machine, *agents: TestAgent) -> None:
    """The room was started, its time is over and everything is collected."""
    if machine.wall < scene.starts_at:
        machine.advance(seconds=(scene.starts_at - machine.wall).total_seconds())
    if scene.room_row().started_at is None:
        scene.start()
    passed = scene.starts_at + timedelta(minutes=100) - machine.wall
    machine.advance(seconds=passed.total_seconds())
    Watch(scene.host).tick()
    scene.write(commands.end_room, scene.room_sitting, Command(scene.invigilator, "时间到", scene.chief))
    for agent in agents:
        agent.state()
        agent.beat(waiting=0)
    Watch(scene.host).tick()
    assert scene.room_row().state == "collected"


def entries(scene: Scene) -> list[AuditEntry]:
    with scene.host.db.read() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))
