"""The server process: `python -m server.wsgi`, which `examhall serve` becomes once the key is unlocked.

gunicorn with gevent workers over TLS. The standard library is patched before anything else is loaded.
Nothing that loading makes is garbage: looking for some took a quarter of the time.
"""

import gc

gc.disable()

from gevent import monkey  # noqa: E402

monkey.patch_all()

import logging  # noqa: E402
import os  # noqa: E402
import resource  # noqa: E402
import ssl  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
from flask import Flask  # noqa: E402
from gunicorn.app.base import BaseApplication  # noqa: E402
from sqlalchemy.exc import InterfaceError, OperationalError  # noqa: E402

from itembank.keyfile import KeyFile  # noqa: E402
from server import metrics  # noqa: E402
from server.app import HOST_KEY, create_app, create_socketio  # noqa: E402
from server.db.migrate import upgrade  # noqa: E402
from server.epoch import met  # noqa: E402
from server.errors import Refused, fill, sentence  # noqa: E402
from server.host import Host, open_host  # noqa: E402
from server.jobs import rotating  # noqa: E402
from server.jobs.promotion import stands_by  # noqa: E402
from server.live.worker import LeavingWorker, OwnLog  # noqa: E402
from server.logs import write_logs  # noqa: E402
from server.services.locking import DataLock  # noqa: E402
from server.services.steady import Reading  # noqa: E402
from server.services.tls import TlsFiles, ensure_certificate  # noqa: E402
from server.services.unlocked import read_unlocked, unlocked_path  # noqa: E402
from server.settings import Settings, SettingsError  # noqa: E402
from server.web.compiled import compile_monitor  # noqa: E402

gc.freeze()  # what is loaded stays, and all workers share it
gc.enable()

log = logging.getLogger(__name__)
RETRY_SECONDS = 1.0
BETWEEN_PAGES = 0.05
"""Seconds for everybody else between two pages that are compiled."""
STORE_AWAY = 75
"""The exit status of a worker that found no store. gunicorn's own one for a failed start would end all."""
CONNECTIONS = 20_000
"""Of one worker: 5,000 seats hold two lanes and a socket each, and a dead worker leaves its own to others."""
FILES = 65_536
"""Open files that a worker may need: connections, to the store as well, and its own."""
GRACE_SECONDS = 10
"""How long requests under way may take once the server was told to end."""
KEEPALIVE_SECONDS = 75
GARBAGE = (20_000, 20, 20)
"""Objects made since the last look for garbage, and such looks before a longer one. Of thousands of seats
nearly everything stays: with Python's own 700 a sixth of the time went into looking.
"""
SILENT_SECONDS = 120
"""After how many seconds without a sign of life the worker is replaced."""


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn with our settings; the application is made in the worker."""

    def __init__(self, options: dict[str, Any], make: Callable[[], Flask]) -> None:
        self._options = options
        self._make = make
        super().__init__()

    def load_config(self) -> None:
        """Takes the options as they are."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application, in the worker.

        A store that is away meanwhile ends this worker alone, and gunicorn begins another one; what a worker
        that fails otherwise would end is the whole server.
        """
        try:
            return self._make()
        except (OperationalError, InterfaceError) as fault:
            log.error("the store does not answer a worker that begins; the next one tries: %s", fault.orig)
            time.sleep(RETRY_SECONDS)
            os._exit(STORE_AWAY)


def main() -> int:
    """Serves until a signal ends it; 1 with a reason on standard error when it may not start."""
    os.umask(0o077)
    write_logs("text")
    try:
        settings = Settings.of_process()
        write_logs(settings.log_format)
        if (seen := met(settings.data)) > 0:
            raise Refused("server_was_replaced", epoch=seen)
        if stands_by(settings):
            raise Refused("server_stands_by", path=settings.data)
        key = read_unlocked(settings)
        if key is None:
            raise Refused("key_locked")
        lock = DataLock(settings.data)
        lock.take()
        upgrade(settings)
        tls, anchor = _prepared(settings, key)
    except SettingsError as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    except Refused as refusal:
        sys.stderr.write(f"{refusal.code}: {fill(sentence(refusal.code), refusal.params)}\n")
        return 1
    metrics.share(unlocked_path(settings).with_suffix(".figures"))  # in memory: a full disk stops no worker
    _many_files()
    Server(options(settings, tls), lambda: _application(settings, key, anchor)).run()
    return 0


def options(settings: Settings, tls: TlsFiles | None) -> dict[str, Any]:
    """What gunicorn is told."""
    chosen: dict[str, Any] = {
        "bind": settings.bind,
        "workers": settings.workers,
        "worker_class": LeavingWorker,
        "logger_class": OwnLog,
        "worker_connections": CONNECTIONS,
        "timeout": SILENT_SECONDS,
        "graceful_timeout": GRACE_SECONDS,
        "keepalive": KEEPALIVE_SECONDS,
        "backlog": 2048,
        "proc_name": "examhall",
        "loglevel": "warning",
        "control_socket_disable": True,
        "forwarded_allow_ips": "",
        "child_exit": lambda _master, worker: metrics.ended(worker.pid),
    }
    if tls is not None:
        chosen |= {"certfile": str(tls.certificate), "keyfile": str(tls.key), "ssl_context": _tls_context}
    return chosen


def _tls_context(_config: object, make: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    context = make()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _prepared(settings: Settings, key: KeyFile) -> tuple[TlsFiles | None, Reading | None]:
    """The certificate, and what the clocks of all workers run on; nothing that is open here stays open."""
    host = open_host(settings, key.master, demo=key.demo)
    try:
        tls = None
        if not settings.plain_http:
            tls = host.db.write(ensure_certificate, settings, now=host.now())
        return tls, host.clock.anchor if host.clock.proven else None
    finally:
        host.close()


def _application(settings: Settings, key: KeyFile, anchor: Reading | None) -> Flask:
    key = read_unlocked(settings) or key  # a worker that is replaced after a change of the master key
    app = create_app(settings, key.master, demo=key.demo, anchor=anchor)
    create_socketio(app)
    host: Host = app.extensions[HOST_KEY]
    # A stranger's failed handshake is no fault of ours: without this each one writes a traceback.
    hub = gevent.get_hub()
    hub.NOT_ERROR = (*hub.NOT_ERROR, ssl.SSLError, ConnectionError)
    gevent.spawn(host.lag.run, gevent.sleep)
    gevent.spawn(compile_monitor, app, lambda: gevent.sleep(BETWEEN_PAGES))
    rotating.resume(rotating.Desk(host.db, host.native, host.now, alone_at=host.membership.alone_at))
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    return app


def _many_files() -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard == resource.RLIM_INFINITY else max(hard, FILES)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    except (ValueError, OSError):  # only root may have more than it was given
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
