"""A standby becomes ready to serve: checked copies become the stores, or its database is promoted."""

import logging
import shutil
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from server.db.base import make_engine
from server.errors import Refused
from server.jobs import litestream
from server.jobs.inbox import Inbox, sync, write_synced
from server.jobs.primary import PAIRING
from server.services import shipping_postgres
from server.services.shipping import STORES
from server.settings import Settings

log = logging.getLogger(__name__)
PATIENCE_SECONDS = 60
PROMOTED = "promoted"
REIGNS = "reigns"
"""The file that says that the next epoch was begun in the promoted stores."""
_MARK = "promoting"


def promote(settings: Settings) -> None:
    """Leaves the data folder, or the database, ready to be opened as primary. The follower has been stopped.

    May be done again after it was cut off at any point. Raises `Refused`: standby_empty, standby_copy_broken,
    standby_still_follows, standby_has_stores, standby_not_promoted.
    """
    begun = time.monotonic()
    if settings.database_url:
        _promote_postgres(settings)
        _say_so(Inbox(settings))
    else:
        _promote_files(settings, Inbox(settings))
    log.info("promoted in %.2f s", time.monotonic() - begun)


def _promote_files(settings: Settings, inbox: Inbox) -> None:
    if (inbox.root / PROMOTED).exists():
        return
    mark = inbox.root / _MARK
    if not mark.exists():
        inbox.fall_back()
        _complete(settings, inbox)
        write_synced(mark, [])  # from here on there is no way back, only to the end
    for store, file in STORES.items():
        copy, target = inbox.copy(store), settings.data / file
        if copy.exists():
            copy.replace(target)
    sync(settings.data)
    mark.rename(inbox.root / PROMOTED)
    sync(inbox.root)


def need_no_stores(settings: Settings) -> None:
    """Raises `Refused` (standby_has_stores) when stores lie in the data folder, or the log of one that was
    moved away: SQLite would write it into whatever store comes to lie beside it.
    """
    for file in () if settings.database_url else STORES.values():
        for suffix in ("", "-wal", "-shm", "-journal"):
            path = settings.data / f"{file}{suffix}"
            if path.exists():
                raise Refused("standby_has_stores", path=path)


def _complete(settings: Settings, inbox: Inbox) -> None:
    need_no_stores(settings)
    if not all(inbox.have(store) for store in STORES):
        raise Refused("standby_empty")
    for store in STORES:
        _apply_rest(inbox, store)
    with ThreadPoolExecutor(len(STORES)) as pool:
        list(pool.map(lambda store: _check(inbox.copy(store)), STORES))


def _apply_rest(inbox: Inbox, store: str) -> None:
    """Applies what a follower that was killed had fetched and not applied."""
    copy, have = inbox.copy(store), inbox.have(store)
    if litestream.runs(copy.parent, copy.stem):
        raise Refused("standby_still_follows")
    if inbox.applied(store) >= have:
        return
    child = litestream.follow(inbox.folder(store), copy)
    end = time.monotonic() + PATIENCE_SECONDS
    try:
        while inbox.applied(store) < have:
            if child.poll() is not None or time.monotonic() > end:
                raise Refused("standby_copy_broken")
            time.sleep(0.02)
    finally:
        litestream.end(child)


def _check(copy: Path) -> None:
    """Every page: 0.5 s for 100 MB, a full check takes 1.7. Raises `Refused` (standby_copy_broken)."""
    sync(copy)
    try:
        with closing(sqlite3.connect(f"{copy.as_uri()}?immutable=1", uri=True)) as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as fault:
        raise Refused("standby_copy_broken") from fault
    if found != ("ok",):
        raise Refused("standby_copy_broken")


def _promote_postgres(settings: Settings) -> None:
    engine = make_engine(settings.main_url)
    try:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if connection.scalar(text("SELECT pg_is_in_recovery()")):
                wait = {"seconds": PATIENCE_SECONDS}
                if not connection.scalar(text("SELECT pg_promote(true, :seconds)"), wait):
                    raise Refused("standby_not_promoted")
        # It has the old primary's settings: its first commit would wait for a standby of its own.
        shipping_postgres.let_go(engine)
    except DBAPIError as fault:
        raise Refused("standby_not_promoted") from fault
    finally:
        engine.dispose()


def _say_so(inbox: Inbox) -> None:
    if inbox.root.is_dir():
        write_synced(inbox.root / PROMOTED, [])


def stands_by(settings: Settings) -> bool:
    """Whether this data folder is a standby's that has not taken over: nobody may serve from it yet."""
    root = settings.data / "standby"
    return any((root / name).exists() for name in (PAIRING, PROMOTED)) and not (root / REIGNS).exists()


def cut_off(settings: Settings) -> bool:
    """Whether a promotion was begun here: it can only be brought to its end."""
    root = settings.data / "standby"
    return (root / _MARK).exists() or (root / PROMOTED).exists()


def reign(settings: Settings) -> None:
    """The epoch is in the stores: this server may serve."""
    if (root := settings.data / "standby").is_dir():
        write_synced(root / REIGNS, [])


def was_promoted(settings: Settings) -> bool:
    """Whether these stores were a standby's copy until now: the pairings in them are the old primary's."""
    return (settings.data / "standby" / PROMOTED).exists()


def tidy(settings: Settings) -> None:
    """Removes what is left of the standby's folder once it serves."""
    root = settings.data / "standby"
    if not (root / PROMOTED).exists():
        return
    shutil.rmtree(root, ignore_errors=True)  # another worker may do the same
