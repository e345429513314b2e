"""Backups restored, read and harmed."""

from pathlib import Path

from sqlalchemy import Engine, inspect

from server.db.migrate import HISTORIES
from server.host import Host, open_host
from server.services import unlocked
from tests.server.centre import (  # noqa: F401 - fixtures
    WORDS,
    Centre,
    copied_centre,
    initialised_folder,
    make_centre,
)


def restored(place: Centre, folder: Path) -> Host:
    """The restored stores, opened like a server would."""
    key = unlocked.read_unlocked(place.settings)
    assert key is not None
    place.set("EXAMHALL_DATA", str(folder))
    return open_host(place.settings, key.master)


def rows(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, as values that compare between stores."""
    with engine.connect() as connection:
        return {
            table.name: sorted(
                tuple(repr(value) for value in row) for row in connection.execute(table.select())
            )
            for history in HISTORIES
            for table in history.metadata.sorted_tables
            if table.name in inspect(engine).get_table_names()
        }
