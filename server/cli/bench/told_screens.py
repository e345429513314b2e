"""What the floor of the monitors takes: as many events of the same size, to as many screens, in one hall."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import socketio

from exam_rooms.protocol import EVENT_SEATS
from server.cli.bench import screens
from server.cli.rehearse.fleet import FleetFault, await_
from server.cli.rehearse.hall import LOOPBACK, Hall, free_port
from server.cli.rehearse.staff import Address
from server.cli.rehearse.usage import cpu_seconds
from server.cli.rehearse.watch import percentile
from server.services.tls import ensure_certificate

START_SECONDS = 60.0
REST_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Telling:
    """So many events, so many a second, of so many bytes, to so many screens."""

    events: int
    rate: float
    size: int
    monitors: int


@dataclass(frozen=True, slots=True)
class Told:
    """`event_ms`: CPU of the program for one event to all screens; milliseconds until it is there; of `told`
    events times screens `seen` came.
    """

    told: int
    seen: int
    event_ms: float
    p50_ms: float
    p99_ms: float


def told(hall: Hall, telling: Telling, *, tls: bool) -> Told:
    """Stops the server and runs the floor in its place. Raises `FleetFault`."""
    if "server" in hall.processes:
        hall.processes.pop("server").kill()
    port = free_port()
    address = Address(f"{'https' if tls else 'http'}://{LOOPBACK}:{port}", hall.address.ca_pem if tls else "")
    plan = hall.fleet.folder / "floor-screens.json"
    plan.touch(mode=0o600)
    plan.write_text(json.dumps(_plan(hall, port, tls=tls)))
    process = hall.fleet.start("floor_screens", ["-m", "server.cli.bench.floor_screens", str(plan)])
    try:
        await_(address.alive, START_SECONDS, process)
        with _screens(address, hall.ca_file if tls else None, telling.monitors) as delays:
            time.sleep(REST_SECONDS)
            before = cpu_seconds(process.child.pid)
            _ask(address, telling)
            time.sleep(telling.events / telling.rate + REST_SECONDS)
            cpu = cpu_seconds(process.child.pid) - before
            found = sorted(delays)
    finally:
        process.kill()
    return Told(
        telling.events * telling.monitors,
        len(found),
        round(1000 * cpu / telling.events, 3),
        percentile(found, 0.5),
        percentile(found, 0.99),
    )


def _plan(hall: Hall, port: int, *, tls: bool) -> dict[str, str]:
    files = hall.host.db.write(ensure_certificate, hall.host.settings, now=hall.host.now()) if tls else None
    return {
        "bind": f"{LOOPBACK}:{port}",
        "certfile": str(files.certificate) if files else "",
        "keyfile": str(files.key) if files else "",
    }


def _ask(address: Address, telling: Telling) -> None:
    connection = address.connect()
    try:
        connection.request(
            "POST", f"/tell?events={telling.events}&rate={telling.rate}&size={telling.size}", "{}"
        )
        if (status := connection.getresponse().status) != 200:
            raise FleetFault(f"floor_screens: {status}")
    finally:
        connection.close()


@contextmanager
def _screens(address: Address, ca_file: Path | None, count: int) -> Iterator[Sequence[float]]:
    """The same clients as those of the monitors; yields milliseconds as they come."""
    delays: list[float] = []
    lock = threading.Lock()

    def heard(told: list[object]) -> None:
        late = (screens.boot_ns() - int(str(told[0]))) / screens.NS_PER_MS
        with lock:
            delays.append(late)

    trusted = {"sslopt": {"ca_certs": str(ca_file), "check_hostname": False}} if ca_file else {}
    clients = [socketio.Client(websocket_extra_options=trusted) for _ in range(count)]
    try:
        for client in clients:
            client.on(EVENT_SEATS, heard)
            client.connect(address.url, transports=["websocket"], wait_timeout=30)
        yield delays
    finally:
        for client in clients:
            client.shutdown()
