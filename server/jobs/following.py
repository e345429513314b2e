"""A standby follows its primary: files fetched over HTTPS into an inbox, applied at once to a copy.

What is on the disk of the inbox is had; the next question tells the primary so. What is applied and synced
goes away.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sqlalchemy.exc import SQLAlchemyError

from server.db.base import make_engine
from server.db.evidence_store import FolderStore
from server.errors import Refused
from server.jobs import litestream
from server.jobs.inbox import Inbox
from server.jobs.primary import Primary, Pulled, load_pairing
from server.services import shipping_postgres
from server.services.shipping import STORES
from server.settings import Settings

log = logging.getLogger(__name__)
RETRY_SECONDS = 0.5
EVIDENCE_EVERY = 1.0
DATABASE_EVERY = 0.5
SYNC_EVERY = 10.0
"""How often the copies are synced and what they hold is thrown out of the inbox."""
STOP_SECONDS = 8.0
"""A takeover waits for no longer until what has arrived is applied."""
FALLS_MOST = 3
"""So often litestream may fall over the same file before what is not applied is fetched once more."""
STUCK_SECONDS = 10.0
"""litestream may also live on and say every moment that a file cannot be applied: for so long it may rest
with something waiting. Each time that it rested the next patience is doubled, for a file that takes longer.
"""


NOT_APPLIED = "what was fetched cannot be applied"


class Unapplied(Exception):
    """What was fetched was thrown away, since it could not be applied."""


@dataclass(frozen=True, slots=True)
class Following:
    """How far the standby is: seconds behind at `at` (monotonic), transactions had, what is wrong now.

    `behind` is None before the first word of the primary, and until both stores have arrived. `fault` and
    `pictures` (what is wrong with fetching those) are for everybody: no path, no address.
    """

    behind: float | None = None
    at: float = 0.0
    have: dict[str, int] = field(default_factory=dict)
    fault: str = ""
    pictures: str = ""

    def behind_now(self, moment: float) -> float | None:
        """How old what the standby has may be at a monotonic moment."""
        return None if self.behind is None else self.behind + max(0.0, moment - self.at)


class Follower:
    """Fetches and applies until it is stopped. With PostgreSQL only pictures come this way."""

    def __init__(self, settings: Settings) -> None:
        """Raises `Refused` (standby_not_paired)."""
        self._settings = settings
        self._inbox = Inbox(settings)
        self._primary = Primary(load_pairing(settings))
        self._children: dict[str, litestream.Child] = {}
        self._falls: dict[str, tuple[int, int]] = {}
        """Store -> what was applied when litestream fell, and how often it fell there."""
        self._rests: dict[str, tuple[int, float, float]] = {}
        """Store -> what is applied, since when (monotonic), and the patience with it (seconds)."""
        self._pictures_from = Primary(load_pairing(settings))
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self._status = Following()

    def start(self) -> None:
        """Begins in threads of its own; the children live as long as these."""
        works: list[Callable[[], None]] = [
            self._database if self._settings.database_url else self._stores,
            self._pictures,
        ]
        self._threads = [threading.Thread(target=work, daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends when what has arrived is applied; the copies are complete files then.

        A takeover must not wait for a primary that hangs: whatever is asked is cut off.
        """
        self._ending.set()
        self._primary.end()
        self._pictures_from.end()
        end = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))
        self._end_children()
        self._primary.close()

    def status(self) -> Following:
        """How far it is."""
        return self._status

    def _stores(self) -> None:
        pruned = time.monotonic()
        have = self._found()
        while not self._ending.is_set():
            try:
                have = self._pull(have)
                self._keep_children()
                if time.monotonic() - pruned > SYNC_EVERY:
                    for store in STORES:
                        self._inbox.prune(store)
                    pruned = time.monotonic()
            except Exception as fault:  # noqa: BLE001 - whatever it is: a standby that stopped following is none
                self._failed(fault)
                self._ending.wait(RETRY_SECONDS)
                have = self._found()
        self._settle()

    def _found(self) -> dict[str, int]:
        """What is on the disk, whatever went wrong while it came."""
        try:
            return {store: self._inbox.have(store) for store in STORES}
        except OSError:
            return dict.fromkeys(STORES, 0)

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
            if self._ending.is_set():
                return have
            if pulled.lineage and pulled.lineage != self._inbox.lineage():
                if self._inbox.lineage():
                    log.warning("the primary ships from another outbox: its stores are fetched anew")
                self._end_children()
                self._inbox.begin(pulled.lineage)
                have = dict.fromkeys(STORES, 0)
            for store, shipment, chunks in pulled.files():
                if not shipment.first <= have[store] + 1 <= shipment.last:
                    raise ValueError("not what follows")
                self._inbox.put(store, shipment, chunks)
                have = {**have, store: shipment.last}
        self._note(pulled, have)
        return have

    def _note(self, pulled: Pulled, have: dict[str, int]) -> None:
        if self._status.fault:
            log.info("the primary answers again")
        behind = pulled.behind if pulled.lineage and all(have.values()) else None
        waits = any(self._inbox.applied(store) < have[store] for store in self._falls)
        stuck = NOT_APPLIED if waits else ""
        self._status = Following(behind, time.monotonic(), dict(have), stuck, self._status.pictures)

    def _failed(self, fault: Exception) -> None:
        if not self._status.fault:
            known = isinstance(fault, OSError | ValueError | Refused)
            log.warning("the primary cannot be followed: %s", fault, exc_info=not known)
        self._status = replace(self._status, fault=said(fault))

    def _keep_children(self) -> None:
        """One child for each store that has something to begin with; one that fell is started again."""
        for store in STORES:
            child = self._children.get(store)
            if child is not None and child.poll() is None:
                self._watch(store, child)
                continue
            if child is not None:
                log.warning("litestream for %s ended with %s", store, child.returncode)
                self._fell(store)
                self._ending.wait(RETRY_SECONDS)
            if self._inbox.have(store):
                self._children[store] = litestream.follow(self._inbox.folder(store), self._inbox.copy(store))

    def _fell(self, store: str) -> None:
        """A file that litestream falls over again and again was damaged on its way or on this disk.

        What is not applied goes away, so the primary hears that it is missing, and sends it again.
        """
        applied = self._inbox.applied(store)
        if applied >= self._inbox.have(store):
            self._falls.pop(store, None)
            return
        before, times = self._falls.get(store, (applied, 0))
        times = times + 1 if before == applied else 1
        self._falls[store] = (applied, times)
        if times >= FALLS_MOST:
            self._fetch_anew(store, applied)

    def _watch(self, store: str, child: litestream.Child) -> None:
        """A child that lives: whether it gets on with what waits."""
        applied, moment = self._inbox.applied(store), time.monotonic()
        if store in self._falls and applied > self._falls[store][0]:
            del self._falls[store]
        before, since, patience = self._rests.get(store, (-1, moment, STUCK_SECONDS))
        if applied != before or not applied or self._status.have.get(store, 0) <= applied:
            self._rests[store] = (applied, moment, patience if applied == before else STUCK_SECONDS)
        elif moment - since > patience:
            litestream.end(child)
            del self._children[store]
            self._rests[store] = (applied, moment, 2 * patience)
            self._fetch_anew(store, applied)

    def _fetch_anew(self, store: str, applied: int) -> None:
        log.error("what follows transaction %d of %s cannot be applied and is fetched anew", applied, store)
        self._falls[store] = (applied, 0)
        self._inbox.drop_waiting(store)
        raise Unapplied

    def _settle(self, patience: float = 5.0) -> None:
        """Lets the children apply what has arrived, and ends them; the promotion applies what they cannot."""
        have, end = self._found(), time.monotonic() + patience
        while time.monotonic() < end and any(
            self._inbox.applied(store) < have[store] and child.poll() is None
            for store, child in self._children.items()
        ):
            time.sleep(0.02)
        self._end_children()

    def _end_children(self) -> None:
        for child in self._children.values():
            litestream.end(child)
        self._children.clear()

    def _pictures(self) -> None:
        mirror = PictureMirror(FolderStore(self._settings.evidence))
        primary = self._pictures_from
        while not self._ending.wait(EVIDENCE_EVERY):
            try:
                mirror.once(primary, self._ending)
                fault = ""
            except Exception as wrong:  # noqa: BLE001 - whatever it is: the next look tries again
                fault = said(wrong)
                if not self._status.pictures:
                    log.warning("pictures cannot be fetched: %s", wrong)
            self._status = replace(self._status, pictures=fault)
        primary.close()


def said(fault: Exception) -> str:
    """A fault in words for everybody: paths and addresses stay in the log."""
    if isinstance(fault, Refused):
        return fault.code
    if isinstance(fault, Unapplied):
        return NOT_APPLIED
    if isinstance(fault, OSError) and fault.strerror:
        return fault.strerror
    return type(fault).__name__


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
