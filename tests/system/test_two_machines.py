"""Two machines behind the proxy of deploy/: seats at one, the monitor at the other; one dies, nothing is lost."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from server.cli.rehearse.fleet import await_, start_server
from server.cli.rehearse.hall import LOOPBACK, Hall, free_port, private_hall
from server.cli.rehearse.staff import Address, Desk
from server.cli.rehearse.watch import Monitor
from server.db.people import User
from server.services.tls import ensure_certificate
from tests.server import delivery_kit
from tests.server.delivery_kit import Scene, make_scene
from tests.system.several_stand import PASSWORD, SEATS, Lane, Room, eventually, joined, nothing_lost, people

pytestmark = [pytest.mark.system, pytest.mark.long]
CONF = Path(__file__).resolve().parents[2] / "deploy" / "nginx" / "examhall.conf"
NAME = "examhall.lan"


def second_machine(hall: Hall) -> Address:
    """A data folder, certificate and unwrapped key of its own; database, Redis, key file, pictures shared."""
    folder = hall.fleet.folder / "second"
    folder.mkdir(mode=0o700)
    address = Address(f"https://{LOOPBACK}:{free_port()}", hall.address.ca_pem)
    own = {
        "EXAMHALL_DATA": str(folder / "data"),
        "EXAMHALL_UNLOCKED": str(folder / "unlocked"),
        "EXAMHALL_BIND": ":".join(map(str, address.parts)),
    }
    hall.processes["second"] = start_server(hall.fleet, hall.variables | own, address)
    return address


@contextmanager
def proxy(hall: Hall, machines: tuple[Address, Address]) -> Iterator[Address]:
    """nginx with the file of deploy/, for these two machines."""
    folder, port = hall.fleet.folder / "proxy", free_port()
    settings = replace(hall.host.settings, data=folder, hosts=(NAME,))
    folder.mkdir(mode=0o700)
    files = hall.host.db.write(ensure_certificate, settings, now=hall.host.now())
    text = CONF.read_text("utf-8").replace("listen 8443", f"listen {LOOPBACK}:{port}")
    for name, path in (
        ("/etc/examhall/tls/server.pem", files.certificate),
        ("/etc/examhall/tls/server-key.pem", files.key),
        ("/etc/examhall/tls/site-ca.pem", hall.ca_file),
        ("192.168.10.11:8443", ":".join(map(str, machines[0].parts))),
        ("192.168.10.12:8443", ":".join(map(str, machines[1].parts))),
    ):
        assert name in text
        text = text.replace(name, str(path))
    kept = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(f"daemon off; pid {folder}/pid; events {{}} http {{ {kept} {text} }}")
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert nginx, "packages.txt names it"
    process = hall.fleet.start("proxy", ["-e", str(folder / "log"), "-c", str(file)], python=[nginx])
    front = Address(f"https://{LOOPBACK}:{port}", hall.address.ca_pem)
    await_(front.alive, 20.0, process)
    yield front


def watching(hall: Hall, scene: Scene, there: Address) -> Monitor:
    """The chief's monitor of the room, at this machine."""
    with hall.host.db.read() as session:
        username = session.get_one(User, scene.chief.user_id).username
    desk = Desk.of(there, username, PASSWORD)
    desk.sign_in()
    monitor = Monitor(desk, scene.room_sitting, hall.ca_file)
    monitor.connect()
    return monitor


def shown(monitor: Monitor) -> dict[str, int]:
    """Seat's number -> answers, as the monitor has them."""
    return {card["number"]: card["answered"] for card in monitor.cards() if card["number"] in SEATS}


def written(room: Room) -> dict[str, int]:
    """The same, as the seats have them."""
    return {
        agent.seat: len({record.item for record in agent.records if record.item}) for agent in room.agents
    }


def test_seats_at_one_machine_are_watched_at_the_other_and_survive_the_death_of_theirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(delivery_kit, "OPENS_BEFORE", timedelta(seconds=1))
    with private_hall(store="postgres", workers=2) as hall:
        host = hall.host
        scene = make_scene(host, people(host))
        hall.variables |= {
            "EXAMHALL_WORKERS": "1",
            "EXAMHALL_EVIDENCE": str(hall.fleet.folder / "evidence"),
            "EXAMHALL_HOSTS": NAME,
            "EXAMHALL_PROXIES": LOOPBACK,
        }
        hall.serve()
        second = second_machine(hall)
        with joined(host, hall.variables["EXAMHALL_REDIS"]), proxy(hall, (hall.address, second)) as front:
            assert eventually(lambda: sum(peer.met for peer in host.bus.peers.values()) == 2, 30)
            monitor = watching(hall, scene, second)
            room = Room(hall.address, scene)
            room.begin()
            room.go_on(1.5)
            assert room.until(lambda: shown(monitor) == written(room), 10)

            for agent in room.agents:
                agent.client = Lane(front)  # type: ignore[assignment]
            room.go_on(1.5)
            hall.kill("server")
            room.go_on(6)
            assert room.until(lambda: shown(monitor) == written(room), 10)
            assert {card["link"] for card in monitor.in_state("answering")} == {"up"}
            (left,) = host.bus.peers.values()
            assert left.about["leads"] and left.about["linked"] == len(SEATS)

            with room.staying():
                hall.start("server")
                time.sleep(1.0)
            room.go_on(3)
            assert room.until(lambda: len(host.bus.peers) == 2, 20)
            assert sum(peer.about["leads"] for peer in host.bus.peers.values()) == 1
            assert room.until(lambda: shown(monitor) == written(room), 10)
            monitor.close()
        nothing_lost(host, room)
