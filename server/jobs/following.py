"""A standby follows its primary: files fetched over HTTPS into an inbox, applied at once to a copy.

Standby folder (`standby` in the data folder): `standby.json` (the pairing), `lineage`, `inbox/STORE/ltx/...`
(what is not applied yet), `copy/FILE` (the stores as far as they are applied). A file counts as had when it
is on the disk of the inbox; the next question tells the primary so. What is applied and synced goes away.
"""

import logging
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from server.db.base import make_engine
from server.db.evidence_store import FolderStore
from server.errors import Refused
from server.jobs import litestream
from server.jobs.primary import Primary, Pulled, load_pairing
from server.rules.shipping import SNAPSHOT_LEVEL, Shipment, next_shipments
from server.services import shipping_postgres
from server.services.shipping import LINEAGE, STORES
from server.settings import Settings

log = logging.getLogger(__name__)
RETRY_SECONDS = 0.5
EVIDENCE_EVERY = 1.0
DATABASE_EVERY = 0.5
SYNC_EVERY = 10.0
"""How often the copies are synced and what they hold is thrown out of the inbox."""


@dataclass(frozen=True, slots=True)
class Following:
    """How far the standby is: seconds behind at `at` (monotonic), transactions had, what is wrong now.

    `behind` is None before the first word of the primary.
    """

    behind: float | None = None
    at: float = 0.0
    have: dict[str, int] = field(default_factory=dict)
    fault: str = ""

    def behind_now(self, moment: float) -> float | None:
        """How old what the standby has may be at a monotonic moment."""
        return None if self.behind is None else self.behind + max(0.0, moment - self.at)


class Inbox:
    """The standby's folder. Nothing here speaks to anybody."""

    def __init__(self, settings: Settings) -> None:
        self.root = settings.data / "standby"

    def lineage(self) -> str:
        """Which outbox the files come from; "" for none yet."""
        path = self.root / LINEAGE
        return path.read_text() if path.exists() else ""

    def begin(self, lineage: str) -> None:
        """Throws everything away and begins with another outbox."""
        for name in ("inbox", "copy"):
            shutil.rmtree(self.root / name, ignore_errors=True)
        for store in STORES:
            self.folder(store).mkdir(mode=0o700, parents=True)
        write_synced(self.root / LINEAGE, lineage.encode())

    def folder(self, store: str) -> Path:
        """Where a store's files wait."""
        return self.root / "inbox" / store

    def copy(self, store: str) -> Path:
        """The store as far as it is applied."""
        return self.root / "copy" / STORES[store]

    def applied(self, store: str) -> int:
        """The last transaction in the copy; 0 for none."""
        copy = self.copy(store)
        try:
            return int(copy.with_name(f"{copy.name}-txid").read_text(), 16)
        except (FileNotFoundError, ValueError):
            return 0

    def waiting(self, store: str) -> list[Shipment]:
        """The files in a store's inbox."""
        found = []
        for level in range(SNAPSHOT_LEVEL + 1):
            folder = self.folder(store) / "ltx" / str(level)
            names = (entry.name for entry in os.scandir(folder)) if folder.is_dir() else ()
            found += [one for one in (Shipment.of(level, name) for name in names) if one is not None]
        return found

    def have(self, store: str) -> int:
        """The last transaction that is here without a gap, applied or waiting."""
        applied = self.applied(store)
        chain = next_shipments(self.waiting(store), applied)
        return chain[-1].last if chain else applied

    def put(self, store: str, shipment: Shipment, chunks: Iterator[bytes]) -> None:
        """Keeps a file; it is on the disk under its name when this returns."""
        path = self.folder(store) / shipment.name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_synced(path, *chunks)

    def prune(self, store: str) -> None:
        """Syncs the copy, then drops the files that it holds: a later start goes on from the copy alone."""
        applied = self.applied(store)
        if not applied:
            return
        for path in (self.copy(store), self.copy(store).parent):
            sync(path)
        for shipment in self.waiting(store):
            if shipment.last <= applied:
                (self.folder(store) / shipment.name).unlink(missing_ok=True)


