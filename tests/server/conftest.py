"""Fixtures of the server's tests: settings, an open host, the application, signed-in clients.

`@pytest.mark.both_stores` runs a test on SQLite and on a real PostgreSQL, `on_postgresql` on the latter
alone (two writers at once exist only there); without them on SQLite.
The clock stands still at `now` until `machine.advance(...)`.
"""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import FileSystemBytecodeCache

from itembank.vault import Vault
from server.access import SYSTEM, Actor, Role
from server.db import migrate, people  # noqa: F401 - all tables
from server.db.answers import AnswerStore
from server.db.base import Base, Database, make_engine
from server.events import Events
from server.host import Host, open_host
from server.jobs import runner
from server.services import passwords, staff
from server.services.datakey import open_vault
from server.services.epochs import ensure_epoch
from server.services.site import ensure_site
from server.services.steady import Reading
from server.settings import Settings
from tests.kept_schema import keep_schemas
from tests.postgres import PostgresServer, running_server
from tests.server import kept_app, kept_stage
from tests.server.remembered import remember_routes, remember_statements, remember_texts
from tests.server.warm_children import warm_up

MASTER = b"test master key, 32 bytes long.."
PASSWORD = "correct horse battery"
NOW = datetime(2026, 11, 21, 0, 30, tzinfo=UTC)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "both_stores: runs on SQLite and on PostgreSQL")
    config.addinivalue_line("markers", "on_postgresql: runs on PostgreSQL alone, where writers meet")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "store" in metafunc.fixturenames:
        marked = {marker.name for marker in metafunc.definition.iter_markers()}
        stores = ["postgresql"] if "on_postgresql" in marked else ["sqlite"]
        metafunc.parametrize("store", stores + ["postgresql"] * ("both_stores" in marked), indirect=True)


@dataclass
class Machine:
    """The clocks of the machine under test."""

    wall: datetime = NOW
    boot_ns: int = 1_000_000_000_000
    boot_id: str = "11111111-2222-3333-4444-555555555555"

    def look(self) -> Reading:
        return Reading(self.wall, self.boot_ns, self.boot_id)

    def advance(self, **delta: float) -> datetime:
        """Lets time pass on every clock; the new now."""
        passed = timedelta(**delta)
        self.wall += passed
        self.boot_ns += round(passed.total_seconds() * 1e9)
        return self.wall

    def step_wall(self, **delta: float) -> None:
        """Somebody sets the wall clock."""
        self.wall += timedelta(**delta)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stores with all tables and the site's secrets, copied for each test."""
    folder = tmp_path_factory.mktemp("template")
    _fill(_settings(folder, ""))
    return folder / "data"


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    name = postgres.create()
    _fill(_settings(tmp_path_factory.mktemp("template-pg"), postgres.url(name)))
    return name


@pytest.fixture
def cold_children(monkeypatch: pytest.MonkeyPatch) -> None:
    """Children start as the server starts them, not out of a process that waits for tests."""
    monkeypatch.setattr(runner, "subprocess", subprocess)


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The DATABASE_URL of a prepared store; empty for SQLite, whose files lie in the data folder."""
    if request.param == "sqlite":
        shutil.copytree(request.getfixturevalue("sqlite_template"), tmp_path / "data")
        yield ""
        return
    server = request.getfixturevalue("postgres")
    name = server.create(template=request.getfixturevalue("postgres_template"))
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def settings(tmp_path: Path, store: str) -> Settings:
    return _settings(tmp_path, store)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def now(machine: Machine) -> datetime:
    """The moment at which the test begins."""
    return machine.wall


@pytest.fixture
def host(settings: Settings, machine: Machine) -> Iterator[Host]:
    opened = open_host(settings, MASTER, look=machine.look)
    kept_stage.opened(opened)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> FileSystemBytecodeCache:
    """Each template is compiled once for all tests, not once for each process or application."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "templates"
    folder.mkdir(exist_ok=True)
    return FileSystemBytecodeCache(str(folder))


@pytest.fixture(scope="session", autouse=True)
def remembering() -> None:
    """What all applications, all stores and all children of jobs have in common is made once."""
    keep_schemas()
    remember_routes()
    remember_statements()
    remember_texts()
    warm_up()


@pytest.fixture
def app(host: Host, compiled_templates: FileSystemBytecodeCache) -> Flask:
    """The application; forms need no CSRF token here (test_headers.py tests them)."""
    application = kept_app.application(host, compiled_templates)
    application.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    return application


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser that nobody signed in with."""
    return app.test_client()


@pytest.fixture(scope="session")
def password_hash() -> str:
    return passwords.hash_password(PASSWORD)


@pytest.fixture
def person_as(host: Host, password_hash: str) -> Callable[..., Actor]:
    """`person_as("invigilator", ...)` adds a person with these roles (password `PASSWORD`); the actor.

    The user name is the first role with a number: invigilator1, invigilator2, chief_invigilator3 ...
    """
    numbers = count(1)

    def add(*roles: str, username: str = "", name: str = "") -> Actor:
        username = username or f"{roles[0]}{next(numbers)}"
        new = staff.NewPerson(username, name or username, password_hash, frozenset(map(Role, roles)))
        user_id = kept_stage.person(
            host, new, lambda: host.db.write(staff.add_person, SYSTEM, new, now=host.now())
        )
        return Actor(user_id, name or username, new.roles)

    return add


@pytest.fixture
def sign_in(app: Flask, host: Host) -> Callable[[Actor], FlaskClient]:
    """`sign_in(actor)`: a browser signed in as that person."""

    def enter(who: Actor) -> FlaskClient:
        browser = app.test_client()
        with host.db.read() as found:
            mark = found.get_one(people.User, who.user_id).fs_uniquifier
        with browser.session_transaction() as session:
            session["_user_id"], session["_fresh"] = mark, True
        return browser

    return enter


@pytest.fixture
def client_as(
    person_as: Callable[..., Actor], sign_in: Callable[[Actor], FlaskClient]
) -> Callable[..., FlaskClient]:
    """`client_as("administrator")`: a browser signed in as a new person with these roles."""
    return lambda *roles, **named: sign_in(person_as(*roles, **named))


@pytest.fixture
def password() -> str:
    """The password of every person that `person_as` makes."""
    return PASSWORD


def _settings(folder: Path, database_url: str) -> Settings:
    loaded = Settings.load(
        {
            "EXAMHALL_DATA": str(folder / "data"),
            "EXAMHALL_UNLOCKED": str(folder / "unlocked"),
            "EXAMHALL_PLAIN_HTTP": "1",
            "EXAMHALL_BIND": "127.0.0.1:8000",
            "DATABASE_URL": database_url,
        }
    )
    return replace(loaded, argon_memory=64)


def _fill(settings: Settings) -> None:
    settings.data.mkdir(parents=True)
    engine = make_engine(settings.main_url)
    Base.metadata.create_all(engine)
    AnswerStore(settings.answers_url).close()
    database = Database(settings.main_url, vault=Vault(MASTER), events=Events())
    database.write(ensure_site, now=NOW)
    database.write(open_vault, MASTER, suite=settings.suite, now=NOW)
    database.write(ensure_epoch, now=NOW)
    database.close()
    engine.dispose()
