"""A worker that begins while the store is away: a database may fall in the very second of a worker's start."""

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from server.cli.rehearse.hall import free_port

pytestmark = pytest.mark.system
PATIENCE_SECONDS = 120
ROOT = Path(__file__).resolve().parents[2]
SERVER = """
import sys
from collections.abc import Callable
from pathlib import Path

from server.wsgi import Server, options
from server import metrics
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from server.settings import Settings

folder, port = Path(sys.argv[1]), sys.argv[2]


def make():
    with (folder / "begun").open("a") as file:
        file.write("x")
    with create_engine(f"sqlite:///file:{folder}/store.db?mode=rw&uri=true").connect() as connection:
        connection.execute(text("SELECT 1"))
    app = Flask("a server")
    app.add_url_rule("/", "page", lambda: "it serves")
    return app


metrics.share(folder / "figures")
settings = Settings.load({"EXAMHALL_DATA": str(folder), "EXAMHALL_BIND": f"127.0.0.1:{port}"})
Server(options(settings, None), make).run()
"""


def test_a_worker_that_finds_no_store_ends_alone_and_the_next_one_serves_when_it_is_back(
    tmp_path: Path,
) -> None:
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        words = [sys.executable, "-c", SERVER, str(tmp_path), str(port)]
        server = subprocess.Popen(words, stdout=log, stderr=log, cwd=ROOT)
    try:
        until(server, lambda: times_begun(tmp_path) >= 2)  # the first one found none, and the server lives on
        (tmp_path / "store.db").touch()
        until(server, lambda: answer(port) == b"it serves")
    finally:
        server.terminate()
        server.wait(60)
    assert "the store does not answer" in (tmp_path / "log").read_text()


def times_begun(folder: Path) -> int:
    begun = folder / "begun"
    return begun.stat().st_size if begun.exists() else 0


def answer(port: int) -> bytes:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as found:
            return bytes(found.read())
    except (urllib.error.URLError, OSError):
        return b""


def until(server: subprocess.Popen[bytes], true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert server.poll() is None, "the whole server ended"
        assert time.monotonic() < end
        time.sleep(0.05)
