"""The real server process: TLS, restart after a kill without a passphrase, one server for one data folder."""

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORDS = "a passphrase for tests"
pytestmark = pytest.mark.system


class Installation:
    """One installation in a temporary place, with its unwrapped key really in memory."""

    def __init__(self, folder: Path, memory: Path, database_url: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.folder = folder
        self.words = folder / "words"
        self.words.write_text(WORDS + "\n")
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "LC_ALL": "C.UTF-8",
            "EXAMHALL_DATA": str(folder / "data"),
            "EXAMHALL_KEYFILE": str(folder / "keys" / "master.json"),
            "EXAMHALL_UNLOCKED": str(memory),
            "EXAMHALL_PASSPHRASE_FILE": str(self.words),
            "EXAMHALL_BIND": f"127.0.0.1:{self.port}",
            "EXAMHALL_ARGON_MEMORY": "64",
            "DATABASE_URL": database_url,
        }
        self.servers: list[subprocess.Popen[bytes]] = []
        assert self.examhall("init").returncode == 0

    def examhall(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._command(*words),
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def serve(self) -> subprocess.Popen[bytes]:
        log = (self.folder / "server.log").open("ab")
        server = subprocess.Popen(self._command("serve"), env=self.environment, stdout=log, stderr=log)
        log.close()
        self.servers.append(server)
        end = time.monotonic() + 180
        # A worker whose parent was killed may answer for another second: the new one must have its own.
        while not (_workers(server.pid) and self.answers()):
            assert server.poll() is None, (self.folder / "server.log").read_text()
            assert time.monotonic() < end, (self.folder / "server.log").read_text()
            time.sleep(0.1)
        return server

    def get(self, path: str, *, cadata: str | None = None) -> bytes:
        # Without `cadata` anybody is trusted, which only fetching the CA itself may do.
        context = ssl.create_default_context(cadata=cadata)
        if cadata is None:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with urllib.request.urlopen(
            f"https://127.0.0.1:{self.port}{path}", context=context, timeout=30
        ) as answer:
            return answer.read()

    def stop(self) -> None:
        for server in self.servers:
            if server.poll() is None:
                server.terminate()
            server.wait(60)

    def answers(self) -> bool:
        try:
            return json.loads(self.get("/health")) == {"status": "ok"}
        except OSError:
            return False

    @staticmethod
    def _command(*words: str) -> list[str]:
        return [sys.executable, "-c", "from server.cli import main; main()", *words]


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    url, drop = "", None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres")
        name = server.create()
        url, drop = server.url(name), lambda: server.drop(name)
    with tempfile.TemporaryDirectory(dir="/dev/shm") as memory:
        made = Installation(tmp_path, Path(memory), url)
        yield made
        made.stop()
    if drop is not None:
        drop()


@pytest.mark.walk
def test_serves_over_tls_survives_a_kill_and_stays_alone(installation: Installation) -> None:
    server = installation.serve()
    authority = installation.get("/site-ca").decode()
    assert json.loads(installation.get("/health", cadata=authority)) == {"status": "ok"}

    second = installation.examhall("serve")
    assert (second.returncode, "已有服务器在运行" in second.stderr) == (1, True)
    assert installation.examhall("upgrade").returncode == 1

    installation.words.unlink()  # a killed process starts again by itself: nobody types anything
    server.send_signal(signal.SIGKILL)
    server.wait(60)
    again = installation.serve()
    assert installation.get("/site-ca").decode() == authority

    os.kill(_workers(again.pid)[0], signal.SIGKILL)
    end = time.monotonic() + 120
    while not installation.answers():
        assert time.monotonic() < end
        time.sleep(0.1)

    again.terminate()
    assert again.wait(60) == 0
    assert installation.examhall("audit", "verify").returncode == 0


@pytest.mark.parametrize("installation", ["sqlite"], indirect=True)  # nothing of it is about the store
def test_a_power_cut_needs_the_passphrase(installation: Installation, tmp_path: Path) -> None:
    assert installation.examhall("lock").returncode == 0
    installation.words.write_text("not the passphrase\n")
    refused = installation.examhall("serve")
    assert (refused.returncode, "口令不正确" in refused.stderr) == (1, True)


def _workers(parent: int) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
