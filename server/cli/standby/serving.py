"""`python -m server.cli.standby.serving`, which `examhall standby serve` becomes: a server that waits.

The standby's own work is a child's (`process`). Meanwhile everything that the server needs is loaded here, so
that taking over takes as long as opening the stores; when the child ends well, this process serves.
"""

import importlib
import os
import runpy
import sys

LATER = (
    "server.live.worker",
    "server.jobs.rotating",
    "server.services.tls",
    "server.services.unlocked",
    "server.logs",
    "gunicorn.app.base",
    "engineio.async_drivers.gevent",
    "flask_security.cli",
    "jinja2.ext",
)
"""What the server imports when it starts, or only when it makes its application."""
PROCESS, SERVER = "server.cli.standby.process", "server.wsgi"


def main() -> int:
    """Becomes the server after a takeover; else returns the child's status."""
    wait = os.waitpid  # before gevent takes its place: a hub that was used here would be lost in the workers
    _patch()
    child = _child()
    _load()
    _pid, status = wait(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        runpy.run_module(SERVER, run_name="__main__")
    return code


def _patch() -> None:
    """Before anything else is loaded: what has taken `ssl` by then is never patched."""
    from gevent import monkey

    monkey.patch_all()


def _child() -> int:
    """Starts the standby's work; it ends when this process does."""
    from server.jobs.primary import pairing_file
    from server.settings import Settings

    lock = pairing_file(Settings.of_process()).with_name("process.lock")
    words = (sys.executable, "-m", "server.jobs.tied", str(lock), sys.executable, "-m", PROCESS)
    return os.posix_spawn(sys.executable, words, os.environ)  # noqa: TID251 - handed down as it is


def _load() -> None:
    """What the server loads, in the state in which it loads it."""
    from server.app import BLUEPRINTS, LIVE

    for name in (*BLUEPRINTS, *LIVE, *LATER):
        importlib.import_module(name)


if __name__ == "__main__":
    sys.exit(main())
