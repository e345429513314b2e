"""Empty SQLite stores of the newest version, migrated once for each process of the tests and copied.

The whole way through all versions costs a second of processor time, and every test that begins with an
installation went it. test_migrations.py and test_migrated_rows.py go it, and so does PostgreSQL.
"""

import sqlite3

import pytest
from sqlalchemy import make_url

from server.db import migrate
from server.db.migrate import History
from server.settings import Settings

_migrate = migrate._upgrade
_KEPT: dict[str, sqlite3.Connection] = {}


def keep_schemas() -> None:
    """From here on a new SQLite store of this process is a copy."""
    migrate._upgrade = _upgrade


def go_through_all_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    """For one test: stores are migrated as on a server."""
    monkeypatch.setattr(migrate, "_upgrade", _migrate)


def _upgrade(history: History, settings: Settings) -> bool:
    url = make_url(history.url(settings))
    if url.get_backend_name() != "sqlite" or not url.database:
        return _migrate(history, settings)
    store = sqlite3.connect(url.database)
    try:
        if store.execute("SELECT count(*) FROM sqlite_master").fetchall() != [(0,)]:
            return _migrate(history, settings)
        if history.name not in _KEPT:
            changed = _migrate(history, settings)
            _KEPT[history.name] = sqlite3.connect(":memory:", check_same_thread=False)
            store.backup(_KEPT[history.name])
            return changed
        _KEPT[history.name].backup(store)
        return True
    finally:
        store.close()
