"""What goes wrong for the whole room, one thing after the other, while the seats go on answering.

Each fault is a function that makes it, says when it begins to be healed, and heals it.
"""

from collections.abc import Callable

from server.cli.drill.machines import SERVER, Machines
from server.cli.rehearse.hall import POSTGRES, REDIS

RoomFault = Callable[[Machines], None]
STORM = 3
"""How often a server is killed in a restart storm."""


def server_kill(machines: Machines) -> None:
    """The server's process group is killed and started again."""
    _killed(machines, SERVER, 0.2, 1.5)


def worker_kill(machines: Machines) -> None:
    """One worker of the server is killed; the others go on, and it is replaced."""
    machines.kill_worker()
    machines.heal()


def database_kill(machines: Machines) -> None:
    """PostgreSQL is killed in the middle of its commits and recovers from its log."""
    _killed(machines, POSTGRES, 0.2, 1.5)


def redis_kill(machines: Machines) -> None:
    """The broker between workers is gone, and comes back knowing nothing."""
    _killed(machines, REDIS, 0.5, 2.5)


def _killed(machines: Machines, name: str, least: float, most: float) -> None:
    machines.kill(name)
    machines.pause(least, most)
    machines.heal()
    machines.start(name)


def clock_jump(machines: Machines) -> None:
    """The server's wall clock stands up to an hour wrong."""
    machines.jump(machines.rng.choice((-1, 1)) * machines.rng.uniform(3, 3600))
    machines.pause(1.0, 2.0)
    machines.heal()
    machines.jump(0.0)


def server_disk_full(machines: Machines) -> None:
    """No room where the server keeps its store: it refuses, and confirms nothing that it has not written."""
    machines.fill_disk()
    try:
        machines.pause(2.0, 4.0)
    finally:
        machines.heal()
        machines.free_disk()


def restart_storm(machines: Machines) -> None:
    """The server is killed again and again while all seats are coming back."""
    for turn in range(STORM):
        machines.kill(SERVER)
        machines.pause(0.0, 0.5)
        if turn == STORM - 1:
            machines.heal()
        machines.start(SERVER)
        if turn < STORM - 1:
            machines.pause(0.2, 2.0)


ROOM_FAULTS: dict[str, RoomFault] = {
    "server_kill": server_kill,
    "worker_kill": worker_kill,
    "database_kill": database_kill,
    "redis_kill": redis_kill,
    "clock_jump": clock_jump,
    "server_disk_full": server_disk_full,
    "restart_storm": restart_storm,
}
"""By the name that the report uses."""
NEEDS = {"database_kill": POSTGRES, "redis_kill": REDIS}
"""Faults of a process that not every room has."""
