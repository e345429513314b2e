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
    """The running floor and its seats as the load driver wants them. `store`: where its tables are."""

    hall: Hall
    address: Address
    processes: Sequence[Process]
    seats: Sequence[Mapping[str, Any]]
    store: str

    def driver(self, plan: Mapping[str, Any], journal: int = 1) -> Driver:
        """The load driver against it; each further one with another `journal`: it shall write anew."""
        seats = [_writing(seat, journal) for seat in self.seats]
        return Driver(self.hall, {**plan, "seats": seats, "server": self.address.url})

    def cpu_seconds(self) -> float:
        """Processor time of the program, the database and their children so far."""
        return sum(cpu_seconds(process.child.pid) for process in self.processes)


@contextmanager
def floor_beside(
    hall: Hall, shape: Shape, seats: Sequence[Mapping[str, Any]], logins: Mapping[str, Any] | None = None
) -> Iterator[Floor]:
    """Stops the server and runs the floor in its place. `logins`: what it needs where candidates shall sign
    in (`floor_login`); their seats open sessions as at the server. Raises `FleetFault`.
    """
    if "server" in hall.processes:
        hall.processes.pop("server").kill()
    with floor_along(hall, shape, seats, logins) as floor:
        yield floor


@contextmanager
def floor_along(
    hall: Hall, shape: Shape, seats: Sequence[Mapping[str, Any]], logins: Mapping[str, Any] | None = None
) -> Iterator[Floor]:
    """Runs the floor as it is, whatever else runs there. Raises `FleetFault`."""
    secret, port = secrets.token_hex(16), free_port()
    plan = {**_plan(hall, shape, seats), "bind": f"{LOOPBACK}:{port}", "secret": secret, "logins": logins}
    process = _started(hall, plan)
    scheme = "https" if shape.tls else "http"
    address = Address(f"{scheme}://{LOOPBACK}:{port}", hall.address.ca_pem)
    try:
        await_(address.alive, START_SECONDS, process)
        granted = seats if logins else [_granted(seat, secret) for seat in seats]
        yield Floor(hall, address, [process, *hall.processes.values()], granted, plan["store"])
    finally:
        process.kill()


def _writing(seat: Mapping[str, Any], journal: int) -> Mapping[str, Any]:
    if "grant" not in seat:  # it takes its journal itself
        return seat
    return {**seat, "grant": {**seat["grant"], "journal": journal}}


def _granted(seat: Mapping[str, Any], secret: str) -> dict[str, Any]:
    return {
        "workstation": seat["workstation"],
        "token": token_of(secret.encode(), seat["workstation"]),
        "items": seat["items"],
        "grant": {"attempt": seat["attempt"], "journal": 1, "parent": "", "key": _KEY},
    }


def _plan(hall: Hall, shape: Shape, seats: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    folder, host = hall.fleet.folder, hall.host
    tls = host.db.write(ensure_certificate, host.settings, now=host.now()) if shape.tls else None
    pictures = folder / "floor"
    pictures.mkdir(mode=0o700, exist_ok=True)
    return {
        "workers": shape.workers,
        "store": hall.stores[POSTGRES].url if POSTGRES in hall.stores else str(folder / "floor.db"),
        "folder": str(pictures),
        "seconds": LIFE_SECONDS,
        "attempts": {seat["attempt"]: seat["workstation"] for seat in seats},
        "certfile": str(tls.certificate) if tls else "",
        "keyfile": str(tls.key) if tls else "",
    }


def _started(hall: Hall, plan: Mapping[str, Any]) -> Process:
    file = hall.fleet.folder / "floor.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(plan))
    return hall.fleet.start("floor", ["-m", "server.cli.bench.floor", str(file)])
