"""The floor of the monitors: the smallest honest program that tells fifty screens something over Socket.IO.

`python -m server.cli.bench.floor_screens PLAN.json` is Flask-SocketIO on gunicorn's gevent worker with the
server's own settings and TLS; nothing of the server is loaded. POST /tell?events=N&rate=R&size=B sends N
events of about B bytes, R a second, to all who are connected, each with the moment (CLOCK_BOOTTIME in ns) at
which it was made. PLAN: {"bind", "certfile", "keyfile"}.
"""

from gevent import monkey

monkey.patch_all()

import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
from flask import Flask, request  # noqa: E402
from flask_socketio import SocketIO  # noqa: E402
from gunicorn.app.base import BaseApplication  # noqa: E402

from exam_rooms.protocol import EVENT_SEATS  # noqa: E402

PING_SECONDS = 5


def application() -> Flask:
    """The program, made in the worker."""
    app = Flask("floor_screens")
    socketio = SocketIO(
        app,
        async_mode="gevent",
        transports=["websocket"],
        allow_upgrades=False,
        ping_interval=PING_SECONDS,
        ping_timeout=PING_SECONDS,
        manage_session=False,
    )

    @app.get("/health")
    def health() -> str:
        return "{}"

    @app.post("/tell")
    def tell() -> str:
        count, rate = int(request.args["events"]), float(request.args["rate"])
        gevent.spawn(tell_all, count, rate, "x" * int(request.args["size"]))
        return "{}"

    def tell_all(count: int, rate: float, filler: str) -> None:
        due = time.monotonic()
        for _ in range(count):
            socketio.emit(EVENT_SEATS, [time.clock_gettime_ns(time.CLOCK_BOOTTIME), filler])
            due += 1 / rate
            gevent.sleep(max(0.0, due - time.monotonic()))

    return app


class Floor(BaseApplication):  # type: ignore[misc]
    """gunicorn as the server has it."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        super().__init__()

    def load_config(self) -> None:
        """The server's own settings, where they matter for speed."""
        chosen = {"bind": self._plan["bind"], "worker_class": "gevent", "loglevel": "warning"}
        chosen |= {"worker_connections": 6000, "keepalive": 75, "control_socket_disable": True}
        if self._plan["certfile"]:
            chosen |= {"certfile": self._plan["certfile"], "keyfile": self._plan["keyfile"]}
        for name, value in chosen.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application, in the worker."""
        return application()


def main(arguments: list[str]) -> int:
    """Serves."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m server.cli.bench.floor_screens PLAN.json\n")
        return 2
    Floor(json.loads(Path(arguments[0]).read_text("utf-8"))).run()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
