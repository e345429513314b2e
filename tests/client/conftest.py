"""A fake room and real agent processes for the tests of the seat agent."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from client.device import DataFolder
from exam_rooms.pairing import encode_code, fingerprint
from tests.client.books_kit import Desk, restarts
from tests.client.fake_room import FakeRoom
from tests.client.tls_kit import make_ca
from tests.client.watch_bench import Bench

ROOT = Path(__file__).parents[2]


@pytest.fixture
def room() -> Iterator[FakeRoom]:
    ca = make_ca("site")
    fake = FakeRoom(ca_pem=ca.pem)
    fake.code = encode_code(fake.secret, fingerprint(ca.der))
    yield fake
    fake.close()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    """The data folder of a workstation."""
    made = DataFolder(tmp_path / "data")
    yield made
    made.close()


@pytest.fixture
def desk(folder: DataFolder) -> Iterator[Callable[[], Desk]]:
    """A desk with its journals; each call is a restart."""
    yield from restarts(folder)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A seat that is looked at."""
    return Bench(tmp_path / "evidence")


class PageClient:
    """What a page does: launch, token, calls."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host = f"{parts.hostname}:{parts.port}"
        self._connection = HTTPConnection(str(parts.hostname), parts.port, timeout=60)
        self.headers: dict[str, str] = {}
        self.nonce = parts.fragment.removeprefix("launch=")

    def launch(self) -> "PageClient":
        status, body = self.call("/api/launch", {"nonce": self.nonce})
        assert status == 200, body
        self.headers["X-Kiosk-Token"] = body["token"]
        return self

    def raw(
        self, method: str, path: str, body: bytes | None, headers: dict[str, str]
    ) -> tuple[int, bytes, Any]:
        self._connection.request(method, path, body, headers)
        reply = self._connection.getresponse()
        return reply.status, reply.read(), reply.headers

    def call(self, path: str, body: object = None) -> tuple[int, Any]:
        headers = dict(self.headers)
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body).encode()
        status, content, _ = self.raw("POST" if data else "GET", path, data, headers)
        return status, json.loads(content)

    def view(self, after: int | None = None) -> dict[str, Any]:
        status, view = self.call("/api/view" if after is None else f"/api/view?after={after}")
        assert status == 200, view
        return view

    def until(self, ready: Callable[[dict[str, Any]], bool], seconds: float = 60.0) -> dict[str, Any]:
        """Polls as a page does until the view is as wanted."""
        end = time.monotonic() + seconds
        view = self.view()
        while not ready(view):
            assert time.monotonic() < end, view
            time.sleep(0.05)
            view = self.view()
        return view

    def close(self) -> None:
        self._connection.close()


class AgentProcess:
    """`python -m client` as a process of its own."""

    def __init__(
        self,
        data: Path,
        server: str,
        code: str | None,
        extra: tuple[str, ...] = (),
        *,
        opened: bool = True,
    ) -> None:
        """`opened`: a page of its own is opened; without, one that is there already takes the new start."""
        self.data = data
        self._log = (data.parent / f"{data.name}.log").open("ab")
        models = str(data.parent / "no-models")  # whatever is installed on this machine
        arguments = ["--data", str(data), "--server", server, "--no-browser", "--models", models, *extra]
        if code:
            arguments += ["--pair", code]
        before = self._launch_url()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "client", *arguments], cwd=ROOT, stderr=self._log, stdout=self._log
        )
        self._wait_for_launch(before)
        self.page = PageClient(self._launch_url())
        if opened:
            self.page.launch()

    def _launch_url(self) -> str:
        file = self.data / "launch"
        return file.read_text().strip() if file.exists() else ""

    def _wait_for_launch(self, before: str) -> None:
        end = time.monotonic() + 60
        while self._launch_url() == before:
            assert time.monotonic() < end and self.process.poll() is None, self.log()
            time.sleep(0.02)

    def log(self) -> str:
        return (self.data.parent / f"{self.data.name}.log").read_text()

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        self._end(signal.SIGTERM)
        return self.process.returncode

    def _end(self, number: int) -> None:
        self.page.close()
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        self.process.wait(60)
        self._log.close()


@pytest.fixture
def start_agent(tmp_path: Path) -> Iterator[Callable[..., AgentProcess]]:
    """Starts agents in data folders under the test's own, and ends what is left."""
    started: list[AgentProcess] = []

    def start(
        room: FakeRoom,
        name: str = "seat",
        *,
        code: bool = True,
        server: str = "",
        extra: tuple[str, ...] = (),
    ) -> AgentProcess:
        agent = AgentProcess(tmp_path / name, server or room.url, room.code if code else None, extra)
        started.append(agent)
        return agent

    yield start
    for agent in started:
        agent.kill()
