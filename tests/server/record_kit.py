"""A sitting that is over, for the tests of ledger, room record, dossier and replay.

Seat 1 answered two questions and handed in, seat 2 answered one, was moved to the spare seat 4 and ran out of
time, candidate 3 did not come. Every record is here.
"""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from flask import Flask

from exam_rooms.protocol import RecordKind
from server.access import Actor
from server.host import Host
from server.live.watch import Watch
from server.services import collection, commands
from server.services.record_book import Page
from server.services.signed import Signed
from tests.server.agent_kit import seated
from tests.server.conftest import Machine
from tests.server.delivery_kit import Scene, make_scene

ZONE = ZoneInfo("Asia/Shanghai")


@dataclass
class Over:
    """The scene after the end."""

    scene: Scene

    @property
    def page(self) -> Page:
        return Page(self.scene.room_sitting, ZONE)


def _held(app: Flask, scene: Scene, machine: Machine) -> None:
    """The day up to the bell: 10 minutes before the start, answers, a move, a hand-in."""
    one, two = seated(app, scene, "12").values()
    machine.advance(minutes=10)
    scene.start()
    for agent in (one, two):
        agent.state()
        agent.beat()
        agent.open_journal()
        agent.answer(1)
        agent.sent()
    machine.advance(minutes=20)
    one.beat()
    one.answer(1, "D")
    one.answer(2)
    one.sent()
    scene.write(commands.move_seat, scene.attempts["2"], scene.seats["4"], Signed(scene.invigilator, "断电"))
    machine.advance(minutes=40)
    one.beat()
    one.write(RecordKind.SUBMIT)
    one.sent()


_KEPT: dict[bytes, tuple[Scene, Machine, list[sqlite3.Connection]]] = {}


def over(app: Flask, host: Host, person_as: Callable[..., Actor], machine: Machine) -> Over:
    """The whole day; on SQLite it is held once for each process, and its rows are copied for the others."""
    site, sqlite = host.site.public_key, host.db.engine.dialect.name == "sqlite"
    if sqlite and site in _KEPT:
        scene, then, copies = _KEPT[site]
        machine.wall, machine.boot_ns = then.wall, then.boot_ns
        for path, copy in zip(_paths(host), copies, strict=True):
            target = sqlite3.connect(path)
            copy.backup(target)
            target.close()
        return Over(replace(scene, host=host))
    scene = make_scene(host, person_as)
    _over(app, scene, machine)
    if sqlite:
        _KEPT[site] = (scene, replace(machine), [_copied(path) for path in _paths(host)])
    return Over(scene)


def _paths(host: Host) -> list[str]:
    return [str(engine.url.database) for engine in (host.db.engine, host.answers._engine)]


def _copied(path: str) -> sqlite3.Connection:
    kept, source = sqlite3.connect(":memory:", check_same_thread=False), sqlite3.connect(path)
    source.backup(kept)
    source.close()
    return kept


def _over(app: Flask, scene: Scene, machine: Machine) -> None:
    """Ended, every record here."""
    _held(app, scene, machine)
    machine.advance(minutes=31)
    Watch(scene.host).tick()
    scene.write(commands.end_room, scene.room_sitting, scene.signed("时间到"))
    missing = tallied(scene).missing
    for attempt, _seat in missing:
        scene.write(collection.close_missing, scene.chief, attempt, "原机位断电，记录已核对")
    scene.write(collection.settle_room, scene.room_sitting)


def tallied(scene: Scene) -> collection.Tally:
    with scene.host.db.read() as session:
        return collection.tally(session, scene.room_sitting)
