"""A Redis of the tests: a process of their own on a socket."""

import shutil
import subprocess
import time
from pathlib import Path


class Redis:
    """A Redis of the tests; `kill` and `start` as often as wanted."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self.start()

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        program = shutil.which("redis-server")
        assert program, "tests/packages.sh installs it"
        self.socket.unlink(missing_ok=True)
        where = ["--port", "0", "--save", "", "--unixsocket", str(self.socket)]
        self.child = subprocess.Popen([program, *where], stdout=subprocess.DEVNULL)
        while not self.socket.exists():
            time.sleep(0.02)

    def kill(self) -> None:
        self.child.kill()
        self.child.wait()
