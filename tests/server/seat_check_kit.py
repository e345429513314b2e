"""Self-checks of a room's seats, as their reports say and as the server sees them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from server.errors import Refused
from server.services import check_gate
from server.services.check_gate import CheckLine
from tests.server import check_kit as kit
from tests.server.agent_kit import TestAgent
from tests.server.delivery_kit import Scene

SEATS = ("1", "2", "3")


def lines(scene: Scene) -> dict[str, CheckLine]:
    with scene.host.db.read() as session:
        found = check_gate.lines(session, scene.room_sitting, now=scene.host.now())
    return {line.number: line for line in found}


def words(scene: Scene) -> dict[str, str]:
    return {number: str(line.word) for number, line in lines(scene).items()}


def all_pass(agents: dict[str, TestAgent], folder: Path) -> None:
    for agent in agents.values():
        assert kit.report(agent, folder) == 200


def change_rows(scene: Scene, change: Callable[[Session], Any]) -> None:
    scene.host.db.write(change)


def refusal(scene: Scene) -> str:
    """Why the room does not start, "" when it did."""
    try:
        scene.start()
    except Refused as refused:
        return f"{refused.code} {refused.params.get('seats', '')}".strip()
    return ""
