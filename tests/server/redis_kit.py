"""A Redis of the tests: a process of their own on a socket; and what only stands in the place of one."""

import shutil
import socket
import subprocess
import threading
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


class Impostor:
    """Takes what is meant for Redis; says `answer` to everything, or nothing at all, as one that hangs."""

    def __init__(self, answer: bytes = b"") -> None:
        self.answer = answer
        self.asked = 0
        """Connections on which something was asked."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._all = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        for each in self._all:
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            self._all.append(line)
            threading.Thread(target=self._talk, args=(line,), daemon=True).start()

    def _talk(self, line: socket.socket) -> None:
        try:
            self.asked += bool(line.recv(65536))
            while self.answer:
                line.sendall(self.answer)
                if not line.recv(65536):
                    return
        except OSError:
            pass
