"""What many tests begin with, prepared once for each process of the tests and copied into every store that asks.

Preparing a sitting takes two thirds of a second, a room that answers half a second. The copy is made by
SQLite's own backup, byte for byte what the services wrote; PostgreSQL stores are prepared anew each time.
"""

import copy
import sqlite3
import weakref
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar, cast

from sqlalchemy import Engine, event, func, select

from server.db.bank import Bank
from server.db.people import User
from server.db.record import AuditHead
from server.db.rooms import Room
from server.db.sittings import Batch
from server.host import Host

T = TypeVar("T")
_KEPT: dict[Hashable, tuple[sqlite3.Connection, object]] = {}


@dataclass
class _Trail:
    """What a store holds since nothing else was committed to it: the `key` of what was prepared last."""

    key: Hashable
    commits: int = 0


_TRAILS: weakref.WeakKeyDictionary[Engine, _Trail] = weakref.WeakKeyDictionary()


def once(host: Host, name: Hashable, began: datetime, prepare: Callable[[], T]) -> T:
    """What `prepare` answers, with its rows in the host's store; `began`: when the preparation begins.

    Only a store without a sitting takes a copy, made at the same moment and site, among the same people and
    after the same acts.
    """
    if host.db.engine.dialect.name != "sqlite" or not _empty(host):
        return prepare()
    return _kept(host, (name, began, host.site.public_key, _history(host)), prepare)


def further(host: Host, name: Hashable, prepare: Callable[[], T]) -> T:
    """The same for what follows at once upon `once` or `further`; after any other commit it is done anew.

    Only rows are copied: what the preparation left in memory the caller has to bring about again.
    """
    trail = _TRAILS.get(host.db.engine)
    if trail is None or trail.commits:
        return prepare()
    return _kept(host, (trail.key, name, host.now()), prepare)


def _kept(host: Host, key: Hashable, prepare: Callable[[], T]) -> T:
    if key in _KEPT:
        source, answer = _KEPT[key]
        _copy_into(host, source)
    else:
        answer = prepare()
        _KEPT[key] = (_copy_of(host), copy.deepcopy(answer))
    _follow(host.db.engine, key)
    return copy.deepcopy(cast("T", answer))


def _follow(engine: Engine, key: Hashable) -> None:
    """From here on commits to the store are counted."""
    trail = _TRAILS.get(engine)
    if trail is None:
        trail = _TRAILS[engine] = _Trail(key)
        event.listen(engine, "commit", lambda _connection: _counted(trail))
    trail.key, trail.commits = key, 0


def _counted(trail: _Trail) -> None:
    trail.commits += 1


def _empty(host: Host) -> bool:
    with host.db.read() as session:
        counts = (select(func.count()).select_from(table).scalar_subquery() for table in (Bank, Room, Batch))
        return not any(session.execute(select(*counts)).one())


def _history(host: Host) -> Hashable:
    """The people, and the ends of all chains: every act that counts stands in one."""
    with host.db.read() as session:
        people = session.execute(select(User.id, User.username, User.active).order_by(User.id))
        chains = session.execute(select(AuditHead.stream, AuditHead.hash).order_by(AuditHead.stream))
        return (*map(tuple, people), *map(tuple, chains))


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
