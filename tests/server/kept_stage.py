"""What many tests begin with, prepared once for each process of the tests and copied into every store that asks.

Preparing a sitting takes two thirds of a second, a room that answers half a second. The copy is made by
SQLite's own backup, byte for byte what the services wrote; PostgreSQL stores are prepared anew each time.
"""

import copy
import sqlite3
import weakref
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast

from sqlalchemy import Engine, event, func, select

from server.db.bank import Bank
from server.db.people import User
from server.db.record import AuditHead
from server.db.rooms import Room
from server.db.sittings import Batch
from server.host import Host

T = TypeVar("T")
_KEPT: dict[Hashable, tuple[sqlite3.Connection, object]] = {}
_SAID: dict[Hashable, tuple[list[tuple[str, Any, bool]], int]] = {}


@dataclass
class _Trail:
    """What a store holds since nothing else was committed to it: the `key` of what was prepared last."""

    key: Hashable
    bare: bool = False
    """Whether nothing but people was put into it."""
    commits: int = 0


_TRAILS: weakref.WeakKeyDictionary[Engine, _Trail] = weakref.WeakKeyDictionary()


def once(host: Host, name: Hashable, began: datetime, prepare: Callable[[], T]) -> T:
    """What `prepare` answers, with its rows in the host's store; `began`: when the preparation begins.

    Only a store without a sitting takes a copy, made at the same moment and site, among the same people and
    after the same acts.
    """
    trail = _TRAILS.get(host.db.engine)
    if trail is not None and trail.bare and not trail.commits:
        return _kept(host, (name, began, trail.key), prepare)
    if host.db.engine.dialect.name != "sqlite" or not _empty(host):
        return prepare()
    return _kept(host, (name, began, host.site.public_key, _history(host)), prepare)


def opened(host: Host) -> None:
    """Says that the host's store is a fresh copy of the template: what comes next is followed."""
    if host.db.engine.dialect.name == "sqlite":
        _follow(host.db.engine, host.site.public_key, bare=True)


def person(host: Host, name: Hashable, add: Callable[[], int]) -> int:
    """What `add` answers, with its rows in the host's store: done once, then its statements are said again.

    `name` has to tell everything that `add` depends on but the store and the moment.
    """
    trail = _TRAILS.get(host.db.engine)
    if trail is None or trail.commits or not trail.bare:
        return add()
    key = (trail.key, "person", name, host.now())
    if key in _SAID:
        statements, user_id = _SAID[key]
        with host.db.engine.begin() as connection:
            for statement, parameters, many in statements:
                run = connection.connection.cursor()
                (run.executemany if many else run.execute)(statement, parameters)
    else:
        with _listening(host.db.engine) as statements:
            user_id = add()
        _SAID[key] = statements, user_id
    _follow(host.db.engine, key, bare=True)
    return user_id


@contextmanager
def _listening(engine: Engine) -> Iterator[list[tuple[str, Any, bool]]]:
    """What is said to the store within, but for questions."""
    said: list[tuple[str, Any, bool]] = []

    def hear(_connection: object, _cursor: object, statement: str, parameters: Any, *rest: Any) -> None:
        if not statement.startswith(("SELECT", "BEGIN")):
            said.append((statement, parameters, rest[1]))

    event.listen(engine, "before_cursor_execute", hear)
    yield said
    event.remove(engine, "before_cursor_execute", hear)


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


def _follow(engine: Engine, key: Hashable, *, bare: bool = False) -> None:
    """From here on commits to the store are counted."""
    trail = _TRAILS.get(engine)
    if trail is None:
        trail = _TRAILS[engine] = _Trail(key)
        event.listen(engine, "commit", lambda _connection: _counted(trail))
    trail.key, trail.bare, trail.commits = key, bare, 0


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
