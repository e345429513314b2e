"""A prepared sitting, prepared once for each process of the tests and copied into every store that asks.

Preparing one takes two thirds of a second and many tests begin there. The copy is made by SQLite's own
backup, byte for byte what the services wrote; PostgreSQL stores are prepared anew each time.
"""

import copy
import sqlite3
from collections.abc import Callable, Hashable
from datetime import datetime
from typing import TypeVar, cast

from sqlalchemy import func, select

from server.db.bank import Bank
from server.db.people import User
from server.db.rooms import Room
from server.db.sittings import Batch
from server.host import Host

T = TypeVar("T")
_KEPT: dict[Hashable, tuple[sqlite3.Connection, object]] = {}


def once(host: Host, name: str, began: datetime, prepare: Callable[[], T]) -> T:
    """What `prepare` answers, with its rows in the host's store; `began`: when the preparation begins.

    Only a store without a sitting takes a copy, made at the same moment, site and among the same people.
    """
    if host.db.engine.dialect.name != "sqlite" or not _empty(host):
        return prepare()
    key = (name, began, host.site.public_key, _people(host))
    if key in _KEPT:
        source, answer = _KEPT[key]
        _copy_into(host, source)
        return copy.deepcopy(cast("T", answer))
    answer = prepare()
    _KEPT[key] = (_copy_of(host), copy.deepcopy(answer))
    return answer


def _empty(host: Host) -> bool:
    with host.db.read() as session:
        rows = [session.scalar(select(func.count()).select_from(table)) for table in (Bank, Room, Batch)]
    return not any(rows)


def _people(host: Host) -> tuple[tuple[int, str], ...]:
    with host.db.read() as session:
        return tuple((row.id, row.username) for row in session.scalars(select(User).order_by(User.id)))


def _copy_of(host: Host) -> sqlite3.Connection:
    kept = sqlite3.connect(":memory:", check_same_thread=False)
    with host.db.engine.connect() as connection:
        cast("sqlite3.Connection", connection.connection.driver_connection).backup(kept)
    return kept


def _copy_into(host: Host, source: sqlite3.Connection) -> None:
    path = host.db.engine.url.database
    assert path
    target = sqlite3.connect(path)
    source.backup(target)
    target.close()
