"""Two real workers on PostgreSQL and Redis: one is killed, then Redis is away, and no seat is lost by it."""

import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest

from server.cli.rehearse.hall import Hall, private_hall
from tests.server import delivery_kit
from tests.server.delivery_kit import make_scene
from tests.system.several_stand import SEATS, Room, eventually, joined, nothing_lost, people

pytestmark = [pytest.mark.system, pytest.mark.walk]


def workers_of(hall: Hall) -> list[int]:
    assert hall.server is not None
    master = hall.server.child.pid
    return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]


def test_a_killed_worker_and_an_absent_redis_lose_nothing_and_alarm_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivery_kit, "OPENS_BEFORE", timedelta(seconds=1))
    with private_hall(tls=False, store="postgres", workers=2) as hall:
        host = hall.host
        scene = make_scene(host, people(host))
        hall.serve()
        with joined(host, hall.variables["EXAMHALL_REDIS"]):
            assert eventually(lambda: len(host.bus.peers) == 2, 30)
            room = Room(hall.address, scene)
            room.begin()
            room.go_on(1.5)
            told = [peer.about for peer in host.bus.peers.values()]
            assert [about["linked"] for about in told] == [len(SEATS)] * 2  # either knows the seats of both
            assert sorted(about["leads"] for about in told) == [False, True]

            before = set(workers_of(hall))
            dead = before.pop()
            os.kill(dead, signal.SIGKILL)
            room.go_on(2.5)
            assert eventually(lambda: len(set(workers_of(hall)) - {dead}) == 2, 5)
            hall.kill("redis")
            room.go_on(6)
            hall.start("redis")
            room.go_on(3)
            assert eventually(lambda: not host.bus.away and len(host.bus.peers) == 2, 20)
            assert sum(peer.about["leads"] for peer in host.bus.peers.values()) == 1
        nothing_lost(host, room)
        assert room.longest < 8
