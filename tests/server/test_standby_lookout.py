"""What a standby answers while it follows, and whose reports it counts; over a real copy of a real store."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from exam_rooms.protocol import EPOCH_HEADER, VERSION, VERSION_HEADER, Route
from server.access import Actor
from server.cli.standby.copy import Copy
from server.cli.standby.lookout import Lookout
from server.cli.standby.order import Order, give, interrupted, order_file, taken
from server.errors import Refused
from server.host import Host, open_host
from server.jobs.following import Following
from server.jobs.inbox import Inbox
from server.services import epochs
from server.services.shipping import STORES
from server.settings import Settings
from tests.server.agent_kit import TestAgent, seated
from tests.server.conftest import MASTER, Machine
from tests.server.delivery_kit import Scene, make_scene
from tests.server.epoch_kit import later
from tests.server.test_resuming import copied


@pytest.fixture
def scene(host: Host, person_as: Callable[..., Actor]) -> Scene:
    return make_scene(host, person_as)


@pytest.fixture
def standby(tmp_path: Path, settings: Settings) -> Settings:
    return replace(settings, data=tmp_path / "standby")


class Asking:
    """A standby's application without a socket."""

    def __init__(self, scene: Scene, standby: Settings, status: Following) -> None:
        self.lookout = Lookout(standby, Copy(standby, MASTER), lambda: status, scene.host.now)

    def ask(self, method: str, path: str, **headers: str) -> tuple[str, dict[str, Any], dict[str, str]]:
        said: list[Any] = []
        environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path}
        environ |= {"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()}
        body = b"".join(self.lookout(environ, lambda *told: said.extend(told)))  # type: ignore[arg-type]
        return said[0][:3], json.loads(body), dict(said[1])

    def gone(self, agent: TestAgent, epoch: str = "1") -> None:
        headers = {
            "Authorization": f"Bearer {agent.token}",
            VERSION_HEADER: str(VERSION),
            EPOCH_HEADER: epoch,
        }
        assert self.ask("POST", Route.PRIMARY_GONE, **headers)[0] == "200"


def follow(scene: Scene, standby: Settings) -> None:
    copied(scene.host.settings.data / STORES["main"], Inbox(standby).copy("main"))


def test_it_says_what_it_is_and_acknowledges_nothing(app: Flask, scene: Scene, standby: Settings) -> None:
    asking = Asking(scene, standby, Following(0.5, 1e18))
    assert asking.lookout.look() is False
    follow(scene, standby)
    assert asking.lookout.look() is True
    status, told, headers = asking.ask("GET", Route.EPOCH, **{EPOCH_HEADER: "4"})
    assert (status, told["state"], told["epoch"]) == ("200", "standby", 1)
    assert headers[EPOCH_HEADER] == "1" and asking.lookout.heard == 0, "a stranger is not believed"
    agent = seated(app, scene, "1")["1"]
    follow(scene, standby)
    asking.lookout.look()
    for said in ("999999999", "4", "x", "5.1." + "0" * 32):
        asking.gone(agent, said)
    assert asking.lookout.heard == 0, "nor is a seat without the proof of the server that it met"
    asking.gone(agent, str(later(scene.host, 4)))
    assert asking.lookout.heard == 4
    for path in (Route.ANSWERS, Route.STATE, Route.SESSION, "/", "/login"):
        status, told, headers = asking.ask("POST", path)
        assert (status, told["code"], headers[EPOCH_HEADER]) == ("503", "standby", "1")
    status, told, _ = asking.ask("GET", "/health")
    assert (status, told["status"], told["caught_up"]) == ("200", "standby", True)


def test_each_paired_seat_of_a_running_room_has_one_vote(
    app: Flask, scene: Scene, standby: Settings, machine: Machine
) -> None:
    agents = seated(app, scene, "123")
    asking = Asking(scene, standby, Following())
    follow(scene, standby)
    asking.lookout.look()
    for agent in agents.values():
        asking.gone(agent)
    assert not asking.lookout.carried()  # no room runs
    machine.advance(minutes=10)
    scene.start()
    follow(scene, standby)
    asking.lookout.look()
    seats = asking.lookout.health()["seats"]
    assert seats == {"paired": 4, "report_gone": 3}
    assert asking.lookout.carried()
    alone = Asking(scene, standby, Following())
    alone.lookout.look()
    for _ in range(5):
        alone.gone(agents["1"])
    agents["2"].token = "stolen"
    alone.gone(agents["2"])
    assert alone.lookout.health()["seats"] == {"paired": 4, "report_gone": 1}
    assert not alone.lookout.carried()


def test_another_installations_key_file_opens_nothing(scene: Scene, standby: Settings) -> None:
    follow(scene, standby)
    with pytest.raises(Refused, match="keyfile_of_another"):
        Copy(standby, b"o" * 32).look(scene.host.now())


def test_the_epoch_of_the_copy_is_told(scene: Scene, standby: Settings, machine: Machine) -> None:
    scene.write(epochs.take_over, Actor(None, "console/root"), "fire", 6)
    follow(scene, standby)
    found = Copy(standby, MASTER).look(scene.host.now())
    scene.host.close()
    again = open_host(scene.host.settings, MASTER, look=machine.look)
    assert found is not None and found.reign == again.epoch.reign and found.reign.number == 7
    assert str(found.reign) == again.epoch.word, "the standby says of it what the server itself says"
    again.close()


def test_a_copy_that_cannot_be_read_now_changes_nothing(scene: Scene, standby: Settings) -> None:
    asking = Asking(scene, standby, Following())
    follow(scene, standby)
    asking.lookout.look()
    Inbox(standby).copy("main").write_bytes(b"half written")
    assert asking.lookout.look() is True and asking.lookout.epoch == 1


def test_an_order_is_taken_once(standby: Settings) -> None:
    order_file(standby).parent.mkdir(parents=True)
    assert taken(standby) is None
    give(standby, Order("console/root", "fire"))
    assert order_file(standby).stat().st_mode & 0o077 == 0
    assert taken(standby) == Order("console/root", "fire")
    assert taken(standby) is None
    assert interrupted(standby) == Order("console/root", "fire")
    order_file(standby).write_text('{"by": 1, "reason": []}')
    assert taken(standby) is None
    order_file(standby).write_text("{}")
    assert taken(standby) is None
