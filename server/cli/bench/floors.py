"""The floor beside a bench: started in the hall of the server it is compared with, on the same database."""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from server.cli.bench.floor_token import token_of
from server.cli.bench.shape import Shape
from server.cli.bench.stand import Driver
from server.cli.rehearse.fleet import Process, await_
from server.cli.rehearse.hall import LOOPBACK, POSTGRES, Hall, free_port
from server.cli.rehearse.staff import Address
from server.cli.rehearse.usage import cpu_seconds
from server.services.tls import ensure_certificate

START_SECONDS = 60.0
LIFE_SECONDS = 3600
_KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
"""The floor opens no body: any key will do."""


@dataclass(frozen=True, slots=True)
class Floor:
    """The running floor and its seats as the load driver wants them."""

    hall: Hall
    address: Address
    processes: Sequence[Process]
    seats: Sequence[Mapping[str, Any]]

    def driver(self, plan: Mapping[str, Any], journal: int = 1) -> Driver:
        """The load driver against it; each further one with another `journal`: it shall write anew."""
        seats = [{**seat, "grant": {**seat["grant"], "journal": journal}} for seat in self.seats]
        return Driver(self.hall, {**plan, "seats": seats, "server": self.address.url})

    def cpu_seconds(self) -> float:
        """Processor time of the program, the database and their children so far."""
        return sum(cpu_seconds(process.child.pid) for process in self.processes)


@contextmanager
def floor_beside(hall: Hall, shape: Shape, seats: Sequence[Mapping[str, Any]]) -> Iterator[Floor]:
    """Stops the server and runs the floor in its place. Raises `FleetFault`."""
    if "server" in hall.processes:
        hall.processes.pop("server").kill()
    with floor_along(hall, shape, seats) as floor:
        yield floor


@contextmanager
def floor_along(hall: Hall, shape: Shape, seats: Sequence[Mapping[str, Any]]) -> Iterator[Floor]:
    """Runs the floor as it is, whatever else runs there. Raises `FleetFault`."""
    secret, port = secrets.token_hex(16), free_port()
    process = _started(hall, shape, port, secret, seats)
    scheme = "https" if shape.tls else "http"
    address = Address(f"{scheme}://{LOOPBACK}:{port}", hall.address.ca_pem)
    try:
        await_(address.alive, START_SECONDS, process)
        granted = [_granted(seat, secret) for seat in seats]
        yield Floor(hall, address, [process, *hall.processes.values()], granted)
    finally:
        process.kill()


def _granted(seat: Mapping[str, Any], secret: str) -> dict[str, Any]:
    return {
        "workstation": seat["workstation"],
        "token": token_of(secret.encode(), seat["workstation"]),
        "items": seat["items"],
        "grant": {"attempt": seat["attempt"], "journal": 1, "parent": "", "key": _KEY},
    }


def _started(hall: Hall, shape: Shape, port: int, secret: str, seats: Sequence[Mapping[str, Any]]) -> Process:
    folder, host = hall.fleet.folder, hall.host
    tls = host.db.write(ensure_certificate, host.settings, now=host.now()) if shape.tls else None
    pictures = folder / "floor"
    pictures.mkdir(mode=0o700, exist_ok=True)
    plan = {
        "bind": f"{LOOPBACK}:{port}",
        "workers": shape.workers,
        "secret": secret,
        "store": hall.stores[POSTGRES].url if POSTGRES in hall.stores else str(folder / "floor.db"),
        "folder": str(pictures),
        "seconds": LIFE_SECONDS,
        "attempts": {seat["attempt"]: seat["workstation"] for seat in seats},
        "certfile": str(tls.certificate) if tls else "",
        "keyfile": str(tls.key) if tls else "",
    }
    file = folder / "floor.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(plan))
    return hall.fleet.start("floor", ["-m", "server.cli.bench.floor", str(file)])
