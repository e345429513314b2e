"""The database and broker of a private hall: what was committed is there after kill -9, nothing stays behind."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from server.cli.rehearse import stores
from server.cli.rehearse.fleet import Fleet
from server.cli.rehearse.hall import POSTGRES, private_hall
from server.cli.rehearse.stores import Postgres, Redis, socket_folder
from server.cli.rehearse.usage import cpu_seconds, family
from server.errors import Refused


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with Fleet(tmp_path) as made:
        yield made


@pytest.fixture
def folder() -> Iterator[Path]:
    with socket_folder() as made:
        yield made


@pytest.mark.dear
def test_a_commit_outlives_kill_9_of_postgresql(fleet: Fleet, folder: Path) -> None:
    cluster = Postgres(folder, ("max_connections=7",))
    process = cluster.start(fleet)
    with psycopg.connect(cluster.url, autocommit=True) as line:
        shown = [line.execute(f"SHOW {name}".encode()).fetchone() for name in ("fsync", "synchronous_commit")]
        assert shown == [("on",), ("on",)]
        assert line.execute("SHOW max_connections").fetchone() == ("7",)
        line.execute("CREATE TABLE kept (n int)")
        line.execute("INSERT INTO kept VALUES (42)")
        left = family(process.child.pid)
    process.kill()
    assert len(left) > 2  # it has children, in process groups of their own
    assert not any(Path(f"/proc/{number}/cmdline").exists() for number in left[:1])
    again = cluster.start(fleet)
    line = psycopg.connect(cluster.url)
    assert line.execute("SELECT n FROM kept").fetchall() == [(42,)]
    fleet.stop()  # somebody is still connected: it does not wait for them
    line.close()
    assert again.child.returncode == 0
    assert cpu_seconds(again.child.pid) == 0


def test_redis_comes_back_empty(fleet: Fleet, folder: Path) -> None:
    broker = Redis(folder)
    process = broker.start(fleet)
    with redis.Redis.from_url(broker.url) as line:
        line.set("a", "b")
    process.kill()
    broker.start(fleet)
    with redis.Redis.from_url(broker.url) as line:
        assert line.get("a") is None


def test_a_missing_program_is_named(
    fleet: Fleet, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "INSTALLED", tmp_path)
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    for store in (Postgres(folder), Redis(folder)):
        with pytest.raises(Refused) as refusal:
            store.start(fleet)
        assert refusal.value.code == "program_missing"


def test_several_workers_are_refused_on_sqlite() -> None:
    with pytest.raises(Refused, match="workers_need_postgres"), private_hall(workers=2):
        pass


@pytest.mark.dear
def test_a_hall_on_postgresql_keeps_its_data_there() -> None:
    with private_hall(tls=False, store=POSTGRES) as hall:
        assert hall.host.settings.database_url == hall.stores[POSTGRES].url
        assert list(hall.processes) == [POSTGRES]
        assert hall.cpu_seconds() > 0
        place = hall.stores[POSTGRES].folder
    assert not place.exists()
