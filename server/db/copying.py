"""Consistent copies of the stores, as SQLite files: made beside a running server, loaded into either store.

The main store is copied first, so the answer stream never lacks an answer that the main store counts on.
With PostgreSQL both are read in one snapshot and written into tables of the same form.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Integer, MetaData, create_engine, func, inspect, select, text

from server.db.base import make_engine
from server.db.migrate import HISTORIES, History, stamp
from server.settings import Settings

FILES = {"main": "examhall.db", "answers": "answers.db"}
"""Store -> file name: the names that they have in a data folder."""
_ROWS = 500


def copy_stores(settings: Settings, into: Path) -> list[Path]:
    """Both stores as they are now; the files, main first."""
    if settings.database_url:
        return _dump(settings, into)
    copies = []
    for history in HISTORIES:
        copies.append(into / FILES[history.name])
        with (
            closing(sqlite3.connect(settings.data / FILES[history.name])) as found,
            closing(sqlite3.connect(copies[-1])) as copy,
        ):
            found.backup(copy)  # in one go: readers do not hold up the writer
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a journal beside it
    return copies


def load_stores(settings: Settings, out_of: Path) -> None:
    """Fills an upgraded, empty PostgreSQL store from copies of the same version."""
    engine = make_engine(settings.main_url)
    try:
        with engine.begin() as target:
            for history in HISTORIES:
                source = create_engine(f"sqlite:///{out_of / FILES[history.name]}")
                with source.connect() as found:
                    _copy_rows(found, target, history.metadata)
                source.dispose()
                _set_sequences(target, history.metadata)
    finally:
        engine.dispose()


def holds_rows(settings: Settings) -> bool:
    """Whether the store has tables already."""
    engine = make_engine(settings.main_url)
    try:
        return bool(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def _dump(settings: Settings, into: Path) -> list[Path]:
    engine = make_engine(settings.main_url)
    try:
        with engine.connect().execution_options(isolation_level="REPEATABLE READ") as source:
            return [_dump_one(source, history, into / FILES[history.name]) for history in HISTORIES]
    finally:
        engine.dispose()


def _dump_one(source: Connection, history: History, path: Path) -> Path:
    engine = create_engine(f"sqlite:///{path}")
    try:
        with engine.begin() as target:
            history.metadata.create_all(target)
            stamp(history, target)
            _copy_rows(source, target, history.metadata)
    finally:
        engine.dispose()
    return path


def _copy_rows(source: Connection, target: Connection, metadata: MetaData) -> None:
    for table in metadata.sorted_tables:
        found = source.execution_options(yield_per=_ROWS).execute(select(table))
        for rows in found.mappings().partitions(_ROWS):
            target.execute(table.insert(), [dict(row) for row in rows])


def _set_sequences(target: Connection, metadata: MetaData) -> None:
    for table in metadata.sorted_tables:
        (key, *more) = table.primary_key.columns
        if more or not isinstance(key.type, Integer):
            continue
        place = {"t": table.name, "c": key.name}
        owned = target.scalar(text("SELECT pg_get_serial_sequence(:t, :c)"), place)
        last = target.scalar(select(func.max(key)))
        if owned is not None and last is not None:
            target.execute(text("SELECT setval(:sequence, :last)"), {"sequence": owned, "last": last})
