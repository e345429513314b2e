"""Schema versions of both stores with Alembic: upgrade at start, generate and check while developing.

Two histories, two version tables: with SQLite the answer stream is another file (design D5), with
PostgreSQL both live in one database.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.operations.ops import MigrationScript
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, MetaData

from server.db import (
    arrangements,
    assessing,
    bank,
    breaches,
    calls,
    cases,
    checks,
    commands,
    day_prints,
    epochs,
    keys,
    kiosk,
    look_logs,
    outcomes,
    papers,
    people,
    privacy,
    proctoring,
    publicity,
    record,
    record_book,
    rescues,
    reviewing,
    room_cameras,
    rooms,
    scripts,
    seat_words,
    seb,
    shipping,
    signins,
    sites,
    sittings,
    staffing,
    watching,
    workdays,
)
from server.db.answers import METADATA as ANSWERS
from server.db.base import Base, make_engine
from server.settings import Settings

FOLDER = Path(__file__).parent / "migrations"
MODELS = (
    arrangements,
    assessing,
    bank,
    breaches,
    calls,
    cases,
    checks,
    commands,
    day_prints,
    epochs,
    keys,
    kiosk,
    look_logs,
    outcomes,
    papers,
    people,
    privacy,
    proctoring,
    publicity,
    record,
    record_book,
    rescues,
    reviewing,
    room_cameras,
    rooms,
    scripts,
    seat_words,
    seb,
    shipping,
    signins,
    sites,
    sittings,
    staffing,
    watching,
    workdays,
)
"""So that `Base` knows every table."""


@dataclass(frozen=True, slots=True)
class History:
    """One store's history: its folder of versions, its version table, its tables."""

    name: str
    version_table: str
    metadata: MetaData

    @property
    def folder(self) -> Path:
        """Where its versions lie."""
        return FOLDER / self.name / "versions"

    def url(self, settings: Settings) -> str:
        """Where the store is."""
        return settings.main_url if self.name == "main" else settings.answers_url


HISTORIES = (
    History("main", "schema_version", Base.metadata),
    History("answers", "schema_version_answers", ANSWERS),
)


def upgrade(settings: Settings) -> list[str]:
    """Brings both stores to the newest version; the names of those that changed."""
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return [history.name for history in HISTORIES if _upgrade(history, settings)]


def versions(settings: Settings) -> dict[str, str]:
    """The version each store is at; empty for one without tables."""
    found = {}
    for history in HISTORIES:
        with _connected(history, settings) as connection:
            found[history.name] = _version(history, connection) or ""
    return found


def differences(settings: Settings) -> list[object]:
    """What the upgraded stores lack against the models, as Alembic names it; empty when they agree."""
    found: list[object] = []
    for history in HISTORIES:
        with _connected(history, settings) as connection:
            context = MigrationContext.configure(connection, opts=options(history))
            found += compare_metadata(context, history.metadata)
    return found


def generate(settings: Settings, message: str) -> list[Path]:
    """Writes a new version for each history whose models changed (on upgraded stores); its files."""
    written = []
    for history in HISTORIES:
        with _connected(history, settings) as connection:
            config = _config(history, connection)
            count = len(list(ScriptDirectory.from_config(config).walk_revisions()))
            made = command.revision(
                config,
                message,
                autogenerate=True,
                rev_id=f"{count + 1:04d}",
                process_revision_directives=_drop_empty,
            )
        if isinstance(made, Script):
            written.append(Path(made.path))
    return written


def options(history: History) -> dict[str, Any]:
    """How Alembic must look at a store: its own tables only, our types by their plain form."""
    own = set(history.metadata.tables)
    return {
        "version_table": history.version_table,
        "compare_type": True,
        "compare_server_default": True,
        "include_name": lambda name, kind, _parents: kind != "table" or name in own,
    }


def stamp(history: History, connection: Connection) -> None:
    """Says of tables made by `create_all` that they are of the newest version."""
    context = MigrationContext.configure(connection, opts=options(history))
    context.stamp(ScriptDirectory.from_config(_config(history, connection)), "head")


@contextmanager
def _connected(history: History, settings: Settings) -> Iterator[Connection]:
    engine = make_engine(history.url(settings))
    try:
        with engine.execution_options(writing=True).connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _upgrade(history: History, settings: Settings) -> bool:
    with _connected(history, settings) as connection, _free_of_keys(connection), connection.begin():
        config = _config(history, connection)
        if _version(history, connection) == ScriptDirectory.from_config(config).get_current_head():
            return False
        command.upgrade(config, "head")
        _check_keys(connection)
    return True


@contextmanager
def _free_of_keys(connection: Connection) -> Iterator[None]:
    """SQLite changes a table by making it anew, and would not drop one that filled tables point at."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def _check_keys(connection: Connection) -> None:
    """Raises RuntimeError when a row points at one that is no more: the upgrade is rolled back then."""
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise RuntimeError(f"rows without their parent after the upgrade: {broken[:3]}")


def _drop_empty(_context: object, _revision: object, directives: list[MigrationScript]) -> None:
    upgrade_ops = directives[0].upgrade_ops
    if upgrade_ops is None or upgrade_ops.is_empty():
        directives.clear()


def _version(history: History, connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts=options(history))
    return cast("str | None", context.get_current_revision())


def _config(history: History, connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", str(history.folder))
    config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")
    config.attributes["history"] = history
    config.attributes["connection"] = connection
    return config
