"""Two real PostgreSQL clusters: commits wait for the standby, go on without it, wait again, and it takes over."""

import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import func, select

from server.cli.rehearse.fleet import Fleet
from server.cli.rehearse.stores import Postgres, binaries, place
from server.cli.rehearse.unprivileged import user_and_prefix
from server.db.base import make_engine
from server.db.record import AuditEntry
from server.host import Host, open_host
from server.jobs import promotion
from server.live.shipping import Shipper
from server.services import audit, shipping, shipping_postgres
from server.services.shipping_postgres import NAME
from server.settings import Settings
from tests.server.conftest import MASTER, Machine, _fill, _settings
from tests.server.shipping_kit import _noted, until
from tests.server.test_answers_store import chain, received

pytestmark = [pytest.mark.system, pytest.mark.long]
WAIT = 1


@dataclass
class Pair:
    """Two clusters in folders of their own, `first` with a slot for `second`."""

    fleet: Fleet
    first: Postgres
    second: Postgres

    def copy(self) -> None:
        """What an administrator types: a slot, and the standby made from the primary (docs/standby.md)."""
        _user, become = user_and_prefix()
        with psycopg.connect(self.first.url, autocommit=True) as connection:
            connection.execute("SELECT pg_create_physical_replication_slot(%s)", [NAME])
        where = f"host={self.first.folder} user={user_and_prefix()[0]} application_name={NAME}"
        data = self.second.folder / "data"
        words = [str(binaries() / "pg_basebackup"), "-D", str(data), "-d", where, "-R", "-X", "stream"]
        subprocess.run([*become, *words, "-S", NAME, "-c", "fast"], check=True, capture_output=True)


@contextmanager
def _clusters(tmp_path: Path) -> Iterator[Pair]:
    user, become = user_and_prefix()
    stores = []
    try:
        for _each in range(2):
            folder = Path(tempfile.mkdtemp(prefix="eh-two-", dir=place()))
            stores.append(Postgres(folder, ("max_connections=60",)))
            if become:
                shutil.chown(folder, user)
        with Fleet(tmp_path / "fleet") as fleet:
            yield Pair(fleet, *stores)
    finally:
        for store in stores:
            shutil.rmtree(store.folder, ignore_errors=True)


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    (tmp_path / "fleet").mkdir()
    with _clusters(tmp_path) as found:
        yield found


def ticking(shipper: Shipper, state: str) -> None:
    """Looks once and again until the state is this one."""

    def there() -> bool:
        shipper.tick()
        shipper.host.shipping.forget()
        return shipping.protection(shipper.host).state == state

    until(there)


def saved_while(shipper: Shipper, host: Host, seq: int) -> None:
    """An answer that must be stored although the standby is gone: the guard lets it go."""
    done = threading.Event()

    def save() -> None:
        host.answers.append(received(chain(seq)[-1:]))
        done.set()

    threading.Thread(target=save, daemon=True).start()
    assert not done.wait(WAIT / 2), "the commit did not wait for the standby"

    def stored() -> bool:
        shipper.tick()
        return done.is_set()

    until(stored)


def counts(host: Host) -> tuple[int, int]:
    with host.db.read() as session:
        assert not [one.stream for one in audit.verify_all(session) if one.breaks]
        notes = session.scalar(select(func.count()).where(AuditEntry.act == "backup_made"))
    return notes or 0, len(host.answers.events(1))


def opened(settings: Settings, machine: Machine) -> Host:
    return open_host(settings, MASTER, look=machine.look)


def test_a_standby_is_waited_for_let_go_and_takes_over(pair: Pair, machine: Machine, tmp_path: Path) -> None:
    first = pair.first.start(pair.fleet)
    settings = replace(_settings(tmp_path, pair.first.url), standby_wait=WAIT)
    _fill(settings)
    host = opened(settings, machine)
    shipper = Shipper(host)
    assert shipping.protection(host).state == "none"
    pair.copy()
    second = pair.second.start(pair.fleet)
    ticking(shipper, "protected")
    following, leading = make_engine(pair.second.url), make_engine(pair.first.url)
    until(lambda: shipping_postgres.behind(following) == 0.0)
    assert shipping_postgres.behind(leading) is None
    following.dispose()
    leading.dispose()
    host.answers.append(received(chain(1)))
    second.signal(signal.SIGSTOP)  # as behind a cut cable: the connection stands, nothing comes
    saved_while(shipper, host, 2)
    second.kill()
    ticking(shipper, "unprotected")
    machine.advance(seconds=4)
    shipper.tick()
    pair.second.start(pair.fleet)
    ticking(shipper, "protected")
    machine.advance(seconds=4)
    shipper.tick()
    host.db.write(_noted, 1, host)
    before = counts(host)
    with host.db.read() as session:
        told = session.scalars(select(AuditEntry.act).where(AuditEntry.act.like("standby_%"))).all()
    assert told == ["standby_lost", "standby_protects"]
    host.close()
    first.kill()
    there = replace(settings, database_url=pair.second.url, data=tmp_path / "data-2")
    promotion.promote(there)
    promotion.promote(there)
    again = opened(there, machine)
    try:
        assert counts(again) == before
        again.answers.append(received(chain(3)[-1:]))  # waits for nobody
        assert shipping.protection(again).state == "none"
    finally:
        again.close()
