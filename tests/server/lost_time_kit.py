"""A room whose seats lose time."""

from collections.abc import Callable

import pytest

from server.errors import Refused
from server.services import lost_time
from server.services.lost_time import Pick, SeatProposals
from tests.server.agent_kit import TestAgent
from tests.server.command_kit import Room


def offered(room: Room) -> dict[str, SeatProposals]:
    host = room.scene.host
    with host.db.read() as session:
        found = lost_time.proposed(session, room.id, now=host.now(), store=host.answers)
    return {line.number: line for line in found}


def picks(*lines: SeatProposals) -> list[Pick]:
    return [Pick(line.attempt, each.since) for line in lines for each in line.proposals if each.minutes]


def refused(room: Room, code: str, act: Callable[..., object], *args: object) -> None:
    with pytest.raises(Refused) as caught:
        room.scene.write(act, *args)
    assert caught.value.code == code


def rebooted(room: Room, number: str) -> TestAgent:
    """The seat's machine is back: started half a minute ago, heard now."""
    agent = room.agents[number]
    agent.boot_id = f"boot-{number}-again"
    agent.beat(boot_ns=30 * 10**9)
    room.watch.tick()
    return agent


def all_but(*dead: str) -> tuple[str, ...]:
    return tuple(number for number in ("1", "2", "3") if number not in dead)


def cut(room: Room, minutes: float, *dead: str) -> None:
    """Power is cut to seats for so long; the others work on."""
    room.pass_time(minutes=minutes, beats=all_but(*dead))