def write_synced(path: Path, *chunks: bytes) -> None:
    """Writes beside the place, syncs, renames, and syncs the folder."""
    part = path.with_name(f"{path.name}.part")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.writelines(chunks)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Makes a file or a folder durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Follower:
    """Fetches and applies until it is stopped. With PostgreSQL only pictures come this way."""

    def __init__(self, settings: Settings) -> None:
        """Raises `Refused` (standby_not_paired)."""
        self._settings = settings
        self._inbox = Inbox(settings)
        self._primary = Primary(load_pairing(settings))
        self._children: dict[str, litestream.Child] = {}
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self._status = Following()

    def start(self) -> None:
        """Begins in threads of its own; the children live as long as these."""
        works = [self._database if self._settings.database_url else self._stores, self._pictures]
        self._threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends when what has arrived is applied; the copies are complete files then."""
        self._ending.set()
        for thread in self._threads:
            thread.join()
        self._primary.close()

    def status(self) -> Following:
        """How far it is."""
        return self._status

    def _stores(self) -> None:
        pruned = time.monotonic()
        have = {store: self._inbox.have(store) for store in STORES}
        while not self._ending.is_set():
            try:
                have = self._pull(have)
                self._keep_children()
                if time.monotonic() - pruned > SYNC_EVERY:
                    for store in STORES:
                        self._inbox.prune(store)
                    pruned = time.monotonic()
            except (OSError, ValueError, Refused) as fault:
                self._failed(fault)
                self._ending.wait(RETRY_SECONDS)
        self._settle(have)

    def _database(self) -> None:
        """The databases ship themselves; how far this one is."""
        engine = make_engine(self._settings.main_url)
        while not self._ending.wait(DATABASE_EVERY):
            try:
                found = shipping_postgres.behind(engine)
            except SQLAlchemyError as fault:
                self._failed(fault)
                continue
            if found is None:
                self._failed(ConnectionError("the database receives nothing"))
            else:
                self._status = Following(found, time.monotonic())
        engine.dispose()

    def _pull(self, have: dict[str, int]) -> dict[str, int]:
        with self._primary.pull(self._inbox.lineage(), have) as pulled:
            if pulled.lineage and pulled.lineage != self._inbox.lineage():
                self._end_children()
                self._inbox.begin(pulled.lineage)
                have = dict.fromkeys(STORES, 0)
            for store, shipment, chunks in pulled.files():
                self._inbox.put(store, shipment, chunks)
                have = {**have, store: shipment.last}
        self._note(pulled, have)
        return have

    def _note(self, pulled: Pulled, have: dict[str, int]) -> None:
        if self._status.fault:
            log.info("the primary answers again")
        behind = pulled.behind if pulled.lineage else None
        self._status = Following(behind, time.monotonic(), dict(have))

    def _failed(self, fault: Exception) -> None:
        if not self._status.fault:
            log.warning("the primary cannot be followed: %s", fault)
        self._status = replace(self._status, fault=str(fault) or type(fault).__name__)

    def _keep_children(self) -> None:
        """One child for each store that has something to begin with; one that fell is started again."""
        for store in STORES:
            child = self._children.get(store)
            if child is not None and child.poll() is None:
                continue
            if child is not None:
                log.warning("litestream for %s ended with %s", store, child.returncode)
                self._ending.wait(RETRY_SECONDS)
            if self._inbox.have(store):
                self._children[store] = litestream.follow(self._inbox.folder(store), self._inbox.copy(store))

    def _settle(self, have: dict[str, int], patience: float = 5.0) -> None:
        """Lets the children apply what has arrived, and ends them."""
        end = time.monotonic() + patience
        while time.monotonic() < end and any(self._inbox.applied(store) < have[store] for store in STORES):
            time.sleep(0.02)
        self._end_children()

    def _end_children(self) -> None:
        for child in self._children.values():
            litestream.end(child)
        self._children.clear()

    def _pictures(self) -> None:
        mirror = PictureMirror(FolderStore(self._settings.evidence))
        primary = Primary(load_pairing(self._settings))
        told = False
        while not self._ending.wait(EVIDENCE_EVERY):
            try:
                mirror.once(primary, self._ending)
                told = False
            except (OSError, ValueError, Refused) as fault:
                if not told:
                    log.warning("pictures cannot be fetched: %s", fault)
                told = True
        primary.close()


class PictureMirror:
    """Keeps the folder of sealed pictures like the primary's: what is new comes, what was purged goes."""

    def __init__(self, store: FolderStore) -> None:
        self._store = store
        self._seen: dict[str, int] = {}

    def once(self, primary: Primary, ending: threading.Event) -> None:
        """Looks at the folders that changed since the last look."""
        for folder, changed in primary.picture_folders().items():
            if self._seen.get(folder) == changed:
                continue
            theirs, ours = set(primary.pictures(folder)), set(self._store.names_in(folder))
            for name in sorted(theirs - ours):
                if ending.is_set():
                    return
                sealed = primary.picture(folder, name)
                if sealed is not None:
                    self._store.put(name, sealed)
            for name in ours - theirs:
                self._store.delete(name)
            self._seen[folder] = changed


def follow(settings: Settings) -> Follower:
    """Begins to follow the paired primary. Raises `Refused` (standby_not_paired)."""
    follower = Follower(settings)
    follower.start()
    return follower
